/*
 * The API of an orchestrator, end to end: an input is some requests, one after the other, which
 * lines of "%%" divide. The first byte says whether there is a run in hand ('r') or none; the first
 * byte of a request which route it asks; what follows is the body of a POST, or what comes behind
 * the path of a GET. Whatever it is, it is answered with a status that the manual knows, errors
 * have the API's shape, and all that is said to be JSON is JSON.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "support/desk.h"

#define INPUT_MAX 16384
#define REQUESTS_MAX 8
#define ONCE "Host: localhost\r\nConnection: close\r\n"

static const char *const routes[] = {
    "POST /start_test",
    "POST /change_users",
    "POST /change_rate",
    "POST /create_resource",
    "POST /ensure_resource",
    "POST /delete_resource",
    "POST /stop_test",
    "POST /login",
    "GET /metrics",
    "GET /metrics/history",
    "GET /probes",
    "GET /probes/history",
    "GET /resources/users/items",
    "GET /resources/",
    "GET /status",
    "GET /errors",
    "GET /series",
    "GET /metrics/prometheus",
    "GET /ready",
    "GET /workers",
    "GET /resources",
    "GET /scenario/on_init_params",
    "GET /openapi.json",
    "GET /result",
    "GET /",
};

static struct desk desk;

/* ---- what is answered */

static bool is_known(int status)
{
    static const int known[] = {200, 400, 404, 405, 409, 413, 414, 431};

    for (size_t i = 0; i < LKI_COUNT(known); i++) {
        if (status == known[i])
            return true;
    }
    return false;
}

/* What is wrong with the answer; NULL: nothing. */
static const char *answer_fault(void)
{
    const char *body = strstr(desk.answer, "\r\n\r\n");
    int status;

    if (!body || strncmp(desk.answer, "HTTP/1.1 ", 9) != 0)
        return "this is no answer";
    status = atoi(desk.answer + 9);
    body += 4;
    if (strcasestr(desk.answer, "Content-Type: application/json") &&
        lki_json_check(body, desk.answer_bytes - (size_t)(body - desk.answer)))
        return "this is no JSON";
    if (status == 200)
        return NULL;
    if (strncmp(body, "{\"error\":{\"code\":\"", 18) != 0)
        return "this is no error of the API";
    return is_known(status) || strstr(body, "\"factory_failed\"") ? NULL
                                                                  : "this is no status for it";
}

static void check_answer(void)
{
    const char *fault = answer_fault();

    if (fault)
        fprintf(stderr, "%s: %s\n", fault, desk.answer);
    must(!fault);
}

/* ---- what is asked */

/* The fuzzer's alarm interrupts what waits. */
static void let_alarm(int how)
{
    sigset_t alarm_only;

    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(how, &alarm_only, NULL);
}

/* Spaces and line ends would make another request of it: that is for fuzz_web. */
static void put_target(struct lki_buf *text, const char *rest, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (rest[i] > ' ' && rest[i] < 0x7f)
            lki_buf_char(text, rest[i]);
        else
            lki_buf_printf(text, "%%%02x", (unsigned char)rest[i]);
    }
}

static void ask(const char *bytes, size_t len)
{
    const char *route = routes[len ? (unsigned char)*bytes % LKI_COUNT(routes) : 0];
    const char *rest = bytes + (len > 0);
    size_t rest_len = len - (len > 0);
    struct lki_buf text;

    lki_buf_init(&text, 8 * INPUT_MAX);
    lki_buf_str(&text, route);
    if (*route == 'G')
        put_target(&text, rest, rest_len);
    lki_buf_str(&text, " HTTP/1.1\r\n" ONCE);
    if (*route == 'P')
        lki_buf_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                       rest_len);
    lki_buf_str(&text, "\r\n");
    if (*route == 'P')
        lki_buf_append(&text, rest, rest_len);
    must(!text.err);
    let_alarm(SIG_BLOCK);
    desk_connect(&desk);
    desk_talk(&desk, text.data, text.len);
    let_alarm(SIG_UNBLOCK);
    lki_buf_release(&text);
    check_answer();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data + 1;
    const char *end = (const char *)data + size;

    if (!size || size > INPUT_MAX)
        return 0;
    desk_open(&desk, *data == 'r');
    for (int i = 0; i < REQUESTS_MAX && at <= end; i++) {
        const char *to = memmem(at, (size_t)(end - at), "\n%%\n", 4);

        ask(at, (size_t)((to ? to : end) - at));
        at = to ? to + 4 : end + 1;
    }
    desk_close(&desk);
    return 0;
}

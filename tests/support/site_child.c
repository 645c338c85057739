#include "support/site_child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "web/form.h"

#define WAITING_MAX 64
#define STREAMS_MAX 64
#define SHOW_NS (10 * LKI_NS_PER_MS)

#ifdef __SANITIZE_ADDRESS__
int __lsan_do_recoverable_leak_check(void);
#else
static int __lsan_do_recoverable_leak_check(void)
{
    return 0;
}
#endif

static struct lki_loop loop;
static struct lki_web *web;
static struct lki_signal term;
static struct lki_timer show;
static struct site_seen *shown;
static struct lki_web_request *waiting[WAITING_MAX];
static struct lki_web_stream *streams[STREAMS_MAX];

static void on_show(struct lki_timer *timer)
{
    const struct lki_web_counts *counts = lki_web_counts(web);

    shown->connections = (int)counts->connections;
    shown->streams = (int)counts->streams;
    shown->requests = (int)counts->requests;
    shown->refused = (int)counts->refused;
    shown->lost = (int)counts->lost;
    lki_timer_set(&loop.timers, timer, lki_loop_now(&loop) + SHOW_NS);
}

static void answer_text(struct lki_web_request *request, const char *text)
{
    lki_web_answer(request, 200, "text/plain", text, strlen(text));
}

static void on_health(struct lki_web_request *request, void *arg)
{
    static const char ok[] = "{\"status\":\"ok\"}";

    (void)arg;
    lki_web_answer(request, 200, "application/json", ok, sizeof(ok) - 1);
}

/* What the server has made of a request. */
static void on_echo(struct lki_web_request *request, void *arg)
{
    const char *name = lki_web_segment(request, "name");
    const char *text = lki_web_query(request, "text");
    struct lki_buf json;
    size_t len;

    (void)arg;
    lki_web_body(request, &len);
    lki_buf_init(&json, SITE_BODY_MAX);
    lki_buf_str(&json, "{\"method\":");
    lki_json_write_string(&json, lki_web_method(request), strlen(lki_web_method(request)));
    lki_buf_str(&json, ",\"path\":");
    lki_json_write_string(&json, lki_web_path(request), strlen(lki_web_path(request)));
    lki_buf_str(&json, ",\"name\":");
    lki_json_write_string(&json, name ? name : "-", strlen(name ? name : "-"));
    lki_buf_str(&json, ",\"text\":");
    lki_json_write_string(&json, text ? text : "-", strlen(text ? text : "-"));
    lki_buf_printf(&json, ",\"body\":%zu}", len);
    lki_web_json(request, 200, &json);
    lki_buf_release(&json);
}

static void form_read(struct lki_web_form *form, struct lki_buf *out)
{
    int64_t users = lki_web_form_int(form, "target_users|users", 0, 1000, -1);
    double rate = lki_web_form_number(form, "rate", 0, 1e6, 0.5);
    bool fast = lki_web_form_bool(form, "fast", false);
    const char *name = lki_web_form_text(form, "name", 8, "none");
    const char *params = lki_web_form_object(form, "params", NULL);
    const char *list = lki_web_form_array(form, "list", NULL);
    const char *any = lki_web_form_any(form, "any", NULL);

    lki_buf_printf(out, "%lld %g %s %s %s %s %s", (long long)users, rate, fast ? "fast" : "slow",
                   name, params ? params : "-", list ? list : "-", any ? any : "-");
}

static void answer_form(struct lki_web_request *request, struct lki_web_form *form)
{
    struct lki_buf out;

    lki_buf_init(&out, SITE_BODY_MAX);
    form_read(form, &out);
    if (lki_web_form_end(form))
        answer_text(request, lki_buf_cstr(&out));
    lki_buf_release(&out);
}

static void on_form(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;

    (void)arg;
    lki_web_form_body(&form, request);
    lki_web_form_need(&form, "target_users|users");
    answer_form(request, &form);
}

static void on_query(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;

    (void)arg;
    lki_web_form_query(&form, request);
    answer_form(request, &form);
}

static void on_silent(struct lki_web_request *request, void *arg)
{
    (void)request;
    (void)arg;
}

static void on_large(struct lki_web_request *request, void *arg)
{
    const char *bytes = lki_web_query(request, "bytes");
    size_t len = bytes ? strtoul(bytes, NULL, 10) : 0;
    char *text = malloc(len + 1);

    (void)arg;
    memset(text, 'x', len);
    lki_web_answer_header(request, "Content-Disposition", "attachment");
    lki_web_answer_header(request, "Cache-Control", "max-age=60");
    lki_web_answer(request, 200, "application/octet-stream", text, len);
    free(text);
}

static void on_page(struct lki_web_request *request, void *arg)
{
    (void)arg;
    lki_web_answer(request, 200, "text/html; charset=utf-8", "<p>", 3);
}

/* ---- later */

static void on_gone(void *arg)
{
    *(struct lki_web_request **)arg = NULL;
    shown->gone++;
    shown->later--;
}

static void on_later(struct lki_web_request *request, void *arg)
{
    size_t i = 0;

    (void)arg;
    while (i < WAITING_MAX && waiting[i])
        i++;
    if (i == WAITING_MAX) {
        lki_web_fail(request, 503, "full", NULL, "too many wait");
        return;
    }
    waiting[i] = request;
    shown->later++;
    lki_web_wait(request, on_gone, &waiting[i]);
}

static void on_release(struct lki_web_request *request, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < WAITING_MAX; i++) {
        if (!waiting[i])
            continue;
        answer_text(waiting[i], "late");
        waiting[i] = NULL;
        shown->later--;
    }
    answer_text(request, "released");
}

/* ---- streams */

static void on_closed(struct lki_web_stream *stream, void *arg)
{
    (void)stream;
    *(struct lki_web_stream **)arg = NULL;
    shown->closed++;
}

static struct lki_web_stream **place(void)
{
    size_t i = 0;

    while (i < STREAMS_MAX - 1 && streams[i])
        i++;
    return &streams[i];
}

static void on_socket(struct lki_web_request *request, void *arg)
{
    struct lki_web_stream **at = place();

    (void)arg;
    *at = lki_web_socket(request, on_closed, at);
    if (*at)
        lki_web_stream_send(*at, "hello", "hello", 5);
}

static void on_events(struct lki_web_request *request, void *arg)
{
    struct lki_web_stream **at = place();

    (void)arg;
    *at = lki_web_events(request, on_closed, at);
    if (*at)
        lki_web_stream_send(*at, "hello", "hello", 5);
}

/* {"text": "..", "type": "..", "times": 1}, to all streams; bytes: so many 'x' instead. */
static void on_say(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;
    const char *text;
    const char *type;
    int64_t times;
    int64_t bytes;
    char *many;

    (void)arg;
    lki_web_form_body(&form, request);
    text = lki_web_form_text(&form, "text", SITE_BODY_MAX, "");
    type = lki_web_form_text(&form, "type", 64, NULL);
    times = lki_web_form_int(&form, "times", 0, 1000000, 1);
    bytes = lki_web_form_int(&form, "bytes", 0, SITE_BODY_MAX, 0);
    if (!lki_web_form_end(&form))
        return;
    many = malloc((size_t)bytes + 1);
    memset(many, 'x', (size_t)bytes);
    for (; times; times--) {
        for (size_t i = 0; i < STREAMS_MAX; i++) {
            if (streams[i])
                shown->sent += lki_web_stream_send(streams[i], type, bytes ? many : text,
                                                   bytes ? (size_t)bytes : strlen(text));
        }
    }
    free(many);
    on_show(&show);
    answer_text(request, "said");
}

static void on_bye(struct lki_web_request *request, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (streams[i])
            lki_web_stream_close(streams[i]);
        streams[i] = NULL;
    }
    answer_text(request, "bye");
}

/* Leaves a process that does nothing. */
static void on_fork(struct lki_web_request *request, void *arg)
{
    sigset_t all;
    sigset_t before;
    pid_t pid;

    (void)arg;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (!pid) {
        lki_loop_forked(&loop);
        lki_web_forked(web);
        sigprocmask(SIG_SETMASK, &before, NULL);
        alarm(60);
        for (;;)
            pause();
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    shown->forked = pid;
    answer_text(request, "forked");
}

/* ---- who is there */

static void on_login(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;
    const char *token;

    (void)arg;
    lki_web_form_body(&form, request);
    token = lki_web_form_text(&form, "token", 256, "");
    if (!lki_web_form_end(&form))
        return;
    if (lki_web_login(request, token))
        lki_web_answer(request, 204, NULL, NULL, 0);
    else
        lki_web_fail(request, 401, "unauthorized", NULL, "the token is wrong");
}

static void on_logout(struct lki_web_request *request, void *arg)
{
    (void)arg;
    lki_web_logout(request);
    lki_web_answer(request, 204, NULL, NULL, 0);
}

static void on_who(struct lki_web_request *request, void *arg)
{
    (void)arg;
    answer_text(request, lki_web_is_authorized(request) ? "friend" : "stranger");
}

static const struct lki_web_route routes[] = {
    {"GET", "/", on_page, .open = true},
    {"GET", "/health", on_health, .open = true},
    {"GET", "/who", on_who, .open = true},
    {"POST", "/login", on_login, .open = true, .body = true},
    {"POST", "/logout", on_logout, .open = false},
    {"GET", "/echo", on_echo, .open = false},
    {"POST", "/echo", on_echo, .open = false},
    {"DELETE", "/things/:name", on_echo, .open = false},
    {"GET", "/things/all", on_page, .open = false},
    {"GET", "/things/:name/items", on_echo, .open = false},
    {"POST", "/form", on_form, .body = true},
    {"GET", "/form", on_query, .open = false},
    {"GET", "/silent", on_silent, .open = false},
    {"GET", "/large", on_large, .open = false},
    {"POST", "/fork", on_fork, .open = false},
    {"GET", "/later", on_later, .open = false},
    {"POST", "/release", on_release, .open = false},
    {"GET", "/ws", on_socket, .open = false},
    {"GET", "/events", on_events, .open = false},
    {"POST", "/say", on_say, .body = true},
    {"POST", "/bye", on_bye, .open = false},
};

static void on_term(struct lki_signal *sig)
{
    (void)sig;
    lki_loop_stop(&loop);
}

static void open_site(const struct lki_web_settings *settings)
{
    struct lki_web_settings all = *settings;
    struct lki_buf why;

    all.address = settings->address ? settings->address : "127.0.0.1";
    all.routes = routes;
    all.route_count = LKI_COUNT(routes);
    lki_buf_init(&why, sizeof(shown->why));
    shown->err = lki_web_open(&web, &loop, &all, &why);
    if (lki_buf_cstr(&why))
        snprintf(shown->why, sizeof(shown->why), "%s", why.data);
    lki_buf_release(&why);
    if (shown->err)
        return;
    snprintf(shown->address, sizeof(shown->address), "%s", lki_web_address(web));
    shown->port = (uint16_t)atoi(strrchr(shown->address, ':') + 1);
    shown->exposed = lki_web_is_exposed(web);
}

_Noreturn void site_child(const struct lki_web_settings *settings, struct site_seen *seen,
                          int ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    lki_loop_quiet();
    shown = seen;
    if (lki_loop_open(&loop) || lki_timer_init(&loop.timers, &show, on_show) ||
        lki_signal_start(&loop, &term, SIGTERM, on_term))
        abort();
    open_site(settings);
    if (!seen->err)
        on_show(&show);
    if (write(ready, "!", 1) != 1)
        abort();
    close(ready);
    lki_loop_run(&loop);
    lki_web_close(web);
    lki_signal_stop(&term);
    lki_timer_release(&loop.timers, &show);
    lki_loop_close(&loop);
    _exit(__lsan_do_recoverable_leak_check() ? 1 : 0);
}

/*
 * The web server over a real connection. The first byte of an input says what the rest is: '0' all
 * that a client sends, '1' the target of a request, '2' a JSON body, '3' frames of a WebSocket. The
 * server must not crash or leak, has to close the connection in the end, and what it says against
 * a request is an error of the API's shape.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "web/form.h"
#include "web/inner.h"

#define HOST "Host: localhost\r\n"
#define INPUT_MAX 65536
#define ANSWERS_MAX ((size_t)8 * 1024 * 1024)

static struct lki_loop loop;
static struct lki_web *web;
static struct lki_io io;
static struct lki_buf answers;
static int client;

/* ---- the site */

static void on_form(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;
    size_t len;

    (void)arg;
    lki_web_form_body(&form, request);
    lki_web_form_need(&form, "users|u");
    lki_web_form_int(&form, "users|u", -5, INT64_MAX, 0);
    lki_web_form_number(&form, "rate", 0, 1e9, 1);
    lki_web_form_bool(&form, "fast", true);
    lki_web_form_text(&form, "name", 100, NULL);
    lki_web_form_object(&form, "params|p", &len);
    lki_web_form_array(&form, "list", &len);
    lki_web_form_any(&form, "any", &len);
    if (lki_web_form_end(&form))
        lki_web_answer(request, 200, "text/plain", "fine", 4);
}

static void on_query(struct lki_web_request *request, void *arg)
{
    const char *name = lki_web_segment(request, "name");
    struct lki_web_form form;

    (void)arg;
    must(strlen(lki_web_path(request)) > 0);
    lki_web_form_query(&form, request);
    lki_web_form_int(&form, "a", 0, 10, 0);
    lki_web_form_bool(&form, "b", true);
    lki_web_form_text(&form, "c", 5, NULL);
    if (lki_web_form_end(&form))
        lki_web_answer(request, 200, "text/plain", name, name ? strlen(name) : 0);
}

static void on_gone(void *arg)
{
    (void)arg;
}

static void on_later(struct lki_web_request *request, void *arg)
{
    lki_web_wait(request, on_gone, arg);
}

static void on_closed(struct lki_web_stream *stream, void *arg)
{
    (void)stream;
    (void)arg;
}

static void on_socket(struct lki_web_request *request, void *arg)
{
    struct lki_web_stream *stream = lki_web_socket(request, on_closed, arg);

    if (stream)
        lki_web_stream_send(stream, NULL, "hello", 5);
}

static void on_events(struct lki_web_request *request, void *arg)
{
    struct lki_web_stream *stream = lki_web_events(request, on_closed, arg);

    if (stream)
        lki_web_stream_send(stream, "a", "b\r\nc", 4);
}

static const struct lki_web_route routes[] = {
    {"POST", "/form", on_form, .body = true},     {"GET", "/:name", on_query, .open = false},
    {"GET", "/a/:name", on_query, .open = false}, {"DELETE", "/later/now", on_later, .open = false},
    {"GET", "/ws/ws", on_socket, .open = false},  {"GET", "/events/all", on_events, .open = false},
};

static void open_site(void)
{
    const struct lki_web_settings settings = {
        .address = "127.0.0.1", .routes = routes, .route_count = LKI_COUNT(routes)};
    struct lki_buf why;

    signal(SIGPIPE, SIG_IGN);
    lki_loop_quiet();
    lki_buf_init(&why, 1024);
    lki_buf_init(&answers, ANSWERS_MAX);
    must(!lki_loop_open(&loop) && !lki_web_open(&web, &loop, &settings, &why));
    lki_buf_release(&why);
}

/* ---- the client */

static void on_readable(struct lki_io *self, unsigned events)
{
    char *at = lki_buf_reserve(&answers, 65536);
    ssize_t count;

    (void)self;
    (void)events;
    must(at != NULL);
    count = recv(client, at, 65536, 0);
    if (count > 0)
        answers.len += (size_t)count;
    else if (!count || errno != EINTR)
        lki_loop_stop(&loop);
}

/* The fuzzer's alarm interrupts what waits. */
static void let_alarm(int how)
{
    sigset_t alarm_only;

    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(how, &alarm_only, NULL);
}

/* Sends it all, and says that there is no more: whatever the server makes of it, it comes to an
 * end. */
static void talk(const char *bytes, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {.l_onoff = 1};

    to.sin_port = htons(web->port);
    lki_buf_clear(&answers);
    let_alarm(SIG_BLOCK);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(client >= 0 && !connect(client, (struct sockaddr *)&to, sizeof(to)));
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    must(send(client, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
    shutdown(client, SHUT_WR);
    let_alarm(SIG_UNBLOCK);
    must(!lki_io_start(&loop, &io, client, LKI_READABLE, on_readable));
    lki_loop_run(&loop);
    lki_io_stop(&io);
    close(client);
}

/* Looks at the first answer; that to a HEAD has no body. */
static void check_answer(bool has_body)
{
    const char *end = answers.len ? memmem(answers.data, answers.len, "\r\n\r\n", 4) : NULL;
    const char *length;
    int status;

    if (!end)
        return;
    must(!memcmp(answers.data, "HTTP/1.1 ", 9) || !memcmp(answers.data, "HTTP/1.0 ", 9) ||
         !memcmp(answers.data, "HTTP/1.", 7));
    status = atoi(strchr(answers.data, ' '));
    must(status >= 100 && status <= 505);
    length = memmem(answers.data, (size_t)(end - answers.data), "Content-Length: ", 16);
    if (!has_body || status < 400 || !length || !memcmp(end + 4, "HTTP/", 5))
        return;
    must(memmem(answers.data, (size_t)(end - answers.data), "Content-Type: application/json", 30) !=
         NULL);
    must(answers.len - (size_t)(end + 4 - answers.data) >= (size_t)atoi(length + 16));
    must(!lki_json_check(end + 4, (size_t)atoi(length + 16)));
    must(!memcmp(end + 4, "{\"error\":{\"code\":\"", 18));
}

static void say(const char *before, const char *bytes, size_t len, const char *after)
{
    struct lki_buf text;

    lki_buf_init(&text, 2 * INPUT_MAX);
    lki_buf_str(&text, before);
    lki_buf_append(&text, bytes, len);
    lki_buf_str(&text, after);
    must(!text.err);
    talk(text.len ? text.data : "", text.len);
    check_answer(text.len < 4 || memcmp(text.data, "HEAD", 4) != 0);
    lki_buf_release(&text);
}

static void say_body(const char *bytes, size_t len)
{
    char head[256];

    snprintf(head, sizeof(head),
             "POST /form HTTP/1.1\r\n" HOST
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             len);
    say(head, bytes, len, "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;

    if (!size || size > INPUT_MAX)
        return 0;
    if (!web)
        open_site();
    size--;
    switch (*data) {
    case '1':
        say("GET /", bytes, size, " HTTP/1.1\r\n" HOST "\r\n");
        break;
    case '2':
        say_body(bytes, size);
        break;
    case '3':
        say("GET /ws/ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            bytes, size, "");
        break;
    default:
        say("", bytes, size, "");
    }
    return 0;
}

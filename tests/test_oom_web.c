/* The web server without memory: each request for some is refused in turn, while it is opened,
 * asked and closed. Clients may be left without an answer, but not for long, and nothing stays
 * behind. */
#include <arpa/inet.h>
#include <check.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/suite.h"
#include "web/form.h"
#include "web/server.h"

#define HOST "Host: localhost\r\n"
#define ONCE HOST "Connection: close\r\n"
#define BRIEFLY_NS (100 * LKI_NS_PER_MS)

void *__real_malloc(size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void __real_free(void *block);

static struct lki_loop loop;
static struct lki_web *web;
static int answered;
static int ends[2]; /* of a pipe that the client closes when it is through */

static void on_form(struct lki_web_request *request, void *arg)
{
    struct lki_web_form form;

    (void)arg;
    lki_web_form_body(&form, request);
    lki_web_form_int(&form, "users", 0, 10, 0);
    lki_web_form_text(&form, "name", 10, "");
    if (!lki_web_form_end(&form))
        return;
    answered++;
    lki_web_answer(request, 200, "text/plain", "form", 4);
}

static void on_closed(struct lki_web_stream *stream, void *arg)
{
    (void)stream;
    (void)arg;
}

static void stream(struct lki_web_stream *stream)
{
    if (!stream)
        return;
    lki_web_stream_send(stream, "type", "hello", 5);
    lki_web_stream_close(stream);
}

static void on_socket(struct lki_web_request *request, void *arg)
{
    (void)arg;
    stream(lki_web_socket(request, on_closed, NULL));
}

static void on_events(struct lki_web_request *request, void *arg)
{
    (void)arg;
    stream(lki_web_events(request, on_closed, NULL));
}

static const struct lki_web_route routes[] = {
    {"POST", "/form", on_form, .body = true},
    {"GET", "/ws", on_socket, .open = false},
    {"GET", "/events", on_events, .open = false},
};

/* ---- the client: a process of its own, which has all memory */

static const char *const talks[] = {
    "POST /form HTTP/1.1\r\n" ONCE "Content-Type: application/json\r\nContent-Length: 25\r\n\r\n"
    "{\"users\":1,\"name\":\"abc\" }",
    "POST /form HTTP/1.1\r\n" ONCE "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n"
    "{\"users\":x}",
    "GET /nowhere HTTP/1.1\r\n" ONCE "\r\n",
    "this is no request\r\n\r\n",
    "GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    "\x88\x82\x01\x01\x01\x01\x02\xe9",
    "GET /events HTTP/1.1\r\n" HOST "\r\n",
};

/* Says one thing, and waits until the server closes the connection, which it soon does. */
static void talk(const struct sockaddr_in *to, const char *text)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char bytes[4096];

    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
        _exit(2);
    send(fd, text, strlen(text), MSG_NOSIGNAL);
    while (recv(fd, bytes, sizeof(bytes), 0) > 0)
        ;
    close(fd);
}

static pid_t client_start(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pid_t pid;

    to.sin_port = htons((uint16_t)atoi(strrchr(lki_web_address(web), ':') + 1));
    pid = fork();
    if (pid)
        return pid;
    memory_allow();
    alarm(20);
    for (size_t i = 0; i < LKI_COUNT(talks); i++)
        talk(&to, talks[i]);
    _exit(0);
}

static void on_end(struct lki_io *io, unsigned events)
{
    (void)io;
    (void)events;
    lki_loop_stop(&loop);
}

static void serve(void)
{
    int status = -1;
    pid_t pid = client_start();

    close(ends[1]);
    lki_loop_run(&loop);
    EXPECT(waitpid(pid, &status, 0) == pid && !status, "the client ended with %d", status);
}

/* Returns whether there was memory for everything. */
static bool run_without(long after, long how_many)
{
    const struct lki_web_settings settings = {
        .address = "127.0.0.1",
        .routes = routes,
        .route_count = LKI_COUNT(routes),
        .limits = {.request_ns = BRIEFLY_NS, .idle_ns = BRIEFLY_NS, .beat_ns = BRIEFLY_NS},
    };
    struct lki_io io = {.started = false};
    long held = memory_held();
    int descriptors = memory_descriptors();
    struct lki_buf why;
    long refused;

    web = NULL;
    answered = 0;
    EXPECT(!lki_loop_open(&loop) && !pipe(ends), "no loop");
    EXPECT(!lki_io_start(&loop, &io, ends[0], LKI_READABLE, on_end), "cannot watch");
    lki_buf_init(&why, 1024);
    memory_refuse(after, how_many);
    if (!lki_web_open(&web, &loop, &settings, &why))
        serve();
    else
        close(ends[1]);
    lki_web_close(web);
    refused = memory_allow();
    lki_io_stop(&io);
    lki_buf_release(&why);
    lki_loop_close(&loop);
    close(ends[0]);
    EXPECT(refused > 0 || answered == 1, "%d answered", answered);
    EXPECT(memory_held() == held, "%ld pieces stay behind, after %ld", memory_held() - held, after);
    EXPECT(memory_descriptors() == descriptors, "descriptors stay behind, after %ld", after);
    return refused == 0;
}

START_TEST(a_server_without_memory_goes_on_or_is_not_opened)
{
    static const long how_many[] = {1, MEMORY_ALL};
    long after = 0;

    while (!run_without(after, how_many[_i]))
        after++;
    ck_assert_int_gt(after, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_web");
    TCase *tests = tcase_create("oom_web");

    memory_open();
    event_set_mem_functions(__real_malloc, __real_realloc, __real_free);
    lki_loop_quiet();
    signal(SIGPIPE, SIG_IGN);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_server_without_memory_goes_on_or_is_not_opened, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

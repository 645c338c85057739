/* The web server with clients that are slow, many, gone, or at odds with it; and its end. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/site.h"
#include "support/suite.h"
#include "web/server.h"

#define HOST "Host: localhost\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" HOST "\r\n"
#define WAIT_MS 10000
#define SHORT_NS (300 * LKI_NS_PER_MS)
#define LONG_NS (60 * LKI_NS_PER_S)
#define MANY 4

static struct site site;
static struct site_client client;

static void start(int64_t request_ns, int64_t idle_ns, size_t connections)
{
    site_start(&site, &(struct lki_web_settings){.limits = {.request_ns = request_ns,
                                                            .idle_ns = idle_ns,
                                                            .connections = connections}});
    ck_assert_msg(!site.seen->err, "%s", site.seen->why);
    site_connect(&client, &site);
}

static void setup(void)
{
    start(SHORT_NS, LONG_NS, 0);
}

static void teardown(void)
{
    site_hang_up(&client);
    ck_assert_int_eq(site_stop(&site), 0);
}

static void restart(int64_t request_ns, int64_t idle_ns, size_t connections)
{
    teardown();
    start(request_ns, idle_ns, connections);
}

static void must_be_error(const struct site_answer *answer, int status, const char *code)
{
    ck_assert_int_eq(answer->status, status);
    ck_assert_msg(strstr(answer->body, code) != NULL, "%s", answer->body);
}

static void release(void)
{
    ck_assert_int_eq(
        site_ask_once(&site, "POST /release HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n").status,
        200);
}

/* ---- slow clients */

static const char *const halves[] = {
    "G",
    "GET /health HTTP/1.1\r\n",
    "GET /health HTTP/1.1\r\n" HOST "X: y",
    "POST /form HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    "POST /form HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "POST /form HTTP/1.1\r\n" HOST "Content-Length: 2000000\r\n\r\n{",
};

START_TEST(half_a_request_is_not_waited_for)
{
    struct site_answer answer = site_ask(&client, halves[_i]);

    must_be_error(&answer, 408, "\"timeout\"");
    ck_assert(site_is_closed(&client, WAIT_MS));
    ck_assert(site_sees(&site.seen->connections, 0));
}
END_TEST

/* Each byte comes in time, all of them do not. */
START_TEST(dripping_does_not_prolong_it)
{
    struct timespec pause = {.tv_nsec = 20000000};
    int bytes = 0;

    site_send(&client, "GET /health HTTP/1.1\r\nX: ", 25);
    for (; bytes < 500 && site.seen->refused == 0; bytes++) {
        site_send(&client, "x", 1);
        nanosleep(&pause, NULL);
    }
    ck_assert_int_lt(bytes, 400);
    ck_assert(site_sees(&site.seen->connections, 0));
}
END_TEST

START_TEST(an_idle_connection_is_closed_without_a_word)
{
    restart(LONG_NS, SHORT_NS, 0);
    if (_i)
        ck_assert_int_eq(site_ask(&client, GET("/health")).status, 200);
    ck_assert_int_eq(site_read(&client, true).status, 0);
    ck_assert(site_sees(&site.seen->connections, 0));
    ck_assert_int_eq(site.seen->refused, 0);
}
END_TEST

START_TEST(an_idle_connection_may_be_used_again)
{
    struct timespec pause = {.tv_nsec = 2 * SHORT_NS};

    ck_assert_int_eq(site_ask(&client, GET("/health")).status, 200);
    nanosleep(&pause, NULL); /* longer than a request may take */
    ck_assert_int_eq(site_ask(&client, GET("/health")).status, 200);
}
END_TEST

START_TEST(who_does_not_read_the_answer_is_closed)
{
    int small = 4096;
    const char *text = GET("/large?bytes=10000000");

    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    site_send(&client, text, strlen(text));
    ck_assert(site_sees(&site.seen->requests, 1));
    ck_assert(site_sees(&site.seen->connections, 0));
}
END_TEST

START_TEST(who_reads_slowly_gets_it_all)
{
    const char *text = GET("/large?bytes=20000000");
    struct timespec pause = {.tv_nsec = 10000000};
    size_t got = 0;
    static char bytes[200000];
    ssize_t count;

    site_send(&client, text, strlen(text));
    while (got < 20000000) {
        count = recv(client.fd, bytes, sizeof(bytes), 0);
        ck_assert_int_gt(count, 0);
        got += (size_t)count;
        nanosleep(&pause, NULL);
    }
    ck_assert_int_eq(site.seen->connections, 1);
}
END_TEST

START_TEST(a_handler_may_take_its_time)
{
    struct timespec pause = {.tv_nsec = 2 * SHORT_NS};
    struct site_answer answer;

    site_send(&client, GET("/later"), strlen(GET("/later")));
    ck_assert(site_sees(&site.seen->later, 1));
    nanosleep(&pause, NULL);
    release();
    answer = site_read(&client, true);
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, "late");
}
END_TEST

/* ---- waiting */

START_TEST(a_client_that_goes_while_it_waits_is_told_of)
{
    struct site_client other;

    site_connect(&other, &site);
    site_send(&other, GET("/later"), strlen(GET("/later")));
    ck_assert(site_sees(&site.seen->later, 1));
    site_send(&client, GET("/later"), strlen(GET("/later")));
    ck_assert(site_sees(&site.seen->later, 2));
    if (_i)
        setsockopt(other.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                   sizeof(struct linger));
    site_hang_up(&other);
    ck_assert(site_sees(&site.seen->gone, 1));
    release();
    ck_assert_str_eq(site_read(&client, true).body, "late");
    ck_assert_int_eq(site.seen->gone, 1);
}
END_TEST

START_TEST(requests_behind_one_that_waits_wait_too)
{
    const char *text = GET("/later") GET("/health") GET("/later");

    site_send(&client, text, strlen(text));
    ck_assert(site_sees(&site.seen->later, 1));
    site_send(&client, GET("/large?bytes=5"), strlen(GET("/large?bytes=5")));
    release();
    ck_assert_str_eq(site_read(&client, true).body, "late");
    ck_assert_str_eq(site_read(&client, true).body, "{\"status\":\"ok\"}");
    ck_assert(site_sees(&site.seen->later, 1));
    release();
    ck_assert_str_eq(site_read(&client, true).body, "late");
    ck_assert_str_eq(site_read(&client, true).body, "xxxxx");
}
END_TEST

START_TEST(a_flood_behind_one_that_waits_is_held_back)
{
    size_t len = 64 * 1024 * 1024;
    char *flood = malloc(len);
    ssize_t sent = 0;
    ssize_t count;

    memset(flood, 'x', len);
    site_send(&client, GET("/later"), strlen(GET("/later")));
    ck_assert(site_sees(&site.seen->later, 1));
    do {
        struct timespec pause = {.tv_nsec = 20000000};

        nanosleep(&pause, NULL);
        count = send(client.fd, flood, len - (size_t)sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += count > 0 ? count : 0;
    } while (count > 0);
    ck_assert_int_lt(sent, 32 * 1024 * 1024);
    ck_assert_int_eq(site_ask_once(&site, GET("/health")).status, 200);
    free(flood);
}
END_TEST

/* ---- many clients */

START_TEST(who_is_idle_makes_room)
{
    struct site_client many[MANY + 2];

    restart(LONG_NS, LONG_NS, MANY);
    site_hang_up(&client);
    ck_assert(site_sees(&site.seen->connections, 0));
    for (int i = 0; i < MANY + 2; i++) {
        site_connect(&many[i], &site);
        ck_assert_int_eq(site_ask(&many[i], GET("/health")).status, 200);
        if (i == 2) /* the first has been used since the second */
            ck_assert_int_eq(site_ask(&many[0], GET("/health")).status, 200);
    }
    ck_assert(site_is_closed(&many[1], WAIT_MS));
    ck_assert(site_is_closed(&many[2], WAIT_MS));
    ck_assert_int_eq(site_ask(&many[0], GET("/health")).status, 200);
    ck_assert(site_sees(&site.seen->connections, MANY));
    for (int i = 0; i < MANY + 2; i++)
        site_hang_up(&many[i]);
    site_connect(&client, &site);
}
END_TEST

START_TEST(who_is_at_work_does_not)
{
    struct site_client many[MANY];
    struct site_answer answer;

    restart(LONG_NS, LONG_NS, MANY);
    site_hang_up(&client);
    ck_assert(site_sees(&site.seen->connections, 0));
    for (int i = 0; i < MANY; i++) {
        site_connect(&many[i], &site);
        site_send(&many[i], GET("/later"), strlen(GET("/later")));
        ck_assert(site_sees(&site.seen->later, i + 1));
    }
    site_connect(&client, &site);
    answer = site_read(&client, true);
    must_be_error(&answer, 503, "\"too_many_connections\"");
    ck_assert(site_is_closed(&client, WAIT_MS));
    site_hang_up(&many[0]);
    ck_assert(site_sees(&site.seen->gone, 1));
    release();
    for (int i = 1; i < MANY; i++) {
        ck_assert_str_eq(site_read(&many[i], true).body, "late");
        site_hang_up(&many[i]);
    }
}
END_TEST

/* Slow ones fill all places; who comes then is served all the same. */
START_TEST(a_crowd_of_slow_ones_keeps_nobody_out)
{
    struct site_client crowd[MANY * 5];

    restart(LONG_NS, LONG_NS, MANY);
    for (size_t i = 0; i < LKI_COUNT(crowd); i++) {
        site_connect(&crowd[i], &site);
        site_send(&crowd[i], "GET / HTTP/1.1\r\nX", 17);
    }
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(site_ask_once(&site, GET("/health")).status, 200);
    for (size_t i = 0; i < LKI_COUNT(crowd); i++)
        site_hang_up(&crowd[i]);
}
END_TEST

static double cpu_of(pid_t pid)
{
    char path[64];
    FILE *file;
    unsigned long user = 0;
    unsigned long system = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(
        fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
        2);
    fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

START_TEST(a_server_out_of_descriptors_rests_and_goes_on)
{
    struct site_client many[60];
    struct timespec pause = {.tv_nsec = 500000000};
    struct rlimit before;
    double cpu_s;

    teardown();
    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 40, .rlim_max = before.rlim_max});
    start(LONG_NS, LONG_NS, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    for (size_t i = 0; i < LKI_COUNT(many); i++) {
        site_connect(&many[i], &site);
        site_send(&many[i], "GET", 3);
    }
    cpu_s = cpu_of(site.pid);
    nanosleep(&pause, NULL);
    ck_assert_double_lt(cpu_of(site.pid) - cpu_s, 0.2);
    for (size_t i = 0; i < LKI_COUNT(many); i++)
        site_hang_up(&many[i]);
    ck_assert_int_eq(site_ask_once(&site, GET("/health")).status, 200);
}
END_TEST

/* ---- the end */

START_TEST(who_waits_when_the_server_is_closed_is_told)
{
    struct site_answer answer;

    restart(LONG_NS, LONG_NS, 0);
    site_send(&client, GET("/later"), strlen(GET("/later")));
    ck_assert(site_sees(&site.seen->later, 1));
    ck_assert_int_eq(site_stop(&site), 0);
    answer = site_read(&client, true);
    must_be_error(&answer, 503, "\"closing\"");
    site_start(&site, NULL);
}
END_TEST

static const char *const unfinished[] = {
    "",
    "GET /hea",
    "POST /form HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n{",
    GET("/large?bytes=20000000"),
    GET("/health"),
    GET("/later") GET("/health"),
};

START_TEST(a_server_may_be_closed_at_any_time)
{
    restart(LONG_NS, LONG_NS, 0);
    site_send(&client, unfinished[_i], strlen(unfinished[_i]));
    ck_assert(site_sees(&site.seen->connections, 1));
    ck_assert_int_eq(site_stop(&site), 0);
    site_start(&site, NULL);
}
END_TEST

/* Else a child would keep the port, and clients would not see the end. */
START_TEST(a_child_holds_nothing_of_the_server)
{
    struct lki_web_settings settings = {.port = site.seen->port};
    struct site_client other;
    pid_t child;

    site_connect(&other, &site);
    site_send(&other, GET("/later"), strlen(GET("/later")));
    ck_assert(site_sees(&site.seen->later, 1));
    ck_assert_int_eq(
        site_ask(&client, "POST /fork HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n").status, 200);
    ck_assert_int_eq(site_ask(&client, GET("/health")).status, 200);
    child = site.seen->forked;
    kill(site.pid, SIGKILL);
    ck_assert_int_eq(site_stop(&site), -SIGKILL);
    ck_assert(site_is_closed(&other, WAIT_MS));
    ck_assert(site_is_closed(&client, WAIT_MS));
    site_start(&site, &settings);
    ck_assert_msg(!site.seen->err, "%s", site.seen->why);
    kill(child, SIGKILL);
    site_hang_up(&other);
}
END_TEST

static Suite *limits_suite(void)
{
    Suite *suite = suite_create("web_limits");
    TCase *tests = tcase_create("web_limits");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, half_a_request_is_not_waited_for, 0, (int)LKI_COUNT(halves));
    tcase_add_test(tests, dripping_does_not_prolong_it);
    tcase_add_loop_test(tests, an_idle_connection_is_closed_without_a_word, 0, 2);
    tcase_add_test(tests, an_idle_connection_may_be_used_again);
    tcase_add_test(tests, who_does_not_read_the_answer_is_closed);
    tcase_add_test(tests, who_reads_slowly_gets_it_all);
    tcase_add_test(tests, a_handler_may_take_its_time);
    tcase_add_loop_test(tests, a_client_that_goes_while_it_waits_is_told_of, 0, 2);
    tcase_add_test(tests, requests_behind_one_that_waits_wait_too);
    tcase_add_test(tests, a_flood_behind_one_that_waits_is_held_back);
    tcase_add_test(tests, who_is_idle_makes_room);
    tcase_add_test(tests, who_is_at_work_does_not);
    tcase_add_test(tests, a_crowd_of_slow_ones_keeps_nobody_out);
    tcase_add_test(tests, a_server_out_of_descriptors_rests_and_goes_on);
    tcase_add_test(tests, who_waits_when_the_server_is_closed_is_told);
    tcase_add_loop_test(tests, a_server_may_be_closed_at_any_time, 0, (int)LKI_COUNT(unfinished));
    tcase_add_test(tests, a_child_holds_nothing_of_the_server);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(limits_suite());
}

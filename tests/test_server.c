/* The server that other tests lean on does what its scripts say. */
#include "support/server.h"
#include "support/suite.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST "POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
#define ANSWER "HTTP/1.1 204 No Content\r\n\r\n"

static struct test_server server;

static void serve(const struct test_script *scripts, size_t count)
{
    test_server_start(&server, scripts, count);
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(server.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads exactly what text says. */
static void hear(int fd, const char *text)
{
    char bytes[1024];

    ck_assert_int_eq(recv(fd, bytes, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
    ck_assert_mem_eq(bytes, text, strlen(text));
}

static void hear_end(int fd)
{
    char byte;

    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

static void hear_nothing(int fd)
{
    char byte;

    test_server_settle(&server);
    ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(every_complete_request_is_counted_and_kept)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND(ANSWER), SRV_AGAIN}};
    const struct test_server_seen *seen;
    int fds[2];

    serve(&script, 1);
    for (int i = 0; i < 2; i++) {
        fds[i] = dial();
        say(fds[i], GET POST "POST /b HTTP/1.1\r\nContent-Length: 4\r\n\r\nab");
        hear(fds[i], ANSWER ANSWER);
        hear_nothing(fds[i]);
    }
    say(fds[0], "cd");
    hear(fds[0], ANSWER);
    say(fds[0], "GET /unfinished");
    close(fds[0]);
    close(fds[1]);
    seen = test_server_settle_closed(&server);
    ck_assert_uint_eq(seen->connections, 2);
    ck_assert_uint_eq(seen->open, 0);
    ck_assert_uint_eq(seen->requests, 5);
    ck_assert_uint_eq(seen->answers, 5);
    ck_assert_uint_eq(seen->broken, 2);
    ck_assert_str_eq(test_server_request(&server, 0)->bytes, GET);
    ck_assert_str_eq(test_server_request(&server, 3)->bytes, POST);
    ck_assert_uint_eq(test_server_request(&server, 3)->connection, 1);
    ck_assert_uint_eq(test_server_request(&server, 4)->len, strlen(POST) + 1);
    test_server_stop(&server);
}
END_TEST

START_TEST(a_connection_follows_the_script_of_its_number)
{
    static const struct test_script scripts[] = {
        {{SRV_SEND("first"), SRV_CLOSE}},
        {{SRV_READ, SRV_DRIP("sec"), SRV_SEND("ond"), SRV_CLOSE}},
        {{SRV_READ, SRV_SLEEP(1), SRV_SEND("others"), SRV_SLEEP(1), SRV_CLOSE}},
    };
    int fd;

    serve(scripts, LKI_COUNT(scripts));
    fd = dial();
    hear(fd, "first");
    hear_end(fd);
    fd = dial();
    say(fd, GET);
    hear(fd, "second");
    hear_end(fd);
    for (int i = 0; i < 3; i++) {
        fd = dial();
        say(fd, GET);
        hear(fd, "others");
        hear_end(fd);
    }
    ck_assert_uint_eq(test_server_settle_closed(&server)->connections, 5);
    test_server_stop(&server);
}
END_TEST

START_TEST(a_stalled_connection_says_nothing_and_ends_with_its_client)
{
    static const struct test_script script = {{SRV_READ, SRV_SEND("half"), SRV_STALL}};
    int fd;

    serve(&script, 1);
    fd = dial();
    say(fd, GET);
    hear(fd, "half");
    say(fd, GET);
    hear_nothing(fd);
    close(fd);
    ck_assert_uint_eq(test_server_settle_closed(&server)->open, 0);
    ck_assert_uint_eq(server.seen->requests, 1);
    test_server_stop(&server);
}
END_TEST

START_TEST(a_reset_is_one_and_a_shut_connection_still_hears)
{
    static const struct test_script scripts[] = {{{SRV_READ, SRV_RESET}},
                                                 {{SRV_SHUT, SRV_READ, SRV_READ}}};
    int fd;
    char byte;

    serve(scripts, 2);
    fd = dial();
    say(fd, GET);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    close(fd);
    fd = dial();
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    say(fd, GET GET);
    close(fd);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 3);
    ck_assert_uint_eq(server.seen->open, 0);
    test_server_stop(&server);
}
END_TEST

START_TEST(an_answer_larger_than_any_buffer_arrives_whole)
{
    static const struct test_script script = {{SRV_READ, SRV_FILL(20000000), SRV_CLOSE}};
    static char bytes[65536];
    size_t total = 0;
    ssize_t got;
    int fd;

    serve(&script, 1);
    fd = dial();
    say(fd, GET);
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        total += (size_t)got;
        ck_assert_int_eq(bytes[got - 1], 'x');
    }
    ck_assert_int_eq(got, 0);
    ck_assert_uint_eq(total, 20000000);
    close(fd);
    test_server_stop(&server);
}
END_TEST

START_TEST(of_twenty_delays_ten_are_short_and_one_is_long)
{
    static const struct test_script script = {{SRV_READ, SRV_DELAY, SRV_SEND("."), SRV_CLOSE}};
    static int fds[40];
    size_t least[3] = {0};

    serve(&script, 1);
    for (size_t i = 0; i < LKI_COUNT(fds); i++) {
        fds[i] = dial();
        say(fds[i], GET);
    }
    for (size_t i = 0; i < LKI_COUNT(fds); i++) {
        hear(fds[i], ".");
        hear_end(fds[i]);
    }
    ck_assert_uint_eq(test_server_settle_closed(&server)->delays, LKI_COUNT(fds));
    for (size_t i = 0; i < LKI_COUNT(fds); i++) {
        int64_t held_ns = server.seen->held_ns[i];

        least[held_ns >= 500 * LKI_NS_PER_MS ? 2 : held_ns >= 50 * LKI_NS_PER_MS]++;
        ck_assert_int_ge(held_ns, 10 * LKI_NS_PER_MS);
    }
    ck_assert_uint_ge(least[2], 2); /* one that is late may count as a longer one */
    ck_assert_uint_ge(least[1] + least[2], 20);
    test_server_stop(&server);
}
END_TEST

START_TEST(a_server_is_stopped_even_when_it_stands_still)
{
    static const struct test_script script = {{SRV_READ}};

    serve(&script, 1);
    kill(server.pid, SIGSTOP);
    test_server_stop(&server);
    ck_assert_int_eq(server.pid, 0);
}
END_TEST

START_TEST(a_server_listens_on_the_address_it_is_given)
{
    static const struct test_script script = {{SRV_SEND("six"), SRV_CLOSE}};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    char url[64];
    int fd;

    test_server_start_at(&server, "::1", 0, &script, 1);
    snprintf(url, sizeof(url), "http://[::1]:%u", server.port);
    ck_assert_str_eq(server.url, url);
    to.sin6_port = htons(server.port);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    hear(fd, "six");
    hear_end(fd);
    test_server_stop(&server);
}
END_TEST

static Suite *server_suite(void)
{
    Suite *suite = suite_create("server");
    TCase *tcase = tcase_create("server");

    tcase_add_test(tcase, every_complete_request_is_counted_and_kept);
    tcase_add_test(tcase, a_connection_follows_the_script_of_its_number);
    tcase_add_test(tcase, a_stalled_connection_says_nothing_and_ends_with_its_client);
    tcase_add_test(tcase, a_reset_is_one_and_a_shut_connection_still_hears);
    tcase_add_test(tcase, an_answer_larger_than_any_buffer_arrives_whole);
    tcase_add_test(tcase, of_twenty_delays_ten_are_short_and_one_is_long);
    tcase_add_test(tcase, a_server_is_stopped_even_when_it_stands_still);
    tcase_add_test(tcase, a_server_listens_on_the_address_it_is_given);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return suite_run(server_suite());
}

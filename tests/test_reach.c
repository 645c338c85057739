/* How servers are reached: whose connections are, and which addresses they have at both ends. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <loadkit/http.h>

#include "base/mem.h"
#include "support/suite.h"
#include "support/visit.h"

#define USERS_MAX 8

/* Both engines are to do the same. */
static void by_engine(int i, const char *more)
{
    char text[128];

    snprintf(text, sizeof(text), "{\"engine\":\"%s\"%s}", i ? "curl" : "native", more);
    visit_run_settings(text);
}

/* ---- addresses ---- */

START_TEST(a_name_that_is_given_an_address_is_not_looked_up)
{
    char hosts[2][64];
    char base[64];
    struct visit errand = {.base = base, .requests = 2};
    struct lk_http_settings settings = {.size = sizeof(settings)};

    visit_open();
    by_engine(_i, "");
    /* the same name at another port is another server */
    snprintf(hosts[0], sizeof(hosts[0]), "nobody.invalid:%u", visit_server.port == 1 ? 2u : 1u);
    snprintf(hosts[1], sizeof(hosts[1]), "NoBody.invalid:%u", visit_server.port);
    snprintf(base, sizeof(base), "http://nobody.invalid:%u", visit_server.port);
    settings.resolve = LK_PAIRS(hosts[0], "::1", hosts[1], "127.0.0.1");
    errand.settings = &settings;
    visit_well(&errand);
    ck_assert_msg(errand.status == 200, "%s", errand.error);
    visit_close();
    ck_assert_uint_eq(visit_server.seen->requests, 2);
    ck_assert_uint_eq(visit_server.seen->connections, 1);
    ck_assert(visit_sent(0, base + strlen("http://")));
    test_server_stop(&visit_server);
}
END_TEST

static const struct six_case {
    const char *host, *address; /* "host:port" without its port, and its address; NULL: none */
    const char *base;
    const char *local;
} six_cases[] = {
    {NULL, NULL, "http://[::1]", NULL},
    {"six.invalid", "::1", "http://six.invalid", NULL},
    {"six.invalid", "[::1]", "http://six.invalid", NULL},
    {"[2001:db8::1]", "[::1]", "http://[2001:db8::1]", NULL},
    {NULL, NULL, "http://[::1]", "::1"},
    {NULL, NULL, "http://[::1]", "[::1]"},
};

START_TEST(addresses_may_be_ipv6)
{
    const struct six_case *how = &six_cases[_i];
    char base[64];
    char host[64];
    struct lk_http_settings settings = {.size = sizeof(settings), .local_addr = how->local};
    struct visit errand = {.settings = &settings, .base = base, .requests = 1};

    test_server_start_at(&visit_server, "::1", 0, &visit_script, 1);
    rig_open(&visit_rig);
    snprintf(base, sizeof(base), "%s:%u", how->base, visit_server.port);
    snprintf(host, sizeof(host), "%s:%u", how->host ? how->host : "none", visit_server.port);
    settings.resolve = LK_PAIRS(host, how->address ? how->address : "127.0.0.1");
    visit_well(&errand);
    ck_assert_msg(errand.status == 200, "%s", errand.error);
    visit_close();
    ck_assert_str_eq(test_server_request(&visit_server, 0)->from, "::1");
    test_server_stop(&visit_server);
}
END_TEST

START_TEST(a_zone_in_an_address_is_refused)
{
    struct visit errand = {.base = "http://[fe80::1%25lo]/", .requests = 1};
    struct rig_user *user;

    rig_open(&visit_rig);
    user = visit_one(&errand);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_msg(strstr(user->message, "zone") != NULL, "%s", user->message);
    rig_close(&visit_rig);
}
END_TEST

START_TEST(local_addresses_take_turns)
{
    const struct lk_http_settings *settings = SETTINGS(.local_addr = "127.0.0.254-127.0.1.0");
    struct visit visits[7];
    unsigned count[256] = {0};

    visit_open();
    by_engine(_i, "");
    for (size_t i = 0; i < LKI_COUNT(visits); i++)
        visits[i] = (struct visit){.settings = settings, .requests = 1};
    visit_all(visits, LKI_COUNT(visits));
    visit_close();
    ck_assert_uint_eq(visit_server.seen->requests, 7);
    for (uint64_t i = 0; i < 7; i++) {
        const char *from = test_server_request(&visit_server, i)->from;

        ck_assert_msg(!strcmp(from, "127.0.0.254") || !strcmp(from, "127.0.0.255") ||
                          !strcmp(from, "127.0.1.0"),
                      "%s", from);
        count[(unsigned char)atoi(strrchr(from, '.') + 1)]++;
    }
    ck_assert_uint_eq(count[254], 3);
    ck_assert_uint_eq(count[255], 2);
    ck_assert_uint_eq(count[0], 2);
    test_server_stop(&visit_server);
}
END_TEST

static const struct wrong_case {
    const char *local, *error;
} wrong_cases[] = {
    {"192.0.2.77", "from the local address 192.0.2.77: Cannot assign requested address"},
    {"::1", "from the local address ::1: Address family not supported by protocol"},
};

START_TEST(a_local_address_that_cannot_be_is_named)
{
    struct lk_http_settings settings = {.size = sizeof(settings),
                                        .local_addr = wrong_cases[_i].local};
    struct visit errand = {.settings = &settings, .requests = 1};

    visit_open();
    visit_well(&errand);
    ck_assert_int_eq(errand.status, 0);
    ck_assert_msg(strstr(errand.error, wrong_cases[_i].error) != NULL, "%s", errand.error);
    ck_assert_uint_eq(rig_count(&visit_rig, LKI_CODE_HTTP_CONNECT), 1);
    /* the server's are as good as before */
    ck_assert_int_gt(visit_rig.http.origins.first->fresh_until_ns,
                     lki_loop_now(&visit_rig.loop) + 10 * LKI_NS_PER_S);
    visit_close();
    test_server_stop(&visit_server);
}
END_TEST

/* A server on a socket in the file system, for one connection. It reads two requests, and answers
 * so many of them. */
struct path_server {
    struct sockaddr_un at;
    int listener;
    int answers;
    pthread_t thread;
    char request[512];
};

static void *path_serve(void *arg)
{
    struct path_server *path = arg;
    int fd = accept(path->listener, NULL, NULL);
    size_t len = 0;

    for (int i = 0; i < 2; i++) {
        while (!strstr(path->request, "\r\n\r\n")) {
            ssize_t got = read(fd, path->request + len, sizeof(path->request) - 1 - len);

            if (got <= 0)
                break;
            len += (size_t)got;
        }
        if (!i) {
            path->request[0] = '\0';
            len = 0;
        }
        if (i < path->answers && write(fd, VISIT_ANSWER, strlen(VISIT_ANSWER)) < 0)
            break;
    }
    close(fd);
    return NULL;
}

/* Two requests of one user. */
static void path_visit(struct path_server *path, struct visit *errand, int engine)
{
    struct lk_http_settings settings = {.size = sizeof(settings)};
    const char *dir = getenv("TMPDIR");

    path->at.sun_family = AF_UNIX;
    snprintf(path->at.sun_path, sizeof(path->at.sun_path), "%s/reach-%ld.sock", dir ? dir : "/tmp",
             (long)getpid());
    path->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(!bind(path->listener, (struct sockaddr *)&path->at, sizeof(path->at)));
    ck_assert(!listen(path->listener, 1));
    ck_assert(!pthread_create(&path->thread, NULL, path_serve, path));
    settings.unix_socket = path->at.sun_path;
    errand->settings = &settings;
    errand->base = "http://shop.invalid";
    errand->requests = 2;
    rig_open(&visit_rig);
    by_engine(engine, "");
    visit_well(errand);
    pthread_join(path->thread, NULL);
    close(path->listener);
    unlink(path->at.sun_path);
}

START_TEST(a_unix_socket_is_connected_to_whatever_the_host)
{
    struct path_server path = {.answers = 2};
    struct visit errand = {0};

    path_visit(&path, &errand, _i);
    ck_assert_msg(errand.status == 200, "%s", errand.error);
    ck_assert(strstr(path.request, "\r\nHost: shop.invalid\r\n") != NULL);
    rig_close(&visit_rig);
}
END_TEST

/* Of a unix socket the kernel does not count what was acknowledged. */
START_TEST(what_was_read_from_a_unix_socket_is_not_sent_again)
{
    struct path_server path = {.answers = 1};
    struct visit errand = {.request = {.timeout_s = 5}};

    path_visit(&path, &errand, _i);
    ck_assert_str_eq(errand.error, "connection closed by the server after 0 bytes of the answer");
    ck_assert_uint_eq(visit_rig.metrics.totals->http_retries, 0);
    rig_close(&visit_rig);
}
END_TEST

START_TEST(a_unix_socket_that_is_not_there_is_named)
{
    struct visit errand = {.settings = SETTINGS(.unix_socket = "/nowhere/at.sock"),
                           .base = "http://shop.invalid",
                           .requests = 1};

    rig_open(&visit_rig);
    visit_well(&errand);
    ck_assert_str_eq(errand.error, "cannot connect to /nowhere/at.sock: No such file or directory");
    rig_close(&visit_rig);
}
END_TEST

/* ---- whose connections are ---- */

/* Which user's requests came on which connection, as the server saw it. */
static void owners_verify(uint64_t requests)
{
    char owner[TEST_REQUESTS_KEPT][8] = {""};

    ck_assert_uint_le(requests, TEST_REQUESTS_KEPT);
    ck_assert_uint_eq(visit_server.seen->requests, requests);
    for (uint64_t i = 0; i < requests; i++) {
        const struct test_request *request = test_server_request(&visit_server, i);
        char path[8];

        ck_assert_int_eq(sscanf(request->bytes, "GET %7s ", path), 1);
        if (!*owner[request->connection])
            strcpy(owner[request->connection], path);
        ck_assert_str_eq(owner[request->connection], path);
    }
}

START_TEST(two_users_never_share_a_connection_unless_asked)
{
    struct visit visits[4];

    visit_open();
    by_engine(_i, "");
    for (size_t i = 0; i < LKI_COUNT(visits); i++)
        visits[i] = (struct visit){.requests = 5};
    visit_all(visits, LKI_COUNT(visits));
    visit_close();
    owners_verify(20);
    ck_assert_uint_eq(visit_server.seen->connections, 4);
    test_server_stop(&visit_server);
}
END_TEST

START_TEST(a_new_connection_for_each_request_is_closed_after_it)
{
    struct visit errand = {.settings = SETTINGS(.connections = LK_HTTP_NEW), .requests = 5};

    visit_open();
    by_engine(_i, "");
    visit_well(&errand);
    /* not only when the user goes */
    ck_assert_uint_eq(test_server_settle_closed(&visit_server)->open, 0);
    ck_assert_uint_eq(visit_server.seen->connections, 5);
    ck_assert(visit_sent(4, "\r\nConnection: close\r\n"));
    visit_close();
    test_server_stop(&visit_server);
}
END_TEST

START_TEST(shared_connections_are_all_users_and_no_more_than_are_needed)
{
    struct visit visits[USERS_MAX];

    visit_open();
    by_engine(_i, ",\"connections\":\"shared\"");
    /* one after the other: one connection does for all */
    for (size_t i = 0; i < USERS_MAX; i++) {
        visits[i] = (struct visit){.requests = 2};
        visit_well(&visits[i]);
    }
    ck_assert_uint_eq(test_server_settle(&visit_server)->connections, 1);
    /* at the same time: each exchange has one of its own, unless curl has its answer by then */
    for (size_t i = 0; i < USERS_MAX; i++)
        visits[i] = (struct visit){.requests = 1};
    visit_all(visits, USERS_MAX);
    ck_assert_uint_le(test_server_settle(&visit_server)->connections, USERS_MAX);
    ck_assert_uint_ge(visit_server.seen->connections, _i ? 1 : USERS_MAX);
    /* those are kept for whoever comes */
    for (size_t i = 0; i < USERS_MAX; i++)
        visits[i] = (struct visit){.requests = 1};
    visit_all(visits, USERS_MAX);
    ck_assert_uint_le(test_server_settle(&visit_server)->connections, USERS_MAX);
    visit_close();
    ck_assert_uint_eq(visit_server.seen->requests, 4 * USERS_MAX);
    test_server_stop(&visit_server);
}
END_TEST

START_TEST(shared_connections_that_the_server_closes_are_forgotten)
{
    static const struct test_script closes = {
        {SRV_READ, SRV_SEND(VISIT_ANSWER), SRV_SLEEP(20), SRV_CLOSE}};
    struct test_script scripts[USERS_MAX + 1];
    struct visit visits[USERS_MAX];

    for (size_t i = 0; i < USERS_MAX; i++) {
        scripts[i] = closes;
        visits[i] = (struct visit){.requests = 1};
    }
    scripts[USERS_MAX] = visit_script;
    test_server_start(&visit_server, scripts, LKI_COUNT(scripts));
    rig_open(&visit_rig);
    by_engine(_i, ",\"connections\":\"shared\"");
    visit_all(visits, USERS_MAX);
    test_server_settle_closed(&visit_server);
    /* while one user is at it, what has become of all of them is found out */
    visit_well(&visits[0]);
    visit_all(visits, USERS_MAX);
    for (size_t i = 0; i < USERS_MAX; i++)
        ck_assert_msg(visits[i].status == 200, "%s", visits[i].error);
    visit_close();
    test_server_stop(&visit_server);
}
END_TEST

START_TEST(a_user_may_keep_to_itself_among_those_that_share)
{
    struct visit visits[] = {
        {.settings = SETTINGS(.connections = LK_HTTP_SHARED), .requests = 2},
        {.requests = 2},
        {.settings = SETTINGS(.connections = LK_HTTP_SHARED), .requests = 2},
    };

    visit_open();
    by_engine(_i, "");
    for (size_t i = 0; i < LKI_COUNT(visits); i++)
        visit_well(&visits[i]);
    visit_close();
    ck_assert_uint_eq(visit_server.seen->connections, 2);
    for (uint64_t i = 0; i < 6; i++)
        ck_assert_uint_eq(test_server_request(&visit_server, i)->connection, i / 2 == 1);
    test_server_stop(&visit_server);
}
END_TEST

/* ---- all of it ---- */

static Suite *reach_suite(void)
{
    Suite *suite = suite_create("reach");
    TCase *ways = tcase_create("ways");
    TCase *connections = tcase_create("connections");

    tcase_add_loop_test(ways, a_name_that_is_given_an_address_is_not_looked_up, 0, 2);
    tcase_add_loop_test(ways, addresses_may_be_ipv6, 0, LKI_COUNT(six_cases));
    tcase_add_test(ways, a_zone_in_an_address_is_refused);
    tcase_add_loop_test(ways, local_addresses_take_turns, 0, 2);
    tcase_add_loop_test(ways, a_local_address_that_cannot_be_is_named, 0, LKI_COUNT(wrong_cases));
    tcase_add_loop_test(ways, a_unix_socket_is_connected_to_whatever_the_host, 0, 2);
    tcase_add_loop_test(ways, what_was_read_from_a_unix_socket_is_not_sent_again, 0, 2);
    tcase_add_test(ways, a_unix_socket_that_is_not_there_is_named);
    tcase_add_loop_test(connections, two_users_never_share_a_connection_unless_asked, 0, 2);
    tcase_add_loop_test(connections, a_new_connection_for_each_request_is_closed_after_it, 0, 2);
    tcase_add_loop_test(connections, shared_connections_are_all_users_and_no_more_than_are_needed,
                        0, 2);
    tcase_add_loop_test(connections, shared_connections_that_the_server_closes_are_forgotten, 0, 2);
    tcase_add_loop_test(connections, a_user_may_keep_to_itself_among_those_that_share, 0, 2);
    suite_add_tcase(suite, ways);
    suite_add_tcase(suite, connections);
    return suite;
}

int main(void)
{
    return suite_run(reach_suite());
}

/*
 * A load test inside a unit test. What is tested is a little server, here in a thread of the same
 * program. The tests have users visit it, and then look at what an operator would look at: how many
 * requests failed, with which codes, and how long the slowest five in a hundred took.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POSIX */
#endif

#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#define USERS 20

/* ---- the server ---- */

#define PAGE "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"
#define MISSING "HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nnot here"

static pthread_t server;
static int listener;
static char url[64];

/* Answers what has come from one client; false when it has gone. Requests as short as these come in
 * one piece. */
static bool answer(int client)
{
    char request[4096];
    ssize_t got = recv(client, request, sizeof(request) - 1, 0);
    const char *text;

    if (got <= 0)
        return false;
    request[got] = '\0';
    text = strncmp(request, "GET / ", 6) == 0 ? PAGE : MISSING;
    return send(client, text, strlen(text), MSG_NOSIGNAL) > 0;
}

/* Until the listener is shut down. */
static void *serve(void *arg)
{
    struct pollfd fds[1 + USERS] = {{.fd = listener, .events = POLLIN}};
    nfds_t count = 1;

    while (poll(fds, count, -1) > 0) {
        for (nfds_t i = count - 1; i > 0; i--) {
            if (!fds[i].revents || answer(fds[i].fd))
                continue;
            close(fds[i].fd);
            fds[i] = fds[--count];
        }
        if (!fds[0].revents || count > USERS)
            continue;
        fds[count] = (struct pollfd){.fd = accept(listener, NULL, NULL), .events = POLLIN};
        if (fds[count++].fd < 0)
            break;
    }
    return arg;
}

static void server_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);

    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, bytes), 0);
    ck_assert_int_eq(listen(listener, USERS), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
    ck_assert_int_eq(pthread_create(&server, NULL, serve, NULL), 0);
}

static void server_stop(void)
{
    shutdown(listener, SHUT_RD);
    pthread_join(server, NULL);
    close(listener);
}

/* ---- the users ---- */

LK_PARAM(base_url, .required = true, .help = "the server");

LK_VU(visitor)
{
    int visits;
};

LK_ON_INIT(visitor)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(visitor, home, .weight = 9)
{
    lk_response *r = lk_get(vu, "/");

    self->visits++;
    LK_REQUIRE(r->status == 200, "HTTP %d at visit %d", r->status, self->visits);
}

LK_STEP(visitor, old_link)
{
    lk_get(vu, "/old");
}

/* ---- the tests ---- */

START_TEST(the_home_page_is_fast_for_19_of_20)
{
    const struct lk_stats *home;
    lk_result *result = NULL;
    char why[200];
    enum lk_err err = lk_run(&result, LK_RUN_OPTIONS(.users = USERS, .iterations = 2000,
                                                     .params = LK_PAIRS("base_url", url),
                                                     .message = why, .message_bytes = sizeof(why)));

    ck_assert_msg(err == LK_OK, "%s", why);
    home = lk_result_stats(result, "home/GET /");
    ck_assert_uint_gt(home->count, 1000);
    ck_assert_uint_eq(home->errors, 0);
    ck_assert_double_lt(home->p95_ms, 500);
    ck_assert_uint_eq(lk_result_code_count(result, "home/GET /", "HTTP_200"), home->count);
    ck_assert_uint_eq(lk_result_stats(result, "vu:visitor")->count, 2000);
    lk_result_free(result);
}
END_TEST

START_TEST(an_old_link_says_that_the_page_is_not_here)
{
    const struct lk_code_stats *code;
    lk_result *result = NULL;

    ck_assert_int_eq(lk_run(&result, LK_RUN_OPTIONS(.iterations = 100, .seed = 1,
                                                    .params = LK_PAIRS("base_url", url))),
                     LK_OK);
    code = lk_result_code_at(result, "old_link/GET /old", 0);
    ck_assert_str_eq(code->code, "HTTP_404");
    ck_assert_uint_gt(code->count, 0);
    ck_assert_str_eq(code->request, "GET /old HTTP/1.1");
    ck_assert_str_eq(code->body, "not here");
    lk_result_free(result);
}
END_TEST

/* A run in the background, which ends when enough has been seen. */
START_TEST(a_run_can_be_watched_and_ended)
{
    struct lk_run_status status = {.size = sizeof(status)};
    lk_running *run = NULL;
    lk_result *result = NULL;

    ck_assert_int_eq(lk_run_start(&run, LK_RUN_OPTIONS(.users = 2, .duration_s = LK_OFF,
                                                       .params = LK_PAIRS("base_url", url))),
                     LK_OK);
    while (status.http_requests < 10) {
        poll(NULL, 0, 50);
        lk_run_poll(run, &status);
    }
    lk_run_stop(run);
    ck_assert_int_eq(lk_run_wait(run, &result), LK_OK);
    ck_assert_uint_ge(lk_result_stats(result, "http")->count, status.http_requests);
    lk_result_free(result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embed");
    TCase *tests = tcase_create("load");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, server_start, server_stop);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_home_page_is_fast_for_19_of_20);
    tcase_add_test(tests, an_old_link_says_that_the_page_is_not_here);
    tcase_add_test(tests, a_run_can_be_watched_and_ended);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

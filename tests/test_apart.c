/* Two users never share a connection, a cookie or a TLS session unless they were told to: by what
 * nginx has logged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <loadkit/http.h>

#include "base/mem.h"
#include "support/places.h"
#include "support/rig.h"
#include "support/suite.h"

#define USERS 6
#define REQUESTS 6 /* of each: three on a kept connection, three on new ones */
#define LOOKS_MAX 1000

static const struct way {
    const char *name;
    enum place at;
    enum lk_http_engine engine;
    enum lk_http_version version;
    enum lk_http_connections connections;
} ways[] = {
    {"plain", PLACE_plain, LK_HTTP_ENGINE_NATIVE, LK_HTTP_1_1, LK_HTTP_OWN},
    {"TLS 1.2", PLACE_tls12, LK_HTTP_ENGINE_NATIVE, LK_HTTP_1_1, LK_HTTP_OWN},
    {"TLS 1.3", PLACE_tls11, LK_HTTP_ENGINE_NATIVE, LK_HTTP_1_1, LK_HTTP_OWN},
    {"plain, shared", PLACE_plain, LK_HTTP_ENGINE_NATIVE, LK_HTTP_1_1, LK_HTTP_SHARED},
    {"TLS 1.3, shared", PLACE_tls11, LK_HTTP_ENGINE_NATIVE, LK_HTTP_1_1, LK_HTTP_SHARED},
    {"plain, curl", PLACE_plain, LK_HTTP_ENGINE_CURL, LK_HTTP_1_1, LK_HTTP_OWN},
    {"TLS 1.2, curl", PLACE_tls12, LK_HTTP_ENGINE_CURL, LK_HTTP_1_1, LK_HTTP_OWN},
    {"TLS 1.3, curl", PLACE_tls11, LK_HTTP_ENGINE_CURL, LK_HTTP_1_1, LK_HTTP_OWN},
    {"HTTP/2, curl", PLACE_tls, LK_HTTP_ENGINE_CURL, LK_HTTP_2, LK_HTTP_OWN},
    {"plain, curl, shared", PLACE_plain, LK_HTTP_ENGINE_CURL, LK_HTTP_1_1, LK_HTTP_SHARED},
    {"TLS 1.3, curl, shared", PLACE_tls11, LK_HTTP_ENGINE_CURL, LK_HTTP_1_1, LK_HTTP_SHARED},
};

/* A line of the log. */
struct line {
    unsigned long connection;
    int user;
    char cookie[32];
    bool resumed;
};

static struct rig rig;
static struct line lines[USERS * REQUESTS];

static void visit(lk_vu *vu, void *arg)
{
    const struct way *way = arg;
    char number[8];

    snprintf(number, sizeof(number), "%d", (int)vu->id);
    lk_http_setup(vu, .engine = way->engine, .version = way->version,
                  .connections = way->connections, .headers = LK_PAIRS("X-User", number),
                  .ca_file = places_expand("$dir/ca.pem", NULL));
    lk_http_base_url(vu, places_url(way->at));
    for (int i = 0; i < REQUESTS; i++)
        lk_get(vu, i ? "/" : "/login", .new_connection = i >= REQUESTS / 2);
}

/* Empties the log, which nginx goes on appending to. */
static const char *log_open(void)
{
    const char *path = places_expand("$dir/access.log", NULL);

    ck_assert_int_eq(truncate(path, 0), 0);
    return path;
}

/* nginx writes a line when the answer is out already. */
static void log_read(const char *path)
{
    static const struct timespec pause = {.tv_nsec = 10000000};
    size_t count = 0;

    for (int look = 0; look < LOOKS_MAX && count < LKI_COUNT(lines); look++) {
        FILE *file = fopen(path, "r");
        char text[512];

        ck_assert_ptr_nonnull(file);
        for (count = 0; fgets(text, sizeof(text), file); count++) {
            struct line *line = &lines[count];
            char reused[4] = "";

            ck_assert_uint_lt(count, LKI_COUNT(lines));
            ck_assert_msg(sscanf(text, "%lu|%*u|200|%d|%31[^|]|%3[^|]|", &line->connection,
                                 &line->user, line->cookie, reused) == 4,
                          "%s", text);
            line->resumed = !strcmp(reused, "r");
        }
        fclose(file);
        nanosleep(&pause, NULL);
    }
    ck_assert_uint_eq(count, LKI_COUNT(lines));
}

/* at_once: the users work side by side; else one after the other. */
static void carry_out(const struct way *way, bool at_once)
{
    const char *path = log_open();

    rig_open(&rig);
    for (int i = 0; i < USERS; i++) {
        rig_add(&rig, visit, (void *)(uintptr_t)way);
        if (!at_once || i == USERS - 1)
            rig_run(&rig);
    }
    for (struct rig_user *user = rig.users; user; user = user->next)
        ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s: %s", way->name, user->message);
    rig_close(&rig);
    log_read(path);
}

static void cookies_verify(const struct way *way)
{
    unsigned first = 0;

    for (size_t i = 0; i < LKI_COUNT(lines); i++) {
        char own[32];

        snprintf(own, sizeof(own), "user=%d", lines[i].user);
        first += !strcmp(lines[i].cookie, "-");
        ck_assert_msg(!strcmp(lines[i].cookie, "-") || !strcmp(lines[i].cookie, own),
                      "%s: user %d came with the cookie %s", way->name, lines[i].user,
                      lines[i].cookie);
    }
    ck_assert_msg(first == USERS, "%s: %u requests without a cookie", way->name, first);
}

/* How many connections two users have been seen on. */
static unsigned shared_connections(void)
{
    unsigned shared = 0;

    for (size_t i = 0; i < LKI_COUNT(lines); i++) {
        bool other = false;

        for (size_t k = 0; k < i; k++)
            other |= lines[k].connection == lines[i].connection && lines[k].user != lines[i].user;
        shared += other;
    }
    return shared;
}

/* How many users have resumed somebody else's session: that of their first connection. */
static unsigned shared_sessions(void)
{
    unsigned shared = 0;

    for (size_t i = 0; i < LKI_COUNT(lines); i++) {
        bool first = true;

        for (size_t k = 0; k < i; k++)
            first &= lines[k].user != lines[i].user;
        shared += first && lines[i].resumed;
    }
    return shared;
}

START_TEST(users_are_apart_unless_they_share)
{
    const struct way *way = &ways[_i / 2];

    carry_out(way, _i % 2);
    cookies_verify(way);
    if (way->connections == LK_HTTP_SHARED) {
        ck_assert_msg(_i % 2 || shared_connections() > 0, "%s: nothing is shared", way->name);
    } else {
        ck_assert_msg(shared_connections() == 0, "%s: connections are shared", way->name);
        ck_assert_msg(shared_sessions() == 0, "%s: sessions are shared", way->name);
    }
}
END_TEST

/* Else the test above would not mean much. */
START_TEST(a_user_resumes_its_own_session)
{
    static const enum place at[] = {PLACE_tls11, PLACE_tls12};
    const struct way way = {"resumed", at[_i % 2],
                            _i / 2 ? LK_HTTP_ENGINE_CURL : LK_HTTP_ENGINE_NATIVE, LK_HTTP_1_1,
                            LK_HTTP_OWN};
    unsigned resumed = 0;

    carry_out(&way, false);
    for (size_t i = 0; i < LKI_COUNT(lines); i++)
        resumed += lines[i].resumed;
    ck_assert_uint_eq(resumed, USERS * REQUESTS / 2);
}
END_TEST

static Suite *apart_suite(void)
{
    Suite *suite = suite_create("apart");
    TCase *all = tcase_create("all");

    tcase_add_unchecked_fixture(all, places_start, places_stop);
    tcase_add_loop_test(all, users_are_apart_unless_they_share, 0, 2 * LKI_COUNT(ways));
    tcase_add_loop_test(all, a_user_resumes_its_own_session, 0, 4);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(apart_suite());
}

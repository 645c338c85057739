/* The connection to Redis: addresses, greeting, commands, what goes wrong, and how it comes back.
 */
#include "net/redis.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/redis_queue.h"
#include "support/expect.h"
#include "support/redis.h"
#include "support/suite.h"

#define LIMIT_NS (30 * LKI_NS_PER_S)

static struct lki_loop loop;
static struct lki_timer limit;
static struct test_redis server;

/* What the connection has told. */
static struct {
    struct lki_redis *redis;
    int ups, downs;
    enum lki_redis_trouble trouble;
    char why[1024];
    bool close_when_up, close_when_down;
} seen;

/* What was answered last. */
static struct {
    int count, lost;
    enum lki_redis_kind kind;
    char text[256];
    size_t len;
    int64_t integer;
    size_t items;
} answer;

static void hang_up(void)
{
    struct lki_redis *redis = seen.redis;

    seen.redis = NULL;
    lki_redis_close(redis);
}

static void on_up(struct lki_redis *redis, void *arg)
{
    EXPECT(arg == &seen && redis == seen.redis, "called for another one");
    EXPECT(lki_redis_is_up(redis), "up, and is not");
    seen.ups++;
    if (seen.close_when_up)
        hang_up();
    lki_loop_stop(&loop);
}

static void on_down(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *why,
                    void *arg)
{
    EXPECT(arg == &seen && redis == seen.redis, "called for another one");
    EXPECT(!lki_redis_is_up(redis), "down, and is not");
    EXPECT(!strchr(why, '\n') && !strstr(why, "cret"), "a bad reason: %s", why);
    seen.downs++;
    seen.trouble = trouble;
    snprintf(seen.why, sizeof(seen.why), "%s", why);
    if (seen.close_when_down)
        hang_up();
    lki_loop_stop(&loop);
}

static void on_answer(const struct lki_redis_reply *reply, void *arg)
{
    EXPECT(arg == &answer, "another argument");
    answer.count++;
    answer.lost += !reply;
    if (reply) {
        answer.kind = reply->kind;
        answer.integer = reply->integer;
        answer.len = reply->len;
        answer.items = reply->count;
        snprintf(answer.text, sizeof(answer.text), "%s", reply->text);
    }
    lki_loop_stop(&loop);
}

static void on_limit(struct lki_timer *timer)
{
    (void)timer;
    EXPECT(false, "nothing came: %d times up, %d times down (%s)", seen.ups, seen.downs, seen.why);
}

#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        lki_timer_set(&loop.timers, &limit, lki_loop_now(&loop) + LIMIT_NS);                       \
        while (!(condition))                                                                       \
            lki_loop_run(&loop);                                                                   \
    } while (0)

static void open_at(const struct lki_redis_address *address)
{
    const struct lki_redis_owner owner = {on_up, on_down, &seen};

    ck_assert_int_eq(lki_redis_open(&seen.redis, &loop, address, &owner), LK_OK);
}

static struct lki_redis_address made;

static void open_url(const char *fmt, ...)
{
    char url[512];
    struct lki_buf why;
    va_list args;

    va_start(args, fmt);
    vsnprintf(url, sizeof(url), fmt, args);
    va_end(args);
    lki_buf_init(&why, 1024);
    ck_assert_msg(!lki_redis_address_parse(&made, url, &why), "%s", lki_buf_cstr(&why));
    open_at(&made);
}

static void stranger_forget(void);

static void set_up(void)
{
    memset(&seen, 0, sizeof(seen));
    memset(&answer, 0, sizeof(answer));
    stranger_forget();
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &limit, on_limit), LK_OK);
}

static void tear_down(void)
{
    lki_redis_close(seen.redis);
    lki_timer_release(&loop.timers, &limit);
    lki_loop_close(&loop);
    test_redis_release(&server);
    lki_redis_address_release(&made);
}

/* ---- addresses ---- */

static const struct {
    const char *url, *host, *path, *user, *password, *shown;
    unsigned port, db;
} addresses[] = {
    {"redis://localhost", "localhost", NULL, NULL, NULL, "localhost:6379", 6379, 0},
    {"REDIS://h.example:7000/", "h.example", NULL, NULL, NULL, "h.example:7000", 7000, 0},
    {"redis://10.0.0.1:1/15", "10.0.0.1", NULL, NULL, NULL, "10.0.0.1:1/15", 1, 15},
    {"redis://[::1]:7000/2", "::1", NULL, NULL, NULL, "[::1]:7000/2", 7000, 2},
    {"redis://[::1]", "::1", NULL, NULL, NULL, "[::1]:6379", 6379, 0},
    {"redis://:pw@h", "h", NULL, NULL, "pw", "h:6379", 6379, 0},
    {"redis://u:pw@h/1", "h", NULL, "u", "pw", "h:6379/1", 6379, 1},
    {"redis://u%3a:p%2Fw%40%25@h", "h", NULL, "u:", "p/w@%", "h:6379", 6379, 0},
    {"redis://u:a:b@c@h", "h", NULL, "u", "a:b@c", "h:6379", 6379, 0},
    {"redis://:@h", "h", NULL, NULL, NULL, "h:6379", 6379, 0},
    {"unix:///run/r.sock", NULL, "/run/r.sock", NULL, NULL, "/run/r.sock", 0, 0},
    {"unix:///run/r%3f.sock?db=3", NULL, "/run/r?.sock", NULL, NULL, "/run/r?.sock database 3", 0,
     3},
    {"unix://u:p@/run/r@x", NULL, "/run/r@x", "u", "p", "/run/r@x", 0, 0},
};

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

START_TEST(urls_are_taken_apart)
{
    struct lki_redis_address address = {0};
    struct lki_buf text;

    lki_buf_init(&text, 1024);
    ck_assert_msg(!lki_redis_address_parse(&address, addresses[_i].url, &text), "%s: %s",
                  addresses[_i].url, lki_buf_cstr(&text));
    ck_assert(same(address.host, addresses[_i].host));
    ck_assert(same(address.path, addresses[_i].path));
    ck_assert(same(address.user, addresses[_i].user));
    ck_assert(same(address.password, addresses[_i].password));
    ck_assert_uint_eq(address.port, addresses[_i].port);
    ck_assert_uint_eq(address.db, addresses[_i].db);
    lki_redis_address_show(&address, &text);
    ck_assert_str_eq(lki_buf_cstr(&text), addresses[_i].shown);
    lki_redis_address_release(&address);
    lki_buf_release(&text);
}
END_TEST

static const struct {
    const char *url, *told;
} wrong_urls[] = {
    {"", "another form than redis://"},
    {"localhost:6379", "another form than redis://"},
    {"http://h", "another form than redis://"},
    {"redis://", "the host is empty"},
    {"redis://:secret@", "the host is empty"},
    {"redis://h:", "the port is empty"},
    {"redis://h:0", "the port is 0"},
    {"redis://h:65536", "greater than 65535"},
    {"redis://h:secret@x:y", "the port is not a number"},
    {"redis://secret@h", "a password alone has a colon before it"},
    {"redis://u:@h", "the password is empty"},
    {"redis://:se%cret@h", "two hexadecimal digits"},
    {"redis://:secret%00@h", "two hexadecimal digits"},
    {"redis://:sec/ret@h", "written as %XX"},
    {"redis://:sec?ret@h", "written as %XX"},
    {"redis://:sec#ret@h", "written as %XX"},
    {"redis://12:34/secretsecret@h", "the number of the database is too large"},
    {"redis://12:34/sec@h", "the database is not a number"},
    {"redis://h/one", "the database is not a number"},
    {"redis://h/1/2", "the database is not a number"},
    {"redis://h/99999999999", "database"},
    {"redis://h?db=1", "something other than /DB"},
    {"redis://h /1", "a space or a control character"},
    {"redis://[::1", "IPv6"},
    {"rediss://:secret@h", "TLS, is not supported"},
    {"rediss://:secret@h", "stunnel"},
    {"unix://run/r.sock", "does not begin with a /"},
    {"unix://", "does not begin with a /"},
    {"unix:///run/r.sock?x=1", "something other than ?db=DB"},
    {"unix:///run/r.sock?db=x", "the database is not a number"},
    {"unix:///aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "longer than the system allows"},
};

START_TEST(wrong_urls_are_told_without_their_passwords)
{
    struct lki_redis_address address = {.port = 7};
    struct lki_buf why;

    lki_buf_init(&why, 1024);
    ck_assert_int_eq(lki_redis_address_parse(&address, wrong_urls[_i].url, &why), LK_E_FORMAT);
    ck_assert_uint_eq(address.port, 7);
    ck_assert_msg(strstr(lki_buf_cstr(&why), wrong_urls[_i].told), "%s: %s", wrong_urls[_i].url,
                  lki_buf_cstr(&why));
    ck_assert(!strstr(lki_buf_cstr(&why), "sec"));
    ck_assert(!strstr(lki_buf_cstr(&why), "ret@"));
    lki_buf_release(&why);
}
END_TEST

/* ---- a Redis that serves ---- */

static void say_and_wait(const char *a, const char *b, const char *c)
{
    int before = answer.count;

    ck_assert_int_eq(lki_redis_say(seen.redis, on_answer, &answer, a, b, c, NULL), LK_OK);
    RUN_UNTIL(answer.count > before);
}

START_TEST(replies_of_all_kinds_come_back)
{
    test_redis_start(&server, _i);
    open_at(&server.address);
    ck_assert(!lki_redis_is_up(seen.redis));
    ck_assert_int_eq(lki_redis_say(seen.redis, on_answer, &answer, "PING"), LK_E_STATE);
    RUN_UNTIL(seen.ups == 1);
    say_and_wait("GET", "key", NULL);
    ck_assert_int_eq(answer.kind, LKI_REDIS_NIL);
    say_and_wait("SET", "key", "value");
    ck_assert_int_eq(answer.kind, LKI_REDIS_TEXT);
    ck_assert_str_eq(answer.text, "OK");
    ck_assert_str_eq(test_redis_text(&server, "GET", "key", NULL), "value");
    say_and_wait("APPEND", "key", "!");
    ck_assert_int_eq(answer.kind, LKI_REDIS_INTEGER);
    ck_assert_int_eq(answer.integer, 6);
    say_and_wait("MGET", "key", "none");
    ck_assert_int_eq(answer.kind, LKI_REDIS_LIST);
    ck_assert_uint_eq(answer.items, 2);
    say_and_wait("KEYS", "none", NULL);
    ck_assert_uint_eq(answer.items, 0);
    say_and_wait("LPUSH", "key", "x");
    ck_assert_int_eq(answer.kind, LKI_REDIS_ERROR);
    ck_assert(!strncmp(answer.text, "WRONGTYPE", 9));
    ck_assert_int_eq(seen.downs + answer.lost, 0);
}
END_TEST

static void on_nested(const struct lki_redis_reply *reply, void *arg)
{
    const struct lki_redis_reply *inner;

    (void)arg;
    EXPECT(reply && reply->kind == LKI_REDIS_LIST && reply->count == 4, "not the list");
    EXPECT(reply->items[0].integer == 1 && reply->items[3].kind == LKI_REDIS_NIL, "its ends");
    inner = reply->items[1].items;
    EXPECT(reply->items[1].count == 2 && !strcmp(inner[0].text, "a") &&
               inner[1].items[0].integer == -5,
           "the inner list");
    EXPECT(!strcmp(reply->items[2].text, "z"), "what follows it");
    answer.count++;
    lki_loop_stop(&loop);
}

START_TEST(lists_within_lists_are_read)
{
    test_redis_start(&server, false);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    ck_assert_int_eq(lki_redis_say(seen.redis, on_nested, NULL, "EVAL",
                                   "return {1, {'a', {-5}}, 'z', false}", "0"),
                     LK_OK);
    RUN_UNTIL(answer.count);
}
END_TEST

#define BIG_BYTES ((size_t)24 * 1024 * 1024)

static void on_big(const struct lki_redis_reply *reply, void *arg)
{
    EXPECT(reply && reply->len == BIG_BYTES && !memcmp(reply->text, arg, BIG_BYTES),
           "other bytes came back");
    answer.count++;
    lki_loop_stop(&loop);
}

START_TEST(large_values_go_and_come_whole)
{
    const char *set[] = {"SET", "big", malloc(BIG_BYTES)};
    const size_t lens[] = {3, 3, BIG_BYTES};
    char *bytes = (char *)(uintptr_t)set[2];

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < BIG_BYTES; i++)
        bytes[i] = (char)(i * 7 + (i >> 12));
    test_redis_start(&server, _i);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(lki_redis_send(seen.redis, 3, set, lens, NULL, NULL), LK_OK);
    for (int i = 0; i < 3; i++)
        lki_redis_say(seen.redis, on_big, bytes, "GET", "big");
    RUN_UNTIL(answer.count == 3);
    ck_assert_int_eq(seen.downs, 0);
    free(bytes);
}
END_TEST

START_TEST(more_than_the_queue_holds_is_refused_and_harms_nothing)
{
    static const char expected[] = "*2\r\n$3\r\nGET\r\n$3\r\none\r\n*1\r\n$4\r\nPING\r\n";
    const char *const get[] = {"GET", "one", NULL};
    const char *const set[] = {"SET", "one", "a value that is far too long for so small a queue",
                               NULL};
    const char *const ping[] = {"PING", NULL};
    struct lki_redis_queue queue;
    char bytes[256];
    int ends[2];

    ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    lki_redis_queue_init(&queue);
    queue.bytes.max = 80;
    ck_assert_int_eq(lki_redis_queue_say(&queue, get, NULL, NULL, 1), LK_OK);
    ck_assert_int_eq(lki_redis_queue_say(&queue, set, on_answer, &answer, 2), LK_E_LIMIT);
    ck_assert_int_eq(lki_redis_queue_say(&queue, ping, on_answer, &answer, 3), LK_OK);
    ck_assert(lki_redis_queue_send(&queue, ends[0]) && lki_redis_queue_sent(&queue));
    ck_assert_int_eq(read(ends[1], bytes, sizeof(bytes)), sizeof(expected) - 1);
    ck_assert_mem_eq(bytes, expected, sizeof(expected) - 1);
    lki_redis_queue_tell_lost(lki_redis_queue_drop(&queue));
    ck_assert_int_eq(answer.lost, 1);
    close(ends[1]);
    ck_assert_int_eq(lki_redis_queue_say(&queue, ping, NULL, NULL, 4), LK_OK);
    ck_assert(!lki_redis_queue_send(&queue, ends[0]));
    lki_redis_queue_tell_lost(lki_redis_queue_drop(&queue));
    close(ends[0]);
}
END_TEST

START_TEST(an_idle_connection_stays)
{
    int64_t until_ns;

    test_redis_start(&server, false);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    until_ns = lki_loop_now(&loop) + 5 * LKI_NS_PER_S;
    lki_timer_cancel(&limit);
    lki_loop_run_until(&loop, until_ns);
    ck_assert_int_eq(seen.downs, 0);
    say_and_wait("PING", NULL, NULL);
}
END_TEST

/* ---- who is not let in ---- */

START_TEST(the_password_of_a_user_opens)
{
    test_redis_start(&server, true);
    test_redis_ask(&server, "ACL", "SETUSER", "load", "on", ">pass:cret", "~*", "+@all", NULL);
    open_url("redis://load:pass%%3Acret@127.0.0.1:%u/1", server.port);
    RUN_UNTIL(seen.ups);
    say_and_wait("ACL", "WHOAMI", NULL);
    ck_assert_str_eq(answer.text, "load");
}
END_TEST

static void expect_down(enum lki_redis_trouble trouble, const char *told)
{
    RUN_UNTIL(seen.downs + seen.ups);
    ck_assert_int_eq(seen.ups, 0);
    ck_assert_int_eq(seen.trouble, trouble);
    ck_assert_msg(!strncmp(seen.why, "Redis at ", 9) && strstr(seen.why, told), "%s", seen.why);
}

START_TEST(a_wrong_password_is_told)
{
    test_redis_start(&server, true);
    open_url("redis://:not-secret@127.0.0.1:%u", server.port);
    expect_down(LKI_REDIS_REFUSED, ": the password is wrong");
    /* somebody sets it right */
    test_redis_ask(&server, "CONFIG", "SET", "requirepass", "not-secret", NULL);
    RUN_UNTIL(seen.ups);
}
END_TEST

START_TEST(a_wrong_user_is_told)
{
    test_redis_start(&server, true);
    open_url("redis://nobody:secret@127.0.0.1:%u", server.port);
    expect_down(LKI_REDIS_REFUSED, ": the password is wrong, or there is no such user");
}
END_TEST

START_TEST(a_missing_password_is_told)
{
    test_redis_start(&server, true);
    open_url("redis://127.0.0.1:%u", server.port);
    expect_down(LKI_REDIS_REFUSED, ": it wants a password");
}
END_TEST

START_TEST(a_needless_password_is_told)
{
    test_redis_start(&server, true);
    test_redis_ask(&server, "CONFIG", "SET", "requirepass", "", NULL);
    open_url("redis://:not-secret@127.0.0.1:%u", server.port);
    expect_down(LKI_REDIS_REFUSED, ": it has no password, but the URL has one");
}
END_TEST

START_TEST(a_wrong_database_is_told)
{
    test_redis_start(&server, true);
    open_url("redis://:se%%2Fcret%%3A%%40%%25word@127.0.0.1:%u/4", server.port);
    expect_down(LKI_REDIS_REFUSED, ": it has no database of this number");
    ck_assert(strstr(seen.why, "/4: "));
}
END_TEST

START_TEST(a_user_without_rights_is_told)
{
    test_redis_start(&server, true);
    test_redis_ask(&server, "ACL", "SETUSER", "load", "on", ">pw", "+hello", "+ping", NULL);
    open_url("redis://load:pw@127.0.0.1:%u", server.port);
    RUN_UNTIL(seen.ups);
    ck_assert_int_eq(lki_redis_say(seen.redis, on_answer, &answer, "XADD", "k", "*", "m", ""),
                     LK_OK);
    RUN_UNTIL(seen.downs);
    ck_assert_int_eq(answer.lost, 1);
    ck_assert_int_eq(seen.trouble, LKI_REDIS_REFUSED);
    ck_assert_msg(strstr(seen.why, "xadd") && strstr(seen.why, "loadkit-redis(7)"), "%s", seen.why);
}
END_TEST

START_TEST(a_replica_is_refused)
{
    test_redis_start(&server, true);
    test_redis_ask(&server, "REPLICAOF", "127.0.0.1", "1", NULL);
    open_at(&server.address);
    expect_down(LKI_REDIS_REFUSED, ": it is a replica of another Redis");
    test_redis_ask(&server, "REPLICAOF", "NO", "ONE", NULL);
    RUN_UNTIL(seen.ups);
    /* and one that becomes a replica, when something is written */
    test_redis_ask(&server, "REPLICAOF", "127.0.0.1", "1", NULL);
    lki_redis_say(seen.redis, on_answer, &answer, "SET", "k", "v");
    RUN_UNTIL(answer.lost);
    ck_assert_msg(strstr(seen.why, "read-only replica"), "%s", seen.why);
}
END_TEST

START_TEST(too_many_clients_are_told)
{
    test_redis_start(&server, true);
    test_redis_ask(&server, "CONFIG", "SET", "maxclients", "1", NULL);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    hang_up();
    /* the one that there may be is taken by another one */
    seen.ups = 0;
    {
        struct lki_redis_owner owner = {on_up, on_down, &seen};
        struct lki_redis *first;

        ck_assert_int_eq(lki_redis_open(&first, &loop, &server.address, &owner), LK_OK);
        seen.redis = first;
        RUN_UNTIL(seen.ups);
        ck_assert_int_eq(lki_redis_open(&seen.redis, &loop, &server.address, &owner), LK_OK);
        seen.ups = seen.downs = 0;
        expect_down(LKI_REDIS_AWAY, ": it takes no more clients");
        lki_redis_close(first);
    }
    RUN_UNTIL(seen.ups);
}
END_TEST

/* ---- who is no Redis ---- */

/* One that takes each connection and says the same to each. */
static struct {
    int listener, fd;
    struct lki_io io, talk;
    const char *words; /* "": it says nothing, NULL: it closes */
    bool asked;        /* it waits until it was asked something */
    uint16_t port;
} stranger;

static void stranger_forget(void)
{
    memset(&stranger, 0, sizeof(stranger));
}

static void on_asked(struct lki_io *io, unsigned events)
{
    char bytes[4096];

    (void)events;
    if (recv(stranger.fd, bytes, sizeof(bytes), 0) > 0 && stranger.words && stranger.asked) {
        stranger.asked = false;
        ck_assert_int_gt(send(stranger.fd, stranger.words, strlen(stranger.words), MSG_NOSIGNAL),
                         0);
    } else if (recv(stranger.fd, bytes, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
        lki_io_stop(io);
    }
}

static void on_visitor(struct lki_io *io, unsigned events)
{
    (void)io;
    (void)events;
    lki_io_stop(&stranger.talk);
    if (stranger.fd > 0)
        close(stranger.fd);
    stranger.fd = accept(stranger.listener, NULL, NULL);
    ck_assert_int_gt(stranger.fd, 0);
    if (!stranger.words) {
        close(stranger.fd);
        stranger.fd = 0;
        return;
    }
    if (!stranger.asked && *stranger.words)
        ck_assert_int_gt(send(stranger.fd, stranger.words, strlen(stranger.words), 0), 0);
    ck_assert_int_eq(lki_io_start(&loop, &stranger.talk, stranger.fd, LKI_READABLE, on_asked),
                     LK_OK);
}

static void stranger_open(const char *words, bool asked)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);

    stranger.words = words;
    stranger.asked = asked;
    stranger.listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(!bind(stranger.listener, (struct sockaddr *)&at, sizeof(at)));
    ck_assert(!listen(stranger.listener, 8));
    ck_assert(!getsockname(stranger.listener, (struct sockaddr *)&at, &len));
    stranger.port = ntohs(at.sin_port);
    ck_assert_int_eq(lki_io_start(&loop, &stranger.io, stranger.listener, LKI_READABLE, on_visitor),
                     LK_OK);
}

static void stranger_close(void)
{
    lki_io_stop(&stranger.io);
    lki_io_stop(&stranger.talk);
    close(stranger.listener);
    if (stranger.fd > 0)
        close(stranger.fd);
}

#define HELLO_OF(version, mode, role)                                                              \
    "*6\r\n$7\r\nversion\r\n" version "$4\r\nmode\r\n" mode "$4\r\nrole\r\n" role

static const struct {
    const char *words;
    bool asked;
    enum lki_redis_trouble trouble;
    const char *told;
} strangers[] = {
    {"HTTP/1.1 400 Bad Request\r\n\r\n", true, LKI_REDIS_REFUSED, "is not Redis"},
    {"SSH-2.0-OpenSSH_9.2\r\n", false, LKI_REDIS_REFUSED, "is not Redis"},
    {"+OK POP3 ready\r\n", false, LKI_REDIS_REFUSED, "is not Redis"},
    {"+one\r\n+two\r\n+three\r\n", false, LKI_REDIS_REFUSED, "is not Redis"},
    {"*2\r\n$-1\r\n:5\r\n", true, LKI_REDIS_REFUSED, "is not Redis"},
    {"*1000000000\r\n", true, LKI_REDIS_REFUSED, "is not Redis"},
    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", true, LKI_REDIS_REFUSED,
     "is not Redis"},
    {"\x15\x03\x03", true, LKI_REDIS_REFUSED, "speaks TLS"},
    {"+OK\r\n+PONG\r\n", true, LKI_REDIS_REFUSED, "is not Redis"},
    {"+OK\r\n*0\r\n+no\r\n", true, LKI_REDIS_REFUSED, "is not Redis"},
    {"+OK\r\n*0\r\n-what\x01?\r\n", true, LKI_REDIS_REFUSED, "answers PING with an error"},
    {"-ERR unknown command 'AUTH', with args beginning with: 'secret'\r\n", true, LKI_REDIS_REFUSED,
     "does not take the password"},
    {"+OK\r\n-ERR unknown command `HELLO`\r\n", true, LKI_REDIS_REFUSED, "older than Redis 6.2"},
    {"+OK\r\n" HELLO_OF("$6\r\n6.0.16\r\n", "$1\r\nx\r\n", "$6\r\nmaster\r\n"), true,
     LKI_REDIS_REFUSED, "older than Redis 6.2"},
    {"+OK\r\n" HELLO_OF("$5\r\n7.0.1\r\n", "$7\r\ncluster\r\n", "$6\r\nmaster\r\n"), true,
     LKI_REDIS_REFUSED, "Redis Cluster"},
    {"+OK\r\n" HELLO_OF("$5\r\n7.0.1\r\n", "$8\r\nsentinel\r\n", "$6\r\nmaster\r\n"), true,
     LKI_REDIS_REFUSED, "Sentinel"},
    {"-LOADING Redis is loading the dataset in memory\r\n", true, LKI_REDIS_AWAY, "still loading"},
    {"-DENIED Redis is running in protected mode because ...\r\n", false, LKI_REDIS_REFUSED,
     "protected mode"},
    {NULL, false, LKI_REDIS_AWAY, "closed there before any answer"},
    {"", false, LKI_REDIS_AWAY, "no answer for 3 s"},
};

START_TEST(strangers_are_told_from_a_redis)
{
    stranger_open(strangers[_i].words, strangers[_i].asked);
    open_url("redis://:secret@127.0.0.1:%u", stranger.port);
    expect_down(strangers[_i].trouble, strangers[_i].told);
    stranger_close();
}
END_TEST

START_TEST(a_redis_that_says_more_than_it_was_asked_is_left)
{
    stranger_open(
        "+OK\r\n" HELLO_OF("$5\r\n6.2.0\r\n", "$1\r\nx\r\n", "$6\r\nmaster\r\n") "+PONG\r\n+OK\r\n",
        true);
    open_url("redis://:secret@127.0.0.1:%u", stranger.port);
    RUN_UNTIL(seen.ups && seen.downs);
    ck_assert_msg(strstr(seen.why, "is not Redis"), "%s", seen.why);
    stranger_close();
}
END_TEST

/* ---- who is slow ---- */

#define SIP_BYTES ((size_t)256 * 1024)

/* It takes what it is sent in small portions, and is late with its answer. */
static void on_sip(struct lki_timer *timer)
{
    static char bytes[SIP_BYTES];

    lki_io_stop(&stranger.talk);
    while (recv(stranger.fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_WAITALL) < 0 &&
           errno == EINTR)
        ;
    lki_timer_set(&loop.timers, timer, lki_loop_now(&loop) + 100 * LKI_NS_PER_MS);
}

START_TEST(a_slow_net_is_no_silence)
{
    const char *set[] = {"SET", "big", calloc(1, BIG_BYTES)};
    const size_t lens[] = {3, 3, BIG_BYTES};
    struct lki_timer sip;

    ck_assert_ptr_nonnull(set[2]);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &sip, on_sip), LK_OK);
    stranger_open("+OK\r\n" HELLO_OF("$5\r\n6.2.0\r\n", "$1\r\nx\r\n", "$6\r\nmaster\r\n") "+PONG"
                                                                                           "\r\n",
                  true);
    open_url("redis://:secret@127.0.0.1:%u", stranger.port);
    RUN_UNTIL(seen.ups);
    ck_assert_int_eq(lki_redis_send(seen.redis, 3, set, lens, NULL, NULL), LK_OK);
    on_sip(&sip);
    lki_timer_cancel(&limit);
    lki_loop_run_until(&loop, lki_loop_now(&loop) + 5 * LKI_NS_PER_S);
    ck_assert_int_eq(seen.downs, 0);
    lki_timer_release(&loop.timers, &sip);
    stranger_close();
    free((char *)(uintptr_t)set[2]);
}
END_TEST

/* ---- who is not there ---- */

START_TEST(nobody_there_is_told_each_time)
{
    stranger_open(NULL, false);
    stranger_close();
    open_url("redis://:secret@127.0.0.1:%u/3", stranger.port);
    expect_down(LKI_REDIS_AWAY, "/3: connection refused; is it running there?");
    RUN_UNTIL(seen.downs == 3);
}
END_TEST

START_TEST(no_socket_is_told)
{
    open_url("unix://:secret@%s/none.sock", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    expect_down(LKI_REDIS_AWAY, "none.sock: there is no such socket");
}
END_TEST

static size_t threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t count = 0;

    for (const struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

START_TEST(a_name_is_looked_up_and_leaves_nothing)
{
    test_redis_start(&server, true);
    open_url("redis://:se%%2Fcret%%3A%%40%%25word@localhost:%u", server.port);
    RUN_UNTIL(seen.ups);
    ck_assert_uint_eq(threads(), 1);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), 0); /* redis-server is the only child */
    hang_up();
    test_redis_kill(&server);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(a_name_that_nobody_has_is_told)
{
    open_url("redis://:secret@no-such-host.invalid");
    expect_down(LKI_REDIS_AWAY, "no-such-host.invalid:6379: the name cannot be looked up: ");
    hang_up();
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(closing_ends_a_look_up)
{
    open_url("redis://no-such-host.invalid");
    lki_timer_cancel(&limit);
    lki_loop_run_until(&loop, lki_loop_now(&loop) + LKI_NS_PER_MS);
    hang_up();
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

/* ---- losing it ---- */

START_TEST(it_comes_back_after_a_restart)
{
    test_redis_start(&server, _i);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    for (int i = 1; i <= 2; i++) {
        lki_redis_say(seen.redis, on_answer, &answer, "BLPOP", "none", "0");
        lki_redis_say(seen.redis, on_answer, &answer, "PING");
        lki_loop_run_until(&loop, lki_loop_now(&loop) + 10 * LKI_NS_PER_MS);
        test_redis_kill(&server);
        RUN_UNTIL(seen.downs);
        ck_assert_int_eq(seen.trouble, LKI_REDIS_AWAY);
        ck_assert_int_eq(answer.lost, 2 * i);
        ck_assert_int_eq(lki_redis_say(seen.redis, on_answer, &answer, "PING"), LK_E_STATE);
        test_redis_restart(&server);
        RUN_UNTIL(seen.ups == i + 1);
        say_and_wait("PING", NULL, NULL);
        ck_assert_str_eq(answer.text, "PONG");
        seen.downs = 0;
    }
}
END_TEST

START_TEST(one_that_stands_still_is_noticed)
{
    int64_t began_ns;

    test_redis_start(&server, _i);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    began_ns = lki_loop_now(&loop);
    test_redis_signal(&server, SIGSTOP);
    if (_i)
        lki_redis_say(seen.redis, on_answer, &answer, "GET", "key");
    RUN_UNTIL(seen.downs);
    ck_assert_msg(strstr(seen.why, ": no answer for 3 s"), "%s", seen.why);
    ck_assert_int_eq(answer.lost, _i);
    ck_assert_int_lt(lki_loop_now(&loop) - began_ns, 6 * LKI_NS_PER_S);
    test_redis_signal(&server, SIGCONT);
    RUN_UNTIL(seen.ups == 2);
}
END_TEST

/* Small commands are taken by the kernel for long, which is no sign of life. */
static void on_more(struct lki_timer *timer)
{
    lki_redis_say(seen.redis, NULL, NULL, "PING");
    lki_timer_set(&loop.timers, timer, lki_loop_now(&loop) + 50 * LKI_NS_PER_MS);
}

START_TEST(writing_is_no_sign_of_life)
{
    struct lki_timer more;

    test_redis_start(&server, true);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &more, on_more), LK_OK);
    test_redis_signal(&server, SIGSTOP);
    on_more(&more);
    RUN_UNTIL(seen.downs);
    ck_assert_msg(strstr(seen.why, ": no answer for 3 s"), "%s", seen.why);
    lki_timer_release(&loop.timers, &more);
    test_redis_signal(&server, SIGCONT);
}
END_TEST

START_TEST(a_drop_is_told_and_tried_again)
{
    test_redis_start(&server, false);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    lki_redis_say(seen.redis, on_answer, &answer, "PING");
    lki_redis_drop(seen.redis, LKI_REDIS_REFUSED, "the key is wrong");
    ck_assert_int_eq(answer.lost, 1);
    ck_assert_int_eq(seen.downs, 1);
    ck_assert_int_eq(seen.trouble, LKI_REDIS_REFUSED);
    ck_assert_msg(strstr(seen.why, server.path) && strstr(seen.why, ": the key is wrong"), "%s",
                  seen.why);
    lki_redis_drop(seen.redis, LKI_REDIS_REFUSED, "again");
    ck_assert_int_eq(seen.downs, 1);
    RUN_UNTIL(seen.ups == 2);
}
END_TEST

/* ---- closing ---- */

static void on_answer_close(const struct lki_redis_reply *reply, void *arg)
{
    answer.count++;
    answer.lost += !reply;
    if (arg)
        hang_up();
    lki_loop_stop(&loop);
}

START_TEST(closing_is_possible_wherever_it_calls)
{
    test_redis_start(&server, false);
    seen.close_when_up = _i == 0;
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    if (_i == 1) {
        lki_redis_say(seen.redis, on_answer_close, NULL, "PING");
        lki_redis_say(seen.redis, on_answer_close, &answer, "PING");
        lki_redis_say(seen.redis, on_answer_close, NULL, "PING");
        RUN_UNTIL(answer.count == 3);
        ck_assert_int_eq(answer.lost, 1);
    } else if (_i == 2) {
        seen.close_when_down = true;
        test_redis_kill(&server);
        RUN_UNTIL(seen.downs);
    } else if (_i == 3) {
        lki_redis_say(seen.redis, on_answer_close, &answer, "BLPOP", "none", "0");
        test_redis_kill(&server);
        RUN_UNTIL(answer.count);
        ck_assert_int_eq(seen.downs, 0);
    }
    ck_assert_ptr_null(seen.redis);
    lki_timer_cancel(&limit);
    lki_loop_run_until(&loop, lki_loop_now(&loop) + 300 * LKI_NS_PER_MS);
    ck_assert_int_eq(seen.ups, 1);
}
END_TEST

START_TEST(what_was_sent_before_closing_arrives)
{
    test_redis_start(&server, _i);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    lki_redis_say(seen.redis, NULL, NULL, "SET", "last", "word");
    hang_up();
    for (int i = 0; i < 100 && !test_redis_ask(&server, "EXISTS", "last", NULL); i++)
        usleep(10000);
    ck_assert_int_eq(test_redis_ask(&server, "EXISTS", "last", NULL), 1);
}
END_TEST

START_TEST(a_child_lets_go_of_its_copy)
{
    int status;
    pid_t pid;

    test_redis_start(&server, false);
    open_at(&server.address);
    RUN_UNTIL(seen.ups);
    pid = suite_fork();
    if (!pid) {
        char text[64];
        bool held = false;

        if (lki_loop_forked(&loop))
            _exit(1);
        lki_redis_forked(seen.redis);
        for (int fd = 3; fd < 64; fd++) {
            ssize_t len;
            char name[32];

            snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
            len = readlink(name, text, sizeof(text));
            held |= len > 6 && !memcmp(text, "socket", 6);
        }
        /* who looks for leaks at the end of a process shall not look in this copy */
        execlp(held ? "false" : "true", "child", (char *)NULL);
        _exit(1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    say_and_wait("PING", NULL, NULL);
    ck_assert_int_eq(seen.downs, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis");
    TCase *tcase = tcase_create("redis");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, urls_are_taken_apart, 0, LKI_COUNT(addresses));
    tcase_add_loop_test(tcase, wrong_urls_are_told_without_their_passwords, 0,
                        LKI_COUNT(wrong_urls));
    tcase_add_loop_test(tcase, replies_of_all_kinds_come_back, 0, 2);
    tcase_add_test(tcase, lists_within_lists_are_read);
    tcase_add_loop_test(tcase, large_values_go_and_come_whole, 0, 2);
    tcase_add_test(tcase, more_than_the_queue_holds_is_refused_and_harms_nothing);
    tcase_add_test(tcase, an_idle_connection_stays);
    tcase_add_test(tcase, the_password_of_a_user_opens);
    tcase_add_test(tcase, a_wrong_password_is_told);
    tcase_add_test(tcase, a_wrong_user_is_told);
    tcase_add_test(tcase, a_missing_password_is_told);
    tcase_add_test(tcase, a_needless_password_is_told);
    tcase_add_test(tcase, a_wrong_database_is_told);
    tcase_add_test(tcase, a_user_without_rights_is_told);
    tcase_add_test(tcase, a_replica_is_refused);
    tcase_add_test(tcase, too_many_clients_are_told);
    tcase_add_loop_test(tcase, strangers_are_told_from_a_redis, 0, LKI_COUNT(strangers));
    tcase_add_test(tcase, a_redis_that_says_more_than_it_was_asked_is_left);
    tcase_add_test(tcase, a_slow_net_is_no_silence);
    tcase_add_test(tcase, nobody_there_is_told_each_time);
    tcase_add_test(tcase, no_socket_is_told);
    tcase_add_test(tcase, a_name_is_looked_up_and_leaves_nothing);
    tcase_add_test(tcase, a_name_that_nobody_has_is_told);
    tcase_add_test(tcase, closing_ends_a_look_up);
    tcase_add_loop_test(tcase, it_comes_back_after_a_restart, 0, 2);
    tcase_add_loop_test(tcase, one_that_stands_still_is_noticed, 0, 2);
    tcase_add_test(tcase, writing_is_no_sign_of_life);
    tcase_add_test(tcase, a_drop_is_told_and_tried_again);
    tcase_add_loop_test(tcase, closing_is_possible_wherever_it_calls, 0, 4);
    tcase_add_loop_test(tcase, what_was_sent_before_closing_arrives, 0, 2);
    tcase_add_test(tcase, a_child_lets_go_of_its_copy);
    return suite_run(suite);
}

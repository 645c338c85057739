/* An orchestrator's hub and the spokes of stations, over a real Redis: messages each once and in
 * order whatever happens to it, the lock, presence, silence, the checkpoint. */
#include "bus/hub.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "bus/contact.h"
#include "support/expect.h"
#include "support/redis.h"
#include "support/suite.h"

#define LIMIT_NS (30 * LKI_NS_PER_S)
#define BEAT_NS (500 * LKI_NS_PER_MS)
#define TICK_NS (20 * LKI_NS_PER_MS)
#define BIG_BYTES ((size_t)6 * 1024 * 1024)

static struct lki_loop loop;
static struct lki_timer limit, tick;
static struct test_redis server;

/* A station of the test: what it sends is numbered, and so is what it expects. */
struct station {
    struct lki_spoke *spoke;
    const char *id;
    int ups, downs, refusals, orchestrators;
    enum lki_redis_trouble trouble;
    char why[512];
    uint64_t sent, heard; /* numbered messages */
    bool mute;            /* no beats */
    bool greets;          /* says something to each orchestrator */
    int64_t beat_ns;
    const char *close_in; /* the callback in which it is closed */
    bool talks;           /* sends one more with each tick */
};

/* And an orchestrator. */
struct boss {
    struct lki_hub *hub;
    int ups, downs, refusals, waits, contacts, beats, silent, loud, states;
    uint64_t token;
    enum lki_redis_trouble trouble;
    char why[512];
    struct lki_contact *contact; /* the last one that came */
    struct lki_contact *former;  /* and the one before */
    uint64_t sent, heard, first, number;
    bool lazy;   /* acknowledges nothing */
    bool loads;  /* reads the state when it is up */
    bool loaded; /* has done so */
    bool state_ok;
    char state[256];
    const char *close_in;
    bool talks;
    void (*then)(struct boss *boss, uint64_t number);
};

static struct station north, south;
static struct boss old, young;

/* ---- a station ---- */

static bool station_ends(struct station *s, const char *where)
{
    struct lki_spoke *spoke = s->spoke;

    lki_loop_stop(&loop);
    if (!s->close_in || strcmp(s->close_in, where) != 0)
        return false;
    s->spoke = NULL;
    lki_spoke_close(spoke);
    return true;
}

static void station_say(struct station *s)
{
    char text[32];

    snprintf(text, sizeof(text), "up %llu", (unsigned long long)++s->sent);
    EXPECT(!lki_spoke_send(s->spoke, text, strlen(text)), "cannot send");
}

static void s_up(struct lki_spoke *spoke, void *arg)
{
    struct station *s = arg;

    EXPECT(spoke == s->spoke && lki_spoke_is_up(spoke), "another spoke");
    s->ups++;
    station_ends(s, "up");
}

static void s_down(struct lki_spoke *spoke, enum lki_redis_trouble trouble, const char *why,
                   void *arg)
{
    struct station *s = arg;

    EXPECT(spoke == s->spoke && !lki_spoke_is_up(spoke), "another spoke");
    s->downs++;
    s->trouble = trouble;
    snprintf(s->why, sizeof(s->why), "%s", why);
    station_ends(s, "down");
}

static void s_refused(struct lki_spoke *spoke, const char *who, void *arg)
{
    struct station *s = arg;

    EXPECT(spoke == s->spoke && !lki_spoke_is_up(spoke), "another spoke");
    s->refusals++;
    snprintf(s->why, sizeof(s->why), "%s", who);
    station_ends(s, "refused");
}

static void s_orchestrator(struct lki_spoke *spoke, void *arg)
{
    struct station *s = arg;

    EXPECT(spoke == s->spoke, "another spoke");
    s->orchestrators++;
    if (!station_ends(s, "orchestrator") && s->greets)
        station_say(s);
}

static void s_command(struct lki_spoke *spoke, const void *bytes, size_t len, void *arg)
{
    struct station *s = arg;
    char text[32];

    EXPECT(spoke == s->spoke, "another spoke");
    snprintf(text, sizeof(text), "down %llu", (unsigned long long)s->heard + 1);
    if (len < BIG_BYTES)
        EXPECT(len == strlen(text) && !memcmp(bytes, text, len), "%s: %.*s where it awaits %s",
               s->id, (int)len, (const char *)bytes, text);
    s->heard++;
    station_ends(s, "command");
}

static void station_open_in(struct station *s, const char *id, const char *cluster)
{
    const struct lki_hub_settings settings = {&server.address, cluster, id};
    const struct lki_spoke_owner owner = {s_up, s_down, s_refused, s_orchestrator, s_command, s};
    char presence[128];

    s->id = id;
    snprintf(presence, sizeof(presence), "{\"host\": \"here\", \"pid\": %d}", (int)getpid());
    EXPECT(!lki_spoke_open(&s->spoke, &loop, &settings, presence, &owner), "no station");
}

static void station_open(struct station *s, const char *id)
{
    station_open_in(s, id, "default");
}

static void station_close(struct station *s)
{
    struct lki_spoke *spoke = s->spoke;

    s->spoke = NULL;
    lki_spoke_close(spoke);
}

/* ---- an orchestrator ---- */

static bool boss_ends(struct boss *b, const char *where)
{
    struct lki_hub *hub = b->hub;

    lki_loop_stop(&loop);
    if (!b->close_in || strcmp(b->close_in, where) != 0)
        return false;
    b->hub = NULL;
    lki_hub_close(hub);
    return true;
}

static void boss_say(struct boss *b)
{
    char text[32];

    snprintf(text, sizeof(text), "down %llu", (unsigned long long)++b->sent);
    EXPECT(!lki_contact_send(b->contact, text, strlen(text)), "cannot send");
}

static void b_state(const char *name, const void *bytes, size_t len, bool ok, void *arg)
{
    struct boss *b = arg;
    size_t at = strlen(b->state);

    EXPECT(!b->contacts, "a station was heard before the state was loaded");
    if (name) {
        snprintf(b->state + at, sizeof(b->state) - at, "%s=%.*s;", name, (int)len,
                 (const char *)bytes);
        return;
    }
    b->states++;
    b->state_ok = ok;
    b->loaded = true;
    boss_ends(b, "state");
}

static void b_up(struct lki_hub *hub, uint64_t token, void *arg)
{
    struct boss *b = arg;

    EXPECT(hub == b->hub && lki_hub_is_up(hub), "another hub");
    b->ups++;
    b->token = token;
    if (b->loads)
        EXPECT(!lki_hub_get_all(hub, b_state, b), "no state");
    boss_ends(b, "up");
}

static void b_down(struct lki_hub *hub, enum lki_redis_trouble trouble, const char *why, void *arg)
{
    struct boss *b = arg;

    EXPECT(hub == b->hub && !lki_hub_is_up(hub), "another hub");
    b->downs++;
    b->trouble = trouble;
    snprintf(b->why, sizeof(b->why), "%s", why);
    boss_ends(b, "down");
}

static void b_refused(struct lki_hub *hub, const char *who, void *arg)
{
    struct boss *b = arg;

    EXPECT(hub == b->hub && !lki_hub_is_up(hub), "another hub");
    b->refusals++;
    snprintf(b->why, sizeof(b->why), "%s", who);
    boss_ends(b, "refused");
}

static void b_wait(struct lki_hub *hub, const char *who, void *arg)
{
    struct boss *b = arg;

    (void)hub;
    (void)who;
    b->waits++;
}

static void b_contact(struct lki_hub *hub, struct lki_contact *contact, void *arg)
{
    struct boss *b = arg;

    EXPECT(hub == b->hub && (!b->loads || b->loaded), "too early");
    b->contacts++;
    b->former = b->contact;
    b->contact = contact;
    lki_contact_set_arg(contact, b);
    boss_ends(b, "contact");
}

/* Messages are "up N", each once, from the first that it heard on. */
static void b_report(struct lki_contact *contact, uint64_t number, const void *bytes, size_t len,
                     void *arg)
{
    struct boss *b = arg;
    char text[32];

    EXPECT(lki_contact_arg(contact) == b, "another contact");
    if (!number) {
        b->beats++;
        boss_ends(b, "beat");
        return;
    }
    if (!b->heard && !b->first)
        b->first = number;
    EXPECT(number == b->first + b->heard, "number %llu, not %llu", (unsigned long long)number,
           (unsigned long long)(b->first + b->heard));
    snprintf(text, sizeof(text), "up %llu", (unsigned long long)number);
    if (len < BIG_BYTES)
        EXPECT(len == strlen(text) && !memcmp(bytes, text, len), "%.*s where it awaits %s",
               (int)len, (const char *)bytes, text);
    b->heard++;
    b->number = number;
    if (!b->lazy)
        lki_contact_done(contact, number);
    if (!boss_ends(b, "report") && b->then)
        b->then(b, number);
}

static void b_silent(struct lki_contact *contact, bool silent, void *arg)
{
    struct boss *b = arg;

    EXPECT(lki_contact_is_silent(contact) == silent, "it says otherwise");
    b->silent += silent;
    b->loud += !silent;
    boss_ends(b, "silent");
}

static void boss_open_with(struct boss *b, const char *cluster, uint64_t token, const char *what)
{
    const struct lki_hub_settings settings = {&server.address, cluster, "boss"};
    const struct lki_hub_owner owner = {b_up,      b_down,   b_refused, b_wait,
                                        b_contact, b_report, b_silent,  b};

    EXPECT(!lki_hub_open(&b->hub, &loop, &settings, token, what, &owner), "no orchestrator");
}

static void boss_open(struct boss *b)
{
    boss_open_with(b, "default", 0, "here 1");
}

static void boss_close(struct boss *b)
{
    struct lki_hub *hub = b->hub;

    b->hub = NULL;
    lki_hub_close(hub);
}

/* ---- the test ---- */

static void beat(struct station *s, int64_t now_ns)
{
    if (!s->spoke)
        return;
    if (!s->mute && now_ns - s->beat_ns >= BEAT_NS) {
        lki_spoke_beat(s->spoke, "beat", 4);
        s->beat_ns = now_ns;
    }
    if (s->talks)
        station_say(s);
}

static void on_tick(struct lki_timer *timer)
{
    int64_t now_ns = lki_loop_now(&loop);

    beat(&north, now_ns);
    beat(&south, now_ns);
    if (old.talks && old.hub && old.contact)
        boss_say(&old);
    lki_timer_set(&loop.timers, timer, now_ns + TICK_NS);
    lki_loop_stop(&loop);
}

static void on_limit(struct lki_timer *timer)
{
    (void)timer;
    EXPECT(false,
           "nothing came: station %d up %d down (%s), heard %llu; orchestrator %d up %d down (%s), "
           "heard %llu",
           north.ups, north.downs, north.why, (unsigned long long)north.heard, old.ups, old.downs,
           old.why, (unsigned long long)old.heard);
}

#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        lki_timer_set(&loop.timers, &limit, lki_loop_now(&loop) + LIMIT_NS);                       \
        while (!(condition))                                                                       \
            lki_loop_run(&loop);                                                                   \
        lki_timer_cancel(&limit);                                                                  \
    } while (0)

static void run_for(double seconds)
{
    int64_t until_ns = lki_loop_now(&loop) + lki_ns(seconds);

    while (lki_loop_now(&loop) < until_ns)
        lki_loop_run_until(&loop, until_ns);
}

static void set_up(void)
{
    north = south = (struct station){0};
    old = young = (struct boss){0};
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &limit, on_limit), LK_OK);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &tick, on_tick), LK_OK);
    lki_timer_set(&loop.timers, &tick, lki_loop_now(&loop));
    test_redis_start(&server, false);
}

static void tear_down(void)
{
    station_close(&north);
    station_close(&south);
    boss_close(&old);
    boss_close(&young);
    lki_timer_release(&loop.timers, &limit);
    lki_timer_release(&loop.timers, &tick);
    lki_loop_close(&loop);
    test_redis_release(&server);
}

static void meet(void)
{
    boss_open(&old);
    station_open(&north, "north");
    RUN_UNTIL(old.contacts == 1 && north.orchestrators == 1);
}

/* ---- talking ---- */

START_TEST(messages_go_both_ways_each_once_and_in_order)
{
    meet();
    ck_assert_str_eq(lki_contact_id(old.contact), "north");
    ck_assert_uint_eq(lki_contact_session(old.contact), lki_spoke_session(north.spoke));
    for (int i = 0; i < 3000; i++) {
        station_say(&north);
        boss_say(&old);
    }
    RUN_UNTIL(old.heard == 3000 && north.heard == 3000);
    RUN_UNTIL(lki_spoke_is_flushed(north.spoke) && lki_contact_is_flushed(old.contact));
    ck_assert_uint_eq(old.first, 1);
    ck_assert_int_eq(old.contacts + north.orchestrators, 2);
}
END_TEST

START_TEST(what_is_said_before_anybody_is_there_arrives)
{
    station_open(&north, "north");
    for (int i = 0; i < 10; i++)
        station_say(&north);
    RUN_UNTIL(north.ups);
    run_for(0.7);
    ck_assert_int_eq(lki_spoke_heard_ns(north.spoke), 0);
    /* nobody reads its beats, and still they go at last */
    ck_assert_int_ge(test_redis_ask(&server, "XLEN", "lk:default:up", NULL), 1);
    ck_assert_int_gt(test_redis_ask(&server, "TTL", "lk:default:up", NULL), 60);
    boss_open(&old);
    RUN_UNTIL(old.heard == 10);
    RUN_UNTIL(lki_spoke_heard_ns(north.spoke) > 0);
}
END_TEST

START_TEST(large_messages_arrive_whole)
{
    char *bytes = calloc(1, BIG_BYTES);

    meet();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(lki_spoke_send(north.spoke, bytes, BIG_BYTES), LK_OK);
        ck_assert_int_eq(lki_contact_send(old.contact, bytes, BIG_BYTES), LK_OK);
    }
    RUN_UNTIL(old.heard == 3 && north.heard == 3);
    ck_assert_int_eq(old.downs + north.downs, 0);
    free(bytes);
}
END_TEST

START_TEST(beats_are_heard_both_ways)
{
    int64_t heard_ns;

    meet();
    RUN_UNTIL(old.beats >= 3);
    ck_assert_int_gt(lki_contact_heard_ns(old.contact), 0);
    for (int i = 0; i < 2; i++) {
        heard_ns = lki_spoke_heard_ns(north.spoke);
        RUN_UNTIL(lki_spoke_heard_ns(north.spoke) > heard_ns);
        ck_assert_int_lt(lki_spoke_heard_ns(north.spoke) - heard_ns, 2 * LKI_NS_PER_S);
    }
    ck_assert_uint_eq(old.heard, 0);
}
END_TEST

START_TEST(the_clock_is_that_of_redis)
{
    struct timespec wall;
    int64_t expected_ns;

    meet();
    clock_gettime(CLOCK_REALTIME, &wall);
    expected_ns = wall.tv_sec * LKI_NS_PER_S + wall.tv_nsec - lki_loop_now(&loop);
    ck_assert_int_lt(llabs(lki_hub_clock_ns(old.hub) - expected_ns), 20 * LKI_NS_PER_MS);
    ck_assert_int_lt(llabs(lki_spoke_clock_ns(north.spoke) - expected_ns), 20 * LKI_NS_PER_MS);
}
END_TEST

START_TEST(clusters_in_one_redis_do_not_meet)
{
    meet();
    boss_open_with(&young, "other", 0, "here 2");
    station_open_in(&south, "north", "other");
    RUN_UNTIL(young.contacts == 1 && south.orchestrators == 1);
    station_say(&north);
    RUN_UNTIL(old.heard == 1);
    run_for(1);
    ck_assert_uint_eq(young.heard, 0);
    ck_assert_int_eq(old.contacts, 1);
    ck_assert_int_eq(old.refusals + young.refusals + north.refusals + south.refusals, 0);
}
END_TEST

START_TEST(several_stations_have_channels_of_their_own)
{
    meet();
    station_open(&south, "south:2");
    RUN_UNTIL(old.contacts == 2);
    ck_assert_str_eq(lki_contact_id(old.contact), "south:2");
    boss_say(&old);
    RUN_UNTIL(south.heard == 1);
    old.contact = old.former;
    old.sent = 0;
    boss_say(&old);
    RUN_UNTIL(north.heard == 1);
    run_for(0.3);
    ck_assert_uint_eq(south.heard, 1);
}
END_TEST

START_TEST(names_that_are_none_are_refused)
{
    const struct lki_hub_owner boss = {b_up,      b_down,   b_refused, b_wait,
                                       b_contact, b_report, b_silent,  &old};
    const struct lki_spoke_owner owner = {s_up,           s_down,    s_refused,
                                          s_orchestrator, s_command, &north};
    char longest[LKI_NAME_MAX + 2];
    struct lki_hub_settings settings = {&server.address, "default", "north"};

    memset(longest, 'a', sizeof(longest));
    longest[LKI_NAME_MAX] = '\0';
    ck_assert(lki_cluster_is_name(longest) && lki_station_is_id(longest));
    longest[LKI_NAME_MAX] = 'a';
    longest[LKI_NAME_MAX + 1] = '\0';
    ck_assert(!lki_cluster_is_name(longest) && !lki_station_is_id(longest));
    ck_assert(!lki_cluster_is_name("") && !lki_cluster_is_name("a:b") && !lki_station_is_id("a b"));
    ck_assert(lki_cluster_is_name("a-B_3.c") && lki_station_is_id("a:b"));
    ck_assert_int_eq(lki_spoke_open(&north.spoke, &loop, &settings, "[]", &owner), LK_E_ARG);
    ck_assert_int_eq(lki_spoke_open(&north.spoke, &loop, &settings, "{", &owner), LK_E_ARG);
    settings.cluster = "a:b";
    ck_assert_int_eq(lki_spoke_open(&north.spoke, &loop, &settings, "{}", &owner), LK_E_ARG);
    ck_assert_int_eq(lki_hub_open(&old.hub, &loop, &settings, 0, "x", &boss), LK_E_ARG);
    settings.cluster = "default";
    settings.id = "*";
    ck_assert_int_eq(lki_spoke_open(&north.spoke, &loop, &settings, "{}", &owner), LK_E_ARG);
}
END_TEST

/* ---- what stands in Redis ---- */

START_TEST(what_was_read_is_trimmed_and_all_keys_expire)
{
    static const char *keys[] = {"lk:default:up", "lk:default:down:north",
                                 "lk:default:worker:north", "lk:default:orchestrator",
                                 "lk:default:state"};

    meet();
    lki_hub_put(old.hub, "run", "x", 1);
    for (int i = 0; i < 500; i++) {
        station_say(&north);
        boss_say(&old);
    }
    RUN_UNTIL(old.heard == 500 && north.heard == 500);
    run_for(0.3);
    ck_assert_int_le(test_redis_ask(&server, "XLEN", keys[0], NULL), 3);
    ck_assert_int_le(test_redis_ask(&server, "XLEN", keys[1], NULL), 3);
    ck_assert_int_eq(test_redis_ask(&server, "DBSIZE", NULL), LKI_COUNT(keys));
    for (size_t i = 0; i < LKI_COUNT(keys); i++)
        ck_assert_msg(test_redis_ask(&server, "PTTL", keys[i], NULL) > 3000, "%s", keys[i]);
    ck_assert_int_gt(test_redis_ask(&server, "TTL", keys[4], NULL), 86300);
    ck_assert_msg(strstr(test_redis_text(&server, "GET", keys[2], NULL), "\"host\": \"here\""),
                  "%s", test_redis_text(&server, "GET", keys[2], NULL));
    ck_assert(strstr(test_redis_text(&server, "GET", keys[3], NULL), "\"who\":\"here 1\""));
    station_close(&north);
    boss_close(&old);
    run_for(0.1);
    ck_assert_int_eq(test_redis_ask(&server, "EXISTS", keys[1], keys[2], keys[3], NULL), 0);
}
END_TEST

/* A station removes its stream as it leaves; what is said to it later does not bring that back. */
START_TEST(what_a_station_leaves_behind_goes_or_expires)
{
    static const char *keys[] = {"lk:default:up", "lk:default:orchestrator"};

    meet();
    boss_say(&old);
    RUN_UNTIL(north.heard == 1);
    station_close(&north);
    boss_say(&old);
    run_for(2.5);
    ck_assert_int_eq(test_redis_ask(&server, "EXISTS", "lk:default:down:north", NULL), 0);
    ck_assert_int_eq(test_redis_ask(&server, "DBSIZE", NULL), LKI_COUNT(keys));
    for (size_t i = 0; i < LKI_COUNT(keys); i++)
        ck_assert_msg(test_redis_ask(&server, "PTTL", keys[i], NULL) > 3000, "%s", keys[i]);
    /* one that comes again has it again */
    old.sent = 0;
    station_open(&south, "north");
    RUN_UNTIL(old.contacts == 2 && south.orchestrators);
    boss_say(&old);
    RUN_UNTIL(south.heard == 1);
    run_for(0.1);
    ck_assert_int_gt(test_redis_ask(&server, "TTL", "lk:default:down:north", NULL), 60);
}
END_TEST

/* The command that the manual gives for making a user, word for word. */
static size_t read_rights(const char **words, size_t max)
{
    static char text[2048];
    char line[512];
    FILE *page = fopen("man/loadkit-redis.7", "r");
    size_t count = 0;

    ck_assert_ptr_nonnull(page);
    *text = '\0';
    while (!*text && fgets(line, sizeof(line), page)) {
        char *at = strstr(line, "acl setuser");

        for (; at && *line != '.' && strlen(text) < 1024; at = fgets(line, sizeof(line), page))
            strcat(text, at);
    }
    fclose(page);
    for (char *word = strtok(text, " \n'"); word && count < max; word = strtok(NULL, " \n'")) {
        if (*word != '\\')
            words[count++] = *word == '>' ? ">pw" : word;
    }
    return count;
}

START_TEST(the_rights_of_the_manual_suffice)
{
    const char *words[40];
    size_t count = read_rights(words, LKI_COUNT(words));
    char url[256];
    struct lki_buf why;

    ck_assert_uint_gt(count, 10);
    test_redis_ask_words(&server, count, words);
    lki_redis_address_release(&server.address);
    lki_buf_init(&why, 1000);
    snprintf(url, sizeof(url), "unix://%s:pw@%s?db=2", words[2], server.path);
    ck_assert_int_eq(lki_redis_address_parse(&server.address, url, &why), LK_OK);
    old.loads = true;
    meet();
    lki_hub_put(old.hub, "run", "x", 1);
    lki_hub_put(old.hub, "run", NULL, 0);
    station_say(&north);
    boss_say(&old);
    RUN_UNTIL(old.heard && north.heard);
    run_for(1.5); /* what is renewed is, too */
    station_close(&north);
    boss_close(&old);
    ck_assert_int_eq(old.downs + north.downs, 0);
    ck_assert_int_eq(test_redis_ask(&server, "EXISTS", "lk:default:orchestrator",
                                    "lk:default:worker:north", NULL),
                     0);
    /* another cluster is none of its business */
    boss_open_with(&young, "payroll", 0, "here");
    RUN_UNTIL(young.downs);
    ck_assert_int_eq(young.trouble, LKI_REDIS_REFUSED);
    ck_assert_msg(strstr(young.why, "loadkit-redis(7)"), "%s", young.why);
}
END_TEST

static const struct {
    const char *key, *make[4];
    bool station;
} foreign[] = {
    {"lk:default:up", {"LPUSH", "lk:default:up", "x"}, false},
    {"lk:default:down:north", {"SET", "lk:default:down:north", "x"}, true},
    {"lk:default:orchestrator", {"LPUSH", "lk:default:orchestrator", "x"}, false},
    {"lk:default:orchestrator", {"SET", "lk:default:orchestrator", "x"}, false},
    {"lk:default:worker:north", {"SADD", "lk:default:worker:north", "x"}, true},
    {"lk:default:worker:north", {"SET", "lk:default:worker:north", "{\"host\":1}"}, true},
};

START_TEST(foreign_data_under_a_key_is_told_and_left_alone)
{
    const char *key = foreign[_i].key;
    const char *why;

    test_redis_ask(&server, foreign[_i].make[0], foreign[_i].make[1], foreign[_i].make[2], NULL);
    boss_open(&old);
    station_open(&north, "north");
    RUN_UNTIL(foreign[_i].station ? north.downs >= 2 : old.downs >= 2);
    why = foreign[_i].station ? north.why : old.why;
    ck_assert_msg(strstr(why, key) && strstr(why, "not loadkit's"), "%s", why);
    ck_assert_int_eq(foreign[_i].station ? north.trouble : old.trouble, LKI_REDIS_REFUSED);
    ck_assert_int_eq(test_redis_ask(&server, "TTL", key, NULL), -1);
    ck_assert_int_eq(old.refusals + north.refusals, 0);
    test_redis_ask(&server, "DEL", key, NULL);
    RUN_UNTIL(old.contacts && north.orchestrators);
}
END_TEST

START_TEST(a_foreign_state_is_told_and_left_alone)
{
    meet();
    test_redis_ask(&server, "SET", "lk:default:state", "x", NULL);
    lki_hub_put(old.hub, "run", "x", 1);
    RUN_UNTIL(old.downs);
    ck_assert_msg(strstr(old.why, "lk:default:state"), "%s", old.why);
    ck_assert_int_eq(test_redis_ask(&server, "TTL", "lk:default:state", NULL), -1);
}
END_TEST

/* It takes the lock and names all the same, so they come up again and again. */
START_TEST(a_full_redis_is_not_sound_before_it_has_room_again)
{
    int64_t until_ns;

    meet();
    ck_assert(lki_hub_is_sound(old.hub) && lki_spoke_is_sound(north.spoke));
    test_redis_ask(&server, "CONFIG", "SET", "maxmemory", "1", NULL);
    old.ups = north.ups = 0;
    RUN_UNTIL(old.downs && north.downs);
    until_ns = lki_loop_now(&loop) + 4 * LKI_NS_PER_S;
    while (lki_loop_now(&loop) < until_ns || !old.ups || !north.ups) {
        lki_loop_run_until(&loop, until_ns);
        ck_assert(!lki_hub_is_sound(old.hub) && !lki_spoke_is_sound(north.spoke));
    }
    ck_assert_msg(strstr(old.why, "its memory is full"), "%s", old.why);
    ck_assert_int_eq(old.trouble, LKI_REDIS_FAILS);
    test_redis_ask(&server, "CONFIG", "SET", "maxmemory", "0", NULL);
    station_say(&north);
    RUN_UNTIL(old.heard == 1); /* nothing waits for that */
    RUN_UNTIL(lki_hub_is_sound(old.hub) && lki_spoke_is_sound(north.spoke));
    ck_assert_int_eq(old.contacts + north.orchestrators, 2);
    ck_assert_int_eq(old.silent + old.refusals + north.refusals, 0);
}
END_TEST

START_TEST(a_redis_that_was_away_is_sound_at_once)
{
    meet();
    test_redis_kill(&server);
    RUN_UNTIL(old.downs && north.downs);
    ck_assert(!lki_hub_is_sound(old.hub) && !lki_spoke_is_sound(north.spoke));
    test_redis_restart(&server);
    RUN_UNTIL(old.ups == 2);
    ck_assert(lki_hub_is_sound(old.hub));
    RUN_UNTIL(north.ups == 2);
    ck_assert(lki_spoke_is_sound(north.spoke));
}
END_TEST

START_TEST(garbage_in_the_streams_is_passed_over)
{
    static const char *garbage[] = {"", "x", "\xb1\x98\x01", "L1", "\xb1\x98\x01\x05north\x07"};

    meet();
    for (size_t i = 0; i < LKI_COUNT(garbage); i++) {
        test_redis_ask(&server, "XADD", "lk:default:up", "*", "m", garbage[i], NULL);
        test_redis_ask(&server, "XADD", "lk:default:down:north", "*", "m", garbage[i], NULL);
    }
    test_redis_ask(&server, "XADD", "lk:default:up", "*", "field", "value", "m", "x", NULL);
    test_redis_ask(&server, "XADD", "lk:default:up", "*", "field", "value", NULL);
    for (int i = 0; i < 10; i++) {
        station_say(&north);
        boss_say(&old);
    }
    RUN_UNTIL(old.heard == 10 && north.heard == 10);
    ck_assert_int_eq(old.contacts, 1);
    ck_assert_int_eq(old.downs + north.downs, 0);
}
END_TEST

/* ---- losing Redis ---- */

START_TEST(redis_that_comes_back_empty_loses_no_message)
{
    uint64_t token;

    meet();
    lki_hub_put(old.hub, "run", "x", 1);
    token = old.token;
    north.talks = old.talks = true;
    for (int i = 1; i <= 2; i++) {
        uint64_t heard = old.heard;

        RUN_UNTIL(old.heard > heard + 20);
        test_redis_kill(&server);
        RUN_UNTIL(old.downs >= i && north.downs >= i);
        run_for(0.5);
        old.downs = north.downs = i;
        test_redis_restart(&server);
        RUN_UNTIL(old.ups == i + 1 && north.ups == i + 1);
        ck_assert_int_eq(test_redis_ask(&server, "EXISTS", "lk:default:state", NULL), 0);
    }
    run_for(0.5);
    north.talks = old.talks = false;
    RUN_UNTIL(old.heard == north.sent && north.heard == old.sent);
    RUN_UNTIL(lki_spoke_is_flushed(north.spoke) && lki_contact_is_flushed(old.contact));
    ck_assert_uint_eq(old.token, token);
    ck_assert_int_eq(old.contacts + north.orchestrators, 2);
    ck_assert_int_eq(old.silent + old.refusals + north.refusals, 0);
    ck_assert_int_eq(test_redis_ask(&server, "EXISTS", "lk:default:orchestrator",
                                    "lk:default:worker:north", "lk:default:up", NULL),
                     3);
}
END_TEST

START_TEST(keys_that_somebody_removes_come_again)
{
    meet();
    north.talks = old.talks = true;
    for (int i = 0; i < 3; i++) {
        RUN_UNTIL(old.heard > 20 * (uint64_t)i);
        test_redis_ask(&server, "FLUSHALL", NULL);
    }
    north.talks = old.talks = false;
    RUN_UNTIL(old.heard == north.sent && north.heard == old.sent);
    run_for(1.2);
    ck_assert_int_eq(test_redis_ask(&server, "EXISTS", "lk:default:orchestrator",
                                    "lk:default:worker:north", NULL),
                     2);
    ck_assert_int_eq(old.downs + north.downs + old.refusals + north.refusals, 0);
}
END_TEST

START_TEST(redis_that_stands_still_makes_nobody_silent)
{
    meet();
    north.talks = old.talks = true;
    RUN_UNTIL(old.heard > 20);
    test_redis_signal(&server, SIGSTOP);
    run_for(7);
    ck_assert_int_ge(old.downs, 1);
    ck_assert_int_ge(north.downs, 1);
    test_redis_signal(&server, SIGCONT);
    RUN_UNTIL(lki_hub_is_up(old.hub) && lki_spoke_is_up(north.spoke));
    run_for(1);
    north.talks = old.talks = false;
    RUN_UNTIL(old.heard == north.sent && north.heard == old.sent);
    ck_assert_int_eq(old.silent, 0);
    ck_assert_int_eq(old.contacts + north.orchestrators, 2);
}
END_TEST

START_TEST(a_station_without_beats_is_silent)
{
    int64_t muted_ns;

    meet();
    RUN_UNTIL(old.beats >= 2);
    north.mute = true;
    muted_ns = lki_contact_heard_ns(old.contact);
    RUN_UNTIL(old.silent == 1);
    ck_assert_int_ge(lki_loop_now(&loop) - muted_ns, LKI_SILENCE_NS);
    ck_assert_int_lt(lki_loop_now(&loop) - muted_ns, LKI_SILENCE_NS + 3 * LKI_NS_PER_S);
    run_for(1);
    ck_assert_int_eq(old.silent, 1);
    ck_assert_int_eq(old.loud, 0);
    if (_i)
        station_say(&north);
    else
        north.mute = false;
    RUN_UNTIL(old.loud == 1);
    ck_assert_int_eq(old.silent, 1);
}
END_TEST

START_TEST(an_orchestrator_that_stood_still_finds_nobody_silent)
{
    struct timespec pause = {.tv_sec = 6};

    meet();
    RUN_UNTIL(old.beats >= 2);
    nanosleep(&pause, NULL);
    run_for(1);
    ck_assert_int_eq(old.silent, 0);
    ck_assert_int_eq(old.refusals + north.refusals, 0);
}
END_TEST

/* ---- the lock ---- */

START_TEST(a_second_orchestrator_is_refused)
{
    int64_t began_ns;

    meet();
    began_ns = lki_loop_now(&loop);
    boss_open_with(&young, "default", 0, "there 2");
    RUN_UNTIL(young.refusals);
    ck_assert_int_lt(lki_loop_now(&loop) - began_ns, 3 * LKI_NS_PER_S);
    ck_assert_str_eq(young.why, "here 1");
    ck_assert_int_eq(young.ups + young.contacts, 0);
    boss_close(&young);
    station_say(&north);
    RUN_UNTIL(old.heard == 1);
    run_for(1.5);
    ck_assert_int_eq(old.refusals + old.downs, 0);
    ck_assert_int_eq(north.orchestrators, 1);
}
END_TEST

START_TEST(a_lock_that_is_given_back_is_free_at_once)
{
    int64_t began_ns;

    meet();
    boss_close(&old);
    began_ns = lki_loop_now(&loop);
    boss_open(&young);
    RUN_UNTIL(young.ups);
    ck_assert_int_lt(lki_loop_now(&loop) - began_ns, LKI_NS_PER_S);
    ck_assert_uint_gt(young.token, old.token);
    RUN_UNTIL(north.orchestrators == 2 && young.contacts == 1);
}
END_TEST

/* Who looks for leaks at the end of a process shall not look in a child's copy of all this. */
static void end_child(bool well)
{
    execlp(well ? "true" : "false", "child", (char *)NULL);
    _exit(1);
}

/* A process of its own with an orchestrator in it; acknowledges the first three messages. */
static void acknowledge_three(struct boss *boss, uint64_t number)
{
    if (number == 3) {
        lki_contact_done(boss->contact, 3);
        EXPECT(!lki_contact_send(boss->contact, "down 1", 6), "cannot send");
    }
}

static pid_t fork_orchestrator(void)
{
    pid_t pid = suite_fork();

    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (lki_loop_forked(&loop))
        _exit(1);
    if (north.spoke)
        lki_spoke_forked(north.spoke);
    north.spoke = NULL;
    if (lki_loop_open(&loop))
        _exit(1);
    old = (struct boss){.lazy = true, .then = acknowledge_three};
    boss_open_with(&old, "default", 0, "child 3");
    for (;;)
        lki_loop_run(&loop);
}

START_TEST(the_next_orchestrator_takes_over_from_one_that_was_killed)
{
    uint64_t session;
    pid_t pid;

    station_open(&north, "north");
    RUN_UNTIL(north.ups);
    session = lki_spoke_session(north.spoke);
    pid = fork_orchestrator();
    for (int i = 0; i < 8; i++)
        station_say(&north);
    RUN_UNTIL(north.heard == 1);
    run_for(0.5); /* so that the acknowledgement has arrived */
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    north.heard = 0;
    boss_open(&young);
    if (_i)
        ck_assert_int_eq(lki_hub_expect(young.hub, "north", session, 5), LK_OK);
    RUN_UNTIL(young.ups);
    RUN_UNTIL(young.heard == (_i ? 3 : 5));
    ck_assert_int_eq(young.refusals + young.downs, 0);
    ck_assert_int_eq(young.waits, 1);
    ck_assert_uint_eq(young.first, _i ? 6 : 4);
    ck_assert_int_eq(north.orchestrators, 2);
    ck_assert_int_eq(lki_contact_send(young.contact, "down 1", 6), LK_OK);
    RUN_UNTIL(north.heard == 1);
    RUN_UNTIL(lki_spoke_is_flushed(north.spoke));
}
END_TEST

/* An orchestrator that stands still for longer than the lock lives finds another one. */
START_TEST(an_orchestrator_that_was_stopped_must_not_go_on)
{
    pid_t pid;
    int status;

    station_open(&north, "north");
    RUN_UNTIL(north.ups);
    pid = suite_fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (lki_loop_forked(&loop) || (lki_spoke_forked(north.spoke), lki_loop_open(&loop)))
            _exit(1);
        north.spoke = NULL;
        old = (struct boss){0};
        boss_open_with(&old, "default", 0, "child 3");
        while (!old.refusals)
            lki_loop_run(&loop);
        end_child(!strcmp(old.why, "here 1"));
    }
    RUN_UNTIL(north.orchestrators);
    kill(pid, SIGSTOP);
    boss_open(&young);
    RUN_UNTIL(young.ups && north.orchestrators == 2);
    kill(pid, SIGCONT);
    for (status = -1; !waitpid(pid, &status, WNOHANG);)
        run_for(0.05);
    ck_assert_int_eq(status, 0);
    run_for(1.5);
    ck_assert_int_eq(young.refusals + young.downs, 0);
    ck_assert_int_eq(north.orchestrators, 2);
}
END_TEST

START_TEST(a_token_is_greater_than_a_stored_one)
{
    uint64_t stored = (uint64_t)time(NULL) * 1000000 + 86400000000;

    boss_open_with(&old, "default", stored, "here 1");
    RUN_UNTIL(old.ups);
    ck_assert_uint_eq(old.token, stored + 1);
    boss_close(&old);
    boss_open_with(&young, "default", 0, "here 2");
    RUN_UNTIL(young.ups);
    ck_assert_uint_ge(young.token, stored - 86400000000);
    ck_assert_uint_lt(young.token, stored);
}
END_TEST

/* The station has obeyed an orchestrator whose token was of a clock that was ahead. */
START_TEST(an_orchestrator_outbids_what_stations_have_seen)
{
    uint64_t stored = (uint64_t)time(NULL) * 1000000 + 86400000000;

    boss_open_with(&old, "default", stored, "here 1");
    station_open(&north, "north");
    RUN_UNTIL(north.orchestrators == 1);
    boss_say(&old);
    RUN_UNTIL(north.heard == 1);
    boss_close(&old);
    boss_open_with(&young, "default", 0, "here 2");
    for (int i = 0; i < 5; i++)
        station_say(&north);
    RUN_UNTIL(north.orchestrators == 2 && young.heard == 5);
    ck_assert_uint_gt(young.token, stored);
    ck_assert_int_eq(young.ups, 2);
    ck_assert_int_eq(young.contacts, 1);
    ck_assert_int_eq(lki_contact_send(young.contact, "down 2", 6), LK_OK);
    RUN_UNTIL(north.heard == 2);
    ck_assert_int_eq(young.downs + young.refusals, 0);
}
END_TEST

/* What it answers to that renewal is not taken for an answer to what is asked then. */
START_TEST(an_orchestrator_outbids_while_it_renews_its_lock)
{
    struct lki_envelope envelope = {.station = "north", .session = 5, .beat = true};
    struct lki_buf bytes;

    boss_open(&old);
    RUN_UNTIL(old.ups == 1);
    test_redis_signal(&server, SIGSTOP);
    RUN_UNTIL(old.hub->lock.asking);
    envelope.token = old.token + 1000000000;
    envelope.stamp_ns = lki_loop_now(&loop);
    lki_buf_init(&bytes, 1000);
    ck_assert_int_eq(lki_envelope_write(&envelope, &bytes), LK_OK);
    lki_hub_hear(old.hub, bytes.data, bytes.len);
    lki_buf_release(&bytes);
    ck_assert(!lki_hub_is_up(old.hub));
    test_redis_signal(&server, SIGCONT);
    RUN_UNTIL(old.ups == 2);
    ck_assert_uint_gt(old.token, envelope.token);
    run_for(1.5);
    ck_assert_int_eq(old.downs + old.refusals, 0);
}
END_TEST

static void forge(uint64_t session, uint64_t token)
{
    struct lki_envelope envelope = {.station = "north",
                                    .session = session,
                                    .token = token,
                                    .beat = true,
                                    .stamp_ns = lki_loop_now(&loop)};
    struct lki_buf bytes;

    lki_buf_init(&bytes, 1000);
    ck_assert_int_eq(lki_envelope_write(&envelope, &bytes), LK_OK);
    test_redis_ask(&server, "XADD", "lk:default:down:north", "*", "m", lki_buf_cstr(&bytes), NULL);
    lki_buf_release(&bytes);
    run_for(0.2);
}

START_TEST(a_station_obeys_the_greatest_token_only)
{
    uint64_t session;
    int64_t heard_ns;

    meet();
    session = lki_spoke_session(north.spoke);
    boss_close(&old);
    run_for(0.2);
    heard_ns = lki_spoke_heard_ns(north.spoke);
    forge(session, old.token - 1);
    forge(session, 0);
    forge(session + 2, old.token);
    forge(session + 2, old.token + 1);
    ck_assert_int_eq(lki_spoke_heard_ns(north.spoke), heard_ns);
    ck_assert_int_eq(north.orchestrators, 1);
    forge(session, old.token);
    ck_assert_int_gt(lki_spoke_heard_ns(north.spoke), heard_ns);
    ck_assert_int_eq(north.orchestrators, 1);
    forge(session, old.token + 1);
    ck_assert_int_eq(north.orchestrators, 2);
    forge(session, old.token);
    ck_assert_int_eq(north.orchestrators, 2);
}
END_TEST

/* ---- presence ---- */

START_TEST(a_second_station_of_a_name_is_refused)
{
    char who[64];

    meet();
    station_open(&south, "north");
    RUN_UNTIL(south.refusals);
    snprintf(who, sizeof(who), "here %d", (int)getpid());
    ck_assert_str_eq(south.why, who);
    ck_assert_int_eq(south.ups, 0);
    station_close(&south);
    run_for(1.2);
    station_say(&north);
    RUN_UNTIL(old.heard == 1);
    ck_assert_int_eq(old.contacts, 1);
    ck_assert_int_eq(north.refusals, 0);
    /* when the first one leaves in order its name is free at once */
    station_close(&north);
    south = (struct station){.greets = true};
    old.heard = old.first = 0;
    station_open(&south, "north");
    RUN_UNTIL(south.orchestrators && old.contacts == 2 && old.heard == 1);
}
END_TEST

/* A process with a station in it, which ends well when it is refused. */
static pid_t fork_station(void)
{
    pid_t pid = suite_fork();

    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (lki_loop_forked(&loop))
        _exit(1);
    if (old.hub)
        lki_hub_forked(old.hub);
    old.hub = NULL;
    if (lki_loop_open(&loop) || lki_timer_init(&loop.timers, &tick, on_tick))
        _exit(1);
    lki_timer_set(&loop.timers, &tick, lki_loop_now(&loop));
    station_open(&north, "north");
    while (!north.refusals)
        lki_loop_run(&loop);
    end_child(!strncmp(north.why, "here ", 5));
    return 0;
}

static void wait_for_presence(void)
{
    for (int i = 0; i < 500; i++) {
        if (test_redis_ask(&server, "EXISTS", "lk:default:worker:north", NULL))
            return;
        run_for(0.01);
    }
}

START_TEST(the_name_of_a_dead_station_is_free_after_a_while)
{
    pid_t pid = fork_station();

    wait_for_presence();
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    station_open(&north, "north");
    RUN_UNTIL(north.ups);
    ck_assert_int_eq(north.refusals, 0);
}
END_TEST

/* What it says before it knows that its name is another one's changes nothing. */
START_TEST(a_station_that_was_stopped_finds_its_name_taken)
{
    int status;
    pid_t pid;

    boss_open(&old);
    pid = fork_station();
    RUN_UNTIL(old.beats);
    kill(pid, SIGSTOP);
    station_open(&south, "north");
    RUN_UNTIL(south.ups && old.contacts == 2);
    kill(pid, SIGCONT);
    for (status = -1; !waitpid(pid, &status, WNOHANG);)
        run_for(0.05);
    ck_assert_int_eq(status, 0);
    run_for(1);
    ck_assert_int_eq(old.contacts, 2);
    ck_assert_uint_eq(lki_contact_session(old.contact), lki_spoke_session(south.spoke));
    ck_assert_int_eq(south.refusals, 0);
}
END_TEST

/* It is not kept for who does not read, nor made anew; no command is lost by that. */
START_TEST(a_stream_goes_that_its_station_does_not_read)
{
    static const char *key = "lk:default:down:north";
    pid_t pid;

    boss_open(&old);
    pid = fork_station();
    RUN_UNTIL(old.beats >= 2);
    kill(pid, SIGSTOP);
    run_for(0.2);
    old.contact->down.expiry_ns -= 60 * LKI_NS_PER_S; /* so it was set long ago */
    test_redis_ask(&server, "PEXPIRE", key, "1500", NULL);
    boss_say(&old);
    run_for(3.2);
    ck_assert_int_eq(test_redis_ask(&server, "EXISTS", key, NULL), 0);
    kill(pid, SIGCONT);
    RUN_UNTIL(lki_contact_is_flushed(old.contact));
    RUN_UNTIL(test_redis_ask(&server, "EXISTS", key, NULL));
    run_for(0.1);
    ck_assert_int_eq(old.contacts, 1);
    ck_assert_int_gt(test_redis_ask(&server, "TTL", key, NULL), 60);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

/* ---- contacts ---- */

START_TEST(another_process_of_a_name_is_another_contact)
{
    struct lki_contact *first;
    uint64_t session;

    meet();
    first = old.contact;
    session = lki_contact_session(first);
    for (int i = 0; i < 5; i++)
        boss_say(&old);
    RUN_UNTIL(north.heard == 5);
    station_close(&north);
    boss_say(&old); /* nobody gets this one */
    run_for(0.1);
    north = (struct station){.greets = true};
    old.heard = old.first = old.sent = 0;
    station_open(&north, "north");
    RUN_UNTIL(old.contacts == 2 && old.heard == 1);
    ck_assert_ptr_eq(old.former, first);
    ck_assert_uint_ne(lki_contact_session(old.contact), session);
    lki_contact_free(first);
    boss_say(&old);
    RUN_UNTIL(north.heard == 1);
    run_for(0.5);
    ck_assert_int_eq(old.contacts, 2);
}
END_TEST

START_TEST(a_contact_that_was_freed_still_gets_what_was_sent)
{
    meet();
    station_say(&north);
    RUN_UNTIL(old.heard == 1);
    boss_say(&old);
    boss_say(&old);
    lki_contact_free(old.contact);
    station_say(&north);
    RUN_UNTIL(north.heard == 2 && lki_spoke_is_flushed(north.spoke));
    run_for(1);
    ck_assert_int_eq(old.contacts, 1);
    ck_assert_uint_eq(old.heard, 1);
}
END_TEST

START_TEST(what_was_not_acknowledged_is_kept_by_the_station)
{
    old.lazy = true;
    meet();
    for (int i = 0; i < 5; i++)
        station_say(&north);
    RUN_UNTIL(old.heard == 5);
    run_for(0.3);
    ck_assert(!lki_spoke_is_flushed(north.spoke));
    lki_contact_done(old.contact, 5);
    RUN_UNTIL(lki_spoke_is_flushed(north.spoke));
}
END_TEST

START_TEST(only_what_is_new_can_be_expected)
{
    meet();
    ck_assert_int_eq(lki_hub_expect(old.hub, "north", lki_spoke_session(north.spoke), 5),
                     LK_E_STATE);
    ck_assert_int_eq(lki_hub_expect(old.hub, "no id", 1, 5), LK_E_ARG);
    ck_assert_int_eq(lki_hub_expect(old.hub, "north", 1, 5), LK_OK);
    ck_assert_int_eq(lki_hub_expect(old.hub, "north", 1, 6), LK_OK);
}
END_TEST

/* ---- the checkpoint ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Redis gives them in any order. */
static const char *sorted(char *state)
{
    static char text[256];
    char *parts[16];
    size_t count = 0;

    for (char *part = strtok(state, ";"); part && count < 16; part = strtok(NULL, ";"))
        parts[count++] = part;
    qsort(parts, count, sizeof(*parts), by_name);
    *text = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s;", parts[i]);
    return text;
}

START_TEST(the_state_is_kept_and_loaded_before_anybody_is_heard)
{
    meet();
    lki_hub_put(old.hub, "run", "one", 3);
    lki_hub_put(old.hub, "life.1.1", "two", 3);
    lki_hub_put(old.hub, "epoch", "", 0);
    lki_hub_put(old.hub, "gone", "x", 1);
    lki_hub_put(old.hub, "run", "three", 5);
    lki_hub_put(old.hub, "gone", NULL, 0);
    boss_close(&old);
    for (int i = 0; i < 20; i++)
        station_say(&north);
    young.loads = true;
    boss_open(&young);
    RUN_UNTIL(young.states);
    ck_assert(young.state_ok);
    ck_assert_str_eq(sorted(young.state), "epoch=;life.1.1=two;run=three;");
    RUN_UNTIL(young.heard == 20);
}
END_TEST

/* It takes longer than what else is needed for hearing stations. */
START_TEST(a_large_state_is_loaded_before_anybody_is_heard)
{
    char *bytes = calloc(1, BIG_BYTES);

    meet();
    for (int i = 0; i < 8; i++) {
        char name[24];

        snprintf(name, sizeof(name), "blob %d", i);
        lki_hub_put(old.hub, name, bytes, BIG_BYTES);
    }
    free(bytes);
    for (int i = 0; i < 100 && test_redis_ask(&server, "HLEN", "lk:default:state", NULL) < 8; i++)
        run_for(0.1);
    boss_close(&old);
    north.talks = true;
    young.loads = true;
    boss_open(&young);
    RUN_UNTIL(young.contacts);
    north.talks = false;
    ck_assert_int_eq(young.states, 1);
}
END_TEST

START_TEST(there_is_no_state_without_redis)
{
    boss_open(&old);
    ck_assert_int_eq(lki_hub_get_all(old.hub, b_state, &old), LK_E_STATE);
    lki_hub_put(old.hub, "run", "x", 1);
    old.loads = true;
    RUN_UNTIL(old.states);
    ck_assert_str_eq(old.state, "");
    test_redis_signal(&server, SIGSTOP);
    ck_assert_int_eq(lki_hub_get_all(old.hub, b_state, &old), LK_OK);
    RUN_UNTIL(old.states == 2);
    ck_assert(!old.state_ok);
    test_redis_signal(&server, SIGCONT);
}
END_TEST

/* ---- closing ---- */

static const char *const hub_calls[] = {"up",     "down",   "refused", "contact",
                                        "report", "silent", "state",   "beat"};

START_TEST(a_hub_can_be_closed_wherever_it_calls)
{
    const char *where = hub_calls[_i];

    if (!strcmp(where, "refused")) {
        boss_open(&young);
        RUN_UNTIL(young.ups);
    }
    old.close_in = where;
    old.loads = !strcmp(where, "state");
    boss_open(&old);
    station_open(&north, "north");
    station_say(&north);
    if (!strcmp(where, "down")) {
        RUN_UNTIL(old.contacts);
        test_redis_kill(&server);
    }
    if (!strcmp(where, "silent")) {
        RUN_UNTIL(old.beats);
        north.mute = true;
    }
    RUN_UNTIL(!old.hub);
    run_for(0.3);
}
END_TEST

static const char *const spoke_calls[] = {"up", "down", "refused", "orchestrator", "command"};

START_TEST(a_spoke_can_be_closed_wherever_it_calls)
{
    const char *where = spoke_calls[_i];

    if (!strcmp(where, "refused")) {
        station_open(&south, "north");
        RUN_UNTIL(south.ups);
    }
    boss_open(&old);
    north.close_in = where;
    station_open(&north, "north");
    station_say(&north);
    if (!strcmp(where, "down")) {
        RUN_UNTIL(old.contacts);
        test_redis_kill(&server);
    }
    if (!strcmp(where, "command")) {
        RUN_UNTIL(old.contacts);
        boss_say(&old);
        boss_say(&old);
    }
    RUN_UNTIL(!north.spoke);
    run_for(0.3);
}
END_TEST

START_TEST(what_a_station_says_last_arrives)
{
    meet();
    station_say(&north);
    station_close(&north);
    RUN_UNTIL(old.heard == 1);
}
END_TEST

static void add_talking(TCase *tcase)
{
    tcase_add_test(tcase, messages_go_both_ways_each_once_and_in_order);
    tcase_add_test(tcase, what_is_said_before_anybody_is_there_arrives);
    tcase_add_test(tcase, large_messages_arrive_whole);
    tcase_add_test(tcase, beats_are_heard_both_ways);
    tcase_add_test(tcase, the_clock_is_that_of_redis);
    tcase_add_test(tcase, clusters_in_one_redis_do_not_meet);
    tcase_add_test(tcase, several_stations_have_channels_of_their_own);
    tcase_add_test(tcase, names_that_are_none_are_refused);
    tcase_add_test(tcase, what_was_read_is_trimmed_and_all_keys_expire);
    tcase_add_test(tcase, what_a_station_leaves_behind_goes_or_expires);
    tcase_add_test(tcase, the_rights_of_the_manual_suffice);
    tcase_add_loop_test(tcase, foreign_data_under_a_key_is_told_and_left_alone, 0,
                        LKI_COUNT(foreign));
    tcase_add_test(tcase, a_foreign_state_is_told_and_left_alone);
    tcase_add_test(tcase, garbage_in_the_streams_is_passed_over);
}

static void add_losing(TCase *tcase)
{
    tcase_add_test(tcase, a_full_redis_is_not_sound_before_it_has_room_again);
    tcase_add_test(tcase, a_redis_that_was_away_is_sound_at_once);
    tcase_add_test(tcase, redis_that_comes_back_empty_loses_no_message);
    tcase_add_test(tcase, keys_that_somebody_removes_come_again);
    tcase_add_test(tcase, redis_that_stands_still_makes_nobody_silent);
    tcase_add_loop_test(tcase, a_station_without_beats_is_silent, 0, 2);
    tcase_add_test(tcase, an_orchestrator_that_stood_still_finds_nobody_silent);
    tcase_add_test(tcase, a_second_orchestrator_is_refused);
    tcase_add_test(tcase, a_lock_that_is_given_back_is_free_at_once);
    tcase_add_loop_test(tcase, the_next_orchestrator_takes_over_from_one_that_was_killed, 0, 2);
    tcase_add_test(tcase, an_orchestrator_that_was_stopped_must_not_go_on);
    tcase_add_test(tcase, a_token_is_greater_than_a_stored_one);
    tcase_add_test(tcase, an_orchestrator_outbids_what_stations_have_seen);
    tcase_add_test(tcase, an_orchestrator_outbids_while_it_renews_its_lock);
    tcase_add_test(tcase, a_station_obeys_the_greatest_token_only);
    tcase_add_test(tcase, a_second_station_of_a_name_is_refused);
    tcase_add_test(tcase, the_name_of_a_dead_station_is_free_after_a_while);
    tcase_add_test(tcase, a_station_that_was_stopped_finds_its_name_taken);
    tcase_add_test(tcase, a_stream_goes_that_its_station_does_not_read);
}

static void add_contacts(TCase *tcase)
{
    tcase_add_test(tcase, another_process_of_a_name_is_another_contact);
    tcase_add_test(tcase, a_contact_that_was_freed_still_gets_what_was_sent);
    tcase_add_test(tcase, what_was_not_acknowledged_is_kept_by_the_station);
    tcase_add_test(tcase, only_what_is_new_can_be_expected);
    tcase_add_test(tcase, the_state_is_kept_and_loaded_before_anybody_is_heard);
    tcase_add_test(tcase, a_large_state_is_loaded_before_anybody_is_heard);
    tcase_add_test(tcase, there_is_no_state_without_redis);
    tcase_add_loop_test(tcase, a_hub_can_be_closed_wherever_it_calls, 0, LKI_COUNT(hub_calls));
    tcase_add_loop_test(tcase, a_spoke_can_be_closed_wherever_it_calls, 0, LKI_COUNT(spoke_calls));
    tcase_add_test(tcase, what_a_station_says_last_arrives);
}

int main(void)
{
    Suite *suite = suite_create("hub");
    TCase *tcase = tcase_create("hub");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    suite_add_tcase(suite, tcase);
    add_talking(tcase);
    add_losing(tcase);
    add_contacts(tcase);
    return suite_run(suite);
}

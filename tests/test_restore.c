/* The orchestrator through a restart: what it finds of a run in its directory and in Redis, and
 * what becomes of that. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <loadkit/scenario.h>

#include "base/mem.h"
#include "bus/contact.h"
#include "control/conduct.h"
#include "control/crew_inner.h"
#include "model/registry.h"
#include "support/folder.h"
#include "support/gang.h"
#include "support/redis.h"
#include "support/suite.h"

#define STATE "lk:default:state"
#define RUN "00000000000000a1"

LK_VU(visitor)
{
    int visits;
};

LK_STEP(visitor, visit)
{
    (void)vu;
    self->visits++;
}

static struct lki_loop loop;
static struct lki_model *model;
static struct lki_redis_address address;
static struct test_redis server;
static struct lki_buf why;

static struct lki_timer rest;

static void on_rest(struct lki_timer *timer)
{
    (void)timer;
    lki_loop_stop(&loop);
}

static void set_up(void)
{
    folder_enter();
    lki_loop_quiet();
    lki_buf_init(&why, 65536);
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    ck_assert_int_eq(lki_timer_init(&loop.timers, &rest, on_rest), LK_OK);
    ck_assert_int_eq(lki_model_new(&model, lki_registry_first(), &why), LK_OK);
    ck_assert_int_eq(lki_redis_address_parse(&address, "unix:///nowhere/at/all", &why), LK_OK);
}

static void let_pass(void)
{
    lki_timer_set(&loop.timers, &rest, lki_loop_now(&loop) + 10 * LKI_NS_PER_MS);
    lki_loop_run(&loop);
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        for (int i_ = 0; i_ < 1000 && !(condition); i_++)                                          \
            let_pass();                                                                            \
        ck_assert(condition);                                                                      \
    } while (0)

static void tear_down(void)
{
    let_pass();
    lki_timer_release(&loop.timers, &rest);
    lki_loop_close(&loop);
    lki_redis_address_release(&address);
    lki_model_free(model);
    lki_buf_release(&why);
    test_redis_release(&server);
    folder_leave();
}

static void on_refused(struct lki_orchestrator *o, const char *who, void *arg)
{
    (void)o;
    (void)who;
    (void)arg;
}

static struct lki_orchestrator *begin_at(const struct lki_redis_address *redis)
{
    static struct lki_hub_settings hub;
    const struct lki_orchestrator_settings settings = {
        .hub = &hub, .state_dir = "state", .program = "test", .on_refused = on_refused};
    struct lki_orchestrator *o;

    hub = (struct lki_hub_settings){redis, LKI_CLUSTER_DEFAULT, "orchestrator"};
    ck_assert_int_eq(lki_orchestrator_new(&o, &loop, model, &settings, &why), LK_OK);
    return o;
}

/* Without Redis. */
static struct lki_orchestrator *begin(void)
{
    return begin_at(&address);
}

/* With it, and what it has was read. */
static struct lki_orchestrator *begin_with_redis(void)
{
    struct lki_orchestrator *o;

    test_redis_start(&server, false);
    o = begin_at(&server.address);
    WAIT_FOR(o->loaded);
    return o;
}

/* As if it was killed. */
static void end(struct lki_orchestrator *o)
{
    o->loaded = false;
    lki_orchestrator_free(o);
}

static bool has(const struct lki_orchestrator *o, const char *name)
{
    size_t len;

    return lki_checkpoint_get(&o->checkpoint, name, &len) != NULL;
}

/* A run that is being prepared. */
static void run_begin(struct lki_orchestrator *o, uint64_t users)
{
    const struct lki_start start = {
        .plan = {.run_id = RUN, .users = users, .duration_ns = LKI_NEVER}};
    struct lki_refusal refusal;

    ck_assert_int_eq(lki_conduct_begin(o, &start, &refusal), LK_OK);
    o->epoch = 1;
}

static void run_drop(struct lki_orchestrator *o)
{
    lki_crew_end(&o->crew);
    lki_conduct_drop(o);
}

/* It ended elsewhere, and others began after it, or none. */
static const struct {
    uint64_t epoch;
    const char *last;
    bool over;
} known[] = {{1, "former", false}, {1, RUN, true}, {2, "another", true}};

START_TEST(a_run_that_is_over_does_not_come_back)
{
    struct lki_orchestrator *o = begin();

    run_begin(o, 4);
    lki_restore_save(o);
    run_drop(o);
    o->epoch = known[_i].epoch;
    snprintf(o->last_run_id, sizeof(o->last_run_id), "%s", known[_i].last);
    lki_restore_save(o);
    end(o);
    o = begin();
    lki_restore_load(o);
    ck_assert_int_eq(o->run.core == NULL, known[_i].over);
    ck_assert_int_eq(has(o, "run"), !known[_i].over);
    ck_assert_int_eq(has(o, "moment"), !known[_i].over);
    end(o);
}
END_TEST

START_TEST(what_is_left_without_a_run_is_removed)
{
    struct lki_orchestrator *o = begin();

    ck_assert_int_eq(lki_checkpoint_put(&o->checkpoint, "life.1.0", "x", 1), LK_OK);
    end(o);
    o = begin();
    ck_assert(has(o, "life.1.0"));
    lki_restore_load(o);
    ck_assert(!has(o, "life.1.0"));
    end(o);
}
END_TEST

START_TEST(a_run_of_more_users_than_can_be_is_given_up)
{
    struct lki_orchestrator *o = begin();

    run_begin(o, _i ? UINT64_MAX : LKI_USERS_MAX);
    lki_restore_save(o);
    end(o);
    o = begin();
    lki_restore_load(o);
    ck_assert_int_eq(o->run.core == NULL, _i);
    ck_assert_int_eq(has(o, "run"), !_i);
    end(o);
}
END_TEST

/* One that has a worker in the run, by each of its processes. */
static void add_station(struct lki_crew *crew, const char *id, uint64_t processes)
{
    const struct lki_station_hello hello = {
        .id = id, .host = "here", .boot = "", .version = LK_VERSION, .processes = processes};
    struct lki_station *station = lki_zalloc(sizeof(*station));

    ck_assert_ptr_nonnull(station);
    station->crew = crew;
    station->session = 17;
    station->in_run = true;
    lki_arena_init(&station->texts, NULL, 0);
    ck_assert(lki_station_remember(station, &hello));
    for (uint64_t i = 0; i < processes; i++) {
        station->seats[i].number = i + 1;
        station->seats[i].life = i + 1;
    }
    *crew->last = station;
    crew->last = &station->next;
}

/* Without processes there is no station. */
START_TEST(stations_of_a_run_that_cannot_be_read_have_no_part_in_it)
{
    struct lki_orchestrator *o = begin();
    struct lki_plan plan = gang_plan(4);
    static struct gang gang;

    plan.open_ended = true;
    plan.run_id = RUN;
    gang_open(&gang, &plan, NULL, 2);
    gang_run(&gang, 2);
    o->run = (struct lki_conduct){.core = gang.core, .plan = plan, .run_id = plan.run_id};
    add_station(&o->crew, "good", 2);
    add_station(&o->crew, "bad", 0);
    lki_restore_save(o);
    o->run = (struct lki_conduct){0};
    end(o);
    gang_close(&gang);
    o = begin();
    o->crew.hub = o->hub;
    lki_restore_load(o);
    ck_assert_ptr_nonnull(o->run.core);
    ck_assert_ptr_nonnull(o->crew.stations);
    ck_assert_str_eq(o->crew.stations->hello.id, "good");
    for (uint64_t i = 0; i < 2; i++)
        ck_assert_uint_eq(o->crew.stations->seats[i].number, 0);
    end(o);
}
END_TEST

static bool redis_has(const char *name)
{
    return test_redis_ask(&server, "HEXISTS", STATE, name, NULL) == 1;
}

START_TEST(what_was_removed_while_redis_was_away_is_removed_there_too)
{
    struct lki_orchestrator *o = begin_with_redis();

    ck_assert_int_eq(lki_checkpoint_put(&o->checkpoint, "epoch", "e", 1), LK_OK);
    ck_assert_int_eq(lki_checkpoint_put(&o->checkpoint, "run", "r", 1), LK_OK);
    test_redis_ask(&server, "HSET", STATE, "somebody's", "x", NULL);
    WAIT_FOR(redis_has("epoch") && redis_has("run"));
    o->checkpoint.hub = NULL;
    lki_checkpoint_remove(&o->checkpoint, "run");
    o->hub->owner.on_up(o->hub, o->token, o->hub->owner.arg);
    WAIT_FOR(!redis_has("run"));
    ck_assert(redis_has("epoch"));
    ck_assert(redis_has("somebody's"));
    end(o);
}
END_TEST

/* Before it is told that another one has it, and afterwards. */
START_TEST(who_may_not_have_the_cluster_any_more_writes_nothing)
{
    struct lki_orchestrator *o = begin_with_redis();

    o->epoch = 1;
    ck_assert(lki_restore_save(o));
    if (_i)
        o->hub->owner.on_refused(o->hub, "there 2", o->hub->owner.arg);
    else
        o->hub->lock.renewed_ns -= LKI_CLAIM_EXPIRY_MS * LKI_NS_PER_MS;
    o->epoch = 2;
    ck_assert(!lki_restore_save(o));
    lki_orchestrator_free(o);
    o = begin();
    lki_restore_load(o);
    ck_assert_uint_eq(o->epoch, 1);
    end(o);
}
END_TEST

START_TEST(who_has_lost_redis_writes_all_the_same)
{
    struct lki_orchestrator *o = begin_with_redis();

    test_redis_kill(&server);
    WAIT_FOR(!o->up);
    o->epoch = 2;
    ck_assert(lki_restore_save(o));
    end(o);
    o = begin();
    lki_restore_load(o);
    ck_assert_uint_eq(o->epoch, 2);
    end(o);
}
END_TEST

static Suite *restore_suite(void)
{
    Suite *suite = suite_create("restore");
    TCase *all = suite_group(suite, "all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, a_run_that_is_over_does_not_come_back, 0, LKI_COUNT(known));
    tcase_add_test(all, what_is_left_without_a_run_is_removed);
    tcase_add_loop_test(all, a_run_of_more_users_than_can_be_is_given_up, 0, 2);
    tcase_add_test(all, stations_of_a_run_that_cannot_be_read_have_no_part_in_it);
    tcase_add_test(all, what_was_removed_while_redis_was_away_is_removed_there_too);
    tcase_add_loop_test(all, who_may_not_have_the_cluster_any_more_writes_nothing, 0, 2);
    tcase_add_test(all, who_has_lost_redis_writes_all_the_same);
    return suite;
}

int main(void)
{
    return suite_run(restore_suite());
}

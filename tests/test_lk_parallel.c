/* Several functions of a user at once inside one step: started together, waited for together, each
 * on a stack of its own; and requests at once. */
#include <check.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/http.h>
#include <loadkit/metric.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/server.h"
#include "support/suite.h"
#include "support/town.h"
#include "user/life.h"

static struct town town;

/* One iteration of each user; whoever waits longer than that is cut off. */
static void live(struct lk_def *const *defs, size_t users)
{
    town_open(&town, defs, users);
    town.crowd.iterations_left = users;
    town_run(&town);
}

static const char *live_once(struct lk_def *const *defs)
{
    live(defs, 1);
    return town_log(&town);
}

static void note(lk_vu *vu, void *what)
{
    town_note(vu, what);
}

/* "2" sleeps for two seconds, and notes its end. */
static void nap(lk_vu *vu, void *name)
{
    town_note(vu, name);
    lk_sleep(vu, *(const char *)name - '0');
    town_note(vu, lk_format(vu, "/%s", (const char *)name));
}

static void fail_after(lk_vu *vu, void *why)
{
    nap(vu, why);
    lk_fail(vu, "after %s", (const char *)why);
}

/* ---- together ---- */

static void nap_together(lk_vu *vu, void *self)
{
    (void)self;
    lk_parallel(vu, LK_CALL(nap, "1"), LK_CALL(nap, "3"), LK_CALL(note, "now"), LK_CALL(nap, "2"));
    town_note(vu, "after");
}

START_TEST(all_begin_at_once_and_the_step_goes_on_when_all_have_ended)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("s", nap_together), NULL};

    ck_assert_str_eq(live_once(defs),
                     "init@0 start@0 1@0 3@0 now@0 2@0 /1@1 /2@2 /3@3 after@3 stop@3");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_OK), 1);
    ck_assert_uint_eq(town.metrics.totals->iterations, 1);
    ck_assert_uint_eq(town.metrics.totals->steps, 1);
    town_close(&town);
}
END_TEST

static void none(lk_vu *vu, void *self)
{
    (void)self;
    lk_parallel_run(vu, 0, NULL);
    town_note(vu, "after");
}

START_TEST(none_at_all_is_no_mistake)
{
    struct lk_def *defs[] = {TOWN_STEP("s", none), NULL};

    ck_assert_str_eq(live_once(defs), "after@0");
    town_close(&town);
}
END_TEST

#define MANY 300

static void count_up(lk_vu *vu, void *count)
{
    lk_sleep(vu, 1);
    ++*(int *)count;
}

static void many(lk_vu *vu, void *self)
{
    struct lk_call calls[MANY];
    int count = 0;

    (void)self;
    for (int i = 0; i < MANY; i++)
        calls[i] = (struct lk_call){count_up, &count};
    lk_parallel_run(vu, MANY, calls);
    EXPECT(count == MANY, "%d of them", count);
}

START_TEST(there_may_be_many_in_many_users)
{
    struct lk_def *defs[] = {TOWN_STEP("s", many), NULL};

    live(defs, 10);
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_OK), 10);
    ck_assert_int_eq(lki_loop_now(&town.loop), LKI_NS_PER_S);
    town_close(&town);
}
END_TEST

static void inner(lk_vu *vu, void *name)
{
    lk_parallel(vu, LK_CALL(nap, "1"), LK_CALL(nap, "2"));
    town_note(vu, name);
}

static void nest(lk_vu *vu, void *self)
{
    (void)self;
    lk_parallel(vu, LK_CALL(inner, "a"), LK_CALL(nap, "3"), LK_CALL(inner, "b"));
    town_note(vu, "after");
}

START_TEST(one_of_them_may_call_several_itself)
{
    struct lk_def *defs[] = {TOWN_STEP("s", nest), NULL};

    ck_assert_str_eq(live_once(defs), "3@0 1@0 2@0 1@0 2@0 /1@1 /1@1 /2@2 /2@2 b@2 a@2 /3@3 "
                                      "after@3");
    town_close(&town);
}
END_TEST

/* ---- what they may do, and what stays ---- */

static const char *kept[3];
static lk_json *made[3];
static int deferred;

static void count_defer(void *arg)
{
    EXPECT(!strncmp(arg, "text ", 5), "the memory is gone");
    deferred++;
}

static void make(lk_vu *vu, void *which)
{
    int at = *(int *)which;

    kept[at] = lk_format(vu, "text %d", at);
    made[at] = LK_OBJECT("n", at, "s", kept[at]);
    lk_defer(vu, count_defer, (void *)(uintptr_t)kept[at]);
    lk_sleep(vu, 0.1 * (3 - at));
    EXPECT(deferred == 2 - at, "%d defers at the end of %d", deferred, at);
    EXPECT(!strcmp(lki_vu_unit(vu)->step, "s"), "in step %s", lki_vu_unit(vu)->step);
    EXPECT(vu->loop->shown->in_hand.step == lki_vu_unit(vu)->step, "that is not seen");
    EXPECT(vu->loop->shown->in_hand.user == vu->id, "for another user");
}

static void make_and_read(lk_vu *vu, void *self)
{
    static int numbers[] = {0, 1, 2};

    (void)self;
    deferred = 0;
    lk_parallel(vu, LK_CALL(make, &numbers[0]), LK_CALL(make, &numbers[1]),
                LK_CALL(make, &numbers[2]));
    EXPECT(deferred == 3, "%d defers were called", deferred);
    lk_sleep(vu, 1); /* whoever gets their stacks meanwhile */
    for (int i = 0; i < 3; i++) {
        EXPECT(atoi(kept[i] + 5) == i, "a string says %s", kept[i]);
        EXPECT(lk_int(made[i], "n") == i && !strcmp(lk_str(made[i], "s"), kept[i]),
               "a value is another's");
        lk_json_set(made[i], "n", 7);
    }
}

START_TEST(what_they_make_stays_until_the_step_ends_and_defers_are_called_before)
{
    struct lk_def *defs[] = {TOWN_STEP("s", make_and_read), NULL};

    live(defs, 1);
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_OK), 1);
    town_close(&town);
}
END_TEST

static sem_t gate;

static void wait_for_gate(void *arg)
{
    sem_wait(&gate);
    ++*(int *)arg;
}

static void block(lk_vu *vu, void *self)
{
    int here = 0;

    (void)self;
    EXPECT(lk_blocking(vu, wait_for_gate, &here) == LK_OK && here == 1, "it was not waited for");
    town_note(vu, "unblocked");
}

static void post_gate(lk_vu *vu, void *self)
{
    (void)self;
    lk_sleep(vu, 1);
    sem_post(&gate);
}

static void block_and_post(lk_vu *vu, void *self)
{
    lk_parallel(vu, LK_CALL(block, self), LK_CALL(post_gate, self));
}

START_TEST(one_may_block_while_the_others_go_on)
{
    struct lk_def *defs[] = {TOWN_STEP("s", block_and_post), NULL};

    sem_init(&gate, 0, 0);
    ck_assert_str_eq(live_once(defs), "unblocked@1");
    town_close(&town);
}
END_TEST

static lk_json *factory(lk_vu *vu, const char *id)
{
    return LK_OBJECT("name", id);
}

static void hold(lk_vu *vu, void *seconds)
{
    lk_json *item = lk_resource_acquire(vu, "items");

    town_note(vu, lk_str(item, "name"));
    lk_sleep(vu, *(int *)seconds);
    lk_resource_release(vu, "items", item);
}

static void hold_in_turn(lk_vu *vu, void *self)
{
    static int seconds[] = {2, 1};

    (void)self;
    lk_parallel(vu, LK_CALL(hold, &seconds[0]), LK_CALL(hold, &seconds[1]));
}

START_TEST(one_waits_for_an_object_that_another_one_holds)
{
    struct lk_def *defs[] = {TOWN_RESOURCE("items", factory, .count = 1),
                             TOWN_STEP("s", hold_in_turn), NULL};

    ck_assert_str_eq(live_once(defs), "1@0 1@2");
    town_close(&town);
}
END_TEST

/* ---- failing ---- */

static void fail_some(lk_vu *vu, void *self)
{
    (void)self;
    lk_parallel(vu, LK_CALL(fail_after, "2"), LK_CALL(nap, "3"), LK_CALL(fail_after, "1"));
    town_note(vu, "never");
}

START_TEST(one_that_fails_ends_itself_and_the_step_when_all_are_over)
{
    struct lk_def *defs[] = {TOWN_STEP("s", fail_some), NULL};

    ck_assert_str_eq(live_once(defs), "2@0 3@0 1@0 /1@1 /2@2 /3@3");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_FAILED), 1);
    ck_assert_str_eq(town.metrics.first_error->message, "after 1");
    ck_assert_uint_eq(town.metrics.first_error->count, 1);
    ck_assert_ptr_null(town.metrics.first_error->next);
    town_close(&town);
}
END_TEST

static void fail_timed(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("short")
    {
        lk_sleep(vu, 1);
        lk_fail(vu, "inside");
    }
}

static void time_long(lk_vu *vu, void *self)
{
    (void)self;
    LK_TIMED("long")
    {
        lk_sleep(vu, 3);
    }
}

static void fail_inside_timing(lk_vu *vu, void *self)
{
    LK_TIMED("all")
    {
        lk_parallel(vu, LK_CALL(fail_timed, self), LK_CALL(time_long, self));
    }
}

static int64_t took(const char *name)
{
    for (const struct lki_metric *metric = town.metrics.first; metric; metric = metric->next) {
        if (!strcmp(metric->name, name))
            return metric->second.latency.max;
    }
    return -1;
}

START_TEST(a_block_that_is_timed_ends_with_its_function)
{
    struct lk_def *defs[] = {TOWN_STEP("s", fail_inside_timing), NULL};

    live(defs, 1);
    ck_assert_uint_eq(town_code(&town, "short", LKI_CODE_METRIC_FAILED), 1);
    ck_assert_uint_eq(town_code(&town, "long", LKI_CODE_METRIC_OK), 1);
    ck_assert_uint_eq(town_code(&town, "all", LKI_CODE_METRIC_FAILED), 1);
    ck_assert_int_eq(took("short"), LKI_NS_PER_S);
    ck_assert_int_eq(took("long"), 3 * LKI_NS_PER_S);
    ck_assert_int_eq(took("all"), 3 * LKI_NS_PER_S);
    town_close(&town);
}
END_TEST

static void call_null(lk_vu *vu, void *self)
{
    lk_parallel(vu, LK_CALL(note, self), LK_CALL(NULL, self));
}

START_TEST(a_function_that_is_null_ends_the_step_before_any_begins)
{
    struct lk_def *defs[] = {TOWN_STEP("s", call_null), NULL};

    ck_assert_str_eq(live_once(defs), "");
    ck_assert_str_eq(town.metrics.first_error->message, "lk_parallel: function 2 of 2 is NULL");
    town_close(&town);
}
END_TEST

/* ---- the end ---- */

static void note_defer(void *name)
{
    struct lki_buf *log = &town.log;

    lki_buf_printf(log, " !%s", (const char *)name);
}

static void nap_and_tidy(lk_vu *vu, void *name)
{
    lk_defer(vu, note_defer, name);
    nap(vu, name);
}

static void nap_in_turn(lk_vu *vu, void *self)
{
    (void)self;
    lk_parallel(vu, LK_CALL(nap_and_tidy, "1"), LK_CALL(nap_and_tidy, "5"));
    town_note(vu, "after");
}

START_TEST(the_time_of_the_step_is_that_of_all)
{
    struct lk_def *defs[] = {TOWN_STEP("s", nap_in_turn, .timeout_s = 2), NULL};

    ck_assert_str_eq(live_once(defs), "1@0 5@0 /1@1 !1 !5");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_TIMEOUT), 1);
    ck_assert_int_eq(took("s"), 2 * LKI_NS_PER_S);
    town_close(&town);
}
END_TEST

START_TEST(draining_ends_naps_and_a_cut_ends_all)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("s", nap_in_turn), NULL};

    town_open(&town, defs, 1);
    town_at(&town, 2, town_drain);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 1@0 5@0 /1@1 !1 /5@2 !5 after@2 stop@2");
    town_close(&town);

    town_open(&town, defs, 1);
    town_at(&town, 2, town_cut);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "init@0 start@0 1@0 5@0 /1@1 !1 !5");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_CANCELLED), 1);
    ck_assert_uint_eq(town.metrics.totals->iterations, 0);
    town_close(&town);
}
END_TEST

static void cut(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
    town_cut(&town);
}

static void cut_first(lk_vu *vu, void *self)
{
    lk_parallel(vu, LK_CALL(cut, self), LK_CALL(note, "never"));
    town_note(vu, "never");
}

static void cut_and_call(lk_vu *vu, void *self)
{
    cut(vu, self);
    lk_parallel(vu, LK_CALL(note, "never"));
}

START_TEST(what_has_not_begun_when_all_is_cut_off_does_not_begin)
{
    struct lk_def *first[] = {TOWN_STEP("s", cut_first), NULL};
    struct lk_def *before[] = {TOWN_STEP("s", cut_and_call), NULL};

    ck_assert_str_eq(live_once(first), "");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_CANCELLED), 1);
    town_close(&town);
    ck_assert_str_eq(live_once(before), "");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_CANCELLED), 1);
    town_close(&town);
}
END_TEST

static void leave_soon(struct town *self)
{
    lki_user_leave_within(self->users[0], 1 * LKI_NS_PER_S);
}

static void wait_long(lk_vu *vu, void *self)
{
    static int pipe_ends[2];

    (void)self;
    EXPECT(!pipe(pipe_ends), "no pipe");
    town_note(vu, "waits");
    lk_wait_fd(vu, pipe_ends[0], LK_READABLE, LK_OFF);
}

static void wait_or_nap(lk_vu *vu, void *self)
{
    lk_parallel(vu, LK_CALL(nap, "9"), LK_CALL(inner, "a"), LK_CALL(wait_long, self));
}

START_TEST(a_user_that_leaves_takes_all_of_them_along)
{
    struct lk_def *defs[] = {TOWN_HOOKS, TOWN_STEP("s", wait_or_nap), NULL};

    town_open(&town, defs, 1);
    town.loop.clock.fake = true;
    town_at(&town, 0.5, leave_soon);
    town_at(&town, 8, town_drain);
    town_run(&town);
    /* naps end at once, waits after the grace */
    ck_assert_str_eq(town_log(&town),
                     "init@0 start@0 9@0 waits@0 1@0 2@0 /1@0.5 /2@0.5 /9@0.5 a@0.5");
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_CANCELLED), 1);
    town_close(&town);
}
END_TEST

static void see_timeout(struct town *self)
{
    lki_buf_printf(&self->log, " [%llu]",
                   (unsigned long long)town_code(self, "s", LKI_CODE_STEP_TIMEOUT));
    sem_post(&gate);
}

static void block_long(lk_vu *vu, void *self)
{
    town_note(vu, "blocks");
    lk_parallel(vu, LK_CALL(block, self), LK_CALL(nap, "9"));
}

START_TEST(one_that_blocks_too_long_is_recorded_at_once_and_still_waited_for)
{
    struct lk_def *defs[] = {TOWN_STEP("s", block_long, .timeout_s = 1, .every = LK_FIXED(9)),
                             NULL};

    sem_init(&gate, 0, 0);
    town_open(&town, defs, 1);
    town_at(&town, 3, see_timeout);
    town_at(&town, 8, town_drain);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "blocks@0 9@0 [1]");
    ck_assert_uint_eq(town.metrics.totals->steps, 1);
    town_close(&town);
}
END_TEST

/* ---- requests ---- */

#define ANSWER(status, body) "HTTP/1.1 " status "\r\nContent-Length: 1\r\n\r\n" body

static struct test_server server;

static void set_url(lk_vu *vu, void *self)
{
    (void)self;
    lk_http_base_url(vu, server.url);
}

static const enum lk_http_engine engines[] = {LK_HTTP_ENGINE_NATIVE, LK_HTTP_ENGINE_CURL};
static enum lk_http_engine engine;

static void get(lk_vu *vu, void *response)
{
    *(lk_response **)response = lk_get(vu, "/", .engine = engine);
}

static void get_together(lk_vu *vu, void *self)
{
    lk_response *got[3] = {NULL, NULL, NULL};

    (void)self;
    lk_parallel(vu, LK_CALL(get, &got[0]), LK_CALL(get, &got[1]), LK_CALL(get, &got[2]));
    for (int i = 0; i < 3; i++)
        EXPECT(got[i]->status == 200 && !strcmp(got[i]->body, "x"), "answer %d is not there", i);
    lk_response_free(got[1]);
    lk_response_free(got[0]);
    EXPECT(!strcmp(got[2]->body, "x"), "it went with the others");
}

static void live_with_server(struct lk_def *const *defs, const struct test_script *script)
{
    test_server_start(&server, script, 1);
    town_open(&town, defs, 1);
    town.loop.clock.fake = false;
    town.crowd.iterations_left = 2;
    town_run(&town);
}

START_TEST(their_requests_go_out_at_once_and_their_answers_stay)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SLEEP(20), SRV_SEND(ANSWER("200 OK", "x")), SRV_AGAIN}};
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, set_url), TOWN_STEP("s", get_together), NULL};
    const struct test_server_seen *seen;

    engine = engines[_i];
    live_with_server(defs, &script);
    seen = test_server_settle_closed(&server);
    ck_assert_uint_eq(seen->requests, 6);
    ck_assert_uint_eq(seen->connections, 3);
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_OK), 2);
    ck_assert_uint_eq(town_code(&town, "GET /", LKI_CODE_HTTP(200)), 6);
    ck_assert_uint_eq(town.metrics.totals->http_requests, 6);
    town_close(&town);
    test_server_stop(&server);
}
END_TEST

#define BATCH 20

static void send_batch(lk_vu *vu, void *self)
{
    struct lk_request requests[BATCH];
    const struct lk_request *list[BATCH];
    lk_response *got[BATCH];

    (void)self;
    for (int i = 0; i < BATCH; i++) {
        requests[i] = *LK_REQUEST("GET", lk_format(vu, "/%c", 'a' + i), .name = "one");
        list[i] = &requests[i];
    }
    lk_http_batch(vu, BATCH, list, got, 0);
    for (int i = 0; i < BATCH; i++)
        EXPECT(got[i]->status == 200, "answer %d", i);
}

START_TEST(a_batch_is_sent_by_so_many_connections_as_a_browser_has)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SLEEP(5), SRV_SEND(ANSWER("200 OK", "x")), SRV_AGAIN}};
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, set_url), TOWN_STEP("s", send_batch), NULL};
    const struct test_server_seen *seen;

    live_with_server(defs, &script);
    seen = test_server_settle_closed(&server);
    ck_assert_uint_eq(seen->requests, 2 * BATCH);
    ck_assert_uint_eq(seen->connections, 6);
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_OK), 2);
    ck_assert_uint_eq(town_code(&town, "one", LKI_CODE_HTTP(200)), 2 * BATCH);
    town_close(&town);
    test_server_stop(&server);
}
END_TEST

static lk_response *answers[4];

/* The one that goes nowhere is allowed to, so the order of the answers can be told. */
static void send_mixed(lk_vu *vu, void *self)
{
    (void)self;
    lk_batch(vu, answers, LK_REQUEST("GET", "/a"),
             LK_REQUEST("GET", "http://127.0.0.1:1/", .keep_going = true, .name = "lost"),
             LK_REQUEST("POST", "/c", .json = LK_ARRAY(1, 2)), LK_REQUEST("HEAD", "/d"));
    EXPECT(answers[0]->status == 200 && answers[0]->body_bytes == 1, "the first");
    EXPECT(answers[1]->status == 0 && *lk_error(answers[1]), "the second");
    EXPECT(answers[2]->status == 200 && answers[2]->body_bytes == 1, "the third");
    EXPECT(answers[3]->status == 200 && answers[3]->body_bytes == 0, "the fourth");
}

START_TEST(answers_of_a_batch_stand_where_their_requests_did)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SLEEP(5), SRV_SEND(ANSWER("200 OK", "x")), SRV_CLOSE}};
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, set_url), TOWN_STEP("s", send_mixed), NULL};

    live_with_server(defs, &script);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 6);
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_OK), 2);
    town_close(&town);
    test_server_stop(&server);
}
END_TEST

static void send_lost(lk_vu *vu, void *self)
{
    (void)self;
    lk_batch(vu, answers, LK_REQUEST("GET", "http://127.0.0.1:1/", .name = "lost"),
             LK_REQUEST("GET", "/a", .name = "one"), LK_REQUEST("GET", "/b", .name = "one"),
             LK_REQUEST("GET", "/c", .name = "one"));
}

START_TEST(one_of_a_batch_that_fails_does_not_keep_the_others_from_being_sent)
{
    static const struct test_script script = {
        {SRV_READ, SRV_SEND(ANSWER("200 OK", "x")), SRV_AGAIN}};
    struct lk_def *defs[] = {TOWN_HOOK(LK_HOOK_INIT, set_url), TOWN_STEP("s", send_lost), NULL};

    live_with_server(defs, &script);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 6);
    ck_assert_uint_eq(town_code(&town, "one", LKI_CODE_HTTP(200)), 6);
    ck_assert_uint_eq(town_code(&town, "s", LKI_CODE_STEP_FAILED), 2);
    ck_assert_ptr_nonnull(strstr(town.metrics.last_error->message, "lost got no answer"));
    town_close(&town);
    test_server_stop(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lk_parallel");
    TCase *tcase = suite_group(suite, "together");

    tcase_add_test(tcase, all_begin_at_once_and_the_step_goes_on_when_all_have_ended);
    tcase_add_test(tcase, none_at_all_is_no_mistake);
    tcase_add_test(tcase, there_may_be_many_in_many_users);
    tcase_add_test(tcase, one_of_them_may_call_several_itself);
    tcase = suite_group(suite, "inside");
    tcase_add_test(tcase, what_they_make_stays_until_the_step_ends_and_defers_are_called_before);
    tcase_add_test(tcase, one_may_block_while_the_others_go_on);
    tcase_add_test(tcase, one_waits_for_an_object_that_another_one_holds);
    tcase = suite_group(suite, "failing");
    tcase_add_test(tcase, one_that_fails_ends_itself_and_the_step_when_all_are_over);
    tcase_add_test(tcase, a_block_that_is_timed_ends_with_its_function);
    tcase_add_test(tcase, a_function_that_is_null_ends_the_step_before_any_begins);
    tcase = suite_group(suite, "end");
    tcase_add_test(tcase, the_time_of_the_step_is_that_of_all);
    tcase_add_test(tcase, draining_ends_naps_and_a_cut_ends_all);
    tcase_add_test(tcase, what_has_not_begun_when_all_is_cut_off_does_not_begin);
    tcase_add_test(tcase, a_user_that_leaves_takes_all_of_them_along);
    tcase_add_test(tcase, one_that_blocks_too_long_is_recorded_at_once_and_still_waited_for);
    tcase = suite_group(suite, "requests");
    tcase_add_loop_test(tcase, their_requests_go_out_at_once_and_their_answers_stay, 0,
                        LKI_COUNT(engines));
    tcase_add_test(tcase, a_batch_is_sent_by_so_many_connections_as_a_browser_has);
    tcase_add_test(tcase, answers_of_a_batch_stand_where_their_requests_did);
    tcase_add_test(tcase, one_of_a_batch_that_fails_does_not_keep_the_others_from_being_sent);
    return suite_run(suite);
}

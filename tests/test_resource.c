/* What resources promise: one object, one holder, whatever becomes of those who hold, wait or make.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"

#define NS LKI_NS_PER_S
#define ONCE .every = LK_FIXED(1e6)

static struct town town;
static int made;                      /* calls of the factory */
static lk_json *held[TOWN_USERS_MAX]; /* by user: what it got last */
static int failures_left;             /* of whatever fails at first */

static void finish(void)
{
    town_close(&town);
}

static const char *live(struct lk_def *const *defs, size_t users, double seconds)
{
    made = 0;
    town_open(&town, defs, users);
    town_at(&town, seconds, town_drain);
    town_run(&town);
    return town_log(&town);
}

static lk_json *make_account(lk_vu *vu, const char *id)
{
    made++;
    return LK_OBJECT("name", lk_format(vu, "user_%s", id));
}

#define ACCOUNTS(...) TOWN_RESOURCE("accounts", __VA_ARGS__)

static lk_json *acquire(lk_vu *vu)
{
    lk_json *account = lk_resource_acquire(vu, "accounts");

    held[lk_user_id(vu) - 1] = account;
    town_note(vu, lk_str(account, "resource_id"));
    return account;
}

static void release(lk_vu *vu)
{
    lk_resource_release(vu, "accounts", held[lk_user_id(vu) - 1]);
}

static void take_one(lk_vu *vu, void *self)
{
    (void)self;
    acquire(vu);
}

static void borrow(lk_vu *vu, void *self)
{
    (void)self;
    acquire(vu);
    lk_sleep(vu, 1);
    release(vu);
}

/* ---- holding ---- */

START_TEST(objects_are_made_when_somebody_wants_one)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account), TOWN_STEP("a", borrow, .every = LK_FIXED(3)),
                             NULL};

    ck_assert_str_eq(live(defs, 1, 8.5), "1@0 1@4 1@8");
    ck_assert_int_eq(made, 1);
    finish();
}
END_TEST

START_TEST(there_may_be_as_many_objects_as_users)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account), TOWN_STEP("a", take_one, ONCE), NULL};

    live(defs, TOWN_USERS_MAX, 1);
    ck_assert_int_eq(made, TOWN_USERS_MAX);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), TOWN_USERS_MAX);
    for (int i = 0; i < TOWN_USERS_MAX; i++) {
        for (int k = 0; k < i; k++)
            EXPECT(held[i] != held[k], "users %d and %d hold the same", k + 1, i + 1);
    }
    finish();
}
END_TEST

static void take_two(lk_vu *vu, void *self)
{
    take_one(vu, self);
    take_one(vu, self);
}

START_TEST(the_author_may_say_how_many)
{
    struct lk_def *more[] = {ACCOUNTS(make_account, .count = 4), TOWN_STEP("a", take_two, ONCE),
                             NULL};
    struct lk_def *fewer[] = {ACCOUNTS(make_account, .count = 1), TOWN_STEP("a", take_one, ONCE),
                              NULL};

    ck_assert_str_eq(live(more, 2, 1), "1@0 2@0 2:3@0 2:4@0");
    finish();
    ck_assert_str_eq(live(fewer, 2, 1), "1@0 2:1@1");
    finish();
}
END_TEST

static void take_two_and_maybe_fail(lk_vu *vu, void *self)
{
    take_two(vu, self);
    if (failures_left-- > 0)
        lk_fail(vu, "not yet");
}

START_TEST(what_a_user_holds_is_given_back_when_its_life_ends)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 2),
                             TOWN_HOOK(LK_HOOK_START, take_two_and_maybe_fail),
                             TOWN_STEP("a", town_act, ONCE), NULL};

    failures_left = 3;
    ck_assert_str_eq(live(defs, 1, 20), "1@0 2@0 1@1 2@1 1@3 2@3 1@7 2@7 a@7");
    ck_assert_int_eq(made, 2);
    finish();
}
END_TEST

/* ---- waiting ---- */

START_TEST(who_came_first_is_served_first)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1), TOWN_STEP("a", borrow, ONCE),
                             NULL};

    ck_assert_str_eq(live(defs, 5, 10), "1@0 2:1@1 3:1@2 4:1@3 5:1@4");
    finish();
}
END_TEST

static void borrow_twice(lk_vu *vu, void *self)
{
    borrow(vu, self);
    borrow(vu, self);
}

START_TEST(who_gave_back_does_not_overtake_those_who_wait)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1), TOWN_STEP("a", borrow_twice, ONCE),
                             NULL};

    ck_assert_str_eq(live(defs, 3, 10), "1@0 2:1@1 3:1@2 1@3 2:1@4 3:1@5");
    finish();
}
END_TEST

static void let_first_leave(struct town *self)
{
    lki_user_leave(self->users[0]);
}

START_TEST(the_end_of_another_life_wakes_who_waits)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1), TOWN_STEP("a", take_one, ONCE),
                             NULL};

    made = 0;
    town_open(&town, defs, 2);
    town_at(&town, 5, let_first_leave);
    town_at(&town, 10, town_drain);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "1@0 2:1@5");
    finish();
}
END_TEST

static void first_fails_after_2(lk_vu *vu, void *self)
{
    acquire(vu);
    lk_sleep(vu, 2);
    town_note(vu, "over");
    if (lk_user_id(vu) == 1)
        lk_fail(vu, "no luck");
    (void)self;
}

START_TEST(a_life_that_fails_to_begin_wakes_who_waits)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1),
                             TOWN_HOOK(LK_HOOK_START, first_fails_after_2),
                             TOWN_STEP("a", town_idle, ONCE), NULL};

    /* and the first one again, when the second has left */
    ck_assert_str_eq(live(defs, 2, 4.5), "1@0 over@2 2:1@2 2:over@4 1@4.5 over@4.5");
    finish();
}
END_TEST

static void note_left(void *vu)
{
    town_note(vu, "left");
}

static void second_waits(lk_vu *vu, void *self)
{
    (void)self;
    if (lk_user_id(vu) == 2) {
        lk_defer(vu, note_left, vu);
        lk_sleep(vu, 0.25);
    }
    acquire(vu);
}

START_TEST(a_wait_ends_with_the_step_at_its_nanosecond_and_says_for_what)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1),
                             TOWN_STEP("a", second_waits, .timeout_s = 0.75, ONCE), NULL};

    ck_assert_str_eq(live(defs, 2, 2), "1@0 2:left@0.75");
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_TIMEOUT), 1);
    ck_assert_str_eq(town.metrics.first_error->message,
                     "timed out waiting for resource \"accounts\": all 1 are held");
    finish();
}
END_TEST

static uint64_t holder;

static void other_begins_later(lk_vu *vu, void *self)
{
    (void)self;
    if (lk_user_id(vu) != holder)
        lk_sleep(vu, 1);
}

static void meet(lk_vu *vu, void *self)
{
    struct town_state *state = self;

    state->steps++;
    if (lk_user_id(vu) != holder || state->steps == 1)
        acquire(vu);
    else if (state->steps == 2)
        release(vu);
}

/* The holder gives back at the very instant at which the other one's step times out. Whichever
 * comes first, the other one has it now or at its next step. */
START_TEST(an_object_given_back_as_the_wait_for_it_times_out_is_not_lost)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1),
                             TOWN_HOOK(LK_HOOK_START, other_begins_later),
                             TOWN_STEP("a", meet, .timeout_s = 1, .every = LK_FIXED(2)), NULL};
    const char *logs[] = {"1@0 2:1@2", "1@0 2:1@4", "2:1@0 1@2", "2:1@0 1@4"};
    const char *log;

    holder = (uint64_t)_i + 1;
    log = live(defs, 2, 5);
    ck_assert_msg(!strcmp(log, logs[2 * _i]) || !strcmp(log, logs[2 * _i + 1]), "%s", log);
    ck_assert_int_eq(made, 1);
    finish();
}
END_TEST

START_TEST(a_wait_goes_on_while_the_run_drains)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1), TOWN_STEP("a", take_one, ONCE),
                             NULL};

    /* the first one is told to leave, gives back, and the others have their turns */
    ck_assert_str_eq(live(defs, 3, 5), "1@0 2:1@5 3:1@5");
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_OK), 3);
    finish();
}
END_TEST

static void hold_long(lk_vu *vu, void *self)
{
    (void)self;
    lk_defer(vu, note_left, vu);
    acquire(vu);
    lk_sleep(vu, 1e6);
}

START_TEST(a_cut_ends_a_wait_and_nothing_is_lost)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1),
                             TOWN_HOOK(LK_HOOK_START, other_begins_later),
                             TOWN_STEP("a", hold_long, ONCE), NULL};

    made = 0;
    holder = 3; /* the first to be cut off: what it gives back is for nobody who is cut off too */
    town_open(&town, defs, 3);
    town_at(&town, 5, town_cut);
    town_run(&town);
    ck_assert_str_eq(town_log(&town), "3:1@0 3:left@5 2:left@5 left@5");
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_CANCELLED), 3);
    ck_assert_ptr_nonnull(town.crowd.resources.pools[0].free);
    ck_assert_ptr_null(town.crowd.resources.pools[0].first_wait);
    ck_assert_int_eq(made, 1);
    finish();
}
END_TEST

static void try_one(lk_vu *vu, void *self)
{
    lk_json *account = lk_resource_try(vu, "accounts");

    (void)self;
    town_note(vu, account ? lk_str(account, "name") : "none");
    lk_sleep(vu, 1);
    lk_resource_release(vu, "accounts", account);
}

static void sleep_long(lk_vu *vu, void *user)
{
    (void)user;
    lk_sleep(vu, 100);
}

static void fail_always(lk_vu *vu, void *user)
{
    (void)user;
    lk_fail(vu, "no");
}

START_TEST(who_is_kept_by_its_start_until_the_end_is_told_of)
{
    struct lk_def *slow[] = {TOWN_HOOK(LK_HOOK_START, sleep_long), TOWN_STEP("a", town_idle, ONCE),
                             NULL};
    struct lk_def *failing[] = {TOWN_HOOK(LK_HOOK_START, fail_always),
                                TOWN_STEP("a", town_idle, ONCE), NULL};
    const struct lki_error_group *group;

    live(slow, 10, 3);
    group = town.metrics.first_error;
    ck_assert_ptr_nonnull(group);
    ck_assert_int_eq(group->code, LKI_CODE_LIFECYCLE_UNBEGUN);
    ck_assert_str_eq(group->message, "was at its on_start until the end");
    ck_assert_uint_eq(group->count, 10);
    ck_assert_ptr_null(group->next);
    finish();
    live(failing, 10, 3);
    group = town.metrics.first_error;
    ck_assert_str_eq(group->message, "no");
    group = group->next;
    ck_assert_ptr_nonnull(group);
    ck_assert_str_eq(group->message, "failed to begin");
    ck_assert_uint_eq(group->count, 10);
    finish();
}
END_TEST

/* Who waits in a step has begun; who was told to leave before is not told of twice. */
START_TEST(who_waits_to_begin_until_the_end_is_told_of)
{
    struct lk_def *start[] = {ACCOUNTS(make_account, .count = 2),
                              TOWN_HOOK(LK_HOOK_START, take_one), TOWN_STEP("a", town_idle, ONCE),
                              NULL};
    struct lk_def *step[] = {ACCOUNTS(make_account, .count = 2), TOWN_STEP("a", take_one, ONCE),
                             NULL};
    const struct lki_error_group *group;

    made = 0;
    town_open(&town, start, 10);
    town_at(&town, 3, town_drain);
    town_at(&town, 3, town_cut);
    town_run(&town);
    group = town.metrics.first_error;
    ck_assert_ptr_nonnull(group);
    ck_assert_int_eq(group->code, LKI_CODE_LIFECYCLE_WAITED);
    ck_assert_str_eq(group->message, "waited for resource \"accounts\" until the end");
    ck_assert_uint_eq(group->count, 8);
    ck_assert_ptr_null(group->next);
    finish();
    live(step, 10, 3);
    ck_assert_ptr_null(town.metrics.first_error);
    finish();
}
END_TEST

START_TEST(a_try_gives_null_while_all_are_held)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 2),
                             TOWN_STEP("a", try_one, .every = LK_FIXED(0.5)), NULL};

    ck_assert_str_eq(live(defs, 3, 2), "user_1@0 2:user_2@0 3:none@0 user_2@1.5 2:user_1@1.5 "
                                       "3:none@1.5");
    finish();
}
END_TEST

/*
 * A crowd that comes and goes at random, by every way out. Nobody gets what another one holds,
 * there are never more objects than there may be, and none is lost: in the end all are in use as
 * they were at the beginning.
 */
#define FEW 7
#define MANY 40

static int in_use;
static int most_in_use;

static void drop(lk_vu *vu)
{
    lk_json **mine = &held[lk_user_id(vu) - 1];

    in_use -= *mine != NULL;
    *mine = NULL;
}

static void come(lk_vu *vu)
{
    bool patient = lki_rng_below(&vu->rng, 4) > 0;
    lk_json *account = patient ? lk_resource_acquire(vu, "accounts")
                               : lk_resource_try(vu, "accounts");

    for (int i = 0; i < MANY && account; i++)
        EXPECT(held[i] != account, "user %d holds what user %d got", i + 1, (int)lk_user_id(vu));
    held[lk_user_id(vu) - 1] = account;
    in_use += account != NULL;
    most_in_use = in_use > most_in_use ? in_use : most_in_use;
}

static void come_and_go(lk_vu *vu, void *self)
{
    (void)self;
    release(vu); /* what a step that failed did not */
    drop(vu);
    come(vu);
    lk_sleep(vu, lki_rng_double(&vu->rng));
    if (lki_rng_below(&vu->rng, 8) == 0)
        lk_fail(vu, "no luck");
    release(vu);
    drop(vu);
}

static void begin_or_not(lk_vu *vu, void *self)
{
    (void)self;
    come(vu);
    lk_sleep(vu, lki_rng_double(&vu->rng));
    if (lki_rng_below(&vu->rng, 3) == 0)
        lk_fail(vu, "no luck");
}

static void stop_counting(lk_vu *vu, void *self)
{
    (void)self;
    drop(vu);
}

static lk_json *make_or_not(lk_vu *vu, const char *id)
{
    lk_sleep(vu, lki_rng_double(&vu->rng));
    if (lki_rng_below(&vu->rng, 2) == 0)
        lk_fail(vu, "cannot make %s", id);
    return make_account(vu, id);
}

static void look_again(struct town *self)
{
    ck_assert_int_eq(most_in_use, FEW);
    ck_assert_uint_gt(town_code(self, "a", LKI_CODE_STEP_TIMEOUT), 100);
    ck_assert_uint_gt(town_code(self, "a", LKI_CODE_STEP_FAILED), 100);
    ck_assert_uint_gt(town_code(self, "on_start", LKI_CODE_LIFECYCLE_FAILED), 5);
    most_in_use = in_use;
}

START_TEST(whatever_users_do_no_object_is_lost_or_held_twice)
{
    struct lk_def *defs[] = {ACCOUNTS(make_or_not, .count = FEW),
                             TOWN_HOOK(LK_HOOK_START, begin_or_not, .timeout_s = 1.5),
                             TOWN_HOOK(LK_HOOK_STOP, stop_counting),
                             TOWN_STEP("a", come_and_go, .timeout_s = 1.25), NULL};

    made = 0;
    in_use = 0;
    most_in_use = 0;
    memset(held, 0, sizeof(held));
    town_open_seeded(&town, defs, MANY, (uint64_t)_i + 1);
    town_at(&town, 600, look_again);
    town_at(&town, 660, town_drain);
    town_run(&town);
    ck_assert_int_eq(made, FEW);
    ck_assert_int_eq(most_in_use, FEW);
    ck_assert_int_eq(in_use, 0);
    ck_assert_ptr_null(town.crowd.resources.pools[0].first_wait);
    finish();
}
END_TEST

/* ---- making ---- */

static lk_json *make_slowly(lk_vu *vu, const char *id)
{
    lk_sleep(vu, 2);
    return make_account(vu, id);
}

START_TEST(a_factory_may_wait_and_two_at_once_make_different_objects)
{
    struct lk_def *defs[] = {ACCOUNTS(make_slowly), TOWN_STEP("a", take_one, ONCE), NULL};
    const char *log = live(defs, 3, 5);

    ck_assert_msg(strstr(log, "1@2") && strstr(log, "2:2@2") && strstr(log, "3:3@2"), "%s", log);
    ck_assert_int_eq(made, 3);
    finish();
}
END_TEST

static lk_json *make_after_failures(lk_vu *vu, const char *id)
{
    town_note(vu, lk_format(vu, "try%s", id));
    if (failures_left-- > 0)
        lk_fail(vu, "cannot make %s", id);
    return make_account(vu, id);
}

START_TEST(the_id_of_a_factory_that_failed_is_used_again)
{
    struct lk_def *defs[] = {ACCOUNTS(make_after_failures),
                             TOWN_STEP("a", take_one, .every = LK_FIXED(1)), NULL};

    failures_left = 2;
    live(defs, 1, 2.5);
    ck_assert_str_eq(town_log(&town), "try1@0 try1@1 try1@2 1@2");
    ck_assert_str_eq(town.metrics.first_error->message, "cannot make 1");
    finish();
}
END_TEST

static void second_begins_later(lk_vu *vu, void *self)
{
    (void)self;
    if (lk_user_id(vu) > 1)
        lk_sleep(vu, 1);
}

static lk_json *first_makes_without_end(lk_vu *vu, const char *id)
{
    if (lk_user_id(vu) == 1)
        lk_sleep(vu, 1e6);
    return make_account(vu, id);
}

static lk_json *first_fails_to_make(lk_vu *vu, const char *id)
{
    lk_sleep(vu, 2.5);
    return lk_user_id(vu) == 1 ? NULL : make_account(vu, id);
}

static const struct left_case {
    lk_json *(*make)(lk_vu *vu, const char *id);
    const char *log;
    const char *message; /* why the factory was left */
} lefts[] = {
    {first_makes_without_end, "2:1@3", "timed out"},
    {first_fails_to_make, "2:1@5", "the factory of resource \"accounts\" returned NULL"},
};

START_TEST(an_id_whose_factory_was_left_goes_to_who_waits)
{
    struct lk_def *defs[] = {ACCOUNTS(lefts[_i].make, .count = 1),
                             TOWN_HOOK(LK_HOOK_START, second_begins_later),
                             TOWN_STEP("a", take_one, .timeout_s = _i ? 8 : 3, ONCE), NULL};

    ck_assert_str_eq(live(defs, 2, 20), lefts[_i].log);
    ck_assert_str_eq(town.metrics.first_error->message, lefts[_i].message);
    ck_assert_int_eq(made, 1);
    finish();
}
END_TEST

static lk_json *make_without_end(lk_vu *vu, const char *id)
{
    lk_sleep(vu, 1e6);
    return make_account(vu, id);
}

START_TEST(a_cut_ends_a_factory)
{
    struct lk_def *defs[] = {ACCOUNTS(make_without_end, .count = 1), TOWN_STEP("a", take_one),
                             NULL};

    made = 0;
    town_open(&town, defs, 2);
    town_at(&town, 5, town_cut);
    town_run(&town);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_CANCELLED), 2);
    ck_assert_int_eq(made, 0);
    ck_assert_ptr_null(town.crowd.resources.pools[0].free);
    ck_assert_ptr_nonnull(town.crowd.resources.pools[0].vacant);
    finish();
}
END_TEST

static lk_json *make_with_id(lk_vu *vu, const char *id)
{
    made++;
    return LK_OBJECT("name", "x", "resource_id", lk_format(vu, "card-%s", id));
}

START_TEST(a_factory_may_name_its_object)
{
    struct lk_def *defs[] = {ACCOUNTS(make_with_id), TOWN_STEP("a", take_one, ONCE), NULL};

    ck_assert_str_eq(live(defs, 1, 1), "card-1@0");
    finish();
}
END_TEST

static void borrow_from_step_to_step(lk_vu *vu, void *self)
{
    struct town_state *state = self;

    if (state->steps++ == 0)
        acquire(vu);
    else if (state->steps == 3)
        release(vu);
}

START_TEST(an_object_is_held_over_steps)
{
    struct lk_def *defs[] = {ACCOUNTS(make_account, .count = 1),
                             TOWN_HOOK(LK_HOOK_START, second_begins_later),
                             TOWN_STEP("a", borrow_from_step_to_step, .every = LK_FIXED(2)), NULL};

    ck_assert_str_eq(live(defs, 2, 4.5), "1@0 2:1@4");
    finish();
}
END_TEST

/* ---- misuse ---- */

static lk_json *make_nothing(lk_vu *vu, const char *id)
{
    (void)vu;
    (void)id;
    return NULL;
}

static lk_json *make_array(lk_vu *vu, const char *id)
{
    (void)id;
    return LK_ARRAY(1, 2);
}

static void release_twice(lk_vu *vu, void *self)
{
    (void)self;
    acquire(vu);
    release(vu);
    release(vu);
}

static void release_of_another(lk_vu *vu, void *self)
{
    (void)self;
    acquire(vu);
    if (lk_user_id(vu) == 2)
        lk_resource_release(vu, "accounts", held[0]);
    lk_sleep(vu, 1);
}

static void release_wrong_name(lk_vu *vu, void *self)
{
    (void)self;
    lk_resource_release(vu, "cards", acquire(vu));
}

static void release_unknown_name(lk_vu *vu, void *self)
{
    (void)self;
    lk_resource_release(vu, "acounts", acquire(vu));
}

static void release_nothing(lk_vu *vu, void *self)
{
    (void)self;
    lk_resource_release(vu, "accounts", NULL);
    lk_resource_release(vu, "accounts", LK_OBJECT("resource_id", "1"));
}

static void acquire_card(lk_vu *vu, void *self)
{
    (void)self;
    lk_resource_acquire(vu, "cards");
}

static void acquire_more_than_there_are(lk_vu *vu, void *self)
{
    (void)self;
    for (int i = 0; i < 3; i++)
        acquire(vu);
}

static const struct misuse_case {
    void (*run)(lk_vu *vu, void *self);
    lk_json *(*make_card)(lk_vu *vu, const char *id);
    uint64_t failures; /* of two users */
    const char *message;
} misuses[] = {
    {release_twice, make_account, 2,
     "this user does not hold that object of resource \"accounts\""},
    {release_of_another, make_account, 1,
     "this user does not hold that object of resource \"accounts\""},
    {release_nothing, make_account, 2,
     "this user does not hold that object of resource \"accounts\""},
    {release_wrong_name, make_account, 2,
     "that object is of resource \"accounts\", not of \"cards\""},
    {release_unknown_name, make_account, 2,
     "no resource \"acounts\" is registered: add LK_RESOURCE(acounts)"},
    {acquire_more_than_there_are, make_account, 2,
     "this user itself holds all 2 objects of resource \"accounts\": release one, or give the "
     "resource a larger .count"},
    {acquire_card, make_nothing, 2, "the factory of resource \"cards\" returned NULL"},
    {acquire_card, make_array, 2, "the factory of resource \"cards\" made no object"},
};

START_TEST(misuse_ends_the_step_and_says_why)
{
    const struct misuse_case *misuse = &misuses[_i];
    struct lk_def *defs[] = {ACCOUNTS(make_account), TOWN_RESOURCE("cards", misuse->make_card),
                             TOWN_STEP("a", misuse->run, ONCE), NULL};

    live(defs, 2, 50);
    ck_assert_uint_eq(town_code(&town, "a", LKI_CODE_STEP_FAILED), misuse->failures);
    ck_assert_str_eq(town.metrics.first_error->message, misuse->message);
    finish();
}
END_TEST

static Suite *resource_suite(void)
{
    Suite *suite = suite_create("resource");
    TCase *holding = tcase_create("holding");
    TCase *waiting = tcase_create("waiting");
    TCase *making = tcase_create("making");

    tcase_add_test(holding, objects_are_made_when_somebody_wants_one);
    tcase_add_test(holding, there_may_be_as_many_objects_as_users);
    tcase_add_test(holding, the_author_may_say_how_many);
    tcase_add_test(holding, what_a_user_holds_is_given_back_when_its_life_ends);
    tcase_add_test(holding, an_object_is_held_over_steps);
    tcase_add_loop_test(holding, misuse_ends_the_step_and_says_why, 0, LKI_COUNT(misuses));
    tcase_add_test(waiting, who_came_first_is_served_first);
    tcase_add_test(waiting, who_gave_back_does_not_overtake_those_who_wait);
    tcase_add_test(waiting, the_end_of_another_life_wakes_who_waits);
    tcase_add_test(waiting, a_life_that_fails_to_begin_wakes_who_waits);
    tcase_add_test(waiting, a_wait_ends_with_the_step_at_its_nanosecond_and_says_for_what);
    tcase_add_loop_test(waiting, an_object_given_back_as_the_wait_for_it_times_out_is_not_lost, 0,
                        2);
    tcase_add_test(waiting, a_wait_goes_on_while_the_run_drains);
    tcase_add_test(waiting, a_cut_ends_a_wait_and_nothing_is_lost);
    tcase_add_test(waiting, who_waits_to_begin_until_the_end_is_told_of);
    tcase_add_test(waiting, who_is_kept_by_its_start_until_the_end_is_told_of);
    tcase_add_test(waiting, a_try_gives_null_while_all_are_held);
    tcase_add_loop_test(waiting, whatever_users_do_no_object_is_lost_or_held_twice, 0, 5);
    tcase_add_test(making, a_factory_may_wait_and_two_at_once_make_different_objects);
    tcase_add_test(making, the_id_of_a_factory_that_failed_is_used_again);
    tcase_add_loop_test(making, an_id_whose_factory_was_left_goes_to_who_waits, 0,
                        LKI_COUNT(lefts));
    tcase_add_test(making, a_cut_ends_a_factory);
    tcase_add_test(making, a_factory_may_name_its_object);
    suite_add_tcase(suite, holding);
    suite_add_tcase(suite, waiting);
    suite_add_tcase(suite, making);
    return suite;
}

int main(void)
{
    return suite_run(resource_suite());
}

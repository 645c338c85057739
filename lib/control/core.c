#include "control/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "control/inner.h"

/* ---- orders ---- */

bool lki_core_order(struct lki_member *member, const struct lki_order *order)
{
    struct lki_buf *out = &member->core->out;

    if (!member->link)
        return false;
    lki_buf_clear(out);
    lki_order_write(order, out);
    return !out->err && !lki_link_send(member->link, out->data, out->len);
}

static void greet(struct lki_member *member)
{
    const struct lki_core *core = member->core;
    struct lki_order order = {
        .kind = LKI_ORDER_PREPARE,
        .prepare = {.run_id = core->plan.run_id,
                    .worker = member->shown.number,
                    .seed = core->plan.seed,
                    .population = lki_plan_population(&core->plan),
                    .backstage = member->shown.number == 1,
                    .arrivals = core->plan.rated,
                    .counted = core->plan.iterations > 0,
                    .limited = core->plan.duration_ns != LKI_NEVER,
                    .grace_ns = core->plan.grace_ns,
                    .arrival_wait_ns = core->plan.arrival_wait_ns},
    };

    if (lki_core_order(member, &order))
        member->stage = LKI_MEMBER_GREETED;
    else
        lki_course_fail(member->core, "%s", lk_strerror(LK_E_NOMEM));
}

/* ---- reports ---- */

static void on_hello(struct lki_member *member, const struct lki_report_hello *hello)
{
    struct lki_core *core = member->core;

    if (member->stage != LKI_MEMBER_JOINED)
        return;
    if (core->program_known && core->program != hello->program) {
        lki_course_fail(core, "worker %llu is another program than the others",
                        (unsigned long long)member->shown.number);
        return;
    }
    core->program = hello->program;
    core->program_known = true;
    greet(member);
}

/* Whether it was to carry out a hook of the run or not: no answer will come. */
static void hook_failed(struct lki_member *member, const char *message)
{
    struct lki_core *core = member->core;

    if (member == core->members)
        lki_course_hook_over(core,
                             core->state == LKI_CORE_PREPARING ? LK_RUN_SETUP : LK_RUN_TEARDOWN,
                             &(struct lki_report_hook){.failed = true, .message = message});
}

/* A worker that cannot go on: before the users it takes the run with it. */
static void on_failed(struct lki_member *member, const char *message)
{
    struct lki_core *core = member->core;

    member->failed = true;
    core->unexplained = true;
    if (core->started)
        lki_course_blame(core, "worker %llu: %s", (unsigned long long)member->shown.number,
                         message);
    else
        lki_course_fail(core, "worker %llu: %s", (unsigned long long)member->shown.number, message);
    lki_ending_quit(member);
    hook_failed(member, message);
    lki_course_look(core);
}

static void on_report(struct lki_member *member, const struct lki_report *report, uint64_t message)
{
    struct lki_core *core = member->core;

    switch (report->kind) {
    case LKI_REPORT_HELLO:
        on_hello(member, &report->hello);
        break;
    case LKI_REPORT_PREPARED:
        lki_course_prepared(member);
        break;
    case LKI_REPORT_SET_UP:
        lki_course_hook_over(core, LK_RUN_SETUP, &report->hook);
        break;
    case LKI_REPORT_SECOND:
        lki_numbers_second(member, &report->second, message);
        break;
    case LKI_REPORT_ITERATIONS:
        lki_shares_told(member, &report->iterations);
        break;
    case LKI_REPORT_WANT:
        lki_leases_want(member, &report->want);
        break;
    case LKI_REPORT_MADE:
        lki_leases_made(member, &report->objects);
        break;
    case LKI_REPORT_BACK:
        lki_leases_back(member, &report->objects);
        break;
    case LKI_REPORT_GONE:
        lki_course_gone(member, &report->gone);
        break;
    case LKI_REPORT_TEAR_DOWN:
        lki_course_hook_over(core, LK_RUN_TEARDOWN, &report->hook);
        break;
    case LKI_REPORT_FAILED:
        on_failed(member, report->failed.message);
        break;
    default:
        break;
    }
}

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct lki_member *member = link->owner;
    struct lki_core *core = member->core;
    struct lki_report report;
    enum lk_err err = lki_report_read(&report, bytes, len, &core->inbox);

    if (!err) {
        on_report(member, &report, lki_hash(bytes, len));
    } else if (err == LK_E_NOMEM) {
        lki_course_fail(core, "%s", lk_strerror(err));
        hook_failed(member, lk_strerror(err));
    } else {
        on_failed(member, "it sent what cannot be read");
    }
    lki_arena_reset(&core->inbox);
}

static void on_gone(struct lki_link *link)
{
    struct lki_member *member = link->owner;

    lki_link_close(link);
    member->link = NULL;
    if (member->dying || member->stage == LKI_MEMBER_QUITTING)
        lki_lives_bury(member);
    else
        member->cut_ns = lki_core_now(member->core);
}

/* ---- coming and going ---- */

static struct lki_member *member_of(struct lki_core *core, uint64_t worker)
{
    return worker && worker <= core->member_count ? &core->members[worker - 1] : NULL;
}

/* Too late for a share of the run. */
static void send_away(struct lki_core *core, struct lki_link *link)
{
    struct lki_member stranger = {.core = core, .link = link};

    lki_core_order(&stranger, &(struct lki_order){.kind = LKI_ORDER_QUIT});
    lki_link_close(link);
}

enum lk_err lki_core_join(struct lki_core *core, uint64_t worker, struct lki_link *link)
{
    struct lki_member *member = member_of(core, worker);
    struct lki_life *life;

    if (!member || member->stage != LKI_MEMBER_ABSENT || member->failed) {
        lki_link_close(link);
        return LK_E_STATE;
    }
    if (core->state >= LKI_CORE_STOPPING) {
        send_away(core, link);
        return LK_OK;
    }
    life = lki_zalloc(sizeof(*life));
    if (!life) {
        lki_link_close(link);
        return LK_E_NOMEM;
    }
    member->shown.incarnation += member->last != NULL;
    member->shown.health = (struct lki_worker_health){0};
    *(member->last ? &member->last->next : &member->first) = life;
    member->last = life;
    member->stage = LKI_MEMBER_JOINED;
    member->shown.alive = true;
    member->link = link;
    link->owner = member;
    link->on_message = on_message;
    link->on_gone = on_gone;
    return LK_OK;
}

/* What its page says, as the server under test has seen it. */
static void take_page(struct lki_life *life, const struct lki_worker_page *page)
{
    uint64_t seen;

    if (!page)
        return;
    life->exact = true;
    life->totals = page->totals;
    life->taken = page->iterations_taken;
    if (page->sending)
        life->totals.http_sent++;
    seen = life->totals.http_sent + life->totals.http_unsent;
    if (life->totals.http_requests < seen)
        life->totals.http_requests = seen;
}

void lki_core_died(struct lki_core *core, uint64_t worker, const struct lki_death *death)
{
    struct lki_member *member = member_of(core, worker);

    if (!member || member->stage == LKI_MEMBER_ABSENT || member->dying)
        return;
    member->dying = true;
    member->cut_ns = lki_core_now(core);
    take_page(member->last, death->page);
    if (member->stage != LKI_MEMBER_QUITTING)
        lki_crashes_add(member, death);
    if (!member->link)
        lki_lives_bury(member);
}

void lki_core_stop(struct lki_core *core, enum lki_end why)
{
    lki_ending_stop(core, why);
}

/* ---- changes from outside ---- */

enum lk_err lki_core_set_users(struct lki_core *core, uint64_t users)
{
    if (core->state != LKI_CORE_RUNNING)
        return LK_E_STATE;
    if (users > lki_plan_population(&core->plan))
        return LK_E_ARG;
    core->users_set = true;
    core->users_to = users;
    lki_shares_update(core);
    lki_paces_update(core);
    return LK_OK;
}

enum lk_err lki_core_set_rate(struct lki_core *core, double rate_per_s)
{
    if (core->state != LKI_CORE_RUNNING)
        return LK_E_STATE;
    if (!core->plan.rated || !(rate_per_s >= 0) || rate_per_s > 1e300)
        return LK_E_ARG;
    core->rate_set = true;
    core->rate_to = rate_per_s;
    lki_paces_update(core);
    return LK_OK;
}

/* ---- making one ---- */

/* Runs that count anew harm nobody, since none is called like another. */
static void name_run(struct lki_core *core)
{
    uint64_t number;

    if (core->plan.run_id)
        return;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        number = (uint64_t)lki_clock_now(&(struct lki_clock){0}) ^ ((uint64_t)getpid() << 32);
    snprintf(core->run_id, sizeof(core->run_id), "%016llx", (unsigned long long)number);
    core->plan.run_id = core->run_id;
}

static enum lk_err make_members(struct lki_core *core, uint64_t workers)
{
    if (workers > SIZE_MAX / sizeof(*core->members))
        return LK_E_NOMEM;
    core->members = calloc((size_t)workers, sizeof(*core->members));
    if (!core->members)
        return LK_E_NOMEM;
    core->member_count = (size_t)workers;
    for (size_t i = 0; i < core->member_count; i++) {
        core->members[i].core = core;
        core->members[i].shown.number = i + 1;
    }
    return LK_OK;
}

static void on_second(struct lki_timer *timer)
{
    struct lki_core *core = LKI_CONTAINER(timer, struct lki_core, second);

    lki_course_second(core);
    if (core->state != LKI_CORE_OVER && core->owner.on_second)
        core->owner.on_second(core, core->owner.arg);
}

static enum lk_err make_timers(struct lki_core *core)
{
    struct lki_timers *timers = &core->loop->timers;
    enum lk_err err = lki_timer_init(timers, &core->second, on_second);

    if (!err)
        err = lki_timer_init(timers, &core->deadline, lki_course_on_deadline);
    if (!err)
        err = lki_timer_init(timers, &core->ramp, lki_shares_on_ramp);
    if (!err)
        err = lki_timer_init(timers, &core->pace, lki_paces_on_time);
    return err;
}

enum lk_err lki_core_new(struct lki_core **out, struct lki_loop *loop,
                         const struct lki_model *model, const struct lki_plan *plan,
                         uint64_t workers, const struct lki_core_owner *owner)
{
    struct lki_core *core;
    enum lk_err err;

    if (!workers)
        return LK_E_ARG;
    core = lki_zalloc(sizeof(*core));
    if (!core)
        return LK_E_NOMEM;
    core->loop = loop;
    core->model = model;
    core->plan = *plan;
    core->owner = *owner;
    core->end_ns = LKI_NEVER;
    core->iterations_left = plan->iterations;
    lki_buf_init(&core->out, LKI_MESSAGE_MAX);
    name_run(core);
    err = make_members(core, workers);
    if (!err)
        err = lki_leases_init(core);
    if (!err)
        err = lki_series_init(&core->series, 0);
    if (!err)
        err = make_timers(core);
    if (!err)
        *out = core;
    else
        lki_core_free(core);
    if (!err)
        lki_course_begin(core);
    return err;
}

void lki_core_free(struct lki_core *core)
{
    struct lki_timers *timers;

    if (!core)
        return;
    timers = &core->loop->timers;
    lki_outcome_release(core);
    lki_lives_release(core);
    lki_leases_release(core);
    lki_loop_unpost(core->loop, &core->leasing);
    lki_loop_unpost(core->loop, &core->over);
    lki_timer_release(timers, &core->second);
    lki_timer_release(timers, &core->deadline);
    lki_timer_release(timers, &core->ramp);
    lki_timer_release(timers, &core->pace);
    lki_series_release(&core->series);
    lki_arena_reset(&core->texts);
    lki_arena_reset(&core->inbox);
    lki_buf_release(&core->out);
    free(core->crashes);
    free(core->retired);
    free(core->members);
    free(core);
}

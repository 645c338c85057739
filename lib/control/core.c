#include "control/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/entropy.h"
#include "base/map.h"
#include "base/mem.h"
#include "control/adopt.h"
#include "control/inner.h"

/* Before the id, in names of workers. */
#define WORKER "worker "

/* ---- orders ---- */

/* As its own clock has it. */
static int64_t theirs(const struct lki_member *member, int64_t ns)
{
    return ns == LKI_NEVER ? ns : ns + member->ahead_ns;
}

bool lki_core_order(struct lki_member *member, const struct lki_order *order)
{
    struct lki_buf *out = &member->core->out;
    struct lki_order told = *order;

    if (!member->link)
        return false;
    if (told.kind == LKI_ORDER_START) {
        told.start.start_ns = theirs(member, told.start.start_ns);
        told.start.end_ns = theirs(member, told.start.end_ns);
    } else if (told.kind == LKI_ORDER_RATE) {
        told.rate.since_ns = theirs(member, told.rate.since_ns);
    }
    lki_buf_clear(out);
    lki_order_write(&told, out);
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
                    .population = lki_core_users_most(core),
                    .probes = lki_probes_are(member),
                    .arrivals = core->plan.rated,
                    .counted = core->plan.iterations > 0,
                    .grace_ns = core->plan.grace_ns,
                    .arrival_wait_ns = core->plan.arrival_wait_ns,
                    .http = core->plan.http},
    };

    if (!lki_core_order(member, &order)) {
        lki_course_fail(member->core, "%s", lk_strerror(LK_E_NOMEM));
        return;
    }
    member->stage = LKI_MEMBER_GREETED;
    lki_probes_told(member, order.prepare.probes);
}

/* ---- reports ---- */

static void on_hello(struct lki_member *member, const struct lki_report_hello *hello)
{
    struct lki_core *core = member->core;

    if (member->stage != LKI_MEMBER_JOINED)
        return;
    if (core->program_known && core->program != hello->program) {
        lki_course_fail(core, "%s is another program than the others", member->name);
        return;
    }
    core->program = hello->program;
    core->program_known = true;
    greet(member);
    if (core->taken_ns)
        lki_settle_ask(member);
}

/* A worker that cannot go on: before the users it takes the run with it. */
static void on_failed(struct lki_member *member, const char *message)
{
    struct lki_core *core = member->core;

    member->failed = true;
    core->unexplained = true;
    if (core->started)
        lki_course_blame(core, "%s: %s", member->name, message);
    else
        lki_course_fail(core, "%s: %s", member->name, message);
    lki_ending_quit(member);
    lki_course_hook_lost(member, message);
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
        lki_iterations_told(member, &report->iterations);
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
        lki_course_gone(member,
                        &(struct lki_report_gone){.why = report->gone.why,
                                                  .at_ns = report->gone.at_ns - member->ahead_ns});
        break;
    case LKI_REPORT_TEAR_DOWN:
        lki_course_hook_over(core, LK_RUN_TEARDOWN, &report->hook);
        break;
    case LKI_REPORT_FAILED:
        on_failed(member, report->failed.message);
        break;
    case LKI_REPORT_HELD:
        lki_settle_held(member, &report->objects);
        break;
    case LKI_REPORT_STANDING:
        lki_settle_standing(member, &report->standing);
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
        lki_course_hook_lost(member, lk_strerror(err));
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

/* Too late for a share of the run. */
static void send_away(struct lki_core *core, struct lki_link *link)
{
    struct lki_member stranger = {.core = core, .link = link};

    lki_core_order(&stranger, &(struct lki_order){.kind = LKI_ORDER_QUIT});
    lki_link_close(link);
}

static void link_take(struct lki_member *member, struct lki_link *link)
{
    member->link = link;
    link->owner = member;
    link->on_message = on_message;
    link->on_gone = on_gone;
}

enum lk_err lki_core_join(struct lki_core *core, uint64_t worker, struct lki_link *link,
                          int64_t ahead_ns)
{
    struct lki_member *member = lki_core_member(core, worker);
    struct lki_life *life;

    if (!member || member->stage != LKI_MEMBER_ABSENT || member->failed || member->leaving) {
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
    member->shown.health = (struct lki_worker_health){0};
    lki_member_begin(member, life);
    member->stage = LKI_MEMBER_JOINED;
    member->shown.alive = true;
    member->lost = false;
    member->awaited = false;
    member->ahead_ns = ahead_ns;
    link_take(member, link);
    return LK_OK;
}

enum lk_err lki_core_resume(struct lki_core *core, uint64_t worker, struct lki_link *link,
                            int64_t ahead_ns)
{
    struct lki_member *member = lki_core_member(core, worker);

    if (!member || !member->awaited || member->link || !member->last) {
        lki_link_close(link);
        return LK_E_STATE;
    }
    member->stage = LKI_MEMBER_JOINED;
    member->ahead_ns = ahead_ns;
    link_take(member, link);
    return LK_OK;
}

void lki_core_hold(struct lki_core *core, int64_t ns, const char *why)
{
    core->held_by = why;
    core->held_until_ns = lki_ns_after(lki_core_now(core), ns);
}

void lki_core_stop(struct lki_core *core, enum lki_end why)
{
    lki_ending_stop(core, why);
}

/* ---- changes from outside ---- */

enum lk_err lki_core_set_users(struct lki_core *core, uint64_t users, int64_t interval_ns)
{
    if (core->state != LKI_CORE_RUNNING)
        return LK_E_STATE;
    if (users > lki_core_users_most(core) || interval_ns < 0)
        return LK_E_ARG;
    lki_shares_set(core, users, interval_ns);
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
    if (core->rate_most < rate_per_s)
        core->rate_most = rate_per_s;
    lki_paces_update(core);
    return LK_OK;
}

/* ---- making one ---- */

/* Runs that count anew harm nobody, since none is called like another. */
static void name_run(struct lki_core *core)
{
    if (core->plan.run_id)
        return;
    snprintf(core->run_id, sizeof(core->run_id), "%016llx", (unsigned long long)lki_entropy_u64());
    core->plan.run_id = core->run_id;
}

static void name_member(struct lki_member *member, bool process)
{
    if (process)
        snprintf(member->name, sizeof(member->name), WORKER "%llu",
                 (unsigned long long)member->shown.number);
    else
        snprintf(member->name, sizeof(member->name), "the event loop");
    member->shown.id = process ? member->name + strlen(WORKER) : "";
}

static struct lki_member *member_new(struct lki_core *core, bool process)
{
    struct lki_member **members = lki_room(core->members, core->member_count, &core->member_cap,
                                           sizeof(*members));
    struct lki_member *member;

    if (!members)
        return NULL;
    core->members = members;
    member = lki_zalloc(sizeof(*member));
    if (!member || lki_leases_room(core, core->member_count + 1)) {
        free(member);
        return NULL;
    }
    members[core->member_count++] = member;
    member->core = core;
    member->shown.number = core->member_count;
    name_member(member, process);
    return member;
}

/* Those that may come while the run is on are added one by one. */
static enum lk_err make_members(struct lki_core *core, uint64_t processes)
{
    uint64_t workers = processes ? processes : 1;
    enum lk_err err = LK_OK;

    if (core->plan.open_ended)
        return LK_OK;
    for (uint64_t i = 0; i < workers && !err; i++)
        err = member_new(core, processes > 0) ? LK_OK : LK_E_NOMEM;
    if (!err)
        core->backstage = core->members[0];
    return err;
}

uint64_t lki_core_add(struct lki_core *core, const char *name, bool probes)
{
    /* "worker-2" says by itself what it is */
    const char *word = strncmp(name, WORKER, strlen(WORKER) - 1) ? WORKER : "";
    struct lki_member *member = member_new(core, true);

    if (!member)
        return 0;
    snprintf(member->name, sizeof(member->name), "%s%s", word, name);
    member->shown.id = member->name + strlen(word);
    member->probes = probes;
    if (!core->backstage || (core->state == LKI_CORE_IDLE && probes && !core->backstage->probes))
        core->backstage = member;
    return member->shown.number;
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
                         uint64_t processes, const struct lki_core_owner *owner)
{
    struct lki_core *core;
    enum lk_err err;

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
    err = lki_leases_init(core);
    if (!err)
        err = make_members(core, processes);
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
    free(core->holders);
    for (size_t i = 0; i < core->member_count; i++)
        free(core->members[i]);
    free(core->members);
    free(core);
}

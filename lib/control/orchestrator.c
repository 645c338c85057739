/* The orchestrator: what comes from the hub, commands, and how it stands. */
#include "control/orchestrator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/conduct.h"

#define LINE_MAX_BYTES ((size_t)1024)
#define RESULT_MAX ((size_t)1 << 30)
/* Saving what changes all the time takes no longer than this. */
#define SAVING_NS LKI_NS_PER_S

void lki_orchestrator_tell(const struct lki_orchestrator *o, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (o->settings.tell)
        o->settings.tell(line, o->settings.arg);
}

void lki_orchestrator_changed(struct lki_orchestrator *o)
{
    if (o->settings.on_change)
        o->settings.on_change(o, o->settings.arg);
}

/* ---- the crew ---- */

static void on_crew_tell(void *arg, const char *fmt, ...) LK_PRINTF(2, 3);

static void on_crew_tell(void *arg, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    lki_orchestrator_tell(arg, "%s", line);
}

static void on_crew_change(void *arg)
{
    lki_orchestrator_changed(arg);
}

/* ---- the hub ---- */

static void on_blob(const char *name, const void *bytes, size_t len, bool ok, void *arg)
{
    struct lki_orchestrator *o = arg;

    if (name && o->loaded)
        lki_checkpoint_found(&o->checkpoint, name, bytes, len);
    else if (name)
        lki_checkpoint_take(&o->checkpoint, name, bytes, len);
    if (name || !ok || o->loaded)
        return;
    o->loaded = true;
    lki_restore_load(o);
    lki_checkpoint_renew(&o->checkpoint);
}

/* Of one that answers, but fails, it is some seconds later that it can be used. */
static void look_for_redis(struct lki_orchestrator *o)
{
    o->sound = o->up && lki_hub_is_sound(o->hub);
    if (!o->sound)
        return;
    if (lki_repeat_over(&o->trouble)) {
        lki_orchestrator_tell(o, o->met ? "Redis is there again" : "Redis is there");
        lki_orchestrator_changed(o);
    }
    o->met = true;
}

static void on_up(struct lki_hub *hub, uint64_t token, void *arg)
{
    struct lki_orchestrator *o = arg;

    o->token = token;
    o->up = true;
    *o->former = '\0';
    o->crew.hub = hub;
    o->checkpoint.hub = hub;
    look_for_redis(o);
    if (o->run.core)
        lki_core_hold(o->run.core, LKI_REUNION_NS, NULL);
    if (o->loaded)
        lki_checkpoint_renew(&o->checkpoint);
    lki_hub_get_all(hub, on_blob, o);
    lki_orchestrator_changed(o);
}

static void on_down(struct lki_hub *hub, enum lki_redis_trouble trouble, const char *why, void *arg)
{
    struct lki_orchestrator *o = arg;

    (void)hub;
    if (o->up && o->run.core)
        lki_core_hold(o->run.core, lki_ns_after(LKI_REUNION_NS, lki_crew_lapse_ns(&o->crew)),
                      "Redis is away");
    o->up = false;
    *o->former = '\0';
    if (trouble == LKI_REDIS_REFUSED && !o->loaded) {
        o->settings.on_refused(o, why, o->settings.arg);
        return;
    }
    if (lki_repeat_says(&o->trouble, why, lki_loop_now(o->loop)))
        lki_orchestrator_tell(o, "%s", why);
    lki_orchestrator_changed(o);
}

static void on_refused(struct lki_hub *hub, const char *who, void *arg)
{
    struct lki_orchestrator *o = arg;
    char why[512];

    (void)hub;
    snprintf(o->former, sizeof(o->former), "%s", who);
    snprintf(why, sizeof(why),
             "another orchestrator has the cluster \"%s\": %s; stop it first, or choose another "
             "cluster with --cluster",
             o->settings.hub->cluster, who);
    o->settings.on_refused(o, why, o->settings.arg);
}

/* One that was killed has not given its lock back. */
static void on_wait(struct lki_hub *hub, const char *who, void *arg)
{
    struct lki_orchestrator *o = arg;

    (void)hub;
    snprintf(o->former, sizeof(o->former), "%s", who);
    lki_orchestrator_tell(
        o, "waiting some seconds for the end of the lock of a former orchestrator: %s", who);
    lki_orchestrator_changed(o);
}

static void on_contact(struct lki_hub *hub, struct lki_contact *contact, void *arg)
{
    struct lki_orchestrator *o = arg;

    (void)hub;
    lki_crew_on_contact(&o->crew, contact);
}

static void on_report(struct lki_contact *contact, uint64_t number, const void *bytes, size_t len,
                      void *arg)
{
    if (lki_contact_arg(contact))
        lki_crew_on_report(contact, number, bytes, len);
    lki_restore_look(arg);
}

static void on_silent(struct lki_contact *contact, bool silent, void *arg)
{
    (void)arg;
    if (lki_contact_arg(contact))
        lki_crew_on_silent(contact, silent);
}

/* ---- each second ---- */

/* The snapshots of a large fleet take long: others have their turns in between. When none is left
 * that has changed, all is written and acknowledged as of one moment. */
static void on_saving(struct lki_post *post)
{
    struct lki_orchestrator *o = LKI_CONTAINER(post, struct lki_orchestrator, saving);

    if (!lki_restore_save_some(o) && lki_loop_now(o->loop) - o->saving_ns < SAVING_NS) {
        lki_loop_post(o->loop, post, on_saving);
        return;
    }
    if (lki_restore_save(o))
        lki_crew_safe(&o->crew);
}

static void on_tick(struct lki_timer *timer)
{
    struct lki_orchestrator *o = LKI_CONTAINER(timer, struct lki_orchestrator, tick);
    int64_t now_ns = lki_loop_now(o->loop);

    look_for_redis(o);
    if (!o->run.core && lki_history_later(o->history, lki_wall_s()))
        lki_orchestrator_changed(o);
    if (o->loaded && !o->saving.fn) {
        o->saving_ns = now_ns;
        lki_loop_post(o->loop, &o->saving, on_saving);
    }
    lki_timer_set(&o->loop->timers, timer, now_ns + LKI_NS_PER_S);
}

/* ---- making it ---- */

static enum lk_err open_hub(struct lki_orchestrator *o)
{
    const struct lki_hub_owner owner = {on_up,      on_down,   on_refused, on_wait,
                                        on_contact, on_report, on_silent,  o};
    char host[256] = "?";
    char what[320];

    gethostname(host, sizeof(host) - 1);
    snprintf(what, sizeof(what), "process %ld on %s", (long)getpid(), host);
    return lki_hub_open(&o->hub, o->loop, o->settings.hub, o->token, what, &owner);
}

static enum lk_err open_parts(struct lki_orchestrator *o, struct lki_buf *why)
{
    const struct lki_crew_owner crew = {on_crew_tell, on_crew_change, o};
    enum lk_err err;

    lki_buf_init(&o->result, RESULT_MAX);
    o->last_creation = &o->first_creation;
    lki_crew_init(&o->crew, o->loop, lki_program_hash(o->model), o->settings.hub->id, &crew);
    err = lki_checkpoint_open(&o->checkpoint, o->settings.state_dir, why);
    if (err)
        return err;
    err = lki_timer_init(&o->loop->timers, &o->tick, on_tick);
    if (!err)
        err = lki_stock_new(&o->stock, o->model);
    if (!err)
        err = lki_history_new(&o->history);
    if (!err)
        err = open_hub(o);
    if (err)
        lki_buf_printf(why, "cannot start the orchestrator: %s", lk_strerror(err));
    return err;
}

enum lk_err lki_orchestrator_new(struct lki_orchestrator **out, struct lki_loop *loop,
                                 const struct lki_model *model,
                                 const struct lki_orchestrator_settings *settings,
                                 struct lki_buf *why)
{
    struct lki_orchestrator *o = lki_zalloc(sizeof(*o));
    enum lk_err err;

    if (!o) {
        lki_buf_str(why, lk_strerror(LK_E_NOMEM));
        return LK_E_NOMEM;
    }
    o->loop = loop;
    o->model = model;
    o->settings = *settings;
    err = open_parts(o, why);
    if (err) {
        lki_orchestrator_free(o);
        return err;
    }
    lki_timer_set(&loop->timers, &o->tick, lki_loop_now(loop) + LKI_NS_PER_S);
    *out = o;
    return LK_OK;
}

void lki_orchestrator_free(struct lki_orchestrator *o)
{
    if (!o)
        return;
    if (o->loaded)
        lki_restore_save(o);
    lki_creations_release(o);
    lki_loop_unpost(o->loop, &o->over);
    lki_loop_unpost(o->loop, &o->saving);
    lki_timer_release(&o->loop->timers, &o->tick);
    lki_crew_let_go(&o->crew);
    lki_core_free(o->run.core);
    o->run.core = NULL;
    lki_crew_release(&o->crew);
    lki_hub_close(o->hub);
    lki_conduct_drop(o);
    lki_history_free(o->history);
    lki_stock_free(o->stock);
    lki_checkpoint_close(&o->checkpoint);
    lki_buf_release(&o->result);
    free(o);
}

void lki_orchestrator_forked(struct lki_orchestrator *o)
{
    lki_hub_forked(o->hub);
}

/* ---- commands ---- */

bool lki_orchestrator_refuse(struct lki_refusal *refusal, int status, const char *code,
                             const char *fmt, ...)
{
    va_list args;

    *refusal = (struct lki_refusal){.status = status, .code = code};
    va_start(args, fmt);
    vsnprintf(refusal->message, sizeof(refusal->message), fmt, args);
    va_end(args);
    return false;
}

/* In the words that clients know. */
static bool refuse_state(const struct lki_orchestrator *o, struct lki_refusal *refusal,
                         const char *action, const char *one, const char *two)
{
    lki_orchestrator_refuse(refusal, 409, "invalid_state",
                            "Action `%s` is allowed only for [%s%s%s], current=%s", action, one,
                            two ? ", " : "", two ? two : "", lki_orchestrator_state(o));
    refusal->action = action;
    refusal->expected[0] = one;
    refusal->expected[1] = two;
    return false;
}

static bool refuse_error(struct lki_refusal *refusal, enum lk_err err)
{
    if (refusal->status)
        return false;
    return lki_orchestrator_refuse(refusal, 500, "internal_error", "%s", lk_strerror(err));
}

static bool refuse_without(const struct lki_orchestrator *o, struct lki_refusal *refusal)
{
    if (*o->former)
        return lki_orchestrator_refuse(
            refusal, 503, "redis_unavailable",
            "A former orchestrator (%s) may still have the cluster; try again in some seconds",
            o->former);
    if (!lki_orchestrator_has_redis(o) && *o->trouble.line)
        return lki_orchestrator_refuse(
            refusal, 503, "redis_unavailable",
            "Redis cannot be used at the moment; try again when this is over: %s", o->trouble.line);
    return lki_orchestrator_refuse(
        refusal, 503, "redis_unavailable",
        "Redis cannot be reached at the moment; try again when it is there");
}

static bool needs_redis(const struct lki_orchestrator *o, struct lki_refusal *refusal)
{
    return (lki_orchestrator_has_redis(o) && o->loaded) || refuse_without(o, refusal);
}

bool lki_orchestrator_knows(const struct lki_orchestrator *o, struct lki_refusal *refusal)
{
    *refusal = (struct lki_refusal){0};
    return o->loaded || refuse_without(o, refusal);
}

/* One object is with one user at a time: also with one whose run is over. */
static bool is_haunted(const struct lki_orchestrator *o, struct lki_refusal *refusal)
{
    int64_t left_ns = o->haunted_ns - lki_wall_ns();

    if (left_ns <= 0 || !o->model->resource_count)
        return false;
    return !lki_orchestrator_refuse(
        refusal, 409, "load_goes_on",
        "A worker that is out of reach may still be at work for the run %s, with objects "
        "of resources that the next run would use; start it in %lld s",
        o->last_run_id, (long long)(left_ns / LKI_NS_PER_S + 1));
}

bool lki_orchestrator_start(struct lki_orchestrator *o, const struct lki_start *start,
                            struct lki_refusal *refusal)
{
    uint64_t workers = lki_crew_size(&o->crew);
    uint64_t users;
    enum lk_err err;

    *refusal = (struct lki_refusal){0};
    if (o->run.core)
        return refuse_state(o, refusal, "start_test", "IDLE", NULL);
    if (!needs_redis(o, refusal))
        return false;
    if (!workers)
        return lki_orchestrator_refuse(
            refusal, 409, "no_alive_workers",
            "No worker is there; start at least one with the command `worker`");
    if (is_haunted(o, refusal))
        return false;
    err = lki_conduct_begin(o, start, refusal);
    if (err)
        return refuse_error(refusal, err);
    o->epoch++;
    users = lki_plan_population(&o->run.plan);
    lki_orchestrator_tell(o, "run %s starts: %llu user%s on %llu worker%s", o->run.run_id,
                          (unsigned long long)users, users == 1 ? "" : "s",
                          (unsigned long long)workers, workers == 1 ? "" : "s");
    lki_restore_save(o);
    lki_orchestrator_changed(o);
    return true;
}

bool lki_orchestrator_stop(struct lki_orchestrator *o, struct lki_refusal *refusal)
{
    if (!lki_orchestrator_knows(o, refusal))
        return false;
    if (!o->run.core)
        return refuse_state(o, refusal, "stop_test", "PREPARING", "RUNNING");
    lki_core_stop(o->run.core, LKI_END_COMMAND);
    lki_restore_save(o);
    lki_orchestrator_changed(o);
    return true;
}

bool lki_orchestrator_users(struct lki_orchestrator *o, uint64_t users, int64_t interval_ns,
                            struct lki_refusal *refusal)
{
    enum lk_err err = o->run.core ? lki_core_set_users(o->run.core, users, interval_ns)
                                  : LK_E_STATE;

    if (!lki_orchestrator_knows(o, refusal))
        return false;
    if (err == LK_E_STATE)
        return refuse_state(o, refusal, "change_users", "RUNNING", NULL);
    if (err == LK_E_ARG)
        return lki_orchestrator_refuse(refusal, 400, "validation_error",
                                       "target_users must be 0 to %llu",
                                       (unsigned long long)LKI_USERS_MAX);
    lki_restore_save(o);
    lki_orchestrator_changed(o);
    return true;
}

bool lki_orchestrator_rate(struct lki_orchestrator *o, double rate_per_s,
                           struct lki_refusal *refusal)
{
    enum lk_err err = o->run.core ? lki_core_set_rate(o->run.core, rate_per_s) : LK_E_STATE;

    if (!lki_orchestrator_knows(o, refusal))
        return false;
    if (err == LK_E_STATE)
        return refuse_state(o, refusal, "change_rate", "RUNNING", NULL);
    if (err == LK_E_ARG)
        return lki_orchestrator_refuse(
            refusal, 400, "bad_request",
            o->run.plan.rated ? "rate_per_s must be a number from 0 on"
                              : "this run has no arrival rate; give one when you start a run");
    lki_restore_save(o);
    lki_orchestrator_changed(o);
    return true;
}

#include "support/town.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/vu.h"
#include "loop/task.h"

#define LOG_MAX_BYTES (1024 * 1024)

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "town: %s\n", what);
    abort();
}

static struct town *town_of(const lk_vu *vu)
{
    return LKI_CONTAINER(vu->loop, struct town, loop);
}

void town_note(lk_vu *vu, const char *what)
{
    struct lki_buf *log = &town_of(vu)->log;

    if (log->len)
        lki_buf_char(log, ' ');
    if (vu->id > 1)
        lki_buf_printf(log, "%llu:", (unsigned long long)vu->id);
    lki_buf_printf(log, "%s@%.12g", what, (double)lki_loop_now(vu->loop) / 1e9);
}

void town_act(lk_vu *vu, void *self)
{
    (void)self;
    town_note(vu, lki_vu_unit(vu)->step);
}

void town_fail(lk_vu *vu, void *self)
{
    town_act(vu, self);
    lk_fail(vu, "no luck");
}

void town_compute(lk_vu *vu, void *self)
{
    (void)self;
    vu->loop->clock.fake_ns += LKI_NS_PER_MS;
}

void town_idle(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
}

void town_init(lk_vu *vu, void *self)
{
    (void)self;
    town_note(vu, "init");
}

void town_start(lk_vu *vu, void *self)
{
    (void)self;
    town_note(vu, "start");
}

void town_stop(lk_vu *vu, void *self)
{
    (void)self;
    town_note(vu, "stop");
}

static void on_exhausted(struct lki_crowd *crowd)
{
    struct town *town = LKI_CONTAINER(crowd, struct town, crowd);

    town->exhausted++;
    for (size_t i = 0; i < town->user_count; i++)
        lki_user_leave(town->users[i]);
}

static void on_empty(struct lki_crowd *crowd)
{
    struct town *town = LKI_CONTAINER(crowd, struct town, crowd);

    town->emptied++;
    lki_loop_stop(&town->loop);
}

static struct lk_vu_def citizen = {.def = {.size = sizeof(struct lk_vu_def),
                                           .kind = LK_DEF_VU,
                                           .vu = "citizen",
                                           .name = "citizen",
                                           .file = "town.c",
                                           .line = 1}};

void town_choose_by(lk_strategy *strategy)
{
    citizen.strategy = strategy;
}

static void make_model(struct town *town, struct lk_def *const *defs)
{
    struct lk_def *first = &citizen.def;
    struct lk_def *last = first;
    struct lki_buf problems;

    for (; *defs; defs++) {
        last->next_ = *defs;
        last = *defs;
    }
    last->next_ = NULL;
    lki_buf_init(&problems, LOG_MAX_BYTES);
    if (lki_model_new(&town->model, first, &problems))
        need(false, lki_buf_cstr(&problems));
    lki_buf_release(&problems);
}

void town_open_seeded(struct town *town, struct lk_def *const *defs, size_t users, uint64_t seed)
{
    memset(town, 0, sizeof(*town));
    need(users <= TOWN_USERS_MAX, "too many users");
    make_model(town, defs);
    need(!lki_loop_open(&town->loop), "no loop");
    town->loop.clock.fake = true;
    lki_metrics_init(&town->metrics, 0, 0);
    need(!lki_crowd_init(&town->crowd, &town->loop, town->model, &town->metrics), "no crowd");
    town->crowd.on_exhausted = on_exhausted;
    town->crowd.on_empty = on_empty;
    lki_buf_init(&town->log, LOG_MAX_BYTES);
    for (size_t i = 0; i < users; i++)
        need(!lki_user_new(&town->users[i], &town->crowd, &town->model->types[0], i + 1, seed),
             "no user");
    for (size_t i = 0; i < users; i++)
        lki_user_begin(town->users[i]);
    town->user_count = users;
}

void town_open(struct town *town, struct lk_def *const *defs, size_t users)
{
    town_open_seeded(town, defs, users, 1);
}

static void on_action(struct lki_timer *timer)
{
    struct town_action *action = LKI_CONTAINER(timer, struct town_action, timer);

    action->run(action->town);
}

void town_at(struct town *town, double seconds, void (*run)(struct town *town))
{
    struct town_action *action = &town->actions[town->action_count++];

    need(town->action_count <= TOWN_ACTIONS_MAX, "too many actions");
    action->town = town;
    action->run = run;
    need(!lki_timer_init(&town->loop.timers, &action->timer, on_action), "no timer");
    lki_timer_set(&town->loop.timers, &action->timer, lki_ns(seconds));
}

void town_drain(struct town *town)
{
    town->crowd.draining = true;
    lki_tasks_drain(&town->loop);
    for (size_t i = 0; i < town->user_count; i++)
        lki_user_leave(town->users[i]);
}

void town_cut(struct town *town)
{
    town->crowd.cut = true;
    lki_tasks_cut(&town->loop);
    town_drain(town);
}

void town_run(struct town *town)
{
    lki_loop_run(&town->loop);
    need(town->emptied == 1, "the last user left more than once");
    need(town->crowd.alive == 0, "somebody is alive");
    need(town->crowd.active == 0, "somebody is active");
    need(town->loop.task_count == 0, "somebody is on its way");
}

const char *town_log(struct town *town)
{
    const char *text = lki_buf_cstr(&town->log);

    need(text, "too much to log");
    return text;
}

uint64_t town_code(struct town *town, const char *name, lki_code code)
{
    uint64_t count = 0;

    for (const struct lki_metric *metric = town->metrics.first; metric; metric = metric->next) {
        if (!strcmp(metric->name, name))
            count += lki_codes_get(&metric->second.codes, code);
    }
    return count;
}

void town_close(struct town *town)
{
    for (size_t i = 0; i < town->user_count; i++)
        lki_user_free(town->users[i]);
    lki_crowd_release(&town->crowd);
    for (size_t i = 0; i < town->action_count; i++)
        lki_timer_release(&town->loop.timers, &town->actions[i].timer);
    lki_loop_close(&town->loop);
    lki_metrics_release(&town->metrics);
    lki_model_free(town->model);
    lki_buf_release(&town->log);
    town_choose_by(NULL);
}

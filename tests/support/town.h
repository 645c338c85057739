/*
 * A town: virtual users living their lives on a fake clock, from descriptors written down in a
 * test, without registry, worker or command line. What they do they write into a log, as
 * "what@seconds", where user 2 and above are named: "2:what@seconds".
 *
 *     struct lk_def *defs[] = {TOWN_STEP("a", town_act, .every = LK_FIXED(1)), NULL};
 *
 *     town_open(&town, defs, 1);
 *     town_at(&town, 2.5, town_drain);
 *     town_run(&town);
 *     ck_assert_str_eq(town_log(&town), "a@0 a@1 a@2");
 *     town_close(&town);
 */
#ifndef TESTS_SUPPORT_TOWN_H
#define TESTS_SUPPORT_TOWN_H

#include <loadkit/scenario.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "model/model.h"
#include "stats/metric.h"
#include "user/user.h"

#define TOWN_USERS_MAX 100
#define TOWN_ACTIONS_MAX 8

struct town;

struct town_action {
    struct lki_timer timer;
    struct town *town;
    void (*run)(struct town *town);
};

struct town {
    struct lki_loop loop;
    struct lki_metrics metrics;
    struct lki_model *model;
    struct lki_crowd crowd;
    struct lki_user *users[TOWN_USERS_MAX];
    size_t user_count;
    struct town_action actions[TOWN_ACTIONS_MAX];
    size_t action_count;
    struct lki_buf log;
    int exhausted; /* how often the crowd said so */
    int emptied;
};

/* What a user keeps. */
struct town_state {
    int lives;
    int steps;
};

#define TOWN_HEAD_(type, def_kind, vu_name, def_name)                                              \
    .def = {.size = sizeof(struct type),                                                           \
            .kind = (def_kind),                                                                    \
            .vu = (vu_name),                                                                       \
            .name = (def_name),                                                                    \
            .file = "town.c",                                                                      \
            .line = __LINE__}
#define TOWN_STEP(name, ...) /* function, options */                                               \
    (&((struct lk_step_def){TOWN_HEAD_(lk_step_def, LK_DEF_STEP, "citizen", name),                 \
                            .state_bytes = sizeof(struct town_state), .run = __VA_ARGS__})         \
          .def)
#define TOWN_HOOK(which, ...) /* function, options */                                              \
    (&((struct lk_hook_def){TOWN_HEAD_(lk_hook_def, LK_DEF_HOOK, "citizen", "on_it"),              \
                            .state_bytes = sizeof(struct town_state), .hook = (which),             \
                            .run = __VA_ARGS__})                                                   \
          .def)
/* All three, each writing its name into the log. */
#define TOWN_HOOKS                                                                                 \
    TOWN_HOOK(LK_HOOK_INIT, town_init), TOWN_HOOK(LK_HOOK_START, town_start),                      \
        TOWN_HOOK(LK_HOOK_STOP, town_stop)
#define TOWN_RESOURCE(name, ...) /* function, options */                                           \
    (&((struct lk_resource_def){TOWN_HEAD_(lk_resource_def, LK_DEF_RESOURCE, NULL, name),          \
                                .make = __VA_ARGS__})                                              \
          .def)
#define TOWN_PARAM(name, ...)                                                                      \
    (&((struct lk_param_def){TOWN_HEAD_(lk_param_def, LK_DEF_PARAM, NULL, name), __VA_ARGS__}).def)

/* Makes users 1 .. users of the one type "citizen", to which steps and hooks belong. The list ends
 * with NULL, and the descriptors must live until town_close. Ends the program on failure. */
void town_open(struct town *town, struct lk_def *const *defs, size_t users);
void town_open_seeded(struct town *town, struct lk_def *const *defs, size_t users, uint64_t seed);

/* How citizens of the town that is opened next choose; otherwise, by weight. */
void town_choose_by(lk_strategy *strategy);

/* Has something done at a time. */
void town_at(struct town *town, double seconds, void (*run)(struct town *town));

/* As a worker does it: the first lets steps in hand end, the second cuts them off. */
void town_drain(struct town *town);
void town_cut(struct town *town);

/* Turns the loop until everybody has gone. */
void town_run(struct town *town);

/* Everything that was logged. */
const char *town_log(struct town *town);

/* How many samples of that name had this code; steps and hooks alike. */
uint64_t town_code(struct town *town, const char *name, lki_code code);

void town_close(struct town *town);

/* For hooks and steps: writes into the log. */
void town_note(lk_vu *vu, const char *what);
/* A step that writes its name into the log. */
void town_act(lk_vu *vu, void *self);
/* One that then fails with "no luck". */
void town_fail(lk_vu *vu, void *self);
/* A step that takes a millisecond and never waits. */
void town_compute(lk_vu *vu, void *self);
/* A step that does nothing. */
void town_idle(lk_vu *vu, void *self);
/* Hooks that write their name into the log. */
void town_init(lk_vu *vu, void *self);
void town_start(lk_vu *vu, void *self);
void town_stop(lk_vu *vu, void *self);

#endif

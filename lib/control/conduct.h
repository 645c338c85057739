/*
 * What the parts of the orchestrator share: itself, and the run in hand.
 */
#ifndef LKI_CONTROL_CONDUCT_H
#define LKI_CONTROL_CONDUCT_H

#include "base/arena.h"
#include "base/repeat.h"
#include "control/checkpoint.h"
#include "control/crew.h"
#include "control/orchestrator.h"

/* Hexadecimal digits of a run's id. */
#define LKI_RUN_ID_LEN 16

/* The run in hand. */
struct lki_conduct {
    struct lki_core *core; /* NULL: none */
    struct lki_model *model;
    struct lki_plan plan;
    struct lki_arena texts; /* of all below */
    const char *run_id;
    struct lki_stage *stages;
    const char **params;
    size_t param_count;
    struct lki_command_run command; /* to stations */
};

struct lki_creation;

struct lki_orchestrator {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_orchestrator_settings settings;
    struct lki_hub *hub;
    struct lki_crew crew;
    struct lki_checkpoint checkpoint;
    struct lki_stock *stock;
    uint64_t stock_saved; /* version of it in the checkpoint */
    struct lki_history *history;
    struct lki_conduct run;
    struct lki_timer tick;
    struct lki_post saving; /* since saving_ns */
    int64_t saving_ns;
    struct lki_post over;
    uint64_t epoch;
    uint64_t token;
    bool up;                   /* Redis is there, and the lock is ours */
    bool sound;                /* and does what it is asked for, when it was looked at last */
    bool met;                  /* Redis was there before */
    char former[320];          /* whose lock it is, and waited for, if not ours; "" nobody's */
    bool loaded;               /* what Redis had of the checkpoint was read */
    struct lki_repeat trouble; /* with Redis, as it was told */
    enum lki_core_state saved; /* of the run, as the checkpoint has it */
    int64_t haunted_ns; /* by the wall: load of the last run may go on until then, out of reach */
    char last_run_id[64];
    struct lki_buf result; /* of it; empty: there is none */
    struct lki_creation *first_creation, **last_creation;
};

void lki_orchestrator_tell(const struct lki_orchestrator *o, const char *fmt, ...) LK_PRINTF(2, 3);
void lki_orchestrator_changed(struct lki_orchestrator *o);
/* Whether it has read what there is in the cluster, runs and objects; before that no command makes
 * sense. */
bool lki_orchestrator_knows(const struct lki_orchestrator *o, struct lki_refusal *refusal);
/* Returns false. */
bool lki_orchestrator_refuse(struct lki_refusal *refusal, int status, const char *code,
                             const char *fmt, ...) LK_PRINTF(4, 5);

/* ---- conduct.c: a run from its start to its result ---- */

/* LK_E_ARG: parameters are wrong, as refusal says. */
enum lk_err lki_conduct_begin(struct lki_orchestrator *o, const struct lki_start *start,
                              struct lki_refusal *refusal);
/* The run that another orchestrator began: as it was started, but its core is empty. */
enum lk_err lki_conduct_again(struct lki_orchestrator *o, const struct lki_start *start);
/* Without a result: at the end of the orchestrator. */
void lki_conduct_drop(struct lki_orchestrator *o);

/* ---- create.c: objects on demand ---- */

void lki_creations_release(struct lki_orchestrator *o);

/* ---- restore.c: through a restart ---- */

/* Each second: what changed is written. False: nothing is, since another orchestrator may have the
 * cluster, and this directory, by now. */
bool lki_restore_save(struct lki_orchestrator *o);
/* Beforehand, as lki_core_save_some. */
bool lki_restore_save_some(struct lki_orchestrator *o);
/* As soon as the run is in another state. */
void lki_restore_look(struct lki_orchestrator *o);
/* The run in hand is over. */
void lki_restore_forget(struct lki_orchestrator *o);
/* All that could be read has been: takes up the run that was on. */
void lki_restore_load(struct lki_orchestrator *o);

#endif

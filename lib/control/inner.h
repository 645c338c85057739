/*
 * What the parts of the core share: the run as it stands, its workers, and their lives. A life is
 * what one process of a worker does from its coming to its going; a worker that died and came back
 * has begun another one.
 */
#ifndef LKI_CONTROL_INNER_H
#define LKI_CONTROL_INNER_H

#include "base/arena.h"
#include "base/buf.h"
#include "control/core.h"
#include "control/wants.h"
#include "loop/loop.h"
#include "stats/snapshot.h"

/* So many messages of a life are remembered, so that one that is told twice counts once. */
#define LKI_HEARD_MAX 16

struct lki_life {
    struct lki_life *next; /* of the same worker, the one after this */
    char *snapshot;        /* the last one; NULL: none yet */
    size_t snapshot_bytes;
    bool broken; /* it cannot be read */
    bool stale;  /* there was no memory to keep a later one */
    struct lki_worker_health health;
    uint64_t hook_errors;
    struct lki_snapshot_head head; /* of its last snapshot */
    bool in_second;                /* a second of it was told, the last one being */
    uint32_t second;
    int64_t told_ns; /* of the run: up to here its seconds are in the series */
    bool exact;      /* it has left a page, which says: */
    struct lki_totals totals;
    struct lki_arrival_counts arrivals;
    uint64_t taken; /* iterations begun */
    size_t crash;   /* number, from 1, of the one by which it ended; 0: by none */
    uint64_t heard[LKI_HEARD_MAX];
    uint64_t heard_count;
    bool changed; /* its snapshot, since it was saved */
};

/* How far a worker has come in its present life. */
enum lki_member_stage {
    LKI_MEMBER_ABSENT,
    LKI_MEMBER_JOINED,   /* has not said hello */
    LKI_MEMBER_GREETED,  /* knows what the run is */
    LKI_MEMBER_PREPARED, /* can start */
    LKI_MEMBER_STARTED,
    LKI_MEMBER_QUITTING /* was told to end */
};

/* Arrival k is intended at since_ns + (k + lead) / rate_per_s. */
struct lki_member_pace {
    uint64_t weight; /* of its share among all; 0: none was told */
    double rate_per_s;
    double lead;
    int64_t since_ns;
};

/* Iterations that it may begin, in its present life. */
struct lki_member_lease {
    uint64_t granted; /* in all */
    uint64_t recalls;
    bool recallable; /* has been given some since the last recall */
    bool last;       /* knows that there will be no more */
    uint64_t asked;  /* number of its asking for more; 0: it does not */
    struct lki_report_iterations told;
};

struct lki_member {
    struct lki_core *core;
    struct lki_core_worker shown;
    char name[128]; /* "worker 2"; "the event loop" of one that is no process */
    enum lki_member_stage stage;
    struct lki_link *link;         /* NULL: none */
    struct lki_life *first, *last; /* lives; the last one is the present one */
    bool dying;                    /* what it sent before its death may still come */
    int64_t cut_ns;                /* since when it is dying, or has no link without being dead */
    bool failed;                   /* for good */
    unsigned killed;               /* deaths from outside */
    bool gone;                     /* its users have left */
    unsigned stops;                /* so many times it was told to stop */
    bool behind;                   /* it could not be told of all of them */
    bool housed;                   /* it has got some that it was not told of */
    bool lost;                     /* out of reach */
    int64_t moved_ns;              /* since when others have its users; 0: they do not */
    int64_t moved_until_ns;        /* when it was heard again, or those were lost too */
    bool leaving;                  /* ends in order, */
    bool left;                     /* and has */
    int64_t lapse_ns;              /* of one that is lost: then it counts as dead */
    int64_t ahead_ns;              /* its clock less ours */
    bool probes;                   /* is to run the probes */
    bool probes_told;              /* knows whether it does, as shown has it */
    bool awaited;                  /* of a run that was taken over: it has not said how it stands */
    bool resting;                  /* nothing was left for its users to do when it came */
    struct lki_member_lease lease;
    struct lki_member_pace pace;
    double busy_share; /* over the last second */
    int64_t delay_ns;  /* as its station sees it from outside, also of one that does not report */
    bool stands;       /* likewise */
};

/* An id of a resource that was leased at some time. */
struct lki_lease {
    char *text;      /* the object; NULL: it is to be made */
    uint64_t holder; /* number of the worker; 0: nobody */
};

/* What a worker was told of a resource. */
struct lki_told {
    bool last;
    bool recall;
};

struct lki_leases {
    struct lki_lease *all; /* by id, from 1 */
    uint64_t count;        /* ids 1 .. count were leased at some time */
    uint64_t most;
    uint64_t *back; /* ids that nobody holds */
    uint64_t back_count;
    uint64_t cap; /* of both lists */
    struct lki_wants wants;
    struct lki_told *told; /* by worker */
    size_t told_cap;
    bool stocked; /* all of them were made by others */
};

/* The parts of LKI_CORE_STOPPING. */
enum lki_stopping { LKI_STOPPING_USERS, LKI_STOPPING_TEAR_DOWN, LKI_STOPPING_QUIT };

/* So many users from some time on: one more, or less, each interval_ns. */
struct lki_users_set {
    bool on;
    uint64_t from;
    uint64_t to;
    int64_t since_ns; /* since the start */
    int64_t interval_ns;
};

struct lki_core {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_plan plan;
    struct lki_core_owner owner;
    enum lki_core_state state;
    enum lki_stopping stopping;
    struct lki_member **members; /* by number, from 1 */
    size_t member_count;
    size_t member_cap;
    struct lki_member *backstage; /* who runs the probes, and hooks of the run, if it can */
    struct lki_member *hook_by;   /* who carries out the last one that was ordered */
    char run_id[24];              /* when the plan has none */
    uint64_t program;             /* of all workers */
    bool program_known;
    struct lki_timer second;
    struct lki_timer deadline; /* of the state, or the end of the duration */
    int64_t deadline_ns;
    struct lki_timer ramp; /* the number of users changes */
    struct lki_timer pace; /* the rate does */
    struct lki_post leasing;
    struct lki_post over;
    struct lki_arena texts; /* that live as long as the core */
    struct lki_arena inbox; /* of the message in hand */
    struct lki_buf out;

    int64_t begun_ns; /* when the core was made */
    bool started;     /* the users were told when to begin */
    int64_t start_ns;
    int64_t end_ns;        /* the last user had gone; LKI_NEVER: not yet */
    int64_t held_until_ns; /* nobody is given up before */
    const char *held_by;   /* what keeps all from being heard; NULL: nothing */
    int64_t active_ns;
    enum lki_end ended_by;
    unsigned stops;      /* how far the end was asked for: drain, cut off, abandon */
    bool hurried;        /* it was asked for again: who is out of reach is not waited for */
    uint64_t users_left; /* when it was last looked whether they leave */
    bool set_up;         /* was ordered */
    bool hook_over[LK_RUN_HOOK_COUNT_];
    struct lki_report_hook hooks[LK_RUN_HOOK_COUNT_];
    const char *run_data; /* what the set-up has left */
    const char *base_url; /* the same */
    const char *failure;
    bool unexplained;

    struct lki_users_set users_set; /* from outside, in place of the plan's stages */
    bool rate_set;
    double rate_to;
    uint64_t users_most; /* that were asked for from outside at any time */
    double rate_most;    /* the same */
    uint64_t users_wanted;
    uint64_t shared;      /* users 1 .. shared have their workers: */
    uint64_t shared_most; /* at any time */
    uint32_t *holders;    /* by user, from 1: number of the worker; 0: nobody yet */
    uint64_t holder_cap;
    bool homeless;             /* some have nobody */
    uint64_t iterations_left;  /* that are nobody's */
    uint64_t asks;             /* for them */
    bool iterations_over;      /* all have begun */
    int64_t paced_until_ns;    /* since the start: the rate that was told holds so long */
    double ahead;              /* arrivals that were too many, and no lead makes up for */
    struct lki_leases *leases; /* by resource */

    struct lki_series series;
    struct lki_crash *crashes;
    size_t crash_count, crash_cap;
    int64_t haunted_ns; /* the load of some who were given up may go on until then */
    uint64_t seconds_lost;

    bool settling;         /* it was taken over, and not all workers have said how they stand */
    bool settled;          /* users are shared out again, though some may still be awaited */
    int64_t taken_ns;      /* when it was taken over */
    uint64_t saved_blocks; /* of the series, which are not saved again */

    bool merged; /* what follows is made */
    struct lki_metrics metrics;
    struct lki_arrival_log arrivals;
    struct lki_probe_log *probes;
    struct lki_worker_health *health;
    uint64_t requests_lost;
};

static inline int64_t lki_core_now(const struct lki_core *core)
{
    return lki_loop_now(core->loop);
}

/* Since the start of the users; before that it is negative. */
static inline int64_t lki_core_elapsed(const struct lki_core *core)
{
    return lki_core_now(core) - core->start_ns;
}

/* NULL: there is none of that number. */
static inline struct lki_member *lki_core_member(const struct lki_core *core, uint64_t worker)
{
    return worker && worker <= core->member_count ? core->members[worker - 1] : NULL;
}

/* Users that there may be at any time. */
static inline uint64_t lki_core_users_most(const struct lki_core *core)
{
    return core->plan.open_ended ? LKI_USERS_MAX : lki_plan_population(&core->plan);
}

/* One more life, which is the present one. */
static inline void lki_member_begin(struct lki_member *member, struct lki_life *life)
{
    *(member->last ? &member->last->next : &member->first) = life;
    member->last = life;
}

/* Has its share of the run. */
static inline bool lki_member_works(const struct lki_member *member)
{
    return member->stage == LKI_MEMBER_STARTED && !member->dying && member->link;
}

/* ---- core.c ---- */

/* False: it was not sent. */
bool lki_core_order(struct lki_member *member, const struct lki_order *order);

/* ---- course.c: one state after the other ---- */

void lki_course_begin(struct lki_core *core);
void lki_course_second(struct lki_core *core);
void lki_course_on_deadline(struct lki_timer *timer);
/* Goes on where another core was. */
void lki_course_resume(struct lki_core *core);
/* Something was told or has happened that the state may have waited for. */
void lki_course_look(struct lki_core *core);
/* The run as a whole fails, and ends: the first reason counts. */
void lki_course_fail(struct lki_core *core, const char *fmt, ...) LK_PRINTF(2, 3);
/* The same without an end. */
void lki_course_blame(struct lki_core *core, const char *fmt, ...) LK_PRINTF(2, 3);
/* A worker has become ready. */
void lki_course_prepared(struct lki_member *member);
void lki_course_hook_over(struct lki_core *core, enum lk_run_hook_kind kind,
                          const struct lki_report_hook *hook);
/* The same of the one in hand, if it was this worker's: no answer will come. */
void lki_course_hook_lost(const struct lki_member *member, const char *why);
/* Its users have left. */
void lki_course_gone(struct lki_member *member, const struct lki_report_gone *gone);
void lki_course_enter(struct lki_core *core, enum lki_core_state state);
/* The state lasts no longer than that. */
void lki_course_wait(struct lki_core *core, int64_t ns);
/* The users that were active when their workers last told. */
uint64_t lki_course_users(const struct lki_core *core);

/* ---- ending.c: LKI_CORE_STOPPING, and stops at any time ---- */

void lki_ending_stop(struct lki_core *core, enum lki_end why);
void lki_ending_quit(struct lki_member *member);
void lki_ending_begin(struct lki_core *core);
void lki_ending_look(struct lki_core *core);
void lki_ending_overdue(struct lki_core *core);
/* Those who have users and were not told yet. */
void lki_ending_stop_users(struct lki_core *core);
bool lki_ending_waits_for_users(const struct lki_core *core);
/* False: the end does not wait for who is out of reach. */
bool lki_ending_waits_for_lost(const struct lki_core *core);
/* When a hook of the run should be over. */
int64_t lki_ending_hook_ns(const struct lki_core *core, enum lk_run_hook_kind kind);
/* False: nobody is there to carry it out. */
bool lki_ending_order_hook(struct lki_core *core, enum lki_order_kind kind);
/* It carries out one now. */
bool lki_ending_is_in_hook(const struct lki_member *member);

/* ---- lives.c: coming and going of workers ---- */

/* Its last word has come, or will not come any more. */
void lki_lives_bury(struct lki_member *member);
/* Its users are to leave, and then it ends. */
void lki_lives_leave(struct lki_member *member);
/* Each second: those who have waited long enough for their burial. */
void lki_lives_look(struct lki_core *core);
void lki_lives_release(struct lki_core *core);

/* ---- shares.c: users ---- */

void lki_shares_begin(struct lki_core *core);
/* Tells all workers which users they are to have by now. */
void lki_shares_update(struct lki_core *core);
/* So many users from now on, one after the other. */
void lki_shares_set(struct lki_core *core, uint64_t users, int64_t interval_ns);
/* The same for one that has just started, or is there again. */
void lki_shares_join(struct lki_member *member);
/* Its users go to others. */
void lki_shares_leave(struct lki_member *member);
/* Of a run that was taken over: it has these users. */
void lki_shares_stood(struct lki_member *member, const struct lki_range *range);
/* All who have said so are in the table. */
void lki_shares_settle(struct lki_core *core);
/* Nothing to do for one that cannot be. LK_E_NOMEM: it is not retired. */
enum lk_err lki_shares_retire(struct lki_core *core, uint64_t user);
void lki_shares_on_ramp(struct lki_timer *timer);

/* ---- iterations.c ---- */

/* A first lease for one that has just started. */
void lki_iterations_join(struct lki_member *member);
/* How far it is with its iterations: gives it more, or to others what it gives back. */
void lki_iterations_told(struct lki_member *member, const struct lki_report_iterations *told);
/* Those that it did not begin go back. */
void lki_iterations_died(struct lki_member *member);
/* Nothing is left to do for any user. */
bool lki_iterations_over(const struct lki_core *core);

/* ---- probes.c: who reads them ---- */

/* They are this worker's. */
bool lki_probes_are(const struct lki_member *member);
/* It was told whether they are. */
void lki_probes_told(struct lki_member *member, bool on);
/* When the users begin, and each second: if who reads them cannot any more, somebody else does. */
void lki_probes_look(struct lki_core *core);

/* ---- settle.c: of a run that was taken over ---- */

/* It is asked how it stands: the former core may have begun with it already. */
void lki_settle_ask(struct lki_member *member);
void lki_settle_standing(struct lki_member *member, const struct lki_report_standing *standing);
void lki_settle_held(struct lki_member *member, const struct lki_report_objects *held);
/* Somebody has said how it stands, or will not; and each second. */
void lki_settle_look(struct lki_core *core);

/* ---- paces.c: arrivals ---- */

/* The users begin: the first arrival is intended then, however long it took to get here. */
void lki_paces_begin(struct lki_core *core);
/* Other workers, other users of theirs, or another rate: shares it out anew. */
void lki_paces_update(struct lki_core *core);
/* The same, if workers or their users are others. */
void lki_paces_look(struct lki_core *core);
void lki_paces_on_time(struct lki_timer *timer);
/* Asked for now. */
double lki_paces_rate(const struct lki_core *core);

/* ---- leases.c: objects of resources ---- */

enum lk_err lki_leases_init(struct lki_core *core);
/* For so many workers. */
enum lk_err lki_leases_room(struct lki_core *core, size_t workers);
void lki_leases_release(struct lki_core *core);
void lki_leases_want(struct lki_member *member, const struct lki_report_want *want);
void lki_leases_made(struct lki_member *member, const struct lki_report_objects *made);
void lki_leases_back(struct lki_member *member, const struct lki_report_objects *back);
void lki_leases_join(struct lki_member *member);
void lki_leases_died(struct lki_member *member);
/* Of a run that is taken over: nothing is known to be nobody's; a worker has these; and what nobody
 * has said that he has is nobody's. */
void lki_leases_unsettle(struct lki_core *core);
void lki_leases_held(struct lki_member *member, const struct lki_report_objects *held);
void lki_leases_settle(struct lki_core *core);
/* At the end of the turn: whoever wants something gets it, if it is to be had. */
void lki_leases_update(struct lki_core *core);

/* ---- crashes.c ---- */

/* Writes it down; decides what follows for the user and the run. */
void lki_crashes_add(struct lki_member *member, const struct lki_death *death);

/* ---- numbers.c: what is told each second ---- */

void lki_numbers_second(struct lki_member *member, const struct lki_report_second *second,
                        uint64_t message);

/* ---- measure.c ---- */

/* Adds what it told last, and what its page says. LK_E_FORMAT: that is broken, and what it was
 * added to is to be thrown away; the next time it is left out. */
enum lk_err lki_life_measure(struct lki_life *life, const struct lki_measured *into);

/* ---- outcome.c ---- */

void lki_outcome_release(struct lki_core *core);

#endif

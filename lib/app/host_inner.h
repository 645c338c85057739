/*
 * What the parts of a station share: itself, and the relays to its worker processes.
 */
#ifndef LKI_APP_HOST_INNER_H
#define LKI_APP_HOST_INNER_H

#include "app/fleet.h"
#include "app/host.h"
#include "app/interrupts.h"
#include "app/vitals.h"
#include "base/repeat.h"
#include "bus/station.h"

/* What users get, beyond their grace time, to end before their process does. */
#define LKI_HOST_END_MARGIN_NS (2 * LKI_NS_PER_S)

/* A worker process of the run in hand, and the relay to it. */
struct lki_relay {
    struct lki_host *host;
    uint64_t process;
    uint64_t life;
    struct lki_link *link;    /* to the process; NULL: none */
    bool gone;                /* its users have left */
    struct lki_buf died;      /* what is to be told of its death after its last words */
    struct lki_timer silence; /* at which they are not waited for any longer */
    struct lki_vitals vitals;
};

struct lki_host {
    struct lki_loop loop;
    struct lki_host_settings settings;
    struct lki_interrupts interrupts;
    struct lki_spoke *spoke;
    uint64_t program; /* hash */
    char name[256];   /* of this machine */
    char boot[64];
    uint64_t memory_bytes;
    struct lki_repeat trouble; /* with Redis, as it was told */
    struct lki_repeat full;    /* that something is lost, likewise */
    struct lki_timer beat;
    struct lki_arena inbox;
    struct lki_buf out;

    char run_id[64]; /* "" none */
    struct lki_model *model;
    struct lki_arena texts; /* of its parameters */
    struct lki_fleet *fleet;
    struct lki_relay *relays;
    uint64_t lives; /* that ever were */
    int64_t grace_ns;
    struct lki_post ending;

    unsigned stops;     /* how often it was asked to end */
    int64_t left_ns;    /* when it had nothing left to do but to be heard; 0: it has */
    int64_t cut_ns;     /* from when on the run is ended from here; LKI_NEVER: not so far */
    unsigned cut_stage; /* what its workers were told of that */
    bool refused;
    struct lki_buf *why;
};

/* ---- host.c ---- */

void lki_host_tell(const struct lki_host *host, const char *fmt, ...) LK_PRINTF(2, 3);
/* False: it is lost, since too much waits for the orchestrator, or there is no memory. What comes
 * from workers is lost first. */
bool lki_host_say(struct lki_host *host, const struct lki_station_report *report);

/* ---- host_run.c: a run, from the order to fork to its end ---- */

void lki_host_on_run(struct lki_host *host, const struct lki_command_run *run);
/* At the end of the turn. */
void lki_host_run_end(struct lki_host *host);
/* Forgets it, and ends its processes. */
void lki_host_run_drop(struct lki_host *host);
/* When it is to end: it has, if nobody is left. */
void lki_host_end_look(struct lki_host *host);
/* Load never outlives its command: ends what nobody commands any longer. */
void lki_host_look_for_orchestrator(struct lki_host *host, int64_t now_ns);

/* ---- relay.c ---- */

enum lk_err lki_relays_open(struct lki_host *host);
void lki_relays_release(struct lki_host *host);
/* Of the fleet. */
enum lk_err lki_relays_on_join(uint64_t worker, struct lki_link *link, void *arg);
void lki_relays_on_died(uint64_t worker, const struct lki_death *death, void *arg);
/* What the orchestrator says to a life, or that it has let go of it. */
void lki_relays_data(struct lki_host *host, const struct lki_station_data *data);
void lki_relays_close(struct lki_host *host, const struct lki_station_life *life);
/* All of them are told to stop, and to quit once their users have left; and their leases are moved
 * on. */
void lki_relays_stop(struct lki_host *host, unsigned times);
void lki_relays_lend(struct lki_host *host);
/* Without a word more. */
void lki_relays_cut(struct lki_host *host);

#endif

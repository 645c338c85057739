/*
 * The stations that an orchestrator knows, and the seats for workers that each of them has in the
 * run in hand: between what is heard of stations and the control core.
 */
#ifndef LKI_CONTROL_CREW_H
#define LKI_CONTROL_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "base/buf.h"
#include "bus/hub.h"
#include "bus/station.h"
#include "control/core.h"
#include "loop/loop.h"

struct lki_seat_link;

/* A process of a station. */
struct lki_seat {
    struct lki_station *station;
    uint64_t process;
    uint64_t number; /* of its worker in the core of the run; 0: it has none */
    uint64_t life;   /* the one that is there; 0: none */
    struct lki_seat_link *link;
    struct lki_station_process health; /* as its last beat has it */
    bool wanted;                       /* could not be told so far */
};

struct lki_station {
    struct lki_station *next;
    struct lki_crew *crew;
    struct lki_contact *contact; /* NULL: it is known from before, and was not heard yet */
    struct lki_arena texts;
    struct lki_station_hello hello; /* as it was told first */
    bool greeted;                   /* there is one */
    bool superseded;                /* another process has its name */
    bool leaving;
    bool former;      /* has lives of the run as it was being prepared before */
    bool in_run;      /* was told to fork the processes of the run in hand */
    bool forked;      /* and has had one since */
    uint64_t session; /* of its process */
    uint64_t heard;   /* number of its last report */
    int64_t left_ns;  /* when it had left; 0: it has not */
    uint64_t memory_bytes;
    struct lki_seat *seats;
};

struct lki_crew_owner {
    /* A line about who comes and goes. */
    void (*tell)(void *arg, const char *fmt, ...) LK_PRINTF(2, 3);
    /* Who is there, or how they fare, is not as it was. */
    void (*on_change)(void *arg);
    void *arg;
};

struct lki_crew {
    struct lki_loop *loop;
    struct lki_hub *hub; /* set as soon as there is one */
    struct lki_crew_owner owner;
    const char *id; /* of the orchestrator */
    char boot[64];  /* of this machine, or "" */
    uint64_t program;
    const char *version;
    struct lki_station *stations, **last;
    struct lki_core *core; /* NULL: no run */
    struct lki_command_run run;
    bool anew; /* it is prepared once more: lives of it that come along are to be ended first */
    struct lki_arena inbox;
    struct lki_buf out;
};

void lki_crew_init(struct lki_crew *crew, struct lki_loop *loop, uint64_t program, const char *id,
                   const struct lki_crew_owner *owner);
void lki_crew_release(struct lki_crew *crew);

/* ---- what the hub tells ---- */

void lki_crew_on_contact(struct lki_crew *crew, struct lki_contact *contact);
void lki_crew_on_report(struct lki_contact *contact, uint64_t number, const void *bytes,
                        size_t len);
void lki_crew_on_silent(struct lki_contact *contact, bool silent);

/* ---- a run ---- */

/* Places that a run would have now. */
uint64_t lki_crew_size(const struct lki_crew *crew);

/* All who are there are to take part, and whoever comes. Texts of run are borrowed until the end.
 * LK_E_NOMEM. */
enum lk_err lki_crew_begin(struct lki_crew *crew, struct lki_core *core,
                           const struct lki_command_run *run);
/* The run is over, and the core is about to be freed. */
void lki_crew_end(struct lki_crew *crew);
/* The core is about to be freed, and nobody is told: the run goes on. */
void lki_crew_let_go(struct lki_crew *crew);
/* The core wants this worker again. */
void lki_crew_want(struct lki_crew *crew, uint64_t worker);
/* As people know it: of a station with one process, its name alone. */
void lki_seat_name(const struct lki_seat *seat, char *name, size_t size);
/* Has its process not moved for so long that it counts as not heard? */
bool lki_seat_stands(const struct lki_seat *seat);

/* Each second: what was heard so far is safe now; and those who have left are forgotten. */
void lki_crew_safe(struct lki_crew *crew);

/* ---- from one orchestrator to the next ---- */

/* Appends who is there, and what their seats are in the run. */
void lki_crew_write(const struct lki_crew *crew, struct lki_buf *out);
/* They are awaited; their lives go on in core, which has their workers. LK_E_FORMAT, LK_E_NOMEM. */
enum lk_err lki_crew_read(struct lki_crew *crew, struct lki_core *core, const void *bytes,
                          size_t len);

/* So long stations of which nothing is heard go on at most. */
int64_t lki_crew_lapse_ns(const struct lki_crew *crew);

#endif

/*
 * What an orchestrator and a station, the place where worker processes run, tell each other, beside
 * the messages of the workers' own links, which they pass on. A life is one process of a worker,
 * from fork to end; lives of a station are numbered, all processes and runs together.
 */
#ifndef LKI_BUS_STATION_H
#define LKI_BUS_STATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "base/buf.h"
#include "stats/arrivals.h"
#include "stats/metric.h"

/* What a station has in hand ends, whatever happens, so much later than it would end it by itself
 * when it has not heard of the orchestrator; and only after that, and a beat that was under way,
 * the orchestrator takes it for dead. */
#define LKI_FENCE_MARGIN_NS (3 * LKI_NS_PER_S)
#define LKI_LAPSE_MARGIN_NS (5 * LKI_NS_PER_S)

/* ---- up: from a station to the orchestrator ---- */

enum lki_station_kind {
    LKI_STATION_HELLO,   /* the first one of a session, and again to each new orchestrator */
    LKI_STATION_BEAT,    /* each second; never kept for later */
    LKI_STATION_JOINED,  /* a life has begun */
    LKI_STATION_DIED,    /* one has ended that was not told to, or was */
    LKI_STATION_DATA,    /* a message on the link of a life */
    LKI_STATION_OVER,    /* all lives of a run have ended, and nothing more comes of it; of one that
                            is leaving: nor of itself */
    LKI_STATION_LEAVING, /* is about to end in order: its users are to leave */
    LKI_STATION_COUNT_
};

/* A life as it stands. */
struct lki_station_life {
    uint64_t process; /* from 1 */
    uint64_t life;
};

struct lki_station_hello {
    const char *id;   /* of the station: unique among those of a cluster */
    const char *host; /* name of the machine */
    const char *boot; /* id of its boot, by which clocks of one machine are known; "" unknown */
    uint64_t pid;
    uint64_t processes;
    uint64_t program; /* lki_program_hash */
    const char *version;
    bool probes; /* is to run probes */
    int64_t orphan_after_ns;
    int64_t clock_ns;   /* Redis TIME less its monotonic clock */
    const char *run_id; /* that it is in; "" none */
    struct lki_station_life *lives;
    size_t life_count;
};

/* How one process of it fares. */
struct lki_station_process {
    uint64_t process;
    uint64_t pid;          /* 0: none */
    double cpu_percent;    /* of one processor, over the last second */
    uint64_t rss_bytes;    /* resident now */
    uint64_t descriptors;  /* open now */
    int64_t loop_delay_ns; /* the longest turn of its loop of late; -1: unknown */
    int64_t silent_ns;     /* for so long it has not moved, stopped or hanging; 0: it moves */
};

struct lki_station_beat {
    uint64_t memory_bytes; /* of the machine, or of its cgroup */
    struct lki_station_process *processes;
    size_t count;
};

struct lki_station_died {
    uint64_t process;
    uint64_t life;
    bool told;     /* it was told to end, and did */
    bool orphaned; /* by its station: nobody commanded it, and its users were let leave */
    const char *what;
    bool in_step;
    uint64_t user;
    const char *step; /* NULL: in none */
    const char **frames;
    size_t frame_count;
    bool exact; /* it left a page: */
    struct lki_totals totals;
    struct lki_arrival_counts arrivals;
    uint64_t iterations_taken;
    bool sending;
};

struct lki_station_data { /* both ways */
    uint64_t process;
    uint64_t life;
    const void *bytes;
    size_t len;
};

struct lki_station_report {
    enum lki_station_kind kind;
    union {
        struct lki_station_hello hello;
        struct lki_station_beat beat;
        struct lki_station_life joined;
        struct lki_station_died died;
        struct lki_station_data data;
        const char *over; /* run id; "" it was in none */
    };
};

/* ---- down: from the orchestrator to a station ---- */

enum lki_command_kind {
    LKI_COMMAND_WELCOME, /* answers a HELLO */
    LKI_COMMAND_REFUSE,  /* likewise: it is to end, and to say why */
    LKI_COMMAND_RUN,     /* fork the processes of a run */
    LKI_COMMAND_WANT,    /* fork that process anew */
    LKI_COMMAND_DATA,    /* a message on the link of a life */
    LKI_COMMAND_CLOSE,   /* the link of a life is closed: it ends */
    LKI_COMMAND_END,     /* a run is over: whatever is left of it ends */
    LKI_COMMAND_COUNT_
};

struct lki_command_welcome {
    const char *orchestrator; /* its id */
    int64_t clock_ns;         /* Redis TIME less its monotonic clock */
};

struct lki_command_run {
    const char *run_id;
    const char **params; /* "name=value" */
    size_t param_count;
    int64_t grace_ns;
};

struct lki_command {
    enum lki_command_kind kind;
    union {
        struct lki_command_welcome welcome;
        const char *refuse; /* why */
        struct lki_command_run run;
        uint64_t want; /* process */
        struct lki_station_data data;
        struct lki_station_life close;
        const char *end; /* run id */
    };
};

/* Of this machine, as in a hello. */
void lki_station_boot(char *boot, size_t size);

/* Append. */
void lki_station_report_write(const struct lki_station_report *report, struct lki_buf *out);
void lki_command_write(const struct lki_command *command, struct lki_buf *out);

/* Texts and lists come to lie in arena; bytes of data point into bytes. LK_E_FORMAT: this is no
 * such message, whatever it is. */
enum lk_err lki_station_report_read(struct lki_station_report *report, const void *bytes,
                                    size_t len, struct lki_arena *arena);
enum lk_err lki_command_read(struct lki_command *command, const void *bytes, size_t len,
                             struct lki_arena *arena);

#endif

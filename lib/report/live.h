/*
 * A run as it goes: on a terminal a block of lines that is drawn anew in its place, elsewhere a
 * plain line now and then. Whatever else is to be seen on that terminal meanwhile goes through here
 * too, so that neither garbles the other.
 */
#ifndef LKI_REPORT_LIVE_H
#define LKI_REPORT_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <loadkit/err.h>

/* How a run stands. What is zero because it is unknown, or without end, is left out. */
struct lki_live_state {
    const char *state; /* such as "setting up", "stopping"; NULL or "": running */
    int64_t elapsed_ns;
    int64_t total_ns; /* 0: no end in time */
    uint64_t iterations;
    uint64_t iterations_total; /* 0: no end by count */
    uint64_t users;
    uint64_t users_wanted;
    double rate_wanted;    /* arrivals a second; 0: a run without */
    double requests_per_s; /* over the last second, as all that says so */
    double steps_per_s;    /* last second; shown when there are no requests */
    uint64_t failures;     /* since the start, of what the rate is that is shown; and of hooks */
    uint64_t failures_now; /* of them, in the last second */
    int64_t p50_ns;        /* last second; 0: unknown, as the next two */
    int64_t p95_ns;
    int64_t p99_ns;
    uint64_t arrivals_started;
    uint64_t arrivals_late; /* of those that started */
    uint64_t arrivals_dropped;
    uint64_t workers; /* 0: all in this process */
    uint64_t workers_alive;
    uint64_t crashes;
    double busy_share;  /* last second: of a processor, of the busiest worker */
    int64_t busiest_ns; /* the longest turn of any worker's loop of late */
};

struct lki_live;

/* Does TERM say that the terminal knows no escape sequences? It does when it is unset, empty or
 * "dumb". */
bool lki_live_is_dumb(void);

/*
 * A display on out, which is borrowed, as is nothing else. columns is the width of the terminal, 0
 * when out is none: then, and on a dumb one, there are plain lines without any escape sequence. If
 * out has a terminal behind it, its width is asked anew at each drawing. colour adds colours, and
 * nothing but colours.
 */
enum lk_err lki_live_new(struct lki_live **out, FILE *file, int columns, bool colour,
                         const char *program);

/* To be called each second, and whenever something has changed that should be seen at once. */
void lki_live_show(struct lki_live *live, const struct lki_live_state *state);

/*
 * Whole lines of the author's program, or of our own about a crash: they go to where, which may be
 * another file, as they are, and on a terminal above the display. Also works while it is hidden.
 */
void lki_live_print(struct lki_live *live, FILE *where, const char *text, size_t len);

/* Takes the display off the terminal: the cursor stands where it began. The next lki_live_show
 * brings it back. */
void lki_live_hide(struct lki_live *live);

/* Hides it first. NULL is ignored, as by the three above. */
void lki_live_free(struct lki_live *live);

#endif

/*
 * What a probe read during a run. The counts are over all readings; of the readings themselves, a
 * bounded number is kept: when the list is full, every other one goes and from there on every
 * second one is kept, so that it always spans the whole run. The last ones are all kept besides,
 * with what only matters while they are new.
 */
#ifndef LKI_STATS_PROBE_H
#define LKI_STATS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>
#include <loadkit/values.h>

#define LKI_READINGS_MAX 4096
#define LKI_READINGS_RECENT 100
#define LKI_READING_TEXT_MAX 256 /* bytes of a text that are kept */

struct lki_reading {
    int64_t t_ns;          /* since the start of the run */
    bool failed;           /* then there is no value */
    struct lk_value value; /* a number, truth, text or null; a text is owned */
    uint64_t worker;       /* who read it: known where snapshots were merged, else 0 */
    /* of recent ones only: */
    int64_t took_ns;
    const char *message; /* why it failed, owned; NULL: it did not */
};

/* Zeroed but for its name: empty and ready. */
struct lki_probe_log {
    const char *name;
    uint64_t count; /* of all readings, failed ones too */
    uint64_t errors;
    uint64_t numbers; /* readings that were numbers: the next three are about them */
    double min;
    double max;
    double sum;
    struct lki_reading last; /* that did not fail; count == errors: there is none */
    struct lki_reading *readings;
    size_t len;
    size_t cap;
    struct lki_reading *recent; /* by time; NULL before the first */
    size_t recent_len;
    uint64_t stride; /* every so manyth reading is kept; 0: every one */
    uint64_t lost;   /* readings that there was no memory to keep */
};

/* Can be read by a probe: a truth, a finite number, a text or null. */
bool lki_reading_fits(const struct lk_value *value);

/* A number's value; false for what is none. */
bool lki_reading_number(const struct lk_value *value, double *number);

/* A reading, which is copied; value NULL: it failed. A value has to fit. */
void lki_probe_log_add(struct lki_probe_log *log, int64_t t_ns, const struct lk_value *value);
/* The same with how long it took and why it failed. */
void lki_probe_log_add_reading(struct lki_probe_log *log, const struct lki_reading *reading);

/* Adds the counts and the last reading of another log, if that came later; text is copied. */
enum lk_err lki_probe_log_merge(struct lki_probe_log *log, const struct lki_probe_log *from);

/* Adds one of the readings that the other log kept, or one of its recent ones. */
enum lk_err lki_probe_log_append(struct lki_probe_log *log, const struct lki_reading *reading);
enum lk_err lki_probe_log_append_recent(struct lki_probe_log *log,
                                        const struct lki_reading *reading);
/* After these: the readings of several workers come in order, and are no more than may be. */
void lki_probe_log_settle(struct lki_probe_log *log);
void lki_probe_log_release(struct lki_probe_log *log);

#endif

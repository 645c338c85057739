/*
 * A run as its terminal shows it: how it stands, what the author's program prints, and what is told
 * of crashes, without one garbling the other.
 */
#ifndef LKI_APP_DISPLAY_H
#define LKI_APP_DISPLAY_H

#include "app/run.h"
#include "control/core.h"

struct lki_live;

struct lki_display {
    struct lki_live *live; /* NULL: nothing is shown of how it stands */
    bool tells;            /* standard error is ours: what is wrong is told there */
    uint64_t workers;
    uint64_t iterations; /* of all; 0: no end */
};

enum lk_err lki_display_open(struct lki_display *display, const struct lki_run_settings *settings);
void lki_display_show(struct lki_display *display, const struct lki_core_status *status);

/* Whole lines for where. */
void lki_display_print(struct lki_display *display, FILE *where, const char *text, size_t len);

/* One line about what went wrong, without new-line. */
void lki_display_tell(struct lki_display *display, const char *line);

/* The terminal is as it was. A zeroed one may be closed too. */
void lki_display_close(struct lki_display *display);

#endif

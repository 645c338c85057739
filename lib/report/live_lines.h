/*
 * What the live display says: the lines of its block, and the line where there is no terminal.
 */
#ifndef LKI_REPORT_LIVE_LINES_H
#define LKI_REPORT_LIVE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "report/live.h"

#define LKI_LIVE_LINES 4

struct lki_live_look {
    const char *program; /* any text */
    size_t columns;      /* no line is wider */
    bool colour;
    bool utf8; /* the terminal has more than ASCII: the bar looks better */
};

/* Appends LKI_LIVE_LINES lines, each with its new-line. What does not fit is left out, the least
 * important parts first. widths: the columns that each of them takes. */
void lki_live_block(struct lki_buf *out, const struct lki_live_look *look,
                    const struct lki_live_state *state, size_t widths[LKI_LIVE_LINES]);

/* Appends one line, with its new-line, of whatever width. */
void lki_live_line(struct lki_buf *out, const struct lki_live_state *state);

#endif

/*
 * Foreign text as it stands in a report, beside numbers: harmless to the terminal.
 */
#ifndef LKI_REPORT_LAYOUT_H
#define LKI_REPORT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/format.h"

/* Columns that text, which is well-formed and without controls, takes in a terminal. */
size_t lki_text_width(const char *text, size_t len);

/* Bytes of the longest beginning of such text that takes no more than so many columns. */
size_t lki_text_fit(const char *text, size_t len, size_t columns);

/* Appends foreign text: what is no UTF-8, moves the cursor or hides becomes '?'. */
void lki_buf_harmless(struct lki_buf *buf, const char *text);

/*
 * Prints text as lines of at most columns, broken at spaces where there are any; all lines but the
 * first are indented, for the first the cursor stands there already.
 */
void lki_print_wrapped(FILE *out, const char *text, int indent, int columns);

#endif

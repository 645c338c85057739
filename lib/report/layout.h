/*
 * Numbers and foreign text as they stand in a report: short, of predictable width, and harmless to
 * the terminal. Plain ASCII of our own, so that it looks the same in every locale and log.
 */
#ifndef LKI_REPORT_LAYOUT_H
#define LKI_REPORT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

/* Room for each of the numbers below. */
#define LKI_CELL_BYTES 32

/* Three significant digits: "850ns", "12.3us", "1.20ms", "45.0s", "1m05s", "2h03m". */
void lki_format_duration(char cell[LKI_CELL_BYTES], int64_t ns);

/* The same, "s" followed by a space: in a column, units stand below each other. */
void lki_format_duration_cell(char cell[LKI_CELL_BYTES], int64_t ns);

/* To the second: "5s", "1m05s", "2h03m10s". */
void lki_format_clock(char cell[LKI_CELL_BYTES], int64_t ns);

/* "1,234,567". */
void lki_format_count(char cell[LKI_CELL_BYTES], uint64_t count);

/* "0", "0.03", "4.12", "41.2", "4,115". */
void lki_format_rate(char cell[LKI_CELL_BYTES], double rate);

/* Any number: "0", "12", "-3.50", "0.0123", "1,235", "1.23e-9"; "-" for what is none. */
void lki_format_number(char cell[LKI_CELL_BYTES], double value);

/* "0%", "<0.01%", "0.12%", "12.3%", ">99.9%", "100%": nothing rounds to none or to all. */
void lki_format_percent(char cell[LKI_CELL_BYTES], uint64_t part, uint64_t whole);

/* "999 B", "1.20 kB", "34.5 MB". */
void lki_format_bytes(char cell[LKI_CELL_BYTES], double bytes);

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

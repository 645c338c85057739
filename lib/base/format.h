/*
 * Numbers for people: short, of predictable width, plain ASCII, the same in every locale.
 */
#ifndef LKI_BASE_FORMAT_H
#define LKI_BASE_FORMAT_H

#include <stdint.h>

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

#endif

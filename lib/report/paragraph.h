/*
 * Sentences of a report: put together of words and numbers, and broken to the width of the paper.
 */
#ifndef LKI_REPORT_PARAGRAPH_H
#define LKI_REPORT_PARAGRAPH_H

#include <stdint.h>

#include "base/buf.h"
#include "report/table.h"

/* The width of the labels of the closing lines. */
#define LKI_LABEL_WIDTH 12

/* An empty sentence. */
struct lki_buf lki_paragraph(void);

/* Prints it behind its label and releases it. What could not be made is said to be missing. */
void lki_print_paragraph(const struct lki_paper *paper, const char *label, int label_width,
                         struct lki_buf *text);

/* Prints one line of foreign text behind an indent, cut off where the paper ends; nothing of "". */
void lki_print_cut(const struct lki_paper *paper, int indent, const char *mark, const char *text);

/* A heading of a section. */
void lki_print_heading(const struct lki_paper *paper, const char *title);

/* "1 request", "1,200 requests". */
void lki_buf_amount(struct lki_buf *text, uint64_t count, const char *one, const char *many);

/* "p50 1.20ms". */
void lki_buf_duration(struct lki_buf *text, const char *name, int64_t ns);

#endif

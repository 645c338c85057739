/*
 * What is wrong with a program, told to its author: one line a fault, "file:line: what is wrong;
 * what to do", gathered so that all of them are told at once.
 */
#ifndef LKI_MODEL_FAULT_H
#define LKI_MODEL_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/scenario.h>

#include "base/buf.h"
#include "base/text.h"

struct lki_faults {
    struct lki_buf *lines; /* each with its new-line; what does not fit is left out whole */
    size_t count;
    size_t start; /* of the line in hand */
};

/* lines is borrowed and added to. */
void lki_faults_init(struct lki_faults *faults, struct lki_buf *lines);

/* LK_OK: no fault; LK_E_ARG: some; LK_E_NOMEM. */
enum lk_err lki_faults_result(const struct lki_faults *faults);

/* A whole line. def says where; NULL: nowhere. Control characters in what was added become '?'. */
void lki_fault(struct lki_faults *faults, const struct lk_def *def, const char *fmt, ...)
    LK_PRINTF(3, 4);

/* A line in pieces. */
void lki_fault_begin(struct lki_faults *faults, const struct lk_def *def);
void lki_fault_add(struct lki_faults *faults, const char *fmt, ...) LK_PRINTF(2, 3);
void lki_fault_end(struct lki_faults *faults);

/* Adds "; did you mean login?" and returns true, if there is anything near. */
bool lki_fault_suggest(struct lki_faults *faults, const struct lki_nearest *nearest);

#endif

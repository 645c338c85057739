/*
 * What a worker prints while a display is on the terminal: it comes through a pipe, and is handed
 * on line by line.
 */
#ifndef LKI_APP_OUTPUT_H
#define LKI_APP_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include <loadkit/err.h>

#include "loop/loop.h"

#define LKI_OUTPUT_LINE_MAX ((size_t)8 * 1024) /* a longer one comes in pieces */

struct lki_output_owner {
    /* Whole lines. */
    void (*on_print)(FILE *where, const char *text, size_t len, void *arg);
    void *arg;
};

struct lki_output {
    int fd; /* -1: not open */
    FILE *where;
    struct lki_output_owner owner;
    struct lki_io io;
    char text[LKI_OUTPUT_LINE_MAX];
    size_t len;
};

/* Reads fd, of which the output takes possession, also on failure: what it brings is for where. */
enum lk_err lki_output_open(struct lki_output *output, struct lki_loop *loop, int fd, FILE *where,
                            const struct lki_output_owner *owner);

/* Hands on what has come, for who does not turn the loop. False: there is nothing more for now. */
bool lki_output_read(struct lki_output *output);

/* Nobody writes any more: hands on what is left. One that is not open is ignored. */
void lki_output_close(struct lki_output *output);

#endif

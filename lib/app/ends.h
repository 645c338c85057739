/*
 * What a worker's process and its parent have between them: a socket for the link, and pipes for
 * what the worker prints. In each pair the first end is the parent's.
 */
#ifndef LKI_APP_ENDS_H
#define LKI_APP_ENDS_H

#include <stdbool.h>

#include <loadkit/err.h>

enum { LKI_PRINTED_OUT, LKI_PRINTED_ERR, LKI_PRINTED };

struct lki_ends {
    int link[2];
    int printed[LKI_PRINTED][2]; /* -1: it prints where its parent does */
};

/* shown: what it prints to a terminal is to come through pipes. LK_E_SYSTEM: nothing is open. */
enum lk_err lki_ends_open(struct lki_ends *ends, bool shown);

/* side: 0, those of the parent; 1, those of the worker. */
void lki_ends_close(struct lki_ends *ends, int side);

/* Closes it, unless it is -1, which it is afterwards. */
void lki_end_close(int *fd);

#endif

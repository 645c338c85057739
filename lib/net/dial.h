/*
 * A stream socket connected to whoever listens at a name, an address or a path: the name is looked
 * up, its addresses are tried in turn, and nothing waits for ever.
 */
#ifndef LKI_NET_DIAL_H
#define LKI_NET_DIAL_H

#include "net/resolve.h"

struct lki_dial {
    struct lki_loop *loop;
    const char *path;
    struct lki_resolve resolve;
    size_t next; /* of the addresses */
    int fd;      /* -1: none */
    struct lki_io io;
    struct lki_timer timer;
    /* fd is the caller's; -1: there is none, and why says why not, on one line. May start it anew,
     * or release it. */
    void (*on_done)(struct lki_dial *self, int fd, const char *why);
};

/* LK_E_NOMEM. */
enum lk_err lki_dial_init(struct lki_dial *dial, struct lki_loop *loop,
                          void (*on_done)(struct lki_dial *self, int fd, const char *why));

/* path: of a unix socket; NULL: host, a name or an address in digits, and port. Texts are borrowed
 * until the end. May call on_done at once. */
void lki_dial_start(struct lki_dial *dial, const char *path, const char *host, uint16_t port);

/* on_done is not called any more. Also of one that was not started, or not initialised but zeroed.
 */
void lki_dial_stop(struct lki_dial *dial);
void lki_dial_release(struct lki_dial *dial);

#endif

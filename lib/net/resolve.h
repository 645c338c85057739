/*
 * The addresses of one name, looked up by a short-lived process. A thread would do it too, but a
 * process that forks workers has none: what another thread holds is never let go of in a child. And
 * a process can be ended when it takes too long.
 */
#ifndef LKI_NET_RESOLVE_H
#define LKI_NET_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/loop.h"
#include "net/origin.h"

#define LKI_RESOLVED_MAX 16

struct lki_resolve {
    struct lki_loop *loop;
    struct lki_io io;
    pid_t pid; /* 0: none */
    int fd;
    void (*on_done)(struct lki_resolve *self);
    const char *failure; /* static; NULL: there are addresses */
    struct lki_address addresses[LKI_RESOLVED_MAX];
    size_t count;
};

/* on_done may stop it, start it anew, or release it. */
void lki_resolve_init(struct lki_resolve *resolve, struct lki_loop *loop,
                      void (*on_done)(struct lki_resolve *self));

/* True: host is an address in digits, and there it is; on_done is not called. */
bool lki_resolve_digits(struct lki_resolve *resolve, const char *host, uint16_t port);

/* LK_E_SYSTEM: there can be no process; errno tells. */
enum lk_err lki_resolve_start(struct lki_resolve *resolve, const char *host, uint16_t port);

/* on_done is not called any more. Also of one that was not started. */
void lki_resolve_stop(struct lki_resolve *resolve);

#endif

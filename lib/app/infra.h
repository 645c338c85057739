/*
 * All that a test over Redis needs, on this machine, in the background: a redis-server that nobody
 * else can use, one orchestrator, and workers.
 */
#ifndef LKI_APP_INFRA_H
#define LKI_APP_INFRA_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "app/daemon.h"
#include "app/rundir.h"
#include "base/buf.h"

#define LKI_INFRA_URL_MAX 128

/* Borrowed during the call. */
struct lki_infra_settings {
    const char *program; /* as it was called: what is started shows itself by that name */
    const char *name;    /* of the cluster, and of the runtime directory */
    const char *listen;  /* "127.0.0.1:8080"; port 0: one that is free */
    uint64_t workers;
    uint64_t processes; /* of each worker; 0: all of them together have one a CPU */
    const char *token;  /* of the API, to be asked with; NULL: none */
    /* Options of the orchestrator and of each worker, as they are typed, up to a NULL. */
    const char *const *orchestrator_options;
    const char *const *worker_options;
    const volatile sig_atomic_t *interrupted; /* not 0: stop, and leave nothing */
};

struct lki_infra {
    struct lki_rundir dir;
    char url[LKI_INFRA_URL_MAX]; /* of API and page */
    uint64_t processes;          /* of each worker */
    struct lki_daemon *daemons;  /* redis, orchestrator, worker-1 and so on, those that are known */
    size_t count;
};

/*
 * Starts all of it, and returns when the orchestrator is ready and every worker there. On failure
 * nothing runs, and why says in lines what is wrong, with what the logs say: LK_E_EXISTS: it is up
 * already; LK_E_CANCELLED: interrupted; LK_E_NOT_FOUND: no redis-server; LK_E_ARG, LK_E_LIMIT,
 * LK_E_TIMEOUT, LK_E_SYSTEM, LK_E_NOMEM.
 */
enum lk_err lki_infra_up(struct lki_infra *infra, const struct lki_infra_settings *settings,
                         struct lki_buf *why);

/* What was started under that name, whether it lives or not. LK_E_NOT_FOUND: nothing. */
enum lk_err lki_infra_find(struct lki_infra *infra, const char *name, struct lki_buf *why);

/* Ends all of it, and removes the runtime directory. LK_E_NOT_FOUND: there is nothing to end.
 * Count is how many of them lived. */
enum lk_err lki_infra_down(const char *name, size_t *count, struct lki_buf *why);

void lki_infra_release(struct lki_infra *infra);

#endif

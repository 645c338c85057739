#include "app/infra.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/infra_inner.h"
#include "base/clock.h"
#include "base/mem.h"
#include "result/result.h"

/* How long each may take to end before it is killed: workers let their users leave. */
#define WORKER_GRACE_NS (10 * LKI_NS_PER_S)
#define OTHER_GRACE_NS (5 * LKI_NS_PER_S)
#define LOOK_NS (20 * LKI_NS_PER_MS)

/* ---- what is known of it ---- */

struct lki_daemon *lki_infra_add(struct lki_infra *infra, size_t *cap)
{
    struct lki_daemon *daemons = lki_room(infra->daemons, infra->count, cap, sizeof(*daemons));

    if (!daemons)
        return NULL;
    infra->daemons = daemons;
    return &daemons[infra->count];
}

static enum lk_err add_if_there(struct lki_infra *infra, size_t *cap, const char *name)
{
    struct lki_daemon *daemon = lki_infra_add(infra, cap);

    if (!daemon)
        return LK_E_NOMEM;
    if (lki_daemon_read(daemon, &infra->dir, name))
        infra->count++;
    return LK_OK;
}

void lki_infra_worker_name(char out[LKI_DAEMON_NAME_MAX], uint64_t number)
{
    snprintf(out, LKI_DAEMON_NAME_MAX, "worker-%llu", (unsigned long long)number);
}

/* The directory is found. */
enum lk_err lki_infra_load(struct lki_infra *infra)
{
    unsigned long long processes = 0;
    unsigned long long workers = 0;
    char text[LKI_INFRA_URL_MAX + 64];
    size_t cap = 0;
    enum lk_err err;

    if (lki_rundir_read(&infra->dir, LKI_INFRA_FILE, text, sizeof(text)))
        sscanf(text, LKI_INFRA_SCAN, infra->url, &workers, &processes);
    infra->processes = processes;
    err = add_if_there(infra, &cap, LKI_INFRA_REDIS);
    if (!err)
        err = add_if_there(infra, &cap, LKI_INFRA_ORCHESTRATOR);
    for (uint64_t i = 1; i <= workers && !err; i++) {
        char name[LKI_DAEMON_NAME_MAX];

        lki_infra_worker_name(name, i);
        err = add_if_there(infra, &cap, name);
    }
    return err;
}

size_t lki_infra_alive(const struct lki_infra *infra)
{
    size_t alive = 0;

    for (size_t i = 0; i < infra->count; i++)
        alive += lki_daemon_is_alive(&infra->daemons[i]);
    return alive;
}

enum lk_err lki_infra_find(struct lki_infra *infra, const char *name, struct lki_buf *why)
{
    enum lk_err err;

    *infra = (struct lki_infra){.count = 0};
    err = lki_rundir_find(&infra->dir, name, why);
    if (!err)
        err = lki_infra_load(infra);
    if (!err && !infra->count)
        err = LK_E_NOT_FOUND;
    if (err)
        lki_infra_release(infra);
    return err;
}

void lki_infra_release(struct lki_infra *infra)
{
    free(infra->daemons);
    infra->daemons = NULL;
    infra->count = 0;
}

/* ---- its end ---- */

/* Those of that name, or, with a NULL, the workers: the first after the last. */
static size_t index_of(const struct lki_infra *infra, const char *name)
{
    size_t i = 0;

    while (i < infra->count && (name ? strcmp(infra->daemons[i].name, name) != 0
                                     : strncmp(infra->daemons[i].name, "worker-", 7) != 0))
        i++;
    return i;
}

static void end_one(const struct lki_infra *infra, const char *name)
{
    size_t at = index_of(infra, name);

    if (at < infra->count)
        lki_daemons_end(&infra->daemons[at], 1, OTHER_GRACE_NS);
}

/* In the order in which they need each other, the last one first. Without an orchestrator workers
 * have nobody to tell what they have done: without a Redis they do not try. */
void lki_infra_end(const struct lki_infra *infra)
{
    size_t first = index_of(infra, NULL);
    size_t orchestrator = index_of(infra, LKI_INFRA_ORCHESTRATOR);

    if (orchestrator == infra->count || !lki_daemon_is_alive(&infra->daemons[orchestrator]))
        end_one(infra, LKI_INFRA_REDIS);
    lki_daemons_end(&infra->daemons[first], infra->count - first, WORKER_GRACE_NS);
    end_one(infra, LKI_INFRA_ORCHESTRATOR);
    end_one(infra, LKI_INFRA_REDIS);
}

enum lk_err lki_infra_down(const char *name, size_t *count, struct lki_buf *why)
{
    struct lki_infra infra = {.count = 0};
    enum lk_err err = lki_rundir_find(&infra.dir, name, why);

    *count = 0;
    if (!err)
        err = lki_rundir_open(&infra.dir, name, why);
    if (err)
        return err;
    err = lki_infra_load(&infra);
    *count = lki_infra_alive(&infra);
    lki_infra_end(&infra);
    if (!err && !infra.count)
        err = LK_E_NOT_FOUND;
    lki_infra_release(&infra);
    lki_rundir_remove(&infra.dir);
    lki_rundir_close(&infra.dir);
    return err;
}

/* ---- while it is started ---- */

enum lk_err lki_infra_say(struct lki_infra_start *start, enum lk_err err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    lki_buf_vprintf(start->why, fmt, args);
    va_end(args);
    lki_buf_char(start->why, '\n');
    return err;
}

int64_t lki_infra_now(void)
{
    return lki_clock_now(&(struct lki_clock){0});
}

enum lk_err lki_infra_pause(const struct lki_infra_start *start)
{
    const struct timespec span = {.tv_nsec = LOOK_NS};

    nanosleep(&span, NULL);
    return *start->settings->interrupted ? LK_E_CANCELLED : LK_OK;
}

enum lk_err lki_infra_check(struct lki_infra_start *start)
{
    const struct lki_infra *infra = start->infra;

    for (size_t i = 0; i < infra->count; i++) {
        const struct lki_daemon *daemon = &infra->daemons[i];
        int status = lki_daemon_reap(daemon);
        /* its options are those that were given here */
        enum lk_err err = status == LKI_EXIT_USAGE ? LK_E_ARG : LK_E_SYSTEM;

        if (status < 0 && lki_daemon_is_alive(daemon))
            continue;
        lki_infra_say(start, err,
                      "%s has ended as soon as it was started; its last words:", daemon->name);
        lki_daemon_tail(daemon, &infra->dir, start->why);
        return err;
    }
    return LK_OK;
}

enum lk_err lki_infra_start_one(struct lki_infra_start *start,
                                const struct lki_daemon_settings *settings)
{
    struct lki_daemon *daemon = lki_infra_add(start->infra, &start->cap);
    enum lk_err err = daemon ? lki_daemon_start(daemon, &start->infra->dir, settings) : LK_E_NOMEM;

    if (!err)
        start->infra->count++;
    return err;
}

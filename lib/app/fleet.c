#include "app/fleet.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "app/hang.h"
#include "app/process.h"
#include "app/wreck.h"
#include "base/mem.h"

/* What workers get to end by themselves once their link is gone. */
#define LEAVE_NS (500 * LKI_NS_PER_MS)
#define LINE_MAX_BYTES ((size_t)1024)

struct worker {
    struct lki_fleet *fleet;
    uint64_t number;
    struct lki_process process;
    struct lki_worker_page *page;
    struct lki_hang hang;
    bool killed; /* for hanging */
    bool named;  /* where it hangs was told */
    bool wanted;
    bool told_wanted; /* that it cannot be had */
    struct lki_post again;
};

struct lki_fleet {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_fleet_settings settings;
    struct lki_timer look;
    struct worker *workers;
    size_t count;
    const char *named; /* the last step that was named for hanging */
};

static void tell(const struct lki_fleet *fleet, const char *fmt, ...) LK_PRINTF(2, 3);

static void tell(const struct lki_fleet *fleet, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    if (!fleet->settings.tell)
        return;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    fleet->settings.tell(line, fleet->settings.arg);
}

static void tell_of(const struct worker *worker, const char *fmt, ...) LK_PRINTF(2, 3);

static void tell_of(const struct worker *worker, const char *fmt, ...)
{
    const char *program = worker->fleet->settings.program;
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    tell(worker->fleet, "%s%sworker %llu %s", program ? program : "", program ? ": " : "",
         (unsigned long long)worker->number, line);
}

static void tell_frames(const struct lki_fleet *fleet, const struct lki_frames *frames)
{
    char line[LINE_MAX_BYTES];

    for (size_t i = 0; i < frames->count; i++) {
        lki_frames_line(frames, i, line, sizeof(line));
        tell(fleet, "%s", line);
    }
}

/* ---- the end of a worker ---- */

/* Its last words have been read by the time that its link is let go of. */
static void on_death(struct worker *worker, int status)
{
    struct lki_fleet *fleet = worker->fleet;
    struct lki_wreck wreck;

    if (lki_wreck_init(&wreck, fleet->model, worker->page, status, worker->killed)) {
        tell_of(worker, "%s", wreck.line);
        if (!worker->killed || !worker->named)
            tell_frames(fleet, &wreck.frames);
    }
    fleet->settings.on_died(worker->number, &wreck.death, fleet->settings.arg);
    lki_wreck_release(&wreck);
}

static void look_for_end(struct worker *worker)
{
    int status;

    if (lki_process_reap(&worker->process, &status))
        on_death(worker, status);
}

static void on_ended(struct lki_process *process)
{
    look_for_end(LKI_CONTAINER(process, struct worker, process));
}

/* ---- its begin ---- */

static void on_forked(void *arg)
{
    struct lki_fleet *fleet = arg;

    for (size_t i = 0; i < fleet->count; i++)
        lki_process_close_copy(&fleet->workers[i].process);
    if (fleet->settings.on_forked)
        fleet->settings.on_forked(fleet->settings.arg);
}

static enum lk_err start(struct worker *worker)
{
    struct lki_fleet *fleet = worker->fleet;
    const struct lki_fleet_settings *settings = &fleet->settings;
    struct lki_link *link;
    enum lk_err err;

    lki_process_kill(&worker->process); /* one that was given up */
    memset(worker->page, 0, sizeof(*worker->page));
    worker->hang = (struct lki_hang){0};
    worker->killed = false;
    worker->named = false;
    err = lki_process_start(&worker->process,
                            &(struct lki_process_settings){
                                .loop = fleet->loop,
                                .model = fleet->model,
                                .page = worker->page,
                                .http = settings->http,
                                .under_main = settings->handle_signals,
                                .owner = {settings->on_print, settings->arg},
                                .on_ended = on_ended,
                                .on_forked = on_forked,
                                .arg = fleet,
                            },
                            &link);
    if (err)
        return err;
    err = settings->on_join(worker->number, link, settings->arg);
    if (err)
        lki_process_kill(&worker->process);
    return err;
}

/* ---- again ---- */

/* What is lacking now, memory or a place for a process, may be there later. */
static void restart(struct worker *worker)
{
    if (!worker->wanted)
        return;
    worker->wanted = start(worker) != LK_OK;
    if (worker->wanted && !worker->told_wanted)
        tell_of(worker, "cannot be started: %s", strerror(errno));
    worker->told_wanted = worker->wanted;
}

static void on_again(struct lki_post *post)
{
    restart(LKI_CONTAINER(post, struct worker, again));
}

void lki_fleet_want(struct lki_fleet *fleet, uint64_t worker)
{
    struct worker *wanted = &fleet->workers[worker - 1];

    wanted->wanted = true;
    lki_loop_post(fleet->loop, &wanted->again, on_again);
}

pid_t lki_fleet_pid(const struct lki_fleet *fleet, uint64_t worker)
{
    return fleet->workers[worker - 1].process.pid;
}

struct lki_worker_page *lki_fleet_page(const struct lki_fleet *fleet, uint64_t worker)
{
    return fleet->workers[worker - 1].page;
}

/* ---- watching ---- */

/* A step that hangs does so for each user: it is told once. */
static void name_hanging(struct worker *worker)
{
    struct lki_fleet *fleet = worker->fleet;
    const char *step = worker->page->asked.step;
    struct lki_wreck wreck;

    worker->named = !step || step != fleet->named;
    fleet->named = step;
    if (!worker->named)
        return;
    lki_wreck_init_hanging(&wreck, fleet->model, worker->page);
    tell_of(worker,
            "hangs: %s has not yielded for %.1f s (use lk_blocking for what computes or blocks)",
            wreck.line, (double)worker->hang.stuck_ns / 1e9);
    tell_frames(fleet, &wreck.frames);
    lki_wreck_release(&wreck);
}

/* A turn that has not come to its end counts as well, and so does the wait of who was stopped. */
struct lki_fleet_pace lki_fleet_pace(const struct lki_fleet *fleet, uint64_t worker)
{
    const struct worker *of = &fleet->workers[worker - 1];
    struct lki_fleet_pace pace = {.longest_ns = lki_loop_longest(&of->page->loop),
                                  .silent_ns = lki_hang_silent_ns(&of->hang)};

    if (pace.longest_ns < of->hang.stuck_ns)
        pace.longest_ns = of->hang.stuck_ns;
    if (pace.longest_ns < pace.silent_ns)
        pace.longest_ns = pace.silent_ns;
    return pace;
}

/* Gives when to look again. */
static int64_t look_at(struct worker *worker, int64_t now_ns)
{
    struct lki_fleet *fleet = worker->fleet;

    switch (lki_hang_look(&worker->hang, worker->process.pid, worker->page, now_ns,
                          fleet->settings.handle_signals, fleet->settings.grace_ns)) {
    case LKI_HANG_LOOK_SOON:
        return LKI_HANG_ASK_NS;
    case LKI_HANG_NAME:
        name_hanging(worker);
        break;
    case LKI_HANG_TELL:
        tell_of(worker, "does not answer");
        break;
    case LKI_HANG_END:
        worker->killed = true;
        kill(worker->process.pid, SIGKILL);
        break;
    case LKI_HANG_NO_NEWS:
        break;
    }
    return LKI_HANG_LOOK_NS;
}

static void on_look(struct lki_timer *timer)
{
    struct lki_fleet *fleet = LKI_CONTAINER(timer, struct lki_fleet, look);
    int64_t next_ns = LKI_HANG_LOOK_NS;

    for (size_t i = 0; i < fleet->count; i++) {
        struct worker *worker = &fleet->workers[i];
        int64_t again_ns = LKI_HANG_LOOK_NS;

        if (worker->process.end_fd < 0)
            look_for_end(worker);
        if (worker->process.pid && !worker->killed)
            again_ns = look_at(worker, lki_loop_now(fleet->loop));
        restart(worker);
        next_ns = again_ns < next_ns ? again_ns : next_ns;
    }
    lki_timer_set(&fleet->loop->timers, timer, lki_loop_now(fleet->loop) + next_ns);
}

/* ---- all of them ---- */

static enum lk_err worker_init(struct worker *worker, struct lki_fleet *fleet, uint64_t number)
{
    void *page = mmap(NULL, sizeof(*worker->page), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *worker = (struct worker){.fleet = fleet, .number = number};
    lki_process_init(&worker->process);
    if (page == MAP_FAILED)
        return LK_E_NOMEM;
    worker->page = page;
    return LK_OK;
}

enum lk_err lki_fleet_new(struct lki_fleet **out, struct lki_loop *loop,
                          const struct lki_model *model, const struct lki_fleet_settings *settings)
{
    struct lki_fleet *fleet;
    enum lk_err err;

    if (!lki_process_can_fork())
        return LK_E_STATE;
    fleet = lki_zalloc(sizeof(*fleet));
    if (!fleet)
        return LK_E_NOMEM;
    fleet->loop = loop;
    fleet->model = model;
    fleet->settings = *settings;
    err = lki_timer_init(&loop->timers, &fleet->look, on_look);
    if (!err) {
        fleet->workers = calloc(settings->workers, sizeof(*fleet->workers));
        err = fleet->workers ? LK_OK : LK_E_NOMEM;
    }
    for (uint64_t i = 0; !err && i < settings->workers; i++) {
        err = worker_init(&fleet->workers[i], fleet, i + 1);
        fleet->count++;
    }
    if (err)
        lki_fleet_free(fleet);
    else
        *out = fleet;
    return err;
}

enum lk_err lki_fleet_begin(struct lki_fleet *fleet)
{
    enum lk_err err = LK_OK;

    for (size_t i = 0; i < fleet->count; i++) {
        enum lk_err one = start(&fleet->workers[i]);

        fleet->workers[i].wanted = one != LK_OK;
        err = err ? err : one;
    }
    lki_timer_set(&fleet->loop->timers, &fleet->look, lki_loop_now(fleet->loop) + LKI_HANG_LOOK_NS);
    return err;
}

/* How many have not ended. */
static size_t reap_ended(struct lki_fleet *fleet)
{
    size_t alive = 0;
    int status;

    for (size_t i = 0; i < fleet->count; i++) {
        struct lki_process *process = &fleet->workers[i].process;

        lki_process_reap(process, &status);
        lki_process_read_printed(process);
        alive += process->pid != 0;
    }
    return alive;
}

/* They are not many, and the time is short: looking at each now and then is all that is needed. */
static void wait_for_all(struct lki_fleet *fleet)
{
    int64_t until_ns = lki_loop_now(fleet->loop) + LEAVE_NS;

    while (reap_ended(fleet) && lki_loop_now(fleet->loop) < until_ns)
        poll(NULL, 0, 2);
}

void lki_fleet_free(struct lki_fleet *fleet)
{
    if (!fleet)
        return;
    wait_for_all(fleet);
    for (size_t i = 0; i < fleet->count; i++) {
        struct worker *worker = &fleet->workers[i];

        lki_process_kill(&worker->process);
        lki_loop_unpost(fleet->loop, &worker->again);
        if (worker->page)
            munmap(worker->page, sizeof(*worker->page));
    }
    lki_timer_release(&fleet->loop->timers, &fleet->look);
    free(fleet->workers);
    free(fleet);
}

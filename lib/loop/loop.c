#include "loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "base/mem.h"
#include "loop/outside.h"
#include "loop/pool.h"
#include "loop/task.h"

#define SCRATCH_MAX_BYTES ((size_t)256 * 1024 * 1024)
/* Posted calls made between two looks at the events, and between two at the clock: where they take
 * their time, timers are not to wait for all of them. */
#define POSTS_A_TURN 256
#define POSTS_A_LOOK 16
/* How many stacks are trimmed at a time, some 0.3 ms of work, and the pause until the next. */
#define STACKS_A_TRIM 128
#define TRIM_PAUSE_NS (10 * LKI_NS_PER_MS)
/* So many tasks are fetched before they go on: more fall out of the nearest cache again. */
#define FETCH_AHEAD 4

_Static_assert(sizeof(struct event) <= sizeof(((struct lki_io *)0)->event_), "room for an event");

static struct event *io_event(struct lki_io *io)
{
    return (struct event *)(void *)io->event_;
}

static struct event *signal_event(struct lki_signal *sig)
{
    return (struct event *)(void *)sig->event_;
}

/* Told when all events that there are have been looked at. */
static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct lki_io *io = arg;
    struct lki_loop *loop = io->loop;

    (void)fd;
    if (!io->ready) {
        io->next_ready = NULL;
        io->prev_ready = loop->last_ready;
        *(io->prev_ready ? &io->prev_ready->next_ready : &loop->first_ready) = io;
        loop->last_ready = io;
        if (io->task)
            lki_task_fetch(io->task);
    }
    io->ready |= (what & EV_READ ? LKI_READABLE : 0) | (what & EV_WRITE ? LKI_WRITABLE : 0) |
                 (what & EV_CLOSED ? LKI_CLOSED : 0);
}

static void unready(struct lki_io *io)
{
    struct lki_loop *loop = io->loop;

    *(io->prev_ready ? &io->prev_ready->next_ready : &loop->first_ready) = io->next_ready;
    *(io->next_ready ? &io->next_ready->prev_ready : &loop->last_ready) = io->prev_ready;
    io->ready = 0;
}

/* Fetches the task of the one so many places behind io. */
static void fetch_ahead(const struct lki_io *io, int places)
{
    while (io && places--)
        io = io->next_ready;
    if (io && io->task)
        lki_task_fetch_rest(io->task);
}

static void run_ready(struct lki_loop *loop)
{
    if (!loop->first_ready)
        return;
    loop->turn_began_ns = lki_loop_now(loop);
    for (int i = 0; i < FETCH_AHEAD; i++)
        fetch_ahead(loop->first_ready, i);
    while (loop->first_ready) {
        struct lki_io *io = loop->first_ready;
        unsigned events = io->ready;

        fetch_ahead(io, FETCH_AHEAD);
        unready(io);
        io->on_ready(io, events);
    }
}

enum lk_err lki_io_start(struct lki_loop *loop, struct lki_io *io, int fd, unsigned events,
                         void (*on_ready)(struct lki_io *self, unsigned events))
{
    short what = EV_PERSIST;

    if (events & LKI_READABLE)
        what |= EV_READ;
    if (events & LKI_WRITABLE)
        what |= EV_WRITE;
    if ((events & LKI_EDGE) && loop->has_edges)
        what |= EV_ET;
    if ((events & LKI_CLOSED) && loop->has_edges)
        what |= EV_CLOSED;
    io->on_ready = on_ready;
    io->loop = loop;
    io->ready = 0;
    if (event_assign(io_event(io), loop->base, fd, what, on_event, io) ||
        event_add(io_event(io), NULL))
        return LK_E_SYSTEM;
    io->started = true;
    return LK_OK;
}

void lki_io_stop(struct lki_io *io)
{
    if (io->started)
        event_del(io_event(io));
    if (io->started && io->ready)
        unready(io);
    io->started = false;
}

static void on_signal_event(evutil_socket_t number, short what, void *arg)
{
    struct lki_signal *sig = arg;

    (void)number;
    (void)what;
    sig->on_signal(sig);
}

enum lk_err lki_signal_start(struct lki_loop *loop, struct lki_signal *sig, int number,
                             void (*on_signal)(struct lki_signal *self))
{
    sig->on_signal = on_signal;
    if (evsignal_assign(signal_event(sig), loop->base, number, on_signal_event, sig) ||
        event_add(signal_event(sig), NULL))
        return LK_E_SYSTEM;
    sig->started = true;
    return LK_OK;
}

void lki_signal_stop(struct lki_signal *sig)
{
    if (sig->started)
        event_del(signal_event(sig));
    sig->started = false;
}

/* The timer descriptor only has to wake the loop: whoever arms it anew resets it, so it is never
 * read, and edge-triggered it does not ask twice. */
static void on_timer_fd(evutil_socket_t fd, short what, void *arg)
{
    struct lki_loop *loop = arg;

    (void)fd;
    (void)what;
    loop->armed_ns = LKI_NEVER;
}

static void arm_timer(struct lki_loop *loop, int64_t when_ns)
{
    struct itimerspec at = {
        .it_value = {.tv_sec = when_ns / LKI_NS_PER_S, .tv_nsec = when_ns % LKI_NS_PER_S}};

    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    loop->armed_ns = when_ns;
}

static bool is_long(const struct lki_loop *loop)
{
    return lki_loop_now(loop) - loop->turn_began_ns > LKI_STALL_NS;
}

/* Calls posted meanwhile wait for the next turn: nobody starves the descriptors. */
static void run_posts(struct lki_loop *loop)
{
    struct lki_post **end = loop->posts.last;

    for (int i = 1; i <= POSTS_A_TURN && loop->posts.first; i++) {
        struct lki_post *post = loop->posts.first;
        void (*fn)(struct lki_post *) = post->fn;
        bool last = &post->next == end;

        loop->posts.first = post->next;
        if (!post->next)
            loop->posts.last = &loop->posts.first;
        post->fn = NULL;
        fn(post);
        if (last || (i % POSTS_A_LOOK == 0 && is_long(loop)))
            break;
    }
}

static enum lk_err open_base(struct lki_loop *loop)
{
    const int edges = EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE;
    struct event_config *config = event_config_new();

    if (!config)
        return LK_E_NOMEM;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!loop->base)
        return LK_E_SYSTEM;
    loop->has_edges = (event_base_get_features(loop->base) & edges) == edges;
    return LK_OK;
}

static enum lk_err open_timer(struct lki_loop *loop)
{
    struct event *event = io_event(&loop->timer_io);

    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0)
        return LK_E_SYSTEM;
    if (event_assign(event, loop->base, loop->timer_fd, EV_READ | EV_PERSIST | EV_ET, on_timer_fd,
                     loop) ||
        event_add(event, NULL))
        return LK_E_SYSTEM;
    loop->timer_io.started = true;
    return LK_OK;
}

/* A burst may leave thousands of cold stacks; giving them all back at once would hold up the loop.
 */
static void on_trim(struct lki_timer *timer)
{
    struct lki_loop *loop = LKI_CONTAINER(timer, struct lki_loop, trim_timer);

    if (lki_stacks_trim(&loop->stacks, STACKS_A_TRIM))
        lki_timer_set(&loop->timers, timer, lki_loop_now(loop) + TRIM_PAUSE_NS);
}

static void say_nothing(int severity, const char *message)
{
    (void)severity;
    (void)message;
}

static bool quiet;

void lki_loop_quiet(void)
{
    quiet = true;
    event_set_log_callback(say_nothing);
}

#ifdef __linux__
static bool epoll_takes(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    bool takes = epoll >= 0 && !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);

    if (epoll >= 0)
        close(epoll);
    return takes;
}
#else
static bool epoll_takes(int fd)
{
    (void)fd;
    return true;
}
#endif

bool lki_loop_takes(int fd)
{
    struct stat info;

    if (quiet)
        return true;
    if (fstat(fd, &info))
        return false;
    return S_ISSOCK(info.st_mode) || S_ISFIFO(info.st_mode) || epoll_takes(fd);
}

enum lk_err lki_loop_open(struct lki_loop *loop)
{
    enum lk_err err;

    *loop = (struct lki_loop){.timer_fd = -1, .armed_ns = LKI_NEVER};
    loop->shown = &loop->own_shown;
    loop->posts.last = &loop->posts.first;
    lki_buf_init(&loop->scratch, SCRATCH_MAX_BYTES);
    loop->read_buffer = malloc(LKI_READ_BUFFER_BYTES);
    err = loop->read_buffer ? open_base(loop) : LK_E_NOMEM;
    if (!err)
        err = open_timer(loop);
    if (!err)
        err = lki_timer_init(&loop->timers, &loop->trim_timer, on_trim);
    if (err)
        lki_loop_close(loop);
    return err;
}

void lki_loop_close(struct lki_loop *loop)
{
    bool abandoned = !lki_pool_close(loop->pool);

    /* what tasks that were given up work on may be gone: they do not go on */
    for (struct lki_task *task = loop->tasks; task; task = task->next)
        lki_loop_unpost(loop, &task->post);
    while (loop->posts.first)
        run_posts(loop);
    lki_io_stop(&loop->timer_io);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    if (loop->base)
        event_base_free(loop->base);
    lki_timers_release(&loop->timers);
    if (!abandoned)
        lki_stacks_release(&loop->stacks);
    lki_chunk_pool_release(&loop->chunks);
    lki_buf_release(&loop->scratch);
    free(loop->read_buffer);
    *loop = (struct lki_loop){.timer_fd = -1};
}

/* Closing as it is would take the parent's descriptors out of the epoll that both share: the copy
 * gets one of its own first. */
enum lk_err lki_loop_forked(struct lki_loop *loop)
{
    bool renewed = !event_reinit(loop->base);

    loop->posts.first = NULL;
    loop->posts.last = &loop->posts.first;
    loop->tasks = NULL;
    if (!renewed)
        loop->base = NULL;
    lki_loop_close(loop);
    return renewed ? LK_OK : LK_E_SYSTEM;
}

void lki_loop_post(struct lki_loop *loop, struct lki_post *post, void (*fn)(struct lki_post *))
{
    if (post->fn)
        return;
    post->fn = fn;
    post->next = NULL;
    *loop->posts.last = post;
    loop->posts.last = &post->next;
}

void lki_loop_unpost(struct lki_loop *loop, struct lki_post *post)
{
    struct lki_post **at = &loop->posts.first;

    if (!post->fn)
        return;
    while (*at && *at != post)
        at = &(*at)->next;
    if (*at) {
        *at = post->next;
        if (loop->posts.last == &post->next)
            loop->posts.last = at;
    }
    post->fn = NULL;
}

/* On a fake clock nothing takes time: when there is nothing else to do, the next deadline is now.
 * What was done for one descriptor may be what another waits for, so that comes first. */
static void skip_time(struct lki_loop *loop, int64_t until_ns)
{
    int64_t next_ns = lki_timers_next(&loop->timers);
    bool idle = loop->turn_began_ns == LKI_NEVER && !loop->posts.first && !lki_outside_holds(loop);

    loop->due_ns = LKI_NEVER;
    if (loop->patient && ++loop->turns_here > LKI_TURNS_HERE_MAX)
        idle = true;
    if (next_ns > until_ns)
        next_ns = until_ns;
    if (idle && next_ns != LKI_NEVER && next_ns > loop->clock.fake_ns) {
        loop->clock.fake_ns = next_ns;
        loop->turns_here = 0;
    }
}

/* For how long nobody has looked at events in this turn. A wait that ended far too late did so
 * because the process, or the machine, stood still. */
static inline int64_t turn_ns(const struct lki_loop *loop, int64_t now_ns)
{
    int64_t late_ns = loop->turn_began_ns - loop->due_ns;
    int64_t busy_ns = now_ns - loop->turn_began_ns;

    return late_ns > LKI_STALL_NS ? busy_ns + late_ns : busy_ns;
}

static inline void add_turn(struct lki_loop_health *health, int64_t busy_ns)
{
    health->turns++;
    if (busy_ns > health->busiest_ns)
        health->busiest_ns = busy_ns;
    if (busy_ns > LKI_STALL_NS)
        health->stalls++;
}

struct lki_loop_health lki_loop_health_now(const struct lki_loop *loop)
{
    struct lki_loop_health health = loop->health;

    if (loop->turn_began_ns != LKI_NEVER)
        add_turn(&health, turn_ns(loop, lki_loop_now(loop)));
    return health;
}

void lki_loop_health_reset(struct lki_loop *loop)
{
    loop->health = (struct lki_loop_health){.overflowed = loop->health.overflowed};
    loop->turn_began_ns = lki_loop_now(loop);
    loop->due_ns = LKI_NEVER;
}

void lki_loop_show(struct lki_loop *loop, struct lki_loop_shown *shown)
{
    loop->shown = shown ? shown : &loop->own_shown;
}

static inline void show_waiting(const struct lki_loop *loop)
{
    __atomic_store_n(&loop->shown->busy, 0, __ATOMIC_RELAXED);
}

static inline void show_turn(struct lki_loop *loop)
{
    struct lki_loop_shown *shown = loop->shown;

    lki_loop_show_move(loop);
    __atomic_store_n(&shown->busy, 1, __ATOMIC_RELAXED);
}

static void begin_second(struct lki_loop *loop, int64_t now_ns)
{
    int64_t *longest_ns = loop->shown->longest_ns;

    __atomic_store_n(&longest_ns[1], longest_ns[0], __ATOMIC_RELAXED);
    __atomic_store_n(&longest_ns[0], 0, __ATOMIC_RELAXED);
    loop->second_ns = now_ns + LKI_NS_PER_S;
}

static inline void end_turn(struct lki_loop *loop, int64_t now_ns)
{
    int64_t ns = turn_ns(loop, now_ns);

    add_turn(&loop->health, ns);
    if (LKI_UNLIKELY(now_ns >= loop->second_ns))
        begin_second(loop, now_ns);
    if (ns > loop->shown->longest_ns[0])
        __atomic_store_n(&loop->shown->longest_ns[0], ns, __ATOMIC_RELAXED);
}

int64_t lki_loop_longest(const struct lki_loop_shown *shown)
{
    int64_t now_ns = __atomic_load_n(&shown->longest_ns[0], __ATOMIC_RELAXED);
    int64_t before_ns = __atomic_load_n(&shown->longest_ns[1], __ATOMIC_RELAXED);

    return now_ns > before_ns ? now_ns : before_ns;
}

/* Who was stopped for long, and goes on, has had its time. */
static void look_at_fence(struct lki_loop *loop)
{
    int64_t fence_ns = __atomic_load_n(loop->fence_ns, __ATOMIC_RELAXED);

    if (fence_ns && lki_loop_now(loop) > fence_ns)
        loop->on_fenced(loop);
}

/* Waits for events and handles them; does not wait when there is something else to do. */
static void poll_events(struct lki_loop *loop, int64_t now_ns, int64_t until_ns)
{
    int64_t next_ns = lki_timers_next(&loop->timers);
    bool busy = loop->posts.first || next_ns <= now_ns;

    if (loop->clock.fake) {
        bool holds = lki_outside_holds(loop);

        busy |= next_ns != LKI_NEVER && !holds;
        next_ns = holds ? lki_outside_until(loop) : LKI_NEVER;
    }
    if (!busy && next_ns < loop->armed_ns)
        arm_timer(loop, next_ns);
    loop->due_ns = busy || loop->armed_ns < now_ns ? now_ns : loop->armed_ns;
    loop->turn_began_ns = LKI_NEVER;
    show_waiting(loop);
    event_base_loop(loop->base, busy ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
    show_turn(loop);
    if (LKI_UNLIKELY(loop->fence_ns != NULL))
        look_at_fence(loop);
    run_ready(loop);
    if (loop->clock.fake)
        skip_time(loop, until_ns);
}

bool lki_loop_run_until(struct lki_loop *loop, int64_t until_ns)
{
    int64_t now_ns = lki_loop_now(loop);

    loop->stopping = false;
    while (!loop->stopping) {
        bool posted;

        poll_events(loop, now_ns, until_ns);
        now_ns = lki_loop_now(loop);
        if (LKI_UNLIKELY(now_ns >= until_ns))
            break;
        if (loop->turn_began_ns == LKI_NEVER)
            loop->turn_began_ns = now_ns;
        posted = loop->posts.first != NULL;
        if (lki_timers_fire(&loop->timers, now_ns) || posted) {
            run_posts(loop);
            now_ns = lki_loop_now(loop);
        }
        end_turn(loop, now_ns);
    }
    show_waiting(loop);
    return loop->stopping;
}

void lki_loop_run(struct lki_loop *loop)
{
    lki_loop_run_until(loop, LKI_NEVER);
}

void lki_loop_trim(struct lki_loop *loop)
{
    lki_stacks_age(&loop->stacks);
    lki_chunk_pool_trim(&loop->chunks);
    lki_timer_set(&loop->timers, &loop->trim_timer, lki_loop_now(loop));
}

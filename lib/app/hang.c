#include "app/hang.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "app/crash.h"
#include "app/proc.h"
#include "base/clock.h"

/* As long as a step of a worker may go on without waiting, without being asked about it. */
#define STUCK_NS (500 * LKI_NS_PER_MS)
/* A worker has something to do each second. */
#define QUIET_NS (1500 * LKI_NS_PER_MS)
/* An answer comes at once, from a process that has the processor. */
#define ANSWER_NS (500 * LKI_NS_PER_MS)
/* Who wants to compute and gets less of a processor than this share is not hanging but starved,
 * until it has had as much of it as it may be stuck. */
#define STARVED_SHARE 4

/* 0: not known. */
static char process_state(pid_t pid)
{
    struct lki_proc proc;

    return lki_proc_read(&proc, pid) ? proc.state : 0;
}

/* Processor time; 0: not known. */
static int64_t process_used_ns(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
        return 0;
    return (int64_t)used.tv_sec * LKI_NS_PER_S + used.tv_nsec;
}

static bool is_stopped(char state)
{
    return state == 'T' || state == 't';
}

static bool answered(const struct lki_worker_page *page)
{
    return __atomic_load_n(&page->asked.known, __ATOMIC_ACQUIRE);
}

/* False: it has moved since the last look. */
static bool is_quiet(struct lki_hang *hang, pid_t pid, const struct lki_worker_page *page,
                     int64_t now_ns)
{
    uint64_t moves = __atomic_load_n(&page->loop.moves, __ATOMIC_RELAXED);
    bool busy = __atomic_load_n(&page->loop.busy, __ATOMIC_RELAXED);
    /* while this process was stopped too, nobody looked on */
    int64_t since_ns = now_ns - hang->looked_ns;

    if (since_ns > 2 * LKI_HANG_LOOK_NS)
        since_ns = 0;
    if (moves != hang->moves || !hang->looked_ns) {
        *hang = (struct lki_hang){
            .moves = moves, .looked_ns = now_ns, .used_ns = process_used_ns(pid)};
        return false;
    }
    hang->looked_ns = now_ns;
    hang->quiet_ns += since_ns;
    hang->stuck_ns = busy ? hang->stuck_ns + since_ns : 0;
    return true;
}

static enum lki_hang_news silent(struct lki_hang *hang, enum lki_hang_state state)
{
    bool told = hang->told_silent;

    hang->state = state;
    hang->told_silent = true;
    return told ? LKI_HANG_NO_NEWS : LKI_HANG_TELL;
}

static bool is_starved(const struct lki_hang *hang, pid_t pid, char state)
{
    int64_t used_ns = process_used_ns(pid) - hang->used_ns;

    return state == 'R' && used_ns < STUCK_NS && used_ns < hang->stuck_ns / STARVED_SHARE;
}

static enum lki_hang_news ask(struct lki_hang *hang, pid_t pid, struct lki_worker_page *page)
{
    memset(&page->asked, 0, sizeof(page->asked));
    if (kill(pid, LKI_CRASH_ASK))
        return LKI_HANG_NO_NEWS;
    hang->state = LKI_HANG_ASKED;
    return LKI_HANG_LOOK_SOON;
}

/* The loop itself may have much to do at times: it is no step that hangs. */
static enum lki_hang_news place_known(struct lki_hang *hang, const struct lki_worker_page *page)
{
    hang->state = page->asked.in_step ? LKI_HANG_NAMED : LKI_HANG_NONE;
    return page->asked.in_step ? LKI_HANG_NAME : LKI_HANG_NO_NEWS;
}

static enum lki_hang_news hear(struct lki_hang *hang, const struct lki_worker_page *page)
{
    if (answered(page))
        return place_known(hang, page);
    return hang->stuck_ns > STUCK_NS + ANSWER_NS ? silent(hang, LKI_HANG_SILENT) : LKI_HANG_NO_NEWS;
}

/* As far as its page shows where it is. */
static enum lki_hang_news see(struct lki_hang *hang, struct lki_worker_page *page)
{
    const struct lki_in_hand in_hand = page->loop.in_hand;

    lki_place_fill(&page->asked, 0, &in_hand);
    return place_known(hang, page);
}

/* It was asked and has gone on since: a signal ends some waits, such as sleep. */
static bool has_answered_late(const struct lki_hang *hang, const struct lki_worker_page *page)
{
    return hang->state == LKI_HANG_ASKED && answered(page) && page->asked.in_step;
}

int64_t lki_hang_silent_ns(const struct lki_hang *hang)
{
    return hang->quiet_ns >= QUIET_NS ? hang->quiet_ns : 0;
}

enum lki_hang_news lki_hang_look(struct lki_hang *hang, pid_t pid, struct lki_worker_page *page,
                                 int64_t now_ns, bool can_ask, int64_t limit_ns)
{
    const struct lki_hang before = *hang;
    char state;

    if (!is_quiet(hang, pid, page, now_ns)) {
        if (!has_answered_late(&before, page))
            return LKI_HANG_NO_NEWS;
        hang->stuck_ns = before.stuck_ns;
        return LKI_HANG_NAME;
    }
    if (hang->stuck_ns < STUCK_NS && hang->quiet_ns < QUIET_NS)
        return LKI_HANG_NO_NEWS;
    if (hang->state == LKI_HANG_NAMED)
        return hang->stuck_ns >= limit_ns ? LKI_HANG_END : LKI_HANG_NO_NEWS;
    state = process_state(pid);
    if (is_stopped(state)) {
        hang->stuck_ns = 0;
        return silent(hang, LKI_HANG_NONE);
    }
    if (hang->stuck_ns < STUCK_NS)
        return LKI_HANG_NO_NEWS;
    if (hang->state != LKI_HANG_NONE)
        return hear(hang, page);
    if (is_starved(hang, pid, state))
        return LKI_HANG_NO_NEWS;
    return can_ask ? ask(hang, pid, page) : see(hang, page);
}

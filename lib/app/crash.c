#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* REG_RIP, _Fork */
#endif

#include "app/crash.h"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "app/frames.h"
#include "app/interrupts.h"
#include "base/clock.h"
#include "base/mem.h"
#include "loop/pool.h"
#include "result/result.h"

#define HANDLER_STACK_BYTES ((size_t)64 * 1024)
/* The handler's own frames, above those of what it interrupted. */
#define HANDLER_FRAMES 8
/* What naming the places of a backtrace may take. */
#define NAMING_S 5
/* A task that does not go on for so long after an interrupt keeps the loop from heeding it. */
#define STUCK_MS 500

/* A handler gets no argument of ours: what it needs has to stand here. */
static const struct lki_loop *watched;
static const char *watched_program;
static struct lki_worker_page *watched_page; /* of a worker; else NULL */
static pthread_t watched_thread;
static char handler_stack[HANDLER_STACK_BYTES];
static pid_t watched_process;
static volatile sig_atomic_t faulted; /* already: the handler itself may fault */
static struct lki_place own_place;
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction before[LKI_COUNT(fault_signals)];
static struct sigaction interrupt_before[LKI_INTERRUPT_SIGNALS];
static struct sigaction look_before;
static timer_t look_timer; /* some time after an interrupt */
static bool has_look_timer;
/* The move in which the last interrupt came, and the one in which a step was told to hang; plus
 * one, 0: none. */
static uint64_t interrupted_move, told_move;

/* ---- as text: only what may be called in a handler, so no stdio ---- */

struct line {
    char *text;
    size_t size;
    size_t len;
};

static void add(struct line *line, const char *text)
{
    size_t len = lki_min(strlen(text), line->size - 1 - line->len);

    memcpy(line->text + line->len, text, len);
    line->len += len;
    line->text[line->len] = '\0';
}

static void add_number(struct line *line, uint64_t number)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    add(line, digits + at);
}

bool lki_crash_is_fault(int number)
{
    for (size_t i = 0; i < LKI_COUNT(fault_signals); i++) {
        if (fault_signals[i] == number)
            return true;
    }
    return number == SIGTRAP || number == SIGSYS;
}

const char *lki_crash_what(const struct lki_place *place)
{
    if (place->overflow)
        return "stack overflow";
    switch (place->signal) {
    case 0:
        return "exit was called";
    case SIGBUS:
        return "bus error";
    case SIGFPE:
        return "arithmetic fault";
    case SIGILL:
        return "illegal instruction";
    case SIGABRT:
        return "abort";
    case SIGTRAP:
        return "trap";
    case SIGSYS:
        return "bad system call";
    case SIGPIPE:
        return "broken pipe";
    case SIGXFSZ:
        return "file size limit exceeded";
    default:
        return "segmentation fault";
    }
}

static void add_place(struct line *line, const struct lki_place *place)
{
    if (!place->in_step) {
        add(line, " outside of any step");
        return;
    }
    if (!place->user) {
        add(line, " in ");
        add(line, place->step);
        return;
    }
    add(line, strncmp(place->step, "on_", 3) ? " in step " : " in ");
    add(line, place->step);
    add(line, " of user ");
    add_number(line, place->user);
}

static void add_advice(struct line *line, const struct lki_place *place)
{
    if (!place->overflow)
        return;
    add(line, ": ");
    add_number(line, place->stack_bytes / 1024);
    add(line, " KiB of stack were not enough; give the step a larger .stack_bytes, or end its "
              "recursion");
}

size_t lki_crash_text(char *text, size_t size, const struct lki_place *place)
{
    struct line line = {text, size, 0};

    add(&line, lki_crash_what(place));
    add_place(&line, place);
    add_advice(&line, place);
    return line.len;
}

/* ---- where it was ---- */

static void *program_counter(const void *context)
{
    const ucontext_t *at = context;

#if defined(__linux__) && defined(__x86_64__)
    return (void *)(uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__linux__) && defined(__aarch64__)
    return (void *)(uintptr_t)at->uc_mcontext.pc;
#else
    (void)at;
    return NULL;
#endif
}

/* Who called what is no function. */
static void *caller_of_nothing(const void *context)
{
    const ucontext_t *at = context;

#if defined(__linux__) && defined(__x86_64__)
    return *(void **)(uintptr_t)at->uc_mcontext.gregs[REG_RSP];
#elif defined(__linux__) && defined(__aarch64__)
    return (void *)(uintptr_t)at->uc_mcontext.regs[30];
#else
    (void)at;
    return NULL;
#endif
}

/* The frames of what was interrupted begin where its program counter is found. */
static void frames_fill(struct lki_place *place, const siginfo_t *info, const void *context)
{
    void *frames[LKI_PAGE_FRAMES_MAX + HANDLER_FRAMES];
    int count = backtrace(frames, (int)LKI_COUNT(frames));
    void *counter = program_counter(context);
    int first = 0;

    while (first < count && frames[first] != counter)
        first++;
    if (first < count) {
        place->frame_count = (int)lki_min((size_t)(count - first), LKI_PAGE_FRAMES_MAX);
        memcpy(place->frames, frames + first, (size_t)place->frame_count * sizeof(*frames));
        return;
    }
    place->frames[0] = counter;
    place->frame_count = 1;
    if (info && info->si_addr == counter) {
        place->frames[1] = caller_of_nothing(context);
        place->frame_count = 2;
    }
}

/* A thread of the author's own has nothing in hand. */
static const struct lki_in_hand *in_hand(void)
{
    if (pthread_equal(pthread_self(), watched_thread))
        return &watched->shown->in_hand;
    return lki_pool_in_hand(watched->pool);
}

static void overflow_fill(struct lki_place *place, const void *address)
{
    const struct lki_stack *stack = lki_stack_of_guard(&watched->stacks, address);

    place->overflow = stack != NULL;
    place->stack_bytes = stack ? stack->bytes : 0;
}

static void place_known(struct lki_place *place)
{
    __atomic_store_n(&place->known, true, __ATOMIC_RELEASE);
}

/* ---- faults ---- */

/* In a copy of this process: what crashed may have left anything locked. */
static void frames_tell(const struct lki_place *place)
{
    pid_t child;

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    child = _Fork();
#else
    child = fork();
#endif
    if (child == 0) {
        for (size_t i = 0; i < LKI_COUNT(fault_signals); i++)
            signal(fault_signals[i], SIG_DFL);
        signal(SIGALRM, SIG_DFL);
        alarm(NAMING_S);
        lki_frames_print(STDERR_FILENO, place->frames, place->frame_count);
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* Who wants a core file gets it, from the fault itself. */
static void die(int number)
{
    struct rlimit core;

    if (!getrlimit(RLIMIT_CORE, &core) && core.rlim_cur > 0)
        signal(number, SIG_DFL);
    else
        _exit(LKI_EXIT_FAILED);
}

static void tell_text(const char *what, const struct lki_place *place, const char *more)
{
    char text[512];
    struct line line = {text, sizeof(text) - 1, 0};
    ssize_t written;

    add(&line, watched_program);
    add(&line, ": ");
    add(&line, what);
    add_place(&line, place);
    add(&line, more);
    text[line.len++] = '\n';
    written = write(STDERR_FILENO, text, line.len);
    (void)written;
    frames_tell(place);
}

static void tell(const struct lki_place *place)
{
    char more[256] = "";
    struct line line = {more, sizeof(more), 0};

    add_advice(&line, place);
    tell_text(lki_crash_what(place), place, more);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    struct lki_place *place = watched_page ? &watched_page->crash : &own_place;
    bool raised = info->si_code <= 0; /* by kill or abort: it does not come back by itself */
    bool sent = raised && info->si_pid != getpid();

    if (faulted || getpid() != watched_process) {
        signal(number, SIG_DFL);
        return;
    }
    faulted = 1;
    lki_place_fill(place, number, sent ? NULL : in_hand());
    if (number == SIGSEGV || number == SIGBUS)
        overflow_fill(place, info->si_addr);
    place_known(place);
    frames_fill(place, raised ? NULL : info, context);
    if (watched_page) {
        signal(number, SIG_DFL);
    } else {
        tell(place);
        die(number);
    }
    if (raised)
        raise(number);
}

static void on_asked(int number, siginfo_t *info, void *context)
{
    struct lki_place *place = &watched_page->asked;

    if (!pthread_equal(pthread_self(), watched_thread) || faulted)
        return;
    (void)info;
    lki_place_fill(place, number, in_hand());
    frames_fill(place, NULL, context);
    place_known(place);
}

static void on_exit_called(void)
{
    struct lki_place *place = watched_page ? &watched_page->crash : &own_place;

    if (!watched || faulted || place->known || getpid() != watched_process)
        return;
    lki_place_fill(place, 0, in_hand());
    place_known(place);
    if (watched_page)
        return;
    tell(place);
    fflush(NULL);
    _exit(LKI_EXIT_FAILED);
}

/* ---- interrupts ---- */

/* The thread of the loop gets it instead. */
static bool is_passed_on(int number)
{
    if (getpid() != watched_process || pthread_equal(pthread_self(), watched_thread))
        return false;
    pthread_kill(watched_thread, number);
    return true;
}

/* Is the step that was in hand then still? move: plus one. */
static bool is_still_in(uint64_t move)
{
    return getpid() == watched_process && watched->shown->in_hand.step &&
           watched->shown->moves + 1 == move;
}

static void look_later(void)
{
    const struct itimerspec later = {.it_value.tv_nsec = STUCK_MS * LKI_NS_PER_MS};

    interrupted_move = watched->shown->moves + 1;
    if (has_look_timer)
        timer_settime(look_timer, 0, &later, NULL);
}

static void own_place_fill(int number, const void *context)
{
    lki_place_fill(&own_place, number, in_hand());
    frames_fill(&own_place, NULL, context);
}

static void on_look(int number, siginfo_t *info, void *context)
{
    (void)info;
    if (is_passed_on(number) || !is_still_in(interrupted_move))
        return;
    told_move = interrupted_move;
    own_place_fill(number, context);
    tell_text("interrupted", &own_place,
              ", which does not yield (use lk_blocking for what computes or blocks); "
              "the next interrupt ends the program here");
}

/* The loop hears of an interrupt when it turns, and a step that does not yield keeps it from that:
 * such a step is told some time after the first, if it is still at it, and the next ends it. */
static void on_interrupted(int number, siginfo_t *info, void *context)
{
    (void)info;
    if (is_passed_on(number))
        return;
    if (is_still_in(told_move)) {
        own_place_fill(number, context);
        tell_text("ended", &own_place, ", which did not yield");
        _exit(LKI_EXIT_FAILED);
    }
    look_later();
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++) {
        if (lki_interrupt_signals[i] == number)
            interrupt_before[i].sa_handler(number);
    }
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), struct sigaction *old)
{
    struct sigaction action = {.sa_sigaction = handler,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

    sigaction(number, &action, old);
}

/* Those who have a handler: the loop's. */
static void watch_interrupts(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = LKI_CRASH_ASK};

    interrupted_move = told_move = 0;
    has_look_timer = !timer_create(CLOCK_MONOTONIC, &event, &look_timer);
    handle(LKI_CRASH_ASK, on_look, &look_before);
    lki_interrupts_keep(interrupt_before);
    for (size_t i = 0; i < LKI_INTERRUPT_SIGNALS; i++) {
        if (interrupt_before[i].sa_handler != SIG_DFL && interrupt_before[i].sa_handler != SIG_IGN)
            handle(lki_interrupt_signals[i], on_interrupted, NULL);
    }
}

static void watch_faults(void)
{
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    void *frame;

    backtrace(&frame, 1); /* what it loads is not to be loaded in the handler */
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < LKI_COUNT(fault_signals); i++)
        sigaction(fault_signals[i], &action, &before[i]);
}

static void watch(const struct lki_loop *loop)
{
    static bool registered;

    if (!registered)
        registered = !atexit(on_exit_called);
    watched = loop;
    watched_thread = pthread_self();
    watched_process = getpid();
}

void lki_crash_watch(const struct lki_loop *loop, const char *program)
{
    watch(loop);
    watched_program = program;
    watch_faults();
    watch_interrupts();
}

void lki_crash_unwatch(void)
{
    for (size_t i = 0; i < LKI_COUNT(fault_signals); i++)
        sigaction(fault_signals[i], &before[i], NULL);
    lki_interrupts_restore(interrupt_before);
    if (has_look_timer)
        timer_delete(look_timer);
    sigaction(LKI_CRASH_ASK, &look_before, NULL);
    watched = NULL;
}

void lki_crash_watch_worker(const struct lki_loop *loop, struct lki_worker_page *page, bool faults)
{
    watch(loop);
    watched_page = page;
    if (!faults)
        return;
    watch_faults();
    handle(LKI_CRASH_ASK, on_asked, NULL);
}

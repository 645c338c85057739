#include "app/crash.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "client/vu.h"
#include "loop/task.h"
#include "result/result.h"

#define HANDLER_STACK_BYTES ((size_t)32 * 1024)

/* A handler gets no argument of ours: what it needs has to stand here. */
static const struct lki_loop *watched;
static const char *watched_program;
static char handler_stack[HANDLER_STACK_BYTES];
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
static struct sigaction before[LKI_COUNT(fault_signals)];

/* Only what may be called in a handler: no stdio. */
struct line {
    char text[512];
    size_t len;
};

static void add(struct line *line, const char *text)
{
    size_t len = lki_min(strlen(text), sizeof(line->text) - line->len);

    memcpy(line->text + line->len, text, len);
    line->len += len;
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

static const char *signal_text(int number)
{
    switch (number) {
    case SIGBUS:
        return "bus error";
    case SIGFPE:
        return "arithmetic fault";
    case SIGILL:
        return "illegal instruction";
    default:
        return "segmentation fault";
    }
}

static void add_place(struct line *line)
{
    const struct lki_task *task = watched->current;
    const struct lki_unit *unit = task && task->entry ? task->owner : NULL;

    if (!unit) {
        add(line, " outside of any step");
        return;
    }
    if (!unit->vu->id) {
        add(line, " in ");
        add(line, unit->step);
        return;
    }
    add(line, *unit->step ? " in step " : " in a hook");
    add(line, unit->step);
    add(line, " of user ");
    add_number(line, unit->vu->id);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const struct lki_stack *stack = lki_stack_of_guard(&watched->stacks, info->si_addr);
    struct line line = {.len = 0};
    struct rlimit core;
    ssize_t written;

    (void)context;
    add(&line, watched_program);
    add(&line, ": ");
    add(&line, stack && number != SIGFPE ? "stack overflow" : signal_text(number));
    add_place(&line);
    if (stack) {
        add(&line, ": its stack of ");
        add_number(&line, stack->bytes / 1024);
        add(&line, " KiB is too small; give the step a larger .stack_bytes");
    }
    add(&line, "\n");
    written = write(STDERR_FILENO, line.text, line.len);
    (void)written;
    /* who wants a core file gets it, from the fault itself */
    if (!getrlimit(RLIMIT_CORE, &core) && core.rlim_cur > 0) {
        signal(number, SIG_DFL);
        return;
    }
    _exit(LKI_EXIT_FAILED);
}

void lki_crash_watch(const struct lki_loop *loop, const char *program)
{
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    watched = loop;
    watched_program = program;
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < LKI_COUNT(fault_signals); i++)
        sigaction(fault_signals[i], &action, &before[i]);
}

void lki_crash_unwatch(void)
{
    for (size_t i = 0; i < LKI_COUNT(fault_signals); i++)
        sigaction(fault_signals[i], &before[i], NULL);
    watched = NULL;
}

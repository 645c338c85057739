/*
 * Coroutines: what a switch must keep. The cases know nothing of Check, so that CORO_ALONE makes a
 * program of them for a machine that has none: test_aarch64.sh runs them on another processor.
 */
#include "loop/coro.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/stack.h"

#ifdef LKI_CORO_UCONTEXT
#define SUITE_NAME "coro, ucontext"
#else
#define SUITE_NAME "coro"
#endif

#define MANY 1000

/* A coroutine of a test: body runs on a stack of its own and yields to the main one. */
struct fiber {
    struct lki_coro coro;
    struct lki_stack *stack;
    void (*body)(struct fiber *self);
    long number;
    long result;
    bool done;
};

static struct lki_stacks stacks;
static struct lki_coro main_coro;

static void yield(struct fiber *self)
{
    lki_coro_switch(&self->coro, &main_coro);
}

static void resume(struct fiber *fiber)
{
    lki_coro_switch(&main_coro, &fiber->coro);
}

static void fiber_main(void *arg)
{
    struct fiber *self = arg;

    self->body(self);
    self->done = true;
    for (;;)
        yield(self);
}

static void fiber_start(struct fiber *fiber, size_t stack_bytes, void (*body)(struct fiber *self),
                        long number)
{
    *fiber = (struct fiber){.body = body, .number = number};
    fiber->stack = lki_stack_take(&stacks, stack_bytes);
    if (!fiber->stack)
        abort();
    lki_coro_init(&fiber->coro, fiber->stack->base, fiber->stack->bytes, fiber_main, fiber);
}

static void fiber_end(struct fiber *fiber)
{
    lki_stack_give(&stacks, fiber->stack);
}

/* ---- order ---- */

static void count_up(struct fiber *self)
{
    for (long i = 0; i < 100000; i++) {
        self->result = i;
        yield(self);
    }
}

static const char *two_sides_take_turns(void)
{
    struct fiber fiber;
    const char *wrong = NULL;

    fiber_start(&fiber, 0, count_up, 0);
    for (long i = 0; i < 100000 && !wrong; i++) {
        resume(&fiber);
        if (fiber.result != i || fiber.done)
            wrong = "a turn was lost";
    }
    resume(&fiber);
    if (!fiber.done)
        wrong = "the body did not end";
    fiber_end(&fiber);
    return wrong;
}

/* A little sum whose terms live on the stack while everybody else runs. */
static void sum_up(struct fiber *self)
{
    long terms[100];
    long sum = 0;

    for (int i = 0; i < 100; i++) {
        terms[i] = self->number * i;
        if (i % 7 == self->number % 7)
            yield(self);
    }
    for (int i = 0; i < 100; i++) {
        sum += terms[i];
        if (i % 5 == self->number % 5)
            yield(self);
    }
    self->result = sum;
}

static const char *a_thousand_keep_their_locals_apart(void)
{
    static struct fiber fibers[MANY];
    const char *wrong = NULL;
    int left = MANY;

    for (int i = 0; i < MANY; i++)
        fiber_start(&fibers[i], 16384, sum_up, i + 1);
    while (left) {
        left = 0;
        for (int i = 0; i < MANY; i++) {
            resume(&fibers[i]);
            left += !fibers[i].done;
        }
    }
    for (int i = 0; i < MANY; i++) {
        if (fibers[i].result != (i + 1) * 4950L)
            wrong = "a sum is wrong";
        fiber_end(&fibers[i]);
    }
    return wrong;
}

static struct fiber chain[MANY];

static void pass_on(struct fiber *self)
{
    struct fiber *next = self == &chain[MANY - 1] ? &chain[0] : self + 1;

    while (self->result < 10) {
        self->result++;
        if (next == &chain[0] && self->result == 10)
            break;
        lki_coro_switch(&self->coro, &next->coro);
    }
}

static const char *one_switches_to_another_directly(void)
{
    const char *wrong = NULL;

    for (int i = 0; i < MANY; i++)
        fiber_start(&chain[i], 16384, pass_on, i);
    resume(&chain[0]);
    for (int i = 0; i < MANY; i++) {
        if (chain[i].result != 10)
            wrong = "a round was lost";
        fiber_end(&chain[i]);
    }
    return wrong;
}

/* ---- the stack ---- */

static void print_numbers(struct fiber *self)
{
    alignas(32) volatile double aligned[4] = {1.5, 2.25, 0.1, (double)self->number};
    char text[200];

    self->result = (uintptr_t)aligned % 32 == 0;
    snprintf(text, sizeof(text), "%.2f %.3e %g %.15Lf", aligned[0] * aligned[1], aligned[2],
             aligned[3], (long double)0.5);
    self->result &= !strcmp(text, "3.38 1.000e-01 77 0.500000000000000");
    yield(self);
    snprintf(text, sizeof(text), "%.1f", aligned[0] + aligned[3]);
    self->result &= !strcmp(text, "78.5");
}

static const char *the_stack_is_aligned_for_floating_point(void)
{
    struct fiber fiber;

    fiber_start(&fiber, 0, print_numbers, 77);
    resume(&fiber);
    resume(&fiber);
    fiber_end(&fiber);
    return fiber.done && fiber.result ? NULL : "numbers were printed wrong";
}

/* Goes down until less than margin is left, and proves on the way back that nothing was lost. */
static long descend(struct fiber *self, long depth, size_t margin)
{
    volatile char frame[200];
    long below = 0;

    memset((char *)frame, (int)(depth & 127), sizeof(frame));
    if ((const char *)frame - self->stack->base > (ptrdiff_t)margin)
        below = descend(self, depth + 1, margin);
    else
        yield(self);
    for (size_t i = 0; i < sizeof(frame); i++) {
        if (frame[i] != (char)(depth & 127))
            return -1000000;
    }
    return below + 1;
}

static void go_deep(struct fiber *self)
{
    /* as far down as the sanitizer's own frames let it go */
    self->result = descend(self, 0, 4096);
}

static const char *a_stack_can_be_used_down_to_its_end(void)
{
    struct fiber fiber;
    struct fiber other;

    fiber_start(&fiber, 0, go_deep, 0);
    fiber_start(&other, (size_t)1024 * 1024, go_deep, 0);
    resume(&fiber);
    resume(&other);
    resume(&fiber);
    resume(&other);
    fiber_end(&fiber);
    fiber_end(&other);
    if (fiber.result < 40)
        return "64 kB were not enough for 40 frames";
    return other.result < 12 * fiber.result ? "1 MB held less than 12 times as much" : NULL;
}

static void say_aligned(struct fiber *self)
{
    alignas(16) volatile char here = 0;
    volatile uintptr_t at = (uintptr_t)&here; /* or the compiler knows already */

    self->result = at % 16 == 0 ? self->number + here : -1;
}

/* Wherever the memory begins and ends: the end is rounded down and nothing beyond is written. */
static const char *any_piece_of_memory_serves(void)
{
    enum { BYTES = 32768, EDGE = 64 };
    struct lki_stack *stack = lki_stack_take(&stacks, BYTES);
    const char *wrong = NULL;

    for (int odd = 0; odd < 64 && !wrong; odd++) {
        struct fiber fiber = {.body = say_aligned, .number = odd + 1, .stack = stack};
        char *end = stack->base + BYTES - EDGE - odd;

        memset(end, 0x5a, (size_t)(EDGE + odd));
        lki_coro_init(&fiber.coro, stack->base, (size_t)(end - stack->base), fiber_main, &fiber);
        resume(&fiber);
        if (!fiber.done || fiber.result != odd + 1)
            wrong = "it did not run well";
        for (const char *at = end; at < stack->base + BYTES; at++) {
            if (*at != 0x5a)
                wrong = "memory beyond the stack was written";
        }
    }
    lki_stack_give(&stacks, stack);
    return wrong;
}

/* ---- leaving by a jump ---- */

static void jump_from(struct fiber *self, jmp_buf entry, int depth)
{
    volatile char frame[64];

    memset((char *)frame, depth, sizeof(frame));
    if (depth < 3)
        jump_from(self, entry, depth + 1);
    yield(self);
    if (self->number == depth)
        _longjmp(entry, 1);
}

static void jump_out_often(struct fiber *self)
{
    jmp_buf entry;
    volatile long jumps = 0;

    while (jumps < 10000) {
        if (!_setjmp(entry))
            jump_from(self, entry, 0);
        jumps++;
    }
    self->result = jumps;
}

static const char *a_jump_leaves_calls_within_a_stack(void)
{
    struct fiber fiber;

    fiber_start(&fiber, 0, jump_out_often, 3);
    while (!fiber.done)
        resume(&fiber);
    fiber_end(&fiber);
    return fiber.result == 10000 ? NULL : "it did not come back each time";
}

/* ---- registers ---- */

#if !defined(LKI_CORO_UCONTEXT) && (defined(__x86_64__) || defined(__aarch64__))

/* Fills every register that a call must keep from in, switches, and stores them in out. */
void switch_with_registers(void **save_sp, void *load_sp, const uint64_t *in, uint64_t *out);

#ifdef __x86_64__
enum { REGISTERS = 6 };
__asm__(".text\n"
        ".globl switch_with_registers\n"
        ".type switch_with_registers, @function\n"
        "switch_with_registers:\n"
        "    pushq %rbx\n    pushq %rbp\n    pushq %r12\n    pushq %r13\n    pushq %r14\n"
        "    pushq %r15\n    pushq %rcx\n"
        "    movq 0(%rdx), %rbx\n    movq 8(%rdx), %rbp\n    movq 16(%rdx), %r12\n"
        "    movq 24(%rdx), %r13\n    movq 32(%rdx), %r14\n    movq 40(%rdx), %r15\n"
        "    call lki_coro_swap\n"
        "    popq %rcx\n"
        "    movq %rbx, 0(%rcx)\n    movq %rbp, 8(%rcx)\n    movq %r12, 16(%rcx)\n"
        "    movq %r13, 24(%rcx)\n    movq %r14, 32(%rcx)\n    movq %r15, 40(%rcx)\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbp\n"
        "    popq %rbx\n"
        "    ret\n"
        ".size switch_with_registers, . - switch_with_registers\n");
#else
enum { REGISTERS = 19 }; /* x19 to x29, d8 to d15 */
__asm__(".text\n"
        ".globl switch_with_registers\n"
        ".type switch_with_registers, %function\n"
        "switch_with_registers:\n"
        "    sub sp, sp, #176\n"
        "    stp x19, x20, [sp, #0]\n    stp x21, x22, [sp, #16]\n    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n    stp x27, x28, [sp, #64]\n    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n    stp d10, d11, [sp, #112]\n    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n    str x3, [sp, #160]\n"
        "    ldp x19, x20, [x2, #0]\n    ldp x21, x22, [x2, #16]\n    ldp x23, x24, [x2, #32]\n"
        "    ldp x25, x26, [x2, #48]\n    ldp x27, x28, [x2, #64]\n    ldr x29, [x2, #80]\n"
        "    ldp d8, d9, [x2, #88]\n    ldp d10, d11, [x2, #104]\n    ldp d12, d13, [x2, #120]\n"
        "    ldp d14, d15, [x2, #136]\n"
        "    bl lki_coro_swap\n"
        "    ldr x3, [sp, #160]\n"
        "    stp x19, x20, [x3, #0]\n    stp x21, x22, [x3, #16]\n    stp x23, x24, [x3, #32]\n"
        "    stp x25, x26, [x3, #48]\n    stp x27, x28, [x3, #64]\n    str x29, [x3, #80]\n"
        "    stp d8, d9, [x3, #88]\n    stp d10, d11, [x3, #104]\n    stp d12, d13, [x3, #120]\n"
        "    stp d14, d15, [x3, #136]\n"
        "    ldp x19, x20, [sp, #0]\n    ldp x21, x22, [sp, #16]\n    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n    ldp x27, x28, [sp, #64]\n    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n    ldp d10, d11, [sp, #112]\n    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #176\n"
        "    ret\n"
        ".size switch_with_registers, . - switch_with_registers\n");
#endif

/* Switches from one to the other with registers full of side's pattern; true: all came back. */
static bool registers_kept(struct lki_coro *from, struct lki_coro *to, uint64_t side)
{
    uint64_t in[REGISTERS];
    uint64_t out[REGISTERS] = {0};

    for (int i = 0; i < REGISTERS; i++)
        in[i] = side * UINT64_C(0x0101010101010101) + (uint64_t)i;
    switch_with_registers(&from->sp, to->sp, in, out);
    return !memcmp(in, out, sizeof(in));
}

static void fill_registers(struct fiber *self)
{
    self->result = 1;
    for (uint64_t i = 0; i < 10; i++)
        self->result &= registers_kept(&self->coro, &main_coro, 0x70 + i);
}

static const char *registers_come_back_on_both_sides(void)
{
    struct fiber fiber;
    bool kept = true;

    fiber_start(&fiber, 0, fill_registers, 0);
    for (uint64_t i = 0; i < 11; i++)
        kept &= registers_kept(&main_coro, &fiber.coro, 0x10 + i);
    fiber_end(&fiber);
    return kept && fiber.done && fiber.result ? NULL : "a register changed";
}

#endif

struct coro_case {
    const char *name;
    const char *(*run)(void); /* returns what is wrong */
};

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static const struct coro_case cases[] = {
    CASE(two_sides_take_turns),
    CASE(a_thousand_keep_their_locals_apart),
    CASE(one_switches_to_another_directly),
    CASE(the_stack_is_aligned_for_floating_point),
    CASE(a_stack_can_be_used_down_to_its_end),
    CASE(any_piece_of_memory_serves),
    CASE(a_jump_leaves_calls_within_a_stack),
#if !defined(LKI_CORO_UCONTEXT) && (defined(__x86_64__) || defined(__aarch64__))
    CASE(registers_come_back_on_both_sides),
#endif
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

#ifdef CORO_ALONE

int main(void)
{
    int failed = 0;

    for (int i = 0; i < CASES; i++) {
        const char *wrong = cases[i].run();

        printf("%s - " SUITE_NAME ": %s%s%s\n", wrong ? "not ok" : "ok", cases[i].name,
               wrong ? ": " : "", wrong ? wrong : "");
        failed += wrong != NULL;
    }
    lki_stacks_release(&stacks);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#else

#include <check.h>

#include "support/suite.h"

static void teardown(void)
{
    lki_stacks_release(&stacks);
    memset(&stacks, 0, sizeof(stacks));
}

START_TEST(case_holds)
{
    const char *wrong = cases[_i].run();

    ck_assert_msg(!wrong, "%s: %s", cases[_i].name, wrong);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create(SUITE_NAME);
    TCase *all = tcase_create("cases");

    tcase_add_checked_fixture(all, NULL, teardown);
    tcase_add_loop_test(all, case_holds, 0, CASES);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}

#endif

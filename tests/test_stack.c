/* Stacks: used again warm, given back to the system cold, and guarded below. */
#include "loop/stack.h"

#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/coro.h"
#include "support/expect.h"
#include "support/suite.h"

#define PAGE 4096
#define GUARD ((ptrdiff_t)LKI_STACK_GUARD_BYTES)
#define MANY 300

static struct lki_stacks stacks;
static struct lki_stack *taken[MANY];

static void setup(void)
{
    memset(&stacks, 0, sizeof(stacks));
}

static void teardown(void)
{
    lki_stacks_release(&stacks);
}

static void take(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        taken[i] = lki_stack_take(&stacks, 0);
        EXPECT(taken[i], "no stack");
    }
}

/* In the order that has the last of them on top again. */
static void give(size_t from, size_t to)
{
    for (size_t i = to; i-- > from;)
        EXPECT(lki_stack_give(&stacks, taken[i]), "stack %zu overflowed", i);
}

static void dirty(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        memset(taken[i]->base, (int)i | 1, taken[i]->bytes);
}

static size_t resident_pages(const struct lki_stack *stack)
{
    unsigned char in_memory[64];
    size_t count = 0;

    ck_assert_uint_le(stack->bytes, sizeof(in_memory) * PAGE);
    ck_assert_int_eq(mincore(stack->base, stack->bytes, in_memory), 0);
    for (size_t i = 0; i < stack->bytes / PAGE; i++)
        count += in_memory[i] & 1;
    return count;
}

/* How many of the stacks from .. to hold memory. */
static size_t warm(size_t from, size_t to)
{
    size_t count = 0;

    for (size_t i = from; i < to; i++)
        count += resident_pages(taken[i]) > 0;
    return count;
}

/* Everything that a call each second does, without its limit. */
static void second_passes(void)
{
    lki_stacks_age(&stacks);
    while (lki_stacks_trim(&stacks, 1000))
        ;
}

/* ---- use ---- */

START_TEST(all_of_a_stack_can_be_used_and_none_of_its_neighbours)
{
    take(0, MANY);
    for (size_t i = 0; i < MANY; i++) {
        EXPECT(taken[i]->bytes == LKI_STACK_DEFAULT_BYTES, "its size");
        EXPECT((uintptr_t)taken[i]->base % PAGE == 0, "its place");
        memset(taken[i]->base, (int)(i & 127), taken[i]->bytes);
    }
    for (size_t i = 0; i < MANY; i++) {
        for (size_t k = 0; k < taken[i]->bytes; k++)
            EXPECT(taken[i]->base[k] == (char)(i & 127), "byte %zu of stack %zu changed", k, i);
    }
    give(0, MANY);
}
END_TEST

START_TEST(the_last_one_given_is_the_next_one_taken)
{
    take(0, 10);
    ck_assert(lki_stack_give(&stacks, taken[3]));
    ck_assert(lki_stack_give(&stacks, taken[7]));
    ck_assert_ptr_eq(lki_stack_take(&stacks, 0), taken[7]);
    ck_assert_ptr_eq(lki_stack_take(&stacks, 0), taken[3]);
}
END_TEST

START_TEST(sizes_are_rounded_up_and_kept_apart)
{
    struct lki_stack *tiny = lki_stack_take(&stacks, 1);
    struct lki_stack *odd = lki_stack_take(&stacks, 20001);
    struct lki_stack *even = lki_stack_take(&stacks, 20480);
    struct lki_stack *big = lki_stack_take(&stacks, (size_t)16 * 1024 * 1024);

    ck_assert_uint_eq(tiny->bytes, 4096);
    ck_assert_uint_eq(odd->bytes, 20480);
    ck_assert_uint_eq(even->bytes, 20480);
    ck_assert_uint_eq(big->bytes, (size_t)16 * 1024 * 1024);
    memset(tiny->base, 1, tiny->bytes);
    memset(odd->base, 2, odd->bytes);
    memset(even->base, 3, even->bytes);
    memset(big->base, 4, big->bytes);
    ck_assert_int_eq(tiny->base[4095], 1);
    ck_assert_int_eq(odd->base[0], 2);
    ck_assert(lki_stack_give(&stacks, odd));
    ck_assert_ptr_eq(lki_stack_take(&stacks, 20400), odd);
    ck_assert_ptr_ne(lki_stack_take(&stacks, 1), odd);
}
END_TEST

START_TEST(sizes_that_no_machine_has_are_refused)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2, (size_t)1 << 55};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        ck_assert_ptr_null(lki_stack_take(&stacks, sizes[i]));
    ck_assert_ptr_nonnull(lki_stack_take(&stacks, 0));
}
END_TEST

START_TEST(a_release_returns_all_memory)
{
    unsigned char in_memory[16];
    char *base;

    take(0, 100);
    dirty(0, 100);
    base = taken[50]->base;
    give(0, 100);
    lki_stacks_release(&stacks);
    ck_assert_int_eq(mincore(base, LKI_STACK_DEFAULT_BYTES, in_memory), -1);
    ck_assert_ptr_null(stacks.classes);
    take(0, 1);
    give(0, 1);
}
END_TEST

/* ---- memory ---- */

START_TEST(a_stack_that_was_not_used_holds_no_memory)
{
    take(0, MANY);
    ck_assert_uint_eq(warm(0, MANY), 0);
    give(0, MANY);
}
END_TEST

START_TEST(a_trim_leaves_what_was_used_in_the_last_second)
{
    take(0, 100);
    dirty(0, 100);
    give(0, 100);
    second_passes();
    ck_assert_uint_eq(warm(0, 100), 100);
}
END_TEST

START_TEST(what_nobody_used_for_a_second_is_returned)
{
    take(0, MANY);
    dirty(0, MANY);
    give(0, MANY);
    second_passes();
    second_passes();
    ck_assert_uint_eq(warm(0, MANY), 0);
}
END_TEST

START_TEST(the_warm_ones_stay_while_the_cold_ones_go)
{
    take(0, 200);
    dirty(0, 200);
    give(0, 200);
    for (int second = 0; second < 5; second++) {
        for (int turn = 0; turn < 10; turn++) {
            take(0, 30); /* they come off the top: the same again and again */
            dirty(0, 30);
            give(0, 30);
        }
        second_passes();
    }
    ck_assert_uint_eq(warm(0, 30), 30);
    ck_assert_uint_eq(warm(30, 200), 0);
}
END_TEST

START_TEST(a_stack_taken_between_the_second_and_the_trim_is_left_alone)
{
    take(0, 200);
    dirty(0, 200);
    give(0, 200);
    lki_stacks_age(&stacks);
    lki_stacks_age(&stacks); /* all are cold now */
    take(0, 120);
    ck_assert(!lki_stacks_trim(&stacks, 1000));
    ck_assert_uint_eq(warm(0, 120), 120);
    ck_assert_uint_eq(warm(120, 200), 0);
    for (size_t i = 0; i < 120; i++)
        ck_assert_int_eq(taken[i]->base[100], (char)(i | 1));
    give(0, 120);
}
END_TEST

START_TEST(a_trim_keeps_to_its_limit_and_goes_on_where_it_stopped)
{
    size_t trims = 0;

    take(0, 100);
    dirty(0, 100);
    give(0, 100);
    lki_stacks_age(&stacks);
    lki_stacks_age(&stacks);
    while (lki_stacks_trim(&stacks, 7)) {
        trims++;
        ck_assert_uint_eq(warm(0, 100), 100 - 7 * trims);
    }
    ck_assert_uint_eq(trims, 14);
    ck_assert_uint_eq(warm(0, 100), 0);
}
END_TEST

START_TEST(all_sizes_are_trimmed)
{
    for (size_t i = 0; i < 40; i++) {
        taken[i] = lki_stack_take(&stacks, i % 2 ? 32768 : 131072);
        memset(taken[i]->base, 1, taken[i]->bytes);
    }
    give(0, 40);
    second_passes();
    second_passes();
    ck_assert_uint_eq(warm(0, 40), 0);
}
END_TEST

START_TEST(a_trimmed_stack_serves_again)
{
    take(0, 100);
    dirty(0, 100);
    give(0, 100);
    second_passes();
    second_passes();
    take(0, 100);
    ck_assert_int_eq(taken[5]->base[77], 0);
    dirty(0, 100);
    give(0, 100);
    second_passes();
    ck_assert_uint_eq(warm(0, 100), 100);
}
END_TEST

/* ---- guards ---- */

enum { BY_KERNEL, BY_MAP, BY_PATTERN };

static void choose_guard(int how)
{
    if (how != BY_KERNEL)
        stacks.no_guard_install = true;
    if (how == BY_PATTERN)
        stacks.guarded_by_map = SIZE_MAX / 2; /* no more maps to be had */
}

START_TEST(an_address_in_a_guard_leads_to_its_stack)
{
    choose_guard(_i);
    take(0, 100);
    taken[99] = lki_stack_take(&stacks, 20000);
    for (size_t i = 0; i < 100; i++) {
        const char *base = taken[i]->base;

        EXPECT(lki_stack_of_guard(&stacks, base - 1) == taken[i], "above stack %zu", i);
        EXPECT(lki_stack_of_guard(&stacks, base - GUARD) == taken[i], "below stack %zu", i);
        EXPECT(!lki_stack_of_guard(&stacks, base), "start of stack %zu", i);
        EXPECT(!lki_stack_of_guard(&stacks, base + taken[i]->bytes - 1), "end of stack %zu", i);
    }
    ck_assert_ptr_null(lki_stack_of_guard(&stacks, NULL));
    ck_assert_ptr_null(lki_stack_of_guard(&stacks, &stacks));
}
END_TEST

static const struct lki_stack *victim;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    _exit(lki_stack_of_guard(&stacks, info->si_addr) == victim ? 42 : 43);
}

static void watch_faults(void)
{
    static char handler_stack[65536];
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

/* Recursion without an end, in frames smaller than the guard. */
static int sink(int depth)
{
    volatile char frame[512];

    memset((char *)frame, depth, sizeof(frame));
    return depth < 0 ? 0 : sink(depth + 1) + frame[1];
}

static struct lki_coro main_coro;
static struct lki_coro coro;

static void overflow(void *arg)
{
    (void)arg;
    _exit(sink(0) & 1);
}

/* In a child: runs a coroutine on the victim until its stack is no more. */
static int overflow_in_child(void)
{
    int status = 0;
    pid_t child = suite_fork();

    if (!child) {
        watch_faults();
        lki_coro_init(&coro, victim->base, victim->bytes, overflow, NULL);
        lki_coro_switch(&main_coro, &coro);
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

START_TEST(an_overflowing_stack_faults_and_is_named)
{
    choose_guard(_i % 2 ? BY_MAP : BY_KERNEL);
    take(0, 100);
    if (_i / 2)
        victim = lki_stack_take(&stacks, 20000);
    else
        victim = taken[33];
    ck_assert(!victim->canary);
    ck_assert_int_eq(overflow_in_child(), 42 << 8);
}
END_TEST

START_TEST(guards_outlive_the_trim)
{
    choose_guard(_i);
    take(0, 100);
    dirty(0, 100);
    give(0, 100);
    second_passes();
    second_passes();
    take(0, 100);
    victim = taken[70];
    ck_assert_int_eq(overflow_in_child(), 42 << 8);
}
END_TEST

/* A page table of its own: what the parent guards is guarded in a forked child. */
START_TEST(a_write_into_the_guard_of_any_stack_dies)
{
    choose_guard(_i);
    take(0, 100);
    for (size_t i = 0; i < 100; i += 9) {
        int status = 0;
        pid_t child = suite_fork();

        if (!child) {
            victim = taken[i];
            watch_faults();
            *(volatile char *)(taken[i]->base - (i % 2 ? 1 : GUARD)) = 1;
            _exit(1);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 42 << 8);
    }
}
END_TEST

START_TEST(maps_for_guards_are_counted)
{
    stacks.no_guard_install = true;
    take(0, 1);
    ck_assert_uint_gt(stacks.guarded_by_map, 0);
    ck_assert_uint_eq(stacks.guarded_by_map, stacks.classes->total);
    give(0, 1);
    lki_stacks_release(&stacks);
    ck_assert_uint_eq(stacks.guarded_by_map, 0);
}
END_TEST

START_TEST(where_maps_run_out_a_pattern_tells_of_an_overflow_once)
{
    choose_guard(BY_PATTERN);
    take(0, 100);
    ck_assert(taken[9]->canary);
    dirty(0, 100); /* to its last byte: no overflow */
    give(0, 100);
    take(0, 100);
    memset(taken[9]->base - 1000, 0, 1000);
    ck_assert(!lki_stack_give(&stacks, taken[9]));
    ck_assert(lki_stack_give(&stacks, taken[8]));
    ck_assert(lki_stack_give(&stacks, taken[10]));
    take(8, 11);
    give(8, 11);
}
END_TEST

START_TEST(a_pattern_tells_of_a_single_byte_too)
{
    choose_guard(BY_PATTERN);
    take(0, 1);
    taken[0]->base[-1] ^= 1;
    ck_assert(!lki_stack_give(&stacks, taken[0]));
}
END_TEST

/* The last maps go to the first stacks of a slab; the others of the same slab have patterns. */
START_TEST(a_slab_may_have_both_kinds_of_guards)
{
    size_t canaries = 0;

    stacks.no_guard_install = true;
    stacks.guarded_by_map = 28000 - 10;
    take(0, 50);
    for (size_t i = 0; i < 50; i++)
        canaries += taken[i]->canary;
    ck_assert_uint_ge(canaries, 40);
    ck_assert_uint_eq(stacks.guarded_by_map, 28000);
    dirty(0, 50);
    give(0, 50);
}
END_TEST

static Suite *stack_suite(void)
{
    Suite *suite = suite_create("stack");
    TCase *use = tcase_create("use");
    TCase *memory = tcase_create("memory");
    TCase *guards = tcase_create("guards");

    tcase_add_checked_fixture(use, setup, teardown);
    tcase_add_test(use, all_of_a_stack_can_be_used_and_none_of_its_neighbours);
    tcase_add_test(use, the_last_one_given_is_the_next_one_taken);
    tcase_add_test(use, sizes_are_rounded_up_and_kept_apart);
    tcase_add_test(use, sizes_that_no_machine_has_are_refused);
    tcase_add_test(use, a_release_returns_all_memory);
    tcase_add_checked_fixture(memory, setup, teardown);
    tcase_add_test(memory, a_stack_that_was_not_used_holds_no_memory);
    tcase_add_test(memory, a_trim_leaves_what_was_used_in_the_last_second);
    tcase_add_test(memory, what_nobody_used_for_a_second_is_returned);
    tcase_add_test(memory, the_warm_ones_stay_while_the_cold_ones_go);
    tcase_add_test(memory, a_stack_taken_between_the_second_and_the_trim_is_left_alone);
    tcase_add_test(memory, a_trim_keeps_to_its_limit_and_goes_on_where_it_stopped);
    tcase_add_test(memory, all_sizes_are_trimmed);
    tcase_add_test(memory, a_trimmed_stack_serves_again);
    tcase_add_checked_fixture(guards, setup, teardown);
    tcase_add_loop_test(guards, an_address_in_a_guard_leads_to_its_stack, 0, 3);
    tcase_add_loop_test(guards, an_overflowing_stack_faults_and_is_named, 0, 4);
    tcase_add_loop_test(guards, guards_outlive_the_trim, 0, 2);
    tcase_add_loop_test(guards, a_write_into_the_guard_of_any_stack_dies, 0, 2);
    tcase_add_test(guards, maps_for_guards_are_counted);
    tcase_add_test(guards, where_maps_run_out_a_pattern_tells_of_an_overflow_once);
    tcase_add_test(guards, a_pattern_tells_of_a_single_byte_too);
    tcase_add_test(guards, a_slab_may_have_both_kinds_of_guards);
    suite_add_tcase(suite, use);
    suite_add_tcase(suite, memory);
    suite_add_tcase(suite, guards);
    return suite;
}

int main(void)
{
    return suite_run(stack_suite());
}

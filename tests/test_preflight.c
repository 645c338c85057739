/* Preflight: what is refused before a run, what is only noted, and what is said of it. */
#include "app/preflight.h"

#include <check.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/registry.h"
#include "support/suite.h"

#define GB UINT64_C(1000000000)
#define PLENTY                                                                                     \
    {                                                                                              \
        .descriptors = 1000000, .descriptors_most = 1000000, .ports = 28000,                       \
        .memory_bytes = 64 * GB, .processes = UINT64_MAX                                           \
    }

static const struct preflight_case {
    struct lki_preflight_ask ask;
    enum lk_err err;
    const char *refusal;
    const char *notes;
} cases[] = {
    {{1000, 2, 500, PLENTY}, LK_OK, "", ""},
    {{1000, 0, 500, PLENTY}, LK_OK, "", ""},
    /* what is unknown is not held against anybody */
    {{100000000, 2, 500, {.processes = UINT64_MAX}}, LK_OK, "", ""},
    {{99999999, 2, 500, {.memory_bytes = 8 * GB, .processes = UINT64_MAX}},
     LK_E_LIMIT,
     "99,999,999 users need at least 50.0 GB of memory, and 8.00 GB are left: use fewer than "
     "15,995,805, or a machine with more memory\n",
     ""},
    {{UINT64_MAX / 2, 1, 500, {.memory_bytes = 8 * GB, .processes = UINT64_MAX}},
     LK_E_LIMIT,
     "9,223,372,036,854,775,807 users need at least 18.4 EB of memory, and 8.00 GB are "
     "left: use fewer than 15,997,902, or a machine with more memory\n",
     ""},
    {{100, 30, 500, {.processes = 12}},
     LK_E_LIMIT,
     "30 worker processes are asked for, and 12 more may be started here: use -w 12, or raise "
     "ulimit -u or the limit of the control group\n",
     ""},
    {{50000, 2, 500, {.descriptors = 20000, .processes = UINT64_MAX}},
     LK_OK,
     "",
     "50,000 users with a connection each need 25,064 descriptors in a worker, and the limit is "
     "20,000: use -w 3, or raise ulimit -n\n"},
    {{19936, 1, 500, {.descriptors = 20000, .processes = UINT64_MAX}}, LK_OK, "", ""},
    {{19937, 0, 500, {.descriptors = 20000, .processes = UINT64_MAX}},
     LK_OK,
     "",
     "19,937 users with a connection each need 20,001 descriptors, and the limit is 20,000: use "
     "-w 2, or raise ulimit -n\n"},
    {{100, 1, 500, {.descriptors = 64, .processes = UINT64_MAX}},
     LK_OK,
     "",
     "100 users with a connection each need 164 descriptors in a worker, and the limit is 64: "
     "raise ulimit -n\n"},
    {{101, 1, 500, {.ports = 100, .processes = UINT64_MAX}},
     LK_OK,
     "",
     "101 users with a connection each to one address need as many ports, and this machine has "
     "100: connect from more addresses (--local-addr), or widen net.ipv4.ip_local_port_range\n"},
    {{100, 1, 500, {.ports = 100, .processes = UINT64_MAX}}, LK_OK, "", ""},
    {{400000, 1, 500, {.memory_bytes = 1 * GB, .processes = UINT64_MAX}},
     LK_OK,
     "",
     "400,000 users with a connection each take some 1.00 GB of memory, and 1.00 GB are left: use "
     "fewer, or watch it\n"},
    {{100000, 2, 500, {.address_bytes = 20000000, .processes = UINT64_MAX}},
     LK_E_LIMIT,
     "50,000 users in a worker need at least 26.0 MB of address space, and its limit leaves 20.0 "
     "MB: raise ulimit -v, use more workers (-w), or fewer users\n",
     ""},
    {{100000, 0, 500, {.address_bytes = 60000000, .processes = UINT64_MAX}},
     LK_OK,
     "",
     "100,000 users need for their steps, all at once, 8.44 GB of address space, and its limit "
     "leaves 60.0 MB: raise ulimit -v, use more workers (-w), or fewer users\n"},
    {{100, 2, 500, {.address_bytes = 20000000, .processes = UINT64_MAX}}, LK_OK, "", ""},
};

START_TEST(what_cannot_be_is_refused_and_what_may_not_be_is_noted)
{
    const struct preflight_case *want = &cases[_i];
    struct lki_buf refusal;
    struct lki_buf notes;

    lki_buf_init(&refusal, 4096);
    lki_buf_init(&notes, 4096);
    ck_assert_int_eq(lki_preflight(&want->ask, &notes, &refusal), want->err);
    ck_assert_str_eq(lki_buf_cstr(&refusal), want->refusal);
    ck_assert_str_eq(lki_buf_cstr(&notes), want->notes);
    lki_buf_release(&refusal);
    lki_buf_release(&notes);
}
END_TEST

START_TEST(several_problems_are_several_lines)
{
    struct lki_preflight_ask ask = {50000, 2, 500, {.descriptors = 64, .ports = 100}};
    struct lki_buf refusal;
    struct lki_buf notes;
    size_t lines = 0;

    ask.machine.processes = 1;
    ask.machine.memory_bytes = 1000;
    lki_buf_init(&refusal, 4096);
    lki_buf_init(&notes, 4096);
    ck_assert_int_eq(lki_preflight(&ask, &notes, &refusal), LK_E_LIMIT);
    for (const char *at = lki_buf_cstr(&refusal); (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_eq(lines, 2);
    /* who is refused need not know what else there is */
    ck_assert_uint_eq(notes.len, 0);
    lki_buf_release(&refusal);
    lki_buf_release(&notes);
}
END_TEST

START_TEST(this_machine_is_known)
{
    struct lki_machine machine;

    lki_machine_read(&machine);
    ck_assert_uint_gt(machine.descriptors, 10);
    ck_assert_uint_ge(machine.descriptors_most, machine.descriptors);
    ck_assert_uint_gt(machine.ports, 0);
    ck_assert_uint_gt(machine.memory_bytes, 1000000);
    ck_assert_uint_gt(machine.processes, 0);
    ck_assert_uint_ge(lki_machine_cpus(), 1);
    ck_assert_uint_le(lki_machine_cpus(), (uint64_t)sysconf(_SC_NPROCESSORS_CONF));
}
END_TEST

/* Check runs each test in a process of its own, so the limit is that process's. */
START_TEST(the_limit_of_descriptors_is_raised_as_far_as_needed)
{
    struct rlimit limit = {100, 200};

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(lki_machine_raise_descriptors(90), 100);
    ck_assert_uint_eq(lki_machine_raise_descriptors(150), 150);
    ck_assert_uint_eq(lki_machine_raise_descriptors(1000), 200);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(limit.rlim_cur, 200);
}
END_TEST

#ifndef __SANITIZE_ADDRESS__ /* which has reserved more than any limit leaves */
START_TEST(a_limit_of_the_address_space_is_known_less_what_is_in_use)
{
    struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
    struct lki_machine machine;

    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    lki_machine_read(&machine);
    ck_assert_uint_gt(machine.address_bytes, 0);
    ck_assert_uint_lt(machine.address_bytes, (uint64_t)1 << 30);
}
END_TEST
#endif

START_TEST(users_take_what_their_types_take_by_weight)
{
    struct lki_vu_type types[] = {
        {.weight = 1, .state_bytes = 1000},
        {.weight = 3, .state_bytes = 9000},
    };
    struct lki_model model = {.types = types, .type_count = 1};
    uint64_t one = lki_preflight_user_bytes(&model);

    ck_assert_uint_gt(one, 1000);
    ck_assert_uint_lt(one, 2000);
    model.type_count = 2;
    ck_assert_uint_eq(lki_preflight_user_bytes(&model), one + 6000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("preflight");
    TCase *tcase = tcase_create("preflight");

    tcase_add_loop_test(tcase, what_cannot_be_is_refused_and_what_may_not_be_is_noted, 0,
                        LKI_COUNT(cases));
    tcase_add_test(tcase, several_problems_are_several_lines);
    tcase_add_test(tcase, this_machine_is_known);
    tcase_add_test(tcase, the_limit_of_descriptors_is_raised_as_far_as_needed);
#ifndef __SANITIZE_ADDRESS__
    tcase_add_test(tcase, a_limit_of_the_address_space_is_known_less_what_is_in_use);
#endif
    tcase_add_test(tcase, users_take_what_their_types_take_by_weight);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

/* Options: what a command line comes to. What it may not say is in test_cli.sh, and what stands
 * below it in test_cli_config.sh. */
#include "cli/options.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "app/machine.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "support/suite.h"

#define ARGS_MAX 12

/* Reads args, up to a NULL, as the options of run. */
static struct lki_options read_run(const char *const *args)
{
    char *argv[ARGS_MAX];
    struct lki_options options;
    struct lki_buf message;
    int argc = 0;

    for (; args[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc];
    lki_buf_init(&message, 4096);
    ck_assert_int_eq(lki_options_read(&options, LKI_CMD_RUN, 0, argc, argv, &message), LK_OK);
    ck_assert_uint_eq(message.len, 0);
    lki_buf_release(&message);
    return options;
}

#define READ(...) read_run((const char *const[ARGS_MAX]){__VA_ARGS__})

START_TEST(without_options_one_user_runs_for_ten_seconds)
{
    struct lki_options options = READ(NULL);

    ck_assert_uint_eq(options.users, 1);
    ck_assert_int_eq(options.duration_ns, 10 * LKI_NS_PER_S);
    ck_assert_uint_eq(options.iterations, 0);
    ck_assert_uint_eq(options.workers, 1);
    ck_assert_int_eq(options.grace_ns, 5 * LKI_NS_PER_S);
    ck_assert_double_eq(options.rate_per_s, 0);
    ck_assert(!options.seed_given);
    ck_assert(!options.quiet && !options.no_color && !options.help && !options.version);
    ck_assert(!options.rated);
    ck_assert_uint_eq(options.stage_count, 0);
    ck_assert_ptr_null(options.json_file);
    ck_assert_uint_eq(options.param_count, 0);
}
END_TEST

START_TEST(iterations_alone_have_no_limit_in_time)
{
    struct lki_options options = READ("-i", "10k");

    ck_assert_uint_eq(options.iterations, 10000);
    ck_assert_int_eq(options.duration_ns, LKI_NEVER);
}
END_TEST

START_TEST(with_both_whichever_comes_first_ends_the_run)
{
    struct lki_options options = READ("-d", "10s", "-i", "5");

    ck_assert_uint_eq(options.iterations, 5);
    ck_assert_int_eq(options.duration_ns, 10 * LKI_NS_PER_S);
}
END_TEST

static const char *const users_spellings[][ARGS_MAX] = {
    {"-u", "20"},
    {"-u20"},
    {"--users", "20"},
    {"--users=20"},
    {"-qu20"},
    {"-qu", "20"},
    {"-u", "5", "-u", "20"},
    {"--users=5", "-u20"},
    {"-u", "20", "--"},
    {"-qp", "a", "-u20"},
};

START_TEST(an_option_may_be_written_in_many_ways)
{
    struct lki_options options = read_run(users_spellings[_i]);

    ck_assert_uint_eq(options.users, 20);
    lki_options_release(&options);
}
END_TEST

static const struct rate_case {
    const char *args[ARGS_MAX];
    double rate_per_s;
    uint64_t users;
} rate_cases[] = {
    {{"-r", "200"}, 200, 50},           {{"-r20k/s"}, 20000, 2000},
    {{"--rate=30/m"}, 0.5, 10},         {{"-r", "20"}, 20, 20},
    {{"-r", "501"}, 501, 50},           {{"-r", "1000k"}, 1e6, 10000},
    {{"-u", "7", "-r", "200"}, 200, 7}, {{"-p", "a", "-r", "200"}, 200, 50},
};

/* Who says how many start says by that how many users it takes, unless that is said too. */
START_TEST(a_rate_comes_with_users)
{
    const struct rate_case *want = &rate_cases[_i];
    struct lki_options options = read_run(want->args);

    ck_assert_double_eq(options.rate_per_s, want->rate_per_s);
    ck_assert_uint_eq(options.users, want->users);
    ck_assert_int_eq(options.duration_ns, 10 * LKI_NS_PER_S);
    ck_assert_int_eq(options.arrival_wait_ns, 10 * LKI_NS_PER_S);
    lki_options_release(&options);
}
END_TEST

START_TEST(every_option_of_run_arrives)
{
    struct lki_options options = READ(
        "--duration=1h30m", "--iterations=7", "--seed=18446744073709551615", "--grace=0s",
        "--workers=0", "--json=-", "--quiet", "--no-color", "-r0.25", "--arrival-wait=0s");

    ck_assert_int_eq(options.duration_ns, 5400 * LKI_NS_PER_S);
    ck_assert_uint_eq(options.iterations, 7);
    ck_assert_uint_eq(options.seed, UINT64_MAX);
    ck_assert(options.seed_given);
    ck_assert_int_eq(options.grace_ns, 0);
    ck_assert_double_eq(options.rate_per_s, 0.25);
    ck_assert_int_eq(options.arrival_wait_ns, 0);
    ck_assert_str_eq(options.json_file, "-");
    ck_assert(options.quiet && options.no_color);
}
END_TEST

START_TEST(http_options_are_settings_of_all_users)
{
    struct lki_options options = READ("--http-engine=curl", "--http-version=2-only",
                                      "--connections=new", "--insecure", "--resolve=[::1]:80:::2",
                                      "--resolve=a:1:[::3]", "--local-addr=10.0.0.1");

    ck_assert_int_eq(options.http.engine, LK_HTTP_ENGINE_CURL);
    ck_assert_int_eq(options.http.version, LK_HTTP_2_ONLY);
    ck_assert_int_eq(options.http.connections, LK_HTTP_NEW);
    ck_assert(options.http.insecure);
    ck_assert_str_eq(options.http_text,
                     "{\"engine\":\"curl\",\"version\":\"2-only\",\"connections\":\"new\","
                     "\"insecure\":true,\"resolve\":{\"[::1]:80\":\"::2\",\"a:1\":\"[::3]\"},"
                     "\"local_addr\":\"10.0.0.1\"}");
    lki_options_release(&options);
    options = READ("-q");
    ck_assert_ptr_null(options.http_text);
    ck_assert_int_eq(options.http.version, LK_HTTP_DEFAULT);
    lki_options_release(&options);
}
END_TEST

START_TEST(parameters_gather_in_order)
{
    struct lki_options options = READ("-p", "a=1", "-pb=-2", "--init-param",
                                      "c=", "--init-param=d=e=f", "-p", "a");

    ck_assert_uint_eq(options.param_count, 5);
    ck_assert_str_eq(options.params[0], "a=1");
    ck_assert_str_eq(options.params[1], "b=-2");
    ck_assert_str_eq(options.params[2], "c=");
    ck_assert_str_eq(options.params[3], "d=e=f");
    ck_assert_str_eq(options.params[4], "a");
    lki_options_release(&options);
    ck_assert_uint_eq(options.param_count, 0);
}
END_TEST

START_TEST(help_ends_the_reading)
{
    struct lki_options options = READ("-u", "3", "-h", "--frobnicate");

    ck_assert(options.help);
    ck_assert_uint_eq(options.users, 3);
}
END_TEST

START_TEST(a_failure_says_one_line_and_owns_nothing)
{
    char *argv[] = {"-p", "a=1", "-u", "-1"};
    struct lki_options options;
    struct lki_buf message;

    lki_buf_init(&message, 4096);
    ck_assert_int_eq(lki_options_read(&options, LKI_CMD_RUN, 0, 4, argv, &message), LK_E_ARG);
    ck_assert_str_eq(lki_buf_cstr(&message), "-u -1: it is negative; give a whole number from 1, "
                                             "such as 100 or 10k");
    ck_assert_ptr_null(options.params);
    lki_buf_release(&message);
}
END_TEST

/* There is nothing for a second worker to do when there is one user. */
START_TEST(workers_are_one_a_processor_but_not_more_than_users)
{
    uint64_t cpus = lki_machine_cpus();

    ck_assert_uint_ge(cpus, 1);
    ck_assert_uint_eq(READ("-u", "100k").workers, cpus);
    ck_assert_uint_eq(READ("-u", "1").workers, 1);
    ck_assert_uint_eq(READ("-r", "20").workers, lki_min(cpus, 20));
    ck_assert_uint_eq(READ("-u", "1", "-w", "7").workers, 7);
    ck_assert_uint_eq(READ("-u", "100", "-w0").workers, 0);
}
END_TEST

static const struct stage_case {
    const char *args[ARGS_MAX];
    bool rated;
    uint64_t users;
    uint64_t population;
    double rate_per_s;
    int64_t duration_ns;
    size_t count;
    struct lki_stage last;
} stage_cases[] = {
    {{"-s", "30s:100"}, false, 0, 100, 0, 30 * LKI_NS_PER_S, 1, {30 * LKI_NS_PER_S, 100}},
    {{"-s30s:1k", "--stage=1m:0", "-u", "7"},
     false,
     7,
     1000,
     0,
     90 * LKI_NS_PER_S,
     2,
     {60 * LKI_NS_PER_S, 0}},
    {{"-u", "7", "-s", "1m:3"}, false, 7, 7, 0, 60 * LKI_NS_PER_S, 1, {60 * LKI_NS_PER_S, 3}},
    {{"-s", "0s:5", "-s", "1500ms:5"},
     false,
     0,
     5,
     0,
     1500 * LKI_NS_PER_MS,
     2,
     {1500 * LKI_NS_PER_MS, 5}},
    {{"-s", "30s:100/s"}, true, 50, 50, 0, 30 * LKI_NS_PER_S, 1, {30 * LKI_NS_PER_S, 100}},
    {{"-r", "2", "-s", "1m:600/m"}, true, 10, 10, 2, 60 * LKI_NS_PER_S, 1, {60 * LKI_NS_PER_S, 10}},
    {{"-s", "1m:10/s", "-s", "1m:0/s", "-u3"},
     true,
     3,
     3,
     0,
     120 * LKI_NS_PER_S,
     2,
     {60 * LKI_NS_PER_S, 0}},
    {{"-s", "30s:2", "-i", "9"}, false, 0, 2, 0, 30 * LKI_NS_PER_S, 1, {30 * LKI_NS_PER_S, 2}},
};

START_TEST(stages_are_of_users_or_of_a_rate)
{
    const struct stage_case *want = &stage_cases[_i];
    struct lki_options options = read_run(want->args);
    const struct lki_stage *last = &options.stages[want->count - 1];

    ck_assert_uint_eq(options.stage_count, want->count);
    ck_assert_int_eq(options.rated, want->rated);
    ck_assert_uint_eq(options.users, want->users);
    ck_assert_uint_eq(options.population, want->population);
    ck_assert_double_eq(options.rate_per_s, want->rate_per_s);
    ck_assert_int_eq(options.duration_ns, want->duration_ns);
    ck_assert_int_eq(last->length_ns, want->last.length_ns);
    ck_assert_double_eq(last->target, want->last.target);
    lki_options_release(&options);
    ck_assert_ptr_null(options.stages);
}
END_TEST

START_TEST(help_fits_a_terminal)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);
    struct lki_buf out;
    const char *line;

    lki_buf_init(&out, 65536);
    for (size_t i = 0; i < count; i++)
        lki_help_options(&out, commands[i].bits);
    line = lki_buf_cstr(&out);
    ck_assert_ptr_nonnull(line);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1)
        ck_assert_msg(end - line <= 80, "%.*s", (int)(end - line), line);
    lki_buf_release(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");

    tcase_add_test(tcase, without_options_one_user_runs_for_ten_seconds);
    tcase_add_test(tcase, iterations_alone_have_no_limit_in_time);
    tcase_add_test(tcase, with_both_whichever_comes_first_ends_the_run);
    tcase_add_loop_test(tcase, an_option_may_be_written_in_many_ways, 0,
                        LKI_COUNT(users_spellings));
    tcase_add_loop_test(tcase, a_rate_comes_with_users, 0, LKI_COUNT(rate_cases));
    tcase_add_test(tcase, every_option_of_run_arrives);
    tcase_add_test(tcase, http_options_are_settings_of_all_users);
    tcase_add_test(tcase, parameters_gather_in_order);
    tcase_add_test(tcase, help_ends_the_reading);
    tcase_add_test(tcase, a_failure_says_one_line_and_owns_nothing);
    tcase_add_test(tcase, workers_are_one_a_processor_but_not_more_than_users);
    tcase_add_loop_test(tcase, stages_are_of_users_or_of_a_rate, 0, LKI_COUNT(stage_cases));
    tcase_add_test(tcase, help_fits_a_terminal);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

/* A run inside another program: what it asks for, what it refuses, and what it leaves alone. */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "app/options.h"
#include "base/clock.h"
#include "base/mem.h"
#include "support/descriptors.h"
#include "support/server.h"
#include "support/suite.h"

#define LARGE_BYTES ((size_t)8 * 1024 * 1024)

/* ---- the scenario: a user whose step does what the test in hand says ---- */

LK_PARAM(base_url, .required = true, .help = "where the server is");
LK_PARAM(pages, .type = LK_INT, .value = "1");
LK_PARAM(token, .secret = true);

static void (*setup_does)(lk_vu *vu);
static void (*step_does)(lk_vu *vu);

LK_ON_SETUP()
{
    if (setup_does)
        setup_does(vu);
}

LK_VU(visitor)
{
    int visits;
};

LK_ON_INIT(visitor)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(visitor, visit)
{
    self->visits++;
    step_does(vu);
}

static void get_page(lk_vu *vu)
{
    lk_get(vu, "/page");
}

/* ---- around a test ---- */

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"

static const struct test_script kind_script = {{SRV_READ, SRV_SEND(ANSWER), SRV_AGAIN}};

static struct test_server server;
static lk_result *result;
static char message[400];

static void setup(void)
{
    test_server_start(&server, &kind_script, 1);
    setup_does = NULL;
    step_does = get_page;
    result = NULL;
    snprintf(message, sizeof(message), "untouched");
}

static void teardown(void)
{
    lk_result_free(result);
    test_server_stop(&server);
}

#define OPTIONS(...)                                                                               \
    LK_RUN_OPTIONS(.params = LK_PAIRS("base_url", server.url), .message = message,                 \
                   .message_bytes = sizeof(message), __VA_ARGS__)

static void run(const struct lk_run_options *options)
{
    lk_result_free(result);
    result = NULL;
    ck_assert_msg(lk_run(&result, options) == LK_OK, "%s", message);
    ck_assert_str_eq(message, "");
}

static uint64_t count_of(const char *id)
{
    const struct lk_stats *stats = lk_result_stats(result, id);

    return stats ? stats->count : 0;
}

/* ---- what it does ---- */

START_TEST(a_run_does_what_its_options_say)
{
    run(OPTIONS(.users = 4, .iterations = 100, .seed = 7));
    ck_assert_uint_eq(count_of("visit"), 100);
    ck_assert_uint_eq(count_of("visit/GET /page"), 100);
    ck_assert_uint_eq(count_of("http"), 100);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 100);
    ck_assert_uint_eq(server.seen->connections, 4);
    ck_assert_int_eq(lk_result_exit_status(result), 0);
}
END_TEST

START_TEST(workers_carry_it_out_together)
{
    run(OPTIONS(.users = 4, .iterations = 101, .workers = 2));
    ck_assert_uint_eq(count_of("visit"), 101);
    ck_assert_uint_eq(count_of("visit/GET /page"), 101);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 101);
    ck_assert_uint_eq(server.seen->connections, 4);
    ck_assert_int_eq(lk_result_exit_status(result), 0);
}
END_TEST

static void fall(lk_vu *vu)
{
    if (lk_user_id(vu) == 2)
        kill(getpid(), SIGKILL);
    lk_get(vu, "/page");
}

START_TEST(a_worker_that_always_dies_is_no_end_of_the_program)
{
    step_does = fall;
    run(OPTIONS(.users = 4, .duration_s = 60, .workers = 2));
    ck_assert_str_eq(lk_result_verdict(result), "incomplete");
    ck_assert_int_eq(lk_result_exit_status(result), 1);
    ck_assert_ptr_nonnull(strstr(lk_result_reason(result, 0), "killed by signal 9"));
}
END_TEST

START_TEST(without_options_it_is_one_user)
{
    run(OPTIONS(.iterations = 3));
    ck_assert_uint_eq(count_of("visit"), 3);
    test_server_settle_closed(&server);
    ck_assert_uint_eq(server.seen->connections, 1);
}
END_TEST

static int pipe_ends[2];

static void wait_long(lk_vu *vu)
{
    lk_wait_fd(vu, pipe_ends[0], LK_READABLE, 1e6);
}

START_TEST(a_duration_ends_it_and_the_grace_time_what_is_in_hand)
{
    ck_assert_int_eq(pipe(pipe_ends), 0);
    step_does = wait_long;
    run(OPTIONS(.users = 2, .duration_s = 0.01, .grace_s = LK_OFF));
    ck_assert_uint_eq(lk_result_stats(result, "visit")->cancelled, 2);
    run(OPTIONS(.users = 2, .duration_s = 0.01, .grace_s = 0.01));
    ck_assert_uint_eq(lk_result_stats(result, "visit")->cancelled, 2);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}
END_TEST

static uint64_t drawn;

static void draw(lk_vu *vu)
{
    drawn = lk_random_int(vu, 0, INT64_MAX);
}

START_TEST(the_seed_is_that_of_the_draws)
{
    uint64_t first;

    step_does = draw;
    run(OPTIONS(.iterations = 1, .seed = 11));
    first = drawn;
    run(OPTIONS(.iterations = 1, .seed = 11));
    ck_assert_uint_eq(drawn, first);
    run(OPTIONS(.iterations = 1, .seed = 12));
    ck_assert_uint_ne(drawn, first);
    first = drawn;
    run(OPTIONS(.iterations = 1)); /* a random one each time */
    ck_assert_uint_ne(drawn, first);
    first = drawn;
    run(OPTIONS(.iterations = 1));
    ck_assert_uint_ne(drawn, first);
}
END_TEST

START_TEST(a_second_run_starts_clean)
{
    for (int i = 0; i < 2; i++) {
        run(OPTIONS(.users = 2, .iterations = 10 + (uint64_t)i));
        ck_assert_uint_eq(count_of("visit"), 10 + (uint64_t)i);
        ck_assert_uint_eq(lk_result_code_count(result, "http", "HTTP_200"), 10 + (uint64_t)i);
        ck_assert_ptr_null(lk_result_reason(result, 0));
    }
}
END_TEST

static void block(void *arg)
{
    ++*(int *)arg;
}

static void get_and_block(lk_vu *vu)
{
    int called = 0;

    lk_get(vu, "/page");
    lk_blocking(vu, block, &called);
}

START_TEST(fifty_runs_leave_no_descriptor)
{
    int before;

    step_does = get_and_block;
    run(OPTIONS(.users = 3, .iterations = 10));
    before = open_descriptors();
    for (int i = 0; i < 50; i++)
        run(OPTIONS(.users = 3, .iterations = 10));
    ck_assert_int_eq(open_descriptors(), before);
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 510);
}
END_TEST

static void give_up(lk_vu *vu)
{
    lk_fail(vu, "no data today");
}

START_TEST(a_set_up_that_fails_is_a_run_that_failed)
{
    setup_does = give_up;
    run(OPTIONS(.users = 3, .iterations = 10));
    ck_assert_int_eq(lk_result_exit_status(result), 1);
    ck_assert_uint_eq(count_of("visit"), 0);
}
END_TEST

START_TEST(http_of_all_users_reaches_every_worker)
{
    const struct lk_http_settings http = {.size = sizeof(http), .local_addr = "127.0.0.5"};

    step_does = get_page;
    run(OPTIONS(.users = 4, .iterations = 8, .workers = _i ? 2 : 0, .http = &http));
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 8);
    for (uint64_t i = 0; i < 8; i++)
        ck_assert_str_eq(test_server_request(&server, i)->from, "127.0.0.5");
}
END_TEST

START_TEST(stages_bring_users)
{
    run(OPTIONS(.workers = _i ? 2 : 0, .iterations = 100,
                .stages = LK_STAGES({0, .users = 3}, {60, .users = 3})));
    ck_assert_uint_eq(count_of("visit"), 100);
    ck_assert_uint_eq(test_server_settle_closed(&server)->connections, 3);
}
END_TEST

#define S LKI_NS_PER_S

static const struct reading {
    struct lk_run_options options;
    int64_t duration_ns;
    int64_t arrival_wait_ns;
    int64_t grace_ns;
    double rate_per_s;
    uint64_t users;
} readings[] = {
    {{.seed = 3}, 10 * S, 10 * S, 5 * S, 0, 1},
    {{.iterations = 7}, LKI_NEVER, 10 * S, 5 * S, 0, 1},
    {{.iterations = 7, .duration_s = 1.5, .users = 20}, S + S / 2, 10 * S, 5 * S, 0, 20},
    {{.duration_s = LK_OFF, .grace_s = LK_OFF, .arrival_wait_s = LK_OFF}, LKI_NEVER, 0, 0, 0, 1},
    {{.duration_s = INFINITY, .rate_per_s = 0.25}, LKI_NEVER, 10 * S, 5 * S, 0.25, 10},
    {{.duration_s = 1e-12, .grace_s = 2, .arrival_wait_s = 3}, 1, 3 * S, 2 * S, 0, 1},
    {{.stages = LK_STAGES({2, .users = 9}, {0, .users = 4}, {0.5, .users = 0})},
     2 * S + S / 2,
     10 * S,
     5 * S,
     0,
     0},
    {{.stages = LK_STAGES({1, .users = 9}), .users = 5}, S, 10 * S, 5 * S, 0, 5},
    {{.stages = LK_STAGES({1, .rate_per_s = 0.25}, {1, .users = 0})}, 2 * S, 10 * S, 5 * S, 0, 10},
    {{.stages = LK_STAGES({1, .users = 0}), .rate_per_s = 0.25}, S, 10 * S, 5 * S, 0.25, 10},
};

START_TEST(what_is_not_said_is_the_default)
{
    const struct reading *reading = &readings[_i];
    struct lk_run_options options = reading->options;
    const struct lki_run_settings *settings;
    struct lki_run_plan plan;

    options.size = sizeof(options);
    options.params = LK_PAIRS("base_url", "x");
    ck_assert_int_eq(lki_run_options_read(&plan, &options), LK_OK);
    settings = &plan.settings;
    ck_assert_int_eq(settings->duration_ns, reading->duration_ns);
    ck_assert_int_eq(settings->arrival_wait_ns, reading->arrival_wait_ns);
    ck_assert_int_eq(settings->grace_ns, reading->grace_ns);
    ck_assert_double_eq(settings->rate_per_s, reading->rate_per_s);
    ck_assert_uint_eq(settings->users, reading->users);
    ck_assert_uint_eq(settings->iterations, options.iterations);
    ck_assert(options.seed ? settings->seed == options.seed : settings->seed != 0);
    lki_run_plan_release(&plan);
}
END_TEST

START_TEST(iterations_start_at_their_rate)
{
    int64_t before_ns = lki_clock_now(&(struct lki_clock){0});

    run(OPTIONS(.users = 4, .iterations = 10, .rate_per_s = 200));
    ck_assert_uint_eq(count_of("visit"), 10);
    ck_assert_int_ge(lki_clock_now(&(struct lki_clock){0}) - before_ns, 9 * S / 200);
}
END_TEST

/* ---- what it leaves alone ---- */

static char body[LARGE_BYTES];

static void post_much(lk_vu *vu)
{
    lk_post(vu, "/large", .body = body, .body_bytes = sizeof(body), .keep_going = true);
}

START_TEST(a_server_that_goes_away_is_no_sigpipe)
{
    static const struct test_script rude = {{SRV_CLOSE}};

    test_server_stop(&server);
    test_server_start(&server, &rude, 1);
    signal(SIGPIPE, SIG_DFL);
    step_does = post_much;
    run(OPTIONS(.users = 4, .iterations = 40));
    ck_assert_uint_eq(count_of("http"), 40);
    ck_assert_uint_eq(lk_result_stats(result, "http")->errors, 40);
    ck_assert_int_eq(lk_result_exit_status(result), 1);
}
END_TEST

static struct sigaction handlers[NSIG];
static bool handlers_changed;

static void handlers_look(struct sigaction *into)
{
    for (int number = 1; number < NSIG; number++)
        sigaction(number, NULL, &into[number]);
}

static void compare_handlers(lk_vu *vu)
{
    struct sigaction now[NSIG] = {0};

    (void)vu;
    handlers_look(now);
    for (int number = 1; number < NSIG; number++)
        handlers_changed |= now[number].sa_handler != handlers[number].sa_handler;
}

START_TEST(no_signal_is_handled)
{
    handlers_changed = false;
    handlers_look(handlers);
    step_does = compare_handlers;
    run(OPTIONS(.iterations = 1));
    ck_assert(!handlers_changed);
    compare_handlers(NULL);
    ck_assert(!handlers_changed);
}
END_TEST

static void fail_noisily(lk_vu *vu)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    lk_get(vu, "http://127.0.0.1:1/", .keep_going = true);
    ck_assert_int_eq(lk_wait_fd(vu, null, LK_READABLE, 0), LK_E_ARG);
    close(null);
    ck_assert_int_eq(lk_wait_fd(vu, null, LK_READABLE, 0), LK_E_ARG);
    lk_fail(vu, "in any case");
}

/* Leads both standard streams into a file for the time of a run; gives what came there. */
static off_t printed(const struct lk_run_options *options)
{
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO);
    int err = dup(STDERR_FILENO);
    off_t bytes;

    ck_assert_ptr_nonnull(file);
    fflush(NULL);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    lk_run(&result, options);
    fflush(NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    bytes = lseek(fileno(file), 0, SEEK_END);
    close(out);
    close(err);
    fclose(file);
    return bytes;
}

START_TEST(nothing_is_printed)
{
    step_does = fail_noisily;
    ck_assert_int_eq(printed(OPTIONS(.users = 3, .iterations = 30)), 0);
    ck_assert_uint_eq(count_of("visit"), 30);
    lk_result_free(result);
    result = NULL;
    ck_assert_int_eq(printed(OPTIONS(.users = 3, .iterations = 30, .workers = 2)), 0);
    ck_assert_uint_eq(count_of("visit"), 30);
    lk_result_free(result);
    result = NULL;
    ck_assert_int_eq(printed(OPTIONS(.workers = 2000)), 0);
    ck_assert_ptr_null(result);
}
END_TEST

/* ---- what it refuses ---- */

#define REFUSED(...)                                                                               \
    {                                                                                              \
        .size = sizeof(struct lk_run_options), .message = message,                                 \
        .message_bytes = sizeof(message), __VA_ARGS__                                              \
    }

static const struct refusal {
    struct lk_run_options options;
    const char *why; /* the beginning of the message */
} refusals[] = {
    {REFUSED(.workers = 2000), ".workers is 2000: it is too large; give at most 1024"},
    {REFUSED(.users = UINT64_MAX), ".users is 18446744073709551615: it is too large"},
    {REFUSED(.duration_s = -3), ".duration_s is -3: no time; give seconds from 0, or LK_OFF"},
    {REFUSED(.duration_s = NAN), ".duration_s is nan: no time"},
    {REFUSED(.grace_s = -2), ".grace_s is -2: no time"},
    {REFUSED(.arrival_wait_s = -2), ".arrival_wait_s is -2: no time"},
    {REFUSED(.rate_per_s = -1), ".rate_per_s is -1: no rate"},
    {REFUSED(.rate_per_s = INFINITY), ".rate_per_s is inf: no rate"},
    {REFUSED(.rate_per_s = 1e18), ".rate_per_s is 1e+18: it is too large; give at most "},
    {REFUSED(.stages = LK_STAGES({-3, .users = 1})), "the .seconds of a stage is -3: no time; "},
    {REFUSED(.stages = LK_STAGES({1, .users = UINT64_MAX})), "the .users of a stage is 1844674407"},
    {REFUSED(.stages = LK_STAGES({1, .rate_per_s = 1e9})), "the .rate_per_s of a stage is 1e+09: "},
    {REFUSED(.stages = LK_STAGES({1, .rate_per_s = 2}, {1, .users = 2})),
     ".stages has both users and a rate; give one of them"},
    {REFUSED(.stages = LK_STAGES({1, .users = 2}), .rate_per_s = 5),
     ".stages has both users and a rate; give one of them"},
    {REFUSED(.stages = LK_STAGES({1, .users = 2}), .duration_s = 5),
     ".duration_s goes with no .stages: stages have their own length; leave one of them out"},
    {REFUSED(.stages = LK_STAGES({1, .users = 0})),
     ".stages leads to nothing above 0; write LK_STAGES("},
    {REFUSED(.stages = LK_STAGES({0, .users = 2})), ".stages takes no time; give other seconds"},
    {REFUSED(.stages = LK_STAGES({INFINITY, .users = 2})), ".stages takes too much time; give "},
    {REFUSED(.http = &(struct lk_http_settings){.size = 0}), ".http has no size"},
    {REFUSED(.http = &(struct lk_http_settings){.size = sizeof(struct lk_http_settings),
                                                .proxy = "p"}),
     ".http.proxy: it does not begin with http://"},
    {REFUSED(.params = LK_PAIRS("base_urll", "x")),
     "unknown parameter 'base_urll'; did you mean base_url? there is base_url (required), "},
    {REFUSED(.params = LK_PAIRS("base_url=x", "y")), "unknown parameter 'base_url=x': a name has "},
    {REFUSED(.params = LK_PAIRS("base_url")), "parameter base_url has no value; write base_url="},
    {REFUSED(.params = LK_PAIRS("base_url", "x", "base_url", "y")),
     "parameter base_url is given twice; give it once"},
    {REFUSED(.params = LK_PAIRS("base_url", "x", "pages", "many")),
     "parameter pages is 'many': a number was expected; give a whole number such as "},
    {REFUSED(.params = LK_PAIRS("pages", "many", "base_url", "x", "pages", "2")),
     "parameter pages is 'many': a number was expected; give a whole number such as 42, -1 or 10k "
     "(and 1 more)"},
};

START_TEST(options_that_make_no_sense_are_refused)
{
    const struct refusal *refusal = &refusals[_i];

    result = (lk_result *)&server;
    ck_assert_int_eq(lk_run(&result, &refusal->options), LK_E_ARG);
    ck_assert_ptr_eq(result, &server); /* untouched */
    result = NULL;
    ck_assert_msg(!strncmp(message, refusal->why, strlen(refusal->why)), "%s", message);
    ck_assert_ptr_null(strchr(message, '\n'));
    ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 0);
}
END_TEST

START_TEST(a_required_parameter_that_is_missing_is_told_with_its_help)
{
    struct lk_run_options options = REFUSED(.iterations = 1);

    ck_assert_int_eq(lk_run(&result, &options), LK_E_ARG);
    ck_assert_ptr_nonnull(strstr(message, "parameter base_url is required; give it with "));
    ck_assert_ptr_nonnull(strstr(message, "(where the server is)"));
}
END_TEST

START_TEST(a_message_is_cut_to_the_room_that_it_has)
{
    struct lk_run_options options = REFUSED(.workers = 2000);

    options.message_bytes = 9;
    ck_assert_int_eq(lk_run(&result, &options), LK_E_ARG);
    ck_assert_str_eq(message, ".workers");
    options.message_bytes = 1;
    ck_assert_int_eq(lk_run(&result, &options), LK_E_ARG);
    ck_assert_str_eq(message, "");
    options.message = NULL;
    ck_assert_int_eq(lk_run(&result, &options), LK_E_ARG);
}
END_TEST

START_TEST(options_without_a_size_or_without_a_place_are_refused)
{
    struct lk_run_options options = REFUSED(.iterations = 1);

    ck_assert_int_eq(lk_run(NULL, &options), LK_E_ARG);
    ck_assert_str_eq(message, "there is no place for the result");
    options.size = 0;
    ck_assert_int_eq(lk_run(&result, &options), LK_E_ARG);
    ck_assert_int_eq(lk_run(&result, NULL), LK_E_ARG);
}
END_TEST

/* A program that was built with another version: the struct ends earlier, or goes on. */
START_TEST(options_of_another_version_are_read_as_far_as_they_are_known)
{
    struct newer {
        struct lk_run_options options;
        uint64_t more;
    } newer = {.options = REFUSED(.iterations = 2, .params = LK_PAIRS("base_url", server.url))};
    struct lk_run_options older = REFUSED(.iterations = 2, .workers = 9);

    newer.options.size = sizeof(newer);
    run(&newer.options);
    ck_assert_uint_eq(count_of("visit"), 2);
    newer.more = 1;
    ck_assert_int_eq(lk_run(&result, &newer.options), LK_E_ARG);
    ck_assert_ptr_nonnull(strstr(message, "newer loadkit"));
    older.size = offsetof(struct lk_run_options, workers);
    snprintf(message, sizeof(message), "untouched");
    ck_assert_int_eq(lk_run(&result, &older), LK_E_ARG); /* the parameter is missing */
    ck_assert_str_eq(message, "untouched");
}
END_TEST

static char seen_token[40];

static void take_token(lk_vu *vu)
{
    snprintf(seen_token, sizeof(seen_token), "%s", lk_param(vu, "token"));
    ck_assert_int_eq(lk_param_int(vu, "pages"), 12);
}

START_TEST(a_secret_may_be_given_and_values_are_taken_as_they_are)
{
    step_does = take_token;
    run(LK_RUN_OPTIONS(.iterations = 1, .message = message, .message_bytes = sizeof(message),
                       .params = LK_PAIRS("base_url", server.url, "token", "@x=\"y\"", "pages",
                                          "12")));
    ck_assert_str_eq(seen_token, "@x=\"y\"");
}
END_TEST

static void nothing(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
}

START_TEST(faults_of_the_registry_are_told)
{
    struct lk_step_def step = {.def = {.size = sizeof(step),
                                       .kind = LK_DEF_STEP,
                                       .vu = "nobody",
                                       .name = "lost",
                                       .file = "lost.c",
                                       .line = 3},
                               .run = nothing};
    struct lk_param_def param = {.def = {.size = sizeof(param),
                                         .kind = LK_DEF_PARAM,
                                         .name = "base_url",
                                         .file = "zlost.c",
                                         .line = 4}};

    lk_register(&step.def);
    ck_assert_int_eq(lk_run(&result, OPTIONS(.iterations = 1)), LK_E_ARG);
    ck_assert_msg(!strncmp(message, "lost.c:3: ", 10), "%s", message);
    ck_assert_ptr_null(strstr(message, "more)"));
    lk_register(&param.def);
    ck_assert_int_eq(lk_run(&result, OPTIONS(.iterations = 1)), LK_E_ARG);
    ck_assert_ptr_nonnull(strstr(message, " more)"));
    lk_unregister(&param.def);
    lk_unregister(&step.def);
    run(OPTIONS(.iterations = 1));
}
END_TEST

static enum lk_err inner_err;
static char inner_message[200];

static void run_inside(lk_vu *vu)
{
    lk_result *inner = NULL;

    (void)vu;
    inner_err = lk_run(
        &inner, LK_RUN_OPTIONS(.message = inner_message, .message_bytes = sizeof(inner_message)));
    ck_assert_ptr_null(inner);
}

START_TEST(a_run_inside_a_step_of_a_run_is_refused)
{
    step_does = run_inside;
    inner_err = LK_OK;
    run(OPTIONS(.iterations = 1));
    ck_assert_int_eq(inner_err, LK_E_STATE);
    ck_assert_str_eq(inner_message, "a run is on already in this program; wait for its end");
    ck_assert_uint_eq(lk_result_code_count(result, "visit", "STEP_OK"), 1);
    step_does = get_page;
    run(OPTIONS(.iterations = 1));
}
END_TEST

START_TEST(a_run_inside_a_step_of_lk_main_is_refused)
{
    char url[100];
    char *args[] = {"shop", "-q", "-w", "0", "-i", "1", "-p", url, NULL};

    snprintf(url, sizeof(url), "base_url=%s", server.url);
    step_does = run_inside;
    inner_err = LK_OK;
    ck_assert_int_eq(lk_main(LKI_COUNT(args) - 1, args), 0);
    ck_assert_int_eq(inner_err, LK_E_STATE);
}
END_TEST

static TCase *running_make(void)
{
    TCase *tests = tcase_create("running");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_run_does_what_its_options_say);
    tcase_add_test(tests, workers_carry_it_out_together);
    tcase_add_test(tests, a_worker_that_always_dies_is_no_end_of_the_program);
    tcase_add_test(tests, without_options_it_is_one_user);
    tcase_add_test(tests, a_duration_ends_it_and_the_grace_time_what_is_in_hand);
    tcase_add_loop_test(tests, http_of_all_users_reaches_every_worker, 0, 2);
    tcase_add_loop_test(tests, what_is_not_said_is_the_default, 0, LKI_COUNT(readings));
    tcase_add_loop_test(tests, stages_bring_users, 0, 2);
    tcase_add_test(tests, iterations_start_at_their_rate);
    tcase_add_test(tests, the_seed_is_that_of_the_draws);
    tcase_add_test(tests, a_second_run_starts_clean);
    tcase_add_test(tests, fifty_runs_leave_no_descriptor);
    tcase_add_test(tests, a_set_up_that_fails_is_a_run_that_failed);
    tcase_add_test(tests, a_server_that_goes_away_is_no_sigpipe);
    tcase_add_test(tests, no_signal_is_handled);
    tcase_add_test(tests, nothing_is_printed);
    return tests;
}

static TCase *refusing_make(void)
{
    TCase *tests = tcase_create("refusing");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, options_that_make_no_sense_are_refused, 0, LKI_COUNT(refusals));
    tcase_add_test(tests, a_required_parameter_that_is_missing_is_told_with_its_help);
    tcase_add_test(tests, a_message_is_cut_to_the_room_that_it_has);
    tcase_add_test(tests, options_without_a_size_or_without_a_place_are_refused);
    tcase_add_test(tests, options_of_another_version_are_read_as_far_as_they_are_known);
    tcase_add_test(tests, a_secret_may_be_given_and_values_are_taken_as_they_are);
    tcase_add_test(tests, faults_of_the_registry_are_told);
    tcase_add_test(tests, a_run_inside_a_step_of_a_run_is_refused);
    tcase_add_test(tests, a_run_inside_a_step_of_lk_main_is_refused);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("run");

    suite_add_tcase(suite, running_make());
    suite_add_tcase(suite, refusing_make());
    return suite_run(suite);
}

/*
 * Set-up without memory: whichever request for memory is refused, alone or with those that follow,
 * an error comes back, and nothing is left behind. Runs as a whole are in test_oom_run.c.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "cli/options.h"
#include "cli/params.h"
#include "loop/pool.h"
#include "loop/task.h"
#include "model/registry.h"
#include "oom/memory.h"
#include "report/text.h"
#include "result/json.h"
#include "support/suite.h"
#include "worker/worker.h"

#define PATH_BYTES 400

static FILE *paper;
static char dir[PATH_BYTES / 2];
static char json_path[PATH_BYTES];
static char url_path[PATH_BYTES];

/* ---- a registry ---- */

LK_PARAM(base_url, .required = true, .help = "nobody asks it");
LK_PARAM(size, .type = LK_INT, .value = "10");
LK_PARAM(token, .secret = true);

LK_METRIC(sold, LK_COUNTER);

LK_RESOURCE(accounts)
{
    return LK_OBJECT("name", id);
}

LK_VU(buyer)
{
    int count;
};

LK_ON_START(buyer)
{
    self->count = 0;
}

LK_STEP(buyer, login, .every = LK_FIXED(10))
{
    self->count++;
}

LK_STEP(buyer, browse, .needs = "login", .weight = 3, .every = LK_FIXED(10))
{
    self->count++;
}

LK_STEP(buyer, buy, .needs = "login, browse", .every = LK_FIXED(10))
{
    self->count++;
}

LK_ON_SETUP()
{
    lk_sleep(vu, 1);
}

LK_ON_TEARDOWN()
{
    lk_sleep(vu, 1);
}

LK_PROBE(depth, .every_s = 5)
{
    return LK_VALUE(lk_user_id(vu));
}

LK_VU(visitor, .weight = 9)
{
    int count;
};

/* For a turn of the loop it keeps its stack. */
LK_ON_STOP(visitor)
{
    lk_sleep(vu, 0);
}

LK_STEP(visitor, look, .every = LK_FIXED(10))
{
    self->count++;
}

/* Its name is that of another type's step, so both have longer labels. */
LK_STEP(visitor, buy, .every = LK_FIXED(10))
{
    self->count++;
}

static enum lk_err model_make(struct lki_model **model)
{
    struct lki_buf problems;
    enum lk_err err;

    lki_buf_init(&problems, 1 << 20);
    err = lki_model_new(model, lki_registry_first(), &problems);
    lki_buf_release(&problems);
    return err;
}

/* ---- what is walked: each sets up, and takes down whatever came of it ---- */

static enum lk_err walk_model(void)
{
    static const char *const params[] = {"base_url=http://127.0.0.1", "size=5"};
    struct lki_model *model = NULL;
    struct lki_buf problems;
    enum lk_err err = model_make(&model);

    lki_buf_init(&problems, 1 << 20);
    if (!err)
        err = lki_model_set_params(model, params, LKI_COUNT(params), &problems);
    lki_buf_release(&problems);
    lki_model_free(model);
    return err;
}

/* Parameters from a file, from the command line and from the environment. */
static enum lk_err walk_params(void)
{
    static char from_file[PATH_BYTES + 16];
    const char *texts[] = {from_file, "size=5"};
    struct lki_options options = {.params = texts, .param_count = LKI_COUNT(texts)};
    struct lki_model *model = NULL;
    struct lki_params params;
    struct lki_buf problems;
    enum lk_err err = model_make(&model);

    if (err)
        return err;
    snprintf(from_file, sizeof(from_file), "base_url=@%s", url_path);
    lki_buf_init(&problems, 1 << 20);
    err = lki_params_set(&params, &options, model, &problems);
    if (!err && (strcmp(lki_model_param(model, "base_url")->value, "http://127.0.0.1") != 0 ||
                 strcmp(lki_model_param(model, "token")->value, "hunter2") != 0 ||
                 lki_model_param(model, "size")->integer != 5))
        err = LK_E_STATE;
    lki_params_release(&params);
    lki_buf_release(&problems);
    lki_model_free(model);
    return err;
}

#define WRONG_STEP(step, ...)                                                                      \
    {                                                                                              \
        .def = {.size = sizeof(struct lk_step_def),                                                \
                .kind = LK_DEF_STEP,                                                               \
                .vu = "buyer",                                                                     \
                .name = (step),                                                                    \
                .file = "wrong.c",                                                                 \
                .line = __LINE__},                                                                 \
        __VA_ARGS__                                                                                \
    }

static struct lk_step_def wrong_steps[] = {
    WRONG_STEP("pay", .weight = -1),
    WRONG_STEP("leave", .needs = "loggin, nowhere, leave"),
    WRONG_STEP("circle", .needs = "round"),
    WRONG_STEP("round", .needs = "circle"),
};

/* A wrong scenario is refused with all that is wrong, or for want of memory: never with half. */
static enum lk_err walk_faults(void)
{
    static const char whole[] = "wrong.c";
    struct lki_model *model = NULL;
    struct lki_buf problems;
    enum lk_err err;
    size_t lines = 0;

    for (size_t i = 0; i < LKI_COUNT(wrong_steps); i++)
        lk_register(&wrong_steps[i].def);
    lki_buf_init(&problems, 1 << 20);
    err = lki_model_new(&model, lki_registry_first(), &problems);
    for (size_t i = 0; i + sizeof(whole) <= problems.len; i++)
        lines += !memcmp(problems.data + i, whole, sizeof(whole) - 1);
    lki_buf_release(&problems);
    for (size_t i = 0; i < LKI_COUNT(wrong_steps); i++)
        lk_unregister(&wrong_steps[i].def);
    if (err == LK_E_ARG)
        err = lines == 9 ? LK_OK : LK_E_STATE;
    lki_model_free(model);
    return err;
}

static void on_due(struct lki_timer *timer)
{
    (void)timer;
}

static void on_ready(struct lki_io *io, unsigned events)
{
    (void)io;
    (void)events;
}

static void on_signal(struct lki_signal *sig)
{
    (void)sig;
}

/* A function of the test's on a helper thread. */
struct errand {
    struct lki_job job;
    struct lki_loop *loop;
};

static void errand_work(struct lki_job *job)
{
    (void)job;
}

static void on_errand_done(struct lki_job *job)
{
    lki_loop_stop(LKI_CONTAINER(job, struct errand, job)->loop);
}

static void task_main(struct lki_task *task)
{
    *(void **)task->owner = lki_arena_alloc(&task->arena, 2 * LKI_CHUNK_BYTES);
}

/* Without memory for epoll libevent takes poll: slower, but it does the same. */
static enum lk_err second_best(const struct lki_loop *loop)
{
    return loop->has_edges ? LK_OK : LK_E_LIMIT;
}

static enum lk_err use_tasks(struct lki_loop *loop)
{
    static const size_t sizes[] = {0, 0, 256 * 1024, 8 * 1024 * 1024};

    for (size_t i = 0; i < LKI_COUNT(sizes); i++) {
        void *got = NULL;
        struct lki_task *task = lki_task_new(loop, sizes[i], task_main, (void *)&got);

        if (!task)
            return LK_E_NOMEM;
        lki_task_resume(task);
        if (!got)
            return LK_E_NOMEM;
    }
    return LK_OK;
}

static enum lk_err use_pool(struct lki_loop *loop)
{
    struct errand errand = {.job = {.work = errand_work, .on_done = on_errand_done}, .loop = loop};
    enum lk_err err = lki_pool_submit(loop, &errand.job);

    if (!err)
        lki_loop_run(loop);
    return err;
}

static enum lk_err walk_loop(void)
{
    struct lki_timer timers[300] = {{0}};
    struct lki_signal sig = {.started = false};
    struct lki_io io = {.started = false};
    struct lki_loop loop;
    int ends[2] = {-1, -1};
    enum lk_err err = lki_loop_open(&loop);

    if (err)
        return err;
    if (pipe(ends))
        err = LK_E_IO;
    for (size_t i = 0; i < LKI_COUNT(timers) && !err; i++)
        err = lki_timer_init(&loop.timers, &timers[i], on_due);
    if (!err)
        err = lki_io_start(&loop, &io, ends[0], LKI_READABLE | LKI_EDGE, on_ready);
    if (!err)
        err = lki_signal_start(&loop, &sig, SIGUSR1, on_signal);
    if (!err)
        err = use_tasks(&loop);
    if (!err)
        err = use_pool(&loop);
    if (!err)
        err = second_best(&loop);
    lki_signal_stop(&sig);
    lki_io_stop(&io);
    close(ends[0]);
    close(ends[1]);
    for (size_t i = 0; i < LKI_COUNT(timers); i++)
        lki_timer_release(&loop.timers, &timers[i]);
    lki_loop_close(&loop);
    return err;
}

static enum lk_err make_crowd(struct lki_loop *loop, const struct lki_model *model)
{
    struct lki_user *users[3] = {NULL};
    struct lki_metrics metrics;
    struct lki_crowd crowd;
    enum lk_err err;

    lki_metrics_init(&metrics, 0, 0);
    err = lki_crowd_init(&crowd, loop, model, &metrics);
    if (!err) {
        for (size_t i = 0; i < LKI_COUNT(users) && !err; i++)
            err = lki_user_new(&users[i], &crowd, &model->types[i % model->type_count], i + 1, 7);
        for (size_t i = 0; i < LKI_COUNT(users); i++)
            lki_user_free(users[i]);
        lki_crowd_release(&crowd);
    }
    /* a step that has to share the overflow metric is told as well */
    if (!err && metrics.overflowed)
        err = LK_E_LIMIT;
    lki_metrics_release(&metrics);
    return err;
}

static enum lk_err walk_crowd(void)
{
    struct lki_model *model = NULL;
    struct lki_loop loop;
    enum lk_err err = model_make(&model);

    if (!err)
        err = lki_loop_open(&loop);
    if (!err) {
        err = make_crowd(&loop, model);
        if (!err)
            err = second_best(&loop);
        lki_loop_close(&loop);
    }
    lki_model_free(model);
    return err;
}

static enum lk_err walk_worker(void)
{
    static const struct lki_share share = {.users = 100,

                                           .duration_ns = LKI_NS_PER_S,
                                           .iterations = 5,
                                           .seed = 1,
                                           .rate_per_s = 10};
    struct lki_model *model = NULL;
    struct lki_worker worker;
    enum lk_err err = model_make(&model);

    if (!err)
        err = lki_worker_open(&worker, model, &share);
    if (!err) {
        err = worker.metrics.overflowed ? LK_E_LIMIT : second_best(worker.loop);
        lki_worker_close(&worker);
    }
    lki_model_free(model);
    return err;
}

static enum lk_err walk_options(void)
{
    static char *argv[] = {"-u",  "5",    "-p", "a=1",   "--json=x",           "-pb=2", "-p",
                           "c=3", "-qi7", "-s", "1s:20", "--config=/dev/null", "-s1s:5"};
    struct lki_options options;
    struct lki_buf message;
    enum lk_err err;

    lki_buf_init(&message, 4096);
    err = lki_options_read(&options, LKI_CMD_RUN, 0, LKI_COUNT(argv), argv, &message);
    if (!err) {
        err = options.param_count == 3 && options.users == 5 && options.stage_count == 2
                  ? LK_OK
                  : LK_E_STATE;
        lki_options_release(&options);
    }
    lki_buf_release(&message);
    return err;
}

/* What is wrong is always refused; the line that says why may be missing, and is then not empty but
 * none. */
static enum lk_err walk_wrong_options(void)
{
    static char *argv[] = {"-p", "a=1", "--durration", "5s"};
    struct lki_options options;
    struct lki_buf message;
    enum lk_err err;

    lki_buf_init(&message, 4096);
    err = lki_options_read(&options, LKI_CMD_RUN, 0, LKI_COUNT(argv), argv, &message);
    if (err == LK_E_ARG)
        err = message.err;
    else if (!err)
        err = LK_E_STATE;
    lki_buf_release(&message);
    return err;
}

static void record(struct lki_metrics *metrics, int i)
{
    static const char *const names[] = {"GET /a", "GET /b", "POST /c", "GET /d/{id}", "GET /e"};
    const char *name = names[(size_t)i % LKI_COUNT(names)];
    struct lki_sample sample = {.code = (lki_code)(200 + 7 * i),
                                .verdict = (enum lki_verdict)(i % 3),
                                .latency_ns = 1000 + ((int64_t)1 << i),
                                .late_ns = -1,
                                .bytes_sent = 1,
                                .phase_ns = {i, i * INT64_C(1000), -1, 3000, 1 << 20, 1 << 15}};

    lki_metric_record(lki_metrics_find(metrics, LKI_SOURCE_HTTP, "step", name, strlen(name)),
                      &sample);
    lki_metric_record_simple(lki_metrics_find(metrics, LKI_SOURCE_STEP, "", "step", 4),
                             LKI_CODE_STEP_OK, LKI_SAMPLE_OK, 5000);
    lki_metrics_error(metrics, LKI_SOURCE_STEP, "step", LKI_CODE_STEP_FAILED, name, 1);
    metrics->totals->iterations++;
}

/* Whatever could not be kept is counted all the same. */
static bool all_counted(const struct lki_metrics *metrics, uint64_t samples)
{
    uint64_t count = 0;
    uint64_t errors = 0;

    for (const struct lki_metric *metric = metrics->first; metric; metric = metric->next) {
        const struct lki_codes *codes = &metric->total.codes;

        count += metric->total.count;
        for (uint16_t i = 0; i < codes->len; i++)
            errors += lki_codes_all(codes)[i].count;
        errors += codes->lost;
    }
    if (count != 2 * samples || errors != count)
        return false;
    errors = 0;
    for (const struct lki_error_group *group = metrics->first_error; group; group = group->next)
        errors += group->count;
    return errors == samples;
}

/* Prints the report; whether it says that something of it is missing. */
static bool report_lacks(const struct lki_result *result)
{
    char line[512];
    bool lacks = false;

    rewind(paper);
    lki_report_text(result, paper, true, 80);
    rewind(paper);
    while (fgets(line, sizeof(line), paper))
        lacks |= strstr(line, "out of memory") != NULL;
    return lacks || ftruncate(fileno(paper), 0);
}

static bool is_doubtful(const struct lki_result *result)
{
    bool doubtful = result->verdict != LKI_RUN_VALID || result->note_count;

    for (size_t i = 0; i < result->error_count; i++)
        doubtful |= !strcmp(result->errors[i].message, LKI_ERROR_OVERFLOW_MESSAGE);
    return doubtful;
}

static enum lk_err show_result(const struct lki_result *result)
{
    char message[PATH_BYTES + 100] = "";
    enum lk_err err = lki_result_save(result, json_path, message, sizeof(message));

    if (err && !*message)
        return LK_E_STATE;
    if (report_lacks(result) || is_doubtful(result))
        err = LK_E_LIMIT;
    return err;
}

static enum lk_err walk_result(void)
{
    static const struct lki_result_settings settings = {
        .program = "shop", .duration_ns = 70 * LKI_NS_PER_S, .users = 1};
    struct lki_metrics metrics;
    struct lki_series series;
    struct lki_result result;
    uint64_t samples = 0;
    enum lk_err err;

    lki_metrics_init(&metrics, 0, 0);
    err = lki_series_init(&series, 0);
    for (int t = 1; t <= 70 && !err; t++) {
        for (int i = 0; i < (t <= 2 ? 40 : 1); i++, samples++)
            record(&metrics, i);
        lki_series_add(&series, &metrics, t * LKI_NS_PER_S, 1);
        lki_metrics_fold(&metrics);
    }
    if (!err && !all_counted(&metrics, samples))
        err = LK_E_STATE;
    if (!err)
        err = lki_result_init(&result, &settings, &metrics, &series);
    if (!err) {
        err = show_result(&result);
        lki_result_release(&result);
    }
    lki_series_release(&series);
    lki_metrics_release(&metrics);
    return err;
}

/* ---- walking ---- */

static const struct walk {
    const char *name;
    enum lk_err (*go)(void);
} walks[] = {
    {"model", walk_model},     {"parameters", walk_params},
    {"faults", walk_faults},   {"loop", walk_loop},
    {"crowd", walk_crowd},     {"worker", walk_worker},
    {"options", walk_options}, {"wrong options", walk_wrong_options},
    {"result", walk_result},
};

/* How many requests in a row are refused. */
static const long droughts[] = {1, 10, MEMORY_ALL};

/* Walks once with count requests refused. False: the walk does not get that far. */
static bool walk_without(const struct walk *walk, long after, long count)
{
    int descriptors = memory_descriptors();
    long held = memory_held();
    enum lk_err err;
    long refused;

    memory_refuse(after, count);
    err = walk->go();
    refused = memory_allow();
    held = memory_held() - held;
    descriptors = memory_descriptors() - descriptors;
    ck_assert_msg(!held && !descriptors,
                  "%s without requests %ld and on, %ld of them: left behind "
                  "%ld blocks and %d descriptors",
                  walk->name, after, refused, held, descriptors);
    ck_assert_msg(err != LK_E_STATE, "%s without requests %ld and on, %ld of them: wrong",
                  walk->name, after, refused);
    ck_assert_msg(!refused == !err, "%s without requests %ld and on, %ld of them: %s", walk->name,
                  after, refused, lk_strerror(err));
    return refused > 0;
}

START_TEST(set_up_without_memory_is_an_error_and_leaves_nothing)
{
    const struct walk *walk = &walks[_i];

    for (size_t i = 0; i < LKI_COUNT(droughts); i++) {
        long after = 0;

        while (walk_without(walk, after, droughts[i]))
            after++;
        ck_assert_msg(after > 0, "%s asks for no memory at all", walk->name);
    }
}
END_TEST

START_TEST(a_list_that_cannot_grow_is_as_it_was)
{
    size_t cap = 0;
    size_t *list;
    size_t first;

    memory_refuse(0, 1);
    ck_assert_ptr_null(lki_room(NULL, 0, &cap, sizeof(*list)));
    ck_assert_int_eq(memory_allow(), 1);
    ck_assert_uint_eq(cap, 0);
    list = lki_room(NULL, 0, &cap, sizeof(*list));
    ck_assert_ptr_nonnull(list);
    first = cap;
    for (size_t i = 0; i < first; i++)
        list[i] = i;
    memory_refuse(0, 1);
    ck_assert_ptr_null(lki_room(list, first, &cap, sizeof(*list)));
    ck_assert_int_eq(memory_allow(), 1);
    ck_assert_uint_eq(cap, first);
    for (size_t i = 0; i < first; i++)
        ck_assert_uint_eq(list[i], i);
    free(list);
}
END_TEST

/* Without what goes on behind the scene, for which stacks are needed too. */
static enum lk_err users_alone(struct lki_model **model)
{
    enum lk_err err = model_make(model);

    if (err)
        return err;
    (*model)->probe_count = 0;
    (*model)->run_hooks[LK_RUN_SETUP] = NULL;
    (*model)->run_hooks[LK_RUN_TEARDOWN] = NULL;
    return LK_OK;
}

/* Runs one iteration of a user that gets no stack at first, on a clock that takes no time. */
START_TEST(a_user_that_waits_for_a_stack_is_told)
{
    static const struct lki_share share = {
        .users = 1, .iterations = 1, .duration_ns = 3600 * LKI_NS_PER_S};
    const struct lki_error_group *group;
    struct lki_model *model = NULL;
    struct lki_worker worker;

    ck_assert_int_eq(users_alone(&model), LK_OK);
    ck_assert_int_eq(lki_worker_open(&worker, model, &share), LK_OK);
    worker.loop->clock.fake = true;
    memory_refuse(0, 1);
    lki_worker_run(&worker);
    ck_assert_int_eq(memory_allow(), 1);
    group = worker.metrics.first_error;
    ck_assert_ptr_nonnull(group);
    ck_assert_msg(strstr(group->message, "stack") != NULL, "%s", group->message);
    ck_assert_uint_ge(group->count, 1);
    ck_assert_uint_eq(worker.metrics.totals->iterations, 1);
    lki_worker_close(&worker);
    lki_model_free(model);
}
END_TEST

/* Behind the scene, too, who gets no stack is told, and the run goes on or ends as if it had failed
 * otherwise. */
START_TEST(a_hook_or_probe_without_a_stack_has_failed)
{
    static const struct lki_share share = {
        .users = 1, .iterations = 1, .duration_ns = 3600 * LKI_NS_PER_S};
    bool probe = _i == 1;
    struct lki_model *model = NULL;
    struct lki_worker worker;

    ck_assert_int_eq(model_make(&model), LK_OK);
    if (probe)
        model->run_hooks[LK_RUN_SETUP] = NULL;
    ck_assert_int_eq(lki_worker_open(&worker, model, &share), LK_OK);
    worker.loop->clock.fake = true;
    memory_refuse(0, 1);
    lki_worker_run(&worker);
    ck_assert_int_eq(memory_allow(), 1);
    ck_assert_int_eq(worker.ended_by, probe ? LKI_END_ITERATIONS : LKI_END_SETUP);
    ck_assert_ptr_nonnull(worker.metrics.first_error);
    ck_assert_str_eq(worker.metrics.first_error->step, probe ? "depth" : "on_setup");
    ck_assert_str_eq(worker.metrics.first_error->message, "no memory for a stack");
    ck_assert_ptr_null(lki_backstage_failure(worker.backstage, LK_RUN_TEARDOWN));
    lki_worker_close(&worker);
    lki_model_free(model);
}
END_TEST

static void lose_memory(struct lki_worker *worker, void *arg)
{
    (void)worker;
    (void)arg;
    memory_refuse(0, MEMORY_ALL);
}

/* More users want to stop than there are stacks: those that get none are not waited for when the
 * grace time is over. */
START_TEST(a_user_that_waits_for_a_stack_does_not_hold_up_the_end)
{
    static const struct lki_share share = {.users = 200, .duration_ns = 5 * LKI_NS_PER_S};
    struct lki_model *model = NULL;
    struct lki_worker worker;

    ck_assert_int_eq(users_alone(&model), LK_OK);
    ck_assert_int_eq(lki_worker_open(&worker, model, &share), LK_OK);
    worker.loop->clock.fake = true;
    worker.on_second = lose_memory;
    lki_worker_run(&worker);
    ck_assert_int_gt(memory_allow(), 0);
    ck_assert_uint_eq(worker.abandoned, 0);
    ck_assert_uint_eq(worker.crowd.alive, 0);
    ck_assert_int_eq(worker.end_ns - worker.start_ns, share.duration_ns);
    lki_worker_close(&worker);
    lki_model_free(model);
}
END_TEST

static void setup(void)
{
    const char *base = getenv("TMPDIR");
    FILE *url;

    snprintf(dir, sizeof(dir), "%s/loadkit-oom.XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(json_path, sizeof(json_path), "%s/result.json", dir);
    paper = tmpfile();
    ck_assert_ptr_nonnull(paper);
    snprintf(url_path, sizeof(url_path), "%s/url", dir);
    url = fopen(url_path, "w");
    ck_assert_ptr_nonnull(url);
    fputs("http://127.0.0.1\n", url);
    ck_assert_int_eq(fclose(url), 0);
    ck_assert_int_eq(setenv("LK_PARAM_token", "hunter2", 1), 0);
}

/* That the directory can go says that no half-written file is in it. */
static void teardown(void)
{
    fclose(paper);
    unlink(json_path);
    unlink(url_path);
    ck_assert_int_eq(rmdir(dir), 0);
}

int main(void)
{
    Suite *suite = suite_create("oom");
    TCase *tests = tcase_create("oom");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, set_up_without_memory_is_an_error_and_leaves_nothing, 0,
                        LKI_COUNT(walks));
    tcase_add_test(tests, a_list_that_cannot_grow_is_as_it_was);
    tcase_add_test(tests, a_user_that_waits_for_a_stack_is_told);
    tcase_add_loop_test(tests, a_hook_or_probe_without_a_stack_has_failed, 0, 2);
    tcase_add_test(tests, a_user_that_waits_for_a_stack_does_not_hold_up_the_end);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

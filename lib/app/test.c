/* A run on a fake clock with its requests answered from a script: the functions of
 * <loadkit/test.h>. */
#include <loadkit/test.h>

#include <stdlib.h>
#include <string.h>

#include "app/account.h"
#include "app/options.h"
#include "app/script.h"
#include "base/mem.h"
#include "client/vu.h"
#include "result/view.h"
#include "worker/worker.h"

struct lk_test {
    struct lki_run_plan plan;
    struct lki_worker worker;
    struct lki_script script;
    struct lk_test_event *events;
    size_t event_count;
    size_t event_cap;
    size_t lost; /* events that there was no memory for */
    struct lki_arena texts;
    bool begun;
    bool turning; /* lk_test_run is on */
    bool over;
};

/* ---- events ---- */

static bool event_room(struct lk_test *test)
{
    struct lk_test_event *events = lki_room(test->events, test->event_count, &test->event_cap,
                                            sizeof(*events));

    if (!events)
        return false;
    test->events = events;
    return true;
}

static void on_work(struct lki_crowd *crowd, const struct lki_work_done *done)
{
    struct lk_test *test = LKI_CONTAINER(crowd, struct lk_test, worker.crowd);
    const char *message = "";

    if (done->message && *done->message)
        message = lki_arena_copy(&test->texts, done->message, strlen(done->message));
    if (!message || !event_room(test)) {
        test->lost++;
        return;
    }
    test->events[test->event_count++] = (struct lk_test_event){
        .start_ns = done->start_ns,
        .end_ns = done->end_ns,
        .user = done->vu->id,
        .name = done->name,
        .code = lki_code_name(done->code),
        .message = message,
    };
}

const struct lk_test_event *lk_test_event_at(const lk_test *test, size_t index)
{
    return index < test->event_count ? &test->events[index] : NULL;
}

size_t lk_test_count(const lk_test *test, const char *name, const char *code)
{
    size_t count = 0;

    for (size_t i = 0; i < test->event_count; i++) {
        const struct lk_test_event *event = &test->events[i];

        count += (!name || !strcmp(event->name, name)) && (!code || !strcmp(event->code, code));
    }
    return count;
}

/* ---- the script ---- */

enum lk_err lk_test_answer_with(lk_test *test, const char *request,
                                const struct lk_test_answer *answer)
{
    return lki_script_answer(&test->script, request, answer);
}

enum lk_err lk_test_handle(lk_test *test, const char *request, lk_test_handler *fn, void *arg)
{
    return lki_script_handle(&test->script, request, fn, arg);
}

const struct lk_test_request *lk_test_request_at(const lk_test *test, size_t index)
{
    return index < test->script.request_count ? &test->script.requests[index] : NULL;
}

/* ---- the run ---- */

/* What a test means by options that were not given. */
static void settle(struct lki_run_plan *plan)
{
    if (!plan->options.duration_s)
        plan->settings.duration_ns = LKI_NEVER;
    if (!plan->options.seed)
        plan->settings.seed = 1;
}

static enum lk_err worker_open(struct lk_test *test)
{
    const struct lki_run_settings *settings = &test->plan.settings;
    const struct lki_share share = {.users = settings->users,
                                    .duration_ns = settings->duration_ns,
                                    .iterations = settings->iterations,
                                    .seed = settings->seed,
                                    .grace_ns = settings->grace_ns,
                                    .rate_per_s = settings->rate_per_s,
                                    .arrival_wait_ns = settings->arrival_wait_ns,
                                    .http = settings->http};
    enum lk_err err = lki_worker_open(&test->worker, test->plan.model, &share);

    if (err)
        return err;
    test->worker.loop->clock.fake = true;
    test->worker.loop->patient = true;
    test->worker.crowd.http.exchange = lki_script_exchange;
    test->worker.crowd.http.exchange_arg = &test->script;
    test->worker.crowd.on_work = on_work;
    return LK_OK;
}

/* What takes more than one worker's loop. */
static enum lk_err beyond_refuse(struct lki_run_plan *plan, const struct lk_run_options *options)
{
    const char *text = NULL;

    if (plan->settings.workers)
        text = ".workers is given, but a test runs in this process alone; leave .workers 0";
    else if (plan->settings.stage_count)
        text = ".stages is given, but a test has its users from its beginning to its end; leave "
               ".stages NULL";
    if (!text)
        return LK_OK;
    lki_run_plan_release(plan);
    return lki_run_options_refuse(options, LK_E_ARG, text);
}

enum lk_err lk_test_new(lk_test **out, const struct lk_run_options *options)
{
    struct lk_test *test;
    enum lk_err err;

    if (!out)
        return lki_run_options_refuse(options, LK_E_ARG, "there is no place for the test");
    test = lki_zalloc(sizeof(*test));
    if (!test)
        return lki_run_options_refuse(options, LK_E_NOMEM, lk_strerror(LK_E_NOMEM));
    err = lki_run_options_read(&test->plan, options);
    if (!err)
        err = beyond_refuse(&test->plan, options);
    if (err) {
        free(test);
        return err;
    }
    settle(&test->plan);
    err = worker_open(test);
    if (err) {
        struct lki_buf no_lines = {0};

        lki_run_options_tell(&test->plan.options, err, &no_lines);
        lki_run_plan_release(&test->plan);
        free(test);
        return err;
    }
    *out = test;
    return LK_OK;
}

static void begin(struct lk_test *test)
{
    if (!test->begun)
        lki_worker_begin(&test->worker);
    test->begun = true;
}

/* Turns the loop; on the way steps may call what is here. */
static void turn(struct lk_test *test, int64_t until_ns)
{
    begin(test);
    test->turning = true;
    /* it may have been stopped between two turns: the loop knows nothing of that */
    test->over = test->worker.act == LKI_ACT_OVER ||
                 lki_loop_run_until(test->worker.loop, until_ns);
    test->turning = false;
    if (test->over)
        lki_worker_finish(&test->worker);
}

bool lk_test_run(lk_test *test, double seconds)
{
    int64_t now_ns = lki_loop_now(test->worker.loop);

    if (!test->over && !test->turning)
        turn(test, lki_ns_after(now_ns, lki_limit_ns(seconds)));
    return test->over;
}

void lk_test_stop(lk_test *test)
{
    if (test->over)
        return;
    begin(test);
    /* more than to cut off would be to leave behind */
    if (!lki_worker_is_cut(&test->worker))
        lki_worker_stop(&test->worker, LKI_END_INTERRUPT);
}

enum lk_err lk_test_result(const lk_test *test, lk_result **result)
{
    struct lki_worker *worker = &((struct lk_test *)(uintptr_t)test)->worker;
    struct lki_result data;
    enum lk_err err;

    if (!test->over)
        lki_worker_update(worker);
    err = lki_account_worker(&data, &test->plan.settings, worker);
    if (err)
        return err;
    if (test->lost)
        lki_result_doubt(&data, LKI_RUN_INCOMPLETE,
                         "%zu events of the test were lost: out of memory", test->lost);
    return lki_view_new(result, &data);
}

/* Who is in a step leaves it on its own way. A tear-down that only begins now has its chance; it
 * may wait for what never comes, and then time alone would go on. */
static void cut_off(struct lk_test *test)
{
    struct lki_worker *worker = &test->worker;
    enum lki_act act = worker->act;

    while (!test->over) {
        if (worker->act == act && !lki_worker_is_cut(worker)) {
            lki_worker_stop(worker, LKI_END_INTERRUPT);
        } else {
            act = worker->act;
            turn(test, lki_ns_after(lki_loop_now(worker->loop), LKI_NS_PER_S));
        }
    }
}

void lk_test_free(lk_test *test)
{
    if (!test || test->turning)
        return;
    if (test->begun)
        cut_off(test);
    lki_worker_close(&test->worker);
    lki_run_plan_release(&test->plan);
    lki_script_release(&test->script);
    lki_arena_reset(&test->texts);
    free(test->events);
    free(test);
}

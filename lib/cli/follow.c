#include "cli/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/live.h"
#include "report/text.h"
#include "result/load.h"

#define LOOK_NS (500 * LKI_NS_PER_MS)
/* So long an orchestrator may be away before the run is given up; stations do it by themselves
 * then. */
#define AWAY_NS (60 * LKI_NS_PER_S)
/* So long a result may take to appear when its run is over. */
#define RESULT_NS (10 * LKI_NS_PER_S)
#define NAME_BYTES 64

/* ---- interrupts ---- */

static volatile sig_atomic_t interrupts;
static struct sigaction interrupt_before;
static struct sigaction terminate_before;

static void on_interrupt(int number)
{
    (void)number;
    if (interrupts < 3)
        interrupts++;
}

void lki_follow_begin(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    interrupts = 0;
    sigaction(SIGINT, &action, &interrupt_before);
    sigaction(SIGTERM, &action, &terminate_before);
}

void lki_follow_end(void)
{
    sigaction(SIGINT, &interrupt_before, NULL);
    sigaction(SIGTERM, &terminate_before, NULL);
}

/* ---- what is shown ---- */

struct follow {
    struct lki_remote *remote;
    const char *run_id;
    struct lki_live *live; /* NULL: nothing is shown */
    int told;              /* interrupts that the orchestrator knows of */
    int64_t heard_ns;      /* when it answered last */
    bool is_away;          /* it did not answer the last time */
    bool told_awaited;     /* whom its end waits for */
    bool told_hook;        /* that one has failed */
    int64_t over_ns;       /* when it was first seen that the run is over; 0: not yet */
};

static const char *phase_of(const struct lki_json_value *status, char text[NAME_BYTES])
{
    lki_answer_copy(status, "phase", text, NAME_BYTES);
    if (!*text && lki_answer_is(status, "state", "PREPARING"))
        return "starting";
    if (!*text && lki_answer_is(status, "state", "STOPPING"))
        return "stopping";
    return text;
}

static double known(double number)
{
    return isnan(number) ? 0 : number;
}

static void show(struct follow *follow, const struct lki_json_value *status)
{
    char phase[NAME_BYTES];
    double requests_per_s = known(lki_answer_number(status, "last.requests_per_s"));
    double steps_per_s = known(lki_answer_number(status, "last.steps_per_s"));
    bool requests = requests_per_s > 0 ||
                    (!(steps_per_s > 0) && lki_answer_count(status, "totals.http_requests"));
    bool timed = !lki_answer_is(status, "state", "PREPARING");
    const char *failures = requests ? "totals.http_errors" : "totals.step_errors";

    lki_live_show(follow->live,
                  &(struct lki_live_state){
                      .state = phase_of(status, phase),
                      .elapsed_ns = lki_answer_seconds(status, "elapsed_s"),
                      .total_ns = timed ? lki_answer_seconds(status, "total_s") : 0,
                      .iterations = lki_answer_count(status, "totals.iterations"),
                      .iterations_total = lki_answer_count(status, "iterations_total"),
                      .users = lki_answer_count(status, "users"),
                      .users_wanted = lki_answer_count(status, "users_wanted"),
                      .rate_wanted = known(lki_answer_number(status, "rate_per_s")),
                      .requests_per_s = requests_per_s,
                      .steps_per_s = steps_per_s,
                      .failures = lki_answer_count(status, failures) +
                                  lki_answer_count(status, "totals.hook_errors"),
                      .failures_now = lki_answer_count(status, "last.failures"),
                      .p50_ns = lki_answer_ms(status, "last.p50_ms"),
                      .p95_ns = lki_answer_ms(status, "last.p95_ms"),
                      .p99_ns = lki_answer_ms(status, "last.p99_ms"),
                      .arrivals_started = lki_answer_count(status, "arrivals.started"),
                      .arrivals_late = lki_answer_count(status, "arrivals.late"),
                      .arrivals_dropped = lki_answer_count(status, "arrivals.dropped"),
                      .workers = lki_answer_count(status, "workers"),
                      .workers_alive = lki_answer_count(status, "workers_alive"),
                      .crashes = lki_answer_count(status, "crashes"),
                      .busy_share = known(lki_answer_number(status, "generator.busy_share")),
                      .busiest_ns = lki_answer_ms(status, "generator.busiest_ms"),
                  });
}

/* ---- the result ---- */

static int result_report(const struct lki_cli *cli, const struct lki_result *result)
{
    int status = lki_result_exit_status(result);

    errno = 0;
    if (!cli->options.quiet)
        lki_report_text(result, stdout, lki_cli_colour(cli, stdout), lki_cli_columns(stdout));
    else
        lki_cli_failure(cli, result);
    return lki_cli_flush(cli) ? LKI_EXIT_FAILED : status;
}

static int result_show(const struct lki_cli *cli, const struct lki_reply *reply)
{
    struct lki_result result;
    struct lki_buf why;
    enum lk_err err;
    int status;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_result_read(&result, reply->body.data, reply->body.len, &why);
    if (err) {
        lki_cli_error(cli, "the result that the orchestrator gave cannot be read: %s",
                      why.len && lki_buf_cstr(&why) ? why.data : lk_strerror(err));
        lki_buf_release(&why);
        return LKI_EXIT_FAILED;
    }
    lki_buf_release(&why);
    status = lki_result_exit_status(&result);
    if (!cli->options.json)
        status = result_report(cli, &result);
    else if (lki_reply_print(cli, reply))
        status = LKI_EXIT_FAILED;
    lki_result_release(&result);
    return status;
}

int lki_follow_report(struct lki_remote *remote, const char *run_id, bool *found)
{
    struct lki_reply reply;
    int status = lki_remote_ask(remote, "GET", "/result", NULL, &reply);

    *found = false;
    if (status)
        return status;
    *found = !run_id || lki_answer_is(&reply.json, "run.id", run_id);
    if (*found)
        status = result_show(remote->cli, &reply);
    lki_reply_release(&reply);
    return status;
}

static int report(struct follow *follow)
{
    bool found;
    int status = lki_follow_report(follow->remote, follow->run_id, &found);

    if (status || found)
        return status;
    lki_cli_error(follow->remote->cli,
                  "the run %s is over, but the orchestrator has the result of another one by now",
                  follow->run_id);
    return LKI_EXIT_FAILED;
}

/* ---- waiting ---- */

enum look { LOOK_AGAIN, LOOK_OVER, LOOK_FAILED };

static void tell(struct follow *follow, const char *fmt, ...) LK_PRINTF(2, 3);

/* A line of ours, which a display that is drawn anew must not garble. */
static void tell(struct follow *follow, const char *fmt, ...)
{
    struct lki_buf line;
    va_list args;

    lki_buf_init(&line, LKI_CLI_TEXT_MAX);
    lki_buf_printf(&line, "%s: ", follow->remote->cli->program);
    va_start(args, fmt);
    lki_buf_vprintf(&line, fmt, args);
    va_end(args);
    lki_buf_char(&line, '\n');
    if (!line.err)
        lki_live_print(follow->live, stderr, line.data, line.len);
    lki_buf_release(&line);
}

/* False: there is no answer, of which the next look will tell. */
static bool try(struct follow *follow, const char *method, const char *path,
                struct lki_reply *reply)
{
    struct lki_buf why;
    bool answered;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    answered = !lki_remote_try(follow->remote, method, path, NULL, reply, &why);
    lki_buf_release(&why);
    return answered;
}

/* No answer, or none that says anything: it may be starting anew, and the run goes on meanwhile. */
static enum look missed(struct follow *follow, const char *why)
{
    if (lki_clock_real() - follow->heard_ns > AWAY_NS) {
        tell(follow, "%s; given up after %d s, the run may still go on", why,
             (int)(AWAY_NS / LKI_NS_PER_S));
        return LOOK_FAILED;
    }
    if (!follow->is_away)
        tell(follow, "%s (tried again)", why);
    follow->is_away = true;
    return LOOK_AGAIN;
}

/* Once: nothing else tells why it does not come to its end. */
static void tell_awaited(struct follow *follow, const struct lki_json_value *status)
{
    struct lki_buf text;

    if (follow->told_awaited)
        return;
    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    follow->told_awaited = lki_remote_awaited(status, &text);
    if (follow->told_awaited && lki_buf_cstr(&text))
        tell(follow, "the run %s", text.data);
    lki_buf_release(&text);
}

static void tell_first(struct follow *follow, const struct lki_json_value *hook)
{
    uint64_t user = lki_answer_count(hook, "first_user");
    struct lki_buf text;

    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    lki_answer_text(hook, "step", &text);
    if (user)
        lki_buf_printf(&text, " of user %" PRIu64, user);
    lki_buf_str(&text, " failed: ");
    lki_answer_text(hook, "message", &text);
    if (lki_buf_cstr(&text))
        tell(follow, "%s", text.data);
    lki_buf_release(&text);
}

/* The first of a hook; false: there is none as yet. */
static bool hook_find(const struct lki_json_value *errors, struct lki_json_value *hook)
{
    struct lki_json_walk walk = lki_answer_list(errors, "errors");
    struct lki_json_value entry;
    bool found = false;

    while (lki_json_walk_element(&walk, &entry)) {
        if (!lki_answer_is(&entry, "source", "lifecycle") ||
            (found && lki_answer_seconds(&entry, "first_s") >= lki_answer_seconds(hook, "first_s")))
            continue;
        *hook = entry;
        found = true;
    }
    return found;
}

/* A hook that fails does so for all users most often, and who looks on need not wait for the report
 * to learn why. */
static void tell_hook(struct follow *follow, const struct lki_json_value *status)
{
    struct lki_reply reply;
    struct lki_json_value hook;

    if (!follow->live || follow->told_hook || !lki_answer_count(status, "totals.hook_errors") ||
        !try(follow, "GET", "/errors", &reply))
        return;
    follow->told_hook = hook_find(&reply.json, &hook);
    if (follow->told_hook)
        tell_first(follow, &hook);
    lki_reply_release(&reply);
}

static enum look judge(struct follow *follow, const struct lki_json_value *status)
{
    char run_id[NAME_BYTES];

    lki_answer_copy(status, "run_id", run_id, sizeof(run_id));
    if (!*run_id)
        return missed(follow, "the orchestrator has begun anew, and knows of no run so far");
    follow->heard_ns = lki_clock_real();
    follow->is_away = false;
    if (!lki_answer_is(status, "run_id", follow->run_id))
        return LOOK_OVER;
    if (!lki_answer_is(status, "state", "IDLE")) {
        show(follow, status);
        tell_hook(follow, status);
        tell_awaited(follow, status);
        return LOOK_AGAIN;
    }
    if (lki_answer_bool(status, "result"))
        return LOOK_OVER;
    if (!follow->over_ns)
        follow->over_ns = lki_clock_real();
    if (lki_clock_real() - follow->over_ns < RESULT_NS)
        return LOOK_AGAIN;
    tell(follow, "the run %s is over, but the orchestrator has no result of it; see its log",
         follow->run_id);
    return LOOK_FAILED;
}

static enum look answered(struct follow *follow, const struct lki_reply *reply)
{
    if (reply->status >= 500)
        return missed(follow, "the orchestrator has a fault of its own");
    if (reply->status >= 300) {
        lki_live_hide(follow->live);
        lki_remote_refused(follow->remote, reply);
        return LOOK_FAILED;
    }
    return judge(follow, &reply->json);
}

static enum look look(struct follow *follow)
{
    struct lki_reply reply;
    struct lki_buf why;
    enum look seen;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    if (lki_remote_try(follow->remote, "GET", "/status", NULL, &reply, &why)) {
        seen = missed(follow, why.len && lki_buf_cstr(&why) ? why.data : lk_strerror(LK_E_NOMEM));
    } else {
        seen = answered(follow, &reply);
        lki_reply_release(&reply);
    }
    lki_buf_release(&why);
    return seen;
}

/* That there is nothing to stop any more, or nobody who hears it, is seen at the next look. */
static void stop_ask(struct follow *follow)
{
    struct lki_reply reply;

    if (try(follow, "POST", "/stop_test", &reply)) {
        follow->told++;
        lki_reply_release(&reply);
    }
}

static enum look interrupts_pass(struct follow *follow)
{
    if (interrupts > 2) {
        tell(follow, "the run %s is left to itself; test status shows how it stands",
             follow->run_id);
        return LOOK_FAILED;
    }
    if (follow->told < interrupts)
        stop_ask(follow);
    return LOOK_AGAIN;
}

/* An interrupt ends it early. */
static void pause_until_next(void)
{
    const struct timespec span = {.tv_nsec = LOOK_NS};

    nanosleep(&span, NULL);
}

static enum lk_err live_open(struct follow *follow)
{
    const struct lki_cli *cli = follow->remote->cli;

    if (cli->options.quiet)
        return LK_OK;
    return lki_live_new(&follow->live, stderr, lki_cli_columns(stderr), lki_cli_colour(cli, stderr),
                        cli->program);
}

int lki_follow(struct lki_remote *remote, const char *run_id)
{
    struct follow follow = {.remote = remote, .run_id = run_id, .heard_ns = lki_clock_real()};
    enum look seen = LOOK_AGAIN;

    if (live_open(&follow)) {
        lki_cli_error(remote->cli, "%s", lk_strerror(LK_E_NOMEM));
        return LKI_EXIT_FAILED;
    }
    while (seen == LOOK_AGAIN) {
        seen = interrupts_pass(&follow);
        if (seen == LOOK_AGAIN)
            seen = look(&follow);
        if (seen == LOOK_AGAIN)
            pause_until_next();
    }
    lki_live_free(follow.live);
    return seen == LOOK_OVER ? report(&follow) : LKI_EXIT_FAILED;
}

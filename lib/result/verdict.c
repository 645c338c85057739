#include "result/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "stats/code.h"

/* A generator this busy measures its own queue. */
#define BUSY_SHARE 0.95
/* The processor was somebody else's for so much of the time: what was measured includes that. */
#define WAITED_SHARE 0.10
/* For so much of the time the loop was held up: that is more than p99 leaves out. */
#define STALLED_SHARE 0.01
/* Of arrivals that started: with more of them p99 is about the generator. That p99 of the lateness
 * is beyond 100 ms needs no rule of its own: then at least one in a hundred is late. */
#define LATE_SHARE 0.01
/* So few may be one hiccup, which any machine has. */
#define LATE_FEW 2
/* What took no longer has no share of a processor worth a word. */
#define SPAN_MIN_NS LKI_NS_PER_S

#define WHO_BYTES (LKI_WORKER_BYTES + 48)
#define LIMIT_BYTES 64

static double share_of(int64_t ns, int64_t span_ns)
{
    return span_ns > 0 && ns > 0 ? (double)ns / (double)span_ns : 0;
}

static double busy_share(const struct lki_result_health *health)
{
    return health->span_ns > SPAN_MIN_NS ? share_of(health->busy_ns, health->span_ns) : 0;
}

static double waited_share(const struct lki_result_health *health)
{
    return health->span_ns > SPAN_MIN_NS ? share_of(health->waited_ns, health->span_ns) : 0;
}

/* At most: as if all were as long as the longest one. */
static double stalled_share(const struct lki_result_health *health)
{
    double held_ns = (double)health->stalls * (double)health->busiest_ns;

    return health->span_ns > 0 && held_ns > 0 ? held_ns / (double)health->span_ns : 0;
}

/* The worker for which that share is largest; NULL if it is beyond limit for none. count: for how
 * many it is. */
static const struct lki_result_health *worst(const struct lki_result *result,
                                             double (*share)(const struct lki_result_health *),
                                             double limit, size_t *count)
{
    const struct lki_result_health *found = NULL;

    *count = 0;
    for (size_t i = 0; i < result->health_count; i++) {
        const struct lki_result_health *health = &result->health[i];

        if (!(share(health) > limit))
            continue;
        ++*count;
        if (!found || share(health) > share(found))
            found = health;
    }
    return found;
}

/* "worker 2", "worker 2, like 3 others,": one of so many. */
static const char *one_of(const char *id, uint64_t number, size_t count, char text[WHO_BYTES])
{
    char worker[LKI_WORKER_BYTES];

    lki_result_worker(id, number, worker);
    if (count < 2)
        snprintf(text, WHO_BYTES, "%s", worker);
    else
        snprintf(text, WHO_BYTES, "%s, like %zu other%s,", worker, count - 1, count > 2 ? "s" : "");
    return text;
}

/* As one_of, or "the event loop". */
static const char *who(const struct lki_result *result, const struct lki_result_health *health,
                       size_t count, char text[WHO_BYTES])
{
    size_t number = (size_t)(health - result->health) + 1;

    return result->workers ? one_of(health->worker_id, number, count, text) : "the event loop";
}

/* Stations give workers more than a number to be called by. */
static bool is_across_machines(const struct lki_result *result)
{
    const char *id = result->health_count ? result->health[0].worker_id : "";

    return id[strspn(id, "0123456789")] != '\0';
}

/* How many workers there are says an option of the run, or of each station. */
static const char *workers_option(const struct lki_result *result)
{
    return is_across_machines(result) ? "--processes" : "-w";
}

static void judge_processor(struct lki_result *result)
{
    char text[WHO_BYTES];
    size_t count;
    const struct lki_result_health *busy = worst(result, busy_share, BUSY_SHARE, &count);
    const struct lki_result_health *waited;

    if (busy)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%s used %.0f %% of a processor: the latencies include waiting for it; "
                         "use more workers (%s), fewer users or longer pauses",
                         who(result, busy, count, text), busy_share(busy) * 100,
                         workers_option(result));
    waited = worst(result, waited_share, WAITED_SHARE, &count);
    if (waited)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%s could have run for another %.0f %% of the time, but other programs "
                         "had the processor: end them, or use fewer workers (%s) than there are "
                         "processors",
                         who(result, waited, count, text), waited_share(waited) * 100,
                         workers_option(result));
}

static void judge_stalls(struct lki_result *result)
{
    static const char cause[] = "a step computed or blocked (see lk_blocking), other programs had "
                                "the processor, or it was stopped";
    char text[WHO_BYTES];
    size_t count;
    const struct lki_result_health *health = worst(result, stalled_share, 0, &count);
    double longest_ms;

    if (!health)
        return;
    longest_ms = (double)health->busiest_ns / 1e6;
    if (stalled_share(health) > STALLED_SHARE)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%s was held up %" PRIu64 " time%s, for %.0f ms at the longest: %s",
                         who(result, health, count, text), health->stalls,
                         health->stalls == 1 ? "" : "s", longest_ms, cause);
    else
        lki_result_note(result, "%s was held up %" PRIu64 " time%s, for %.0f ms at the longest: %s",
                        who(result, health, count, text), health->stalls,
                        health->stalls == 1 ? "" : "s", longest_ms, cause);
}

static uint64_t code_total(const struct lki_result_metric *metric, lki_code code)
{
    for (size_t i = 0; i < metric->code_count; i++) {
        if (metric->codes[i].code == code)
            return metric->codes[i].count;
    }
    return 0;
}

/* What ran out on this side says nothing about the server. */
static void judge_limits(struct lki_result *result, const struct lki_judged *judged)
{
    uint64_t descriptors = code_total(&result->all_http, LKI_CODE_HTTP_NO_DESCRIPTORS);
    uint64_t ports = code_total(&result->all_http, LKI_CODE_HTTP_NO_PORTS);
    char limit[LIMIT_BYTES] = "";

    if (judged->descriptor_limit)
        snprintf(limit, sizeof(limit), " of the %" PRIu64 " that a process may have",
                 judged->descriptor_limit);
    if (descriptors)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%" PRIu64 " request%s found no free file descriptor here%s: raise the "
                         "limit (ulimit -n), or use more workers (%s)",
                         descriptors, descriptors == 1 ? "" : "s", limit, workers_option(result));
    *limit = '\0';
    if (judged->port_count)
        snprintf(limit, sizeof(limit), " of the %" PRIu64 " that there are", judged->port_count);
    if (ports)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%" PRIu64 " request%s found no free local port here%s: keep connections "
                         "alive, connect from more addresses (--local-addr), or widen "
                         "net.ipv4.ip_local_port_range",
                         ports, ports == 1 ? "" : "s", limit);
}

/* Who finds none waits, or does after each other what was to be done at once. */
static void judge_stacks(struct lki_result *result)
{
    const char *code = lki_code_name(LKI_CODE_STEP_NOMEM);
    uint64_t times = 0;

    for (size_t i = 0; i < result->error_count; i++) {
        const struct lki_result_error *error = &result->errors[i];

        if (error->source == LKI_SOURCE_LIFECYCLE && !strcmp(error->code, code))
            times += error->count;
    }
    if (times)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%" PRIu64 " time%s there was no memory for the stack of a step, which "
                         "began later: raise the limit of memory (ulimit -v), or use fewer users",
                         times, times == 1 ? "" : "s");
}

/* Who waits to begin cannot be told from a user that the run never had; who is kept from it by his
 * own start, which is the target's doing or the author's, is only named. */
static void judge_missed(struct lki_result *result)
{
    for (size_t i = 0; i < result->error_count; i++) {
        const struct lki_result_error *error = &result->errors[i];

        if (!lki_result_error_is_missed(error))
            continue;
        if (!strcmp(error->code, lki_code_name(LKI_CODE_LIFECYCLE_UNBEGUN)))
            lki_result_note(result, "%" PRIu64 " of %" PRIu64 " users never began: each %s",
                            error->count, result->users, error->message);
        else
            lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                             "%" PRIu64 " of %" PRIu64 " users never began: each %s; let there be "
                             "an object for each user (%s), or use fewer users (-u)",
                             error->count, result->users, error->message,
                             is_across_machines(result) ? "resources ensure" : ".count");
    }
}

/* Nothing else would tell why no step ran. */
static void judge_beginners(struct lki_result *result)
{
    uint64_t count = 0;

    if (result->totals.steps || lki_result_missed(result))
        return;
    for (size_t i = 0; i < result->metric_count; i++) {
        const struct lki_result_metric *hook = &result->metrics[i];

        if (hook->source == LKI_SOURCE_LIFECYCLE && !strcmp(hook->name, "on_start"))
            count = hook->count - hook->errors;
    }
    if (count)
        lki_result_note(result,
                        "%" PRIu64 " %s no further than on_start before the run was over: let it "
                        "last longer (-d)",
                        count, count == 1 ? "user came" : "users came");
}

static void judge_arrivals(struct lki_result *result)
{
    const struct lki_result_arrivals *arrivals = &result->arrivals;
    const char *advice = lki_result_missed(result) ? "let more users begin" : "use more users (-u)";

    if (arrivals->dropped && !arrivals->started)
        lki_result_note(result,
                        "none of %" PRIu64 " arrivals found a user: none could begin its life, or "
                        "had a step that was ready",
                        arrivals->intended);
    else if (arrivals->dropped)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%" PRIu64 " of %" PRIu64 " arrivals found no free user in time and were "
                         "dropped: %s",
                         arrivals->dropped, arrivals->intended, advice);
    if (arrivals->late > LATE_FEW &&
        (double)arrivals->late > LATE_SHARE * (double)arrivals->started)
        lki_result_doubt(result, LKI_RUN_GENERATOR_BOUND,
                         "%" PRIu64 " of %" PRIu64 " arrivals began late, 1 in 100 by %.0f ms or "
                         "more: %s if all of them were at work, else use more workers (%s)",
                         arrivals->late, arrivals->started, (double)arrivals->lateness.p99_ns / 1e6,
                         advice, workers_option(result));
}

static void doubt_crash(struct lki_result *result, const struct lki_result_crash *crash,
                        size_t others)
{
    char worker[LKI_WORKER_BYTES];
    char more[LIMIT_BYTES] = "";

    if (others)
        snprintf(more, sizeof(more), ", and %zu more crash%s", others, others == 1 ? "" : "es");
    if (*crash->step && crash->user)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "user %" PRIu64 " crashed in %s (%s)%s: what it had in hand is lost",
                         crash->user, crash->step, crash->what, more);
    else if (*crash->step)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE, "%s crashed (%s)%s", crash->step, crash->what,
                         more);
    else if (crash->worker)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE, "%s died (%s)%s: what it had in hand is lost",
                         lki_result_worker(crash->worker_id, crash->worker, worker), crash->what,
                         more);
    else
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "the event loop ended early (%s): what it had in hand is lost",
                         crash->what);
}

/* Whether it was at work all that time nobody knows. */
static void doubt_silent(struct lki_result *result, const struct lki_result_crash *crash,
                         size_t count)
{
    char worker[WHO_BYTES];
    char on[LIMIT_BYTES] = "";

    if (crash->goes_on_ns)
        snprintf(on, sizeof(on), ", or still does for up to %.0f s,",
                 ceil((double)crash->goes_on_ns / 1e9));
    lki_result_doubt(
        result, LKI_RUN_INCOMPLETE,
        "%s was out of reach for %.0f s when it was given up: what it did in that time%s "
        "is in no number",
        one_of(crash->worker_id, crash->worker, count, worker), (double)crash->silent_ns / 1e9, on);
}

static void doubt_orphaned(struct lki_result *result, const struct lki_result_crash *crash,
                           size_t count)
{
    char worker[WHO_BYTES];

    lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                     "%s heard nothing of the orchestrator for too long: its users left %.0f s "
                     "after the start, and there was no load of theirs until they began anew",
                     one_of(crash->worker_id, crash->worker, count, worker),
                     (double)crash->at_ns / 1e9);
}

static int64_t total_ns(const struct lki_result_crash *crash)
{
    return crash->silent_ns + crash->goes_on_ns;
}

static void judge_crashes(struct lki_result *result)
{
    const struct lki_result_crash *crashed = NULL;
    const struct lki_result_crash *silent = NULL;
    const struct lki_result_crash *orphaned = NULL;
    size_t silent_count = 0;
    size_t orphaned_count = 0;

    for (size_t i = result->crash_count; i > 0; i--) {
        const struct lki_result_crash *crash = &result->crashes[i - 1];

        silent_count += crash->silent_ns > 0;
        orphaned_count += crash->orphaned;
        if (crash->orphaned)
            orphaned = crash;
        else if (!crash->silent_ns)
            crashed = crash;
        else if (!silent || total_ns(crash) + LKI_NS_PER_S > total_ns(silent))
            silent = crash; /* the first of those of one machine */
    }
    if (crashed)
        doubt_crash(result, crashed, result->crash_count - silent_count - orphaned_count - 1);
    if (silent)
        doubt_silent(result, silent, silent_count);
    if (orphaned)
        doubt_orphaned(result, orphaned, orphaned_count);
}

static void judge_losses(struct lki_result *result, const struct lki_judged *judged)
{
    uint64_t overflowed = 0;

    for (size_t i = 0; i < result->health_count; i++)
        overflowed += result->health[i].overflowed;
    judge_crashes(result);
    if (result->requests_lost)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "%" PRIu64 " request%s counted in the totals, but in no row below: %s",
                         result->requests_lost, result->requests_lost == 1 ? " is" : "s are",
                         result->requests_lost == 1 ? "its worker died before it told of it"
                                                    : "workers died before they told of them");
    if (result->seconds_lost)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "%" PRIu64 " second%s of workers that died: no row of the series, and no "
                         "latency, knows of %s",
                         result->seconds_lost, result->seconds_lost == 1 ? "" : "s",
                         result->seconds_lost == 1 ? "it" : "them");
    if (judged->unexplained)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "a worker was lost for good: how much is missing is not known");
    if (overflowed)
        lki_result_doubt(result, LKI_RUN_INCOMPLETE,
                         "%" PRIu64 " stacks overflowed: give the steps a larger .stack_bytes",
                         overflowed);
}

static void judge_hooks(struct lki_result *result, const struct lki_judged *judged)
{
    if (judged->set_up_failure)
        lki_result_fail(result, "on_setup failed: %s", judged->set_up_failure);
    else if (judged->failure)
        lki_result_fail(result, "%s", judged->failure);
    if (judged->tear_down_failure)
        lki_result_note(result, "on_teardown failed: %s", judged->tear_down_failure);
    if (judged->set_up_abandoned)
        lki_result_note(result, "on_setup was still in a function called by lk_blocking");
    if (judged->tear_down_abandoned)
        lki_result_note(result, "on_teardown was still in a function called by lk_blocking");
}

void lki_result_judge(struct lki_result *result, const struct lki_judged *judged)
{
    uint64_t abandoned = 0;

    for (size_t i = 0; i < result->health_count; i++)
        abandoned += result->health[i].abandoned;
    judge_losses(result, judged);
    judge_processor(result);
    judge_stalls(result);
    judge_limits(result, judged);
    judge_stacks(result);
    judge_missed(result);
    judge_beginners(result);
    judge_arrivals(result);
    if (abandoned)
        lki_result_note(result, "%" PRIu64 " %s still in a function called by lk_blocking",
                        abandoned, abandoned == 1 ? "user was" : "users were");
    if (judged->no_users)
        lki_result_note(result, "no user could begin its life for a minute, so the run was ended");
    judge_hooks(result, judged);
}

/* The command test status. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "cli/remote.h"
#include "report/layout.h"

#define LABEL_COLUMN 12

static void label(struct lki_buf *out, const char *name)
{
    lki_buf_printf(out, "%-*s ", LABEL_COLUMN, name);
}

static void put_count(struct lki_buf *out, const struct lki_json_value *answer, const char *path)
{
    char cell[LKI_CELL_BYTES];

    lki_format_count(cell, lki_answer_count(answer, path));
    lki_buf_str(out, cell);
}

static void put_rate(struct lki_buf *out, const struct lki_json_value *answer, const char *path)
{
    char cell[LKI_CELL_BYTES];

    lki_format_rate(cell, lki_answer_number(answer, path));
    lki_buf_str(out, cell);
}

static void put_clock(struct lki_buf *out, const struct lki_json_value *answer, const char *path)
{
    char cell[LKI_CELL_BYTES];

    lki_format_clock(cell, lki_answer_seconds(answer, path));
    lki_buf_str(out, cell);
}

/* "RUNNING: run 1a2b of shop, 12s of 1m00s"; what prepares a run is no part of its length. */
static void put_state(struct lki_buf *out, const struct lki_json_value *answer)
{
    struct lki_json_value value;

    lki_answer_text(answer, "state", out);
    if (lki_answer_find(answer, "phase", &value)) {
        lki_buf_str(out, ", ");
        lki_answer_text(answer, "phase", out);
    }
    if (!lki_answer_find(answer, "run_id", &value)) {
        lki_buf_str(out, ": no run yet\n");
        return;
    }
    lki_buf_printf(out, ": %srun ", lki_answer_is(answer, "state", "IDLE") ? "last " : "");
    lki_answer_text(answer, "run_id", out);
    lki_buf_str(out, " of ");
    lki_answer_text(answer, "program", out);
    lki_buf_str(out, ", ");
    put_clock(out, answer, "elapsed_s");
    if (!lki_answer_is(answer, "state", "PREPARING") &&
        lki_answer_find(answer, "total_s", &value)) {
        lki_buf_str(out, " of ");
        put_clock(out, answer, "total_s");
    }
    if (lki_answer_find(answer, "ended_by", &value)) {
        lki_buf_str(out, ", ended by ");
        lki_answer_text(answer, "ended_by", out);
    }
    lki_buf_char(out, '\n');
}

static void put_users(struct lki_buf *out, const struct lki_json_value *answer)
{
    label(out, "users");
    put_count(out, answer, "users");
    lki_buf_str(out, " of ");
    put_count(out, answer, "users_wanted");
    if (lki_answer_number(answer, "rate_per_s") > 0) {
        lki_buf_str(out, ", at ");
        put_rate(out, answer, "rate_per_s");
        lki_buf_str(out, " iterations a second");
    }
    lki_buf_char(out, '\n');
}

static void put_workers(struct lki_buf *out, const struct lki_json_value *answer)
{
    label(out, "workers");
    put_count(out, answer, "workers_alive");
    lki_buf_str(out, " of ");
    put_count(out, answer, "workers");
    if (lki_answer_count(answer, "crashes")) {
        lki_buf_str(out, ", crashes ");
        put_count(out, answer, "crashes");
    }
    lki_buf_char(out, '\n');
}

/* "12,345, 0.12% failed, 1,234/s now" */
static void put_done(struct lki_buf *out, const struct lki_json_value *answer, const char *name,
                     const char *count, const char *failed, const char *rate)
{
    uint64_t all = lki_answer_count(answer, count);
    char percent[LKI_CELL_BYTES];

    lki_format_percent(percent, lki_answer_count(answer, failed), all);
    label(out, name);
    put_count(out, answer, count);
    lki_buf_printf(out, ", %s failed", percent);
    if (!lki_answer_is(answer, "state", "IDLE")) {
        lki_buf_str(out, ", ");
        put_rate(out, answer, rate);
        lki_buf_str(out, "/s now");
    }
    lki_buf_char(out, '\n');
}

static void put_latency(struct lki_buf *out, const struct lki_json_value *answer)
{
    static const char *const names[] = {"p50", "p95", "p99"};
    static const char *const paths[] = {"last.p50_ms", "last.p95_ms", "last.p99_ms"};

    if (lki_answer_is(answer, "state", "IDLE") || !lki_answer_ms(answer, paths[0]))
        return;
    label(out, "latency now");
    for (size_t i = 0; i < 3; i++) {
        char cell[LKI_CELL_BYTES];

        lki_format_duration(cell, lki_answer_ms(answer, paths[i]));
        lki_buf_printf(out, "%s%s %s", i ? ", " : "", names[i], cell);
    }
    lki_buf_char(out, '\n');
}

static void put_arrivals(struct lki_buf *out, const struct lki_json_value *answer)
{
    struct lki_json_value value;

    if (!lki_answer_find(answer, "arrivals", &value))
        return;
    label(out, "arrivals");
    put_count(out, answer, "arrivals.started");
    lki_buf_str(out, " began, ");
    put_count(out, answer, "arrivals.late");
    lki_buf_str(out, " late, ");
    put_count(out, answer, "arrivals.dropped");
    lki_buf_str(out, " dropped\n");
}

bool lki_remote_awaited(const struct lki_json_value *status, struct lki_buf *out)
{
    uint64_t others = lki_answer_count(status, "awaited.workers");
    char span[LKI_CELL_BYTES];

    if (!others--)
        return false;
    lki_format_duration(span, lki_answer_seconds(status, "awaited.for_s"));
    lki_buf_printf(out, "waits up to %s for ", span);
    lki_answer_text(status, "awaited.worker_id", out);
    if (others)
        lki_buf_printf(out, " and %" PRIu64 " more, which are", others);
    else
        lki_buf_str(out, ", which is");
    lki_buf_str(out, " out of reach; another test stop ends the wait");
    return true;
}

static bool is_waiting(const struct lki_json_value *answer)
{
    struct lki_json_value value;

    return lki_answer_find(answer, "former_orchestrator", &value) && value.kind == LKI_JSON_STRING;
}

static void put_former(struct lki_buf *out, const struct lki_json_value *answer)
{
    lki_buf_str(out, "this orchestrator waits some seconds until the lock of a former one ends: ");
    lki_answer_text(answer, "former_orchestrator", out);
    lki_buf_char(out, '\n');
}

static void put_hints(struct lki_buf *out, const struct lki_json_value *answer)
{
    struct lki_json_value value;

    if (lki_remote_awaited(answer, out))
        lki_buf_char(out, '\n');
    if (lki_answer_find(answer, "redis", &value) && !lki_answer_bool(answer, "redis") &&
        !is_waiting(answer))
        lki_buf_str(out, "the orchestrator has no connection to Redis; see its log\n");
    if (lki_answer_is(answer, "state", "IDLE") && lki_answer_bool(answer, "result"))
        lki_buf_str(out, "test result shows its report\n");
}

static int status_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    struct lki_json_value value;
    struct lki_buf out;
    bool has_run = lki_answer_find(answer, "run_id", &value);
    bool waits = is_waiting(answer);

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    if (waits)
        put_former(&out, answer);
    if (has_run || !waits)
        put_state(&out, answer);
    if (has_run) {
        put_users(&out, answer);
        put_workers(&out, answer);
        put_done(&out, answer, "requests", "totals.http_requests", "totals.http_errors",
                 "last.requests_per_s");
        put_done(&out, answer, "steps", "totals.steps", "totals.step_errors", "last.steps_per_s");
        put_latency(&out, answer);
        put_arrivals(&out, answer);
    } else if (!waits) {
        put_workers(&out, answer);
    }
    put_hints(&out, answer);
    return lki_cli_answer(cli, &out);
}

int lki_cli_test_status(const struct lki_cli *cli)
{
    return lki_remote_command(cli, "GET", "/status", NULL, status_show);
}

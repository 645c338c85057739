/* The commands workers, metrics and probes: what an orchestrator's run looks like at the moment. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/remote.h"
#include "cli/sheet.h"
#include "result/result.h"

#define NAME_BYTES 512

/* ---- cells ---- */

static void cell_count(struct lki_sheet_row *row, size_t column, const struct lki_json_value *entry,
                       const char *path)
{
    lki_format_count(row->cells[column], lki_answer_count(entry, path));
}

/* Empty if it is not known. */
static void cell_ms(struct lki_sheet_row *row, size_t column, const struct lki_json_value *entry,
                    const char *path)
{
    if (!isnan(lki_answer_number(entry, path)))
        lki_format_duration_cell(row->cells[column], lki_answer_ms(entry, path));
}

static void cell_text(struct lki_sheet_row *row, size_t column, const struct lki_json_value *entry,
                      const char *path)
{
    lki_answer_copy(entry, path, row->cells[column], LKI_CELL_BYTES);
}

/* ---- workers ---- */

static void worker_add(struct lki_sheet *sheet, const struct lki_json_value *entry)
{
    char name[NAME_BYTES];
    struct lki_sheet_row *row;

    lki_answer_copy(entry, "worker_id", name, sizeof(name));
    row = lki_sheet_add(sheet, name);
    if (!row)
        return;
    if (lki_answer_bool(entry, "leaving"))
        snprintf(row->cells[0], LKI_CELL_BYTES, "leaving");
    else
        cell_text(row, 0, entry, "status");
    cell_count(row, 1, entry, "active_users_count");
    cell_count(row, 2, entry, "users_count");
    if (!isnan(lki_answer_number(entry, "cpu_percent")))
        snprintf(row->cells[3], LKI_CELL_BYTES, "%.0f%%", lki_answer_number(entry, "cpu_percent"));
    if (lki_answer_count(entry, "process_ram_bytes"))
        lki_format_bytes(row->cells[4], lki_answer_number(entry, "process_ram_bytes"));
    cell_ms(row, 5, entry, "loop_delay_ms");
    if (!isnan(lki_answer_number(entry, "heartbeat_age_s")))
        lki_format_duration(row->cells[6], lki_answer_seconds(entry, "heartbeat_age_s"));
    cell_text(row, 7, entry, "host");
    row->bad = strcmp(row->cells[0], "healthy") != 0;
}

static int workers_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    static const char *const columns[] = {"state",  "active", "users", "CPU",
                                          "memory", "delay",  "heard", "host"};
    struct lki_json_walk walk = lki_answer_list(answer, "workers");
    struct lki_json_value entry;
    struct lki_sheet sheet;

    lki_sheet_init(&sheet, "workers", columns, LKI_COUNT(columns));
    while (lki_json_walk_element(&walk, &entry))
        worker_add(&sheet, &entry);
    return lki_sheets_show(cli, &sheet, 1,
                           "there are no workers; start some with the command worker");
}

int lki_cli_workers(const struct lki_cli *cli)
{
    return lki_remote_command(cli, "GET", "/workers", NULL, workers_show);
}

/* ---- metrics ---- */

/* of: "aggregate" or "aggregate_total". */
static void metric_add(struct lki_sheet *sheet, const struct lki_json_value *metric, const char *of)
{
    struct lki_json_value entry;
    char name[NAME_BYTES];
    struct lki_sheet_row *row;

    lki_answer_copy(metric, "metric_id", name, sizeof(name));
    if (!lki_answer_find(metric, of, &entry) || !lki_answer_count(&entry, "requests"))
        return;
    row = lki_sheet_add(sheet, name);
    if (!row)
        return;
    cell_count(row, 0, &entry, "requests");
    cell_count(row, 1, &entry, "errors");
    lki_format_rate(row->cells[2], lki_answer_number(&entry, "rps"));
    cell_ms(row, 3, &entry, "latency_median_ms");
    cell_ms(row, 4, &entry, "latency_p95_ms");
    cell_ms(row, 5, &entry, "latency_p99_ms");
    cell_ms(row, 6, &entry, "latency_avg_ms");
    row->bad = lki_answer_count(&entry, "errors") > 0;
}

/* "login HTTP_503 login returned HTTP 503" */
static void failure_add(struct lki_sheet *sheet, const struct lki_json_value *entry)
{
    static const char *const parts[] = {"step", "code", "message"};
    struct lki_buf name;
    struct lki_sheet_row *row;

    lki_buf_init(&name, LKI_CLI_TEXT_MAX);
    for (size_t i = 0; i < LKI_COUNT(parts); i++) {
        size_t before = name.len;

        lki_buf_str(&name, before ? " " : "");
        lki_answer_text(entry, parts[i], &name);
        if (before && name.len == before + 1)
            name.len = before;
    }
    row = name.err ? NULL : lki_sheet_add(sheet, lki_buf_cstr(&name));
    if (row)
        cell_count(row, 0, entry, "count");
    lki_buf_release(&name);
}

/* Failures are a nicety: an orchestrator that cannot tell them is not complained of. */
static void failures_add(struct lki_remote *remote, struct lki_sheet *sheet)
{
    struct lki_json_value entry;
    struct lki_json_walk walk;
    struct lki_reply reply;
    struct lki_buf why;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    if (!lki_remote_try(remote, "GET", "/errors", NULL, &reply, &why)) {
        walk = lki_answer_list(&reply.json, "errors");
        while (reply.status < 300 && lki_json_walk_element(&walk, &entry))
            failure_add(sheet, &entry);
        lki_reply_release(&reply);
    }
    lki_buf_release(&why);
}

static int metrics_show(struct lki_remote *remote, const struct lki_json_value *answer)
{
    static const char *const columns[] = {"count", "failed", "per s", "p50", "p95", "p99", "avg"};
    struct lki_json_walk walk = lki_answer_list(answer, "metrics");
    struct lki_json_value metric;
    struct lki_sheet sheets[3];

    lki_sheet_init(&sheets[0], "last minute", columns, LKI_COUNT(columns));
    lki_sheet_init(&sheets[1], "whole run", columns, LKI_COUNT(columns));
    lki_sheet_init(&sheets[2], "failures", NULL, 0);
    while (lki_json_walk_element(&walk, &metric)) {
        metric_add(&sheets[0], &metric, "aggregate");
        metric_add(&sheets[1], &metric, "aggregate_total");
    }
    failures_add(remote, &sheets[2]);
    return lki_sheets_show(remote->cli, sheets, 3, "nothing has been measured yet");
}

int lki_cli_metrics(const struct lki_cli *cli)
{
    struct lki_remote remote;
    struct lki_reply reply;
    int status = lki_remote_open(&remote, cli);

    if (!status)
        status = lki_remote_ask(&remote, "GET", "/metrics?include_events=false&count=1000", NULL,
                                &reply);
    if (!status) {
        status = cli->options.json ? lki_reply_print(cli, &reply)
                                   : metrics_show(&remote, &reply.json);
        lki_reply_release(&reply);
    }
    lki_remote_close(&remote);
    return status;
}

/* ---- probes ---- */

static void probe_failure_add(struct lki_sheet *sheet, const struct lki_json_value *entry)
{
    struct lki_buf text;
    size_t before;

    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    lki_answer_text(entry, "probe_name", &text);
    lki_buf_str(&text, ": ");
    before = text.len;
    lki_answer_text(entry, "latest.error_message", &text);
    if (text.len > before && lki_buf_cstr(&text))
        lki_sheet_add(sheet, text.data);
    lki_buf_release(&text);
}

static void probe_add(struct lki_sheet *sheet, const struct lki_json_value *entry)
{
    char name[NAME_BYTES];
    struct lki_sheet_row *row;

    lki_answer_copy(entry, "probe_name", name, sizeof(name));
    row = lki_sheet_add(sheet, name);
    if (!row)
        return;
    cell_text(row, 0, entry, "latest.value");
    cell_count(row, 1, entry, "aggregate.successes");
    cell_count(row, 2, entry, "aggregate.errors");
    row->bad = lki_answer_count(entry, "aggregate.errors") > 0;
}

static bool is_any_read(const struct lki_json_value *answer)
{
    struct lki_json_walk walk = lki_answer_list(answer, "probes");
    struct lki_json_value entry;
    struct lki_json_value latest;
    bool is_read = false;

    while (!is_read && lki_json_walk_element(&walk, &entry))
        is_read = lki_answer_find(&entry, "latest", &latest);
    return is_read;
}

static int probes_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    static const char *const columns[] = {"value", "read", "failed"};
    struct lki_json_walk walk = lki_answer_list(answer, "probes");
    const char *nothing = "the program has no probes";
    bool is_read = is_any_read(answer);
    struct lki_json_value entry;
    struct lki_sheet sheets[2];

    lki_sheet_init(&sheets[0], "probes (last minute)", columns, LKI_COUNT(columns));
    lki_sheet_init(&sheets[1], "last failures", NULL, 0);
    while (lki_json_walk_element(&walk, &entry)) {
        nothing = "no probe has been read so far: they are read while a run is on";
        if (!is_read)
            continue;
        probe_add(&sheets[0], &entry);
        probe_failure_add(&sheets[1], &entry);
    }
    return lki_sheets_show(cli, sheets, LKI_COUNT(sheets), nothing);
}

int lki_cli_probes(const struct lki_cli *cli)
{
    return lki_remote_command(cli, "GET", "/probes?include_events=false", NULL, probes_show);
}

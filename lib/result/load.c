#include "result/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "result/fill.h"
#include "result/json_in.h"

/* ---- run, verdict, totals */

/* A text that lies in the result itself. What is too long for it was not written there by us. */
static void text_to(struct lki_json_in *in, const struct lki_json_value *value, char *text,
                    size_t size)
{
    const char *read = "";

    lki_in_text(in, value, &read);
    snprintf(text, size, "%.*s", (int)lki_text_cut(read, strlen(read), size - 1), read);
}

static void read_id(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    text_to(in, value, place, sizeof(in->result->id));
}

static void read_started_at(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    text_to(in, value, place, sizeof(in->result->started_at));
}

static void read_run(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_result, id, "id", read_id),
        LKI_IN_OPTION(struct lki_result, program, "program", lki_in_text),
        LKI_IN_MEMBER(struct lki_result, seed, "seed", lki_in_u64),
        LKI_IN_OPTION(struct lki_result, started_at, "started_at", read_started_at),
        LKI_IN_MEMBER(struct lki_result, duration_ns, "duration_s", lki_in_seconds),
        LKI_IN_MEMBER(struct lki_result, users, "users", lki_in_u64),
        LKI_IN_MEMBER(struct lki_result, workers, "workers", lki_in_u64),
        LKI_IN_OPTION(struct lki_result, ended_by, "ended_by", lki_in_text),
        LKI_IN_OPTION(struct lki_result, command, "command", lki_in_text),
    };

    LKI_IN_OBJECT(in, value, members, place);
}

static void read_status(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    const char *name = "";

    lki_in_text(in, value, &name);
    for (int v = LKI_RUN_VALID; v <= LKI_RUN_INCOMPLETE; v++) {
        if (!strcmp(name, lki_run_verdict_name((enum lki_run_verdict)v))) {
            *(enum lki_run_verdict *)place = (enum lki_run_verdict)v;
            return;
        }
    }
    lki_in_refuse(in, LK_E_FORMAT, "no verdict is called that");
}

/* A list of texts, of which the first ones are kept where there is no room for all. */
static void read_remarks(struct lki_json_in *in, const struct lki_json_value *value,
                         const char **remarks, size_t *count)
{
    const char **all = NULL;
    size_t len = 0;

    LKI_IN_ARRAY(in, value, LKI_IN_LIST_MAX, lki_in_text, all, len);
    for (size_t i = 0; i < len && i < LKI_RESULT_REMARKS_MAX; i++)
        remarks[(*count)++] = all[i] ? all[i] : "";
}

static void read_reasons(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = in->result;

    (void)place;
    result->reason_count = 0;
    read_remarks(in, value, result->reasons, &result->reason_count);
}

static void read_notes(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    struct lki_result *result = in->result;

    (void)place;
    result->note_count = 0;
    read_remarks(in, value, result->notes, &result->note_count);
}

static void read_verdict(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_result, verdict, "status", read_status),
        LKI_IN_MEMBER(struct lki_result, reasons, "reasons", read_reasons),
        LKI_IN_OPTION(struct lki_result, failure, "failure", lki_in_text),
        LKI_IN_OPTION(struct lki_result, requests_lost, "requests_lost", lki_in_u64),
        LKI_IN_OPTION(struct lki_result, seconds_lost, "seconds_lost", lki_in_u64),
    };

    LKI_IN_OBJECT(in, value, members, place);
}

static void read_totals(struct lki_json_in *in, const struct lki_json_value *value, void *place)
{
    static const struct lki_in_member members[] = {
        LKI_IN_MEMBER(struct lki_totals, iterations, "iterations", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, steps, "steps", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, step_errors, "step_errors", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, http_requests, "http_requests", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, http_errors, "http_errors", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, http_unsent, "http_unsent", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, http_retries, "http_retries", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, bytes_sent, "bytes_sent", lki_in_u64),
        LKI_IN_MEMBER(struct lki_totals, bytes_received, "bytes_received", lki_in_u64),
    };

    LKI_IN_OBJECT(in, value, members, place);
}

/* ---- all of it */

/* It has been checked, and the schema is ours. Examples come last: they name metrics. */
static void read_whole(struct lki_json_in *in, const struct lki_json_value *whole)
{
    static const struct lki_in_member members[] = {
        {"run", read_run, 0, false},
        {"verdict", read_verdict, 0, false},
        {"notes", read_notes, 0, true},
        LKI_IN_MEMBER(struct lki_result, totals, "totals", read_totals),
        {"crashes", lki_result_in_crashes, 0, true},
        {"generator", lki_result_in_generator, 0, true},
        LKI_IN_MEMBER(struct lki_result, arrivals, "arrivals", lki_result_in_arrivals),
        LKI_IN_MEMBER(struct lki_result, all_http, "all_http", lki_result_in_metric),
        LKI_IN_MEMBER(struct lki_result, all_steps, "all_steps", lki_result_in_metric),
        {"types", lki_result_in_types, 0, true},
        {"metrics", lki_result_in_metrics, 0, false},
        {"custom", lki_result_in_customs, 0, true},
        {"probes", lki_result_in_probes, 0, true},
        {"errors", lki_result_in_errors, 0, false},
        {"series", lki_result_in_series, 0, false},
    };
    static const struct lki_in_member last[] = {{"examples", lki_result_in_examples, 0, true}};

    LKI_IN_OBJECT(in, whole, members, in->result);
    LKI_IN_OBJECT(in, whole, last, in->result);
    in->result->failure = in->result->failure && *in->result->failure ? in->result->failure : NULL;
}

static enum lk_err check_schema(const char *text, size_t len, struct lki_buf *why)
{
    struct lki_json_value schema;
    enum lk_err err;

    if (!len) {
        lki_buf_str(why, "it is empty");
        return LK_E_FORMAT;
    }
    err = lki_json_check(text, len);
    if (err == LK_E_FORMAT && text[0] == '{' && !memchr("}\n", text[len - 1], 2))
        lki_buf_str(why, "it breaks off: it was not written, or not copied, to its end");
    else if (err)
        lki_buf_str(why, "it is not JSON");
    if (err)
        return err;
    if (lki_json_find(text, len, "schema", &schema) || schema.kind != LKI_JSON_STRING) {
        lki_buf_str(why, "it has no \"schema\", so it is no result of loadkit");
        return LK_E_FORMAT;
    }
    if (schema.len == sizeof("\"" LKI_RESULT_SCHEMA "\"") - 1 &&
        !memcmp(schema.raw, "\"" LKI_RESULT_SCHEMA "\"", schema.len))
        return LK_OK;
    lki_buf_printf(why,
                   "its schema is %.*s, not \"%s\": another version, or another program, wrote it",
                   (int)lki_min(schema.len, 80), schema.raw, LKI_RESULT_SCHEMA);
    return LK_E_FORMAT;
}

enum lk_err lki_result_read(struct lki_result *result, const char *text, size_t len,
                            struct lki_buf *why)
{
    struct lki_json_in in = {.result = result, .why = why};
    struct lki_json_value whole;
    enum lk_err err = check_schema(text, len, why);

    if (!err)
        err = lki_json_find(text, len, "", &whole);
    if (err)
        return err;
    *result = (struct lki_result){.program = "", .ended_by = "", .command = ""};
    lki_arena_init(&result->arena, NULL, 0);
    read_whole(&in, &whole);
    if (in.err)
        lki_result_release(result);
    return in.err;
}

/* ---- files */

/* The whole of it to memory, which is to be freed; NULL and errno. */
static char *read_file(FILE *file, size_t *len)
{
    size_t cap = 64 << 10;
    char *text = malloc(cap);

    *len = 0;
    while (text) {
        size_t got = fread(text + *len, 1, cap - *len, file);
        char *more;

        *len += got;
        if (*len < cap) {
            if (!ferror(file))
                return text;
            break;
        }
        more = cap < LKI_RESULT_FILE_MAX ? realloc(text, cap * 2) : NULL;
        if (!more) {
            errno = cap < LKI_RESULT_FILE_MAX ? ENOMEM : EFBIG;
            break;
        }
        text = more;
        cap *= 2;
    }
    free(text);
    return NULL;
}

enum lk_err lki_result_load(struct lki_result *result, const char *path, struct lki_buf *why)
{
    bool standard = !strcmp(path, "-");
    FILE *file = standard ? stdin : fopen(path, "re");
    size_t start = why->len;
    size_t len = 0;
    char *text = file ? read_file(file, &len) : NULL;
    enum lk_err err = LK_E_IO;

    lki_buf_printf(why, "cannot read the result from %s: ", standard ? "standard input" : path);
    if (text)
        err = lki_result_read(result, text, len, why);
    else
        lki_buf_printf(why, "%s; name a file that --json wrote", strerror(errno));
    if (file && !standard)
        fclose(file);
    free(text);
    if (!err)
        why->len = start;
    else if (why->data)
        lki_text_one_line(why->data + start, why->len - start);
    return err;
}

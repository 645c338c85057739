#include "client/sample.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/expect.h"
#include "client/http.h"
#include "net/http1_parse.h"
#include "stats/example.h"

/* Method and path, without the query. Of a template nothing is folded: it says itself what is an
 * identifier. */
static struct lki_metric *metric_of_path(lk_vu *vu, const char *step,
                                         const struct lki_outgoing *out)
{
    char name[LKI_METRIC_NAME_MAX + 1];
    struct lki_buf *path = lki_vu_scratch(vu);
    size_t len = lki_min(out->verb_len, sizeof(name) - 2);

    lki_buf_clear(path);
    if (out->label) {
        lki_buf_append(path, out->prefix, out->prefix_len);
        if (*out->label != '/')
            lki_buf_char(path, '/');
        lki_buf_append(path, out->label, strcspn(out->label, "?#"));
    } else {
        lki_outgoing_write_target(out, path);
    }
    /* a name without its path would be remembered for all such requests */
    if (path->err)
        lki_vu_nomem(vu);
    memcpy(name, out->verb, len);
    name[len++] = ' ';
    if (out->label) {
        size_t kept = lki_text_cut(path->data, path->len, sizeof(name) - 1 - len);

        memcpy(name + len, path->data, kept);
        len += kept;
    } else {
        len += lki_url_fold(name + len, sizeof(name) - len, path->data, path->len);
    }
    return lki_metrics_find(vu->metrics, LKI_SOURCE_HTTP, step, name, len);
}

/* Finds the metric the long way: by the name that was given, or by method and path. */
static struct lki_metric *metric_find(lk_vu *vu, const char *step, const struct lki_outgoing *out)
{
    const char *name = out->request->name;

    if (name)
        return lki_metrics_find(vu->metrics, LKI_SOURCE_HTTP, step, name, strlen(name));
    return metric_of_path(vu, step, out);
}

/* The slot that remembers such requests, filled in; or none for a name that is too long, or for an
 * absolute URL, of which the target does not say where it leads. */
static struct lki_sample_name *name_of(lk_vu *vu, const char *step, const struct lki_outgoing *out)
{
    const struct lk_request *request = out->request;
    struct lki_sample_name *slot;
    char text[LKI_SAMPLE_NAME_BYTES];
    struct lki_buf key = {.data = text, .cap = sizeof(text), .max = sizeof(text)};
    size_t len;

    if (!out->prefix)
        return NULL;
    if (request->name) {
        lki_buf_char(&key, '='); /* which no method begins with */
        lki_buf_str(&key, request->name);
    } else {
        lki_buf_append(&key, out->verb, out->verb_len);
        lki_buf_char(&key, out->label ? '{' : ' '); /* neither is in a method */
        lki_buf_append(&key, out->prefix, out->prefix_len);
        if (LKI_UNLIKELY(out->label != NULL))
            lki_buf_append(&key, out->label, out->label_len);
        else
            lki_buf_append(&key, out->target, out->target_len);
    }
    if (key.err)
        return NULL;
    len = key.len;
    slot =
        &vu->http.shared->names[(lki_hash(text, len) + ((uintptr_t)step >> 3)) % LKI_SAMPLE_NAMES];
    if (slot->metric && slot->step == step && slot->len == len && !memcmp(slot->text, text, len))
        return slot;
    slot->metric = metric_find(vu, step, out);
    slot->step = step;
    slot->len = (uint32_t)len;
    memcpy(slot->text, text, len);
    if (!slot->memo)
        slot->memo = lki_zalloc(sizeof(*slot->memo));
    return slot;
}

/* What the author expects is the last answer. */
static enum lki_verdict verdict_of(const struct lki_outgoing *out,
                                   const struct lki_exchange_result *result)
{
    int expect = out->leads_on ? 0 : out->request->expect;

    if (result->code == LKI_CODE_HTTP_CANCELLED)
        return LKI_SAMPLE_CANCELLED;
    return lki_expect_met(expect, result->status) ? LKI_SAMPLE_OK : LKI_SAMPLE_ERROR;
}

/* The status line, or why there is none. */
static struct lki_example_part answer_part(const struct lki_exchange_result *result)
{
    const char *text = result->status ? result->head : result->error;

    return (struct lki_example_part){text, text ? strcspn(text, "\r\n") : 0};
}

/* A code that its metric has not seen before: what brought it may be asked for. A request that was
 * not sent is no part of it. */
static void example_keep(lk_vu *vu, struct lki_metric *metric, const struct lki_outgoing *out,
                         const struct lki_exchange_result *result)
{
    struct lki_buf *scratch = lki_vu_scratch(vu);
    struct lki_example_part body = {result->body, result->status ? result->body_bytes : 0};
    struct lki_example *example = NULL;

    lki_buf_clear(scratch);
    if (result->sent) {
        lki_buf_append(scratch, out->verb, out->verb_len);
        lki_buf_char(scratch, ' ');
        lki_outgoing_write_target(out, scratch);
        lki_buf_str(scratch, result->version == 20 ? " HTTP/2" : " HTTP/1.1");
    }
    if (!scratch->err)
        example = lki_metrics_example(vu->metrics, metric, result->code,
                                      (struct lki_example_part){scratch->data, scratch->len},
                                      answer_part(result), body);
    if (example) {
        example->user = vu->id;
        example->took_ns = result->end_ns - result->start_ns;
    }
}

/* Failures are told apart by which request it was, how it failed, and why. */
static void error_tell(lk_vu *vu, const struct lki_metric *metric,
                       const struct lki_exchange_result *result)
{
    struct lki_buf *text = lki_vu_scratch(vu);
    const char *whole;

    lki_buf_clear(text);
    lki_buf_printf(text, "%s: %s", metric->name, result->error);
    whole = lki_buf_cstr(text);
    lki_metrics_error(vu->metrics, LKI_SOURCE_HTTP, lki_vu_unit(vu)->step, result->code,
                      whole ? whole : result->error, vu->id);
}

void lki_sample_record(lk_vu *vu, struct lki_metric *metric, const struct lki_outgoing *out,
                       const struct lki_exchange_result *result)
{
    uint16_t codes = lki_metric_codes(metric);
    struct lki_sample sample = {.code = result->code,
                                .verdict = verdict_of(out, result),
                                .latency_ns = result->end_ns - result->start_ns,
                                .late_ns = vu->late_ns,
                                .bytes_sent = result->bytes_sent,
                                .bytes_received = result->bytes_received};

    memcpy(sample.phase_ns, result->phase_ns, sizeof(sample.phase_ns));
    lki_metric_record(metric, &sample);
    if (LKI_UNLIKELY(lki_metric_codes(metric) != codes))
        example_keep(vu, metric, out, result);
    if (LKI_UNLIKELY(!result->sent))
        vu->metrics->totals->http_unsent++;
    vu->metrics->totals->http_retries += result->retries;
    if (LKI_UNLIKELY(!result->status && sample.verdict == LKI_SAMPLE_ERROR))
        error_tell(vu, metric, result);
}

struct lki_sampling lki_sampling_of(lk_vu *vu, const struct lki_outgoing *out)
{
    const char *step = lki_vu_unit(vu)->step;
    struct lki_sample_name *known = name_of(vu, step, out);

    if (LKI_LIKELY(known != NULL))
        return (struct lki_sampling){known->metric, known->memo};
    return (struct lki_sampling){metric_find(vu, step, out), NULL};
}

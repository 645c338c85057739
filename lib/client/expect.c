#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "client/expect.h"

#include <string.h>

#include <loadkit/expect.h>
#include <loadkit/vu.h>

#include "base/mem.h"
#include "base/text.h"
#include "client/json_same.h"
#include "net/http1_parse.h"

#define STATUS_MIN 100
#define STATUS_MAX 999
#define SHOWN_BYTES 120 /* of what came instead */

/* ---- statuses ---- */

static int first_of(int expect)
{
    return expect > STATUS_MAX ? expect / 1000 : expect;
}

static int last_of(int expect)
{
    return expect > STATUS_MAX ? expect % 1000 : expect;
}

static bool is_expectation(int expect)
{
    return first_of(expect) >= STATUS_MIN && first_of(expect) <= STATUS_MAX &&
           last_of(expect) >= first_of(expect);
}

bool lki_expect_has(int expect, int status)
{
    return status >= first_of(expect) && status <= last_of(expect);
}

/* "201", "200 to 299" */
static const char *range_text(lk_vu *vu, int expect)
{
    return first_of(expect) == last_of(expect)
               ? lk_format(vu, "%d", first_of(expect))
               : lk_format(vu, "%d to %d", first_of(expect), last_of(expect));
}

void lki_expect_check(lk_vu *vu, const struct lki_outgoing *out)
{
    int expect = out->request->expect;

    if (!is_expectation(expect))
        lki_vu_fail(
            vu,
            "%s %s: .expect = %s is no status, nor a range of them: give one such as 201, or "
            "LK_STATUS(200, 299)",
            out->verb, out->request->url, range_text(vu, expect));
}

/* ---- messages ---- */

/* Foreign text as it can stand in one: cut, and in one line. */
static const char *shown(lk_vu *vu, const char *text, size_t len)
{
    size_t kept = lki_text_cut(text, len, SHOWN_BYTES);
    char *copy = lki_arena_copy(lki_vu_arena(vu), text, kept);

    if (!copy)
        lki_vu_nomem(vu);
    for (size_t i = 0; i < kept; i++)
        copy[i] = copy[i] ? copy[i] : '?';
    lki_text_one_line(copy, kept);
    return kept == len ? copy : lk_format(vu, "%s...", copy);
}

static const char *body_shown(lk_vu *vu, const lk_response *response)
{
    if (!response->body_bytes)
        return lki_response_doc(response)->discarded
                   ? "the body was discarded, as .discard_body says"
                   : "the body is empty";
    return shown(vu, response->body, response->body_bytes);
}

/* The name of the request's sample. */
static const char *asked(const lk_response *response)
{
    return lki_response_doc(response)->sample;
}

LK_NORETURN static void status_fail(lk_vu *vu, const lk_response *response, int expect)
{
    lki_vu_fail(vu, "%s answered %d, expected %s: %s", asked(response), response->status,
                range_text(vu, expect), body_shown(vu, response));
}

void lki_expect_heed(lk_vu *vu, const struct lki_outgoing *out, const struct lki_response *response)
{
    const struct lk_request *request = out->request;

    if (LKI_UNLIKELY(request->expect != 0) && response->pub.status && !request->keep_going &&
        !lki_expect_met(request->expect, response->pub.status))
        status_fail(vu, &response->pub, request->expect);
}

/* ---- what a step asks for ---- */

static void answer_need(lk_vu *vu, const lk_response *response)
{
    if (!response)
        lki_vu_fail(vu, "an expectation of a response that is NULL");
    if (!response->status)
        lki_vu_fail(vu, "%s got no answer: %s", asked(response), lk_error(response));
}

void lk_expect_status(lk_vu *vu, const lk_response *response, int status)
{
    answer_need(vu, response);
    if (!is_expectation(status))
        lki_vu_fail(vu, "LK_EXPECT_STATUS: %s is no status, nor a range of them",
                    range_text(vu, status));
    if (!lki_expect_met(status, response->status))
        status_fail(vu, response, status);
}

/* An expected value as JSON, in the step's arena. */
static struct lki_json_value value_make(lk_vu *vu, const struct lk_value *value)
{
    struct lki_buf *text = lki_vu_scratch(vu);
    struct lki_json_value made;
    const char *copy;

    lki_buf_clear(text);
    lki_value_write(vu, text, value);
    copy = text->err ? NULL : lki_arena_copy(lki_vu_arena(vu), text->data, text->len);
    if (!copy)
        lki_vu_nomem(vu);
    if (lki_json_find(copy, text->len, "", &made))
        lki_vu_fail(vu, "LK_EXPECT_JSON: the expected value is no JSON");
    return made;
}

/* What is at path in the body. That there is nothing ends the step. */
static struct lki_json_value value_find(lk_vu *vu, const lk_response *response, const char *path,
                                        const struct lki_json_value *wanted)
{
    const struct lki_doc *doc = lki_response_doc(response);
    const char *expected = shown(vu, wanted->raw, wanted->len);
    char found[LKI_FOUND_BYTES];
    struct lki_json_value value;
    enum lk_err err = lki_json_find(response->body, response->body_bytes, path, &value);

    if (!err)
        err = lki_json_check(value.raw, value.len);
    if (!err)
        return value;
    if (err == LK_E_NOT_FOUND)
        lki_vu_fail(vu, "%s: there is nothing at \"%s\", expected %s", asked(response), path,
                    expected);
    lki_doc_describe(doc, found);
    lki_vu_fail(vu, "%s: expected %s at \"%s\" of the body, but %s", asked(response), expected,
                path, found);
}

void lk_expect_json(lk_vu *vu, const lk_response *response, const char *path, struct lk_value value)
{
    struct lki_json_value wanted, found;
    enum lk_err err;
    bool same;

    answer_need(vu, response);
    if (!path)
        lki_vu_fail(vu, "LK_EXPECT_JSON without a path");
    wanted = value_make(vu, &value);
    found = value_find(vu, response, path, &wanted);
    err = lki_json_same(lki_vu_arena(vu), &found, &wanted, &same);
    if (err == LK_E_NOMEM)
        lki_vu_nomem(vu);
    if (err)
        lki_vu_fail(vu, "%s: \"%s\" is nested too deep to be compared", asked(response), path);
    if (!same)
        lki_vu_fail(vu, "%s: \"%s\" is %s, expected %s", asked(response), path,
                    shown(vu, found.raw, found.len), shown(vu, wanted.raw, wanted.len));
}

void lk_expect_body(lk_vu *vu, const lk_response *response, const char *part)
{
    answer_need(vu, response);
    if (!part)
        lki_vu_fail(vu, "LK_EXPECT_BODY without the text that is expected");
    if (!memmem(response->body, response->body_bytes, part, strlen(part)))
        lki_vu_fail(vu, "%s: the body has no \"%s\": %s", asked(response),
                    shown(vu, part, strlen(part)), body_shown(vu, response));
}

void lk_expect_header(lk_vu *vu, const lk_response *response, const char *name, const char *value)
{
    const struct lki_response *inner;
    const char *found;
    size_t len;

    answer_need(vu, response);
    if (!name || !value)
        lki_vu_fail(vu, "LK_EXPECT_HEADER without a %s", name ? "value" : "name");
    inner = lki_response_of(response);
    for (unsigned i = 0; lki_http1_header(inner->head, inner->head_bytes, name, i, &found, &len);
         i++) {
        if (len == strlen(value) && !memcmp(found, value, len))
            return;
    }
    if (!lki_http1_header(inner->head, inner->head_bytes, name, 0, &found, &len))
        lki_vu_fail(vu, "%s: there is no header %s, expected \"%s\"", asked(response), name,
                    shown(vu, value, strlen(value)));
    lki_vu_fail(vu, "%s: the header %s is \"%s\", expected \"%s\"", asked(response), name,
                shown(vu, found, len), shown(vu, value, strlen(value)));
}

#include "client/trace.h"

#include <string.h>
#include <strings.h>

#include "base/format.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"
#include "stats/code.h"

#define TRACE_MAX ((size_t)256 * 1024 * 1024)

static const char *const colours[] = {
    [LKI_TRACE_PLAIN] = "",
    [LKI_TRACE_TITLE] = "\033[1m",
    [LKI_TRACE_GOOD] = "\033[32m",
    [LKI_TRACE_BAD] = "\033[31m",
};

enum lk_err lki_trace_init(struct lki_trace *trace, FILE *out, bool colour, size_t body_bytes,
                           const struct lki_model *model)
{
    enum lk_err err;

    *trace = (struct lki_trace){.out = out, .colour = colour, .body_bytes = body_bytes};
    lki_buf_init(&trace->text, TRACE_MAX);
    lki_buf_init(&trace->page, TRACE_MAX);
    lki_arena_init(&trace->arena, NULL, 0);
    err = lki_secrets_take(&trace->secrets, model, &trace->arena);
    if (err)
        lki_trace_release(trace);
    return err;
}

void lki_trace_release(struct lki_trace *trace)
{
    lki_arena_reset(&trace->arena);
    lki_buf_release(&trace->text);
    lki_buf_release(&trace->page);
}

void lki_trace_flush(struct lki_trace *trace)
{
    struct lki_buf *page = &trace->page;

    if (page->len)
        fwrite(page->data, 1, page->len, trace->out);
    fflush(trace->out);
    trace->lost |= page->err != LK_OK;
    lki_buf_clear(page);
}

static void pass_on(struct lki_trace *trace)
{
    if (!trace->held)
        lki_trace_flush(trace);
}

/* ---- text that is not ours ---- */

/* The text in the making without its secrets, and harmless to a terminal but for its line breaks;
 * NULL: no memory. What follows a zero byte is shown too. */
static const char *text_clean(struct lki_trace *trace)
{
    struct lki_buf *text = &trace->text;
    char *clean;

    for (size_t i = 0; i < text->len; i++) {
        if (!text->data[i])
            text->data[i] = '?';
    }
    if (!lki_buf_cstr(text)) {
        trace->lost = true;
        return NULL;
    }
    clean = text->data;
    lki_secrets_mask(&trace->secrets, clean);
    lki_text_harmless(clean, strlen(clean), "\n\t");
    return clean;
}

/* Each line of the text in the making behind mark. */
static void lines_write(struct lki_trace *trace, const char *mark)
{
    const char *at = text_clean(trace);

    while (at && *at) {
        size_t len = strcspn(at, "\n");

        lki_buf_printf(&trace->page, "  %s%s%.*s\n", mark, len ? " " : "", (int)len, at);
        at += len + (at[len] == '\n');
    }
}

void lki_trace_line(struct lki_trace *trace, enum lki_trace_kind kind, const char *fmt, ...)
{
    const char *text;
    va_list args;

    lki_buf_clear(&trace->text);
    va_start(args, fmt);
    lki_buf_vprintf(&trace->text, fmt, args);
    va_end(args);
    for (size_t i = 0; i < trace->text.len; i++) {
        if (trace->text.data[i] == '\n' || trace->text.data[i] == '\r')
            trace->text.data[i] = ' ';
    }
    text = text_clean(trace);
    if (!text)
        return;
    if (trace->colour && kind != LKI_TRACE_PLAIN)
        lki_buf_printf(&trace->page, "%s%s\033[0m\n", colours[kind], text);
    else
        lki_buf_printf(&trace->page, "%s\n", text);
    pass_on(trace);
}

/* ---- heads and bodies ---- */

/* User and password are no text that the masks of secrets would find. */
static void basic_mask(struct lki_buf *text)
{
    static const char *const fields[] = {"authorization: basic ", "proxy-authorization: basic "};
    const char *from = lki_buf_cstr(text);
    size_t kept = 0;

    while (from && *from) {
        size_t len = strcspn(from, "\n");
        size_t shown = len;

        for (size_t i = 0; i < LKI_COUNT(fields); i++) {
            if (!strncasecmp(from, fields[i], strlen(fields[i])) && len > strlen(fields[i]) + 3)
                shown = strlen(fields[i]);
        }
        memmove(text->data + kept, from, shown);
        kept += shown;
        if (shown < len) {
            memcpy(text->data + kept, "***", 3);
            kept += 3;
        }
        from += len;
        if (*from)
            text->data[kept++] = *from++;
    }
    text->len = from ? kept : 0;
}

/* Up to the empty line at its end. */
static void head_write(struct lki_trace *trace, const char *head, size_t len, const char *mark)
{
    lki_buf_clear(&trace->text);
    for (size_t i = 0; i < len; i++) {
        if (head[i] != '\r')
            lki_buf_char(&trace->text, head[i]);
    }
    while (trace->text.len && !trace->text.err && trace->text.data[trace->text.len - 1] == '\n')
        trace->text.len--;
    basic_mask(&trace->text);
    lines_write(trace, mark);
}

/* What an editor would show. */
static bool is_text(const char *body, size_t len)
{
    const char *end = body + len;

    while (body < end) {
        size_t step = lki_utf8_len(body, end);

        if (!step || ((unsigned char)*body < ' ' && !strchr("\t\r\n\f", *body)) || !*body)
            return false;
        body += step;
    }
    return true;
}

/* It is cut behind the secrets, so that no part of one is left. */
static void body_write(struct lki_trace *trace, const char *body, size_t len, const char *mark)
{
    char bytes[LKI_CELL_BYTES];
    size_t shown;

    if (!len)
        return;
    lki_buf_printf(&trace->page, "  %s\n", mark);
    lki_format_count(bytes, len);
    if (!is_text(body, len)) {
        lki_buf_printf(&trace->page, "  %s (%s bytes that are no text)\n", mark, bytes);
        return;
    }
    lki_buf_clear(&trace->text);
    for (size_t i = 0; i < len; i++) {
        if (body[i] != '\r')
            lki_buf_char(&trace->text, body[i]);
    }
    if (!text_clean(trace))
        return;
    trace->text.len = strlen(trace->text.data);
    shown = lki_text_cut(trace->text.data, trace->text.len, trace->body_bytes);
    if (shown == trace->text.len) {
        lines_write(trace, mark);
        return;
    }
    trace->text.len = shown;
    lines_write(trace, mark);
    lki_buf_printf(&trace->page, "  %s (cut: %s bytes in all)\n", mark, bytes);
}

/* ---- exchanges ---- */

/* Whether it goes out by HTTP/2, if the server agrees. */
static bool asks_http2(const struct lki_exchange_request *request)
{
    return request->engine == LKI_ENGINE_CURL &&
           (request->version == LK_HTTP_2_ONLY ||
            (request->version == LK_HTTP_2 && request->origin->scheme == LKI_URL_HTTPS));
}

/* As HTTP/1.1 has it, but for the version. */
static void request_head(const struct lki_exchange_request *request, struct lki_buf *out)
{
    static const char one[] = " HTTP/1.1\r\n";
    static const char two[] = " HTTP/2\r\n";
    const char *line;
    size_t len;

    request->write_head(request->arg, out);
    line = asks_http2(request) && lki_buf_cstr(out) ? strstr(out->data, one) : NULL;
    if (!line)
        return;
    len = (size_t)(line - out->data);
    memcpy(out->data + len, two, sizeof(two) - 1);
    memmove(out->data + len + sizeof(two) - 1, line + sizeof(one) - 1,
            out->len - len - (sizeof(one) - 1));
    out->len -= sizeof(one) - sizeof(two);
}

void lki_trace_request(struct lki_trace *trace, const struct lki_exchange_request *request)
{
    struct lki_buf head;

    lki_buf_init(&head, TRACE_MAX);
    request_head(request, &head);
    if (!head.err)
        head_write(trace, head.data, head.len, ">");
    else
        trace->lost = true;
    lki_buf_release(&head);
    body_write(trace, request->body, request->body_bytes, ">");
    if (request->body_file)
        lki_trace_line(trace, LKI_TRACE_PLAIN, "  > (the file %s)", request->body_file);
    pass_on(trace);
}

void lki_trace_request_line(struct lki_trace *trace, const struct lki_exchange_request *request)
{
    struct lki_buf head;

    lki_buf_init(&head, TRACE_MAX);
    request_head(request, &head);
    if (lki_buf_cstr(&head))
        lki_trace_line(trace, LKI_TRACE_PLAIN, "  answer to %.*s:", (int)strcspn(head.data, "\r\n"),
                       head.data);
    else
        trace->lost = true;
    lki_buf_release(&head);
}

/* The phases that took place, behind each other. */
static void phases_add(struct lki_buf *line, const struct lki_exchange_result *result)
{
    const char *between = ": ";

    for (int i = 0; i < LKI_PHASE_COUNT; i++) {
        char cell[LKI_CELL_BYTES];

        if (result->phase_ns[i] < 0)
            continue;
        lki_format_duration(cell, result->phase_ns[i]);
        lki_buf_printf(line, "%s%s %s", between, lki_phase_name((enum lki_phase)i), cell);
        between = ", ";
    }
}

void lki_trace_answer(struct lki_trace *trace, const struct lki_exchange_request *request,
                      const struct lki_exchange_result *result)
{
    char time[LKI_CELL_BYTES];
    struct lki_buf line;

    if (result->head_bytes) {
        head_write(trace, result->head, result->head_bytes, "<");
        body_write(trace, result->body, result->body_bytes, "<");
    }
    lki_format_duration(time, result->end_ns - result->start_ns);
    lki_buf_init(&line, TRACE_MAX);
    lki_buf_printf(&line, "%s in %s", lki_code_name(result->code), time);
    phases_add(&line, result);
    lki_buf_printf(&line, "; %llu bytes sent, %llu received",
                   (unsigned long long)result->bytes_sent,
                   (unsigned long long)result->bytes_received);
    if (result->retries)
        lki_buf_printf(&line, "; sent again, since the connection had been closed while idle");
    if (result->status && result->version != 20 && asks_http2(request))
        lki_buf_printf(&line, "; the server does not speak HTTP/2");
    if (!result->status)
        lki_buf_printf(&line, "; %s", result->error);
    if (lki_buf_cstr(&line))
        lki_trace_line(trace,
                       result->status && result->status < 400 ? LKI_TRACE_PLAIN : LKI_TRACE_BAD,
                       "  %s", line.data);
    else
        trace->lost = true;
    lki_buf_release(&line);
}

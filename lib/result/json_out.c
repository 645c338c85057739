#include "result/json_out.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

/* What is in memory at one time; a series of a week is written through it piece by piece. */
#define OUT_MAX_BYTES (1 << 20)
#define OUT_FLUSH_BYTES (64 << 10)

static void flush(struct lki_json_out *out)
{
    if (!out->error && out->buf.err)
        out->error = ENOMEM;
    if (!out->error && out->buf.len &&
        fwrite(out->buf.data, 1, out->buf.len, out->file) != out->buf.len)
        out->error = errno ? errno : EIO;
    lki_buf_clear(&out->buf);
}

void lki_out_init(struct lki_json_out *out, FILE *file)
{
    *out = (struct lki_json_out){.file = file};
    lki_buf_init(&out->buf, OUT_MAX_BYTES);
}

int lki_out_end(struct lki_json_out *out)
{
    flush(out);
    if (!out->error && fflush(out->file))
        out->error = errno;
    lki_buf_release(&out->buf);
    return out->error;
}

void lki_out_open(struct lki_json_out *out, char bracket)
{
    lki_buf_char(&out->buf, bracket);
    out->comma = false;
}

void lki_out_close(struct lki_json_out *out, char bracket)
{
    lki_buf_char(&out->buf, bracket);
    out->comma = true;
}

void lki_out_item(struct lki_json_out *out)
{
    if (out->comma)
        lki_buf_char(&out->buf, ',');
    out->comma = true;
}

void lki_out_line(struct lki_json_out *out)
{
    lki_out_item(out);
    lki_buf_char(&out->buf, '\n');
    if (out->buf.len >= OUT_FLUSH_BYTES)
        flush(out);
}

void lki_out_key(struct lki_json_out *out, const char *key)
{
    lki_out_item(out);
    lki_out_text(out, key);
    lki_buf_char(&out->buf, ':');
}

void lki_out_section(struct lki_json_out *out, const char *key)
{
    lki_out_line(out);
    lki_out_text(out, key);
    lki_buf_str(&out->buf, ": ");
}

void lki_out_text(struct lki_json_out *out, const char *text)
{
    lki_json_write_string(&out->buf, text, strlen(text));
}

void lki_out_scalar(struct lki_json_out *out, const struct lk_value *value)
{
    switch (value->kind) {
    case LK_VALUE_BOOL:
        lki_json_write_bool(&out->buf, value->as.truth);
        break;
    case LK_VALUE_INT:
        lki_json_write_int(&out->buf, value->as.integer);
        break;
    case LK_VALUE_UINT:
        lki_json_write_uint(&out->buf, value->as.natural);
        break;
    case LK_VALUE_DOUBLE:
        lki_json_write_double(&out->buf, value->as.number);
        break;
    case LK_VALUE_STRING:
        if (value->as.string) {
            lki_out_text(out, value->as.string);
            break;
        }
        /* fall through */
    default:
        lki_json_write_null(&out->buf);
    }
}

/* ns / per_unit, exactly, without a double and its digits, and whatever the locale says. */
static void write_ns(struct lki_json_out *out, int64_t ns, uint64_t per_unit)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t rest = size % per_unit;

    if (ns < 0)
        lki_buf_char(&out->buf, '-');
    lki_buf_u64(&out->buf, size / per_unit);
    if (rest)
        lki_buf_char(&out->buf, '.');
    while (rest) {
        rest *= 10;
        lki_buf_u64(&out->buf, rest / per_unit);
        rest %= per_unit;
    }
}

void lki_out_seconds(struct lki_json_out *out, int64_t ns)
{
    write_ns(out, ns, LKI_NS_PER_S);
}

void lki_out_null(struct lki_json_out *out)
{
    lki_json_write_null(&out->buf);
}

void lki_out_texts(struct lki_json_out *out, const char *const *texts, size_t count)
{
    lki_out_open(out, '[');
    for (size_t i = 0; i < count; i++) {
        lki_out_item(out);
        lki_out_text(out, texts[i]);
    }
    lki_out_close(out, ']');
}

void lki_out_list(struct lki_json_out *out, const char *key, const void *all, size_t count,
                  size_t bytes, void (*put)(struct lki_json_out *out, const void *one))
{
    lki_out_section(out, key);
    lki_out_open(out, '[');
    for (size_t i = 0; i < count; i++) {
        lki_out_line(out);
        lki_out_open(out, '{');
        put(out, (const char *)all + i * bytes);
        lki_out_close(out, '}');
    }
    lki_out_close(out, ']');
}

void lki_out_str(struct lki_json_out *out, const char *key, const char *text)
{
    lki_out_key(out, key);
    lki_out_text(out, text);
}

void lki_out_str_or_null(struct lki_json_out *out, const char *key, const char *text)
{
    lki_out_key(out, key);
    if (text && *text)
        lki_out_text(out, text);
    else
        lki_json_write_null(&out->buf);
}

void lki_out_s(struct lki_json_out *out, const char *key, int64_t ns)
{
    lki_out_key(out, key);
    lki_out_seconds(out, ns);
}

void lki_out_bool(struct lki_json_out *out, const char *key, bool truth)
{
    lki_out_key(out, key);
    lki_json_write_bool(&out->buf, truth);
}

void lki_out_counts(struct lki_json_out *out, size_t count, const struct lki_out_count *members)
{
    for (size_t i = 0; i < count; i++) {
        lki_out_key(out, members[i].key);
        lki_json_write_uint(&out->buf, members[i].value);
    }
}

void lki_out_ms(struct lki_json_out *out, bool measured, size_t count,
                const struct lki_out_time *members)
{
    for (size_t i = 0; i < count; i++) {
        lki_out_key(out, members[i].key);
        if (measured)
            write_ns(out, members[i].ns, LKI_NS_PER_MS);
        else
            lki_json_write_null(&out->buf);
    }
}

void lki_out_numbers(struct lki_json_out *out, bool measured, size_t count,
                     const struct lki_out_number *members)
{
    for (size_t i = 0; i < count; i++) {
        lki_out_key(out, members[i].key);
        if (measured)
            lki_json_write_double(&out->buf, members[i].value);
        else
            lki_json_write_null(&out->buf);
    }
}

#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 256

void lki_buf_init(struct lki_buf *buf, size_t max_bytes)
{
    *buf = (struct lki_buf){.max = max_bytes};
}

void lki_buf_release(struct lki_buf *buf)
{
    free(buf->data);
    *buf = (struct lki_buf){.max = buf->max};
}

char *lki_buf_reserve(struct lki_buf *buf, size_t more)
{
    size_t cap = buf->cap ? buf->cap : BUF_FIRST_BYTES;
    char *data;

    if (buf->err)
        return NULL;
    if (buf->cap - buf->len >= more && buf->data)
        return buf->data + buf->len;
    if (more > buf->max || buf->len > buf->max - more) {
        buf->err = LK_E_LIMIT;
        return NULL;
    }
    while (cap < buf->len + more)
        cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    if (cap > buf->max)
        cap = buf->max;
    data = realloc(buf->data, cap);
    if (!data) {
        buf->err = LK_E_NOMEM;
        return NULL;
    }
    buf->data = data;
    buf->cap = cap;
    return data + buf->len;
}

void lki_buf_u64(struct lki_buf *buf, unsigned long long value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    lki_buf_append(buf, digits + at, sizeof(digits) - at);
}

void lki_buf_vprintf(struct lki_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    int len;
    char *at;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    if (len < 0 && !buf->err)
        buf->err = LK_E_FORMAT;
    at = len < 0 ? NULL : lki_buf_reserve(buf, (size_t)len + 1);
    if (at) {
        vsnprintf(at, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void lki_buf_printf(struct lki_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    lki_buf_vprintf(buf, fmt, args);
    va_end(args);
}

enum lk_err lki_refuse(struct lki_buf *why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    lki_buf_vprintf(why, fmt, args);
    va_end(args);
    return LK_E_ARG;
}

const char *lki_buf_cstr(struct lki_buf *buf)
{
    char *at = lki_buf_reserve(buf, 1);

    if (!at)
        return NULL;
    *at = '\0';
    return buf->data;
}

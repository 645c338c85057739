/*
 * A growing byte buffer, born with a maximum. Failure is sticky: writers append without looking and
 * ask once, at the end, whether all of it fitted.
 */
#ifndef LKI_BASE_BUF_H
#define LKI_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <loadkit/api.h>
#include <loadkit/err.h>

struct lki_buf {
    char *data; /* not terminated; NULL before the first append */
    size_t len;
    size_t cap;
    size_t max; /* bytes it may ever hold */
    enum lk_err err;
};

/* max_bytes > 0. Nothing is allocated yet. */
void lki_buf_init(struct lki_buf *buf, size_t max_bytes);
void lki_buf_release(struct lki_buf *buf);

/* Empties the buffer and forgets a failure; keeps the memory. */
static inline void lki_buf_clear(struct lki_buf *buf)
{
    buf->len = 0;
    buf->err = LK_OK;
}

/* Room for more bytes at the end, to be written by the caller, who then adds to len; NULL on
 * failure. */
char *lki_buf_reserve(struct lki_buf *buf, size_t more);

static inline void lki_buf_append(struct lki_buf *buf, const void *bytes, size_t len)
{
    char *at;

    if (!len)
        return;
    at = buf->cap - buf->len >= len && !buf->err ? buf->data + buf->len : lki_buf_reserve(buf, len);
    if (at) {
        memcpy(at, bytes, len);
        buf->len += len;
    }
}

static inline void lki_buf_str(struct lki_buf *buf, const char *text)
{
    lki_buf_append(buf, text, strlen(text));
}

static inline void lki_buf_char(struct lki_buf *buf, char c)
{
    lki_buf_append(buf, &c, 1);
}

void lki_buf_u64(struct lki_buf *buf, unsigned long long value);
void lki_buf_printf(struct lki_buf *buf, const char *fmt, ...) LK_PRINTF(2, 3);
void lki_buf_vprintf(struct lki_buf *buf, const char *fmt, va_list args) LK_PRINTF(2, 0);
/* The same, of what was given and is no good. Always LK_E_ARG. */
enum lk_err lki_refuse(struct lki_buf *why, const char *fmt, ...) LK_PRINTF(2, 3);

/* The content as a string (a terminator is added, not counted), or NULL after a failure. */
const char *lki_buf_cstr(struct lki_buf *buf);

#endif

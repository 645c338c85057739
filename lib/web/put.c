#include "web/put.h"

#include <math.h>
#include <string.h>

/* Beyond it there are not six digits behind the point. */
#define EXACT_BELOW 1e9

void lki_put_init(struct lki_put *put, size_t max_bytes)
{
    *put = (struct lki_put){.comma = false};
    lki_buf_init(&put->buf, max_bytes);
}

void lki_put_release(struct lki_put *put)
{
    lki_buf_release(&put->buf);
}

static void begin(struct lki_put *put, const char *key)
{
    if (put->comma)
        lki_buf_char(&put->buf, ',');
    put->comma = true;
    if (!key)
        return;
    lki_json_write_string(&put->buf, key, strlen(key));
    lki_buf_char(&put->buf, ':');
}

void lki_put_open(struct lki_put *put, const char *key, char bracket)
{
    begin(put, key);
    lki_buf_char(&put->buf, bracket);
    put->comma = false;
}

void lki_put_close(struct lki_put *put, char bracket)
{
    lki_buf_char(&put->buf, bracket);
    put->comma = true;
}

void lki_put_text(struct lki_put *put, const char *key, const char *text)
{
    begin(put, key);
    if (text)
        lki_json_write_string(&put->buf, text, strlen(text));
    else
        lki_json_write_null(&put->buf);
}

void lki_put_uint(struct lki_put *put, const char *key, uint64_t value)
{
    begin(put, key);
    lki_json_write_uint(&put->buf, value);
}

void lki_put_int(struct lki_put *put, const char *key, int64_t value)
{
    begin(put, key);
    lki_json_write_int(&put->buf, value);
}

void lki_put_number(struct lki_put *put, const char *key, double value)
{
    begin(put, key);
    lki_json_write_double(&put->buf, value);
}

static void put_fixed(struct lki_put *put, const char *key, double count, unsigned decimals)
{
    begin(put, key);
    lki_json_write_fixed(&put->buf, (int64_t)round(count), decimals);
}

void lki_put_measured(struct lki_put *put, const char *key, double value)
{
    if (fabs(value) < EXACT_BELOW)
        put_fixed(put, key, value * 1e6, 6);
    else
        lki_put_number(put, key, value);
}

void lki_put_bool(struct lki_put *put, const char *key, bool truth)
{
    begin(put, key);
    lki_json_write_bool(&put->buf, truth);
}

void lki_put_null(struct lki_put *put, const char *key)
{
    begin(put, key);
    lki_json_write_null(&put->buf);
}

void lki_put_raw(struct lki_put *put, const char *key, const char *json, size_t len)
{
    begin(put, key);
    lki_buf_append(&put->buf, json, len);
}

void lki_put_seconds(struct lki_put *put, const char *key, int64_t ns)
{
    put_fixed(put, key, (double)ns / 1e3, 6);
}

void lki_put_ms(struct lki_put *put, const char *key, int64_t ns)
{
    put_fixed(put, key, (double)ns / 1e3, 3);
}

/*
 * Any bytes as JSON, and any bytes as a path into it: the input is a path up to its first NUL, and
 * the text behind it. What the strict check accepts must be found, decoded, counted, skipped and
 * written without complaint; what it refuses must do no harm. Texts lie in blocks of exactly their
 * size.
 */
#define lki_vu_fail fuzz_vu_fail
#define lki_vu_nomem fuzz_vu_nomem
#define lki_response_doc fuzz_response_doc
#include "client/values.c"

#include <setjmp.h>

#include "base/decimal.h"
#include "fuzz/fuzz.h"

static jmp_buf left;

void fuzz_vu_fail(lk_vu *vu, const char *fmt, ...)
{
    char message[1024];
    va_list args;

    (void)vu;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    longjmp(left, 1);
}

void fuzz_vu_nomem(lk_vu *vu)
{
    (void)vu;
    abort();
}

struct lki_doc *fuzz_response_doc(const lk_response *response)
{
    (void)response;
    abort();
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* What was written is JSON, and one value of that kind. */
static struct lki_json_value reread(const struct lki_buf *buf, enum lki_json_kind kind)
{
    struct lki_json_value value;

    must(!buf->err);
    must(!lki_json_check(buf->data, buf->len));
    must(!lki_json_find(buf->data, buf->len, "", &value));
    must(value.kind == kind && value.len == buf->len);
    return value;
}

static void write_and_read_string(struct lki_buf *buf, const char *bytes, size_t len, bool is_utf8)
{
    struct lki_json_value value;
    char *back;
    size_t back_len;

    lki_buf_clear(buf);
    lki_json_write_string(buf, bytes, len);
    value = reread(buf, LKI_JSON_STRING);
    back = malloc(value.len);
    must(back && !lki_json_string(&value, back, &back_len));
    if (is_utf8)
        must(back_len == len && !memcmp(back, bytes, len));
    free(back);
}

static void write_and_read_numbers(struct lki_buf *buf, uint64_t bits)
{
    struct lki_json_value value;
    double number;
    double number_back;
    int64_t integer_back;
    uint64_t natural_back;
    bool negative;

    lki_buf_clear(buf);
    lki_json_write_int(buf, (int64_t)bits);
    value = reread(buf, LKI_JSON_NUMBER);
    must(!lki_json_int(&value, &integer_back) && integer_back == (int64_t)bits);
    lki_buf_clear(buf);
    lki_json_write_uint(buf, bits);
    value = reread(buf, LKI_JSON_NUMBER);
    must(!lki_decimal_int(value.raw, value.len, &natural_back, &negative) && !negative &&
         natural_back == bits);
    memcpy(&number, &bits, sizeof(number));
    lki_buf_clear(buf);
    lki_json_write_double(buf, number);
    if (number - number != 0) {
        reread(buf, LKI_JSON_NULL);
        return;
    }
    value = reread(buf, LKI_JSON_NUMBER);
    must(!lki_json_double(&value, &number_back) && bits_of(number_back) == bits);
}

static void use_number(const struct lki_json_value *value)
{
    int64_t integer;
    double number;

    if (!lki_json_double(value, &number) && !lki_json_int(value, &integer) && number != 0)
        must((double)integer == number);
}

static void use_string(struct lki_buf *buf, const struct lki_json_value *value, bool valid)
{
    char *out = malloc(value->len);
    size_t len;
    enum lk_err err;

    must(out != NULL);
    err = lki_json_string(value, out, &len);
    must(valid ? !err : !err || err == LK_E_FORMAT);
    if (!err) {
        must(len + 2 <= value->len);
        write_and_read_string(buf, out, len, true);
    }
    free(out);
}

static void use_container(const struct lki_json_value *value, bool valid)
{
    struct lki_json_value item;
    char path[24];
    size_t count;
    enum lk_err err = lki_json_count(value, &count);

    must(valid ? !err : !err || err == LK_E_FORMAT || err == LK_E_LIMIT);
    if (err || value->kind != LKI_JSON_ARRAY)
        return;
    snprintf(path, sizeof(path), "%zu", count);
    must(lki_json_find(value->raw, value->len, path, &item) == LK_E_NOT_FOUND);
    if (count) {
        snprintf(path, sizeof(path), "%zu", count - 1);
        must(!lki_json_find(value->raw, value->len, path, &item));
    }
}

static void use_value(struct lki_buf *buf, const struct lki_json_value *value, bool valid)
{
    struct lki_json_value again;
    bool truth;

    must(!lki_json_find(value->raw, value->len, "", &again));
    must(again.kind == value->kind && again.raw == value->raw && again.len == value->len);
    if (valid)
        must(!lki_json_check(value->raw, value->len));
    must(lki_json_bool(value, &truth) == (value->kind == LKI_JSON_BOOL ? LK_OK : LK_E_ARG));
    if (value->kind == LKI_JSON_NUMBER)
        use_number(value);
    else if (value->kind == LKI_JSON_STRING)
        use_string(buf, value, valid);
    else if (value->kind == LKI_JSON_ARRAY || value->kind == LKI_JSON_OBJECT)
        use_container(value, valid);
}

/* A text that breaks off leads to the same, or to nothing. Not if it was broken before: of 12x, 12
 * is a number. */
static void find_in_part(const char *text, size_t len, const char *path, enum lk_err whole_err,
                         const struct lki_json_value *whole)
{
    char *part = exact(text, len);
    struct lki_json_value value;
    enum lk_err err = lki_json_find(part, len, path, &value);

    must(err == LK_E_FORMAT || err == whole_err);
    if (!err)
        must(value.kind == whole->kind && value.len == whole->len &&
             value.raw - part == whole->raw - text);
    free(part);
}

/* A right value in front of another is skipped, wherever in the text it lies. */
static void skip(struct lki_buf *buf, const char *text, size_t len, size_t indent)
{
    struct lki_json_value value;

    lki_buf_clear(buf);
    lki_buf_printf(buf, "%*s", (int)indent, "[[");
    lki_buf_append(buf, text, len);
    lki_buf_str(buf, "],{\"a\":");
    lki_buf_append(buf, text, len);
    lki_buf_str(buf, "},7]");
    switch (lki_json_check(buf->data, buf->len)) {
    case LK_OK:
        must(!lki_json_find(buf->data, buf->len, "2", &value));
        must(*value.raw == '7' && value.len == 1);
        break;
    case LK_E_LIMIT:
        must(lki_json_find(buf->data, buf->len, "2", &value) == LK_E_LIMIT);
        break;
    default:
        abort();
    }
}

/* All getters, also those that fail. */
static void get(const char *text, size_t len, const char *path, lk_vu *vu)
{
    lk_json *json = lki_json_own(text, len, "fuzz");
    static volatile int turn;
    const char *string;

    must(json != NULL);
    lk_json_has(json, path);
    lk_json_int_or(json, path, 1);
    lk_json_double_or(json, path, 1);
    lk_json_bool_or(json, path, true);
    lk_json_len_or(json, path, 1);
    string = lk_json_str_or(json, path, NULL);
    must(lk_json_str_or(json, path, NULL) == string);
    must(strlen(lk_json_str(json, path)) <= len);
    json->doc.vu = vu;
    turn = 0;
    (void)setjmp(left);
    switch (turn++) {
    case 0:
        lk_json_str(json, path);
        longjmp(left, 1);
    case 1:
        lk_json_int(json, path);
        longjmp(left, 1);
    case 2:
        lk_json_len(json, path);
        break;
    }
    lki_json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lk_vu nobody;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    const char *path = nul ? (const char *)data : "";
    size_t len = nul ? size - (size_t)(nul + 1 - data) : size;
    char *text = exact(nul ? nul + 1 : data, len);
    struct lki_json_value value;
    struct lki_buf buf;
    uint64_t bits = 0;
    enum lk_err valid = lki_json_check(text, len);
    enum lk_err err = lki_json_find(text, len, path, &value);

    lki_buf_init(&buf, 4096 + 16 * size);
    memcpy(&bits, data, size < sizeof(bits) ? size : sizeof(bits));
    must(valid == LK_OK || valid == LK_E_FORMAT || valid == LK_E_LIMIT);
    if (!valid)
        must(err == LK_OK || err == LK_E_NOT_FOUND);
    if (!err) {
        must(value.raw >= text && value.len <= len - (size_t)(value.raw - text));
        use_value(&buf, &value, !valid);
    }
    if (*path && len && err != LK_E_FORMAT)
        find_in_part(text, (size_t)(bits % len), path, err, &value);
    if (!valid)
        skip(&buf, text, len, size % 130);
    write_and_read_string(&buf, text, len, false);
    write_and_read_numbers(&buf, bits);
    get(text, len, path, &nobody);
    lki_buf_release(&buf);
    free(text);
    return 0;
}

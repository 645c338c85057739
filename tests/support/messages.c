#include "support/messages.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/expect.h"

char *message_bytes(const struct messages *family, const void *message, size_t *len)
{
    struct lki_buf out;

    lki_buf_init(&out, MESSAGE_MAX);
    family->write(message, &out);
    ck_assert_int_eq(out.err, LK_OK);
    *len = out.len;
    return realloc(out.data, out.len);
}

static int kind_of(const void *message)
{
    int kind;

    memcpy(&kind, message, sizeof(kind));
    return kind;
}

bool message_verify(const struct messages *family, const char *bytes, size_t len)
{
    void *read = calloc(1, family->size);
    enum lk_err err;
    size_t again_len = 0;
    char *again;

    EXPECT(read, "no memory");
    memcpy(read, &family->none, sizeof(family->none));
    err = family->read(read, bytes, len, family->arena);
    if (err) {
        EXPECT(err == LK_E_FORMAT, "error %d", err);
        EXPECT(kind_of(read) == family->none, "it was touched");
    } else {
        again = message_bytes(family, read, &again_len);
        EXPECT(again_len == len && !memcmp(bytes, again, len), "it is another message");
        free(again);
    }
    lki_arena_reset(family->arena);
    free(read);
    return !err;
}

int message_verify_as(const struct messages *const *families, size_t count, const char *bytes,
                      size_t len)
{
    char *exact = malloc(len ? len : 1);
    int as = 0;

    EXPECT(exact, "no memory");
    memcpy(exact, bytes, len);
    for (size_t i = 0; i < count; i++)
        as += message_verify(families[i], exact, len);
    free(exact);
    return as;
}

void message_verify_cut(const char *bytes, size_t len,
                        bool (*verify)(const char *bytes, size_t len))
{
    char *longer = malloc(len + 1);

    ck_assert_ptr_nonnull(longer);
    for (size_t cut = 0; cut < len; cut++)
        ck_assert_msg(!verify(bytes, cut), "%zu of %zu bytes", cut, len);
    ck_assert(verify(bytes, len));
    memcpy(longer, bytes, len);
    for (int byte = 0; byte < 256; byte++) {
        longer[len] = (char)byte;
        ck_assert(!verify(longer, len + 1));
    }
    free(longer);
}

void message_verify_replaced(char *bytes, size_t len, bool (*verify)(const char *bytes, size_t len))
{
    for (size_t at = 0; at < len; at++) {
        char before = bytes[at];

        for (int byte = 0; byte < 256; byte++) {
            bytes[at] = (char)byte;
            verify(bytes, len);
        }
        bytes[at] = before;
    }
}

void message_verify_changed(size_t count, char *(*bytes)(size_t i, size_t *len),
                            bool (*verify)(const char *bytes, size_t len))
{
    struct lki_rng rng = {11};

    for (int round = 0; round < 20000; round++) {
        size_t len;
        char *changed = bytes(lki_rng_below(&rng, count), &len);

        for (uint64_t changes = 2 + lki_rng_below(&rng, 4); changes; changes--)
            changed[lki_rng_below(&rng, len)] = (char)lki_rng_below(&rng, 256);
        verify(changed, len - lki_rng_below(&rng, len));
        free(changed);
    }
}

#include "support/messages.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "support/expect.h"

struct lki_arena message_arena;

static const struct messages *all;
static size_t family_count, good_count, bad_count;

static void setup(void)
{
    lki_arena_init(&message_arena, NULL, 0);
}

static void teardown(void)
{
    lki_arena_reset(&message_arena);
}

/* ---- messages ---- */

static int kind_of(const void *message)
{
    int kind;

    memcpy(&kind, message, sizeof(kind));
    return kind;
}

static const void *message_at(const struct messages *family, const struct message_list *list,
                              size_t i)
{
    return (const char *)list->first + i * family->size;
}

/* The i-th good or bad one of all families, and its family. */
static const void *pick(bool bad, size_t i, const struct messages **family)
{
    for (*family = all;; ++*family) {
        const struct message_list *list = bad ? &(*family)->bad : &(*family)->good;

        if (i < list->count)
            return message_at(*family, list, i);
        i -= list->count;
    }
}

char *message_bytes(const struct messages *family, const void *message, size_t *len)
{
    struct lki_buf out;

    lki_buf_init(&out, MESSAGE_MAX);
    family->write(message, &out);
    ck_assert_int_eq(out.err, LK_OK);
    *len = out.len;
    return realloc(out.data, out.len);
}

static char *good_bytes(size_t i, size_t *len)
{
    const struct messages *family;
    const void *message = pick(false, i, &family);

    return message_bytes(family, message, len);
}

void message_same_text(const char *one, const char *other)
{
    ck_assert_pstr_eq(one, other);
    ck_assert(one != other || !one);
}

/* ---- verifying ---- */

static bool verify_as(const struct messages *family, const char *bytes, size_t len)
{
    void *read = calloc(1, family->size);
    enum lk_err err;
    size_t again_len = 0;
    char *again;

    EXPECT(read, "no memory");
    memcpy(read, &family->kinds, sizeof(family->kinds));
    err = family->read(read, bytes, len, &message_arena);
    if (err) {
        EXPECT(err == LK_E_FORMAT, "error %d", err);
        EXPECT(kind_of(read) == family->kinds, "it was touched");
    } else if (family->write) {
        again = message_bytes(family, read, &again_len);
        EXPECT(again_len == len && !memcmp(bytes, again, len), "it is another message");
        free(again);
    }
    lki_arena_reset(&message_arena);
    free(read);
    return !err;
}

bool message_verify(const char *bytes, size_t len)
{
    char *exact = malloc(len ? len : 1);
    int as = 0;

    EXPECT(exact, "no memory");
    memcpy(exact, bytes, len);
    for (size_t i = 0; i < family_count; i++)
        as += verify_as(&all[i], exact, len);
    free(exact);
    EXPECT(as <= 1, "it is %d messages", as);
    return as;
}

void message_verify_costly(const struct messages *family, const void *message, size_t limit)
{
    size_t len;
    char *bytes = message_bytes(family, message, &len);
    void *read = calloc(1, family->size);

    EXPECT(read, "no memory");
    memcpy(read, &family->kinds, sizeof(family->kinds));
    lki_arena_init(&message_arena, NULL, limit);
    ck_assert_int_eq(family->read(read, bytes, len, &message_arena), LK_E_NOMEM);
    ck_assert_int_eq(kind_of(read), family->kinds);
    lki_arena_reset(&message_arena);
    free(read);
    free(bytes);
}

/* ---- the tests ---- */

START_TEST(a_message_arrives_with_all_its_fields)
{
    const struct messages *family;
    const void *message = pick(false, (size_t)_i, &family);
    void *read = calloc(1, family->size);
    size_t len;
    char *bytes = message_bytes(family, message, &len);

    ck_assert_ptr_nonnull(read);
    ck_assert_int_eq(family->read(read, bytes, len, &message_arena), LK_OK);
    if (family->apart)
        memset(bytes, '#', len);
    ck_assert_int_eq(kind_of(read), kind_of(message));
    family->same(read, message);
    free(bytes);
    free(read);
}
END_TEST

static bool has_kind(const struct messages *family, int kind)
{
    for (size_t i = 0; i < family->good.count; i++)
        if (kind_of(message_at(family, &family->good, i)) == kind)
            return true;
    return false;
}

START_TEST(each_kind_is_tried)
{
    for (size_t i = 0; i < family_count; i++)
        for (int kind = 0; kind < all[i].kinds; kind++)
            ck_assert_msg(has_kind(&all[i], kind), "family %zu, kind %d", i, kind);
}
END_TEST

START_TEST(a_message_is_nothing_when_it_is_cut_short_or_goes_on)
{
    size_t len;
    char *bytes = good_bytes((size_t)_i, &len);

    for (size_t cut = 0; cut < len; cut++)
        ck_assert_msg(!message_verify(bytes, cut), "%zu of %zu bytes", cut, len);
    ck_assert(message_verify(bytes, len));
    bytes = realloc(bytes, len + 1);
    ck_assert_ptr_nonnull(bytes);
    for (int byte = 0; byte < 256; byte++) {
        bytes[len] = (char)byte;
        ck_assert(!message_verify(bytes, len + 1));
    }
    free(bytes);
}
END_TEST

START_TEST(a_message_with_any_byte_replaced_is_refused_or_another_one)
{
    size_t len;
    char *bytes = good_bytes((size_t)_i, &len);

    for (size_t at = 0; at < len; at++) {
        char before = bytes[at];

        for (int byte = 0; byte < 256; byte++) {
            bytes[at] = (char)byte;
            message_verify(bytes, len);
        }
        bytes[at] = before;
    }
    free(bytes);
}
END_TEST

START_TEST(random_changes_are_refused_or_another_message)
{
    struct lki_rng rng = {11};

    for (int round = 0; round < 20000; round++) {
        size_t len;
        char *changed = good_bytes(lki_rng_below(&rng, good_count), &len);

        for (uint64_t changes = 2 + lki_rng_below(&rng, 4); changes; changes--)
            changed[lki_rng_below(&rng, len)] = (char)lki_rng_below(&rng, 256);
        message_verify(changed, len - lki_rng_below(&rng, len));
        free(changed);
    }
}
END_TEST

START_TEST(a_message_that_cannot_be_is_refused)
{
    const struct messages *family;
    const void *message = pick(true, (size_t)_i, &family);
    size_t len;
    char *bytes = message_bytes(family, message, &len);

    ck_assert(!verify_as(family, bytes, len));
    free(bytes);
}
END_TEST

void messages_add_tests(TCase *tests, const struct messages *families, size_t count)
{
    all = families;
    family_count = count;
    for (size_t i = 0; i < count; i++) {
        good_count += families[i].good.count;
        bad_count += families[i].bad.count;
    }
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_message_arrives_with_all_its_fields, 0, (int)good_count);
    tcase_add_test(tests, each_kind_is_tried);
    tcase_add_loop_test(tests, a_message_is_nothing_when_it_is_cut_short_or_goes_on, 0,
                        (int)good_count);
    tcase_add_loop_test(tests, a_message_with_any_byte_replaced_is_refused_or_another_one, 0,
                        (int)good_count);
    tcase_add_test(tests, random_changes_are_refused_or_another_message);
    tcase_add_loop_test(tests, a_message_that_cannot_be_is_refused, 0, (int)bad_count);
}

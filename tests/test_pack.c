/* Numbers and texts as bytes: what is packed is unpacked, in one spelling only. */
#include "base/pack.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/expect.h"
#include "support/suite.h"

#define PACKED_MAX 4096

static struct lki_buf out;
static struct lki_arena arena;

static void setup(void)
{
    lki_buf_init(&out, PACKED_MAX);
    lki_arena_init(&arena, NULL, 0);
}

static void teardown(void)
{
    lki_buf_release(&out);
    lki_arena_reset(&arena);
}

/* A copy of what was packed, at the end of its memory, which the caller frees. */
static struct lki_unpack packed(char **memory)
{
    ck_assert_int_eq(out.err, LK_OK);
    *memory = malloc(out.len ? out.len : 1);
    ck_assert_ptr_nonnull(*memory);
    if (out.len)
        memcpy(*memory, out.data, out.len);
    return lki_unpack(*memory, out.len);
}

/* Numbers around each power of two. */
static const int shifts = 64;

static uint64_t number_near(int shift, int way)
{
    return (UINT64_C(1) << shift) + (uint64_t)(int64_t)way;
}

START_TEST(numbers_of_every_size_come_back)
{
    struct lki_unpack in;
    char *memory;

    for (int shift = 0; shift < shifts; shift++) {
        for (int way = -1; way <= 1; way++) {
            lki_pack_u64(&out, number_near(shift, way));
            lki_pack_i64(&out, (int64_t)number_near(shift, way));
            lki_pack_i64(&out, -(int64_t)(number_near(shift, way) >> 1));
        }
    }
    in = packed(&memory);
    for (int shift = 0; shift < shifts; shift++) {
        for (int way = -1; way <= 1; way++) {
            uint64_t value = number_near(shift, way);

            EXPECT(lki_unpack_u64(&in) == value, "2^%d%+d", shift, way);
            EXPECT(lki_unpack_i64(&in) == (int64_t)value, "2^%d%+d, signed", shift, way);
            EXPECT(lki_unpack_i64(&in) == -(int64_t)(value >> 1), "-2^%d%+d", shift, way);
        }
    }
    ck_assert(lki_unpack_done(&in));
    ck_assert_int_eq(lki_unpack_err(&in), LK_OK);
    free(memory);
}
END_TEST

START_TEST(small_numbers_of_either_sign_are_one_byte)
{
    lki_pack_u64(&out, 127);
    lki_pack_i64(&out, 63);
    lki_pack_i64(&out, -64);
    ck_assert_uint_eq(out.len, 3);
    lki_pack_u64(&out, 128);
    lki_pack_i64(&out, 64);
    lki_pack_i64(&out, -65);
    ck_assert_uint_eq(out.len, 9);
}
END_TEST

START_TEST(wide_numbers_come_back)
{
    struct lki_unpack in;
    char *memory;

    for (int shift = 0; shift < 128; shift++)
        lki_pack_wide(&out, ((lki_wide)1 << shift) - (shift & 1));
    lki_pack_wide(&out, ~(lki_wide)0);
    in = packed(&memory);
    for (int shift = 0; shift < 128; shift++)
        EXPECT(lki_unpack_wide(&in, ~(lki_wide)0) == ((lki_wide)1 << shift) - (shift & 1), "2^%d",
               shift);
    ck_assert(lki_unpack_wide(&in, ~(lki_wide)0) == ~(lki_wide)0);
    ck_assert(lki_unpack_done(&in));
    free(memory);
}
END_TEST

static const double doubles[] = {0,        -0.0,         1,        -1.5,      0.1, 1e308, DBL_MIN,
                                 -DBL_MAX, DBL_TRUE_MIN, INFINITY, -INFINITY, NAN};

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

START_TEST(doubles_come_back_to_the_bit)
{
    struct lki_unpack in;
    char *memory;

    for (size_t i = 0; i < LKI_COUNT(doubles); i++)
        lki_pack_f64(&out, doubles[i]);
    ck_assert_uint_eq(out.len, 8 * LKI_COUNT(doubles));
    in = packed(&memory);
    for (size_t i = 0; i < LKI_COUNT(doubles); i++) {
        double value = lki_unpack_f64(&in);

        EXPECT(bits_of(value) == bits_of(doubles[i]), "%g became %g", doubles[i], value);
    }
    ck_assert(lki_unpack_done(&in));
    free(memory);
}
END_TEST

START_TEST(a_double_is_the_same_bytes_everywhere)
{
    lki_pack_f64(&out, -2);
    ck_assert_uint_eq(out.len, 8);
    ck_assert_mem_eq(out.data, "\0\0\0\0\0\0\0\xc0", 8);
}
END_TEST

START_TEST(texts_and_bytes_come_back)
{
    char longer[1000];
    struct lki_unpack in;
    const void *bytes;
    char *memory;
    size_t len;

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    lki_pack_text(&out, NULL);
    lki_pack_text(&out, "");
    lki_pack_text(&out, "na\xc3\xafve");
    lki_pack_bytes(&out, "\0\1\2", 3);
    lki_pack_bytes(&out, NULL, 0);
    lki_pack_text(&out, longer);
    in = packed(&memory);
    ck_assert_ptr_null(lki_unpack_text(&in, &arena));
    ck_assert_str_eq(lki_unpack_text(&in, &arena), "");
    ck_assert_str_eq(lki_unpack_text(&in, &arena), "na\xc3\xafve");
    bytes = lki_unpack_bytes(&in, &len);
    ck_assert_uint_eq(len, 3);
    ck_assert_mem_eq(bytes, "\0\1\2", 3);
    ck_assert((const char *)bytes > memory && (const char *)bytes < memory + out.len);
    ck_assert_ptr_nonnull(lki_unpack_bytes(&in, &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_str_eq(lki_unpack_text(&in, &arena), longer);
    ck_assert(lki_unpack_done(&in));
    free(memory);
}
END_TEST

enum what { U64, U64_UP_TO_10, WIDE, I64, F64, BYTES, TEXT };

#define RAW(text) (text), sizeof(text) - 1

static const struct {
    const char *what;
    enum what kind;
    const char *bytes;
    size_t len;
} refused[] = {
    {"nothing", U64, RAW("")},
    {"a number without end", U64, RAW("\x80\x80")},
    {"zero in two bytes", U64, RAW("\x80\x00")},
    {"one in two bytes", U64, RAW("\x81\x00")},
    {"65 bits", U64, RAW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")},
    {"70 bits", U64, RAW("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
    {"150 bits", U64,
     RAW("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
    {"129 bits", WIDE,
     RAW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x04")},
    {"a flaw before other things", U64, RAW("\x80\x00\x01zyxwvutsrqponm")},
    {"more than may be", U64_UP_TO_10, RAW("\x0b")},
    {"a signed one without end", I64, RAW("\xff")},
    {"seven bytes of a double", F64, RAW("1234567")},
    {"bytes without length", BYTES, RAW("")},
    {"fewer bytes than said", BYTES,
     RAW("\x03"
         "ab")},
    {"bytes of an absurd length", BYTES,
     RAW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
         "ab")},
    {"fewer characters than said", TEXT,
     RAW("\x04"
         "ab")},
    {"a text of an absurd length", TEXT,
     RAW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
         "ab")},
    {"a text with a zero in it", TEXT,
     RAW("\x04"
         "a\0b")},
};

static void unpack_nothing(struct lki_unpack *in, enum what kind)
{
    size_t len = 1;
    double value;

    switch (kind) {
    case U64:
        ck_assert_uint_eq(lki_unpack_u64(in), 0);
        break;
    case U64_UP_TO_10:
        ck_assert_uint_eq(lki_unpack_max(in, 10), 0);
        break;
    case WIDE:
        ck_assert(lki_unpack_wide(in, ~(lki_wide)0) == 0);
        break;
    case I64:
        ck_assert_int_eq(lki_unpack_i64(in), 0);
        break;
    case F64:
        value = lki_unpack_f64(in);
        ck_assert(value == 0 && !signbit(value));
        break;
    case BYTES:
        ck_assert_ptr_nonnull(lki_unpack_bytes(in, &len));
        ck_assert_uint_eq(len, 0);
        break;
    case TEXT:
        ck_assert_ptr_null(lki_unpack_text(in, &arena));
        break;
    }
}

/* Behind a flaw everything is nothing, whatever there is. */
START_TEST(what_no_writer_writes_is_bad_for_good)
{
    char *memory;
    struct lki_unpack in;

    lki_buf_append(&out, refused[_i].bytes, refused[_i].len);
    in = packed(&memory);
    unpack_nothing(&in, refused[_i].kind);
    ck_assert_msg(in.bad, "%s", refused[_i].what);
    for (enum what kind = U64; kind <= TEXT; kind++)
        unpack_nothing(&in, kind);
    ck_assert(!lki_unpack_done(&in));
    ck_assert_int_eq(lki_unpack_err(&in), LK_E_FORMAT);
    free(memory);
}
END_TEST

START_TEST(what_is_left_over_is_not_done)
{
    struct lki_unpack in;

    in = lki_unpack("\1\2", 2);
    ck_assert_uint_eq(lki_unpack_u64(&in), 1);
    ck_assert(!lki_unpack_done(&in));
    ck_assert_int_eq(lki_unpack_err(&in), LK_E_FORMAT);
    ck_assert_uint_eq(lki_unpack_max(&in, 2), 2);
    ck_assert(lki_unpack_done(&in));
}
END_TEST

START_TEST(a_text_without_memory_is_told_from_a_bad_one)
{
    struct lki_unpack in;
    char *memory;

    lki_arena_init(&arena, NULL, 16);
    lki_pack_text(&out, "more than the arena may take");
    in = packed(&memory);
    ck_assert_ptr_null(lki_unpack_text(&in, &arena));
    ck_assert(in.bad);
    ck_assert_int_eq(lki_unpack_err(&in), LK_E_NOMEM);
    free(memory);
}
END_TEST

/* Any bytes are refused, or are just what the number is packed as. */
START_TEST(there_is_one_spelling_of_a_number)
{
    struct lki_rng rng = {8};

    for (int i = 0; i < 200000; i++) {
        unsigned char bytes[11];
        struct lki_unpack in = lki_unpack(bytes, sizeof(bytes));
        uint64_t value;

        for (size_t k = 0; k < sizeof(bytes); k++)
            bytes[k] = (unsigned char)(lki_rng_below(&rng, 4) ? 128 + lki_rng_below(&rng, 128)
                                                              : lki_rng_below(&rng, 3));
        value = lki_unpack_u64(&in);
        lki_buf_clear(&out);
        lki_pack_u64(&out, value);
        EXPECT(in.bad || (out.len == (size_t)(in.at - bytes) && !memcmp(out.data, bytes, out.len)),
               "%llu has another spelling", (unsigned long long)value);
    }
}
END_TEST

static Suite *pack_suite(void)
{
    Suite *suite = suite_create("pack");
    TCase *tests = tcase_create("pack");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, numbers_of_every_size_come_back);
    tcase_add_test(tests, small_numbers_of_either_sign_are_one_byte);
    tcase_add_test(tests, wide_numbers_come_back);
    tcase_add_test(tests, doubles_come_back_to_the_bit);
    tcase_add_test(tests, a_double_is_the_same_bytes_everywhere);
    tcase_add_test(tests, texts_and_bytes_come_back);
    tcase_add_loop_test(tests, what_no_writer_writes_is_bad_for_good, 0, LKI_COUNT(refused));
    tcase_add_test(tests, what_is_left_over_is_not_done);
    tcase_add_test(tests, a_text_without_memory_is_told_from_a_bad_one);
    tcase_add_test(tests, there_is_one_spelling_of_a_number);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(pack_suite());
}

/*
 * loadkit/values.h - the values of a scenario: JSON made from C, and C values read from JSON.
 *
 * An lk_json holds its text: LK_OBJECT writes it at once, a request sends it as it is, and the
 * getters read it, or an answer's own text, in place. Integers stay exact to 64 bits.
 */
#ifndef LOADKIT_VALUES_H
#define LOADKIT_VALUES_H

#include <loadkit/api.h>

/* A JSON value: an object, array, string, number, true, false or null. Opaque. */
typedef struct lk_json lk_json;

/* An answer, as <loadkit/http.h> describes it. */
typedef struct lk_response lk_response;

#ifdef __cplusplus
#define LK_TRUE true
#define LK_FALSE false
#else
/* C11's own true and false are ints, and would be written as 1 and 0. */
#define LK_TRUE ((_Bool)1)
#define LK_FALSE ((_Bool)0)
#endif

/* What an lk_value holds. */
enum lk_value_kind {
    LK_VALUE_NULL,
    LK_VALUE_BOOL,
    LK_VALUE_INT,
    LK_VALUE_UINT,
    LK_VALUE_DOUBLE,
    LK_VALUE_STRING,
    LK_VALUE_JSON,
    LK_VALUE_POINTER /* a void pointer: NULL is null, any other fails */
};

/* A C value on its way into JSON; the lk_value_ functions make it. Pointers are borrowed. */
struct lk_value {
    enum lk_value_kind kind;
    union {
        bool truth;
        long long integer;
        unsigned long long natural;
        double number;
        const char *string;  /* NULL is null */
        const lk_json *json; /* NULL is null */
        const void *pointer;
    } as;
};

/* A member of an object on its way into JSON. */
struct lk_member {
    const char *key; /* not NULL */
    struct lk_value value;
};

/*
 * lk_value_bool and its kin - a C value as lk_object and lk_array take it.
 *
 * returns   the value; a string or lk_json is borrowed until it has been written
 * context   any thread
 * since     0.1; lk_object(3)
 */
static inline struct lk_value lk_value_bool(bool truth)
{
    struct lk_value value;

    value.kind = LK_VALUE_BOOL;
    value.as.truth = truth;
    return value;
}

static inline struct lk_value lk_value_int(long long integer)
{
    struct lk_value value;

    value.kind = LK_VALUE_INT;
    value.as.integer = integer;
    return value;
}

static inline struct lk_value lk_value_uint(unsigned long long natural)
{
    struct lk_value value;

    value.kind = LK_VALUE_UINT;
    value.as.natural = natural;
    return value;
}

static inline struct lk_value lk_value_double(double number)
{
    struct lk_value value;

    value.kind = LK_VALUE_DOUBLE;
    value.as.number = number;
    return value;
}

static inline struct lk_value lk_value_str(const char *string)
{
    struct lk_value value;

    value.kind = LK_VALUE_STRING;
    value.as.string = string;
    return value;
}

static inline struct lk_value lk_value_json(const lk_json *json)
{
    struct lk_value value;

    value.kind = LK_VALUE_JSON;
    value.as.json = json;
    return value;
}

static inline struct lk_value lk_value_null(void)
{
    struct lk_value value;

    value.kind = LK_VALUE_NULL;
    value.as.pointer = NULL;
    return value;
}

/* For LK_OBJECT, to which NULL is a void pointer. */
static inline struct lk_value lk_value_pointer(const void *pointer)
{
    struct lk_value value;

    value.kind = LK_VALUE_POINTER;
    value.as.pointer = pointer;
    return value;
}

LK_BEGIN_DECLS

/*
 * lk_object, lk_array - make a JSON value. LK_OBJECT and LK_ARRAY below are shorter.
 *
 * vu        the user whose step or hook makes it
 * count     of members or values; 0 makes an empty one
 * members   in the order in which they are written; borrowed for the call. A string that is not
 *           UTF-8 has its wrong bytes replaced; NaN and the infinities become null
 * returns   the value, never NULL; owned by the step, valid until it ends
 * errors    ends the step as failed: out of memory, a key that is NULL, a void pointer that is not
 * context   inside a step or hook of this user
 * since     0.1; lk_object(3)
 */
LK_API LK_NONNULL_RESULT lk_json *lk_object(lk_vu *vu, size_t count,
                                            const struct lk_member *members);
LK_API LK_NONNULL_RESULT lk_json *lk_array(lk_vu *vu, size_t count, const struct lk_value *values);

/*
 * lk_format - a string made as printf makes it.
 *
 * format    as of printf; borrowed for the call
 * returns   the string, never NULL; owned by the step, valid until it ends
 * errors    ends the step as failed: out of memory, a conversion that the C library refuses
 * context   inside a step or hook of this user
 * since     0.1; lk_format(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_format(lk_vu *vu, const char *format, ...) LK_PRINTF(2, 3);

/*
 * lk_json_text - the text of a value.
 *
 * json      NULL gives "null"
 * returns   JSON, terminated, never NULL; owned by json
 * context   where json is valid
 * since     0.1; lk_object(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_json_text(const lk_json *json);

/*
 * lk_json_parse, lk_json_copy - make a JSON value of a text, or of another value.
 *
 * text      one JSON text; copied
 * json      copied; NULL gives null
 * returns   the value, never NULL; owned by the step, valid until it ends
 * errors    ends the step as failed: out of memory, a text that is not JSON
 * context   inside a step or hook of this user
 * since     0.1; lk_json_set(3)
 */
LK_API LK_NONNULL_RESULT lk_json *lk_json_parse(lk_vu *vu, const char *text);
LK_API LK_NONNULL_RESULT lk_json *lk_json_copy(lk_vu *vu, const lk_json *json);

/*
 * lk_json_set_value, lk_json_remove - change a JSON value. lk_json_set below is shorter.
 *
 * json      what LK_OBJECT and its kin made; it gets a new text, and what was read from the old one
 *           stays valid
 * path      as the getters have it. To set: what is there is replaced, "" being the whole; what is
 *           not is added, if the path leads up to an object, or, with the index that follows the
 *           last one, to an array
 * value     borrowed for the call
 * errors    ends the step as failed: out of memory, a path that leads nowhere, a value without a
 *           JSON form; an object of lk_resource_acquire, which outlives the step and has to be
 *           copied
 * context   inside the step or hook of the user that json belongs to
 * since     0.1; lk_json_set(3)
 */
LK_API void lk_json_set_value(lk_json *json, const char *path, struct lk_value value);
LK_API void lk_json_remove(lk_json *json, const char *path);

/*
 * lk_str and its kin - read a value out of an lk_json or out of the body of an lk_response.
 *
 * from      a const lk_json * or const lk_response *, not NULL. lk_str(from, path) and so on choose
 *           the function by its type: in C as macros, in C++ as overloads
 * path      names of members and indices of elements, joined by dots: "items.0.id"; "" for the
 *           whole. A dot or backslash inside a name is written behind a backslash. Of members with
 *           the same name the first counts
 * otherwise what an _or function returns where its namesake fails; passed through as it is
 * returns   lk_str     a string, terminated, UTF-8, never NULL; owned by from, valid as long
 *           lk_int     an integer, exact; 1.0 and 1e3 are integers, 1.5 and "1" are not
 *           lk_double  the double nearest to a number
 *           lk_bool    true or false
 *           lk_len     the number of elements of an array, or of members of an object
 *           lk_has     whether anything is there, be it null
 * errors    all but lk_has and the _or functions end the step as failed when nothing is at path, or
 *           something of another type, a number that does not fit, a string with a NUL inside, or
 *           when the text is not JSON; the message says which. Out of memory always ends the step,
 *           and so does NULL for from or path
 * context   inside a step or hook of the user that from belongs to
 * since     0.1; lk_str(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_json_str(const lk_json *from, const char *path);
LK_API long long lk_json_int(const lk_json *from, const char *path);
LK_API double lk_json_double(const lk_json *from, const char *path);
LK_API bool lk_json_bool(const lk_json *from, const char *path);
LK_API size_t lk_json_len(const lk_json *from, const char *path);
LK_API bool lk_json_has(const lk_json *from, const char *path);
LK_API const char *lk_json_str_or(const lk_json *from, const char *path, const char *otherwise);
LK_API long long lk_json_int_or(const lk_json *from, const char *path, long long otherwise);
LK_API double lk_json_double_or(const lk_json *from, const char *path, double otherwise);
LK_API bool lk_json_bool_or(const lk_json *from, const char *path, bool otherwise);
LK_API size_t lk_json_len_or(const lk_json *from, const char *path, size_t otherwise);

LK_API LK_NONNULL_RESULT const char *lk_response_str(const lk_response *from, const char *path);
LK_API long long lk_response_int(const lk_response *from, const char *path);
LK_API double lk_response_double(const lk_response *from, const char *path);
LK_API bool lk_response_bool(const lk_response *from, const char *path);
LK_API size_t lk_response_len(const lk_response *from, const char *path);
LK_API bool lk_response_has(const lk_response *from, const char *path);
LK_API const char *lk_response_str_or(const lk_response *from, const char *path,
                                      const char *otherwise);
LK_API long long lk_response_int_or(const lk_response *from, const char *path, long long otherwise);
LK_API double lk_response_double_or(const lk_response *from, const char *path, double otherwise);
LK_API bool lk_response_bool_or(const lk_response *from, const char *path, bool otherwise);
LK_API size_t lk_response_len_or(const lk_response *from, const char *path, size_t otherwise);

LK_END_DECLS

#ifdef __cplusplus

#define LK_GETTER_(type, from_type, name)                                                          \
    inline type lk_##name(const from_type *from, const char *path)                                 \
    {                                                                                              \
        return from_type##_##name(from, path);                                                     \
    }
#define LK_GETTER_OR_(type, from_type, name)                                                       \
    inline type lk_##name##_or(const from_type *from, const char *path, type otherwise)            \
    {                                                                                              \
        return from_type##_##name##_or(from, path, otherwise);                                     \
    }
#define LK_GETTERS_(type, name)                                                                    \
    LK_GETTER_(type, lk_json, name)                                                                \
    LK_GETTER_(type, lk_response, name)                                                            \
    LK_GETTER_OR_(type, lk_json, name)                                                             \
    LK_GETTER_OR_(type, lk_response, name)

LK_GETTERS_(const char *, str)
LK_GETTERS_(long long, int)
LK_GETTERS_(double, double)
LK_GETTERS_(bool, bool)
LK_GETTERS_(size_t, len)
LK_GETTER_(bool, lk_json, has)
LK_GETTER_(bool, lk_response, has)

#undef LK_GETTERS_
#undef LK_GETTER_OR_
#undef LK_GETTER_

#else

#define LK_GETTER_(from, name)                                                                     \
    _Generic((from),                                                                               \
        lk_json *: lk_json_##name,                                                                 \
        const lk_json *: lk_json_##name,                                                           \
        lk_response *: lk_response_##name,                                                         \
        const lk_response *: lk_response_##name)

#define lk_str(from, path) LK_GETTER_(from, str)((from), (path))
#define lk_int(from, path) LK_GETTER_(from, int)((from), (path))
#define lk_double(from, path) LK_GETTER_(from, double)((from), (path))
#define lk_bool(from, path) LK_GETTER_(from, bool)((from), (path))
#define lk_len(from, path) LK_GETTER_(from, len)((from), (path))
#define lk_has(from, path) LK_GETTER_(from, has)((from), (path))
#define lk_str_or(from, path, otherwise) LK_GETTER_(from, str_or)((from), (path), (otherwise))
#define lk_int_or(from, path, otherwise) LK_GETTER_(from, int_or)((from), (path), (otherwise))
#define lk_double_or(from, path, otherwise) LK_GETTER_(from, double_or)((from), (path), (otherwise))
#define lk_bool_or(from, path, otherwise) LK_GETTER_(from, bool_or)((from), (path), (otherwise))
#define lk_len_or(from, path, otherwise) LK_GETTER_(from, len_or)((from), (path), (otherwise))

/*
 * LK_OBJECT("key", value, ...), LK_ARRAY(value, ...) - lk_object and lk_array, with the counting
 * and the types left to the compiler; vu is in scope. Up to 32 members or values; none makes an
 * empty one. Values are strings, integers, floating point, LK_TRUE, LK_FALSE, NULL and lk_json, so
 * also nested LK_OBJECT and LK_ARRAY. Any other type does not compile, nor does a key that is no
 * string or has no value. Each argument is evaluated once.
 */
#define LK_OBJECT(...) LK_CALL_(LK_OBJECT_, LK_OBJECT_SIZE_(__VA_ARGS__), __VA_ARGS__)
#define LK_ARRAY(...) LK_CALL_(LK_ARRAY_, LK_ARRAY_SIZE_(__VA_ARGS__), __VA_ARGS__)

#define LK_CALL_(macro, which, ...) LK_CALL__(macro, which, __VA_ARGS__)
#define LK_CALL__(macro, which, ...) macro##which(__VA_ARGS__)
#define LK_ONE_(macro, empty, x) LK_ONE__(macro, empty, x)
#define LK_ONE__(macro, empty, x) macro##empty##_(x)

/* How many arguments: some_, which is right; odd_ or many_, which is wrong; one_ or none. */
#define LK_OBJECT_SIZE_(...)                                                                       \
    LK_PICK_(__VA_ARGS__, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_,  \
             odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_,   \
             some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_,  \
             odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_,   \
             some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_, odd_, some_,  \
             one_, ~)
#define LK_ARRAY_SIZE_(...)                                                                        \
    LK_PICK_(__VA_ARGS__, many_, many_, many_, many_, many_, many_, many_, many_, many_, many_,    \
             many_, many_, many_, many_, many_, many_, many_, many_, many_, many_, many_, many_,   \
             many_, many_, many_, many_, many_, many_, many_, many_, many_, many_, some_, some_,   \
             some_, some_, some_, some_, some_, some_, some_, some_, some_, some_, some_, some_,   \
             some_, some_, some_, some_, some_, some_, some_, some_, some_, some_, some_, some_,   \
             some_, some_, some_, some_, some_, one_, ~)
#define LK_COUNT_(...)                                                                             \
    LK_PICK_(__VA_ARGS__, 64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,  \
             46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26,   \
             25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3,  \
             2, 1, ~)
#define LK_PICK_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18,  \
                 a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34,   \
                 a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, a49, a50,   \
                 a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, a62, a63, a64, picked,     \
                 ...)                                                                              \
    picked

#define LK_OBJECT_some_(...) LK_OBJECT_OF_(LK_COUNT_(__VA_ARGS__), __VA_ARGS__)
#define LK_OBJECT_odd_(...) LK_OBJECT_wants_a_value_for_each_key
#define LK_OBJECT_one_(x) LK_ONE_(LK_OBJECT_ONE_, LK_IS_EMPTY_(x), x)
#define LK_OBJECT_ONE_0_(x) LK_OBJECT_wants_a_value_for_each_key
#define LK_OBJECT_ONE_1_(x) lk_object(vu, 0, NULL)
#define LK_OBJECT_OF_(count, ...) LK_OBJECT_OF__(count, __VA_ARGS__)
#define LK_OBJECT_OF__(count, ...)                                                                 \
    lk_object(vu, (count) / 2, (const struct lk_member[]){LK_MEMBERS_##count##_(__VA_ARGS__)})

#define LK_ARRAY_some_(...) LK_ARRAY_OF_(LK_COUNT_(__VA_ARGS__), __VA_ARGS__)
#define LK_ARRAY_many_(...) LK_ARRAY_takes_32_values_and_lk_array_any_number
#define LK_ARRAY_one_(x) LK_ONE_(LK_ARRAY_ONE_, LK_IS_EMPTY_(x), x)
#define LK_ARRAY_ONE_0_(x) LK_ARRAY_OF_(1, x)
#define LK_ARRAY_ONE_1_(x) lk_array(vu, 0, NULL)
#define LK_ARRAY_OF_(count, ...) LK_ARRAY_OF__(count, __VA_ARGS__)
#define LK_ARRAY_OF__(count, ...)                                                                  \
    lk_array(vu, count, (const struct lk_value[]){LK_VALUES_##count##_(__VA_ARGS__)})

/*
 * Is the one argument x empty? LK_COMMA_ in front of it and brackets behind it meet, and give a
 * comma, if nothing is in between; the other way to a comma, that x itself begins with a bracket,
 * is told by leaving away the brackets behind.
 */
#define LK_IS_EMPTY_(x) LK_IS_EMPTY__(LK_HAS_COMMA_(LK_COMMA_ x), LK_HAS_COMMA_(LK_COMMA_ x()))
#define LK_IS_EMPTY__(front, both) LK_IS_EMPTY___(front, both)
#define LK_IS_EMPTY___(front, both) LK_IS_EMPTY_##front##both##_
#define LK_IS_EMPTY_00_ 0
#define LK_IS_EMPTY_01_ 1
#define LK_IS_EMPTY_11_ 0
#define LK_COMMA_(...) ,
#define LK_HAS_COMMA_(...) LK_HAS_COMMA__(__VA_ARGS__, 1, 0, ~)
#define LK_HAS_COMMA__(a1, a2, picked, ...) picked

/* LK_VALUE(x): a C value of any type that LK_OBJECT takes, as a struct lk_value. */
#define LK_VALUE(value) LK_VALUE_(value)

/* lk_json_set(json, "items.0.id", value): lk_json_set_value with a C value of any type. */
#define lk_json_set(json, path, value) lk_json_set_value((json), (path), LK_VALUE(value))

#define LK_KEY_(key) _Generic((key), char * : (key), const char * : (key))
#define LK_VALUE_(value)                                                                           \
    _Generic((value),                                                                              \
        _Bool: lk_value_bool,                                                                      \
        char: lk_value_int,                                                                        \
        signed char: lk_value_int,                                                                 \
        unsigned char: lk_value_uint,                                                              \
        short: lk_value_int,                                                                       \
        unsigned short: lk_value_uint,                                                             \
        int: lk_value_int,                                                                         \
        unsigned int: lk_value_uint,                                                               \
        long: lk_value_int,                                                                        \
        unsigned long: lk_value_uint,                                                              \
        long long: lk_value_int,                                                                   \
        unsigned long long: lk_value_uint,                                                         \
        float: lk_value_double,                                                                    \
        double: lk_value_double,                                                                   \
        char *: lk_value_str,                                                                      \
        const char *: lk_value_str,                                                                \
        lk_json *: lk_value_json,                                                                  \
        const lk_json *: lk_value_json,                                                            \
        void *: lk_value_pointer)(value)

#define LK_MEMBERS_2_(key, value)                                                                  \
    {                                                                                              \
        LK_KEY_(key), LK_VALUE_(value)                                                             \
    }
#define LK_MEMBERS_4_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_2_(__VA_ARGS__)
#define LK_MEMBERS_6_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_4_(__VA_ARGS__)
#define LK_MEMBERS_8_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_6_(__VA_ARGS__)
#define LK_MEMBERS_10_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_8_(__VA_ARGS__)
#define LK_MEMBERS_12_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_10_(__VA_ARGS__)
#define LK_MEMBERS_14_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_12_(__VA_ARGS__)
#define LK_MEMBERS_16_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_14_(__VA_ARGS__)
#define LK_MEMBERS_18_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_16_(__VA_ARGS__)
#define LK_MEMBERS_20_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_18_(__VA_ARGS__)
#define LK_MEMBERS_22_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_20_(__VA_ARGS__)
#define LK_MEMBERS_24_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_22_(__VA_ARGS__)
#define LK_MEMBERS_26_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_24_(__VA_ARGS__)
#define LK_MEMBERS_28_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_26_(__VA_ARGS__)
#define LK_MEMBERS_30_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_28_(__VA_ARGS__)
#define LK_MEMBERS_32_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_30_(__VA_ARGS__)
#define LK_MEMBERS_34_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_32_(__VA_ARGS__)
#define LK_MEMBERS_36_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_34_(__VA_ARGS__)
#define LK_MEMBERS_38_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_36_(__VA_ARGS__)
#define LK_MEMBERS_40_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_38_(__VA_ARGS__)
#define LK_MEMBERS_42_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_40_(__VA_ARGS__)
#define LK_MEMBERS_44_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_42_(__VA_ARGS__)
#define LK_MEMBERS_46_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_44_(__VA_ARGS__)
#define LK_MEMBERS_48_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_46_(__VA_ARGS__)
#define LK_MEMBERS_50_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_48_(__VA_ARGS__)
#define LK_MEMBERS_52_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_50_(__VA_ARGS__)
#define LK_MEMBERS_54_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_52_(__VA_ARGS__)
#define LK_MEMBERS_56_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_54_(__VA_ARGS__)
#define LK_MEMBERS_58_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_56_(__VA_ARGS__)
#define LK_MEMBERS_60_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_58_(__VA_ARGS__)
#define LK_MEMBERS_62_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_60_(__VA_ARGS__)
#define LK_MEMBERS_64_(key, value, ...) LK_MEMBERS_2_(key, value), LK_MEMBERS_62_(__VA_ARGS__)

#define LK_VALUES_1_(value) LK_VALUE_(value)
#define LK_VALUES_2_(value, ...) LK_VALUE_(value), LK_VALUES_1_(__VA_ARGS__)
#define LK_VALUES_3_(value, ...) LK_VALUE_(value), LK_VALUES_2_(__VA_ARGS__)
#define LK_VALUES_4_(value, ...) LK_VALUE_(value), LK_VALUES_3_(__VA_ARGS__)
#define LK_VALUES_5_(value, ...) LK_VALUE_(value), LK_VALUES_4_(__VA_ARGS__)
#define LK_VALUES_6_(value, ...) LK_VALUE_(value), LK_VALUES_5_(__VA_ARGS__)
#define LK_VALUES_7_(value, ...) LK_VALUE_(value), LK_VALUES_6_(__VA_ARGS__)
#define LK_VALUES_8_(value, ...) LK_VALUE_(value), LK_VALUES_7_(__VA_ARGS__)
#define LK_VALUES_9_(value, ...) LK_VALUE_(value), LK_VALUES_8_(__VA_ARGS__)
#define LK_VALUES_10_(value, ...) LK_VALUE_(value), LK_VALUES_9_(__VA_ARGS__)
#define LK_VALUES_11_(value, ...) LK_VALUE_(value), LK_VALUES_10_(__VA_ARGS__)
#define LK_VALUES_12_(value, ...) LK_VALUE_(value), LK_VALUES_11_(__VA_ARGS__)
#define LK_VALUES_13_(value, ...) LK_VALUE_(value), LK_VALUES_12_(__VA_ARGS__)
#define LK_VALUES_14_(value, ...) LK_VALUE_(value), LK_VALUES_13_(__VA_ARGS__)
#define LK_VALUES_15_(value, ...) LK_VALUE_(value), LK_VALUES_14_(__VA_ARGS__)
#define LK_VALUES_16_(value, ...) LK_VALUE_(value), LK_VALUES_15_(__VA_ARGS__)
#define LK_VALUES_17_(value, ...) LK_VALUE_(value), LK_VALUES_16_(__VA_ARGS__)
#define LK_VALUES_18_(value, ...) LK_VALUE_(value), LK_VALUES_17_(__VA_ARGS__)
#define LK_VALUES_19_(value, ...) LK_VALUE_(value), LK_VALUES_18_(__VA_ARGS__)
#define LK_VALUES_20_(value, ...) LK_VALUE_(value), LK_VALUES_19_(__VA_ARGS__)
#define LK_VALUES_21_(value, ...) LK_VALUE_(value), LK_VALUES_20_(__VA_ARGS__)
#define LK_VALUES_22_(value, ...) LK_VALUE_(value), LK_VALUES_21_(__VA_ARGS__)
#define LK_VALUES_23_(value, ...) LK_VALUE_(value), LK_VALUES_22_(__VA_ARGS__)
#define LK_VALUES_24_(value, ...) LK_VALUE_(value), LK_VALUES_23_(__VA_ARGS__)
#define LK_VALUES_25_(value, ...) LK_VALUE_(value), LK_VALUES_24_(__VA_ARGS__)
#define LK_VALUES_26_(value, ...) LK_VALUE_(value), LK_VALUES_25_(__VA_ARGS__)
#define LK_VALUES_27_(value, ...) LK_VALUE_(value), LK_VALUES_26_(__VA_ARGS__)
#define LK_VALUES_28_(value, ...) LK_VALUE_(value), LK_VALUES_27_(__VA_ARGS__)
#define LK_VALUES_29_(value, ...) LK_VALUE_(value), LK_VALUES_28_(__VA_ARGS__)
#define LK_VALUES_30_(value, ...) LK_VALUE_(value), LK_VALUES_29_(__VA_ARGS__)
#define LK_VALUES_31_(value, ...) LK_VALUE_(value), LK_VALUES_30_(__VA_ARGS__)
#define LK_VALUES_32_(value, ...) LK_VALUE_(value), LK_VALUES_31_(__VA_ARGS__)

#endif

#endif

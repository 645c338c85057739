/*
 * loadkit/expect.h - what a step expects of an answer.
 *
 * Each expectation that is not met ends the step as failed, with a message that names the request
 * and shows what was expected and what came.
 */
#ifndef LOADKIT_EXPECT_H
#define LOADKIT_EXPECT_H

#include <loadkit/api.h>
#include <loadkit/http.h>
#include <loadkit/values.h>

#ifndef __cplusplus
/* LK_EXPECT_STATUS(r, 201) or, from first to last, LK_EXPECT_STATUS(r, 200, 299). */
#define LK_EXPECT_STATUS(response, ...)                                                            \
    lk_expect_status(vu, (response), LK_STATUS_OF_(LK_COUNT_(__VA_ARGS__), __VA_ARGS__))
#define LK_STATUS_OF_(count, ...) LK_STATUS_OF__(count, __VA_ARGS__)
#define LK_STATUS_OF__(count, ...) LK_STATUS_OF_##count##_(__VA_ARGS__)
#define LK_STATUS_OF_1_(status) (status)
#define LK_STATUS_OF_2_(first, last) LK_STATUS((first), (last))

/* LK_EXPECT_JSON(r, "items.0.id", 7): a value of any type that LK_OBJECT takes. */
#define LK_EXPECT_JSON(response, path, value)                                                      \
    lk_expect_json(vu, (response), (path), LK_VALUE(value))

/* LK_EXPECT_BODY(r, "part of it"), LK_EXPECT_HEADER(r, "Content-Type", "text/html"). */
#define LK_EXPECT_BODY(response, part) lk_expect_body(vu, (response), (part))
#define LK_EXPECT_HEADER(response, name, value) lk_expect_header(vu, (response), (name), (value))
#endif

LK_BEGIN_DECLS

/*
 * lk_expect_status and its kin - end the step unless an answer is as expected.
 *
 * status    201 for one, LK_STATUS(200, 299) for a range
 * path      as lk_str takes it; "" is the whole body
 * value     equal to what is at path: numbers by their value, strings by their text, objects
 *           whatever the order of their members
 * part      stands somewhere in the body
 * name      of a header, compared without regard to case; a field of that name has just this value
 * errors    what is not as expected, and an answer that never came, end the step as failed
 * context   inside the step or hook that got the response
 * since     0.1; lk_expect(3)
 */
LK_API void lk_expect_status(lk_vu *vu, const lk_response *response, int status);
LK_API void lk_expect_json(lk_vu *vu, const lk_response *response, const char *path,
                           struct lk_value value);
LK_API void lk_expect_body(lk_vu *vu, const lk_response *response, const char *part);
LK_API void lk_expect_header(lk_vu *vu, const lk_response *response, const char *name,
                             const char *value);

LK_END_DECLS

#endif

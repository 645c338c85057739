/*
 * loadkit/err.h - error numbers, their names and their texts.
 *
 * Zero is success, negatives are failures. A number, once published, is never reused.
 */
#ifndef LOADKIT_ERR_H
#define LOADKIT_ERR_H

#include <loadkit/api.h>

/* X(name, number, text) for every error; the enum, names and texts are made from this one list. */
#define LK_ERR_MAP(X)                                                                              \
    X(OK, 0, "success")                                                                            \
    X(E_NOMEM, -1, "out of memory")                                                                \
    X(E_ARG, -2, "invalid argument")                                                               \
    X(E_STATE, -3, "not possible in this state")                                                   \
    X(E_LIMIT, -4, "a limit was reached")                                                          \
    X(E_FORMAT, -5, "malformed input")                                                             \
    X(E_NOT_FOUND, -6, "not found")                                                                \
    X(E_EXISTS, -7, "exists already")                                                              \
    X(E_TIMEOUT, -8, "timed out")                                                                  \
    X(E_CANCELLED, -9, "the run is ending")                                                        \
    X(E_IO, -10, "input or output failed")                                                         \
    X(E_SYSTEM, -11, "a system call failed")

#define LK_ERR_ENUM_(name, number, text) LK_##name = (number),
enum lk_err { LK_ERR_MAP(LK_ERR_ENUM_) LK_ERR_LAST_ = -12 };
#undef LK_ERR_ENUM_

LK_BEGIN_DECLS

/*
 * lk_strerror - the text of an error.
 *
 * err       a value of enum lk_err; any other number gives "unknown error"
 * returns   a static string, never NULL
 * context   any thread
 * since     0.1; lk_strerror(3)
 */
LK_API const char *lk_strerror(enum lk_err err);

/*
 * lk_err_name - the name of an error as it is written in C.
 *
 * err       a value of enum lk_err; any other number gives "LK_E_UNKNOWN"
 * returns   a static string such as "LK_E_NOMEM", never NULL
 * context   any thread
 * since     0.1; lk_strerror(3)
 */
LK_API const char *lk_err_name(enum lk_err err);

LK_END_DECLS

#endif

/*
 * EXPECT(condition, "format", ...) for inner loops: Check writes down where each of its own
 * assertions stands before it looks at it, with a system call, and this does not.
 */
#ifndef TESTS_SUPPORT_EXPECT_H
#define TESTS_SUPPORT_EXPECT_H

#include <check.h>

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg(__VA_ARGS__);                                                             \
    } while (0)

#endif

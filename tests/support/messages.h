/*
 * Messages as bytes: what each family of them has to bear on its way, in whatever state it arrives.
 *
 *     static const struct messages families[] = {{.size = sizeof(struct lki_order), ...}, ...};
 *
 *     messages_add_tests(tests, families, LKI_COUNT(families));
 */
#ifndef TESTS_SUPPORT_MESSAGES_H
#define TESTS_SUPPORT_MESSAGES_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "base/buf.h"

#define MESSAGE_MAX ((size_t)1 << 20)

struct message_list {
    const void *first;
    size_t count;
};

/* A family. What it has in memory begins with an enum, its kind. */
struct messages {
    size_t size;              /* in memory */
    int kinds;                /* how many there are; none has this number */
    struct message_list good; /* one or more of each kind */
    struct message_list bad;  /* only writing can make them, and nobody should */
    void (*write)(const void *message, struct lki_buf *out); /* NULL: others write these */
    enum lk_err (*read)(void *message, const void *bytes, size_t len, struct lki_arena *arena);
    void (*same)(const void *one, const void *other); /* fails the test if they are not */
    bool apart;                                       /* once read, it needs its bytes no more */
};

/* Of each test: empty, and without a limit. */
extern struct lki_arena message_arena;

/* Gives the tests this arena, and what is to hold of all families alike. */
void messages_add_tests(TCase *tests, const struct messages *families, size_t count);

/* As bytes, at the end of their memory, which the caller frees. */
char *message_bytes(const struct messages *family, const void *message, size_t *len);

/*
 * Whatever the bytes are: refused by all families but one, and then nothing was touched, and there
 * a message that is written as just these bytes. False: refused by that one, too.
 */
bool message_verify(const char *bytes, size_t len);

/* There is no memory to read it: this is told, and nothing was touched. */
void message_verify_costly(const struct messages *family, const void *message, size_t limit);

/* The same string, or none, in two places. */
void message_same_text(const char *one, const char *other);

#define SAME(field) ck_assert_int_eq(one->field, other->field)
#define SAME_U(field) ck_assert_uint_eq(one->field, other->field)
#define SAME_TEXT(field) message_same_text(one->field, other->field)

#endif

/*
 * Messages as bytes: what each family of them has to bear on its way, in whatever state it arrives.
 *
 *     static const struct messages orders = {sizeof(struct lki_order), LKI_ORDER_COUNT_,
 *                                            order_write, order_read, &arena};
 */
#ifndef TESTS_SUPPORT_MESSAGES_H
#define TESTS_SUPPORT_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/err.h>

#include "base/arena.h"
#include "base/buf.h"

#define MESSAGE_MAX ((size_t)1 << 20)

/* A family. What it has in memory begins with an enum, its kind. */
struct messages {
    size_t size; /* in memory */
    int none;    /* no kind of it */
    void (*write)(const void *message, struct lki_buf *out);
    enum lk_err (*read)(void *message, const void *bytes, size_t len, struct lki_arena *arena);
    struct lki_arena *arena;
};

/* As bytes, at the end of their memory, which the caller frees. */
char *message_bytes(const struct messages *family, const void *message, size_t *len);

/*
 * Whatever the bytes are: refused, and then nothing was touched, or a message that is written as
 * just these bytes. True: it was one.
 */
bool message_verify(const struct messages *family, const char *bytes, size_t len);

/* How many families these bytes, at the end of their memory, are a message of; each is verified. */
int message_verify_as(const struct messages *const *families, size_t count, const char *bytes,
                      size_t len);

/* A message that is cut short anywhere, or goes on, is none. */
void message_verify_cut(const char *bytes, size_t len,
                        bool (*verify)(const char *bytes, size_t len));
/* With any byte replaced by any other. */
void message_verify_replaced(char *bytes, size_t len,
                             bool (*verify)(const char *bytes, size_t len));
/* Random changes to random ones of count; bytes gives them, to be freed. */
void message_verify_changed(size_t count, char *(*bytes)(size_t i, size_t *len),
                            bool (*verify)(const char *bytes, size_t len));

#endif

#include "net/redis_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A buffer that was larger for once is not kept. */
#define KEEP_BYTES ((size_t)1024 * 1024)
#define WORDS_MAX 32

void lki_redis_queue_init(struct lki_redis_queue *queue)
{
    *queue = (struct lki_redis_queue){.last = &queue->first};
    lki_buf_init(&queue->bytes, LKI_REDIS_QUEUE_MAX);
}

/* What is sent already goes away when it is half of all: each byte is moved once at most. */
static void make_room(struct lki_redis_queue *queue)
{
    struct lki_buf *bytes = &queue->bytes;

    if (queue->written < KEEP_BYTES || queue->written < bytes->len / 2)
        return;
    memmove(bytes->data, bytes->data + queue->written, bytes->len - queue->written);
    bytes->len -= queue->written;
    queue->written = 0;
}

static enum lk_err write_command(struct lki_buf *out, size_t argc, const char *const *argv,
                                 const size_t *lens)
{
    size_t before = out->len;
    enum lk_err err;

    lki_buf_printf(out, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) {
        lki_buf_printf(out, "$%zu\r\n", lens[i]);
        lki_buf_append(out, argv[i], lens[i]);
        lki_buf_append(out, "\r\n", 2);
    }
    err = out->err;
    if (err) {
        out->err = LK_OK;
        out->len = before;
    }
    return err;
}

enum lk_err lki_redis_queue_put(struct lki_redis_queue *queue, size_t argc, const char *const *argv,
                                const size_t *lens, lki_redis_fn *fn, void *arg, int64_t now_ns)
{
    struct lki_redis_asked *asked = malloc(sizeof(*asked));
    enum lk_err err;

    if (!asked)
        return LK_E_NOMEM;
    make_room(queue);
    err = write_command(&queue->bytes, argc, argv, lens);
    if (err) {
        free(asked);
        return err;
    }
    *asked = (struct lki_redis_asked){NULL, fn, arg, now_ns};
    *queue->last = asked;
    queue->last = &asked->next;
    return LK_OK;
}

enum lk_err lki_redis_queue_say(struct lki_redis_queue *queue, const char *const *words,
                                lki_redis_fn *fn, void *arg, int64_t now_ns)
{
    size_t lens[WORDS_MAX];
    size_t count = 0;

    for (; words[count]; count++) {
        if (count == WORDS_MAX)
            return LK_E_LIMIT;
        lens[count] = strlen(words[count]);
    }
    return lki_redis_queue_put(queue, count, words, lens, fn, arg, now_ns);
}

bool lki_redis_queue_send(struct lki_redis_queue *queue, int fd)
{
    struct lki_buf *bytes = &queue->bytes;

    while (queue->written < bytes->len) {
        ssize_t sent = send(fd, bytes->data + queue->written, bytes->len - queue->written,
                            MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
        queue->written += (size_t)sent;
    }
    queue->written = 0;
    if (bytes->cap > KEEP_BYTES)
        lki_buf_release(bytes);
    else
        lki_buf_clear(bytes);
    return true;
}

void lki_redis_queue_answer(struct lki_redis_queue *queue, const struct lki_redis_reply *reply)
{
    struct lki_redis_asked asked = *queue->first;

    free(queue->first);
    queue->first = asked.next;
    if (!queue->first)
        queue->last = &queue->first;
    if (asked.fn)
        asked.fn(reply, asked.arg);
}

struct lki_redis_asked *lki_redis_queue_drop(struct lki_redis_queue *queue)
{
    struct lki_redis_asked *asked = queue->first;

    lki_buf_release(&queue->bytes);
    lki_redis_queue_init(queue);
    return asked;
}

void lki_redis_queue_tell_lost(struct lki_redis_asked *asked)
{
    while (asked) {
        struct lki_redis_asked *next = asked->next;

        if (asked->fn)
            asked->fn(NULL, asked->arg);
        free(asked);
        asked = next;
    }
}

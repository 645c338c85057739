/*
 * A connection to Redis: a socket of ours, and hiredis to read replies. Its own asynchronous
 * context is not used: it ends the process by an assertion when a peer, which need not be a Redis,
 * sends a reply that nobody asked for, and by SIGPIPE when the peer has gone; it looks names up in
 * the middle of the loop, and moves all that waits to be sent with each write.
 */
#include "net/redis.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/dial.h"
#include "net/redis_greet.h"
#include "net/redis_queue.h"
#include "net/redis_reply.h"

/* A reply is awaited, and nothing comes: the peer hangs or stands still, or the net is cut. */
#define SILENT_NS (3 * LKI_NS_PER_S)
#define LOOK_NS (500 * LKI_NS_PER_MS)
#define PING_NS (1 * LKI_NS_PER_S)
#define RETRY_FIRST_NS (100 * LKI_NS_PER_MS)
#define RETRY_MAX_NS (2 * LKI_NS_PER_S)
/* What the last commands may take. */
#define LAST_NS (100 * LKI_NS_PER_MS)
/* So much is read before others have their turn. */
#define READS_A_TURN 64
#define WHY_MAX_BYTES 1024
#define TLS_ALERT 0x15 /* the first byte of what a TLS server answers to anything else */

enum state { WAITING, DIALING, GREETING, UP, CLOSED };

struct lki_redis {
    struct lki_loop *loop;
    const struct lki_redis_address *address;
    struct lki_redis_owner owner;
    enum state state;
    struct lki_timer timer; /* of what the state waits for */
    struct lki_dial dial;
    int fd;
    uint64_t tries; /* changes with each end of a connection: callbacks may bring it about */
    struct lki_io in, out;
    struct lki_redis_reader reader;
    struct lki_redis_queue queue;
    struct lki_post flush, reap;
    struct lki_redis_greet greet;
    bool tls;         /* so it seems */
    int64_t moved_ns; /* something came, or the peer took what it had not taken before */
    int64_t retry_ns; /* the next pause */
    int64_t up_ns;    /* since when it is up */
};

static void look_again(struct lki_redis *redis, int64_t after_ns)
{
    lki_timer_set(&redis->loop->timers, &redis->timer,
                  lki_ns_after(lki_loop_now(redis->loop), after_ns));
}

/* ---- the end of a connection ---- */

static void close_socket(struct lki_redis *redis)
{
    lki_io_stop(&redis->in);
    lki_io_stop(&redis->out);
    if (redis->fd >= 0)
        close(redis->fd);
    redis->fd = -1;
}

/* Returns those who wait for replies. */
static struct lki_redis_asked *disconnect(struct lki_redis *redis, enum state state)
{
    redis->tries++;
    redis->state = state;
    lki_timer_cancel(&redis->timer);
    lki_loop_unpost(redis->loop, &redis->flush);
    lki_dial_stop(&redis->dial);
    close_socket(redis);
    return lki_redis_queue_drop(&redis->queue);
}

/* After one that stayed up for a while pauses are short again. */
static void retry_later(struct lki_redis *redis, bool was_up)
{
    if (was_up && lki_loop_now(redis->loop) - redis->up_ns > redis->retry_ns)
        redis->retry_ns = RETRY_FIRST_NS;
    look_again(redis, redis->retry_ns);
    redis->retry_ns *= 2;
    if (redis->retry_ns > RETRY_MAX_NS)
        redis->retry_ns = RETRY_MAX_NS;
}

static void give_up(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *fmt, ...)
    LK_PRINTF(3, 4);

static void give_up(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *fmt, ...)
{
    bool was_up = redis->state == UP;
    struct lki_redis_asked *asked;
    struct lki_buf line;
    const char *text;
    va_list args;

    lki_buf_init(&line, WHY_MAX_BYTES);
    lki_buf_str(&line, "Redis at ");
    lki_redis_address_show(redis->address, &line);
    lki_buf_str(&line, ": ");
    va_start(args, fmt);
    lki_buf_vprintf(&line, fmt, args);
    va_end(args);
    text = lki_buf_cstr(&line);
    asked = disconnect(redis, WAITING);
    retry_later(redis, was_up);
    lki_redis_queue_tell_lost(asked);
    if (redis->state != CLOSED)
        redis->owner.on_down(redis, trouble, text ? text : "Redis: out of memory",
                             redis->owner.arg);
    lki_buf_release(&line);
}

void lki_redis_drop(struct lki_redis *redis, enum lki_redis_trouble trouble, const char *why)
{
    if (redis->state == UP)
        give_up(redis, trouble, "%s", why);
}

/* ---- sending ---- */

static void send_queue(struct lki_redis *redis);

static void on_writable(struct lki_io *io, unsigned events)
{
    struct lki_redis *redis = LKI_CONTAINER(io, struct lki_redis, out);

    (void)events;
    redis->moved_ns = lki_loop_now(redis->loop);
    send_queue(redis);
}

/* That the peer is gone is found out by reading. */
static void send_queue(struct lki_redis *redis)
{
    bool sent = lki_redis_queue_send(&redis->queue, redis->fd);

    if (!sent)
        shutdown(redis->fd, SHUT_RDWR);
    if (!sent || lki_redis_queue_sent(&redis->queue))
        lki_io_stop(&redis->out);
    else if (!redis->out.started &&
             lki_io_start(redis->loop, &redis->out, redis->fd, LKI_WRITABLE, on_writable))
        give_up(redis, LKI_REDIS_AWAY, "the connection cannot be watched: %s", strerror(errno));
}

static void on_flush(struct lki_post *post)
{
    struct lki_redis *redis = LKI_CONTAINER(post, struct lki_redis, flush);

    if ((redis->state == GREETING || redis->state == UP) && !redis->out.started)
        send_queue(redis);
}

enum lk_err lki_redis_send(struct lki_redis *redis, size_t argc, const char *const *argv,
                           const size_t *lens, lki_redis_fn *fn, void *arg)
{
    enum lk_err err = LK_E_STATE;

    if (redis->state == UP)
        err = lki_redis_queue_put(&redis->queue, argc, argv, lens, fn, arg,
                                  lki_loop_now(redis->loop));
    if (!err)
        lki_loop_post(redis->loop, &redis->flush, on_flush);
    return err;
}

enum lk_err lki_redis_say_words(struct lki_redis *redis, lki_redis_fn *fn, void *arg,
                                const char *const *words)
{
    enum lk_err err = LK_E_STATE;

    if (redis->state == UP)
        err = lki_redis_queue_say(&redis->queue, words, fn, arg, lki_loop_now(redis->loop));
    if (!err)
        lki_loop_post(redis->loop, &redis->flush, on_flush);
    return err;
}

/* ---- reading ---- */

static void on_reply(struct lki_redis *redis, const struct lki_redis_reply *reply)
{
    enum lki_redis_trouble trouble = LKI_REDIS_REFUSED;
    struct lki_buf why;

    lki_buf_init(&why, WHY_MAX_BYTES);
    if (lki_redis_is_fatal(reply, redis->address, &trouble, &why))
        give_up(redis, trouble, "%.*s", (int)why.len, why.data ? why.data : "");
    else if (!redis->queue.first)
        give_up(redis, LKI_REDIS_REFUSED, LKI_REDIS_NONE);
    else
        lki_redis_queue_answer(&redis->queue, reply);
    lki_buf_release(&why);
}

static void on_garbage(struct lki_redis *redis, enum lk_err failure)
{
    if (failure == LK_E_NOMEM)
        give_up(redis, LKI_REDIS_AWAY, "there is no memory for its reply");
    else if (redis->state == UP)
        give_up(redis, LKI_REDIS_AWAY, "what it answers is no reply");
    else if (redis->tls)
        give_up(redis, LKI_REDIS_REFUSED,
                "what answers there speaks TLS, which is not supported: use a tunnel (stunnel, "
                "ssh -L) or a private network");
    else
        give_up(redis, LKI_REDIS_REFUSED, LKI_REDIS_NONE);
}

/* False: the connection is not that any more. */
static bool hear(struct lki_redis *redis, const char *bytes, size_t len)
{
    uint64_t tries = redis->tries;
    const struct lki_redis_reply *reply;
    enum lk_err failure;

    redis->moved_ns = lki_loop_now(redis->loop);
    redis->tls |= redis->state == GREETING && *bytes == TLS_ALERT;
    lki_redis_reader_feed(&redis->reader, bytes, len);
    while ((reply = lki_redis_reader_take(&redis->reader))) {
        on_reply(redis, reply);
        if (redis->tries != tries)
            return false;
        lki_redis_reader_next(&redis->reader);
    }
    failure = lki_redis_reader_failure(&redis->reader);
    if (failure)
        on_garbage(redis, failure);
    return !failure;
}

static void on_end(struct lki_redis *redis, int error)
{
    if (error && error != ECONNRESET && error != EPIPE)
        give_up(redis, LKI_REDIS_AWAY, "%s", strerror(error));
    else if (redis->state == UP)
        give_up(redis, LKI_REDIS_AWAY, "the connection was closed there");
    else
        give_up(redis, LKI_REDIS_AWAY, "the connection was closed there before any answer");
}

static void on_readable(struct lki_io *io, unsigned events)
{
    struct lki_redis *redis = LKI_CONTAINER(io, struct lki_redis, in);
    char *bytes = redis->loop->read_buffer;

    (void)events;
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t got = recv(redis->fd, bytes, LKI_READ_BUFFER_BYTES, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            on_end(redis, got ? errno : 0);
            return;
        }
        if (!hear(redis, bytes, (size_t)got) || got < (ssize_t)LKI_READ_BUFFER_BYTES)
            return;
    }
}

/* ---- greeting ---- */

static void on_greeted(const struct lki_redis_reply *reply, void *arg)
{
    enum lki_redis_trouble trouble;
    struct lki_redis *redis = arg;
    struct lki_buf why;

    if (!reply)
        return;
    lki_buf_init(&why, WHY_MAX_BYTES);
    if (!lki_redis_greet_hear(&redis->greet, reply, &trouble, &why)) {
        give_up(redis, trouble, "%.*s", (int)why.len, why.data ? why.data : "");
    } else if (lki_redis_greet_done(&redis->greet)) {
        redis->state = UP;
        redis->up_ns = lki_loop_now(redis->loop);
        redis->owner.on_up(redis, redis->owner.arg);
    }
    lki_buf_release(&why);
}

static void greet(struct lki_redis *redis)
{
    enum lk_err err = lki_redis_reader_open(&redis->reader);

    redis->state = GREETING;
    redis->tls = false;
    redis->moved_ns = lki_loop_now(redis->loop);
    if (!err)
        err = lki_redis_greet_say(&redis->greet, redis->address, &redis->queue, on_greeted, redis,
                                  redis->moved_ns);
    if (!err)
        err = lki_io_start(redis->loop, &redis->in, redis->fd, LKI_READABLE, on_readable);
    if (err) {
        give_up(redis, LKI_REDIS_AWAY, "%s", lk_strerror(err));
        return;
    }
    look_again(redis, LOOK_NS);
    lki_loop_post(redis->loop, &redis->flush, on_flush);
}

/* ---- connecting ---- */

static void on_dialed(struct lki_dial *dial, int fd, const char *why)
{
    struct lki_redis *redis = LKI_CONTAINER(dial, struct lki_redis, dial);

    redis->fd = fd;
    if (fd < 0)
        give_up(redis, LKI_REDIS_AWAY, "%s", why);
    else
        greet(redis);
}

static void begin(struct lki_redis *redis)
{
    const struct lki_redis_address *address = redis->address;

    redis->state = DIALING;
    lki_dial_start(&redis->dial, address->path, address->host, address->port);
}

/* ---- watching ---- */

static void watch(struct lki_redis *redis)
{
    const struct lki_redis_asked *first = redis->queue.first;
    int64_t now_ns = lki_loop_now(redis->loop);
    int64_t since_ns = first && first->since_ns > redis->moved_ns ? first->since_ns
                                                                  : redis->moved_ns;

    if (first && now_ns - since_ns > SILENT_NS) {
        give_up(redis, LKI_REDIS_AWAY, "no answer for %d s", (int)(SILENT_NS / LKI_NS_PER_S));
        return;
    }
    if (!first && now_ns - redis->moved_ns >= PING_NS)
        lki_redis_say(redis, NULL, NULL, "PING");
    look_again(redis, LOOK_NS);
}

static void on_due(struct lki_timer *timer)
{
    struct lki_redis *redis = LKI_CONTAINER(timer, struct lki_redis, timer);

    switch (redis->state) {
    case WAITING:
        begin(redis);
        break;
    case GREETING:
    case UP:
        watch(redis);
        break;
    case DIALING:
    case CLOSED:
        break;
    }
}

/* ---- the whole ---- */

static void redis_free(struct lki_redis *redis)
{
    lki_timer_release(&redis->loop->timers, &redis->timer);
    lki_dial_release(&redis->dial);
    lki_redis_reader_release(&redis->reader);
    free(redis);
}

enum lk_err lki_redis_open(struct lki_redis **out, struct lki_loop *loop,
                           const struct lki_redis_address *address,
                           const struct lki_redis_owner *owner)
{
    struct lki_redis *redis = lki_zalloc(sizeof(*redis));
    enum lk_err err = redis ? LK_OK : LK_E_NOMEM;

    if (err)
        return err;
    redis->loop = loop;
    redis->address = address;
    redis->owner = *owner;
    redis->fd = -1;
    redis->retry_ns = RETRY_FIRST_NS;
    lki_redis_queue_init(&redis->queue);
    err = lki_timer_init(&loop->timers, &redis->timer, on_due);
    if (!err)
        err = lki_dial_init(&redis->dial, loop, on_dialed);
    if (err) {
        redis_free(redis);
        return err;
    }
    look_again(redis, 0);
    *out = redis;
    return LK_OK;
}

static void on_reap(struct lki_post *post)
{
    redis_free(LKI_CONTAINER(post, struct lki_redis, reap));
}

/* A Redis that cannot tell us a reply, since we have gone, forgets also what it has not read yet:
 * it is given time to come to the end of it. */
static void send_last(struct lki_redis *redis)
{
    struct pollfd wait = {.fd = redis->fd, .events = POLLIN};
    int64_t until_ns = lki_loop_now(redis->loop) + LAST_NS;
    char bytes[4096];

    lki_redis_queue_send(&redis->queue, redis->fd);
    shutdown(redis->fd, SHUT_WR);
    for (;;) {
        int64_t left_ns = until_ns - lki_loop_now(redis->loop);

        if (left_ns <= 0 || poll(&wait, 1, (int)(left_ns / LKI_NS_PER_MS) + 1) <= 0 ||
            recv(redis->fd, bytes, sizeof(bytes), 0) <= 0)
            return;
    }
}

void lki_redis_close(struct lki_redis *redis)
{
    if (!redis || redis->state == CLOSED)
        return;
    if (redis->state == UP)
        send_last(redis);
    lki_redis_queue_tell_lost(disconnect(redis, CLOSED));
    lki_loop_post(redis->loop, &redis->reap, on_reap);
}

void lki_redis_forked(struct lki_redis *redis)
{
    int *const copies[] = {&redis->fd, &redis->dial.fd, &redis->dial.resolve.fd};

    for (size_t i = 0; i < LKI_COUNT(copies); i++) {
        if (*copies[i] >= 0)
            close(*copies[i]);
        *copies[i] = -1;
    }
}

bool lki_redis_is_up(const struct lki_redis *redis)
{
    return redis->state == UP;
}

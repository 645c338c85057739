/*
 * A load test of Redis, through the interface that its own C library has for programs with a loop
 * of their own: hiredis writes and reads when it is told to, and lk_wait_fd says when that is. Each
 * user keeps a connection, and sends its commands one by one or many at once.
 *
 *   redis_load -u 100 -d 10s -p port=6379 -p pipeline=16
 */
#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>
#include <loadkit/loadkit.h>

#define WAIT_S 5.0

LK_PARAM(host, .value = "127.0.0.1", .help = "address of the Redis");
LK_PARAM(port, .type = LK_INT, .value = "6379", .help = "its port");
LK_PARAM(socket, .help = "path of its unix socket, instead of host and port");
LK_PARAM(password, .secret = true, .help = "its password");
LK_PARAM(keys, .type = LK_INT, .value = "10000", .help = "so many different keys");
LK_PARAM(value_bytes, .type = LK_INT, .value = "100", .help = "length of a value");
LK_PARAM(pipeline, .type = LK_INT, .value = "1", .help = "commands sent at once");

LK_VU(client) {
    redisContext *redis; /* NULL: none */
    bool busy;           /* replies are still to come */
};

static void hang_up(struct client *self)
{
    if (self->redis)
        redisFree(self->redis);
    self->redis = NULL;
    self->busy = false;
}

static void await(lk_vu *vu, const redisContext *redis, unsigned event)
{
    int ready = lk_wait_fd(vu, redis->fd, event, WAIT_S);

    LK_REQUIRE(ready > 0, "Redis: %s", lk_strerror((enum lk_err)ready));
}

static void flush(lk_vu *vu, redisContext *redis)
{
    int done = 0;

    while (!done) {
        LK_REQUIRE(redisBufferWrite(redis, &done) == REDIS_OK, "Redis: %s", redis->errstr);
        if (!done)
            await(vu, redis, LK_WRITABLE);
    }
}

/* To be given to freeReplyObject. */
static redisReply *receive(lk_vu *vu, redisContext *redis)
{
    void *reply = NULL;

    for (;;) {
        LK_REQUIRE(redisGetReplyFromReader(redis, &reply) == REDIS_OK, "Redis: %s", redis->errstr);
        if (reply)
            return reply;
        await(vu, redis, LK_READABLE);
        LK_REQUIRE(redisBufferRead(redis) == REDIS_OK, "Redis: %s", redis->errstr);
    }
}

/* A reply is a sample: REDIS_OK, or what the error begins with: REDIS_WRONGTYPE. False: an error. */
static bool count(lk_vu *vu, const char *command, const redisReply *reply, double sent)
{
    bool failed = reply->type == REDIS_REPLY_ERROR;
    int word = failed ? (int)strcspn(reply->str, " ") : 2;

    lk_emit(vu, command, .source = "redis", .seconds = lk_now(vu) - sent, .failed = failed,
            .code = lk_format(vu, "REDIS_%.*s", word, failed ? reply->str : "OK"),
            .message = failed ? lk_format(vu, "%s", reply->str) : NULL);
    return !failed;
}

/* Sends what has been appended, and takes so many replies. False: one of them was an error. */
static bool exchange(lk_vu *vu, struct client *self, const char *command, int64_t replies)
{
    double sent = lk_now(vu);
    bool good = true;

    self->busy = true;
    flush(vu, self->redis);
    while (replies--) {
        redisReply *reply = receive(vu, self->redis);

        good = count(vu, command, reply, sent) && good;
        freeReplyObject(reply);
    }
    self->busy = false;
    return good;
}

static void dial(lk_vu *vu, struct client *self)
{
    const char *path = lk_param(vu, "socket");
    const char *password = lk_param(vu, "password");

    self->redis = *path ? redisConnectUnixNonBlock(path)
                        : redisConnectNonBlock(lk_param(vu, "host"), (int)lk_param_int(vu, "port"));
    LK_REQUIRE(self->redis, "out of memory");
    LK_REQUIRE(!self->redis->err, "Redis: %s", self->redis->errstr);
    await(vu, self->redis, LK_WRITABLE);
    if (*password) {
        redisAppendCommand(self->redis, "AUTH %s", password);
        LK_REQUIRE(exchange(vu, self, "AUTH", 1), "Redis refuses the password");
    }
}

/* However the last step ended: a reply that was not read must not be taken for another. */
static redisContext *connection(lk_vu *vu, struct client *self)
{
    if (self->busy || (self->redis && self->redis->err))
        hang_up(self);
    if (!self->redis)
        dial(vu, self);
    return self->redis;
}

static const char *any_key(lk_vu *vu)
{
    return lk_format(vu, "loadkit:%d", (int)lk_random_int(vu, 1, lk_param_int(vu, "keys")));
}

LK_ON_START(client)
{
    dial(vu, self);
}

LK_ON_STOP(client)
{
    hang_up(self);
}

LK_STEP(client, get, .weight = 4, .timeout_s = 30)
{
    redisContext *redis = connection(vu, self);
    int64_t commands = lk_param_int(vu, "pipeline");

    for (int64_t i = 0; i < commands; i++)
        redisAppendCommand(redis, "GET %s", any_key(vu));
    exchange(vu, self, "GET", commands);
}

LK_STEP(client, set, .weight = 1, .timeout_s = 30)
{
    redisContext *redis = connection(vu, self);
    int64_t commands = lk_param_int(vu, "pipeline");
    const char *value = lk_random_string(vu, (size_t)lk_param_int(vu, "value_bytes"), NULL);

    for (int64_t i = 0; i < commands; i++)
        redisAppendCommand(redis, "SET %s %s", any_key(vu), value);
    exchange(vu, self, "SET", commands);
}

LK_MAIN()

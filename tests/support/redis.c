#include "support/redis.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "support/expect.h"

#define WORDS_MAX 16
#define STARTS_MAX 8
#define LOOKS_MAX 1000
#define LOOK_MS 10

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    EXPECT(fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) &&
               !getsockname(fd, (struct sockaddr *)&at, &len),
           "no free port");
    close(fd);
    return ntohs(at.sin_port);
}

static void exec_server(const struct test_redis *redis, pid_t parent)
{
    char port[8];
    int null = open("/dev/null", O_RDWR);

    snprintf(port, sizeof(port), "%u", redis->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--unixsocket",
           redis->path, "--save", "", "--appendonly", "no", "--daemonize", "no", "--databases", "4",
           "--requirepass", TEST_REDIS_PASSWORD, "--dir", "/", "--enable-debug-command", "yes",
           (char *)NULL);
    perror("redis-server");
    _exit(1);
}

static redisContext *try_to_talk(const struct test_redis *redis)
{
    redisContext *talk = redisConnectUnix(redis->path);
    redisReply *reply = NULL;

    if (talk && !talk->err)
        reply = redisCommand(talk, "AUTH %s", TEST_REDIS_PASSWORD);
    if (reply && reply->type == REDIS_REPLY_STATUS) {
        freeReplyObject(reply);
        return talk;
    }
    if (reply)
        freeReplyObject(reply);
    if (talk)
        redisFree(talk);
    return NULL;
}

/* False: it has ended, which happens when somebody else has got its port. */
static bool wait_until_there(struct test_redis *redis)
{
    for (int i = 0; i < LOOKS_MAX; i++) {
        redisContext *talk = try_to_talk(redis);

        if (talk) {
            redisFree(talk);
            return true;
        }
        if (waitpid(redis->pid, NULL, WNOHANG) == redis->pid) {
            redis->pid = 0;
            return false;
        }
        poll(NULL, 0, LOOK_MS);
    }
    EXPECT(false, "redis-server does not answer");
    return false;
}

void test_redis_restart(struct test_redis *redis)
{
    pid_t parent = getpid();

    unlink(redis->path);
    redis->pid = fork();
    EXPECT(redis->pid >= 0, "no process");
    if (!redis->pid)
        exec_server(redis, parent);
    EXPECT(wait_until_there(redis), "redis-server does not run: is it installed?");
}

static void set_address(struct test_redis *redis)
{
    struct lki_buf why;

    if (redis->port)
        snprintf(redis->url, sizeof(redis->url),
                 "redis://:se%%2Fcret%%3A%%40%%25word@127.0.0.1:%u/2", redis->port);
    else
        snprintf(redis->url, sizeof(redis->url), "unix://:se%%2Fcret%%3A%%40%%25word@%s?db=2",
                 redis->path);
    lki_buf_init(&why, 1024);
    EXPECT(!lki_redis_address_parse(&redis->address, redis->url, &why), "%s", lki_buf_cstr(&why));
}

void test_redis_start(struct test_redis *redis, bool tcp)
{
    static unsigned number;
    const char *dir = getenv("TMPDIR");
    pid_t parent = getpid();

    *redis = (struct test_redis){0};
    snprintf(redis->path, sizeof(redis->path), "%s/redis.%d.%u", dir ? dir : "/tmp", (int)parent,
             number++);
    for (int i = 0; i < STARTS_MAX; i++) {
        redis->port = tcp ? free_port() : 0;
        redis->pid = fork();
        EXPECT(redis->pid >= 0, "no process");
        if (!redis->pid)
            exec_server(redis, parent);
        if (wait_until_there(redis)) {
            set_address(redis);
            return;
        }
    }
    EXPECT(false, "redis-server does not run: is it installed?");
}

void test_redis_signal(const struct test_redis *redis, int signal)
{
    EXPECT(redis->pid && !kill(redis->pid, signal), "redis-server is gone");
}

void test_redis_kill(struct test_redis *redis)
{
    if (redis->pid) {
        kill(redis->pid, SIGKILL);
        waitpid(redis->pid, NULL, 0);
    }
    redis->pid = 0;
}

void test_redis_release(struct test_redis *redis)
{
    test_redis_kill(redis);
    unlink(redis->path);
    lki_redis_address_release(&redis->address);
}

static redisReply *ask_words(const struct test_redis *redis, size_t count, const char **words)
{
    redisContext *talk = try_to_talk(redis);
    redisReply *reply;

    EXPECT(talk, "redis-server does not answer");
    reply = redisCommand(talk, "SELECT 2");
    EXPECT(reply, "SELECT");
    freeReplyObject(reply);
    reply = redisCommandArgv(talk, (int)count, words, NULL);
    EXPECT(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", words[0],
           reply ? reply->str : "no answer");
    redisFree(talk);
    return reply;
}

static redisReply *ask(const struct test_redis *redis, va_list args)
{
    const char *words[WORDS_MAX];
    size_t count = 0;
    const char *word;

    while (count < WORDS_MAX && (word = va_arg(args, const char *)))
        words[count++] = word;
    return ask_words(redis, count, words);
}

/* Takes the reply. */
static int64_t number_of(redisReply *reply)
{
    int64_t value = reply->type == REDIS_REPLY_INTEGER ? reply->integer
                                                       : reply->type != REDIS_REPLY_NIL;

    freeReplyObject(reply);
    return value;
}

int64_t test_redis_ask(const struct test_redis *redis, ...)
{
    redisReply *reply;
    va_list args;

    va_start(args, redis);
    reply = ask(redis, args);
    va_end(args);
    return number_of(reply);
}

int64_t test_redis_ask_words(const struct test_redis *redis, size_t count, const char **words)
{
    return number_of(ask_words(redis, count, words));
}

const char *test_redis_text(const struct test_redis *redis, ...)
{
    static char text[4096];
    redisReply *reply;
    va_list args;

    va_start(args, redis);
    reply = ask(redis, args);
    va_end(args);
    snprintf(text, sizeof(text), "%s", reply->str ? reply->str : "");
    freeReplyObject(reply);
    return text;
}

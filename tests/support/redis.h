/*
 * A private redis-server for tests: on a unix socket in $TMPDIR, or on a port that nobody has; with
 * a password, and without anything that lasts. What does not work ends the test.
 */
#ifndef TESTS_SUPPORT_REDIS_H
#define TESTS_SUPPORT_REDIS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/redis.h"

#define TEST_REDIS_PASSWORD "se/cret:@%word"

struct test_redis {
    pid_t pid;     /* 0: it does not run */
    uint16_t port; /* 0: a socket */
    char path[96];
    char url[192];
    struct lki_redis_address address;
};

/* It answers when this returns. */
void test_redis_start(struct test_redis *redis, bool tcp);
/* Starts it again where it was: empty. */
void test_redis_restart(struct test_redis *redis);
/* SIGKILL, and its end. Nothing to do if it does not run. */
void test_redis_kill(struct test_redis *redis);
void test_redis_signal(const struct test_redis *redis, int signal);
void test_redis_release(struct test_redis *redis);

/* Asks it something, of terminated words up to a NULL, and waits: gives the integer, or whether
 * there was something else than nil. An error ends the test. */
int64_t test_redis_ask(const struct test_redis *redis, ...) __attribute__((sentinel));
int64_t test_redis_ask_words(const struct test_redis *redis, size_t count, const char **words);
/* The same; the text of the reply, "" for none, valid until the next call. */
const char *test_redis_text(const struct test_redis *redis, ...) __attribute__((sentinel));

#endif

/*
 * A test server to be used by hand and by shell scripts: serve NAME [PORT]
 *
 * Prints its URL, serves until its input ends or SIGTERM or SIGINT comes, and prints what it saw.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/server.h"

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define MOVED                                                                                      \
    "HTTP/1.1 302 Found\r\nLocation: /there\r\nSet-Cookie: sid=abc\r\nContent-Length: 0\r\n\r\n"
/* "hello, unpacked\n" */
#define PACKED                                                                                     \
    "\037\213\010\000\000\000\000\000\002\003\313\110\315\311\311\327\121\050\315\053\110\114\316" \
    "\116\115\341\002\000\303\071\124\261\020\000\000\000"
#define ANSWER HEAD "Content-Length: 5\r\n\r\nhello"

static const struct named {
    const char *name;
    const char *help;
    struct test_script script;
} scripts[] = {
    {"ok", "answers at once", {{SRV_READ, SRV_SEND(ANSWER), SRV_AGAIN}}},
    {"delay",
     "answers after 10 ms (50 %), 50 ms (45 %) or 500 ms (5 %), and says after how many ns",
     {{SRV_READ, SRV_DELAY, SRV_HELD, SRV_AGAIN}}},
    {"large",
     "answers with 64 kB",
     {{SRV_READ, SRV_SEND(HEAD "Content-Length: 65536\r\n\r\n"), SRV_FILL(65536), SRV_AGAIN}}},
    {"journey",
     "sends on with a cookie, and answers with a packed body",
     {{SRV_READ, SRV_SEND(MOVED), SRV_READ,
       SRV_SEND(HEAD "Content-Encoding: gzip\r\nContent-Length: 36\r\n\r\n" PACKED), SRV_AGAIN}}},
    {"drop",
     "closes the connection after each answer, without a word before",
     {{SRV_READ, SRV_SEND(ANSWER), SRV_CLOSE}}},
    {"close", "closes at once", {{SRV_CLOSE}}},
    {"reset", "resets after the request", {{SRV_READ, SRV_RESET}}},
    {"half",
     "closes after half of the answer",
     {{SRV_READ, SRV_SEND(HEAD "Content-Length: 10\r\n\r\nhello"), SRV_CLOSE}}},
    {"garbage", "answers with something else", {{SRV_READ, SRV_SEND("SSH-2.0-x\r\n"), SRV_CLOSE}}},
    {"stall", "takes connections and does nothing", {{SRV_STALL}}},
    {"wait", "reads requests and never answers", {{SRV_READ}}},
};

static int usage(void)
{
    fputs("usage: serve NAME [PORT]\n", stderr);
    for (size_t i = 0; i < LKI_COUNT(scripts); i++)
        fprintf(stderr, "  %-8s %s\n", scripts[i].name, scripts[i].help);
    return 2;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static double held_ms(const int64_t *sorted_ns, size_t count, size_t percent)
{
    size_t rank = (count * percent + 99) / 100;

    return (double)sorted_ns[rank - 1] / 1e6;
}

static void report(const struct test_server_seen *seen)
{
    size_t count = lki_min(seen->delays, TEST_DELAYS_KEPT);
    static int64_t held_ns[TEST_DELAYS_KEPT];

    printf("connections %llu requests %llu answers %llu broken %llu bytes %llu\n",
           (unsigned long long)seen->connections, (unsigned long long)seen->requests,
           (unsigned long long)seen->answers, (unsigned long long)seen->broken,
           (unsigned long long)seen->bytes);
    if (!count)
        return;
    memcpy(held_ns, seen->held_ns, count * sizeof(*held_ns));
    qsort(held_ns, count, sizeof(*held_ns), by_value);
    printf("held ms p50 %.3f p90 %.3f p99 %.3f\n", held_ms(held_ns, count, 50),
           held_ms(held_ns, count, 90), held_ms(held_ns, count, 99));
}

static void on_signal(int number)
{
    (void)number; /* it ends the read below */
}

static void wait_for_end(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    char bytes[64];

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    while (read(STDIN_FILENO, bytes, sizeof(bytes)) > 0)
        ;
}

int main(int argc, char **argv)
{
    struct test_server server;
    const struct named *named = NULL;

    for (size_t i = 0; argc > 1 && i < LKI_COUNT(scripts); i++) {
        if (!strcmp(argv[1], scripts[i].name))
            named = &scripts[i];
    }
    if (!named || argc > 3)
        return usage();
    test_server_start_at(&server, "127.0.0.1", argc > 2 ? (uint16_t)atoi(argv[2]) : 0,
                         &named->script, 1);
    puts(server.url);
    fflush(stdout);
    wait_for_end();
    report(test_server_settle(&server));
    test_server_stop(&server);
    return 0;
}

/*
 * A real HTTP server for tests: a child process on a port of the kernel's choice that treats each
 * connection as a script says, well or badly. It counts the complete requests that reach it,
 * whatever the script does with them, and keeps the last ones for the test to read.
 *
 *     static const struct test_script script = {{SRV_READ, SRV_SEND(ANSWER), SRV_AGAIN}};
 *     struct test_server server;
 *
 *     test_server_start(&server, &script, 1);
 *     ... requests to server.url ...
 *     ck_assert_uint_eq(test_server_settle_closed(&server)->requests, 3);
 *     test_server_stop(&server);
 */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TEST_SCRIPT_MAX 16
#define TEST_REQUESTS_KEPT 32
#define TEST_REQUEST_BYTES 4096
#define TEST_DELAYS_KEPT 65536

enum test_act {
    ACT_END,   /* nothing more; the connection stays until the client closes it */
    ACT_READ,  /* waits for one complete request */
    ACT_SEND,  /* sends bytes */
    ACT_FILL,  /* sends len times 'x' */
    ACT_DRIP,  /* sends bytes one by one, each in a call of its own, ms apart */
    ACT_SLEEP, /* waits ms, counted from the end of the act before */
    ACT_DEAF,  /* the same, and reads nothing meanwhile */
    ACT_AWAIT, /* waits until len requests have come, on whatever connections */
    ACT_DELAY, /* of 20 requests in a row 10 wait 10 ms, 9 wait 50 ms, 1 waits 500 ms */
    ACT_HELD,  /* answers with how long the DELAY before truly was, in ns */
    ACT_SHUT,  /* sends FIN and goes on reading */
    ACT_CLOSE, /* closes; with bytes unread, the kernel makes it a reset */
    ACT_RESET, /* sends RST */
    ACT_STALL, /* neither reads nor writes until the client goes */
    ACT_AGAIN  /* begins the script anew */
};

struct test_action {
    enum test_act act;
    const char *bytes;
    size_t len;
    int ms;
};

#define SRV_READ                                                                                   \
    {                                                                                              \
        .act = ACT_READ                                                                            \
    }
#define SRV_SEND(literal)                                                                          \
    {                                                                                              \
        .act = ACT_SEND, .bytes = (literal), .len = sizeof(literal) - 1                            \
    }
#define SRV_BYTES(data, count)                                                                     \
    {                                                                                              \
        .act = ACT_SEND, .bytes = (data), .len = (count)                                           \
    }
#define SRV_FILL(count)                                                                            \
    {                                                                                              \
        .act = ACT_FILL, .len = (count)                                                            \
    }
#define SRV_DRIP(literal)                                                                          \
    {                                                                                              \
        .act = ACT_DRIP, .bytes = (literal), .len = sizeof(literal) - 1                            \
    }
#define SRV_SLEEP(milliseconds)                                                                    \
    {                                                                                              \
        .act = ACT_SLEEP, .ms = (milliseconds)                                                     \
    }
#define SRV_DEAF(milliseconds)                                                                     \
    {                                                                                              \
        .act = ACT_DEAF, .ms = (milliseconds)                                                      \
    }
#define SRV_AWAIT(count)                                                                           \
    {                                                                                              \
        .act = ACT_AWAIT, .len = (count)                                                           \
    }
#define SRV_DELAY                                                                                  \
    {                                                                                              \
        .act = ACT_DELAY                                                                           \
    }
#define SRV_HELD                                                                                   \
    {                                                                                              \
        .act = ACT_HELD                                                                            \
    }
#define SRV_SHUT                                                                                   \
    {                                                                                              \
        .act = ACT_SHUT                                                                            \
    }
#define SRV_CLOSE                                                                                  \
    {                                                                                              \
        .act = ACT_CLOSE                                                                           \
    }
#define SRV_RESET                                                                                  \
    {                                                                                              \
        .act = ACT_RESET                                                                           \
    }
#define SRV_STALL                                                                                  \
    {                                                                                              \
        .act = ACT_STALL                                                                           \
    }
#define SRV_AGAIN                                                                                  \
    {                                                                                              \
        .act = ACT_AGAIN                                                                           \
    }

struct test_script {
    struct test_action acts[TEST_SCRIPT_MAX];
};

/* What the server saw. It stands in memory shared with the child; read it after test_server_settle
 * or test_server_stop. */
struct test_server_seen {
    uint64_t connections; /* accepted */
    uint64_t open;        /* of them, not yet closed */
    uint64_t requests;    /* complete, with their bodies by Content-Length */
    uint64_t answers;     /* SEND, FILL and DRIP acts that were done to the last byte */
    uint64_t broken; /* bytes of an unfinished request when a connection ended, or no request */
    uint64_t bytes;  /* received */
    uint64_t delays; /* DELAY acts done; how long each truly was, of the last TEST_DELAYS_KEPT: */
    int64_t held_ns[TEST_DELAYS_KEPT];
    struct test_request {
        uint64_t connection;            /* from 0, in the order of accepting */
        char from[48];                  /* the client's address, without its port */
        size_t len;                     /* of the whole request; bytes holds its beginning */
        char bytes[TEST_REQUEST_BYTES]; /* terminated */
    } kept[TEST_REQUESTS_KEPT];
};

struct test_server {
    pid_t pid; /* for a test that stops or kills it */
    int control;
    uint16_t port;
    char url[48];
    struct test_server_seen *seen;
};

/* Starts a server whose n-th connection follows the n-th script, the last one serving all further
 * ones. The scripts and their bytes are not used after the return. Ends the program on failure. */
void test_server_start(struct test_server *server, const struct test_script *scripts, size_t count);

/* The same on an address such as "::1"; port 0 lets the kernel choose. */
void test_server_start_at(struct test_server *server, const char *address, uint16_t port,
                          const struct test_script *scripts, size_t count);

/* Waits until the server has taken in all that was sent to it before. */
const struct test_server_seen *test_server_settle(const struct test_server *server);

/* The same, and until all connections are closed, which is the clients' to do (at most 5 s). */
const struct test_server_seen *test_server_settle_closed(const struct test_server *server);

/* The index-th complete request from 0, of the last TEST_REQUESTS_KEPT. */
const struct test_request *test_server_request(const struct test_server *server, uint64_t index);

/* Ends the child, however it is, and forgets what it saw. */
void test_server_stop(struct test_server *server);

#endif

/*
 * A WebSocket server for tests that does as it is told, well or badly. Each connection follows a
 * script in a process of its own, which blocks, and each frame that it reads is kept for the test
 * to look at.
 *
 *     static const struct ws_script script = {{WS_SHAKE, WS_SEND("\x81\x02hi"), WS_ECHO}};
 *     struct ws_server server;
 *
 *     ws_server_start(&server, &script, 1);
 *     ... WebSockets at server.url ...
 *     ck_assert_uint_eq(ws_server_settle(&server, 1)->frame_count, 3);
 *     ws_server_stop(&server);
 */
#ifndef TESTS_SUPPORT_WS_SERVER_H
#define TESTS_SUPPORT_WS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WS_SCRIPT_MAX 16
#define WS_FRAMES_KEPT 256
#define WS_FRAME_BYTES 256
#define WS_HEADS_KEPT 8
#define WS_HEAD_BYTES 4096

enum ws_act {
    WS_ACT_UNTIL_END, /* reads frames until the client closes the connection */
    WS_ACT_SHAKE,     /* reads a handshake and answers it; bytes go with the answer, behind it */
    WS_ACT_ANSWER,    /* reads a handshake and answers with bytes, of which @ is what goes into the
                         Sec-WebSocket-Accept */
    WS_ACT_SEND,
    WS_ACT_DRIP,  /* byte by byte, each in a call of its own */
    WS_ACT_TIMES, /* sends bytes so many times */
    WS_ACT_READ,  /* waits for a frame */
    WS_ACT_ECHO,  /* answers each frame as it has to be, until one that closes */
    WS_ACT_PAUSE, /* reads nothing until the test calls ws_server_go_on */
    WS_ACT_CLOSE,
    WS_ACT_RESET
};

struct ws_action {
    enum ws_act act;
    const char *bytes;
    size_t len;
    size_t times;
};

#define WS_DO(what, literal)                                                                       \
    {                                                                                              \
        .act = WS_ACT_##what, .bytes = (literal), .len = sizeof(literal) - 1                       \
    }
#define WS_SHAKE WS_DO(SHAKE, "")
#define WS_SHAKE_AND(literal) WS_DO(SHAKE, literal)
#define WS_ANSWER(literal) WS_DO(ANSWER, literal)
#define WS_SEND(literal) WS_DO(SEND, literal)
#define WS_DRIP(literal) WS_DO(DRIP, literal)
#define WS_TIMES(count, literal)                                                                   \
    {                                                                                              \
        .act = WS_ACT_TIMES, .bytes = (literal), .len = sizeof(literal) - 1, .times = (count)      \
    }
#define WS_READ WS_DO(READ, "")
#define WS_ECHO WS_DO(ECHO, "")
#define WS_PAUSE WS_DO(PAUSE, "")
#define WS_CLOSE WS_DO(CLOSE, "")
#define WS_RESET WS_DO(RESET, "")

struct ws_script {
    struct ws_action acts[WS_SCRIPT_MAX];
};

/* In memory that is shared with the server; to be read after ws_server_settle. */
struct ws_seen {
    uint64_t connections;
    uint64_t ended; /* of these */
    uint64_t go_on;
    uint64_t heads_begun;
    uint64_t frames_begun;
    uint64_t heads; /* complete */
    uint64_t sent;  /* bytes, but for heads */
    uint64_t frame_count;
    struct ws_frame {
        unsigned opcode;
        bool fin;
        bool masked;
        uint64_t len;
        char bytes[WS_FRAME_BYTES]; /* unmasked, its beginning, terminated */
    } frames[WS_FRAMES_KEPT];
    char head[WS_HEADS_KEPT][WS_HEAD_BYTES];
};

struct ws_server {
    pid_t pid;
    uint16_t port;
    char url[48]; /* "ws://127.0.0.1:4711" */
    struct ws_seen *seen;
};

/* The n-th connection follows the n-th script, all further ones the last. */
void ws_server_start(struct ws_server *server, const struct ws_script *scripts, size_t count);

/* Ends what WS_PAUSE began, in all connections. */
void ws_server_go_on(const struct ws_server *server);

/* Waits until so many connections have ended (at most 5 s). */
const struct ws_seen *ws_server_settle(const struct ws_server *server, uint64_t ended);
/* Waits until so many frames have come. */
const struct ws_seen *ws_server_frames(const struct ws_server *server, uint64_t count);

void ws_server_stop(struct ws_server *server);

#endif

/*
 * Inside the curl engine. One multi handle serves all users of a loop; what must not be shared,
 * connections and TLS sessions, lies in a share handle of each session's own.
 */
#ifndef LKI_NET_CURL_INNER_H
#define LKI_NET_CURL_INNER_H

#include <curl/curl.h>

#include "net/curl.h"
#include "net/http1_parse.h"

struct lki_transfer;

/* What the sessions of one loop share; it hangs on their origins. */
struct lki_curl_engine {
    struct lki_origins *origins;
    struct lki_loop *loop;
    CURLM *multi;
    size_t sessions;        /* that use it; 0: nothing of it is known to the loop */
    struct lki_timer timer; /* of libcurl */
    struct lki_post begin;  /* transfers have been added */
    bool driven;            /* libcurl is at work, or those who waited for it */
    bool due;               /* it wants to be called at once */
    struct lki_curl_handle *spare;
    struct lki_transfer *transfers; /* all that libcurl has */
    struct lki_transfer *sending;   /* in this call of libcurl it has begun to send its request */
    struct lki_curl_sock **socks;   /* by descriptor */
    size_t sock_cap;
};

/* A session's. */
struct lki_curl {
    struct lki_curl_engine *engine;
    CURLSH *share;
    size_t exchanges; /* in hand */
    size_t sock_count;
    struct lki_curl_sock *latest; /* opened last; NULL: it is closed */
    bool uncounted;               /* an answer has come on a connection that could not be told */
    bool falls_back;              /* HTTP/2 was asked for, and 1.1 was the answer */
    struct lki_transfer *transfers;
    struct lki_transfer *waiting; /* for a connection that another one opens */
};

/* A connection of a session, as far as it is known outside of libcurl. It stays registered for
 * reading between transfers, which spares two system calls for each. */
struct lki_curl_sock {
    struct lki_curl *curl;
    struct lki_io io;
    struct lki_post reap;
    struct lki_transfer *transfers; /* several at once by HTTP/2 */
    int fd;
    int wanted;         /* CURL_POLL_..., by libcurl */
    unsigned watched;   /* LKI_READABLE and so on; 0: io is stopped */
    bool opening;       /* nothing can be sent on it yet */
    uint64_t exchanges; /* that ended well */
    uint64_t received;  /* bytes of their answers */
};

/* An easy handle and memory for what it is given, kept from one transfer to the next. */
struct lki_curl_handle {
    struct lki_curl_handle *next;
    CURL *easy;
    struct lki_transfer *transfer; /* NULL: spare */
    /* what the options stand for that change rarely */
    const struct lki_origin *origin;
    enum lk_http_version version;
    bool has_credentials;
    struct lki_buf out;        /* the head of the request, cut into lines */
    struct lki_buf in;         /* the head of the answer */
    struct lki_buf text;       /* URLs */
    struct curl_slist *fields; /* one after the other in one block */
    size_t field_cap;
    struct curl_slist connect_to;
    char connect_text[96];
    struct curl_slist resolve;
    char error[CURL_ERROR_SIZE];
};

enum lki_curl_stage {
    LKI_CURL_QUEUED,     /* libcurl looks for a connection */
    LKI_CURL_CONNECTING, /* it opens one */
    LKI_CURL_GREETING,   /* TLS, or a proxy's part */
    LKI_CURL_SENDING,
    LKI_CURL_WAITING,
    LKI_CURL_RECEIVING
};

/* An attempt; on the stack of its task. */
struct lki_transfer {
    struct lki_transfer *next, *prev;                 /* of the engine */
    struct lki_transfer *session_next, *session_prev; /* of the session */
    struct lki_transfer *sock_next, *sock_prev;       /* of its connection */
    struct lki_curl *curl;
    struct lki_curl_handle *handle;
    struct lki_curl_sock *sock;    /* NULL: not known yet */
    struct lki_curl_sock *opening; /* on which nothing can be sent yet */
    struct lki_task *task;
    const struct lki_exchange_request *request;
    struct lki_exchange_result *result;
    struct lki_arena *arena;
    struct lki_origin *via; /* who is connected to: the origin, or the proxy */
    size_t address;         /* of via, from the preferred one, to be tried */
    int64_t until_ns;
    int file; /* of the body; -1: none */
    uint64_t body_bytes;
    bool fresh; /* on a connection of its own */

    /* how far it has come */
    enum lki_curl_stage stage;
    struct lki_span span; /* of the stage */
    bool done;
    CURLcode code; /* when done */
    bool opened;   /* a connection of its own */
    bool asked;    /* its request may have been sent, in part */
    bool sent;
    bool closed;          /* its connection is */
    bool lost;            /* its connection ended, and libcurl wanted to try once more by itself */
    bool undelivered;     /* and not all that was sent on it had been acknowledged */
    bool unknown;         /* there were no addresses to connect to */
    bool stale;           /* there was no connection to go on with */
    bool arrived;         /* something of an answer, though libcurl does not say so */
    bool unbound;         /* the local address was refused */
    bool unwatched;       /* its connection cannot be watched */
    bool identify;        /* the server has asked for a certificate of ours */
    int error;            /* errno of a socket */
    const char *distrust; /* what is wrong with the server's certificate; NULL: nothing */
    int64_t opened_ns;
    int64_t connected_ns;
    int64_t ready_ns;
    int64_t sent_ns;
    int64_t first_byte_ns;
    int64_t end_ns;

    /* the answer */
    bool head_over;
    bool challenge; /* the answer only asks who is there */
    unsigned interim;
    int version;
    struct lki_http1_head head;
    struct lki_http1_chunked chunked;
    bool chunks_over;
    uint64_t received;
    uint64_t file_at;
    uint64_t body_taken; /* bytes of it that came */
    char *body;
    size_t body_len;
    size_t body_cap;
};

/* The session's, made when it is new. NULL: no memory. */
struct lki_curl *lki_curl_of(struct lki_session *session, struct lki_origins *origins);

/* A handle for transfer; NULL: no memory. */
struct lki_curl_handle *lki_curl_handle_take(struct lki_curl_engine *engine);
void lki_curl_handle_keep(struct lki_curl_engine *engine, struct lki_curl_handle *handle);

/* Hands a transfer to libcurl, which wakes its task when it is done. False: no memory. */
bool lki_curl_begin(struct lki_transfer *transfer);
/* Takes it back before it is done, and closes its connection. */
void lki_curl_abandon(struct lki_transfer *transfer);

/* What others of its session do has changed: who waits for it looks again. */
void lki_curl_wake_waiting(const struct lki_curl *curl);

/* The transfer has come to another stage, with a limit of its own. */
void lki_curl_enter(struct lki_transfer *transfer, enum lki_curl_stage stage, int64_t now_ns,
                    int64_t limit_ns);

/* curl_connect.c: callbacks of libcurl around sockets. arg: the handle; to close: the session's. */
curl_socket_t lki_curl_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
int lki_curl_close_socket(void *arg, curl_socket_t fd);
int lki_curl_on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned);
void lki_curl_sock_join(struct lki_curl_sock *sock, struct lki_transfer *transfer);
void lki_curl_sock_leave(struct lki_transfer *transfer);
/* The descriptor is closed already. */
void lki_curl_sock_forget(struct lki_curl_sock *sock);
/* Calls libcurl for a descriptor, or CURL_SOCKET_TIMEOUT. */
void lki_curl_drive(struct lki_curl_engine *engine, curl_socket_t fd, int events);

/* curl_send.c: libcurl is about to send the request; arg: the handle. */
int lki_curl_on_ready(void *arg, char *remote, char *local, int remote_port, int local_port);
/* Notes that the kernel has taken the request, if it has. over: libcurl has done with it. */
void lki_curl_settle(struct lki_transfer *transfer, bool over);

/* curl_request.c: sets the options of the handle. CURLE_OK, or why not. */
CURLcode lki_curl_prepare(struct lki_transfer *transfer);
/* The proxy is told the address of the origin, which has to be looked up. */
bool lki_curl_needs_address(const struct lki_origin *origin);
/* HTTP/2 without asking, over plain TCP. */
bool lki_curl_is_h2c(const struct lki_exchange_request *request);
/* Bytes that came on a connection of plain HTTP/1.1 beyond those of answers; 0 if nobody knows. */
uint64_t lki_curl_excess(const struct lki_transfer *transfer, const struct lki_curl_sock *sock);

/* curl_answer.c: callbacks. arg: the handle. */
size_t lki_curl_on_header(char *bytes, size_t size, size_t count, void *arg);
size_t lki_curl_on_body(char *bytes, size_t size, size_t count, void *arg);
size_t lki_curl_on_read(char *into, size_t size, size_t count, void *arg);
int lki_curl_on_seek(void *arg, curl_off_t offset, int origin);
/* All of it has come: fills the result in. */
void lki_curl_answered(struct lki_transfer *transfer);

/* curl_tls.c: has a handle look on at handshakes; and what it means that TLS has failed, of which
 * libcurl says text. */
void lki_curl_tls_watch(struct lki_curl_handle *handle, const char *proxy);
void lki_curl_tls_failed(struct lki_transfer *transfer, const char *text);

/* curl_error.c: what it means that libcurl has failed. */
void lki_curl_failed(struct lki_transfer *transfer);
/* Whether it came to a handshake. */
bool lki_curl_greeted(const struct lki_transfer *transfer);
/* Whether another address of the server may do. */
bool lki_curl_unconnected(const struct lki_transfer *transfer);

#endif

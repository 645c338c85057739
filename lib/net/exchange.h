/*
 * HTTP exchanges as straight code in a task, whatever engine carries them out. A session keeps the
 * connections of one user, or of all of a worker.
 */
#ifndef LKI_NET_EXCHANGE_H
#define LKI_NET_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/http.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/origin.h"
#include "stats/code.h"
#include "stats/metric.h"

struct lki_conn;
struct lki_curl;
struct lki_http1_memo;
struct lki_tls_session;

/* Zeroed: empty and ready. */
struct lki_session {
    struct lki_conn *conns;
    struct lki_tls_session *tls; /* to be resumed, by origin */
    struct lki_curl *curl;       /* made when first used */
    bool shared;                 /* of all users of a worker */
};

/* Closes all connections, which must be idle, and forgets what could be resumed. */
void lki_session_close(struct lki_session *session);

/* Closes those that are idle and were made by another transport. */
void lki_session_close_idle(struct lki_session *session, const struct lki_transport *transport);

/*
 * Where it is shown what the kernel has taken, also to who looks when this process has died.
 * sending is 1 while the last part of a request is being handed over, until that has been counted
 * in sent.
 */
struct lki_sent {
    uint64_t *sent; /* whole requests, but for those that were sent again */
    uint32_t *sending;
};

enum lki_engine { LKI_ENGINE_NATIVE, LKI_ENGINE_CURL };

/* Limits of the parts of an exchange; LKI_NEVER: none. */
struct lki_phase_limits {
    int64_t lookup_ns;
    int64_t connect_ns;
    int64_t tls_ns;
    int64_t first_byte_ns;
};

/* Fields of an answer that matter to clients, when they are there. */
enum {
    LKI_FIELD_SET_COOKIE = 1,
    LKI_FIELD_LOCATION = 2,
    LKI_FIELD_CONTENT_ENCODING = 4,
    LKI_FIELD_WWW_AUTHENTICATE = 8
};

/* For a server that asks who is there, where the head does not say so itself. */
struct lki_credentials {
    const char *user; /* NULL: none */
    const char *password;
    bool digest; /* else basic */
};

struct lki_exchange_request {
    enum lki_engine engine;
    enum lk_http_version version;
    struct lki_origins *origins;
    struct lki_origin *origin;
    /* Appends the head as HTTP/1.1 has it; called just before it is sent, and again for a second
     * attempt. An engine that speaks otherwise takes method, target and fields out of it. */
    void (*write_head)(const void *arg, struct lki_buf *out);
    const void *arg;
    const char *body;
    size_t body_bytes;
    const char *body_file;              /* instead of body; NULL: none. Only for LKI_ENGINE_CURL */
    struct lki_credentials credentials; /* the same */
    struct lki_http1_memo *memo;        /* of earlier answers to such requests; NULL: none */
    const struct lki_sent *wire;
    bool is_head;        /* method HEAD: no body in the answer */
    bool idempotent;     /* may be sent twice */
    bool new_connection; /* use none that is kept, and keep none */
    bool discard_body;   /* read, not kept: it comes out empty */
    bool upgrade;        /* 101 is the answer wanted: the connection is handed over then */
    size_t max_body_bytes;
    int64_t timeout_ns; /* of an attempt; LKI_NEVER: none */
    struct lki_phase_limits limits;
};

/* What became of it. Zeroed by lki_exchange. */
struct lki_exchange_result {
    lki_code code;     /* HTTP_nnn or what went wrong */
    int status;        /* 0: no complete answer */
    int version;       /* 10, 11 or 20; 0: no complete head */
    const char *error; /* "" or why there is none; in the arena or static */
    const char *head;  /* of the answer, terminated, as HTTP/1.1 has it but for the version of
                          HTTP/2; in the arena. It may be there though the body is not */
    size_t head_bytes;
    unsigned fields; /* LKI_FIELD_..., which of those that matter to clients are in the head */
    char *body;      /* terminated; in the arena; never NULL */
    size_t body_bytes;
    bool sent;        /* the kernel took the last byte, or the server answered without it */
    unsigned retries; /* attempts before this one, on connections that were closed while idle */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t start_ns; /* of the attempt that counts */
    int64_t end_ns;
    int64_t phase_ns[LKI_PHASE_COUNT]; /* -1: did not happen */
    enum lki_wake ended;               /* LKI_WAKE_DEADLINE or _CUT: the caller has to leave */
    /* After status 101 to an upgrade: still of the session, and busy; what came behind the head
     * lies in body. Whoever takes it over closes it. */
    struct lki_conn *upgraded;
};

/* Never fails: failures are results. The answer is allocated in arena. */
void lki_exchange(struct lki_session *session, struct lki_task *task,
                  const struct lki_exchange_request *request, struct lki_arena *arena,
                  struct lki_exchange_result *result);

/* Zeroes a result, for an attempt that begins at start_ns. */
void lki_exchange_begin(struct lki_exchange_result *result, int64_t start_ns);

/* Sets code and error (a text in arena, or a static one for lack of memory). */
void lki_exchange_fail(struct lki_exchange_result *result, struct lki_arena *arena, lki_code code,
                       const char *fmt, ...) LK_PRINTF(4, 5);

/* Sets what a wait that did not bring its event means for the exchange. */
void lki_exchange_broken(struct lki_exchange_result *result, struct lki_arena *arena,
                         enum lki_wake why, const char *doing);

/* A part of an exchange, with its own limit or that of the whole. */
struct lki_span {
    int64_t until_ns;
    int64_t limit_ns; /* LKI_NEVER: the whole's comes first */
};

static inline struct lki_span lki_span_begin(int64_t now_ns, int64_t limit_ns, int64_t until_ns)
{
    int64_t own_ns = limit_ns == LKI_NEVER ? LKI_NEVER : lki_ns_after(now_ns, limit_ns);

    return own_ns < until_ns ? (struct lki_span){own_ns, limit_ns}
                             : (struct lki_span){until_ns, LKI_NEVER};
}

/* lki_exchange_broken, in words that name the limit if it was the part's own that ended it. */
void lki_span_broken(const struct lki_span *span, struct lki_exchange_result *result,
                     struct lki_arena *arena, enum lki_wake why, const char *doing);

#endif

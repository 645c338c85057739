/*
 * loadkit/jsonrpc.h - JSON-RPC 2.0 over HTTP as a step speaks it.
 *
 * A call is a POST like those of <loadkit/http.h>, and counts as one. Beside that every call is a
 * sample named by its method, whose code tells what the reply was: JSONRPC_OK, JSONRPC_-32601 and
 * the like for an error object, JSONRPC_PROTOCOL_ERROR for what is no reply to it,
 * JSONRPC_TIMEOUT, JSONRPC_TRANSPORT. All but the first end the step, unless the call says
 * .keep_going.
 */
#ifndef LOADKIT_JSONRPC_H
#define LOADKIT_JSONRPC_H

#include <loadkit/api.h>
#include <loadkit/http.h>
#include <loadkit/values.h>

/* One call. Zero means the default for every member but method. */
struct lk_rpc_request {
    size_t size;                /* of this struct; the macros set it */
    const char *method;         /* of the server's; the sample's name, too */
    const char *url;            /* as in struct lk_request; default: that of lk_rpc_url, else "/" */
    const lk_json *params;      /* an LK_OBJECT or LK_ARRAY; default: none are sent */
    const char *id_text;        /* a string as id; */
    long long id;               /* or a number; default: 1, 2, 3 ... of this user */
    const char *const *headers; /* LK_PAIRS; default: "Accept", "application/json" */
    double timeout_s;           /* of the exchange; default 30; LK_OFF for none */
    bool notification;          /* it has no id, and nothing is replied */
    bool keep_going;            /* a failed call does not end the step */
    bool debug;                 /* print the exchange to stderr */
};

/* A reply. It lives until the step ends, or until its response is freed. */
typedef struct lk_rpc_reply lk_rpc_reply;
struct lk_rpc_reply {
    bool ok;               /* there is a result; else the members behind it tell why not */
    const lk_json *result; /* null if there is none; for lk_int(reply->result, "total") and so on */
    long long code;        /* of the error object; 0 if there is none */
    const char *message;   /* of the error object, or why there is no reply; "" if ok */
    const lk_json *data;   /* of the error object; null if there is none */
    int http_status;       /* 0: no answer came */
    double seconds;        /* latency, as the report has it */
    lk_response *response; /* in which it came; lk_response_free gives back the reply, too */
};

LK_BEGIN_DECLS

/*
 * lk_rpc_url - set the URL that calls go to.
 *
 * url       "/path", joined to the base URL, or absolute; copied
 * errors    a URL that is NULL or cannot be used ends the hook or step as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_rpc(3)
 */
LK_API void lk_rpc_url(lk_vu *vu, const char *url);

/*
 * lk_rpc - call a method and wait for its reply; lk_rpc_call and lk_rpc_notify fill it in.
 *
 * call      what to call
 * returns   the reply, never NULL; owned by the step
 * errors    what is not a good reply ends the step as failed, unless .keep_going; so does a call
 *           without a method, or with params that are neither object nor array, in any case
 * context   inside a step or hook of this user; never from another thread; waits
 * since     0.1; lk_rpc(3)
 */
LK_API LK_NONNULL_RESULT const lk_rpc_reply *lk_rpc(lk_vu *vu, const struct lk_rpc_request *call);

/*
 * lk_rpc_together - several calls in one exchange, as a batch; lk_rpc_batch is shorter.
 *
 * count     of calls, from 1
 * calls     url, headers, timeout_s and debug are those of the first
 * replies   filled in, in the order of the calls, however the server orders them
 * errors    as lk_rpc, for each call, and two calls with one id; the step ends when the replies of
 *           all were counted
 * context   inside a step or hook of this user; waits
 * since     0.1; lk_rpc(3)
 */
LK_API void lk_rpc_together(lk_vu *vu, size_t count, const struct lk_rpc_request *const *calls,
                            const lk_rpc_reply **replies);

LK_END_DECLS

#ifndef __cplusplus
/* LK_RPC("method", ...): a call for lk_rpc_batch; options are members of struct lk_rpc_request. */
#define LK_RPC(...)                                                                                \
    (&(const struct lk_rpc_request){.size = sizeof(struct lk_rpc_request), .method = __VA_ARGS__})

/* lk_rpc_call(vu, "method", .params = LK_ARRAY(1, 2), ...) */
#define lk_rpc_call(vu, ...) lk_rpc((vu), LK_RPC(__VA_ARGS__))
#define lk_rpc_notify(vu, ...) lk_rpc((vu), LK_RPC(__VA_ARGS__, .notification = true))

/* lk_rpc_batch(vu, replies, LK_RPC("a"), LK_RPC("b", .params = LK_OBJECT("x", 1))): the replies go
 * to an array of const lk_rpc_reply *. */
#define lk_rpc_batch(vu, replies, ...)                                                             \
    lk_rpc_together((vu),                                                                          \
                    sizeof((const struct lk_rpc_request *const[]){__VA_ARGS__}) /                  \
                        sizeof(const struct lk_rpc_request *),                                     \
                    (const struct lk_rpc_request *const[]){__VA_ARGS__}, (replies))
#endif

#endif

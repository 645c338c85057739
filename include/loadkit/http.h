/*
 * loadkit/http.h - HTTP as a step speaks it.
 *
 * Every call waits for its answer while the other users run; it reads like blocking C. Every
 * exchange is one sample in the report, also those that fail. An exchange that gets no complete
 * answer ends the step, unless the call says .keep_going.
 */
#ifndef LOADKIT_HTTP_H
#define LOADKIT_HTTP_H

#include <loadkit/api.h>
#include <loadkit/values.h>

/* An answer. It lives until the step ends, or until lk_response_free. */
typedef struct lk_response lk_response;
struct lk_response {
    int status;        /* 200 and so on; 0: no complete answer came (only with .keep_going) */
    const char *body;  /* terminated for convenience; never NULL */
    size_t body_bytes; /* the terminator is not counted */
    double seconds;    /* latency, as the report has it */
};

/* One request. Zero means the default for every member but method and url. */
struct lk_request {
    size_t size;                /* of this struct; the macros set it */
    const char *method;         /* "GET" and so on */
    const char *url;            /* "/path?query", joined to the base URL, or absolute */
    const char *const *headers; /* LK_PAIRS("Accept", "text/html", ...) */
    const char *const *query;   /* LK_PAIRS("q", "red shoes"): escaped and added to the URL */
    const char *const *form;    /* LK_PAIRS: body as application/x-www-form-urlencoded */
    const lk_json *json;        /* body as application/json */
    const void *body;           /* body as it is */
    size_t body_bytes;          /* of body; 0: body is a string */
    const char *name;           /* the sample's name; default: method and path */
    double timeout_s;           /* of the whole exchange; default 30; LK_OFF for none */
    size_t max_body_bytes;      /* of the answer; default 64 MiB */
    bool keep_going;            /* a failed exchange does not end the step */
    bool new_connection;        /* do not use a kept-alive connection, and keep none */
};

#ifndef __cplusplus
/* Names and values in turn. */
#define LK_PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif

LK_BEGIN_DECLS

/*
 * lk_http - send a request and wait for its answer.
 *
 * request   what to send; lk_get and its kin fill it in
 * returns   the answer, never NULL; owned by the step
 * errors    an exchange that got no complete answer ends the step as failed, unless .keep_going
 * context   inside a step or hook of this user; never from another thread; waits
 * since     0.1; lk_http(3)
 */
LK_API LK_NONNULL_RESULT lk_response *lk_http(lk_vu *vu, const struct lk_request *request);

#ifndef __cplusplus
#define LK_REQUEST_(verb, ...)                                                                     \
    (&(const struct lk_request){                                                                   \
        .size = sizeof(struct lk_request), .method = (verb), .url = __VA_ARGS__})

/* lk_get(vu, "/path", .name = "front page", ...): options are members of struct lk_request. */
#define lk_get(vu, ...) lk_http((vu), LK_REQUEST_("GET", __VA_ARGS__))
#define lk_post(vu, ...) lk_http((vu), LK_REQUEST_("POST", __VA_ARGS__))
#define lk_put(vu, ...) lk_http((vu), LK_REQUEST_("PUT", __VA_ARGS__))
#define lk_patch(vu, ...) lk_http((vu), LK_REQUEST_("PATCH", __VA_ARGS__))
#define lk_delete(vu, ...) lk_http((vu), LK_REQUEST_("DELETE", __VA_ARGS__))
#define lk_head(vu, ...) lk_http((vu), LK_REQUEST_("HEAD", __VA_ARGS__))
#define lk_options(vu, ...) lk_http((vu), LK_REQUEST_("OPTIONS", __VA_ARGS__))
/* lk_send(vu, "PURGE", "/path", ...): any other method. */
#define lk_send(vu, verb, ...) lk_http((vu), LK_REQUEST_(verb, __VA_ARGS__))
#endif

/*
 * lk_http_base_url - set the URL that paths are joined to.
 *
 * url       "http://host[:port][/prefix]"; copied
 * errors    a URL that cannot be used ends the hook or step as failed, and the message says why
 * context   inside a step or hook of this user
 * since     0.1; lk_http(3)
 */
LK_API void lk_http_base_url(lk_vu *vu, const char *url);

/*
 * lk_header - a header of an answer.
 *
 * name      compared without regard to case; of several the first
 * returns   the value; "" when there is none. Owned by the response
 * context   inside the step or hook that got the response
 * since     0.1; lk_http(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_header(const lk_response *response, const char *name);

/*
 * lk_error - why an exchange got no complete answer.
 *
 * returns   one line of text; "" when the answer is complete. Owned by the response
 * context   inside the step or hook that got the response
 * since     0.1; lk_http(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_error(const lk_response *response);

/*
 * lk_response_free - give an answer back before the step ends, for steps that loop long.
 *
 * response  not to be used afterwards, nor any string that came from it; NULL is ignored
 * context   inside the step or hook that got the response
 * since     0.1; lk_http(3)
 */
LK_API void lk_response_free(lk_response *response);

LK_END_DECLS

#endif

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
    int status;         /* 200 and so on; 0: no complete answer came (only with .keep_going) */
    int version;        /* of HTTP: 10, 11 or 20; 0 without an answer */
    const char *body;   /* decoded; terminated for convenience; never NULL */
    size_t body_bytes;  /* the terminator is not counted */
    double seconds;     /* latency of this exchange, as the report has it */
    unsigned redirects; /* that led here */
    const char *url;    /* where they led; "" without any */
};

/* What carries a request out. */
enum lk_http_engine {
    LK_HTTP_ENGINE_AUTO,   /* the native one for all that it can do, else the other */
    LK_HTTP_ENGINE_NATIVE, /* loadkit's own: HTTP/1.1, over TLS too */
    LK_HTTP_ENGINE_CURL    /* libcurl */
};

/* Which HTTP is spoken. */
enum lk_http_version {
    LK_HTTP_DEFAULT, /* 1.1 */
    LK_HTTP_1_1,
    LK_HTTP_2,     /* over TLS, if the server agrees (ALPN); else 1.1 */
    LK_HTTP_2_ONLY /* without asking; also over plain TCP */
};

/* Whose connections are. */
enum lk_http_connections {
    LK_HTTP_OWN,    /* each user has its own, and keeps them alive */
    LK_HTTP_SHARED, /* kept alive, for all users of a worker */
    LK_HTTP_NEW     /* a new one for each request */
};

/* How user and password are shown to a server. */
enum lk_http_auth { LK_HTTP_BASIC, LK_HTTP_DIGEST };

/* A part of a body as multipart/form-data; one of value and file. */
struct lk_part {
    const char *name;
    const char *value;
    size_t value_bytes;   /* 0: value is a string */
    const char *file;     /* path of a file whose content this part is */
    const char *filename; /* as told to the server; default: the last segment of file */
    const char *type;     /* Content-Type; default: none for a value, for a file a guess */
};

/* One request. Zero means the default for every member but method and url: what lk_http_setup has
 * set, and else what stands here. */
struct lk_request {
    size_t size;                 /* of this struct; the macros set it */
    const char *method;          /* "GET" and so on */
    const char *url;             /* "/path?query", joined to the base URL, or absolute */
    const char *const *params;   /* LK_PAIRS("id", "42"): what stands for {id} in url, escaped */
    const char *const *headers;  /* LK_PAIRS("Accept", "text/html", ...) */
    const char *const *query;    /* LK_PAIRS("q", "red shoes"): escaped and added to the URL */
    const char *const *form;     /* LK_PAIRS: body as application/x-www-form-urlencoded */
    const struct lk_part *parts; /* LK_PARTS: body as multipart/form-data */
    const lk_json *json;         /* body as application/json */
    const void *body;            /* body as it is */
    size_t body_bytes;           /* of body; 0: body is a string */
    const char *body_file;       /* path of a file that is the body; read as it is sent */
    const char *authorization;   /* value of that header: lk_basic and lk_bearer make it */
    const char *name;            /* the sample's name; default: method and path */
    int expect;                  /* the status that is a success: 201, LK_STATUS(200, 299); all
                                    others end the step. Default: any below 400 */
    double timeout_s;            /* of the whole exchange; default 30; LK_OFF for none. What is
                                    negative otherwise is refused, here and below */
    double lookup_timeout_s;     /* of its parts; default: none of their own */
    double connect_timeout_s;
    double tls_timeout_s;
    double first_byte_timeout_s; /* from the last byte sent to the first byte of the answer */
    size_t max_body_bytes;       /* of the answer; default 64 MiB */
    unsigned max_redirects;      /* that are followed; default 10. One more: HTTP_REDIRECTS */
    enum lk_http_engine engine;
    enum lk_http_version version;
    bool no_redirects;   /* the answer that redirects is the answer */
    bool no_cookies;     /* neither send cookies nor take any */
    bool compressed;     /* ask for a compressed body: gzip, deflate, br */
    bool raw_body;       /* leave a compressed body as it came */
    bool discard_body;   /* read the body, but do not keep it */
    bool keep_going;     /* a failed exchange does not end the step */
    bool new_connection; /* do not use a kept-alive connection, and keep none */
    bool debug;          /* print the exchange to stderr */
};

/* What holds for all requests of a user from now on. Zero means the default for every member: what
 * the options of the run say, and else what stands here. */
struct lk_http_settings {
    size_t size;                /* of this struct; lk_http_setup sets it */
    const char *const *headers; /* LK_PAIRS: for each request that does not have them itself */
    const char *user;           /* and its password, for servers that ask */
    const char *password;
    enum lk_http_auth auth;
    enum lk_http_engine engine;
    enum lk_http_version version;
    enum lk_http_connections connections;
    double timeout_s; /* these as in struct lk_request */
    double lookup_timeout_s;
    double connect_timeout_s;
    double tls_timeout_s;
    double first_byte_timeout_s;
    unsigned max_redirects;
    bool no_redirects;
    bool no_cookies;
    bool compressed;
    bool insecure;              /* the server's certificate is not looked at */
    const char *ca_file;        /* PEM: who may have signed it; default: whom the system trusts */
    const char *cert_file;      /* PEM: the client's own certificate, and those that signed it */
    const char *key_file;       /* PEM: its key; default: in cert_file */
    const char *tls_min;        /* "1.2" (default) or "1.3" */
    const char *proxy;          /* "http://[user:password@]host:port", "socks5://host:port" */
    const char *const *resolve; /* LK_PAIRS("host:port", "address"): instead of looking up */
    const char *local_addr;     /* "10.0.0.7", or several in turn: "10.0.0.7-10.0.0.20" */
    const char *unix_socket;    /* path of a socket to connect to, whatever the host */
};

/* A range of statuses for .expect. */
#define LK_STATUS(first, last) ((first)*1000 + (last))

#ifndef __cplusplus
/* Names and values in turn. */
#define LK_PAIRS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* LK_PARTS({"title", .value = "Red shoes"}, {"picture", .file = "shoes.png"}) */
#define LK_PARTS(...) ((const struct lk_part[]){__VA_ARGS__, {.name = NULL}})
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
 * lk_http_batch - send several requests at once and wait for all answers; lk_batch is shorter.
 *
 * count       of requests, and of responses
 * requests    what to send; LK_REQUEST makes each
 * responses   filled in with the answers, in the order of the requests; owned by the step
 * at_once     so many are in hand at a time, each on a connection of its own; 0: 6
 * errors      an exchange that got no complete answer ends the step as failed, unless .keep_going,
 *             but when all of them are over
 * context     inside a step or hook of this user; waits
 * since       0.1; lk_parallel(3)
 */
LK_API void lk_http_batch(lk_vu *vu, size_t count, const struct lk_request *const *requests,
                          lk_response **responses, size_t at_once);

#ifndef __cplusplus
/* LK_REQUEST("GET", "/path", ...): a request for lk_batch; options are members of struct
 * lk_request. */
#define LK_REQUEST(verb, ...) LK_REQUEST_(verb, __VA_ARGS__)

/* lk_batch(vu, answers, LK_REQUEST("GET", "/a"), LK_REQUEST("GET", "/b")): the answers go to an
 * array of lk_response *, at most 6 requests are in hand at a time. */
#define lk_batch(vu, responses, ...)                                                               \
    lk_http_batch((vu),                                                                            \
                  sizeof((const struct lk_request *const[]){__VA_ARGS__}) /                        \
                      sizeof(const struct lk_request *),                                           \
                  (const struct lk_request *const[]){__VA_ARGS__}, (responses), 0)
#endif

/*
 * lk_http_base_url - set the URL that paths are joined to.
 *
 * url       "http://host[:port][/prefix]", or https; copied
 * errors    a URL that cannot be used ends the hook or step as failed, and the message says why
 * context   inside a step or hook of this user
 * since     0.1; lk_http(3)
 */
LK_API void lk_http_base_url(lk_vu *vu, const char *url);

/*
 * lk_http_setup_with - say what holds for all requests of this user from now on.
 *
 * settings  copied; lk_http_setup makes them. Later ones replace earlier ones as a whole. If they
 *           say otherwise how servers are reached, connections are opened anew
 * errors    what cannot be used ends the hook or step as failed, and the message says why
 * context   inside a step or hook of this user
 * since     0.1; lk_http_setup(3)
 */
LK_API void lk_http_setup_with(lk_vu *vu, const struct lk_http_settings *settings);

#ifndef __cplusplus
/* lk_http_setup(vu, .insecure = true, ...): options are members of struct lk_http_settings. */
#define lk_http_setup(vu, ...)                                                                     \
    lk_http_setup_with((vu), &(const struct lk_http_settings){                                     \
                                 .size = sizeof(struct lk_http_settings), __VA_ARGS__})
#endif

/*
 * lk_basic, lk_bearer - values for .authorization.
 *
 * user      without a colon
 * returns   "Basic ..." or "Bearer ...", never NULL; owned by the step, valid until it ends
 * errors    an argument that is NULL, an empty token, a colon in user, and running out of memory
 *           end the step as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_basic(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_basic(lk_vu *vu, const char *user, const char *password);
LK_API LK_NONNULL_RESULT const char *lk_bearer(lk_vu *vu, const char *token);

/*
 * lk_request_to_curl - a request as a command for the program curl, to be tried in a shell.
 *
 * request   as lk_http takes it; LK_REQUEST makes it
 * returns   one line, quoted for a shell, never NULL; owned by the step, valid until it ends.
 *           Passwords and tokens stand in it as they are
 * errors    what lk_http would refuse ends the step as failed
 * context   inside a step or hook of this user
 * since     0.1; lk_request_to_curl(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_request_to_curl(lk_vu *vu,
                                                        const struct lk_request *request);

/*
 * lk_cookie - a cookie of this user.
 *
 * url       "/path", joined to the base URL, or absolute: where a request would take it
 * name      of the cookie, its case matters
 * returns   the value; "" when no such cookie would go there. Owned by the step
 * context   inside a step or hook of this user
 * since     0.1; lk_cookie(3)
 */
LK_API LK_NONNULL_RESULT const char *lk_cookie(lk_vu *vu, const char *url, const char *name);

/*
 * lk_cookie_set - give this user a cookie, as if an answer from url had done so.
 *
 * url       as in lk_cookie
 * cookie    "name=value", and what else a Set-Cookie header says: "; Path=/; Max-Age=60"; copied
 * errors    a cookie that would be refused ends the hook or step as failed; the message says why
 * context   inside a step or hook of this user
 * since     0.1; lk_cookie(3)
 */
LK_API void lk_cookie_set(lk_vu *vu, const char *url, const char *cookie);

/*
 * lk_cookies_clear - take all cookies from this user.
 *
 * context   inside a step or hook of this user
 * since     0.1; lk_cookie(3)
 */
LK_API void lk_cookies_clear(lk_vu *vu);

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

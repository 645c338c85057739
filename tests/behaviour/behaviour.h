/*
 * The table of what the HTTP client does: each row is a conversation of one user with one server,
 * and what must come of it, whichever engine carries it out. The rows stand in the files beside
 * this one, by subject.
 */
#ifndef TESTS_BEHAVIOUR_H
#define TESTS_BEHAVIOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>

#include "loop/task.h"
#include "stats/code.h"
#include "support/places.h"
#include "support/server.h"

#define BEHAVIOUR_CALLS 8
#define BEHAVIOUR_SCRIPTS 3

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define HELLO OK_LINE "Content-Length: 5\r\n\r\nhello"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n\r\n"
#define NEXT                                                                                       \
    {                                                                                              \
        {                                                                                          \
            SRV_READ, SRV_SEND(OK_LINE "Content-Length: 4\r\n\r\nnext"), SRV_AGAIN                 \
        }                                                                                          \
    }

/* Long enough for all that comes before what never comes. */
#define WHILE_S 1.5

/*
 * A request, and what comes of it. Phases are letters: l, c, t, s, w and r for look-up, connect,
 * TLS, send, wait and receive; those of a sample that has a complete answer need not be written,
 * nor the t behind a c over TLS.
 */
struct behaviour_call {
    const char *method; /* NULL: the list is over */
    int status;         /* 0: there is no complete answer, */
    lki_code code;      /* as this says */
    const char *error;  /* a part of lk_error */
    const char *body;   /* NULL: "" */
    const char *phases;
    const char *url;    /* default: that of the case, or "/" */
    const char *header; /* a line "Name: value" that lk_header must find */
    size_t filled;      /* body is so many 'x' */
    double timeout_s;   /* of this one; default: that of the case */
    int version;        /* default: 11 */
    unsigned samples;   /* default: 1 */
    unsigned redirects; /* of them */
    bool kept;          /* on the connection of the call before */
    bool opened;        /* on a new one */
};

#define ANSWER(verb, number, text)                                                                 \
    {                                                                                              \
        .method = (verb), .status = (number), .body = (text)                                       \
    }
#define GET_HELLO ANSWER("GET", 200, "hello")
#define GET_NEXT ANSWER("GET", 200, "next")
#define FAILS(verb, why, text, reached)                                                            \
    {                                                                                              \
        .method = (verb), .code = LKI_CODE_HTTP_##why, .error = (text), .phases = (reached)        \
    }

/* What must come of it all. */
struct behaviour_want {
    const char *why; /* an engine has another one than the other: the reason */
    struct behaviour_call calls[BEHAVIOUR_CALLS];
    uint64_t connections; /* that the scripted server saw; default: 1 */
    uint64_t unsent;
    uint64_t retries;
    uint64_t requests; /* that the scripted server saw; default: those that were sent */
    bool any_requests; /* ... and how many were sent again cannot be said */
    const char *seen;  /* the scripted server saw this in its last request; $ as below */
    const char *unseen;
    const char *refused; /* the step ends with this message, and nothing is requested */
    enum lki_outcome ends;
};

/*
 * In texts of requests and settings $name stands for what places.h says of it, $server for
 * "127.0.0.1:port" of the scripted server, $port for that port.
 */
struct behaviour {
    const char *name;
    enum place at; /* default: the scripted server */
    struct test_script scripts[BEHAVIOUR_SCRIPTS];
    struct lk_request request; /* what all calls have */
    struct lk_http_settings settings;
    struct behaviour_want want;
    struct behaviour_want native; /* where .why is set: instead */
    struct behaviour_want curl;
    double step_timeout_s; /* and four times that where the server sends byte by byte */
    bool deaf;             /* the server does not read, and so not see that a connection ends */
    bool strict;           /* what fails ends the step */
    bool cut;              /* the run ends as soon as the server has the request */
    bool at_once;          /* not byte by byte: what comes later, or never, could not be foreseen */
    bool only_curl; /* the native engine is not asked: by settings that only the other one has */
};

struct behaviour_part {
    const char *name;
    const struct behaviour *cases;
    size_t count;
};

extern const struct behaviour_part behaviour_answers;
extern const struct behaviour_part behaviour_broken;
extern const struct behaviour_part behaviour_ends;
extern const struct behaviour_part behaviour_limits;
extern const struct behaviour_part behaviour_requests;
extern const struct behaviour_part behaviour_ways;
extern const struct behaviour_part behaviour_tls;
extern const struct behaviour_part behaviour_flow;

/* One way to carry a case out. */
struct behaviour_run {
    const struct behaviour *of;
    enum lk_http_engine engine;
    bool drip;          /* the server sends byte by byte */
    char problem[1024]; /* "": all was as it must be */
};

/* Carries it out in this process, which then has what it had before. */
void behaviour_carry_out(struct behaviour_run *run);

#endif

/*
 * One user's errand for tests of the client: settings, if there are any, then so many requests to
 * one scripted server.
 */
#ifndef TESTS_SUPPORT_VISIT_H
#define TESTS_SUPPORT_VISIT_H

#include <loadkit/http.h>

#include "support/rig.h"
#include "support/server.h"

struct visit {
    const struct lk_http_settings *settings; /* NULL: none; their size need not be set */
    struct lk_request request;               /* url: NULL, "/" and the user's number */
    const char *base;                        /* NULL: the server's */
    int requests;
    int status; /* of the last one */
    char error[256];
    char url[16];
};

#define VISIT_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#define SETTINGS(...)                                                                              \
    (&(const struct lk_http_settings){.size = sizeof(struct lk_http_settings), __VA_ARGS__})

/* What such tests are about. */
extern struct rig visit_rig;
extern struct test_server visit_server;

extern const struct test_script visit_script; /* answers every request */

/* Such a server, and a rig. */
void visit_open(void);

/* Users come and are on their errands at the same time. All must go well. */
void visit_all(struct visit *visits, size_t count);
void visit_well(struct visit *visit);

/* One user, whatever comes of it. */
struct rig_user *visit_one(struct visit *visit);

/* Settings of the run, as JSON. */
void visit_run_settings(const char *text);

/* Does the index-th request that the server got have this text? */
bool visit_sent(uint64_t index, const char *text);

/* The users go, and the server's counts are final; test_server_stop is left to be called. */
void visit_close(void);

#endif

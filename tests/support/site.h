/*
 * A little web site for tests of the web server: lib/web/server in a child process, on a port of
 * the kernel's choice, with a route for each thing that handlers can do. And a client that sends
 * any bytes and reads answers.
 */
#ifndef TESTS_SUPPORT_SITE_H
#define TESTS_SUPPORT_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "web/server.h"

#define SITE_TOKEN "correct-horse/battery=staple"

/* What the child shows. */
struct site_seen {
    uint16_t port;
    int err; /* of opening */
    char why[512];
    char address[80];
    bool exposed;
    int connections, streams, requests, refused, lost; /* as counted, every 10 ms */
    int gone;                                          /* on_gone calls */
    int closed;                                        /* on_closed calls */
    int later;                                         /* requests that wait */
    int sent;                                          /* messages that went to a stream, by /say */
    int forked;                                        /* the process that /fork has left */
};

struct site {
    pid_t pid;
    struct site_seen *seen;
};

/* The address is 127.0.0.1 and routes and arg are the site's, whatever the settings say of these;
 * NULL: none of the others. */
void site_start(struct site *site, const struct lki_web_settings *settings);
/* Ends it by SIGTERM, upon which it closes the server; its exit status: 0, unless something leaked
 * or broke. */
int site_stop(struct site *site);

/* Waits until a number that the child shows is as it should be, 10 s at most; false: it is not. */
bool site_sees(const volatile int *number, int want);

/* ---- the client */

#define SITE_BODY_MAX (4 * 1024 * 1024)

struct site_answer {
    int status; /* 0: the connection was closed without an answer */
    char head[8192];
    char *body; /* terminated; belongs to the connection, until its next answer */
    size_t len;
};

struct site_client {
    int fd;
    char *buffer;
    size_t len; /* read, and not taken yet */
    char *body;
};

void site_connect(struct site_client *client, const struct site *site);
void site_hang_up(struct site_client *client);
void site_send(struct site_client *client, const void *bytes, size_t len);
/* Reads one answer, 10 s at most. has_body false: it answers a HEAD. */
struct site_answer site_read(struct site_client *client, bool has_body);
/* Sends text and reads the answer. */
struct site_answer site_ask(struct site_client *client, const char *text);
/* The same on a connection of its own; the body is cut off at the end of the static memory. */
struct site_answer site_ask_once(const struct site *site, const char *text);
/* Reads until what was read holds text, or the connection ends; false: it did without. */
bool site_read_until(struct site_client *client, const char *text);
/* Has the server closed it? Waits for that for ms. */
bool site_is_closed(struct site_client *client, int ms);
/* The value of a field of the head, in static memory; NULL: it has none. */
const char *site_field(const struct site_answer *answer, const char *name);

#endif

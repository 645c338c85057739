/*
 * A TLS server for tests, well-behaved or not: a child process with a thread for each connection,
 * on a port of the kernel's choice, with certificates that are made anew each time.
 *
 *     struct tls_server server;
 *
 *     tls_server_start(&server, &(struct tls_server_setup){.cert = TLS_CERT_EXPIRED});
 *     ... requests to server.url, "https://localhost:PORT" ...
 *     tls_server_stop(&server);
 */
#ifndef TESTS_SUPPORT_TLS_SERVER_H
#define TESTS_SUPPORT_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum tls_cert {
    TLS_CERT_GOOD, /* for localhost, 127.0.0.1 and ::1, signed by ca.pem */
    TLS_CERT_EXPIRED,
    TLS_CERT_EARLY,     /* valid from tomorrow */
    TLS_CERT_ELSEWHERE, /* for a.test, b.test and 10.1.2.3 */
    TLS_CERT_STRANGER,  /* signed by an authority that ca.pem is not */
    TLS_CERT_ALONE,     /* signed by itself */
    TLS_CERT_COUNT
};

/* What happens when the server has sent so many bytes on a connection. */
enum tls_cut {
    TLS_CUT_NOT,
    TLS_CUT_CLOSE,
    TLS_CUT_RESET,
    TLS_CUT_STALL, /* nothing more, until the client goes */
    TLS_CUT_SLICES /* from there on each byte is sent by itself */
};

struct tls_server_setup {
    enum tls_cert cert;
    int version;         /* 12 or 13; 0: both */
    bool wants_client;   /* a certificate signed by ca.pem */
    bool asks_later;     /* for one, when the first request has come; the second needs it */
    bool no_protocol;    /* none of those that the client offers will do */
    const char *answer;  /* to each request, which ends with its head; NULL: a short one */
    size_t answer_bytes; /* 0: a string */
    size_t early_bytes;  /* of the answer: sent when the head of a request has come, and then the
                            server reads nothing for a while */
    size_t half_bytes;   /* of the answer, its last: a record, half of which waits for the test */
    size_t body_bytes;   /* of each request */
    unsigned tickets;    /* sent after each answer, */
    bool late;           /* when the test says so */
    bool close;          /* after the first answer, as TLS says */
    bool drop;           /* after the first answer, without a word of TLS */
};

/* In memory shared with the child. */
struct tls_server_seen {
    unsigned connections;
    unsigned handshakes;
    unsigned resumed;
    unsigned requests;
    unsigned answers;
    unsigned tickets; /* after answers */
    unsigned halves;  /* of answers, sent */
    unsigned ended;   /* connections on which the client ended TLS, not only TCP */
    unsigned closed;  /* connections */
    char name[64];    /* asked for by SNI, last; "" for none */
    enum tls_cut cut; /* to be set by the test, with the number of bytes first */
    size_t cut_bytes;
    unsigned late; /* answers that may go on, by their tickets or their other half; to be set by
                      the test */
};

struct tls_server {
    pid_t pid;
    uint16_t port;
    char url[48];
    char address[48];            /* the same without a name */
    char ca[160], other_ca[160]; /* files; the second knows TLS_CERT_STRANGER */
    char client[160], client_key[160], wrong_key[160];
    char stranger[160]; /* a client's certificate by the other authority, with its key behind it */
    char dir[128];
    volatile struct tls_server_seen *seen;
};

/* Ends the program on failure. */
void tls_server_start(struct tls_server *server, const struct tls_server_setup *setup);
void tls_server_stop(struct tls_server *server);

#endif

#include "support/tls_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_S 86400L
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define HERE "DNS:localhost,IP:127.0.0.1,IP:::1"

struct party {
    EVP_PKEY *key;
    X509 *cert;
};

/* The child's whole state. */
static struct {
    struct tls_server_setup setup;
    struct tls_server_seen *seen;
    SSL_CTX *ctx;
    BIO_METHOD *method;
} child;

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    perror(what);
    abort();
}

/* ---- certificates ---- */

static void extend(X509 *cert, int what, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, what, value);

    must(extension && X509_add_ext(cert, extension, -1), value);
    X509_EXTENSION_free(extension);
}

/* signer NULL: by itself; names NULL: an authority. */
static struct party party_new(const char *name, const char *names, const struct party *signer,
                              long from_s, long until_s)
{
    static long serial;
    struct party party = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *subject = X509_NAME_new();

    must(party.key && party.cert && subject, "a certificate");
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_version(party.cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(party.cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(party.cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(party.cert), until_s);
    X509_set_subject_name(party.cert, subject);
    X509_set_issuer_name(party.cert, signer ? X509_get_subject_name(signer->cert) : subject);
    X509_set_pubkey(party.cert, party.key);
    if (names)
        extend(party.cert, NID_subject_alt_name, names);
    else
        extend(party.cert, NID_basic_constraints, "critical,CA:TRUE");
    must(X509_sign(party.cert, signer ? signer->key : party.key, EVP_sha256()), "X509_sign");
    X509_NAME_free(subject);
    return party;
}

static void party_free(struct party *party)
{
    EVP_PKEY_free(party->key);
    X509_free(party->cert);
}

static void party_write(const struct tls_server *server, char path[160], const char *name,
                        X509 *cert, EVP_PKEY *key)
{
    FILE *file;

    snprintf(path, 160, "%s/%s", server->dir, name);
    file = fopen(path, "w");
    must(file && (!cert || PEM_write_X509(file, cert)) &&
             (!key || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL)) && !fclose(file),
         path);
}

static struct party cert_make(enum tls_cert cert, const struct party *ca, const struct party *other)
{
    switch (cert) {
    case TLS_CERT_EXPIRED:
        return party_new("expired", HERE, ca, -2 * DAY_S, -DAY_S);
    case TLS_CERT_EARLY:
        return party_new("early", HERE, ca, DAY_S, 2 * DAY_S);
    case TLS_CERT_ELSEWHERE:
        return party_new("elsewhere", "DNS:a.test,DNS:b.test,IP:10.1.2.3", ca, -DAY_S, DAY_S);
    case TLS_CERT_STRANGER:
        return party_new("stranger", HERE, other, -DAY_S, DAY_S);
    case TLS_CERT_ALONE:
        return party_new("alone", HERE, NULL, -DAY_S, DAY_S);
    case TLS_CERT_GOOD:
    case TLS_CERT_COUNT:
        break;
    }
    return party_new("good", HERE, ca, -DAY_S, DAY_S);
}

/* All that the test may want as files, and what the child has. */
static struct party parties_make(struct tls_server *server, enum tls_cert cert)
{
    struct party ca = party_new("The Authority", NULL, NULL, -DAY_S, DAY_S);
    struct party other = party_new("Somebody Else", NULL, NULL, -DAY_S, DAY_S);
    struct party client = party_new("client", "DNS:client", &ca, -DAY_S, DAY_S);
    struct party stranger = party_new("client", "DNS:client", &other, -DAY_S, DAY_S);
    struct party own = cert_make(cert, &ca, &other);

    party_write(server, server->ca, "ca.pem", ca.cert, NULL);
    party_write(server, server->other_ca, "other-ca.pem", other.cert, NULL);
    party_write(server, server->client, "client.pem", client.cert, NULL);
    party_write(server, server->client_key, "client.key", NULL, client.key);
    party_write(server, server->wrong_key, "wrong.key", NULL, other.key);
    party_write(server, server->stranger, "stranger.pem", stranger.cert, stranger.key);
    party_free(&ca);
    party_free(&other);
    party_free(&client);
    party_free(&stranger);
    return own;
}

/* ---- a connection in the child ---- */

struct peer {
    int fd;
    size_t sent;
    bool over;
    bool halve; /* what is sent next */
};

static void add(unsigned *number)
{
    __atomic_fetch_add(number, 1, __ATOMIC_SEQ_CST);
}

static void wait_gone(int fd)
{
    char byte;

    while (recv(fd, &byte, 1, 0) > 0)
        ;
}

/* The place where all ends has come. */
static void cut_off(struct peer *peer)
{
    struct linger hard = {1, 0};

    if (child.seen->cut == TLS_CUT_STALL)
        wait_gone(peer->fd);
    if (child.seen->cut == TLS_CUT_RESET)
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    peer->over = true;
}

/* Until the test lets so many answers go on. */
static void await_test(const unsigned *answers)
{
    while (__atomic_load_n(&child.seen->late, __ATOMIC_SEQ_CST) <
           __atomic_load_n(answers, __ATOMIC_SEQ_CST))
        usleep(1000);
}

static int send_half(struct peer *peer, const char *bytes, int len)
{
    ssize_t sent = send(peer->fd, bytes, (size_t)len / 2, MSG_NOSIGNAL);

    peer->halve = false;
    add(&child.seen->halves);
    await_test(&child.seen->halves);
    return (int)sent;
}

static int on_write(BIO *bio, const char *bytes, int len)
{
    struct peer *peer = BIO_get_data(bio);
    enum tls_cut cut = child.seen->cut;
    size_t whole = child.seen->cut_bytes > peer->sent ? child.seen->cut_bytes - peer->sent : 0;
    size_t part = cut != TLS_CUT_NOT && whole < (size_t)len ? whole : (size_t)len;
    ssize_t sent = 0;

    if (peer->over)
        return -1;
    if (peer->halve)
        return send_half(peer, bytes, len);
    if (part == 0 && cut == TLS_CUT_SLICES)
        part = 1;
    if (part)
        sent = send(peer->fd, bytes, part, MSG_NOSIGNAL);
    if (sent > 0)
        peer->sent += (size_t)sent;
    if (sent >= 0 && part < (size_t)len && cut != TLS_CUT_SLICES) {
        cut_off(peer);
        return -1;
    }
    return (int)sent;
}

static int on_read(BIO *bio, char *into, int cap)
{
    struct peer *peer = BIO_get_data(bio);

    return peer->over ? -1 : (int)recv(peer->fd, into, (size_t)cap, 0);
}

static long on_control(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH;
}

/* A part of the answer. */
static bool give(SSL *ssl, size_t from, size_t until)
{
    size_t sent;

    return from == until || SSL_write_ex(ssl, child.setup.answer + from, until - from, &sent) == 1;
}

static bool give_early(SSL *ssl)
{
    if (!child.setup.early_bytes)
        return true;
    if (!give(ssl, 0, child.setup.early_bytes))
        return false;
    usleep(200 * 1000);
    return true;
}

/* Takes one request. False: none is to come. */
static bool take_request(SSL *ssl)
{
    char bytes[65536];
    size_t len = 0;
    size_t left = child.setup.body_bytes;
    char *end = NULL;

    while (!end && len < sizeof(bytes) - 1) {
        int got = SSL_read(ssl, bytes + len, (int)(sizeof(bytes) - 1 - len));

        if (got <= 0)
            return false;
        len += (size_t)got;
        bytes[len] = '\0';
        end = strstr(bytes, "\r\n\r\n");
    }
    if (!end || !give_early(ssl))
        return false;
    left -= len - (size_t)(end + 4 - bytes);
    while (left) {
        int got = SSL_read(ssl, bytes, sizeof(bytes));

        if (got <= 0)
            return false;
        left -= (size_t)got;
    }
    return true;
}

static bool give_answer(SSL *ssl)
{
    struct peer *peer = BIO_get_data(SSL_get_wbio(ssl));
    size_t all = child.setup.answer_bytes;
    size_t half_at = all - child.setup.half_bytes;

    if (!give(ssl, child.setup.early_bytes, half_at))
        return false;
    peer->halve = half_at < all;
    if (!give(ssl, half_at, all))
        return false;
    add(&child.seen->answers);
    if (child.setup.late)
        await_test(&child.seen->answers);
    for (unsigned i = 0; i < child.setup.tickets; i++) {
        if (SSL_new_session_ticket(ssl) != 1 || SSL_do_handshake(ssl) != 1)
            return false;
        add(&child.seen->tickets);
    }
    return true;
}

/* Asks for a certificate unless there is one. It is read with the next request. */
static bool ask_later(SSL *ssl)
{
    return !child.setup.asks_later || SSL_get0_peer_certificate(ssl) ||
           (SSL_verify_client_post_handshake(ssl) == 1 && SSL_do_handshake(ssl) == 1);
}

static void serve(SSL *ssl)
{
    const char *name;

    if (SSL_accept(ssl) != 1)
        return;
    add(&child.seen->handshakes);
    if (SSL_session_reused(ssl))
        add(&child.seen->resumed);
    name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(child.seen->name, sizeof(child.seen->name), "%s", name ? name : "");
    while (take_request(ssl)) {
        add(&child.seen->requests);
        if (!ask_later(ssl) || !give_answer(ssl) || child.setup.drop)
            return;
        if (child.setup.close) {
            SSL_shutdown(ssl);
            return;
        }
    }
}

static void *connection_run(void *arg)
{
    struct peer peer = {.fd = (int)(intptr_t)arg};
    BIO *bio = BIO_new(child.method);
    SSL *ssl = SSL_new(child.ctx);

    must(bio && ssl, "a connection");
    BIO_set_data(bio, &peer);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    serve(ssl);
    if (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN)
        add(&child.seen->ended);
    SSL_free(ssl);
    close(peer.fd);
    add(&child.seen->closed);
    return NULL;
}

/* ---- the child ---- */

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                        const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    if (child.setup.no_protocol || in_len < 9)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void ctx_make(const struct tls_server *server, const struct party *own)
{
    int version = child.setup.version == 12   ? TLS1_2_VERSION
                  : child.setup.version == 13 ? TLS1_3_VERSION
                                              : 0;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    must(ctx && SSL_CTX_use_certificate(ctx, own->cert) && SSL_CTX_use_PrivateKey(ctx, own->key),
         "SSL_CTX_new");
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
    if (child.setup.wants_client || child.setup.asks_later) {
        int late = child.setup.asks_later ? SSL_VERIFY_POST_HANDSHAKE : 0;

        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | late, NULL);
        must(SSL_CTX_load_verify_file(ctx, server->ca), server->ca);
    }
    child.ctx = ctx;
    child.method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "peer");
    BIO_meth_set_write(child.method, on_write);
    BIO_meth_set_read(child.method, on_read);
    BIO_meth_set_ctrl(child.method, on_control);
}

static void child_run(int listener)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        int on = 1;
        pthread_t thread;

        if (fd < 0)
            continue;
        add(&child.seen->connections);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        must(!pthread_create(&thread, NULL, connection_run, (void *)(intptr_t)fd), "a thread");
        pthread_detach(thread);
    }
}

static int listener_open(struct tls_server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) && !listen(fd, 1024) &&
             !getsockname(fd, (struct sockaddr *)&at, &len),
         "listen");
    server->port = ntohs(at.sin_port);
    snprintf(server->url, sizeof(server->url), "https://localhost:%u", server->port);
    snprintf(server->address, sizeof(server->address), "https://127.0.0.1:%u", server->port);
    return fd;
}

void tls_server_start(struct tls_server *server, const struct tls_server_setup *setup)
{
    const char *tmp = getenv("TMPDIR");
    pid_t parent = getpid();
    struct party own;
    int listener;

    memset(server, 0, sizeof(*server));
    snprintf(server->dir, sizeof(server->dir), "%s/loadkit-tls.XXXXXX", tmp ? tmp : "/tmp");
    must(mkdtemp(server->dir) != NULL, server->dir);
    own = parties_make(server, setup->cert);
    child.setup = *setup;
    if (!setup->answer)
        child.setup.answer = ANSWER;
    if (!setup->answer_bytes)
        child.setup.answer_bytes = strlen(child.setup.answer);
    child.seen = mmap(NULL, sizeof(*child.seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    must(child.seen != MAP_FAILED, "mmap");
    server->seen = child.seen;
    listener = listener_open(server);
    server->pid = fork();
    must(server->pid >= 0, "fork");
    if (!server->pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        if (getppid() != parent)
            _exit(1);
        ctx_make(server, &own);
        child_run(listener);
    }
    close(listener);
    party_free(&own);
}

void tls_server_stop(struct tls_server *server)
{
    const char *files[] = {server->ca,         server->other_ca,  server->client,
                           server->client_key, server->wrong_key, server->stranger};

    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    munmap((void *)(uintptr_t)server->seen, sizeof(*server->seen));
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlink(files[i]);
    rmdir(server->dir);
}

#include "net/origin.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "loop/pool.h"
#include "net/curl.h"

/* How long a name's addresses are used without asking again, and how long a failure stands: so
 * thousands of users without a server do not become thousands of questions a second. */
#define FRESH_NS (60 * LKI_NS_PER_S)
#define FAILED_NS (1 * LKI_NS_PER_S)
#define ADDRESSES_MAX 16

/* One user waiting for a look-up; on the stack of its task. */
struct lki_lookup_wait {
    struct lki_lookup_wait *next, *prev;
    struct lki_task *task;
};

/* A look-up on its way. It owns copies of what it asks: the origin may go before it ends. */
struct lookup {
    struct lki_job job;
    struct lki_origins *origins;
    struct lki_origin *origin;
    struct addrinfo *found;
    int status;
    char port[8];
    char host[];
};

void lki_origins_release(struct lki_origins *origins)
{
    lki_curl_engine_free(origins->curl);
    origins->curl = NULL;
    while (origins->first) {
        struct lki_origin *origin = origins->first;

        origins->first = origin->next;
        free(origin->addresses);
        free(origin->host);
        free(origin->greeting);
        free(origin);
    }
    lki_transports_release(&origins->transports);
}

static struct lki_origin *origin_new(struct lki_transport *transport, const struct lki_url *url)
{
    struct lki_origin *origin = lki_zalloc(sizeof(*origin));
    char *text = origin ? malloc(url->host_len + url->authority_len + 2) : NULL;

    if (!text) {
        free(origin);
        return NULL;
    }
    origin->transport = transport;
    origin->scheme = url->scheme;
    origin->port = url->port;
    origin->host = text;
    memcpy(text, url->host, url->host_len);
    text[url->host_len] = '\0';
    origin->authority = text + url->host_len + 1;
    origin->authority_len = url->authority_len;
    memcpy(origin->authority, url->authority, url->authority_len);
    origin->authority[url->authority_len] = '\0';
    return origin;
}

struct lki_origin *lki_origin_get(struct lki_origins *origins, struct lki_transport *transport,
                                  const struct lki_url *url)
{
    struct lki_origin *origin = origins->first;

    for (; origin; origin = origin->next) {
        if (origin->transport == transport && origin->scheme == url->scheme &&
            origin->port == url->port && origin->authority_len == url->authority_len &&
            !memcmp(origin->authority, url->authority, url->authority_len))
            return origin;
    }
    origin = origin_new(transport, url);
    if (origin) {
        origin->next = origins->first;
        origins->first = origin;
    }
    return origin;
}

struct lki_origin *lki_origin_over(struct lki_origins *origins, struct lki_transport *transport,
                                   const struct lki_origin *origin)
{
    const struct lki_url url = {.scheme = origin->scheme,
                                .authority = origin->authority,
                                .authority_len = origin->authority_len,
                                .host = origin->host,
                                .host_len = strlen(origin->host),
                                .port = origin->port};

    return lki_origin_get(origins, transport, &url);
}

static void take_addresses(struct lki_origin *origin, const struct addrinfo *found)
{
    struct lki_address *addresses = calloc(ADDRESSES_MAX, sizeof(*addresses));
    size_t count = 0;

    if (!addresses) {
        origin->failure = "out of memory";
        return;
    }
    for (; found && count < ADDRESSES_MAX; found = found->ai_next) {
        if (found->ai_addrlen > sizeof(addresses[count].sock))
            continue;
        memcpy(&addresses[count].sock, found->ai_addr, found->ai_addrlen);
        addresses[count++].len = found->ai_addrlen;
    }
    free(origin->addresses);
    origin->addresses = addresses;
    origin->address_count = count;
    origin->preferred = 0;
    origin->failure = count ? NULL : "the name has no address";
}

static void take_answer(struct lki_origins *origins, struct lki_origin *origin, int status,
                        const struct addrinfo *found)
{
    int64_t now_ns = lki_loop_now(origins->loop);

    if (status)
        origin->failure = gai_strerror(status);
    else
        take_addresses(origin, found);
    origin->fresh_until_ns = now_ns + (origin->failure ? FAILED_NS : FRESH_NS);
}

static int ask(const char *host, const char *port, int flags, struct addrinfo **found)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};

    return getaddrinfo(host, port, &hints, found);
}

static void lookup_work(struct lki_job *job)
{
    struct lookup *lookup = LKI_CONTAINER(job, struct lookup, job);

    lookup->status = ask(lookup->host, lookup->port, 0, &lookup->found);
}

static void lookup_free(struct lookup *lookup)
{
    if (lookup->found)
        freeaddrinfo(lookup->found);
    free(lookup);
}

static void on_lookup_dropped(struct lki_job *job)
{
    lookup_free(LKI_CONTAINER(job, struct lookup, job));
}

static void on_lookup_done(struct lki_job *job)
{
    struct lookup *lookup = LKI_CONTAINER(job, struct lookup, job);
    struct lki_origin *origin = lookup->origin;

    origin->looking = false;
    take_answer(lookup->origins, origin, lookup->status, lookup->found);
    for (struct lki_lookup_wait *wait = origin->waits; wait; wait = wait->next)
        lki_task_wake_later(wait->task, LKI_WAKE_EVENT);
    lookup_free(lookup);
}

static enum lk_err lookup_start(struct lki_origins *origins, struct lki_origin *origin)
{
    size_t host_bytes = strlen(origin->host) + 1;
    struct lookup *lookup = lki_zalloc(sizeof(*lookup) + host_bytes);
    enum lk_err err;

    if (!lookup)
        return LK_E_NOMEM;
    lookup->job.work = lookup_work;
    lookup->job.on_done = on_lookup_done;
    lookup->job.on_dropped = on_lookup_dropped;
    lookup->origins = origins;
    lookup->origin = origin;
    memcpy(lookup->host, origin->host, host_bytes);
    snprintf(lookup->port, sizeof(lookup->port), "%u", origin->port);
    err = lki_pool_submit(origins->loop, &lookup->job);
    if (err)
        lookup_free(lookup);
    else
        origin->looking = true;
    return err;
}

bool lki_origin_known(const struct lki_origins *origins, const struct lki_origin *origin)
{
    return origin->address_count && lki_loop_now(origins->loop) < origin->fresh_until_ns;
}

/* The address that the transport has for this server instead of its name's; NULL: none. */
static const char *given_address(const struct lki_origin *origin)
{
    const char *const *pairs = origin->transport->settings.resolve;
    size_t host_len = strlen(origin->host);
    char port[8];

    snprintf(port, sizeof(port), "%u", origin->port);
    for (; pairs && pairs[0]; pairs += 2) {
        const char *host = pairs[0];
        const char *colon = strrchr(host, ':');
        size_t len = (size_t)(colon - host);

        if (*host == '[') {
            host++;
            len -= 2;
        }
        if (len == host_len && !strncasecmp(host, origin->host, len) && !strcmp(colon + 1, port))
            return pairs[1];
    }
    return NULL;
}

/* In digits, IPv6 with or without brackets. */
static int ask_digits(const char *text, const char *port, struct addrinfo **found)
{
    char copy[INET6_ADDRSTRLEN];
    size_t len = strlen(text);

    if (len < 2 || *text != '[')
        return ask(text, port, AI_NUMERICHOST, found);
    if (len - 2 >= sizeof(copy))
        return EAI_NONAME;
    memcpy(copy, text + 1, len - 2);
    copy[len - 2] = '\0';
    return ask(copy, port, AI_NUMERICHOST, found);
}

static void take_path(struct lki_origins *origins, struct lki_origin *origin, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct addrinfo found = {.ai_addr = (struct sockaddr *)&address,
                                   .ai_addrlen = sizeof(address)};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    take_answer(origins, origin, 0, &found);
}

/* An address in digits needs no look-up, nor one that is given. */
static bool take_known(struct lki_origins *origins, struct lki_origin *origin)
{
    const char *path = origin->transport->settings.unix_socket;
    const char *given = path ? NULL : given_address(origin);
    struct addrinfo *found = NULL;
    char port[8];

    if (path) {
        take_path(origins, origin, path);
        return true;
    }
    snprintf(port, sizeof(port), "%u", origin->port);
    if (ask_digits(given ? given : origin->host, port, &found))
        return false;
    take_answer(origins, origin, 0, found);
    freeaddrinfo(found);
    return true;
}

static enum lki_wake join_lookup(struct lki_origin *origin, struct lki_task *task, int64_t until_ns)
{
    struct lki_lookup_wait wait = {.next = origin->waits, .task = task};
    enum lki_wake why;

    if (wait.next)
        wait.next->prev = &wait;
    origin->waits = &wait;
    why = lki_task_wait(task, until_ns);
    if (wait.prev)
        wait.prev->next = wait.next;
    else
        origin->waits = wait.next;
    if (wait.next)
        wait.next->prev = wait.prev;
    return why;
}

enum lki_wake lki_origin_look_up(struct lki_origins *origins, struct lki_origin *origin,
                                 struct lki_task *task, int64_t until_ns)
{
    if (!origin->looking) {
        bool failed_lately = origin->failure &&
                             lki_loop_now(origins->loop) < origin->fresh_until_ns;

        if (failed_lately || take_known(origins, origin))
            return LKI_WAKE_EVENT;
        if (lookup_start(origins, origin)) {
            origin->failure = "no helper thread could be made";
            return LKI_WAKE_EVENT;
        }
    }
    return join_lookup(origin, task, until_ns);
}

void lki_origin_distrust(struct lki_origins *origins, struct lki_origin *origin)
{
    int64_t soon_ns = lki_loop_now(origins->loop) + FAILED_NS;

    if (origin->fresh_until_ns > soon_ns)
        origin->fresh_until_ns = soon_ns;
}

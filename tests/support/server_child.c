#define _GNU_SOURCE

#include "support/server_child.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define EVENTS_MAX 256

/* A connection in the child. */
struct peer {
    struct peer *earlier, *later; /* among the sleepers */
    struct peer *dead_next;
    const struct test_script *script;
    uint64_t number;
    char from[48];
    int fd;
    uint32_t events; /* asked of epoll */
    bool dead;
    bool asleep;
    bool slept; /* the sleep of the act in hand is over */
    bool end_of_input;
    size_t act;
    size_t sent;      /* of the act in hand */
    unsigned unread;  /* complete requests that no READ has taken */
    int64_t since_ns; /* when the act before ended */
    int64_t wake_ns;
    int64_t held_ns; /* by the last delay */
    /* the request that is coming in */
    size_t len;       /* of it so far */
    size_t body_left; /* once the head is complete */
    bool in_body;
    char bytes[TEST_REQUEST_BYTES];
};

/* The child's whole state. */
static struct {
    struct test_server_child setup;
    struct test_server_seen *seen;
    int epoll;
    int timer;
    struct peer *first, *last; /* sleepers by time */
    struct peer *dead;         /* until the end of the turn: its events may still name them */
} child;

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    perror(what);
    abort();
}

static int64_t now_ns(void)
{
    static const struct lki_clock clock = {.fake = false};

    return lki_clock_now(&clock);
}

/* ---- sleeping ---- */

static void timer_set(void)
{
    struct itimerspec when = {.it_value = {0, 0}};

    if (child.first) {
        when.it_value.tv_sec = child.first->wake_ns / LKI_NS_PER_S;
        when.it_value.tv_nsec = child.first->wake_ns % LKI_NS_PER_S;
    }
    must(!timerfd_settime(child.timer, TFD_TIMER_ABSTIME, &when, NULL), "timerfd_settime");
}

static void sleep_start(struct peer *peer, int64_t ns)
{
    struct peer *before = child.last;

    peer->asleep = true;
    peer->wake_ns = peer->since_ns + ns;
    while (before && before->wake_ns > peer->wake_ns)
        before = before->earlier;
    peer->earlier = before;
    peer->later = before ? before->later : child.first;
    *(peer->later ? &peer->later->earlier : &child.last) = peer;
    *(before ? &before->later : &child.first) = peer;
    if (child.first == peer)
        timer_set();
}

static void sleep_end(struct peer *peer)
{
    bool first = child.first == peer;

    *(peer->earlier ? &peer->earlier->later : &child.first) = peer->later;
    *(peer->later ? &peer->later->earlier : &child.last) = peer->earlier;
    peer->asleep = false;
    if (first)
        timer_set();
}

/* ---- connections ---- */

static void watch(struct peer *peer, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};

    if (peer->dead || peer->events == events)
        return;
    must(!epoll_ctl(child.epoll, EPOLL_CTL_MOD, peer->fd, &event), "epoll_ctl");
    peer->events = events;
}

static void peer_end(struct peer *peer)
{
    if (peer->dead)
        return;
    peer->dead = true;
    peer->dead_next = child.dead;
    child.dead = peer;
    if (peer->asleep)
        sleep_end(peer);
    if (peer->len)
        child.seen->broken++;
    close(peer->fd);
    child.seen->open--;
}

static void dead_free(void)
{
    while (child.dead) {
        struct peer *peer = child.dead;

        child.dead = peer->dead_next;
        free(peer);
    }
}

static void peer_reset(struct peer *peer)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    peer_end(peer);
}

static void request_end(struct peer *peer)
{
    struct test_request *kept = &child.seen->kept[child.seen->requests % TEST_REQUESTS_KEPT];

    kept->connection = peer->number;
    memcpy(kept->from, peer->from, sizeof(kept->from));
    kept->len = peer->len;
    memcpy(kept->bytes, peer->bytes, sizeof(kept->bytes));
    kept->bytes[lki_min(peer->len, sizeof(kept->bytes) - 1)] = '\0';
    child.seen->requests++;
    peer->unread++;
    peer->len = 0;
    peer->in_body = false;
}

/* The value of Content-Length in the complete head at peer->bytes, which is terminated. */
static size_t body_length(const struct peer *peer)
{
    static const char name[] = "\r\nContent-Length:";
    const char *at = strcasestr(peer->bytes, name);

    return at ? strtoul(at + sizeof(name) - 1, NULL, 10) : 0;
}

/* Takes received bytes into the request that is coming in, and counts it when it is complete. */
static void request_feed(struct peer *peer, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (peer->len < sizeof(peer->bytes) - 1)
            peer->bytes[peer->len] = bytes[i];
        peer->len++;
        if (peer->in_body) {
            peer->body_left--;
        } else if (bytes[i] == '\n' && peer->len >= 4 && peer->len < sizeof(peer->bytes) &&
                   !memcmp(peer->bytes + peer->len - 4, "\r\n\r\n", 4)) {
            peer->bytes[peer->len] = '\0';
            peer->in_body = true;
            peer->body_left = body_length(peer);
        }
        if (peer->in_body && !peer->body_left)
            request_end(peer);
    }
}

/* Takes in all that has arrived. */
static void peer_read(struct peer *peer)
{
    static char bytes[65536];

    while (!peer->dead && !peer->end_of_input) {
        ssize_t got = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (got > 0) {
            child.seen->bytes += (uint64_t)got;
            request_feed(peer, bytes, (size_t)got);
        } else if (got == 0) {
            peer->end_of_input = true;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            peer_end(peer);
        }
    }
}

/* ---- scripts ---- */

/* Each returns whether the act is done. */

static bool act_read(struct peer *peer)
{
    if (peer->unread) {
        peer->unread--;
        return true;
    }
    if (peer->end_of_input)
        peer_end(peer);
    return false;
}

/* Sends some of len bytes; false: not now, or never again. */
static bool send_some(struct peer *peer, const char *bytes, size_t len)
{
    ssize_t sent = send(peer->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent > 0)
        peer->sent += (size_t)sent;
    else if (errno == EAGAIN)
        watch(peer, peer->events | EPOLLOUT);
    else
        peer_end(peer);
    return sent > 0;
}

static bool act_send(struct peer *peer, const struct test_action *action)
{
    static char filling[65536];

    memset(filling, 'x', sizeof(filling));
    while (peer->sent < action->len) {
        size_t left = action->len - peer->sent;
        bool some = action->bytes ? send_some(peer, action->bytes + peer->sent, left)
                                  : send_some(peer, filling, lki_min(left, sizeof(filling)));

        if (!some)
            return false;
    }
    child.seen->answers++;
    return true;
}

static bool act_drip(struct peer *peer, const struct test_action *action)
{
    peer->slept = false;
    while (peer->sent < action->len) {
        if (!send_some(peer, action->bytes + peer->sent, 1))
            return false;
        peer->since_ns = now_ns();
        if (action->ms && peer->sent < action->len) {
            sleep_start(peer, action->ms * LKI_NS_PER_MS);
            return false;
        }
        sched_yield();
    }
    child.seen->answers++;
    return true;
}

static bool act_sleep(struct peer *peer, int ms)
{
    if (peer->slept) {
        peer->slept = false;
        peer->since_ns = peer->wake_ns;
        return true;
    }
    sleep_start(peer, ms * LKI_NS_PER_MS);
    return false;
}

static bool act_deaf(struct peer *peer, int ms)
{
    watch(peer, peer->slept ? EPOLLIN : 0);
    return act_sleep(peer, ms);
}

/* Looks every millisecond. */
static bool act_await(struct peer *peer, uint64_t requests)
{
    peer->slept = false;
    if (child.seen->requests >= requests)
        return true;
    peer->since_ns = now_ns();
    sleep_start(peer, LKI_NS_PER_MS);
    return false;
}

/* The order of the delays is fixed, so that the shares are exact. */
static bool act_delay(struct peer *peer)
{
    static uint64_t count;
    unsigned draw;

    if (peer->slept) {
        peer->held_ns = now_ns() - peer->since_ns;
        child.seen->held_ns[child.seen->delays++ % TEST_DELAYS_KEPT] = peer->held_ns;
        return act_sleep(peer, 0);
    }
    draw = (unsigned)(count++ * 7 % 20);
    return act_sleep(peer, draw < 10 ? 10 : draw < 19 ? 50 : 500);
}

static bool act_held(struct peer *peer)
{
    char bytes[128];
    struct test_action answer = {.act = ACT_SEND, .bytes = bytes};

    answer.len = (size_t)snprintf(bytes, sizeof(bytes),
                                  "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n%020lld",
                                  (long long)peer->held_ns);
    return act_send(peer, &answer);
}

/* The acts after which nothing more is done; false. */
static bool act_last(struct peer *peer, enum test_act act)
{
    if (act == ACT_CLOSE || (act == ACT_END && peer->end_of_input))
        peer_end(peer);
    else if (act == ACT_RESET)
        peer_reset(peer);
    else if (act == ACT_STALL)
        watch(peer, EPOLLRDHUP);
    return false;
}

static bool act_do(struct peer *peer, const struct test_action *action)
{
    switch (action->act) {
    case ACT_READ:
        return act_read(peer);
    case ACT_SEND:
    case ACT_FILL:
        return act_send(peer, action);
    case ACT_DRIP:
        return act_drip(peer, action);
    case ACT_SLEEP:
        return act_sleep(peer, action->ms);
    case ACT_DEAF:
        return act_deaf(peer, action->ms);
    case ACT_AWAIT:
        return act_await(peer, action->len);
    case ACT_DELAY:
        return act_delay(peer);
    case ACT_HELD:
        return act_held(peer);
    case ACT_SHUT:
        shutdown(peer->fd, SHUT_WR);
        return true;
    case ACT_AGAIN:
    case ACT_END:
    case ACT_CLOSE:
    case ACT_RESET:
    case ACT_STALL:
        break;
    }
    return act_last(peer, action->act);
}

static enum test_act act_of(const struct peer *peer)
{
    return peer->act < TEST_SCRIPT_MAX ? peer->script->acts[peer->act].act : ACT_END;
}

/* Goes on with the script as far as it goes now. */
static void script_run(struct peer *peer)
{
    static const struct test_action end = {.act = ACT_END};

    while (!peer->dead && !peer->asleep) {
        const struct test_action *action = peer->act < TEST_SCRIPT_MAX
                                               ? &peer->script->acts[peer->act]
                                               : &end;

        if (action->act == ACT_AGAIN) {
            peer->act = 0;
            continue;
        }
        if (!act_do(peer, action))
            return;
        /* a sleep ends when it should, not when it did: delays do not add up */
        if (action->act != ACT_SLEEP && action->act != ACT_DELAY)
            peer->since_ns = now_ns();
        peer->sent = 0;
        peer->act++;
    }
}

/* ---- events ---- */

static void peer_begin(int fd, const struct sockaddr *from, socklen_t len)
{
    struct peer *peer = lki_zalloc(sizeof(*peer));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    int on = 1;

    must(peer != NULL, "out of memory");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    getnameinfo(from, len, peer->from, sizeof(peer->from), NULL, 0, NI_NUMERICHOST);
    peer->fd = fd;
    peer->events = EPOLLIN;
    peer->number = child.seen->connections++;
    peer->script = &child.setup.scripts[lki_min(peer->number, child.setup.script_count - 1)];
    peer->since_ns = now_ns();
    child.seen->open++;
    must(!epoll_ctl(child.epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    script_run(peer);
} /* NOLINT(clang-analyzer-unix.Malloc): epoll keeps the peer, dead_free frees it */

static void on_accept(void)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    int fd;

    while ((fd = accept4(child.setup.listener, (struct sockaddr *)&from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        peer_begin(fd, (struct sockaddr *)&from, len);
        len = sizeof(from);
    }
}

static void on_timer(void)
{
    uint64_t times;

    if (read(child.timer, &times, sizeof(times)) != sizeof(times))
        return;
    while (child.first && child.first->wake_ns <= now_ns()) {
        struct peer *peer = child.first;

        sleep_end(peer);
        peer->slept = true;
        script_run(peer);
    }
}

static void on_peer(struct peer *peer, uint32_t events)
{
    if (peer->dead)
        return;
    if (act_of(peer) == ACT_STALL || act_of(peer) == ACT_DEAF) {
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            peer_end(peer);
        return;
    }
    peer_read(peer);
    if (events & (EPOLLHUP | EPOLLERR))
        peer_end(peer);
    if (events & EPOLLOUT || peer->end_of_input)
        watch(peer, peer->end_of_input ? 0 : EPOLLIN);
    script_run(peer);
}

static void on_control(void)
{
    char c;

    if (read(child.setup.control, &c, 1) != 1 || write(child.setup.control, &c, 1) != 1)
        _exit(EXIT_SUCCESS);
}

static void watch_always(int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};

    must(!epoll_ctl(child.epoll, EPOLL_CTL_ADD, *fd, &event), "epoll_ctl");
}

_Noreturn void test_server_serve(const struct test_server_child *setup)
{
    struct epoll_event events[EVENTS_MAX];

    child.setup = *setup;
    child.seen = setup->seen;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGINT, SIG_IGN); /* a terminal sends it to the whole group */
    child.epoll = epoll_create1(EPOLL_CLOEXEC);
    child.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    must(child.epoll >= 0 && child.timer >= 0, "epoll_create1 or timerfd_create");
    watch_always(&child.setup.listener);
    watch_always(&child.setup.control);
    watch_always(&child.timer);
    for (;;) {
        int count = epoll_wait(child.epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < count; i++) {
            void *who = events[i].data.ptr;

            if (who == &child.timer)
                on_timer();
            else if (who == &child.setup.listener)
                on_accept();
            else if (who != &child.setup.control)
                on_peer(who, events[i].events);
            else if (count == 1)
                on_control();
        }
        dead_free();
    }
}

/* Links: messages between two ends, over a socket and within one loop, and the end of it. */
#include "bus/link.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "support/expect.h"
#include "support/suite.h"

/* More than a socket takes at once. */
#define BIG_BYTES ((size_t)5 * 1024 * 1024)

static struct lki_loop loop;

/* One end, and what it was told. Messages are numbered: the number, then bytes that follow from
 * it. */
struct party {
    struct lki_link *link; /* NULL: closed */
    struct party *other;
    uint64_t got;  /* messages, numbers 0, 1, ... */
    uint64_t sent; /* the same */
    size_t bytes;
    int gone;
    bool inside; /* is being called */
    void (*then)(struct party *self, uint64_t number);
    void (*when_gone)(struct party *self);
    int count; /* of the test's own */
};

static struct party a;
static struct party b;

static size_t fill(unsigned char *bytes, uint64_t number, size_t len)
{
    struct lki_rng rng = {number + 1};

    memcpy(bytes, &number, sizeof(number));
    for (size_t i = sizeof(number); i < len; i++)
        bytes[i] = i < 64 || i > len - 64 ? (unsigned char)lki_rng_below(&rng, 256)
                                          : (unsigned char)i;
    return len;
}

/* A message of at least 8 bytes. */
static enum lk_err say(struct party *party, size_t len)
{
    unsigned char *bytes = malloc(len);
    enum lk_err err;

    ck_assert_ptr_nonnull(bytes);
    err = lki_link_send(party->link, bytes, fill(bytes, party->sent++, len));
    memset(bytes, 0xee, len);
    free(bytes);
    return err;
}

static void hang_up(struct party *party)
{
    struct lki_link *link = party->link;

    party->link = NULL;
    lki_link_close(link);
}

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct party *self = link->owner;
    unsigned char *expected = malloc(len);
    uint64_t number = self->got++;

    EXPECT(!self->inside, "called while it is called");
    EXPECT(self->link == link && !self->gone, "a message after the end");
    EXPECT(expected && len >= sizeof(number), "a message of %zu bytes", len);
    fill(expected, number, len);
    EXPECT(!memcmp(bytes, expected, len), "message %llu is another one",
           (unsigned long long)number);
    free(expected);
    self->bytes += len;
    self->inside = true;
    if (self->then)
        self->then(self, number);
    self->inside = false;
    lki_loop_stop(&loop);
}

static void on_gone(struct lki_link *link)
{
    struct party *self = link->owner;

    EXPECT(!self->inside, "called while it is called");
    EXPECT(self->link == link && !self->gone, "gone after the end");
    self->gone++;
    self->inside = true;
    if (self->when_gone)
        self->when_gone(self);
    self->inside = false;
    lki_loop_stop(&loop);
}

static void listen_to(struct party *party)
{
    party->link->owner = party;
    party->link->on_message = on_message;
    party->link->on_gone = on_gone;
}

#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        while (!(condition))                                                                       \
            lki_loop_run(&loop);                                                                   \
    } while (0)

static void on_late(struct lki_timer *timer)
{
    timer->when_ns = LKI_NEVER;
    lki_loop_stop(&loop);
}

/* For what must not happen: everything that is under way has arrived by then. */
static void run_some_turns(void)
{
    struct lki_timer timer = {0};

    ck_assert_int_eq(lki_timer_init(&loop.timers, &timer, on_late), LK_OK);
    for (int i = 0; i < 5; i++) {
        lki_timer_set(&loop.timers, &timer, lki_loop_now(&loop) + LKI_NS_PER_MS);
        RUN_UNTIL(timer.when_ns == LKI_NEVER);
    }
    lki_timer_release(&loop.timers, &timer);
}

/* ---- both kinds ---- */

enum { OVER_SOCKET, IN_LOOP, KINDS };

static void open_sockets(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(lki_socket_link_open(&a.link, &loop, fds[0]), LK_OK);
    ck_assert_int_eq(lki_socket_link_open(&b.link, &loop, fds[1]), LK_OK);
}

static void setup(void)
{
    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    a = (struct party){.other = &b};
    b = (struct party){.other = &a};
}

static void teardown(void)
{
    hang_up(&a);
    hang_up(&b);
    lki_loop_close(&loop);
}

/* Two ends that listen. */
static void open_kind(int kind)
{
    if (kind == OVER_SOCKET)
        open_sockets();
    else
        ck_assert_int_eq(lki_pair_link_open(&a.link, &b.link, &loop), LK_OK);
    listen_to(&a);
    listen_to(&b);
}

START_TEST(a_message_arrives_as_it_was_sent)
{
    static const size_t sizes[] = {8,     9,      255,    256,     65531,     65532,
                                   65533, 131072, 300000, 1 << 20, BIG_BYTES, 8};

    open_kind(_i);
    for (size_t i = 0; i < LKI_COUNT(sizes); i++) {
        size_t before = b.bytes;

        ck_assert_int_eq(say(&a, sizes[i]), LK_OK);
        ck_assert_uint_eq(b.got, i);
        RUN_UNTIL(b.got == i + 1);
        ck_assert_uint_eq(b.bytes - before, sizes[i]);
    }
    ck_assert_uint_eq(a.got, 0);
}
END_TEST

START_TEST(a_message_of_no_or_too_many_bytes_is_refused)
{
    open_kind(_i);
    ck_assert_int_eq(lki_link_send(a.link, "", 0), LK_E_ARG);
    ck_assert_int_eq(lki_link_send(a.link, "", LKI_MESSAGE_MAX + 1), LK_E_LIMIT);
    ck_assert_int_eq(lki_link_send(a.link, "", SIZE_MAX), LK_E_LIMIT);
    ck_assert_int_eq(say(&a, 10), LK_OK);
    RUN_UNTIL(b.got == 1);
}
END_TEST

START_TEST(many_messages_both_ways_keep_their_order)
{
    enum { MESSAGES = 20000 };
    struct lki_rng rng = {3};

    open_kind(_i);
    while (a.sent < MESSAGES || b.sent < MESSAGES) {
        struct party *party = lki_rng_below(&rng, 2) ? &a : &b;

        if (party->sent == MESSAGES)
            continue;
        ck_assert_int_eq(
            say(party, 8 + lki_rng_below(&rng, lki_rng_below(&rng, 100) ? 200 : 50000)), LK_OK);
        if (lki_rng_below(&rng, 300) == 0)
            RUN_UNTIL(b.got > a.sent / 2);
    }
    RUN_UNTIL(a.got == MESSAGES && b.got == MESSAGES);
}
END_TEST

/* More than the other end can have taken meanwhile. */
START_TEST(big_messages_both_ways_do_not_wait_for_each_other)
{
    open_kind(_i);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(say(&a, BIG_BYTES), LK_OK);
        ck_assert_int_eq(say(&b, BIG_BYTES), LK_OK);
        ck_assert_int_eq(say(&a, 8), LK_OK);
    }
    RUN_UNTIL(a.got == 4 && b.got == 8);
    ck_assert_uint_eq(b.bytes, 4 * BIG_BYTES + 4 * 8);
}
END_TEST

static int calls;

static void on_call(struct lki_post *post)
{
    (void)post;
    calls++;
}

START_TEST(a_message_does_not_wait_for_all_calls_that_were_posted)
{
    static struct lki_post posts[2000];

    open_kind(_i);
    calls = 0;
    for (size_t i = 0; i < LKI_COUNT(posts); i++)
        lki_loop_post(&loop, &posts[i], on_call);
    ck_assert_int_eq(say(&a, 8), LK_OK);
    RUN_UNTIL(b.got == 1);
    ck_assert_int_lt(calls, LKI_COUNT(posts) / 2);
    run_some_turns();
    ck_assert_int_eq(calls, LKI_COUNT(posts));
}
END_TEST

static uintptr_t lowest;
static uintptr_t highest;

static void answer(struct party *self, uint64_t number)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    lowest = here < lowest ? here : lowest;
    highest = here > highest ? here : highest;
    if (number < 10000)
        say(self, 20);
}

START_TEST(answers_to_answers_do_not_pile_up_on_the_stack)
{
    open_kind(_i);
    lowest = UINTPTR_MAX;
    highest = 0;
    a.then = answer;
    b.then = answer;
    say(&a, 20);
    RUN_UNTIL(a.got > 10000 || b.got > 10000);
    ck_assert_uint_lt(highest - lowest, 4096);
}
END_TEST

static void have_more_sent(struct party *self, uint64_t number)
{
    (void)number;
    say(self->other, 20);
}

static int ticks;

static void on_tick(struct lki_timer *timer)
{
    if (++ticks == 5)
        lki_loop_stop(&loop);
    lki_timer_set(&loop.timers, timer, lki_loop_now(&loop));
}

/* Each message has the next one sent to who gets it. */
START_TEST(messages_without_end_leave_others_their_turn)
{
    struct lki_timer timer = {0};

    open_kind(_i);
    ticks = 0;
    b.then = have_more_sent;
    ck_assert_int_eq(lki_timer_init(&loop.timers, &timer, on_tick), LK_OK);
    lki_timer_set(&loop.timers, &timer, lki_loop_now(&loop));
    say(&a, 20);
    RUN_UNTIL(ticks >= 5 && b.got > 100);
    lki_timer_release(&loop.timers, &timer);
}
END_TEST

START_TEST(what_comes_before_anybody_listens_waits)
{
    open_kind(_i);
    b.link->on_message = NULL;
    b.link->on_gone = NULL;
    for (int i = 0; i < 20; i++)
        say(&a, 1000);
    run_some_turns();
    hang_up(&a);
    run_some_turns();
    listen_to(&b);
    RUN_UNTIL(b.gone);
    ck_assert_uint_eq(b.got, 20);
}
END_TEST

static void stop_listening(struct party *self, uint64_t number)
{
    if (number % 10 == 9)
        self->link->on_message = NULL;
}

START_TEST(an_owner_may_stop_listening_for_a_while)
{
    open_kind(_i);
    b.then = stop_listening;
    for (int i = 0; i < 30; i++)
        say(&a, 1000);
    for (uint64_t got = 10; got <= 30; got += 10) {
        RUN_UNTIL(b.got == got);
        run_some_turns();
        ck_assert_uint_eq(b.got, got);
        listen_to(&b);
    }
    hang_up(&a);
    RUN_UNTIL(b.gone);
}
END_TEST

/* As many as go out at once: more than a loop hands on in a turn, or than surely fit a socket. */
START_TEST(the_end_is_told_once_after_the_last_message)
{
    uint64_t messages = _i == IN_LOOP ? 5000 : 20;

    open_kind(_i);
    while (a.sent < messages)
        say(&a, 100);
    hang_up(&a);
    ck_assert_int_eq(b.gone, 0);
    RUN_UNTIL(b.gone);
    ck_assert_uint_eq(b.got, messages);
    run_some_turns();
    ck_assert_int_eq(b.gone, 1);
}
END_TEST

START_TEST(what_is_sent_to_one_that_is_gone_reaches_nobody)
{
    open_kind(_i);
    hang_up(&a);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(say(&b, 100000), LK_OK);
    RUN_UNTIL(b.gone);
    ck_assert_int_eq(say(&b, BIG_BYTES), LK_OK);
    ck_assert_int_eq(lki_link_send(b.link, "", 0), LK_E_ARG);
    run_some_turns();
    ck_assert_int_eq(b.gone, 1);
}
END_TEST

/* Its last words wait while it is being told that nobody hears it. */
START_TEST(the_last_words_of_one_that_heard_nothing_arrive)
{
    open_kind(_i);
    for (int i = 0; i < 10; i++) {
        say(&a, 50);
        say(&b, 50);
    }
    hang_up(&a);
    say(&b, 50);
    RUN_UNTIL(b.gone);
    ck_assert_uint_eq(b.got, 10);
}
END_TEST

static void hang_up_now(struct party *self)
{
    hang_up(self);
}

static void hang_up_other(struct party *self)
{
    hang_up(self->other);
}

static void hang_up_both(struct party *self)
{
    hang_up(self->other);
    hang_up(self);
}

static void hang_up_both_self_first(struct party *self)
{
    hang_up(self);
    hang_up(self->other);
}

static void say_and_hang_up(struct party *self)
{
    say(self, 77);
    hang_up(self);
}

static const struct {
    void (*what)(struct party *self);
    bool self, other;        /* closes that */
    uint64_t words_to_other; /* these arrive there */
} closings[] = {
    {hang_up_now, true, false, 0},     {hang_up_other, false, true, 0},
    {hang_up_both, true, true, 0},     {hang_up_both_self_first, true, true, 0},
    {say_and_hang_up, true, false, 1},
};

static int closing;

static void close_at_the_third(struct party *self, uint64_t number)
{
    if (number == 2)
        closings[closing].what(self);
}

#define CASES ((int)(KINDS * LKI_COUNT(closings)))

START_TEST(links_may_be_closed_by_who_gets_a_message)
{
    closing = _i / KINDS;
    open_kind(_i % KINDS);
    b.then = close_at_the_third;
    for (int i = 0; i < 5; i++)
        say(&a, 100);
    RUN_UNTIL(b.got >= 3);
    if (!closings[closing].other) {
        RUN_UNTIL(a.gone);
        ck_assert_uint_eq(a.got, closings[closing].words_to_other);
    }
    if (!closings[closing].self)
        RUN_UNTIL(b.gone);
    run_some_turns();
    ck_assert_uint_eq(b.got, closings[closing].self ? 3 : 5);
    ck_assert_int_eq(b.gone, !closings[closing].self);
    ck_assert_int_eq(a.gone, !closings[closing].other);
}
END_TEST

START_TEST(links_may_be_closed_by_who_is_told_of_the_end)
{
    closing = _i / KINDS;
    open_kind(_i % KINDS);
    b.when_gone = closings[closing].what;
    say(&a, 100);
    hang_up(&a);
    RUN_UNTIL(b.gone);
    run_some_turns();
    ck_assert_uint_eq(b.got, 1);
    ck_assert_int_eq(b.gone, 1);
    ck_assert_int_eq(!b.link, closings[closing].self);
}
END_TEST

START_TEST(links_may_be_closed_at_once)
{
    open_kind(_i);
    say(&a, 100);
    say(&b, BIG_BYTES);
    hang_up(&b);
    hang_up(&a);
    run_some_turns();
    ck_assert_uint_eq(a.got + b.got, 0);
    ck_assert_int_eq(a.gone + b.gone, 0);
    lki_link_close(NULL);
}
END_TEST

/* ---- sockets only ---- */

/* An end, and the bare socket on its other side, which a test may hold as it likes. */
static int raw;
static int descriptor; /* of the link */

static void setup_raw(void)
{
    int fds[2];

    setup();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(lki_socket_link_open(&b.link, &loop, fds[0]), LK_OK);
    listen_to(&b);
    descriptor = fds[0];
    raw = fds[1];
}

static void teardown_raw(void)
{
    if (raw >= 0)
        close(raw);
    teardown();
}

/* Writes what a socket link would. */
static void raw_head(size_t len)
{
    unsigned char head[4] = {len & 255, len >> 8 & 255, len >> 16 & 255, len >> 24 & 255};

    ck_assert_int_eq(send(raw, head, 4, MSG_NOSIGNAL), 4);
}

static void raw_say(size_t len)
{
    unsigned char bytes[1000];

    fill(bytes, a.sent++, len);
    raw_head(len);
    ck_assert_int_eq(send(raw, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

START_TEST(a_message_may_come_byte_by_byte)
{
    unsigned char bytes[4 + 20] = {20};

    for (int round = 0; round < 3; round++) {
        fill(bytes + 4, a.sent++, 20);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            ck_assert_uint_eq(b.got, round);
            ck_assert_int_eq(send(raw, bytes + i, 1, 0), 1);
            if (i == 2 || i == 10)
                run_some_turns();
        }
        RUN_UNTIL(b.got == (uint64_t)round + 1);
    }
}
END_TEST

static const size_t absurd[] = {0, LKI_MESSAGE_MAX + 1, UINT32_MAX};

START_TEST(a_length_that_cannot_be_is_the_end)
{
    char byte;

    raw_say(100);
    raw_say(8);
    raw_head(absurd[_i]);
    raw_say(100);
    RUN_UNTIL(b.gone);
    ck_assert_uint_eq(b.got, 2);
    ck_assert_int_eq(say(&b, 100), LK_OK);
    ck_assert_int_le(recv(raw, &byte, 1, 0), 0);
    run_some_turns();
    ck_assert_int_eq(b.gone, 1);
}
END_TEST

START_TEST(half_a_message_is_none)
{
    raw_say(100);
    raw_head(50);
    if (_i)
        ck_assert_int_eq(send(raw, "0123456789", 10, 0), 10);
    close(raw);
    raw = -1;
    RUN_UNTIL(b.gone);
    ck_assert_uint_eq(b.got, 1);
}
END_TEST

/* It has the link's last bytes before it, and did not read them: the kernel calls that a reset. */
START_TEST(what_came_before_a_reset_is_told)
{
    say(&b, 1000);
    for (int i = 0; i < 20; i++)
        raw_say(500);
    close(raw);
    raw = -1;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(say(&b, 1000), LK_OK);
    RUN_UNTIL(b.gone);
    ck_assert_uint_eq(b.got, 20);
}
END_TEST

/* Everything that the link sends, until limit or the end. */
static size_t raw_read(size_t limit)
{
    char bytes[65536];
    size_t sum = 0;

    while (sum < limit) {
        ssize_t got = recv(raw, bytes, lki_min(sizeof(bytes), limit - sum), 0);

        if (got <= 0)
            break;
        sum += (size_t)got;
    }
    return sum;
}

START_TEST(sending_does_not_wait_for_who_does_not_read)
{
    const size_t total = 8 * (BIG_BYTES + 4);

    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(say(&b, BIG_BYTES), LK_OK);
    run_some_turns();
    ck_assert_uint_eq(raw_read(1000), 1000);
    lki_link_close(b.link);
    b.link = NULL;
    ck_assert_uint_lt(raw_read(total), total - 1000);
}
END_TEST

START_TEST(closing_sends_what_needs_no_waiting)
{
    char bytes[65536];
    size_t read_before = 0;
    ssize_t got;

    say(&b, BIG_BYTES);
    while ((got = recv(raw, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        read_before += (size_t)got;
    ck_assert_uint_gt(read_before, 0);
    hang_up(&b);
    ck_assert_uint_gt(raw_read(SIZE_MAX), 0);
}
END_TEST

/* It still has its end open, and says nothing. */
START_TEST(one_that_does_not_hear_any_more_is_gone)
{
    ck_assert_int_eq(shutdown(raw, SHUT_RD), 0);
    run_some_turns();
    ck_assert_int_eq(b.gone, 0);
    ck_assert_int_eq(say(&b, 100), LK_OK);
    RUN_UNTIL(b.gone);
}
END_TEST

static char lots[16 << 20];

START_TEST(what_has_been_sent_is_no_more_in_the_queue)
{
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(lki_link_send(b.link, lots, sizeof(lots)), LK_OK);
        for (size_t left = sizeof(lots) + 4; left;) {
            size_t got = raw_read(lki_min(left, 65536));

            ck_assert_uint_gt(got, 0);
            left -= got;
            lki_socket_link_flush(b.link, 0);
        }
    }
}
END_TEST

START_TEST(a_queue_does_not_grow_without_bounds)
{
    enum lk_err err = LK_OK;
    int sent = 0;

    while (!err && sent < 100) {
        err = lki_link_send(b.link, lots, sizeof(lots));
        sent += !err;
    }
    ck_assert_int_eq(err, LK_E_NOMEM);
    ck_assert_int_ge(sent, 10);
    ck_assert_int_lt(sent, 20);
}
END_TEST

/* Runs in a child with the raw socket, which alone it keeps. */
static pid_t child_start(void (*work)(void))
{
    pid_t pid = suite_fork();

    if (pid == 0) {
        for (int fd = 3; fd < 1024; fd++) {
            if (fd != raw)
                close(fd);
        }
        work();
        _exit(0);
    }
    close(raw);
    raw = -1;
    return pid;
}

static int child_end(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void talk_for_ever(void)
{
    for (;;)
        raw_say(8 + a.sent % 900);
}

static pid_t talker;

static void kill_at_the_thousandth(struct party *self, uint64_t number)
{
    (void)self;
    if (number == 1000)
        kill(talker, SIGKILL);
}

START_TEST(a_killed_process_is_gone_after_its_last_whole_message)
{
    b.then = kill_at_the_thousandth;
    talker = child_start(talk_for_ever);
    RUN_UNTIL(b.gone);
    ck_assert_uint_gt(b.got, 1000);
    ck_assert_int_eq(WTERMSIG(child_end(talker)), SIGKILL);
    ck_assert_int_eq(say(&b, 100), LK_OK);
}
END_TEST

static void read_one_and_wait(void)
{
    raw_read(1);
    raise(SIGSTOP);
}

/* It stands still with a full socket: what is queued must not hold up the news. */
START_TEST(a_process_that_is_killed_while_we_send_is_gone)
{
    pid_t pid = child_start(read_one_and_wait);
    int status;

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(say(&b, BIG_BYTES), LK_OK);
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert(WIFSTOPPED(status));
    run_some_turns();
    ck_assert_int_eq(b.gone, 0);
    kill(pid, SIGKILL);
    RUN_UNTIL(b.gone);
    child_end(pid);
}
END_TEST

static void read_all(void)
{
    _exit(raw_read(SIZE_MAX) == 4 * (BIG_BYTES + 4) ? 7 : 1);
}

START_TEST(a_flush_waits_until_all_is_on_its_way)
{
    pid_t pid = child_start(read_all);

    for (int i = 0; i < 4; i++)
        say(&b, BIG_BYTES);
    lki_socket_link_flush(b.link, LKI_NEVER);
    hang_up(&b);
    ck_assert_int_eq(WEXITSTATUS(child_end(pid)), 7);
}
END_TEST

START_TEST(a_flush_gives_up)
{
    int64_t limits_ns[] = {-1, 0, 1, 3 * LKI_NS_PER_MS};

    say(&b, BIG_BYTES);
    for (size_t i = 0; i < LKI_COUNT(limits_ns); i++) {
        int64_t before_ns = lki_loop_now(&loop);

        lki_socket_link_flush(b.link, limits_ns[i]);
        ck_assert_int_ge(lki_loop_now(&loop) - before_ns, limits_ns[i]);
    }
    hang_up(&b);
    ck_assert_uint_lt(raw_read(SIZE_MAX), BIG_BYTES);
}
END_TEST

START_TEST(a_flush_to_nobody_ends)
{
    say(&b, BIG_BYTES);
    close(raw);
    raw = -1;
    lki_socket_link_flush(b.link, LKI_NEVER);
    RUN_UNTIL(b.gone);
    lki_socket_link_flush(b.link, LKI_NEVER);
}
END_TEST

START_TEST(a_program_that_is_started_does_not_inherit_a_link)
{
    ck_assert_int_ne(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_watched_is_closed)
{
    struct lki_link *link = NULL;
    int fd = open("/dev/null", O_RDWR);

    lki_loop_quiet();
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(lki_socket_link_open(&link, &loop, fd), LK_E_SYSTEM);
    ck_assert_ptr_null(link);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert_int_eq(lki_socket_link_open(&link, &loop, fd), LK_E_SYSTEM);
}
END_TEST

static Suite *link_suite(void)
{
    Suite *suite = suite_create("link");
    TCase *both = tcase_create("both");
    TCase *sockets = tcase_create("sockets");

    tcase_set_timeout(both, 60);
    tcase_add_checked_fixture(both, setup, teardown);
    tcase_add_loop_test(both, a_message_arrives_as_it_was_sent, 0, KINDS);
    tcase_add_loop_test(both, a_message_of_no_or_too_many_bytes_is_refused, 0, KINDS);
    tcase_add_loop_test(both, many_messages_both_ways_keep_their_order, 0, KINDS);
    tcase_add_loop_test(both, big_messages_both_ways_do_not_wait_for_each_other, 0, KINDS);
    tcase_add_loop_test(both, a_message_does_not_wait_for_all_calls_that_were_posted, 0, KINDS);
    tcase_add_loop_test(both, answers_to_answers_do_not_pile_up_on_the_stack, 0, KINDS);
    tcase_add_loop_test(both, messages_without_end_leave_others_their_turn, 0, KINDS);
    tcase_add_loop_test(both, what_comes_before_anybody_listens_waits, 0, KINDS);
    tcase_add_loop_test(both, an_owner_may_stop_listening_for_a_while, 0, KINDS);
    tcase_add_loop_test(both, the_end_is_told_once_after_the_last_message, 0, KINDS);
    tcase_add_loop_test(both, what_is_sent_to_one_that_is_gone_reaches_nobody, 0, KINDS);
    tcase_add_loop_test(both, the_last_words_of_one_that_heard_nothing_arrive, 0, KINDS);
    tcase_add_loop_test(both, links_may_be_closed_by_who_gets_a_message, 0, CASES);
    tcase_add_loop_test(both, links_may_be_closed_by_who_is_told_of_the_end, 0, CASES);
    tcase_add_loop_test(both, links_may_be_closed_at_once, 0, KINDS);
    tcase_set_timeout(sockets, 60);
    tcase_add_checked_fixture(sockets, setup_raw, teardown_raw);
    tcase_add_test(sockets, a_message_may_come_byte_by_byte);
    tcase_add_loop_test(sockets, a_length_that_cannot_be_is_the_end, 0, LKI_COUNT(absurd));
    tcase_add_loop_test(sockets, half_a_message_is_none, 0, 2);
    tcase_add_test(sockets, what_came_before_a_reset_is_told);
    tcase_add_test(sockets, sending_does_not_wait_for_who_does_not_read);
    tcase_add_test(sockets, closing_sends_what_needs_no_waiting);
    tcase_add_test(sockets, one_that_does_not_hear_any_more_is_gone);
    tcase_add_test(sockets, what_has_been_sent_is_no_more_in_the_queue);
    tcase_add_test(sockets, a_program_that_is_started_does_not_inherit_a_link);
    tcase_add_test(sockets, a_queue_does_not_grow_without_bounds);
    tcase_add_test(sockets, a_killed_process_is_gone_after_its_last_whole_message);
    tcase_add_test(sockets, a_process_that_is_killed_while_we_send_is_gone);
    tcase_add_test(sockets, a_flush_waits_until_all_is_on_its_way);
    tcase_add_test(sockets, a_flush_gives_up);
    tcase_add_test(sockets, a_flush_to_nobody_ends);
    tcase_add_test(sockets, a_descriptor_that_cannot_be_watched_is_closed);
    suite_add_tcase(suite, both);
    suite_add_tcase(suite, sockets);
    return suite;
}

int main(void)
{
    return suite_run(link_suite());
}

/* Channels without memory: each request is refused in turn. What was taken arrives, once and in
 * order; what was refused does not; and nothing stays behind. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bus/channel.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/suite.h"

#define MESSAGES 20
#define WAY_MAX 200
#define ENVELOPE_MAX 400

/* What is on its way, without any memory. */
struct envelope {
    struct lki_channel *to;
    size_t len;
    char bytes[ENVELOPE_MAX];
};

static struct lki_loop loop;
static struct lki_channel a;
static struct lki_channel b;
static struct envelope way[WAY_MAX];
static size_t on_way;
static int sent;
static int arrived;
static int answers;
static int answered;

static void carry(struct lki_channel *channel, const void *bytes, size_t len, void *arg)
{
    struct envelope *envelope = &way[on_way++];

    (void)channel;
    EXPECT(on_way <= WAY_MAX && len <= ENVELOPE_MAX, "too much is carried");
    envelope->to = arg;
    envelope->len = len;
    memcpy(envelope->bytes, bytes, len);
}

static void on_message(struct lki_channel *channel, uint64_t number, const void *bytes, size_t len,
                       void *arg)
{
    int content;

    (void)arg;
    EXPECT(len >= sizeof(content), "%zu bytes", len);
    memcpy(&content, bytes, sizeof(content));
    EXPECT((uint64_t)content == number, "%d as number %llu", content, (unsigned long long)number);
    if (channel == &a) {
        answered++;
        return;
    }
    arrived++;
    content = answers + 1;
    answers += !lki_channel_send(channel, &content, sizeof(content));
}

static void deliver(void)
{
    while (on_way) {
        struct envelope envelope = way[0];

        memmove(way, way + 1, --on_way * sizeof(*way));
        EXPECT(!lki_channel_hear(envelope.to, envelope.bytes, envelope.len), "refused");
    }
}

static void on_end(struct lki_timer *end)
{
    (void)end;
    lki_loop_stop(&loop);
}

/* On a fake clock time goes on to the next timer only. */
static void pass(struct lki_timer *end, int64_t ns)
{
    lki_timer_set(&loop.timers, end, lki_loop_now(&loop) + ns);
    lki_loop_run(&loop);
}

static enum lk_err open_both(void)
{
    const struct lki_channel_owner owner_a = {carry, on_message, &b};
    const struct lki_channel_owner owner_b = {carry, on_message, &a};
    enum lk_err err = lki_channel_init(&a, &loop, 1, false, &owner_a);

    return err ? err : lki_channel_init(&b, &loop, 2, false, &owner_b);
}

static void talk(struct lki_timer *end)
{
    char message[200] = {0};

    lki_channel_up(&b, true);
    for (int i = 0; i < MESSAGES; i++) {
        int content = sent + 1;
        enum lk_err err;

        memcpy(message, &content, sizeof(content));
        err = lki_channel_send(&a, message, sizeof(message));
        EXPECT(!err || err == LK_E_NOMEM, "error %d", err);
        sent += !err;
        if (i == MESSAGES / 2)
            lki_channel_up(&a, true);
        deliver();
    }
    for (int turns = 0; turns < 100; turns++) {
        pass(end, 10 * LKI_NS_PER_MS);
        deliver();
    }
}

/* All but one of the timers for which there is room. */
static void fill_timers(void)
{
    static struct lki_timer timers[200];
    size_t count = 0;

    do {
        EXPECT(count < LKI_COUNT(timers), "too few");
        EXPECT(!lki_timer_init(&loop.timers, &timers[count++], NULL), "no timer");
    } while (loop.timers.reserved + 1 != loop.timers.cap);
}

/* Returns whether there was memory for everything. */
static bool run_without(long after, long how_many)
{
    struct lki_timer end;
    long held = memory_held();
    long refused;
    enum lk_err err;

    on_way = 0;
    sent = arrived = answers = answered = 0;
    memset(&b, 0, sizeof(b));
    EXPECT(!lki_loop_open(&loop), "no loop");
    loop.clock.fake = true;
    EXPECT(!lki_timer_init(&loop.timers, &end, on_end), "no timer");
    fill_timers();
    memory_refuse(after, how_many);
    err = open_both();
    if (!err)
        talk(&end);
    refused = memory_allow();
    EXPECT(refused > 0 || (!err && arrived == MESSAGES), "%d arrived", arrived);
    EXPECT(arrived == sent && answered == answers, "%d of %d, %d of %d", arrived, sent, answered,
           answers);
    lki_channel_release(&a);
    lki_channel_release(&b);
    lki_loop_close(&loop);
    EXPECT(memory_held() == held, "%ld pieces stay behind", memory_held() - held);
    return refused == 0;
}

START_TEST(channels_without_memory_lose_nothing_unseen_and_leave_nothing)
{
    static const long how_many[] = {1, 2, MEMORY_ALL};
    long after = 0;

    while (!run_without(after, how_many[_i]))
        after++;
    ck_assert_int_ge(after, 2 * MESSAGES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_channel");
    TCase *tests = tcase_create("oom_channel");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, channels_without_memory_lose_nothing_unseen_and_leave_nothing, 0, 3);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

/* Links without memory: each request is refused in turn. What is sent arrives, or is refused, or
 * the other end is told that this one is gone; and nothing stays behind. */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "bus/link.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/suite.h"

#define MESSAGES 3
/* More than a socket takes at once, and more than is read at once. */
#define MESSAGE_BYTES ((size_t)300000)

static struct lki_loop loop;
static char message[MESSAGE_BYTES];
static int arrived;
static int gone;

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    (void)link;
    (void)bytes;
    EXPECT(len == MESSAGE_BYTES, "%zu bytes", len);
    arrived++;
    lki_loop_stop(&loop);
}

static void on_gone(struct lki_link *link)
{
    (void)link;
    gone++;
    lki_loop_stop(&loop);
}

static enum lk_err open_pair(struct lki_link **a, struct lki_link **b)
{
    return lki_pair_link_open(a, b, &loop);
}

static enum lk_err open_sockets(struct lki_link **a, struct lki_link **b)
{
    enum lk_err err;
    int fds[2];

    EXPECT(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds), "no sockets");
    err = lki_socket_link_open(a, &loop, fds[0]);
    return lki_socket_link_open(b, &loop, fds[1]) || err ? LK_E_NOMEM : LK_OK;
}

static enum lk_err (*const kinds[])(struct lki_link **a, struct lki_link **b) = {open_pair,
                                                                                 open_sockets};

static void talk(struct lki_link *a, struct lki_link *b)
{
    int sent = 0;

    a->on_message = b->on_message = on_message;
    a->on_gone = b->on_gone = on_gone;
    for (int i = 0; i < MESSAGES; i++) {
        enum lk_err err = lki_link_send(a, message, sizeof(message));

        EXPECT(!err || err == LK_E_NOMEM, "error %d", err);
        sent += !err;
    }
    while (arrived < sent && !gone)
        lki_loop_run(&loop);
}

/* Returns whether there was memory for everything. */
static bool run_without(int kind, long after, long how_many)
{
    long held = memory_held();
    int descriptors = memory_descriptors();
    struct lki_link *a = NULL;
    struct lki_link *b = NULL;
    long refused;
    enum lk_err err;

    arrived = 0;
    gone = 0;
    EXPECT(!lki_loop_open(&loop), "no loop");
    memory_refuse(after, how_many);
    err = kinds[kind](&a, &b);
    if (!err)
        talk(a, b);
    lki_link_close(a);
    lki_link_close(b);
    refused = memory_allow();
    lki_loop_close(&loop);
    EXPECT(refused > 0 || (!err && arrived == MESSAGES && !gone), "%d arrived", arrived);
    EXPECT(memory_held() == held, "%ld pieces stay behind", memory_held() - held);
    EXPECT(memory_descriptors() == descriptors, "descriptors stay behind");
    return refused == 0;
}

START_TEST(links_without_memory_lose_nothing_unseen_and_leave_nothing)
{
    static const long how_many[] = {1, MEMORY_ALL};
    long after = 0;

    while (!run_without(_i / 2, after, how_many[_i % 2]))
        after++;
    ck_assert_int_gt(after, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_link");
    TCase *tests = tcase_create("oom_link");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, links_without_memory_lose_nothing_unseen_and_leave_nothing, 0,
                        2 * LKI_COUNT(kinds));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

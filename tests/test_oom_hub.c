/* An orchestrator and a station over Redis without memory: each request is refused in turn. Nothing
 * stays behind, and when there is memory again they find each other. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bus/hub.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/redis.h"
#include "support/suite.h"

/* What they do without memory, and how long they may take afterwards: channels repeat what was lost
 * after some seconds. */
#define WITHOUT_NS (20 * LKI_NS_PER_MS)
#define WITH_NS (60 * LKI_NS_PER_S)
/* Not after each refusal the whole is waited for. */
#define PATIENT_EACH 16

static struct lki_loop loop;
static struct test_redis server;
static struct lki_contact *contact;
static bool said_up, said_down, heard_up, heard_down, loaded, unasked;

static void meet(void)
{
    lki_loop_stop(&loop);
}

static void b_state(const char *name, const void *bytes, size_t len, bool ok, void *arg)
{
    (void)bytes;
    (void)len;
    (void)arg;
    loaded |= !name && ok;
}

static void b_up(struct lki_hub *hub, uint64_t token, void *arg)
{
    (void)token;
    (void)arg;
    lki_hub_put(hub, "run", "blob", 4);
    unasked |= lki_hub_get_all(hub, b_state, NULL) != LK_OK;
}

static void b_down(struct lki_hub *hub, enum lki_redis_trouble trouble, const char *why, void *arg)
{
    (void)hub;
    (void)arg;
    EXPECT(trouble == LKI_REDIS_AWAY, "%s", why);
}

static void b_refused(struct lki_hub *hub, const char *who, void *arg)
{
    (void)hub;
    (void)arg;
    EXPECT(false, "refused because of %s", who);
}

static void b_wait(struct lki_hub *hub, const char *who, void *arg)
{
    (void)hub;
    (void)who;
    (void)arg;
}

static void b_contact(struct lki_hub *hub, struct lki_contact *met, void *arg)
{
    (void)hub;
    (void)arg;
    contact = met;
}

static void b_report(struct lki_contact *from, uint64_t number, const void *bytes, size_t len,
                     void *arg)
{
    (void)bytes;
    (void)len;
    (void)arg;
    heard_up |= number > 0;
    lki_contact_done(from, number);
    meet();
}

static void b_silent(struct lki_contact *of, bool silent, void *arg)
{
    (void)of;
    (void)silent;
    (void)arg;
}

static void s_up(struct lki_spoke *spoke, void *arg)
{
    (void)arg;
    lki_spoke_beat(spoke, "beat", 4);
}

static void s_down(struct lki_spoke *spoke, enum lki_redis_trouble trouble, const char *why,
                   void *arg)
{
    (void)spoke;
    (void)arg;
    EXPECT(trouble == LKI_REDIS_AWAY, "%s", why);
}

static void s_refused(struct lki_spoke *spoke, const char *who, void *arg)
{
    (void)spoke;
    (void)arg;
    EXPECT(false, "refused because of %s", who);
}

static void s_orchestrator(struct lki_spoke *spoke, void *arg)
{
    (void)spoke;
    (void)arg;
}

static void s_command(struct lki_spoke *spoke, const void *bytes, size_t len, void *arg)
{
    (void)spoke;
    (void)bytes;
    (void)len;
    (void)arg;
    heard_down = true;
    meet();
}

/* Says what could not be said before. */
static void talk(struct lki_spoke *spoke)
{
    lki_spoke_beat(spoke, "beat", 4);
    if (!said_up)
        said_up = !lki_spoke_send(spoke, "up", 2);
    if (contact && !said_down)
        said_down = !lki_contact_send(contact, "down", 4);
}

static void run_for(struct lki_spoke *spoke, int64_t ns)
{
    int64_t until_ns = lki_loop_now(&loop) + ns;

    while (!(heard_up && heard_down && loaded) && lki_loop_now(&loop) < until_ns) {
        int64_t soon_ns = lki_loop_now(&loop) + 5 * LKI_NS_PER_MS;

        talk(spoke);
        lki_loop_run_until(&loop, soon_ns < until_ns ? soon_ns : until_ns);
    }
}

static enum lk_err open_both(struct lki_hub **hub, struct lki_spoke **spoke)
{
    const struct lki_hub_settings settings = {&server.address, "default", "north"};
    const struct lki_hub_owner boss = {b_up,      b_down,   b_refused, b_wait,
                                       b_contact, b_report, b_silent,  NULL};
    const struct lki_spoke_owner station = {s_up,           s_down,    s_refused,
                                            s_orchestrator, s_command, NULL};
    enum lk_err err = lki_hub_open(hub, &loop, &settings, 0, "here 1", &boss);

    return err ? err
               : lki_spoke_open(spoke, &loop, &settings, "{\"host\":\"h\",\"pid\":1}", &station);
}

/* Returns whether there was memory for everything. */
static bool run_without(long after, long how_many, bool patient)
{
    long held = memory_held();
    int descriptors = memory_descriptors();
    struct lki_hub *hub = NULL;
    struct lki_spoke *spoke = NULL;
    long refused;
    enum lk_err err;

    contact = NULL;
    said_up = said_down = heard_up = heard_down = loaded = unasked = false;
    EXPECT(!lki_loop_open(&loop), "no loop");
    memory_refuse(after, how_many);
    err = open_both(&hub, &spoke);
    EXPECT(!err || err == LK_E_NOMEM, "%s", lk_strerror(err));
    if (!err)
        run_for(spoke, WITHOUT_NS);
    refused = memory_allow();
    if (!err && (patient || unasked || !refused)) {
        run_for(spoke, WITH_NS);
        EXPECT(heard_up && heard_down && loaded, "they did not meet after %ld", after);
    }
    lki_spoke_close(spoke);
    lki_hub_close(hub);
    lki_loop_close(&loop);
    EXPECT(memory_held() == held, "%ld pieces stay behind after %ld", memory_held() - held, after);
    EXPECT(memory_descriptors() == descriptors, "descriptors stay behind after %ld", after);
    return refused == 0;
}

START_TEST(a_hub_and_a_spoke_without_memory_leave_nothing_and_recover)
{
    static const long how_many[] = {1, MEMORY_ALL};
    long after = 0;

    test_redis_start(&server, false);
    while (!run_without(after, how_many[_i], after % PATIENT_EACH == 0)) {
        after++;
        test_redis_ask(&server, "FLUSHALL", NULL);
    }
    ck_assert_int_gt(after, 20);
    test_redis_release(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_hub");
    TCase *tests = tcase_create("oom_hub");

    memory_open();
    lki_loop_quiet();
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_hub_and_a_spoke_without_memory_leave_nothing_and_recover, 0, 2);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

/* A worker under orders that finds no memory: whatever it lacks, it says so or ends, and it leaves
 * nothing behind. */
#include <check.h>
#include <stdlib.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "stats/snapshot.h"
#include "support/expect.h"
#include "support/suite.h"
#include "support/town.h"
#include "worker/agent.h"

#define NS LKI_NS_PER_S
#define USERS 3
#define ORDERS_MAX 16
#define RUN_HOOK(which, fn)                                                                        \
    (&((struct lk_run_hook_def){TOWN_HEAD_(lk_run_hook_def, LK_DEF_RUN_HOOK, NULL, "on_it"),       \
                                .hook = (which), .run = (fn)})                                     \
          .def)

static struct lk_vu_def citizen = {TOWN_HEAD_(lk_vu_def, LK_DEF_VU, "citizen", "citizen")};
static struct lki_model *model;
static struct lki_loop loop;
static struct lki_buf orders[ORDERS_MAX]; /* written while there is memory */
static size_t order_count;
static uint64_t borrowed;
static uint64_t steps_told;
static bool quitting;  /* was ordered */
static bool last_told; /* numbers came after that */
static bool told;      /* that something went wrong */
static bool over;
static struct lki_timer moment;

static lk_json *make(lk_vu *vu, const char *id)
{
    return LK_OBJECT("name", lk_format(vu, "user_%s", id));
}

static void set_up(lk_vu *vu)
{
    lk_http_base_url(vu, "http://shop");
    lk_run_data_set(vu, LK_OBJECT("n", 1));
}

static void borrow(lk_vu *vu, void *self)
{
    lk_json *object = lk_resource_acquire(vu, "accounts");

    (void)self;
    lk_sleep(vu, 0.1);
    lk_resource_release(vu, "accounts", object);
    borrowed++;
}

static void plan(const struct lki_order *order)
{
    struct lki_buf *out = &orders[order_count++];

    lki_buf_init(out, LKI_MESSAGE_MAX);
    lki_order_write(order, out);
    ck_assert_int_eq(out->err, LK_OK);
}

#define PLAN(...) plan(&(struct lki_order){__VA_ARGS__})

#define LAST_LEASE 8 /* of the orders: then there is work to do */

static void plan_all(void)
{
    struct lki_order_object object = {1, "{\"resource_id\":\"1\",\"name\":\"user_1\"}"};

    order_count = 0;
    PLAN(.kind = LKI_ORDER_PREPARE, .prepare = {.run_id = "x",
                                                .worker = 1,
                                                .seed = 1,
                                                .population = USERS,
                                                .probes = true,
                                                .counted = true,
                                                .grace_ns = NS});
    PLAN(.kind = LKI_ORDER_SET_UP);
    PLAN(.kind = LKI_ORDER_START,
         .start = {.end_ns = 10 * NS, .run_data = "{\"n\":1}", .base_url = "http://shop"});
    PLAN(.kind = LKI_ORDER_OBJECTS, .objects = {.objects = &object, .count = 1});
    PLAN(.kind = LKI_ORDER_OBJECTS, .objects = {.first = 2, .fresh = 2});
    PLAN(.kind = LKI_ORDER_USERS, .users = {.range = {1, 1, USERS}});
    /* three begin before the others are taken back */
    PLAN(.kind = LKI_ORDER_ITERATIONS, .iterations = {.granted = 5});
    PLAN(.kind = LKI_ORDER_ITERATIONS, .iterations = {.granted = 5, .recalls = 1});
    PLAN(.kind = LKI_ORDER_ITERATIONS, .iterations = {.granted = 8, .recalls = 1, .last = true});
    PLAN(.kind = LKI_ORDER_RECALL, .recall = {.on = true});
    PLAN(.kind = LKI_ORDER_PROBES);
    PLAN(.kind = LKI_ORDER_PROBES, .probes = {.on = true});
    PLAN(.kind = LKI_ORDER_TEAR_DOWN);
    PLAN(.kind = LKI_ORDER_QUIT);
}

/* What is told of a failure may be hard to tell. */
static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct lki_snapshot_head head;
    struct lki_arena arena;
    struct lki_report report;

    (void)link;
    lki_arena_init(&arena, NULL, 0);
    told |= lki_report_read(&report, bytes, len, &arena) || report.kind == LKI_REPORT_FAILED ||
            (report.kind == LKI_REPORT_SET_UP && report.hook.failed);
    if (report.kind == LKI_REPORT_SECOND &&
        !lki_snapshot_read_head(&head, report.second.totals, report.second.totals_bytes))
        steps_told = head.totals.steps;
    last_told |= quitting && report.kind == LKI_REPORT_SECOND;
    lki_arena_reset(&arena);
}

static void on_gone(struct lki_link *link)
{
    (void)link;
}

static void on_over(struct lki_agent *agent, void *arg)
{
    (void)arg;
    told |= lki_agent_orphaned(agent);
    over = true;
}

static void on_moment(struct lki_timer *timer)
{
    (void)timer;
}

/* Time goes on as long as there is something to wait for. */
static void pass(int64_t ns)
{
    int64_t until_ns = lki_loop_now(&loop) + ns;

    lki_timer_set(&loop.timers, &moment, until_ns);
    lki_loop_run_until(&loop, until_ns);
}

/* What was begun comes to its end in any case. */
static void run(struct lki_link *link)
{
    bool sent = true;

    for (size_t i = 0; i < order_count && !over && sent; i++) {
        quitting = i + 1 == order_count;
        sent = !lki_link_send(link, orders[i].data, orders[i].len);
        pass(i == LAST_LEASE ? 3 * NS : 1);
    }
    told |= !sent;
    if (over || !sent)
        pass(3 * NS);
}

/* Everything but the loop itself. */
static void live(void)
{
    struct lki_agent *agent = NULL;
    struct lki_link *mine = NULL;
    struct lki_link *other = NULL;

    over = told = false;
    borrowed = steps_told = 0;
    quitting = last_told = false;
    if (lki_pair_link_open(&mine, &other, &loop)) {
        told = true;
        return;
    }
    mine->on_message = on_message;
    mine->on_gone = on_gone;
    if (lki_agent_new(&agent, &loop, model, other, NULL, on_over, NULL))
        told = true;
    else
        run(mine);
    lki_link_close(mine);
    lki_agent_free(agent);
}

static const long droughts[] = {1, 5, MEMORY_ALL};

START_TEST(an_agent_without_memory_says_so_or_ends)
{
    struct lk_def *defs[] = {RUN_HOOK(LK_RUN_SETUP, set_up), TOWN_RESOURCE("accounts", make),
                             TOWN_STEP("b", borrow), NULL};
    struct lki_buf problems = {.max = 1000};
    long refused;

    citizen.def.next_ = defs[0];
    for (size_t i = 0; defs[i]; i++)
        defs[i]->next_ = defs[i + 1];
    ck_assert_int_eq(lki_model_new(&model, &citizen.def, &problems), LK_OK);
    plan_all();
    for (long after = 0;; after++) {
        long held = memory_held();
        int descriptors = memory_descriptors();

        EXPECT(!lki_loop_open(&loop), "no loop");
        EXPECT(!lki_timer_init(&loop.timers, &moment, on_moment), "no timer");
        loop.clock.fake = true;
        memory_refuse(after, droughts[_i]);
        live();
        refused = memory_allow();
        lki_timer_release(&loop.timers, &moment);
        lki_loop_close(&loop);
        EXPECT(refused || borrowed == 6, "only %d were borrowed", (int)borrowed);
        EXPECT(refused || !told, "it failed with all its memory");
        EXPECT(told || last_told, "its last numbers are missing, after %ld", after);
        EXPECT(told || steps_told >= borrowed, "%d steps of %d were told of, after %ld",
               (int)steps_told, (int)borrowed, after);
        EXPECT(memory_held() == held, "%ld blocks more, after %ld", memory_held() - held, after);
        EXPECT(memory_descriptors() == descriptors, "descriptors left, after %ld", after);
        if (!refused)
            break;
        EXPECT(after < 2000, "there is no end");
    }
    for (size_t i = 0; i < order_count; i++)
        lki_buf_release(&orders[i]);
    lki_model_free(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_agent");
    TCase *tcase = tcase_create("all");

    memory_open();
    tcase_add_loop_test(tcase, an_agent_without_memory_says_so_or_ends, 0, LKI_COUNT(droughts));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

#include "support/troop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "client/vu.h"

#define LOG_MAX_BYTES (1024 * 1024)

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "troop: %s\n", what);
    abort();
}

/* ---- reports ---- */

static void note_hook(struct troop_agent *agent, enum lk_run_hook_kind kind,
                      const struct lki_report_hook *hook)
{
    agent->hooks[kind] = *hook;
    agent->hook_over[kind] = true;
    if (hook->run_data)
        snprintf(agent->run_data, sizeof(agent->run_data), "%s", hook->run_data);
    if (hook->base_url)
        snprintf(agent->base_url, sizeof(agent->base_url), "%s", hook->base_url);
}

static void note_second(struct troop_agent *agent, const struct lki_report_second *second)
{
    struct lki_hist latency = {0};

    agent->seconds++;
    agent->sum.iterations += second->row.iterations;
    agent->sum.steps += second->row.steps;
    agent->sum.step_errors += second->row.step_errors;
    if (second->row.t_s >= agent->sum.t_s)
        agent->sum.t_s = second->row.t_s;
    if (second->latency_bytes)
        need(!lki_hist_decode(&latency, second->latency, second->latency_bytes), "no latencies");
    agent->latencies += latency.count;
    lki_hist_release(&latency);
    need(!lki_snapshot_read_head(&agent->head, second->totals, second->totals_bytes), "no totals");
    agent->health = second->health;
}

static void note_report(struct troop_agent *agent, const struct lki_report *report)
{
    switch (report->kind) {
    case LKI_REPORT_HELLO:
        agent->hello = report->hello;
        break;
    case LKI_REPORT_PREPARED:
        agent->prepared = true;
        break;
    case LKI_REPORT_SET_UP:
        note_hook(agent, LK_RUN_SETUP, &report->hook);
        break;
    case LKI_REPORT_TEAR_DOWN:
        note_hook(agent, LK_RUN_TEARDOWN, &report->hook);
        break;
    case LKI_REPORT_SECOND:
        note_second(agent, &report->second);
        break;
    case LKI_REPORT_ITERATIONS:
        agent->asks++;
        agent->lease = report->iterations;
        break;
    case LKI_REPORT_GONE:
        need(!agent->gone, "its users have gone twice");
        agent->gone = true;
        agent->left = report->gone;
        break;
    case LKI_REPORT_FAILED:
        agent->failed = true;
        break;
    default:
        break;
    }
}

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct troop_agent *agent = link->owner;
    struct troop *troop = agent->troop;
    struct lki_report report;

    need(!lki_report_read(&report, bytes, len, &troop->inbox), "what came is no report");
    note_report(agent, &report);
    if (troop->on_report)
        troop->on_report(agent, &report);
    lki_arena_reset(&troop->inbox);
}

static void on_gone(struct lki_link *link)
{
    (void)link;
}

static void on_over(struct lki_agent *agent, void *arg)
{
    struct troop_agent *member = arg;

    need(agent == member->agent && !member->over, "an agent is over twice");
    member->over = true;
}

/* ---- orders ---- */

void troop_order(struct troop_agent *agent, const struct lki_order *order)
{
    struct lki_buf *out = &agent->troop->out;

    lki_buf_clear(out);
    lki_order_write(order, out);
    need(!out->err && !lki_link_send(agent->link, out->data, out->len), "an order was not sent");
}

void troop_prepare(struct troop *troop, const struct lki_order_prepare *prepare)
{
    for (size_t i = 0; i < troop->count; i++) {
        struct lki_order order = {.kind = LKI_ORDER_PREPARE, .prepare = *prepare};

        order.prepare.run_id = "troop";
        order.prepare.worker = i + 1;
        order.prepare.probes = i == 0;
        if (!order.prepare.grace_ns)
            order.prepare.grace_ns = 5 * LKI_NS_PER_S;
        troop_order(&troop->agents[i], &order);
    }
    troop_run(troop, 0);
}

void troop_start(struct troop *troop, int64_t length_ns)
{
    int64_t now_ns = lki_loop_now(&troop->loop);
    const struct lki_order order = {
        .kind = LKI_ORDER_START,
        .start = {.start_ns = now_ns, .end_ns = lki_ns_after(now_ns, length_ns)}};

    for (size_t i = 0; i < troop->count; i++)
        troop_order(&troop->agents[i], &order);
}

void troop_users(struct troop_agent *agent, uint64_t first, uint64_t stride, uint64_t count,
                 bool leave)
{
    troop_order(agent, &(struct lki_order){.kind = LKI_ORDER_USERS,
                                           .users = {{first, stride, count}, leave}});
}

void troop_stop(struct troop *troop, unsigned times)
{
    for (size_t i = 0; i < troop->count; i++)
        troop_order(&troop->agents[i], &(struct lki_order){.kind = LKI_ORDER_STOP,
                                                           .stop = {LKI_END_INTERRUPT, times}});
}

void troop_quit(struct troop *troop)
{
    for (size_t i = 0; i < troop->count; i++)
        troop_order(&troop->agents[i], &(struct lki_order){.kind = LKI_ORDER_QUIT});
    troop_run(troop, 0);
    for (size_t i = 0; i < troop->count; i++)
        need(troop->agents[i].over, "an agent does not end");
}

/* ---- the loop ---- */

static void on_moment(struct lki_timer *timer)
{
    (void)timer;
}

/* What is due at the very end belongs to the time, as does all that follows from it at once. */
void troop_run(struct troop *troop, double seconds)
{
    int64_t until_ns = lki_ns_after(lki_loop_now(&troop->loop), lki_ns(seconds));
    struct lki_timer moment = {0};

    need(!lki_timer_init(&troop->loop.timers, &moment, on_moment), "no timer");
    lki_timer_set(&troop->loop.timers, &moment, until_ns + 1);
    lki_loop_run_until(&troop->loop, until_ns + 1);
    lki_timer_release(&troop->loop.timers, &moment);
    troop->loop.clock.fake_ns = until_ns;
}

static void agent_open(struct troop *troop, struct troop_agent *agent)
{
    struct lki_link *other;

    agent->troop = troop;
    need(!lki_pair_link_open(&agent->link, &other, &troop->loop), "no link");
    agent->link->owner = agent;
    agent->link->on_message = on_message;
    agent->link->on_gone = on_gone;
    need(!lki_agent_new(&agent->agent, &troop->loop, troop->model, other, &agent->page, on_over,
                        agent),
         "no agent");
}

void troop_open(struct troop *troop, struct lk_def *const *defs, size_t agents)
{
    struct lki_buf problems;

    memset(troop, 0, sizeof(*troop));
    lki_buf_init(&problems, LOG_MAX_BYTES);
    for (size_t i = 0; defs[i]; i++)
        defs[i]->next_ = defs[i + 1];
    if (lki_model_new(&troop->model, defs[0], &problems))
        need(false, lki_buf_cstr(&problems));
    lki_buf_release(&problems);
    lki_buf_init(&troop->log, LOG_MAX_BYTES);
    lki_buf_init(&troop->out, LKI_MESSAGE_MAX);
    lki_arena_init(&troop->inbox, NULL, 0);
    need(!lki_loop_open(&troop->loop), "no loop");
    troop->loop.clock.fake = true;
    for (size_t i = 0; i < agents; i++) {
        troop->agents[i].number = i + 1;
        agent_open(troop, &troop->agents[i]);
    }
    troop->count = agents;
    troop_run(troop, 0);
}

void troop_close(struct troop *troop)
{
    for (size_t i = 0; i < troop->count; i++) {
        lki_link_close(troop->agents[i].link);
        lki_agent_free(troop->agents[i].agent);
    }
    lki_loop_close(&troop->loop);
    lki_model_free(troop->model);
    lki_arena_reset(&troop->inbox);
    lki_buf_release(&troop->out);
    lki_buf_release(&troop->log);
}

/* ---- what is written down ---- */

static struct troop *troop_of(const lk_vu *vu)
{
    return LKI_CONTAINER(vu->loop, struct troop, loop);
}

void troop_note(lk_vu *vu, const char *what)
{
    struct lki_buf *log = &troop_of(vu)->log;

    lki_buf_printf(log, "%s%llu:%s@%.12g", log->len ? " " : "", (unsigned long long)vu->id, what,
                   (double)lki_loop_now(vu->loop) / 1e9);
}

const char *troop_log(struct troop *troop)
{
    const char *text = lki_buf_cstr(&troop->log);

    need(text, "too much to log");
    troop->log.len = 0;
    return text;
}

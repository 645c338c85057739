#include <unistd.h>

#include "base/mem.h"
#include "client/settings.h"
#include "worker/agent_inner.h"

/* So often the last numbers are told anew when there was no memory for it. */
#define LAST_TRIES 3

static struct lki_agent *agent_of(struct lki_worker *worker)
{
    return LKI_CONTAINER(worker, struct lki_agent, worker);
}

/* ---- the end ---- */

static void on_ending(struct lki_post *post)
{
    struct lki_agent *agent = LKI_CONTAINER(post, struct lki_agent, ending);

    agent->on_over(agent, agent->arg);
}

static void end(struct lki_agent *agent)
{
    if (agent->over)
        return;
    agent->over = true;
    lki_grant_release(&agent->grant);
    lki_loop_post(agent->loop, &agent->ending, on_ending);
}

static void orphan(struct lki_agent *agent)
{
    agent->orphaned |= !agent->over;
    end(agent);
}

/* ---- reports ---- */

/* A core that does not know what it needs to know is as good as none, and does best with a worker
 * that is gone. */
static void check_said(struct lki_agent *agent)
{
    if (agent->reporter.failed)
        orphan(agent);
}

void lki_agent_say(struct lki_agent *agent, const struct lki_report *report)
{
    lki_reporter_say(&agent->reporter, report);
    check_said(agent);
}

static void say_why(struct lki_agent *agent, enum lk_err err, const char *doing, const char *why)
{
    char message[512];
    struct lki_buf text = {.data = message, .cap = sizeof(message), .max = sizeof(message)};
    const struct lki_report report = {.kind = LKI_REPORT_FAILED,
                                      .failed = {.err = err, .message = message}};

    lki_buf_printf(&text, "cannot %s: %.400s", doing, why);
    lki_buf_cstr(&text);
    if (text.err)
        *message = '\0';
    lki_agent_say(agent, &report);
}

void lki_agent_say_failed(struct lki_agent *agent, enum lk_err err, const char *doing)
{
    say_why(agent, err, doing, lk_strerror(err));
}

static void tell_iterations(struct lki_agent *agent)
{
    struct lki_report report = {.kind = LKI_REPORT_ITERATIONS};

    if (lki_grant_news(&agent->grant, &report.iterations))
        lki_agent_say(agent, &report);
}

static void on_news_post(struct lki_post *post)
{
    struct lki_agent *agent = LKI_CONTAINER(post, struct lki_agent, news);

    if (agent->over)
        return;
    lki_reporter_resources(&agent->reporter, &agent->worker);
    tell_iterations(agent);
    check_said(agent);
}

void lki_agent_tell_news(struct lki_agent *agent)
{
    lki_loop_post(agent->loop, &agent->news, on_news_post);
}

static void on_news(struct lki_lender *lender)
{
    lki_agent_tell_news(LKI_CONTAINER(lender, struct lki_agent, lender));
}

static void on_returned(struct lki_grant *grant)
{
    lki_agent_tell_news(LKI_CONTAINER(grant, struct lki_agent, grant));
}

static void on_low(struct lki_worker *worker, void *arg)
{
    (void)arg;
    lki_agent_tell_news(agent_of(worker));
}

static void on_second(struct lki_worker *worker, void *arg)
{
    struct lki_agent *agent = arg;

    if (agent->over)
        return;
    lki_crowd_serve(&worker->crowd);
    lki_reporter_second(&agent->reporter, worker, worker->act == LKI_ACT_USERS);
}

static void say_gone(struct lki_agent *agent)
{
    const struct lki_worker *worker = &agent->worker;
    const struct lki_report report = {.kind = LKI_REPORT_GONE,
                                      .gone = {.why = worker->ended_by, .at_ns = worker->end_ns}};

    lki_reporter_second(&agent->reporter, worker, true);
    lki_agent_say(agent, &report);
}

static void on_border(struct lki_worker *worker, void *arg)
{
    struct lki_agent *agent = arg;

    if (agent->over)
        return;
    if (worker->act == LKI_ACT_GONE)
        say_gone(agent);
    else
        lki_reporter_hook(&agent->reporter, worker,
                          worker->act == LKI_ACT_READY ? LK_RUN_SETUP : LK_RUN_TEARDOWN);
    check_said(agent);
}

/* ---- first order and last ---- */

/* What holds here, and below it what is ordered. LK_E_ARG: text says why they do not go together.
 */
static enum lk_err http_join(struct lki_agent *agent, const char *ordered, struct lki_buf *text)
{
    struct lk_http_settings here;
    struct lk_http_settings run;
    enum lk_err err = lki_http_settings_read(&here, agent->http, &agent->inbox, text);

    if (!err)
        err = lki_http_settings_read(&run, ordered, &agent->inbox, text);
    if (!err) {
        lki_http_settings_merge(&here, &run);
        err = lki_http_settings_check(&here, text);
    }
    if (err)
        return err;
    lki_buf_clear(text);
    lki_http_settings_write(&here, text);
    return text->err;
}

/* False: it cannot be prepared, which has been said. */
static bool http_take(struct lki_agent *agent, const struct lki_order_prepare *order,
                      struct lki_buf *text)
{
    enum lk_err err = http_join(agent, order->http, text);

    if (text->len && !lki_buf_cstr(text))
        err = LK_E_NOMEM;
    if (err == LK_E_ARG)
        say_why(agent, err, "use the settings of HTTP of this worker and of the run", text->data);
    else if (err)
        lki_agent_say_failed(agent, err, "prepare the worker");
    return !err;
}

static void prepare_with(struct lki_agent *agent, const struct lki_order_prepare *order,
                         const char *http)
{
    const struct lki_share share = {.users = order->population,
                                    .duration_ns = LKI_NEVER,
                                    .seed = order->seed,
                                    .grace_ns = order->grace_ns,
                                    .arrival_wait_ns = order->arrival_wait_ns,
                                    .http = http};
    const struct lki_lead lead = {.loop = agent->loop,
                                  .page = agent->page,
                                  .lender = &agent->lender,
                                  .probes = order->probes,
                                  .arrivals = order->arrivals,
                                  .counted = order->counted,
                                  .on_border = on_border,
                                  .on_low = on_low};
    enum lk_err err = lki_worker_open_led(&agent->worker, agent->model, &share, &lead, agent);

    if (err) {
        lki_agent_say_failed(agent, err, "prepare the worker");
        return;
    }
    agent->worker.on_second = on_second;
    agent->grant.counted = order->counted;
    agent->prepared = true;
    lki_agent_say(agent, &(struct lki_report){.kind = LKI_REPORT_PREPARED});
}

static void prepare(struct lki_agent *agent, const struct lki_order_prepare *order)
{
    struct lki_buf text;

    lki_buf_init(&text, LKI_HTTP_SETTINGS_MAX);
    if (http_take(agent, order, &text))
        prepare_with(agent, order, text.len ? text.data : NULL);
    lki_buf_release(&text);
}

/* The last numbers of who still has users are those up to now. */
static void quit(struct lki_agent *agent)
{
    bool change = agent->prepared && agent->worker.act == LKI_ACT_USERS;
    bool told = !agent->prepared;

    if (change)
        lki_worker_update(&agent->worker);
    if (agent->prepared)
        lki_reporter_resources(&agent->reporter, &agent->worker);
    /* none follows that could make up for it */
    for (int tries = 0; tries < LAST_TRIES && !told; tries++)
        told = lki_reporter_second(&agent->reporter, &agent->worker, change);
    if (!told)
        lki_agent_say_failed(agent, LK_E_NOMEM, "tell its last numbers");
    end(agent);
}

/* Those of before the first one, and of after the last one, are nobody's. */
static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct lki_agent *agent = link->owner;
    struct lki_order order;
    enum lk_err err = LK_OK;

    if (agent->over)
        return;
    err = lki_order_read(&order, bytes, len, &agent->inbox);
    if (err)
        lki_agent_say_failed(agent, err, "read an order");
    else if (order.kind == LKI_ORDER_QUIT)
        quit(agent);
    else if (agent->prepared)
        lki_agent_obey(agent, &order);
    else if (order.kind == LKI_ORDER_PREPARE)
        prepare(agent, &order.prepare);
    lki_arena_reset(&agent->inbox);
}

static void on_gone(struct lki_link *link)
{
    orphan(link->owner);
}

/* ---- from outside ---- */

static void say_hello(struct lki_agent *agent)
{
    const struct lki_report report = {
        .kind = LKI_REPORT_HELLO,
        .hello = {.pid = (uint64_t)getpid(), .program = lki_program_hash(agent->model)}};

    lki_reporter_say(&agent->reporter, &report);
}

enum lk_err lki_agent_new(struct lki_agent **out, struct lki_loop *loop,
                          const struct lki_model *model, struct lki_link *link,
                          struct lki_worker_page *page,
                          void (*on_over)(struct lki_agent *agent, void *arg), void *arg)
{
    struct lki_agent *agent = lki_zalloc(sizeof(*agent));

    if (!agent) {
        lki_link_close(link);
        return LK_E_NOMEM;
    }
    agent->loop = loop;
    agent->model = model;
    agent->page = page;
    agent->on_over = on_over;
    agent->arg = arg;
    agent->lender.on_news = on_news;
    lki_grant_init(&agent->grant, loop, &agent->worker.crowd, on_returned);
    lki_arena_init(&agent->inbox, NULL, 0);
    lki_reporter_init(&agent->reporter, link);
    link->owner = agent;
    link->on_message = on_message;
    link->on_gone = on_gone;
    say_hello(agent);
    if (agent->reporter.failed) {
        lki_agent_free(agent);
        return LK_E_NOMEM;
    }
    *out = agent;
    return LK_OK;
}

void lki_agent_http(struct lki_agent *agent, const char *http)
{
    agent->http = http;
}

bool lki_agent_orphaned(const struct lki_agent *agent)
{
    return agent->orphaned;
}

void lki_agent_cut(struct lki_agent *agent)
{
    for (int times = 0; times < 2 && agent->prepared; times++)
        lki_worker_stop(&agent->worker, LKI_END_CRASHES);
}

bool lki_agent_free(struct lki_agent *agent)
{
    bool closed = true;

    if (!agent)
        return true;
    agent->over = true;
    lki_grant_release(&agent->grant);
    lki_reporter_release(&agent->reporter);
    lki_factory_free(agent->factory);
    if (agent->prepared)
        closed = lki_worker_close(&agent->worker);
    lki_loop_unpost(agent->loop, &agent->news);
    lki_loop_unpost(agent->loop, &agent->ending);
    lki_arena_reset(&agent->inbox);
    free(agent);
    return closed;
}

#include "worker/agent.h"

#include <unistd.h>

#include "base/mem.h"
#include "client/settings.h"
#include "user/factory.h"
#include "user/lease.h"
#include "worker/grant.h"
#include "worker/reporter.h"

/* So often the last numbers are told anew when there was no memory for it. */
#define LAST_TRIES 3

struct lki_agent {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_worker_page *page;
    const char *http; /* of this machine; NULL: nothing */
    void (*on_over)(struct lki_agent *agent, void *arg);
    void *arg;
    struct lki_reporter reporter;
    struct lki_worker worker;
    struct lki_lender lender;
    struct lki_arena inbox; /* of the order in hand */
    struct lki_post news;   /* at the end of a turn the core is told what has changed */
    struct lki_post ending;
    bool prepared; /* there is a worker */
    bool started;
    struct lki_grant grant;
    struct lki_factory *factory; /* that makes objects for others; NULL: none was ordered */
    size_t making;               /* of that resource */
    bool orphaned;
    bool over;
};

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

static void say(struct lki_agent *agent, const struct lki_report *report)
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
    say(agent, &report);
}

static void say_failed(struct lki_agent *agent, enum lk_err err, const char *doing)
{
    say_why(agent, err, doing, lk_strerror(err));
}

static void tell_iterations(struct lki_agent *agent)
{
    struct lki_report report = {.kind = LKI_REPORT_ITERATIONS};

    if (lki_grant_news(&agent->grant, &report.iterations))
        say(agent, &report);
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

static void tell_news(struct lki_agent *agent)
{
    lki_loop_post(agent->loop, &agent->news, on_news_post);
}

static void on_news(struct lki_lender *lender)
{
    tell_news(LKI_CONTAINER(lender, struct lki_agent, lender));
}

static void on_returned(struct lki_grant *grant)
{
    tell_news(LKI_CONTAINER(grant, struct lki_agent, grant));
}

static void on_low(struct lki_worker *worker, void *arg)
{
    (void)arg;
    tell_news(agent_of(worker));
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
    say(agent, &report);
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

/* ---- orders ---- */

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
        say_failed(agent, err, "prepare the worker");
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
        say_failed(agent, err, "prepare the worker");
        return;
    }
    agent->worker.on_second = on_second;
    agent->grant.counted = order->counted;
    agent->prepared = true;
    say(agent, &(struct lki_report){.kind = LKI_REPORT_PREPARED});
}

static void prepare(struct lki_agent *agent, const struct lki_order_prepare *order)
{
    struct lki_buf text;

    lki_buf_init(&text, LKI_HTTP_SETTINGS_MAX);
    if (http_take(agent, order, &text))
        prepare_with(agent, order, text.len ? text.data : NULL);
    lki_buf_release(&text);
}

/* What the set-up has left; who carried it out has that already. */
static enum lk_err inherit(struct lki_agent *agent, const struct lki_order_start *order)
{
    struct lki_crowd *crowd = &agent->worker.crowd;
    struct lki_http_client *http = lki_backstage_http(agent->worker.backstage);
    enum lk_err err = LK_OK;

    if (order->run_data && !crowd->run_data)
        err = lki_run_data_add(&crowd->run_data, agent->loop, order->run_data);
    if (!err && order->base_url && !http->base)
        err = lki_http_base_read(http, order->base_url);
    return err;
}

static void start(struct lki_agent *agent, const struct lki_order_start *order)
{
    enum lk_err err = inherit(agent, order);

    if (err)
        say_failed(agent, err, "keep the data of the run");
    else
        lki_worker_start(&agent->worker, order->start_ns, order->end_ns);
    agent->started |= !err;
}

static void have_users(struct lki_agent *agent, const struct lki_order_users *order)
{
    enum lk_err err = lki_worker_users(&agent->worker, order);

    if (err)
        say_failed(agent, err, "make the users");
}

static void set_rate(struct lki_agent *agent, const struct lki_order_rate *order)
{
    struct lki_worker *worker = &agent->worker;

    if (worker->crowd.arrivals && worker->act <= LKI_ACT_USERS &&
        lki_arrivals_pace(&worker->arrivals, order->rate_per_s, order->lead, order->since_ns))
        say_failed(agent, LK_E_NOMEM, "set the rate");
}

static void take_objects(struct lki_agent *agent, const struct lki_order_objects *order)
{
    const struct lki_resources *resources = &agent->worker.crowd.resources;

    if (order->resource < resources->count &&
        lki_lease_take(&resources->pools[order->resource], order))
        say_failed(agent, LK_E_NOMEM, "take what it was given of a resource");
}

static void recall(struct lki_agent *agent, const struct lki_order_recall *order)
{
    const struct lki_resources *resources = &agent->worker.crowd.resources;

    if (order->resource < resources->count)
        lki_lease_recall(&resources->pools[order->resource], order->on);
}

static void on_made(void *arg, uint64_t id, const char *text, const char *message)
{
    struct lki_agent *agent = arg;
    const struct lki_report report = {
        .kind = LKI_REPORT_MAKE,
        .make = {.resource = agent->making, .id = id, .text = text, .message = message}};

    if (!agent->over)
        say(agent, &report);
}

static void make(struct lki_agent *agent, const struct lki_order_make *order)
{
    const struct lki_factory_owner owner = {on_made, agent};
    const struct lki_factory_order make = {.resource = order->resource,
                                           .first = order->first,
                                           .count = order->count,
                                           .seed = agent->worker.share.seed};
    enum lk_err err;

    if (agent->factory)
        return;
    agent->making = order->resource;
    err = lki_factory_new(&agent->factory, &agent->worker.crowd, &make, &owner);
    if (err)
        say_failed(agent, err, "make objects");
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
        say_failed(agent, LK_E_NOMEM, "tell its last numbers");
    end(agent);
}

/* What is wanted is told anew, as to who has not heard of it. */
static void stand(struct lki_agent *agent)
{
    struct lki_worker *worker = &agent->worker;
    struct lki_report report = {
        .kind = LKI_REPORT_STANDING,
        .standing = {.started = agent->started,
                     .gone = worker->act >= LKI_ACT_GONE,
                     .why = worker->ended_by,
                     .gone_ns = worker->end_ns,
                     .stops = worker->stops,
                     .iterations_last = agent->grant.last},
    };
    struct lki_report_standing *standing = &report.standing;

    if (lki_roster_list(&worker->roster, &agent->inbox, &standing->users, &standing->user_count)) {
        say_failed(agent, LK_E_NOMEM, "tell how it stands");
        return;
    }
    lki_reporter_held(&agent->reporter, worker);
    if (agent->started)
        lki_reporter_second(&agent->reporter, worker, false);
    for (size_t i = 0; i < worker->crowd.resources.count; i++)
        worker->crowd.resources.pools[i].want_told = LKI_WANT_UNKNOWN;
    standing->iterations = lki_grant_stand(&agent->grant);
    say(agent, &report);
    tell_news(agent);
}

static void obey(struct lki_agent *agent, const struct lki_order *order)
{
    struct lki_worker *worker = &agent->worker;

    switch (order->kind) {
    case LKI_ORDER_SET_UP:
        lki_worker_set_up(worker);
        break;
    case LKI_ORDER_START:
        start(agent, &order->start);
        break;
    case LKI_ORDER_USERS:
        have_users(agent, &order->users);
        break;
    case LKI_ORDER_RATE:
        set_rate(agent, &order->rate);
        break;
    case LKI_ORDER_ITERATIONS:
        lki_grant_obey(&agent->grant, &order->iterations);
        break;
    case LKI_ORDER_OBJECTS:
        take_objects(agent, &order->objects);
        break;
    case LKI_ORDER_RECALL:
        recall(agent, &order->recall);
        break;
    case LKI_ORDER_STOP:
        lki_worker_stop_times(worker, order->stop.why, order->stop.times);
        break;
    case LKI_ORDER_TEAR_DOWN:
        lki_worker_tear_down(worker);
        break;
    case LKI_ORDER_STAND:
        stand(agent);
        break;
    case LKI_ORDER_MAKE:
        make(agent, &order->make);
        break;
    default:
        break;
    }
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
        say_failed(agent, err, "read an order");
    else if (order.kind == LKI_ORDER_QUIT)
        quit(agent);
    else if (agent->prepared)
        obey(agent, &order);
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

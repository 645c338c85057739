#include "user/lease.h"
#include "worker/agent_inner.h"

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
        lki_agent_say_failed(agent, err, "keep the data of the run");
    else
        lki_worker_start(&agent->worker, order->start_ns, order->end_ns);
    agent->started |= !err;
}

static void have_users(struct lki_agent *agent, const struct lki_order_users *order)
{
    enum lk_err err = lki_worker_users(&agent->worker, order);

    if (err)
        lki_agent_say_failed(agent, err, "make the users");
}

static void set_rate(struct lki_agent *agent, const struct lki_order_rate *order)
{
    struct lki_worker *worker = &agent->worker;

    if (worker->crowd.arrivals && worker->act <= LKI_ACT_USERS &&
        lki_arrivals_pace(&worker->arrivals, order->rate_per_s, order->lead, order->since_ns))
        lki_agent_say_failed(agent, LK_E_NOMEM, "set the rate");
}

static void take_objects(struct lki_agent *agent, const struct lki_order_objects *order)
{
    const struct lki_resources *resources = &agent->worker.crowd.resources;

    if (order->resource < resources->count &&
        lki_lease_take(&resources->pools[order->resource], order))
        lki_agent_say_failed(agent, LK_E_NOMEM, "take what it was given of a resource");
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
        lki_agent_say(agent, &report);
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
        lki_agent_say_failed(agent, err, "make objects");
}

/* What is wanted is told anew, as to who has not heard of it; and nothing is recalled any more,
 * since who knows nothing of a recall does not end it. */
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
        lki_agent_say_failed(agent, LK_E_NOMEM, "tell how it stands");
        return;
    }
    lki_reporter_held(&agent->reporter, worker);
    if (agent->started)
        lki_reporter_second(&agent->reporter, worker, false);
    for (size_t i = 0; i < worker->crowd.resources.count; i++) {
        struct lki_resource_pool *pool = &worker->crowd.resources.pools[i];

        pool->want_told = LKI_WANT_UNKNOWN;
        pool->recalled = false;
    }
    standing->iterations = lki_grant_stand(&agent->grant);
    lki_agent_say(agent, &report);
    lki_agent_tell_news(agent);
}

void lki_agent_obey(struct lki_agent *agent, const struct lki_order *order)
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
    case LKI_ORDER_PROBES:
        lki_worker_probes(worker, order->probes.on);
        break;
    default:
        break;
    }
}

#include "support/gang.h"

#include "control/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Without Check, which asks for memory: some tests count what is asked. */
#define MUST(what) must(what, #what)

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "gang: %s\n", what);
    abort();
}

struct lki_plan gang_plan(uint64_t users)
{
    return (struct lki_plan){.run_id = "gang",
                             .users = users,
                             .duration_ns = LKI_NEVER,
                             .grace_ns = 5 * LKI_NS_PER_S,
                             .arrival_wait_ns = LKI_NS_PER_S};
}

struct gang_worker *gang_worker(struct gang *gang, uint64_t number)
{
    return &gang->workers[number - 1];
}

/* False: there is no memory for it, and that does not matter. */
static bool done(const struct gang *gang, enum lk_err err)
{
    MUST(!err || (gang->forgiving && err == LK_E_NOMEM));
    return !err;
}

void gang_report(struct gang_worker *worker, const struct lki_report *report)
{
    struct lki_buf bytes;

    if (!worker->link)
        return;
    lki_buf_init(&bytes, 1 << 20);
    lki_report_write(report, &bytes);
    if (done(worker->gang, bytes.err)) {
        done(worker->gang, lki_link_send(worker->link, bytes.data, bytes.len));
        if (worker->twice)
            done(worker->gang, lki_link_send(worker->link, bytes.data, bytes.len));
    }
    lki_buf_release(&bytes);
}

static void report_gone(struct gang_worker *worker, enum lki_end why)
{
    const struct lki_report report = {
        .kind = LKI_REPORT_GONE, .gone = {.why = why, .at_ns = lki_loop_now(&worker->gang->loop)}};

    if (worker->gone)
        return;
    worker->gone = true;
    memset(worker->users, 0, sizeof(worker->users));
    worker->user_count = 0;
    gang_report(worker, &report);
}

uint64_t gang_iterations_left(const struct gang_worker *worker)
{
    return worker->granted - worker->returned - worker->taken;
}

/* ---- orders ---- */

/* A user is with one worker at a time, unless it moves. */
static bool is_elsewhere(const struct gang_worker *worker, uint64_t user)
{
    const struct gang *gang = worker->gang;

    for (size_t i = 0; i < gang->count && !gang->moving; i++) {
        if (&gang->workers[i] != worker && gang->workers[i].users[user])
            return true;
    }
    return false;
}

static void on_users(struct gang_worker *worker, const struct lki_order_users *order)
{
    for (uint64_t i = 0; i < order->range.count; i++) {
        uint64_t user = order->range.first + i * order->range.stride;

        MUST(user >= 1 && user <= worker->prepare.population);
        MUST(order->leave || !is_elsewhere(worker, user));
        MUST(worker->started || worker->gang->forgiving);
        worker->user_count += !order->leave && !worker->users[user];
        worker->user_count -= order->leave && worker->users[user];
        worker->users[user] = !order->leave;
    }
}

static void on_objects(struct gang_worker *worker, const struct lki_order_objects *order)
{
    struct gang_pool *pool = &worker->pools[order->resource];
    uint64_t seen = pool->seen;

    pool->last |= order->last;
    for (uint64_t i = 0; i < order->fresh; i++) {
        uint64_t id = order->first + i;

        if (id <= seen)
            continue;
        pool->seen = id;
        MUST(id <= GANG_IDS_MAX && !pool->held[id] && !pool->free[id]);
        pool->free[id] = pool->came[id] = true;
        pool->text[id][0] = '\0';
    }
    for (size_t i = 0; i < order->count; i++) {
        uint64_t id = order->objects[i].id;

        MUST(!pool->held[id] && !pool->free[id]);
        pool->free[id] = pool->came[id] = true;
        snprintf(pool->text[id], sizeof(pool->text[id]), "%s",
                 order->objects[i].text ? order->objects[i].text : "");
    }
}

static void on_hook(struct gang_worker *worker, enum lki_report_kind kind,
                    const struct lki_report_hook *hook)
{
    gang_report(worker, &(struct lki_report){.kind = kind, .hook = *hook});
}

static void on_start(struct gang_worker *worker, const struct lki_order_start *start)
{
    struct lki_loop *loop = &worker->gang->loop;
    int64_t next_ns = start->start_ns + LKI_NS_PER_S;

    worker->started = true;
    worker->start = *start;
    snprintf(worker->run_data, sizeof(worker->run_data), "%s",
             start->run_data ? start->run_data : "");
    snprintf(worker->base_url, sizeof(worker->base_url), "%s",
             start->base_url ? start->base_url : "");
    worker->start.run_data = worker->run_data;
    worker->start.base_url = worker->base_url;
    while (next_ns <= lki_loop_now(loop))
        next_ns += LKI_NS_PER_S;
    lki_timer_set(&loop->timers, &worker->second, next_ns);
    lki_timer_set(&loop->timers, &worker->end, start->end_ns);
}

static void on_prepare(struct gang_worker *worker, const struct lki_order_prepare *prepare)
{
    worker->prepare = *prepare;
    worker->probes = prepare->probes;
    worker->prepared = true;
    gang_report(worker, &(struct lki_report){.kind = LKI_REPORT_PREPARED});
}

static void feed(struct gang_worker *worker)
{
    uint64_t count = lki_min(worker->hungry, gang_iterations_left(worker));

    worker->taken += count;
    worker->hungry -= count;
}

static void tell_iterations(struct gang_worker *worker)
{
    uint64_t left = gang_iterations_left(worker);
    const struct lki_report report = {
        .kind = LKI_REPORT_ITERATIONS,
        .iterations = {.granted = worker->granted,
                       .recalls = worker->recalls,
                       .returned = worker->returned,
                       .left = left,
                       .wanted = left ? left <= worker->low : worker->hungry > 0}};
    bool used_up = !left && (worker->told.left || worker->told.granted != worker->granted);
    bool asks = report.iterations.wanted && !worker->told.wanted;

    if (worker->last || (!used_up && !asks && worker->told.recalls == worker->recalls))
        return;
    worker->told = report.iterations;
    gang_report(worker, &report);
}

static void on_iterations(struct gang_worker *worker, const struct lki_order_iterations *order)
{
    uint64_t more = order->granted - worker->granted;

    MUST(order->granted >= worker->granted && order->recalls >= worker->recalls && !worker->last);
    worker->granted = order->granted;
    worker->last = order->last;
    if (more) {
        worker->low = more / 2;
        worker->told.wanted = false;
    }
    feed(worker);
    if (order->recalls > worker->recalls) {
        worker->recalls = order->recalls;
        worker->returned += gang_iterations_left(worker);
    }
    tell_iterations(worker);
}

void gang_iterate(struct gang_worker *worker, uint64_t count)
{
    uint64_t now = lki_min(count, gang_iterations_left(worker));

    worker->taken += now;
    worker->hungry = lki_min(worker->hungry + count - now, worker->user_count);
    tell_iterations(worker);
}

static void on_rate(struct gang_worker *worker, const struct lki_order_rate *order)
{
    MUST(worker->rate_count < GANG_RATES_MAX);
    worker->rates[worker->rate_count++] = *order;
}

static void on_stop(struct gang_worker *worker, const struct lki_order_stop *order)
{
    worker->stops = order->times;
    worker->stopped_by = order->why;
    if (worker->started)
        report_gone(worker, order->why);
}

static void on_quit(struct gang_worker *worker)
{
    worker->quit = true;
    lki_link_close(worker->link);
    worker->link = NULL;
}

/* What a pool has of its ids, as one list. */
static void report_held(struct gang_worker *worker, size_t resource)
{
    const struct gang_pool *pool = &worker->pools[resource];
    struct lki_order_object list[GANG_IDS_MAX];
    struct lki_report report = {
        .kind = LKI_REPORT_HELD,
        .objects = {.resource = resource, .seen = pool->seen, .objects = list}};

    for (uint64_t id = 1; id <= GANG_IDS_MAX; id++) {
        if (pool->held[id] || pool->free[id])
            list[report.objects.count++] = (struct lki_order_object){
                id, *pool->text[id] ? pool->text[id] : NULL};
    }
    gang_report(worker, &report);
}

static void on_stand(struct gang_worker *worker)
{
    struct lki_range ranges[GANG_USERS_MAX];
    struct lki_report report = {.kind = LKI_REPORT_STANDING,
                                .standing = {.started = worker->started,
                                             .gone = worker->gone,
                                             .why = worker->stopped_by,
                                             .stops = worker->stops,
                                             .users = ranges,
                                             .iterations = {.granted = worker->granted,
                                                            .recalls = worker->recalls,
                                                            .returned = worker->returned,
                                                            .left = gang_iterations_left(worker)},
                                             .iterations_last = worker->last}};

    for (uint64_t user = 1; user <= GANG_USERS_MAX; user++) {
        if (worker->users[user])
            ranges[report.standing.user_count++] = (struct lki_range){user, 1, 1};
    }
    for (size_t i = 0; i < GANG_RESOURCES_MAX; i++)
        report_held(worker, i);
    gang_report(worker, &report);
}

static void on_order(struct gang_worker *worker, const struct lki_order *order)
{
    struct gang *gang = worker->gang;

    switch (order->kind) {
    case LKI_ORDER_PREPARE:
        if (!worker->prepared)
            on_prepare(worker, &order->prepare);
        break;
    case LKI_ORDER_SET_UP:
        on_hook(worker, LKI_REPORT_SET_UP, &gang->set_up);
        break;
    case LKI_ORDER_START:
        on_start(worker, &order->start);
        break;
    case LKI_ORDER_STAND:
        on_stand(worker);
        break;
    case LKI_ORDER_USERS:
        on_users(worker, &order->users);
        break;
    case LKI_ORDER_RATE:
        on_rate(worker, &order->rate);
        break;
    case LKI_ORDER_ITERATIONS:
        on_iterations(worker, &order->iterations);
        break;
    case LKI_ORDER_OBJECTS:
        on_objects(worker, &order->objects);
        break;
    case LKI_ORDER_RECALL:
        worker->pools[order->recall.resource].recall = order->recall.on;
        break;
    case LKI_ORDER_PROBES:
        worker->probes = order->probes.on;
        break;
    case LKI_ORDER_STOP:
        on_stop(worker, &order->stop);
        break;
    case LKI_ORDER_TEAR_DOWN:
        on_hook(worker, LKI_REPORT_TEAR_DOWN, &gang->tear_down);
        break;
    case LKI_ORDER_QUIT:
        on_quit(worker);
        break;
    default:
        break;
    }
}

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct gang_worker *worker = link->owner;
    struct lki_arena arena;
    struct lki_order order;

    lki_arena_init(&arena, NULL, 0);
    if (done(worker->gang, lki_order_read(&order, bytes, len, &arena))) {
        worker->orders[order.kind]++;
        if (!(worker->mute & 1U << order.kind))
            on_order(worker, &order);
    }
    lki_arena_reset(&arena);
}

static void on_gone(struct lki_link *link)
{
    struct gang_worker *worker = link->owner;

    lki_link_close(link);
    worker->link = NULL;
}

/* ---- time ---- */

static void on_worker_second(struct lki_timer *timer)
{
    struct gang_worker *worker = LKI_CONTAINER(timer, struct gang_worker, second);
    int64_t t_ns = lki_loop_now(&worker->gang->loop) - worker->start.start_ns;
    struct lki_report report = {.kind = LKI_REPORT_SECOND};

    report.second.row.t_s = (uint32_t)(t_ns / LKI_NS_PER_S) - 1;
    report.second.row.span_ns = LKI_NS_PER_S;
    report.second.row.users = (uint32_t)worker->user_count;
    report.second.health.span_ns = t_ns;
    report.second.health.busy_ns = t_ns / 4;
    if (!worker->gang->silent)
        gang_report(worker, &report);
    if (!worker->gone)
        lki_timer_set(&worker->gang->loop.timers, timer,
                      worker->start.start_ns + (t_ns / LKI_NS_PER_S + 1) * LKI_NS_PER_S);
}

static void on_end(struct lki_timer *timer)
{
    struct gang_worker *worker = LKI_CONTAINER(timer, struct gang_worker, end);

    report_gone(worker, LKI_END_DURATION);
}

/* ---- coming and going ---- */

static void renew(struct gang_worker *worker)
{
    struct gang *gang = worker->gang;
    unsigned mute = worker->mute;
    bool twice = worker->twice;
    int lives = worker->lives;

    lki_timer_release(&gang->loop.timers, &worker->end);
    lki_timer_release(&gang->loop.timers, &worker->second);
    memset(worker, 0, sizeof(*worker));
    worker->gang = gang;
    worker->number = (uint64_t)(worker - gang->workers) + 1;
    worker->mute = mute;
    worker->twice = twice;
    worker->lives = lives + 1;
}

void gang_join(struct gang_worker *worker)
{
    const struct lki_report hello = {.kind = LKI_REPORT_HELLO,
                                     .hello = {.pid = 100 + worker->number, .program = 7}};
    struct gang *gang = worker->gang;
    struct lki_link *link;

    renew(worker);
    if (!done(gang, lki_timer_init(&gang->loop.timers, &worker->end, on_end)) ||
        !done(gang, lki_timer_init(&gang->loop.timers, &worker->second, on_worker_second)) ||
        !done(gang, lki_pair_link_open(&worker->link, &link, &gang->loop)))
        return;
    worker->link->owner = worker;
    worker->link->on_message = on_message;
    worker->link->on_gone = on_gone;
    if (done(gang, lki_core_join(gang->core, worker->number, link, gang->ahead_ns)))
        gang_report(worker, &hello);
}

void gang_resume(struct gang_worker *worker)
{
    struct gang *gang = worker->gang;
    struct lki_link *link;

    if (!done(gang, lki_pair_link_open(&worker->link, &link, &gang->loop)))
        return;
    worker->link->owner = worker;
    worker->link->on_message = on_message;
    worker->link->on_gone = on_gone;
    if (done(gang, lki_core_resume(gang->core, worker->number, link, 0)))
        lki_core_stand(gang->core, worker->number, 0);
}

void gang_rejoin(struct gang_worker *worker)
{
    const struct lki_report hello = {.kind = LKI_REPORT_HELLO,
                                     .hello = {.pid = 100 + worker->number, .program = 7}};
    const struct lki_report prepared = {.kind = LKI_REPORT_PREPARED};
    struct gang *gang = worker->gang;
    struct lki_link *link;

    if (!done(gang, lki_pair_link_open(&worker->link, &link, &gang->loop)))
        return;
    worker->link->owner = worker;
    worker->link->on_message = on_message;
    worker->link->on_gone = on_gone;
    if (!done(gang, lki_core_join(gang->core, worker->number, link, gang->ahead_ns)))
        return;
    gang_report(worker, &hello);
    gang_report(worker, &prepared);
}

static void die(struct gang_worker *worker, struct lki_death *death)
{
    struct lki_link *link = worker->link;

    worker->page.iterations_taken = worker->taken;
    death->page = &worker->page;
    worker->link = NULL;
    lki_timer_cancel(&worker->end);
    lki_timer_cancel(&worker->second);
    worker->started = false;
    memset(worker->users, 0, sizeof(worker->users));
    worker->user_count = 0;
    memset(worker->pools, 0, sizeof(worker->pools));
    lki_link_close(link);
    lki_core_died(worker->gang->core, worker->number, death);
}

void gang_kill(struct gang_worker *worker)
{
    struct lki_death death = {.what = "killed by signal 9"};

    die(worker, &death);
}

void gang_orphan(struct gang_worker *worker)
{
    struct lki_death death = {.what = "orphaned", .told = true, .orphaned = true};

    die(worker, &death);
}

/* What the core was told is gone afterwards. */
void gang_crash(struct gang_worker *worker, uint64_t user, const char *step)
{
    char what[] = "segmentation fault";
    char name[64];
    char frame[] = "step at shop.c:12";
    const char *frames[] = {frame, frame};
    struct lki_death death = {.what = what,
                              .in_step = true,
                              .user = user,
                              .step = name,
                              .frames = frames,
                              .frame_count = 2};

    snprintf(name, sizeof(name), "%s", step);
    die(worker, &death);
    memset(what, 'x', sizeof(what) - 1);
    memset(name, 'x', sizeof(name) - 1);
    memset(frame, 'x', sizeof(frame) - 1);
    frames[0] = frames[1] = NULL;
}

static void on_second(struct lki_core *core, void *arg)
{
    struct gang *gang = arg;

    MUST(core == gang->core);
    gang->seconds++;
    if (gang->history)
        MUST(!lki_history_second(gang->history, core));
}

static void on_told(struct lki_core *core, const struct lki_core_news *news, void *arg)
{
    struct gang *gang = arg;

    if (gang->history)
        lki_history_told(gang->history, core, news);
}

static void on_wanted(struct lki_core *core, uint64_t worker, void *arg)
{
    struct gang *gang = arg;

    MUST(core == gang->core);
    gang->wanted++;
    if (!gang->stay_away)
        gang_join(gang_worker(gang, worker));
}

static void on_over(struct lki_core *core, void *arg)
{
    struct gang *gang = arg;

    MUST(core == gang->core);
    gang->overs++;
    gang->over_ns = lki_loop_now(&gang->loop);
    if (gang->history)
        MUST(!lki_history_second(gang->history, core));
    lki_loop_stop(&gang->loop);
}

/* ---- all of them ---- */

void gang_prepare(struct gang *gang, const struct lki_model *model, size_t workers)
{
    memset(gang, 0, sizeof(*gang));
    MUST(!lki_loop_open(&gang->loop));
    gang->loop.clock = (struct lki_clock){.fake = true, .fake_ns = 0};
    if (model)
        gang->model = *model;
    gang->count = workers;
    gang->set_up.message = gang->tear_down.message = "";
    for (size_t i = 0; i < workers; i++) {
        gang->workers[i].gang = gang;
        gang->workers[i].number = i + 1;
    }
}

struct lki_core_owner gang_owner(struct gang *gang)
{
    return (struct lki_core_owner){.on_second = on_second,
                                   .on_told = on_told,
                                   .on_wanted = on_wanted,
                                   .on_over = on_over,
                                   .arg = gang};
}

enum lk_err gang_begin(struct gang *gang, const struct lki_plan *plan)
{
    const struct lki_core_owner owner = gang_owner(gang);
    enum lk_err err = lki_core_new(&gang->core, &gang->loop, &gang->model, plan,
                                   gang->within ? 0 : gang->count, &owner);

    gang->moving = plan->open_ended;
    for (size_t i = 0; !err && plan->open_ended && i < gang->count; i++)
        MUST(lki_core_add(gang->core, "of the gang", false) == i + 1);
    return err;
}

struct gang_worker *gang_add(struct gang *gang)
{
    struct gang_worker *worker = &gang->workers[gang->count++];

    worker->gang = gang;
    worker->number = lki_core_add(gang->core, "who came late", gang->probing);
    MUST(worker->number == gang->count);
    gang_join(worker);
    return worker;
}

void gang_open_alone(struct gang *gang, const struct lki_plan *plan, const struct lki_model *model,
                     size_t workers)
{
    gang_prepare(gang, model, workers);
    MUST(!gang_begin(gang, plan));
}

void gang_open(struct gang *gang, const struct lki_plan *plan, const struct lki_model *model,
               size_t workers)
{
    gang_open_alone(gang, plan, model, workers);
    for (size_t i = 0; i < workers; i++)
        gang_join(&gang->workers[i]);
}

void gang_close(struct gang *gang)
{
    lki_core_free(gang->core);
    for (size_t i = 0; i < gang->count; i++) {
        lki_link_close(gang->workers[i].link);
        lki_timer_release(&gang->loop.timers, &gang->workers[i].end);
        lki_timer_release(&gang->loop.timers, &gang->workers[i].second);
    }
    lki_loop_close(&gang->loop);
}

bool gang_run(struct gang *gang, double until_s)
{
    return !gang->overs && !lki_loop_run_until(&gang->loop, lki_ns(until_s));
}

void gang_finish(struct gang *gang)
{
    gang_run(gang, 1e9);
    MUST(gang->overs == 1);
}

uint64_t gang_users(const struct gang *gang)
{
    uint64_t users = 0;

    for (size_t i = 0; i < gang->count; i++)
        users += gang->workers[i].user_count;
    return users;
}

uint64_t gang_arrivals(const struct gang_worker *worker, int64_t until_ns)
{
    uint64_t arrivals = 0;

    for (size_t i = 0; i < worker->rate_count; i++) {
        const struct lki_order_rate *rate = &worker->rates[i];
        int64_t end_ns = i + 1 < worker->rate_count ? worker->rates[i + 1].since_ns : until_ns;

        if (end_ns > until_ns)
            end_ns = until_ns;
        for (uint64_t k = 0; rate->rate_per_s > 0; k++) {
            double after_ns = ((double)k + rate->lead) / rate->rate_per_s * 1e9 + 0.5;

            if (after_ns > 1e18 || rate->since_ns + (int64_t)after_ns >= end_ns)
                break;
            arrivals++;
        }
    }
    return arrivals;
}

struct lki_core_status gang_status(const struct gang *gang)
{
    struct lki_core_status status;

    lki_core_status(gang->core, &status);
    return status;
}

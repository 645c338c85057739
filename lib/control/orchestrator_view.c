/* How an orchestrator stands, for who looks at it. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "control/conduct.h"

/* One that is on, of which this one has not heard yet. */
static bool has_run_to_load(const struct lki_orchestrator *o)
{
    size_t len;

    return !o->loaded && lki_checkpoint_get(&o->checkpoint, "run", &len);
}

const char *lki_orchestrator_state(const struct lki_orchestrator *o)
{
    enum lki_core_state state;

    if (!o->run.core)
        return has_run_to_load(o) ? "RUNNING" : "IDLE";
    state = lki_core_state(o->run.core);
    if (state <= LKI_CORE_PREPARING)
        return "PREPARING";
    return state == LKI_CORE_RUNNING ? "RUNNING" : "STOPPING";
}

uint64_t lki_orchestrator_epoch(const struct lki_orchestrator *o)
{
    return o->epoch;
}

const char *lki_orchestrator_run_id(const struct lki_orchestrator *o)
{
    if (o->run.core)
        return o->run.run_id;
    return *o->last_run_id ? o->last_run_id : NULL;
}

const struct lki_model *lki_orchestrator_model(const struct lki_orchestrator *o)
{
    return o->model;
}

const struct lki_core *lki_orchestrator_core(const struct lki_orchestrator *o)
{
    return o->run.core;
}

const struct lki_plan *lki_orchestrator_plan(const struct lki_orchestrator *o)
{
    return o->run.core ? &o->run.plan : NULL;
}

const struct lki_model *lki_orchestrator_run_model(const struct lki_orchestrator *o)
{
    return o->run.core ? o->run.model : NULL;
}

struct lki_history *lki_orchestrator_history(const struct lki_orchestrator *o)
{
    return o->history;
}

struct lki_stock *lki_orchestrator_stock(const struct lki_orchestrator *o)
{
    return o->stock;
}

const struct lki_buf *lki_orchestrator_result(const struct lki_orchestrator *o)
{
    return o->result.len ? &o->result : NULL;
}

bool lki_orchestrator_has_redis(const struct lki_orchestrator *o)
{
    return o->up && o->sound;
}

const char *lki_orchestrator_former(const struct lki_orchestrator *o)
{
    return *o->former ? o->former : NULL;
}

/* ---- workers ---- */

static size_t seats_of(const struct lki_station *station)
{
    bool is_seen = station->greeted && !station->superseded && !station->left_ns;

    return is_seen ? (size_t)station->hello.processes : 0;
}

size_t lki_orchestrator_worker_count(const struct lki_orchestrator *o)
{
    size_t count = 0;

    for (const struct lki_station *station = o->crew.stations; station; station = station->next)
        count += seats_of(station);
    return count;
}

static const struct lki_seat *seat_at(const struct lki_orchestrator *o, size_t index)
{
    for (const struct lki_station *station = o->crew.stations; station; station = station->next) {
        if (index < seats_of(station))
            return &station->seats[index];
        index -= seats_of(station);
    }
    return NULL;
}

static void view_run(const struct lki_orchestrator *o, uint64_t number,
                     struct lki_worker_view *view)
{
    const struct lki_core_worker *worker;

    if (!o->run.core || !number)
        return;
    worker = lki_core_worker(o->run.core, (size_t)number - 1);
    view->probes = worker->probes;
    view->users = worker->wanted;
    view->users_active = worker->users;
    view->crashes = lki_core_crashes(o->run.core, number);
}

void lki_orchestrator_worker(const struct lki_orchestrator *o, size_t index,
                             struct lki_worker_view *view)
{
    const struct lki_seat *seat = seat_at(o, index);
    const struct lki_station *station = seat->station;
    const struct lki_station_hello *hello = &station->hello;
    const struct lki_contact *contact = station->contact;
    bool heard = contact && !lki_contact_is_silent(contact);
    int64_t ago_ns = contact ? lki_loop_now(o->loop) - lki_contact_heard_ns(contact) : 0;

    *view = (struct lki_worker_view){
        .station = hello->id,
        .host = hello->host,
        .healthy = heard && !lki_seat_stands(seat) && !station->leaving,
        .leaving = heard && station->leaving,
        .heard_ago_ns = ago_ns + (heard ? seat->health.silent_ns : 0),
        .pid = seat->health.pid ? seat->health.pid : hello->pid,
        .cpu_percent = heard ? seat->health.cpu_percent : NAN,
        .rss_bytes = heard ? seat->health.rss_bytes : 0,
        .memory_bytes = station->memory_bytes,
        .descriptors = heard ? seat->health.descriptors : 0,
        .loop_delay_ns = heard ? seat->health.loop_delay_ns : -1,
        .probes = !o->run.core && hello->probes && seat->process == 1,
    };
    lki_seat_name(seat, view->id, sizeof(view->id));
    view->last_heartbeat = lki_wall_s() - (double)view->heard_ago_ns / 1e9;
    view_run(o, seat->number, view);
    if (!heard)
        view->users_active = 0;
}

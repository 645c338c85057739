/* What of an orchestrator outlives it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/pack.h"
#include "bus/wire.h"
#include "control/adopt.h"
#include "control/conduct.h"

/* Of stations that are not known any more. */
#define LAPSE_NS (75 * LKI_NS_PER_S)

/* Said once, until all of it could be written again. */
static void fail(struct lki_orchestrator *o, enum lk_err err)
{
    if (!o->checkpoint.told)
        lki_orchestrator_tell(o,
                              "cannot write to the state directory %s: %s; a restart would not "
                              "know how it stands now",
                              o->settings.state_dir, lk_strerror(err));
    o->checkpoint.told = true;
    o->checkpoint.failed = true;
}

static void on_put(const char *name, const void *bytes, size_t len, void *arg)
{
    struct lki_orchestrator *o = arg;
    enum lk_err err = lki_checkpoint_put(&o->checkpoint, name, bytes, len);

    if (err)
        fail(o, err);
}

static void put(struct lki_orchestrator *o, const char *name, const struct lki_buf *bytes)
{
    if (bytes->err)
        fail(o, LK_E_NOMEM);
    else
        on_put(name, bytes->data, bytes->len, o);
}

/* ---- what there always is ---- */

static void save_epoch(struct lki_orchestrator *o)
{
    struct lki_buf out;

    lki_buf_init(&out, 1024);
    lki_pack_u64(&out, o->epoch);
    lki_pack_u64(&out, o->token);
    lki_pack_text(&out, o->last_run_id);
    lki_pack_i64(&out, o->haunted_ns);
    put(o, "epoch", &out);
    lki_buf_release(&out);
}

/* It becomes a part of names of files. */
static bool is_run_id(const char *text)
{
    return strlen(text) == LKI_RUN_ID_LEN && strspn(text, "0123456789abcdef") == LKI_RUN_ID_LEN;
}

static void load_epoch(struct lki_orchestrator *o)
{
    size_t len;
    const void *bytes = lki_checkpoint_get(&o->checkpoint, "epoch", &len);
    struct lki_unpack in = lki_unpack(bytes, len);
    struct lki_arena arena;
    uint64_t epoch = lki_unpack_u64(&in);
    const char *last;

    lki_arena_init(&arena, NULL, 0);
    lki_unpack_u64(&in);
    last = lki_unpack_text(&in, &arena);
    o->haunted_ns = lki_unpack_i64(&in);
    if (lki_unpack_done(&in) && last) {
        o->epoch = epoch;
        snprintf(o->last_run_id, sizeof(o->last_run_id), "%s", is_run_id(last) ? last : "");
    }
    lki_arena_reset(&arena);
}

/* That of the last run, where it was kept; a run may have been over just when the orchestrator
 * ended.
 */
static void load_result(struct lki_orchestrator *o)
{
    char path[4096];
    char bytes[16384];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/result-%s.json", o->settings.state_dir, o->last_run_id);
    file = *o->last_run_id ? fopen(path, "re") : NULL;
    if (!file)
        return;
    lki_buf_clear(&o->result);
    while ((len = fread(bytes, 1, sizeof(bytes), file)))
        lki_buf_append(&o->result, bytes, len);
    if (ferror(file) || o->result.err)
        lki_buf_clear(&o->result);
    fclose(file);
}

static void save_stock(struct lki_orchestrator *o)
{
    struct lki_buf out;

    if (lki_stock_version(o->stock) == o->stock_saved)
        return;
    lki_buf_init(&out, (size_t)1 << 30);
    lki_stock_write(o->stock, &out);
    put(o, "stock", &out);
    lki_buf_release(&out);
    o->stock_saved = lki_stock_version(o->stock);
}

static void load_stock(struct lki_orchestrator *o)
{
    size_t len;
    const void *bytes = lki_checkpoint_get(&o->checkpoint, "stock", &len);

    if (bytes && lki_stock_read(o->stock, bytes, len))
        lki_orchestrator_tell(o, "what %s holds of resources cannot be read, and is left out",
                              o->settings.state_dir);
    o->stock_saved = lki_stock_version(o->stock);
}

/* ---- the run in hand ---- */

static void plan_fields(struct lki_wire *wire, struct lki_plan *plan)
{
    lki_wire_text(wire, &plan->run_id);
    lki_wire_u64(wire, &plan->users);
    lki_wire_f64(wire, &plan->rate_per_s);
    lki_wire_flag(wire, &plan->rated);
    lki_wire_i64(wire, &plan->duration_ns);
    lki_wire_u64(wire, &plan->iterations);
    lki_wire_u64(wire, &plan->seed);
    lki_wire_i64(wire, &plan->grace_ns);
    lki_wire_i64(wire, &plan->arrival_wait_ns);
    lki_wire_text_or_null(wire, &plan->http);
    plan->stages = lki_wire_list(wire, plan->stages, &plan->stage_count, sizeof(*plan->stages), 9);
    for (size_t i = 0; i < plan->stage_count && !wire->in.bad; i++) {
        lki_wire_i64(wire, &plan->stages[i].length_ns);
        lki_wire_f64(wire, &plan->stages[i].target);
    }
    lki_wire_require(wire, wire->in.bad || lki_plan_population(plan) <= LKI_USERS_MAX);
}

static void start_fields(struct lki_wire *wire, struct lki_start *start)
{
    const char **params = (const char **)(uintptr_t)start->params;

    plan_fields(wire, &start->plan);
    lki_wire_texts(wire, &params, &start->param_count);
    start->params = params;
}

/* What has to be of one moment is in one blob, name by name: of a message whose numbers are in one
 * part another one must not say that it has yet to be heard, nor the other way round. */
#define MOMENT "moment"

struct saving {
    struct lki_orchestrator *o;
    struct lki_buf moment;
};

/* Blocks of the series do not change, and snapshots of lives replace each other. */
static void on_save(const char *name, const void *bytes, size_t len, void *arg)
{
    struct saving *saving = arg;

    if (!strncmp(name, "series.", 7) || !strncmp(name, "life.", 5)) {
        on_put(name, bytes, len, saving->o);
        return;
    }
    lki_pack_bytes(&saving->moment, name, strlen(name));
    lki_pack_bytes(&saving->moment, bytes, len);
}

static const void *on_get(const char *name, size_t *len, void *arg)
{
    const struct lki_checkpoint *checkpoint = &((struct lki_orchestrator *)arg)->checkpoint;
    size_t moment_len;
    const void *moment = lki_checkpoint_get(checkpoint, MOMENT, &moment_len);
    struct lki_unpack in = lki_unpack(moment, moment_len);

    while (in.at < in.end && !in.bad) {
        size_t name_len;
        const char *found = lki_unpack_bytes(&in, &name_len);
        const void *bytes = lki_unpack_bytes(&in, len);

        if (!in.bad && name_len == strlen(name) && !memcmp(found, name, name_len))
            return bytes;
    }
    return lki_checkpoint_get(checkpoint, name, len);
}

static struct lki_keeper keeper_of(struct lki_orchestrator *o)
{
    return (struct lki_keeper){on_put, on_get, o};
}

static void save_run(struct lki_orchestrator *o)
{
    struct saving saving = {.o = o};
    struct lki_start start = {
        .plan = o->run.plan, .params = o->run.params, .param_count = o->run.param_count};
    struct lki_buf out;
    struct lki_wire wire = {.out = &out};

    /* what is over would not be gone on with, and its result is not there yet */
    if (!o->run.core || lki_core_state(o->run.core) == LKI_CORE_OVER)
        return;
    lki_buf_init(&out, (size_t)64 * 1024 * 1024);
    start_fields(&wire, &start);
    lki_wire_u64(&wire, &o->epoch);
    put(o, "run", &out);
    lki_buf_clear(&out);
    lki_crew_write(&o->crew, &out);
    lki_buf_init(&saving.moment, (size_t)1 << 30);
    on_save("crew", out.data, out.len, &saving);
    lki_core_save(o->run.core, &(struct lki_keeper){.put = on_save, .arg = &saving});
    put(o, MOMENT, out.err ? &out : &saving.moment);
    lki_buf_release(&saving.moment);
    lki_buf_release(&out);
    o->saved = lki_core_state(o->run.core);
}

static void forget_run(struct lki_orchestrator *o)
{
    static const char *const names[] = {"run", MOMENT, "series.", "life."};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        lki_checkpoint_remove(&o->checkpoint, names[i]);
}

static void drop_run(struct lki_orchestrator *o)
{
    lki_crew_end(&o->crew);
    lki_conduct_drop(o);
}

static enum lk_err go_on(struct lki_orchestrator *o, const struct lki_start *start)
{
    const struct lki_keeper keeper = keeper_of(o);
    enum lk_err err = lki_conduct_again(o, start);
    size_t len;
    const void *bytes;

    if (!err)
        err = lki_core_load(o->run.core, &keeper, LAPSE_NS);
    if (!err) {
        bytes = keeper.get("crew", &len, keeper.arg);
        err = lki_crew_read(&o->crew, o->run.core, bytes, len);
    }
    if (err)
        return err;
    lki_history_resume(o->history, o->run.core, lki_wall_s());
    lki_orchestrator_tell(o, "run %s goes on", o->run.run_id);
    return LK_OK;
}

/* No user had begun, and no set-up: who was ready for it ends that, and gets ready once more. */
static enum lk_err begin_anew(struct lki_orchestrator *o, const struct lki_start *start)
{
    struct lki_refusal refusal;
    enum lk_err err = lki_conduct_begin(o, start, &refusal);

    if (err)
        return err;
    o->crew.anew = true;
    lki_core_hold(o->run.core, LKI_REUNION_NS, NULL);
    lki_orchestrator_tell(o, "run %s was being prepared: it is prepared anew", o->run.run_id);
    return LK_OK;
}

/* It has a result, which says so. Stations end what nobody knows of when they say hello. */
static enum lk_err give_up(struct lki_orchestrator *o, const struct lki_start *start,
                           const char *why)
{
    enum lk_err err = lki_conduct_again(o, start);

    if (err)
        return err;
    lki_orchestrator_tell(o, "run %s is given up: %s", o->run.run_id, why);
    lki_core_fail(o->run.core, why);
    return LK_OK;
}

static enum lk_err read_run(struct lki_orchestrator *o, const struct lki_start *start)
{
    enum lk_err err = go_on(o, start);
    enum lki_core_state state = err == LK_E_STATE ? lki_core_state(o->run.core) : LKI_CORE_OVER;

    if (!err)
        return LK_OK;
    drop_run(o);
    if (state == LKI_CORE_IDLE)
        return begin_anew(o, start);
    if (state == LKI_CORE_PREPARING)
        return give_up(o, start,
                       "the orchestrator ended while the set-up was carried out, and nobody can "
                       "tell how far it came; start it again");
    return give_up(o, start, "the orchestrator ended, and what it has kept of it cannot be read");
}

/* One that is over may be kept where nobody could be told of that: in Redis while it was away, in
 * the directory of an orchestrator that had ended. */
static enum lk_err take_up(struct lki_orchestrator *o, const void *bytes, size_t len)
{
    struct lki_arena arena;
    struct lki_wire wire = {.in = lki_unpack(bytes, len), .arena = &arena};
    struct lki_start start = {0};
    uint64_t epoch = 0;
    enum lk_err err;

    lki_arena_init(&arena, NULL, 0);
    start_fields(&wire, &start);
    lki_wire_u64(&wire, &epoch);
    err = lki_unpack_err(&wire.in);
    if (!err && !is_run_id(start.plan.run_id))
        err = LK_E_FORMAT;
    if (!err && (epoch < o->epoch || !strcmp(start.plan.run_id, o->last_run_id)))
        lki_orchestrator_tell(o, "run %s is over: what was kept of it is removed",
                              start.plan.run_id);
    else if (!err)
        err = read_run(o, &start);
    lki_arena_reset(&arena);
    return err;
}

static void load_run(struct lki_orchestrator *o)
{
    size_t len;
    const void *bytes = lki_checkpoint_get(&o->checkpoint, "run", &len);
    enum lk_err err = bytes ? take_up(o, bytes, len) : LK_OK;

    if (err) {
        lki_orchestrator_tell(o, "the run that was on cannot be gone on with: %s",
                              lk_strerror(err));
        drop_run(o);
    }
    if (!o->run.core)
        forget_run(o);
}

/* ---- all of it ---- */

/* One that was stopped for a while may go on before it hears that it is no longer the one. While
 * Redis is away nobody takes the cluster. */
static bool is_fenced(const struct lki_orchestrator *o)
{
    const struct lki_hub *hub = o->checkpoint.hub;

    return *o->former || (o->up && hub && !lki_hub_has_lock(hub));
}

bool lki_restore_save(struct lki_orchestrator *o)
{
    if (is_fenced(o))
        return false;
    save_epoch(o);
    save_stock(o);
    save_run(o);
    o->checkpoint.told = o->checkpoint.failed;
    o->checkpoint.failed = false;
    return true;
}

bool lki_restore_save_some(struct lki_orchestrator *o)
{
    const struct lki_keeper keeper = keeper_of(o);

    return is_fenced(o) || !o->run.core || lki_core_save_some(o->run.core, &keeper);
}

void lki_restore_look(struct lki_orchestrator *o)
{
    enum lki_core_state state = o->run.core ? lki_core_state(o->run.core) : o->saved;

    if (state != o->saved && state != LKI_CORE_OVER)
        lki_restore_save(o);
}

/* That it is over comes first: who ends in between leaves nothing that would be gone on with. */
void lki_restore_forget(struct lki_orchestrator *o)
{
    if (lki_restore_save(o))
        forget_run(o);
}

void lki_restore_load(struct lki_orchestrator *o)
{
    load_epoch(o);
    load_result(o);
    load_stock(o);
    load_run(o);
}

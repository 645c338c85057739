#include "control/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pack.h"
#include "bus/wire.h"
#include "control/inner.h"
#include "user/arrivals.h"

/* What is not as this build has it is not read. */
#define MAGIC UINT64_C(0x6c6b636f72650005)
#define BLOB_MAX ((size_t)1 << 30)
#define ROWS_IN_BLOB 64
/* Of the snapshots so many bytes are saved in one go, where a blob by itself costs as much as: */
#define GO_BYTES ((size_t)1024 * 1024)
#define BLOB_COST_BYTES ((size_t)64 * 1024)

/* A struct of counts only. */
static void raw(struct lki_wire *wire, void *value, size_t size)
{
    const void *bytes = value;
    size_t len = size;

    lki_wire_bytes(wire, &bytes, &len);
    lki_wire_require(wire, len == size);
    if (!wire->out && !wire->in.bad)
        memcpy(value, bytes, size);
}

/* A moment outlives the clock by which it was taken: it is told by that on the wall. */
static void moment(struct lki_wire *wire, const struct lki_core *core, int64_t *ns)
{
    int64_t now_ns = lki_core_now(core);
    int64_t wall_ns = lki_wall_ns();
    bool never = *ns == LKI_NEVER || *ns - now_ns > LKI_WIRE_SPAN_MAX_NS;
    int64_t value = never ? 0 : wall_ns + (*ns - now_ns);

    lki_wire_flag(wire, &never);
    lki_wire_i64(wire, &value);
    lki_wire_require(wire, never || (value >= wall_ns - LKI_WIRE_SPAN_MAX_NS &&
                                     value <= wall_ns + LKI_WIRE_SPAN_MAX_NS));
    if (!wire->out && !wire->in.bad)
        *ns = never ? LKI_NEVER : now_ns + (value - wall_ns);
}

static void users(struct lki_wire *wire, uint64_t *count)
{
    *count = lki_wire_number(wire, *count, LKI_USERS_MAX);
}

static void rate(struct lki_wire *wire, double *per_s)
{
    lki_wire_f64(wire, per_s);
    lki_wire_require(wire, *per_s >= 0 && *per_s <= (double)LKI_RATE_MAX);
}

/* ---- the fields of a core, in both directions ---- */

static void hook_fields(struct lki_wire *wire, struct lki_core *core, int kind)
{
    struct lki_report_hook *hook = &core->hooks[kind];

    lki_wire_flag(wire, &core->hook_over[kind]);
    lki_wire_flag(wire, &hook->failed);
    lki_wire_flag(wire, &hook->cancelled);
    lki_wire_flag(wire, &hook->abandoned);
    lki_wire_text_or_null(wire, &hook->message);
}

static void users_set_fields(struct lki_wire *wire, struct lki_users_set *set)
{
    lki_wire_flag(wire, &set->on);
    users(wire, &set->from);
    users(wire, &set->to);
    lki_wire_span(wire, &set->since_ns);
    lki_wire_span(wire, &set->interval_ns);
    lki_wire_require(wire, set->interval_ns >= 0);
}

static void course_fields(struct lki_wire *wire, struct lki_core *core)
{
    core->state = (enum lki_core_state)lki_wire_number(wire, core->state, LKI_CORE_OVER);
    core->stopping = (enum lki_stopping)lki_wire_number(wire, core->stopping, LKI_STOPPING_QUIT);
    lki_wire_flag(wire, &core->started);
    moment(wire, core, &core->begun_ns);
    moment(wire, core, &core->start_ns);
    moment(wire, core, &core->end_ns);
    core->ended_by = (enum lki_end)lki_wire_number(wire, core->ended_by, LKI_END_COUNT_ - 1);
    core->stops = (unsigned)lki_wire_number(wire, core->stops, 3);
    lki_wire_flag(wire, &core->hurried);
    moment(wire, core, &core->haunted_ns);
    lki_wire_flag(wire, &core->set_up);
    for (int kind = 0; kind < LK_RUN_HOOK_COUNT_; kind++)
        hook_fields(wire, core, kind);
    lki_wire_text_or_null(wire, &core->run_data);
    lki_wire_text_or_null(wire, &core->base_url);
    lki_wire_text_or_null(wire, &core->failure);
    lki_wire_flag(wire, &core->unexplained);
    users_set_fields(wire, &core->users_set);
    lki_wire_flag(wire, &core->rate_set);
    rate(wire, &core->rate_to);
    users(wire, &core->users_most);
    rate(wire, &core->rate_most);
    lki_wire_flag(wire, &core->iterations_over);
    lki_wire_u64(wire, &core->seconds_lost);
}

static void crash_fields(struct lki_wire *wire, struct lki_crash *crash)
{
    const char **frames = (const char **)(uintptr_t)crash->frames;

    lki_wire_u64(wire, &crash->worker);
    lki_wire_u64(wire, &crash->user);
    lki_wire_text(wire, &crash->step);
    lki_wire_text(wire, &crash->what);
    lki_wire_span(wire, &crash->at_ns);
    lki_wire_flag(wire, &crash->orphaned);
    lki_wire_span(wire, &crash->silent_ns);
    lki_wire_span(wire, &crash->goes_on_ns);
    lki_wire_flag(wire, &crash->retired);
    lki_wire_texts(wire, &frames, &crash->frame_count);
    crash->frames = frames;
}

static void life_fields(struct lki_wire *wire, const struct lki_core *core, struct lki_life *life)
{
    lki_wire_health(wire, &life->health);
    lki_wire_u64(wire, &life->hook_errors);
    raw(wire, &life->head, sizeof(life->head));
    lki_wire_flag(wire, &life->in_second);
    lki_wire_u32(wire, &life->second);
    lki_wire_span(wire, &life->told_ns);
    lki_wire_flag(wire, &life->exact);
    raw(wire, &life->totals, sizeof(life->totals));
    raw(wire, &life->arrivals, sizeof(life->arrivals));
    lki_wire_u64(wire, &life->taken);
    life->crash = (size_t)lki_wire_number(wire, life->crash, core->crash_count);
}

/* present: it had a life, which may go on. */
static void member_fields(struct lki_wire *wire, struct lki_member *member, const char **id,
                          bool *present)
{
    lki_wire_text(wire, id);
    lki_wire_flag(wire, &member->probes);
    lki_wire_flag(wire, &member->failed);
    lki_wire_flag(wire, &member->leaving);
    lki_wire_flag(wire, &member->left);
    lki_wire_flag(wire, &member->dying);
    lki_wire_flag(wire, present);
}

/* ---- saving ---- */

static void lives_save(struct lki_wire *wire, const struct lki_member *member)
{
    uint64_t count = 0;

    for (const struct lki_life *life = member->first; life; life = life->next)
        count++;
    lki_wire_u64(wire, &count);
    for (struct lki_life *life = member->first; life; life = life->next)
        life_fields(wire, member->core, life);
}

static void members_save(struct lki_wire *wire, struct lki_core *core)
{
    uint64_t count = core->member_count;
    bool ending = core->state == LKI_CORE_STOPPING && core->hook_by;
    const struct lki_member *first = ending ? core->hook_by : core->backstage;
    uint64_t backstage = first ? first->shown.number : 0;

    lki_wire_u64(wire, &count);
    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];
        const char *id = member->shown.id;
        bool present = member->stage != LKI_MEMBER_ABSENT || member->awaited;

        member_fields(wire, member, &id, &present);
        lives_save(wire, member);
    }
    lki_wire_u64(wire, &backstage);
}

static void retired_save(struct lki_wire *wire, const struct lki_core *core)
{
    uint64_t end = 0;

    for (uint64_t user = 1; user <= core->holder_cap; user++) {
        if (core->holders[user - 1] == UINT32_MAX)
            lki_wire_u64(wire, &user);
    }
    lki_wire_u64(wire, &end);
}

static void core_save(struct lki_core *core, const struct lki_keeper *keeper)
{
    struct lki_buf out;
    struct lki_wire wire = {.out = &out};
    uint64_t magic = MAGIC;
    uint64_t crashes = core->crash_count;

    lki_buf_init(&out, BLOB_MAX);
    lki_wire_u64(&wire, &magic);
    course_fields(&wire, core);
    lki_wire_u64(&wire, &crashes);
    for (size_t i = 0; i < core->crash_count; i++)
        crash_fields(&wire, &core->crashes[i]);
    members_save(&wire, core);
    retired_save(&wire, core);
    if (!out.err)
        keeper->put("core", out.data, out.len, keeper->arg);
    lki_buf_release(&out);
}

/* Gives what it cost. */
static size_t lives_blobs_save(struct lki_member *member, const struct lki_keeper *keeper)
{
    unsigned number = 0;
    char name[64];
    size_t cost = 0;

    for (struct lki_life *life = member->first; life; life = life->next, number++) {
        if (!life->changed)
            continue;
        snprintf(name, sizeof(name), "life.%llu.%u", (unsigned long long)member->shown.number,
                 number);
        keeper->put(name, life->snapshot, life->snapshot_bytes, keeper->arg);
        life->changed = false;
        cost += BLOB_COST_BYTES + life->snapshot_bytes;
    }
    return cost;
}

/* Rows may still change for some seconds: those that do not, in blocks, and all that are left. */
static void series_save(struct lki_core *core, const struct lki_keeper *keeper)
{
    const struct lki_series *series = &core->series;
    size_t final = series->len > LKI_SERIES_RECENT ? series->len - LKI_SERIES_RECENT : 0;
    uint64_t blocks = final / ROWS_IN_BLOB;
    struct lki_buf rows;
    char name[64];

    for (; core->saved_blocks < blocks; core->saved_blocks++) {
        snprintf(name, sizeof(name), "series.%llu", (unsigned long long)core->saved_blocks);
        keeper->put(name, &series->rows[core->saved_blocks * ROWS_IN_BLOB],
                    ROWS_IN_BLOB * sizeof(*series->rows), keeper->arg);
    }
    lki_buf_init(&rows, BLOB_MAX);
    lki_pack_u64(&rows, blocks);
    lki_pack_bytes(&rows, &series->rows[blocks * ROWS_IN_BLOB],
                   (series->len - blocks * ROWS_IN_BLOB) * sizeof(*series->rows));
    if (!rows.err)
        keeper->put("rows", rows.data, rows.len, keeper->arg);
    lki_buf_release(&rows);
}

bool lki_core_save_some(struct lki_core *core, const struct lki_keeper *keeper)
{
    size_t cost = 0;

    for (size_t i = 0; i < core->member_count && cost < GO_BYTES; i++)
        cost += lives_blobs_save(core->members[i], keeper);
    return cost < GO_BYTES;
}

void lki_core_save(struct lki_core *core, const struct lki_keeper *keeper)
{
    core_save(core, keeper);
    series_save(core, keeper);
    while (!lki_core_save_some(core, keeper))
        ;
}

/* ---- loading ---- */

static enum lk_err lives_load(struct lki_wire *wire, struct lki_member *member)
{
    uint64_t count = 0;

    lki_wire_u64(wire, &count);
    for (uint64_t i = 0; i < count && !wire->in.bad; i++) {
        struct lki_life *life = lki_zalloc(sizeof(*life));

        if (!life)
            return LK_E_NOMEM;
        life_fields(wire, member->core, life);
        lki_member_begin(member, life);
    }
    return LK_OK;
}

static enum lk_err members_load(struct lki_wire *wire, struct lki_core *core, int64_t lapse_ns)
{
    uint64_t count = 0;
    uint64_t backstage = 0;
    enum lk_err err = LK_OK;

    lki_wire_u64(wire, &count);
    for (uint64_t i = 0; i < count && !err && !wire->in.bad; i++) {
        struct lki_member read = {0};
        struct lki_member *member;
        const char *id = "";
        bool present = false;
        uint64_t number;

        member_fields(wire, &read, &id, &present);
        number = wire->in.bad ? 0 : lki_core_add(core, id, read.probes);
        if (!number)
            return wire->in.bad ? LK_E_FORMAT : LK_E_NOMEM;
        member = core->members[number - 1];
        member->failed = read.failed;
        member->leaving = read.leaving;
        member->left = read.left || (read.leaving && !present);
        member->dying = read.dying;
        member->stage = read.dying ? LKI_MEMBER_JOINED : LKI_MEMBER_ABSENT;
        member->awaited = present && !read.dying;
        member->lost = member->awaited;
        member->cut_ns = lki_core_now(core);
        member->lapse_ns = lki_ns_after(member->cut_ns, lapse_ns);
        err = lives_load(wire, member);
    }
    lki_wire_u64(wire, &backstage);
    if (backstage && backstage <= core->member_count)
        core->backstage = core->hook_by = core->members[backstage - 1];
    return err;
}

static enum lk_err crashes_load(struct lki_wire *wire, struct lki_core *core)
{
    uint64_t count = 0;

    lki_wire_u64(wire, &count);
    for (uint64_t i = 0; i < count && !wire->in.bad; i++) {
        struct lki_crash *crashes = lki_room(core->crashes, core->crash_count, &core->crash_cap,
                                             sizeof(*crashes));

        if (!crashes)
            return LK_E_NOMEM;
        core->crashes = crashes;
        crashes[core->crash_count] = (struct lki_crash){0};
        crash_fields(wire, &crashes[core->crash_count++]);
    }
    return LK_OK;
}

static void retired_load(struct lki_wire *wire, struct lki_core *core)
{
    uint64_t user = 0;

    do {
        lki_wire_u64(wire, &user);
        if (user && !wire->in.bad)
            lki_shares_retire(core, user);
    } while (user && !wire->in.bad);
}

static enum lk_err core_load(struct lki_core *core, const void *bytes, size_t len, int64_t lapse_ns)
{
    struct lki_wire wire = {.in = lki_unpack(bytes, len), .arena = &core->texts};
    uint64_t magic = 0;
    enum lk_err err = LK_OK;

    lki_wire_u64(&wire, &magic);
    if (magic != MAGIC)
        return LK_E_FORMAT;
    course_fields(&wire, core);
    if (!wire.in.bad && core->state != LKI_CORE_RUNNING && core->state != LKI_CORE_STOPPING)
        return LK_E_STATE;
    err = crashes_load(&wire, core);
    if (!err)
        err = members_load(&wire, core, lapse_ns);
    if (!err)
        retired_load(&wire, core);
    return err ? err : lki_unpack_err(&wire.in);
}

/* One that is missing, or no snapshot, is one that was never told. */
static enum lk_err snapshots_load(struct lki_member *member, const struct lki_keeper *keeper)
{
    unsigned number = 0;
    char name[64];

    for (struct lki_life *life = member->first; life; life = life->next, number++) {
        const void *bytes;
        size_t len;

        snprintf(name, sizeof(name), "life.%llu.%u", (unsigned long long)member->shown.number,
                 number);
        bytes = keeper->get(name, &len, keeper->arg);
        if (!len || lki_snapshot_read_head(&life->head, bytes, len))
            continue;
        life->snapshot = malloc(len);
        if (!life->snapshot)
            return LK_E_NOMEM;
        memcpy(life->snapshot, bytes, len);
        life->snapshot_bytes = len;
    }
    return LK_OK;
}

static enum lk_err rows_load(struct lki_core *core, const char *bytes, size_t len)
{
    enum lk_err err = len % sizeof(struct lki_series_row) ? LK_E_FORMAT : LK_OK;

    for (size_t at = 0; !err && at < len; at += sizeof(struct lki_series_row)) {
        struct lki_series_row row;

        memcpy(&row, bytes + at, sizeof(row));
        if (row.span_ns < 0 || row.span_ns > LKI_WIRE_SPAN_MAX_NS)
            return LK_E_FORMAT;
        err = lki_series_restore(&core->series, &row);
    }
    return err;
}

/* A block may have been put of which the rest does not know yet: it has the rows itself. */
static enum lk_err series_load(struct lki_core *core, const struct lki_keeper *keeper)
{
    size_t len;
    const char *bytes = keeper->get("rows", &len, keeper->arg);
    struct lki_unpack in = lki_unpack(bytes, len);
    uint64_t blocks = lki_unpack_u64(&in);
    const char *rows = lki_unpack_bytes(&in, &len);
    enum lk_err err = bytes && lki_unpack_done(&in) ? LK_OK : LK_E_FORMAT;
    char name[64];

    for (; core->saved_blocks < blocks && !err; core->saved_blocks++) {
        size_t block_len;

        snprintf(name, sizeof(name), "series.%llu", (unsigned long long)core->saved_blocks);
        bytes = keeper->get(name, &block_len, keeper->arg);
        err = block_len ? rows_load(core, bytes, block_len) : LK_E_FORMAT;
    }
    return err ? err : rows_load(core, rows, len);
}

enum lk_err lki_core_load(struct lki_core *core, const struct lki_keeper *keeper, int64_t lapse_ns)
{
    size_t len;
    const void *bytes = keeper->get("core", &len, keeper->arg);
    enum lk_err err = bytes ? core_load(core, bytes, len, lapse_ns) : LK_E_FORMAT;

    for (size_t i = 0; i < core->member_count && !err; i++)
        err = snapshots_load(core->members[i], keeper);
    if (!err)
        err = series_load(core, keeper);
    if (err)
        return err;
    core->settling = true;
    lki_leases_unsettle(core);
    core->taken_ns = lki_core_now(core);
    lki_course_resume(core);
    return LK_OK;
}

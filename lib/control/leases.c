/*
 * Ids of resources, each of which one worker at a time may have. New ones are leased in blocks;
 * what a worker gives back, or leaves behind when it dies, is leased again with its object. When
 * nothing is left and somebody waits, all workers are told to give back what they can.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/inner.h"
#include "control/stock.h"

/* Objects with their texts in one order. */
#define OBJECTS_MAX 1000
#define FIRST_LEASES 64
/* Nobody has it, and nobody gets it. */
#define HOLDER_NONE UINT64_MAX

enum lk_err lki_leases_room(struct lki_core *core, size_t workers)
{
    for (size_t i = 0; i < core->model->resource_count; i++) {
        struct lki_leases *leases = &core->leases[i];
        size_t before = leases->told_cap;
        struct lki_told *told = workers > before ? lki_room(leases->told, before, &leases->told_cap,
                                                            sizeof(*told))
                                                 : leases->told;

        if (!told)
            return LK_E_NOMEM;
        memset(told + before, 0, (leases->told_cap - before) * sizeof(*told));
        leases->told = told;
    }
    return LK_OK;
}

void lki_leases_release(struct lki_core *core)
{
    for (size_t i = 0; core->leases && i < core->model->resource_count; i++) {
        struct lki_leases *leases = &core->leases[i];

        for (uint64_t id = 1; id <= leases->count; id++)
            free(leases->all[id - 1].text);
        free(leases->all);
        free(leases->back);
        lki_wants_release(&leases->wants);
        free(leases->told);
    }
    free(core->leases);
}

static struct lki_leases *leases_of(const struct lki_core *core, size_t resource)
{
    return resource < core->model->resource_count ? &core->leases[resource] : NULL;
}

static struct lki_told *told_of(const struct lki_leases *leases, const struct lki_member *member)
{
    return &leases->told[member->shown.number - 1];
}

/* ---- who has what ---- */

/* Room for so many ids. */
static bool reserve(struct lki_leases *leases, uint64_t count)
{
    uint64_t cap = leases->cap ? leases->cap : FIRST_LEASES;
    struct lki_lease *all;
    uint64_t *back;

    if (count <= leases->cap)
        return true;
    while (cap < count)
        cap *= 2;
    if (cap > SIZE_MAX / sizeof(*all))
        return false;
    back = realloc(leases->back, (size_t)cap * sizeof(*back));
    if (!back)
        return false;
    leases->back = back;
    all = realloc(leases->all, (size_t)cap * sizeof(*all));
    if (!all)
        return false;
    leases->all = all;
    leases->cap = cap;
    return true;
}

/* A block is larger than what is wanted as long as much more is left than all could take. */
static uint64_t fresh_ids(const struct lki_core *core, const struct lki_leases *leases,
                          uint64_t wanted)
{
    uint64_t left = leases->most - leases->count;
    uint64_t more = left / (4 * core->member_count);

    if (wanted >= left || !wanted)
        return wanted < left ? wanted : left;
    more = more < wanted ? more : wanted;
    return more < left - wanted ? wanted + more : left;
}

/* An object's text moves to its lease. False: there is no memory. */
static bool keep_text(struct lki_lease *lease, const char *text)
{
    size_t len = text ? strlen(text) + 1 : 0;
    char *copy;

    if (!text || (lease->text && !strcmp(lease->text, text)))
        return true;
    copy = malloc(len);
    if (!copy)
        return false;
    memcpy(copy, text, len);
    free(lease->text);
    lease->text = copy;
    return true;
}

static struct lki_lease *lease_of(const struct lki_leases *leases, uint64_t id,
                                  const struct lki_member *member)
{
    struct lki_lease *lease = id && id <= leases->count ? &leases->all[id - 1] : NULL;

    return lease && lease->holder == member->shown.number ? lease : NULL;
}

/* While it is not settled who has what, what is nobody's is not listed. */
static void take_back(const struct lki_core *core, struct lki_leases *leases, uint64_t id)
{
    leases->all[id - 1].holder = 0;
    if (!core->settling)
        leases->back[leases->back_count++] = id;
}

static void drop(struct lki_lease *lease)
{
    lease->holder = HOLDER_NONE;
    free(lease->text);
    lease->text = NULL;
}

static void drop_deleted(struct lki_leases *leases, const struct lki_stock *stock, size_t resource)
{
    uint64_t kept = 0;

    for (uint64_t i = 0; i < leases->back_count; i++) {
        uint64_t id = leases->back[i];

        if (lki_stock_text(stock, resource, id))
            leases->back[kept++] = id;
        else
            drop(&leases->all[id - 1]);
    }
    leases->back_count = kept;
}

/* One that was deleted while somebody held it is not leased again. */
static void come_back(struct lki_core *core, size_t resource, uint64_t id)
{
    struct lki_leases *leases = &core->leases[resource];

    if (leases->stocked && !lki_stock_text(core->plan.stock, resource, id))
        drop(&leases->all[id - 1]);
    else
        take_back(core, leases, id);
}

/* ---- objects that others made ---- */

/* One of the stock: its text, or, when it was deleted, nothing that could be leased. False: there
 * is no memory for its text, and it is not leased so far. */
static bool restock(struct lki_core *core, size_t resource, uint64_t id)
{
    struct lki_leases *leases = &core->leases[resource];
    const char *text = lki_stock_text(core->plan.stock, resource, id);
    bool there = id <= leases->count;

    if (!there)
        leases->all[leases->count++] = (struct lki_lease){.holder = HOLDER_NONE};
    if (!text || leases->all[id - 1].holder != HOLDER_NONE)
        return true;
    if (!keep_text(&leases->all[id - 1], text))
        return false;
    take_back(core, leases, id);
    return true;
}

/* A resource that was created by others, and of which something is left, has no objects but those.
 */
static enum lk_err stock_up(struct lki_core *core, size_t resource)
{
    const struct lki_stock *stock = core->plan.stock;
    struct lki_leases *leases = &core->leases[resource];
    uint64_t last = stock ? lki_stock_last_id(stock, resource) : 0;
    bool all = true;

    if (!last || (!leases->stocked && (leases->count || !lki_stock_count(stock, resource))))
        return LK_OK;
    if (!reserve(leases, last))
        return LK_E_NOMEM;
    leases->stocked = true;
    leases->most = last;
    drop_deleted(leases, stock, resource);
    for (uint64_t id = 1; id <= last; id++)
        all &= restock(core, resource, id);
    lki_leases_update(core);
    return all ? LK_OK : LK_E_NOMEM;
}

void lki_core_stocked(struct lki_core *core, size_t resource)
{
    if (stock_up(core, resource))
        lki_course_fail(core, "%s", lk_strerror(LK_E_NOMEM));
}

/* Objects that there may be, when nobody else made them. */
static uint64_t most_of(const struct lki_core *core, size_t resource)
{
    uint64_t count = core->model->resources[resource]->count;

    if (count)
        return count;
    return lki_core_users_most(core);
}

enum lk_err lki_leases_init(struct lki_core *core)
{
    size_t count = core->model->resource_count;
    enum lk_err err = LK_OK;

    core->leases = calloc(count ? count : 1, sizeof(*core->leases));
    if (!core->leases)
        return LK_E_NOMEM;
    for (size_t i = 0; i < count && !err; i++) {
        core->leases[i].most = most_of(core, i);
        err = stock_up(core, i);
    }
    return err;
}

/* ---- leasing ---- */

/* The ids that came back last, as many as go into one order; NULL: no memory. */
static struct lki_order_object *list_back(struct lki_core *core, const struct lki_leases *leases,
                                          size_t count)
{
    struct lki_order_object *objects = lki_arena_alloc(&core->inbox,
                                                       count * sizeof(struct lki_order_object));

    for (size_t i = 0; objects && i < count; i++) {
        uint64_t id = leases->back[leases->back_count - 1 - i];

        objects[i] = (struct lki_order_object){id, leases->all[id - 1].text};
    }
    return objects;
}

static void lease_out(struct lki_leases *leases, const struct lki_order_objects *order,
                      uint64_t worker)
{
    for (size_t i = 0; i < order->count; i++)
        leases->all[order->objects[i].id - 1].holder = worker;
    leases->back_count -= order->count;
    for (uint64_t i = 0; i < order->fresh; i++)
        leases->all[leases->count++] = (struct lki_lease){.holder = worker};
}

/* Has something sent to who asked first; false: it cannot be now. */
static bool serve(struct lki_core *core, size_t resource)
{
    struct lki_leases *leases = &core->leases[resource];
    struct lki_want *want = &leases->wants.all[0];
    struct lki_member *member = want->member;
    uint64_t wanted = want->count;
    uint64_t from_back = wanted < leases->back_count ? wanted : leases->back_count;
    struct lki_order order = {.kind = LKI_ORDER_OBJECTS, .objects = {.resource = resource}};
    struct lki_order_objects *objects = &order.objects;
    uint64_t served;

    objects->count = from_back < OBJECTS_MAX ? (size_t)from_back : OBJECTS_MAX;
    objects->first = leases->count + 1;
    if (objects->count == from_back)
        objects->fresh = fresh_ids(core, leases, wanted - from_back);
    objects->last = leases->count + objects->fresh == leases->most;
    objects->objects = list_back(core, leases, objects->count);
    if (!objects->objects || !reserve(leases, leases->count + objects->fresh) ||
        !lki_core_order(member, &order))
        return false;
    lease_out(leases, objects, member->shown.number);
    told_of(leases, member)->last = objects->last;
    served = objects->count + objects->fresh;
    lki_wants_less(&leases->wants, member, served < wanted ? served : wanted);
    return true;
}

/* Who waits in vain knows that there will be nothing new. */
static void tell_last(struct lki_core *core, size_t resource)
{
    struct lki_leases *leases = &core->leases[resource];
    const struct lki_order order = {
        .kind = LKI_ORDER_OBJECTS,
        .objects = {.resource = resource, .first = leases->count + 1, .last = true}};

    for (size_t i = 0; i < leases->wants.count; i++) {
        struct lki_member *member = leases->wants.all[i].member;

        if (!told_of(leases, member)->last)
            told_of(leases, member)->last = lki_core_order(member, &order);
    }
}

/* One worker alone has all there is, and passes it on by itself. */
static void recall(struct lki_core *core, size_t resource)
{
    struct lki_leases *leases = &core->leases[resource];
    bool on = leases->wants.count && (core->member_count > 1 || core->plan.open_ended);
    const struct lki_order order = {.kind = LKI_ORDER_RECALL,
                                    .recall = {.resource = resource, .on = on}};

    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        if (member->stage >= LKI_MEMBER_PREPARED && !member->dying &&
            leases->told[i].recall != on && lki_core_order(member, &order))
            leases->told[i].recall = on;
    }
}

static void lease(struct lki_core *core, size_t resource)
{
    struct lki_leases *leases = &core->leases[resource];
    bool more = true;

    while (more && leases->wants.count && (leases->back_count || leases->count < leases->most)) {
        more = serve(core, resource);
        lki_arena_reset(&core->inbox);
    }
    if (!more)
        return;
    if (leases->wants.count)
        tell_last(core, resource);
    recall(core, resource);
}

static void on_leasing(struct lki_post *post)
{
    struct lki_core *core = LKI_CONTAINER(post, struct lki_core, leasing);

    if (core->settling)
        return;
    for (size_t i = 0; i < core->model->resource_count; i++)
        lease(core, i);
}

/* Not at once: what is told twice in a row has been told by then. */
void lki_leases_update(struct lki_core *core)
{
    lki_loop_post(core->loop, &core->leasing, on_leasing);
}

/* ---- reports ---- */

void lki_leases_want(struct lki_member *member, const struct lki_report_want *want)
{
    struct lki_leases *leases = leases_of(member->core, want->resource);
    uint64_t before = leases ? lki_wants_of(&leases->wants, member) : 0;

    if (!leases || member->stage < LKI_MEMBER_PREPARED || member->dying)
        return;
    if (want->count < before)
        lki_wants_less(&leases->wants, member, before - want->count);
    else if (want->count > before && !lki_wants_more(&leases->wants, member, want->count - before))
        lki_course_fail(member->core, "%s", lk_strerror(LK_E_NOMEM));
    lki_leases_update(member->core);
}

void lki_leases_made(struct lki_member *member, const struct lki_report_objects *made)
{
    struct lki_leases *leases = leases_of(member->core, made->resource);

    for (size_t i = 0; leases && i < made->count; i++) {
        struct lki_lease *lease = lease_of(leases, made->objects[i].id, member);

        if (lease)
            keep_text(lease, made->objects[i].text);
    }
}

void lki_leases_back(struct lki_member *member, const struct lki_report_objects *back)
{
    struct lki_leases *leases = leases_of(member->core, back->resource);

    for (size_t i = 0; leases && i < back->count; i++) {
        struct lki_lease *lease = lease_of(leases, back->objects[i].id, member);

        if (!lease)
            continue;
        keep_text(lease, back->objects[i].text);
        come_back(member->core, back->resource, back->objects[i].id);
    }
    lki_leases_update(member->core);
}

/* ---- a run that was taken over ---- */

/* Room for the ids up to that one, which are nobody's until somebody says that he has them. */
static bool make_room(struct lki_leases *leases, uint64_t id)
{
    if (id <= leases->count)
        return true;
    if (id > LKI_USERS_MAX || !reserve(leases, id))
        return false;
    while (leases->count < id)
        leases->all[leases->count++] = (struct lki_lease){0};
    return true;
}

void lki_leases_unsettle(struct lki_core *core)
{
    for (size_t r = 0; r < core->model->resource_count; r++)
        core->leases[r].back_count = 0;
}

static bool hold(struct lki_leases *leases, const struct lki_order_object *object, uint64_t worker)
{
    if (!object->id || !make_room(leases, object->id))
        return false;
    leases->all[object->id - 1].holder = worker;
    keep_text(&leases->all[object->id - 1], object->text);
    return true;
}

/* What came to a worker as new once it would take for a repetition: those ids count as leased, also
 * when nobody has them. */
void lki_leases_held(struct lki_member *member, const struct lki_report_objects *held)
{
    struct lki_leases *leases = leases_of(member->core, held->resource);
    bool room = leases && make_room(leases, held->seen);

    for (size_t i = 0; room && i < held->count; i++)
        room = hold(leases, &held->objects[i], member->shown.number);
    if (leases && !room)
        lki_course_fail(member->core, "%s", lk_strerror(LK_E_NOMEM));
}

void lki_leases_settle(struct lki_core *core)
{
    for (size_t r = 0; r < core->model->resource_count; r++) {
        for (uint64_t id = core->leases[r].count; id; id--) {
            if (!core->leases[r].all[id - 1].holder)
                come_back(core, r, id);
        }
    }
    lki_leases_update(core);
}

/* ---- coming and going ---- */

void lki_leases_join(struct lki_member *member)
{
    lki_leases_update(member->core);
}

void lki_leases_died(struct lki_member *member)
{
    struct lki_core *core = member->core;

    for (size_t i = 0; i < core->model->resource_count; i++) {
        struct lki_leases *leases = &core->leases[i];

        lki_wants_less(&leases->wants, member, UINT64_MAX);
        *told_of(leases, member) = (struct lki_told){0};
        for (uint64_t id = leases->count; id; id--) {
            if (leases->all[id - 1].holder == member->shown.number)
                come_back(core, i, id);
        }
    }
    lki_leases_update(core);
}

/* Objects of resources that are asked for from outside: made one request after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "control/conduct.h"

struct lki_creation {
    struct lki_creation *next;
    struct lki_orchestrator *o;
    size_t resource;
    uint64_t count;
    char *payload;
    char *about;
    void (*on_done)(const struct lki_created *created, void *arg);
    void *arg;
    struct lki_created created;
    struct lki_refusal refusal; /* of the first that failed */
};

static void creation_free(struct lki_creation *creation)
{
    free(creation->payload);
    free(creation->about);
    free(creation);
}

static void blame(struct lki_creation *creation, const char *message)
{
    if (!creation->refusal.status)
        lki_orchestrator_refuse(&creation->refusal, 500, "factory_failed", "%s", message);
}

static void add(struct lki_creation *creation, const char *text)
{
    struct lki_created *created = &creation->created;
    uint64_t id;
    const struct lki_stock_parts parts = {.text = text,
                                          .payload = creation->payload,
                                          .about = creation->about,
                                          .created_at_s = (int64_t)time(NULL)};
    enum lk_err err = lki_stock_add(creation->o->stock, creation->resource, &parts, &id);

    if (err) {
        blame(creation, lk_strerror(err));
        return;
    }
    if (!created->made)
        created->first = id;
    created->made++;
}

static void begin(struct lki_orchestrator *o);

static void finish(struct lki_creation *creation)
{
    struct lki_orchestrator *o = creation->o;

    o->first_creation = creation->next;
    if (!o->first_creation)
        o->last_creation = &o->first_creation;
    if (o->run.core)
        lki_core_stocked(o->run.core, creation->resource);
    lki_restore_save(o);
    creation->created.resource = creation->resource;
    creation->created.refusal = &creation->refusal;
    creation->on_done(&creation->created, creation->arg);
    creation_free(creation);
    lki_orchestrator_changed(o);
    begin(o);
}

/* What comes after one that failed would not have the ids that follow. */
static void on_made(uint64_t id, const char *text, const char *message, void *arg)
{
    struct lki_creation *creation = arg;

    if (!id && message)
        blame(creation, message);
    if (!id)
        finish(creation);
    else if (!text)
        blame(creation, message);
    else if (!creation->refusal.status)
        add(creation, text);
}

static void begin(struct lki_orchestrator *o)
{
    struct lki_creation *creation = o->first_creation;
    enum lk_err err;

    if (!creation)
        return;
    err = o->settings.make(creation->resource, lki_stock_last_id(o->stock, creation->resource) + 1,
                           creation->count, on_made, creation, o->settings.arg);
    if (!err)
        return;
    lki_orchestrator_refuse(&creation->refusal, 500, "internal_error", "%s", lk_strerror(err));
    finish(creation);
}

static bool find(const struct lki_orchestrator *o, const char *name, size_t *resource,
                 struct lki_refusal *refusal)
{
    *resource = lki_model_resource(o->model, name);
    if (*resource != SIZE_MAX)
        return lki_orchestrator_knows(o, refusal);
    return lki_orchestrator_refuse(refusal, 400, "bad_request",
                                   "this program registers no resource \"%.128s\"", name);
}

static bool copy(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return *to || !text;
}

bool lki_orchestrator_create(struct lki_orchestrator *o, const struct lki_create *create,
                             void (*on_done)(const struct lki_created *created, void *arg),
                             void *arg, struct lki_refusal *refusal)
{
    struct lki_creation *creation;
    size_t index;

    if (!find(o, create->resource, &index, refusal))
        return false;
    creation = lki_zalloc(sizeof(*creation));
    if (!creation || !copy(&creation->payload, create->payload) ||
        !copy(&creation->about, create->about)) {
        if (creation)
            creation_free(creation);
        return lki_orchestrator_refuse(refusal, 500, "internal_error", "%s",
                                       lk_strerror(LK_E_NOMEM));
    }
    creation->o = o;
    creation->resource = index;
    creation->count = create->count;
    creation->on_done = on_done;
    creation->arg = arg;
    *o->last_creation = creation;
    o->last_creation = &creation->next;
    if (o->first_creation == creation)
        begin(o);
    return true;
}

bool lki_orchestrator_delete(struct lki_orchestrator *o, const char *resource, uint64_t id,
                             uint64_t *deleted, struct lki_refusal *refusal)
{
    size_t index;

    if (!find(o, resource, &index, refusal))
        return false;
    *deleted = id ? lki_stock_delete(o->stock, index, id) : lki_stock_delete_all(o->stock, index);
    if (o->run.core)
        lki_core_stocked(o->run.core, index);
    lki_restore_save(o);
    lki_orchestrator_changed(o);
    return true;
}

/* Nobody is told any more. */
void lki_creations_release(struct lki_orchestrator *o)
{
    while (o->first_creation) {
        struct lki_creation *creation = o->first_creation;

        o->first_creation = creation->next;
        creation_free(creation);
    }
}

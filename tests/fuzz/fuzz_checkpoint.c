/*
 * Any bytes as what an orchestrator has left of a run: another core goes on from there or refuses
 * it, waits for workers that never come, can be looked at and saved, and ends. An input is the
 * blobs "core", "rows", "life.*" and "series.*", each behind its length.
 */
#include "base/mem.h"
#include "base/pack.h"
#include "control/adopt.h"
#include "fuzz/fuzz.h"
#include "support/gang.h"

#define LAPSE_NS (20 * LKI_NS_PER_S)

struct blob {
    const char *name; /* or how it begins */
    char *bytes;
    size_t len;
};

static struct gang gang;

static const void *get(const char *name, size_t *len, void *arg)
{
    for (struct blob *blob = arg; blob->name; blob++) {
        if (!strncmp(name, blob->name, strlen(blob->name))) {
            *len = blob->len;
            return blob->bytes;
        }
    }
    *len = 0;
    return NULL;
}

static void put(const char *name, const void *bytes, size_t len, void *arg)
{
    (void)name;
    (void)arg;
    free(exact(bytes, len));
}

static void use(const struct lki_keeper *keeper)
{
    struct lki_core_outcome outcome;

    for (double s = 10; s < 100 && gang_run(&gang, s); s += 10)
        (void)gang_status(&gang);
    lki_core_save(gang.core, keeper);
    must(!lki_core_outcome(gang.core, &outcome));
}

static void adopt(struct blob *blobs)
{
    const struct lki_keeper keeper = {put, get, blobs};
    struct lki_plan plan = gang_plan(30);
    enum lk_err err;

    plan.open_ended = true;
    plan.on_loss = LKI_LOSS_REBALANCE;
    plan.duration_ns = 60 * LKI_NS_PER_S;
    gang_prepare(&gang, NULL, 0);
    gang.stay_away = true;
    must(!gang_begin(&gang, &plan));
    err = lki_core_load(gang.core, &keeper, LAPSE_NS);
    must(!err || err == LK_E_FORMAT || err == LK_E_STATE);
    if (!err)
        use(&keeper);
    gang_close(&gang);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct blob blobs[] = {
        {.name = "core"}, {.name = "rows"}, {.name = "life."}, {.name = "series."}, {0}};
    struct lki_unpack in = lki_unpack(data, size);

    for (struct blob *blob = blobs; blob->name; blob++) {
        const void *bytes = lki_unpack_bytes(&in, &blob->len);

        if (in.bad)
            blob->len = 0;
        blob->bytes = exact(bytes, blob->len);
    }
    adopt(blobs);
    for (struct blob *blob = blobs; blob->name; blob++)
        free(blob->bytes);
    return 0;
}

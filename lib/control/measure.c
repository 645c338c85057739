/* What all lives have told last, as one. */
#include "control/inner.h"

/* Of one that has died none waits any more. */
static void arrivals_replace(struct lki_arrival_log *in, const struct lki_snapshot_head *part,
                             const struct lki_arrival_counts *by)
{
    in->intended += by->started + by->dropped - part->intended;
    in->started += by->started - part->started;
    in->dropped += by->dropped - part->dropped;
    in->late += by->late - part->late;
}

/* In place of what it told, what it truly counted, where that is known. */
enum lk_err lki_life_measure(struct lki_life *life, const struct lki_measured *into)
{
    static const struct lki_snapshot_head nothing = {0};
    const struct lki_snapshot_head *told = &life->head;
    enum lk_err err = LK_OK;

    if (life->snapshot && !life->broken)
        err = lki_snapshot_merge(into, life->snapshot, life->snapshot_bytes);
    life->broken |= err == LK_E_FORMAT;
    if (err || !life->exact)
        return err;
    if (!life->snapshot || life->broken)
        told = &nothing;
    lki_totals_replace(into->metrics->totals, &told->totals, &life->totals);
    if (into->arrivals)
        arrivals_replace(into->arrivals, told, &life->arrivals);
    return err;
}

enum lk_err lki_core_measure(struct lki_core *core, const struct lki_measured *into)
{
    struct lki_measured by = *into;
    enum lk_err worst = LK_OK;

    for (size_t i = 0; i < core->member_count; i++) {
        const struct lki_member *member = core->members[i];

        by.worker = member->shown.number;
        for (struct lki_life *life = member->first; life; life = life->next) {
            enum lk_err err = lki_life_measure(life, &by);

            if (err == LK_E_FORMAT)
                return err;
            worst = err ? err : worst;
        }
    }
    for (size_t i = 0; i < into->probe_count; i++)
        lki_probe_log_settle(&into->probes[i]);
    return worst;
}

/* What all lives have told last, as one. */
#include "control/inner.h"

/* In place of what it told, what it truly counted, where that is known. */
enum lk_err lki_life_measure(struct lki_life *life, const struct lki_measured *into)
{
    static const struct lki_totals nothing = {0};
    enum lk_err err = LK_OK;

    if (life->snapshot && !life->broken)
        err = lki_snapshot_merge(into, life->snapshot, life->snapshot_bytes);
    life->broken |= err == LK_E_FORMAT;
    if (!err && life->exact)
        lki_totals_replace(into->metrics->totals,
                           life->snapshot && !life->broken ? &life->head.totals : &nothing,
                           &life->totals);
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

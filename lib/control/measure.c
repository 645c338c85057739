/* What all lives have told last, as one. */
#include "control/inner.h"

/* In place of what a life told, what it truly counted. */
static void replace(struct lki_totals *in, const struct lki_totals *truly,
                    const struct lki_totals *told)
{
    in->iterations += truly->iterations - told->iterations;
    in->steps += truly->steps - told->steps;
    in->step_errors += truly->step_errors - told->step_errors;
    in->http_requests += truly->http_requests - told->http_requests;
    in->http_errors += truly->http_errors - told->http_errors;
    in->http_unsent += truly->http_unsent - told->http_unsent;
    in->http_retries += truly->http_retries - told->http_retries;
    in->http_sent += truly->http_sent - told->http_sent;
    in->bytes_sent += truly->bytes_sent - told->bytes_sent;
    in->bytes_received += truly->bytes_received - told->bytes_received;
}

enum lk_err lki_life_measure(struct lki_life *life, const struct lki_measured *into)
{
    static const struct lki_totals nothing = {0};
    enum lk_err err = LK_OK;

    if (life->snapshot && !life->broken)
        err = lki_snapshot_merge(into, life->snapshot, life->snapshot_bytes);
    life->broken |= err == LK_E_FORMAT;
    if (!err && life->exact)
        replace(into->metrics->totals, &life->totals,
                life->snapshot && !life->broken ? &life->head.totals : &nothing);
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

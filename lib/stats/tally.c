#include "stats/tally.h"

#include <string.h>

const char *lki_phase_name(enum lki_phase phase)
{
    static const char *const names[LKI_PHASE_COUNT] = {
        [LKI_PHASE_LOOKUP] = "lookup", [LKI_PHASE_CONNECT] = "connect",
        [LKI_PHASE_TLS] = "tls",       [LKI_PHASE_SEND] = "send",
        [LKI_PHASE_WAIT] = "wait",     [LKI_PHASE_RECEIVE] = "receive",
    };

    return names[phase];
}

/* All fields are counts of 64 bits. */
void lki_totals_replace(struct lki_totals *in, const struct lki_totals *part,
                        const struct lki_totals *by)
{
    uint64_t sum[sizeof(*in) / sizeof(uint64_t)];
    uint64_t less[LKI_COUNT(sum)];
    uint64_t more[LKI_COUNT(sum)];

    _Static_assert(sizeof(sum) == sizeof(*in), "nothing but counts");
    memcpy(sum, in, sizeof(sum));
    memcpy(less, part, sizeof(less));
    memcpy(more, by, sizeof(more));
    for (size_t i = 0; i < LKI_COUNT(sum); i++)
        sum[i] += more[i] - less[i];
    memcpy(in, sum, sizeof(sum));
}

void lki_totals_merge(struct lki_totals *into, const struct lki_totals *from)
{
    static const struct lki_totals nothing = {0};

    lki_totals_replace(into, &nothing, from);
}

void lki_tally_merge(struct lki_tally *into, const struct lki_tally *from)
{
    into->count += from->count;
    into->errors += from->errors;
    into->cancelled += from->cancelled;
    into->fatal += from->fatal;
    into->bytes_sent += from->bytes_sent;
    into->bytes_received += from->bytes_received;
    lki_codes_merge(&into->codes, &from->codes);
    /* what finds no memory is counted as lost there, and the result will say so */
    lki_hist_merge(&into->latency, &from->latency);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        lki_hist_merge(&into->phases[p], &from->phases[p]);
    lki_hist_merge(&into->intended, &from->intended);
}

void lki_tally_reset(struct lki_tally *tally)
{
    tally->count = 0;
    tally->errors = 0;
    tally->cancelled = 0;
    tally->fatal = 0;
    tally->bytes_sent = 0;
    tally->bytes_received = 0;
    lki_codes_reset(&tally->codes);
    lki_hist_reset(&tally->latency);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        lki_hist_reset(&tally->phases[p]);
    if (tally->intended.count)
        lki_hist_reset(&tally->intended);
}

void lki_tally_release(struct lki_tally *tally)
{
    lki_codes_release(&tally->codes);
    lki_hist_release(&tally->latency);
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        lki_hist_release(&tally->phases[p]);
    lki_hist_release(&tally->intended);
}

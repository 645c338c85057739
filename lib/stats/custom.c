#include "stats/custom.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *lki_custom_type_name(enum lk_metric_type type)
{
    static const char *const names[] = {
        [LK_TREND] = "trend",
        [LK_COUNTER] = "counter",
        [LK_GAUGE] = "gauge",
        [LK_RATE] = "rate",
    };

    return names[type];
}

enum lk_err lki_customs_init(struct lki_customs *customs, const struct lk_metric_def *const *defs,
                             size_t count)
{
    *customs = (struct lki_customs){0};
    if (!count)
        return LK_OK;
    customs->all = calloc(count, sizeof(*customs->all));
    if (!customs->all)
        return LK_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct lk_metric_def *def = defs[i];
        struct lki_custom *custom = &customs->all[customs->count++];

        custom->type = def->type;
        custom->name = def->def.name;
        custom->unit = def->unit ? def->unit : "";
        custom->resolution = def->resolution > 0 ? def->resolution : LKI_TREND_RESOLUTION;
        if (lki_map_put(&customs->by_name, custom->name, strlen(custom->name), custom)) {
            lki_customs_release(customs);
            return LK_E_NOMEM;
        }
    }
    return LK_OK;
}

void lki_custom_tally_release(struct lki_custom_tally *tally)
{
    lki_hist_release(&tally->values);
}

void lki_customs_release(struct lki_customs *customs)
{
    for (size_t i = 0; i < customs->count; i++) {
        lki_custom_tally_release(&customs->all[i].second);
        lki_custom_tally_release(&customs->all[i].total);
    }
    free(customs->all);
    lki_map_release(&customs->by_name);
    *customs = (struct lki_customs){0};
}

struct lki_custom *lki_customs_find(const struct lki_customs *customs, const char *name)
{
    return lki_map_get(&customs->by_name, name, strlen(name));
}

/* What a histogram of durations has for a value: its smallest place is for the resolution. Far
 * beyond its largest one it does not matter where. */
static int64_t scaled(const struct lki_custom *custom, double value)
{
    const double limit = 2.0 * (double)LKI_HIST_HIGH_NS;
    double units = value / custom->resolution * (double)LKI_HIST_LOW_NS;

    if (!(units < limit))
        return (int64_t)limit;
    return units > -limit ? (int64_t)(units + (units < 0 ? -0.5 : 0.5)) : (int64_t)-limit;
}

void lki_custom_record(struct lki_custom *custom, double value, int64_t t_ns)
{
    struct lki_custom_tally *second = &custom->second;

    if (!second->count || value < second->min)
        second->min = value;
    if (!second->count || value > second->max)
        second->max = value;
    second->count++;
    second->hits += value != 0;
    second->sum += value;
    second->last = value;
    second->last_ns = t_ns;
    if (custom->type == LK_TREND)
        lki_hist_record(&second->values, scaled(custom, value));
}

void lki_custom_tally_merge(struct lki_custom_tally *into, const struct lki_custom_tally *from)
{
    if (!from->count)
        return;
    if (!into->count || from->min < into->min)
        into->min = from->min;
    if (!into->count || from->max > into->max)
        into->max = from->max;
    if (!into->count || from->last_ns >= into->last_ns) {
        into->last = from->last;
        into->last_ns = from->last_ns;
    }
    into->count += from->count;
    into->hits += from->hits;
    into->sum += from->sum;
    /* what finds no memory is counted as lost there, and the result will say so */
    lki_hist_merge(&into->values, &from->values);
}

static void tally_reset(struct lki_custom_tally *tally)
{
    struct lki_hist values = tally->values;

    lki_hist_reset(&values);
    *tally = (struct lki_custom_tally){.values = values};
}

void lki_customs_fold(struct lki_customs *customs)
{
    for (size_t i = 0; i < customs->count; i++) {
        struct lki_custom *custom = &customs->all[i];

        if (custom->second.count) {
            lki_custom_tally_merge(&custom->total, &custom->second);
            tally_reset(&custom->second);
        }
    }
}

double lki_custom_quantile(const struct lki_custom *custom, double q)
{
    const struct lki_custom_tally *total = &custom->total;
    int64_t units = lki_hist_quantile(&total->values, q);

    /* the ends are known better, and may lie beyond what a histogram can hold */
    if (units >= total->values.max)
        return total->max;
    if (units <= total->values.min)
        return total->min;
    return (double)units / ((double)LKI_HIST_LOW_NS / custom->resolution);
}

#include "control/points.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

uint64_t lki_scale_s(enum lki_scale scale)
{
    static const uint64_t seconds[] = {
        [LKI_SCALE_SECOND] = 1, [LKI_SCALE_TEN] = 10, [LKI_SCALE_MINUTE] = 60};

    return seconds[scale];
}

static struct lki_points_entry *entry_at(const struct lki_points_list *list, size_t at)
{
    return &list->entries[(list->head + at) % list->cap];
}

/* ---- what is in one ---- */

static uint32_t count_of(uint64_t count)
{
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static float ms(double ns)
{
    return (float)(ns / LKI_NS_PER_MS);
}

static struct lki_cell cell_of(size_t metric, const struct lki_tally *tally)
{
    const struct lki_hist *latency = &tally->latency;
    struct lki_cell cell = {.metric = (uint32_t)metric,
                            .requests = count_of(tally->count),
                            .errors = count_of(tally->errors),
                            .cancelled = count_of(tally->cancelled),
                            .fatal = count_of(tally->fatal),
                            .avg_ms = -1};

    if (!latency->count)
        return cell;
    cell.avg_ms = ms((double)latency->sum / (double)latency->count);
    cell.median_ms = ms((double)lki_hist_quantile(latency, 0.5));
    cell.p95_ms = ms((double)lki_hist_quantile(latency, 0.95));
    cell.p99_ms = ms((double)lki_hist_quantile(latency, 0.99));
    return cell;
}

static enum lk_err entry_fill(struct lki_points_entry *entry, const struct lki_tallies *tallies)
{
    size_t used = 0;

    for (size_t i = 0; i < tallies->cap; i++)
        used += tallies->all[i] && tallies->all[i]->count;
    free(entry->cells);
    entry->count = 0;
    entry->cells = used ? malloc(used * sizeof(*entry->cells)) : NULL;
    if (!entry->cells)
        return used ? LK_E_NOMEM : LK_OK;
    for (size_t i = 0; i < tallies->cap; i++) {
        if (tallies->all[i] && tallies->all[i]->count)
            entry->cells[entry->count++] = cell_of(i, tallies->all[i]);
    }
    return LK_OK;
}

const struct lki_cell *lki_points_cell(const struct lki_points_entry *entry, size_t metric)
{
    size_t low = 0;
    size_t high = entry->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (entry->cells[middle].metric < metric)
            low = middle + 1;
        else
            high = middle;
    }
    return low < entry->count && entry->cells[low].metric == metric ? &entry->cells[low] : NULL;
}

/* ---- lists ---- */

static void drop_first(struct lki_points_list *list)
{
    struct lki_points_entry *entry = entry_at(list, 0);

    list->cells -= entry->count;
    free(entry->cells);
    *entry = (struct lki_points_entry){0};
    list->head = (list->head + 1) % list->cap;
    list->len--;
    list->first++;
}

/* All that make up one of the next scale go together: so each moment stays in one point. */
static void drop_oldest(struct lki_points_list *list, enum lki_scale scale)
{
    uint64_t together = scale + 1 < LKI_SCALE_COUNT ? lki_scale_s(scale + 1) / lki_scale_s(scale)
                                                    : 1;

    do
        drop_first(list);
    while (list->len && list->first % together);
}

/* Room for one more at the end. */
static bool grow(struct lki_points_list *list)
{
    size_t cap = list->cap;
    struct lki_points_entry *entries;

    if (list->len < cap)
        return true;
    entries = malloc((cap ? 2 * cap : 64) * sizeof(*entries));
    if (!entries)
        return false;
    for (size_t i = 0; i < list->len; i++)
        entries[i] = *entry_at(list, i);
    free(list->entries);
    list->entries = entries;
    list->cap = cap ? 2 * cap : 64;
    list->head = 0;
    return true;
}

static struct lki_points_entry *push(struct lki_points_list *list, enum lki_scale scale)
{
    while (list->len >= LKI_POINTS_MAX || (list->len && list->cells > LKI_POINTS_CELLS_MAX))
        drop_oldest(list, scale);
    if (!grow(list))
        return NULL;
    list->len++;
    *entry_at(list, list->len - 1) = (struct lki_points_entry){0};
    return entry_at(list, list->len - 1);
}

/* NULL: it is not there, or there is no memory for it. */
static struct lki_points_entry *entry_of(struct lki_points_list *list, enum lki_scale scale,
                                         uint64_t index)
{
    if (!list->len)
        list->first = index;
    if (index < list->first || index > list->first + list->len)
        return NULL;
    if (index == list->first + list->len)
        return push(list, scale);
    return entry_at(list, (size_t)(index - list->first));
}

enum lk_err lki_points_put(struct lki_points *points, enum lki_scale scale, uint64_t index,
                           const struct lki_history_point *point, const struct lki_tallies *tallies)
{
    struct lki_points_list *list = &points->lists[scale];
    struct lki_points_entry *entry = entry_of(list, scale, index);
    enum lk_err err;

    if (!entry)
        return LK_E_NOMEM;
    list->cells -= entry->count;
    entry->point = *point;
    err = entry_fill(entry, tallies);
    list->cells += entry->count;
    return err;
}

/* ---- what is to be seen of them ---- */

/* Of those that end before the first of the next finer scale begins. */
static size_t shown(const struct lki_points *points, enum lki_scale scale)
{
    const struct lki_points_list *list = &points->lists[scale];
    const struct lki_points_list *finer;
    uint64_t until;

    if (scale == LKI_SCALE_SECOND || !list->len)
        return list->len;
    finer = &points->lists[scale - 1];
    if (!finer->len)
        return list->len;
    until = finer->first * lki_scale_s(scale - 1) / lki_scale_s(scale);
    if (until <= list->first)
        return 0;
    return lki_min(list->len, (size_t)(until - list->first));
}

size_t lki_points_len(const struct lki_points *points)
{
    return shown(points, LKI_SCALE_MINUTE) + shown(points, LKI_SCALE_TEN) +
           shown(points, LKI_SCALE_SECOND);
}

const struct lki_points_entry *lki_points_at(const struct lki_points *points, size_t at)
{
    for (int scale = LKI_SCALE_MINUTE; scale >= 0; scale--) {
        size_t len = shown(points, (enum lki_scale)scale);

        if (at < len)
            return entry_at(&points->lists[scale], at);
        at -= len;
    }
    return NULL;
}

void lki_points_release(struct lki_points *points)
{
    for (int scale = 0; scale < LKI_SCALE_COUNT; scale++) {
        struct lki_points_list *list = &points->lists[scale];

        for (size_t i = 0; i < list->len; i++)
            free(entry_at(list, i)->cells);
        free(list->entries);
        *list = (struct lki_points_list){0};
    }
}

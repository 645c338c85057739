/* What metrics and their errors share: how they are looked up. */
#ifndef LKI_STATS_METRIC_INNER_H
#define LKI_STATS_METRIC_INNER_H

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "stats/metric.h"

#define LKI_KEY_MAX (8 + 2 * LKI_METRIC_NAME_MAX + LKI_ERROR_MESSAGE_MAX)

/* Look-ups compare these: the parts that tell two things of a kind apart, one after the other. */
struct lki_key {
    size_t len;
    char bytes[LKI_KEY_MAX];
};

static inline void lki_key_add(struct lki_key *key, const void *bytes, size_t len)
{
    memcpy(key->bytes + key->len, bytes, len);
    key->len += len;
}

/* source, step and its terminator; gives the length of the step that is kept */
static inline size_t lki_key_begin(struct lki_key *key, enum lki_source source, const char *step)
{
    size_t step_len = lki_text_cut(step, strlen(step), LKI_METRIC_NAME_MAX);

    key->len = 0;
    lki_key_add(key, &(char){(char)source}, 1);
    lki_key_add(key, step, step_len);
    lki_key_add(key, "", 1);
    return step_len;
}

/* One block of memory: the object, then its key, then whatever else it needs. */
static inline char *lki_key_block(size_t object_bytes, const struct lki_key *key, size_t more,
                                  void **object)
{
    char *block = lki_zalloc(object_bytes + key->len + more);

    *object = block;
    if (!block)
        return NULL;
    memcpy(block + object_bytes, key->bytes, key->len);
    return block + object_bytes;
}

/* ---- metric_errors.c ---- */

/* Memory goes; to be cleared before it is used again. */
void lki_metrics_errors_release(struct lki_metrics *metrics);
/* Forgets all failures. */
void lki_metrics_errors_clear(struct lki_metrics *metrics);

#endif

/*
 * What stands in the streams between an orchestrator and its stations: for whom and from whom, and
 * what an end of a channel (bus/channel.h) has to say, or a beat. Also which names there may be.
 */
#ifndef LKI_BUS_ENVELOPE_H
#define LKI_BUS_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "base/buf.h"

#define LKI_NAME_MAX 100

/* Letters, digits, - _ . and at most LKI_NAME_MAX of them; ids of stations also colons, which would
 * let the name of one cluster begin like the keys of another. */
bool lki_cluster_is_name(const char *text);
bool lki_station_is_id(const char *text);

struct lki_envelope {
    char station[LKI_NAME_MAX + 1];
    uint64_t session; /* of the station's process */
    uint64_t token; /* of the orchestrator; upward: the greatest that the station knows, 0: none */
    bool beat;      /* without a number, never repeated */
    const void *bytes;
    size_t len;
    /* By the station's clock: upward, now; downward, the latest that was heard of that process. 0:
     * none yet. So a station knows until when it surely was heard, however long what it reads was
     * on its way. */
    int64_t stamp_ns;
};

/* Replaces what is in out. LK_E_NOMEM, LK_E_LIMIT. */
enum lk_err lki_envelope_write(const struct lki_envelope *envelope, struct lki_buf *out);
/* bytes of it point into bytes. LK_E_FORMAT: this is none, or that of another version. */
enum lk_err lki_envelope_read(struct lki_envelope *envelope, const void *bytes, size_t len);

#endif

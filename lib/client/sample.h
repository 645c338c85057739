/* Names of exchanges, and the samples that go under them. */
#ifndef LKI_CLIENT_SAMPLE_H
#define LKI_CLIENT_SAMPLE_H

#include "client/request.h"

/* Where the sample of a request goes, and what was remembered of such requests. */
struct lki_sampling {
    struct lki_metric *metric;
    struct lki_http1_memo *memo; /* NULL: nothing */
};

struct lki_sampling lki_sampling_of(lk_vu *vu, const struct lki_outgoing *out);

/* Records one exchange. */
void lki_sample_record(lk_vu *vu, struct lki_metric *metric, const struct lki_outgoing *out,
                       const struct lki_exchange_result *result);

#endif

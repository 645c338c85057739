/* Answers as authors have them. */
#ifndef LKI_CLIENT_RESPONSE_H
#define LKI_CLIENT_RESPONSE_H

#include <loadkit/http.h>

#include "client/values.h"
#include "client/vu.h"

struct lki_response {
    struct lk_response pub;
    struct lki_response *next, *prev; /* of the unit */
    struct lki_unit *unit;
    struct lki_arena arena;
    struct lki_doc doc;
    lki_code code;     /* of its sample */
    const char *error; /* "" when the answer is complete */
    const char *head;
    size_t head_bytes;
};

static inline struct lki_response *lki_response_of(const lk_response *pub)
{
    return LKI_CONTAINER(pub, struct lki_response, pub);
}

/* The response lies in the arena that the exchange filled, and takes it over. name: of its sample,
 * for messages. */
struct lki_response *lki_response_new(lk_vu *vu, struct lki_arena *arena,
                                      const struct lki_exchange_result *result, const char *name);

void lki_responses_free(struct lki_unit *unit);

#endif

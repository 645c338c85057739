/* What an author expects of an answer. */
#ifndef LKI_CLIENT_EXPECT_H
#define LKI_CLIENT_EXPECT_H

#include "base/mem.h"
#include "client/request.h"
#include "client/response.h"

/* Whether a status is one of those: 201, or LK_STATUS(200, 299). */
bool lki_expect_has(int expect, int status);

/* The same; 0 stands for any below 400. */
static inline bool lki_expect_met(int expect, int status)
{
    return LKI_LIKELY(!expect) ? status && status < 400 : lki_expect_has(expect, status);
}

/* Whether .expect can be one. What cannot ends the step. */
void lki_expect_check(lk_vu *vu, const struct lki_outgoing *out);

/* Ends the step if the answer has another status than the request expects and does not say
 * .keep_going. */
void lki_expect_heed(lk_vu *vu, const struct lki_outgoing *out,
                     const struct lki_response *response);

#endif

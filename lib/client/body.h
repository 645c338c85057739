/* The body of a request of an author's. */
#ifndef LKI_CLIENT_BODY_H
#define LKI_CLIENT_BODY_H

#include "client/request.h"

/* Makes the one body that the request has, if any. What cannot be sent ends the step. */
void lki_body_choose(lk_vu *vu, struct lki_outgoing *out);

/* Names and values in turn: a value is missing only where a mistake ends the step. */
void lki_pairs_check(lk_vu *vu, const char *const *pairs, const char *member);

/* "name=value&..." */
void lki_pairs_write(struct lki_buf *out, const char *const *pairs);

#endif

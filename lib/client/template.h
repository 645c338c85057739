/* Paths with places for values: "/orders/{id}". */
#ifndef LKI_CLIENT_TEMPLATE_H
#define LKI_CLIENT_TEMPLATE_H

#include "client/request.h"

/* Puts the params of the request into the target, which becomes the label. A place without a value,
 * or a value without a place, ends the step. */
void lki_template_fill(lk_vu *vu, struct lki_outgoing *out);

#endif

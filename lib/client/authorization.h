/* Values of the header field Authorization. */
#ifndef LKI_CLIENT_AUTHORIZATION_H
#define LKI_CLIENT_AUTHORIZATION_H

#include "base/buf.h"

/* "Basic ...", for a user whose name has no colon. */
void lki_basic_write(struct lki_buf *out, const char *user, const char *password);

#endif

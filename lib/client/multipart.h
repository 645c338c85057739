/* Bodies as multipart/form-data (RFC 7578), as browsers write them. */
#ifndef LKI_CLIENT_MULTIPART_H
#define LKI_CLIENT_MULTIPART_H

#include "client/request.h"

/* The body of .parts. What cannot be sent, or read, ends the step. */
void lki_multipart_make(lk_vu *vu, struct lki_outgoing *out);

/* As the server is told: NULL for what is no file. */
const char *lki_part_filename(const struct lk_part *part);

/* NULL: the server is told none. */
const char *lki_part_type(const struct lk_part *part);

#endif

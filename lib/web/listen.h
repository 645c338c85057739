/* The socket of a server, with reasons for people when there can be none. */
#ifndef LKI_WEB_LISTEN_H
#define LKI_WEB_LISTEN_H

#include <loadkit/err.h>

#include "base/buf.h"
#include "web/host.h"

/* *port: which one, 0 for any; then the one that it is. */
enum lk_err lki_web_listen(int *out, const struct lki_web_address *address, uint16_t *port,
                           struct lki_buf *why);

#define LKI_WEB_PLACE_BYTES 64

/* "127.0.0.1:8080", "[::1]:8080" */
void lki_web_place_write(char out[LKI_WEB_PLACE_BYTES], const struct lki_web_address *address,
                         uint16_t port);

#endif

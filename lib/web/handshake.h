/* The handshake of a WebSocket (RFC 6455, 4.2). */
#ifndef LKI_WEB_HANDSHAKE_H
#define LKI_WEB_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LKI_SHA1_BYTES 20
#define LKI_WEB_ACCEPT_BYTES 29 /* with its terminator */

/* The handshake asks for SHA-1, which protects nothing there. */
void lki_sha1(const void *bytes, size_t len, uint8_t out[LKI_SHA1_BYTES]);

/* 16 bytes in Base64? */
bool lki_web_key_is_valid(const char *key);
/* What a valid key has to be answered with. */
void lki_web_accept(const char *key, char out[LKI_WEB_ACCEPT_BYTES]);

#endif

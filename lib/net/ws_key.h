/* The key of a WebSocket's handshake (RFC 6455, 4.1 and 4.2), and its answer. */
#ifndef LKI_NET_WS_KEY_H
#define LKI_NET_WS_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define LKI_WS_NONCE_BYTES 16
#define LKI_WS_KEY_BYTES 25    /* with its terminator */
#define LKI_WS_ACCEPT_BYTES 29 /* the same */

void lki_ws_key(const uint8_t nonce[LKI_WS_NONCE_BYTES], char out[LKI_WS_KEY_BYTES]);

/* 16 bytes in Base64? */
bool lki_ws_key_is_valid(const char *key);
/* What a valid key has to be answered with. */
void lki_ws_accept(const char *key, char out[LKI_WS_ACCEPT_BYTES]);

#endif

#include "net/ws_key.h"

#include <stdio.h>
#include <string.h>

#include "base/sha1.h"

#define KEY_LEN (LKI_WS_KEY_BYTES - 1)
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* In Base64, with a terminator. */
static void encode(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16 | (have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (have > 2 ? bytes[i + 2] : 0);

        for (size_t at = 0; at < 4; at++)
            *out++ = at <= have ? digits[bits >> (18 - 6 * at) & 63] : '=';
    }
    *out = '\0';
}

void lki_ws_key(const uint8_t nonce[LKI_WS_NONCE_BYTES], char out[LKI_WS_KEY_BYTES])
{
    encode(nonce, LKI_WS_NONCE_BYTES, out);
}

bool lki_ws_key_is_valid(const char *key)
{
    size_t len = strspn(key, digits);

    /* of the last digit four bits say nothing, and must be zero */
    return len == KEY_LEN - 2 && !strcmp(key + len, "==") && strchr("AQgw", key[len - 1]);
}

void lki_ws_accept(const char *key, char out[LKI_WS_ACCEPT_BYTES])
{
    uint8_t hash[LKI_SHA1_BYTES];
    char text[KEY_LEN + sizeof(GUID)];

    snprintf(text, sizeof(text), "%s%s", key, GUID);
    lki_sha1(text, strlen(text), hash);
    encode(hash, sizeof(hash), out);
}

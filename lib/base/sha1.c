#include "base/sha1.h"

#include <string.h>

#define BLOCK_BYTES 64

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

static void schedule(const uint8_t *block, uint32_t words[80])
{
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                   (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
}

/* FIPS 180-4, 6.1.2. */
static void mix(uint32_t hash[5], const uint8_t *block)
{
    uint32_t words[80];
    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];

    schedule(block, words);
    for (int i = 0; i < 80; i++) {
        uint32_t next = rotate(a, 5) + e + words[i];

        if (i < 20)
            next += ((b & c) | (~b & d)) + 0x5a827999;
        else if (i < 40)
            next += (b ^ c ^ d) + 0x6ed9eba1;
        else if (i < 60)
            next += ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
        else
            next += (b ^ c ^ d) + 0xca62c1d6;
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

void lki_sha1(const void *bytes, size_t len, uint8_t out[LKI_SHA1_BYTES])
{
    uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t last[2 * BLOCK_BYTES] = {0};
    const uint8_t *at = bytes;
    size_t left = len % BLOCK_BYTES;
    size_t last_len = left < BLOCK_BYTES - 8 ? BLOCK_BYTES : 2 * BLOCK_BYTES;

    for (size_t i = 0; i < len / BLOCK_BYTES; i++)
        mix(hash, at + i * BLOCK_BYTES);
    if (left)
        memcpy(last, at + len - left, left);
    last[left] = 0x80;
    for (int i = 0; i < 8; i++)
        last[last_len - 1 - (size_t)i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
    for (size_t i = 0; i < last_len; i += BLOCK_BYTES)
        mix(hash, last + i);
    for (int i = 0; i < LKI_SHA1_BYTES; i++)
        out[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

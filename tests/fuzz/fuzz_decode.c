/*
 * Any bytes as a compressed body, and before them, up to the first line break, as the value of
 * Content-Encoding. What comes out is bounded; what does not is a failure with a message.
 */
#include <stdio.h>

#include "client/decode.h"
#include "fuzz/fuzz.h"

#define BODY_MAX ((size_t)100000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *stop = size ? memchr(data, '\n', size) : NULL;
    struct lki_exchange_result result;
    struct lki_arena arena;
    char head[200];
    char *body;

    if (!stop || stop - data > 100 || memchr(data, 0, (size_t)(stop - data)))
        return 0;
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: %.*s\r\n\r\n",
             (int)(stop - data), (const char *)data);
    size -= (size_t)(stop + 1 - data);
    body = exact(stop + 1, size);
    lki_exchange_begin(&result, 0);
    result.status = 200;
    result.code = 200;
    result.head = head;
    result.head_bytes = strlen(head);
    result.body = body;
    result.body_bytes = size;
    lki_arena_init(&arena, NULL, 0);
    lki_decode(&result, &arena, BODY_MAX, NULL, 0);
    if (result.status) {
        must(result.code == 200);
        must(result.body == body
                 ? result.body_bytes == size
                 : result.body_bytes <= BODY_MAX && !result.body[result.body_bytes]);
    } else {
        must(result.code == LKI_CODE_HTTP_PROTOCOL || result.code == LKI_CODE_HTTP_TOO_LARGE);
        must(*result.error);
    }
    must(arena.bytes < 16 * BODY_MAX + 20 * size);
    lki_arena_reset(&arena);
    free(body);
    return 0;
}

#include "client/decode.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <brotli/decode.h>
#include <zlib.h>

#include "base/mem.h"
#include "net/http1_parse.h"

/* More of them in turn make no sense, and each could be a bomb. */
#define CODINGS_MAX 4
#define GROW_FIRST_BYTES 1024
/* What texts usually grow by. */
#define USUAL_RATIO ((size_t)6)
#define WINDOW_BITS 15
#define WINDOW_GZIP 16
/* Of what goes in and comes out together, before others have a turn. */
#define TURN_BYTES ((size_t)1024 * 1024)

enum coding {
    CODING_GZIP,
    CODING_X_GZIP, /* the same */
    CODING_DEFLATE,
    CODING_BROTLI,
    CODING_IDENTITY,
    CODING_COUNT /* none of these */
};

/* How a piece of unpacking ended. */
enum step { STEP_DONE, STEP_FULL, STEP_CUT_OFF, STEP_BROKEN, STEP_NOMEM, STEP_LATE };

/* A body being unpacked. */
struct unpack {
    struct lki_arena *arena;
    const char *in;
    size_t in_len;
    char *out; /* NULL: nothing yet */
    size_t out_len;
    size_t cap;
    size_t max;            /* of out_len */
    struct lki_task *task; /* NULL: there is nobody else */
    int64_t until_ns;
    enum lki_wake why; /* it did not get to the end */
    size_t turn_began; /* at this progress */
    enum step (*step)(struct unpack *unpack);
    union {
        z_stream zlib;
        BrotliDecoderState *brotli;
    } state;
};

/* ---- memory, asked for here, so that a test can refuse it ---- */

static void *zlib_alloc(void *opaque, unsigned items, unsigned bytes)
{
    (void)opaque;
    return calloc(items, bytes);
}

static void *brotli_alloc(void *opaque, size_t bytes)
{
    (void)opaque;
    return malloc(bytes);
}

static void give_back(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

/* More room for what comes out, up to one byte beyond the maximum, which shows that it is passed.
 * False: no memory. */
static bool out_grow(struct unpack *unpack)
{
    size_t cap = unpack->cap ? 2 * unpack->cap : GROW_FIRST_BYTES + USUAL_RATIO * unpack->in_len;
    char *out;

    if (unpack->out_len < unpack->cap)
        return true;
    cap = cap > unpack->max ? unpack->max + 1 : cap;
    out = lki_arena_alloc(unpack->arena, cap + 1);
    if (!out)
        return false;
    if (unpack->out_len)
        memcpy(out, unpack->out, unpack->out_len);
    unpack->out = out;
    unpack->cap = cap;
    return true;
}

static size_t progress(const struct unpack *unpack)
{
    return unpack->out_len - unpack->in_len; /* it may wrap, but differences are right */
}

/* A little that comes may become very much, and all others wait meanwhile. False: the time is up.
 */
static bool give_turn(struct unpack *unpack)
{
    if (!unpack->task || progress(unpack) - unpack->turn_began < TURN_BYTES)
        return true;
    unpack->turn_began = progress(unpack);
    unpack->why = lki_task_yield(unpack->task);
    if (unpack->why == LKI_WAKE_EVENT && lki_loop_now(unpack->task->loop) >= unpack->until_ns)
        unpack->why = LKI_WAKE_TIMEOUT;
    return unpack->why == LKI_WAKE_EVENT;
}

/* ---- gzip and deflate ---- */

/* A file may be several, one behind the other. */
static bool another_member(const struct unpack *unpack)
{
    return unpack->in_len > 2 && !memcmp(unpack->in, "\x1f\x8b", 2);
}

static enum step inflate_step(struct unpack *unpack)
{
    z_stream *z = &unpack->state.zlib;
    size_t room = lki_min(unpack->cap - unpack->out_len, TURN_BYTES);
    size_t feed = lki_min(unpack->in_len, TURN_BYTES);
    int status;

    z->next_in = (Bytef *)(uintptr_t)unpack->in;
    z->avail_in = (uInt)feed;
    z->next_out = (Bytef *)unpack->out + unpack->out_len;
    z->avail_out = (uInt)room;
    status = inflate(z, Z_NO_FLUSH);
    unpack->in += feed - z->avail_in;
    unpack->in_len -= feed - z->avail_in;
    unpack->out_len += room - z->avail_out;
    if (status == Z_STREAM_END && another_member(unpack))
        status = inflateReset(z);
    else if (status == Z_STREAM_END)
        return STEP_DONE;
    if (status == Z_MEM_ERROR)
        return STEP_NOMEM;
    if (status != Z_OK && status != Z_BUF_ERROR)
        return STEP_BROKEN;
    /* with room left it has stopped for want of bytes */
    return unpack->in_len || !z->avail_out ? STEP_FULL : STEP_CUT_OFF;
}

static bool inflate_start(struct unpack *unpack, int window)
{
    unpack->state.zlib = (z_stream){.zalloc = zlib_alloc, .zfree = give_back};
    unpack->step = inflate_step;
    return inflateInit2(&unpack->state.zlib, window) == Z_OK;
}

/* By RFC 9110 "deflate" has zlib's header; not all servers know. */
static bool has_zlib_header(const struct unpack *unpack)
{
    unsigned first = (unsigned char)unpack->in[0];

    return unpack->in_len > 1 && (first & 15) == Z_DEFLATED &&
           (first << 8 | (unsigned char)unpack->in[1]) % 31 == 0;
}

/* ---- brotli ---- */

static enum step brotli_step(struct unpack *unpack)
{
    size_t room = lki_min(unpack->cap - unpack->out_len, TURN_BYTES);
    size_t feed = lki_min(unpack->in_len, TURN_BYTES);
    size_t room_left = room;
    size_t feed_left = feed;
    const uint8_t *in = (const uint8_t *)unpack->in;
    uint8_t *out = (uint8_t *)unpack->out + unpack->out_len;
    BrotliDecoderResult result = BrotliDecoderDecompressStream(unpack->state.brotli, &feed_left,
                                                               &in, &room_left, &out, NULL);
    BrotliDecoderErrorCode error = BrotliDecoderGetErrorCode(unpack->state.brotli);

    unpack->in = (const char *)in;
    unpack->in_len -= feed - feed_left;
    unpack->out_len += room - room_left;
    switch (result) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        return STEP_DONE;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return STEP_FULL;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
        return unpack->in_len ? STEP_FULL : STEP_CUT_OFF;
    default:
        return error <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                       error >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES
                   ? STEP_NOMEM
                   : STEP_BROKEN;
    }
}

static bool brotli_start(struct unpack *unpack)
{
    unpack->state.brotli = BrotliDecoderCreateInstance(brotli_alloc, give_back, NULL);
    unpack->step = brotli_step;
    return unpack->state.brotli != NULL;
}

/* ---- one coding ---- */

static bool unpack_start(struct unpack *unpack, enum coding coding)
{
    if (coding == CODING_BROTLI)
        return brotli_start(unpack);
    if (coding == CODING_DEFLATE)
        return inflate_start(unpack, has_zlib_header(unpack) ? WINDOW_BITS : -WINDOW_BITS);
    return inflate_start(unpack, WINDOW_BITS + WINDOW_GZIP);
}

static void unpack_stop(struct unpack *unpack)
{
    if (unpack->step == inflate_step)
        inflateEnd(&unpack->state.zlib);
    else if (unpack->state.brotli)
        BrotliDecoderDestroyInstance(unpack->state.brotli);
}

/* STEP_FULL: it is larger than it may be. */
static enum step unpack(struct unpack *unpack, enum coding coding)
{
    enum step step = unpack_start(unpack, coding) ? STEP_FULL : STEP_NOMEM;

    unpack->turn_began = progress(unpack);
    while (step == STEP_FULL && unpack->out_len <= unpack->max) {
        if (!give_turn(unpack))
            step = STEP_LATE;
        else
            step = out_grow(unpack) ? unpack->step(unpack) : STEP_NOMEM;
    }
    unpack_stop(unpack);
    if (step == STEP_DONE && unpack->out_len > unpack->max)
        step = STEP_FULL;
    return step;
}

static void fail(struct lki_exchange_result *result, const struct unpack *unpack, enum step step,
                 const char *name)
{
    struct lki_arena *arena = unpack->arena;

    if (step == STEP_NOMEM)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the answer");
    else if (step == STEP_FULL)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TOO_LARGE,
                          "the answer's body is larger than %zu bytes when it is unpacked",
                          unpack->max);
    else if (step == STEP_LATE)
        lki_exchange_broken(result, arena, unpack->why, "unpacking the answer");
    else if (step == STEP_CUT_OFF)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_PROTOCOL,
                          "the answer's body is cut off: the %s has no end", name);
    else
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_PROTOCOL,
                          "the answer's body is broken: it is no %s", name);
    if (step == STEP_LATE)
        result->end_ns = lki_loop_now(unpack->task->loop);
    result->status = 0;
}

/* ---- all of them ---- */

static const char *const names[CODING_COUNT] = {[CODING_GZIP] = "gzip",
                                                [CODING_X_GZIP] = "x-gzip",
                                                [CODING_DEFLATE] = "deflate",
                                                [CODING_BROTLI] = "br",
                                                [CODING_IDENTITY] = "identity"};

static enum coding coding_of(const char *name, size_t len)
{
    for (int i = 0; i < CODING_COUNT; i++) {
        if (strlen(names[i]) == len && !strncasecmp(names[i], name, len))
            return (enum coding)i;
    }
    return CODING_COUNT;
}

/* Adds those of one header; false: too many. */
static bool codings_add(enum coding *codings, size_t *count, const char *value, size_t len)
{
    const char *end = value + len;

    while (value < end) {
        size_t blank = strspn(value, " \t,");
        const char *stop;

        value += lki_min(blank, (size_t)(end - value));
        stop = value;
        while (stop < end && *stop != ',' && *stop != ' ' && *stop != '\t')
            stop++;
        if (stop == value)
            break;
        if (*count == CODINGS_MAX)
            return false;
        codings[(*count)++] = coding_of(value, (size_t)(stop - value));
        value = stop;
    }
    return true;
}

/* In the order in which they were applied; false: too many. */
static bool codings_find(const struct lki_exchange_result *result, enum coding *codings,
                         size_t *count)
{
    const char *value;
    size_t len;

    *count = 0;
    for (unsigned i = 0;
         lki_http1_header(result->head, result->head_bytes, "Content-Encoding", i, &value, &len);
         i++) {
        if (!codings_add(codings, count, value, len))
            return false;
    }
    return true;
}

void lki_decode(struct lki_exchange_result *result, struct lki_arena *arena, size_t max_bytes,
                struct lki_task *task, int64_t until_ns)
{
    enum coding codings[CODINGS_MAX];
    size_t count;

    result->fields &= ~(unsigned)LKI_FIELD_CONTENT_ENCODING;
    if (!codings_find(result, codings, &count)) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_PROTOCOL,
                          "the answer's body is packed more than %d times", CODINGS_MAX);
        result->status = 0;
        return;
    }
    while (count && result->status && result->body_bytes) {
        enum coding coding = codings[--count];
        struct unpack body = {.arena = arena,
                              .in = result->body,
                              .in_len = result->body_bytes,
                              .max = max_bytes,
                              .task = task,
                              .until_ns = until_ns};
        enum step step;

        if (coding == CODING_IDENTITY)
            continue;
        if (coding == CODING_COUNT)
            return;
        step = unpack(&body, coding);
        if (step != STEP_DONE) {
            fail(result, &body, step, names[coding]);
            return;
        }
        body.out[body.out_len] = '\0';
        result->body = body.out;
        result->body_bytes = body.out_len;
    }
}

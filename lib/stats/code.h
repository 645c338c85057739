/*
 * Result codes of samples as small numbers, and how often each came. An HTTP status stays the
 * number that it is, all others count from 1000. Numbers travel between processes of one version
 * only; names are what is kept.
 */
#ifndef LKI_STATS_CODE_H
#define LKI_STATS_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

typedef uint16_t lki_code;

#define LKI_CODE_HTTP_FIRST 100
#define LKI_CODE_HTTP_LAST 999
#define LKI_CODE_OTHER_FIRST 1000

/* The code of a response: HTTP_200 for 200. Statuses are 100 .. 999. */
#define LKI_CODE_HTTP(status) ((lki_code)(status))

/* X(name): after the HTTP statuses, in this order. */
#define LKI_CODE_MAP(X)                                                                            \
    X(HTTP_TIMEOUT)                                                                                \
    X(HTTP_DNS)                                                                                    \
    X(HTTP_CONNECT)                                                                                \
    X(HTTP_TLS)                                                                                    \
    X(HTTP_RESET)                                                                                  \
    X(HTTP_PROTOCOL)                                                                               \
    X(HTTP_TOO_LARGE)                                                                              \
    X(HTTP_REDIRECTS)                                                                              \
    X(HTTP_CANCELLED)                                                                              \
    X(HTTP_NO_DESCRIPTORS)                                                                         \
    X(HTTP_NO_PORTS)                                                                               \
    X(STEP_OK)                                                                                     \
    X(STEP_FAILED)                                                                                 \
    X(STEP_TIMEOUT)                                                                                \
    X(STEP_CANCELLED)                                                                              \
    X(STEP_NOMEM)                                                                                  \
    X(LIFECYCLE_OK)                                                                                \
    X(LIFECYCLE_FAILED)                                                                            \
    X(LIFECYCLE_TIMEOUT)                                                                           \
    X(LIFECYCLE_WAITED)                                                                            \
    X(LIFECYCLE_UNBEGUN)                                                                           \
    X(METRIC_OK)                                                                                   \
    X(METRIC_FAILED)                                                                               \
    X(METRIC_CANCELLED)                                                                            \
    X(CHECK_OK)                                                                                    \
    X(CHECK_FAILED)                                                                                \
    X(WS_OK)                                                                                       \
    X(WS_TIMEOUT)                                                                                  \
    X(WS_CLOSED)                                                                                   \
    X(WS_LOST)                                                                                     \
    X(WS_PROTOCOL)                                                                                 \
    X(WS_TOO_LARGE)                                                                                \
    X(WS_CANCELLED)                                                                                \
    X(JSONRPC_OK)                                                                                  \
    X(JSONRPC_PROTOCOL_ERROR)                                                                      \
    X(JSONRPC_TIMEOUT)                                                                             \
    X(JSONRPC_TRANSPORT)                                                                           \
    X(JSONRPC_CANCELLED)                                                                           \
    X(OTHER)

#define LKI_CODE_ENUM_(name) LKI_CODE_##name,
enum {
    LKI_CODE_BEFORE_OTHERS_ = LKI_CODE_OTHER_FIRST - 1,
    LKI_CODE_MAP(LKI_CODE_ENUM_) LKI_CODE_END /* one past the last */
};
#undef LKI_CODE_ENUM_

/* What became of one sample. */
enum lki_verdict {
    LKI_SAMPLE_OK,
    LKI_SAMPLE_ERROR,
    LKI_SAMPLE_CANCELLED, /* cut off by the end of the run: neither a success nor a failure */
};

/* A static string, "UNKNOWN" for a number that is no code. */
const char *lki_code_name(lki_code code);

/* What kind of outcome a code is, a static string: "ok", "protocol_error" (a status from 400),
 * "timeout", "transport_error", "cancelled", "error" or "other". */
const char *lki_code_category(lki_code code);

/* A response came: the code is an HTTP status. */
static inline bool lki_code_is_response(lki_code code)
{
    return code >= LKI_CODE_HTTP_FIRST && code <= LKI_CODE_HTTP_LAST;
}

/* What nobody needs to be told of: HTTP_2xx and HTTP_101, STEP_OK, LIFECYCLE_OK, METRIC_OK,
 * CHECK_OK, WS_OK, JSONRPC_OK. */
bool lki_code_is_plain(lki_code code);

struct lki_code_count {
    uint64_t count;
    lki_code code;
};

#define LKI_CODES_FEW 6

/* How often each code came. Zeroed: empty and ready. */
struct lki_codes {
    struct lki_code_count few[LKI_CODES_FEW];
    struct lki_code_count *more; /* NULL while few suffices, then all of them */
    uint64_t lost;               /* there was no memory for their code */
    uint16_t len;
    uint16_t cap;  /* of more */
    uint16_t last; /* the one that was hit last is looked at first */
};

/* All len of them. */
static inline const struct lki_code_count *lki_codes_all(const struct lki_codes *codes)
{
    return codes->more ? codes->more : codes->few;
}

/* The slow path of lki_codes_add: not the code that was hit last. */
void lki_codes_search(struct lki_codes *codes, lki_code code, uint64_t count);

static inline void lki_codes_add(struct lki_codes *codes, lki_code code, uint64_t count)
{
    struct lki_code_count *all = codes->more ? codes->more : codes->few;
    struct lki_code_count *last = &all[codes->last];

    if (LKI_LIKELY(last->code == code && codes->len))
        last->count += count;
    else
        lki_codes_search(codes, code, count);
}

/* How often code came. */
uint64_t lki_codes_get(const struct lki_codes *codes, lki_code code);
void lki_codes_merge(struct lki_codes *into, const struct lki_codes *from);

/* Counts go, the codes stay: the next second brings the same ones. */
void lki_codes_reset(struct lki_codes *codes);
void lki_codes_release(struct lki_codes *codes);

#endif

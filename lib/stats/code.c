#include "stats/code.h"

#include <stdlib.h>
#include <string.h>

/* "HTTP_100" .. "HTTP_999", written out by the preprocessor: nothing to make at start-up. */
#define NAMES_10(tens)                                                                             \
    "HTTP_" #tens "0", "HTTP_" #tens "1", "HTTP_" #tens "2", "HTTP_" #tens "3", "HTTP_" #tens "4", \
        "HTTP_" #tens "5", "HTTP_" #tens "6", "HTTP_" #tens "7", "HTTP_" #tens "8",                \
        "HTTP_" #tens "9",
#define NAMES_100(hundreds)                                                                        \
    NAMES_10(hundreds##0)                                                                          \
    NAMES_10(hundreds##1)                                                                          \
    NAMES_10(hundreds##2)                                                                          \
    NAMES_10(hundreds##3)                                                                          \
    NAMES_10(hundreds##4)                                                                          \
    NAMES_10(hundreds##5)                                                                          \
    NAMES_10(hundreds##6)                                                                          \
    NAMES_10(hundreds##7)                                                                          \
    NAMES_10(hundreds##8)                                                                          \
    NAMES_10(hundreds##9)

#define NAMES_900                                                                                  \
    NAMES_100(1)                                                                                   \
    NAMES_100(2)                                                                                   \
    NAMES_100(3)                                                                                   \
    NAMES_100(4)                                                                                   \
    NAMES_100(5)                                                                                   \
    NAMES_100(6)                                                                                   \
    NAMES_100(7)                                                                                   \
    NAMES_100(8)                                                                                   \
    NAMES_100(9)

static const char *const http_names[] = {NAMES_900};

#define NAME(name) #name,
static const char *const other_names[] = {LKI_CODE_MAP(NAME)};

const char *lki_code_name(lki_code code)
{
    if (lki_code_is_response(code))
        return http_names[code - LKI_CODE_HTTP_FIRST];
    if (code >= LKI_CODE_OTHER_FIRST && code < LKI_CODE_END)
        return other_names[code - LKI_CODE_OTHER_FIRST];
    return "UNKNOWN";
}

bool lki_code_is_plain(lki_code code)
{
    return (code >= 200 && code < 300) || code == 101 || code == LKI_CODE_STEP_OK ||
           code == LKI_CODE_LIFECYCLE_OK || code == LKI_CODE_METRIC_OK ||
           code == LKI_CODE_CHECK_OK || code == LKI_CODE_WS_OK || code == LKI_CODE_JSONRPC_OK;
}

const char *lki_code_category(lki_code code)
{
    if (lki_code_is_response(code))
        return code < 400 ? "ok" : "protocol_error";
    if (lki_code_is_plain(code))
        return "ok";
    switch (code) {
    case LKI_CODE_HTTP_TIMEOUT:
    case LKI_CODE_STEP_TIMEOUT:
    case LKI_CODE_LIFECYCLE_TIMEOUT:
    case LKI_CODE_WS_TIMEOUT:
    case LKI_CODE_JSONRPC_TIMEOUT:
        return "timeout";
    case LKI_CODE_HTTP_CANCELLED:
    case LKI_CODE_STEP_CANCELLED:
    case LKI_CODE_METRIC_CANCELLED:
    case LKI_CODE_WS_CANCELLED:
    case LKI_CODE_JSONRPC_CANCELLED:
        return "cancelled";
    case LKI_CODE_WS_CLOSED:
    case LKI_CODE_JSONRPC_PROTOCOL_ERROR:
        return "protocol_error";
    case LKI_CODE_WS_LOST:
    case LKI_CODE_WS_PROTOCOL:
    case LKI_CODE_WS_TOO_LARGE:
    case LKI_CODE_JSONRPC_TRANSPORT:
        return "transport_error";
    case LKI_CODE_OTHER:
        return "other";
    default:
        return code < LKI_CODE_STEP_OK ? "transport_error" : "error";
    }
}

/* Room for one more; false without memory. */
static bool codes_grow(struct lki_codes *codes)
{
    size_t cap = 2 * (size_t)codes->len + 2;
    struct lki_code_count *more;

    if (codes->len < (codes->more ? codes->cap : LKI_CODES_FEW))
        return true;
    more = realloc(codes->more, cap * sizeof(*more));
    if (!more)
        return false;
    if (!codes->more)
        memcpy(more, codes->few, sizeof(codes->few));
    codes->more = more;
    codes->cap = (uint16_t)cap;
    return true;
}

void lki_codes_search(struct lki_codes *codes, lki_code code, uint64_t count)
{
    struct lki_code_count *all = codes->more ? codes->more : codes->few;

    for (uint16_t i = 0; i < codes->len; i++) {
        if (all[i].code == code) {
            all[i].count += count;
            codes->last = i;
            return;
        }
    }
    if (!codes_grow(codes)) {
        codes->lost += count;
        return;
    }
    all = codes->more ? codes->more : codes->few;
    all[codes->len] = (struct lki_code_count){count, code};
    codes->last = codes->len++;
}

uint64_t lki_codes_get(const struct lki_codes *codes, lki_code code)
{
    const struct lki_code_count *all = lki_codes_all(codes);

    for (uint16_t i = 0; i < codes->len; i++) {
        if (all[i].code == code)
            return all[i].count;
    }
    return 0;
}

void lki_codes_merge(struct lki_codes *into, const struct lki_codes *from)
{
    const struct lki_code_count *all = lki_codes_all(from);

    for (uint16_t i = 0; i < from->len; i++) {
        if (all[i].count)
            lki_codes_add(into, all[i].code, all[i].count);
    }
    into->lost += from->lost;
}

void lki_codes_reset(struct lki_codes *codes)
{
    struct lki_code_count *all = codes->more ? codes->more : codes->few;

    for (uint16_t i = 0; i < codes->len; i++)
        all[i].count = 0;
    codes->lost = 0;
}

void lki_codes_release(struct lki_codes *codes)
{
    free(codes->more);
    *codes = (struct lki_codes){0};
}

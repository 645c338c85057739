/*
 * The target of a request taken apart: segments of its path and parameters of its query, decoded.
 * Strictly: what servers and proxies are known to disagree about is refused.
 */
#ifndef LKI_WEB_TARGET_H
#define LKI_WEB_TARGET_H

#include <stddef.h>

#include <loadkit/err.h>

#include "base/arena.h"

#define LKI_WEB_SEGMENTS_MAX 16
#define LKI_WEB_PARAMS_MAX 64

struct lki_web_param {
    const char *name;
    const char *value; /* "": none was given */
};

struct lki_web_target {
    const char *path; /* "/" and all segments, for people */
    const char *segments[LKI_WEB_SEGMENTS_MAX];
    size_t segment_count;
    struct lki_web_param *params;
    size_t param_count;
};

/*
 * "/metrics/a%2Fb/?count=10": a slash at the end does not count. All text is UTF-8 without control
 * characters. LK_E_FORMAT: *why tells what is wrong; LK_E_LIMIT: too many segments for any route;
 * LK_E_NOMEM.
 */
enum lk_err lki_web_target_parse(struct lki_web_target *target, struct lki_arena *arena,
                                 const char *text, const char **why);

/* NULL: not there. The first of its name. */
const char *lki_web_target_param(const struct lki_web_target *target, const char *name);

/* Decodes %XX in [at, end), and plus to a space if it stands for one, to a text in the arena. NULL
 * with *why set: wrong escapes, control characters, broken UTF-8; with *why NULL: no memory. */
const char *lki_web_decode(struct lki_arena *arena, const char *at, const char *end, char plus,
                           const char **why);

#endif

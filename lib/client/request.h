/* A request of an author's on its way out: where it leads, and what is sent. */
#ifndef LKI_CLIENT_REQUEST_H
#define LKI_CLIENT_REQUEST_H

#include <loadkit/http.h>

#include "client/rules.h"
#include "client/vu.h"

/* What is known of a method; of others nothing is assumed. */
struct lki_method {
    char name[8];
    bool idempotent;
    bool carries_body; /* so its length is told even when it is 0 */
};

/* Header fields that are written otherwise, or not at all, when the request, or what holds for all
 * of the user's, has them itself. Bits. */
enum lki_own {
    LKI_OWN_HOST = 1,
    LKI_OWN_USER_AGENT = 2,
    LKI_OWN_ACCEPT = 4,
    LKI_OWN_CONTENT_TYPE = 8,
    LKI_OWN_AUTHORIZATION = 16,
    LKI_OWN_COOKIE = 32,
    LKI_OWN_ACCEPT_ENCODING = 64,
};

struct lki_outgoing {
    const struct lk_request *request;
    const struct lki_http_rules *rules;
    const struct lki_method *method;
    const char *verb; /* the method as it goes out */
    size_t verb_len;
    struct lki_origin *origin;
    const char *prefix; /* NULL: the URL was absolute */
    size_t prefix_len;
    const char *target; /* without the prefix */
    size_t target_len;
    const char *label; /* the target as a template, before .params went into it; NULL: there are
                          none */
    size_t label_len;
    const char *const *query; /* to be added to the target; NULL: none */
    const char *content_type; /* NULL: no body */
    const char *body;
    size_t body_bytes;
    const char *body_file;       /* instead of body; NULL: none */
    struct lki_cookies *cookies; /* that go along; NULL: none */
    int64_t now_s;               /* for those that are no longer good by then */
    unsigned own;                /* LKI_OWN_..., of the request */
    unsigned own_by_rules;       /* of what holds for all of the user's */
    bool length_wanted;          /* methods that carry a body say so even when it is empty */
    bool close;                  /* the connection is for this request alone */
    bool foreign;  /* a redirect led to another origin than the author named: what shows
                      there who asks is left behind */
    bool leads_on; /* the answer is a redirect that is followed */
    bool plain;    /* nothing stands in the head but what all requests to the origin have */
};

/* Makes it ready. What cannot be sent ends the step. */
void lki_outgoing_make(lk_vu *vu, const struct lk_request *request, struct lki_outgoing *out);

/* The path and query, with those that were given beside the URL. */
void lki_outgoing_write_target(const struct lki_outgoing *out, struct lki_buf *buf);

/* The whole head; arg is a struct lki_outgoing. */
void lki_outgoing_write_head(const void *arg, struct lki_buf *buf);

/* Takes an absolute URL apart that is to be requested. What cannot be ends the step. */
void lki_url_take(lk_vu *vu, const char *url, struct lki_url *parts);

/* The same of a path: how long it is without its fragment. */
size_t lki_path_take(lk_vu *vu, const char *path, size_t len);

/* The origin of a URL, as this user reaches it. */
struct lki_origin *lki_origin_of(lk_vu *vu, const struct lki_http_rules *rules,
                                 const struct lki_url *parts);

/* Ends the step if that cannot be a header field of the author's. */
void lki_header_check(lk_vu *vu, const char *name, const char *value);

/* Whether text may be a method, or the name of a header field. */
bool lki_is_token(const char *text);

#endif

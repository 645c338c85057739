#include "client/setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "client/vu.h"

enum lk_err lki_http_setup_run(struct lki_http_shared *shared, const char *text,
                               struct lki_buf *out)
{
    struct lki_http_rules rules;
    enum lk_err err = lki_http_settings_read(&shared->settings, text, &shared->texts, out);

    if (!err)
        err = lki_http_rules_make(&rules, &shared->origins.transports, &shared->settings);
    if (err)
        return err;
    lki_http_rules_release(&shared->rules);
    shared->rules = rules;
    return LK_OK;
}

void lki_http_setup_release(struct lki_http_shared *shared)
{
    lki_http_rules_release(&shared->rules);
    lki_arena_reset(&shared->texts);
}

void lki_http_setup_forget(struct lki_http_client *http)
{
    lki_http_rules_free(http->rules);
    http->rules = NULL;
}

/* ---- of a user ---- */

/* All that holds for the user: what is not said is as the run has it. */
static void settings_read(lk_vu *vu, const struct lk_http_settings *given,
                          struct lk_http_settings *settings)
{
    struct lki_buf *out = lki_vu_scratch(vu);
    enum lk_err err = lki_http_settings_take(settings, given);

    if (err)
        lki_vu_fail(vu, given ? "lk_http_setup_with: the settings have no size, or are those of a "
                                "newer loadkit: build and link with the same, and use lk_http_setup"
                              : "lk_http_setup_with: the settings are NULL");
    lki_buf_clear(out);
    err = lki_http_settings_check(settings, out);
    if (!err) {
        lki_http_settings_merge(settings, &vu->http.shared->settings);
        err = lki_http_settings_check(settings, out);
    }
    if (err == LK_E_NOMEM)
        lki_vu_nomem(vu);
    if (err)
        lki_vu_fail(vu, "lk_http_setup: .%.*s", (int)out->len, out->data);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* An author may say the same before each request. */
static bool rules_equal(const struct lki_http_rules *a, const struct lki_http_rules *b)
{
    return a->transport == b->transport && a->engine == b->engine && a->version == b->version &&
           a->connections == b->connections && a->timeout_ns == b->timeout_ns &&
           !memcmp(&a->limits, &b->limits, sizeof(a->limits)) &&
           a->max_redirects == b->max_redirects && a->no_cookies == b->no_cookies &&
           a->compressed == b->compressed && !strcmp(a->headers, b->headers) &&
           same_text(a->authorization, b->authorization) &&
           same_text(a->credentials.user, b->credentials.user) &&
           same_text(a->credentials.password, b->credentials.password);
}

/* The base URL stays, but is reached as the rules say. */
static enum lk_err base_move(struct lki_http_client *http, struct lki_transport *transport)
{
    struct lki_origin *origin = http->base;

    if (!origin || origin->transport == transport)
        return LK_OK;
    origin = lki_origin_over(&http->shared->origins, transport, origin);
    if (!origin)
        return LK_E_NOMEM;
    http->base = origin;
    return LK_OK;
}

void lk_http_setup_with(lk_vu *vu, const struct lk_http_settings *given)
{
    struct lki_http_client *http = &vu->http;
    struct lki_http_rules *rules;
    struct lk_http_settings settings;
    enum lk_err err;

    settings_read(vu, given, &settings);
    rules = lki_zalloc(sizeof(*rules));
    err = rules ? lki_http_rules_make(rules, &http->shared->origins.transports, &settings)
                : LK_E_NOMEM;
    if (!err)
        err = base_move(http, rules->transport);
    if (err || (http->rules && rules_equal(http->rules, rules))) {
        lki_http_rules_free(rules);
        if (err)
            lki_vu_nomem(vu);
        return;
    }
    rules->former = http->rules;
    http->rules = rules;
    lki_http_rules_prune(rules);
    lki_session_close_idle(&http->session, rules->transport);
}

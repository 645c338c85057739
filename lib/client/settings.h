/*
 * struct lk_http_settings, as data: an author gives them for one user, the options of a run for
 * all of them. Those of a run travel to its workers as a JSON object with the members that are not
 * zero: {"engine":"curl","resolve":{"shop.example:80":"127.0.0.1"}}
 */
#ifndef LKI_CLIENT_SETTINGS_H
#define LKI_CLIENT_SETTINGS_H

#include <loadkit/http.h>

#include "base/arena.h"
#include "base/buf.h"
#include "net/transport.h"

/* No text of settings is longer. */
#define LKI_HTTP_SETTINGS_MAX ((size_t)1024 * 1024)

/* Takes over what the caller's version of the struct has. LK_E_ARG: it has no size, or has more
 * that is not zero than this version knows. */
enum lk_err lki_http_settings_take(struct lk_http_settings *copy,
                                   const struct lk_http_settings *settings);

/* Can they be used? Files are looked at when they are needed. LK_E_ARG: out says "member: what is
 * wrong", in one line. */
enum lk_err lki_http_settings_check(const struct lk_http_settings *settings, struct lki_buf *out);

/* Members that are zero become those of otherwise. */
void lki_http_settings_merge(struct lk_http_settings *settings,
                             const struct lk_http_settings *otherwise);

/* Nothing, if all members are zero. */
void lki_http_settings_write(const struct lk_http_settings *settings, struct lki_buf *out);

/* Texts lie in arena. NULL is read as if all were zero. LK_E_ARG as above, also for what is no
 * such object; LK_E_NOMEM. */
enum lk_err lki_http_settings_read(struct lk_http_settings *settings, const char *text,
                                   struct lki_arena *arena, struct lki_buf *out);

struct lki_transport_settings lki_http_settings_transport(const struct lk_http_settings *settings);

/* What the native engine could not do for them, whatever version is spoken; NULL: nothing. */
const char *lki_http_settings_beyond(const struct lk_http_settings *settings);

/* The times of settings or of a request, and the name of the first that is none; NULL: all are. */
#define LKI_HTTP_TIMES(from)                                                                       \
    ((const double[]){(from)->timeout_s, (from)->lookup_timeout_s, (from)->connect_timeout_s,      \
                      (from)->tls_timeout_s, (from)->first_byte_timeout_s})
const char *lki_http_times_wrong(const double times[], double *wrong);

/* Names and values in turn that can stand in a head. LK_E_ARG: out says what is wrong. */
enum lk_err lki_http_headers_check(const char *const *headers, struct lki_buf *out);

#endif

/* Which settings can be used. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client/settings.h"
#include "net/scan.h"

/* A header must not be able to end its line: what follows would be another one. */
enum lk_err lki_http_headers_check(const char *const *headers, struct lki_buf *out)
{
    for (; headers && headers[0]; headers += 2) {
        const char *name = headers[0];
        const char *end = name + strlen(name);

        if (!*name || lki_scan_name(name, end) != end)
            return lki_refuse(out, "\"%s\" is not the name of a header", name);
        if (!headers[1])
            return lki_refuse(out, "the header \"%s\" has no value", name);
        if (headers[1][strcspn(headers[1], "\r\n")])
            return lki_refuse(out, "the value of the header \"%s\" has a line break", name);
        if (!strcasecmp(name, "Content-Length") || !strcasecmp(name, "Transfer-Encoding"))
            return lki_refuse(out, "the header \"%s\" is loadkit's to set", name);
    }
    return LK_OK;
}

static enum lk_err headers_check(const struct lk_http_settings *settings, struct lki_buf *out)
{
    size_t len = out->len;

    lki_buf_str(out, "headers: ");
    if (lki_http_headers_check(settings->headers, out))
        return LK_E_ARG;
    out->len = len;
    return LK_OK;
}

const char *lki_http_times_wrong(const double times[], double *wrong)
{
    static const char *const names[] = {"timeout_s", "lookup_timeout_s", "connect_timeout_s",
                                        "tls_timeout_s", "first_byte_timeout_s"};

    for (size_t i = 0; i < LKI_COUNT(names); i++) {
        if (lki_is_limit(times[i]))
            continue;
        *wrong = times[i];
        return names[i];
    }
    return NULL;
}

static enum lk_err times_check(const struct lk_http_settings *settings, struct lki_buf *out)
{
    double wrong;
    const char *name = lki_http_times_wrong(LKI_HTTP_TIMES(settings), &wrong);

    return name ? lki_refuse(out, "%s: " LKI_NO_TIME, name, wrong) : LK_OK;
}

static enum lk_err user_check(const struct lk_http_settings *settings, struct lki_buf *out)
{
    const char *user = settings->user;

    if ((unsigned)settings->auth > LK_HTTP_DIGEST)
        return lki_refuse(out, "auth: it is neither LK_HTTP_BASIC nor LK_HTTP_DIGEST");
    if (settings->password && !user)
        return lki_refuse(out, "password: it needs a user");
    if (user && settings->auth == LK_HTTP_BASIC && strchr(user, ':'))
        return lki_refuse(out, "user: it has a colon, which would end the name");
    if (settings->auth == LK_HTTP_DIGEST && !user)
        return lki_refuse(out, "auth: it needs a user");
    return LK_OK;
}

const char *lki_http_settings_beyond(const struct lk_http_settings *settings)
{
    if (settings->proxy)
        return "use a proxy";
    if (settings->user && settings->auth == LK_HTTP_DIGEST)
        return "authenticate by digest";
    return NULL;
}

static enum lk_err choices_check(const struct lk_http_settings *settings, struct lki_buf *out)
{
    const char *beyond = settings->version >= LK_HTTP_2 ? "speak HTTP/2"
                                                        : lki_http_settings_beyond(settings);

    if ((unsigned)settings->engine > LK_HTTP_ENGINE_CURL)
        return lki_refuse(out, "engine: %d is none of LK_HTTP_ENGINE_...", (int)settings->engine);
    if ((unsigned)settings->version > LK_HTTP_2_ONLY)
        return lki_refuse(out, "version: %d is no version of HTTP that is known",
                          (int)settings->version);
    if ((unsigned)settings->connections > LK_HTTP_NEW)
        return lki_refuse(out, "connections: %d is none of LK_HTTP_OWN, _SHARED and _NEW",
                          (int)settings->connections);
    if (settings->engine == LK_HTTP_ENGINE_NATIVE && beyond)
        return lki_refuse(out, "engine: the native one cannot %s; leave the choice to auto",
                          beyond);
    if (settings->no_redirects && settings->max_redirects)
        return lki_refuse(out, "max_redirects: it goes with no .no_redirects; give one of them");
    return LK_OK;
}

struct lki_transport_settings lki_http_settings_transport(const struct lk_http_settings *settings)
{
    return (struct lki_transport_settings){.insecure = settings->insecure,
                                           .ca_file = settings->ca_file,
                                           .cert_file = settings->cert_file,
                                           .key_file = settings->key_file,
                                           .tls_min = settings->tls_min,
                                           .proxy = settings->proxy,
                                           .local_addr = settings->local_addr,
                                           .unix_socket = settings->unix_socket,
                                           .resolve = settings->resolve};
}

enum lk_err lki_http_settings_check(const struct lk_http_settings *settings, struct lki_buf *out)
{
    const struct lki_transport_settings transport = lki_http_settings_transport(settings);
    enum lk_err err = headers_check(settings, out);

    if (!err)
        err = times_check(settings, out);
    if (!err)
        err = user_check(settings, out);
    if (!err)
        err = choices_check(settings, out);
    if (!err && lki_transport_check(&transport, out))
        err = LK_E_ARG;
    return out->err ? out->err : err;
}

#include "net/transport.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "net/tls.h"
#include "net/url.h"

#define KEY_MAX ((size_t)1024 * 1024)
#define TEXTS 7

/* The members that are texts, in the order in which they stand in a key. */
static void texts_of(struct lki_transport_settings *settings, const char **texts[TEXTS])
{
    texts[0] = &settings->ca_file;
    texts[1] = &settings->cert_file;
    texts[2] = &settings->key_file;
    texts[3] = &settings->tls_min;
    texts[4] = &settings->proxy;
    texts[5] = &settings->local_addr;
    texts[6] = &settings->unix_socket;
}

/* With its terminator; what is not there is told from what is empty. */
static void key_add(struct lki_buf *key, const char *text)
{
    lki_buf_char(key, text ? '+' : '-');
    lki_buf_append(key, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void key_write(struct lki_buf *key, const struct lki_transport_settings *settings)
{
    struct lki_transport_settings copy = *settings;
    const char **texts[TEXTS];

    texts_of(&copy, texts);
    lki_buf_char(key, copy.insecure ? '+' : '-');
    for (size_t i = 0; i < TEXTS; i++)
        key_add(key, *texts[i]);
    for (size_t i = 0; copy.resolve && copy.resolve[i]; i++)
        key_add(key, copy.resolve[i]);
}

/* Has the settings point into the key, which is a copy of their texts. */
static void settings_point(struct lki_transport_settings *settings, const char *key, size_t len,
                           const char **pairs)
{
    const char *at = key + 1;
    const char **texts[TEXTS];

    texts_of(settings, texts);
    for (size_t i = 0; i < TEXTS; i++, at += strlen(at) + 1)
        *texts[i] = *at == '+' ? at + 1 : NULL;
    settings->resolve = at < key + len ? pairs : NULL;
    for (; at < key + len; at += strlen(at) + 1)
        *pairs++ = at + 1;
    *pairs = NULL;
}

static size_t pairs_count(const char *const *pairs)
{
    size_t count = 0;

    while (pairs && pairs[count])
        count++;
    return count;
}

static struct lki_transport *transport_new(struct lki_transports *transports,
                                           const struct lki_transport_settings *settings,
                                           const struct lki_buf *key)
{
    size_t pairs_bytes = (pairs_count(settings->resolve) + 1) * sizeof(char *);
    struct lki_transport *transport = lki_zalloc(sizeof(*transport) + pairs_bytes + key->len);
    const char **pairs;
    const char *why;
    char *text;

    if (!transport)
        return NULL;
    pairs = (const char **)(transport + 1);
    text = (char *)pairs + pairs_bytes;
    memcpy(text, key->data, key->len);
    transport->settings.insecure = settings->insecure;
    settings_point(&transport->settings, text, key->len, pairs);
    if (settings->local_addr)
        lki_local_parse(&transport->local, settings->local_addr, &why);
    if (!settings->unix_socket)
        lki_ports_init(&transport->ports);
    if (lki_map_put(&transports->by_key, text, key->len, transport)) {
        free(transport);
        return NULL;
    }
    transport->next = transports->first;
    transports->first = transport;
    return transport;
}

/* ---- whether settings can be used ---- */

static bool is_address(const char *text)
{
    struct lki_local address;
    const char *why;

    return !strchr(text, '-') && !lki_local_parse(&address, text, &why);
}

/* Takes a host and its port apart; the parts are gone on return, but not what they are. No name is
 * longer than there is room. */
static bool authority_read(const char *text, struct lki_url *url)
{
    char room[300];
    struct lki_buf buf = {.data = room, .cap = sizeof(room), .max = sizeof(room)};

    lki_buf_str(&buf, "other://");
    lki_buf_str(&buf, text);
    return !buf.err && !lki_url_parse(url, buf.data, buf.len, NULL);
}

static bool is_host_and_port(const char *text)
{
    struct lki_url url;

    return authority_read(text, &url) && url.port && !url.target_len;
}

static enum lk_err resolve_check(const char *const *pairs, struct lki_buf *out)
{
    for (; pairs && pairs[0]; pairs += 2) {
        if (!is_host_and_port(pairs[0]))
            return lki_refuse(out, "resolve: %.100s is not a host and its port, such as shop:80",
                              pairs[0]);
        if (!pairs[1] || !is_address(pairs[1]))
            return lki_refuse(out,
                              "resolve: '%.100s' for %.100s is not an address, such as 10.0.0.7",
                              pairs[1] ? pairs[1] : "", pairs[0]);
    }
    return LK_OK;
}

static enum lk_err proxy_check(const char *proxy, struct lki_buf *out)
{
    static const char *const schemes[] = {"http://",    "https://",  "socks4://",
                                          "socks4a://", "socks5://", "socks5h://"};
    const char *at = NULL;
    struct lki_url url;

    for (size_t i = 0; i < LKI_COUNT(schemes) && !at; i++) {
        if (!strncmp(proxy, schemes[i], strlen(schemes[i])))
            at = proxy + strlen(schemes[i]);
    }
    /* what stands before the host may be a secret: it is not repeated */
    if (!at)
        return lki_refuse(out, "proxy: it does not begin with http://, https:// or socks5://");
    if (strrchr(at, '@'))
        at = strrchr(at, '@') + 1;
    if (!authority_read(at, &url) || url.target_len > 1)
        return lki_refuse(out, "proxy: '%.100s' is not a host and its port", at);
    return LK_OK;
}

enum lk_err lki_transport_check(const struct lki_transport_settings *settings, struct lki_buf *out)
{
    const char *tls = settings->tls_min;
    const char *path = settings->unix_socket;
    struct lki_local local;
    const char *why;
    enum lk_err err = LK_OK;

    if (tls && strcmp(tls, "1.2") != 0 && strcmp(tls, "1.3") != 0)
        return lki_refuse(out, "tls_min: %.100s is neither 1.2 nor 1.3", tls);
    if (settings->key_file && !settings->cert_file)
        return lki_refuse(out, "key_file: it needs a certificate, too");
    if (settings->local_addr && lki_local_parse(&local, settings->local_addr, &why))
        return lki_refuse(out, "local_addr: '%.100s': %s", settings->local_addr, why);
    if (path && (!*path || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)))
        return lki_refuse(out, "unix_socket: its path is %s", *path ? "too long" : "empty");
    if (path && settings->proxy)
        return lki_refuse(out, "unix_socket: it goes with no proxy; give one of them");
    if (path && settings->local_addr)
        return lki_refuse(out, "unix_socket: it goes with no local_addr; give one of them");
    if (settings->proxy)
        err = proxy_check(settings->proxy, out);
    return err ? err : resolve_check(settings->resolve, out);
}

/* ---- all of them ---- */

struct lki_transport *lki_transport_get(struct lki_transports *transports,
                                        const struct lki_transport_settings *settings)
{
    struct lki_transport *transport = NULL;
    struct lki_buf key;

    lki_buf_init(&key, KEY_MAX);
    key_write(&key, settings);
    if (!key.err) {
        transport = lki_map_get(&transports->by_key, key.data, key.len);
        if (!transport)
            transport = transport_new(transports, settings, &key);
    }
    lki_buf_release(&key);
    return transport;
}

void lki_transports_release(struct lki_transports *transports)
{
    lki_map_release(&transports->by_key);
    while (transports->first) {
        struct lki_transport *transport = transports->first;

        transports->first = transport->next;
        lki_tls_context_free(transport->tls);
        free(transport);
    }
}

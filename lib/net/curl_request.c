/* Requests as libcurl wants them: options made of an exchange and of the head that it writes. */
#include "net/curl_inner.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define UPLOAD_BUFFER_BYTES (64L * 1024)
/* A connection is good for as long as its server keeps it. */
#define CONN_AGE_S (365L * 24 * 3600)

/* What is not in the head is not sent either. */
enum { NO_ACCEPT, NO_CONTENT_TYPE, NO_EXPECT, NO_USER_AGENT, NO_PROXY_CONNECTION, SUPPRESSED };

static const char *const suppressed[SUPPRESSED] = {
    "Accept:", "Content-Type:", "Expect:", "User-Agent:", "Proxy-Connection:"};

/* The head of a request, cut into pieces. */
struct pieces {
    const char *method;
    const char *target;
    size_t count;    /* of fields */
    bool has_length; /* of the body, so it has one, though it may be empty */
};

/* ---- the head ---- */

/* Terminated where its line or word ends; *at moves behind that. */
static char *cut(char **at, const char *end)
{
    char *text = *at;

    *at = strstr(text, end);
    if (!*at)
        return NULL;
    **at = '\0';
    *at += strlen(end);
    return text;
}

static bool fields_reserve(struct lki_curl_handle *handle, size_t count)
{
    while (count >= handle->field_cap) {
        struct curl_slist *longer = lki_room(handle->fields, handle->field_cap, &handle->field_cap,
                                             sizeof(*longer));

        if (!longer)
            return false;
        handle->fields = longer;
    }
    return true;
}

static bool field_add(struct lki_curl_handle *handle, struct pieces *pieces, char *line)
{
    if (!fields_reserve(handle, pieces->count))
        return false;
    handle->fields[pieces->count++].data = line;
    return true;
}

static bool is_named(const char *line, const char *name_and_colon)
{
    return !strncasecmp(line, name_and_colon, strlen(name_and_colon));
}

/* libcurl takes a field without a value for one that is not to be sent, unless it ends in a
 * semicolon. */
static void empty_mark(char *line)
{
    char *colon = strchr(line, ':');

    if (colon && !colon[1 + strspn(colon + 1, " \t")]) {
        colon[0] = ';';
        colon[1] = '\0';
    }
}

static void fields_link(struct lki_curl_handle *handle, size_t count)
{
    for (size_t i = 0; i < count; i++)
        handle->fields[i].next = i + 1 < count ? &handle->fields[i + 1] : NULL;
}

/* False: no memory. */
static bool head_cut(struct lki_transfer *transfer, struct pieces *pieces)
{
    struct lki_curl_handle *handle = transfer->handle;
    const struct lki_exchange_request *request = transfer->request;
    bool given[SUPPRESSED] = {false};
    char *at;
    char *line;

    lki_buf_clear(&handle->out);
    request->write_head(request->arg, &handle->out);
    at = (char *)(uintptr_t)lki_buf_cstr(&handle->out);
    if (!at)
        return false;
    pieces->method = cut(&at, " ");
    pieces->target = cut(&at, " ");
    cut(&at, "\r\n");
    while ((line = cut(&at, "\r\n")) && *line) {
        if (is_named(line, "Content-Length:")) {
            pieces->has_length = true;
            continue;
        }
        for (size_t i = 0; i < SUPPRESSED; i++)
            given[i] = given[i] || is_named(line, suppressed[i]);
        empty_mark(line);
        if (!field_add(handle, pieces, line))
            return false;
    }
    for (size_t i = 0; i < SUPPRESSED; i++) {
        if (!given[i] && !field_add(handle, pieces, (char *)(uintptr_t)suppressed[i]))
            return false;
    }
    fields_link(handle, pieces->count);
    return true;
}

/* ---- options ---- */

/* The first that fails is kept. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (!err)                                                                                  \
            err = curl_easy_setopt(easy, CURLOPT_##option, (value));                               \
    } while (0)

static CURLcode callbacks_set(struct lki_curl_handle *handle)
{
    CURL *easy = handle->easy;
    CURLcode err = CURLE_OK;

    SET(PRIVATE, handle);
    SET(ERRORBUFFER, handle->error);
    SET(OPENSOCKETFUNCTION, lki_curl_open_socket);
    SET(OPENSOCKETDATA, handle);
    SET(CLOSESOCKETFUNCTION, lki_curl_close_socket);
    SET(PREREQFUNCTION, lki_curl_on_ready);
    SET(PREREQDATA, handle);
    SET(HEADERFUNCTION, lki_curl_on_header);
    SET(HEADERDATA, handle);
    SET(WRITEFUNCTION, lki_curl_on_body);
    SET(WRITEDATA, handle);
    SET(READFUNCTION, lki_curl_on_read);
    SET(READDATA, handle);
    SET(SEEKFUNCTION, lki_curl_on_seek);
    SET(SEEKDATA, handle);
    return err;
}

/* What libcurl does by itself is left to our own layers, and nothing is taken from the
 * environment. */
static CURLcode habits_set(CURL *easy)
{
    CURLcode err = CURLE_OK;

    SET(NOSIGNAL, 1L);
    SET(NOPROGRESS, 1L);
    SET(PROTOCOLS_STR, "http,https");
    SET(PATH_AS_IS, 1L);
    SET(FOLLOWLOCATION, 0L);
    SET(HTTP_TRANSFER_DECODING, 0L);
    SET(SUPPRESS_CONNECT_HEADERS, 1L);
    SET(MAXAGE_CONN, CONN_AGE_S);
    SET(DNS_CACHE_TIMEOUT, -1L);
    SET(UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
    SET(EXPECT_100_TIMEOUT_MS, 0L);
    SET(PROXY, "");
    SET(NOPROXY, "");
    return err;
}

bool lki_curl_is_h2c(const struct lki_exchange_request *request)
{
    return request->version == LK_HTTP_2_ONLY && request->origin->scheme == LKI_URL_HTTP;
}

/* libcurl 7.88 fails on a second request without asking, where the connection speaks HTTP/2
 * already: there it is to be asked for in the usual way. */
static CURLcode version_set(const struct lki_transfer *transfer)
{
    const struct lki_exchange_request *request = transfer->request;
    CURL *easy = transfer->handle->easy;
    long version = CURL_HTTP_VERSION_1_1;
    CURLcode err = CURLE_OK;

    if (lki_curl_is_h2c(request) && transfer->fresh)
        version = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    else if (request->version == LK_HTTP_2 || request->version == LK_HTTP_2_ONLY)
        version = CURL_HTTP_VERSION_2TLS;
    SET(HTTP_VERSION, version);
    return err;
}

/* Whom the system trusts is told as to OpenSSL itself, but a directory only in place of a file:
 * with both libcurl would read the file anew for each connection. */
static CURLcode tls_set(CURL *easy, const struct lki_transport_settings *settings)
{
    const char *ca_file = settings->ca_file ? settings->ca_file : getenv("SSL_CERT_FILE");
    const char *ca_dir = ca_file ? NULL : getenv("SSL_CERT_DIR");
    bool newest = settings->tls_min && !strcmp(settings->tls_min, "1.3");
    CURLcode err = CURLE_OK;

    SET(SSLVERSION, newest ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2);
    SET(CAPATH, ca_dir);
    if (settings->insecure) {
        SET(SSL_VERIFYPEER, 0L);
        SET(SSL_VERIFYHOST, 0L);
    }
    if (ca_file || ca_dir)
        SET(CAINFO, ca_file);
    if (settings->cert_file) {
        SET(SSLCERT, settings->cert_file);
        SET(SSLKEY, settings->key_file ? settings->key_file : settings->cert_file);
    }
    return err;
}

static CURLcode connect_to_set(struct lki_curl_handle *handle)
{
    handle->connect_to = (struct curl_slist){.data = handle->connect_text};
    return curl_easy_setopt(handle->easy, CURLOPT_CONNECT_TO, &handle->connect_to);
}

bool lki_curl_needs_address(const struct lki_origin *origin)
{
    const char *proxy = origin->transport->settings.proxy;

    return proxy && (!strncmp(proxy, "socks5:", 7) || !strncmp(proxy, "socks4:", 7));
}

/* For a proxy that is told an address, not a name. */
static CURLcode address_set(struct lki_curl_handle *handle, const struct lki_origin *origin)
{
    const struct lki_address *address = &origin->addresses[origin->preferred];
    bool is_v6 = address->sock.any.sa_family == AF_INET6;
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(address->sock.any.sa_family,
              is_v6 ? (const void *)&address->sock.v6.sin6_addr
                    : (const void *)&address->sock.v4.sin_addr,
              text, sizeof(text));
    snprintf(handle->connect_text, sizeof(handle->connect_text), is_v6 ? "::[%s]:" : "::%s:", text);
    return connect_to_set(handle);
}

/* An address that nobody has stands for the origin: libcurl keeps the connections of origins apart
 * by it, and asks us for a socket to connect to the true one. */
static void stand_in(struct lki_curl_handle *handle, const char *before,
                     const struct lki_origin *origin, const char *after)
{
    uint64_t number = (uintptr_t)origin;

    snprintf(handle->connect_text, sizeof(handle->connect_text), "%s[100::%x:%x:%x:%x]%s", before,
             (unsigned)(number >> 48), (unsigned)(number >> 32 & 0xffff),
             (unsigned)(number >> 16 & 0xffff), (unsigned)(number & 0xffff), after);
}

static CURLcode proxy_set(struct lki_transfer *transfer, const char *proxy)
{
    struct lki_curl_handle *handle = transfer->handle;
    const struct lki_origin *via = transfer->via;
    CURL *easy = handle->easy;
    CURLcode err = CURLE_OK;
    char *text;

    stand_in(handle, "", via, "");
    lki_buf_printf(&handle->text, "+%s:%u:%s", via->host, via->port, handle->connect_text);
    text = (char *)(uintptr_t)lki_buf_cstr(&handle->text);
    if (!text)
        return CURLE_OUT_OF_MEMORY;
    handle->resolve = (struct curl_slist){.data = text};
    /* an IPv6 address is no name that libcurl could read here, and needs no look-up either */
    if (!strchr(via->host, ':'))
        SET(RESOLVE, &handle->resolve);
    SET(PROXY, proxy);
    return err;
}

/* What changes with the origin alone. */
static CURLcode origin_set(struct lki_transfer *transfer)
{
    struct lki_curl_handle *handle = transfer->handle;
    const struct lki_exchange_request *request = transfer->request;
    const struct lki_origin *origin = request->origin;
    const struct lki_transport_settings *settings = &origin->transport->settings;
    CURL *easy = handle->easy;
    CURLcode err;

    handle->origin = NULL;
    curl_easy_reset(easy);
    err = callbacks_set(handle);
    if (!err)
        err = habits_set(easy);
    if (!err && origin->scheme == LKI_URL_HTTPS)
        err = tls_set(easy, settings);
    if (!err && origin->scheme == LKI_URL_HTTPS)
        lki_curl_tls_watch(handle, settings->proxy);
    lki_buf_clear(&handle->text);
    if (settings->proxy) {
        if (!err)
            err = proxy_set(transfer, settings->proxy);
    } else {
        stand_in(handle, "::", origin, ":");
        if (!err)
            err = connect_to_set(handle);
    }
    if (err)
        return err;
    handle->origin = origin;
    handle->version = request->version;
    handle->has_credentials = false;
    return CURLE_OK;
}

static CURLcode credentials_set(struct lki_curl_handle *handle,
                                const struct lki_credentials *credentials)
{
    CURL *easy = handle->easy;
    CURLcode err = CURLE_OK;

    if (!credentials->user && !handle->has_credentials)
        return CURLE_OK;
    handle->has_credentials = true;
    SET(USERNAME, credentials->user);
    SET(PASSWORD, credentials->user ? credentials->password : NULL);
    SET(HTTPAUTH, (long)(credentials->digest ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
    return err;
}

static CURLcode url_write(struct lki_curl_handle *handle, const struct lki_origin *origin,
                          const char *path, CURLoption option)
{
    const char *scheme = origin->scheme == LKI_URL_HTTPS ? "https://" : "http://";

    lki_buf_clear(&handle->in);
    lki_buf_str(&handle->in, scheme);
    lki_buf_append(&handle->in, origin->authority, origin->authority_len);
    lki_buf_str(&handle->in, path);
    if (!lki_buf_cstr(&handle->in))
        return CURLE_OUT_OF_MEMORY;
    return curl_easy_setopt(handle->easy, option, handle->in.data);
}

/* The target goes out as it is written. For a server that asks who is there libcurl takes it out of
 * the URL, and to a proxy that passes requests on it is the whole URL. */
static CURLcode url_set(struct lki_transfer *transfer, const char *target)
{
    const struct lki_exchange_request *request = transfer->request;
    const struct lki_origin *origin = request->origin;
    const char *proxy = origin->transport->settings.proxy;
    bool forwarded = proxy && origin->scheme == LKI_URL_HTTP && !strncmp(proxy, "http", 4);
    CURLcode err = url_write(transfer->handle, origin, request->credentials.user ? target : "/",
                             CURLOPT_URL);

    if (err)
        return err;
    if (forwarded)
        return url_write(transfer->handle, origin, target, CURLOPT_REQUEST_TARGET);
    return curl_easy_setopt(transfer->handle->easy, CURLOPT_REQUEST_TARGET, target);
}

/* libcurl's name for what is done, and the method as it is sent. */
static CURLcode method_set(const struct lki_transfer *transfer, const struct pieces *pieces)
{
    const struct lki_exchange_request *request = transfer->request;
    CURL *easy = transfer->handle->easy;
    const char *own = "GET";
    CURLcode err = CURLE_OK;

    SET(HTTPGET, 1L);
    if (transfer->file >= 0) {
        own = "PUT";
        SET(UPLOAD, 1L);
        SET(INFILESIZE_LARGE, (curl_off_t)transfer->body_bytes);
    } else if (request->is_head) {
        own = "HEAD";
        SET(NOBODY, 1L);
    } else if (request->body_bytes || pieces->has_length) {
        own = "POST";
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        SET(POSTFIELDS, request->body_bytes ? request->body : "");
    }
    SET(CUSTOMREQUEST, strcmp(own, pieces->method) ? pieces->method : NULL);
    return err;
}

/* libcurl never takes back what errno a socket has met: the next failure would be told by it too.
 * False: no memory. */
static bool errno_forget(struct lki_curl_handle *handle)
{
    CURL *easy;
    long error = 0;

    curl_easy_getinfo(handle->easy, CURLINFO_OS_ERRNO, &error);
    if (!error)
        return true;
    easy = curl_easy_init();
    if (!easy)
        return false;
    curl_easy_cleanup(handle->easy);
    handle->easy = easy;
    handle->origin = NULL;
    return true;
}

CURLcode lki_curl_prepare(struct lki_transfer *transfer)
{
    const struct lki_exchange_request *request = transfer->request;
    struct lki_curl_handle *handle = transfer->handle;
    struct pieces pieces = {0};
    CURLcode err = CURLE_OK;
    CURL *easy;

    if (!errno_forget(handle))
        return CURLE_OUT_OF_MEMORY;
    easy = handle->easy;
    handle->transfer = transfer;
    handle->error[0] = '\0';
    if (handle->origin != request->origin || handle->version != request->version)
        err = origin_set(transfer);
    if (!err && !head_cut(transfer, &pieces))
        return CURLE_OUT_OF_MEMORY;
    if (!err)
        err = version_set(transfer);
    if (!err && lki_curl_needs_address(request->origin))
        err = address_set(handle, request->origin);
    SET(CLOSESOCKETDATA, transfer->curl);
    SET(HTTPHEADER, handle->fields);
    SET(FRESH_CONNECT, (long)transfer->fresh);
    SET(FORBID_REUSE, (long)request->new_connection);
    if (!err)
        err = method_set(transfer, &pieces);
    if (!err)
        err = credentials_set(handle, &request->credentials);
    if (!err)
        err = url_set(transfer, pieces.target);
    lki_buf_clear(&handle->in);
    return err;
}

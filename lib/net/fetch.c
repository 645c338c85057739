#include "net/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "net/url.h"

/* What people call such a thing before they know what it is. */
#define SHOWN_MAX 200

struct exchange {
    const struct lki_fetch_request *request;
    struct lki_url url;
    CURL *easy;
    struct curl_slist *headers;
    struct lki_buf body;
    char error[CURL_ERROR_SIZE];
    struct lki_buf *why;
};

/* ---- where to ---- */

/* Is it this machine itself? */
static bool is_loopback(const struct lki_url *url)
{
    static const char local[] = "localhost";
    size_t len = url->host_len;
    size_t local_len = sizeof(local) - 1;

    if (url->host_is_ipv6)
        return len == 3 && !memcmp(url->host, "::1", 3);
    if (len > 4 && !memcmp(url->host, "127.", 4))
        return true;
    return len >= local_len && !strncasecmp(url->host + len - local_len, local, local_len) &&
           (len == local_len || url->host[len - local_len - 1] == '.');
}

static enum lk_err url_read(struct exchange *exchange)
{
    const char *text = exchange->request->url;
    const char *why = "";

    if (lki_url_parse(&exchange->url, text, strlen(text), &why)) {
        lki_buf_printf(exchange->why,
                       "'%.*s' is no address of an orchestrator: %s; write one such as "
                       "http://127.0.0.1:8080",
                       SHOWN_MAX, text, why);
        return LK_E_ARG;
    }
    if (exchange->url.scheme == LKI_URL_OTHER) {
        lki_buf_printf(exchange->why, "'%.*s': an orchestrator is reached by http or https",
                       SHOWN_MAX, text);
        return LK_E_ARG;
    }
    return LK_OK;
}

/* ---- what is sent ---- */

static bool token_is_plain(const char *token)
{
    while (isgraph((unsigned char)*token))
        token++;
    return !*token;
}

static enum lk_err header_add(struct exchange *exchange, const char *line)
{
    struct curl_slist *longer = curl_slist_append(exchange->headers, line);

    if (!longer)
        return LK_E_NOMEM;
    exchange->headers = longer;
    return LK_OK;
}

static enum lk_err token_add(struct exchange *exchange)
{
    const char *token = exchange->request->token;
    struct lki_buf line;
    enum lk_err err;

    if (!token)
        return LK_OK;
    if (!token_is_plain(token)) {
        lki_buf_str(exchange->why, "the token has a blank or a control character in it; write it "
                                   "alone on one line");
        return LK_E_ARG;
    }
    lki_buf_init(&line, LKI_FETCH_BODY_MAX);
    lki_buf_printf(&line, "Authorization: Bearer %s", token);
    err = line.err ? line.err : header_add(exchange, lki_buf_cstr(&line));
    lki_buf_release(&line);
    return err;
}

/* Also an empty one. */
static bool has_body(const struct lki_fetch_request *request)
{
    return strcmp(request->method, "GET") != 0;
}

/* An empty Expect: the body goes at once, without asking first whether it may. */
static enum lk_err headers_add(struct exchange *exchange)
{
    enum lk_err err = header_add(exchange, "Accept: application/json");

    if (!err)
        err = header_add(exchange, "Expect:");
    if (!err && has_body(exchange->request))
        err = header_add(exchange, "Content-Type: application/json");
    return err ? err : token_add(exchange);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct exchange *exchange = arg;

    lki_buf_append(&exchange->body, bytes, size * count);
    return exchange->body.err ? 0 : size * count;
}

static int64_t wait_ns(const struct lki_fetch_request *request)
{
    return lki_ns_after(request->timeout_ns, request->work_ns);
}

static void options_set(struct exchange *exchange)
{
    const struct lki_fetch_request *request = exchange->request;
    CURL *easy = exchange->easy;

    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "loadkit/" LK_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(request->timeout_ns / LKI_NS_PER_MS));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(wait_ns(request) / LKI_NS_PER_MS));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    if (is_loopback(&exchange->url))
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (has_body(request)) {
        const char *body = request->body ? request->body : "";

        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* ---- what went wrong ---- */

static void say_server(const struct exchange *exchange)
{
    const struct lki_url *url = &exchange->url;

    lki_buf_printf(exchange->why, "%.*s://%.*s", (int)url->scheme_len, url->scheme_text,
                   (int)url->authority_len, url->authority);
}

static void say_where(const struct exchange *exchange)
{
    lki_buf_str(exchange->why, "cannot reach ");
    say_server(exchange);
    lki_buf_str(exchange->why, ": ");
}

/* As part of a sentence of ours. */
static void say_lower(struct lki_buf *why, const char *text)
{
    lki_buf_char(why, (char)tolower((unsigned char)*text));
    lki_buf_str(why, text + 1);
}

static enum lk_err say_unconnected(const struct exchange *exchange)
{
    long error = 0;

    curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &error);
    say_where(exchange);
    if (error)
        say_lower(exchange->why, strerror((int)error));
    else
        lki_buf_str(exchange->why, *exchange->error ? exchange->error : "no connection");
    lki_buf_str(exchange->why, "; is an orchestrator running?");
    return LK_E_IO;
}

static enum lk_err say_late(const struct exchange *exchange)
{
    const struct lki_fetch_request *request = exchange->request;
    curl_off_t reached_us = 0;

    curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &reached_us);
    if (reached_us) {
        say_server(exchange);
        lki_buf_str(exchange->why, " was reached, but gave ");
    } else {
        say_where(exchange);
    }
    lki_buf_printf(exchange->why, "no answer within %g s; is it overloaded? --timeout waits longer",
                   (double)(reached_us ? wait_ns(request) : request->timeout_ns) / LKI_NS_PER_S);
    return LK_E_TIMEOUT;
}

static enum lk_err say_other(const struct exchange *exchange, CURLcode code)
{
    say_where(exchange);
    lki_buf_str(exchange->why, *exchange->error ? exchange->error : curl_easy_strerror(code));
    return LK_E_IO;
}

static enum lk_err say_why(const struct exchange *exchange, CURLcode code)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return LK_E_NOMEM;
    case CURLE_COULDNT_RESOLVE_HOST:
        say_where(exchange);
        lki_buf_str(exchange->why, "no machine is known by that name");
        return LK_E_IO;
    case CURLE_COULDNT_CONNECT:
        return say_unconnected(exchange);
    case CURLE_OPERATION_TIMEDOUT:
        return say_late(exchange);
    case CURLE_WRITE_ERROR:
        if (exchange->body.err == LK_E_NOMEM)
            return LK_E_NOMEM;
        say_where(exchange);
        lki_buf_printf(exchange->why, "the answer is larger than %zu MB",
                       LKI_FETCH_BODY_MAX / (1024 * 1024));
        return LK_E_LIMIT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, which is anything at all */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        say_where(exchange);
        lki_buf_str(exchange->why, "what answers there does not speak HTTP, or broke off; is it an "
                                   "orchestrator?");
        return LK_E_IO;
    default:
        return say_other(exchange, code);
    }
}

/* ---- all of it ---- */

static enum lk_err perform(struct exchange *exchange, struct lki_fetch_answer *answer)
{
    enum lk_err err = headers_add(exchange);
    long status = 0;
    CURLcode code;

    if (err)
        return err;
    options_set(exchange);
    code = curl_easy_perform(exchange->easy);
    if (code != CURLE_OK)
        return say_why(exchange, code);
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->body = exchange->body;
    lki_buf_init(&exchange->body, LKI_FETCH_BODY_MAX);
    return LK_OK;
}

/* What is global in libcurl is counted there: a program that uses it too is not disturbed. */
enum lk_err lki_fetch_url(const struct lki_fetch_request *request, struct lki_fetch_answer *answer,
                          struct lki_buf *why)
{
    struct exchange exchange = {.request = request, .why = why};
    enum lk_err err = url_read(&exchange);

    if (err)
        return err;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return LK_E_NOMEM;
    lki_buf_init(&exchange.body, LKI_FETCH_BODY_MAX);
    exchange.easy = curl_easy_init();
    err = exchange.easy ? perform(&exchange, answer) : LK_E_NOMEM;
    lki_buf_release(&exchange.body);
    curl_slist_free_all(exchange.headers);
    curl_easy_cleanup(exchange.easy);
    curl_global_cleanup();
    return err;
}

void lki_fetch_answer_release(struct lki_fetch_answer *answer)
{
    lki_buf_release(&answer->body);
}

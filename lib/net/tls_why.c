/*
 * Why TLS has failed, in words that say what to do.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls_inner.h"

#define TRUST_HINT                                                                                 \
    "; name who signed it by ca_file (--ca-file), or trust all by insecure (--insecure)"

/* A text that a certificate contributes: only what is printable of it. */
static void add(char *into, size_t cap, const char *text, size_t len)
{
    size_t at = strlen(into);

    for (size_t i = 0; i < len && at + 1 < cap; i++)
        into[at++] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
    into[at] = '\0';
}

static void add_name(char *into, size_t cap, const GENERAL_NAME *name)
{
    char digits[INET6_ADDRSTRLEN] = "";
    const ASN1_STRING *text = name->d.dNSName;
    int len = ASN1_STRING_length(text);

    if (name->type != GEN_DNS && name->type != GEN_IPADD)
        return;
    if (*into)
        add(into, cap, ", ", 2);
    if (name->type == GEN_DNS)
        add(into, cap, (const char *)ASN1_STRING_get0_data(text), (size_t)len);
    else if (inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(text), digits,
                       sizeof(digits)))
        add(into, cap, digits, strlen(digits));
}

/* The hosts that a certificate is for. */
static void names_of(X509 *cert, char *into, size_t cap)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    *into = '\0';
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++)
        add_name(into, cap, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    if (!*into &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, into, (int)cap) <= 0)
        snprintf(into, cap, "no host");
}

static void time_of(const ASN1_TIME *time, char *into, size_t cap)
{
    struct tm parts;

    if (!ASN1_TIME_to_tm(time, &parts) || !strftime(into, cap, "%Y-%m-%d %H:%M:%S UTC", &parts))
        snprintf(into, cap, "another time");
}

/* Who has signed it, or whose it is. */
static void party_of(const X509_NAME *name, char *into, size_t cap)
{
    char text[256] = "";

    *into = '\0';
    X509_NAME_oneline(name, text, sizeof(text));
    add(into, cap, text, strlen(text));
}

static void LK_PRINTF(2, 3) say(char *why, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, LKI_TLS_WHY_BYTES, fmt, args);
    va_end(args);
}

void lki_tls_judge_tell(const X509_STORE_CTX *store, const char *host, char *why)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    const char *whose = X509_STORE_CTX_get_error_depth(store) ? "a certificate above the server's"
                                                              : "the server's certificate";
    char detail[256] = "";

    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        time_of(X509_get0_notAfter(cert), detail, sizeof(detail));
        say(why, "%s expired on %s", whose, detail);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        time_of(X509_get0_notBefore(cert), detail, sizeof(detail));
        say(why, "%s is not valid before %s", whose, detail);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        names_of(cert, detail, sizeof(detail));
        say(why, "%s is for %s, not for %s", whose, detail, host);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        say(why, "%s is self-signed" TRUST_HINT, whose);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        party_of(X509_get_issuer_name(cert), detail, sizeof(detail));
        say(why, "%s is signed by %s, who is not trusted here" TRUST_HINT, whose, detail);
        break;
    default:
        say(why, "%s was refused: %s", whose, X509_verify_cert_error_string(error));
    }
}

int lki_tls_judge(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct lki_conn *conn = lki_tls_conn(ssl);

    if (good)
        return 1;
    lki_tls_judge_tell(store, conn->origin->host, lki_tls_context(conn)->why);
    conn->tls->told = true;
    return 0;
}

const char *lki_tls_meaning(unsigned long error, bool asked, bool given, bool finished)
{
    int reason = ERR_GET_REASON(error);

    switch (reason) {
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        if (asked)
            return given ? "the server did not accept the client certificate"
                         : "the server requires a client certificate; give cert_file and key_file";
        return reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE
                   ? "no common version, cipher or protocol with the server"
                   : NULL;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_VERSION_TOO_LOW:
        return "no common version of TLS with the server; tls_min says which is the oldest";
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "the server does not speak HTTP/1.1 over TLS";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_UNEXPECTED_RECORD:
    case SSL_R_RECORD_LENGTH_MISMATCH:
        return finished ? NULL : "what answers there does not speak TLS";
    default:
        return NULL;
    }
}

void lki_tls_explain(struct lki_conn *conn)
{
    struct lki_tls_context *context = lki_tls_context(conn);
    struct lki_tls *tls = conn->tls;
    unsigned long error = ERR_peek_last_error();
    bool given = conn->origin->transport->settings.cert_file != NULL;
    const char *meaning = lki_tls_meaning(error, tls->asked, given, tls->finished);
    const char *text = error ? ERR_reason_error_string(error) : NULL;

    if (meaning)
        lki_tls_say(context, "%s", meaning);
    else if (!tls->told)
        lki_tls_say(context, "%s", text ? text : "an error without a reason");
    tls->told = false;
    ERR_clear_error();
}

const char *lki_tls_why(const struct lki_conn *conn)
{
    return lki_tls_context(conn)->why;
}

/*
 * What can be resumed of connections that are closed: each session's own.
 */
#include <stdlib.h>

#include "net/tls_inner.h"

struct lki_tls_session {
    struct lki_tls_session *next;
    struct lki_origin *origin;
    SSL_SESSION *session;
};

static struct lki_tls_session *find(const struct lki_conn *conn)
{
    struct lki_tls_session *kept = conn->session->tls;

    while (kept && kept->origin != conn->origin)
        kept = kept->next;
    return kept;
}

int lki_tls_session_keep(SSL *ssl, SSL_SESSION *session)
{
    struct lki_conn *conn = lki_tls_conn(ssl);
    struct lki_tls_session *kept = find(conn);

    conn->tls->fat = true;
    if (!kept) {
        kept = calloc(1, sizeof(*kept));
        if (!kept)
            return 0;
        kept->origin = conn->origin;
        kept->next = conn->session->tls;
        conn->session->tls = kept;
    }
    SSL_SESSION_free(kept->session);
    kept->session = session;
    return 1;
}

void lki_tls_session_use(struct lki_conn *conn, SSL *ssl)
{
    const struct lki_tls_session *kept = find(conn);

    if (kept && SSL_SESSION_is_resumable(kept->session))
        SSL_set_session(ssl, kept->session);
}

void lki_tls_sessions_free(struct lki_session *session)
{
    while (session->tls) {
        struct lki_tls_session *kept = session->tls;

        session->tls = kept->next;
        SSL_SESSION_free(kept->session);
        free(kept);
    }
}

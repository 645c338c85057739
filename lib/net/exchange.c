#include "net/exchange.h"

#include <stdarg.h>

#include "net/conn.h"
#include "net/curl.h"
#include "net/http1.h"
#include "net/tls.h"

void lki_exchange_begin(struct lki_exchange_result *result, int64_t start_ns)
{
    *result = (struct lki_exchange_result){
        .error = "", .body = "", .head = "", .start_ns = start_ns};
    for (int i = 0; i < LKI_PHASE_COUNT; i++)
        result->phase_ns[i] = -1;
}

void lki_exchange_fail(struct lki_exchange_result *result, struct lki_arena *arena, lki_code code,
                       const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    result->code = code;
    result->error = lki_arena_vprintf(arena, fmt, args);
    if (!result->error)
        result->error = "out of memory";
    va_end(args);
}

void lki_exchange_broken(struct lki_exchange_result *result, struct lki_arena *arena,
                         enum lki_wake why, const char *doing)
{
    result->ended = why;
    if (why == LKI_WAKE_CUT)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_CANCELLED, "the run ended while %s", doing);
    else
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TIMEOUT, "timed out while %s", doing);
}

void lki_span_broken(const struct lki_span *span, struct lki_exchange_result *result,
                     struct lki_arena *arena, enum lki_wake why, const char *doing)
{
    lki_exchange_broken(result, arena, why, doing);
    if (why == LKI_WAKE_TIMEOUT && span->limit_ns != LKI_NEVER)
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TIMEOUT,
                          "timed out while %s, for which the limit is %g s", doing,
                          (double)span->limit_ns / (double)LKI_NS_PER_S);
}

void lki_exchange(struct lki_session *session, struct lki_task *task,
                  const struct lki_exchange_request *request, struct lki_arena *arena,
                  struct lki_exchange_result *result)
{
    if (LKI_LIKELY(request->engine == LKI_ENGINE_NATIVE))
        lki_http1_exchange(session, task, request, arena, result);
    else
        lki_curl_exchange(session, task, request, arena, result);
}

void lki_session_close(struct lki_session *session)
{
    while (session->conns)
        lki_conn_close(session->conns);
    lki_tls_sessions_free(session);
    lki_curl_free(session);
}

void lki_session_close_idle(struct lki_session *session, const struct lki_transport *transport)
{
    struct lki_conn *next;

    for (struct lki_conn *conn = session->conns; conn; conn = next) {
        next = conn->next;
        if (!conn->io.task && !conn->on_ready && conn->origin->transport != transport)
            lki_conn_close(conn);
    }
    lki_curl_close_idle(session);
}

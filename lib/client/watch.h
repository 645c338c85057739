/*
 * Looking on: what a user sends, gets and records, told as it happens. Also .debug of a request,
 * which shows one exchange to people.
 */
#ifndef LKI_CLIENT_WATCH_H
#define LKI_CLIENT_WATCH_H

#include "base/mem.h"
#include "client/request.h"
#include "client/vu.h"

/* Somebody who looks on. All functions are called in the task of the user and may not wait. */
struct lki_watch {
    /* It is about to be carried out. */
    void (*request)(const struct lki_watch *watch, lk_vu *vu,
                    const struct lki_exchange_request *request);
    /* It has been, and its body is decoded. */
    void (*answer)(const struct lki_watch *watch, lk_vu *vu,
                   const struct lki_exchange_request *request,
                   const struct lki_exchange_result *result);
    void (*recorded)(const struct lki_watch *watch, lk_vu *vu, const char *name, double value);
    void (*emitted)(const struct lki_watch *watch, lk_vu *vu, const struct lki_metric *metric,
                    lki_code code, enum lki_verdict verdict, int64_t latency_ns);
    /* What was sent or received over a WebSocket: name is "SEND /chat", text NULL for bytes that
     * are none. */
    void (*message)(const struct lki_watch *watch, lk_vu *vu, const char *name, const char *text,
                    size_t len);
};

static inline void lki_watch_request(lk_vu *vu, const struct lki_exchange_request *exchange)
{
    const struct lki_watch *watch = vu->http.shared->watch;

    if (LKI_UNLIKELY(watch != NULL))
        watch->request(watch, vu, exchange);
}

/* Where .debug was asked for and nobody looks on: shows the exchange on stderr, at once. */
void lki_watch_show(lk_vu *vu, const struct lki_exchange_request *exchange,
                    const struct lki_exchange_result *result);

static inline void lki_watch_answer(lk_vu *vu, const struct lk_request *request,
                                    const struct lki_exchange_request *exchange,
                                    const struct lki_exchange_result *result)
{
    const struct lki_watch *watch = vu->http.shared->watch;

    if (LKI_UNLIKELY(watch != NULL))
        watch->answer(watch, vu, exchange, result);
    else if (LKI_UNLIKELY(request->debug))
        lki_watch_show(vu, exchange, result);
}

#endif

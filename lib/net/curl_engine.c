/* The curl engine of a loop: libcurl's handles, its timer, and transfers from beginning to end. */
#include "net/curl_inner.h"

#include <stdlib.h>

#include "base/mem.h"

#define TEXT_MAX ((size_t)1024 * 1024)
/* Idle connections that a session keeps; libcurl would else count by transfers under way. */
#define CONNS_MAX 100000L

/* ---- handles ---- */

static void handle_free(struct lki_curl_handle *handle)
{
    curl_easy_cleanup(handle->easy);
    lki_buf_release(&handle->out);
    lki_buf_release(&handle->in);
    lki_buf_release(&handle->text);
    free(handle->fields);
    free(handle);
}

static struct lki_curl_handle *handle_new(void)
{
    struct lki_curl_handle *handle = lki_zalloc(sizeof(*handle));

    if (!handle)
        return NULL;
    lki_buf_init(&handle->out, TEXT_MAX);
    lki_buf_init(&handle->in, TEXT_MAX);
    lki_buf_init(&handle->text, TEXT_MAX);
    handle->easy = curl_easy_init();
    if (handle->easy)
        return handle;
    handle_free(handle);
    return NULL;
}

struct lki_curl_handle *lki_curl_handle_take(struct lki_curl_engine *engine)
{
    struct lki_curl_handle *handle = engine->spare;

    if (handle)
        engine->spare = handle->next;
    else
        handle = handle_new();
    return handle;
}

void lki_curl_handle_keep(struct lki_curl_engine *engine, struct lki_curl_handle *handle)
{
    handle->transfer = NULL;
    handle->next = engine->spare;
    engine->spare = handle;
}

/* ---- the multi handle ---- */

static void on_begin(struct lki_post *post)
{
    lki_curl_drive(LKI_CONTAINER(post, struct lki_curl_engine, begin), CURL_SOCKET_TIMEOUT, 0);
}

static void on_due(struct lki_timer *timer)
{
    lki_curl_drive(LKI_CONTAINER(timer, struct lki_curl_engine, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* What is to be done at once is most often the beginning of a transfer. */
static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct lki_curl_engine *engine = arg;

    (void)multi;
    engine->due = ms == 0;
    if (ms < 0)
        lki_timer_cancel(&engine->timer);
    else if (ms > 0)
        lki_timer_set(&engine->loop->timers, &engine->timer,
                      lki_ns_after(lki_loop_now(engine->loop), ms * LKI_NS_PER_MS));
    else if (!engine->driven)
        lki_loop_post(engine->loop, &engine->begin, on_begin);
    return 0;
}

static void multi_free(struct lki_curl_engine *engine)
{
    if (engine->multi) {
        curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, NULL);
        curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, NULL);
    }
    curl_multi_cleanup(engine->multi);
    engine->multi = NULL;
}

/* False: no memory. */
static bool multi_have(struct lki_curl_engine *engine)
{
    if (engine->multi)
        return true;
    engine->multi = curl_multi_init();
    if (!engine->multi)
        return false;
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, lki_curl_on_socket);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, CONNS_MAX);
    return true;
}

/* ---- transfers ---- */

static void transfer_add(struct lki_transfer *transfer)
{
    struct lki_curl *curl = transfer->curl;

    transfer->next = curl->engine->transfers;
    if (transfer->next)
        transfer->next->prev = transfer;
    curl->engine->transfers = transfer;
    transfer->session_next = curl->transfers;
    if (transfer->session_next)
        transfer->session_next->session_prev = transfer;
    curl->transfers = transfer;
}

static void transfer_remove(struct lki_transfer *transfer)
{
    struct lki_curl *curl = transfer->curl;

    if (curl->engine->sending == transfer)
        curl->engine->sending = NULL;
    if (transfer->prev)
        transfer->prev->next = transfer->next;
    else
        curl->engine->transfers = transfer->next;
    if (transfer->next)
        transfer->next->prev = transfer->prev;
    if (transfer->session_prev)
        transfer->session_prev->session_next = transfer->session_next;
    else
        curl->transfers = transfer->session_next;
    if (transfer->session_next)
        transfer->session_next->session_prev = transfer->session_prev;
    lki_curl_sock_leave(transfer);
}

void lki_curl_wake_waiting(const struct lki_curl *curl)
{
    for (struct lki_transfer *t = curl->waiting; t; t = t->session_next)
        lki_task_wake_later(t->task, LKI_WAKE_EVENT);
}

/* libcurl lets go of it: nothing is called for it any more. A socket on which nothing could be sent
 * yet it has closed without asking us to. */
static void let_go(struct lki_transfer *transfer)
{
    CURL *easy = transfer->handle->easy;

    curl_multi_remove_handle(transfer->curl->engine->multi, easy);
    curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
    if (transfer->opening)
        lki_curl_sock_forget(transfer->opening);
    transfer->opening = NULL;
    transfer_remove(transfer);
    lki_curl_wake_waiting(transfer->curl);
    transfer->done = true;
    transfer->end_ns = lki_loop_now(transfer->task->loop);
}

static void finish(struct lki_transfer *transfer, CURLcode code)
{
    long error = 0;

    lki_curl_settle(transfer, true);
    transfer->code = code;
    if (!transfer->error && !curl_easy_getinfo(transfer->handle->easy, CURLINFO_OS_ERRNO, &error))
        transfer->error = (int)error;
    if (transfer->sock) {
        transfer->sock->exchanges += code == CURLE_OK;
        transfer->sock->received += transfer->received;
    } else if (transfer->received && !transfer->closed) {
        transfer->curl->uncounted = true;
    }
    let_go(transfer);
}

/* One that is done has no use for its session's connections any more. libcurl does not know that,
 * and would look through all slots of their table when it is taken back, 3 kB that have left the
 * caches, unless it has looked for its connection once where none are. */
static void unshare(CURL *easy)
{
    curl_socket_t fd;

    curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
}

/* Takes in what libcurl has done. Who waited for it goes on at once, while the caches still have
 * what is his. */
static void collect(struct lki_curl_engine *engine)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(engine->multi, &left))) {
        struct lki_curl_handle *handle = NULL;
        struct lki_task *task;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&handle);
        task = handle->transfer->task;
        unshare(message->easy_handle);
        finish(handle->transfer, message->data.result);
        lki_task_wake(task, LKI_WAKE_EVENT);
    }
}

/* libcurl had no memory, does not say for which transfer, and has lost sight of sockets: all begins
 * anew. */
static void give_up(struct lki_curl_engine *engine)
{
    while (engine->transfers) {
        struct lki_task *task = engine->transfers->task;

        curl_easy_setopt(engine->transfers->handle->easy, CURLOPT_FORBID_REUSE, 1L);
        finish(engine->transfers, CURLE_OUT_OF_MEMORY);
        lki_task_wake_later(task, LKI_WAKE_EVENT);
    }
    multi_free(engine);
}

static void show_sending(const struct lki_curl_engine *engine, uint32_t sending)
{
    if (!engine->transfers)
        return;
    __asm__ volatile("" ::: "memory");
    *engine->transfers->request->wire->sending = sending;
}

static void drive(struct lki_curl_engine *engine, curl_socket_t fd, int events)
{
    struct lki_curl_sock *sock = fd == CURL_SOCKET_TIMEOUT ? NULL : engine->socks[fd];
    int running = 0;
    CURLMcode err;

    if (!engine->multi)
        return;
    show_sending(engine, 1);
    err = curl_multi_socket_action(engine->multi, fd, events, &running);
    for (struct lki_transfer *t = sock ? sock->transfers : NULL; t; t = t->sock_next)
        lki_curl_settle(t, false);
    if (engine->sending)
        lki_curl_settle(engine->sending, false);
    engine->sending = NULL;
    show_sending(engine, 0);
    collect(engine);
    if (err)
        give_up(engine);
}

/* What those who go on ask for next is begun with them, unless the last of them has left. */
void lki_curl_drive(struct lki_curl_engine *engine, curl_socket_t fd, int events)
{
    engine->driven = true;
    engine->due = false;
    drive(engine, fd, events);
    engine->driven = false;
    if (engine->due && engine->sessions)
        drive(engine, CURL_SOCKET_TIMEOUT, 0);
}

bool lki_curl_begin(struct lki_transfer *transfer)
{
    struct lki_curl *curl = transfer->curl;
    CURL *easy = transfer->handle->easy;

    if (!multi_have(curl->engine) || curl_easy_setopt(easy, CURLOPT_SHARE, curl->share))
        return false;
    transfer_add(transfer);
    if (!curl_multi_add_handle(curl->engine->multi, easy))
        return true;
    let_go(transfer);
    return false;
}

void lki_curl_abandon(struct lki_transfer *transfer)
{
    curl_easy_setopt(transfer->handle->easy, CURLOPT_FORBID_REUSE, 1L);
    let_go(transfer);
}

/* ---- the engine and its sessions ---- */

static void engine_free(struct lki_curl_engine *engine)
{
    while (engine->spare) {
        struct lki_curl_handle *handle = engine->spare;

        engine->spare = handle->next;
        handle_free(handle);
    }
    multi_free(engine);
    free(engine->socks);
    free(engine);
    curl_global_cleanup();
}

static struct lki_curl_engine *engine_new(struct lki_origins *origins)
{
    struct lki_curl_engine *engine;

    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return NULL;
    engine = lki_zalloc(sizeof(*engine));
    if (!engine) {
        curl_global_cleanup();
        return NULL;
    }
    engine->origins = origins;
    engine->loop = origins->loop;
    origins->curl = engine;
    return engine;
}

void lki_curl_engine_free(struct lki_curl_engine *engine)
{
    if (engine)
        engine_free(engine);
}

static CURLSH *share_new(void)
{
    CURLSH *share = curl_share_init();

    if (share && !curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT) &&
        !curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION))
        return share;
    curl_share_cleanup(share);
    return NULL;
}

struct lki_curl *lki_curl_of(struct lki_session *session, struct lki_origins *origins)
{
    struct lki_curl_engine *engine = origins->curl ? origins->curl : engine_new(origins);
    struct lki_curl *curl = session->curl;

    if (curl || !engine)
        return curl;
    curl = lki_zalloc(sizeof(*curl));
    if (curl)
        curl->share = share_new();
    if (!curl || !curl->share ||
        (!engine->sessions && lki_timer_init(&engine->loop->timers, &engine->timer, on_due))) {
        if (curl)
            curl_share_cleanup(curl->share);
        free(curl);
        return NULL;
    }
    engine->sessions++;
    curl->engine = engine;
    session->curl = curl;
    return curl;
}

void lki_curl_close_idle(struct lki_session *session)
{
    if (session->curl && !session->curl->exchanges)
        lki_curl_free(session);
}

/* Without sessions the engine wants nothing of the loop, which may be closed before it goes. */
void lki_curl_free(struct lki_session *session)
{
    struct lki_curl *curl = session->curl;
    struct lki_curl_engine *engine;

    if (!curl)
        return;
    engine = curl->engine;
    session->curl = NULL;
    curl_share_cleanup(curl->share);
    free(curl);
    if (--engine->sessions)
        return;
    lki_timer_release(&engine->loop->timers, &engine->timer);
    lki_loop_unpost(engine->loop, &engine->begin);
}

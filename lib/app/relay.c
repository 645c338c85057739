/* The relays of a station: between the links of its worker processes and the orchestrator. */
#include <errno.h>
#include <stdlib.h>

#include "app/host_inner.h"
#include "base/mem.h"
#include "bus/message.h"
#include "control/core.h"

/* Room for what is to be told of a death, but for its frames. */
#define DIED_BYTES 4096
/* What cannot be told now is tried again. */
#define AGAIN_NS (1 * LKI_NS_PER_S)

/* A worker whose link is gone ends. */
static void cut(struct lki_relay *relay)
{
    lki_link_close(relay->link);
    relay->link = NULL;
}

static const struct lki_order quit = {.kind = LKI_ORDER_QUIT};

static void order(struct lki_relay *relay, const struct lki_order *order)
{
    struct lki_buf *out = &relay->host->out;

    lki_buf_clear(out);
    lki_order_write(order, out);
    if (relay->link && !out->err)
        lki_link_send(relay->link, out->data, out->len);
}

static void users_left(struct lki_relay *relay)
{
    relay->gone = true;
    if (relay->host->cut_stage)
        order(relay, &quit);
}

/* A worker of which the orchestrator lacks more than seconds must not go on: somebody would wait
 * for ever, or objects stay with nobody. */
static void on_link_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct lki_relay *relay = link->owner;
    const struct lki_station_report report = {
        .kind = LKI_STATION_DATA,
        .data = {.process = relay->process, .life = relay->life, .bytes = bytes, .len = len}};

    if (lki_host_say(relay->host, &report)) {
        if (lki_report_is(LKI_REPORT_GONE, bytes, len))
            users_left(relay);
        return;
    }
    if (lki_report_is(LKI_REPORT_SECOND, bytes, len))
        return;
    lki_host_tell(relay->host, "worker %llu is ended: what it said is lost, and the run needs it",
                  (unsigned long long)relay->process);
    cut(relay);
}

/* All that it had to say was passed on; now that it has died. */
static void last_word(struct lki_relay *relay)
{
    cut(relay);
    lki_timer_cancel(&relay->silence);
    if (relay->died.len && lki_spoke_send(relay->host->spoke, relay->died.data, relay->died.len)) {
        lki_timer_set(&relay->host->loop.timers, &relay->silence,
                      lki_loop_now(&relay->host->loop) + AGAIN_NS);
        return;
    }
    lki_buf_clear(&relay->died);
    lki_host_end_look(relay->host);
}

static void on_silence(struct lki_timer *timer)
{
    last_word(LKI_CONTAINER(timer, struct lki_relay, silence));
}

/* The process may still have to be seen to end. */
static void on_link_gone(struct lki_link *link)
{
    struct lki_relay *relay = link->owner;

    cut(relay);
    if (relay->died.len)
        last_word(relay);
}

/* The process looks at it by itself: this one may be stopped, or swapped out. */
static void lend(struct lki_host *host, uint64_t worker)
{
    int64_t until_ns = lki_spoke_heard_ns(host->spoke) + host->settings.orphan_after_ns +
                       host->grace_ns + LKI_FENCE_MARGIN_NS;

    __atomic_store_n(&lki_fleet_page(host->fleet, worker)->lease_until_ns, until_ns,
                     __ATOMIC_RELAXED);
}

enum lk_err lki_relays_on_join(uint64_t worker, struct lki_link *link, void *arg)
{
    struct lki_host *host = arg;
    struct lki_relay *relay = &host->relays[worker - 1];

    if (relay->died.len)
        last_word(relay);
    cut(relay);
    relay->link = link;
    relay->life = ++host->lives;
    relay->gone = false;
    link->owner = relay;
    link->on_message = on_link_message;
    link->on_gone = on_link_gone;
    lend(host, worker);
    if (!relay->died.len &&
        lki_host_say(host, &(struct lki_station_report){
                               .kind = LKI_STATION_JOINED,
                               .joined = {.process = relay->process, .life = relay->life}}))
        return LK_OK;
    cut(relay);
    errno = ENOBUFS;
    return LK_E_NOMEM;
}

void lki_relays_on_died(uint64_t worker, const struct lki_death *death, void *arg)
{
    struct lki_host *host = arg;
    struct lki_relay *relay = &host->relays[worker - 1];
    const struct lki_worker_page *page = death->page;
    struct lki_station_report report = {.kind = LKI_STATION_DIED,
                                        .died = {.process = relay->process,
                                                 .life = relay->life,
                                                 .told = death->told,
                                                 .orphaned = death->told && host->cut_stage,
                                                 .what = death->what,
                                                 .in_step = death->in_step,
                                                 .user = death->user,
                                                 .step = death->step,
                                                 .frames = (const char **)(uintptr_t)death->frames,
                                                 .frame_count = death->frame_count,
                                                 .exact = page != NULL}};

    if (page) {
        report.died.totals = page->totals;
        report.died.arrivals = page->arrivals;
        report.died.iterations_taken = page->iterations_taken;
        report.died.sending = page->sending;
    }
    lki_buf_clear(&relay->died);
    lki_station_report_write(&report, &relay->died);
    if (relay->died.err) {
        lki_buf_clear(&relay->died);
        report.died.frame_count = 0;
        lki_station_report_write(&report, &relay->died);
    }
    if (relay->link)
        lki_timer_set(&host->loop.timers, &relay->silence,
                      lki_loop_now(&host->loop) + LKI_LAST_WORDS_NS);
    else
        last_word(relay);
}

static struct lki_relay *relay_of(struct lki_host *host, uint64_t process, uint64_t life)
{
    struct lki_relay *relay = process && process <= host->settings.processes
                                  ? &host->relays[process - 1]
                                  : NULL;

    return relay && relay->life == life ? relay : NULL;
}

void lki_relays_data(struct lki_host *host, const struct lki_station_data *data)
{
    struct lki_relay *relay = relay_of(host, data->process, data->life);

    if (relay && relay->link)
        lki_link_send(relay->link, data->bytes, data->len);
}

void lki_relays_close(struct lki_host *host, const struct lki_station_life *life)
{
    struct lki_relay *relay = relay_of(host, life->process, life->life);

    if (relay)
        cut(relay);
}

void lki_relays_stop(struct lki_host *host, unsigned times)
{
    const struct lki_order stop = {.kind = LKI_ORDER_STOP,
                                   .stop = {.why = LKI_END_INTERRUPT, .times = times}};

    for (uint64_t i = 0; i < host->settings.processes; i++)
        order(&host->relays[i], host->relays[i].gone ? &quit : &stop);
}

void lki_relays_lend(struct lki_host *host)
{
    for (uint64_t i = 0; host->fleet && i < host->settings.processes; i++)
        lend(host, i + 1);
}

enum lk_err lki_relays_open(struct lki_host *host)
{
    uint64_t count = host->settings.processes;
    enum lk_err err = LK_OK;

    host->relays = calloc((size_t)count, sizeof(*host->relays));
    if (!host->relays)
        return LK_E_NOMEM;
    for (uint64_t i = 0; i < count && !err; i++) {
        host->relays[i].host = host;
        host->relays[i].process = i + 1;
        lki_buf_init(&host->relays[i].died, LKI_MESSAGE_MAX);
        err = lki_buf_reserve(&host->relays[i].died, DIED_BYTES) ? LK_OK : LK_E_NOMEM;
        if (!err)
            err = lki_timer_init(&host->loop.timers, &host->relays[i].silence, on_silence);
    }
    return err;
}

void lki_relays_cut(struct lki_host *host)
{
    for (uint64_t i = 0; i < host->settings.processes; i++) {
        cut(&host->relays[i]);
        lki_buf_clear(&host->relays[i].died);
        lki_timer_cancel(&host->relays[i].silence);
    }
}

void lki_relays_release(struct lki_host *host)
{
    for (uint64_t i = 0; host->relays && i < host->settings.processes; i++) {
        lki_timer_release(&host->loop.timers, &host->relays[i].silence);
        lki_buf_release(&host->relays[i].died);
    }
    free(host->relays);
}

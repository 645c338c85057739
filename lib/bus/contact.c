#include "bus/contact.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A little less than a second: ticks come each half second. */
#define BEAT_NS (900 * LKI_NS_PER_MS)
#define LEAVING_NS (10 * LKI_NS_PER_S)
#define GONE_NS (60 * LKI_NS_PER_S)
/* More than these are no stations: somebody fills our stream. */
#define CONTACTS_MAX 20000

/* ---- saying ---- */

static void say(struct lki_contact *contact, bool beat, const void *bytes, size_t len)
{
    struct lki_hub *hub = contact->hub;
    struct lki_envelope envelope = {.session = contact->session,
                                    .token = hub->token,
                                    .beat = beat,
                                    .bytes = bytes,
                                    .len = len,
                                    .stamp_ns = contact->stamp_ns};

    if (!hub->up || hub->closed || contact->down.gone_ns)
        return;
    memcpy(envelope.station, contact->id, sizeof(envelope.station));
    if (lki_envelope_write(&envelope, &hub->out))
        return;
    lki_stream_add(&contact->down, hub->out.data, hub->out.len);
    contact->said_ns = lki_loop_now(hub->loop);
}

static void carry(struct lki_channel *channel, const void *bytes, size_t len, void *arg)
{
    (void)channel;
    say(arg, false, bytes, len);
}

/* ---- hearing ---- */

static void on_message(struct lki_channel *channel, uint64_t number, const void *bytes, size_t len,
                       void *arg)
{
    struct lki_contact *contact = arg;
    struct lki_hub *hub = contact->hub;

    if (contact->state == LKI_CONTACT_LEAVING)
        lki_channel_done(channel, number);
    else if (contact->state == LKI_CONTACT_LIVE && !hub->closed)
        hub->owner.on_report(contact, number, bytes, len, hub->owner.arg);
}

/* A stream that has gone was removed by its station as it left, or not read for long: only what is
 * said after that shows that somebody reads again. */
static void look_for_life(struct lki_contact *contact)
{
    if (contact->hub->carrier.read_until_ns > contact->down.gone_ns)
        contact->down.gone_ns = 0;
}

static void hear(struct lki_contact *contact, const struct lki_envelope *envelope)
{
    struct lki_hub *hub = contact->hub;

    contact->heard_ns = lki_loop_now(hub->loop);
    if (envelope->stamp_ns > contact->stamp_ns)
        contact->stamp_ns = envelope->stamp_ns;
    look_for_life(contact);
    if (contact->silent && contact->state == LKI_CONTACT_LIVE) {
        contact->silent = false;
        hub->owner.on_silent(contact, false, hub->owner.arg);
    }
    if (hub->closed)
        return;
    if (!envelope->beat)
        lki_channel_hear(&contact->channel, envelope->bytes, envelope->len);
    else if (envelope->len && contact->state == LKI_CONTACT_LIVE)
        hub->owner.on_report(contact, 0, envelope->bytes, envelope->len, hub->owner.arg);
}

/* ---- coming ---- */

/* The number from which on its messages are awaited. */
static uint64_t take_expected(struct lki_hub *hub, const char *id, uint64_t session)
{
    for (struct lki_expected **at = &hub->expected; *at; at = &(*at)->next) {
        struct lki_expected *expected = *at;
        uint64_t after = expected->after;

        if (expected->session != session || strcmp(expected->id, id) != 0)
            continue;
        *at = expected->next;
        free(expected);
        return after;
    }
    return 0;
}

static struct lki_contact *contact_new(struct lki_hub *hub, const struct lki_envelope *envelope)
{
    struct lki_contact *contact = lki_zalloc(sizeof(*contact));
    struct lki_channel_owner owner = {carry, on_message, contact};

    if (!contact)
        return NULL;
    contact->hub = hub;
    contact->session = envelope->session;
    memcpy(contact->id, envelope->station, sizeof(contact->id));
    lki_stream_init(&contact->down, &hub->carrier, "down", contact->id);
    contact->down.kept_by_reader = true;
    contact->since_ns = lki_loop_now(hub->loop);
    if (lki_channel_init(&contact->channel, hub->loop, hub->token, true, &owner)) {
        free(contact);
        return NULL;
    }
    lki_channel_restart(&contact->channel, hub->token, contact->session,
                        take_expected(hub, contact->id, contact->session), false);
    lki_channel_up(&contact->channel, hub->up);
    contact->next = hub->contacts;
    hub->contacts = contact;
    hub->contact_count++;
    return contact;
}

/* Who had that name before is not heard any more: what comes late of it must not be taken for
 * another change. */
static void replace(struct lki_hub *hub, const char *id)
{
    for (struct lki_contact *contact = hub->contacts; contact; contact = contact->next) {
        if (contact->state == LKI_CONTACT_LIVE && !strcmp(contact->id, id)) {
            contact->state = LKI_CONTACT_REPLACED;
            lki_channel_up(&contact->channel, false);
        }
    }
}

static struct lki_contact *find(struct lki_hub *hub, const char *id, uint64_t session)
{
    struct lki_contact *contact = hub->contacts;

    while (contact && (contact->session != session || strcmp(contact->id, id) != 0))
        contact = contact->next;
    return contact;
}

/* It is told of us at once, so that it tells us who it is. */
static struct lki_contact *meet(struct lki_hub *hub, const struct lki_envelope *envelope)
{
    struct lki_contact *contact;

    if (hub->contact_count >= CONTACTS_MAX)
        return NULL;
    replace(hub, envelope->station);
    contact = contact_new(hub, envelope);
    if (!contact)
        return NULL;
    say(contact, true, NULL, 0);
    hub->owner.on_contact(hub, contact, hub->owner.arg);
    return contact;
}

/* A station that knows a greater token than ours: its orchestrator was another one, of a Redis
 * whose clock was ahead. The lock is given back and, if nobody else takes it, ours again with a
 * token that it obeys. */
static void outbid(struct lki_hub *hub, uint64_t token)
{
    if (token <= hub->token || token >= LKI_TOKEN_MAX || !hub->up)
        return;
    hub->up = false;
    lki_hub_contacts_up(hub, false);
    lki_claim_give_back(&hub->lock, token);
    lki_claim_start(&hub->lock);
}

void lki_hub_hear(struct lki_hub *hub, const void *bytes, size_t len)
{
    struct lki_envelope envelope;
    struct lki_contact *contact;

    if (lki_envelope_read(&envelope, bytes, len))
        return;
    outbid(hub, envelope.token);
    contact = find(hub, envelope.station, envelope.session);
    if (!contact)
        contact = meet(hub, &envelope);
    /* taken over from: its reports are another one's, whom the channel tells them again */
    if (!contact || hub->closed || !hub->up)
        return;
    if (contact->state == LKI_CONTACT_LIVE || contact->state == LKI_CONTACT_LEAVING)
        hear(contact, &envelope);
}

/* ---- all of them ---- */

static bool talks(const struct lki_contact *contact)
{
    return contact->state == LKI_CONTACT_LIVE || contact->state == LKI_CONTACT_LEAVING;
}

void lki_hub_contacts_up(struct lki_hub *hub, bool up)
{
    for (struct lki_contact *contact = hub->contacts; contact; contact = contact->next) {
        contact->since_ns = lki_loop_now(hub->loop);
        if (talks(contact))
            lki_channel_up(&contact->channel, up);
    }
}

void lki_hub_renew_contacts(struct lki_hub *hub)
{
    for (struct lki_contact *contact = hub->contacts; contact; contact = contact->next)
        lki_channel_restart(&contact->channel, hub->token, contact->session, contact->channel.heard,
                            true);
}

/* By what was read, not by the clock: who stood still ourselves, or Redis, learns nothing of
 * others. */
static bool is_silent(const struct lki_contact *contact)
{
    int64_t heard_ns = contact->heard_ns > contact->since_ns ? contact->heard_ns
                                                             : contact->since_ns;

    return contact->hub->carrier.read_until_ns - heard_ns > LKI_SILENCE_NS;
}

static void tick(struct lki_contact *contact, int64_t now_ns)
{
    struct lki_hub *hub = contact->hub;

    if (talks(contact) && now_ns - contact->said_ns >= BEAT_NS)
        say(contact, true, NULL, 0);
    if (contact->state == LKI_CONTACT_LEAVING &&
        (now_ns >= contact->until_ns || lki_channel_is_flushed(&contact->channel))) {
        contact->state = LKI_CONTACT_GONE;
        contact->until_ns = now_ns + GONE_NS;
        lki_channel_up(&contact->channel, false);
    }
    if (contact->state == LKI_CONTACT_LIVE && !contact->silent && hub->up && is_silent(contact)) {
        contact->silent = true;
        hub->owner.on_silent(contact, true, hub->owner.arg);
    }
}

static void contact_release(struct lki_contact *contact)
{
    contact->hub->contact_count--;
    lki_channel_release(&contact->channel);
    free(contact);
}

static void forget(struct lki_hub *hub, int64_t now_ns)
{
    struct lki_contact **at = &hub->contacts;

    while (*at) {
        struct lki_contact *contact = *at;

        if (contact->state == LKI_CONTACT_GONE && now_ns >= contact->until_ns &&
            !contact->down.pending) {
            *at = contact->next;
            contact_release(contact);
        } else {
            at = &contact->next;
        }
    }
}

void lki_hub_tick_contacts(struct lki_hub *hub)
{
    int64_t now_ns = lki_loop_now(hub->loop);

    for (struct lki_contact *contact = hub->contacts; contact && !hub->closed;
         contact = contact->next)
        tick(contact, now_ns);
    if (!hub->closed)
        forget(hub, now_ns);
}

void lki_hub_release_contacts(struct lki_hub *hub)
{
    while (hub->contacts) {
        struct lki_contact *contact = hub->contacts;

        hub->contacts = contact->next;
        contact_release(contact);
    }
    while (hub->expected) {
        struct lki_expected *expected = hub->expected;

        hub->expected = expected->next;
        free(expected);
    }
}

/* ---- for its owner ---- */

enum lk_err lki_hub_expect(struct lki_hub *hub, const char *id, uint64_t session, uint64_t after)
{
    struct lki_expected *expected;

    if (!lki_station_is_id(id) || !session)
        return LK_E_ARG;
    if (find(hub, id, session))
        return LK_E_STATE;
    expected = lki_zalloc(sizeof(*expected));
    if (!expected)
        return LK_E_NOMEM;
    take_expected(hub, id, session);
    expected->session = session;
    expected->after = after;
    memcpy(expected->id, id, strlen(id) + 1);
    expected->next = hub->expected;
    hub->expected = expected;
    return LK_OK;
}

void lki_contact_free(struct lki_contact *contact)
{
    int64_t now_ns = lki_loop_now(contact->hub->loop);

    if (!talks(contact)) {
        contact->state = LKI_CONTACT_GONE;
        contact->until_ns = now_ns + GONE_NS;
    } else if (contact->state == LKI_CONTACT_LIVE) {
        contact->state = LKI_CONTACT_LEAVING;
        contact->until_ns = now_ns + LEAVING_NS;
        lki_channel_done(&contact->channel, contact->channel.heard);
    }
}

const char *lki_contact_id(const struct lki_contact *contact)
{
    return contact->id;
}

uint64_t lki_contact_session(const struct lki_contact *contact)
{
    return contact->session;
}

bool lki_contact_is_silent(const struct lki_contact *contact)
{
    return contact->silent;
}

int64_t lki_contact_heard_ns(const struct lki_contact *contact)
{
    return contact->heard_ns;
}

void lki_contact_set_arg(struct lki_contact *contact, void *arg)
{
    contact->arg = arg;
}

void *lki_contact_arg(const struct lki_contact *contact)
{
    return contact->arg;
}

enum lk_err lki_contact_send(struct lki_contact *contact, const void *bytes, size_t len)
{
    return lki_channel_send(&contact->channel, bytes, len);
}

bool lki_contact_is_flushed(const struct lki_contact *contact)
{
    return lki_channel_is_flushed(&contact->channel);
}

void lki_contact_done(struct lki_contact *contact, uint64_t number)
{
    lki_channel_done(&contact->channel, number);
}

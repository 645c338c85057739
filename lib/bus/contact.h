/*
 * A station as the orchestrator's hub knows it: the channel to one process of that name. Within the
 * bus; others see bus/hub.h.
 */
#ifndef LKI_BUS_CONTACT_H
#define LKI_BUS_CONTACT_H

#include "bus/carrier.h"
#include "bus/channel.h"
#include "bus/claim.h"
#include "bus/hub.h"

enum lki_contact_state {
    LKI_CONTACT_LIVE,
    LKI_CONTACT_REPLACED, /* another process has its name; its owner still has it */
    LKI_CONTACT_LEAVING,  /* its owner has let go of it; what was sent is still on its way */
    LKI_CONTACT_GONE      /* kept only to know its session */
};

struct lki_contact {
    struct lki_contact *next;
    struct lki_hub *hub;
    struct lki_channel channel;
    struct lki_stream down;
    char id[LKI_NAME_MAX + 1];
    uint64_t session;
    enum lki_contact_state state;
    bool silent;
    int64_t heard_ns;
    int64_t stamp_ns; /* by its own clock, when it said what was heard last */
    int64_t since_ns; /* silence counts from here on at the earliest */
    int64_t said_ns;  /* when something was carried to it last */
    int64_t until_ns; /* how long it is leaving, or kept */
    void *arg;
};

struct lki_expected {
    struct lki_expected *next;
    uint64_t session;
    uint64_t after;
    char id[LKI_NAME_MAX + 1];
};

struct lki_hub {
    struct lki_loop *loop;
    struct lki_hub_owner owner;
    struct lki_carrier carrier;
    struct lki_claim lock;
    uint64_t token; /* 0: it was never up */
    bool up;
    bool closed;
    unsigned fetching; /* readings of the state that are on their way */
    struct lki_contact *contacts;
    size_t contact_count;
    struct lki_expected *expected;
    struct lki_timer tick;
    struct lki_post reap;
    struct lki_buf out;
    char state_key[LKI_KEY_MAX];
    uint64_t state_connection; /* in which the expiry of the state was set last */
    int64_t state_expiry_ns;   /* and when */
};

/* Within a call from the carrier. */
void lki_hub_hear(struct lki_hub *hub, const void *bytes, size_t len);
/* Another token: all channels begin anew. */
void lki_hub_renew_contacts(struct lki_hub *hub);
void lki_hub_contacts_up(struct lki_hub *hub, bool up);
/* Each half second: beats, who is silent, who can be forgotten. */
void lki_hub_tick_contacts(struct lki_hub *hub);
void lki_hub_release_contacts(struct lki_hub *hub);

#endif

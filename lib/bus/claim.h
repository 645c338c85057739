/*
 * A key in Redis that belongs to one process while that process lives: the lock of the
 * orchestrator, the presence of a station. It expires, and is renewed each second. A key of
 * somebody who does not renew it is waited for.
 */
#ifndef LKI_BUS_CLAIM_H
#define LKI_BUS_CLAIM_H

#include "bus/carrier.h"

#define LKI_CLAIM_EXPIRY_MS 5000
/* Larger ones are nobody's: scripts in Redis count in doubles. */
#define LKI_TOKEN_MAX (UINT64_C(1) << 53)
/* In a value: there the token is put. */
#define LKI_CLAIM_TOKEN "@token@"

struct lki_claim;

struct lki_claim_owner {
    /* It is ours. token: what was put into the value when it was taken; the same one as long as it
     * stays ours. Once for each lki_claim_start. */
    void (*on_ours)(struct lki_claim *claim, uint64_t token, void *arg);
    /* It is somebody else's, who lives. */
    void (*on_taken)(struct lki_claim *claim, const char *value, void *arg);
    void *arg;
    /* It is somebody else's, of whom nothing was seen yet: its expiry is waited for. NULL: nobody
     * wants to know. */
    void (*on_wait)(struct lki_claim *claim, const char *value, void *arg);
};

struct lki_claim {
    struct lki_carrier *carrier;
    struct lki_claim_owner owner;
    char key[LKI_KEY_MAX];
    struct lki_buf form;  /* the value, with LKI_CLAIM_TOKEN in it or not */
    struct lki_buf value; /* as it was put there last; empty: never */
    uint64_t token;
    uint64_t above; /* what the next token must be greater than */
    struct lki_timer timer;
    int64_t since_ns;   /* since when it is ours */
    int64_t asked_ns;   /* when it was asked for last */
    int64_t renewed_ns; /* the same, of what was answered last: it is ours */
    unsigned asking;    /* answers that have not come */
    unsigned stale;     /* of them: to what was asked before it was given back */
    bool started;
    bool ours;
    /* whose it is, if not ours */
    uint64_t other; /* hash of the value; 0: not seen yet */
    int64_t other_left_ms;
};

/* value: a text of which no other process has the same one, borrowed for the call. LK_E_NOMEM. */
enum lk_err lki_claim_init(struct lki_claim *claim, struct lki_carrier *carrier, const char *word,
                           const char *name, const char *value,
                           const struct lki_claim_owner *owner);
/* A zeroed one may be released too. */
void lki_claim_release(struct lki_claim *claim);

/* From the carrier's on_ready on: takes it, or waits for it; and renews it until lki_claim_stop. */
void lki_claim_start(struct lki_claim *claim);
void lki_claim_stop(struct lki_claim *claim);

/* Gives it back; a next start takes it anew, with a token greater than above too. */
void lki_claim_give_back(struct lki_claim *claim, uint64_t above);

/* For people: "host pid" of a value, or as much of it as can be shown. */
void lki_claim_who(const char *value, char *who, size_t size);

#endif

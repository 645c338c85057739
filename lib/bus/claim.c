#include "bus/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define RENEW_NS (1 * LKI_NS_PER_S)
/* How often somebody else's is looked at: a holder who lives has renewed it within a second. */
#define LOOK_NS (300 * LKI_NS_PER_MS)
/* By so long after it is ours all has been tried that is done again and again, beats too. */
#define PROOF_NS (1500 * LKI_NS_PER_MS)
#define VALUE_MAX_BYTES ((size_t)64 * 1024)

/* KEYS: the key; ARGV: the value, its expiry in ms, and, if the value is to get a token, what that
 * must be greater than. Gives {1, token}, or {0, value, ms left} of who has it. */
static const char take[] =
    "local value = ARGV[1] "
    "local token = '0' "
    "if ARGV[3] ~= '' then "
    "  local now = redis.call('TIME') "
    "  token = math.max(now[1] * 1000000 + now[2], ARGV[3] + 1) "
    "  token = string.format('%.0f', token) "
    "  value = string.gsub(value, '" LKI_CLAIM_TOKEN "', token, 1) "
    "end "
    "local held = redis.call('GET', KEYS[1]) "
    "if held and held ~= value then return {0, held, redis.call('PTTL', KEYS[1])} end "
    "if held then redis.call('PEXPIRE', KEYS[1], ARGV[2]) "
    "else redis.call('SET', KEYS[1], value, 'NX', 'PX', ARGV[2]) end "
    "return {1, token}";

static const char give_back[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

static void look_again(struct lki_claim *claim, int64_t after_ns)
{
    struct lki_loop *loop = claim->carrier->loop;

    lki_timer_set(&loop->timers, &claim->timer, lki_loop_now(loop) + after_ns);
}

/* ---- it is ours ---- */

/* The same as the script has made of it. */
static bool fill_in(struct lki_claim *claim, const char *token)
{
    const char *form = lki_buf_cstr(&claim->form);
    const char *at = form ? strstr(form, LKI_CLAIM_TOKEN) : NULL;

    lki_buf_clear(&claim->value);
    if (at) {
        lki_buf_append(&claim->value, form, (size_t)(at - form));
        lki_buf_str(&claim->value, token);
        form = at + strlen(LKI_CLAIM_TOKEN);
    }
    if (form)
        lki_buf_str(&claim->value, form);
    return form && lki_buf_cstr(&claim->value);
}

/* Answers come in their order: all that was asked for before has succeeded too. */
static void look_for_proof(struct lki_claim *claim)
{
    if (claim->asked_ns - claim->since_ns >= PROOF_NS)
        claim->carrier->doubted = false;
}

static void on_ours(struct lki_claim *claim, const char *token)
{
    bool news = !claim->ours;

    if (!claim->value.len) {
        if (!fill_in(claim, token)) {
            lki_buf_clear(&claim->value);
            lki_redis_drop(claim->carrier->say, LKI_REDIS_AWAY, lk_strerror(LK_E_NOMEM));
            return;
        }
        claim->token = strtoull(token, NULL, 10);
    }
    claim->ours = true;
    claim->renewed_ns = claim->asked_ns;
    claim->other = 0;
    look_again(claim, RENEW_NS);
    if (news)
        claim->since_ns = lki_loop_now(claim->carrier->loop);
    look_for_proof(claim);
    if (news)
        claim->owner.on_ours(claim, claim->token, claim->owner.arg);
}

/* ---- it is somebody else's ---- */

/* What we have had, or what is renewed while we look, is taken; a key that never expires is no
 * claim. */
static void on_others(struct lki_claim *claim, const char *value, int64_t left_ms)
{
    uint64_t other = lki_hash(value, strlen(value)) | 1;
    bool lives = claim->ours ||
                 (claim->other && (claim->other != other || left_ms > claim->other_left_ms));
    bool first = !claim->ours && !claim->other;
    char why[LKI_KEY_MAX + 256];

    if (left_ms < 0 && !claim->ours) {
        snprintf(
            why, sizeof(why),
            "its key %s holds something that never expires, so it is not loadkit's: remove it, "
            "or give another --cluster",
            claim->key);
        lki_redis_drop(claim->carrier->say, LKI_REDIS_REFUSED, why);
        return;
    }
    claim->other = other;
    claim->other_left_ms = left_ms;
    look_again(claim, LOOK_NS);
    if (lives) {
        lki_claim_stop(claim);
        claim->owner.on_taken(claim, value, claim->owner.arg);
    } else if (first && claim->owner.on_wait) {
        claim->owner.on_wait(claim, value, claim->owner.arg);
    }
}

/* ---- asking ---- */

static void on_reply(const struct lki_redis_reply *reply, void *arg)
{
    struct lki_claim *claim = arg;
    bool stale = claim->stale > 0;

    claim->asking--;
    claim->stale -= stale;
    if (lki_carrier_failed(claim->carrier, reply, claim->key) || !claim->started || stale)
        return;
    if (reply->count == 2 && reply->items[0].integer == 1)
        on_ours(claim, reply->items[1].text);
    else if (reply->count == 3)
        on_others(claim, reply->items[1].text, reply->items[2].integer);
}

/* While it was never ours each try may become a token; from then on the value is what it is, also
 * when it must be put anew. */
static void ask(struct lki_claim *claim)
{
    bool fresh = !claim->value.len;
    bool tokens = fresh && lki_buf_cstr(&claim->form) && strstr(claim->form.data, LKI_CLAIM_TOKEN);
    const char *value = lki_buf_cstr(fresh ? &claim->form : &claim->value);
    char expiry[24], above[24] = "";
    enum lk_err err = LK_E_NOMEM;

    snprintf(expiry, sizeof(expiry), "%d", LKI_CLAIM_EXPIRY_MS);
    if (tokens)
        snprintf(above, sizeof(above), "%llu", (unsigned long long)claim->above);
    if (value)
        err = lki_redis_say(claim->carrier->say, on_reply, claim, "EVAL", take, "1", claim->key,
                            value, expiry, above);
    claim->asking += !err;
    claim->asked_ns = lki_loop_now(claim->carrier->loop);
    look_again(claim, RENEW_NS);
}

static void on_due(struct lki_timer *timer)
{
    struct lki_claim *claim = LKI_CONTAINER(timer, struct lki_claim, timer);

    if (claim->asking)
        look_again(claim, LOOK_NS);
    else
        ask(claim);
}

enum lk_err lki_claim_init(struct lki_claim *claim, struct lki_carrier *carrier, const char *word,
                           const char *name, const char *value, const struct lki_claim_owner *owner)
{
    *claim = (struct lki_claim){.owner = *owner};
    lki_carrier_key(carrier, claim->key, word, name);
    lki_buf_init(&claim->form, VALUE_MAX_BYTES);
    lki_buf_init(&claim->value, VALUE_MAX_BYTES);
    lki_buf_str(&claim->form, value);
    if (!lki_buf_cstr(&claim->form) ||
        lki_timer_init(&carrier->loop->timers, &claim->timer, on_due)) {
        lki_buf_release(&claim->form);
        return LK_E_NOMEM;
    }
    claim->carrier = carrier;
    return LK_OK;
}

void lki_claim_release(struct lki_claim *claim)
{
    if (!claim->carrier)
        return;
    lki_timer_release(&claim->carrier->loop->timers, &claim->timer);
    lki_buf_release(&claim->form);
    lki_buf_release(&claim->value);
}

void lki_claim_start(struct lki_claim *claim)
{
    claim->started = true;
    claim->ours = false;
    claim->other = 0;
    ask(claim);
}

void lki_claim_stop(struct lki_claim *claim)
{
    claim->started = false;
    claim->ours = false;
    lki_timer_cancel(&claim->timer);
}

void lki_claim_give_back(struct lki_claim *claim, uint64_t above)
{
    const char *value = claim->value.len ? lki_buf_cstr(&claim->value) : NULL;

    if (value && claim->carrier->say)
        lki_redis_say(claim->carrier->say, NULL, NULL, "EVAL", give_back, "1", claim->key, value);
    lki_claim_stop(claim);
    if (claim->value.data)
        lki_buf_clear(&claim->value);
    claim->stale = claim->asking;
    claim->above = above;
}

/* ---- for people ---- */

static bool member(const char *value, const char *name, char *out, size_t size)
{
    struct lki_json_value found;
    struct lki_buf text;
    const char *plain = NULL;

    if (lki_json_find(value, strlen(value), name, &found) ||
        (found.kind != LKI_JSON_STRING && found.kind != LKI_JSON_NUMBER))
        return false;
    lki_buf_init(&text, found.len + 1);
    if (!lki_json_text(&found, &text))
        plain = lki_buf_cstr(&text);
    if (plain)
        lki_text_shown(out, size, plain);
    lki_buf_release(&text);
    return plain != NULL;
}

void lki_claim_who(const char *value, char *who, size_t size)
{
    char host[128], pid[24];

    if (member(value, "host", host, sizeof(host)) && member(value, "pid", pid, sizeof(pid)))
        snprintf(who, size, "%s %s", host, pid);
    else if (!member(value, "who", who, size))
        lki_text_shown(who, size, value);
}

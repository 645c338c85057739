#include "stats/snapshot_change.h"

#include <string.h>

#include "base/mem.h"
#include "stats/snapshot_read.h"

/* What a worker records never becomes less, and lists only become longer at their ends: so what it
 * told before is found in what it tells now in the same order. */

/* An entry in the list of metrics: what is folded and the second in hand, of which the latencies
 * are still encoded. */
struct entry {
    struct lki_snapshot_name name;
    struct counts {
        uint64_t all, errors, cancelled, fatal;
        struct lki_codes codes;
    } counts;
    struct lki_snapshot_bytes latency[LKI_SNAPSHOT_TALLIES_MAX];
    unsigned tallies;
};

struct side {
    struct lki_snapshot_in from;
    struct entry entry;
    bool there; /* the entry is one, and was not used */
};

struct change {
    struct side now;
    struct side before;
    lki_tally_place *place;
    void *arg;
    bool starved;
};

/* ---- reading one side ---- */

static void skip_bytes(struct lki_snapshot_in *from)
{
    size_t len;

    lki_unpack_bytes(&from->in, &len);
}

static void skip_arrivals(struct lki_snapshot_in *from)
{
    lki_unpack_f64(&from->in);
    skip_bytes(from);
}

static void take_codes(struct lki_snapshot_in *from, struct lki_codes *codes)
{
    uint64_t used;

    codes->lost += lki_snapshot_take_count(from);
    used = lki_unpack_u64(&from->in);
    for (uint64_t i = 0; i < used && !from->in.bad; i++) {
        lki_code code = lki_snapshot_take_code(from);

        lki_codes_add(codes, code, lki_snapshot_take_count(from));
    }
}

static void take_tally(struct lki_snapshot_in *from, struct entry *entry)
{
    struct counts *counts = &entry->counts;
    struct lki_snapshot_bytes *latency = &entry->latency[entry->tallies++];

    counts->all += lki_snapshot_take_count(from);
    counts->errors += lki_snapshot_take_count(from);
    counts->cancelled += lki_snapshot_take_count(from);
    counts->fatal += lki_snapshot_take_count(from);
    lki_unpack_u64(&from->in); /* bytes sent, and received */
    lki_unpack_u64(&from->in);
    take_codes(from, &counts->codes);
    latency->data = lki_unpack_bytes(&from->in, &latency->len);
    skip_bytes(from); /* intended */
    for (int p = 0; p < LKI_PHASE_COUNT; p++)
        skip_bytes(from);
}

static void skip_examples(struct lki_snapshot_in *from)
{
    while (lki_snapshot_take_form(from)) {
        lki_snapshot_take_code(from);
        for (int text = 0; text < 3; text++)
            skip_bytes(from);
        for (int number = 0; number < 3; number++)
            lki_unpack_u64(&from->in);
    }
}

static void entry_next(struct side *side)
{
    struct lki_snapshot_in *from = &side->from;
    struct entry *entry = &side->entry;

    lki_codes_release(&entry->counts.codes);
    *entry = (struct entry){0};
    side->there = lki_snapshot_take_name(from, &entry->name);
    if (!side->there)
        return;
    for (unsigned left = lki_snapshot_take_tally_count(from); left && !from->in.bad; left--)
        take_tally(from, entry);
    skip_examples(from);
    side->there = !from->in.bad;
}

static void side_begin(struct side *side, struct lki_metrics *names,
                       struct lki_snapshot_bytes bytes)
{
    struct lki_snapshot_in *from = &side->from;
    struct lki_snapshot_head head;

    from->metrics = names;
    if (!bytes.len)
        return;
    from->in = lki_unpack(bytes.data, bytes.len);
    lki_snapshot_take_head(&from->in, &head);
    skip_arrivals(from);
    lki_snapshot_take_codebook(from);
    lki_snapshot_take_count(from); /* look-ups of metrics without a place */
    entry_next(side);
}

/* ---- comparing both ---- */

static bool is_same(const struct lki_snapshot_name *a, const struct lki_snapshot_name *b)
{
    return a->form == b->form && a->source == b->source && !strcmp(a->name, b->name) &&
           !strcmp(a->step, b->step) && !strcmp(a->kind, b->kind) && !strcmp(a->stage, b->stage);
}

static bool has_grown(const struct counts *before, const struct counts *now)
{
    const struct lki_code_count *codes = lki_codes_all(&before->codes);
    uint64_t came;
    uint64_t errors;

    for (uint16_t i = 0; i < before->codes.len; i++) {
        if (codes[i].count > lki_codes_get(&now->codes, codes[i].code))
            return false;
    }
    if (before->all > now->all || before->errors > now->errors ||
        before->cancelled > now->cancelled || before->fatal > now->fatal ||
        before->codes.lost > now->codes.lost)
        return false;
    came = now->all - before->all;
    errors = now->errors - before->errors;
    return errors <= came && now->cancelled - before->cancelled <= came - errors;
}

static void add_counts(struct lki_tally *into, const struct counts *before,
                       const struct counts *now)
{
    const struct lki_code_count *codes = lki_codes_all(&now->codes);

    into->count += now->all - before->all;
    into->errors += now->errors - before->errors;
    into->cancelled += now->cancelled - before->cancelled;
    into->fatal += now->fatal - before->fatal;
    into->codes.lost += now->codes.lost - before->codes.lost;
    for (uint16_t i = 0; i < now->codes.len; i++) {
        uint64_t more = codes[i].count - lki_codes_get(&before->codes, codes[i].code);

        if (more)
            lki_codes_add(&into->codes, codes[i].code, more);
    }
}

/* Of two tallies as one. */
static enum lk_err join(const struct entry *entry, struct lki_buf *out)
{
    struct lki_hist both = {0};
    enum lk_err err = LK_OK;

    for (unsigned i = 0; i < entry->tallies && !err; i++) {
        if (entry->latency[i].len)
            err = lki_hist_decode(&both, entry->latency[i].data, entry->latency[i].len);
    }
    if (!err)
        lki_hist_encode(&both, out);
    lki_hist_release(&both);
    return err ? err : out->err;
}

static enum lk_err add_latencies(struct lki_hist *into, const struct entry *before,
                                 const struct entry *now)
{
    struct lki_buf parts[2];
    enum lk_err err;

    if (before->tallies <= 1 && now->tallies <= 1)
        return lki_hist_decode_change(into, before->latency[0].data, before->latency[0].len,
                                      now->latency[0].data, now->latency[0].len);
    lki_buf_init(&parts[0], SIZE_MAX);
    lki_buf_init(&parts[1], SIZE_MAX);
    err = join(before, &parts[0]);
    if (!err)
        err = join(now, &parts[1]);
    if (!err)
        err = lki_hist_decode_change(into, parts[0].data, parts[0].len, parts[1].data,
                                     parts[1].len);
    lki_buf_release(&parts[0]);
    lki_buf_release(&parts[1]);
    return err;
}

static void compare(struct change *change, const struct entry *before)
{
    struct lki_snapshot_in *from = &change->now.from;
    const struct entry *now = &change->now.entry;
    struct lki_tally *into;
    enum lk_err err;

    lki_snapshot_expect(from, has_grown(&before->counts, &now->counts));
    if (from->in.bad || now->counts.all == before->counts.all)
        return;
    into = change->place(lki_snapshot_metric(from, &now->name), change->arg);
    change->starved |= !into;
    if (!into)
        return;
    err = add_latencies(&into->latency, before, now);
    change->starved |= err == LK_E_NOMEM;
    lki_snapshot_expect(from, !err || err == LK_E_NOMEM);
    if (!from->in.bad)
        add_counts(into, &before->counts, &now->counts);
}

static void compare_all(struct change *change)
{
    static const struct entry nothing = {.tallies = 0};
    struct side *before = &change->before;
    struct side *now = &change->now;

    for (; now->there && !now->from.in.bad; entry_next(now)) {
        bool known = before->there && is_same(&before->entry.name, &now->entry.name);

        compare(change, known ? &before->entry : &nothing);
        if (known)
            entry_next(before);
    }
}

enum lk_err lki_snapshot_change(struct lki_metrics *names, struct lki_snapshot_bytes before,
                                struct lki_snapshot_bytes now, lki_tally_place *place, void *arg)
{
    struct change change = {.place = place, .arg = arg};
    bool bad;

    side_begin(&change.before, names, before);
    side_begin(&change.now, names, now);
    compare_all(&change);
    /* what was told before has all been found */
    bad = change.now.from.in.bad || change.before.from.in.bad || change.before.there;
    lki_codes_release(&change.before.entry.counts.codes);
    lki_codes_release(&change.now.entry.counts.codes);
    if (bad)
        return LK_E_FORMAT;
    return change.starved ? LK_E_NOMEM : LK_OK;
}

/* Who reads the probes: all that were begun to do so, or, while none of them is there, one of all.
 */
#include "control/inner.h"

/* So long who reads them may take to be begun anew when it has died. */
#define ANEW_NS (2 * LKI_NS_PER_S)

bool lki_probes_are(const struct lki_member *member)
{
    const struct lki_core *core = member->core;

    if (core->plan.open_ended && core->backstage->probes)
        return member->probes;
    return member == core->backstage;
}

void lki_probes_told(struct lki_member *member, bool on)
{
    member->probes_told = true;
    member->shown.probes = on;
}

static bool can_read(const struct lki_member *member)
{
    return lki_member_works(member) && !member->lost && !member->leaving;
}

/* It has just died, and will most likely be there again at once. */
static bool begins_anew(const struct lki_member *member)
{
    bool down = member->dying || member->stage < LKI_MEMBER_STARTED;

    return down && !member->failed && !member->leaving && !member->lost &&
           lki_core_now(member->core) - member->cut_ns < ANEW_NS;
}

/* Who has them keeps them, but for one that was begun to read them. NULL: nobody can. */
static struct lki_member *find_reader(const struct lki_core *core)
{
    struct lki_member *reader = can_read(core->backstage) ? core->backstage : NULL;

    for (size_t i = 0; i < core->member_count; i++) {
        struct lki_member *member = core->members[i];

        if (can_read(member) && (!reader || (member->probes && !reader->probes)))
            reader = member;
    }
    return reader;
}

static void tell(struct lki_member *member)
{
    const struct lki_order order = {
        .kind = LKI_ORDER_PROBES,
        .probes = {.on = can_read(member) && lki_probes_are(member)},
    };

    if (!lki_member_works(member) ||
        (member->probes_told && member->shown.probes == order.probes.on))
        return;
    if (lki_core_order(member, &order))
        lki_probes_told(member, order.probes.on);
}

/* One that is out of reach hears when it is back that they are no more its own; while nobody else
 * is there they stay so. */
void lki_probes_look(struct lki_core *core)
{
    bool known = core->backstage && (!core->settling || core->settled);
    bool waits = known && begins_anew(core->backstage);
    struct lki_member *reader = known && !waits ? find_reader(core) : NULL;

    if (!reader)
        return;
    core->backstage = reader;
    for (size_t i = 0; i < core->member_count; i++)
        tell(core->members[i]);
}

#include "loop/outside.h"

#include "base/mem.h"

void lki_outside_begin(struct lki_loop *loop, struct lki_outside *outside)
{
    if (LKI_LIKELY(!loop->patient))
        return;
    *outside = (struct lki_outside){.next = loop->outside, .since_ns = lki_clock_real()};
    if (outside->next)
        outside->next->prev = outside;
    loop->outside = outside;
}

void lki_outside_end(struct lki_loop *loop, struct lki_outside *outside)
{
    if (LKI_LIKELY(!loop->patient))
        return;
    if (outside->prev)
        outside->prev->next = outside->next;
    else
        loop->outside = outside->next;
    if (outside->next)
        outside->next->prev = outside->prev;
}

void lki_outside_renew(struct lki_loop *loop)
{
    int64_t now_ns = loop->outside ? lki_clock_real() : 0;

    for (struct lki_outside *outside = loop->outside; outside; outside = outside->next)
        outside->since_ns = now_ns;
}

/* Who came last has waited least. */
int64_t lki_outside_until(const struct lki_loop *loop)
{
    return loop->outside->since_ns + LKI_CHANCE_NS;
}

bool lki_outside_holds(const struct lki_loop *loop)
{
    return loop->outside && lki_clock_real() < lki_outside_until(loop);
}

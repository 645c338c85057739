#include "worker/grant.h"

/* More are asked for before they run out; when they have run out, when one could begin. */
static bool wants_iterations(const struct lki_crowd *crowd)
{
    uint64_t left = lki_crowd_left(crowd);

    return (left && left <= crowd->iterations_low) || lki_crowd_starves(crowd);
}

static struct lki_report_iterations standing(const struct lki_grant *grant)
{
    return (struct lki_report_iterations){.granted = grant->granted,
                                          .recalls = grant->recalls,
                                          .returned = grant->returned,
                                          .left = lki_crowd_left(grant->crowd)};
}

bool lki_grant_news(struct lki_grant *grant, struct lki_report_iterations *news)
{
    const struct lki_report_iterations *told = &grant->told;
    bool used_up;
    bool asks;

    *news = standing(grant);
    news->wanted = wants_iterations(grant->crowd);
    used_up = !news->left && (told->left || told->granted != grant->granted);
    asks = news->wanted && !told->wanted;
    if (!grant->counted || grant->last || grant->reclaiming.fn ||
        (!used_up && !asks && told->recalls == grant->recalls))
        return false;
    grant->told = *news;
    return true;
}

struct lki_report_iterations lki_grant_stand(struct lki_grant *grant)
{
    grant->told = (struct lki_report_iterations){0};
    return standing(grant);
}

static void on_reclaiming(struct lki_post *post)
{
    struct lki_grant *grant = LKI_CONTAINER(post, struct lki_grant, reclaiming);

    if (grant->last)
        return;
    grant->crowd->iterations_low = 0;
    grant->returned += lki_crowd_reclaim(grant->crowd);
    grant->on_returned(grant);
}

/* More are asked for when half of a block is left. */
static void add(struct lki_grant *grant, uint64_t more, bool last)
{
    grant->granted += more;
    grant->last = last;
    grant->told.wanted = false;
    grant->crowd->iterations_low = last ? 0 : more / 2;
    lki_crowd_grant(grant->crowd, more, last);
}

/* Whoever was woken for what was granted before a recall begins it first: so what is given to who
 * needs it does not go round without end. */
void lki_grant_obey(struct lki_grant *grant, const struct lki_order_iterations *order)
{
    if (!grant->counted || grant->last || order->granted < grant->granted)
        return;
    if (order->granted > grant->granted || order->last)
        add(grant, order->granted - grant->granted, order->last);
    if (order->recalls > grant->recalls) {
        grant->recalls = order->recalls;
        lki_loop_post(grant->loop, &grant->reclaiming, on_reclaiming);
    }
}

void lki_grant_init(struct lki_grant *grant, struct lki_loop *loop, struct lki_crowd *crowd,
                    void (*on_returned)(struct lki_grant *grant))
{
    *grant = (struct lki_grant){.loop = loop, .crowd = crowd, .on_returned = on_returned};
}

void lki_grant_release(struct lki_grant *grant)
{
    lki_loop_unpost(grant->loop, &grant->reclaiming);
}

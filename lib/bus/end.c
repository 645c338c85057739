#include "bus/end.h"

/* Nobody tells a link that it has an owner; mostly it has one before the loop turns. */
#define LOOK_AGAIN_NS LKI_NS_PER_MS

enum lk_err lki_end_init(struct lki_end *end, struct lki_loop *loop, const struct lki_link_ops *ops,
                         void (*on_look)(struct lki_timer *look))
{
    *end = (struct lki_end){.link = {.ops = ops}, .loop = loop};
    return lki_timer_init(&loop->timers, &end->look, on_look);
}

void lki_end_release(struct lki_end *end)
{
    lki_timer_release(&end->loop->timers, &end->look);
}

bool lki_end_listens(struct lki_end *end)
{
    if (end->link.on_message)
        return true;
    lki_timer_set(&end->loop->timers, &end->look, lki_loop_now(end->loop) + LOOK_AGAIN_NS);
    return false;
}

bool lki_end_tell(struct lki_end *end, const void *bytes, size_t len)
{
    end->telling = true;
    end->link.on_message(&end->link, bytes, len);
    end->telling = false;
    return !end->closed;
}

bool lki_end_tell_gone(struct lki_end *end)
{
    if (end->told_gone)
        return true;
    end->told_gone = true;
    if (!end->link.on_gone)
        return true;
    end->telling = true;
    end->link.on_gone(&end->link);
    end->telling = false;
    return !end->closed;
}

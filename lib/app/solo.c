#include "app/solo.h"

#include <stdlib.h>

#include "base/mem.h"
#include "bus/link.h"
#include "worker/agent.h"

/* So long its users may take to leave when it is over. */
#define LEAVE_NS (500 * LKI_NS_PER_MS)

struct lki_solo {
    struct lki_loop *loop;
    struct lki_core *core; /* NULL: none yet, or no more */
    struct lki_agent *agent;
    struct lki_link *link;       /* the core's end, before the run begins */
    struct lki_worker_page page; /* what the agent had done when it ended early */
    struct lki_timer leaving;    /* when it is over */
    int64_t until_ns;
    struct lki_post wanted;
};

/* As a process that has ended: of one that was told to, nothing follows. Any other had no memory to
 * go on. */
static void end(struct lki_solo *solo)
{
    const struct lki_death death = {.what = "out of memory", .page = &solo->page};

    lki_agent_free(solo->agent);
    solo->agent = NULL;
    if (solo->core)
        lki_core_died(solo->core, 1, &death);
    else
        lki_loop_stop(solo->loop);
}

/* A function that blocks is not waited for long. */
static void on_leaving(struct lki_timer *timer)
{
    struct lki_solo *solo = LKI_CONTAINER(timer, struct lki_solo, leaving);
    int64_t now_ns = lki_loop_now(solo->loop);

    if (solo->loop->task_count && now_ns < solo->until_ns)
        lki_timer_set(&solo->loop->timers, timer, now_ns + LKI_NS_PER_MS);
    else
        end(solo);
}

static void on_over(struct lki_agent *agent, void *arg)
{
    struct lki_solo *solo = arg;
    int64_t now_ns = lki_loop_now(solo->loop);

    lki_agent_cut(agent);
    solo->until_ns = now_ns + LEAVE_NS;
    lki_timer_set(&solo->loop->timers, &solo->leaving, now_ns);
}

enum lk_err lki_solo_new(struct lki_solo **out, struct lki_loop *loop,
                         const struct lki_model *model)
{
    struct lki_solo *solo = lki_zalloc(sizeof(*solo));
    struct lki_link *other;
    enum lk_err err;

    if (!solo)
        return LK_E_NOMEM;
    solo->loop = loop;
    err = lki_timer_init(&loop->timers, &solo->leaving, on_leaving);
    if (!err)
        err = lki_pair_link_open(&solo->link, &other, loop);
    if (!err)
        err = lki_agent_new(&solo->agent, loop, model, other, &solo->page, on_over, solo);
    if (err)
        lki_solo_free(solo);
    else
        *out = solo;
    return err;
}

enum lk_err lki_solo_begin(struct lki_solo *solo, struct lki_core *core)
{
    struct lki_link *link = solo->link;

    solo->core = core;
    solo->link = NULL;
    return lki_core_join(core, 1, link, 0);
}

static void on_wanted(struct lki_post *post)
{
    lki_core_stop(LKI_CONTAINER(post, struct lki_solo, wanted)->core, LKI_END_CRASHES);
}

void lki_solo_want(struct lki_solo *solo)
{
    lki_loop_post(solo->loop, &solo->wanted, on_wanted);
}

/* An agent is over once it has lost its link. */
void lki_solo_free(struct lki_solo *solo)
{
    if (!solo)
        return;
    solo->core = NULL;
    lki_loop_unpost(solo->loop, &solo->wanted);
    lki_link_close(solo->link);
    if (solo->agent)
        lki_loop_run_until(solo->loop, lki_loop_now(solo->loop) + 2 * LEAVE_NS);
    lki_agent_free(solo->agent);
    lki_timer_release(&solo->loop->timers, &solo->leaving);
    free(solo);
}

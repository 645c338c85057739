/* What the agent and its orders share. */
#ifndef LKI_WORKER_AGENT_INNER_H
#define LKI_WORKER_AGENT_INNER_H

#include "base/arena.h"
#include "user/factory.h"
#include "worker/agent.h"
#include "worker/grant.h"
#include "worker/reporter.h"

struct lki_agent {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_worker_page *page;
    const char *http; /* of this machine; NULL: nothing */
    void (*on_over)(struct lki_agent *agent, void *arg);
    void *arg;
    struct lki_reporter reporter;
    struct lki_worker worker;
    struct lki_lender lender;
    struct lki_arena inbox; /* of the order in hand */
    struct lki_post news;   /* at the end of a turn the core is told what has changed */
    struct lki_post ending;
    bool prepared; /* there is a worker */
    bool started;
    struct lki_grant grant;
    struct lki_factory *factory; /* that makes objects for others; NULL: none was ordered */
    size_t making;               /* of that resource */
    bool orphaned;
    bool over;
};

/* ---- agent.c ---- */

void lki_agent_say(struct lki_agent *agent, const struct lki_report *report);
/* What it was doing has failed. */
void lki_agent_say_failed(struct lki_agent *agent, enum lk_err err, const char *doing);
/* At the end of the turn: resources and iterations, as far as they have changed. */
void lki_agent_tell_news(struct lki_agent *agent);

/* ---- agent_orders.c: what a worker that is prepared is ordered to do ---- */

void lki_agent_obey(struct lki_agent *agent, const struct lki_order *order);

#endif

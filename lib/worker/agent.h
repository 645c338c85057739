/*
 * A worker under orders: reads what the core orders on a link, has the worker do it, and reports.
 */
#ifndef LKI_WORKER_AGENT_H
#define LKI_WORKER_AGENT_H

#include "bus/link.h"
#include "model/model.h"
#include "worker/page.h"
#include "worker/worker.h"

struct lki_agent;

/*
 * Says hello on link, of which the agent takes possession, and does what is ordered as the loop
 * turns. page may be NULL. The model is borrowed. on_over is called once, from the loop, when the
 * agent has been told to quit and has nothing left to do, or when the core is gone.
 */
enum lk_err lki_agent_new(struct lki_agent **out, struct lki_loop *loop,
                          const struct lki_model *model, struct lki_link *link,
                          struct lki_worker_page *page,
                          void (*on_over)(struct lki_agent *agent, void *arg), void *arg);

/* What holds for all users here, as lki_http_settings_write has it, and wins over what is ordered;
 * NULL: nothing. Before the loop turns; borrowed. */
void lki_agent_http(struct lki_agent *agent, const char *http);

/* The core is gone, so this worker ended before it was told to. */
bool lki_agent_orphaned(const struct lki_agent *agent);

/* Of one that is over before it was told to: cuts off what its users do, which takes some turns of
 * the loop more. */
void lki_agent_cut(struct lki_agent *agent);

/* Functions on helper threads that were given up may still use its memory: false then, and the
 * process is better ended than cleaned up. NULL is ignored. */
bool lki_agent_free(struct lki_agent *agent);

#endif

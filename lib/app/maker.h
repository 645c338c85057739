/*
 * Makes objects of resources: the author's factories run in a child process, so that neither a
 * crash nor a wait of theirs reaches the orchestrator.
 */
#ifndef LKI_APP_MAKER_H
#define LKI_APP_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

#include "loop/loop.h"
#include "model/model.h"

struct lki_maker;

/* Called from the loop. */
struct lki_maker_owner {
    /* The object of an id, in the order of ids; text NULL: its factory failed, and message says
     * why. Must not free the maker. */
    void (*on_made)(struct lki_maker *maker, uint64_t id, const char *text, const char *message,
                    void *arg);
    /* Once, the last call: failure NULL, or why not all were made (a crash, with its place). The
     * maker may be freed. */
    void (*on_over)(struct lki_maker *maker, const char *failure, void *arg);
    /* In the child: closes its copies of what else is open here; may be NULL. */
    void (*on_forked)(void *arg);
    void *arg;
};

/* Forks; ids first .. first + count - 1 of that resource. The model is borrowed. LK_E_STATE: this
 * process has threads. */
enum lk_err lki_maker_new(struct lki_maker **out, struct lki_loop *loop,
                          const struct lki_model *model, size_t resource, uint64_t first,
                          uint64_t count, const struct lki_maker_owner *owner);
/* Ends the child if it still lives. NULL is ignored. */
void lki_maker_free(struct lki_maker *maker);

#endif

#include "model/registry.h"

static struct lk_def *first;

void lk_register(struct lk_def *def)
{
    struct lk_def **at = &first;

    while (*at && *at != def)
        at = &(*at)->next_;
    if (*at)
        return;
    def->next_ = NULL;
    *at = def;
}

void lk_unregister(struct lk_def *def)
{
    for (struct lk_def **at = &first; *at; at = &(*at)->next_) {
        if (*at == def) {
            *at = def->next_;
            def->next_ = NULL;
            return;
        }
    }
}

const struct lk_def *lki_registry_first(void)
{
    return first;
}

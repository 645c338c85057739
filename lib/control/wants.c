#include "control/wants.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void lki_wants_release(struct lki_wants *wants)
{
    free(wants->all);
}

uint64_t lki_wants_of(const struct lki_wants *wants, const struct lki_member *member)
{
    uint64_t count = 0;

    for (size_t i = 0; i < wants->count; i++)
        count += wants->all[i].member == member ? wants->all[i].count : 0;
    return count;
}

bool lki_wants_more(struct lki_wants *wants, struct lki_member *member, uint64_t more)
{
    struct lki_want *all = wants->all;

    if (wants->count && all[wants->count - 1].member == member) {
        all[wants->count - 1].count += more;
        return true;
    }
    all = lki_room(all, wants->count, &wants->cap, sizeof(*all));
    if (!all)
        return false;
    wants->all = all;
    all[wants->count++] = (struct lki_want){member, more};
    return true;
}

static void drop(struct lki_wants *wants, size_t at)
{
    wants->count--;
    memmove(wants->all + at, wants->all + at + 1, (wants->count - at) * sizeof(*wants->all));
}

void lki_wants_less(struct lki_wants *wants, const struct lki_member *member, uint64_t less)
{
    for (size_t i = 0; less && i < wants->count;) {
        struct lki_want *want = &wants->all[i];
        uint64_t part = want->count < less ? want->count : less;

        if (want->member != member) {
            i++;
            continue;
        }
        want->count -= part;
        less -= part;
        if (!want->count)
            drop(wants, i);
    }
}

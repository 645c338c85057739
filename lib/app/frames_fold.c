/* Recursion in a backtrace. */
#include <stdio.h>
#include <string.h>

#include "app/frames.h"

/* Functions that call each other in turn. */
#define GROUP_MAX ((size_t)8)
/* Fewer are as quickly read as folded. */
#define REPEATS_MIN ((size_t)2)

/* How often the group of frames that begins there stands behind itself. */
static size_t repeats_at(const struct lki_frames *frames, size_t at, size_t group)
{
    size_t same = 0;

    while (at + group + same < frames->count &&
           !strcmp(frames->texts[at + group + same], frames->texts[at + same]))
        same++;
    return same / group;
}

/* The smallest group there that is worth folding; 0: none. */
static size_t group_at(const struct lki_frames *frames, size_t at)
{
    for (size_t group = 1; group <= GROUP_MAX; group++) {
        if (repeats_at(frames, at, group) >= REPEATS_MIN)
            return group;
    }
    return 0;
}

/* NULL: no memory. */
static const char *folded_text(struct lki_frames *frames, size_t group, size_t repeats,
                               bool at_least)
{
    const char *least = at_least ? "at least " : "";
    char text[100];
    int len;

    if (group == 1)
        len = snprintf(text, sizeof(text), "... the same frame %s%zu times more", least, repeats);
    else
        len = snprintf(text, sizeof(text), "... the same %zu frames %s%zu times more", group, least,
                       repeats);
    return lki_arena_copy(&frames->arena, text, (size_t)len);
}

static void keep(struct lki_frames *frames, const char *text, size_t number)
{
    frames->texts[frames->count] = text;
    frames->numbers[frames->count++] = number;
}

void lki_frames_fold(struct lki_frames *frames, bool cut)
{
    struct lki_frames all = *frames;

    frames->count = 0;
    for (size_t at = 0; at < all.count;) {
        size_t group = group_at(&all, at);
        size_t repeats = group ? repeats_at(&all, at, group) : 0;
        size_t end = at + group * (repeats + 1);
        const char *text = NULL;

        if (group)
            text = folded_text(frames, group, repeats, cut && all.count - end < group);
        for (size_t i = text ? group : 1; i > 0; i--, at++)
            keep(frames, all.texts[at], all.numbers[at]);
        if (text) {
            keep(frames, text, LKI_FRAMES_FOLDED);
            at = end;
        }
    }
}

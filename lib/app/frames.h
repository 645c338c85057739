/*
 * The places of a backtrace, by name: function, file and line where the program has debug
 * information and addr2line is at hand, else the symbol, or the place in its file.
 */
#ifndef LKI_APP_FRAMES_H
#define LKI_APP_FRAMES_H

#include <stddef.h>

#include "base/arena.h"

#define LKI_FRAMES_MAX 64 /* functions that were made part of others are frames too */

struct lki_frames {
    struct lki_arena arena;
    const char *texts[LKI_FRAMES_MAX]; /* "pay_run at shop.c:42", the innermost first */
    size_t count;
};

/* Addresses of this process, the first as it was, the others where calls return to. What called
 * the author's function is left out. Runs programs and waits for them, for some seconds at most. */
void lki_frames_init(struct lki_frames *frames, void *const *addresses, int count);
void lki_frames_release(struct lki_frames *frames);

/* Writes them as lines: "  #0 pay_run at shop.c:42". */
void lki_frames_print(int fd, void *const *addresses, int count);

#endif

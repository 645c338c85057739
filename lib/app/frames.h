/*
 * The places of a backtrace, by name: function, file and line where the program has debug
 * information and addr2line is at hand, else the symbol, or the place in its file.
 */
#ifndef LKI_APP_FRAMES_H
#define LKI_APP_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define LKI_FRAMES_MAX 64 /* functions that were made part of others are frames too */
/* The number of a text that stands for several: "... the same frame 29 times more". */
#define LKI_FRAMES_FOLDED SIZE_MAX

struct lki_frames {
    struct lki_arena arena;
    const char *texts[LKI_FRAMES_MAX]; /* "pay_run at shop.c:42", the innermost first */
    size_t numbers[LKI_FRAMES_MAX];
    size_t count;
};

/* Addresses of this process, the first as it was, the others where calls return to. What called
 * the author's function is left out, and what repeats is folded. Runs programs and waits for them,
 * for some seconds at most. */
void lki_frames_init(struct lki_frames *frames, void *const *addresses, int count);
void lki_frames_release(struct lki_frames *frames);

/* Frames that repeat are told once, and how often. cut: of those behind the last nothing is known.
 */
void lki_frames_fold(struct lki_frames *frames, bool cut);

/* One as it is printed: "  #0 pay_run at shop.c:42". */
void lki_frames_line(const struct lki_frames *frames, size_t index, char *line, size_t size);

/* Writes all lines. */
void lki_frames_print(int fd, void *const *addresses, int count);

#endif

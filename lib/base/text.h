/*
 * Text that people type, made into numbers: strictly, or not at all. Nothing may trail, nothing may
 * overflow, nothing is negative. Also what answers them: the nearest known word, and text of theirs
 * made safe to show on one line.
 */
#ifndef LKI_BASE_TEXT_H
#define LKI_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

/*
 * The readers return LK_OK, LK_E_FORMAT or LK_E_LIMIT (it does not fit). On failure the number is
 * untouched and why, a static text such as "no unit is called that", may follow a colon.
 */

/*
 * "30s", "1h30m", "250ms", "1.5s": parts with a unit (d h m s ms us), from long to short; only the
 * last one may have a fraction. A number alone means seconds, since that is what authors write in
 * scenarios, but not behind a part with a unit: "1h30" would be a riddle.
 */
enum lk_err lki_text_duration(const char *text, int64_t *ns, const char **why);

/* "100", "10k", "2m": k is a thousand, m a million. */
enum lk_err lki_text_count(const char *text, uint64_t *count, const char **why);

/* "200", "0.5/s", "1.5k/s", "30/m", "100/h": so many a second, a minute, an hour. */
enum lk_err lki_text_rate(const char *text, double *per_s, const char **why);

/* Decimal digits. */
enum lk_err lki_text_u64(const char *text, uint64_t *value, const char **why);

/* The candidate that a mistyped word most likely stands for. */
struct lki_nearest {
    const char *word;
    size_t len;
    const char *best; /* the first of the nearest; NULL: none is near enough to be worth saying */
    size_t distance;
};

/* word is borrowed. */
void lki_nearest_init(struct lki_nearest *nearest, const char *word, size_t len);
void lki_nearest_offer(struct lki_nearest *nearest, const char *candidate);

/* len, or less so that at most max bytes are kept and no character is cut in two. */
size_t lki_text_cut(const char *text, size_t len, size_t max);

/* Makes foreign bytes safe for a terminal: what is no UTF-8, moves the cursor or hides becomes '?',
 * but for the characters in kept. */
void lki_text_harmless(char *text, size_t len, const char *kept);

/* The same inside a line. */
void lki_text_one_line(char *text, size_t len);

/* As much of a foreign text as fits, made safe in that way. */
void lki_text_shown(char *out, size_t size, const char *text);

/* Is this item in a list of those, separated by commas, whatever the case of letters? NULL is
 * empty. */
bool lki_text_list_has(const char *list, const char *item);

/* What a hexadecimal digit stands for; -1: it is none. */
int lki_hex_digit(char c);

#endif

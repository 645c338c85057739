#include "base/text.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Longer words get no suggestion: nobody mistypes them, and the table stays on the stack. */
#define NEAREST_MAX 64

struct unit {
    const char *name;
    int64_t ns;
};

/* From long to short: that is also the order in which a duration may use them. */
static const struct unit units[] = {
    {"d", 86400 * LKI_NS_PER_S}, {"h", 3600 * LKI_NS_PER_S}, {"m", 60 * LKI_NS_PER_S},
    {"s", LKI_NS_PER_S},         {"ms", LKI_NS_PER_MS},      {"us", LKI_NS_PER_US},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum lk_err refuse(enum lk_err err, const char **why, const char *text)
{
    *why = text;
    return err;
}

/* Reads digits at *at, which moves behind them. */
static enum lk_err digits_read(const char **at, uint64_t *value, const char **why)
{
    uint64_t sum = 0;

    if (**at == '-')
        return refuse(LK_E_FORMAT, why, "it is negative");
    if (!is_digit(**at))
        return refuse(LK_E_FORMAT, why, **at ? "a number was expected" : "it is empty");
    for (; is_digit(**at); ++*at) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(**at - '0'), &sum))
            return refuse(LK_E_LIMIT, why, "it is too large");
    }
    *value = sum;
    return LK_OK;
}

enum lk_err lki_text_u64(const char *text, uint64_t *value, const char **why)
{
    uint64_t sum = 0;
    enum lk_err err = digits_read(&text, &sum, why);

    if (!err && *text)
        err = refuse(LK_E_FORMAT, why, "something follows the digits");
    if (!err)
        *value = sum;
    return err;
}

enum lk_err lki_text_count(const char *text, uint64_t *count, const char **why)
{
    uint64_t sum = 0;
    uint64_t unit = 1;
    enum lk_err err = digits_read(&text, &sum, why);

    if (err)
        return err;
    if (*text == 'k' || *text == 'K')
        unit = 1000;
    else if (*text == 'm' || *text == 'M')
        unit = 1000000;
    if (unit > 1)
        text++;
    if (*text)
        return refuse(LK_E_FORMAT, why, "something follows the digits");
    if (__builtin_mul_overflow(sum, unit, &sum))
        return refuse(LK_E_LIMIT, why, "it is too large");
    *count = sum;
    return LK_OK;
}

/* Digits at *at with or without a fraction, which moves behind them. */
static enum lk_err decimal_read(const char **at, double *value, const char **why)
{
    const char *from = *at;
    uint64_t whole = 0;
    enum lk_err err = digits_read(at, &whole, why);

    if (err)
        return err;
    if (**at == '.') {
        if (!is_digit(*++*at))
            return refuse(LK_E_FORMAT, why, "digits are missing behind the point");
        while (is_digit(**at))
            ++*at;
    }
    while (*from == '0' && is_digit(from[1]))
        from++;
    if (lki_decimal_double(from, (size_t)(*at - from), value))
        return refuse(LK_E_LIMIT, why, "it is too large");
    return LK_OK;
}

enum lk_err lki_text_rate(const char *text, double *per_s, const char **why)
{
    double value = 0;
    enum lk_err err = decimal_read(&text, &value, why);

    if (err)
        return err;
    if (*text == 'k' || *text == 'K') {
        value *= 1000;
        text++;
    }
    if (!strcmp(text, "/m"))
        value /= 60;
    else if (!strcmp(text, "/h"))
        value /= 3600;
    else if (*text && strcmp(text, "/s") != 0)
        return refuse(LK_E_FORMAT, why, "behind the number may stand /s, /m or /h");
    *per_s = value;
    return LK_OK;
}

/* The unit whose letters stand at *at, which moves behind them; NULL: there is none. */
static const struct unit *unit_read(const char **at)
{
    size_t len = 0;

    while (is_letter((*at)[len]))
        len++;
    for (size_t i = 0; i < LKI_COUNT(units); i++) {
        if (strlen(units[i].name) == len && !memcmp(units[i].name, *at, len)) {
            *at += len;
            return &units[i];
        }
    }
    return NULL;
}

/* Adds a number of units to *sum_ns. What a fraction has below a nanosecond is dropped. */
static enum lk_err part_add(int64_t *sum_ns, uint64_t whole, const char *fraction, int64_t unit_ns,
                            const char **why)
{
    uint64_t ns;

    if (__builtin_mul_overflow(whole, (uint64_t)unit_ns, &ns) || ns >= LKI_NEVER)
        return refuse(LK_E_LIMIT, why, "it is too long");
    for (int64_t place = unit_ns / 10; fraction && is_digit(*fraction); fraction++, place /= 10)
        ns += (uint64_t)((*fraction - '0') * place);
    if (ns >= (uint64_t)(LKI_NEVER - *sum_ns))
        return refuse(LK_E_LIMIT, why, "it is too long");
    *sum_ns += (int64_t)ns;
    return LK_OK;
}

/* Reads the part at *at into *sum_ns. last is the unit of the part before it, or NULL. */
static enum lk_err part_read(const char **at, const struct unit **last, int64_t *sum_ns,
                             const char **why)
{
    static const struct unit seconds = {"s", LKI_NS_PER_S};
    const struct unit *unit = &seconds;
    const char *fraction = NULL;
    uint64_t whole = 0;
    enum lk_err err = digits_read(at, &whole, why);

    if (err)
        return err;
    if (**at == '.') {
        fraction = ++*at;
        if (!is_digit(**at))
            return refuse(LK_E_FORMAT, why, "digits are missing behind the point");
        while (is_digit(**at))
            ++*at;
    }
    if (*last && !**at)
        return refuse(LK_E_FORMAT, why, "its last number has no unit");
    if (**at)
        unit = unit_read(at);
    if (!unit)
        return refuse(LK_E_FORMAT, why, "the units are d h m s ms us");
    if (*last && unit <= *last)
        return refuse(LK_E_FORMAT, why, "its units do not go from long to short");
    if (fraction && **at)
        return refuse(LK_E_FORMAT, why, "only its last number may have a fraction");
    *last = unit;
    return part_add(sum_ns, whole, fraction, unit->ns, why);
}

enum lk_err lki_text_duration(const char *text, int64_t *ns, const char **why)
{
    const struct unit *last = NULL;
    int64_t sum_ns = 0;
    enum lk_err err;

    do {
        err = part_read(&text, &last, &sum_ns, why);
    } while (!err && *text);
    if (!err)
        *ns = sum_ns;
    return err;
}

void lki_nearest_init(struct lki_nearest *nearest, const char *word, size_t len)
{
    *nearest = (struct lki_nearest){.word = word, .len = len};
}

static unsigned char folded(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Letters to add, drop, change or swap with their neighbour to make b of a, whatever their case;
 * both are at most NEAREST_MAX long. Three rows of the usual table suffice. */
static size_t word_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned char rows[3][NEAREST_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned char)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned char *row = rows[i % 3];
        const unsigned char *above = rows[(i + 2) % 3];
        const unsigned char *two_above = rows[(i + 1) % 3];

        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = folded(a[i - 1]) == folded(b[j - 1]);
            size_t best = lki_min(above[j - 1] + !same, lki_min(above[j], row[j - 1]) + 1);

            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                folded(a[i - 2]) == folded(b[j - 1]))
                best = lki_min(best, two_above[j - 2] + 1);
            row[j] = (unsigned char)best;
        }
    }
    return rows[a_len % 3][b_len];
}

void lki_nearest_offer(struct lki_nearest *nearest, const char *candidate)
{
    size_t len = strlen(candidate);
    size_t longer = len > nearest->len ? len : nearest->len;
    size_t limit = longer < 3 ? 0 : (longer + 2) / 4;
    size_t distance;

    if (longer > NEAREST_MAX || !nearest->len)
        return;
    distance = word_distance(nearest->word, nearest->len, candidate, len);
    /* the beginning of a word means that word, but a word with fewer mistakes comes first */
    if (distance > limit && nearest->len > 1 && len > nearest->len &&
        !strncasecmp(nearest->word, candidate, nearest->len))
        distance = limit;
    if (distance > limit || (nearest->best && distance >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}

size_t lki_text_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    len = max;
    while (len && max - len < 4 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

void lki_text_harmless(char *text, size_t len, const char *kept)
{
    const char *end = text + len;

    while (text < end) {
        size_t step = lki_utf8_len(text, end);

        if (!step ||
            (lki_utf8_is_harmful(lki_utf8_code(text, step)) && (!*text || !strchr(kept, *text)))) {
            step = step ? step : 1;
            memset(text, '?', step);
        }
        text += step;
    }
}

void lki_text_one_line(char *text, size_t len)
{
    lki_text_harmless(text, len, "");
}

void lki_text_shown(char *out, size_t size, const char *text)
{
    size_t len = lki_text_cut(text, strlen(text), size - 1);

    memcpy(out, text, len);
    out[len] = '\0';
    lki_text_one_line(out, len);
}

int lki_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lki_text_list_has(const char *list, const char *item)
{
    size_t item_len = strlen(item);

    while (list && *list) {
        size_t len;

        list += strspn(list, ", \t");
        len = strcspn(list, ", \t");
        if (len == item_len && !strncasecmp(list, item, len))
            return true;
        list += len;
    }
    return false;
}

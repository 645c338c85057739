#include "stats/codebook.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Name and category, each terminated: what a look-up compares, in one block of memory. */
struct lki_codebook_entry {
    lki_code code;
    size_t name_len;
    char text[];
};

void lki_codebook_release(struct lki_codebook *book)
{
    for (size_t i = 0; i < book->count; i++)
        free(book->entries[i]);
    free(book->entries);
    lki_map_release(&book->by_key);
    *book = (struct lki_codebook){0};
}

/* Room for one more; false without memory. */
static bool book_grow(struct lki_codebook *book)
{
    struct lki_codebook_entry **entries = lki_room(book->entries, book->count, &book->cap,
                                                   sizeof(struct lki_codebook_entry *));

    if (!entries)
        return false;
    book->entries = entries;
    return true;
}

/* NULL beyond the cap, or without memory. */
static const struct lki_codebook_entry *entry_new(struct lki_codebook *book, const char *key,
                                                  size_t len, size_t name_len)
{
    struct lki_codebook_entry *entry;

    if (book->count >= LKI_CODEBOOK_MAX || !book_grow(book))
        return NULL;
    entry = lki_zalloc(sizeof(*entry) + len);
    if (!entry)
        return NULL;
    memcpy(entry->text, key, len);
    if (lki_map_put(&book->by_key, entry->text, len, entry)) {
        free(entry);
        return NULL;
    }
    entry->code = (lki_code)(LKI_CODE_END + book->count);
    entry->name_len = name_len;
    book->entries[book->count++] = entry;
    return entry;
}

lki_code lki_codebook_code(struct lki_codebook *book, const char *name, const char *category)
{
    size_t name_len = lki_min(strlen(name), LKI_LABEL_MAX);
    size_t category_len = lki_min(strlen(category), LKI_LABEL_MAX);
    size_t len = name_len + category_len + 2;
    char key[2 * LKI_LABEL_MAX + 2];
    const struct lki_codebook_entry *entry;

    memcpy(key, name, name_len);
    key[name_len] = '\0';
    memcpy(key + name_len + 1, category, category_len);
    key[len - 1] = '\0';
    entry = lki_map_get(&book->by_key, key, len);
    if (LKI_UNLIKELY(!entry))
        entry = entry_new(book, key, len, name_len);
    if (LKI_LIKELY(entry != NULL))
        return entry->code;
    book->overflowed++;
    return LKI_CODE_OTHER;
}

static const struct lki_codebook_entry *entry_of(const struct lki_codebook *book, lki_code code)
{
    size_t at = (size_t)code - LKI_CODE_END;

    return code >= LKI_CODE_END && at < book->count ? book->entries[at] : NULL;
}

const char *lki_codebook_name(const struct lki_codebook *book, lki_code code)
{
    const struct lki_codebook_entry *entry = entry_of(book, code);

    return entry ? entry->text : lki_code_name(code);
}

const char *lki_codebook_category(const struct lki_codebook *book, lki_code code)
{
    const struct lki_codebook_entry *entry = entry_of(book, code);

    return entry ? entry->text + entry->name_len + 1 : lki_code_category(code);
}

/* The character as a label has it; 0: it is none of a label's. Not by <ctype.h>, which asks the
 * locale. */
static char label_char(char c, enum lki_letters letters)
{
    bool small = c >= 'a' && c <= 'z';
    bool capital = c >= 'A' && c <= 'Z';

    if (small || capital)
        return (char)(letters == LKI_CAPITALS ? c & ~0x20 : c | 0x20);
    return (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '-' ? c : '\0';
}

size_t lki_label_normalise(char out[LKI_LABEL_MAX + 1], const char *text, enum lki_letters letters)
{
    bool inside = false; /* a run that became one '_' already */
    size_t len = 0;

    for (; *text && len < LKI_LABEL_MAX; text++) {
        char c = label_char(*text, letters);

        if (!c && inside)
            continue;
        inside = !c;
        out[len] = c ? c : '_';
        len += len || out[0] != '_';
    }
    while (len && out[len - 1] == '_')
        len--;
    out[len] = '\0';
    return len;
}

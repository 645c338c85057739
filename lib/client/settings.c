#include "client/settings.h"

#include <string.h>

#include "base/json_walk.h"
#include "base/mem.h"

enum kind { TEXT, PAIRS, FLAG, COUNT, SECONDS, CHOICE };

struct member {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *choices[4]; /* their names, by number; the first is the default */
};

#define MEMBER(what, member)                                                                       \
    .name = #member, .kind = (what), .offset = offsetof(struct lk_http_settings, member)

static const struct member members[] = {
    {MEMBER(PAIRS, headers)},
    {MEMBER(TEXT, user)},
    {MEMBER(TEXT, password)},
    {MEMBER(CHOICE, auth), .choices = {"basic", "digest"}},
    {MEMBER(CHOICE, engine), .choices = {"auto", "native", "curl"}},
    {MEMBER(CHOICE, version), .choices = {"default", "1.1", "2", "2-only"}},
    {MEMBER(CHOICE, connections), .choices = {"own", "shared", "new"}},
    {MEMBER(SECONDS, timeout_s)},
    {MEMBER(SECONDS, lookup_timeout_s)},
    {MEMBER(SECONDS, connect_timeout_s)},
    {MEMBER(SECONDS, tls_timeout_s)},
    {MEMBER(SECONDS, first_byte_timeout_s)},
    {MEMBER(COUNT, max_redirects)},
    {MEMBER(FLAG, no_redirects)},
    {MEMBER(FLAG, no_cookies)},
    {MEMBER(FLAG, compressed)},
    {MEMBER(FLAG, insecure)},
    {MEMBER(TEXT, ca_file)},
    {MEMBER(TEXT, cert_file)},
    {MEMBER(TEXT, key_file)},
    {MEMBER(TEXT, tls_min)},
    {MEMBER(TEXT, proxy)},
    {MEMBER(PAIRS, resolve)},
    {MEMBER(TEXT, local_addr)},
    {MEMBER(TEXT, unix_socket)},
};

/* The place of a member, of whatever type. */
union place {
    void *any;
    const char **text;
    const char *const **pairs;
    bool *flag;
    unsigned *number; /* as an enumeration is kept, too */
    double *seconds;
};

static union place place_of(struct lk_http_settings *settings, const struct member *member)
{
    return (union place){(char *)settings + member->offset};
}

static bool is_zero(union place at, enum kind kind)
{
    switch (kind) {
    case TEXT:
        return !*at.text;
    case PAIRS:
        return !*at.pairs;
    case FLAG:
        return !*at.flag;
    case SECONDS:
        return *at.seconds == 0;
    default:
        return !*at.number;
    }
}

static void copy_member(union place to, union place from, enum kind kind)
{
    switch (kind) {
    case TEXT:
        *to.text = *from.text;
        break;
    case PAIRS:
        *to.pairs = *from.pairs;
        break;
    case FLAG:
        *to.flag = *from.flag;
        break;
    case SECONDS:
        *to.seconds = *from.seconds;
        break;
    default:
        *to.number = *from.number;
    }
}

enum lk_err lki_http_settings_take(struct lk_http_settings *copy,
                                   const struct lk_http_settings *settings)
{
    const char *bytes = (const char *)settings;

    *copy = (struct lk_http_settings){.size = sizeof(*copy)};
    if (!settings || settings->size < sizeof(settings->size))
        return LK_E_ARG;
    for (size_t i = sizeof(*copy); i < settings->size; i++) {
        if (bytes[i])
            return LK_E_ARG;
    }
    memcpy(copy, settings, lki_min(settings->size, sizeof(*copy)));
    copy->size = sizeof(*copy);
    return LK_OK;
}

void lki_http_settings_merge(struct lk_http_settings *settings,
                             const struct lk_http_settings *otherwise)
{
    struct lk_http_settings from = *otherwise;

    /* those that go together, or not together, are one */
    if (settings->max_redirects)
        from.no_redirects = false;
    if (settings->no_redirects)
        from.max_redirects = 0;
    if (settings->user)
        from.password = NULL;
    if (settings->user)
        from.auth = settings->auth;
    if (settings->cert_file)
        from.key_file = NULL;
    if (settings->unix_socket)
        from.proxy = from.local_addr = NULL;
    if (settings->proxy || settings->local_addr)
        from.unix_socket = NULL;
    for (size_t i = 0; i < LKI_COUNT(members); i++) {
        union place at = place_of(settings, &members[i]);

        if (is_zero(at, members[i].kind))
            copy_member(at, place_of(&from, &members[i]), members[i].kind);
    }
}

/* ---- writing ---- */

static void write_pairs(struct lki_buf *out, const char *const *pairs)
{
    lki_buf_char(out, '{');
    for (size_t i = 0; pairs[i]; i += 2) {
        lki_buf_str(out, i ? "," : "");
        lki_json_write_string(out, pairs[i], strlen(pairs[i]));
        lki_buf_char(out, ':');
        lki_json_write_string(out, pairs[i + 1], strlen(pairs[i + 1]));
    }
    lki_buf_char(out, '}');
}

static void write_member(struct lki_buf *out, union place at, const struct member *member)
{
    const char *text = NULL;

    switch (member->kind) {
    case TEXT:
        text = *at.text;
        break;
    case CHOICE:
        text = member->choices[*at.number];
        break;
    case PAIRS:
        write_pairs(out, *at.pairs);
        break;
    case FLAG:
        lki_json_write_bool(out, *at.flag);
        break;
    case SECONDS:
        lki_json_write_double(out, *at.seconds);
        break;
    case COUNT:
        lki_json_write_uint(out, *at.number);
        break;
    }
    if (text)
        lki_json_write_string(out, text, strlen(text));
}

void lki_http_settings_write(const struct lk_http_settings *settings, struct lki_buf *out)
{
    struct lk_http_settings copy = *settings;
    bool any = false;

    for (size_t i = 0; i < LKI_COUNT(members); i++) {
        union place at = place_of(&copy, &members[i]);

        if (is_zero(at, members[i].kind))
            continue;
        lki_buf_printf(out, "%c\"%s\":", any ? ',' : '{', members[i].name);
        write_member(out, at, &members[i]);
        any = true;
    }
    lki_buf_str(out, any ? "}" : "");
}

/* ---- reading ---- */

struct reading {
    struct lk_http_settings *settings;
    struct lki_arena *arena;
    struct lki_buf *out;
};

static enum lk_err wrong(const struct reading *r, const char *name, size_t len, const char *what)
{
    lki_buf_printf(r->out, "%.*s: %s", (int)lki_min(len, 60), name, what);
    return LK_E_ARG;
}

/* LK_E_ARG: it is no string, or has a NUL in it. */
static enum lk_err read_text(struct lki_arena *arena, const struct lki_json_value *value,
                             const char **text)
{
    char *copy = lki_arena_alloc(arena, value->len);
    size_t len;

    if (!copy)
        return LK_E_NOMEM;
    if (value->kind != LKI_JSON_STRING || lki_json_string(value, copy, &len) || strlen(copy) != len)
        return LK_E_ARG;
    *text = copy;
    return LK_OK;
}

static enum lk_err read_pairs(struct lki_arena *arena, const struct lki_json_value *value,
                              const char *const **pairs)
{
    struct lki_json_walk walk;
    struct lki_json_value key;
    struct lki_json_value text;
    const char **list;
    enum lk_err err = LK_OK;
    size_t count = 0;
    size_t at = 0;

    if (value->kind != LKI_JSON_OBJECT || lki_json_count(value, &count))
        return LK_E_ARG;
    list = lki_arena_alloc(arena, (2 * count + 1) * sizeof(*list));
    if (!list)
        return LK_E_NOMEM;
    walk = lki_json_walk(value);
    while (!err && lki_json_walk_member(&walk, &key, &text)) {
        err = read_text(arena, &key, &list[at]);
        if (!err)
            err = read_text(arena, &text, &list[at + 1]);
        at += 2;
    }
    list[err ? 0 : at] = NULL;
    *pairs = list;
    return err;
}

static enum lk_err read_choice(const struct member *member, const struct lki_json_value *value,
                               unsigned *number)
{
    for (unsigned i = 0; i < LKI_COUNT(member->choices) && member->choices[i]; i++) {
        size_t len = strlen(member->choices[i]);

        if (value->kind == LKI_JSON_STRING && value->len == len + 2 &&
            !memcmp(value->raw + 1, member->choices[i], len)) {
            *number = i;
            return LK_OK;
        }
    }
    return LK_E_ARG;
}

static enum lk_err read_count(const struct lki_json_value *value, unsigned *number)
{
    int64_t count;

    if (lki_json_int(value, &count) || count < 0 || count > INT32_MAX)
        return LK_E_ARG;
    *number = (unsigned)count;
    return LK_OK;
}

static enum lk_err read_member(struct lki_arena *arena, const struct member *member,
                               const struct lki_json_value *value, union place at)
{
    switch (member->kind) {
    case TEXT:
        return read_text(arena, value, at.text);
    case PAIRS:
        return read_pairs(arena, value, at.pairs);
    case FLAG:
        return lki_json_bool(value, at.flag);
    case SECONDS:
        return lki_json_double(value, at.seconds);
    case COUNT:
        return read_count(value, at.number);
    case CHOICE:
        return read_choice(member, value, at.number);
    }
    return LK_E_ARG;
}

static const struct member *member_find(const struct lki_json_value *key)
{
    for (size_t i = 0; i < LKI_COUNT(members); i++) {
        size_t len = strlen(members[i].name);

        if (key->len == len + 2 && !memcmp(key->raw + 1, members[i].name, len))
            return &members[i];
    }
    return NULL;
}

static enum lk_err read_object(const struct reading *r, const struct lki_json_value *object)
{
    static const char *const wants[] = {
        [TEXT] = "must be a text",        [PAIRS] = "must be an object of texts",
        [FLAG] = "must be true or false", [COUNT] = "must be a whole number from 0",
        [SECONDS] = "must be a number",   [CHOICE] = "is none of the words that it may be"};
    struct lki_json_walk walk = lki_json_walk(object);
    struct lki_json_value key;
    struct lki_json_value value;

    while (lki_json_walk_member(&walk, &key, &value)) {
        const struct member *member = member_find(&key);
        enum lk_err err;

        if (!member)
            return wrong(r, key.raw + 1, key.len - 2, "there is no such setting");
        err = value.kind == LKI_JSON_NULL
                  ? LK_OK
                  : read_member(r->arena, member, &value, place_of(r->settings, member));
        if (err == LK_E_NOMEM)
            return err;
        if (err)
            return wrong(r, member->name, strlen(member->name), wants[member->kind]);
    }
    return LK_OK;
}

enum lk_err lki_http_settings_read(struct lk_http_settings *settings, const char *text,
                                   struct lki_arena *arena, struct lki_buf *out)
{
    const struct reading r = {settings, arena, out};
    size_t len = text ? strlen(text) : 0;
    struct lki_json_value object;
    enum lk_err err;

    *settings = (struct lk_http_settings){.size = sizeof(*settings)};
    if (!text)
        return LK_OK;
    if (lki_json_check(text, len) || lki_json_find(text, len, "", &object) ||
        object.kind != LKI_JSON_OBJECT)
        return wrong(&r, "http", 4, "must be an object");
    err = read_object(&r, &object);
    return err ? err : lki_http_settings_check(settings, out);
}

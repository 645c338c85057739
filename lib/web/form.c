#include "web/form.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json_walk.h"
#include "base/text.h"

#define FIELDS_MAX 256
#define SHOWN_MAX_BYTES 64 /* of a name that nobody knows */
#define MESSAGE_MAX_BYTES 1024
#define DETAILS_MAX_BYTES ((size_t)256 * 1024)

struct lki_web_field {
    const char *name;
    struct lki_json_value value;
    bool asked; /* somebody knows it */
};

/* What stands for a field: JSON in a body, plain text in a query. */
struct given {
    const char *text; /* of a query; NULL: value counts */
    struct lki_json_value value;
};

/* ---- faults */

static void fault_add(struct lki_web_form *form, const char *name, size_t len, const char *type,
                      const char *what)
{
    struct lki_web_form *whole = form->whole ? form->whole : form;
    struct lki_buf *details = &whole->details;
    bool inside = form != whole;

    if (!whole->fault_count && inside)
        lki_buf_printf(&whole->message, "%s.%zu.", form->list, form->at);
    if (!whole->fault_count)
        lki_buf_printf(&whole->message, "%.*s %s", (int)len, name, what);
    whole->fault_count++;
    form->fault_count += inside;
    lki_buf_str(details, details->len ? ",{\"type\":" : "{\"type\":");
    lki_json_write_string(details, type, strlen(type));
    lki_buf_str(details, ",\"loc\":[");
    if (inside)
        lki_buf_printf(details, "\"%s\",%zu,", form->list, form->at);
    lki_json_write_string(details, name, len);
    lki_buf_str(details, "],\"msg\":");
    lki_json_write_string(details, what, strlen(what));
    lki_buf_char(details, '}');
}

void lki_web_form_fault(struct lki_web_form *form, const char *names, const char *type,
                        const char *fmt, ...)
{
    char what[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    fault_add(form, names, strcspn(names, "|"), type, what);
}

/* ---- what is given */

static char *decode(struct lki_web_form *form, const struct lki_json_value *value, size_t *len)
{
    char *text = lki_arena_alloc(form->arena, value->len);

    if (!text || lki_json_string(value, text, len)) {
        form->no_memory = true;
        return NULL;
    }
    return text;
}

static void fields_read(struct lki_web_form *form, const struct lki_json_value *object)
{
    struct lki_json_walk walk = lki_json_walk(object);
    struct lki_json_value key;
    struct lki_json_value value;
    size_t count = 0;
    size_t len;

    lki_json_count(object, &count);
    if (count > FIELDS_MAX) {
        fault_add(form, "body", 4, "too_long", "has too many members");
        return;
    }
    form->fields = lki_arena_alloc(form->arena, (count + 1) * sizeof(*form->fields));
    form->no_memory = !form->fields;
    while (!form->no_memory && lki_json_walk_member(&walk, &key, &value)) {
        char *name = decode(form, &key, &len);

        if (name)
            form->fields[form->count++] = (struct lki_web_field){.name = name, .value = value};
    }
}

static void form_init(struct lki_web_form *form, struct lki_web_request *request)
{
    *form = (struct lki_web_form){.request = request, .arena = lki_web_arena(request)};
    lki_buf_init(&form->message, MESSAGE_MAX_BYTES);
    lki_buf_init(&form->details, DETAILS_MAX_BYTES);
}

void lki_web_form_body(struct lki_web_form *form, struct lki_web_request *request)
{
    struct lki_json_value object;
    size_t len;
    const char *body = lki_web_body(request, &len);

    form_init(form, request);
    if (!len)
        return;
    if (lki_json_check(body, len) || lki_json_find(body, len, "", &object) ||
        object.kind != LKI_JSON_OBJECT)
        fault_add(form, "body", 4, "dict_type", "must be a JSON object");
    else
        fields_read(form, &object);
}

bool lki_web_form_element(struct lki_web_form *element, struct lki_web_form *form, const char *list,
                          size_t at, const struct lki_json_value *value)
{
    *element = (struct lki_web_form){.whole = form, .list = list, .at = at, .arena = form->arena};
    if (value->kind == LKI_JSON_OBJECT)
        fields_read(element, value);
    else
        lki_web_form_fault(form, list, "dict_type", "must have an object in each element");
    return value->kind == LKI_JSON_OBJECT;
}

void lki_web_form_query(struct lki_web_form *form, struct lki_web_request *request)
{
    form_init(form, request);
    form->of_query = true;
}

/* The next of names; false: there is none. */
static bool name_next(const char **names, const char **name, size_t *len)
{
    if (!**names)
        return false;
    *name = *names;
    *len = strcspn(*names, "|");
    *names += *len + ((*names)[*len] == '|');
    return true;
}

/* One that is empty was left out, as forms of browsers do it. */
static bool query_find(const struct lki_web_form *form, const char *names, struct given *given)
{
    char name[64];
    const char *at;
    size_t len;

    while (name_next(&names, &at, &len)) {
        snprintf(name, sizeof(name), "%.*s", (int)len, at);
        given->text = lki_web_query(form->request, name);
        if (given->text && *given->text)
            return true;
    }
    given->text = NULL;
    return false;
}

/* The field by any of its names, the first time that it is there; how often is left for the end. */
static struct lki_web_field *field_find(struct lki_web_form *form, const char *names)
{
    struct lki_web_field *found = NULL;
    const char *name;
    size_t len;

    while (name_next(&names, &name, &len)) {
        for (size_t i = 0; i < form->count && !found; i++) {
            struct lki_web_field *field = &form->fields[i];

            if (strlen(field->name) == len && !memcmp(field->name, name, len))
                found = field;
        }
    }
    if (found)
        found->asked = true;
    return found;
}

static bool find(struct lki_web_form *form, const char *names, struct given *given)
{
    const struct lki_web_field *field;

    *given = (struct given){.text = NULL};
    if (form->of_query)
        return query_find(form, names, given);
    field = field_find(form, names);
    if (field)
        given->value = field->value;
    return field != NULL;
}

bool lki_web_form_has(struct lki_web_form *form, const char *names)
{
    struct given given;

    return find(form, names, &given);
}

void lki_web_form_need(struct lki_web_form *form, const char *names)
{
    if (!lki_web_form_has(form, names))
        lki_web_form_fault(form, names, "missing", "is missing");
}

/* ---- numbers */

/* The number in JSON or text, with what is around it in text left out; false: it is none. */
static bool number_text(struct lki_web_form *form, const struct given *given,
                        struct lki_json_value *number)
{
    const char *text = given->text;
    size_t len = text ? strlen(text) : 0;

    if (!text && given->value.kind == LKI_JSON_NUMBER) {
        *number = given->value;
        return true;
    }
    if (!text && given->value.kind == LKI_JSON_STRING)
        text = decode(form, &given->value, &len);
    if (!text || strlen(text) != len)
        return false;
    text += strspn(text, " ");
    text += *text == '+';
    len = strcspn(text, " ");
    return !text[len + strspn(text + len, " ")] && !lki_json_check(text, len) &&
           !lki_json_find(text, len, "", number) && number->kind == LKI_JSON_NUMBER;
}

int64_t lki_web_form_int(struct lki_web_form *form, const char *names, int64_t min, int64_t max,
                         int64_t otherwise)
{
    struct lki_json_value number;
    struct given given;
    int64_t value;
    enum lk_err err;

    if (!find(form, names, &given))
        return otherwise;
    err = number_text(form, &given, &number) ? lki_json_int(&number, &value) : LK_E_ARG;
    if (err && err != LK_E_LIMIT)
        lki_web_form_fault(form, names, "int_type", "must be a whole number");
    else if (!err && value < min)
        lki_web_form_fault(form, names, "greater_than_equal", "must be at least %" PRId64, min);
    else if (err || value > max)
        lki_web_form_fault(form, names, "less_than_equal", "must be at most %" PRId64, max);
    else
        return value;
    return otherwise;
}

double lki_web_form_number(struct lki_web_form *form, const char *names, double min, double max,
                           double otherwise)
{
    struct lki_json_value number;
    struct given given;
    double value;

    if (!find(form, names, &given))
        return otherwise;
    if (!number_text(form, &given, &number) || lki_json_double(&number, &value))
        lki_web_form_fault(form, names, "float_type", "must be a number");
    else if (value < min)
        lki_web_form_fault(form, names, "greater_than_equal", "must be at least %g", min);
    else if (value > max)
        lki_web_form_fault(form, names, "less_than_equal", "must be at most %g", max);
    else
        return value;
    return otherwise;
}

/* ---- the rest */

static bool is_one_of(const char *text, const char *const words[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(text, words[i]))
            return true;
    }
    return false;
}

bool lki_web_form_bool(struct lki_web_form *form, const char *names, bool otherwise)
{
    static const char *const yes[] = {"1", "true", "yes", "on", "True", "TRUE"};
    static const char *const no[] = {"0", "false", "no", "off", "False", "FALSE"};
    struct given given;
    bool value;

    if (!find(form, names, &given))
        return otherwise;
    if (given.text && is_one_of(given.text, yes, sizeof(yes) / sizeof(yes[0])))
        return true;
    if (given.text && is_one_of(given.text, no, sizeof(no) / sizeof(no[0])))
        return false;
    if (!given.text && !lki_json_bool(&given.value, &value))
        return value;
    lki_web_form_fault(form, names, "bool_type", "must be true or false");
    return otherwise;
}

const char *lki_web_form_text(struct lki_web_form *form, const char *names, size_t max,
                              const char *otherwise)
{
    struct given given;
    const char *text;
    size_t len = 0;

    if (!find(form, names, &given))
        return otherwise;
    text = given.text;
    if (text)
        len = strlen(text);
    else if (given.value.kind == LKI_JSON_STRING)
        text = decode(form, &given.value, &len);
    if (!text)
        lki_web_form_fault(form, names, "string_type", "must be a string");
    else if (memchr(text, '\0', len))
        lki_web_form_fault(form, names, "string_type", "must not hold a zero byte");
    else if (!len || len > max)
        lki_web_form_fault(form, names, "string_length", "must be of 1 to %zu bytes", max);
    else
        return text;
    return otherwise;
}

static const char *raw(struct lki_web_form *form, const struct given *given, size_t *len)
{
    const char *text = given->text;

    if (!text)
        text = lki_arena_copy(form->arena, given->value.raw, given->value.len);
    if (!text)
        form->no_memory = true;
    if (text && len)
        *len = strlen(text);
    return text;
}

static const char *raw_of(struct lki_web_form *form, const char *names, enum lki_json_kind kind,
                          const char *type, const char *what, size_t *len)
{
    struct given given;

    if (len)
        *len = 0;
    if (!find(form, names, &given))
        return NULL;
    if (given.text || given.value.kind != kind) {
        lki_web_form_fault(form, names, type, "%s", what);
        return NULL;
    }
    return raw(form, &given, len);
}

const char *lki_web_form_object(struct lki_web_form *form, const char *names, size_t *len)
{
    return raw_of(form, names, LKI_JSON_OBJECT, "dict_type", "must be an object", len);
}

const char *lki_web_form_array(struct lki_web_form *form, const char *names, size_t *len)
{
    return raw_of(form, names, LKI_JSON_ARRAY, "list_type", "must be an array", len);
}

const char *lki_web_form_any(struct lki_web_form *form, const char *names, size_t *len)
{
    struct given given;

    if (len)
        *len = 0;
    return find(form, names, &given) ? raw(form, &given, len) : NULL;
}

/* ---- the end */

/* What nobody has asked for: a name that is not known, one that is there twice, or by another of
 * its names as well. */
static void refuse_others(struct lki_web_form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        const struct lki_web_field *field = &form->fields[i];
        size_t len = strlen(field->name);
        char shown[SHOWN_MAX_BYTES + 1];
        bool again = false;

        if (field->asked)
            continue;
        for (size_t j = 0; j < form->count; j++)
            again |= form->fields[j].asked && !strcmp(form->fields[j].name, field->name);
        len = lki_text_cut(field->name, len, SHOWN_MAX_BYTES);
        memcpy(shown, field->name, len);
        lki_text_one_line(shown, len);
        fault_add(form, shown, len, "extra_forbidden",
                  again ? "is given twice" : "is not known here, or given by another name too");
    }
}

static void answer(struct lki_web_form *form)
{
    struct lki_buf details;

    lki_buf_init(&details, DETAILS_MAX_BYTES + 2);
    lki_buf_char(&details, '[');
    lki_buf_append(&details, form->details.data, form->details.len);
    lki_buf_char(&details, ']');
    if (form->fault_count > 1)
        lki_buf_printf(&form->message, " (and %u more)", form->fault_count - 1);
    if (form->no_memory || form->details.err || !lki_buf_cstr(&details) ||
        !lki_buf_cstr(&form->message))
        lki_web_fail(form->request, 500, "internal_error", NULL, "out of memory");
    else
        lki_web_fail(form->request, 400, "validation_error", details.data, "%s",
                     form->message.data);
    lki_buf_release(&details);
}

bool lki_web_form_element_end(struct lki_web_form *element)
{
    if (!element->no_memory)
        refuse_others(element);
    element->whole->no_memory |= element->no_memory;
    return !element->fault_count && !element->no_memory;
}

bool lki_web_form_end(struct lki_web_form *form)
{
    bool fine;

    if (!form->no_memory)
        refuse_others(form);
    fine = !form->fault_count && !form->no_memory;
    if (!fine)
        answer(form);
    lki_buf_release(&form->message);
    lki_buf_release(&form->details);
    return fine;
}

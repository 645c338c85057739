/*
 * What a request asks for, field by field: the members of its body, or the parameters of its query.
 * All that is wrong is gathered and told in one answer: validation_error, 400.
 *
 *     struct lki_web_form form;
 *
 *     lki_web_form_body(&form, request);
 *     lki_web_form_need(&form, "target_users|users");
 *     users = lki_web_form_int(&form, "target_users|users", 0, LKI_USERS_MAX, 0);
 *     params = lki_web_form_object(&form, "init_params|params", NULL);
 *     if (!lki_web_form_end(&form))
 *         return;
 *
 * A field goes by the first of its names; what follows a bar are others that clients may use. A
 * field that is not there gives what stands last in the call; so does one that is wrong. Numbers
 * may be written as strings ("10"), integers with a fraction of zero. Members of a body that nobody
 * has asked for until the end are refused; parameters of a query are passed over,
 * as are those that are empty.
 */
#ifndef LKI_WEB_FORM_H
#define LKI_WEB_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <loadkit/api.h>

#include "base/buf.h"
#include "base/json.h"
#include "web/server.h"

struct lki_web_field;

struct lki_web_form {
    struct lki_web_form *whole; /* of an element of a list: all of the body; else NULL */
    const char *list;
    size_t at; /* in the list */
    struct lki_web_request *request;
    struct lki_arena *arena;
    struct lki_web_field *fields; /* of the body; NULL for a query */
    size_t count;
    bool of_query;
    bool no_memory;
    unsigned fault_count;
    struct lki_buf message; /* the first fault, for people */
    struct lki_buf details; /* all of them, as JSON */
};

/* A body that is empty is one without members. */
void lki_web_form_body(struct lki_web_form *form, struct lki_web_request *request);
void lki_web_form_query(struct lki_web_form *form, struct lki_web_request *request);

/* An element of the list of that name, whose faults are told with those of form. False: it is no
 * object, which is a fault; there is nothing to end. */
bool lki_web_form_element(struct lki_web_form *element, struct lki_web_form *form, const char *list,
                          size_t at, const struct lki_json_value *value);
/* As lki_web_form_end, but nothing is answered yet. */
bool lki_web_form_element_end(struct lki_web_form *element);

bool lki_web_form_has(struct lki_web_form *form, const char *names);
/* It is a fault if it is not there. */
void lki_web_form_need(struct lki_web_form *form, const char *names);

int64_t lki_web_form_int(struct lki_web_form *form, const char *names, int64_t min, int64_t max,
                         int64_t otherwise);
double lki_web_form_number(struct lki_web_form *form, const char *names, double min, double max,
                           double otherwise);
/* true, false; in a query also 1, yes, on and 0, no, off. */
bool lki_web_form_bool(struct lki_web_form *form, const char *names, bool otherwise);
/* From 1 to max bytes, in the request's arena. */
const char *lki_web_form_text(struct lki_web_form *form, const char *names, size_t max,
                              const char *otherwise);
/* The JSON of an object, an array, or any value, checked, terminated and in the request's arena;
 * NULL: not there, or wrong. To go through it: base/json_walk.h. */
const char *lki_web_form_object(struct lki_web_form *form, const char *names, size_t *len);
const char *lki_web_form_array(struct lki_web_form *form, const char *names, size_t *len);
const char *lki_web_form_any(struct lki_web_form *form, const char *names, size_t *len);

/* One more fault, found by the caller. type is a word for programs ("value_error"); the message
 * says what the field should be: "must be ...". */
void lki_web_form_fault(struct lki_web_form *form, const char *names, const char *type,
                        const char *fmt, ...) LK_PRINTF(4, 5);

/* False: something was wrong, and the request has been answered. To be called once, always. */
bool lki_web_form_end(struct lki_web_form *form);

#endif

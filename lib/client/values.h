/*
 * The inside of values: documents, which are JSON texts that getters read, and the lk_json around
 * them. Strings read from a document are kept with it, so that reading one again costs no memory.
 */
#ifndef LKI_CLIENT_VALUES_H
#define LKI_CLIENT_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/values.h>

#include "base/arena.h"

struct lki_buf;
struct lki_loop;
struct lki_memo;

struct lki_doc {
    const char *text; /* any bytes; NULL is empty */
    size_t len;
    struct lki_arena *arena; /* for the strings read from it; lives as long as the text */
    struct lki_memo *memo;   /* strings that were read before */
    lk_vu *vu; /* whose step ends when a getter fails; NULL: nobody's, it gives 0, "" or false */
    const struct lki_loop *loop; /* of all users: the step ends that runs there; else NULL */

    bool discarded; /* an answer whose body was not kept */

    /* What it is, for messages: an answer, or else a resource, or else the data of the run (with a
     * loop) or something the scenario made. */
    const char *sample;   /* name of the sample: "POST /auth" */
    const char *resource; /* name of the resource */
};

/* doc.text is JSON and terminated. */
struct lk_json {
    struct lki_doc doc;
};

/* The body of a response as a document. In client/http.c. */
struct lki_doc *lki_response_doc(const lk_response *response);

/* Whose step reads or changes it, or NULL. */
lk_vu *lki_doc_reader(const struct lki_doc *doc);

/* Why a text in which nothing could be found is none: "it is empty". */
#define LKI_FOUND_BYTES 96
void lki_doc_describe(const struct lki_doc *doc, char out[LKI_FOUND_BYTES]);

/* A value that lives until the step ends; its text was written to buf, which may have failed. */
lk_json *lki_json_new(lk_vu *vu, const struct lki_buf *buf);

/* Appends a value as JSON. One that has none ends the step. */
void lki_value_write(lk_vu *vu, struct lki_buf *buf, const struct lk_value *value);

/*
 * A value that lives until lki_json_free. text is JSON (lki_json_check says so) and copied;
 * resource is borrowed as long as the value lives. Whoever lends the value to a user sets doc.vu,
 * whoever lends it to all of a loop doc.loop.
 * NULL: no memory.
 */
lk_json *lki_json_own(const char *text, size_t len, const char *resource);

/* Only for what lki_json_own gave; NULL is ignored. */
void lki_json_free(lk_json *json);

#endif

/*
 * Values of secret parameters. They do not stand in what is shown, wherever they came from: a
 * message of the author's, a path, a body; nor do their beginnings at the end of a text that was
 * cut. They are found as they are, percent-encoded, as in paths, queries and forms, and with the
 * escapes of JSON, whoever encoded them. Encoded in some other way they are not.
 */
#ifndef LKI_MODEL_SECRETS_H
#define LKI_MODEL_SECRETS_H

#include <stddef.h>

#include "base/arena.h"
#include "model/model.h"

struct lki_secrets {
    const char **texts;
    size_t count;
};

/* Copies them to arena. model may be NULL: there are none then. */
enum lk_err lki_secrets_take(struct lki_secrets *secrets, const struct lki_model *model,
                             struct lki_arena *arena);

/* Puts stars in the place of every secret in text, and of one that has begun at its end. */
void lki_secrets_mask(const struct lki_secrets *secrets, char *text);

#endif

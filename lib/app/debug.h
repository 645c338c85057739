/*
 * The role `debug`: one virtual user that carries out each of its steps once, with every exchange
 * shown.
 */
#ifndef LKI_APP_DEBUG_H
#define LKI_APP_DEBUG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "model/model.h"

struct lki_debug_settings {
    const struct lki_vu_type *type; /* of the model */
    const struct lki_step *step;    /* of the type: with what it needs the only one; NULL: all */
    uint64_t seed;
    int64_t grace_ns;
    const char *http;  /* as lki_http_settings_write has it; NULL: nothing */
    size_t body_bytes; /* of a body that are shown */
    const char *program;
    FILE *out;
    bool colour;
};

/*
 * Set-up, the user's init and start, its steps, each after those that it needs, its stop,
 * tear-down. *passed: all of that went well. Signals and faults are handled as lk_main does;
 * SIGINT, SIGTERM and SIGHUP are ignored when this returns. On failure message says why in one
 * line.
 */
enum lk_err lki_debug(const struct lki_model *model, const struct lki_debug_settings *settings,
                      bool *passed, struct lki_buf *message);

#endif

/*
 * What a program that embeds a run asks for: from the options that its author filled in to settings
 * and a model.
 */
#ifndef LKI_APP_OPTIONS_H
#define LKI_APP_OPTIONS_H

#include <loadkit/run.h>

#include "app/run.h"
#include "base/arena.h"

struct lki_run_plan {
    struct lk_run_options options; /* as given; what the caller's version does not have is 0 */
    struct lki_run_settings settings;
    struct lki_model *model; /* of this program's registry, with its parameters set */
    struct lki_arena texts;
};

/*
 * Keeps nothing of options but .message, which it makes empty, or one line when it fails: LK_E_ARG,
 * LK_E_NOMEM. Nothing is owned then.
 */
enum lk_err lki_run_options_read(struct lki_run_plan *plan, const struct lk_run_options *options);
void lki_run_plan_release(struct lki_run_plan *plan);

/*
 * Writes .message: the first of lines, and how many more there are; without any, what err says.
 * Gives err.
 */
enum lk_err lki_run_options_tell(const struct lk_run_options *options, enum lk_err err,
                                 const struct lki_buf *lines);

/* The same with one line of text, for options that were not read. */
enum lk_err lki_run_options_refuse(const struct lk_run_options *options, enum lk_err err,
                                   const char *text);

#endif

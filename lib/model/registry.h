/*
 * The registry of this program: every descriptor that the macros or lk_register linked in. The only
 * process-wide state of the library.
 */
#ifndef LKI_MODEL_REGISTRY_H
#define LKI_MODEL_REGISTRY_H

#include <loadkit/scenario.h>

/* The first descriptor in order of registration, or NULL; the rest follow by next_. */
const struct lk_def *lki_registry_first(void);

#endif

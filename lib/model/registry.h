/*
 * The registry of this program: every descriptor that the macros or lk_register linked in, and
 * whether a run uses them. The only process-wide state of the library.
 */
#ifndef LKI_MODEL_REGISTRY_H
#define LKI_MODEL_REGISTRY_H

#include <loadkit/scenario.h>

/* The descriptor that was registered last, or NULL; the others follow by next_. */
const struct lk_def *lki_registry_first(void);

/* A run holds the registry from before it reads it until its end, and there is one at a time.
 * False: another one holds it. Any thread, as for letting go. */
bool lki_registry_hold(void);
void lki_registry_let_go(void);

#endif

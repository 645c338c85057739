/* The child process of a site. */
#ifndef TESTS_SUPPORT_SITE_CHILD_H
#define TESTS_SUPPORT_SITE_CHILD_H

#include "support/site.h"

/* A byte to ready, or its end, says that it has opened or failed to. */
_Noreturn void site_child(const struct lki_web_settings *settings, struct site_seen *seen,
                          int ready);

#endif

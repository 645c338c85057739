/*
 * From a method and a path to the route that is meant.
 */
#ifndef LKI_WEB_ROUTE_H
#define LKI_WEB_ROUTE_H

#include <stdbool.h>

#include "base/buf.h"
#include "web/server.h"
#include "web/target.h"

/* Do the segments of the target fit the route's path? */
bool lki_web_route_fits(const struct lki_web_route *route, const struct lki_web_target *target);

/* NULL: none. *has_path: there is one, with another method. */
const struct lki_web_route *lki_web_route_find(const struct lki_web_settings *settings,
                                               const char *method,
                                               const struct lki_web_target *target, bool *has_path);

/* "GET, HEAD, OPTIONS": the methods that the path of a target has. */
void lki_web_route_methods(const struct lki_web_settings *settings,
                           const struct lki_web_target *target, struct lki_buf *out);

/* The segment that stands for ":name" in the route's path, or NULL. */
const char *lki_web_route_segment(const struct lki_web_route *route,
                                  const struct lki_web_target *target, const char *name);

#endif

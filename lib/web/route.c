#include "web/route.h"

#include <string.h>

/* The next segment of a route's path, without its slash; false: there is none. */
static bool pattern_next(const char **at, const char **segment, size_t *len)
{
    if (**at != '/' || !(*at)[1])
        return false;
    *segment = *at + 1;
    *len = strcspn(*segment, "/");
    *at = *segment + *len;
    return true;
}

bool lki_web_route_fits(const struct lki_web_route *route, const struct lki_web_target *target)
{
    const char *at = route->path;
    const char *segment;
    size_t len;
    size_t i = 0;

    for (; pattern_next(&at, &segment, &len); i++) {
        if (i == target->segment_count)
            return false;
        if (*segment != ':' &&
            (strlen(target->segments[i]) != len || memcmp(target->segments[i], segment, len) != 0))
            return false;
    }
    return i == target->segment_count;
}

const struct lki_web_route *lki_web_route_find(const struct lki_web_settings *settings,
                                               const char *method,
                                               const struct lki_web_target *target, bool *has_path)
{
    const char *as = strcmp(method, "HEAD") ? method : "GET";

    *has_path = false;
    for (size_t i = 0; i < settings->route_count; i++) {
        const struct lki_web_route *route = &settings->routes[i];

        if (!lki_web_route_fits(route, target))
            continue;
        *has_path = true;
        if (!strcmp(route->method, as))
            return route;
    }
    return NULL;
}

void lki_web_route_methods(const struct lki_web_settings *settings,
                           const struct lki_web_target *target, struct lki_buf *out)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    bool has_path;

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (!lki_web_route_find(settings, methods[i], target, &has_path))
            continue;
        lki_buf_printf(out, "%s, ", methods[i]);
        if (!i)
            lki_buf_str(out, "HEAD, ");
    }
    lki_buf_str(out, "OPTIONS");
}

const char *lki_web_route_segment(const struct lki_web_route *route,
                                  const struct lki_web_target *target, const char *name)
{
    const char *at = route->path;
    const char *segment;
    size_t len;

    for (size_t i = 0; pattern_next(&at, &segment, &len) && i < target->segment_count; i++) {
        if (*segment == ':' && strlen(name) == len - 1 && !memcmp(segment + 1, name, len - 1))
            return target->segments[i];
    }
    return NULL;
}

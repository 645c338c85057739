/*
 * The HTTP API of an orchestrator: its routes on a guarded server, and what is told to those who
 * listen. Documented in loadkit-api(7).
 */
#ifndef LKI_WEB_API_H
#define LKI_WEB_API_H

#include <loadkit/err.h>

#include "base/buf.h"
#include "control/orchestrator.h"
#include "loop/loop.h"
#include "web/server.h"

struct lki_api;

/* Of settings all but the routes and arg counts. On failure why says what to do. program: name for
 * answers. */
enum lk_err lki_api_open(struct lki_api **out, struct lki_loop *loop, struct lki_orchestrator *o,
                         const struct lki_web_settings *settings, const char *program,
                         struct lki_buf *why);
/* NULL is ignored. */
void lki_api_close(struct lki_api *api);

/* Something that clients may want to know has changed: streams are told, once each second at most.
 */
void lki_api_changed(struct lki_api *api);

/* "127.0.0.1:8080" */
const char *lki_api_address(const struct lki_api *api);
/* Beyond loopback. */
bool lki_api_is_exposed(const struct lki_api *api);
/* In a child after fork: closes its copies of descriptors. */
void lki_api_forked(struct lki_api *api);

#endif

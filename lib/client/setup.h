/* Settings put to work: of the run, as its options say, and of a user, as its author says. */
#ifndef LKI_CLIENT_SETUP_H
#define LKI_CLIENT_SETUP_H

#include "client/http.h"
#include "client/settings.h"

/* What the options of the run say, as lki_http_settings_write has it; NULL: nothing. Before there
 * are users. LK_E_ARG: out says what is wrong; LK_E_NOMEM. */
enum lk_err lki_http_setup_run(struct lki_http_shared *shared, const char *text,
                               struct lki_buf *out);
void lki_http_setup_release(struct lki_http_shared *shared);

/* A new life begins without settings of its own. */
void lki_http_setup_forget(struct lki_http_client *http);

#endif

/* What LK_ON_SETUP leaves for all users of the run. */
#ifndef LKI_USER_RUN_DATA_H
#define LKI_USER_RUN_DATA_H

#include <loadkit/err.h>

#include "loop/loop.h"

/* One value. Those that it replaced stay, since somebody may still read them. */
struct lki_run_data;

/* In front of *data, a copy of what the set-up left in another process: JSON. LK_E_NOMEM. */
enum lk_err lki_run_data_add(struct lki_run_data **data, const struct lki_loop *loop,
                             const char *text);

/* Its JSON; NULL: nothing was left. */
const char *lki_run_data_text(const struct lki_run_data *data);

/* NULL is ignored. */
void lki_run_data_free(struct lki_run_data *data);

#endif

/*
 * What is known of a worker's end, or of where it hangs: read from its page, which whatever went
 * wrong in the worker may have damaged.
 */
#ifndef LKI_APP_WRECK_H
#define LKI_APP_WRECK_H

#include <stdbool.h>

#include "app/frames.h"
#include "control/core.h"
#include "model/model.h"
#include "worker/page.h"

struct lki_wreck {
    struct lki_death death; /* for the core; its texts are the wreck's */
    char line[512];         /* for people: what follows after "worker 2" */
    char what[128];
    struct lki_frames frames;
};

/* Of a process that has ended so, by waitpid; -1: nobody knows how. killed: by us, because the step
 * in page->asked hung. page stays in use. False: there is nothing to tell of, it ended in order. */
bool lki_wreck_init(struct lki_wreck *wreck, const struct lki_model *model,
                    const struct lki_worker_page *page, int status, bool killed);

/* Of one that hangs where page->asked says: its line is "step spin of user 17". */
void lki_wreck_init_hanging(struct lki_wreck *wreck, const struct lki_model *model,
                            const struct lki_worker_page *page);
void lki_wreck_release(struct lki_wreck *wreck);

#endif

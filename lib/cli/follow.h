/*
 * A run of an orchestrator as if it went on here: its progress, its end, its report.
 */
#ifndef LKI_CLI_FOLLOW_H
#define LKI_CLI_FOLLOW_H

#include "cli/remote.h"
#include "result/result.h"

/* Interrupts that come from here on are for the run that is about to start. */
void lki_follow_begin(void);
void lki_follow_end(void);

/*
 * Waits until the run of that id is over, and reports; gives its exit status. An interrupt ends the
 * run as it ends one that is carried out here: once it drains, twice it is cut off; the third time
 * it is left to itself.
 */
int lki_follow(struct lki_remote *remote, const char *run_id);

/* Asks for the result of the last run that is over, and reports; *found is whether it is of that
 * id (NULL: of any). An exit status: that of the run, if it was found. */
int lki_follow_report(struct lki_remote *remote, const char *run_id, bool *found);

#endif

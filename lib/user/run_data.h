/* What LK_ON_SETUP leaves for all users of the run. */
#ifndef LKI_USER_RUN_DATA_H
#define LKI_USER_RUN_DATA_H

/* One value. Those that it replaced stay, since somebody may still read them. */
struct lki_run_data;

/* NULL is ignored. */
void lki_run_data_free(struct lki_run_data *data);

#endif

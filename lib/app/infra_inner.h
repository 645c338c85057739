/* What starting and ending share: names in the runtime directory, and what is being started. */
#ifndef LKI_APP_INFRA_INNER_H
#define LKI_APP_INFRA_INNER_H

#include "app/infra.h"

#define LKI_INFRA_REDIS "redis"
#define LKI_INFRA_ORCHESTRATOR "orchestrator"
#define LKI_INFRA_FILE "infra" /* "URL WORKERS PROCESSES" */
#define LKI_INFRA_SCAN "%127s %llu %llu"
#define LKI_INFRA_PASSWORD_BYTES 16

struct lki_infra_start {
    struct lki_infra *infra;
    const struct lki_infra_settings *settings;
    size_t cap; /* of the list of daemons */
    char password[2 * LKI_INFRA_PASSWORD_BYTES + 1];
    char socket[LKI_RUNDIR_PATH_MAX];
    char url_file[LKI_RUNDIR_PATH_MAX];
    char listen[LKI_INFRA_URL_MAX]; /* with its port */
    struct lki_buf *why;
};

/* ---- what is known of it ---- */

/* Room for one more, which count does not count yet; NULL: no memory. */
struct lki_daemon *lki_infra_add(struct lki_infra *infra, size_t *cap);

void lki_infra_worker_name(char out[LKI_DAEMON_NAME_MAX], uint64_t number);

/* Reads what the directory, which is found or opened, knows. LK_E_NOMEM: not all of it. */
enum lk_err lki_infra_load(struct lki_infra *infra);

size_t lki_infra_alive(const struct lki_infra *infra);

/* Ends what lives. */
void lki_infra_end(const struct lki_infra *infra);

/* ---- while it is started ---- */

int64_t lki_infra_now(void);

/* A line for people; gives err. */
enum lk_err lki_infra_say(struct lki_infra_start *start, enum lk_err err, const char *fmt, ...)
    LK_PRINTF(3, 4);

/* For a moment. LK_E_CANCELLED: interrupted. */
enum lk_err lki_infra_pause(const struct lki_infra_start *start);

/* Nobody of those that are needed has ended; else LK_E_SYSTEM, and it is said with his last words.
 */
enum lk_err lki_infra_check(struct lki_infra_start *start);

enum lk_err lki_infra_start_one(struct lki_infra_start *start,
                                const struct lki_daemon_settings *settings);

/* It answers then, and url_file says how. */
enum lk_err lki_infra_start_redis(struct lki_infra_start *start);

#endif

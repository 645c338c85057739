/*
 * What the commands orchestrator and worker have in common: where Redis is, and how lines are told.
 */
#ifndef LKI_CLI_STATION_H
#define LKI_CLI_STATION_H

#include "bus/hub.h"
#include "cli/cli.h"

struct lki_station_options {
    struct lki_hub_settings hub;
    struct lki_redis_address address;
    char *url;
    char id[LKI_NAME_MAX + 1];
};

/* id: when none is given. An exit status, after an error line; to be released whatever it is. */
int lki_station_options_read(struct lki_station_options *station, const struct lki_cli *cli,
                             const char *id);
void lki_station_options_release(struct lki_station_options *station);

/* The end of such a command: tells why, and releases it; an exit status. */
int lki_station_ended(const struct lki_cli *cli, enum lk_err err, struct lki_buf *why);

/* A line with its time, to standard error; arg is the lki_cli. */
void lki_station_tell(const char *line, void *arg);

#endif

#include "cli/station.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "result/result.h"

int lki_station_options_read(struct lki_station_options *station, const struct lki_cli *cli,
                             const char *id)
{
    const struct lki_options *options = &cli->options;
    struct lki_buf why;
    enum lk_err err;
    int status = lki_cli_secret(cli, options->redis_url_file, options->redis_url,
                                "the address of Redis", &station->url);

    if (status)
        return status;
    station->hub = (struct lki_hub_settings){.address = &station->address,
                                             .cluster = options->cluster ? options->cluster
                                                                         : LKI_CLUSTER_DEFAULT,
                                             .id = station->id};
    snprintf(station->id, sizeof(station->id), "%s", id);
    if (!lki_cluster_is_name(station->hub.cluster)) {
        lki_cli_error(cli, "--cluster %s: give letters, digits, - _ and .", station->hub.cluster);
        return LKI_EXIT_USAGE;
    }
    if (!lki_station_is_id(station->id)) {
        lki_cli_error(cli, "--id %s: give letters, digits, - _ . and :", station->id);
        return LKI_EXIT_USAGE;
    }
    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_redis_address_parse(&station->address, station->url ? station->url : LKI_REDIS_URL,
                                  &why);
    return lki_cli_problems(cli, err ? LK_E_ARG : LK_OK, &why);
}

void lki_station_options_release(struct lki_station_options *station)
{
    lki_redis_address_release(&station->address);
    free(station->url);
}

/* Who was refused, or cannot start with what was given, can be helped by other options. */
int lki_station_ended(const struct lki_cli *cli, enum lk_err err, struct lki_buf *why)
{
    lki_cli_errors(cli, why);
    lki_buf_release(why);
    if (err == LK_E_STATE || err == LK_E_ARG)
        return LKI_EXIT_USAGE;
    return err ? LKI_EXIT_FAILED : LKI_EXIT_PASSED;
}

void lki_station_tell(const char *line, void *arg)
{
    const struct lki_cli *cli = arg;
    time_t now = time(NULL);
    struct tm local;
    char text[32] = "";

    if (localtime_r(&now, &local))
        strftime(text, sizeof(text), "%H:%M:%S", &local);
    fprintf(stderr, "%s %s: %s\n", text, cli->program, line);
}

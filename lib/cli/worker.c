/* The command worker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/host.h"
#include "app/machine.h"
#include "cli/cli.h"
#include "cli/station.h"
#include "model/registry.h"
#include "result/result.h"

/* Of the machine and the process, which nobody else has at the moment. */
static void name_make(char *name, size_t size)
{
    char host[64] = "worker";

    gethostname(host, sizeof(host) - 1);
    for (char *at = host; *at; at++) {
        char one[2] = {*at, '\0'};

        if (!lki_station_is_id(one))
            *at = '-';
    }
    snprintf(name, size, "%s-%ld", host, (long)getpid());
}

static int work(const struct lki_cli *cli, const struct lki_model *model,
                const struct lki_station_options *station)
{
    const struct lki_options *options = &cli->options;
    const struct lki_host_settings settings = {
        .hub = &station->hub,
        .processes = options->processes ? options->processes : lki_machine_cpus(),
        .probes = options->run_probes,
        .orphan_after_ns = options->orphan_after_ns ? options->orphan_after_ns
                                                    : LKI_ORPHAN_AFTER_DEFAULT_NS,
        .http = options->http_text,
        .tell = lki_station_tell,
        .arg = (void *)(uintptr_t)cli,
    };
    struct lki_buf why;
    enum lk_err err;

    /* as many connections as the machine allows: how many a run will want is not known yet */
    lki_machine_raise_descriptors(UINT64_MAX);
    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_host_run(model, &settings, &why);
    return lki_station_ended(cli, err, &why);
}

int lki_command_worker(const struct lki_cli *cli)
{
    struct lki_station_options station = {0};
    struct lki_model *model = NULL;
    char name[LKI_NAME_MAX + 1];
    int status;

    if (!lki_cli_hold(cli))
        return LKI_EXIT_FAILED;
    name_make(name, sizeof(name));
    status = lki_station_options_read(&station, cli, cli->options.id ? cli->options.id : name);
    if (!status)
        status = lki_cli_model(cli, &model);
    if (!status)
        status = work(cli, model, &station);
    lki_model_free(model);
    lki_station_options_release(&station);
    lki_registry_let_go();
    return status;
}

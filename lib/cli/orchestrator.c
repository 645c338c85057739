/* The command orchestrator. */
#include "app/orchestrator.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/params.h"
#include "cli/station.h"
#include "model/registry.h"
#include "result/result.h"

#define LISTEN_DEFAULT "127.0.0.1:8080"
#define HOSTS_MAX 32

/* What is to be opened, all of it owned. */
struct role {
    const struct lki_cli *cli;
    struct lki_station_options station;
    char *token;
    char *state_dir;
    char *address; /* of listen */
    uint16_t port;
    char *hosts; /* names, taken to pieces: */
    const char *names[HOSTS_MAX];
    size_t name_count;
    struct lki_model *model; /* to find the parameters of */
    struct lki_params params;
};

static void role_release(struct role *role)
{
    lki_station_options_release(&role->station);
    lki_params_release(&role->params);
    lki_model_free(role->model);
    free(role->token);
    free(role->state_dir);
    free(role->address);
    free(role->hosts);
}

static int fail(const struct lki_cli *cli, enum lk_err err)
{
    lki_cli_error(cli, "%s", lk_strerror(err));
    return LKI_EXIT_FAILED;
}

/* "127.0.0.1:8080", "[::1]:8080" */
static int listen_read(struct role *role)
{
    const char *listen = role->cli->options.listen ? role->cli->options.listen : LISTEN_DEFAULT;
    const char *colon = strrchr(listen, ':');
    size_t len = colon ? (size_t)(colon - listen) : 0;
    const char *from = listen;
    unsigned long port;
    char *end;

    if (len > 1 && *listen == '[' && listen[len - 1] == ']') {
        from++;
        len -= 2;
    }
    errno = 0;
    port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!len || colon[1] < '0' || colon[1] > '9' || *end || errno || port > 65535) {
        lki_cli_error(role->cli, "--listen %s: give an address and a port, as in " LISTEN_DEFAULT,
                      listen);
        return LKI_EXIT_USAGE;
    }
    role->port = (uint16_t)port;
    role->address = strndup(from, len);
    return role->address ? LKI_EXIT_PASSED : fail(role->cli, LK_E_NOMEM);
}

static int hosts_read(struct role *role)
{
    const char *names = role->cli->options.allowed_hosts;
    char *rest = NULL;

    if (!names)
        return LKI_EXIT_PASSED;
    role->hosts = strdup(names);
    if (!role->hosts)
        return fail(role->cli, LK_E_NOMEM);
    for (char *name = strtok_r(role->hosts, ", ", &rest); name;
         name = strtok_r(NULL, ", ", &rest)) {
        if (role->name_count == HOSTS_MAX) {
            lki_cli_error(role->cli, "--allowed-hosts: there are more than %d names", HOSTS_MAX);
            return LKI_EXIT_USAGE;
        }
        role->names[role->name_count++] = name;
    }
    return LKI_EXIT_PASSED;
}

/* Where state that outlives programs is kept, if nothing else is said: below the directory that the
 * user has for such, by program and cluster. */
static int state_dir_make(struct role *role)
{
    const struct lki_options *options = &role->cli->options;
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    const char *name = strrchr(role->cli->program, '/');
    char path[PATH_MAX];
    int len;

    if (options->state_dir) {
        role->state_dir = strdup(options->state_dir);
        return role->state_dir ? LKI_EXIT_PASSED : fail(role->cli, LK_E_NOMEM);
    }
    if (base && *base == '/')
        len = snprintf(path, sizeof(path), "%s", base);
    else
        len = snprintf(path, sizeof(path), "%s/.local/state", home ? home : "");
    if ((!base || *base != '/') && (!home || *home != '/')) {
        lki_cli_error(role->cli, "there is no home directory to keep the state in; name one with "
                                 "--state-dir");
        return LKI_EXIT_USAGE;
    }
    if ((size_t)len < sizeof(path))
        len += snprintf(path + len, sizeof(path) - (size_t)len, "/loadkit/%.64s-%.100s",
                        name ? name + 1 : role->cli->program, role->station.hub.cluster);
    if ((size_t)len >= sizeof(path)) {
        lki_cli_error(role->cli, "the name of the home directory is too long; name another one "
                                 "with --state-dir");
        return LKI_EXIT_USAGE;
    }
    for (char *at = path + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    role->state_dir = strdup(path);
    return role->state_dir ? LKI_EXIT_PASSED : fail(role->cli, LK_E_NOMEM);
}

/* Parameters of the command line are those of every run, and of factories between runs; a run
 * brings those that are missing. */
static int params_read(struct role *role)
{
    return lki_cli_prepare(role->cli, &role->model, &role->params);
}

static int role_read(struct role *role)
{
    const struct lki_options *options = &role->cli->options;
    int status = lki_station_options_read(&role->station, role->cli, "orchestrator");

    if (!status)
        status = lki_cli_secret(role->cli, options->token_file, options->token, "the token",
                                &role->token);
    if (!status)
        status = listen_read(role);
    if (!status)
        status = hosts_read(role);
    if (!status)
        status = state_dir_make(role);
    if (!status)
        status = params_read(role);
    return status;
}

static int role_run(const struct role *role)
{
    const struct lki_options *options = &role->cli->options;
    const struct lki_web_settings web = {.address = role->address,
                                         .port = role->port,
                                         .token = role->token,
                                         .allowed_hosts = role->names,
                                         .allowed_host_count = role->name_count,
                                         .cors_origin = options->cors_origin};
    const struct lki_orchestrator_role settings = {
        .hub = &role->station.hub,
        .web = &web,
        .program = role->cli->program,
        .state_dir = role->state_dir,
        .params = role->params.texts,
        .param_count = role->params.count,
        .on_loss = (enum lki_on_loss)options->on_worker_loss,
        .on_join = (enum lki_on_join)options->on_worker_join,
        .tell = lki_station_tell,
        .arg = (void *)(uintptr_t)role->cli,
    };
    struct lki_buf why;
    enum lk_err err;

    lki_buf_init(&why, LKI_CLI_TEXT_MAX);
    err = lki_orchestrator_run(role->model, &settings, &why);
    return lki_station_ended(role->cli, err, &why);
}

int lki_command_orchestrator(const struct lki_cli *cli)
{
    struct role role = {.cli = cli};
    int status;

    if (!lki_cli_hold(cli))
        return LKI_EXIT_FAILED;
    status = role_read(&role);
    if (!status)
        status = role_run(&role);
    role_release(&role);
    lki_registry_let_go();
    return status;
}

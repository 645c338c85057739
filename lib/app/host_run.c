/* A run at a station, from the order to fork to its end. */
#include <stdio.h>
#include <string.h>

#include "app/host_inner.h"
#include "base/mem.h"
#include "model/registry.h"

static void on_tell(const char *line, void *arg)
{
    lki_host_tell(arg, "%s", line);
}

static void on_forked(void *arg)
{
    lki_spoke_forked(((struct lki_host *)arg)->spoke);
}

void lki_host_run_drop(struct lki_host *host)
{
    lki_relays_cut(host);
    lki_fleet_free(host->fleet);
    host->fleet = NULL;
    lki_model_free(host->model);
    host->model = NULL;
    lki_arena_reset(&host->texts);
    host->cut_ns = LKI_NEVER;
    host->cut_stage = 0;
}

static void on_ending(struct lki_post *post)
{
    struct lki_host *host = LKI_CONTAINER(post, struct lki_host, ending);

    if (!*host->run_id)
        return;
    lki_host_run_drop(host);
    lki_host_say(host,
                 &(struct lki_station_report){.kind = LKI_STATION_OVER, .over = host->run_id});
    *host->run_id = '\0';
    if (host->stops)
        host->left_ns = lki_loop_now(&host->loop);
}

void lki_host_run_end(struct lki_host *host)
{
    lki_loop_post(&host->loop, &host->ending, on_ending);
}

/* Nobody is left, and nobody will come. */
void lki_host_end_look(struct lki_host *host)
{
    if (!host->fleet || (!host->stops && host->cut_ns == LKI_NEVER))
        return;
    for (uint64_t i = 0; i < host->settings.processes; i++) {
        if (host->relays[i].link || lki_fleet_pid(host->fleet, i + 1))
            return;
    }
    lki_host_run_end(host);
}

static const char **params_copy(struct lki_host *host, const struct lki_command_run *run)
{
    const char **params = lki_arena_alloc(&host->texts, (run->param_count + 1) * sizeof(*params));

    for (size_t i = 0; params && i < run->param_count; i++) {
        params[i] = lki_arena_copy(&host->texts, run->params[i], strlen(run->params[i]));
        if (!params[i])
            return NULL;
    }
    return params;
}

static enum lk_err model_make(struct lki_host *host, const struct lki_command_run *run)
{
    const char **params = params_copy(host, run);
    struct lki_buf problems;
    enum lk_err err;

    if (!params)
        return LK_E_NOMEM;
    lki_buf_init(&problems, 65536);
    err = lki_model_new(&host->model, lki_registry_first(), &problems);
    if (!err)
        err = lki_model_set_params(host->model, params, run->param_count, &problems);
    lki_buf_cstr(&problems);
    if (err && problems.len)
        lki_host_tell(host, "the run's parameters do not fit this program: %s", problems.data);
    lki_buf_release(&problems);
    return err;
}

static enum lk_err fleet_make(struct lki_host *host, const struct lki_command_run *run)
{
    const struct lki_fleet_settings settings = {
        .workers = host->settings.processes,
        .grace_ns = run->grace_ns,
        .http = host->settings.http,
        .handle_signals = true,
        .tell = on_tell,
        .on_join = lki_relays_on_join,
        .on_died = lki_relays_on_died,
        .on_forked = on_forked,
        .arg = host,
    };
    enum lk_err err = lki_fleet_new(&host->fleet, &host->loop, host->model, &settings);

    if (!err)
        lki_fleet_begin(host->fleet); /* who cannot be forked now may be later */
    return err;
}

/* One at a time: what is left of another one is over. */
void lki_host_on_run(struct lki_host *host, const struct lki_command_run *run)
{
    enum lk_err err;

    if (!strcmp(run->run_id, host->run_id) || host->stops)
        return;
    lki_loop_unpost(&host->loop, &host->ending);
    lki_host_run_drop(host);
    snprintf(host->run_id, sizeof(host->run_id), "%s", run->run_id);
    host->grace_ns = run->grace_ns;
    lki_host_tell(host, "run %s begins", host->run_id);
    err = model_make(host, run);
    if (!err)
        err = fleet_make(host, run);
    if (err) {
        lki_host_tell(host, "cannot take part in run %s: %s", host->run_id, lk_strerror(err));
        lki_host_run_end(host);
    }
}

/* ---- ending by itself ---- */

/* From cut_ns on users leave in order, and their processes end with them; those that are left are
 * cut off, then ended. */
static void cut(struct lki_host *host, int64_t now_ns)
{
    if (now_ns < host->cut_ns)
        return;
    if (!host->cut_stage || (host->cut_stage == 1 && now_ns - host->cut_ns >= host->grace_ns))
        lki_relays_stop(host, ++host->cut_stage);
    else if (host->cut_stage == 2 &&
             now_ns - host->cut_ns >= host->grace_ns + LKI_HOST_END_MARGIN_NS)
        lki_host_run_end(host);
}

/* Load never outlives its command. */
void lki_host_look_for_orchestrator(struct lki_host *host, int64_t now_ns)
{
    int64_t heard_ns = lki_spoke_heard_ns(host->spoke);

    if (!host->fleet)
        return;
    if (host->cut_ns == LKI_NEVER && now_ns - heard_ns >= host->settings.orphan_after_ns) {
        lki_host_tell(host, "run %s ends here: nothing was heard of the orchestrator for %.0f s",
                      host->run_id, (double)(now_ns - heard_ns) / 1e9);
        host->cut_ns = now_ns;
    }
    cut(host, now_ns);
}

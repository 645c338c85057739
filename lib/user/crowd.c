/* What the users of one worker share. */
#include <stdlib.h>
#include <string.h>

#include "user/arrivals.h"
#include "user/life.h"

static enum lk_err step_metrics_init(struct lki_crowd *crowd)
{
    const struct lki_model *model = crowd->model;

    crowd->step_metrics = calloc(model->type_count, sizeof(*crowd->step_metrics));
    for (size_t t = 0; crowd->step_metrics && t < model->type_count; t++) {
        const struct lki_vu_type *type = &model->types[t];

        crowd->step_metrics[t] = calloc(type->step_count, sizeof(**crowd->step_metrics));
        if (!crowd->step_metrics[t])
            return LK_E_NOMEM;
        for (size_t s = 0; s < type->step_count; s++)
            crowd->step_metrics[t][s] = lki_metrics_find(crowd->metrics, LKI_SOURCE_STEP,
                                                         type->steps[s].label, type->steps[s].label,
                                                         strlen(type->steps[s].label));
    }
    return crowd->step_metrics ? LK_OK : LK_E_NOMEM;
}

enum lk_err lki_crowd_init(struct lki_crowd *crowd, struct lki_loop *loop,
                           const struct lki_model *model, struct lki_metrics *metrics)
{
    enum lk_err err;

    *crowd = (struct lki_crowd){
        .loop = loop, .model = model, .metrics = metrics, .iterations_left = UINT64_MAX};
    crowd->iterations_taken = &crowd->taken;
    crowd->http.model = model;
    err = lki_http_shared_init(&crowd->http, loop, metrics);
    if (!err)
        err = lki_resources_init(&crowd->resources, model);
    if (!err)
        err = step_metrics_init(crowd);
    if (!err)
        err = lki_customs_init(&metrics->customs, model->metrics, model->metric_count);
    if (err)
        lki_crowd_release(crowd);
    return err;
}

void lki_crowd_release(struct lki_crowd *crowd)
{
    for (size_t t = 0; crowd->step_metrics && t < crowd->model->type_count; t++)
        free(crowd->step_metrics[t]);
    free(crowd->step_metrics);
    crowd->step_metrics = NULL;
    lki_resources_release(&crowd->resources);
    /* a function on a helper thread that was given up may still read it */
    if (!crowd->loop->task_count)
        lki_run_data_free(crowd->run_data);
    crowd->run_data = NULL;
    lki_http_shared_release(&crowd->http);
}

uint64_t lki_crowd_hook_errors(const struct lki_crowd *crowd)
{
    uint64_t errors = 0;

    for (size_t i = 0; i < LKI_COUNT(crowd->hook_metrics); i++) {
        const struct lki_metric *metric = crowd->hook_metrics[i];

        errors += metric ? metric->second.errors + metric->total.errors : 0;
    }
    return errors;
}

/* ---- iterations ---- */

void lki_crowd_low(struct lki_crowd *crowd, uint64_t left)
{
    if (crowd->iterations_more)
        crowd->on_low(crowd);
    else if (!left)
        crowd->on_exhausted(crowd);
}

uint64_t lki_crowd_left(const struct lki_crowd *crowd)
{
    return crowd->arrivals ? lki_arrivals_left(crowd->arrivals) : crowd->iterations_left;
}

bool lki_crowd_starves(const struct lki_crowd *crowd)
{
    if (crowd->arrivals)
        return lki_arrivals_starve(crowd->arrivals);
    return !crowd->iterations_left && crowd->dry.first;
}

void lki_crowd_serve(struct lki_crowd *crowd)
{
    struct lki_user *user;

    for (uint64_t i = 0; i < crowd->iterations_left && (user = lki_line_pop(&crowd->dry)); i++)
        lki_user_wake_later(user);
}

void lki_crowd_grant(struct lki_crowd *crowd, uint64_t count, bool last)
{
    crowd->iterations_more = !last;
    if (crowd->arrivals) {
        lki_arrivals_grant(crowd->arrivals, count);
        return;
    }
    crowd->iterations_left += count;
    lki_crowd_serve(crowd);
    if (last && !crowd->iterations_left)
        crowd->on_exhausted(crowd);
}

uint64_t lki_crowd_reclaim(struct lki_crowd *crowd)
{
    uint64_t count = crowd->iterations_left;

    if (crowd->arrivals)
        return lki_arrivals_reclaim(crowd->arrivals);
    crowd->iterations_left = 0;
    return count;
}

#include "support/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void call(void *a, void *b)
{
    struct rig_user *user = a;

    (void)b;
    user->run(&user->vu, user->arg);
}

static void task_run(struct lki_task *task)
{
    struct rig_user *user = task->owner;
    struct lki_unit unit = {.vu = &user->vu, .step = "step"};
    struct lki_loop *loop = &user->rig->loop;

    task->owner = &unit;
    user->outcome = lki_task_call(task, call, user, NULL,
                                  lki_ns_after(lki_loop_now(loop), user->timeout_ns));
    if (task->message)
        snprintf(user->message, sizeof(user->message), "%s", task->message);
    lki_unit_end(&unit);
    if (--user->rig->running == 0)
        lki_loop_stop(loop);
}

void rig_open(struct rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    if (lki_loop_open(&rig->loop))
        abort();
    lki_metrics_init(&rig->metrics, 0, 0);
    if (lki_http_shared_init(&rig->http, &rig->loop, &rig->metrics))
        abort();
}

struct rig_user *rig_add(struct rig *rig, void (*run)(lk_vu *vu, void *arg), void *arg)
{
    struct rig_user *user = calloc(1, sizeof(*user));

    if (!user)
        abort();
    user->rig = rig;
    user->run = run;
    user->arg = arg;
    user->timeout_ns = LKI_NEVER;
    user->vu.loop = &rig->loop;
    user->vu.metrics = &rig->metrics;
    user->vu.http.shared = &rig->http;
    user->vu.id = rig->users ? rig->users->vu.id + 1 : 1;
    user->vu.late_ns = -1;
    user->next = rig->users;
    rig->users = user;
    return user;
}

void rig_run(struct rig *rig)
{
    rig->loop.stopping = false;
    for (struct rig_user *user = rig->users; user; user = user->next)
        rig->running += user->run != NULL;
    for (struct rig_user *user = rig->users; user; user = user->next) {
        struct lki_task *task = user->run ? lki_task_new(&rig->loop, 0, task_run, user) : NULL;

        if (user->run && !task)
            abort();
        if (task)
            lki_task_resume(task);
        user->run = NULL;
    }
    if (rig->running)
        lki_loop_run(&rig->loop);
}

uint64_t rig_count(struct rig *rig, lki_code code)
{
    uint64_t count = 0;

    lki_metrics_fold(&rig->metrics);
    for (struct lki_metric *metric = rig->metrics.first; metric; metric = metric->next) {
        if (metric->source == LKI_SOURCE_HTTP)
            count += lki_codes_get(&metric->total.codes, code);
    }
    return count;
}

/* When nobody is at it, all that was sent whole has been recorded. */
static void sent_verify(const struct rig *rig)
{
    const struct lki_totals *totals = rig->metrics.totals;

    if (rig->http.sending || totals->http_sent != totals->http_requests - totals->http_unsent) {
        fprintf(stderr, "rig: %llu requests and %llu unsent, but %llu sent\n",
                (unsigned long long)totals->http_requests, (unsigned long long)totals->http_unsent,
                (unsigned long long)totals->http_sent);
        abort();
    }
}

void rig_close(struct rig *rig)
{
    sent_verify(rig);
    while (rig->users) {
        struct rig_user *user = rig->users;

        rig->users = user->next;
        lki_http_client_reset(&user->vu.http);
        free(user);
    }
    lki_session_close(&rig->http.session);
    lki_loop_close(&rig->loop);
    lki_http_shared_release(&rig->http);
    lki_metrics_release(&rig->metrics);
}

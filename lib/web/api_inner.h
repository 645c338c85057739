/*
 * What the parts of the API share.
 */
#ifndef LKI_WEB_API_INNER_H
#define LKI_WEB_API_INNER_H

#include "control/history.h"
#include "model/secrets.h"
#include "web/api.h"
#include "web/form.h"
#include "web/put.h"

/* What one answer may hold. */
#define LKI_API_ANSWER_MAX ((size_t)64 * 1024 * 1024)
/* Of a metric's name, with its terminator: a step and a name in which nothing is UTF-8, and labels.
 */
#define LKI_API_ID_MAX ((size_t)1536)
/* Users of whom an answer says where they are. */
#define LKI_API_ADDED_MAX 1000

struct lki_api_stream;
struct lki_api_job;

/* Those of the run that was last. */
struct lki_api_secrets {
    struct lki_arena arena;
    char run_id[64];
    struct lki_secrets known;
    bool missing; /* for lack of memory: what may hold them is not told */
};

struct lki_api {
    struct lki_loop *loop;
    struct lki_orchestrator *o;
    struct lki_web *web;
    const char *program;
    struct lki_timer tick; /* streams are told then */
    bool ticking;          /* it is set */
    int64_t told_ns;       /* when they were last */
    uint64_t told_version; /* of the history */
    struct lki_api_stream *streams;
    struct lki_api_job *jobs; /* objects that are being made */
    struct lki_api_secrets secrets;
};

/* ---- api.c */

/* Wall clock at the start of the run; 0: nothing is known of it yet. */
double lki_api_started_s(const struct lki_api *api);
/* Of a time since that start, in ms. */
int64_t lki_api_wall_ms(const struct lki_api *api, int64_t since_ns);
/* As GET /workers names the worker that the history numbers so; "": not known. */
const char *lki_api_worker_name(const struct lki_api *api, uint64_t worker);
/* Sends what was put, or that there was no memory; releases it. */
void lki_api_answer(struct lki_web_request *request, struct lki_put *put);
void lki_api_refuse(struct lki_api *api, struct lki_web_request *request,
                    const struct lki_refusal *refusal);
/* All workers by id, in the request's arena; NULL: no memory. */
const struct lki_worker_view *lki_api_workers(struct lki_api *api, struct lki_arena *arena,
                                              size_t *count);

/* ---- api_secrets.c */

/* Of the run in hand, if there is one. */
void lki_api_secrets_learn(struct lki_api *api);
/* Puts stars in their place. False: no memory, text must not be told. */
bool lki_api_mask(const struct lki_api *api, char *text);
void lki_api_put_shown(const struct lki_api *api, struct lki_put *put, const char *key,
                       const char *text);

/* ---- api_state.c */

lki_web_handler lki_api_health, lki_api_ready, lki_api_list_workers, lki_api_status, lki_api_result;
lki_web_handler lki_api_params, lki_api_login, lki_api_logout, lki_api_page;

/* ---- api_start.c, api_run.c */

lki_web_handler lki_api_start, lki_api_stop, lki_api_change_users, lki_api_change_rate;
/* {"requested", "added", ... of users first + 1 .. first + count; left open. */
void lki_api_put_added(struct lki_put *put, const char *key, const struct lki_worker_view *workers,
                       size_t worker_count, uint64_t first, uint64_t count, double interval_ms);
/* {"created", "target_users", ...} */
void lki_api_put_prepared(struct lki_put *put, const struct lki_model *model, uint64_t users);
/* The ids of those who are heard, as an array; how many. */
size_t lki_api_put_alive(struct lki_put *put, const char *key,
                         const struct lki_worker_view *workers, size_t count);

/* ---- api_resources.c */

lki_web_handler lki_api_resources, lki_api_items, lki_api_create, lki_api_ensure, lki_api_delete;
/* When the server is closed: nobody is answered any more. */
void lki_api_jobs_release(struct lki_api *api);

/* ---- api_names.c */

struct lki_api_name {
    const struct lki_metric *metric;
    const char *plain; /* "login", "login/POST /auth", "Setup/GET /": as the contract has it */
    const char *id; /* no other has it: where others have the plain one, "buy/pay (sql, connect)" */
};

/* By the indices of the history, without what is secret; NULL: no memory. */
const struct lki_api_name *lki_api_names(const struct lki_api *api, struct lki_arena *arena);

/* ---- api_metrics.c, api_errors.c, api_history.c, api_probes.c, api_prometheus.c */

lki_web_handler lki_api_metrics, lki_api_metrics_history, lki_api_errors, lki_api_series;
lki_web_handler lki_api_probes, lki_api_probes_history;
lki_web_handler lki_api_prometheus, lki_api_openapi;

/* What is asked of GET /metrics. */
struct lki_api_metrics_query {
    const char *metric_id; /* or plain name; NULL: all */
    int64_t count;         /* of events */
    bool events;
};

void lki_api_put_metrics(struct lki_api *api, struct lki_put *put, const char *key,
                         const struct lki_api_metrics_query *query);
/* The examples of a metric, the newest count of them; gives the id of the last one, 0: none. */
uint64_t lki_api_put_events(struct lki_api *api, struct lki_put *put, const char *key,
                            const struct lki_metric *metric, int64_t count);

/* What a probe has read last; NULL: nothing yet. */
const struct lki_reading *lki_api_latest(const struct lki_probe_log *log);

/* ---- api_stream.c */

lki_web_handler lki_api_socket, lki_api_events;
/* There is news. */
void lki_api_streams_tell(struct lki_api *api);
/* When the server is closed. */
void lki_api_streams_release(struct lki_api *api);

#endif

#define _GNU_SOURCE

#include "support/desk.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <loadkit/values.h>

#include "base/mem.h"
#include "control/conduct.h"
#include "control/inner.h"
#include "stats/example.h"
#include "stats/snapshot.h"
#include "web/api.h"

#define SECONDS 3
#define USERS 20

/* Without Check, which asks for memory. */
#define MUST(what) must(what, #what)

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "desk: %s\n", what);
    abort();
}

/* ---- the program */

static void step_run(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
}

static lk_json *user_make(lk_vu *vu, const char *id)
{
    (void)vu;
    (void)id;
    return NULL;
}

static struct lk_value level_read(lk_vu *vu)
{
    (void)vu;
    return lk_value_null();
}

#define DEF(type, def_kind, vu_name, def_name)                                                     \
    .def = {.size = sizeof(struct type),                                                           \
            .kind = (def_kind),                                                                    \
            .vu = (vu_name),                                                                       \
            .name = (def_name),                                                                    \
            .file = "desk.c",                                                                      \
            .line = __LINE__}

static struct lk_vu_def vu_def = {DEF(lk_vu_def, LK_DEF_VU, "demo", "demo")};
static struct lk_step_def step_def = {DEF(lk_step_def, LK_DEF_STEP, "demo", "look"),
                                      .run = step_run};
static struct lk_param_def url_def = {DEF(lk_param_def, LK_DEF_PARAM, NULL, "base_url"),
                                      .required = true};
static struct lk_param_def key_def = {DEF(lk_param_def, LK_DEF_PARAM, NULL, "key"), .secret = true};
static struct lk_param_def size_def = {DEF(lk_param_def, LK_DEF_PARAM, NULL, "size"),
                                       .type = LK_INT, .value = "20"};
static struct lk_resource_def users_def = {DEF(lk_resource_def, LK_DEF_RESOURCE, NULL, "users"),
                                           .make = user_make};
static struct lk_metric_def sold_def = {DEF(lk_metric_def, LK_DEF_METRIC, NULL, "sold"),
                                        .type = LK_COUNTER};
static struct lk_probe_def level_def = {DEF(lk_probe_def, LK_DEF_PROBE, NULL, "level"),
                                        .read = level_read, .every_s = 1};

static struct lki_model *program(void)
{
    static struct lk_def *const defs[] = {&vu_def.def,   &step_def.def, &url_def.def,
                                          &key_def.def,  &size_def.def, &users_def.def,
                                          &sold_def.def, &level_def.def};
    struct lki_model *model = NULL;
    struct lki_buf problems;

    for (size_t i = 0; i + 1 < LKI_COUNT(defs); i++)
        defs[i]->next_ = defs[i + 1];
    lki_buf_init(&problems, 65536);
    if (lki_model_new(&model, defs[0], &problems))
        must(false, lki_buf_cstr(&problems));
    lki_buf_release(&problems);
    return model;
}

/* ---- the run: what one worker has measured by the end of each second */

static struct lki_example_part part(const char *text)
{
    return (struct lki_example_part){text, strlen(text)};
}

static void record(struct lki_metrics *metrics, struct lki_probe_log *log, int s)
{
    struct lki_metric *get = lki_metrics_find(metrics, LKI_SOURCE_HTTP, "look", "GET /", 5);
    struct lki_metric *step = lki_metrics_find(metrics, LKI_SOURCE_STEP, "", "look", 4);
    struct lki_metric *call = lki_metrics_find_emitted(metrics, "look", "call", "grpc", "connect");
    const struct lki_reading failed = {
        .t_ns = s * LKI_NS_PER_S, .failed = true, .message = "no \"level\""};
    struct lk_value value = lk_value_str("bu\xc3\xa4");

    for (int i = 0; i < 10; i++)
        lki_metric_record_simple(get, LKI_CODE_HTTP(200), LKI_SAMPLE_OK, (i + 1) * LKI_NS_PER_MS);
    lki_metric_record_simple(get, LKI_CODE_HTTP(503), LKI_SAMPLE_ERROR, LKI_NS_PER_MS);
    if (!s)
        lki_metrics_example(metrics, get, LKI_CODE_HTTP(503), part("GET / HTTP/1.1"),
                            part("HTTP/1.1 503 hunter2"), part("\x01\xff"));
    lki_metric_record_simple(step, LKI_CODE_STEP_FAILED, LKI_SAMPLE_ERROR, LKI_NS_PER_MS);
    lki_metrics_error(metrics, LKI_SOURCE_STEP, "look", LKI_CODE_STEP_FAILED, "no \"tea\"\n", 7);
    lki_metric_record_simple(call, lki_metrics_code(metrics, "BUSY", "overload"), LKI_SAMPLE_ERROR,
                             LKI_NS_PER_MS);
    lki_custom_record(&metrics->customs.all[0], 2, s * LKI_NS_PER_S);
    lki_probe_log_add(log, s * LKI_NS_PER_S, &value);
    lki_probe_log_add_reading(log, &failed);
}

static void tell(struct gang_worker *worker, struct lki_measured *measured, int s)
{
    struct lki_report report = {
        .kind = LKI_REPORT_SECOND,
        .second.row = {.t_s = (uint32_t)s, .span_ns = LKI_NS_PER_S, .users = USERS},
        .second.health = {.span_ns = (s + 1) * LKI_NS_PER_S, .waited_ns = -1}};
    struct lki_buf totals;

    lki_metrics_fold(measured->metrics);
    lki_buf_init(&totals, (size_t)1 << 24);
    lki_snapshot_write(measured, &totals);
    report.second.totals = totals.data;
    report.second.totals_bytes = totals.len;
    gang_report(worker, &report);
    lki_buf_release(&totals);
}

static void run_seconds(struct desk *desk)
{
    static struct lki_metrics metrics;
    static struct lki_probe_log log;
    struct lki_measured measured = {.metrics = &metrics, .probes = &log, .probe_count = 1};

    log = (struct lki_probe_log){.name = "level"};
    lki_metrics_init(&metrics, 0, 0);
    MUST(!lki_customs_init(&metrics.customs, desk->model->metrics, desk->model->metric_count));
    for (int s = 0; s < SECONDS; s++) {
        gang_run(&desk->gang, s + 1.02);
        record(&metrics, &log, s);
        tell(&desk->gang.workers[0], &measured, s);
        gang_run(&desk->gang, s + 1.08);
    }
    lki_metrics_release(&metrics);
    lki_probe_log_release(&log);
}

static void run_open(struct desk *desk)
{
    static const char *params[] = {"base_url=http://shop", "key=hunter2"};
    struct lki_orchestrator *o = desk->orchestrator;
    struct lki_plan plan = gang_plan(USERS);

    plan.run_id = "5f0e9c6d4a1b2c37";
    plan.rated = true;
    plan.rate_per_s = 50;
    gang_open(&desk->gang, &plan, desk->model, 1);
    desk->gang.silent = true;
    desk->gang.history = o->history;
    lki_history_begin(o->history, 1.7e9);
    run_seconds(desk);
    o->epoch = 1;
    o->run = (struct lki_conduct){.core = desk->gang.core,
                                  .model = desk->model,
                                  .plan = plan,
                                  .run_id = plan.run_id,
                                  .params = params,
                                  .param_count = LKI_COUNT(params)};
    lki_buf_str(&o->result, "{\"schema\":\"loadkit.result/1\"}");
}

/* ---- the orchestrator */

static void on_change(struct lki_orchestrator *o, void *arg)
{
    struct desk *desk = arg;

    (void)o;
    if (desk->api)
        lki_api_changed(desk->api);
}

static void on_line(const char *line, void *arg)
{
    (void)line;
    (void)arg;
}

static void on_refused(struct lki_orchestrator *o, const char *why, void *arg)
{
    (void)o;
    (void)arg;
    must(false, why);
}

static void on_making(struct lki_post *post)
{
    struct desk *desk = LKI_CONTAINER(post, struct desk, making);
    uint64_t count = desk->count < DESK_OBJECTS_MAX ? desk->count : DESK_OBJECTS_MAX;

    for (uint64_t i = 0; i < count; i++)
        desk->on_object(desk->first + i, "{\"username\":\"user\",\"n\":[1,{}]}", NULL,
                        desk->on_object_arg);
    desk->on_object(0, NULL, count < desk->count ? "these are enough" : NULL, desk->on_object_arg);
}

static enum lk_err make(size_t resource, uint64_t first, uint64_t count,
                        void (*fn)(uint64_t id, const char *text, const char *message, void *arg),
                        void *fn_arg, void *arg)
{
    struct desk *desk = arg;

    (void)resource;
    desk->first = first;
    desk->count = count;
    desk->on_object = fn;
    desk->on_object_arg = fn_arg;
    lki_loop_post(&desk->loop, &desk->making, on_making);
    return LK_OK;
}

static enum lk_err account(struct lki_result *result, struct lki_core *core,
                           const struct lki_model *model, const struct lki_plan *plan, void *arg)
{
    (void)result;
    (void)core;
    (void)model;
    (void)plan;
    (void)arg;
    return LK_E_ARG;
}

/* Of the orchestrator's state. */
static void directory_make(struct desk *desk)
{
    const char *place = getenv("TMPDIR");

    snprintf(desk->directory, sizeof(desk->directory), "%s/loadkit-desk.XXXXXX",
             place ? place : "/tmp");
    MUST(mkdtemp(desk->directory));
}

static void directory_remove(const struct desk *desk)
{
    DIR *list = opendir(desk->directory);
    const struct dirent *entry;

    MUST(list);
    while ((entry = readdir(list)))
        unlinkat(dirfd(list), entry->d_name, 0);
    closedir(list);
    MUST(!rmdir(desk->directory));
}

void desk_open(struct desk *desk, bool running)
{
    const struct lki_orchestrator_settings settings = {.hub = &desk->hub,
                                                       .state_dir = desk->directory,
                                                       .program = "demo",
                                                       .on_change = on_change,
                                                       .tell = on_line,
                                                       .on_refused = on_refused,
                                                       .make = make,
                                                       .account = account,
                                                       .arg = desk};
    const struct lki_web_settings web = {.address = "127.0.0.1"};
    struct lki_buf why;

    memset(desk, 0, offsetof(struct desk, answer));
    directory_make(desk);
    signal(SIGPIPE, SIG_IGN);
    lki_loop_quiet();
    lki_buf_init(&why, 65536);
    MUST(!lki_loop_open(&desk->loop));
    MUST(!lki_redis_address_parse(&desk->nowhere, "unix:///nowhere/at/all", &why));
    desk->hub = (struct lki_hub_settings){&desk->nowhere, "desk", "orchestrator"};
    desk->model = program();
    if (lki_orchestrator_new(&desk->orchestrator, &desk->loop, desk->model, &settings, &why) ||
        lki_api_open(&desk->api, &desk->loop, desk->orchestrator, &web, "demo", &why))
        must(false, lki_buf_cstr(&why));
    /* it is left alone: no Redis that is away, and no second that passes, changes anything */
    lki_timer_cancel(&desk->orchestrator->tick);
    lki_hub_close(desk->orchestrator->hub);
    desk->orchestrator->hub = NULL;
    desk->running = running;
    if (running)
        run_open(desk);
    lki_buf_release(&why);
}

void desk_close(struct desk *desk)
{
    struct lki_orchestrator *o = desk->orchestrator;

    lki_api_close(desk->api);
    lki_loop_unpost(&desk->loop, &desk->making);
    o->loaded = false; /* nothing is to be saved */
    o->run = (struct lki_conduct){0};
    lki_orchestrator_free(o);
    if (desk->running)
        gang_close(&desk->gang);
    lki_loop_close(&desk->loop);
    lki_redis_address_release(&desk->nowhere);
    lki_model_free(desk->model);
    directory_remove(desk);
}

/* ---- the client */

static void on_readable(struct lki_io *io, unsigned events)
{
    struct desk *desk = LKI_CONTAINER(io, struct desk, io);
    ssize_t count;

    (void)events;
    count = recv(desk->client, desk->answer + desk->answer_bytes,
                 sizeof(desk->answer) - 1 - desk->answer_bytes, 0);
    if (count > 0)
        desk->answer_bytes += (size_t)count;
    else if (!count || errno != EINTR)
        lki_loop_stop(&desk->loop);
}

/* What is said to somebody who comes this way lies in the kernel until the loop runs. */
void desk_connect(struct desk *desk)
{
    const char *address = lki_api_address(desk->api);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {.l_onoff = 1};

    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    desk->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(desk->client >= 0 && !connect(desk->client, (struct sockaddr *)&to, sizeof(to)));
    setsockopt(desk->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    MUST(!lki_io_start(&desk->loop, &desk->io, desk->client, LKI_READABLE, on_readable));
    desk->orchestrator->up = desk->orchestrator->sound = desk->orchestrator->loaded = true;
    desk->answer_bytes = 0;
}

void desk_talk(struct desk *desk, const char *text, size_t len)
{
    MUST(send(desk->client, text, len, MSG_NOSIGNAL) == (ssize_t)len);
    shutdown(desk->client, SHUT_WR);
    lki_loop_run(&desk->loop);
    desk->answer[desk->answer_bytes] = '\0';
    lki_io_stop(&desk->io);
    close(desk->client);
}

/*
 * A crowd of stations for an orchestrator: all of them in one process, each with workers that are
 * not forked. Workers are the library's own and obey their core's orders, and their reports go the
 * way of all reports; but each worker's one user asks nobody anything: it makes up what fifty
 * requests of a scenario would have measured.
 *
 *     LK_REDIS_URL=unix:///... crowd STATIONS PROCESSES SECONDS
 *
 * With any other words it is an ordinary program of loadkit, of which the orchestrator is one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "app/machine.h"
#include "base/mem.h"
#include "bus/hub.h"
#include "bus/link.h"
#include "bus/station.h"
#include "client/vu.h"
#include "model/registry.h"
#include "worker/agent.h"

/* ---- what is measured ---- */

#define METRICS 49 /* and the step itself */
#define SAMPLES 20 /* of each, in a second */
/* Before that so many seconds with ten times as many: as if the run had lasted for ten times as
 * long, since what is told grows with the histograms until they are full. */
#define FILLING_S 60

LK_VU(asker)
{
    struct lki_metric *metrics[METRICS];
    unsigned seconds;
};

/* So many octaves more or less than usual at most, and all of them alike: values that come once in
 * a while would have the histograms grow for hours. */
static int64_t duration_ns(struct lki_rng *rng, double usual_ns, double octaves)
{
    return (int64_t)(usual_ns * exp2(octaves * (2 * lki_rng_double(rng) - 1)));
}

static lki_code code_of(struct lki_rng *rng)
{
    uint64_t draw = lki_rng_below(rng, 1000);

    if (draw < 2)
        return LKI_CODE_HTTP_TIMEOUT;
    if (draw < 10)
        return LKI_CODE_HTTP(503);
    if (draw < 30)
        return LKI_CODE_HTTP(404);
    return LKI_CODE_HTTP(draw < 200 ? 201 : 200);
}

static void make_up(lk_vu *vu, struct lki_metric *metric, int i)
{
    struct lki_sample sample = {.code = code_of(&vu->rng),
                                .late_ns = -1,
                                .bytes_sent = 200,
                                .bytes_received = 2000,
                                .phase_ns = {-1, -1, -1}};

    sample.phase_ns[LKI_PHASE_WAIT] = duration_ns(&vu->rng, 500e3 * (1 + i), 1.1);
    if (!lki_rng_below(&vu->rng, 5))
        sample.phase_ns[LKI_PHASE_WAIT] *= 10;
    if (!lki_rng_below(&vu->rng, 5))
        sample.phase_ns[LKI_PHASE_CONNECT] = duration_ns(&vu->rng, 100e3, 0.75);
    sample.phase_ns[LKI_PHASE_SEND] = duration_ns(&vu->rng, 15e3, 0.75);
    sample.phase_ns[LKI_PHASE_RECEIVE] = duration_ns(&vu->rng, 50e3, 0.75);
    sample.latency_ns = sample.phase_ns[LKI_PHASE_WAIT] + sample.phase_ns[LKI_PHASE_SEND] +
                        sample.phase_ns[LKI_PHASE_RECEIVE];
    if (sample.code != LKI_CODE_HTTP(200) && sample.code != LKI_CODE_HTTP(201)) {
        sample.verdict = LKI_SAMPLE_ERROR;
        lki_metrics_error(vu->metrics, LKI_SOURCE_STEP, "ask", LKI_CODE_STEP_FAILED,
                          lki_code_name(sample.code), vu->id);
    }
    lki_metric_record(metric, &sample);
}

LK_STEP(asker, ask, .pace = LK_FIXED(1))
{
    int samples = self->seconds++ < FILLING_S ? 10 * SAMPLES : SAMPLES;

    for (int i = 0; i < METRICS; i++) {
        const char *name = lk_format(vu, "GET /articles/of/kind/%d", i);

        if (!self->metrics[i])
            self->metrics[i] = lki_metrics_find(vu->metrics, LKI_SOURCE_HTTP, "ask", name,
                                                strlen(name));
        for (int n = 0; n < samples; n++)
            make_up(vu, self->metrics[i], i);
    }
}

/* ---- stations ---- */

#define MESSAGE_MAX (LKI_MESSAGE_MAX + 1024)

struct crowd {
    struct lki_loop loop;
    struct lki_redis_address address;
    struct lki_model *model;
    struct lki_arena inbox;
    struct lki_buf out;
    struct lki_timer beat;
    struct lki_timer end;
    struct station *stations;
    size_t count;
    uint64_t processes;
};

/* A worker process that is none. */
struct process {
    struct station *station;
    uint64_t number;
    uint64_t life;
    struct lki_agent *agent;
    struct lki_link *link; /* to it */
};

struct station {
    struct crowd *crowd;
    struct lki_spoke *spoke;
    char id[32];
    char run_id[64];
    uint64_t lives;
    struct process *processes;
};

LK_NORETURN static void give_up(const char *why)
{
    fprintf(stderr, "crowd: %s\n", why);
    exit(1);
}

static void must(enum lk_err err)
{
    if (err)
        give_up(lk_strerror(err));
}

static void say(const struct station *station, const struct lki_station_report *report)
{
    struct lki_buf *out = &station->crowd->out;

    lki_buf_clear(out);
    lki_station_report_write(report, out);
    must(out->err);
    if (report->kind == LKI_STATION_BEAT)
        lki_spoke_beat(station->spoke, out->data, out->len);
    else
        must(lki_spoke_send(station->spoke, out->data, out->len));
}

static void say_hello(const struct station *station)
{
    char boot[64];
    struct lki_station_report report = {
        .kind = LKI_STATION_HELLO,
        .hello = {.id = station->id,
                  .host = "crowd",
                  .boot = boot,
                  .pid = (uint64_t)getpid(),
                  .processes = station->crowd->processes,
                  .program = lki_program_hash(station->crowd->model),
                  .version = LK_VERSION,
                  .orphan_after_ns = 60 * LKI_NS_PER_S,
                  .clock_ns = lki_spoke_clock_ns(station->spoke),
                  .run_id = station->run_id},
    };

    lki_station_boot(boot, sizeof(boot));
    say(station, &report);
}

static void say_beat(const struct station *station)
{
    struct lki_station_process list[64];
    struct lki_station_report report = {.kind = LKI_STATION_BEAT, .beat = {.processes = list}};

    for (uint64_t i = 0; i < station->crowd->processes && i < LKI_COUNT(list); i++)
        list[report.beat.count++] = (struct lki_station_process){.process = i + 1,
                                                                 .pid = (uint64_t)getpid(),
                                                                 .cpu_percent = 5,
                                                                 .rss_bytes = 20 << 20,
                                                                 .descriptors = 20,
                                                                 .loop_delay_ns = 1000000};
    say(station, &report);
}

/* ---- their workers ---- */

static void on_link_message(struct lki_link *link, const void *bytes, size_t len)
{
    const struct process *process = link->owner;

    say(process->station, &(struct lki_station_report){.kind = LKI_STATION_DATA,
                                                       .data = {.process = process->number,
                                                                .life = process->life,
                                                                .bytes = bytes,
                                                                .len = len}});
}

/* After its last words, as a station tells it. */
static void look_for_end(const struct process *process)
{
    if (!process->agent && !process->link)
        say(process->station, &(struct lki_station_report){.kind = LKI_STATION_DIED,
                                                           .died = {.process = process->number,
                                                                    .life = process->life,
                                                                    .told = true,
                                                                    .what = "ended"}});
}

static void on_link_gone(struct lki_link *link)
{
    struct process *process = link->owner;

    lki_link_close(link);
    process->link = NULL;
    look_for_end(process);
}

static void on_over(struct lki_agent *agent, void *arg)
{
    struct process *process = arg;

    lki_agent_free(agent);
    process->agent = NULL;
    look_for_end(process);
}

static void process_begin(struct process *process)
{
    struct station *station = process->station;
    struct crowd *crowd = station->crowd;
    struct lki_link *other;

    must(lki_pair_link_open(&process->link, &other, &crowd->loop));
    process->link->owner = process;
    process->link->on_message = on_link_message;
    process->link->on_gone = on_link_gone;
    process->life = ++station->lives;
    say(station, &(struct lki_station_report){
                     .kind = LKI_STATION_JOINED,
                     .joined = {.process = process->number, .life = process->life}});
    must(lki_agent_new(&process->agent, &crowd->loop, crowd->model, other, NULL, on_over, process));
}

static void run_begin(struct station *station, const char *run_id)
{
    snprintf(station->run_id, sizeof(station->run_id), "%s", run_id);
    for (uint64_t i = 0; i < station->crowd->processes; i++)
        process_begin(&station->processes[i]);
}

static void run_end(struct station *station)
{
    for (uint64_t i = 0; i < station->crowd->processes; i++) {
        struct process *process = &station->processes[i];

        lki_agent_free(process->agent);
        process->agent = NULL;
        lki_link_close(process->link);
        process->link = NULL;
    }
    say(station, &(struct lki_station_report){.kind = LKI_STATION_OVER, .over = station->run_id});
    *station->run_id = '\0';
}

static struct process *process_of(const struct station *station, uint64_t number, uint64_t life)
{
    struct process *process = number && number <= station->crowd->processes
                                  ? &station->processes[number - 1]
                                  : NULL;

    return process && process->life == life && process->link ? process : NULL;
}

static void obey(struct station *station, const struct lki_command *command)
{
    struct process *process = NULL;

    switch (command->kind) {
    case LKI_COMMAND_REFUSE:
        give_up(command->refuse);
    case LKI_COMMAND_RUN:
        if (!*station->run_id)
            run_begin(station, command->run.run_id);
        break;
    case LKI_COMMAND_DATA:
        process = process_of(station, command->data.process, command->data.life);
        if (process)
            must(lki_link_send(process->link, command->data.bytes, command->data.len));
        break;
    case LKI_COMMAND_CLOSE:
        process = process_of(station, command->close.process, command->close.life);
        if (process)
            on_link_gone(process->link);
        break;
    case LKI_COMMAND_END:
        if (!strcmp(station->run_id, command->end))
            run_end(station);
        break;
    default:
        break;
    }
}

/* ---- the hub ---- */

static void on_command(struct lki_spoke *spoke, const void *bytes, size_t len, void *arg)
{
    struct station *station = arg;
    struct lki_arena *inbox = &station->crowd->inbox;
    struct lki_command command;

    (void)spoke;
    must(lki_command_read(&command, bytes, len, inbox));
    obey(station, &command);
    lki_arena_reset(inbox);
}

static void on_up(struct lki_spoke *spoke, void *arg)
{
    (void)spoke;
    (void)arg;
}

static void on_down(struct lki_spoke *spoke, enum lki_redis_trouble trouble, const char *why,
                    void *arg)
{
    (void)spoke;
    (void)trouble;
    (void)arg;
    fprintf(stderr, "crowd: %s\n", why);
}

static void on_refused(struct lki_spoke *spoke, const char *who, void *arg)
{
    (void)spoke;
    (void)arg;
    give_up(who);
}

static void on_orchestrator(struct lki_spoke *spoke, void *arg)
{
    (void)spoke;
    say_hello(arg);
}

/* ---- all of them ---- */

static void station_open(struct crowd *crowd, struct station *station, size_t number)
{
    const struct lki_spoke_owner owner = {on_up,           on_down,    on_refused,
                                          on_orchestrator, on_command, station};
    const struct lki_hub_settings settings = {
        .address = &crowd->address, .cluster = LKI_CLUSTER_DEFAULT, .id = station->id};

    station->crowd = crowd;
    snprintf(station->id, sizeof(station->id), "station-%zu", number);
    station->processes = calloc((size_t)crowd->processes, sizeof(*station->processes));
    must(station->processes ? LK_OK : LK_E_NOMEM);
    for (uint64_t i = 0; i < crowd->processes; i++)
        station->processes[i] = (struct process){.station = station, .number = i + 1};
    must(lki_spoke_open(&station->spoke, &crowd->loop, &settings, "{\"host\":\"crowd\",\"pid\":1}",
                        &owner));
}

static void on_beat(struct lki_timer *timer)
{
    struct crowd *crowd = LKI_CONTAINER(timer, struct crowd, beat);

    for (size_t i = 0; i < crowd->count; i++)
        say_beat(&crowd->stations[i]);
    lki_timer_set(&crowd->loop.timers, timer, lki_loop_now(&crowd->loop) + LKI_NS_PER_S);
}

static void on_end(struct lki_timer *timer)
{
    lki_loop_stop(&LKI_CONTAINER(timer, struct crowd, end)->loop);
}

static void crowd_open(struct crowd *crowd)
{
    const char *url = getenv("LK_REDIS_URL");
    struct lki_buf why;

    lki_buf_init(&why, 4096);
    if (lki_redis_address_parse(&crowd->address, url ? url : LKI_REDIS_URL, &why) ||
        lki_model_new(&crowd->model, lki_registry_first(), &why))
        give_up(lki_buf_cstr(&why));
    lki_buf_release(&why);
    lki_machine_raise_descriptors(UINT64_MAX);
    lki_loop_quiet();
    lki_arena_init(&crowd->inbox, NULL, 0);
    lki_buf_init(&crowd->out, MESSAGE_MAX);
    must(lki_loop_open(&crowd->loop));
    must(lki_timer_init(&crowd->loop.timers, &crowd->beat, on_beat));
    must(lki_timer_init(&crowd->loop.timers, &crowd->end, on_end));
    crowd->stations = calloc(crowd->count, sizeof(*crowd->stations));
    must(crowd->stations ? LK_OK : LK_E_NOMEM);
    for (size_t i = 0; i < crowd->count; i++)
        station_open(crowd, &crowd->stations[i], i + 1);
}

/* What it has is given back by its end. */
static int crowd_run(const char *stations, const char *processes, const char *seconds)
{
    struct crowd crowd = {.count = strtoul(stations, NULL, 10),
                          .processes = strtoul(processes, NULL, 10)};
    int64_t now_ns;

    crowd_open(&crowd);
    now_ns = lki_loop_now(&crowd.loop);
    lki_timer_set(&crowd.loop.timers, &crowd.beat, now_ns);
    lki_timer_set(&crowd.loop.timers, &crowd.end,
                  now_ns + (int64_t)strtoul(seconds, NULL, 10) * LKI_NS_PER_S);
    lki_loop_run(&crowd.loop);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strtoul(argv[1], NULL, 10) && strtoul(argv[2], NULL, 10))
        return crowd_run(argv[1], argv[2], argv[3]);
    return lk_main(argc, argv);
}

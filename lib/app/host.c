#include "app/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/fleet.h"
#include "app/interrupts.h"
#include "app/vitals.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/repeat.h"
#include "bus/message.h"
#include "bus/station.h"
#include "control/core.h"
#include "model/registry.h"
#include "worker/agent.h"

#define LINE_MAX_BYTES ((size_t)1024)
/* So long the last words of a worker that has died are waited for. */
#define LAST_WORDS_NS (500 * LKI_NS_PER_MS)
/* What users get, beyond their grace time, to end before their process does. */
#define END_MARGIN_NS (2 * LKI_NS_PER_S)
/* Workers for whom nobody cares any longer end their users by themselves, so much later than they
 * are asked to from here. */
#define FENCE_MARGIN_NS (3 * LKI_NS_PER_S)
/* So long what was sent last is waited for to be heard. */
#define FLUSH_NS (5 * LKI_NS_PER_S)

/* A worker process of the run in hand, and the relay to it. */
struct relay {
    struct lki_host *host;
    uint64_t process;
    uint64_t life;
    struct lki_link *link;    /* to the process; NULL: none */
    struct lki_buf died;      /* what is to be told of its death after its last words */
    struct lki_timer silence; /* at which they are not waited for any longer */
    struct lki_vitals vitals;
};

struct lki_host {
    struct lki_loop loop;
    struct lki_host_settings settings;
    struct lki_interrupts interrupts;
    struct lki_spoke *spoke;
    uint64_t program; /* hash */
    char name[256];   /* of this machine */
    char boot[64];
    uint64_t memory_bytes;
    struct lki_repeat trouble; /* with Redis, as it was told */
    struct lki_timer beat;
    struct lki_arena inbox;
    struct lki_buf out;

    char run_id[64]; /* "" none */
    struct lki_model *model;
    struct lki_arena texts; /* of its parameters */
    struct lki_fleet *fleet;
    struct relay *relays;
    uint64_t lives; /* that ever were */
    int64_t grace_ns;
    struct lki_post ending;

    unsigned stops;     /* how often it was asked to end */
    int64_t left_ns;    /* when it had nothing left to do but to be heard; 0: it has */
    int64_t cut_ns;     /* from when on the run is ended from here; LKI_NEVER: not so far */
    unsigned cut_stage; /* what its workers were told of that */
    bool refused;
    struct lki_buf *why;
};

static void tell(const struct lki_host *host, const char *fmt, ...) LK_PRINTF(2, 3);

static void tell(const struct lki_host *host, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    host->settings.tell(line, host->settings.arg);
}

/* ---- reports ---- */

static const struct lki_buf *as_bytes(struct lki_host *host,
                                      const struct lki_station_report *report)
{
    lki_buf_clear(&host->out);
    lki_station_report_write(report, &host->out);
    return &host->out;
}

static void say(struct lki_host *host, const struct lki_station_report *report)
{
    const struct lki_buf *out = as_bytes(host, report);

    if (out->err || lki_spoke_send(host->spoke, out->data, out->len))
        tell(host, "no room for what is to be told to the orchestrator: it is lost");
}

static void say_hello(struct lki_host *host)
{
    struct lki_station_life lives[1024];
    struct lki_station_report report = {.kind = LKI_STATION_HELLO,
                                        .hello = {.id = host->settings.hub->id,
                                                  .host = host->name,
                                                  .boot = host->boot,
                                                  .pid = (uint64_t)getpid(),
                                                  .processes = host->settings.processes,
                                                  .program = host->program,
                                                  .version = LK_VERSION,
                                                  .probes = host->settings.probes,
                                                  .orphan_after_ns = host->settings.orphan_after_ns,
                                                  .clock_ns = lki_spoke_clock_ns(host->spoke),
                                                  .run_id = host->run_id,
                                                  .lives = lives}};

    for (uint64_t i = 0; host->fleet && i < host->settings.processes; i++) {
        if (host->relays[i].link && report.hello.life_count < LKI_COUNT(lives))
            lives[report.hello.life_count++] = (struct lki_station_life){host->relays[i].process,
                                                                         host->relays[i].life};
    }
    say(host, &report);
    if (host->stops)
        say(host, &(struct lki_station_report){.kind = LKI_STATION_LEAVING});
}

static struct lki_station_process process_of(struct lki_host *host, uint64_t process,
                                             int64_t now_ns)
{
    struct relay *relay = &host->relays[process - 1];

    lki_vitals_read(&relay->vitals, host->fleet ? lki_fleet_pid(host->fleet, process) : 0, now_ns);
    return (struct lki_station_process){.process = process,
                                        .pid = (uint64_t)relay->vitals.pid,
                                        .cpu_percent = relay->vitals.cpu_percent,
                                        .rss_bytes = relay->vitals.rss_bytes,
                                        .descriptors = relay->vitals.descriptors,
                                        .loop_delay_ns = -1};
}

static void say_beat(struct lki_host *host, int64_t now_ns)
{
    uint64_t count = host->settings.processes;
    struct lki_station_process *processes = calloc((size_t)count, sizeof(*processes));
    struct lki_station_report report = {
        .kind = LKI_STATION_BEAT,
        .beat = {.memory_bytes = host->memory_bytes, .processes = processes}};
    const struct lki_buf *out;

    for (uint64_t i = 0; processes && i < count; i++)
        processes[report.beat.count++] = process_of(host, i + 1, now_ns);
    out = as_bytes(host, &report);
    if (!out->err)
        lki_spoke_beat(host->spoke, out->data, out->len);
    free(processes);
}

/* ---- relays ---- */

static void on_link_message(struct lki_link *link, const void *bytes, size_t len)
{
    const struct relay *relay = link->owner;

    say(relay->host,
        &(struct lki_station_report){
            .kind = LKI_STATION_DATA,
            .data = {.process = relay->process, .life = relay->life, .bytes = bytes, .len = len}});
}

static void end_look(struct lki_host *host);

/* All that it had to say was passed on; now that it has died. */
static void last_word(struct relay *relay)
{
    lki_link_close(relay->link);
    relay->link = NULL;
    lki_timer_cancel(&relay->silence);
    if (relay->died.len)
        lki_spoke_send(relay->host->spoke, relay->died.data, relay->died.len);
    lki_buf_clear(&relay->died);
    end_look(relay->host);
}

static void on_silence(struct lki_timer *timer)
{
    last_word(LKI_CONTAINER(timer, struct relay, silence));
}

/* The process may still have to be seen to end. */
static void on_link_gone(struct lki_link *link)
{
    struct relay *relay = link->owner;

    lki_link_close(relay->link);
    relay->link = NULL;
    if (relay->died.len)
        last_word(relay);
}

/* The process looks at it by itself: this one may be stopped, or swapped out. */
static void lend(struct lki_host *host, uint64_t worker)
{
    int64_t until_ns = lki_spoke_heard_ns(host->spoke) + host->settings.orphan_after_ns +
                       host->grace_ns + FENCE_MARGIN_NS;

    __atomic_store_n(&lki_fleet_page(host->fleet, worker)->lease_until_ns, until_ns,
                     __ATOMIC_RELAXED);
}

static enum lk_err on_join(uint64_t worker, struct lki_link *link, void *arg)
{
    struct lki_host *host = arg;
    struct relay *relay = &host->relays[worker - 1];

    if (relay->died.len)
        last_word(relay);
    lki_link_close(relay->link);
    relay->link = link;
    relay->life = ++host->lives;
    link->owner = relay;
    link->on_message = on_link_message;
    link->on_gone = on_link_gone;
    lend(host, worker);
    say(host,
        &(struct lki_station_report){.kind = LKI_STATION_JOINED,
                                     .joined = {.process = relay->process, .life = relay->life}});
    return LK_OK;
}

static void on_died(uint64_t worker, const struct lki_death *death, void *arg)
{
    struct lki_host *host = arg;
    struct relay *relay = &host->relays[worker - 1];
    const struct lki_worker_page *page = death->page;
    struct lki_station_report report = {.kind = LKI_STATION_DIED,
                                        .died = {.process = relay->process,
                                                 .life = relay->life,
                                                 .what = death->what,
                                                 .in_step = death->in_step,
                                                 .user = death->user,
                                                 .step = death->step,
                                                 .frames = (const char **)(uintptr_t)death->frames,
                                                 .frame_count = death->frame_count,
                                                 .exact = page != NULL}};

    if (page) {
        report.died.totals = page->totals;
        report.died.iterations_taken = page->iterations_taken;
        report.died.sending = page->sending;
    }
    lki_buf_clear(&relay->died);
    lki_station_report_write(&report, &relay->died);
    if (relay->link)
        lki_timer_set(&host->loop.timers, &relay->silence,
                      lki_loop_now(&host->loop) + LAST_WORDS_NS);
    else
        last_word(relay);
}

/* ---- a run ---- */

static void on_tell(const char *line, void *arg)
{
    tell(arg, "%s", line);
}

static void on_forked(void *arg)
{
    lki_spoke_forked(((struct lki_host *)arg)->spoke);
}

static void run_drop(struct lki_host *host)
{
    for (uint64_t i = 0; i < host->settings.processes; i++) {
        lki_link_close(host->relays[i].link);
        host->relays[i].link = NULL;
        lki_buf_clear(&host->relays[i].died);
        lki_timer_cancel(&host->relays[i].silence);
    }
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
    run_drop(host);
    say(host, &(struct lki_station_report){.kind = LKI_STATION_OVER, .over = host->run_id});
    *host->run_id = '\0';
    if (host->stops)
        host->left_ns = lki_loop_now(&host->loop);
}

static void run_end(struct lki_host *host)
{
    lki_loop_post(&host->loop, &host->ending, on_ending);
}

/* Nobody is left, and nobody will come. */
static void end_look(struct lki_host *host)
{
    if (!host->fleet || (!host->stops && host->cut_ns == LKI_NEVER))
        return;
    for (uint64_t i = 0; i < host->settings.processes; i++) {
        if (host->relays[i].link || lki_fleet_pid(host->fleet, i + 1))
            return;
    }
    run_end(host);
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
        tell(host, "the run's parameters do not fit this program: %s", problems.data);
    lki_buf_release(&problems);
    return err;
}

static enum lk_err fleet_make(struct lki_host *host, const struct lki_command_run *run)
{
    const struct lki_fleet_settings settings = {
        .workers = host->settings.processes,
        .program = host->settings.program,
        .grace_ns = run->grace_ns,
        .handle_signals = true,
        .tell = on_tell,
        .on_join = on_join,
        .on_died = on_died,
        .on_forked = on_forked,
        .arg = host,
    };
    enum lk_err err = lki_fleet_new(&host->fleet, &host->loop, host->model, &settings);

    return err ? err : lki_fleet_begin(host->fleet);
}

/* One at a time: what is left of another one is over. */
static void on_run(struct lki_host *host, const struct lki_command_run *run)
{
    enum lk_err err;

    if (!strcmp(run->run_id, host->run_id) || host->stops)
        return;
    lki_loop_unpost(&host->loop, &host->ending);
    run_drop(host);
    snprintf(host->run_id, sizeof(host->run_id), "%s", run->run_id);
    host->grace_ns = run->grace_ns;
    tell(host, "run %s begins", host->run_id);
    err = model_make(host, run);
    if (!err)
        err = fleet_make(host, run);
    if (err) {
        tell(host, "cannot take part in run %s: %s", host->run_id, lk_strerror(err));
        run_end(host);
    }
}

/* ---- ending by itself ---- */

static void order_all(struct lki_host *host, unsigned times)
{
    const struct lki_order order = {.kind = LKI_ORDER_STOP,
                                    .stop = {.why = LKI_END_INTERRUPT, .times = times}};

    lki_buf_clear(&host->out);
    lki_order_write(&order, &host->out);
    for (uint64_t i = 0; i < host->settings.processes && !host->out.err; i++) {
        if (host->relays[i].link)
            lki_link_send(host->relays[i].link, host->out.data, host->out.len);
    }
}

/* From cut_ns on users leave in order, then are cut off, then their processes end. */
static void cut(struct lki_host *host, int64_t now_ns)
{
    if (now_ns < host->cut_ns)
        return;
    if (!host->cut_stage || (host->cut_stage == 1 && now_ns - host->cut_ns >= host->grace_ns))
        order_all(host, ++host->cut_stage);
    else if (host->cut_stage == 2 && now_ns - host->cut_ns >= host->grace_ns + END_MARGIN_NS)
        run_end(host);
}

/* Load never outlives its command. */
static void look_for_orchestrator(struct lki_host *host, int64_t now_ns)
{
    int64_t heard_ns = lki_spoke_heard_ns(host->spoke);

    if (!host->fleet)
        return;
    if (host->cut_ns == LKI_NEVER && now_ns - heard_ns >= host->settings.orphan_after_ns) {
        tell(host, "run %s ends here: nothing was heard of the orchestrator for %.0f s",
             host->run_id, (double)(now_ns - heard_ns) / 1e9);
        host->cut_ns = now_ns;
    }
    cut(host, now_ns);
}

static void lend_all(struct lki_host *host)
{
    for (uint64_t i = 0; host->fleet && i < host->settings.processes; i++)
        lend(host, i + 1);
}

static void look_for_end(struct lki_host *host, int64_t now_ns)
{
    if (host->stops && !host->fleet && !host->left_ns)
        host->left_ns = now_ns;
    if (host->left_ns && (lki_spoke_is_flushed(host->spoke) || !lki_spoke_is_up(host->spoke) ||
                          now_ns - host->left_ns >= FLUSH_NS))
        lki_loop_stop(&host->loop);
}

static void on_beat(struct lki_timer *timer)
{
    struct lki_host *host = LKI_CONTAINER(timer, struct lki_host, beat);
    int64_t now_ns = lki_loop_now(&host->loop);

    say_beat(host, now_ns);
    look_for_orchestrator(host, now_ns);
    lend_all(host);
    end_look(host);
    look_for_end(host, now_ns);
    lki_timer_set(&host->loop.timers, timer,
                  now_ns + (host->stops ? LKI_NS_PER_S / 5 : LKI_NS_PER_S));
}

static void on_interrupt(void *arg)
{
    struct lki_host *host = arg;

    host->stops++;
    if (host->stops == 1) {
        tell(host, "leaving: users end what they have in hand");
        if (host->spoke)
            say(host, &(struct lki_station_report){.kind = LKI_STATION_LEAVING});
        if (host->fleet)
            host->cut_ns = lki_loop_now(&host->loop) + host->grace_ns + END_MARGIN_NS;
        lki_timer_set(&host->loop.timers, &host->beat, lki_loop_now(&host->loop));
    } else {
        lki_loop_stop(&host->loop);
    }
}

/* ---- commands ---- */

static struct relay *relay_of(struct lki_host *host, uint64_t process, uint64_t life)
{
    struct relay *relay = process && process <= host->settings.processes
                              ? &host->relays[process - 1]
                              : NULL;

    return relay && relay->life == life ? relay : NULL;
}

static void on_refuse(struct lki_host *host, const char *why)
{
    lki_buf_printf(host->why, "the orchestrator refuses this worker: %s", why);
    host->refused = true;
    lki_loop_stop(&host->loop);
}

static void on_data(struct lki_host *host, const struct lki_station_data *data)
{
    struct relay *relay = relay_of(host, data->process, data->life);

    if (relay && relay->link)
        lki_link_send(relay->link, data->bytes, data->len);
}

/* A worker whose link is gone ends. */
static void on_close(struct lki_host *host, const struct lki_station_life *life)
{
    struct relay *relay = relay_of(host, life->process, life->life);

    if (!relay || !relay->link)
        return;
    lki_link_close(relay->link);
    relay->link = NULL;
}

/* One that is at work was wanted by a former orchestrator already. */
static void on_want(struct lki_host *host, uint64_t process)
{
    if (host->fleet && process && process <= host->settings.processes && !host->stops &&
        !host->relays[process - 1].link)
        lki_fleet_want(host->fleet, process);
}

static void obey(struct lki_host *host, const struct lki_command *command)
{
    switch (command->kind) {
    case LKI_COMMAND_WELCOME:
        tell(host, "the orchestrator is there");
        break;
    case LKI_COMMAND_REFUSE:
        on_refuse(host, command->refuse);
        break;
    case LKI_COMMAND_RUN:
        on_run(host, &command->run);
        break;
    case LKI_COMMAND_WANT:
        on_want(host, command->want);
        break;
    case LKI_COMMAND_DATA:
        on_data(host, &command->data);
        break;
    case LKI_COMMAND_CLOSE:
        on_close(host, &command->close);
        break;
    case LKI_COMMAND_END:
        if (!strcmp(command->end, host->run_id))
            run_end(host);
        break;
    default:
        break;
    }
}

static void on_command(struct lki_spoke *spoke, const void *bytes, size_t len, void *arg)
{
    struct lki_host *host = arg;
    struct lki_command command;
    enum lk_err err = lki_command_read(&command, bytes, len, &host->inbox);

    (void)spoke;
    if (err)
        tell(host, "the orchestrator sent what cannot be read: %s", lk_strerror(err));
    else
        obey(host, &command);
    lki_arena_reset(&host->inbox);
}

/* ---- the spoke ---- */

static void on_up(struct lki_spoke *spoke, void *arg)
{
    struct lki_host *host = arg;

    (void)spoke;
    host->trouble = (struct lki_repeat){0};
    tell(host, "Redis is there");
}

static void on_down(struct lki_spoke *spoke, enum lki_redis_trouble trouble, const char *why,
                    void *arg)
{
    struct lki_host *host = arg;

    (void)spoke;
    if (trouble == LKI_REDIS_REFUSED && !host->fleet) {
        lki_buf_str(host->why, why);
        host->refused = true;
        lki_loop_stop(&host->loop);
        return;
    }
    if (lki_repeat_says(&host->trouble, why, lki_loop_now(&host->loop)))
        tell(host, "%s", why);
}

static void on_refused(struct lki_spoke *spoke, const char *who, void *arg)
{
    struct lki_host *host = arg;

    (void)spoke;
    lki_buf_printf(host->why,
                   "the cluster \"%s\" has a worker \"%s\" already (%s); give this one another "
                   "name with --id",
                   host->settings.hub->cluster, host->settings.hub->id, who);
    host->refused = true;
    lki_loop_stop(&host->loop);
}

static void on_orchestrator(struct lki_spoke *spoke, void *arg)
{
    (void)spoke;
    say_hello(arg);
}

/* ---- all of it ---- */

static void read_boot(struct lki_host *host)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (file && fgets(host->boot, sizeof(host->boot), file))
        host->boot[strcspn(host->boot, "\n")] = '\0';
    if (file)
        fclose(file);
}

static enum lk_err relays_open(struct lki_host *host)
{
    uint64_t count = host->settings.processes;
    enum lk_err err = LK_OK;

    host->relays = calloc((size_t)count, sizeof(*host->relays));
    if (!host->relays)
        return LK_E_NOMEM;
    for (uint64_t i = 0; i < count && !err; i++) {
        host->relays[i].host = host;
        host->relays[i].process = i + 1;
        lki_buf_init(&host->relays[i].died, LKI_MESSAGE_MAX);
        err = lki_timer_init(&host->loop.timers, &host->relays[i].silence, on_silence);
    }
    return err;
}

static enum lk_err spoke_open(struct lki_host *host)
{
    const struct lki_spoke_owner owner = {on_up,           on_down,    on_refused,
                                          on_orchestrator, on_command, host};
    struct lki_buf presence;
    enum lk_err err;

    lki_buf_init(&presence, 4096);
    lki_buf_str(&presence, "{\"host\":");
    lki_json_write_string(&presence, host->name, strlen(host->name));
    lki_buf_printf(&presence, ",\"pid\":%ld,\"processes\":%llu,\"version\":\"%s\"}", (long)getpid(),
                   (unsigned long long)host->settings.processes, LK_VERSION);
    lki_buf_cstr(&presence);
    err = presence.err ? LK_E_NOMEM
                       : lki_spoke_open(&host->spoke, &host->loop, host->settings.hub,
                                        presence.data, &owner);
    lki_buf_release(&presence);
    return err;
}

static enum lk_err host_open(struct lki_host *host)
{
    enum lk_err err;

    gethostname(host->name, sizeof(host->name) - 1);
    read_boot(host);
    host->memory_bytes = lki_memory_bytes();
    host->cut_ns = LKI_NEVER;
    lki_arena_init(&host->inbox, NULL, 0);
    lki_arena_init(&host->texts, NULL, 0);
    lki_buf_init(&host->out, LKI_MESSAGE_MAX + 1024);
    lki_loop_quiet();
    err = lki_loop_open(&host->loop);
    if (!err)
        err = lki_interrupts_start(&host->interrupts, &host->loop, on_interrupt, host);
    if (!err)
        err = lki_timer_init(&host->loop.timers, &host->beat, on_beat);
    if (!err)
        err = relays_open(host);
    if (!err)
        err = spoke_open(host);
    if (!err)
        lki_timer_set(&host->loop.timers, &host->beat, lki_loop_now(&host->loop));
    return err;
}

static void host_close(struct lki_host *host)
{
    if (host->relays)
        run_drop(host);
    lki_spoke_close(host->spoke);
    for (uint64_t i = 0; host->relays && i < host->settings.processes; i++) {
        lki_timer_release(&host->loop.timers, &host->relays[i].silence);
        lki_buf_release(&host->relays[i].died);
    }
    free(host->relays);
    lki_loop_unpost(&host->loop, &host->ending);
    lki_timer_release(&host->loop.timers, &host->beat);
    lki_interrupts_stop(&host->interrupts);
    lki_arena_reset(&host->inbox);
    lki_arena_reset(&host->texts);
    lki_buf_release(&host->out);
    if (host->loop.base)
        lki_loop_close(&host->loop);
}

enum lk_err lki_host_run(const struct lki_model *model, const struct lki_host_settings *settings,
                         struct lki_buf *why)
{
    struct lki_host host = {.settings = *settings, .why = why};
    enum lk_err err;

    host.program = lki_program_hash(model);
    err = host_open(&host);
    if (err) {
        lki_buf_printf(why, "cannot start the worker: %s", lk_strerror(err));
    } else {
        lki_loop_run(&host.loop);
        err = host.refused ? LK_E_STATE : LK_OK;
    }
    host_close(&host);
    return err;
}

#include "app/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/host_inner.h"
#include "base/json.h"
#include "base/mem.h"
#include "bus/channel.h"
#include "bus/message.h"
#include "model/model.h"

#define LINE_MAX_BYTES ((size_t)1024)
/* So long what was sent last is waited for to be heard. */
#define FLUSH_NS (5 * LKI_NS_PER_S)

void lki_host_tell(const struct lki_host *host, const char *fmt, ...)
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

/* Of a second that is lost the next one tells the totals again: it must leave room for all else, of
 * which nothing is told twice; and all that workers say for what is said of them. */
static size_t most_before(const struct lki_station_report *report)
{
    if (report->kind != LKI_STATION_DATA)
        return LKI_CHANNEL_LIMIT;
    if (lki_report_is(LKI_REPORT_SECOND, report->data.bytes, report->data.len))
        return LKI_CHANNEL_LIMIT / 2;
    return LKI_CHANNEL_LIMIT / 8 * 7;
}

bool lki_host_say(struct lki_host *host, const struct lki_station_report *report)
{
    static const char lost[] = "no room for what is to be told to the orchestrator: it is lost";
    const struct lki_buf *out = as_bytes(host, report);

    if (!out->err && lki_spoke_queued_bytes(host->spoke) < most_before(report) &&
        !lki_spoke_send(host->spoke, out->data, out->len))
        return true;
    if (lki_repeat_says(&host->full, lost, lki_loop_now(&host->loop)))
        lki_host_tell(host, "%s", lost);
    return false;
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
    lki_host_say(host, &report);
    if (host->stops)
        lki_host_say(host, &(struct lki_station_report){.kind = LKI_STATION_LEAVING});
}

/* As long as there are none, the first is this one. */
static struct lki_station_process process_of(struct lki_host *host, uint64_t process,
                                             int64_t now_ns)
{
    struct lki_relay *relay = &host->relays[process - 1];
    pid_t pid = host->fleet ? lki_fleet_pid(host->fleet, process) : 0;
    struct lki_fleet_pace pace = {.longest_ns = -1};

    lki_vitals_read(&relay->vitals, pid || process > 1 ? pid : getpid(), now_ns);
    if (pid)
        pace = lki_fleet_pace(host->fleet, process);
    return (struct lki_station_process){.process = process,
                                        .pid = (uint64_t)relay->vitals.pid,
                                        .cpu_percent = relay->vitals.cpu_percent,
                                        .rss_bytes = relay->vitals.rss_bytes,
                                        .descriptors = relay->vitals.descriptors,
                                        .loop_delay_ns = pace.longest_ns,
                                        .silent_ns = pace.silent_ns};
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

/* ---- each second ---- */

/* One that was in no run says as well that nothing more comes of it. */
static void look_for_end(struct lki_host *host, int64_t now_ns)
{
    if (host->stops && !host->fleet && !host->left_ns) {
        host->left_ns = now_ns;
        lki_host_say(host, &(struct lki_station_report){.kind = LKI_STATION_OVER, .over = ""});
    }
    if (host->left_ns && (lki_spoke_is_flushed(host->spoke) || !lki_spoke_is_up(host->spoke) ||
                          now_ns - host->left_ns >= FLUSH_NS))
        lki_loop_stop(&host->loop);
}

static void look_for_redis(struct lki_host *host)
{
    if (lki_spoke_is_sound(host->spoke) && lki_repeat_over(&host->trouble))
        lki_host_tell(host, "Redis is there");
}

static void on_beat(struct lki_timer *timer)
{
    struct lki_host *host = LKI_CONTAINER(timer, struct lki_host, beat);
    int64_t now_ns = lki_loop_now(&host->loop);

    say_beat(host, now_ns);
    look_for_redis(host);
    lki_host_look_for_orchestrator(host, now_ns);
    lki_relays_lend(host);
    lki_host_end_look(host);
    look_for_end(host, now_ns);
    lki_timer_set(&host->loop.timers, timer,
                  now_ns + (host->stops ? LKI_NS_PER_S / 5 : LKI_NS_PER_S));
}

/* Nobody is there who could be told, or could tell users to leave. */
static bool is_alone(const struct lki_host *host)
{
    return !host->spoke || !lki_spoke_is_up(host->spoke) ||
           lki_loop_now(&host->loop) - lki_spoke_heard_ns(host->spoke) > LKI_SILENCE_NS;
}

static void leave(struct lki_host *host)
{
    int64_t now_ns = lki_loop_now(&host->loop);
    bool alone = is_alone(host);

    lki_host_tell(host, "leaving: users end what they have in hand");
    if (host->spoke)
        lki_host_say(host, &(struct lki_station_report){.kind = LKI_STATION_LEAVING});
    if (host->fleet)
        host->cut_ns = alone ? now_ns : now_ns + host->grace_ns + LKI_HOST_END_MARGIN_NS;
    else if (alone)
        lki_loop_stop(&host->loop);
    lki_timer_set(&host->loop.timers, &host->beat, now_ns);
}

static void on_interrupt(void *arg)
{
    struct lki_host *host = arg;

    if (++host->stops == 1)
        leave(host);
    else
        lki_loop_stop(&host->loop);
}

/* ---- commands ---- */

static void on_refuse(struct lki_host *host, const char *why)
{
    lki_buf_printf(host->why, "the orchestrator refuses this worker: %s", why);
    host->refused = true;
    lki_loop_stop(&host->loop);
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
        lki_host_tell(host, "the orchestrator is there");
        break;
    case LKI_COMMAND_REFUSE:
        on_refuse(host, command->refuse);
        break;
    case LKI_COMMAND_RUN:
        lki_host_on_run(host, &command->run);
        break;
    case LKI_COMMAND_WANT:
        on_want(host, command->want);
        break;
    case LKI_COMMAND_DATA:
        lki_relays_data(host, &command->data);
        break;
    case LKI_COMMAND_CLOSE:
        lki_relays_close(host, &command->close);
        break;
    case LKI_COMMAND_END:
        if (!strcmp(command->end, host->run_id))
            lki_host_run_end(host);
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
        lki_host_tell(host, "the orchestrator sent what cannot be read: %s", lk_strerror(err));
    else
        obey(host, &command);
    lki_arena_reset(&host->inbox);
}

/* ---- the spoke ---- */

static void on_up(struct lki_spoke *spoke, void *arg)
{
    (void)spoke;
    look_for_redis(arg);
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
        lki_host_tell(host, "%s", why);
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
    lki_station_boot(host->boot, sizeof(host->boot));
    host->memory_bytes = lki_memory_bytes();
    host->cut_ns = LKI_NEVER;
    host->trouble.open = true; /* that Redis is there is told the first time too */
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
        err = lki_relays_open(host);
    if (!err)
        err = spoke_open(host);
    if (!err)
        lki_timer_set(&host->loop.timers, &host->beat, lki_loop_now(&host->loop));
    return err;
}

static void host_close(struct lki_host *host)
{
    if (host->relays)
        lki_host_run_drop(host);
    lki_spoke_close(host->spoke);
    lki_relays_release(host);
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

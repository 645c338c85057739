#include "bus/station.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "bus/wire.h"

#define LIFE_BYTES_MIN 2
#define PROCESS_BYTES_MIN 14

_Static_assert(LKI_WIRE_COMMANDS + (int)LKI_COMMAND_COUNT_ <= LKI_WIRE_REPORTS, "told apart");
_Static_assert(LKI_WIRE_STATION_REPORTS + (int)LKI_STATION_COUNT_ <= LKI_WIRE_END, "told apart");

static void process_number(struct lki_wire *wire, uint64_t *process)
{
    lki_wire_u64(wire, process);
    lki_wire_require(wire, *process > 0);
}

static void life_fields(struct lki_wire *wire, struct lki_station_life *life)
{
    process_number(wire, &life->process);
    lki_wire_u64(wire, &life->life);
}

static void data_fields(struct lki_wire *wire, struct lki_station_data *data)
{
    process_number(wire, &data->process);
    lki_wire_u64(wire, &data->life);
    lki_wire_bytes(wire, &data->bytes, &data->len);
}

/* ---- reports ---- */

static void hello_part(struct lki_wire *wire, struct lki_station_report *report)
{
    struct lki_station_hello *hello = &report->hello;

    lki_wire_text(wire, &hello->id);
    lki_wire_text(wire, &hello->host);
    lki_wire_text(wire, &hello->boot);
    lki_wire_u64(wire, &hello->pid);
    lki_wire_u64(wire, &hello->processes);
    lki_wire_u64(wire, &hello->program);
    lki_wire_text(wire, &hello->version);
    lki_wire_flag(wire, &hello->probes);
    lki_wire_i64(wire, &hello->orphan_after_ns);
    lki_wire_require(wire, hello->orphan_after_ns >= 0);
    lki_wire_i64(wire, &hello->clock_ns);
    lki_wire_text(wire, &hello->run_id);
    hello->lives = lki_wire_list(wire, hello->lives, &hello->life_count, sizeof(*hello->lives),
                                 LIFE_BYTES_MIN);
    for (size_t i = 0; i < hello->life_count && !wire->in.bad; i++)
        life_fields(wire, &hello->lives[i]);
}

static void process_fields(struct lki_wire *wire, struct lki_station_process *process)
{
    process_number(wire, &process->process);
    lki_wire_u64(wire, &process->pid);
    lki_wire_f64(wire, &process->cpu_percent);
    lki_wire_require(wire, process->cpu_percent >= 0 && isfinite(process->cpu_percent));
    lki_wire_u64(wire, &process->rss_bytes);
    lki_wire_u64(wire, &process->descriptors);
    lki_wire_i64(wire, &process->loop_delay_ns);
    lki_wire_require(wire, process->loop_delay_ns >= -1);
    lki_wire_span(wire, &process->silent_ns);
    lki_wire_require(wire, process->silent_ns >= 0);
}

static void beat_part(struct lki_wire *wire, struct lki_station_report *report)
{
    struct lki_station_beat *beat = &report->beat;

    lki_wire_u64(wire, &beat->memory_bytes);
    beat->processes = lki_wire_list(wire, beat->processes, &beat->count, sizeof(*beat->processes),
                                    PROCESS_BYTES_MIN);
    for (size_t i = 0; i < beat->count && !wire->in.bad; i++)
        process_fields(wire, &beat->processes[i]);
}

static void joined_part(struct lki_wire *wire, struct lki_station_report *report)
{
    life_fields(wire, &report->joined);
}

static void totals_fields(struct lki_wire *wire, struct lki_totals *totals)
{
    uint64_t counts[sizeof(*totals) / sizeof(uint64_t)];

    _Static_assert(sizeof(counts) == sizeof(*totals), "nothing but counts");
    memcpy(counts, totals, sizeof(counts));
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        lki_wire_u64(wire, &counts[i]);
    memcpy(totals, counts, sizeof(counts));
}

static void died_part(struct lki_wire *wire, struct lki_station_report *report)
{
    struct lki_station_died *died = &report->died;

    process_number(wire, &died->process);
    lki_wire_u64(wire, &died->life);
    lki_wire_flag(wire, &died->told);
    lki_wire_flag(wire, &died->orphaned);
    lki_wire_text(wire, &died->what);
    lki_wire_flag(wire, &died->in_step);
    lki_wire_u64(wire, &died->user);
    lki_wire_text_or_null(wire, &died->step);
    lki_wire_texts(wire, &died->frames, &died->frame_count);
    lki_wire_flag(wire, &died->exact);
    if (!died->exact)
        return;
    totals_fields(wire, &died->totals);
    lki_wire_u64(wire, &died->arrivals.started);
    lki_wire_u64(wire, &died->arrivals.dropped);
    lki_wire_u64(wire, &died->arrivals.late);
    lki_wire_u64(wire, &died->iterations_taken);
    lki_wire_flag(wire, &died->sending);
}

static void data_part(struct lki_wire *wire, struct lki_station_report *report)
{
    data_fields(wire, &report->data);
}

static void over_part(struct lki_wire *wire, struct lki_station_report *report)
{
    lki_wire_text(wire, &report->over);
}

typedef void report_part(struct lki_wire *wire, struct lki_station_report *report);

/* NULL: the kind says it all. */
static void report_fields(struct lki_wire *wire, struct lki_station_report *report)
{
    static report_part *const parts[LKI_STATION_COUNT_] = {
        [LKI_STATION_HELLO] = hello_part,   [LKI_STATION_BEAT] = beat_part,
        [LKI_STATION_JOINED] = joined_part, [LKI_STATION_DIED] = died_part,
        [LKI_STATION_DATA] = data_part,     [LKI_STATION_OVER] = over_part,
    };
    uint64_t kind = lki_wire_number(wire, LKI_WIRE_STATION_REPORTS + (uint64_t)report->kind,
                                    LKI_WIRE_STATION_REPORTS + LKI_STATION_COUNT_ - 1);

    lki_wire_require(wire, kind >= LKI_WIRE_STATION_REPORTS);
    if (wire->in.bad)
        return;
    report->kind = (enum lki_station_kind)(kind - LKI_WIRE_STATION_REPORTS);
    if (parts[report->kind])
        parts[report->kind](wire, report);
}

/* ---- commands ---- */

static void welcome_part(struct lki_wire *wire, struct lki_command *command)
{
    lki_wire_text(wire, &command->welcome.orchestrator);
    lki_wire_i64(wire, &command->welcome.clock_ns);
}

static void refuse_part(struct lki_wire *wire, struct lki_command *command)
{
    lki_wire_text(wire, &command->refuse);
}

static void run_part(struct lki_wire *wire, struct lki_command *command)
{
    struct lki_command_run *run = &command->run;

    lki_wire_text(wire, &run->run_id);
    lki_wire_texts(wire, &run->params, &run->param_count);
    lki_wire_i64(wire, &run->grace_ns);
    lki_wire_require(wire, run->grace_ns >= 0);
}

static void want_part(struct lki_wire *wire, struct lki_command *command)
{
    process_number(wire, &command->want);
}

static void command_data_part(struct lki_wire *wire, struct lki_command *command)
{
    data_fields(wire, &command->data);
}

static void close_part(struct lki_wire *wire, struct lki_command *command)
{
    life_fields(wire, &command->close);
}

static void end_part(struct lki_wire *wire, struct lki_command *command)
{
    lki_wire_text(wire, &command->end);
}

typedef void command_part(struct lki_wire *wire, struct lki_command *command);

static void command_fields(struct lki_wire *wire, struct lki_command *command)
{
    static command_part *const parts[LKI_COMMAND_COUNT_] = {
        [LKI_COMMAND_WELCOME] = welcome_part,   [LKI_COMMAND_REFUSE] = refuse_part,
        [LKI_COMMAND_RUN] = run_part,           [LKI_COMMAND_WANT] = want_part,
        [LKI_COMMAND_DATA] = command_data_part, [LKI_COMMAND_CLOSE] = close_part,
        [LKI_COMMAND_END] = end_part,
    };
    uint64_t kind = lki_wire_number(wire, LKI_WIRE_COMMANDS + (uint64_t)command->kind,
                                    LKI_WIRE_COMMANDS + LKI_COMMAND_COUNT_ - 1);

    lki_wire_require(wire, kind >= LKI_WIRE_COMMANDS);
    if (wire->in.bad)
        return;
    command->kind = (enum lki_command_kind)(kind - LKI_WIRE_COMMANDS);
    parts[command->kind](wire, command);
}

void lki_station_report_write(const struct lki_station_report *report, struct lki_buf *out)
{
    struct lki_station_report copy = *report;

    report_fields(&(struct lki_wire){.out = out}, &copy);
}

void lki_command_write(const struct lki_command *command, struct lki_buf *out)
{
    struct lki_command copy = *command;

    command_fields(&(struct lki_wire){.out = out}, &copy);
}

enum lk_err lki_station_report_read(struct lki_station_report *report, const void *bytes,
                                    size_t len, struct lki_arena *arena)
{
    struct lki_wire wire = {.in = lki_unpack(bytes, len), .arena = arena};
    struct lki_station_report read = {0};
    enum lk_err err;

    report_fields(&wire, &read);
    err = lki_unpack_err(&wire.in);
    if (!err)
        *report = read;
    return err;
}

enum lk_err lki_command_read(struct lki_command *command, const void *bytes, size_t len,
                             struct lki_arena *arena)
{
    struct lki_wire wire = {.in = lki_unpack(bytes, len), .arena = arena};
    struct lki_command read = {0};
    enum lk_err err;

    command_fields(&wire, &read);
    err = lki_unpack_err(&wire.in);
    if (!err)
        *command = read;
    return err;
}

void lki_station_boot(char *boot, size_t size)
{
    lki_file_head("/proc/sys/kernel/random/boot_id", boot, size);
    boot[strcspn(boot, "\n")] = '\0';
}

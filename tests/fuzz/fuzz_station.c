/*
 * Any bytes as what a station reports and as a command to one. What is read is written as the same
 * bytes again, is not both, points into the bytes or to whole texts, and takes no more memory than
 * its bytes explain.
 */
#include "bus/station.h"
#include "fuzz/fuzz.h"

#define MESSAGE_MAX (1 << 20)
/* A text of one byte has its pointer and its terminator, and is aligned. */
#define BYTES_A_BYTE 32
#define BYTES_ANYWAY 4096

static void must_be_text(const char *text, size_t size)
{
    must(text && strlen(text) < size);
}

static void must_be_texts(const char **texts, size_t count, size_t size)
{
    must(count <= size);
    for (size_t i = 0; i < count; i++)
        must_be_text(texts[i], size);
}

static void must_be_data(const struct lki_station_data *data, const char *bytes, size_t size)
{
    const char *at = data->bytes;

    must(data->process > 0);
    must(!data->len || (at >= bytes && at + data->len <= bytes + size));
}

static void use_hello(const struct lki_station_hello *hello, size_t size)
{
    must_be_text(hello->id, size);
    must_be_text(hello->host, size);
    must_be_text(hello->boot, size);
    must_be_text(hello->version, size);
    must_be_text(hello->run_id, size);
    must(hello->life_count <= size / 2);
    for (size_t i = 0; i < hello->life_count; i++)
        must(hello->lives[i].process > 0);
}

static void use_beat(const struct lki_station_beat *beat, size_t size)
{
    must(beat->count <= size / 13);
    for (size_t i = 0; i < beat->count; i++)
        must(beat->processes[i].process > 0 && beat->processes[i].cpu_percent >= 0);
}

static void use_died(const struct lki_station_died *died, size_t size)
{
    must(died->process > 0);
    must_be_text(died->what, size);
    must(!died->step || strlen(died->step) < size);
    must_be_texts(died->frames, died->frame_count, size);
}

static void use_report(const struct lki_station_report *report, const char *bytes, size_t size)
{
    switch (report->kind) {
    case LKI_STATION_HELLO:
        use_hello(&report->hello, size);
        break;
    case LKI_STATION_BEAT:
        use_beat(&report->beat, size);
        break;
    case LKI_STATION_JOINED:
        must(report->joined.process > 0);
        break;
    case LKI_STATION_DIED:
        use_died(&report->died, size);
        break;
    case LKI_STATION_DATA:
        must_be_data(&report->data, bytes, size);
        break;
    case LKI_STATION_OVER:
        must_be_text(report->over, size);
        break;
    default:
        must(report->kind == LKI_STATION_LEAVING);
    }
}

static void use_command(const struct lki_command *command, const char *bytes, size_t size)
{
    switch (command->kind) {
    case LKI_COMMAND_WELCOME:
        must_be_text(command->welcome.orchestrator, size);
        break;
    case LKI_COMMAND_REFUSE:
        must_be_text(command->refuse, size);
        break;
    case LKI_COMMAND_RUN:
        must_be_text(command->run.run_id, size);
        must_be_texts(command->run.params, command->run.param_count, size);
        break;
    case LKI_COMMAND_WANT:
        must(command->want > 0);
        break;
    case LKI_COMMAND_DATA:
        must_be_data(&command->data, bytes, size);
        break;
    case LKI_COMMAND_CLOSE:
        must(command->close.process > 0);
        break;
    default:
        must(command->kind == LKI_COMMAND_END);
        must_be_text(command->end, size);
    }
}

static void must_be_the_bytes(const struct lki_buf *out, const char *bytes, size_t size)
{
    must(!out->err && out->len == size && !memcmp(out->data, bytes, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = exact(data, size);
    struct lki_station_report report;
    struct lki_command command;
    struct lki_arena arena;
    struct lki_buf out;
    enum lk_err as_report;
    enum lk_err as_command;

    lki_arena_init(&arena, NULL, BYTES_ANYWAY + BYTES_A_BYTE * size);
    lki_buf_init(&out, MESSAGE_MAX);
    as_report = lki_station_report_read(&report, bytes, size, &arena);
    must(!as_report || as_report == LK_E_FORMAT);
    if (!as_report) {
        use_report(&report, bytes, size);
        lki_station_report_write(&report, &out);
        must_be_the_bytes(&out, bytes, size);
    }
    as_command = lki_command_read(&command, bytes, size, &arena);
    must(as_command == LK_E_FORMAT || (!as_command && as_report));
    if (!as_command) {
        use_command(&command, bytes, size);
        lki_command_write(&command, &out);
        must_be_the_bytes(&out, bytes, size);
    }
    lki_buf_release(&out);
    lki_arena_reset(&arena);
    free(bytes);
    return 0;
}

/* What stations and orchestrators tell each other: every kind with all its fields there and back,
 * and whatever is no such message refused. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pack.h"
#include "bus/message.h"
#include "bus/station.h"
#include "support/expect.h"
#include "support/messages.h"
#include "support/suite.h"

/* ---- one or more of each kind ---- */

static struct lki_station_life lives[] = {{1, 17}, {4, 0}, {UINT64_MAX, UINT64_MAX}};

static struct lki_station_process processes[] = {
    {.process = 1,
     .pid = 4711,
     .cpu_percent = 99.5,
     .rss_bytes = UINT64_MAX,
     .descriptors = 20000,
     .loop_delay_ns = 1234567},
    {.process = 2, .loop_delay_ns = -1, .silent_ns = 7000000000},
};

static const char *frames[] = {"shop_login", "", "main (shop.c:17)"};
static const char *params[] = {"base_url=http://localhost:8000", "empty="};

static const struct lki_station_report reports[] = {
    {.kind = LKI_STATION_HELLO,
     .hello = {.id = "worker-1",
               .host = "host.example",
               .boot = "5c2d2f7e",
               .pid = 4242,
               .processes = 4,
               .program = 0xfedcba9876543210,
               .version = "0.3",
               .probes = true,
               .orphan_after_ns = 60000000000,
               .clock_ns = -123456789012345,
               .run_id = "k3Xq",
               .lives = lives,
               .life_count = LKI_COUNT(lives)}},
    {.kind = LKI_STATION_HELLO,
     .hello = {.id = "", .host = "", .boot = "", .version = "", .run_id = ""}},
    {.kind = LKI_STATION_BEAT,
     .beat = {.memory_bytes = 8ull << 30, .processes = processes, .count = LKI_COUNT(processes)}},
    {.kind = LKI_STATION_BEAT},
    {.kind = LKI_STATION_JOINED, .joined = {2, 300}},
    {.kind = LKI_STATION_DIED,
     .died = {.process = 3,
              .life = 5,
              .what = "was killed by signal 11 (Segmentation fault)",
              .in_step = true,
              .user = 77,
              .step = "login",
              .frames = frames,
              .frame_count = LKI_COUNT(frames),
              .exact = true,
              .totals = {1, 2, 3, 4, 5, 6, 7, 8, 9, UINT64_MAX},
              .arrivals = {300, UINT64_MAX, 20},
              .iterations_taken = 500,
              .sending = true}},
    {.kind = LKI_STATION_DIED, .died = {.process = 1, .what = "", .exact = true}},
    {.kind = LKI_STATION_DIED, .died = {.process = 1, .life = 9, .what = "ended with status 3"}},
    {.kind = LKI_STATION_DIED,
     .died = {.process = 1,
              .life = UINT64_MAX,
              .told = true,
              .what = "ended with status 0",
              .exact = true,
              .totals = {.iterations = 10, .steps = 9, .http_requests = 8},
              .iterations_taken = 7}},
    {.kind = LKI_STATION_DATA, .data = {.process = 1, .life = 2, .bytes = "all\0of it", .len = 9}},
    {.kind = LKI_STATION_DATA, .data = {.process = UINT64_MAX}},
    {.kind = LKI_STATION_OVER, .over = "k3Xq"},
    {.kind = LKI_STATION_LEAVING},
};

static const struct lki_command commands[] = {
    {.kind = LKI_COMMAND_WELCOME, .welcome = {.orchestrator = "host 17", .clock_ns = INT64_MIN}},
    {.kind = LKI_COMMAND_REFUSE, .refuse = "its program is another one"},
    {.kind = LKI_COMMAND_RUN,
     .run = {.run_id = "k3Xq",
             .params = params,
             .param_count = LKI_COUNT(params),
             .grace_ns = 30000000000}},
    {.kind = LKI_COMMAND_RUN, .run = {.run_id = ""}},
    {.kind = LKI_COMMAND_WANT, .want = 3},
    {.kind = LKI_COMMAND_DATA, .data = {.process = 4, .life = 1000, .bytes = "x", .len = 1}},
    {.kind = LKI_COMMAND_CLOSE, .close = {1, 17}},
    {.kind = LKI_COMMAND_END, .end = "k3Xq"},
};

/* Only writing can make them, and nobody should. */
static struct lki_station_life no_process[] = {{0, 1}};
static struct lki_station_process absurd_processes[][1] = {
    {{.process = 0}},
    {{.process = 1, .cpu_percent = NAN}},
    {{.process = 1, .cpu_percent = INFINITY}},
    {{.process = 1, .cpu_percent = -1}},
    {{.process = 1, .loop_delay_ns = -2}},
    {{.process = 1, .silent_ns = -1}},
};
static const char *no_text[] = {"text", NULL};

#define HELLO .id = "", .host = "", .boot = "", .version = "", .run_id = ""

static const struct lki_station_report absurd_reports[] = {
    {.kind = LKI_STATION_HELLO, .hello = {.host = "", .boot = "", .version = "", .run_id = ""}},
    {.kind = LKI_STATION_HELLO, .hello = {.id = "", .boot = "", .version = "", .run_id = ""}},
    {.kind = LKI_STATION_HELLO, .hello = {.id = "", .host = "", .version = "", .run_id = ""}},
    {.kind = LKI_STATION_HELLO, .hello = {.id = "", .host = "", .boot = "", .run_id = ""}},
    {.kind = LKI_STATION_HELLO, .hello = {.id = "", .host = "", .boot = "", .version = ""}},
    {.kind = LKI_STATION_HELLO, .hello = {HELLO, .orphan_after_ns = -1}},
    {.kind = LKI_STATION_HELLO, .hello = {HELLO, .lives = no_process, .life_count = 1}},
    {.kind = LKI_STATION_BEAT, .beat = {.processes = absurd_processes[0], .count = 1}},
    {.kind = LKI_STATION_BEAT, .beat = {.processes = absurd_processes[1], .count = 1}},
    {.kind = LKI_STATION_BEAT, .beat = {.processes = absurd_processes[2], .count = 1}},
    {.kind = LKI_STATION_BEAT, .beat = {.processes = absurd_processes[3], .count = 1}},
    {.kind = LKI_STATION_BEAT, .beat = {.processes = absurd_processes[4], .count = 1}},
    {.kind = LKI_STATION_BEAT, .beat = {.processes = absurd_processes[5], .count = 1}},
    {.kind = LKI_STATION_JOINED},
    {.kind = LKI_STATION_DIED, .died = {.process = 1}},
    {.kind = LKI_STATION_DIED, .died = {.what = "no process"}},
    {.kind = LKI_STATION_DIED,
     .died = {.process = 1, .what = "", .frames = no_text, .frame_count = LKI_COUNT(no_text)}},
    {.kind = LKI_STATION_DATA},
    {.kind = LKI_STATION_OVER},
};

static const struct lki_command absurd_commands[] = {
    {.kind = LKI_COMMAND_WELCOME},
    {.kind = LKI_COMMAND_REFUSE},
    {.kind = LKI_COMMAND_RUN},
    {.kind = LKI_COMMAND_RUN, .run = {.run_id = "", .grace_ns = -1}},
    {.kind = LKI_COMMAND_RUN,
     .run = {.run_id = "", .params = no_text, .param_count = LKI_COUNT(no_text)}},
    {.kind = LKI_COMMAND_WANT},
    {.kind = LKI_COMMAND_DATA},
    {.kind = LKI_COMMAND_CLOSE},
    {.kind = LKI_COMMAND_END},
};

/* ---- comparing ---- */

static void same_texts(const char **one, size_t count, const char **other, size_t other_count)
{
    ck_assert_uint_eq(count, other_count);
    for (size_t i = 0; i < count; i++)
        message_same_text(one[i], other[i]);
}

static void same_life(const struct lki_station_life *one, const struct lki_station_life *other)
{
    SAME_U(process);
    SAME_U(life);
}

static void same_hello(const struct lki_station_hello *one, const struct lki_station_hello *other)
{
    SAME_TEXT(id);
    SAME_TEXT(host);
    SAME_TEXT(boot);
    SAME_U(pid);
    SAME_U(processes);
    SAME_U(program);
    SAME_TEXT(version);
    SAME(probes);
    SAME(orphan_after_ns);
    SAME(clock_ns);
    SAME_TEXT(run_id);
    SAME_U(life_count);
    for (size_t i = 0; i < one->life_count; i++)
        same_life(&one->lives[i], &other->lives[i]);
}

static void same_process(const struct lki_station_process *one,
                         const struct lki_station_process *other)
{
    SAME_U(process);
    SAME_U(pid);
    ck_assert(one->cpu_percent == other->cpu_percent);
    SAME_U(rss_bytes);
    SAME_U(descriptors);
    SAME(loop_delay_ns);
    SAME(silent_ns);
}

static void same_beat(const struct lki_station_beat *one, const struct lki_station_beat *other)
{
    SAME_U(memory_bytes);
    SAME_U(count);
    for (size_t i = 0; i < one->count; i++)
        same_process(&one->processes[i], &other->processes[i]);
}

static void same_died(const struct lki_station_died *one, const struct lki_station_died *other)
{
    SAME_U(process);
    SAME_U(life);
    SAME(told);
    SAME_TEXT(what);
    SAME(in_step);
    SAME_U(user);
    SAME_TEXT(step);
    same_texts(one->frames, one->frame_count, other->frames, other->frame_count);
    SAME(exact);
    ck_assert_mem_eq(&one->totals, &other->totals, sizeof(one->totals));
    ck_assert_mem_eq(&one->arrivals, &other->arrivals, sizeof(one->arrivals));
    SAME_U(iterations_taken);
    SAME(sending);
}

static void same_data(const struct lki_station_data *one, const struct lki_station_data *other)
{
    SAME_U(process);
    SAME_U(life);
    SAME_U(len);
    if (one->len)
        ck_assert_mem_eq(one->bytes, other->bytes, one->len);
}

static void same_report(const void *read, const void *written)
{
    const struct lki_station_report *one = read, *other = written;

    switch (one->kind) {
    case LKI_STATION_HELLO:
        same_hello(&one->hello, &other->hello);
        break;
    case LKI_STATION_BEAT:
        same_beat(&one->beat, &other->beat);
        break;
    case LKI_STATION_JOINED:
        same_life(&one->joined, &other->joined);
        break;
    case LKI_STATION_DIED:
        same_died(&one->died, &other->died);
        break;
    case LKI_STATION_DATA:
        same_data(&one->data, &other->data);
        break;
    case LKI_STATION_OVER:
        SAME_TEXT(over);
        break;
    default:
        break;
    }
}

static void same_command(const void *read, const void *written)
{
    const struct lki_command *one = read, *other = written;

    switch (one->kind) {
    case LKI_COMMAND_WELCOME:
        SAME_TEXT(welcome.orchestrator);
        SAME(welcome.clock_ns);
        break;
    case LKI_COMMAND_REFUSE:
        SAME_TEXT(refuse);
        break;
    case LKI_COMMAND_RUN:
        SAME_TEXT(run.run_id);
        same_texts(one->run.params, one->run.param_count, other->run.params,
                   other->run.param_count);
        SAME(run.grace_ns);
        break;
    case LKI_COMMAND_WANT:
        SAME_U(want);
        break;
    case LKI_COMMAND_DATA:
        same_data(&one->data, &other->data);
        break;
    case LKI_COMMAND_CLOSE:
        same_life(&one->close, &other->close);
        break;
    case LKI_COMMAND_END:
        SAME_TEXT(end);
        break;
    default:
        break;
    }
}

/* ---- there and back ---- */

static void report_write(const void *message, struct lki_buf *out)
{
    lki_station_report_write(message, out);
}

static void in_place(const struct lki_station_data *data, const char *bytes, size_t len)
{
    EXPECT((const char *)data->bytes + data->len == bytes + len, "it stands elsewhere");
}

static enum lk_err report_read(void *message, const void *bytes, size_t len, struct lki_arena *into)
{
    const struct lki_station_report *report = message;
    enum lk_err err = lki_station_report_read(message, bytes, len, into);

    if (!err && report->kind == LKI_STATION_DATA)
        in_place(&report->data, bytes, len);
    return err;
}

static void command_write(const void *message, struct lki_buf *out)
{
    lki_command_write(message, out);
}

static enum lk_err command_read(void *message, const void *bytes, size_t len,
                                struct lki_arena *into)
{
    const struct lki_command *command = message;
    enum lk_err err = lki_command_read(message, bytes, len, into);

    if (!err && command->kind == LKI_COMMAND_DATA)
        in_place(&command->data, bytes, len);
    return err;
}

/* What is said on the link of a life is none of either. */
static enum lk_err worker_read(void *message, const void *bytes, size_t len, struct lki_arena *into)
{
    struct lki_order order;
    struct lki_report report;

    (void)message;
    return lki_order_read(&order, bytes, len, into) && lki_report_read(&report, bytes, len, into)
               ? LK_E_FORMAT
               : LK_OK;
}

static const struct messages families[] = {
    {.size = sizeof(struct lki_station_report),
     .kinds = LKI_STATION_COUNT_,
     .good = {reports, LKI_COUNT(reports)},
     .bad = {absurd_reports, LKI_COUNT(absurd_reports)},
     .write = report_write,
     .read = report_read,
     .same = same_report},
    {.size = sizeof(struct lki_command),
     .kinds = LKI_COMMAND_COUNT_,
     .good = {commands, LKI_COUNT(commands)},
     .bad = {absurd_commands, LKI_COUNT(absurd_commands)},
     .write = command_write,
     .read = command_read,
     .same = same_command},
    {.size = sizeof(int), .read = worker_read},
};

static const struct messages *const all_reports = &families[0];
static const struct messages *const all_commands = &families[1];

START_TEST(without_a_page_there_are_no_counts)
{
    struct lki_station_report died = reports[5];
    struct lki_station_report read;
    size_t len;
    char *bytes;

    died.died.exact = false;
    bytes = message_bytes(all_reports, &died, &len);
    ck_assert_int_eq(lki_station_report_read(&read, bytes, len, &message_arena), LK_OK);
    ck_assert(read.died.frame_count == LKI_COUNT(frames) && !read.died.exact);
    ck_assert(!read.died.totals.iterations && !read.died.iterations_taken && !read.died.sending);
    free(bytes);
}
END_TEST

START_TEST(a_write_appends)
{
    struct lki_buf out;

    lki_buf_init(&out, 20);
    lki_buf_str(&out, "before");
    lki_station_report_write(&reports[LKI_COUNT(reports) - 1], &out);
    ck_assert_uint_eq(out.len, 7);
    lki_command_write(&commands[4], &out);
    ck_assert_uint_eq(out.len, 9);
    ck_assert_mem_eq(out.data, "before", 6);
    lki_station_report_write(&reports[0], &out);
    ck_assert_int_eq(out.err, LK_E_LIMIT);
    lki_buf_release(&out);
}
END_TEST

START_TEST(many_lives_arrive)
{
    enum { LIVES = 10000 };
    static struct lki_station_life many[LIVES];
    struct lki_station_report report = reports[0];
    struct lki_station_report read;
    size_t len;
    char *bytes;

    report.hello.lives = many;
    report.hello.life_count = LIVES;
    for (size_t i = 0; i < LIVES; i++)
        many[i] = (struct lki_station_life){i + 1, i * i};
    bytes = message_bytes(all_reports, &report, &len);
    ck_assert_int_eq(lki_station_report_read(&read, bytes, len, &message_arena), LK_OK);
    free(bytes);
    ck_assert_uint_eq(read.hello.life_count, LIVES);
    for (size_t i = 0; i < LIVES; i++)
        EXPECT(read.hello.lives[i].process == i + 1 && read.hello.lives[i].life == i * i,
               "life %zu", i);
}
END_TEST

/* ---- what is no message ---- */

/* Replaces the count, the last but after bytes of the message, and what follows it. */
static void count_verify(char *bytes, size_t len, size_t after)
{
    static const uint64_t counts[] = {1, 9, 1000, UINT32_MAX, UINT64_MAX / 16 + 1, UINT64_MAX};

    lki_arena_init(&message_arena, NULL, LKI_CHUNK_BYTES);
    for (size_t i = 0; i < LKI_COUNT(counts); i++) {
        struct lki_buf out;

        lki_buf_init(&out, MESSAGE_MAX);
        lki_buf_append(&out, bytes, len - 1 - after);
        lki_pack_u64(&out, counts[i]);
        lki_buf_append(&out, "\0\0\0\0\0\0\0", 7);
        ck_assert(!message_verify(out.data, out.len));
        lki_buf_release(&out);
    }
    free(bytes);
}

/* No memory is asked for by what a message only claims. */
START_TEST(a_count_is_not_believed)
{
    size_t len;
    char *bytes = message_bytes(all_reports, &reports[1], &len);

    count_verify(bytes, len, 0);
    bytes = message_bytes(all_reports, &reports[3], &len);
    count_verify(bytes, len, 0);
    bytes = message_bytes(all_reports, &reports[7], &len);
    count_verify(bytes, len, 1);
    bytes = message_bytes(all_commands, &commands[3], &len);
    count_verify(bytes, len, 1);
}
END_TEST

START_TEST(want_of_memory_is_told_from_a_bad_message)
{
    char text[3000];
    const char *texts[] = {text, text};
    const struct lki_command run = {
        .kind = LKI_COMMAND_RUN,
        .run = {.run_id = "", .params = texts, .param_count = LKI_COUNT(texts)}};

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    message_verify_costly(all_commands, &run, 1);
    message_verify_costly(all_commands, &run, 400);
}
END_TEST

START_TEST(want_of_memory_for_a_list_is_told_too)
{
    message_verify_costly(all_reports, &reports[2], 1);
}
END_TEST

static Suite *station_message_suite(void)
{
    Suite *suite = suite_create("station_message");
    TCase *tests = tcase_create("station_message");

    messages_add_tests(tests, families, LKI_COUNT(families));
    tcase_add_test(tests, without_a_page_there_are_no_counts);
    tcase_add_test(tests, a_write_appends);
    tcase_add_test(tests, many_lives_arrive);
    tcase_add_test(tests, a_count_is_not_believed);
    tcase_add_test(tests, want_of_memory_is_told_from_a_bad_message);
    tcase_add_test(tests, want_of_memory_for_a_list_is_told_too);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return suite_run(station_message_suite());
}

/* Relays: what a station passes on of its workers, and what becomes of it when there is no room. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/host_inner.h"
#include "base/mem.h"
#include "bus/channel.h"
#include "bus/message.h"
#include "control/core.h"
#include "support/suite.h"

#define PART_BYTES ((size_t)8 * 1024 * 1024)

static const struct lki_redis_address nowhere = {.path = (char[]){"/nowhere/at/all"}};
static const struct lki_hub_settings settings = {&nowhere, "default", "north"};
static const struct lki_model model;
static const struct lki_death death = {.what = "killed by signal 9"};
static struct lki_host host;
static struct lki_link *worker; /* its end */
static int lines;

static void tell(const char *line, void *arg)
{
    (void)line;
    (void)arg;
    lines++;
}

/* ---- a spoke without Redis ---- */

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
    (void)why;
    (void)arg;
}

static void on_refused(struct lki_spoke *spoke, const char *who, void *arg)
{
    (void)spoke;
    (void)who;
    (void)arg;
}

static void on_command(struct lki_spoke *spoke, const void *bytes, size_t len, void *arg)
{
    (void)spoke;
    (void)bytes;
    (void)len;
    (void)arg;
}

static void open_spoke(void)
{
    const struct lki_spoke_owner owner = {on_up, on_down, on_refused, on_up, on_command, NULL};

    ck_assert_int_eq(
        lki_spoke_open(&host.spoke, &host.loop, &settings, "{\"host\":\"here\",\"pid\":1}", &owner),
        LK_OK);
}

static size_t waiting(void)
{
    return lki_spoke_queued_bytes(host.spoke);
}

/* With what was said before. */
static void fill(size_t bytes)
{
    char *part = calloc(1, PART_BYTES);
    size_t len = PART_BYTES;

    ck_assert_ptr_nonnull(part);
    while (waiting() < bytes && len) {
        if (lki_spoke_send(host.spoke, part, len))
            len /= 2;
    }
    free(part);
}

/* ---- a worker ---- */

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    (void)link;
    (void)bytes;
    (void)len;
}

static void on_gone(struct lki_link *link)
{
    lki_link_close(link);
    worker = NULL;
}

static enum lk_err join(void)
{
    struct lki_link *link;

    ck_assert_int_eq(lki_pair_link_open(&worker, &link, &host.loop), LK_OK);
    worker->on_message = on_message;
    worker->on_gone = on_gone;
    return lki_relays_on_join(1, link, &host);
}

static void on_beat(struct lki_timer *timer)
{
    (void)timer;
}

/* A clock that is not real stands while nothing is due. */
static void pass(double seconds)
{
    int64_t until_ns = lki_loop_now(&host.loop) + lki_ns(seconds);

    lki_timer_set(&host.loop.timers, &host.beat, until_ns);
    lki_loop_run_until(&host.loop, until_ns);
}

static void say(enum lki_report_kind kind)
{
    const struct lki_report report = {.kind = kind};
    struct lki_buf bytes;

    lki_buf_init(&bytes, 4096);
    lki_report_write(&report, &bytes);
    ck_assert_int_eq(lki_link_send(worker, bytes.data, bytes.len), LK_OK);
    lki_buf_release(&bytes);
    pass(0.01);
}

static void set_up(void)
{
    const struct lki_fleet_settings fleet = {.workers = 1};

    host = (struct lki_host){.settings = {.processes = 1, .tell = tell}, .cut_ns = LKI_NEVER};
    lines = 0;
    lki_loop_quiet();
    ck_assert_int_eq(lki_loop_open(&host.loop), LK_OK);
    host.loop.clock = (struct lki_clock){.fake = true, .fake_ns = LKI_NS_PER_S};
    ck_assert_int_eq(lki_timer_init(&host.loop.timers, &host.beat, on_beat), LK_OK);
    lki_buf_init(&host.out, LKI_MESSAGE_MAX);
    open_spoke();
    ck_assert_int_eq(lki_relays_open(&host), LK_OK);
    ck_assert_int_eq(lki_fleet_new(&host.fleet, &host.loop, &model, &fleet), LK_OK);
    ck_assert_int_eq(join(), LK_OK);
}

static void tear_down(void)
{
    lki_relays_cut(&host);
    lki_fleet_free(host.fleet);
    lki_spoke_close(host.spoke);
    pass(1);
    lki_relays_release(&host);
    lki_timer_release(&host.loop.timers, &host.beat);
    lki_buf_release(&host.out);
    lki_loop_close(&host.loop);
}

/* ---- tests ---- */

START_TEST(seconds_leave_room_for_all_else)
{
    size_t before;

    say(LKI_REPORT_SECOND);
    ck_assert_uint_gt(waiting(), 0);
    fill(LKI_CHANNEL_LIMIT / 2);
    before = waiting();
    say(LKI_REPORT_SECOND);
    say(LKI_REPORT_SECOND);
    ck_assert_uint_eq(waiting(), before);
    ck_assert_int_eq(lines, 1);
    say(LKI_REPORT_WANT);
    ck_assert_uint_gt(waiting(), before);
    ck_assert_ptr_nonnull(worker);
}
END_TEST

START_TEST(a_worker_that_cannot_be_heard_is_ended_and_its_death_told)
{
    size_t before;

    fill(LKI_CHANNEL_LIMIT / 8 * 7);
    before = waiting();
    say(LKI_REPORT_SECOND);
    ck_assert_ptr_nonnull(worker);
    say(LKI_REPORT_WANT);
    ck_assert_ptr_null(worker);
    ck_assert_int_eq(lines, 2);
    ck_assert_uint_eq(waiting(), before);
    lki_relays_on_died(1, &death, &host);
    ck_assert_uint_gt(waiting(), before);
}
END_TEST

/* Until there is room, which another spoke has. */
START_TEST(a_death_that_cannot_be_told_is_told_later)
{
    fill(LKI_CHANNEL_LIMIT);
    lki_link_close(worker);
    pass(0.1);
    lki_relays_on_died(1, &death, &host);
    ck_assert_int_eq(join(), LK_E_NOMEM);
    pass(1.5);
    ck_assert_ptr_null(worker);
    lki_spoke_close(host.spoke);
    open_spoke();
    pass(1.5);
    ck_assert_uint_gt(waiting(), 0);
    ck_assert_int_eq(join(), LK_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay");
    TCase *all = suite_group(suite, "all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, seconds_leave_room_for_all_else);
    tcase_add_test(all, a_worker_that_cannot_be_heard_is_ended_and_its_death_told);
    tcase_add_test(all, a_death_that_cannot_be_told_is_told_later);
    return suite_run(suite);
}

/* A worker that is wanted again: its station is told until it could be. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus/contact.h"
#include "bus/link.h"
#include "control/crew.h"
#include "support/suite.h"

#define PROGRAM 7

static struct lki_loop loop;
static struct lki_hub hub;
static struct lki_crew crew;
static struct lki_contact contact;

static void tell(void *arg, const char *fmt, ...)
{
    (void)arg;
    (void)fmt;
}

static void on_change(void *arg)
{
    (void)arg;
}

static void on_message(struct lki_channel *channel, uint64_t number, const void *bytes, size_t len,
                       void *arg)
{
    (void)channel;
    (void)number;
    (void)bytes;
    (void)len;
    (void)arg;
}

static void carry(struct lki_channel *channel, const void *bytes, size_t len, void *arg)
{
    on_message(channel, 0, bytes, len, arg);
}

static void report(uint64_t number, const struct lki_station_report *told)
{
    struct lki_buf bytes;

    lki_buf_init(&bytes, 4096);
    lki_station_report_write(told, &bytes);
    lki_crew_on_report(&contact, number, bytes.data, bytes.len);
    lki_buf_release(&bytes);
}

static void beat(void)
{
    struct lki_station_process process = {.process = 1};

    report(0, &(struct lki_station_report){.kind = LKI_STATION_BEAT,
                                           .beat = {.processes = &process, .count = 1}});
}

/* A station with one process, which is worker 3 of a run. */
static void set_up(void)
{
    const struct lki_crew_owner owner = {tell, on_change, NULL};
    const struct lki_channel_owner carried = {carry, on_message, NULL};

    ck_assert_int_eq(lki_loop_open(&loop), LK_OK);
    lki_crew_init(&crew, &loop, PROGRAM, "boss", &owner);
    crew.hub = &hub;
    contact = (struct lki_contact){.hub = &hub, .id = "north", .session = 5};
    ck_assert_int_eq(lki_channel_init(&contact.channel, &loop, 1, true, &carried), LK_OK);
    lki_crew_on_contact(&crew, &contact);
    report(1, &(struct lki_station_report){.kind = LKI_STATION_HELLO,
                                           .hello = {.id = "north",
                                                     .host = "here",
                                                     .boot = "",
                                                     .processes = 1,
                                                     .program = PROGRAM,
                                                     .version = LK_VERSION,
                                                     .run_id = ""}});
    crew.stations->seats[0].number = 3;
}

static void tear_down(void)
{
    lki_crew_release(&crew);
    lki_channel_release(&contact.channel);
    lki_loop_close(&loop);
}

START_TEST(a_worker_that_could_not_be_wanted_is_wanted_with_the_next_beat)
{
    uint64_t sent = contact.channel.sent;

    ck_assert_uint_gt(sent, 0);
    lki_buf_release(&crew.out);
    lki_buf_init(&crew.out, 1);
    lki_crew_want(&crew, 3);
    beat();
    ck_assert_uint_eq(contact.channel.sent, sent);
    lki_buf_release(&crew.out);
    lki_buf_init(&crew.out, LKI_MESSAGE_MAX);
    beat();
    ck_assert_uint_eq(contact.channel.sent, sent + 1);
    beat();
    ck_assert_uint_eq(contact.channel.sent, sent + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wanted");
    TCase *all = suite_group(suite, "all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, a_worker_that_could_not_be_wanted_is_wanted_with_the_next_beat);
    return suite_run(suite);
}

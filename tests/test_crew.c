/* Stations that take part in a run, or cannot: what they say, and what becomes of their workers. */
#include "control/crew.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "bus/contact.h"
#include "control/core.h"
#include "support/gang.h"
#include "support/suite.h"

static struct gang gang;
static struct lki_crew crew;
static struct lki_hub hub;
static struct lki_contact contact;
static char told[512];

static void on_tell(void *arg, const char *fmt, ...)
{
    va_list args;

    (void)arg;
    va_start(args, fmt);
    vsnprintf(told, sizeof(told), fmt, args);
    va_end(args);
}

static void on_change(void *arg)
{
    (void)arg;
}

static void say(const struct lki_station_report *report)
{
    struct lki_buf bytes;

    lki_buf_init(&bytes, 65536);
    lki_station_report_write(report, &bytes);
    ck_assert_int_eq(bytes.err, LK_OK);
    lki_crew_on_report(&contact, 1, bytes.data, bytes.len);
    lki_buf_release(&bytes);
}

/* A run of one worker that is there, and of a station that has two and to which nothing is sent. */
static void open_crew(void)
{
    const struct lki_crew_owner owner = {on_tell, on_change, NULL};
    const struct lki_command_run run = {.run_id = "gang"};
    struct lki_plan plan = gang_plan(10);

    plan.open_ended = true;
    plan.on_join = LKI_JOIN_REBALANCE;
    gang_open(&gang, &plan, NULL, 1);
    gang.stay_away = true;
    lki_crew_init(&crew, &gang.loop, 7, "boss", &owner);
    hub = (struct lki_hub){0};
    crew.hub = &hub;
    ck_assert_int_eq(lki_crew_begin(&crew, gang.core, &run), LK_OK);
    contact = (struct lki_contact){.id = "a", .session = 1};
    lki_crew_on_contact(&crew, &contact);
    crew.stations->contact = NULL;
    say(&(struct lki_station_report){.kind = LKI_STATION_HELLO,
                                     .hello = {.id = "a",
                                               .host = "here",
                                               .boot = "",
                                               .version = LK_VERSION,
                                               .processes = 2,
                                               .program = 7,
                                               .run_id = ""}});
    ck_assert_uint_eq(lki_core_worker_count(gang.core), 3);
}

static void close_crew(void)
{
    lki_crew_let_go(&crew);
    gang_close(&gang);
    lki_crew_release(&crew);
}

static void say_over(void)
{
    say(&(struct lki_station_report){.kind = LKI_STATION_OVER, .over = "gang"});
}

static void say_joined(uint64_t life)
{
    say(&(struct lki_station_report){.kind = LKI_STATION_JOINED,
                                     .joined = {.process = 1, .life = life}});
}

START_TEST(a_run_goes_on_without_a_station_that_cannot_begin_it)
{
    open_crew();
    gang_run(&gang, 5);
    ck_assert_int_eq(gang_status(&gang).state, LKI_CORE_IDLE);
    say_over();
    ck_assert_str_eq(told, "station a cannot take part in the run: its log says why");
    gang_run(&gang, 6);
    ck_assert_uint_eq(gang.workers[0].user_count, 10);
    say_joined(1);
    ck_assert_uint_eq(gang_status(&gang).workers_alive, 1);
    ck_assert_uint_eq(gang_status(&gang).crashes, 0);
    close_crew();
}
END_TEST

START_TEST(a_station_that_has_ended_a_run_takes_part_in_it_anew)
{
    open_crew();
    say_joined(1);
    ck_assert_uint_eq(gang_status(&gang).workers_alive, 2);
    say_over();
    ck_assert_uint_eq(gang_status(&gang).crashes, 1);
    gang_run(&gang, 3);
    say_joined(2);
    ck_assert_uint_eq(gang_status(&gang).workers_alive, 2);
    close_crew();
}
END_TEST

static Suite *crew_suite(void)
{
    Suite *suite = suite_create("crew");
    TCase *all = tcase_create("all");

    tcase_add_test(all, a_run_goes_on_without_a_station_that_cannot_begin_it);
    tcase_add_test(all, a_station_that_has_ended_a_run_takes_part_in_it_anew);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(crew_suite());
}

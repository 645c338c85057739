#include "control/crew.h"

#include <stdio.h>
#include <string.h>

#include "control/crew_inner.h"

static void say_change(const struct lki_crew *crew)
{
    crew->owner.on_change(crew->owner.arg);
}

/* ---- what is told ---- */

static void refuse(struct lki_station *station, const char *why)
{
    station->crew->owner.tell(station->crew->owner.arg, "station %s is refused: %s",
                              lki_contact_id(station->contact), why);
    lki_crew_command(station, &(struct lki_command){.kind = LKI_COMMAND_REFUSE, .refuse = why});
}

/* ---- lost and found ---- */

int64_t lki_station_lapse_ns(const struct lki_station *station)
{
    return lki_ns_after(station->hello.orphan_after_ns,
                        station->crew->run.grace_ns + LKI_LAPSE_MARGIN_NS);
}

int64_t lki_crew_lapse_ns(const struct lki_crew *crew)
{
    int64_t longest_ns = 0;

    for (const struct lki_station *station = crew->stations; station; station = station->next) {
        if (station->greeted && lki_station_lapse_ns(station) > longest_ns)
            longest_ns = lki_station_lapse_ns(station);
    }
    return longest_ns;
}

static void lose(struct lki_station *station)
{
    struct lki_crew *crew = station->crew;
    int64_t lapse_ns = lki_station_lapse_ns(station);
    int64_t silent_ns = station->contact
                            ? lki_loop_now(crew->loop) - lki_contact_heard_ns(station->contact)
                            : 0;

    for (uint64_t i = 0; crew->core && i < lki_station_seats(station); i++)
        lki_core_lost(crew->core, station->seats[i].number, silent_ns, lapse_ns);
}

static void find(struct lki_station *station)
{
    struct lki_crew *crew = station->crew;

    for (uint64_t i = 0; crew->core && i < lki_station_seats(station); i++)
        lki_core_found(crew->core, station->seats[i].number);
}

static void leave_run(struct lki_station *station)
{
    struct lki_crew *crew = station->crew;

    for (uint64_t i = 0; crew->core && i < lki_station_seats(station); i++)
        lki_core_leave(crew->core, station->seats[i].number);
    say_change(crew);
}

static void leave(struct lki_station *station)
{
    struct lki_crew *crew = station->crew;

    if (station->leaving)
        return;
    station->leaving = true;
    crew->owner.tell(crew->owner.arg, "station %s leaves", station->hello.id);
    leave_run(station);
}

void lki_crew_on_silent(struct lki_contact *contact, bool silent)
{
    struct lki_station *station = lki_contact_arg(contact);
    const struct lki_crew *crew = station->crew;

    if (!station->greeted || station->left_ns)
        return;
    crew->owner.tell(crew->owner.arg,
                     silent ? "station %s is not heard any more" : "station %s is heard again",
                     station->hello.id);
    if (silent)
        lose(station);
    else
        find(station);
    say_change(crew);
}

/* ---- reports ---- */

static bool is_welcome(struct lki_station *station, const struct lki_station_hello *hello)
{
    const struct lki_crew *crew = station->crew;
    char why[256];

    if (!hello->processes || hello->processes > LKI_PROCESSES_MAX) {
        refuse(station, "its number of processes is out of bounds");
        return false;
    }
    if (hello->program == crew->program)
        return true;
    if (strcmp(hello->version, crew->version) != 0)
        snprintf(why, sizeof(why), "it has loadkit %s, the orchestrator has %s", hello->version,
                 crew->version);
    else
        snprintf(why, sizeof(why),
                 "its program is another one than the orchestrator's: what it registers differs, "
                 "users, steps, parameters or other things; start both from the same build");
    refuse(station, why);
    return false;
}

/* Another process of that name: the former one is not heard any more, though it may still be at
 * work until its time is over. */
static void supersede(struct lki_station *by)
{
    for (struct lki_station *station = by->crew->stations; station; station = station->next) {
        if (station == by || station->superseded || !station->greeted ||
            strcmp(station->hello.id, by->hello.id) != 0)
            continue;
        station->superseded = true;
        lose(station);
    }
}

static void welcome(struct lki_station *station)
{
    const struct lki_crew *crew = station->crew;

    lki_crew_command(station,
                     &(struct lki_command){.kind = LKI_COMMAND_WELCOME,
                                           .welcome = {.orchestrator = crew->id,
                                                       .clock_ns = lki_hub_clock_ns(crew->hub)}});
}

/* Lives of the run in hand that are not known here: those of a run that was taken over. */
static void join(struct lki_seat *seat, uint64_t life);

static void resume(struct lki_station *station, const struct lki_station_hello *hello)
{
    for (size_t i = 0; i < hello->life_count; i++) {
        struct lki_seat *seat = lki_station_seat(station, hello->lives[i].process);

        if (seat && seat->life != hello->lives[i].life)
            join(seat, hello->lives[i].life);
    }
    station->in_run = true;
}

static void on_hello(struct lki_station *station, const struct lki_station_hello *hello)
{
    struct lki_crew *crew = station->crew;
    bool first = !station->greeted;
    bool same = crew->core && !strcmp(hello->run_id, crew->run.run_id);

    if (first && !is_welcome(station, hello))
        return;
    if (first && !lki_station_remember(station, hello)) {
        refuse(station, lk_strerror(LK_E_NOMEM));
        return;
    }
    supersede(station);
    station->hello.clock_ns = hello->clock_ns;
    welcome(station);
    if (first)
        crew->owner.tell(crew->owner.arg, "station %s is there: %llu process%s on %s", hello->id,
                         (unsigned long long)hello->processes, hello->processes == 1 ? "" : "es",
                         hello->host);
    station->former |= same && first && crew->anew;
    if (*hello->run_id && (!same || station->former))
        lki_crew_command(station,
                         &(struct lki_command){.kind = LKI_COMMAND_END, .end = hello->run_id});
    if (same && !station->former)
        resume(station, hello);
    else if (crew->core && !same && lki_station_is_there(station))
        lki_station_take_part(station); /* also who should be in it: the order may be lost */
    say_change(crew);
}

static void on_beat(struct lki_station *station, const struct lki_station_beat *beat)
{
    station->memory_bytes = beat->memory_bytes;
    for (size_t i = 0; i < beat->count; i++) {
        struct lki_seat *seat = lki_station_seat(station, beat->processes[i].process);

        if (seat)
            seat->health = beat->processes[i];
        if (seat && seat->number && station->crew->core)
            lki_core_seen(station->crew->core, seat->number, seat->health.loop_delay_ns,
                          lki_seat_stands(seat));
        if (seat && seat->wanted)
            lki_crew_want(station->crew, seat->number);
    }
}

/* Its clock less ours. */
int64_t lki_station_ahead_ns(const struct lki_station *station)
{
    const struct lki_crew *crew = station->crew;

    if (*crew->boot && !strcmp(crew->boot, station->hello.boot))
        return 0;
    return lki_hub_clock_ns(crew->hub) - station->hello.clock_ns;
}

static void join(struct lki_seat *seat, uint64_t life)
{
    struct lki_crew *crew = seat->station->crew;
    struct lki_link *link;

    if (!crew->core || lki_seat_add(seat))
        return;
    lki_seat_cut(seat);
    seat->life = life;
    seat->station->forked = true;
    link = lki_seat_link_open(seat);
    /* a life that is not taken is closed with its link */
    if (link)
        lki_core_join(crew->core, seat->number, link, lki_station_ahead_ns(seat->station));
}

static void on_joined(struct lki_station *station, const struct lki_station_life *joined)
{
    struct lki_seat *seat = lki_station_seat(station, joined->process);

    if (seat && station->in_run && joined->life > seat->life)
        join(seat, joined->life);
}

static const char orphaned[] = "ended by its station, which had not heard of the orchestrator for "
                               "too long";

static void on_died(struct lki_station *station, const struct lki_station_died *died)
{
    struct lki_seat *seat = lki_station_seat(station, died->process);
    struct lki_core *core = station->crew->core;
    struct lki_worker_page page = {.totals = died->totals,
                                   .arrivals = died->arrivals,
                                   .iterations_taken = died->iterations_taken,
                                   .sending = died->sending};
    const struct lki_death death = {.told = died->told,
                                    .orphaned = died->orphaned,
                                    .what = died->orphaned ? orphaned : died->what,
                                    .in_step = died->in_step,
                                    .user = died->user,
                                    .step = died->step ? died->step : "",
                                    .frames = died->frames,
                                    .frame_count = died->frame_count,
                                    .page = died->exact ? &page : NULL};

    if (!seat || !core || seat->life != died->life)
        return;
    lki_core_died(core, seat->number, &death);
    lki_seat_cut(seat);
}

static void on_data(struct lki_station *station, const struct lki_station_data *data)
{
    struct lki_seat *seat = lki_station_seat(station, data->process);

    if (seat && seat->link && seat->life == data->life)
        lki_seat_tell(seat->link, data->bytes, data->len);
}

/* It has ended the run by itself, and can take part in it anew; one that could not begin it would
 * only fail again, and is not waited for. */
static void fall_out(struct lki_station *station)
{
    static const struct lki_death death = {.what = orphaned};
    struct lki_crew *crew = station->crew;

    for (uint64_t i = 0; i < lki_station_seats(station); i++) {
        struct lki_seat *seat = &station->seats[i];

        if (!seat->link)
            continue;
        lki_core_died(crew->core, seat->number, &death);
        lki_seat_cut(seat);
    }
    if (!lki_station_is_there(station))
        return;
    if (station->forked) {
        lki_station_take_part(station);
        return;
    }
    crew->owner.tell(crew->owner.arg, "station %s cannot take part in the run: its log says why",
                     station->hello.id);
    leave_run(station);
}

static void on_over(struct lki_station *station, const char *run_id)
{
    struct lki_crew *crew = station->crew;
    bool same = crew->core && !strcmp(run_id, crew->run.run_id);

    if (same && station->former && lki_station_is_there(station))
        lki_station_take_part(station);
    else if (same && station->in_run)
        fall_out(station);
    if (same)
        station->former = false;
    if (station->leaving) {
        station->left_ns = lki_loop_now(crew->loop);
        say_change(crew);
    }
}

static void obey(struct lki_station *station, const struct lki_station_report *report)
{
    switch (report->kind) {
    case LKI_STATION_HELLO:
        on_hello(station, &report->hello);
        break;
    case LKI_STATION_BEAT:
        on_beat(station, &report->beat);
        break;
    case LKI_STATION_JOINED:
        on_joined(station, &report->joined);
        break;
    case LKI_STATION_DIED:
        on_died(station, &report->died);
        break;
    case LKI_STATION_DATA:
        on_data(station, &report->data);
        break;
    case LKI_STATION_OVER:
        on_over(station, report->over);
        break;
    case LKI_STATION_LEAVING:
        leave(station);
        break;
    default:
        break;
    }
}

void lki_crew_on_report(struct lki_contact *contact, uint64_t number, const void *bytes, size_t len)
{
    struct lki_station *station = lki_contact_arg(contact);
    struct lki_crew *crew = station->crew;
    struct lki_station_report report;
    enum lk_err err = lki_station_report_read(&report, bytes, len, &crew->inbox);

    if (number)
        station->heard = number;
    if (err)
        crew->owner.tell(crew->owner.arg, "station %s sent what cannot be read: %s",
                         lki_contact_id(contact), lk_strerror(err));
    else if (report.kind == LKI_STATION_HELLO || station->greeted)
        obey(station, &report);
    lki_arena_reset(&crew->inbox);
}

/* ---- a run ---- */

enum lk_err lki_crew_begin(struct lki_crew *crew, struct lki_core *core,
                           const struct lki_command_run *run)
{
    enum lk_err err = LK_OK;

    crew->core = core;
    crew->run = *run;
    for (struct lki_station *station = crew->stations; station && !err; station = station->next) {
        if (lki_station_is_there(station) && lki_station_is_heard(station))
            err = lki_station_take_part(station);
    }
    return err;
}

void lki_crew_let_go(struct lki_crew *crew)
{
    for (struct lki_station *station = crew->stations; station; station = station->next) {
        for (uint64_t i = 0; i < lki_station_seats(station); i++) {
            station->seats[i].number = 0;
            station->seats[i].wanted = false;
            lki_seat_let_go(&station->seats[i]);
        }
    }
    crew->core = NULL;
}

void lki_crew_end(struct lki_crew *crew)
{
    for (struct lki_station *station = crew->stations; crew->core && station;
         station = station->next) {
        if (station->in_run)
            lki_crew_command(
                station, &(struct lki_command){.kind = LKI_COMMAND_END, .end = crew->run.run_id});
        station->in_run = false;
    }
    lki_crew_let_go(crew);
    crew->anew = false;
    crew->run = (struct lki_command_run){0};
}

/* ---- all of it ---- */

void lki_crew_init(struct lki_crew *crew, struct lki_loop *loop, uint64_t program, const char *id,
                   const struct lki_crew_owner *owner)
{
    *crew = (struct lki_crew){
        .loop = loop, .owner = *owner, .id = id, .program = program, .version = LK_VERSION};
    crew->last = &crew->stations;
    lki_arena_init(&crew->inbox, NULL, 0);
    lki_buf_init(&crew->out, LKI_MESSAGE_MAX + 1024);
    lki_station_boot(crew->boot, sizeof(crew->boot));
}

void lki_crew_release(struct lki_crew *crew)
{
    while (crew->stations) {
        struct lki_station *station = crew->stations;

        crew->stations = station->next;
        lki_station_free(station);
    }
    crew->last = &crew->stations;
    lki_arena_reset(&crew->inbox);
    lki_buf_release(&crew->out);
}

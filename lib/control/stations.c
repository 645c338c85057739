/* Stations from their being heard of until they are forgotten. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/adopt.h"
#include "control/crew_inner.h"

/* So long one that has left is shown. */
#define LEFT_NS (10 * LKI_NS_PER_S)
/* So long one is remembered that is silent and has nothing to do with a run. */
#define FORGET_NS (300 * LKI_NS_PER_S)

static const char *keep(struct lki_station *station, const char *text)
{
    return lki_arena_copy(&station->texts, text, strlen(text));
}

bool lki_station_remember(struct lki_station *station, const struct lki_station_hello *hello)
{
    uint64_t processes = hello->processes;

    station->hello = *hello;
    station->hello.lives = NULL;
    station->hello.life_count = 0;
    station->hello.id = keep(station, hello->id);
    station->hello.host = keep(station, hello->host);
    station->hello.boot = keep(station, hello->boot);
    station->hello.version = keep(station, hello->version);
    station->seats = calloc((size_t)processes, sizeof(*station->seats));
    if (!station->seats || !station->hello.id || !station->hello.host || !station->hello.boot ||
        !station->hello.version)
        return false;
    for (uint64_t i = 0; i < processes; i++)
        station->seats[i] = (struct lki_seat){
            .station = station, .process = i + 1, .health.loop_delay_ns = -1};
    station->greeted = true;
    return true;
}

/* One that was awaited: its lives can be asked how they stand. */
static bool bind(struct lki_crew *crew, struct lki_contact *contact)
{
    struct lki_station *station = crew->stations;

    while (station && (station->contact || station->session != lki_contact_session(contact) ||
                       strcmp(station->hello.id, lki_contact_id(contact)) != 0))
        station = station->next;
    if (!station)
        return false;
    station->contact = contact;
    lki_contact_set_arg(contact, station);
    for (uint64_t i = 0; crew->core && i < lki_station_seats(station); i++)
        lki_core_stand(crew->core, station->seats[i].number, lki_station_ahead_ns(station));
    return true;
}

void lki_crew_on_contact(struct lki_crew *crew, struct lki_contact *contact)
{
    struct lki_station *station = bind(crew, contact) ? NULL : lki_zalloc(sizeof(*station));

    if (lki_contact_arg(contact))
        return;
    if (!station) {
        lki_contact_free(contact);
        return;
    }
    station->crew = crew;
    station->contact = contact;
    station->session = lki_contact_session(contact);
    lki_arena_init(&station->texts, NULL, 0);
    lki_contact_set_arg(contact, station);
    *crew->last = station;
    crew->last = &station->next;
}

void lki_station_free(struct lki_station *station)
{
    for (uint64_t i = 0; i < lki_station_seats(station); i++)
        lki_seat_cut(&station->seats[i]);
    free(station->seats);
    lki_arena_reset(&station->texts);
    free(station);
}

/* Nothing will come of it any more, and nothing of it is wanted. */
static bool is_forgotten(const struct lki_station *station, int64_t now_ns)
{
    const struct lki_contact *contact = station->contact;

    if (station->left_ns)
        return now_ns - station->left_ns >= LEFT_NS;
    if (station->crew->core && (station->in_run || station->superseded))
        return false;
    return station->superseded || !contact ||
           (lki_contact_is_silent(contact) && now_ns - lki_contact_heard_ns(contact) >= FORGET_NS);
}

static void forget(struct lki_crew *crew, struct lki_station **at)
{
    struct lki_station *station = *at;

    *at = station->next;
    if (!*at)
        crew->last = at;
    if (station->contact)
        lki_contact_free(station->contact);
    lki_station_free(station);
    crew->owner.on_change(crew->owner.arg);
}

void lki_crew_safe(struct lki_crew *crew)
{
    int64_t now_ns = lki_loop_now(crew->loop);
    struct lki_station **at = &crew->stations;

    while (*at) {
        if ((*at)->contact)
            lki_contact_done((*at)->contact, (*at)->heard);
        if (is_forgotten(*at, now_ns))
            forget(crew, at);
        else
            at = &(*at)->next;
    }
}

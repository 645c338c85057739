/* The seats of stations: what a worker's link is on the orchestrator's side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/crew_inner.h"

/* The core's end of the link to a life. */
struct lki_seat_link {
    struct lki_link link;
    struct lki_seat *seat; /* NULL: it has lost its life */
    uint64_t life;
    bool telling;
    bool closed;
};

/* ---- commands ---- */

enum lk_err lki_crew_command(struct lki_station *station, const struct lki_command *command)
{
    struct lki_buf *out = &station->crew->out;

    if (!station->contact)
        return LK_OK;
    lki_buf_clear(out);
    lki_command_write(command, out);
    if (out->err)
        return LK_E_NOMEM;
    return lki_contact_send(station->contact, out->data, out->len);
}

/* ---- links ---- */

static enum lk_err link_send(struct lki_link *link, const void *bytes, size_t len)
{
    struct lki_seat_link *own = LKI_CONTAINER(link, struct lki_seat_link, link);

    if (len > LKI_MESSAGE_MAX)
        return LK_E_LIMIT;
    if (!own->seat || !own->seat->station->contact)
        return LK_OK;
    return lki_crew_command(own->seat->station,
                            &(struct lki_command){.kind = LKI_COMMAND_DATA,
                                                  .data = {.process = own->seat->process,
                                                           .life = own->life,
                                                           .bytes = bytes,
                                                           .len = len}});
}

/* The life ends by itself when its core has let go of it. */
static void link_close(struct lki_link *link)
{
    struct lki_seat_link *own = LKI_CONTAINER(link, struct lki_seat_link, link);
    struct lki_seat *seat = own->seat;

    if (seat) {
        seat->link = NULL;
        lki_crew_command(seat->station, &(struct lki_command){.kind = LKI_COMMAND_CLOSE,
                                                              .close = {.process = seat->process,
                                                                        .life = own->life}});
    }
    own->seat = NULL;
    own->closed = true;
    if (!own->telling)
        free(own);
}

struct lki_link *lki_seat_link_open(struct lki_seat *seat)
{
    static const struct lki_link_ops ops = {link_send, link_close};
    struct lki_seat_link *own = lki_zalloc(sizeof(*own));

    if (!own)
        return NULL;
    own->link.ops = &ops;
    own->seat = seat;
    own->life = seat->life;
    seat->link = own;
    return &own->link;
}

void lki_seat_tell(struct lki_seat_link *own, const void *bytes, size_t len)
{
    own->telling = true;
    own->link.on_message(&own->link, bytes, len);
    own->telling = false;
    if (own->closed)
        free(own);
}

/* Nothing more comes of that life. */
void lki_seat_cut(struct lki_seat *seat)
{
    struct lki_seat_link *own = seat->link;

    if (!own)
        return;
    seat->link = NULL;
    own->seat = NULL;
    own->telling = true;
    own->link.on_gone(&own->link);
    own->telling = false;
    if (own->closed)
        free(own);
}

/* ---- seats ---- */

uint64_t lki_station_seats(const struct lki_station *station)
{
    return station->greeted ? station->hello.processes : 0;
}

struct lki_seat *lki_station_seat(const struct lki_station *station, uint64_t process)
{
    return process && process <= lki_station_seats(station) ? &station->seats[process - 1] : NULL;
}

bool lki_station_is_there(const struct lki_station *station)
{
    return station->greeted && !station->superseded && !station->leaving && !station->left_ns;
}

bool lki_station_is_heard(const struct lki_station *station)
{
    return station->contact && !lki_contact_is_silent(station->contact);
}

bool lki_seat_stands(const struct lki_seat *seat)
{
    return seat->health.silent_ns > LKI_SILENCE_NS;
}

void lki_seat_name(const struct lki_seat *seat, char *name, size_t size)
{
    const struct lki_station_hello *hello = &seat->station->hello;

    if (hello->processes > 1)
        snprintf(name, size, "%s.%llu", hello->id, (unsigned long long)seat->process);
    else
        snprintf(name, size, "%s", hello->id);
}

/* Probes of one process are enough for a machine. */
enum lk_err lki_seat_add(struct lki_seat *seat)
{
    struct lki_crew *crew = seat->station->crew;
    char name[160];

    if (seat->number)
        return LK_OK;
    lki_seat_name(seat, name, sizeof(name));
    seat->number = lki_core_add(crew->core, name,
                                seat->station->hello.probes && seat->process == 1);
    return seat->number ? LK_OK : LK_E_NOMEM;
}

enum lk_err lki_station_take_part(struct lki_station *station)
{
    struct lki_crew *crew = station->crew;
    enum lk_err err = LK_OK;

    for (uint64_t i = 0; !err && i < lki_station_seats(station); i++)
        err = lki_seat_add(&station->seats[i]);
    if (!err)
        err = lki_crew_command(station,
                               &(struct lki_command){.kind = LKI_COMMAND_RUN, .run = crew->run});
    station->in_run = !err;
    station->forked = false;
    return err;
}

uint64_t lki_crew_size(const struct lki_crew *crew)
{
    uint64_t size = 0;

    for (const struct lki_station *station = crew->stations; station; station = station->next) {
        if (lki_station_is_there(station) && lki_station_is_heard(station))
            size += lki_station_seats(station);
    }
    return size;
}

static struct lki_seat *seat_of(const struct lki_crew *crew, uint64_t worker)
{
    for (const struct lki_station *station = crew->stations; station; station = station->next) {
        for (uint64_t i = 0; i < lki_station_seats(station); i++) {
            if (worker && station->seats[i].number == worker)
                return &station->seats[i];
        }
    }
    return NULL;
}

void lki_crew_want(struct lki_crew *crew, uint64_t worker)
{
    struct lki_seat *seat = seat_of(crew, worker);

    if (seat && lki_station_is_there(seat->station))
        seat->wanted = lki_crew_command(seat->station,
                                        &(struct lki_command){.kind = LKI_COMMAND_WANT,
                                                              .want = seat->process}) != LK_OK;
}

void lki_seat_let_go(struct lki_seat *seat)
{
    if (seat->link)
        seat->link->seat = NULL;
    seat->link = NULL;
}

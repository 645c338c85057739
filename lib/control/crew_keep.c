/* What of the stations outlives an orchestrator. */
#include <stdlib.h>

#include "base/mem.h"
#include "bus/wire.h"
#include "control/adopt.h"
#include "control/crew_inner.h"

static void hello_fields(struct lki_wire *wire, struct lki_station_hello *hello)
{
    lki_wire_text(wire, &hello->id);
    lki_wire_text(wire, &hello->host);
    lki_wire_text(wire, &hello->boot);
    lki_wire_text(wire, &hello->version);
    lki_wire_u64(wire, &hello->pid);
    lki_wire_u64(wire, &hello->processes);
    lki_wire_u64(wire, &hello->program);
    lki_wire_flag(wire, &hello->probes);
    lki_wire_i64(wire, &hello->orphan_after_ns);
    lki_wire_i64(wire, &hello->clock_ns);
}

static void station_fields(struct lki_wire *wire, struct lki_station *station)
{
    lki_wire_u64(wire, &station->session);
    lki_wire_u64(wire, &station->heard);
    lki_wire_flag(wire, &station->leaving);
    lki_wire_flag(wire, &station->in_run);
    lki_wire_flag(wire, &station->forked);
}

static bool is_kept(const struct lki_station *station)
{
    return station->greeted && !station->superseded && !station->left_ns;
}

void lki_crew_write(const struct lki_crew *crew, struct lki_buf *out)
{
    struct lki_wire wire = {.out = out};
    uint64_t count = 0;

    for (const struct lki_station *station = crew->stations; station; station = station->next)
        count += is_kept(station);
    lki_wire_u64(&wire, &count);
    for (struct lki_station *station = crew->stations; station; station = station->next) {
        if (!is_kept(station))
            continue;
        hello_fields(&wire, &station->hello);
        station_fields(&wire, station);
        for (uint64_t i = 0; i < lki_station_seats(station); i++) {
            lki_wire_u64(&wire, &station->seats[i].number);
            lki_wire_u64(&wire, &station->seats[i].life);
        }
    }
}

/* The life that it had then goes on, if it is still there. */
static void seat_read(struct lki_seat *seat, struct lki_wire *wire)
{
    struct lki_crew *crew = seat->station->crew;
    struct lki_link *link;

    lki_wire_u64(wire, &seat->number);
    lki_wire_u64(wire, &seat->life);
    if (!crew->core)
        seat->number = 0;
    if (wire->in.bad || !seat->number)
        return;
    lki_core_await(crew->core, seat->number, lki_station_lapse_ns(seat->station));
    if (!seat->life)
        return;
    link = lki_seat_link_open(seat);
    if (link)
        lki_core_resume(crew->core, seat->number, link, lki_station_ahead_ns(seat->station));
}

static enum lk_err station_read(struct lki_crew *crew, struct lki_wire *wire)
{
    struct lki_station *station = lki_zalloc(sizeof(*station));
    struct lki_station_hello hello = {0};

    if (!station)
        return LK_E_NOMEM;
    station->crew = crew;
    lki_arena_init(&station->texts, NULL, 0);
    hello_fields(wire, &hello);
    station_fields(wire, station);
    if (wire->in.bad || !hello.processes || hello.processes > LKI_PROCESSES_MAX ||
        !lki_station_remember(station, &hello)) {
        lki_station_free(station);
        return LK_E_FORMAT;
    }
    *crew->last = station;
    crew->last = &station->next;
    for (uint64_t i = 0; i < hello.processes; i++)
        seat_read(&station->seats[i], wire);
    return lki_hub_expect(crew->hub, hello.id, station->session, station->heard);
}

enum lk_err lki_crew_read(struct lki_crew *crew, struct lki_core *core, const void *bytes,
                          size_t len)
{
    struct lki_wire wire = {.in = lki_unpack(bytes, len), .arena = &crew->inbox};
    uint64_t count = 0;
    enum lk_err err = LK_OK;

    crew->core = core;
    lki_wire_u64(&wire, &count);
    for (uint64_t i = 0; i < count && !err && !wire.in.bad; i++)
        err = station_read(crew, &wire);
    lki_arena_reset(&crew->inbox);
    return err ? err : lki_unpack_err(&wire.in);
}

/*
 * What the parts of the crew share: stations, their seats, and the links of those who sit there.
 */
#ifndef LKI_CONTROL_CREW_INNER_H
#define LKI_CONTROL_CREW_INNER_H

#include "control/crew.h"

/* More processes than any machine has use for. */
#define LKI_PROCESSES_MAX 4096

/* ---- crew.c ---- */

/* Its clock less ours. */
int64_t lki_station_ahead_ns(const struct lki_station *station);
/* So long what it has in hand may go on when nothing is heard of it. */
int64_t lki_station_lapse_ns(const struct lki_station *station);

/* ---- stations.c ---- */

/* Copies what it told first, and makes its seats. False: no memory. */
bool lki_station_remember(struct lki_station *station, const struct lki_station_hello *hello);
/* Its links are cut. */
void lki_station_free(struct lki_station *station);

/* ---- seat.c ---- */

/* LK_OK to one that was not heard yet: it is asked how it stands when it is. */
enum lk_err lki_crew_command(struct lki_station *station, const struct lki_command *command);
uint64_t lki_station_seats(const struct lki_station *station);
/* NULL: it has no such process. */
struct lki_seat *lki_station_seat(const struct lki_station *station, uint64_t process);
/* Has said hello, and has not left. */
bool lki_station_is_there(const struct lki_station *station);
/* And is heard now. */
bool lki_station_is_heard(const struct lki_station *station);
/* The run in hand has a worker there; it is added if need be. LK_E_NOMEM. */
enum lk_err lki_seat_add(struct lki_seat *seat);
/* All of its seats, and the order to fork. */
enum lk_err lki_station_take_part(struct lki_station *station);
/* The core's end of the link to the life that is there; NULL: no memory. */
struct lki_link *lki_seat_link_open(struct lki_seat *seat);
/* A message of it. */
void lki_seat_tell(struct lki_seat_link *own, const void *bytes, size_t len);
/* Nothing more comes of that life. */
void lki_seat_cut(struct lki_seat *seat);
/* The core is about to close its end; the life is not told. */
void lki_seat_let_go(struct lki_seat *seat);

#endif

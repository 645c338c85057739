#include "app/preflight.h"

#include "base/mem.h"
#include "loop/stack.h"
#include "report/layout.h"
#include "user/life.h"

/* What a worker opens for itself: for its loop, its link, look-ups of names, files of the author's.
 */
#define OWN_DESCRIPTORS 64
/* What malloc, the list of users and that of timers keep for each. */
#define USER_EXTRA_BYTES 48
/* Of a connection that is open, with the user that has it. */
#define CONNECTION_BYTES 2000
#define WORKER_BYTES (UINT64_C(1) << 20)

static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t all;

    return __builtin_mul_overflow(a, b, &all) ? UINT64_MAX : all;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t lki_preflight_user_bytes(const struct lki_model *model)
{
    double bytes = 0;
    double weight = 0;

    for (size_t i = 0; i < model->type_count; i++) {
        const struct lki_vu_type *type = &model->types[i];
        size_t steps = type->step_count * (sizeof(int64_t) + 1);

        weight += type->weight;
        bytes += type->weight *
                 (double)(sizeof(struct lki_user) + USER_EXTRA_BYTES + steps + type->state_bytes);
    }
    return weight > 0 ? (uint64_t)(bytes / weight) : 0;
}

static uint64_t share_of(uint64_t users, uint64_t workers)
{
    return workers ? users / workers + (users % workers != 0) : users;
}

uint64_t lki_preflight_descriptors(uint64_t users, uint64_t workers)
{
    return sum(share_of(users, workers), OWN_DESCRIPTORS);
}

/* ---- what cannot be ---- */

static void memory_check(const struct lki_preflight_ask *ask, struct lki_buf *refusal)
{
    uint64_t left = ask->machine.memory_bytes;
    uint64_t own = product(ask->workers, WORKER_BYTES);
    uint64_t need = sum(product(ask->users, ask->user_bytes), own);
    char users[LKI_CELL_BYTES];
    char needed[LKI_CELL_BYTES];
    char available[LKI_CELL_BYTES];

    if (!left || need <= left)
        return;
    lki_format_count(users, ask->users);
    lki_format_bytes(needed, (double)need);
    lki_format_bytes(available, (double)left);
    lki_buf_printf(refusal, "%s users need at least %s of memory, and %s are left", users, needed,
                   available);
    lki_format_count(users, left > own ? (left - own) / ask->user_bytes : 0);
    lki_buf_printf(refusal, ": use fewer than %s, or a machine with more memory\n", users);
}

/* What a worker maps for its share of the users, each with so many bytes. */
static uint64_t share_bytes(const struct lki_preflight_ask *ask, uint64_t bytes)
{
    return sum(product(share_of(ask->users, ask->workers), bytes), WORKER_BYTES);
}

static void addresses_say(const struct lki_preflight_ask *ask, struct lki_buf *lines,
                          const char *what, uint64_t need)
{
    char users[LKI_CELL_BYTES];
    char needed[LKI_CELL_BYTES];
    char available[LKI_CELL_BYTES];

    lki_format_count(users, share_of(ask->users, ask->workers));
    lki_format_bytes(needed, (double)need);
    lki_format_bytes(available, (double)ask->machine.address_bytes);
    lki_buf_printf(lines,
                   "%s users%s need %s %s of address space, and its limit leaves %s: raise ulimit "
                   "-v, use more workers (-w), or fewer users\n",
                   users, ask->workers ? " in a worker" : "", what, needed, available);
}

static void addresses_check(const struct lki_preflight_ask *ask, struct lki_buf *refusal)
{
    uint64_t need = share_bytes(ask, ask->user_bytes);

    if (ask->machine.address_bytes && need > ask->machine.address_bytes)
        addresses_say(ask, refusal, "at least", need);
}

static void processes_check(const struct lki_preflight_ask *ask, struct lki_buf *refusal)
{
    uint64_t most = ask->machine.processes;

    if (ask->workers > most)
        lki_buf_printf(refusal,
                       "%llu worker processes are asked for, and %llu more may be started here: "
                       "use -w %llu, or raise ulimit -u or the limit of the control group\n",
                       (unsigned long long)ask->workers, (unsigned long long)most,
                       (unsigned long long)most);
}

/* ---- what may not be ---- */

static void descriptors_note(const struct lki_preflight_ask *ask, struct lki_buf *notes)
{
    uint64_t need = lki_preflight_descriptors(ask->users, ask->workers);
    uint64_t limit = ask->machine.descriptors;
    char cells[3][LKI_CELL_BYTES];

    if (!limit || need <= limit)
        return;
    lki_format_count(cells[0], ask->users);
    lki_format_count(cells[1], need);
    lki_format_count(cells[2], limit);
    lki_buf_printf(notes,
                   "%s users with a connection each need %s descriptors%s, and the limit is %s: ",
                   cells[0], cells[1], ask->workers ? " in a worker" : "", cells[2]);
    if (limit > OWN_DESCRIPTORS && ask->users / (limit - OWN_DESCRIPTORS) < 1000)
        lki_buf_printf(notes, "use -w %llu, or raise ulimit -n\n",
                       (unsigned long long)share_of(ask->users, limit - OWN_DESCRIPTORS));
    else
        lki_buf_str(notes, "raise ulimit -n\n");
}

static void ports_note(const struct lki_preflight_ask *ask, struct lki_buf *notes)
{
    char users[LKI_CELL_BYTES];
    char ports[LKI_CELL_BYTES];

    if (!ask->machine.ports || ask->users <= ask->machine.ports)
        return;
    lki_format_count(users, ask->users);
    lki_format_count(ports, ask->machine.ports);
    lki_buf_printf(notes,
                   "%s users with a connection each to one address need as many ports, and this "
                   "machine has %s: connect from more addresses (--local-addr), or widen "
                   "net.ipv4.ip_local_port_range\n",
                   users, ports);
}

static void memory_note(const struct lki_preflight_ask *ask, struct lki_buf *notes)
{
    uint64_t left = ask->machine.memory_bytes;
    uint64_t need = product(ask->users, sum(ask->user_bytes, CONNECTION_BYTES));
    char users[LKI_CELL_BYTES];
    char needed[LKI_CELL_BYTES];
    char available[LKI_CELL_BYTES];

    if (!left || need <= left / 10 * 8)
        return;
    lki_format_count(users, ask->users);
    lki_format_bytes(needed, (double)need);
    lki_format_bytes(available, (double)left);
    lki_buf_printf(notes,
                   "%s users with a connection each take some %s of memory, and %s are left: use "
                   "fewer, or watch it\n",
                   users, needed, available);
}

static void addresses_note(const struct lki_preflight_ask *ask, struct lki_buf *notes)
{
    uint64_t stack = LKI_STACK_DEFAULT_BYTES + LKI_STACK_GUARD_BYTES;
    uint64_t need = share_bytes(ask, sum(ask->user_bytes, CONNECTION_BYTES + stack));

    if (ask->machine.address_bytes && need > ask->machine.address_bytes)
        addresses_say(ask, notes, "for their steps, all at once,", need);
}

enum lk_err lki_preflight(const struct lki_preflight_ask *ask, struct lki_buf *notes,
                          struct lki_buf *refusal)
{
    size_t before = refusal->len;

    memory_check(ask, refusal);
    addresses_check(ask, refusal);
    processes_check(ask, refusal);
    if (refusal->err)
        return refusal->err;
    if (refusal->len > before)
        return LK_E_LIMIT;
    descriptors_note(ask, notes);
    ports_note(ask, notes);
    memory_note(ask, notes);
    addresses_note(ask, notes);
    return LK_OK;
}

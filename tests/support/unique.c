/*
 * Users that borrow objects, and a referee who knows nothing of loadkit: a file that all processes
 * map has a place for each id, where its user writes a number that no other use has. A user who
 * keeps the object until its next step leaves the number there, marked as resting.
 *
 * Two have had one id at once when a number is overwritten that does not rest, and whose process
 * lives, or when a user finds another number than its own. That of a stopped process may be
 * overwritten, since its time may be up: then it must not go on, or it finds that.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#define IDS 1000
#define PID_BITS 22
#define RESTING (UINT64_C(1) << PID_BITS)

LK_PARAM(referee, .required = true, .help = "directory of the files \"places\" and \"faults\"");

/* The file "places", which the test makes, empty, and reads. */
struct places {
    uint64_t keep;      /* from outside: who gets an object now keeps it until this is 0 */
    uint64_t halt;      /* from outside: a user of that process stops it, while it has an object */
    uint64_t uses;      /* in all */
    uint64_t kept;      /* objects, at this moment */
    uint64_t processes; /* that have taken part */
    uint64_t users[IDS + 1];
};

struct use {
    uint64_t number; /* 0: it has none */
    uint64_t id;
    uint64_t user;
    bool kept;
};

LK_VU(borrower)
{
    lk_json *object;
    struct use use;
};

LK_RESOURCE(things)
{
    return LK_OBJECT("serial", lk_format(vu, "thing-%s", id));
}

/* ---- the referee ---- */

static struct places *places;
static int places_fd;
static const char *directory;
static uint64_t uses;

static uint64_t pid_of(uint64_t number)
{
    return number & ((1U << PID_BITS) - 1);
}

static int open_in_directory(const char *name, int flags)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr, "unique: cannot open %s: %s\n", path, strerror(errno));
        abort();
    }
    return fd;
}

/* other: a use of the same id; 0: one that has ended. */
static void fault(const char *what, const struct use *use, uint64_t other)
{
    int fd = open_in_directory("faults", O_WRONLY | O_APPEND | O_CREAT);

    dprintf(fd, "id %" PRIu64 " %s user %" PRIu64 " of process %d; ", use->id, what, use->user,
            (int)getpid());
    if (other)
        dprintf(fd, "process %" PRIu64 " has it\n", pid_of(other));
    else
        dprintf(fd, "another one has had it meanwhile\n");
    close(fd);
}

/* Each process locks a byte of its own, which the kernel gives free before anybody can hear of its
 * death. */
static struct flock lock_of(uint64_t number)
{
    return (struct flock){
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)pid_of(number), .l_len = 1};
}

static void join(const char *where)
{
    struct flock lock = lock_of((uint64_t)getpid());

    if (places)
        return;
    directory = strdup(where);
    places_fd = open_in_directory("places", O_RDWR);
    places = mmap(NULL, sizeof(*places), PROT_READ | PROT_WRITE, MAP_SHARED, places_fd, 0);
    if (places == MAP_FAILED || fcntl(places_fd, F_SETLK, &lock)) {
        fprintf(stderr, "unique: cannot join the referee: %s\n", strerror(errno));
        abort();
    }
    __atomic_fetch_add(&places->processes, 1, __ATOMIC_SEQ_CST);
}

static bool lives(uint64_t number)
{
    struct flock lock = lock_of(number);

    if (pid_of(number) == (uint64_t)getpid())
        return true;
    return fcntl(places_fd, F_GETLK, &lock) || lock.l_type != F_UNLCK;
}

static bool is_stopped(uint64_t number)
{
    char path[64];
    char state[512] = "";
    const char *name_end;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid_of(number));
    file = fopen(path, "re");
    if (!file)
        return false;
    if (!fgets(state, sizeof(state), file))
        *state = '\0';
    fclose(file);
    name_end = strrchr(state, ')');
    return name_end && !strncmp(name_end, ") T", 3);
}

static void replace(const struct use *use, uint64_t wanted, uint64_t by)
{
    uint64_t found = wanted;

    if (__atomic_compare_exchange_n(&places->users[use->id], &found, by, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        return;
    fault("is used by", use, found);
}

static void take(struct use *use)
{
    uint64_t before = __atomic_exchange_n(&places->users[use->id], use->number, __ATOMIC_SEQ_CST);

    if (before && !(before & RESTING) && !is_stopped(before) && lives(before))
        fault("is given to", use, before);
}

static void enter(struct use *use, uint64_t id)
{
    uint64_t before = use->number;

    use->id = id;
    use->number = ++uses << (PID_BITS + 1) | (uint64_t)getpid();
    if (before)
        replace(use, before, use->number);
    else
        take(use);
    __atomic_fetch_add(&places->uses, 1, __ATOMIC_SEQ_CST);
}

static void rest(struct use *use)
{
    if (!use->number || use->number & RESTING)
        return;
    replace(use, use->number, use->number | RESTING);
    use->number |= RESTING;
    if (use->kept)
        __atomic_fetch_sub(&places->kept, 1, __ATOMIC_SEQ_CST);
    use->kept = false;
}

static void leave(struct use *use)
{
    replace(use, use->number, 0);
    use->number = 0;
}

static void keep(lk_vu *vu, struct use *use)
{
    use->kept = true;
    __atomic_fetch_add(&places->kept, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&places->keep, __ATOMIC_SEQ_CST) && !lk_should_stop(vu))
        lk_sleep(vu, 0.2);
}

/* ---- users ---- */

/* However its step ends: so the referee is told before the object can go back. */
static void on_left(void *arg)
{
    rest(arg);
}

/* Goes on in the middle of its step, which may be long after its time was up. */
static void halt(const struct use *use)
{
    uint64_t self = (uint64_t)getpid();

    if (!__atomic_compare_exchange_n(&places->halt, &self, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return;
    raise(SIGSTOP);
    replace(use, use->number, use->number);
}

static void use(lk_vu *vu, struct borrower *self)
{
    self->use.user = lk_user_id(vu);
    lk_defer(vu, on_left, &self->use);
    enter(&self->use, strtoull(lk_str(self->object, "resource_id"), NULL, 10));
    halt(&self->use);
    if (__atomic_load_n(&places->keep, __ATOMIC_SEQ_CST))
        keep(vu, &self->use);
    else
        lk_sleep(vu, lk_random_double(vu, 0.002, 0.2));
    rest(&self->use);
}

/* Every second time it has the object until its next step, or until its life ends. */
LK_STEP(borrower, borrow, .every = LK_BETWEEN(0.001, 0.05))
{
    lk_json *object;

    join(lk_param(vu, "referee"));
    if (!self->object)
        self->object = lk_resource_acquire(vu, "things");
    use(vu, self);
    if (lk_random_int(vu, 0, 1))
        return;
    leave(&self->use);
    object = self->object;
    self->object = NULL;
    lk_resource_release(vu, "things", object);
}

LK_MAIN()

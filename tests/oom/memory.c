#include "oom/memory.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#define DESCRIPTORS_LOOKED_AT 256

/* What the linker calls instead of the real ones, and what it calls those. */
#define WRAPPED(type, name, ...)                                                                   \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);

WRAPPED(void *, malloc, size_t bytes)
WRAPPED(void *, calloc, size_t items, size_t bytes)
WRAPPED(void *, realloc, void *block, size_t bytes)
WRAPPED(void, free, void *block)
WRAPPED(char *, strdup, const char *text)
WRAPPED(char *, strndup, const char *text, size_t len)
WRAPPED(void *, mmap, void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
/* What mmap becomes with 64-bit offsets, which some dependency asks for. */
WRAPPED(void *, mmap64, void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
WRAPPED(int, munmap, void *at, size_t bytes)
WRAPPED(char *, realpath, const char *path, char *into)
WRAPPED(FILE *, fdopen, int fd, const char *mode)
WRAPPED(int, getaddrinfo, const char *host, const char *port, const struct addrinfo *hints,
        struct addrinfo **found)
WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
        void *(*run)(void *arg), void *arg)
WRAPPED(int, timerfd_create, int clock, int flags)
WRAPPED(int, eventfd, unsigned start, int flags)

/* Helper threads ask too. */
static atomic_bool limited;
static atomic_long left;  /* requests before the first that is refused */
static atomic_long count; /* how many are refused then */
static atomic_long refused;
static atomic_long held;

static bool granted(void)
{
    long before;

    if (!atomic_load(&limited))
        return true;
    before = atomic_fetch_sub(&left, 1);
    if (before > 0 || before <= -atomic_load(&count))
        return true;
    atomic_fetch_add(&refused, 1);
    errno = ENOMEM;
    return false;
}

static void *hold(void *block)
{
    if (block)
        atomic_fetch_add(&held, 1);
    return block;
}

void *__wrap_malloc(size_t bytes)
{
    return granted() ? hold(__real_malloc(bytes)) : NULL;
}

void *__wrap_calloc(size_t items, size_t bytes)
{
    return granted() ? hold(__real_calloc(items, bytes)) : NULL;
}

void *__wrap_realloc(void *block, size_t bytes)
{
    if (!block)
        return __wrap_malloc(bytes);
    return granted() ? __real_realloc(block, bytes) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return granted() ? hold(__real_strdup(text)) : NULL;
}

char *__wrap_strndup(const char *text, size_t len)
{
    return granted() ? hold(__real_strndup(text, len)) : NULL;
}

void __wrap_free(void *block)
{
    if (block)
        atomic_fetch_sub(&held, 1);
    __real_free(block);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    void *map = granted() ? __real_mmap(at, bytes, protection, flags, fd, offset) : MAP_FAILED;

    if (map != MAP_FAILED)
        hold(map);
    return map;
}

void *__wrap_mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return __wrap_mmap(at, bytes, protection, flags, fd, offset);
}

int __wrap_munmap(void *at, size_t bytes)
{
    atomic_fetch_sub(&held, 1);
    return __real_munmap(at, bytes);
}

char *__wrap_realpath(const char *path, char *into)
{
    char *real = granted() ? __real_realpath(path, into) : NULL;

    return into ? real : hold(real);
}

FILE *__wrap_fdopen(int fd, const char *mode)
{
    return granted() ? __real_fdopen(fd, mode) : NULL;
}

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **found)
{
    return granted() ? __real_getaddrinfo(host, port, hints, found) : EAI_MEMORY;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *arg), void *arg)
{
    return granted() ? __real_pthread_create(thread, attributes, run, arg) : EAGAIN;
}

int __wrap_timerfd_create(int clock, int flags)
{
    return granted() ? __real_timerfd_create(clock, flags) : -1;
}

int __wrap_eventfd(unsigned start, int flags)
{
    return granted() ? __real_eventfd(start, flags) : -1;
}

void memory_open(void)
{
    event_set_mem_functions(__wrap_malloc, __wrap_realloc, __wrap_free);
}

void memory_refuse(long after, long how_many)
{
    atomic_store(&left, after);
    atomic_store(&count, how_many);
    atomic_store(&refused, 0);
    atomic_store(&limited, true);
}

long memory_allow(void)
{
    atomic_store(&limited, false);
    return atomic_load(&refused);
}

long memory_held(void)
{
    return atomic_load(&held);
}

int memory_descriptors(void)
{
    int open = 0;

    for (int fd = 0; fd < DESCRIPTORS_LOOKED_AT; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    return open;
}

#include "worker/health.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

/* Processor time of this thread: what else the program does is not the run's. */
static int64_t used_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * LKI_NS_PER_S + used.tv_nsec;
}

/* The second of its numbers: how long the thread could have run, but did not. -1: not known. */
static int64_t waited_ns(const struct lki_measuring *measuring)
{
    char text[128];
    ssize_t len = -1;
    char *end;
    long long waited;

    if (measuring->schedule_fd)
        len = pread(measuring->schedule_fd - 1, text, sizeof(text) - 1, 0);
    if (len <= 0)
        return -1;
    text[len] = '\0';
    strtoll(text, &end, 10);
    waited = strtoll(end, &end, 10);
    return *end == ' ' ? waited : -1;
}

/* Newer kernels tell the number at once; with others they have to be counted. */
uint64_t lki_descriptors(pid_t pid)
{
    char path[64] = "/proc/self/fd";
    struct stat info;
    uint64_t count;

    if (pid)
        snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
    if (!stat(path, &info) && info.st_size > 0)
        return (uint64_t)info.st_size;
    count = lki_file_entries(path);
    return count && !pid ? count - 1 : count; /* but for that of the list */
}

void lki_measuring_begin(struct lki_measuring *measuring, int64_t now_ns)
{
    int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

    *measuring = (struct lki_measuring){
        .schedule_fd = fd + 1, .on = true, .since_ns = now_ns, .used_ns = used_ns()};
    measuring->waited_ns = waited_ns(measuring);
}

void lki_measuring_read(const struct lki_measuring *measuring, int64_t now_ns,
                        struct lki_worker_health *health)
{
    int64_t waited = waited_ns(measuring);

    health->descriptors = lki_descriptors(0);
    health->waited_ns = -1;
    if (!measuring->on)
        return;
    health->span_ns = now_ns - measuring->since_ns;
    health->busy_ns = used_ns() - measuring->used_ns;
    if (waited >= 0 && measuring->waited_ns >= 0)
        health->waited_ns = waited - measuring->waited_ns;
}

void lki_measuring_end(struct lki_measuring *measuring)
{
    if (measuring->schedule_fd)
        close(measuring->schedule_fd - 1);
    *measuring = (struct lki_measuring){0};
}

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif

#include "app/machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "net/ports.h"

#define PATH_BYTES 512
#define TEXT_BYTES 8192
#define CPUS_MAX (1 << 16)

/* ---- files of the kernel's ---- */

/* The number behind a word that begins a line; 0: there is none. */
static uint64_t number_behind(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, word, len))
            return strtoull(line + len, NULL, 10);
    }
    return 0;
}

/* ---- groups of processes ---- */

/* A file of a group. False: there is none. */
static bool group_read(const char *group, const char *name, char text[TEXT_BYTES])
{
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof(path), "%s/%s", group, name);

    return len > 0 && (size_t)len < sizeof(path) && lki_file_head(path, text, TEXT_BYTES);
}

/* A number of a group; false for none, and for "max". */
static bool group_number(const char *group, const char *name, uint64_t *value)
{
    char text[TEXT_BYTES];

    if (!group_read(group, name, text) || text[0] < '0' || text[0] > '9')
        return false;
    *value = strtoull(text, NULL, 10);
    return true;
}

/* What a group leaves of what it limits; what is reclaimed without loss is not in use. */
static uint64_t group_rest(const char *group, const char *limit, const char *use,
                           uint64_t reclaimable)
{
    uint64_t most;
    uint64_t used;

    if (!group_number(group, limit, &most) || !group_number(group, use, &used))
        return UINT64_MAX;
    used -= used < reclaimable ? used : reclaimable;
    return most > used ? most - used : 0;
}

static uint64_t group_memory(const char *group, const char *limit, const char *use)
{
    char text[TEXT_BYTES];
    uint64_t cache = 0;

    if (group_read(group, "memory.stat", text))
        cache = number_behind(text, "inactive_file ") + number_behind(text, "active_file ");
    return group_rest(group, limit, use, cache);
}

/* Takes what the group at path, and all around it up to root, leave. */
static void groups_limit(struct lki_machine *machine, char *path, size_t root_len)
{
    uint64_t rest;

    for (;;) {
        char *slash;

        rest = group_memory(path, "memory.max", "memory.current");
        if (rest < machine->memory_bytes)
            machine->memory_bytes = rest;
        rest = group_memory(path, "memory.limit_in_bytes", "memory.usage_in_bytes");
        if (rest < machine->memory_bytes)
            machine->memory_bytes = rest;
        rest = group_rest(path, "pids.max", "pids.current", 0);
        if (rest < machine->processes)
            machine->processes = rest;
        slash = strrchr(path, '/');
        if (strlen(path) <= root_len || !slash)
            return;
        *slash = '\0';
    }
}

/* Lines are "0::/path", or of the older kind "4:memory:/path", which lies below a folder of that
 * name. */
static void line_limit(struct lki_machine *machine, const char *line, size_t len)
{
    const char *kind = memchr(line, ':', len);
    const char *group = kind ? memchr(kind + 1, ':', len - (size_t)(kind + 1 - line)) : NULL;
    char path[PATH_BYTES];
    int root_len;
    int path_len;

    if (!group)
        return;
    kind++;
    root_len = snprintf(path, sizeof(path), "/sys/fs/cgroup%s%.*s", group > kind ? "/" : "",
                        (int)(group - kind), kind);
    group++;
    path_len = (int)(line + len - group);
    if (path_len == 1)
        path_len = 0; /* that is a slash alone */
    if (root_len + path_len >= (int)sizeof(path))
        return;
    memcpy(path + root_len, group, (size_t)path_len);
    path[root_len + path_len] = '\0';
    groups_limit(machine, path, (size_t)root_len);
}

static void group_limits(struct lki_machine *machine)
{
    char text[TEXT_BYTES];

    if (!lki_file_head("/proc/self/cgroup", text, sizeof(text)))
        return;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");

        line_limit(machine, line, len);
        line += len + (line[len] == '\n');
    }
}

/* ---- limits of the process ---- */

static uint64_t limit_value(rlim_t limit)
{
    return limit == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit;
}

static void descriptors_read(struct lki_machine *machine)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    machine->descriptors = limit_value(limit.rlim_cur);
    machine->descriptors_most = limit_value(limit.rlim_max);
}

/* The limit counts all processes of the user, but is none for the superuser. */
static void processes_read(struct lki_machine *machine)
{
    struct rlimit limit;

    machine->processes = UINT64_MAX;
    if (geteuid() && !getrlimit(RLIMIT_NPROC, &limit))
        machine->processes = limit_value(limit.rlim_cur);
}

/* What is free, in use as a cache, or can be swapped out. */
static void memory_read(struct lki_machine *machine)
{
    char text[TEXT_BYTES];

    machine->memory_bytes = UINT64_MAX;
    if (lki_file_head("/proc/meminfo", text, sizeof(text)) && number_behind(text, "MemAvailable:"))
        machine->memory_bytes =
            (number_behind(text, "MemAvailable:") + number_behind(text, "SwapFree:")) * 1024;
}

/* Of the limit some is in use; a worker begins with as much. */
static void addresses_read(struct lki_machine *machine)
{
    char text[64] = "";
    struct rlimit limit;
    uint64_t used;

    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return;
    lki_file_head("/proc/self/statm", text, sizeof(text));
    used = strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    machine->address_bytes = limit.rlim_cur > used ? limit.rlim_cur - used : 1;
}

uint64_t lki_machine_ports(void)
{
    struct lki_ports ports;

    lki_ports_init(&ports);
    return lki_ports_count(&ports);
}

void lki_machine_read(struct lki_machine *machine)
{
    *machine = (struct lki_machine){0};
    descriptors_read(machine);
    processes_read(machine);
    memory_read(machine);
    addresses_read(machine);
    machine->ports = lki_machine_ports();
    group_limits(machine);
    if (machine->memory_bytes == UINT64_MAX)
        machine->memory_bytes = 0;
}

uint64_t lki_machine_cpus(void)
{
    long online;

#ifdef __linux__
    for (int most = CPU_SETSIZE; most <= CPUS_MAX; most *= 2) {
        size_t bytes = CPU_ALLOC_SIZE(most);
        cpu_set_t *set = CPU_ALLOC(most);
        int count = 0;

        if (!set)
            break;
        if (sched_getaffinity(0, bytes, set) == 0)
            count = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (count > 0)
            return (uint64_t)count;
    }
#endif
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint64_t)online : 1;
}

uint64_t lki_machine_raise_descriptors(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    if (limit_value(limit.rlim_cur) < wanted) {
        struct rlimit more = limit;

        more.rlim_cur = limit_value(limit.rlim_max) < wanted ? limit.rlim_max : (rlim_t)wanted;
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            limit = more;
    }
    return limit_value(limit.rlim_cur);
}

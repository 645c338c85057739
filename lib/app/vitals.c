#include "app/vitals.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* The text of a file; false: there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, size - 1, file) : 0;

    text[len] = '\0';
    if (file)
        fclose(file);
    return len > 0;
}

/* The 14th and 15th field, counted from the one behind the name, which may contain anything. */
static int64_t used_ns(pid_t pid)
{
    char path[64];
    char text[1024];
    const char *at;
    unsigned long user;
    unsigned long system;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (!read_text(path, text, sizeof(text)) || !(at = strrchr(text, ')')) ||
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (int64_t)(user + system) * (LKI_NS_PER_S / sysconf(_SC_CLK_TCK));
}

static uint64_t rss_bytes(pid_t pid)
{
    char path[64];
    char text[256];
    unsigned long pages;

    snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
    if (!read_text(path, text, sizeof(text)) || sscanf(text, "%*u %lu", &pages) != 1)
        return 0;
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t descriptors(pid_t pid)
{
    const struct dirent *entry;
    uint64_t count = 0;
    char path[64];
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
    dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

void lki_vitals_read(struct lki_vitals *vitals, pid_t pid, int64_t now_ns)
{
    struct lki_vitals before = *vitals;

    *vitals = (struct lki_vitals){.pid = pid, .read_ns = now_ns};
    if (!pid)
        return;
    vitals->used_ns = used_ns(pid);
    vitals->rss_bytes = rss_bytes(pid);
    vitals->descriptors = descriptors(pid);
    if (before.pid == pid && now_ns > before.read_ns && vitals->used_ns >= before.used_ns)
        vitals->cpu_percent = 100.0 * (double)(vitals->used_ns - before.used_ns) /
                              (double)(now_ns - before.read_ns);
}

uint64_t lki_memory_bytes(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char text[64];
    uint64_t limit;

    if (!read_text("/sys/fs/cgroup/memory.max", text, sizeof(text)) &&
        !read_text("/sys/fs/cgroup/memory/memory.limit_in_bytes", text, sizeof(text)))
        return bytes;
    limit = strtoull(text, NULL, 10);
    return limit && limit < bytes ? limit : bytes;
}

#include "app/vitals.h"

#include <stdlib.h>
#include <unistd.h>

#include "app/proc.h"
#include "base/file.h"
#include "worker/health.h"

void lki_vitals_read(struct lki_vitals *vitals, pid_t pid, int64_t now_ns)
{
    struct lki_vitals before = *vitals;
    struct lki_proc proc = {0};

    *vitals = (struct lki_vitals){.pid = pid, .read_ns = now_ns};
    if (!pid)
        return;
    lki_proc_read(&proc, pid);
    vitals->used_ns = proc.used_ns;
    vitals->rss_bytes = proc.rss_bytes;
    vitals->descriptors = lki_descriptors(pid);
    if (before.pid == pid && now_ns > before.read_ns && vitals->used_ns >= before.used_ns)
        vitals->cpu_percent = 100.0 * (double)(vitals->used_ns - before.used_ns) /
                              (double)(now_ns - before.read_ns);
}

uint64_t lki_memory_bytes(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    char text[64];
    uint64_t limit;

    if (!lki_file_head("/sys/fs/cgroup/memory.max", text, sizeof(text)) &&
        !lki_file_head("/sys/fs/cgroup/memory/memory.limit_in_bytes", text, sizeof(text)))
        return bytes;
    limit = strtoull(text, NULL, 10);
    return limit && limit < bytes ? limit : bytes;
}

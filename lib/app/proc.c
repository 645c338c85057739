#include "app/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

/* In /proc/PID/stat: the fields 3, 14, 15, 22 and 24, of which the first one stands behind the
 * name. That is in brackets and may contain any. */
bool lki_proc_read(struct lki_proc *proc, pid_t pid)
{
    char path[64];
    char text[1024];
    const char *at;
    unsigned long user;
    unsigned long system;
    unsigned long pages;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    at = lki_file_head(path, text, sizeof(text)) ? strrchr(text, ')') : NULL;
    if (!at || sscanf(at,
                      ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d "
                      "%*d %" SCNu64 " %*u %lu",
                      &proc->state, &user, &system, &proc->born, &pages) != 5)
        return false;
    proc->used_ns = (int64_t)(user + system) * (LKI_NS_PER_S / sysconf(_SC_CLK_TCK));
    proc->rss_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

#define _GNU_SOURCE

#include "support/folder.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[256];

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

void folder_enter(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(folder, sizeof(folder), "%s/loadkit-test.XXXXXX", base ? base : "/tmp");
    must(mkdtemp(folder) && !chdir(folder), folder);
}

static int on_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

void folder_leave(void)
{
    must(!chdir("/") && !nftw(folder, on_entry, 8, FTW_DEPTH | FTW_PHYS), folder);
}

void folder_put(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");

    must(file && fwrite(bytes, 1, len, file) == len && !fclose(file), path);
}

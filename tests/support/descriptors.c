#include "support/descriptors.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int open_descriptors(void)
{
    DIR *all = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and its own */

    if (!all) {
        perror("/proc/self/fd");
        abort();
    }
    while (readdir(all))
        count++;
    closedir(all);
    return count;
}

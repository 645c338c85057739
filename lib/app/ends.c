#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif

#include "app/ends.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

void lki_end_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void lki_ends_close(struct lki_ends *ends, int side)
{
    lki_end_close(&ends->link[side]);
    for (int i = 0; i < LKI_PRINTED; i++)
        lki_end_close(&ends->printed[i][side]);
}

enum lk_err lki_ends_open(struct lki_ends *ends, bool shown)
{
    static const int printed[] = {
        [LKI_PRINTED_OUT] = STDOUT_FILENO, [LKI_PRINTED_ERR] = STDERR_FILENO};
    bool opened;

    *ends = (struct lki_ends){{-1, -1}, {{-1, -1}, {-1, -1}}};
    opened = !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->link);
    for (int i = 0; i < LKI_PRINTED; i++) {
        if (shown && isatty(printed[i]))
            opened = opened && !pipe2(ends->printed[i], O_CLOEXEC);
    }
    if (opened)
        return LK_OK;
    lki_ends_close(ends, 0);
    lki_ends_close(ends, 1);
    return LK_E_SYSTEM;
}

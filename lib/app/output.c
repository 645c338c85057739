#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif

#include "app/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static void hand_on(struct lki_output *output, size_t len)
{
    output->owner.on_print(output->where, output->text, len, output->owner.arg);
    output->len -= len;
    memmove(output->text, output->text + len, output->len);
}

/* All whole lines; a line that fills the room is no whole one, but there is no more room. */
static void hand_on_lines(struct lki_output *output)
{
    const char *end = memrchr(output->text, '\n', output->len);

    if (end)
        hand_on(output, (size_t)(end - output->text) + 1);
    if (output->len == sizeof(output->text) - 1) {
        output->text[output->len++] = '\n';
        hand_on(output, output->len);
    }
}

bool lki_output_read(struct lki_output *output)
{
    /* one byte is kept for a new-line */
    size_t room = sizeof(output->text) - 1 - output->len;
    ssize_t got = read(output->fd, output->text + output->len, room);

    if (got < 0 && errno == EINTR)
        return true;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (got <= 0) {
        lki_io_stop(&output->io);
        return false;
    }
    output->len += (size_t)got;
    hand_on_lines(output);
    return true;
}

/* One read a turn: who prints without end keeps nobody from his turn. */
static void on_readable(struct lki_io *io, unsigned events)
{
    (void)events;
    lki_output_read(LKI_CONTAINER(io, struct lki_output, io));
}

enum lk_err lki_output_open(struct lki_output *output, struct lki_loop *loop, int fd, FILE *where,
                            const struct lki_output_owner *owner)
{
    int flags = fcntl(fd, F_GETFL);
    enum lk_err err = flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? LK_E_SYSTEM : LK_OK;

    output->fd = fd;
    output->where = where;
    output->owner = *owner;
    output->len = 0;
    if (!err)
        err = lki_io_start(loop, &output->io, fd, LKI_READABLE, on_readable);
    if (err)
        lki_output_close(output);
    return err;
}

/* So many reads at the most: what the worker has started may print for ever. */
#define LAST_READS 64

void lki_output_close(struct lki_output *output)
{
    if (output->fd < 0)
        return;
    for (int i = 0; i < LAST_READS && lki_output_read(output); i++)
        continue;
    if (output->len) {
        output->text[output->len++] = '\n';
        hand_on(output, output->len);
    }
    lki_io_stop(&output->io);
    close(output->fd);
    output->fd = -1;
}

/*
 * One end of the connection between the control core and one worker: messages, in their order, and
 * the news that the other end is gone. Nothing above knows what carries them. A message may be told
 * twice by a link that reconnects, so whatever is sent must bear that.
 *
 * A link belongs to one loop, from which it calls.
 */
#ifndef LKI_BUS_LINK_H
#define LKI_BUS_LINK_H

#include <stddef.h>

#include <loadkit/err.h>

#include "loop/loop.h"

/* The longest message; what a worker measures grows with the number of metrics. */
#define LKI_MESSAGE_MAX ((size_t)256 * 1024 * 1024)

/* What was sent by a process that has died may take so long to come. */
#define LKI_LAST_WORDS_NS (500 * LKI_NS_PER_MS)

struct lki_link;

struct lki_link_ops {
    enum lk_err (*send)(struct lki_link *link, const void *bytes, size_t len);
    void (*close)(struct lki_link *link);
};

struct lki_link {
    const struct lki_link_ops *ops;
    void *owner; /* of who set the two below; a message before they are set waits */
    /* A whole message; its bytes are gone afterwards. May close the link. */
    void (*on_message)(struct lki_link *link, const void *bytes, size_t len);
    /* The other end is gone, after its last message. Once; the link must still be closed. */
    void (*on_gone)(struct lki_link *link);
};

/* Takes a copy, which is sent as soon as it can be; never waits. LK_E_NOMEM: it is not sent,
 * also when LKI_MESSAGE_MAX of bytes wait already; LK_E_ARG, LK_E_LIMIT: it is empty, or too long.
 * To a peer that is gone: LK_OK, and nobody gets it. */
static inline enum lk_err lki_link_send(struct lki_link *link, const void *bytes, size_t len)
{
    return link->ops->send(link, bytes, len);
}

/* What was sent and is still in hand goes out as far as that needs no waiting. NULL is ignored. */
static inline void lki_link_close(struct lki_link *link)
{
    if (link)
        link->ops->close(link);
}

/* Over a connected stream socket, of which the link takes possession, also on failure. */
enum lk_err lki_socket_link_open(struct lki_link **out, struct lki_loop *loop, int fd);

/* Waits until all that was sent is on its way, for a process that is about to end; gives up after
 * limit_ns. Only of a socket link. */
void lki_socket_link_flush(struct lki_link *link, int64_t limit_ns);

/* Both ends within one loop: a message arrives in the next turn, before posted calls. */
enum lk_err lki_pair_link_open(struct lki_link **a, struct lki_link **b, struct lki_loop *loop);

#endif

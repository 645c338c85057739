/*
 * The local ports that connections are made from. Where the kernel chooses it tries half of all
 * ports before the others, so the 14,117th connection of an address to a server looks through all
 * the 14,116 before it, for some milliseconds. Given a few ports that move on with each connection
 * it finds a free one at once, and the one that has been left alone the longest.
 */
#ifndef LKI_NET_PORTS_H
#define LKI_NET_PORTS_H

#include <stdint.h>
#include <sys/socket.h>

/* Zeroed: the kernel chooses. */
struct lki_ports {
    uint32_t first, last; /* 0: not known, or the kernel cannot be told */
    uint32_t next;
};

/* What the kernel chooses from, beginning where other processes hardly do. */
void lki_ports_init(struct lki_ports *ports);

/* How many there are; 0: not known. */
uint32_t lki_ports_count(const struct lki_ports *ports);

/* Connects a TCP socket that has no port yet. 0, or an errno. */
int lki_ports_connect(struct lki_ports *ports, int fd, const struct sockaddr *to, socklen_t len);

#endif

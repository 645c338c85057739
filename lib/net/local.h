/*
 * Addresses of this machine that connections are made from, in turn. Each has some 28,000 ports
 * for one server, so several carry more connections.
 */
#ifndef LKI_NET_LOCAL_H
#define LKI_NET_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include <loadkit/err.h>

/* All zero: the system chooses. */
struct lki_local {
    int family;              /* AF_INET, AF_INET6 */
    unsigned char first[16]; /* in the order of the network */
    uint32_t count;          /* that one and those behind it */
    uint32_t turn;
};

/* Reads "10.0.0.7" or "10.0.0.7-10.0.0.20", IPv6 in brackets or without. LK_E_FORMAT, with a static
 * text in *why: it is none; local is untouched. */
enum lk_err lki_local_parse(struct lki_local *local, const char *text, const char **why);

/* Binds a TCP socket of that family to the address whose turn it is; which port, its connect
 * decides. 0, or an errno: EAFNOSUPPORT for addresses of the other family. */
int lki_local_bind(struct lki_local *local, int fd, int family);

#endif

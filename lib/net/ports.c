#include "net/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/entropy.h"
#include "base/file.h"

/* Among so many one is free as a rule, and looking through them takes some microseconds. */
#define WINDOW_PORTS 32

#if defined(__linux__) && !defined(IP_LOCAL_PORT_RANGE)
#define IP_LOCAL_PORT_RANGE 51 /* since Linux 6.3 */
#endif

void lki_ports_init(struct lki_ports *ports)
{
    char text[64];
    char *rest;
    unsigned long first;
    unsigned long last;

    *ports = (struct lki_ports){0};
    if (!lki_file_head("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text)))
        return;
    first = strtoul(text, &rest, 10);
    last = strtoul(rest, NULL, 10);
    if (!first || last < first || last > UINT16_MAX)
        return;
    ports->first = (uint32_t)first;
    ports->last = (uint32_t)last;
    ports->next = ports->first + (uint32_t)(lki_entropy_u64() % lki_ports_count(ports));
}

uint32_t lki_ports_count(const struct lki_ports *ports)
{
    return ports->last ? ports->last - ports->first + 1 : 0;
}

static void go_on(struct lki_ports *ports, uint32_t next)
{
    ports->next = next > ports->last ? ports->first : next;
}

/* Returns the last port that the socket may have; 0: any. */
static uint32_t narrow(struct lki_ports *ports, int fd)
{
#ifdef IP_LOCAL_PORT_RANGE
    uint32_t room = ports->last - ports->next;
    uint32_t last = ports->next + (room < WINDOW_PORTS ? room : WINDOW_PORTS - 1);
    uint32_t range = last << 16 | ports->next;

    if (ports->last && !setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof(range)))
        return last;
#endif
    (void)fd;
    ports->last = 0;
    return 0;
}

int lki_ports_connect(struct lki_ports *ports, int fd, const struct sockaddr *to, socklen_t len)
{
    uint32_t left = lki_ports_count(ports);

    for (;;) {
        uint32_t next = ports->next;
        uint32_t last = narrow(ports, fd);
        int error = connect(fd, to, len) ? errno : 0;

        if (last)
            go_on(ports, error == EADDRNOTAVAIL ? last + 1 : next + 1);
        if (error != EADDRNOTAVAIL || !last || last - next + 1 >= left)
            return error;
        left -= last - next + 1;
    }
}

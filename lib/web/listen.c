#include "web/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

void lki_web_place_write(char out[LKI_WEB_PLACE_BYTES], const struct lki_web_address *address,
                         uint16_t port)
{
    bool is_six = address->family == AF_INET6;
    char text[INET6_ADDRSTRLEN];

    inet_ntop(address->family, is_six ? (const void *)&address->six : &address->four, text,
              sizeof(text));
    snprintf(out, LKI_WEB_PLACE_BYTES, is_six ? "[%s]:%u" : "%s:%u", text, port);
}

static const char *reason(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "something else listens there already; end it, or choose another port";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    case EACCES:
        return "not permitted; choose a port from 1024 on";
    default:
        return strerror(error);
    }
}

static int bind_to(int fd, const struct lki_web_address *address, uint16_t *port)
{
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(*port), .sin6_addr = address->six};
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr = address->four};
    bool is_six = address->family == AF_INET6;
    struct sockaddr *any = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t len = is_six ? sizeof(six) : sizeof(four);
    int on = 1;
    int off = 0;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (is_six)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, any, len) || listen(fd, BACKLOG) || getsockname(fd, any, &len))
        return -1;
    *port = ntohs(is_six ? six.sin6_port : four.sin_port);
    return 0;
}

enum lk_err lki_web_listen(int *out, const struct lki_web_address *address, uint16_t *port,
                           struct lki_buf *why)
{
    int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    char place[LKI_WEB_PLACE_BYTES];

    if (fd < 0 || bind_to(fd, address, port)) {
        int error = errno;

        lki_web_place_write(place, address, *port);
        lki_buf_printf(why, "cannot listen on %s: %s", place, reason(error));
        if (fd >= 0)
            close(fd);
        return LK_E_SYSTEM;
    }
    *out = fd;
    return LK_OK;
}

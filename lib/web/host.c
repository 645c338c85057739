#include "web/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

struct lki_web_address lki_web_address_parse(const char *text, size_t len)
{
    struct lki_web_address address = {.family = 0};
    char copy[INET6_ADDRSTRLEN];

    if (len > 2 && *text == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (!len || len >= sizeof(copy) || memchr(text, '\0', len))
        return address;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, &address.four) == 1)
        address.family = AF_INET;
    else if (inet_pton(AF_INET6, copy, &address.six) == 1)
        address.family = AF_INET6;
    return address;
}

bool lki_web_address_is_loopback(const struct lki_web_address *address)
{
    if (address->family == AF_INET)
        return ntohl(address->four.s_addr) >> 24 == 127;
    return address->family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&address->six) ||
            (IN6_IS_ADDR_V4MAPPED(&address->six) && address->six.s6_addr[12] == 127));
}

bool lki_web_address_is_any(const struct lki_web_address *address)
{
    if (address->family == AF_INET)
        return address->four.s_addr == htonl(INADDR_ANY);
    return address->family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->six);
}

bool lki_web_address_equal(const struct lki_web_address *a, const struct lki_web_address *b)
{
    if (a->family != b->family)
        return false;
    if (a->family == AF_INET)
        return a->four.s_addr == b->four.s_addr;
    return a->family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&a->six, &b->six);
}

bool lki_web_host_split(const char *text, size_t *host_len)
{
    const char *bracket = *text == '[' ? strchr(text, ']') : NULL;
    size_t len = *text == '[' ? (bracket ? (size_t)(bracket - text) + 1 : 0) : strcspn(text, ":");
    const char *rest = text + len;

    if (!len || strpbrk(text, " \t/@,?#\\"))
        return false;
    *host_len = len;
    if (*rest == ':')
        return strspn(rest + 1, "0123456789") == strlen(rest + 1) && strlen(rest + 1) <= 5;
    return !*rest;
}

bool lki_web_origin_is(const char *origin, const char *host)
{
    if (!strncasecmp(origin, "http://", 7))
        return !strcasecmp(origin + 7, host);
    return !strncasecmp(origin, "https://", 8) && !strcasecmp(origin + 8, host);
}

#include "net/local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#define COUNT_MAX 65536

static size_t family_bytes(int family)
{
    return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* One address, len bytes of text. */
static bool address_read(const char *text, size_t len, int *family, unsigned char *bytes)
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *family = memchr(copy, ':', len) ? AF_INET6 : AF_INET;
    return inet_pton(*family, copy, bytes) == 1;
}

/* How many there are from first to last; 0: none, or too many. */
static uint32_t range_count(const unsigned char *first, const unsigned char *last, size_t len)
{
    uint64_t count = 0;

    for (size_t i = 0; i < len; i++) {
        /* the numbers have the same bytes in front while this is 0 */
        int64_t next = (int64_t)(count << 8) + last[i] - first[i];

        if (next < 0 || next > COUNT_MAX)
            return 0;
        count = (uint64_t)next;
    }
    return count < COUNT_MAX ? (uint32_t)count + 1 : 0;
}

enum lk_err lki_local_parse(struct lki_local *local, const char *text, const char **why)
{
    struct lki_local read = {.count = 1};
    size_t len = strcspn(text, "-");
    unsigned char last[16];
    int family;

    *why = "it is not an address such as 10.0.0.7, or two with a dash between, 10.0.0.7-10.0.0.20";
    if (strchr(text, '%')) {
        *why = "a zone (%...) is not supported; give an address without one";
        return LK_E_FORMAT;
    }
    if (!address_read(text, len, &read.family, read.first))
        return LK_E_FORMAT;
    if (text[len]) {
        if (!address_read(text + len + 1, strlen(text + len + 1), &family, last))
            return LK_E_FORMAT;
        if (family == read.family)
            read.count = range_count(read.first, last, family_bytes(family));
        *why = "from the first address to the second must be 1 to 65536 addresses";
        if (family != read.family || !read.count)
            return LK_E_FORMAT;
    }
    *local = read;
    return LK_OK;
}

static void address_add(unsigned char *bytes, size_t len, uint32_t more)
{
    while (len-- && more) {
        more += bytes[len];
        bytes[len] = (unsigned char)more;
        more >>= 8;
    }
}

int lki_local_bind(struct lki_local *local, int fd, int family)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    bool is_v4 = family == AF_INET;
    void *bytes = is_v4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr;
    const void *address = is_v4 ? (const void *)&v4 : (const void *)&v6;
    int on = 1;

    if (family != local->family)
        return EAFNOSUPPORT;
    memcpy(bytes, local->first, family_bytes(family));
    address_add(bytes, family_bytes(family), local->turn);
    local->turn = (local->turn + 1) % local->count;
#ifdef IP_BIND_ADDRESS_NO_PORT
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
#else
    (void)on;
#endif
    return bind(fd, address, is_v4 ? sizeof(v4) : sizeof(v6)) ? errno : 0;
}

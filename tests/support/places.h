/*
 * Real servers for tests of the HTTP client, all on this machine and on ports of the kernel's
 * choice: nginx in many ways, proxies, and places where nobody answers. They end with the process
 * that started them.
 */
#ifndef TESTS_SUPPORT_PLACES_H
#define TESTS_SUPPORT_PLACES_H

#include <stddef.h>

/* X(name, scheme, host, path of the URL): $name is its port. */
#define PLACES(X)                                                                                  \
    X(plain, "http", "127.0.0.1") /* nginx */                                                      \
    X(six, "http", "[::1]")                                                                        \
    X(h2c, "http", "127.0.0.1")          /* HTTP/2 only, over TCP */                               \
    X(tls, "https", "localhost")         /* HTTP/2 too; $dir/ca.pem knows it */                    \
    X(tls11, "https", "localhost")       /* HTTP/1.1 only */                                       \
    X(tls12, "https", "localhost")       /* TLS 1.2 only, and HTTP/1.1 */                          \
    X(expired, "https", "localhost")     /* was valid until yesterday */                           \
    X(stranger, "https", "localhost")    /* its certificate is somebody else's */                  \
    X(unknown, "https", "localhost")     /* signed by another CA, $dir/other-ca.pem */             \
    X(doorman, "https", "localhost")     /* wants a certificate: $dir/client.pem and .key */       \
    X(forward, "http", "127.0.0.1")      /* tinyproxy */                                           \
    X(forward_auth, "http", "127.0.0.1") /* the same for user "alice", password "wonder" */        \
    X(socks, "socks5", "127.0.0.1")      /* microsocks */                                          \
    X(socks_auth, "socks5", "127.0.0.1") /* the same for alice */                                  \
    X(nobody, "http", "127.0.0.1")       /* connections are refused */                             \
    X(full, "http", "127.0.0.1")         /* connections are never accepted */

enum place {
    PLACE_SCRIPT, /* none of these */
#define PLACE_ENUM_(name, scheme, host) PLACE_##name,
    PLACES(PLACE_ENUM_)
#undef PLACE_ENUM_
        PLACE_COUNT
};

/* Starts them; ends the program if that cannot be done. */
void places_start(void);
void places_stop(void);

/* "https://localhost:4711", static. */
const char *places_url(enum place place);

/*
 * Text, where $name stands for the port of a place, $dir for the directory of certificates,
 * access.log, files/ and nginx.sock, and $server for what server says; as long as its memory lasts,
 * which is static: 64 kB in all. NULL is NULL.
 */
const char *places_expand(const char *text, const char *server);

#endif

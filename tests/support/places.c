#include "support/places.h"

#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define LOOKS_MAX 3000 /* 10 ms each */
#define FILLERS 8

static const struct {
    const char *name, *scheme, *host;
} names[PLACE_COUNT] = {{"", "", ""},
#define PLACE_NAME_(name, scheme, host) {#name, scheme, host},
                        PLACES(PLACE_NAME_)
#undef PLACE_NAME_
};

static struct {
    pid_t script;
    char dir[128];
    uint16_t port[PLACE_COUNT];
    int held[PLACE_COUNT]; /* bound to that port, so that nobody else is given it */
    char url[PLACE_COUNT][64];
    char text[65536];
    size_t text_len;
} places;

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    perror(what);
    abort();
}

/* A port that goes to who asks for it by its number, and to no one else. */
static void hold(enum place place)
{
    bool six = *names[place].host == '[';
    struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr *any = six ? (struct sockaddr *)&at6 : (struct sockaddr *)&at;
    socklen_t len = six ? sizeof(at6) : sizeof(at);
    int fd = socket(any->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    must(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "socket");
    must(!bind(fd, any, len) && !getsockname(fd, any, &len), "bind");
    places.held[place] = fd;
    places.port[place] = ntohs(six ? at6.sin6_port : at.sin_port);
    snprintf(places.url[place], sizeof(places.url[place]), "%s://%s:%u", names[place].scheme,
             names[place].host, places.port[place]);
}

/* A listener whose queue is full of connections that nobody accepts: more are not answered. */
static void fill(enum place place)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

    at.sin_port = htons(places.port[place]);
    must(!listen(places.held[place], 0), "listen");
    for (int i = 0; i < FILLERS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        must(fd >= 0, "socket");
        if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
            return;
    }
}

static void script_start(void)
{
    static char args[PLACE_COUNT][48];
    char *argv[PLACE_COUNT + 3] = {"places.sh", places.dir};
    pid_t parent = getpid();

    for (size_t i = 1; i < PLACE_COUNT; i++) {
        snprintf(args[i], sizeof(args[i]), "%s=%u", names[i].name, places.port[i]);
        argv[i + 1] = args[i];
    }
    places.script = fork();
    must(places.script >= 0, "fork");
    if (places.script)
        return;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        execv("tests/support/places.sh", argv);
    perror("tests/support/places.sh");
    _exit(1);
}

void places_start(void)
{
    static const struct timespec pause = {.tv_nsec = 10000000};
    const char *tmp = getenv("TMPDIR");
    char ready[sizeof(places.dir) + 8];
    struct stat info;

    snprintf(places.dir, sizeof(places.dir), "%s/loadkit-places.XXXXXX", tmp ? tmp : "/tmp");
    must(mkdtemp(places.dir) != NULL, places.dir);
    for (size_t i = 1; i < PLACE_COUNT; i++)
        hold((enum place)i);
    fill(PLACE_full);
    script_start();
    snprintf(ready, sizeof(ready), "%s/ready", places.dir);
    for (int i = 0; stat(ready, &info); i++) {
        must(i < LOOKS_MAX && waitpid(places.script, NULL, WNOHANG) == 0,
             "places.sh did not start");
        nanosleep(&pause, NULL);
    }
}

void places_stop(void)
{
    char command[sizeof(places.dir) + 16];

    kill(places.script, SIGTERM);
    waitpid(places.script, NULL, 0);
    for (size_t i = 1; i < PLACE_COUNT; i++)
        close(places.held[i]);
    snprintf(command, sizeof(command), "rm -rf '%s'", places.dir);
    must(system(command) == 0, command);
}

const char *places_url(enum place place)
{
    return places.url[place];
}

/* What $name stands for, name being len bytes long. */
static const char *meaning(const char *name, size_t len, const char *server)
{
    static char port[8];

    if (len == 3 && !strncmp(name, "dir", len))
        return places.dir;
    if (len == 6 && !strncmp(name, "server", len))
        return server;
    for (size_t i = 1; i < PLACE_COUNT; i++) {
        if (strlen(names[i].name) == len && !strncmp(names[i].name, name, len)) {
            snprintf(port, sizeof(port), "%u", places.port[i]);
            return port;
        }
    }
    fprintf(stderr, "there is no $%.*s\n", (int)len, name);
    abort();
}

const char *places_expand(const char *text, const char *server)
{
    char *out = places.text + places.text_len;
    const char *end = places.text + sizeof(places.text);
    char *at = out;

    if (!text)
        return NULL;
    while (*text) {
        size_t len = 0;
        const char *part = text;

        if (*text == '$') {
            while (islower((unsigned char)text[len + 1]) || isdigit((unsigned char)text[len + 1]) ||
                   text[len + 1] == '_')
                len++;
        }
        if (len)
            part = meaning(text + 1, len, server);
        text += len + 1;
        len = len ? strlen(part) : 1;
        must(len < (size_t)(end - at), "too much text");
        memcpy(at, part, len);
        at += len;
    }
    *at++ = '\0';
    places.text_len += (size_t)(at - out);
    return out;
}

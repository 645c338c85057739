/*
 * An orchestrator whose every answer has been written down: canned DIR
 *
 * Prints its URL and serves until SIGTERM, one connection after the other. The answer to
 * "GET /a/b?c=d" is the file DIR/GET_a_b: a line with the status, then the body. If there is a file
 * DIR/GET_a_b.2, it is the answer to the second request of that name, and so on. Instead of a
 * status the line may be "silent" (no answer, the connection stays), "garbage" (no HTTP), "close"
 * (nothing at all), "large N" (a body of N MB). What there is no file for is answered with 404.
 * Each request is a line in DIR/log: method, target, the token or -, the type of its body or -, the
 * body.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strcasestr */
#endif
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 65536
#define NAME_MAX_BYTES 256
#define COUNTERS 256

static const char *dir;
static struct {
    char name[NAME_MAX_BYTES];
    unsigned count;
} counters[COUNTERS];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- requests ---- */

/* The value of a field of the head, as its own text; "-" if it is not there. */
static const char *field(const char *head, const char *name, char *out, size_t size)
{
    const char *at = strcasestr(head, name);

    snprintf(out, size, "-");
    if (at)
        snprintf(out, size, "%.*s", (int)strcspn(at + strlen(name), "\r"), at + strlen(name));
    return out;
}

/* False: the peer has gone before it was complete. */
static int request_read(int fd, char *request)
{
    size_t len = 0;

    for (;;) {
        ssize_t got = read(fd, request + len, REQUEST_MAX - 1 - len);
        char *end;
        char text[32];

        if (got <= 0)
            return 0;
        len += (size_t)got;
        request[len] = '\0';
        end = strstr(request, "\r\n\r\n");
        if (end && len >= (size_t)(end + 4 - request) +
                              (size_t)atoi(field(request, "\r\nContent-Length: ", text, 32)))
            return 1;
    }
}

static void request_log(const char *request)
{
    char path[NAME_MAX_BYTES];
    char token[NAME_MAX_BYTES];
    char type[NAME_MAX_BYTES];
    FILE *file;

    snprintf(path, sizeof(path), "%s/log", dir);
    file = fopen(path, "a");
    if (!file)
        die(path);
    fprintf(file, "%.*s %s %s %s\n", (int)(strstr(request, " HTTP/") - request), request,
            field(request, "\r\nAuthorization: Bearer ", token, sizeof(token)),
            field(request, "\r\nContent-Type: ", type, sizeof(type)),
            strstr(request, "\r\n\r\n") + 4);
    fclose(file);
}

/* "GET /a/b?c HTTP/1.1" to "GET_a_b". */
static void name_of(const char *request, char *name)
{
    size_t len = strcspn(request, "?\r");
    size_t stop = (size_t)(strstr(request, " HTTP/") - request);

    if (len > stop)
        len = stop;
    snprintf(name, NAME_MAX_BYTES, "%.*s%s", (int)strcspn(request, " "), request,
             request + strcspn(request, " ") + 1);
    name[len - 1] = '\0';
    for (char *c = name; *c; c++)
        *c = isalnum((unsigned char)*c) || *c == '-' ? *c : '_';
}

static unsigned count_of(const char *name)
{
    for (size_t i = 0; i < COUNTERS; i++) {
        if (!*counters[i].name)
            snprintf(counters[i].name, NAME_MAX_BYTES, "%s", name);
        if (!strcmp(counters[i].name, name))
            return ++counters[i].count;
    }
    return 0;
}

/* ---- answers ---- */

static FILE *answer_open(const char *name)
{
    char path[2 * NAME_MAX_BYTES];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.%u", dir, name, count_of(name));
    file = fopen(path, "r");
    if (file)
        return file;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return fopen(path, "r");
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

static void send_head(int fd, int status, size_t len)
{
    char head[256];

    snprintf(head, sizeof(head),
             "HTTP/1.1 %d Some\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n",
             status, len);
    send_all(fd, head, strlen(head));
}

static void send_large(int fd, size_t megabytes)
{
    static char part[1 << 20];

    memset(part, ' ', sizeof(part));
    send_head(fd, 200, megabytes * sizeof(part));
    for (size_t i = 0; i < megabytes; i++)
        send_all(fd, part, sizeof(part));
}

/* Gives whether the connection is to be closed. */
static int answer(int fd, FILE *file)
{
    static char body[8 << 20];
    char line[64] = "";
    size_t len;

    if (!fgets(line, sizeof(line), file))
        return 1;
    len = fread(body, 1, sizeof(body), file);
    if (!strncmp(line, "silent", 6))
        return 0;
    if (!strncmp(line, "garbage", 7))
        send_all(fd, "SSH-2.0-x\r\n", 11);
    else if (!strncmp(line, "large", 5))
        send_large(fd, (size_t)atoi(line + 5));
    else if (strncmp(line, "close", 5) != 0) {
        send_head(fd, atoi(line), len);
        send_all(fd, body, len);
    }
    return 1;
}

static void serve(int fd)
{
    static const char missing[] = "{\"error\":{\"code\":\"not_found\",\"message\":\"Not found\"}}";
    static char request[REQUEST_MAX];
    char name[NAME_MAX_BYTES];
    FILE *file;
    int closes = 1;

    if (request_read(fd, request)) {
        request_log(request);
        name_of(request, name);
        file = answer_open(name);
        if (file) {
            closes = answer(fd, file);
            fclose(file);
        } else {
            send_head(fd, 404, strlen(missing));
            send_all(fd, missing, strlen(missing));
        }
    }
    if (closes)
        close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (argc != 2)
        return 2;
    dir = argv[1];
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) || listen(listener, 64) ||
        getsockname(listener, (struct sockaddr *)&address, &len))
        die("canned");
    printf("http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0)
            serve(fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            die("accept");
    }
}

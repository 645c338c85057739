#define _GNU_SOURCE

#include "support/site.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/site_child.h"
#include "support/ws_client.h"

#define WAIT_MS 10000

static void must(bool truth, const char *what)
{
    if (truth)
        return;
    perror(what);
    abort();
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

void site_start(struct site *site, const struct lki_web_settings *settings)
{
    static const struct lki_web_settings none;
    int ready[2];
    char byte;

    site->seen = mmap(NULL, sizeof(*site->seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    must(site->seen != MAP_FAILED && !pipe(ready), "a page, a pipe");
    site->pid = fork();
    must(site->pid >= 0, "fork");
    if (!site->pid) {
        close(ready[0]);
        site_child(settings ? settings : &none, site->seen, ready[1]);
    }
    close(ready[1]);
    must(read(ready[0], &byte, 1) >= 0, "read");
    close(ready[0]);
}

int site_stop(struct site *site)
{
    int status = -1;

    kill(site->pid, SIGTERM);
    must(waitpid(site->pid, &status, 0) == site->pid, "waitpid");
    munmap(site->seen, sizeof(*site->seen));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool site_sees(const volatile int *number, int want)
{
    for (int i = 0; *number != want && i < WAIT_MS; i++)
        nap();
    return *number == want;
}

/* ---- the client */

void site_connect(struct site_client *client, const struct site *site)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(site->seen->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *client = (struct site_client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    client->buffer = malloc(SITE_BODY_MAX);
    client->body = malloc(SITE_BODY_MAX);
    must(client->buffer && client->body && client->fd >= 0, "memory, a socket");
    must(!connect(client->fd, (struct sockaddr *)&to, sizeof(to)), "connect");
}

void site_hang_up(struct site_client *client)
{
    close(client->fd);
    free(client->buffer);
    free(client->body);
}

void site_send(struct site_client *client, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len) {
        ssize_t sent = send(client->fd, at, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* it has been closed: the answer tells */
        at += sent;
        len -= (size_t)sent;
    }
}

/* Reads more; false: the end, or nothing comes. */
static bool fill(struct site_client *client)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    ssize_t got;

    if (poll(&ready, 1, WAIT_MS) <= 0)
        return false;
    got = recv(client->fd, client->buffer + client->len, SITE_BODY_MAX - 1 - client->len, 0);
    if (got <= 0)
        return false;
    client->len += (size_t)got;
    return true;
}

static void take(struct site_client *client, void *out, size_t len)
{
    memcpy(out, client->buffer, len);
    client->len -= len;
    memmove(client->buffer, client->buffer + len, client->len);
}

const char *site_field(const struct site_answer *answer, const char *name)
{
    return head_field(answer->head, name);
}

struct site_answer site_read(struct site_client *client, bool has_body)
{
    struct site_answer answer = {.body = client->body};
    const char *length;
    char *end;

    while (!(end = memmem(client->buffer, client->len, "\r\n\r\n", 4))) {
        if (!fill(client))
            return answer;
    }
    must((size_t)(end + 4 - client->buffer) < sizeof(answer.head), "a short head");
    take(client, answer.head, (size_t)(end + 4 - client->buffer));
    answer.status = atoi(answer.head + strlen("HTTP/1.1 "));
    length = site_field(&answer, "Content-Length");
    answer.len = has_body && length ? strtoull(length, NULL, 10) : 0;
    must(answer.len < SITE_BODY_MAX, "a short body");
    while (client->len < answer.len && fill(client))
        ;
    answer.len = answer.len < client->len ? answer.len : client->len;
    take(client, client->body, answer.len);
    client->body[answer.len] = '\0';
    return answer;
}

struct site_answer site_ask(struct site_client *client, const char *text)
{
    site_send(client, text, strlen(text));
    return site_read(client, strncmp(text, "HEAD ", 5) != 0);
}

struct site_answer site_ask_once(const struct site *site, const char *text)
{
    static char body[65536];
    struct site_client client;
    struct site_answer answer;

    site_connect(&client, site);
    answer = site_ask(&client, text);
    snprintf(body, sizeof(body), "%s", answer.status ? answer.body : "");
    answer.body = body;
    site_hang_up(&client);
    return answer;
}

bool site_read_until(struct site_client *client, const char *text)
{
    while (!memmem(client->buffer, client->len, text, strlen(text))) {
        if (!fill(client))
            return false;
    }
    return true;
}

bool site_is_closed(struct site_client *client, int ms)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    char bytes[4096];

    for (;;) {
        if (poll(&ready, 1, ms) <= 0)
            return false;
        if (recv(client->fd, bytes, sizeof(bytes), 0) <= 0)
            return true;
    }
}

/* The start of what is needed, one after the other, each as soon as the one before can be used. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/infra_inner.h"
#include "app/machine.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "net/fetch.h"
#include "net/url.h"

#define READY_NS (20 * LKI_NS_PER_S)
#define READY_WORKER_NS (50 * LKI_NS_PER_MS) /* and for each worker */
#define ANSWER_NS (2 * LKI_NS_PER_S)
#define WORDS_MAX 64
#define TEXT_MAX_BYTES ((size_t)64 * 1024)

/* ---- the address ---- */

/* One that is free at the moment. */
static uint16_t port_find(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;

    if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, len) &&
        !getsockname(fd, (struct sockaddr *)&address, &len))
        port = ntohs(address.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

/* Who listens everywhere is asked on this machine. */
static const char *host_to_ask(const struct lki_url *url)
{
    if (url->host_len == 7 && !memcmp(url->host, "0.0.0.0", 7))
        return "127.0.0.1";
    return url->host_is_ipv6 && url->host_len == 2 && !memcmp(url->host, "::", 2) ? "[::1]" : NULL;
}

static enum lk_err listen_read(struct lki_infra_start *start)
{
    const char *text = start->settings->listen;
    char whole[LKI_INFRA_URL_MAX];
    const char *why = "it is too long";
    const char *colon = strrchr(text, ':');
    bool any = colon && !strcmp(colon, ":0");
    struct lki_url url = {.target_len = 0};
    const char *host;
    uint16_t port;
    int len = snprintf(whole, sizeof(whole), "http://%s%s", text, any ? "1" : "");

    if (len >= (int)sizeof(whole) || lki_url_parse(&url, whole, (size_t)len, &why) ||
        url.target_len || !colon || colon[1] == '\0' || strchr(colon, ']'))
        return lki_infra_say(start, LK_E_ARG,
                             "--listen %.100s: %s; give an address such as 127.0.0.1:8080", text,
                             url.target_len || !colon ? "it has no port" : why);
    host = host_to_ask(&url);
    port = any ? port_find() : url.port;
    if (!port)
        return lki_infra_say(start, LK_E_SYSTEM, "--listen %.100s: no port is free", text);
    snprintf(start->listen, sizeof(start->listen), "%.*s:%u", (int)(colon - text), text,
             (unsigned)port);
    snprintf(start->infra->url, sizeof(start->infra->url), "http://%.*s:%s",
             host ? (int)strlen(host) : (int)(colon - text), host ? host : text,
             strrchr(start->listen, ':') + 1);
    return LK_OK;
}

/* ---- orchestrator and workers ---- */

static size_t words_add(char **argv, size_t count, const char *const *words)
{
    for (size_t i = 0; words && words[i] && count < WORDS_MAX; i++)
        argv[count++] = (char *)words[i];
    return count;
}

/* This program once more, in another role. */
static enum lk_err role_start(struct lki_infra_start *start, const char *name,
                              const char *const *own, const char *const *given)
{
    static const char *const unset[] = {"LK_REDIS_URL", "LK_REDIS_URL_FILE", "LK_CONFIG", NULL};
    const struct lki_infra_settings *settings = start->settings;
    const char *const shared[] = {"--redis-url-file", start->url_file, "--cluster", settings->name,
                                  NULL};
    size_t given_count = 0;
    size_t count = 1;
    enum lk_err err;
    char **argv;

    while (given && given[given_count])
        given_count++;
    argv = malloc((given_count + WORDS_MAX + 2) * sizeof(*argv));
    if (!argv)
        return LK_E_NOMEM;
    argv[0] = (char *)settings->program;
    count = words_add(argv, count, own);
    count = words_add(argv, count, shared);
    for (size_t i = 0; i < given_count; i++)
        argv[count++] = (char *)given[i];
    argv[count] = NULL;
    err = lki_infra_start_one(start, &(struct lki_daemon_settings){
                                         .name = name,
                                         .path = "/proc/self/exe",
                                         .argv = argv,
                                         .unset = unset,
                                     });
    free(argv);
    return err;
}

static enum lk_err orchestrator_start(struct lki_infra_start *start)
{
    char state[LKI_RUNDIR_PATH_MAX];
    const char *const own[] = {"orchestrator", "--listen", start->listen,
                               "--state-dir",  state,      NULL};

    lki_rundir_path(&start->infra->dir, "state", state);
    return role_start(start, LKI_INFRA_ORCHESTRATOR, own, start->settings->orchestrator_options);
}

/* The first one runs the probes: together they would read each value several times. */
static enum lk_err worker_start(struct lki_infra_start *start, uint64_t number)
{
    char name[LKI_DAEMON_NAME_MAX];
    char processes[24];
    const char *own[] = {"worker", "--id", name, "--processes", processes, "--run-probes", NULL};

    lki_infra_worker_name(name, number);
    snprintf(processes, sizeof(processes), "%" PRIu64, start->infra->processes);
    if (number > 1)
        own[5] = NULL;
    return role_start(start, name, own, start->settings->worker_options);
}

/* ---- ready ---- */

/* How many of the workers the orchestrator has; -1: it does not answer yet. why: its reason, if it
 * answered otherwise. */
static int64_t workers_ready(const struct lki_infra_start *start, struct lki_buf *why)
{
    char url[LKI_INFRA_URL_MAX + 16];
    struct lki_fetch_request request = {
        .method = "GET", .url = url, .token = start->settings->token, .timeout_ns = ANSWER_NS};
    struct lki_fetch_answer answer;
    struct lki_json_value value;
    int64_t count = -1;

    lki_buf_clear(why);
    snprintf(url, sizeof(url), "%s/ready", start->infra->url);
    if (lki_fetch_url(&request, &answer, why))
        return -1;
    if (answer.status == 200 && answer.body.len &&
        !lki_json_find(answer.body.data, answer.body.len, "alive_workers", &value) &&
        !lki_json_int(&value, &count) && count >= 0) {
        lki_buf_printf(why, "%lld of %llu worker processes have come", (long long)count,
                       (unsigned long long)(start->settings->workers * start->infra->processes));
    } else {
        lki_buf_printf(why, "what answers at %s is not that orchestrator (status %d)",
                       start->infra->url, answer.status);
        count = -1;
    }
    lki_fetch_answer_release(&answer);
    return count;
}

/* Else what answers there is somebody else, who was there before. */
static bool is_listening(const struct lki_infra_start *start)
{
    return lki_daemon_has_said(&start->infra->daemons[1], &start->infra->dir, "listening on ");
}

static enum lk_err late(struct lki_infra_start *start, const struct lki_buf *last)
{
    lki_infra_say(start, LK_E_TIMEOUT,
                  "it took too long: %.*s; the last words of the orchestrator:", (int)last->len,
                  last->len ? last->data : "");
    lki_daemon_tail(&start->infra->daemons[1], &start->infra->dir, start->why);
    return LK_E_TIMEOUT;
}

static enum lk_err ready_wait(struct lki_infra_start *start)
{
    int64_t wanted = (int64_t)(start->settings->workers * start->infra->processes);
    int64_t until_ns = lki_infra_now() + READY_NS +
                       (int64_t)start->settings->workers * READY_WORKER_NS;
    struct lki_buf last;
    enum lk_err err = LK_OK;

    lki_buf_init(&last, TEXT_MAX_BYTES);
    lki_buf_str(&last, "the orchestrator does not listen yet");
    while (!err && (!is_listening(start) || workers_ready(start, &last) < wanted)) {
        err = lki_infra_check(start);
        if (!err)
            err = lki_infra_pause(start);
        if (!err && lki_infra_now() > until_ns)
            err = late(start, &last);
    }
    lki_buf_release(&last);
    return err ? err : lki_infra_check(start);
}

/* ---- all of it ---- */

/* What was left by one that did not end in order is cleared away; what lives is left alone. */
static enum lk_err former_check(struct lki_infra_start *start)
{
    struct lki_infra former = *start->infra;
    enum lk_err err = lki_infra_load(&former);

    if (!err && lki_infra_alive(&former))
        err = lki_infra_say(
            start, LK_E_EXISTS,
            "infra is up already, at %s; end it with infra down --cluster %s, or give this one "
            "another name with --cluster and another --listen",
            *former.url ? former.url : former.dir.path, start->settings->name);
    lki_infra_release(&former);
    return err;
}

static enum lk_err file_write(struct lki_infra_start *start)
{
    struct lki_infra *infra = start->infra;
    uint64_t cpus = lki_machine_cpus();
    char text[LKI_INFRA_URL_MAX + 64];

    infra->processes = start->settings->processes;
    if (!infra->processes)
        infra->processes = cpus > start->settings->workers ? cpus / start->settings->workers : 1;
    snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64 "\n", infra->url,
             start->settings->workers, infra->processes);
    return lki_rundir_write(&infra->dir, LKI_INFRA_FILE, text);
}

static enum lk_err start_all(struct lki_infra_start *start)
{
    enum lk_err err = file_write(start);

    if (!err)
        err = lki_infra_start_redis(start);
    if (!err)
        err = orchestrator_start(start);
    for (uint64_t i = 1; i <= start->settings->workers && !err; i++)
        err = worker_start(start, i);
    return err ? err : ready_wait(start);
}

static enum lk_err up_locked(struct lki_infra_start *start)
{
    enum lk_err err = former_check(start);

    if (err)
        return err;
    err = start_all(start);
    if (!err)
        return LK_OK;
    lki_infra_end(start->infra);
    lki_rundir_remove(&start->infra->dir);
    return err;
}

enum lk_err lki_infra_up(struct lki_infra *infra, const struct lki_infra_settings *settings,
                         struct lki_buf *why)
{
    struct lki_infra_start start = {.infra = infra, .settings = settings, .why = why};
    enum lk_err err;

    *infra = (struct lki_infra){.count = 0};
    err = listen_read(&start);
    if (!err)
        err = lki_rundir_open(&infra->dir, settings->name, why);
    if (err)
        return err;
    err = up_locked(&start);
    lki_rundir_close(&infra->dir);
    if (err)
        lki_infra_release(infra);
    return err;
}

/* The private redis-server: on a socket that only this user can reach, with a password all the
 * same, and nothing of it on disk. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "app/infra_inner.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/url.h"

#define REDIS_NS (10 * LKI_NS_PER_S)
#define CONFIG_MAX_BYTES ((size_t)64 * 1024)

static enum lk_err password_make(struct lki_infra_start *start)
{
    unsigned char bytes[LKI_INFRA_PASSWORD_BYTES];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return LK_E_SYSTEM;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(start->password + 2 * i, 3, "%02x", bytes[i]);
    return LK_OK;
}

/* For those who connect. */
static enum lk_err url_write(struct lki_infra_start *start)
{
    struct lki_buf url;
    enum lk_err err;

    lki_buf_init(&url, CONFIG_MAX_BYTES);
    lki_buf_printf(&url, "unix://:%s@", start->password);
    for (const char *at = start->socket; *at;) {
        char part[LKI_RUNDIR_PATH_MAX];
        size_t len = strcspn(at, "/");

        snprintf(part, sizeof(part), "%.*s", (int)len, at);
        lki_url_escape(&url, part);
        at += len;
        if (*at)
            lki_buf_char(&url, *at++);
    }
    lki_buf_char(&url, '\n');
    err = url.err ? url.err : lki_rundir_write(&start->infra->dir, "redis-url", lki_buf_cstr(&url));
    lki_buf_release(&url);
    return err;
}

static bool socket_answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers;

    memcpy(address.sun_path, path, lki_min(strlen(path) + 1, sizeof(address.sun_path)));
    answers = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (fd >= 0)
        close(fd);
    return answers;
}

static enum lk_err redis_wait(struct lki_infra_start *start)
{
    int64_t until_ns = lki_infra_now() + REDIS_NS;
    enum lk_err err = LK_OK;

    while (!err && !socket_answers(start->socket)) {
        err = lki_infra_check(start);
        if (!err)
            err = lki_infra_pause(start);
        if (!err && lki_infra_now() > until_ns) {
            lki_infra_say(start, LK_E_TIMEOUT, "redis-server does not answer; its last words:");
            lki_daemon_tail(&start->infra->daemons[0], &start->infra->dir, start->why);
            err = LK_E_TIMEOUT;
        }
    }
    return err;
}

/* Nothing is kept on disk, and nobody but this user can reach it. A path may have blanks, but no
 * quotes or backslashes. */
static void config_write(const struct lki_infra_start *start, struct lki_buf *config)
{
    lki_buf_printf(config,
                   "port 0\n"
                   "unixsocket \"%s\"\n"
                   "unixsocketperm 700\n"
                   "requirepass %s\n"
                   "dir \"%s\"\n"
                   "save \"\"\n"
                   "appendonly no\n"
                   "daemonize no\n"
                   "maxmemory-policy noeviction\n",
                   start->socket, start->password, start->infra->dir.path);
}

enum lk_err lki_infra_start_redis(struct lki_infra_start *start)
{
    char *argv[] = {"redis-server", "-", NULL};
    struct lki_buf config;
    enum lk_err err;

    lki_rundir_path(&start->infra->dir, "redis.sock", start->socket);
    lki_rundir_path(&start->infra->dir, "redis-url", start->url_file);
    if (strpbrk(start->socket, "\"\\\n"))
        return lki_infra_say(start, LK_E_ARG,
                             "the path %s has a quote or a backslash in it; set "
                             "XDG_RUNTIME_DIR to another one",
                             start->infra->dir.path);
    err = password_make(start);
    if (!err)
        err = url_write(start);
    if (err)
        return err;
    lki_buf_init(&config, CONFIG_MAX_BYTES);
    config_write(start, &config);
    err = config.err ? config.err
                     : lki_infra_start_one(start, &(struct lki_daemon_settings){
                                                      .name = LKI_INFRA_REDIS,
                                                      .path = argv[0],
                                                      .argv = argv,
                                                      .input = lki_buf_cstr(&config),
                                                  });
    lki_buf_release(&config);
    if (err == LK_E_NOT_FOUND)
        return lki_infra_say(start, err,
                             "redis-server is not to be found in PATH; install it (on Debian: "
                             "apt-get install redis-server), or start orchestrator and worker "
                             "with a Redis of yours");
    return err ? err : redis_wait(start);
}

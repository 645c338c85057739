#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr1, environ */
#endif

#include "app/frames.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "worker/page.h"

/* What one look-up may take; with much debug information it takes a while. */
#define LOOK_UP_NS (4 * LKI_NS_PER_S)
#define OUTPUT_MAX ((size_t)256 * 1024)
#define ARGUMENTS_MAX (LKI_FRAMES_MAX + 8)
#define NUMBER_BYTES 24
#define LINE_MAX_BYTES ((size_t)1024)

/* A function that an address lies in; the last one is that which was really called. */
struct function {
    struct function *next;
    const char *name;  /* NULL: unknown */
    const char *where; /* "shop.c:42"; NULL: unknown */
};

struct place {
    uintptr_t address;
    uintptr_t offset;   /* in its file; without one the address itself */
    const char *file;   /* NULL: none is known */
    const char *symbol; /* the nearest that is known without debug information; may be NULL */
    uintptr_t beyond;   /* it, in bytes */
    bool looked_up;
    struct function *functions;
};

static const char *textf(struct lki_arena *arena, const char *fmt, ...) LK_PRINTF(2, 3);

static const char *textf(struct lki_arena *arena, const char *fmt, ...)
{
    va_list args;
    const char *text;

    va_start(args, fmt);
    text = lki_arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* ---- which file an address belongs to ---- */

/* Of the program itself: by this name it can be read wherever it is, also when a new one has been
 * built meanwhile. */
static const char *own_file(struct lki_arena *arena)
{
    return textf(arena, "/proc/%ld/exe", (long)getpid());
}

static void place_find(struct place *place, struct lki_arena *arena)
{
    struct link_map *map = NULL;
    Dl_info info;

    place->offset = place->address;
    if (!dladdr1((void *)place->address, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
        return;
    place->offset = place->address - map->l_addr;
    place->file = *map->l_name ? map->l_name : own_file(arena);
    place->symbol = info.dli_sname;
    place->beyond = place->address - (uintptr_t)info.dli_saddr;
}

/* ---- addr2line ---- */

static bool is_known(const char *text, size_t len)
{
    return len && strncmp(text, "??", 2) != 0;
}

/* Without the directory: below the one we are in the path from there. */
static const char *where_of(struct lki_arena *arena, const char *text, size_t len)
{
    const char *end = memchr(text, ' ', len); /* " (discriminator 3)" */
    char here[1024];
    char *copy;

    if (!is_known(text, len))
        return NULL;
    copy = lki_arena_copy(arena, text, end ? (size_t)(end - text) : len);
    if (!copy || strstr(copy, ":?"))
        return NULL;
    if (getcwd(here, sizeof(here)) && !strncmp(copy, here, strlen(here)) &&
        copy[strlen(here)] == '/')
        return copy + strlen(here) + 1;
    return base_name(copy);
}

static void function_add(struct place *place, struct lki_arena *arena, const char *name,
                         size_t name_len, const char *where, size_t where_len)
{
    struct function *function = lki_arena_alloc(arena, sizeof(*function));
    struct function **end = &place->functions;

    if (!function)
        return;
    *function = (struct function){
        .name = is_known(name, name_len) ? lki_arena_copy(arena, name, name_len) : NULL,
        .where = where_of(arena, where, where_len),
    };
    while (*end)
        end = &(*end)->next;
    *end = function;
}

/* A line "0x..." for each address, and after it pairs of lines: function, file and line. */
static void answer_read(struct place **asked, size_t count, const struct lki_buf *answer,
                        struct lki_arena *arena)
{
    const char *at = answer->data;
    const char *end = answer->data + answer->len;
    struct place *place = NULL;
    const char *name = NULL;
    size_t name_len = 0;
    size_t next = 0;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);

        if (len > 2 && !memcmp(at, "0x", 2)) {
            place = next < count ? asked[next++] : NULL;
            name = NULL;
        } else if (!name) {
            name = at;
            name_len = len;
        } else {
            if (place)
                function_add(place, arena, name, name_len, at, len);
            name = NULL;
        }
        at += len + 1;
    }
}

/* Looking for debug information in the network could take minutes. */
static char **environment(struct lki_arena *arena)
{
    static const char left_out[] = "DEBUGINFOD_URLS=";
    size_t count = 0;
    size_t kept = 0;
    char **copy;

    while (environ && environ[count])
        count++;
    copy = lki_arena_alloc(arena, (count + 1) * sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++) {
        if (strncmp(environ[i], left_out, sizeof(left_out) - 1) != 0)
            copy[kept++] = environ[i];
    }
    if (copy)
        copy[kept] = NULL;
    return copy;
}

static pid_t program_start(char *const *arguments, int out, struct lki_arena *arena)
{
    posix_spawn_file_actions_t actions;
    char **variables = environment(arena);
    pid_t pid = -1;

    if (!variables || posix_spawn_file_actions_init(&actions))
        return -1;
    if (posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) ||
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) ||
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) ||
        posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, variables))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* False: it took too long. */
static bool read_all(int fd, struct lki_buf *answer)
{
    const struct lki_clock clock = {0};
    int64_t until_ns = lki_clock_now(&clock) + LOOK_UP_NS;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left_ns = until_ns - lki_clock_now(&clock);
        char *room = lki_buf_reserve(answer, 4096);
        ssize_t got;

        if (!room || left_ns <= 0)
            return false;
        if (poll(&wait, 1, (int)(left_ns / LKI_NS_PER_MS) + 1) <= 0)
            continue;
        got = read(fd, room, 4096);
        if (got == 0 || (got < 0 && errno != EINTR))
            return got == 0;
        answer->len += got > 0 ? (size_t)got : 0;
    }
}

static void ask(char *const *arguments, struct lki_buf *answer, struct lki_arena *arena)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC))
        return;
    pid = program_start(arguments, ends[1], arena);
    close(ends[1]);
    if (pid > 0) {
        if (!read_all(ends[0], answer)) {
            kill(pid, SIGKILL);
            lki_buf_clear(answer);
        }
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    close(ends[0]);
}

/* All of a file at once: reading its debug information takes most of the time. */
static void look_up(struct place *places, size_t from, size_t count, struct lki_arena *arena)
{
    char program[] = "addr2line";
    char flags[] = "-afi";
    char file_flag[] = "-e";
    char numbers[LKI_FRAMES_MAX][NUMBER_BYTES];
    char *arguments[ARGUMENTS_MAX] = {program, flags, file_flag, NULL};
    struct place *asked[LKI_FRAMES_MAX];
    size_t asked_count = 0;
    size_t at = 4;
    struct lki_buf answer;

    arguments[3] = lki_arena_copy(arena, places[from].file, strlen(places[from].file));
    if (!arguments[3])
        return;
    for (size_t i = from; i < count; i++) {
        if (!places[i].file || strcmp(places[i].file, arguments[3]) != 0)
            continue;
        snprintf(numbers[asked_count], NUMBER_BYTES, "0x%lx", (unsigned long)places[i].offset);
        arguments[at++] = numbers[asked_count];
        places[i].looked_up = true;
        asked[asked_count++] = &places[i];
    }
    lki_buf_init(&answer, OUTPUT_MAX);
    ask(arguments, &answer, arena);
    answer_read(asked, asked_count, &answer, arena);
    lki_buf_release(&answer);
}

/* ---- as text ---- */

/* What called the author's function says nothing to its author. */
static bool is_ours(const char *name)
{
    static const char *const list[] = {"lki_task_call", "blocking_work", "helper_work"};

    for (size_t i = 0; name && i < LKI_COUNT(list); i++) {
        if (!strcmp(name, list[i]))
            return true;
    }
    return false;
}

static bool is_wrapper(const char *name)
{
    return name && (!strncmp(name, "lk_call_", 8) || !strncmp(name, "call_", 5));
}

static const char *without_name(const struct place *place, struct lki_arena *arena)
{
    const char *file = place->file ? base_name(place->file) : NULL;

    if (!file)
        return textf(arena, "0x%lx", (unsigned long)place->address);
    if (!strncmp(place->file, "/proc/", 6))
        file = "the program";
    if (place->symbol)
        return textf(arena, "%s+0x%lx in %s", place->symbol, (unsigned long)place->beyond, file);
    return textf(arena, "0x%lx in %s", (unsigned long)place->offset, file);
}

static const char *function_text(const struct place *place, const struct function *function,
                                 struct lki_arena *arena)
{
    if (!function->name)
        return without_name(place, arena);
    if (!function->where)
        return textf(arena, "%s", function->name);
    return textf(arena, "%s at %s", function->name, function->where);
}

/* Adds what lies in one address. False: the rest is ours. */
static bool place_tell(struct lki_frames *frames, const struct place *place, const char **names)
{
    const struct function unknown = {.name = NULL};
    const struct function *function = place->functions ? place->functions : &unknown;

    for (; function && frames->count < LKI_FRAMES_MAX; function = function->next) {
        const char *text;

        if (is_ours(function->name))
            return false;
        text = function_text(place, function, &frames->arena);
        if (!text)
            return false;
        names[frames->count] = function->name;
        frames->numbers[frames->count] = frames->count;
        frames->texts[frames->count++] = text;
    }
    return true;
}

void lki_frames_init(struct lki_frames *frames, void *const *addresses, int count)
{
    const char *names[LKI_FRAMES_MAX];
    struct place places[LKI_FRAMES_MAX];
    size_t len = lki_min((size_t)(count > 0 ? count : 0), LKI_FRAMES_MAX);
    bool go_on = true;

    *frames = (struct lki_frames){.count = 0};
    lki_arena_init(&frames->arena, NULL, 0);
    for (size_t i = 0; i < len; i++) {
        places[i] = (struct place){.address = (uintptr_t)addresses[i] - (i > 0)};
        place_find(&places[i], &frames->arena);
    }
    for (size_t i = 0; i < len; i++) {
        if (places[i].file && !places[i].looked_up)
            look_up(places, i, len, &frames->arena);
    }
    for (size_t i = 0; go_on && i < len; i++)
        go_on = place_tell(frames, &places[i], names);
    while (frames->count > 1 && is_wrapper(names[frames->count - 1]))
        frames->count--;
    lki_frames_fold(frames, len == LKI_PAGE_FRAMES_MAX);
}

void lki_frames_release(struct lki_frames *frames)
{
    lki_arena_reset(&frames->arena);
    frames->count = 0;
}

void lki_frames_line(const struct lki_frames *frames, size_t index, char *line, size_t size)
{
    if (frames->numbers[index] == LKI_FRAMES_FOLDED)
        snprintf(line, size, "  %s", frames->texts[index]);
    else
        snprintf(line, size, "  #%zu %s", frames->numbers[index], frames->texts[index]);
}

void lki_frames_print(int fd, void *const *addresses, int count)
{
    struct lki_frames frames;
    char line[LINE_MAX_BYTES];

    lki_frames_init(&frames, addresses, count);
    for (size_t i = 0; i < frames.count; i++) {
        lki_frames_line(&frames, i, line, sizeof(line));
        dprintf(fd, "%s\n", line);
    }
    lki_frames_release(&frames);
}

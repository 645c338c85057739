#include "support/scene.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/expect.h"

#define DEFS_MAX 32

static struct lk_def *registered[DEFS_MAX];
static size_t registered_count;
static char *text;
static size_t text_len;
static size_t text_cap;

/* ---- registering ---- */

/* What a test that failed has left is taken out first; where tests do not fork, its stack is gone,
 * and what it has written there with it. So copies are registered. */
void scene_register(struct lk_def *const *defs)
{
    scene_unregister();
    for (; *defs; defs++) {
        struct lk_def *copy = malloc((*defs)->size);

        EXPECT(copy && registered_count < DEFS_MAX, "too much to register");
        memcpy(copy, *defs, (*defs)->size);
        registered[registered_count++] = copy;
        lk_register(copy);
    }
}

void scene_unregister(void)
{
    while (registered_count) {
        lk_unregister(registered[--registered_count]);
        free(registered[registered_count]);
    }
}

lk_test *scene_open(struct lk_def *const *defs, const struct lk_run_options *options)
{
    struct lk_run_options asked = *options;
    lk_test *test = NULL;
    char message[512] = "";
    enum lk_err err;

    asked.message = message;
    asked.message_bytes = sizeof(message);
    scene_register(defs);
    err = lk_test_new(&test, &asked);
    EXPECT(!err, "lk_test_new: %s: %s", lk_strerror(err), message);
    return test;
}

void scene_close(lk_test *test)
{
    lk_test_free(test);
    scene_unregister();
    free(text);
    text = NULL;
    text_cap = 0;
}

/* ---- what happened, as text ---- */

static void text_clear(void)
{
    text_len = 0;
}

static void add(const char *format, ...) LK_PRINTF(1, 2);

static void add(const char *format, ...)
{
    va_list args;
    int len;

    if (text_cap - text_len < 512) {
        text_cap = text_cap ? text_cap * 2 : 4096;
        text = realloc(text, text_cap);
        EXPECT(text, "no memory for the log");
    }
    va_start(args, format);
    len = vsnprintf(text + text_len, text_cap - text_len, format, args);
    va_end(args);
    EXPECT(len >= 0 && (size_t)len < text_cap - text_len, "an event of too many words");
    text_len += (size_t)len;
}

/* Seconds without any rounding. */
static void add_time(int64_t ns)
{
    int digits = 9;
    int64_t rest = ns % 1000000000;

    add("%" PRId64, ns / 1000000000);
    if (!rest)
        return;
    for (; rest % 10 == 0; digits--)
        rest /= 10;
    add(".%0*" PRId64, digits, rest);
}

static void add_event(const struct lk_test_event *event)
{
    size_t len = strlen(event->code);

    add("%s", text_len ? " " : "");
    if (event->user != 1)
        add("%" PRIu64 ":", event->user);
    add("%s@", event->name);
    add_time(event->start_ns);
    if (event->end_ns != event->start_ns) {
        add("-");
        add_time(event->end_ns);
    }
    if (len < 3 || strcmp(event->code + len - 3, "_OK") != 0)
        add("!%s", event->code);
}

const char *scene_log_of(const lk_test *test, uint64_t user, const char *name)
{
    const struct lk_test_event *event;

    text_clear();
    add("%s", "");
    for (size_t i = 0; (event = lk_test_event_at(test, i)); i++) {
        if ((!user || event->user == user) && (!name || !strcmp(event->name, name)))
            add_event(event);
    }
    return text;
}

const char *scene_log(const lk_test *test)
{
    return scene_log_of(test, 0, NULL);
}

const char *scene_requests(const lk_test *test)
{
    const struct lk_test_request *request;

    text_clear();
    add("%s", "");
    for (size_t i = 0; (request = lk_test_request_at(test, i)); i++) {
        add("%s%s %s@", text_len ? " " : "", request->method, request->url);
        add_time(request->at_ns);
    }
    return text;
}

/* ---- steps ---- */

void scene_idle(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
}

void scene_fail(lk_vu *vu, void *self)
{
    (void)self;
    LK_FAIL("no luck");
}

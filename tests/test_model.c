/* The model: what is wrong with a registry is told, and what is right stands in order. */
#include "model/model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/param.h"
#include "model/registry.h"
#include "support/suite.h"

#define DEFS_MAX 8
#define TEXT_MAX 65536

static void run_nothing(lk_vu *vu, void *self)
{
    (void)vu;
    (void)self;
}

static double pause_fn(lk_vu *vu)
{
    (void)vu;
    return 1;
}

static lk_json *make_nothing(lk_vu *vu, const char *id)
{
    (void)vu;
    (void)id;
    return NULL;
}

static void run_once(lk_vu *vu)
{
    (void)vu;
}

static struct lk_value read_zero(lk_vu *vu)
{
    (void)vu;
    return (struct lk_value){0};
}

#define HEAD(type, def_kind, vu_name, def_name, def_file, def_line)                                \
    .def = {.size = sizeof(struct type),                                                           \
            .kind = (def_kind),                                                                    \
            .vu = (vu_name),                                                                       \
            .name = (def_name),                                                                    \
            .file = (def_file),                                                                    \
            .line = (def_line)}
#define BARE_STEP(file, line, vu, name, ...)                                                       \
    (&((struct lk_step_def){HEAD(lk_step_def, LK_DEF_STEP, vu, name, file, line), __VA_ARGS__}).def)
#define BARE_HOOK(file, line, vu, which, ...)                                                      \
    (&((struct lk_hook_def){HEAD(lk_hook_def, LK_DEF_HOOK, vu, "on_it", file, line),               \
                            .hook = (which), __VA_ARGS__})                                         \
          .def)
#define STEP(...) BARE_STEP(__VA_ARGS__, .run = run_nothing)
#define HOOK(...) BARE_HOOK(__VA_ARGS__, .run = run_nothing)
#define VU(file, line, name, ...)                                                                  \
    (&((struct lk_vu_def){HEAD(lk_vu_def, LK_DEF_VU, name, name, file, line), __VA_ARGS__}).def)
#define PARAM(file, line, name, ...)                                                               \
    (&((struct lk_param_def){HEAD(lk_param_def, LK_DEF_PARAM, NULL, name, file, line),             \
                             __VA_ARGS__})                                                         \
          .def)
#define RESOURCE(file, line, name, ...)                                                            \
    (&((struct lk_resource_def){HEAD(lk_resource_def, LK_DEF_RESOURCE, NULL, name, file, line),    \
                                .make = __VA_ARGS__})                                              \
          .def)
#define RUN_HOOK(file, line, which, ...)                                                           \
    (&((struct lk_run_hook_def){HEAD(lk_run_hook_def, LK_DEF_RUN_HOOK, NULL, "it", file, line),    \
                                .hook = (which), .run = __VA_ARGS__})                              \
          .def)
#define METRIC(file, line, name, ...)                                                              \
    (&((struct lk_metric_def){HEAD(lk_metric_def, LK_DEF_METRIC, NULL, name, file, line),          \
                              .type = __VA_ARGS__})                                                \
          .def)
#define PROBE(file, line, name, ...)                                                               \
    (&((struct lk_probe_def){HEAD(lk_probe_def, LK_DEF_PROBE, NULL, name, file, line),             \
                             .read = __VA_ARGS__})                                                 \
          .def)
#define TEN_LETTERS "abcdefghij"
#define LONG_NAME                                                                                  \
    TEN_LETTERS TEN_LETTERS TEN_LETTERS TEN_LETTERS TEN_LETTERS TEN_LETTERS TEN_LETTERS            \
        TEN_LETTERS TEN_LETTERS TEN_LETTERS

/* A registry that is complete but for what a case adds. */
#define DEMO VU("a.c", 1, "demo", )
#define LOGIN STEP("a.c", 10, "demo", "login")

static const struct wrong_case {
    struct lk_def *defs[DEFS_MAX];
    const char *lines;
} wrongs[] = {
    /* nothing there */
    {{NULL},
     "no step is registered; write LK_STEP(type, name) { ... }, and link scenarios that stand in a "
     "static archive with -Wl,--whole-archive: nothing refers to them by name, so the linker "
     "leaves them out\n"},
    {{DEMO, PARAM("a.c", 2, "size", )},
     "no step is registered; write LK_STEP(type, name) { ... }, and link scenarios that stand in a "
     "static archive with -Wl,--whole-archive: nothing refers to them by name, so the linker "
     "leaves them out\n"},
    {{DEMO, LOGIN, VU("b.c", 4, "other", )},
     "b.c:4: user type other: it has no step; write LK_STEP(other, ...) { ... }\n"},
    {{DEMO, LOGIN, VU("b.c", 4, "other", ), VU("b.c", 5, "other", )},
     "b.c:5: user type other: there is one already at b.c:4; rename or remove one\n"
     "b.c:4: user type other: it has no step; write LK_STEP(other, ...) { ... }\n"},
    {{LOGIN},
     "a.c:10: step demo.login: no user type demo is registered; write LK_VU(demo) { ... }; or link "
     "the file that has it\n"},
    {{DEMO, LOGIN, STEP("b.c", 7, "demp", "z"), STEP("b.c", 9, "demp", "a"),
      HOOK("b.c", 3, "demp", LK_HOOK_INIT)},
     "b.c:7: step demp.z: no user type demp is registered; did you mean demo?\n"},
    {{DEMO, LOGIN, HOOK("b.c", 3, "shop", LK_HOOK_STOP), HOOK("b.c", 2, "shop", LK_HOOK_INIT)},
     "b.c:2: hook shop.on_init: no user type shop is registered; write LK_VU(shop) { ... }; or "
     "link the file that has it\n"},
    {{DEMO, LOGIN, STEP("b.c", 7, NULL, "lost")},
     "b.c:7: step lost: it belongs to no user type; set vu\n"},

    /* twice there */
    {{DEMO, LOGIN, VU("b.c", 4, "demo", )},
     "b.c:4: user type demo: there is one already at a.c:1; rename or remove one\n"},
    {{DEMO, LOGIN, VU("a.c", 1, "demo", )},
     "a.c:1: user type demo: this one line registers it twice; if it stands in a header, move it "
     "to one .c file\n"},
    {{STEP("b.c", 3, "demo", "login"), LOGIN, DEMO, STEP("b.c", 2, "demo", "login")},
     "b.c:2: step demo.login: there is one already at a.c:10; rename or remove one\n"
     "b.c:3: step demo.login: there is one already at a.c:10; rename or remove one\n"},
    {{DEMO, LOGIN, HOOK("a.c", 5, "demo", LK_HOOK_INIT), HOOK("b.c", 6, "demo", LK_HOOK_INIT)},
     "b.c:6: hook demo.on_init: there is one already at a.c:5; rename or remove one\n"},
    {{DEMO, LOGIN, PARAM("b.c", 6, "size", ), PARAM("a.c", 5, "size", )},
     "b.c:6: parameter size: there is one already at a.c:5; rename or remove one\n"},
    {{DEMO, LOGIN, RESOURCE("b.c", 6, "users", make_nothing),
      RESOURCE("a.c", 5, "users", make_nothing)},
     "b.c:6: resource users: there is one already at a.c:5; rename or remove one\n"},
    {{DEMO, LOGIN, METRIC("b.c", 6, "size", LK_RATE), METRIC("a.c", 5, "size", LK_TREND)},
     "b.c:6: metric size: there is one already at a.c:5; rename or remove one\n"},
    {{DEMO, LOGIN, PROBE("b.c", 6, "queue", read_zero, .every_s = 1),
      PROBE("a.c", 5, "queue", read_zero, .every_s = 1)},
     "b.c:6: probe queue: there is one already at a.c:5; rename or remove one\n"},
    {{DEMO, LOGIN, RUN_HOOK("a.c", 5, LK_RUN_SETUP, run_once),
      RUN_HOOK("b.c", 6, LK_RUN_SETUP, run_once), RUN_HOOK("b.c", 7, LK_RUN_TEARDOWN, run_once)},
     "b.c:6: run hook on_setup: there is one already at a.c:5; rename or remove one\n"},

    /* two things that reports could not tell apart */
    {{DEMO, STEP("a.c", 9, "demo", "http")},
     "a.c:9: step demo.http: in reports that name means all requests together; rename it\n"},
    {{DEMO, STEP("a.c", 9, "demo", "on_start")},
     "a.c:9: step demo.on_start: in reports that name means a hook; rename it\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "steps", read_zero, .every_s = 1)},
     "a.c:9: probe steps: in reports that name means all steps together; rename it\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "login", read_zero, .every_s = 1)},
     "a.c:9: probe login: reports could not tell it from step demo.login at a.c:10; rename one\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "demo.login", read_zero, .every_s = 1)},
     "a.c:9: probe demo.login: reports could not tell it from step demo.login at a.c:10; rename "
     "one\n"},
    {{DEMO, LOGIN, VU("b.c", 1, "other", ), STEP("b.c", 2, "other", "demo.login")},
     "b.c:2: step other.demo.login: reports could not tell it from step demo.login at a.c:10; "
     "rename one\n"},
    {{VU("a.c", 1, "a", ), VU("a.c", 2, "a.b", ), STEP("a.c", 3, "a", "b.c"),
      STEP("a.c", 4, "a.b", "c")},
     "a.c:4: step a.b.c: reports could not tell it from step a.b.c at a.c:3; rename one\n"},

    /* needs */
    {{DEMO, LOGIN, STEP("a.c", 20, "demo", "buy", .needs = "logn")},
     "a.c:20: step demo.buy: it needs logn, which is no step of user type demo; did you mean "
     "login?\n"},
    {{DEMO, LOGIN, STEP("a.c", 15, "demo", "cart"),
      STEP("a.c", 20, "demo", "buy", .needs = "payment")},
     "a.c:20: step demo.buy: it needs payment, which is no step of user type demo; its other steps "
     "are cart, login\n"},
    {{DEMO, STEP("a.c", 20, "demo", "buy", .needs = "login")},
     "a.c:20: step demo.buy: it needs login, which is no step of user type demo; it has no other "
     "step\n"},
    {{DEMO, LOGIN, VU("a.c", 2, "other", ), STEP("a.c", 20, "other", "buy", .needs = "login")},
     "a.c:20: step other.buy: it needs login, which is no step of user type other; it has no other "
     "step\n"},
    {{DEMO, LOGIN, STEP("a.c", 20, "demo", "buy", .needs = "login,,")},
     "a.c:20: step demo.buy: its needs have an empty name; write them as \"login, search\"\n"
     "a.c:20: step demo.buy: its needs have an empty name; write them as \"login, search\"\n"},
    {{DEMO, STEP("a.c", 20, "demo", "buy", .needs = "buy")},
     "a.c:20: step demo.buy: it needs itself, so it could never run; remove that\n"},
    {{DEMO, STEP("a.c", 20, "demo", "b", .needs = "a"), STEP("a.c", 30, "demo", "a", .needs = "b")},
     "a.c:30: step demo.a: needs go round in a circle, a -> b -> a, so none of them could run; "
     "remove one of these needs\n"},
    {{DEMO, LOGIN, STEP("a.c", 20, "demo", "a", .needs = "login, d"),
      STEP("a.c", 30, "demo", "b", .needs = "login,c"),
      STEP("a.c", 40, "demo", "c", .needs = " d ,login"),
      STEP("a.c", 50, "demo", "d", .needs = "login,b")},
     "a.c:50: step demo.d: needs go round in a circle, d -> b -> c -> d, so none of them could "
     "run; remove one of these needs\n"},

    /* numbers */
    {{DEMO, STEP("a.c", 9, "demo", "a", .weight = -2)},
     "a.c:9: step demo.a: its weight is -2; give a number above 0, or none for 1\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .weight = INFINITY)},
     "a.c:9: step demo.a: its weight is inf; give a number above 0, or none for 1\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .weight = NAN)},
     "a.c:9: step demo.a: its weight is nan; give a number above 0, or none for 1\n"},
    {{VU("a.c", 1, "demo", .weight = -1), LOGIN},
     "a.c:1: user type demo: its weight is -1; give a number above 0, or none for 1\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .timeout_s = -5)},
     "a.c:9: step demo.a: its timeout_s is -5; give seconds above 0, or LK_OFF for none\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .timeout_s = NAN)},
     "a.c:9: step demo.a: its timeout_s is nan; give seconds above 0, or LK_OFF for none\n"},
    {{DEMO, LOGIN, HOOK("a.c", 9, "demo", LK_HOOK_STOP, .timeout_s = INFINITY)},
     "a.c:9: hook demo.on_stop: its timeout_s is inf; give seconds above 0, or LK_OFF for none\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .every = LK_BETWEEN(-1, 2))},
     "a.c:9: step demo.a: its every is -1 to 2; give seconds, 0 or more\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .every = LK_FIXED(LK_OFF))},
     "a.c:9: step demo.a: its every is -1 to -1; give seconds, 0 or more\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .pace = LK_BETWEEN(0, NAN))},
     "a.c:9: step demo.a: its pace is 0 to nan; give seconds, 0 or more\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .pace = LK_BETWEEN(1, INFINITY))},
     "a.c:9: step demo.a: its pace is 1 to inf; give seconds, 0 or more\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .every = LK_BETWEEN(15, 10))},
     "a.c:9: step demo.a: its every is 15 to 10; give the smaller bound first\n"},
    /* as .every = 1 makes it */
    {{DEMO, STEP("a.c", 9, "demo", "a", .every = {.min_s = 1})},
     "a.c:9: step demo.a: its every is 1 to 0; write LK_FIXED(1) for a fixed one\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .every = {.max_s = 1, .fn = pause_fn})},
     "a.c:9: step demo.a: its every has bounds and a function; give one of them\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .every = LK_FIXED(1), .pace = LK_DELAY_FN(pause_fn))},
     "a.c:9: step demo.a: it has both every and pace; give every to count from its end, pace to "
     "count from its start\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .stack_bytes = 16383)},
     "a.c:9: step demo.a: its stack_bytes is 16383; give 16384 to 67108864, or none for the "
     "default\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .stack_bytes = (64 << 20) + 1)},
     "a.c:9: step demo.a: its stack_bytes is 67108865; give 16384 to 67108864, or none for the "
     "default\n"},

    {{DEMO, LOGIN, RESOURCE("a.c", 9, "users", make_nothing, .count = (uint64_t)-1)},
     "a.c:9: resource users: its count is 18446744073709551615; give at most 100000000, or none "
     "for as many as there are users\n"},
    {{DEMO, LOGIN, RUN_HOOK("a.c", 9, LK_RUN_SETUP, run_once, .timeout_s = -2)},
     "a.c:9: run hook on_setup: its timeout_s is -2; give seconds above 0, or LK_OFF for none\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, "size", LK_TREND, .resolution = -0.5)},
     "a.c:9: metric size: its resolution is -0.5; give the smallest value that matters, above 0, "
     "or none for 0.001\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, "size", LK_TREND, .resolution = INFINITY)},
     "a.c:9: metric size: its resolution is inf; give the smallest value that matters, above 0, or "
     "none for 0.001\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, "size", LK_TREND, .resolution = NAN)},
     "a.c:9: metric size: its resolution is nan; give the smallest value that matters, above 0, or "
     "none for 0.001\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, "size", LK_GAUGE, .resolution = 1)},
     "a.c:9: metric size: it has a resolution, which is for an LK_TREND alone; take that away\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, "size", 0)},
     "a.c:9: metric size: its type is 0, which does not exist; use LK_TREND, LK_COUNTER, LK_GAUGE "
     "or LK_RATE\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, "size", LK_RATE + 1)},
     "a.c:9: metric size: its type is 5, which does not exist; use LK_TREND, LK_COUNTER, LK_GAUGE "
     "or LK_RATE\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "queue", read_zero)},
     "a.c:9: probe queue: it has no every_s; give the seconds between two readings, such as "
     ".every_s = 5\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "queue", read_zero, .every_s = -1, .timeout_s = -3)},
     "a.c:9: probe queue: its every_s is -1; give seconds above 0\n"
     "a.c:9: probe queue: its timeout_s is -3; give seconds above 0, or LK_OFF for none\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "queue", read_zero, .every_s = NAN)},
     "a.c:9: probe queue: its every_s is nan; give seconds above 0\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "queue", read_zero, .every_s = INFINITY)},
     "a.c:9: probe queue: its every_s is inf; give seconds above 0\n"},

    /* values of parameters */
    {{DEMO, LOGIN, PARAM("a.c", 9, "size", .type = LK_INT, .value = "ten")},
     "a.c:9: parameter size: its value is 'ten': a number was expected; give a whole number such "
     "as 42, -1 or 10k, or none\n"},
    {{DEMO, LOGIN, PARAM("a.c", 9, "size", .type = LK_DOUBLE, .value = "")},
     "a.c:9: parameter size: its value is '': it is empty; give a number such as 0.5, -2 or 1e6, "
     "or none\n"},
    {{DEMO, LOGIN, PARAM("a.c", 9, "size", .type = (enum lk_param_type)5, .value = "1")},
     "a.c:9: parameter size: its type is 5, which does not exist; use LK_STRING, LK_INT, "
     "LK_DOUBLE, LK_BOOL or LK_SECONDS\n"},
    {{DEMO, LOGIN, PARAM("a.c", 9, "token", .secret = true, .value = "hunter2")},
     "a.c:9: parameter token: it is secret and has a value in the source all the same; take that "
     "away, and give it with -p token=@FILE or in the variable LK_PARAM_token\n"},

    /* descriptors written by hand */
    {{DEMO, LOGIN, STEP("a.c", 9, "demo", "")}, "a.c:9: a step has no name; give it one\n"},
    {{DEMO, LOGIN, PARAM("a.c", 9, NULL, )}, "a.c:9: a parameter has no name; give it one\n"},
    {{DEMO, LOGIN, STEP("a.c", 9, "demo", "two words")},
     "a.c:9: step demo.two words: the name has a character that names may not have; use letters, "
     "digits, '_', '-' and '.'\n"},
    {{DEMO, LOGIN, RESOURCE("a.c", 9, "a\nb", make_nothing)},
     "a.c:9: resource a?b: the name has a character that names may not have; use letters, digits, "
     "'_', '-' and '.'\n"},
    {{VU("a.c", 1, "d/e", ), STEP("a.c", 9, "d/e", "login")},
     "a.c:1: user type d/e: the name has a character that names may not have; use letters, digits, "
     "'_', '-' and '.'\n"},
    {{DEMO, BARE_STEP("a.c", 9, "demo", "a", .run = NULL)},
     "a.c:9: step demo.a: it has no function; set run\n"},
    {{DEMO, LOGIN, BARE_HOOK("a.c", 9, "demo", LK_HOOK_INIT, .run = NULL)},
     "a.c:9: hook demo.on_init: it has no function; set run\n"},
    {{DEMO, LOGIN, HOOK("a.c", 9, "demo", LK_HOOK_COUNT_)},
     "a.c:9: a hook of user type demo is of kind 3, which does not exist; use LK_HOOK_INIT, "
     "LK_HOOK_START or LK_HOOK_STOP\n"},
    {{DEMO, LOGIN, RESOURCE("a.c", 9, "users", NULL)},
     "a.c:9: resource users: it has no function; set make\n"},
    {{DEMO, LOGIN, RUN_HOOK("a.c", 9, LK_RUN_TEARDOWN, NULL)},
     "a.c:9: run hook on_teardown: it has no function; set run\n"},
    {{DEMO, LOGIN, RUN_HOOK("a.c", 9, LK_RUN_HOOK_COUNT_, run_once)},
     "a.c:9: a run hook is of kind 2, which does not exist; use LK_RUN_SETUP or "
     "LK_RUN_TEARDOWN\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "queue", NULL, .every_s = 1)},
     "a.c:9: probe queue: it has no function; set read\n"},
    {{DEMO, LOGIN, PROBE("a.c", 9, "", read_zero, .every_s = 1)},
     "a.c:9: a probe has no name; give it one\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, "a b", LK_RATE)},
     "a.c:9: metric a b: the name has a character that names may not have; use letters, digits, "
     "'_', '-' and '.'\n"},
    {{DEMO, LOGIN, METRIC("a.c", 9, LONG_NAME, LK_RATE)},
     "a.c:9: metric " LONG_NAME ": the name has 100 characters; names have at most 99\n"},
    {{DEMO, LOGIN, PARAM("a.c", 9, "size", .required = true, .value = "1")},
     "a.c:9: parameter size: it is required and has a value all the same; take one of them away\n"},
    {{DEMO, STEP("a.c", 9, "demo", "a", .state_bytes = 8),
      STEP("b.c", 9, "demo", "b", .state_bytes = 16),
      STEP("b.c", 19, "demo", "c", .state_bytes = 16),
      STEP("b.c", 29, "demo", "aa", .state_bytes = 0)},
     "b.c:9: struct demo has 16 bytes here and 8 at a.c:9; define it once, in a header\n"},
    {{DEMO, STEP(NULL, 9, "demo", "a", .weight = -2)},
     "step demo.a: its weight is -2; give a number above 0, or none for 1\n"},

    /* several at once */
    {{DEMO, STEP("a.c", 9, "demo", "a", .weight = -2, .timeout_s = -3, .needs = "b,x"),
      STEP("a.c", 11, "demo", "b", .needs = "a,y"), VU("a.c", 2, "idle", )},
     "a.c:9: step demo.a: its weight is -2; give a number above 0, or none for 1\n"
     "a.c:9: step demo.a: its timeout_s is -3; give seconds above 0, or LK_OFF for none\n"
     "a.c:2: user type idle: it has no step; write LK_STEP(idle, ...) { ... }\n"
     "a.c:9: step demo.a: it needs x, which is no step of user type demo; its other steps are b\n"
     "a.c:11: step demo.b: it needs y, which is no step of user type demo; its other steps are a\n"
     "a.c:9: step demo.a: needs go round in a circle, a -> b -> a, so none of them could run; "
     "remove one of these needs\n"},
};

/* The descriptors as a list, in that order. */
static const struct lk_def *link_defs(struct lk_def *const *defs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        defs[i]->next_ = i + 1 < count ? defs[i + 1] : NULL;
    return count ? defs[0] : NULL;
}

static size_t defs_count(struct lk_def *const *defs)
{
    size_t count = 0;

    while (count < DEFS_MAX && defs[count])
        count++;
    return count;
}

/* The model of descriptors that are right. */
static struct lki_model *model_of(struct lk_def *const *defs, size_t count)
{
    struct lki_model *model = NULL;
    struct lki_buf problems;

    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_new(&model, link_defs(defs, count), &problems), LK_OK);
    ck_assert_uint_eq(problems.len, 0);
    lki_buf_release(&problems);
    return model;
}

static void wrong_verify(struct lk_def *const *defs, size_t count, const char *lines)
{
    struct lki_model *model = NULL;
    struct lki_buf problems;

    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_new(&model, link_defs(defs, count), &problems), LK_E_ARG);
    ck_assert_ptr_null(model);
    ck_assert_str_eq(lki_buf_cstr(&problems), lines);
    lki_buf_release(&problems);
}

START_TEST(a_wrong_registry_is_told_line_by_line)
{
    wrong_verify(wrongs[_i].defs, defs_count(wrongs[_i].defs), wrongs[_i].lines);
}
END_TEST

START_TEST(what_is_told_does_not_depend_on_the_order_of_registration)
{
    struct lk_def *defs[DEFS_MAX];
    size_t count = defs_count(wrongs[_i].defs);

    for (size_t i = 0; i < count; i++)
        defs[i] = wrongs[_i].defs[count - 1 - i];
    wrong_verify(defs, count, wrongs[_i].lines);
}
END_TEST

START_TEST(a_descriptor_of_another_version_is_told_and_nothing_else)
{
    struct lk_def *defs[] = {DEMO, STEP("a.c", 10, "demo", "login", .weight = -1),
                             STEP("a.c", 11, "demo", "buy"), PARAM("a.c", 2, "size", ),
                             PROBE("a.c", 3, "queue", read_zero)};
    char lines[512];

    defs[1]->size += 8;
    defs[3]->kind = (enum lk_def_kind)9;
    defs[4]->size = 0;
    snprintf(lines, sizeof(lines),
             "a.c:10: step login: its descriptor has %zu bytes where this loadkit (" LK_VERSION
             ") expects %zu; compile and link against the same version\n"
             "a.c:2: size is a descriptor of kind 9, which this loadkit (" LK_VERSION
             ") does not know; compile and link against the same version\n"
             "a.c:3: probe queue: its descriptor has no size; set def.size to its sizeof\n",
             sizeof(struct lk_step_def) + 8, sizeof(struct lk_step_def));
    wrong_verify(defs, LKI_COUNT(defs), lines);
}
END_TEST

START_TEST(lines_that_do_not_fit_are_left_out_whole)
{
    struct lk_def *defs[] = {DEMO, STEP("a.c", 9, "demo", "a", .weight = -2),
                             STEP("a.c", 10, "demo", "b", .weight = -3)};
    struct lki_model *model = NULL;
    struct lki_buf problems;

    lki_buf_init(&problems, 100);
    ck_assert_int_eq(lki_model_new(&model, link_defs(defs, 3), &problems), LK_E_ARG);
    ck_assert_str_eq(lki_buf_cstr(&problems), "a.c:9: step demo.a: its weight is -2; give a number "
                                              "above 0, or none for 1\n");
    lki_buf_release(&problems);
}
END_TEST

/* A program of two types over three files. */
static struct lk_def *const program[] = {
    VU("b.c", 1, "late", .weight = 2.5),
    STEP("b.c", 20, "late", "only"),
    VU("a.c", 1, "demo", ),
    STEP("a.c", 30, "demo", "login", .timeout_s = 5, .state_bytes = 8, .stack_bytes = 32768),
    STEP("a.c", 9, "demo", "z", .weight = 3, .timeout_s = LK_OFF, .state_bytes = 8,
         .needs = "login, a,login"),
    STEP("c.c", 3, "demo", "a", .state_bytes = 8),
    HOOK("c.c", 2, "demo", LK_HOOK_INIT, .state_bytes = 8),
    HOOK("c.c", 1, "demo", LK_HOOK_STOP, .timeout_s = 0.5, .state_bytes = 8),
    HOOK("c.c", 4, "demo", LK_HOOK_START, .timeout_s = LK_OFF, .state_bytes = 8),
    PARAM("c.c", 8, "base_url", .required = true, .help = "target"),
    PARAM("a.c", 8, "size", .value = "10"),
    PARAM("a.c", 7, "color", ),
    RESOURCE("c.c", 9, "users", make_nothing),
    RESOURCE("a.c", 9, "cards", make_nothing),
    RUN_HOOK("c.c", 12, LK_RUN_TEARDOWN, run_once),
    METRIC("c.c", 13, "size", LK_TREND, .resolution = 1),
    METRIC("a.c", 13, "sold", LK_COUNTER),
    PROBE("c.c", 14, "queue", read_zero, .every_s = 1),
    PROBE("a.c", 14, "load", read_zero, .every_s = 0.5),
};

static void program_verify(const struct lki_model *model)
{
    const struct lki_vu_type *demo = &model->types[0];
    const struct lki_vu_type *late = &model->types[1];

    ck_assert_uint_eq(model->type_count, 2);
    ck_assert_str_eq(demo->name, "demo");
    ck_assert_str_eq(late->name, "late");
    ck_assert_uint_eq(demo->step_count, 3);
    ck_assert_str_eq(demo->steps[0].name, "z");
    ck_assert_str_eq(demo->steps[1].name, "login");
    ck_assert_str_eq(demo->steps[2].name, "a");
    ck_assert_uint_eq(late->step_count, 1);
    ck_assert_str_eq(model->params[0].name, "color");
    ck_assert_str_eq(model->params[1].name, "size");
    ck_assert_str_eq(model->params[2].name, "base_url");
    ck_assert_uint_eq(model->param_count, 3);
    ck_assert_str_eq(model->resources[0]->def.name, "cards");
    ck_assert_uint_eq(lki_model_resource(model, "cards"), 0);
    ck_assert_uint_eq(lki_model_resource(model, "users"), 1);
    ck_assert_uint_eq(lki_model_resource(model, "user"), SIZE_MAX);
    ck_assert_uint_eq(model->metric_count, 2);
    ck_assert_str_eq(model->metrics[0]->def.name, "sold");
    ck_assert_uint_eq(lki_model_metric(model, "sold"), 0);
    ck_assert_uint_eq(lki_model_metric(model, "size"), 1);
    ck_assert_uint_eq(lki_model_metric(model, "queue"), SIZE_MAX);
    ck_assert_uint_eq(model->probe_count, 2);
    ck_assert_str_eq(model->probes[0]->def.name, "load");
    ck_assert_str_eq(model->probes[1]->def.name, "queue");
    ck_assert_ptr_null(model->run_hooks[LK_RUN_SETUP]);
    ck_assert_int_eq(model->run_hooks[LK_RUN_TEARDOWN]->def.line, 12);
}

START_TEST(everything_stands_in_the_order_in_which_it_was_written)
{
    struct lki_model *model = model_of(program, LKI_COUNT(program));

    program_verify(model);
    lki_model_free(model);
}
END_TEST

START_TEST(the_order_of_registration_changes_nothing)
{
    struct lk_def *defs[LKI_COUNT(program)];
    struct lki_model *model;

    /* every step from one to the next of these leads to all of them once */
    for (size_t i = 0; i < LKI_COUNT(program); i++)
        defs[i] = program[(i * 5 + (size_t)_i) % LKI_COUNT(program)];
    model = model_of(defs, LKI_COUNT(program));
    program_verify(model);
    lki_model_free(model);
}
END_TEST

START_TEST(numbers_have_their_defaults)
{
    struct lki_model *model = model_of(program, LKI_COUNT(program));
    const struct lki_vu_type *demo = &model->types[0];

    ck_assert(demo->weight == 1 && model->types[1].weight == 2.5);
    ck_assert(demo->steps[0].weight == 3 && demo->steps[1].weight == 1);
    ck_assert_int_eq(demo->steps[0].timeout_ns, LKI_NEVER);
    ck_assert_int_eq(demo->steps[1].timeout_ns, 5 * LKI_NS_PER_S);
    ck_assert_int_eq(demo->steps[2].timeout_ns, LKI_NEVER);
    ck_assert_int_eq(demo->hook_timeout_ns[LK_HOOK_INIT], 30 * LKI_NS_PER_S);
    ck_assert_int_eq(demo->hook_timeout_ns[LK_HOOK_START], LKI_NEVER);
    ck_assert_int_eq(demo->hook_timeout_ns[LK_HOOK_STOP], 500 * LKI_NS_PER_MS);
    ck_assert_ptr_eq(&demo->hooks[LK_HOOK_INIT]->def, program[6]);
    ck_assert_ptr_null(model->types[1].hooks[LK_HOOK_INIT]);
    ck_assert_uint_eq(demo->state_bytes, 8);
    ck_assert_uint_eq(model->types[1].state_bytes, 0);
    ck_assert_uint_eq(demo->steps[1].stack_bytes, 32768);
    lki_model_free(model);
}
END_TEST

START_TEST(needs_are_indices_each_once)
{
    struct lki_model *model = model_of(program, LKI_COUNT(program));
    const struct lki_step *step = &model->types[0].steps[0];

    ck_assert_uint_eq(step->need_count, 2);
    ck_assert_uint_eq(step->needs[0], 1);
    ck_assert_uint_eq(step->needs[1], 2);
    ck_assert_uint_eq(model->types[0].steps[1].need_count, 0);
    lki_model_free(model);
}
END_TEST

START_TEST(a_step_is_labelled_by_its_name_unless_two_types_have_it)
{
    struct lk_def *defs[] = {DEMO,
                             LOGIN,
                             STEP("a.c", 11, "demo", "buy"),
                             VU("b.c", 1, "guest", ),
                             STEP("b.c", 2, "guest", "look"),
                             STEP("b.c", 3, "guest", "login"),
                             VU("c.c", 1, "robot", ),
                             STEP("c.c", 2, "robot", "login"),
                             STEP("c.c", 3, "robot", "buy.now")};
    struct lki_model *model = model_of(defs, LKI_COUNT(defs));
    static const char *const want[][2] = {
        {"demo.login", "buy"}, {"look", "guest.login"}, {"robot.login", "buy.now"}};

    for (size_t t = 0; t < 3; t++) {
        for (size_t s = 0; s < 2; s++)
            ck_assert_str_eq(model->types[t].steps[s].label, want[t][s]);
    }
    lki_model_free(model);
}
END_TEST

static char datum[1];

/* What is there in place of an element of the program, or beside all of them. */
static const struct change_case {
    size_t at; /* LKI_COUNT(program): beside */
    struct lk_def *defs[3];
} others[] = {
    {0, {VU("b.c", 1, "late", .weight = 3)}},
    {0, {VU("b.c", 1, "late", .weight = 2.5, .strategy = lk_choose_parallel)}},
    {1, {STEP("b.c", 20, "late", "once")}},
    {1, {STEP("b.c", 20, "late", "only", .state_bytes = 16)}},
    {1, {STEP("b.c", 20, "late", "only", .weight = 2)}},
    {1, {STEP("b.c", 20, "late", "only", .timeout_s = 1)}},
    {1, {STEP("b.c", 20, "late", "only", .stack_bytes = 32768)}},
    {1, {STEP("b.c", 20, "late", "only", .data = datum)}},
    {1, {STEP("b.c", 20, "late", "only", .every = LK_BETWEEN(0, 1))}},
    {1, {STEP("b.c", 20, "late", "only", .every = LK_BETWEEN(1, 2))}},
    {1, {STEP("b.c", 20, "late", "only", .every = LK_DELAY_FN(pause_fn))}},
    {1, {STEP("b.c", 20, "late", "only", .pace = LK_BETWEEN(0, 1))}},
    {1, {STEP("b.c", 20, "late", "only", .pace = LK_BETWEEN(1, 2))}},
    {1, {STEP("b.c", 20, "late", "only", .pace = LK_DELAY_FN(pause_fn))}},
    {4,
     {STEP("a.c", 9, "demo", "z", .weight = 3, .timeout_s = LK_OFF, .state_bytes = 8,
           .needs = "login")}},
    {4,
     {STEP("a.c", 9, "demo", "z", .weight = 3, .timeout_s = LK_OFF, .state_bytes = 8,
           .needs = "a")}},
    {7, {HOOK("c.c", 1, "demo", LK_HOOK_STOP, .timeout_s = 2, .state_bytes = 8)}},
    {10, {PARAM("a.c", 8, "size", .value = "11")}},
    {10, {PARAM("a.c", 8, "size", .value = "10", .type = LK_INT)}},
    {11, {PARAM("a.c", 7, "color", .required = true)}},
    {11, {PARAM("a.c", 7, "color", .secret = true)}},
    {11, {PARAM("a.c", 7, "colour", )}},
    {12, {RESOURCE("c.c", 9, "users", make_nothing, .count = 5)}},
    {12, {RESOURCE("c.c", 9, "user", make_nothing)}},
    {14, {RUN_HOOK("c.c", 12, LK_RUN_TEARDOWN, run_once, .timeout_s = 1)}},
    {14, {RUN_HOOK("c.c", 12, LK_RUN_SETUP, run_once)}},
    {15, {METRIC("c.c", 13, "size", LK_TREND, .resolution = 2)}},
    {15, {METRIC("c.c", 13, "size", LK_TREND, .resolution = 1, .unit = "B")}},
    {15, {METRIC("c.c", 13, "length", LK_TREND, .resolution = 1)}},
    {15, {PROBE("a.c", 1, "size", read_zero, .every_s = 1)}},
    {16, {METRIC("a.c", 13, "sold", LK_GAUGE)}},
    {17, {PROBE("c.c", 14, "queue", read_zero, .every_s = 2)}},
    {17, {PROBE("c.c", 14, "queue", read_zero, .every_s = 1, .timeout_s = 1)}},
    {17, {PROBE("c.c", 14, "rows", read_zero, .every_s = 1)}},
    {LKI_COUNT(program), {VU("d.c", 1, "new", ), STEP("d.c", 2, "new", "only")}},
    {LKI_COUNT(program), {STEP("c.c", 99, "late", "more")}},
    {LKI_COUNT(program), {HOOK("c.c", 99, "late", LK_HOOK_INIT)}},
    {LKI_COUNT(program), {PARAM("c.c", 99, "new", )}},
    {LKI_COUNT(program), {RESOURCE("c.c", 99, "new", make_nothing)}},
    {LKI_COUNT(program), {RUN_HOOK("c.c", 99, LK_RUN_SETUP, run_once)}},
    {LKI_COUNT(program), {METRIC("c.c", 99, "new", LK_RATE)}},
    {LKI_COUNT(program), {PROBE("c.c", 99, "new", read_zero, .every_s = 1)}},
};

/* Each of these is the same said in another way, or elsewhere. */
static const struct change_case likes[] = {
    {1, {STEP("b.c", 25, "late", "only", .weight = 1, .timeout_s = LK_OFF)}},
    {2, {VU("a.c", 1, "demo", .weight = 1, .help = "who looks round")}},
    {6, {HOOK("c.c", 2, "demo", LK_HOOK_INIT, .state_bytes = 8, .timeout_s = 30)}},
    {9, {PARAM("c.c", 10, "base_url", .required = true, .help = "what is loaded")}},
    {11, {PARAM("a.c", 7, "color", .value = "")}},
    {14, {RUN_HOOK("c.c", 12, LK_RUN_TEARDOWN, run_once, .timeout_s = 60)}},
    {17, {PROBE("c.c", 14, "queue", read_zero, .every_s = 1, .timeout_s = 30, .help = "rows")}},
};

/* That of the program, with the change unless it is NULL. */
static uint64_t hash_with(const struct change_case *change)
{
    struct lk_def *defs[LKI_COUNT(program) + 2];
    size_t count = LKI_COUNT(program);
    struct lki_model *model;
    uint64_t hash;

    memcpy(defs, program, sizeof(program));
    if (change)
        memcpy(&defs[change->at], change->defs, defs_count(change->defs) * sizeof(*defs));
    if (change && change->at == count)
        count += defs_count(change->defs);
    model = model_of(defs, count);
    hash = lki_program_hash(model);
    lki_model_free(model);
    return hash;
}

START_TEST(whatever_is_registered_in_another_way_makes_another_program)
{
    uint64_t hash = hash_with(&others[_i]);

    ck_assert_uint_ne(hash, hash_with(NULL));
    for (size_t i = 0; i < (size_t)_i; i++)
        ck_assert_uint_ne(hash, hash_with(&others[i]));
}
END_TEST

START_TEST(a_program_is_the_same_wherever_it_was_written)
{
    ck_assert_uint_eq(hash_with(&likes[_i]), hash_with(NULL));
}
END_TEST

START_TEST(values_that_are_given_make_no_other_program)
{
    static const char *const texts[] = {"base_url=http://h/", "size=7"};
    struct lki_model *model = model_of(program, LKI_COUNT(program));
    struct lki_buf problems;

    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_set_params(model, texts, LKI_COUNT(texts), &problems), LK_OK);
    ck_assert_uint_eq(lki_program_hash(model), hash_with(NULL));
    lki_buf_release(&problems);
    lki_model_free(model);
}
END_TEST

static const struct params_case {
    const char *texts[4];
    enum lk_err err;
    const char *lines;
} params_cases[] = {
    {{"base_url=http://h/?a=b"}, LK_OK, ""},
    {{"size=", "base_url=x", "color=="}, LK_OK, ""},
    {{NULL},
     LK_E_ARG,
     "c.c:8: parameter base_url is required; give it with -p base_url=VALUE (target)\n"},
    {{"size=1"},
     LK_E_ARG,
     "c.c:8: parameter base_url is required; give it with -p base_url=VALUE (target)\n"},
    {{"base_url="},
     LK_E_ARG,
     "parameter base_url is required but given empty; write base_url=VALUE\n"},
    {{"base_url"}, LK_E_ARG, "parameter base_url has no value; write base_url=VALUE\n"},
    {{"base_url=1", "size=1", "base_url=1"},
     LK_E_ARG,
     "parameter base_url is given twice; give it once\n"},
    {{"baseurl=1"},
     LK_E_ARG,
     "unknown parameter 'baseurl'; did you mean base_url? there is color, size, base_url "
     "(required)\n"},
    {{"base_url=1", "nothing=\n", "=2", "\n"},
     LK_E_ARG,
     "unknown parameter 'nothing'; there is color, size, base_url (required)\n"
     "unknown parameter ''; there is color, size, base_url (required)\n"
     "unknown parameter '?'; there is color, size, base_url (required)\n"},
};

START_TEST(parameters_are_set_or_their_problems_told)
{
    const struct params_case *want = &params_cases[_i];
    struct lki_model *model = model_of(program, LKI_COUNT(program));
    struct lki_buf problems;
    size_t count = 0;

    while (count < LKI_COUNT(want->texts) && want->texts[count])
        count++;
    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_set_params(model, want->texts, count, &problems), want->err);
    ck_assert_str_eq(lki_buf_cstr(&problems), want->lines);
    lki_buf_release(&problems);
    lki_model_free(model);
}
END_TEST

static const struct value_case {
    enum lk_param_type type;
    const char *text;
    int64_t integer;
    double number;
    const char *why; /* NULL: it is right */
} value_cases[] = {
    {LK_STRING, "", 0, 0, NULL},
    {LK_INT, "42", 42, 0, NULL},
    {LK_INT, "0", 0, 0, NULL},
    {LK_INT, "-1", -1, 0, NULL},
    {LK_INT, "10k", 10000, 0, NULL},
    {LK_INT, "-3M", -3000000, 0, NULL},
    {LK_INT, "9223372036854775807", INT64_MAX, 0, NULL},
    {LK_INT, "-9223372036854775808", INT64_MIN, 0, NULL},
    {LK_INT, "9223372036854775808", 0, 0, "it is too large"},
    {LK_INT, "-9223372036854775809", 0, 0, "it is too small"},
    {LK_INT, "99999999999999999999", 0, 0, "it is too large"},
    {LK_INT, "", 0, 0, "it is empty"},
    {LK_INT, "ten", 0, 0, "a number was expected"},
    {LK_INT, "-", 0, 0, "a number was expected"},
    {LK_INT, "--1", 0, 0, "a number was expected"},
    {LK_INT, " 1", 0, 0, "a number was expected"},
    {LK_INT, "1 ", 0, 0, "something follows the digits"},
    {LK_INT, "1.5", 0, 0, "something follows the digits"},
    {LK_DOUBLE, "0.5", 0, 0.5, NULL},
    {LK_DOUBLE, "-2", 0, -2, NULL},
    {LK_DOUBLE, "1e6", 0, 1e6, NULL},
    {LK_DOUBLE, "0.1", 0, 0.1, NULL},
    {LK_DOUBLE, "1e999", 0, 0, "it is too large"},
    {LK_DOUBLE, "", 0, 0, "it is empty"},
    {LK_DOUBLE, "0,5", 0, 0, "a number was expected"},
    {LK_DOUBLE, "nan", 0, 0, "a number was expected"},
    {LK_DOUBLE, "0x10", 0, 0, "a number was expected"},
    {LK_BOOL, "true", 1, 0, NULL},
    {LK_BOOL, "Yes", 1, 0, NULL},
    {LK_BOOL, "on", 1, 0, NULL},
    {LK_BOOL, "1", 1, 0, NULL},
    {LK_BOOL, "false", 0, 0, NULL},
    {LK_BOOL, "NO", 0, 0, NULL},
    {LK_BOOL, "off", 0, 0, NULL},
    {LK_BOOL, "0", 0, 0, NULL},
    {LK_BOOL, "", 0, 0, "it is empty"},
    {LK_BOOL, "2", 0, 0, "true or false was expected"},
    {LK_BOOL, "truee", 0, 0, "true or false was expected"},
    {LK_SECONDS, "1.5", 0, 1.5, NULL},
    {LK_SECONDS, "250ms", 0, 0.25, NULL},
    {LK_SECONDS, "1h30m", 0, 5400, NULL},
    {LK_SECONDS, "-1", 0, 0, "it is negative"},
    {LK_SECONDS, "5x", 0, 0, "the units are d h m s ms us"},
};

START_TEST(a_value_is_read_by_its_type_or_refused)
{
    const struct value_case *want = &value_cases[_i];
    const struct lk_param_def def = {.type = want->type};
    struct lki_param param = {.def = &def, .value = "before", .integer = -7, .number = -7};
    const char *why = NULL;
    enum lk_err err = lki_param_read(&param, want->text, &why);

    ck_assert_int_eq(err != LK_OK, want->why != NULL);
    ck_assert_str_eq(param.value, err ? "before" : want->text);
    if (err)
        ck_assert_str_eq(why, want->why);
    if (!err && (want->type == LK_INT || want->type == LK_BOOL))
        ck_assert_int_eq(param.integer, want->integer);
    else
        ck_assert_int_eq(param.integer, -7);
    if (!err && (want->type == LK_DOUBLE || want->type == LK_SECONDS))
        ck_assert(param.number == want->number);
    else
        ck_assert(param.number == -7);
}
END_TEST

/* Parameters of every type, one of them secret. */
static struct lk_def *const typed[] = {
    DEMO,
    LOGIN,
    PARAM("a.c", 2, "count", .type = LK_INT, .value = "10k"),
    PARAM("a.c", 3, "share", .type = LK_DOUBLE),
    PARAM("a.c", 4, "loud", .type = LK_BOOL, .value = "on"),
    PARAM("a.c", 5, "pause", .type = LK_SECONDS, .value = "250ms"),
    PARAM("a.c", 6, "pin", .type = LK_INT, .secret = true),
    PARAM("a.c", 7, "token", .secret = true, .required = true),
};

START_TEST(values_are_those_registered_until_others_are_given)
{
    const char *const texts[] = {"count=-3", "loud=off", "pause=2", "token=x", "share=0.125"};
    struct lki_model *model = model_of(typed, LKI_COUNT(typed));
    struct lki_buf problems;

    ck_assert_int_eq(lki_model_param(model, "count")->integer, 10000);
    ck_assert(lki_model_param(model, "share")->number == 0);
    ck_assert_int_eq(lki_model_param(model, "loud")->integer, 1);
    ck_assert(lki_model_param(model, "pause")->number == 0.25);
    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_set_params(model, texts, LKI_COUNT(texts), &problems), LK_OK);
    ck_assert_int_eq(lki_model_param(model, "count")->integer, -3);
    ck_assert(lki_model_param(model, "share")->number == 0.125);
    ck_assert_int_eq(lki_model_param(model, "loud")->integer, 0);
    ck_assert(lki_model_param(model, "pause")->number == 2);
    ck_assert_str_eq(lki_model_param(model, "pause")->value, "2");
    ck_assert_str_eq(lki_model_param(model, "token")->value, "x");
    lki_buf_release(&problems);
    lki_model_free(model);
}
END_TEST

static const struct given_case {
    const char *text;
    const char *from;
    const char *line;
} given_cases[] = {
    {"count=many", NULL,
     "parameter count is 'many': a number was expected; give a whole number such as 42, -1 or "
     "10k\n"},
    {"loud=\n", "the variable LK_PARAM_loud",
     "parameter loud is '?' (from the variable LK_PARAM_loud): true or false was expected; give "
     "true or false\n"},
    {"pause=5x", "the file wait",
     "parameter pause is '5x' (from the file wait): the units are d h m s ms us; give a time such "
     "as 1.5, 250ms or 1h30m\n"},
    {"pin=hunter2", NULL,
     "parameter pin is secret and not shown: a number was expected; give a whole number such as "
     "42, -1 or 10k\n"},
    {"pin", NULL, "parameter pin has no value; write pin=@FILE\n"},
    {"token=", "the file key",
     "parameter token is required but empty in the file key; write it there\n"},
};

START_TEST(a_value_that_is_wrong_is_told_with_its_place_but_no_secret)
{
    const struct given_case *want = &given_cases[_i];
    const char *const texts[] = {want->text, "token=x"};
    const char *const from[] = {want->from, NULL};
    size_t count = strncmp(want->text, "token", 5) ? 2 : 1;
    struct lki_model *model = model_of(typed, LKI_COUNT(typed));
    struct lki_buf problems;

    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_set_params_from(model, texts, from, count, &problems), LK_E_ARG);
    ck_assert_str_eq(lki_buf_cstr(&problems), want->line);
    lki_buf_release(&problems);
    lki_model_free(model);
}
END_TEST

START_TEST(a_secret_that_is_missing_is_asked_for_where_nobody_sees_it)
{
    struct lki_model *model = model_of(typed, LKI_COUNT(typed));
    struct lki_buf problems;

    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_set_params(model, NULL, 0, &problems), LK_E_ARG);
    ck_assert_str_eq(lki_buf_cstr(&problems),
                     "a.c:7: parameter token is required; give it with -p token=@FILE, or in the "
                     "variable LK_PARAM_token\n");
    lki_buf_release(&problems);
    lki_model_free(model);
}
END_TEST

START_TEST(a_program_without_parameters_says_so)
{
    struct lk_def *defs[] = {DEMO, LOGIN};
    struct lki_model *model = model_of(defs, 2);
    const char *text = "x=1";
    struct lki_buf problems;

    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_set_params(model, &text, 1, &problems), LK_E_ARG);
    ck_assert_str_eq(lki_buf_cstr(&problems),
                     "unknown parameter 'x'; this program has no parameters\n");
    lki_buf_release(&problems);
    lki_model_free(model);
}
END_TEST

START_TEST(a_parameter_is_what_was_given_else_registered_else_empty)
{
    struct lki_model *model = model_of(program, LKI_COUNT(program));
    const char *text = "base_url=http://h/?a=b";
    struct lki_buf problems;

    lki_buf_init(&problems, TEXT_MAX);
    ck_assert_int_eq(lki_model_set_params(model, &text, 1, &problems), LK_OK);
    ck_assert_str_eq(lki_model_param(model, "base_url")->value, "http://h/?a=b");
    ck_assert_str_eq(lki_model_param(model, "size")->value, "10");
    ck_assert_str_eq(lki_model_param(model, "color")->value, "");
    ck_assert(!lki_model_param(model, "size")->given);
    ck_assert_ptr_null(lki_model_param(model, "base"));
    lki_buf_release(&problems);
    lki_model_free(model);
}
END_TEST

START_TEST(a_model_that_is_not_there_is_freed)
{
    lki_model_free(NULL);
}
END_TEST

/* What the registry holds is these, the newest first; ended by NULL. */
static void registered_verify(const struct lk_def *const *want)
{
    const struct lk_def *def = lki_registry_first();

    for (; *want; want++, def = def->next_)
        ck_assert_ptr_eq(def, *want);
    ck_assert_ptr_null(def);
}

#define REGISTERED(...) registered_verify((const struct lk_def *[]){__VA_ARGS__, NULL})

START_TEST(a_descriptor_is_registered_once_until_it_is_taken_out)
{
    struct lk_def *defs[] = {DEMO, LOGIN, PARAM("a.c", 2, "size", )};

    REGISTERED(NULL);
    for (size_t i = 0; i < 3; i++)
        lk_register(defs[i]);
    for (size_t i = 0; i < 3; i++)
        lk_register(defs[i]);
    REGISTERED(defs[2], defs[1], defs[0]);
    lk_unregister(defs[0]);
    lk_unregister(defs[0]);
    REGISTERED(defs[2], defs[1]);
    lk_register(defs[1]);
    lk_register(defs[0]);
    REGISTERED(defs[0], defs[2], defs[1]);
    lk_unregister(defs[2]);
    lk_unregister(defs[0]);
    lk_unregister(defs[1]);
    REGISTERED(NULL);
    lk_register(defs[1]);
    lk_register(defs[1]);
    REGISTERED(defs[1]);
    lk_unregister(defs[1]);
    REGISTERED(NULL);
}
END_TEST

START_TEST(a_descriptor_whose_memory_was_not_zeroed_is_registered)
{
    struct lk_def *demo = DEMO;
    struct lk_def *login = LOGIN;
    struct lk_def *size = PARAM("a.c", 2, "size", );

    login->next_ = login;
    size->next_ = demo;
    lk_register(demo);
    lk_register(login);
    lk_register(size);
    REGISTERED(size, login, demo);
    lk_unregister(demo);
    lk_unregister(login);
    lk_unregister(size);
}
END_TEST

START_TEST(many_descriptors_are_registered_and_taken_out_in_no_time)
{
    const size_t count = 200000; /* were each one to look at all others, this would take minutes */
    struct lk_def *defs = calloc(count, sizeof(*defs));
    size_t held = 0;

    ck_assert_ptr_nonnull(defs);
    for (size_t i = 0; i < count; i++)
        lk_register(&defs[i]);
    for (const struct lk_def *def = lki_registry_first(); def; def = def->next_)
        held++;
    ck_assert_uint_eq(held, count);
    while (held)
        lk_unregister(&defs[--held]);
    ck_assert_ptr_null(lki_registry_first());
    free(defs);
}
END_TEST

static Suite *model_suite(void)
{
    Suite *suite = suite_create("model");
    TCase *faults = tcase_create("faults");
    TCase *order = tcase_create("order");
    TCase *identity = tcase_create("identity");
    TCase *params = tcase_create("params");
    TCase *registry = tcase_create("registry");

    tcase_add_loop_test(faults, a_wrong_registry_is_told_line_by_line, 0, LKI_COUNT(wrongs));
    tcase_add_loop_test(faults, what_is_told_does_not_depend_on_the_order_of_registration, 0,
                        LKI_COUNT(wrongs));
    tcase_add_test(faults, a_descriptor_of_another_version_is_told_and_nothing_else);
    tcase_add_test(faults, lines_that_do_not_fit_are_left_out_whole);
    tcase_add_test(order, everything_stands_in_the_order_in_which_it_was_written);
    tcase_add_loop_test(order, the_order_of_registration_changes_nothing, 0, LKI_COUNT(program));
    tcase_add_test(order, numbers_have_their_defaults);
    tcase_add_test(order, needs_are_indices_each_once);
    tcase_add_test(order, a_model_that_is_not_there_is_freed);
    tcase_add_test(order, a_step_is_labelled_by_its_name_unless_two_types_have_it);
    tcase_add_loop_test(identity, whatever_is_registered_in_another_way_makes_another_program, 0,
                        LKI_COUNT(others));
    tcase_add_loop_test(identity, a_program_is_the_same_wherever_it_was_written, 0,
                        LKI_COUNT(likes));
    tcase_add_test(identity, values_that_are_given_make_no_other_program);
    tcase_add_test(registry, a_descriptor_is_registered_once_until_it_is_taken_out);
    tcase_add_test(registry, a_descriptor_whose_memory_was_not_zeroed_is_registered);
    tcase_add_test(registry, many_descriptors_are_registered_and_taken_out_in_no_time);
    tcase_add_loop_test(params, parameters_are_set_or_their_problems_told, 0,
                        LKI_COUNT(params_cases));
    tcase_add_loop_test(params, a_value_is_read_by_its_type_or_refused, 0, LKI_COUNT(value_cases));
    tcase_add_test(params, values_are_those_registered_until_others_are_given);
    tcase_add_loop_test(params, a_value_that_is_wrong_is_told_with_its_place_but_no_secret, 0,
                        LKI_COUNT(given_cases));
    tcase_add_test(params, a_secret_that_is_missing_is_asked_for_where_nobody_sees_it);
    tcase_add_test(params, a_program_without_parameters_says_so);
    tcase_add_test(params, a_parameter_is_what_was_given_else_registered_else_empty);
    suite_add_tcase(suite, faults);
    suite_add_tcase(suite, order);
    suite_add_tcase(suite, identity);
    suite_add_tcase(suite, params);
    suite_add_tcase(suite, registry);
    return suite;
}

int main(void)
{
    return suite_run(model_suite());
}

/*
 * loadkit/scenario.h - the macros with which a scenario registers itself.
 *
 * Each macro makes a static descriptor and a constructor that links it into the registry: nothing
 * is allocated and nothing is done before main. What a macro does, lk_register() does too. Options
 * are designated initialisers; zero means the default. The macros are C; C++ programs fill in the
 * descriptors themselves.
 */
#ifndef LOADKIT_SCENARIO_H
#define LOADKIT_SCENARIO_H

#include <loadkit/api.h>
#include <loadkit/err.h>
#include <loadkit/values.h>

/* Says "none" where zero already means the default. */
#define LK_OFF (-1.0)

enum lk_def_kind {
    LK_DEF_PARAM = 1,
    LK_DEF_RESOURCE = 2,
    LK_DEF_VU = 3,
    LK_DEF_HOOK = 4,
    LK_DEF_STEP = 5,
    LK_DEF_RUN_HOOK = 6,
    LK_DEF_METRIC = 7,
    LK_DEF_PROBE = 8
};

/* The head of every descriptor. next_ belongs to the registry. */
struct lk_def {
    size_t size;           /* of the whole descriptor, in bytes */
    enum lk_def_kind kind; /* which descriptor this is the head of */
    const char *vu;        /* user type that it belongs to; NULL for none */
    const char *name;      /* as reports show it */
    const char *file;      /* where it was written */
    int line;
    struct lk_def *next_;
};

/* What a parameter's text must be; checked before the run begins. */
enum lk_param_type {
    LK_STRING = 0,
    LK_INT = 1,    /* "42", "-1", "10k" */
    LK_DOUBLE = 2, /* "0.5" */
    LK_BOOL = 3,   /* "true", "yes", "on", "1", or their opposites */
    LK_SECONDS = 4 /* a duration: "1.5", "250ms", "1h30m" */
};

/* A parameter of the run, given by -p name=value. */
struct lk_param_def {
    struct lk_def def;
    int mark_;
    enum lk_param_type type; /* default LK_STRING */
    bool required;           /* a run without it is refused */
    bool secret;             /* taken from a file or the environment only, and never shown */
    const char *value;       /* what it is when not given; NULL: "", 0, false */
    const char *help;        /* one line for `list` */
};

/* Something that one user at a time may hold: an account, a card, a phone number. */
struct lk_resource_def {
    struct lk_def def;
    lk_json *(*make)(lk_vu *vu, const char *id); /* makes the object for one new id; may wait; if
                                                    it fails, it is called for that id again */
    uint64_t count; /* so many at most; 0: as many as there are users */
    const char *help;
};

/* A pause: fixed (both bounds alike), random between two bounds, or what a function says. */
struct lk_delay {
    double min_s;
    double max_s;
    double (*fn)(lk_vu *vu); /* seconds; called once for each pause; may not wait */
};

#define LK_FIXED(seconds)                                                                          \
    {                                                                                              \
        .min_s = (seconds), .max_s = (seconds)                                                     \
    }
#define LK_BETWEEN(min_seconds, max_seconds)                                                       \
    {                                                                                              \
        .min_s = (min_seconds), .max_s = (max_seconds)                                             \
    }
#define LK_DELAY_FN(function)                                                                      \
    {                                                                                              \
        .fn = (function)                                                                           \
    }

/* A step as a strategy sees it. */
struct lk_candidate {
    const struct lk_step_def
        *step;      /* its name is step->def.name, what is the author's step->data */
    bool ready;     /* its needs are met and its pause is over */
    bool needs_met; /* each step that it needs has succeeded in this life */
    bool succeeded; /* it has itself succeeded in this life */
    double wait_s;  /* until its pause is over; 0: it is */
};

/* What a strategy gets and says. */
struct lk_choice {
    const struct lk_candidate *steps; /* all steps of the user's type, as they were written */
    size_t step_count;
    size_t *chosen;      /* to be filled in: indices into steps; has room for each once */
    size_t chosen_count; /* 0: none now; 1: that one; more: all at once, then a barrier */
    double wait_s;       /* with none chosen, when to ask again; 0: when a step becomes ready */
};

/*
 * Chooses what a user does next. Called in the user's task at each turn; it may draw from the
 * user's random numbers and use its state, self, but not wait. What it chooses is carried out even
 * if it is not ready.
 */
typedef void lk_strategy(lk_vu *vu, void *self, struct lk_choice *choice);

/* A type of virtual user. */
struct lk_vu_def {
    struct lk_def def;
    int mark_;
    double weight;         /* share of the users that are of this type; default 1 */
    lk_strategy *strategy; /* default lk_choose_weighted */
    const char *help;
};

enum lk_hook_kind { LK_HOOK_INIT = 0, LK_HOOK_START = 1, LK_HOOK_STOP = 2, LK_HOOK_COUNT_ = 3 };

/* What a user does once at a turn of its life. */
struct lk_hook_def {
    struct lk_def def;
    size_t state_bytes;
    enum lk_hook_kind hook;
    void (*run)(lk_vu *vu, void *self);
    double timeout_s; /* default 30; LK_OFF for none */
};

/* What a user does again and again. */
struct lk_step_def {
    struct lk_def def;
    size_t state_bytes;
    void (*run)(lk_vu *vu, void *self);
    double weight;     /* share of the choices among the steps that are ready; default 1 */
    const char *needs; /* steps that must have succeeded before in this life: "login" or "a,b" */
    struct lk_delay every; /* pause from the end of this step to its next start */
    struct lk_delay pace;  /* the same, counted from the start of this step */
    double timeout_s;      /* default none */
    size_t stack_bytes;    /* default 64 KiB */
    void *data;            /* for a strategy of the author's own */
};

enum lk_run_hook_kind { LK_RUN_SETUP = 0, LK_RUN_TEARDOWN = 1, LK_RUN_HOOK_COUNT_ = 2 };

/* What is done once in a run: before the first user begins, and after the last one has gone. */
struct lk_run_hook_def {
    struct lk_def def;
    enum lk_run_hook_kind hook;
    void (*run)(lk_vu *vu);
    double timeout_s; /* default 60; LK_OFF for none */
};

enum lk_metric_type {
    LK_TREND = 1,   /* values of which percentiles are wanted */
    LK_COUNTER = 2, /* amounts that add up */
    LK_GAUGE = 3,   /* a level: the last value counts, beside the smallest and the largest */
    LK_RATE = 4     /* the share of values that are not 0 */
};

/* A metric of the author's, recorded by lk_record. */
struct lk_metric_def {
    struct lk_def def;
    enum lk_metric_type type;
    const char *unit;  /* as reports show it, such as "ms" or "B"; NULL: none */
    double resolution; /* of a trend: the smallest value told from 0; default 0.001. The largest is
                          3.6e9 times as much */
    const char *help;
};

/* A value that is sampled on a period while a run is on. */
struct lk_probe_def {
    struct lk_def def;
    struct lk_value (*read)(lk_vu *vu); /* gives the value, by LK_VALUE; may wait, and fail */
    double every_s;                     /* from the end of one reading to the next; > 0 */
    double timeout_s;                   /* default 30; LK_OFF for none */
    const char *help;
};

LK_BEGIN_DECLS

/*
 * lk_register - add a descriptor to the program's registry.
 *
 * def       head of a descriptor that lives until lk_unregister or the end of the program
 * owns      the registry links def in place, it copies nothing
 * context   main thread, while no run is on
 * since     0.1; lk_register(3)
 */
LK_API void lk_register(struct lk_def *def);

/*
 * lk_unregister - take a descriptor out of the registry, as a dlclose'd scenario must.
 *
 * def       as it was given to lk_register; one that is not registered is ignored
 * context   main thread, while no run is on
 * since     0.1; lk_register(3)
 */
LK_API void lk_unregister(struct lk_def *def);

/*
 * lk_choose_weighted - the strategy of users that name none: one ready step, drawn by weight.
 *
 * context   as .strategy of LK_VU, or called by a strategy of the author's own
 * since     0.1; lk_choose_weighted(3)
 */
LK_API void lk_choose_weighted(lk_vu *vu, void *self, struct lk_choice *choice);

/*
 * lk_choose_parallel - the strategy that starts all ready steps at once and waits for them all.
 *
 * Each step has a stack and, as long as another one is busy on the first, connections of its own.
 *
 * context   as .strategy of LK_VU, or called by a strategy of the author's own
 * since     0.1; lk_choose_weighted(3)
 */
LK_API void lk_choose_parallel(lk_vu *vu, void *self, struct lk_choice *choice);

/*
 * lk_main - run the program's command line: `run`, `list`, `help` and so on.
 *
 * argc      as main got it
 * argv      as main got it
 * returns   the exit status: 0 passed, 1 the run failed, 2 usage or configuration, 99 a threshold
 * context   from main, once at a time. Meanwhile SIGINT, SIGTERM and SIGHUP end the run, SIGPIPE is
 *           ignored, and a fault in a step (SIGSEGV, SIGBUS, SIGFPE, SIGILL) is told with its step
 * since     0.1; lk_main(3)
 */
LK_API int lk_main(int argc, char **argv);

LK_END_DECLS

#ifndef __cplusplus

#define LK_FIRST_(first, ...) first
#define LK_UNUSED_ __attribute__((unused))

#define LK_REGISTER_(object)                                                                       \
    __attribute__((constructor)) static void lk_ctor_##object(void)                                \
    {                                                                                              \
        lk_register(&object.def);                                                                  \
    }                                                                                              \
    __attribute__((destructor)) static void lk_dtor_##object(void)                                 \
    {                                                                                              \
        lk_unregister(&object.def);                                                                \
    }

#define LK_DEF_(type, def_kind, vu_name, def_name)                                                 \
    {                                                                                              \
        .size = sizeof(type), .kind = (def_kind), .vu = (vu_name), .name = (def_name),             \
        .file = __FILE__, .line = __LINE__                                                         \
    }

/* LK_PARAM(name, .required = true, .value = "default", .help = "one line") */
#define LK_PARAM(...) LK_PARAM_(LK_FIRST_(__VA_ARGS__, 0), __VA_ARGS__)
#define LK_PARAM_(name, ...) LK_PARAM__(name, __VA_ARGS__)
#define LK_PARAM__(name, ...)                                                                      \
    enum { lk_param_mark_##name };                                                                 \
    static struct lk_param_def lk_param_def_##name = {                                             \
        .def = LK_DEF_(struct lk_param_def, LK_DEF_PARAM, NULL, #name),                            \
        .mark_ = lk_param_mark_##__VA_ARGS__};                                                     \
    LK_REGISTER_(lk_param_def_##name)                                                              \
    struct lk_param_def /* takes the semicolon */

/* LK_RESOURCE(name) { return LK_OBJECT(...); }   in scope: vu, id */
#define LK_RESOURCE(...) LK_RESOURCE_(LK_FIRST_(__VA_ARGS__, 0), __VA_ARGS__)
#define LK_RESOURCE_(name, ...) LK_RESOURCE__(name, __VA_ARGS__)
#define LK_RESOURCE__(name, ...)                                                                   \
    static lk_json *lk_make_##name(lk_vu *vu, const char *id);                                     \
    static struct lk_resource_def lk_resource_def_##name = {                                       \
        .def = LK_DEF_(struct lk_resource_def, LK_DEF_RESOURCE, NULL, #name),                      \
        .make = lk_make_##__VA_ARGS__};                                                            \
    LK_REGISTER_(lk_resource_def_##name)                                                           \
    static lk_json *lk_make_##name(LK_UNUSED_ lk_vu *vu, LK_UNUSED_ const char *id)

/* LK_VU(name) { members of the state of one user };   defines struct name */
#define LK_VU(...) LK_VU_(LK_FIRST_(__VA_ARGS__, 0), __VA_ARGS__)
#define LK_VU_(name, ...) LK_VU__(name, __VA_ARGS__)
#define LK_VU__(name, ...)                                                                         \
    enum { lk_vu_mark_##name };                                                                    \
    static struct lk_vu_def lk_vu_def_##name = {                                                   \
        .def = LK_DEF_(struct lk_vu_def, LK_DEF_VU, #name, #name),                                 \
        .mark_ = lk_vu_mark_##__VA_ARGS__};                                                        \
    LK_REGISTER_(lk_vu_def_##name)                                                                 \
    struct name

/* LK_ON_INIT(vu_type, .timeout_s = 5) { ... }   in scope: vu, self */
#define LK_ON_INIT(...) LK_HOOK_(init, LK_HOOK_INIT, LK_FIRST_(__VA_ARGS__, 0), __VA_ARGS__)
#define LK_ON_START(...) LK_HOOK_(start, LK_HOOK_START, LK_FIRST_(__VA_ARGS__, 0), __VA_ARGS__)
#define LK_ON_STOP(...) LK_HOOK_(stop, LK_HOOK_STOP, LK_FIRST_(__VA_ARGS__, 0), __VA_ARGS__)
#define LK_HOOK_(which, hook_kind, type, ...) LK_HOOK__(which, hook_kind, type, __VA_ARGS__)
#define LK_HOOK__(which, hook_kind, type, ...)                                                     \
    static void lk_on_##which##_##type(lk_vu *vu, struct type *self);                              \
    static void lk_call_on_##which##_##type(lk_vu *vu, void *self)                                 \
    {                                                                                              \
        lk_on_##which##_##type(vu, (struct type *)self);                                           \
    }                                                                                              \
    static struct lk_hook_def lk_hook_def_##which##_##type = {                                     \
        .def = LK_DEF_(struct lk_hook_def, LK_DEF_HOOK, #type, "on_" #which),                      \
        .state_bytes = sizeof(struct type),                                                        \
        .hook = (hook_kind),                                                                       \
        .run = lk_call_on_##which##_##__VA_ARGS__};                                                \
    LK_REGISTER_(lk_hook_def_##which##_##type)                                                     \
    static void lk_on_##which##_##type(LK_UNUSED_ lk_vu *vu, LK_UNUSED_ struct type *self)

/* LK_STEP(vu_type, name, .weight = 3, .needs = "login", ...) { ... }   in scope: vu, self */
#define LK_STEP(type, ...) LK_STEP_(type, LK_FIRST_(__VA_ARGS__, 0), __VA_ARGS__)
#define LK_STEP_(type, name, ...) LK_STEP__(type, name, __VA_ARGS__)
#define LK_STEP__(type, name, ...)                                                                 \
    static void lk_step_##type##_##name(lk_vu *vu, struct type *self);                             \
    static void lk_call_##type##_##name(lk_vu *vu, void *self)                                     \
    {                                                                                              \
        lk_step_##type##_##name(vu, (struct type *)self);                                          \
    }                                                                                              \
    static struct lk_step_def lk_step_def_##type##_##name = {                                      \
        .def = LK_DEF_(struct lk_step_def, LK_DEF_STEP, #type, #name),                             \
        .state_bytes = sizeof(struct type),                                                        \
        .run = lk_call_##type##_##__VA_ARGS__};                                                    \
    LK_REGISTER_(lk_step_def_##type##_##name)                                                      \
    static void lk_step_##type##_##name(LK_UNUSED_ lk_vu *vu, LK_UNUSED_ struct type *self)

/* LK_ON_SETUP(.timeout_s = 5) { ... }   once, before the first user begins; in scope: vu */
#define LK_ON_SETUP(...) LK_RUN_HOOK_(setup, LK_RUN_SETUP, __VA_ARGS__)
/* LK_ON_TEARDOWN() { ... }   once, after the last user has gone; in scope: vu */
#define LK_ON_TEARDOWN(...) LK_RUN_HOOK_(teardown, LK_RUN_TEARDOWN, __VA_ARGS__)
#define LK_RUN_HOOK_(which, hook_kind, ...)                                                        \
    static void lk_on_##which(lk_vu *vu);                                                          \
    static struct lk_run_hook_def lk_run_hook_def_##which = {                                      \
        .def = LK_DEF_(struct lk_run_hook_def, LK_DEF_RUN_HOOK, NULL, "on_" #which),               \
        .hook = (hook_kind),                                                                       \
        .run = lk_on_##which,                                                                      \
        __VA_ARGS__};                                                                              \
    LK_REGISTER_(lk_run_hook_def_##which)                                                          \
    static void lk_on_##which(LK_UNUSED_ lk_vu *vu)

/* LK_METRIC(name, LK_TREND, .unit = "ms", .help = "one line") */
#define LK_METRIC(name, ...) LK_METRIC_(name, __VA_ARGS__)
#define LK_METRIC_(name, ...)                                                                      \
    static struct lk_metric_def lk_metric_def_##name = {                                           \
        .def = LK_DEF_(struct lk_metric_def, LK_DEF_METRIC, NULL, #name), .type = __VA_ARGS__};    \
    LK_REGISTER_(lk_metric_def_##name)                                                             \
    struct lk_metric_def /* takes the semicolon */

/* LK_PROBE(name, .every_s = 5) { return LK_VALUE(...); }   in scope: vu */
#define LK_PROBE(name, ...)                                                                        \
    static struct lk_value lk_probe_##name(lk_vu *vu);                                             \
    static struct lk_probe_def lk_probe_def_##name = {                                             \
        .def = LK_DEF_(struct lk_probe_def, LK_DEF_PROBE, NULL, #name),                            \
        .read = lk_probe_##name,                                                                   \
        __VA_ARGS__};                                                                              \
    LK_REGISTER_(lk_probe_def_##name)                                                              \
    static struct lk_value lk_probe_##name(LK_UNUSED_ lk_vu *vu)

/* The program's main. */
#define LK_MAIN()                                                                                  \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return lk_main(argc, argv);                                                                \
    }

#endif /* __cplusplus */

#endif

/*
 * A scene: a scenario written down inside a test and played by lk_test, through public headers
 * only. Each test registers what it needs and takes it out again, so that none sees another's.
 *
 *     struct lk_def *defs[] = {
 *         SCENE_VU("guest", .weight = 1),
 *         SCENE_STEP("guest", "look", look, .every = LK_FIXED(1)),
 *         NULL,
 *     };
 *     lk_test *test = scene_open(defs, LK_RUN_OPTIONS(.users = 1));
 *
 *     lk_test_run(test, 2.5);
 *     ck_assert_str_eq(scene_log(test), "look@0 look@1 look@2");
 *     scene_close(test);
 */
#ifndef TESTS_SUPPORT_SCENE_H
#define TESTS_SUPPORT_SCENE_H

#include <loadkit/loadkit.h>
#include <loadkit/test.h>

/* What a user of a scene keeps; what the numbers mean is the test's own. */
struct scene_state {
    int a;
    int b;
    lk_json *object;
    void *data;
};

#define SCENE_HEAD_(type, def_kind, vu_name, def_name)                                             \
    .def = {.size = sizeof(struct type),                                                           \
            .kind = (def_kind),                                                                    \
            .vu = (vu_name),                                                                       \
            .name = (def_name),                                                                    \
            .file = __FILE__,                                                                      \
            .line = __LINE__}
#define SCENE_VU(type, ...) /* options */                                                          \
    (&((struct lk_vu_def){SCENE_HEAD_(lk_vu_def, LK_DEF_VU, type, type), __VA_ARGS__}).def)
#define SCENE_STEP(type, step, ...) /* function, options */                                        \
    (&((struct lk_step_def){SCENE_HEAD_(lk_step_def, LK_DEF_STEP, type, step),                     \
                            .state_bytes = sizeof(struct scene_state), .run = __VA_ARGS__})        \
          .def)
#define SCENE_HOOK(type, which, ...) /* function, options */                                       \
    (&((struct lk_hook_def){SCENE_HEAD_(lk_hook_def, LK_DEF_HOOK, type, "on_" #which),             \
                            .state_bytes = sizeof(struct scene_state), .hook = SCENE_##which##_,   \
                            .run = __VA_ARGS__})                                                   \
          .def)
#define SCENE_init_ LK_HOOK_INIT
#define SCENE_start_ LK_HOOK_START
#define SCENE_stop_ LK_HOOK_STOP
#define SCENE_PARAM(param, ...) /* options */                                                      \
    (&((struct lk_param_def){SCENE_HEAD_(lk_param_def, LK_DEF_PARAM, NULL, param), __VA_ARGS__})   \
          .def)
#define SCENE_RESOURCE(resource, ...) /* function, options */                                      \
    (&((struct lk_resource_def){SCENE_HEAD_(lk_resource_def, LK_DEF_RESOURCE, NULL, resource),     \
                                .make = __VA_ARGS__})                                              \
          .def)
#define SCENE_RUN_HOOK(which, ...) /* function, options */                                         \
    (&((struct lk_run_hook_def){SCENE_HEAD_(lk_run_hook_def, LK_DEF_RUN_HOOK, NULL, "on_" #which), \
                                .hook = SCENE_##which##_, .run = __VA_ARGS__})                     \
          .def)
#define SCENE_setup_ LK_RUN_SETUP
#define SCENE_teardown_ LK_RUN_TEARDOWN
#define SCENE_PROBE(probe, ...) /* function, options */                                            \
    (&((struct lk_probe_def){SCENE_HEAD_(lk_probe_def, LK_DEF_PROBE, NULL, probe),                 \
                             .read = __VA_ARGS__})                                                 \
          .def)

/* Registers copies of the descriptors, of which NULL is the last, and makes a test of them. Fails
 * the test in hand if that cannot be done. */
lk_test *scene_open(struct lk_def *const *defs, const struct lk_run_options *options);
void scene_close(lk_test *test);

/* The same without a test, for what lk_test_new is to refuse. */
void scene_register(struct lk_def *const *defs);
void scene_unregister(void);

/*
 * All that was carried out, in the order in which it ended: "name@start", to the nanosecond. What
 * took time says until when, what failed how, and users from the second on their number:
 * "2:look@0.5-2!STEP_TIMEOUT". Lives until the next call.
 */
const char *scene_log(const lk_test *test);

/* The same of one user, or of one name, or both. 0: any user; NULL: any name. */
const char *scene_log_of(const lk_test *test, uint64_t user, const char *name);

/* All requests, as "GET /path@seconds". Lives until the next call of any of these. */
const char *scene_requests(const lk_test *test);

/* A function that does nothing. */
void scene_idle(lk_vu *vu, void *self);
/* One that fails with "no luck". */
void scene_fail(lk_vu *vu, void *self);

#endif

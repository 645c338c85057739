#!/usr/bin/env bash
#
# The ways into the registry: by macros from shared objects that are linked or loaded, and by hand,
# from C and from C++; and user types that share one program.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"
libs+=(-lpthread -lm)

none='no step is registered; write LK_STEP(type, name) { ... }, and link scenarios that stand in a static archive with -Wl,--whole-archive: nothing refers to them by name, so the linker leaves them out'

# ---- a scenario over two files, in a shared object

cat >state.h <<'END'
#include <loadkit/loadkit.h>
struct demo { int count; };
END
cat >first.c <<'END'
#include "state.h"
LK_PARAM(size, .type = LK_INT, .value = "3");
LK_VU(demo);
LK_ON_START(demo) { self->count = (int)lk_param_int(vu, "size"); }
LK_STEP(demo, login) { LK_REQUIRE(self->count == 3, "count is %d", self->count); }
END
cat >second.c <<'END'
#include "state.h"
LK_METRIC(bought, LK_COUNTER);
LK_STEP(demo, buy, .needs = "login") { self->count++; lk_sleep(vu, 0); self->count--; }
END
"${compile[@]}" -shared first.c second.c -o libdemo.so
tell $? "a scenario over two files is made a shared object"

echo '#include <loadkit/loadkit.h>
LK_MAIN()' >main.c
"${compile[@]}" main.c -rdynamic -Wl,--no-as-needed -L. -ldemo -Wl,-rpath,"$dir" \
    "$build/libloadkit.a" "${libs[@]}" -o linked
ends "a program that links it has its steps" 0 ./linked list
grep -q '^    login ' out && grep -q '^    buy .*needs login' out && grep -q '^  bought  *counter' out
tell $? "of both files"
ends "and runs them" 0 ./linked -q -i 9 --json result
grep -q '"iterations":9,.*"step_errors":0,' result && grep -q '"id":"buy"' result
tell $? "all"

# Loads the shared object, does what the arguments say, unloads it, and does that again.
cat >loader.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <loadkit/loadkit.h>

int main(int argc, char **argv)
{
    for (int round = 0; round < 2; round++) {
        void *scenario = dlopen("./libdemo.so", RTLD_NOW);
        int loaded;
        int gone;

        if (!scenario)
            return fprintf(stderr, "%s\n", dlerror()), 1;
        loaded = lk_main(argc, argv);
        if (dlclose(scenario))
            return 1;
        gone = lk_main(argc, argv);
        printf("round %d: %d, then %d\n", round, loaded, gone);
    }
    return 0;
}
END
"${compile[@]}" -Wno-pedantic loader.c -rdynamic -Wl,--whole-archive "$build/libloadkit.a" \
    -Wl,--no-whole-archive "${libs[@]}" -ldl -o loader
ends "a program may load it" 0 ./loader -q -i 5
[ "$(cat out)" = 'round 0: 0, then 2
round 1: 0, then 2' ] && [ "$(cat err)" = "loader: $none
loader: $none" ]
tell $? "run it, unload it, which leaves nothing in the registry, and load it again"

# ---- by hand

cat >macros.c <<'END'
#include <loadkit/loadkit.h>
LK_PARAM(pause, .type = LK_SECONDS, .value = "1ms", .help = "between steps");
LK_RESOURCE(users, .count = 3) { return LK_OBJECT("id", id); }
LK_METRIC(size, LK_TREND, .unit = "B", .resolution = 1);
LK_PROBE(queue, .every_s = 0.5) { return LK_VALUE(1); }
LK_ON_SETUP(.timeout_s = 5) {}
LK_VU(demo, .weight = 2, .strategy = lk_choose_parallel) { int count; };
LK_ON_START(demo) { self->count = 41; }
LK_STEP(demo, count) { LK_REQUIRE(++self->count == 42, "count is %d", self->count); }
LK_STEP(demo, never, .needs = "count", .every = LK_BETWEEN(1, 2), .timeout_s = 3) { LK_FAIL("ran"); }
LK_MAIN()
END
# The same, in a language that is C and C++.
cat >by_hand.c <<'END'
#include <stdio.h>
#include <loadkit/loadkit.h>

struct demo { int count; };

static lk_json *make_user(lk_vu *vu, const char *id)
{
    struct lk_member member;

    member.key = "id";
    member.value = lk_value_str(id);
    return lk_object(vu, 1, &member);
}

static struct lk_value read_queue(lk_vu *vu) { (void)vu; return lk_value_int(1); }
static void set_up(lk_vu *vu) { (void)vu; }
static void start(lk_vu *vu, void *self) { (void)vu; ((struct demo *)self)->count = 41; }
static void never(lk_vu *vu, void *self) { (void)self; lk_fail(vu, "ran"); }

static void count(lk_vu *vu, void *self)
{
    struct demo *demo = (struct demo *)self;

    if (++demo->count != 42)
        lk_fail(vu, "count is %d", demo->count);
}

static struct lk_param_def pause_def;
static struct lk_resource_def users_def;
static struct lk_metric_def size_def;
static struct lk_probe_def queue_def;
static struct lk_run_hook_def setup_def;
static struct lk_vu_def demo_def;
static struct lk_hook_def start_def;
static struct lk_step_def count_def;
static struct lk_step_def never_def;

static struct lk_def *defs[] = {&pause_def.def, &users_def.def, &size_def.def, &queue_def.def,
                                &setup_def.def, &demo_def.def, &start_def.def, &count_def.def,
                                &never_def.def};
#define COUNT (sizeof(defs) / sizeof(defs[0]))

static void head(struct lk_def *def, size_t size, enum lk_def_kind kind, const char *vu,
                 const char *name, int line)
{
    def->size = size;
    def->kind = kind;
    def->vu = vu;
    def->name = name;
    def->file = "macros.c";
    def->line = line;
}

static void fill(void)
{
    head(&pause_def.def, sizeof(pause_def), LK_DEF_PARAM, NULL, "pause", 2);
    pause_def.type = LK_SECONDS;
    pause_def.value = "1ms";
    pause_def.help = "between steps";
    head(&users_def.def, sizeof(users_def), LK_DEF_RESOURCE, NULL, "users", 3);
    users_def.make = make_user;
    users_def.count = 3;
    head(&size_def.def, sizeof(size_def), LK_DEF_METRIC, NULL, "size", 4);
    size_def.type = LK_TREND;
    size_def.unit = "B";
    size_def.resolution = 1;
    head(&queue_def.def, sizeof(queue_def), LK_DEF_PROBE, NULL, "queue", 5);
    queue_def.read = read_queue;
    queue_def.every_s = 0.5;
    head(&setup_def.def, sizeof(setup_def), LK_DEF_RUN_HOOK, NULL, NULL, 6);
    setup_def.hook = LK_RUN_SETUP;
    setup_def.run = set_up;
    setup_def.timeout_s = 5;
    head(&demo_def.def, sizeof(demo_def), LK_DEF_VU, NULL, "demo", 7);
    demo_def.weight = 2;
    demo_def.strategy = lk_choose_parallel;
    head(&start_def.def, sizeof(start_def), LK_DEF_HOOK, "demo", NULL, 8);
    start_def.hook = LK_HOOK_START;
    start_def.run = start;
    start_def.state_bytes = sizeof(struct demo);
    head(&count_def.def, sizeof(count_def), LK_DEF_STEP, "demo", "count", 9);
    count_def.run = count;
    count_def.state_bytes = sizeof(struct demo);
    head(&never_def.def, sizeof(never_def), LK_DEF_STEP, "demo", "never", 10);
    never_def.run = never;
    never_def.state_bytes = sizeof(struct demo);
    never_def.needs = "count";
    never_def.every.min_s = 1;
    never_def.every.max_s = 2;
    never_def.timeout_s = 3;
}

int main(int argc, char **argv)
{
    int status;

    fill();
    for (size_t i = 0; i < 2 * COUNT; i++) /* each one twice, which says nothing new */
        lk_register(defs[i % COUNT]);
    status = lk_main(argc, argv);
    for (size_t i = 0; i < COUNT; i++)
        lk_unregister(defs[i]);
    if (lk_main(argc, argv) != 2)
        fprintf(stderr, "something is left\n");
    return status;
}
END
"${compile[@]}" macros.c "$build/libloadkit.a" "${libs[@]}" -o macros
ends "a program by macros is listed" 0 ./macros list
sed -n '/^user types/,$p' out >want
run ./macros list --json
sed 's/"program":"[a-z+]*"//' out >want.json
cp by_hand.c by_hand.cc
sanitized=()
case " ${compile[*]} " in *-fsanitize=*) sanitized=("-fsanitize=address,undefined") ;; esac
by_hand() { # program
    ends "$1: so is one that fills in its descriptors itself" 0 "./$1" list
    cmp -s want out
    tell $? "$1: in the same way"
    [ "$(cat err)" = "$1: $none" ]
    tell $? "$1: until it takes them out again"
    run "./$1" list --json
    sed 's/"program":"[a-z+]*"//' out | cmp -s want.json -
    tell $? "$1: as JSON too"
    ends "$1: and runs" 0 "./$1" -q -i 1 --json result
    grep -q '"iterations":1,"steps":1,"step_errors":0,' result
    tell $? "$1: as it should"
}
"${compile[@]}" by_hand.c "$build/libloadkit.a" "${libs[@]}" -o byhand && by_hand byhand
g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror "${sanitized[@]}" -I"$root/include" by_hand.cc \
    "$build/libloadkit.a" "${libs[@]}" -o byhandcxx && by_hand byhandcxx

# ---- several user types

cat >shares.c <<'END'
#include <loadkit/loadkit.h>
LK_VU(rare) { int unused; };
LK_VU(some, .weight = 2) { int unused; };
LK_VU(most, .weight = 7) { int unused; };
LK_STEP(rare, look, .every = LK_FIXED(3600)) {}
LK_STEP(some, look, .every = LK_FIXED(3600)) {}
LK_STEP(most, look, .every = LK_FIXED(3600)) {}
LK_STEP(most, buy, .needs = "look", .every = LK_FIXED(3600)) {}
LK_MAIN()
END
"${compile[@]}" shares.c "$build/libloadkit.a" "${libs[@]}" -o shares
ends "user types share a run" 0 ./shares -q -w 2 -u 100 -i 170 --json result
steps_of() { # id
    sed -n "s/.*\"id\":\"$1\",.*\"requests\":\([0-9]*\),.*/\1/p" result
}
[ "$(steps_of rare.look) $(steps_of some.look) $(steps_of most.look)" = '10 20 70' ]
tell $? "by their weights, and steps of one name are told apart"
[ "$(steps_of buy)" = 70 ] && [ -z "$(steps_of look)" ]
tell $? "others keep their short name"

end_tests

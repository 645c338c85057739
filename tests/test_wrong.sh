#!/usr/bin/env bash
#
# Wrong programs: each is refused before anything runs, with its file, its line and what to do, or
# already by the compiler.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
build=${BUILD:-$root/build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-wrong.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# shellcheck source=tests/support/tell.sh
. "$root/tests/support/tell.sh"

# By the flags of the library: it may have been made with sanitizers. Nobody waits for these programs.
read -ra compile <"$build/flags"
read -ra libs <"$build/libs"
compile+=(-O0 -Wno-missing-prototypes -I"$root/include")

# A table of cases is read from standard input. A case begins with "== what"; "$ arguments" and
# "> what is said" may follow, then comes C, which is given its include, line 1, and its main.
# "-- NAME" begins one more file of the case.
each_case() { # function
    local line file=
    while IFS= read -r line; do
        case $line in
        '== '*)
            [ -z "$file" ] || "$1"
            rm -rf case
            mkdir case
            what=${line#== }
            arguments=(-q -i 1)
            said=
            file=case/wrong.c
            echo '#include <loadkit/loadkit.h>' >"$file"
            ;;
        '$ '*) read -ra arguments <<<"${line#$ }" ;;
        '> '*) said+=${said:+$'\n'}${line#> } ;;
        '-- '*)
            file=case/${line#-- }
            echo '#include <loadkit/loadkit.h>' >"$file"
            ;;
        *) echo "$line" >>"$file" ;;
        esac
    done
    "$1"
}

# The program of the case compiles, and then refuses to run. Files are called as the compiler was
# given them: without a folder.
refused() {
    local want=$said status
    echo 'LK_MAIN()' >>case/wrong.c
    if ! (cd case && "${compile[@]}" *.c "$build/libloadkit.a" "${libs[@]}" -lpthread -lm \
        -o wrong) >out 2>&1; then
        tell 1 "$what"
        cat out
        return
    fi
    (cd case && exec ./wrong "${arguments[@]}") >out 2>err </dev/null
    status=$?
    [ "$status" = 2 ] && [ ! -s out ] && [ "$(sed 's/^wrong: //' err)" = "$want" ]
    tell $? "$what"
    [ "$status" = 2 ] && [ "$(sed 's/^wrong: //' err)" = "$want" ] ||
        printf 'status %s, out: %s\nwant: %s\ngot:  %s\n' "$status" "$(cat out)" "$want" "$(cat err)"
}

# No compiler takes the case without a word; what it says names the file, and what is expected.
not_compiled() {
    local compiler
    for compiler in gcc clang; do
        (cd case && "$compiler" -std=gnu11 -Wall -Wextra -Werror -I"$root/include" -c wrong.c \
            -o wrong.o) >out 2>&1
        if [ $? != 0 ] && grep -q '^wrong\.c:[0-9]*:' out && grep -qE -- "$said" out; then
            tell 0 "$compiler: $what"
        else
            tell 1 "$compiler: $what"
            cat out
        fi
    done
}

# ---- by the program

each_case refused <<'END'
== needs that are misspelt
> wrong.c:4: step demo.buy: it needs logn, which is no step of user type demo; did you mean login?
LK_VU(demo) { int count; };
LK_STEP(demo, login) {}
LK_STEP(demo, buy, .needs = "logn") {}
== needs of another user type
> wrong.c:5: step demo.buy: it needs scan, which is no step of user type demo; its other steps are login
LK_VU(demo) { int count; };
LK_VU(robot) { int count; };
LK_STEP(demo, login) {}
LK_STEP(demo, buy, .needs = "scan") {}
LK_STEP(robot, scan) {}
== needs in a circle
> wrong.c:3: step demo.a: needs go round in a circle, a -> b -> c -> a, so none of them could run; remove one of these needs
LK_VU(demo) { int count; };
LK_STEP(demo, a, .needs = "b") {}
LK_STEP(demo, b, .needs = "c") {}
LK_STEP(demo, c, .needs = "a") {}
== a step that needs itself
> wrong.c:3: step demo.a: it needs itself, so it could never run; remove that
LK_VU(demo) { int count; };
LK_STEP(demo, a, .needs = "a") {}
== needs with nothing behind a comma
> wrong.c:4: step demo.b: its needs have an empty name; write them as "login, search"
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
LK_STEP(demo, b, .needs = "a,") {}
== a negative weight
> wrong.c:3: step demo.a: its weight is -1; give a number above 0, or none for 1
LK_VU(demo) { int count; };
LK_STEP(demo, a, .weight = -1) {}
== the share of a user type that is no number
> wrong.c:2: user type demo: its weight is nan; give a number above 0, or none for 1
LK_VU(demo, .weight = __builtin_nan("")) { int count; };
LK_STEP(demo, a) {}
== a negative time-out of a step
> wrong.c:3: step demo.a: its timeout_s is -5; give seconds above 0, or LK_OFF for none
LK_VU(demo) { int count; };
LK_STEP(demo, a, .timeout_s = -5) {}
== a negative time-out of a hook
> wrong.c:3: hook demo.on_start: its timeout_s is -5; give seconds above 0, or LK_OFF for none
LK_VU(demo) { int count; };
LK_ON_START(demo, .timeout_s = -5) {}
LK_STEP(demo, a) {}
== a pause whose bounds are the wrong way round
> wrong.c:3: step demo.a: its every is 15 to 10; give the smaller bound first
LK_VU(demo) { int count; };
LK_STEP(demo, a, .every = LK_BETWEEN(15, 10)) {}
== a negative pace
> wrong.c:3: step demo.a: its pace is -1 to -1; give seconds, 0 or more
LK_VU(demo) { int count; };
LK_STEP(demo, a, .pace = LK_FIXED(-1)) {}
== a pause from the end and from the start
> wrong.c:3: step demo.a: it has both every and pace; give every to count from its end, pace to count from its start
LK_VU(demo) { int count; };
LK_STEP(demo, a, .every = LK_FIXED(1), .pace = LK_FIXED(1)) {}
== a stack that is too small
> wrong.c:3: step demo.a: its stack_bytes is 4096; give 16384 to 67108864, or none for the default
LK_VU(demo) { int count; };
LK_STEP(demo, a, .stack_bytes = 4096) {}
== a user type without steps
> wrong.c:4: user type idle: it has no step; write LK_STEP(idle, ...) { ... }
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
LK_VU(idle) { int count; };
== steps of a user type that was only declared
> wrong.c:3: step demo.a: no user type demo is registered; write LK_VU(demo) { ... }; or link the file that has it
struct demo { int count; };
LK_STEP(demo, a) {}
== a hook of a user type that was only declared
> wrong.c:5: hook guest.on_init: no user type guest is registered; write LK_VU(guest) { ... }; or link the file that has it
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
struct guest { int count; };
LK_ON_INIT(guest) {}
== a step in two files
> wrong.c:3: step demo.a: there is one already at more.c:3; rename or remove one
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
-- more.c
struct demo { int count; };
LK_STEP(demo, a) {}
== a user type with another state in each file
> wrong.c:4: struct demo has 4 bytes here and 8 at more.c:3; define it once, in a header
struct demo { int count; };
LK_VU(demo);
LK_STEP(demo, z) {}
-- more.c
struct demo { int count, more; };
LK_STEP(demo, a) {}
== a user type in a header that two files include
> shared.h:2: user type demo: this one line registers it twice; if it stands in a header, move it to one .c file
#include "shared.h"
LK_STEP(demo, a) {}
-- more.c
#include "shared.h"
LK_STEP(demo, b) {}
-- shared.h
LK_VU(demo) { int count; };
== a hook in two files
> wrong.c:3: hook demo.on_stop: there is one already at more.c:3; rename or remove one
LK_VU(demo) { int count; };
LK_ON_STOP(demo) {}
LK_STEP(demo, a) {}
-- more.c
struct demo { int count; };
LK_ON_STOP(demo) {}
== a set-up of the run in two files
> wrong.c:2: run hook on_setup: there is one already at more.c:2; rename or remove one
LK_ON_SETUP() {}
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
-- more.c
LK_ON_SETUP() {}
== a metric and a probe in two files
> wrong.c:2: metric size: there is one already at more.c:2; rename or remove one
> wrong.c:3: probe queue: there is one already at more.c:3; rename or remove one
LK_METRIC(size, LK_TREND);
LK_PROBE(queue, .every_s = 1) { return LK_VALUE(1); }
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
-- more.c
LK_METRIC(size, LK_COUNTER);
LK_PROBE(queue, .every_s = 1) { return LK_VALUE(1); }
== a metric of no type
> wrong.c:2: metric size: its type is 0, which does not exist; use LK_TREND, LK_COUNTER, LK_GAUGE or LK_RATE
LK_METRIC(size, 0, .unit = "B");
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a metric with a resolution below nothing
> wrong.c:2: metric size: its resolution is -1; give the smallest value that matters, above 0, or none for 0.001
LK_METRIC(size, LK_TREND, .resolution = -1);
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a counter with a resolution
> wrong.c:2: metric size: it has a resolution, which is for an LK_TREND alone; take that away
LK_METRIC(size, LK_COUNTER, .resolution = 1);
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a probe that does not say how often
> wrong.c:2: probe queue: it has no every_s; give the seconds between two readings, such as .every_s = 5
LK_PROBE(queue, .help = "length") { return LK_VALUE(1); }
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a probe that looks back in time
> wrong.c:2: probe queue: its every_s is -5; give seconds above 0
LK_PROBE(queue, .every_s = -5) { return LK_VALUE(1); }
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a tear-down with a time-out below nothing
> wrong.c:2: run hook on_teardown: its timeout_s is -5; give seconds above 0, or LK_OFF for none
LK_ON_TEARDOWN(.timeout_s = -5) {}
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a probe called like a step
> wrong.c:2: probe a: reports could not tell it from step demo.a at wrong.c:4; rename one
LK_PROBE(a, .every_s = 5) { return LK_VALUE(1); }
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a step called like what reports show besides
> wrong.c:3: step demo.http: in reports that name means all requests together; rename it
LK_VU(demo) { int count; };
LK_STEP(demo, http) {}
== resources without number
> wrong.c:2: resource users: its count is 18446744073709551615; give at most 100000000, or none for as many as there are users
LK_RESOURCE(users, .count = (uint64_t)-1) { return LK_OBJECT("id", id); }
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a default that is not of its type
> wrong.c:2: parameter size: its value is 'ten': a number was expected; give a whole number such as 42, -1 or 10k, or none
LK_PARAM(size, .type = LK_INT, .value = "ten");
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a type of parameter that does not exist
> wrong.c:2: parameter size: its type is 9, which does not exist; use LK_STRING, LK_INT, LK_DOUBLE, LK_BOOL or LK_SECONDS
LK_PARAM(size, .type = (enum lk_param_type)9);
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a parameter that is required and has a default
> wrong.c:2: parameter size: it is required and has a value all the same; take one of them away
LK_PARAM(size, .required = true, .value = "10");
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a secret in the source
> wrong.c:2: parameter token: it is secret and has a value in the source all the same; take that away, and give it with -p token=@FILE or in the variable LK_PARAM_token
LK_PARAM(token, .secret = true, .value = "hunter2");
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a required parameter that is not given
> wrong.c:2: parameter base_url is required; give it with -p base_url=VALUE (the target)
LK_PARAM(base_url, .required = true, .help = "the target");
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
== a descriptor written by hand that lacks everything
> by_hand.c:7: a step has no name; give it one
> by_hand.c:7: step demo.: it has no function; set run
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
static struct lk_step_def bare = {.def = {.size = sizeof(bare), .kind = LK_DEF_STEP, .vu = "demo", .file = "by_hand.c", .line = 7}};
__attribute__((constructor)) static void bare_register(void) { lk_register(&bare.def); }
== a descriptor written by hand without its size
> by_hand.c:7: metric size: its descriptor has no size; set def.size to its sizeof
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
static struct lk_metric_def bare = {.def = {.kind = LK_DEF_METRIC, .name = "size", .file = "by_hand.c", .line = 7}, .type = LK_RATE};
__attribute__((constructor)) static void bare_register(void) { lk_register(&bare.def); }
END

# ---- by the compiler

each_case not_compiled <<'END'
== a step of a user type that is not there
> struct demo
LK_STEP(demo, a) {}
== the same step twice in a file
> redefinition
LK_VU(demo) { int count; };
LK_STEP(demo, a) {}
LK_STEP(demo, a) {}
== the same hook twice in a file
> redefinition
LK_VU(demo) { int count; };
LK_ON_START(demo) {}
LK_ON_START(demo) {}
== an option that is misspelt
> wieght
LK_VU(demo) { int count; };
LK_STEP(demo, a, .wieght = 3) {}
== needs without quotes
> login
LK_VU(demo) { int count; };
LK_STEP(demo, buy, .needs = login) {}
== a state that has no such member
> total
LK_VU(demo) { int count; };
LK_STEP(demo, a) { self->total++; }
== a step whose name is a text
> login
LK_VU(demo) { int count; };
LK_STEP(demo, "login") {}
== a value that has no JSON form
> LK_OBJECT|json|lk_value
LK_VU(demo) { int numbers[3]; };
LK_STEP(demo, a) { lk_post(vu, "/", .json = LK_OBJECT("numbers", self->numbers)); }
== a key without a value
> LK_OBJECT
LK_VU(demo) { int count; };
LK_STEP(demo, a) { lk_post(vu, "/", .json = LK_OBJECT("count")); }
== a strategy with other arguments
> strategy|incompatible
static size_t first(lk_vu *vu) { return vu == NULL; }
LK_VU(demo, .strategy = first) { int count; };
== a default that is no text
> pointer from integer|integer to pointer|incompatible
LK_PARAM(size, .type = LK_INT, .value = 10);
== a pause with one bound
> LK_BETWEEN
LK_VU(demo) { int count; };
LK_STEP(demo, a, .every = LK_BETWEEN(1)) {}
== a metric without a type
> expected expression
LK_METRIC(size);
== a probe that returns a bare number
> incompatible type|lk_value
LK_PROBE(queue, .every_s = 1) { return 5; }
== a resource that is a text
> incompatible
LK_RESOURCE(users) { return "user"; }
== a message that does not fit its values
> format
LK_VU(demo) { int count; };
LK_STEP(demo, a) { LK_REQUIRE(self->count == 0, "count is %s", self->count); }
END

end_tests

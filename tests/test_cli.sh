#!/usr/bin/env bash
#
# The command line of a scenario, from outside: what it refuses, in which words, and what it writes
# where. Little scenarios are compiled here against the library.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
build=${BUILD:-$root/build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-cli.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset NO_COLOR
export TERM=xterm

passed=0
failed=0

tell() { # verdict what
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        echo "ok - $2"
    else
        failed=$((failed + 1))
        echo "not ok - $2"
    fi
}

# By the flags of the library: it may have been made with sanitizers.
read -ra compile <"$build/flags"
read -ra libs < <(pkg-config --libs libevent_core libcjson)
compile+=(-Wno-missing-prototypes -I"$root/include")

build_program() { # name source...
    local name=$1
    shift
    "${compile[@]}" "$@" "$build/libloadkit.a" "${libs[@]}" -lpthread -lm -o "$name" && return
    tell 1 "$name is built"
}

program() { # name; the source comes by standard input
    cat >"$1.c"
    build_program "$1" "$1.c"
}

# Runs a command: sets status; out and err hold what it wrote.
run() { # command...
    "$@" >out 2>err </dev/null
    status=$?
}

# A refusal: exit status 2, these lines on standard error, nothing on standard output.
refuses() { # what lines command...
    local what=$1 want=$2
    shift 2
    run "$@"
    if [ "$status" = 2 ] && [ ! -s out ] && [ "$(cat err)" = "$want" ]; then
        tell 0 "$what"
    else
        tell 1 "$what"
        printf 'status %s, out: %s\nwant: %s\ngot:  %s\n' "$status" "$(cat out)" "$want" "$(cat err)"
    fi
}

ends() { # what status command...
    local what=$1 want=$2
    shift 2
    run "$@"
    [ "$status" = "$want" ]
    tell $? "$what"
    [ "$status" = "$want" ] || printf 'status %s\n%s\n' "$status" "$(cat out err)"
}

# ---- options

program good <<'END'
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "target");
LK_PARAM(size, .value = "10");
LK_VU(demo) { int count; };
LK_STEP(demo, idle, .every = LK_FIXED(0.001)) { self->count++; }
LK_MAIN()
END
given=(-p base_url=http://127.0.0.1)

count='give a whole number from 1, such as 100 or 10k'
time='give a time such as 30s, 1h30m or 250ms'
refuses "an unknown flag is refused" 'good: unknown option --frobnicate; --help lists them all' \
    ./good --frobnicate
refuses "an unknown letter is refused" 'good: unknown option -x; --help lists them all' ./good -x
refuses "a mistyped flag is answered by the right one" \
    'good: unknown option --durration; did you mean --duration?' ./good --durration 5s
refuses "an abbreviated flag is answered by the whole" \
    'good: unknown option --dur; did you mean --duration?' ./good --dur=5s
refuses "a duration needs a unit that exists" \
    "good: -d 5x: the units are d h m s ms us; $time" ./good -d 5x
refuses "a duration is more than nothing" "good: -d 0s: it is too small; $time" ./good -d 0s
refuses "a duration is not negative" "good: -d -5s: it is negative; $time" ./good -d -5s
refuses "a duration that is too long is refused" "good: -d 300000000h: it is too long; $time" \
    ./good -d 300000000h
refuses "users are not negative" "good: -u -1: it is negative; $count" ./good -u -1
refuses "users are at least one" "good: -u 0: it is too small; $count" ./good -u 0
refuses "users have a limit" "good: -u 100000001: it is too large; $count" ./good -u 100000001
refuses "users are a number" "good: --users x: a number was expected; $count" ./good --users=x
refuses "an empty number is refused" "good: --users '': it is empty; $count" ./good --users=
refuses "iterations are a number" "good: -i x: a number was expected; $count" ./good -i x
refuses "iterations are at least one" "good: -i 0: it is too small; $count" ./good -i 0
refuses "a seed fits into 64 bits" \
    'good: --seed 18446744073709551616: it is too large; give a whole number from 0' \
    ./good --seed 18446744073709551616
refuses "grace is a time" 'good: --grace 5: x: the units' true

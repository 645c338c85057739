#!/usr/bin/env bash
#
# The switch between stacks on aarch64, by assembly and by ucontext: the cases of test_coro.c, built
# by a cross compiler and run by qemu. Both tools belong to the set-up, see `make deps`.
set -u
cd "$(dirname "$0")/.." || exit 1
work=${TMPDIR:-/tmp}/loadkit-aarch64.$$
target=aarch64-linux-gnu
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

need() { # tool package
    command -v "$1" >/dev/null && return
    echo "not ok - aarch64: $1 is missing; install $2 (make deps)"
    exit 1
}

build_and_run() { # name flags...
    local program=$work/$1 name=$1
    shift

    if ! "$target-gcc" -std=gnu11 -Wall -Wextra -Wpedantic -Werror -g -static -Iinclude -Ilib -Itests \
        -DCORO_ALONE "$@" -o "$program" \
        tests/test_coro.c lib/loop/coro.c lib/loop/coro_switch.S lib/loop/stack.c; then
        echo "not ok - aarch64: $name does not build"
        return 1
    fi
    case $(readelf -h "$program") in
    *AArch64*) ;;
    *) echo "not ok - aarch64: $name is built for another processor" ;;
    esac
    qemu-aarch64 "$program" | sed "s/ - / - aarch64, $name, /"
    [ "${PIPESTATUS[0]}" -eq 0 ] || echo "not ok - aarch64: $name ended badly"
}

need "$target-gcc" gcc-aarch64-linux-gnu
need qemu-aarch64 qemu-user

build_and_run optimised -O2
build_and_run plain -O0
build_and_run elsewhere -O2 -DLKI_CORO_UCONTEXT

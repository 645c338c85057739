# shellcheck shell=bash
#
# For scripts that test the command line of a program: little scenarios are compiled against the
# library, in $dir, and run. To be read from the root of the sources, with $root set to it.

build=${BUILD:-$root/build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-cli.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset NO_COLOR
export TERM=xterm

# shellcheck source=tests/support/tell.sh
. "$root/tests/support/tell.sh"

# By the flags of the library: it may have been made with sanitizers.
read -ra compile <"$build/flags"
read -ra libs <"$build/libs"
libs+=(-lcjson)
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

#!/usr/bin/env bash
#
# The macros of a scenario: no compiler warns about them, and what they say arrives.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-$PWD/build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-macros.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT

tell() { # verdict what
    if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2"; fi
}

strict=(-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wmissing-declarations -Wold-style-definition -Wredundant-decls -Wconversion -Wundef -Wvla
    -Wcast-qual -Wwrite-strings -Wunused -Werror -Iinclude)
for compiler in gcc clang; do
    for standard in c11 gnu11 c17 c2x; do
        for source in tests/scenarios/every_macro.c examples/shop.c; do
            $compiler -std=$standard -O1 "${strict[@]}" -c "$source" -o "$dir/$compiler.o"
            tell $? "$compiler -std=$standard says nothing about $source"
        done
    done
done

# What is compiled by the flags of the library can be linked with it, sanitizers included.
read -ra compile <"$build/flags"
read -ra libs <"$build/libs"
libs+=(-lcjson)
cat >"$dir/want" <<'END'
user types and their steps
  plain                       weight 1, on_init, on_start, on_stop
    first                     weight 1
  rich                        weight 2.5, on_init, on_start, on_stop, does it all
    first                     weight 1
    fixed                     weight 1, every 2 s
    between                   weight 1, every 0.5 to 1.5 s, timeout 3 s
    by_function               weight 1, every by a function
    paced                     weight 3, needs first and fixed, pace 1 s, stack 131072 bytes
  all_at_once                 weight 1, strategy parallel
    only                      weight 1
  in_order                    weight 0.5, strategy the author's, one by one
    only                      weight 1
parameters (-p NAME=VALUE)
  bare                        default ""
  must                        required: one line
  may                         default "a"b": another, with a comma
  number                      int, default 10k
  ratio                       double, default 0
  loud                        bool, default false
  wait                        seconds, required
  token                       secret, required: of the API
  pin                         int, secret
resources
  cards                       as many as users
  accounts                    at most 50, name and word
hooks of the run
  on_setup                    timeout 5 s
  on_teardown                 timeout 60 s
metrics
  plain_size                  counter
  size                        trend in B, resolution 10, of an answer
  hits                        rate
  queue                       gauge, how long?
probes
  depth                       every 2 s
  lag                         every 0.5 s, no timeout, of the replica
END
source=tests/scenarios/every_macro.c
"${compile[@]}" -Iinclude "$source" "$build/libloadkit.a" "${libs[@]}" \
    -lpthread -lm -o "$dir/every_macro" && "$dir/every_macro" list >"$dir/got"
sed 's/ *([^()]*[0-9])$//' "$dir/got" | diff "$dir/want" -
tell $? "what the macros say arrives"
grep -qxF "  plain                       weight 1, on_init, on_start, on_stop  ($source:$(
    grep -n '^LK_VU(plain)' "$source" | cut -d: -f1))" "$dir/got"
tell $? "and where they stand"

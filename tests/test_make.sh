#!/usr/bin/env bash
#
# What `make help` lists is all that can be made, and can be made.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS

# Parts of other targets are called run-, build-, need- something, or after their target.
targets() {
    sed -n 's/^\.PHONY://p' Makefile | tr ' ' '\n' | grep . |
        grep -vE '^(run|build|need)-|^demo-programs$' | sort -u
}

listed=$(make -s --no-print-directory help | awk '{ print $1 }' | sort -u)
unlisted=$(comm -23 <(targets) - <<<"$listed")
if [ -z "$unlisted" ]; then
    echo "ok - make help lists all targets"
else
    echo "not ok - make help lists all targets, but not" $unlisted
fi
for target in $listed; do
    make -n "$target" >/dev/null 2>"$TMPDIR/said" && continue
    echo "not ok - make $target: $(head -n 1 "$TMPDIR/said")"
    broken=yes
done
[ -n "${broken-}" ] || echo "ok - make knows all that it lists"
undocumented=$(make -s --no-print-directory help | awk 'NF < 2')
if [ -z "$undocumented" ]; then
    echo "ok - each target says what it does"
else
    echo "not ok - each target says what it does: $undocumented"
fi

#!/usr/bin/env bash
#
# What the README shows is what is built and run.
set -u
cd "$(dirname "$0")/.." || exit 1

if sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' | diff - examples/shop.c; then
    echo "ok - the scenario of the README is examples/shop.c"
else
    echo "not ok - the scenario of the README is examples/shop.c"
fi
missing=$(grep -oE '\]\([^):]+\)' README.md lib/README.md | sed 's/.*(\(.*\))/\1/' |
    while read -r path; do [ -e "$path" ] || echo "$path"; done)
if [ -z "$missing" ]; then
    echo "ok - its links lead somewhere"
else
    echo "not ok - its links lead somewhere: $missing"
fi
for target in $(grep -ohE 'make [a-z-]+' README.md | sed 's/make //' | sort -u); do
    if grep -qE "^$target:" Makefile; then
        echo "ok - make $target exists"
    else
        echo "not ok - make $target exists"
    fi
done

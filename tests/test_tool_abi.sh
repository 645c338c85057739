#!/usr/bin/env bash
#
# check-abi: what may change between two libraries, and what may not.
set -u
cd "$(dirname "$0")/.." || exit 1

version() { # name, members of lk_stats, its functions
    mkdir "$TMPDIR/$1"
    cat >"$TMPDIR/$1/loadkit.h" <<C
#include <stddef.h>
struct lk_stats { long count; $2 };
struct lk_point { int x; $3 };
C
    printf '#include "%s/loadkit.h"\n%s\n' "$1" "$4" >"$TMPDIR/$1.c"
    ${CC:-cc} -g -shared -fPIC -o "$TMPDIR/$1.so" "$TMPDIR/$1.c" || echo "not ok - $1 is built"
}

stats='struct lk_stats *lk_result_stats(void) { return 0; }'
point='int lk_move(struct lk_point at) { return at.x; }'
version old "" "" "$stats $point"
version same "" "" "$stats $point"
version more "" "" "$stats $point void lk_new(void) {}"
version longer "long errors;" "" "$stats $point"
version gone "" "" "$stats"
version moved "" "int y;" "$stats $point"
version other "" "" "$stats long lk_move(struct lk_point at) { return at.x; }"

check() { # library, expected status, what
    local said status

    said=$(HEADERS=$TMPDIR/old NEW_HEADERS=$TMPDIR/$1 \
        tests/tools/check-abi "$TMPDIR/old.so" "$TMPDIR/$1.so" 2>&1)
    status=$?
    [ $status = "$2" ] && echo "ok - $3" && return
    echo "not ok - $3 (status $status)"
    echo "$said"
}

check same 0 "the same library fits"
check more 0 "functions may come"
check longer 0 "what only the library makes may get longer"
check gone 1 "no function may go"
check moved 1 "what is handed over by value stays as it is"
check other 1 "no function gives something else"
check none 1 "a library that is not there does not fit"
if said=$(tests/tools/check-abi no-such-thing 2>&1) || ! grep -q 'neither a file' <<<"$said"; then
    echo "not ok - what to compare with is looked at first: $said"
else
    echo "ok - what to compare with is looked at first"
fi

#!/bin/sh
#
# What the compiler says about the values of a scenario: right ones compile without a warning in every
# dialect, wrong ones not at all.
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

say() { # status what
    if [ "$1" -eq 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2"
        failed=1
    fi
}

# A function in whose body $2 stands, in language $1.
write() { # language body
    cat >"$work/body.$1" <<EOF
#include <loadkit/values.h>
struct point { int x; };
const void *body(lk_vu *vu, const lk_response *r, lk_json *json, int *number, struct point point);
const void *body(lk_vu *vu, const lk_response *r, lk_json *json, int *number, struct point point)
{
    const void *made = NULL;
    (void)vu, (void)r, (void)json, (void)number, (void)point;
    $2
    return made;
}
EOF
}

compile() { # compiler dialect language
    $1 -std="$2" -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude -c -x "$3" \
        -o "$work/body.o" "$work/body.$3" >"$work/output" 2>&1
}

accepts() { # compiler dialect language body
    write "$3" "$4"
    compile "$1" "$2" "$3"
    status=$?
    say $status "$1 $2 takes $4"
    [ $status -eq 0 ] || cat "$work/output"
}

refuses() { # compiler body
    write c "$2"
    ! compile "$1" gnu11 c
    say $? "$1 refuses $2"
}

in_c() { # compiler
    for dialect in c11 gnu11 gnu17; do
        accepts "$1" $dialect c 'made = LK_OBJECT();'
        accepts "$1" $dialect c 'made = LK_ARRAY();'
        accepts "$1" $dialect c 'made = LK_ARRAY((long)1);'
        accepts "$1" $dialect c 'made = LK_OBJECT("a", NULL, "b", LK_TRUE, "c", LK_ARRAY(json, 0.5));'
        accepts "$1" $dialect c 'struct lk_value v = LK_VALUE(0.5); made = v.as.string;'
        accepts "$1" $dialect c 'struct lk_value v[] = {LK_VALUE("a"), LK_VALUE(json), LK_VALUE(1)}; made = v;'
        accepts "$1" $dialect c 'int i = 0; made = LK_OBJECT("a", i++, "b", *number++);'
        accepts "$1" $dialect c 'made = LK_OBJECT("a", lk_str(r, "a"), "b", lk_int(json, "b"));'
        accepts "$1" $dialect c 'made = lk_str_or(r, lk_str(json, "a"), NULL);'
        accepts "$1" $dialect c 'made = lk_has(r, "") && lk_bool(r, "a") && lk_len(r, "b") ? json : NULL;'
    done

    # values that have no JSON form
    refuses "$1" 'made = LK_OBJECT("a", number);'
    refuses "$1" 'made = LK_OBJECT("a", point);'
    refuses "$1" 'made = LK_OBJECT("a", &point);'
    refuses "$1" 'made = LK_OBJECT("a", r);'
    refuses "$1" 'made = LK_OBJECT("a", vu);'
    refuses "$1" 'made = LK_OBJECT("a", body);'
    refuses "$1" 'made = LK_OBJECT("a", (long double)1);'
    refuses "$1" 'made = LK_ARRAY(1, number);'
    refuses "$1" 'made = LK_ARRAY(point);'

    refuses "$1" 'struct lk_value v = LK_VALUE(number); made = &v;'
    refuses "$1" 'struct lk_value v = LK_VALUE(point); made = &v;'
    refuses "$1" 'struct lk_value v = LK_VALUE(); made = &v;'
    refuses "$1" 'struct lk_value v = LK_VALUE(1, 2); made = &v;'

    # keys that are no strings, or have no value
    refuses "$1" 'made = LK_OBJECT(1, 1);'
    refuses "$1" 'made = LK_OBJECT(NULL, 1);'
    refuses "$1" 'made = LK_OBJECT(json, 1);'
    refuses "$1" 'made = LK_OBJECT("a", 1, number, 2);'
    refuses "$1" 'made = LK_OBJECT("a");'
    refuses "$1" 'made = LK_OBJECT(("a"));'
    refuses "$1" 'made = LK_OBJECT("a", 1, "b");'
    refuses "$1" 'made = LK_OBJECT("a", 1, "b", 2, "c");'
    refuses "$1" 'made = LK_OBJECT("a", 1,);'

    # more than the macros take
    eight='"a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6, "g", 7, "h", 8'
    accepts "$1" c11 c "made = LK_OBJECT($eight, $eight, $eight, $eight);"
    refuses "$1" "made = LK_OBJECT($eight, $eight, $eight, $eight, \"i\", 9);"
    refuses "$1" "made = LK_OBJECT($eight, $eight, $eight, $eight, \"i\");"
    accepts "$1" c11 c "made = LK_ARRAY($eight, $eight);"
    refuses "$1" "made = LK_ARRAY($eight, $eight, 1);"

    # getters
    refuses "$1" 'made = lk_str(vu, "a");'
    refuses "$1" 'made = lk_str("{}", "a");'
    refuses "$1" 'made = lk_str(&point, "a");'
    refuses "$1" 'made = lk_str(r, 1);'
    refuses "$1" 'made = lk_str(r);'
    refuses "$1" 'made = lk_int(r, "a");'
    refuses "$1" 'made = lk_format(vu, "%s", 1);'
}

in_cxx() { # compiler
    for dialect in c++11 c++20; do
        accepts "$1" $dialect c++ 'lk_member m = {"a", lk_value_int(1)}; made = lk_object(vu, 1, &m);'
        accepts "$1" $dialect c++ 'lk_value v = lk_value_bool(LK_TRUE); made = lk_array(vu, 1, &v);'
        accepts "$1" $dialect c++ 'lk_value v = lk_value_str(lk_str(r, "b")); made = v.as.string;'
        accepts "$1" $dialect c++ 'made = lk_len_or(json, "a", 1) > 1 && lk_bool_or(r, "b", true) ? r : NULL;'
    done
}

in_c "${CC:-cc}"
if command -v clang >/dev/null && [ "${CC:-cc}" != clang ]; then
    in_c clang
fi
for compiler in g++ clang++; do
    if command -v $compiler >/dev/null; then
        in_cxx $compiler
    fi
done
exit $failed

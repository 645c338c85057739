#!/usr/bin/env bash
#
# loadkit-result(5) explains every key that a result file has, and no other.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-$PWD/build}
page=man/loadkit-result.5
dir=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-result-page.XXXXXX") || exit 1

# shellcheck source=tests/support/example.sh
. tests/support/example.sh

# shellcheck disable=SC2317 # called by the trap
finish() {
    end_example
    rm -rf "$dir"
}
trap finish EXIT

# A .Ss names the sections that it explains; what it says of one is said of all of them. Keys stand
# in .It Va; those of a subsection's own name are the section.
explained() {
    awk '/^\.Sh/ { group = "" }
        /^\.Ss / { group = substr($0, 5); gsub(/, /, ",", group) }
        /^\.It Va / && group != "" {
            sub(/^\.It Va /, "")
            for (count = split($0, keys, " , "); count; count--)
                print group, keys[count]
        }' $page | awk '$1 != $2' | sort -u
}

# The keys of result files, under the names that the page has for their sections.
written() { # file...
    for file in "$@"; do
        "$build/tests/support/json_keys" "$file"
    done | awk -v page=$page '
        BEGIN {
            while ((getline line <page) > 0) {
                if (line !~ /^\.Ss /) continue
                group = substr(line, 5)
                gsub(/, /, ",", group)
                for (count = split(group, names, ","); count; count--)
                    of[names[count]] = group
            }
        }
        !($1 in of) { print "(nowhere)", $0; next }
        NF > 1 { print of[$1], $2 }' | sort -u
}

read -ra compile <"$build/flags"
read -ra libs <"$build/libs"
"${compile[@]}" -Iinclude -o "$dir/every_key" tests/scenarios/every_key.c "$build/libloadkit.a" \
    "${libs[@]}" -lpthread -lm || exit 1
serve_example shop_server "$dir/says"
ulimit -c 0
"$build/examples/hello" run -q -i 3 -p base_url="http://$address" --json "$dir/hello.json"
"$dir/every_key" run -q -r 100 -u 4 -d 1s -w 1 -p base_url="http://$address" -p crash=yes \
    --json "$dir/every.json" >"$dir/output" 2>&1

if grep -q . "$dir/hello.json" && grep -q . "$dir/every.json"; then
    echo "ok - there are results"
else
    echo "not ok - there are results"
    cat "$dir/output"
fi
unexplained=$(comm -23 <(written "$dir"/*.json) <(explained))
if [ -z "$unexplained" ]; then
    echo "ok - every key is explained"
else
    echo "not ok - every key is explained"
    echo "$unexplained"
fi
unwritten=$(comm -13 <(written "$dir"/*.json) <(explained))
if [ -z "$unwritten" ]; then
    echo "ok - what is explained is there"
else
    echo "not ok - what is explained is there"
    echo "$unwritten"
fi

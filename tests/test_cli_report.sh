#!/usr/bin/env bash
#
# The command report: a result file shown again as it was after the run, and two of them compared.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"

program good <<'END'
#include <loadkit/loadkit.h>
LK_PARAM(bad, .type = LK_BOOL);
LK_VU(demo) { int unused; };
LK_STEP(demo, idle) { LK_CHECK(true, "truth"); }
LK_STEP(demo, moan) { LK_REQUIRE(!lk_param_bool(vu, "bad"), "bad"); }
LK_MAIN()
END

ends "a run is saved" 0 ./good -w 0 -i 100 --seed 7 --json a.json
cp out reported
ends "and shown again" 0 ./good report a.json
cmp -s out reported
tell $? "to the letter"
diff reported out
ends "from standard input too" 0 bash -c './good report - <a.json'
cmp -s out reported
tell $? "the same"
! grep -q $'\e' out
tell $? "without colours when that is no terminal"
script -qec './good report a.json' /dev/null </dev/null | grep -q $'\e\['
tell $? "with colours when it is one"
! LK_NO_COLOR=1 script -qec './good report a.json' /dev/null </dev/null | grep -q $'\e\[[0-9;]*m'
tell $? "but not with LK_NO_COLOR"
ends "a run with failures is saved" 0 ./good -w 0 -i 100 --seed 7 -p bad=yes --json b.json
ends "and shown, which is no failure" 0 ./good report b.json
grep -q STEP_FAILED out
tell $? "with its failures"
ends "two are compared" 0 ./good report a.json b.json
grep -q '^before' out && grep -q '^after' out
tell $? "side by side"
ends "also when one of them comes by standard input" 0 bash -c './good report a.json - <b.json'
"./good" report a.json >/dev/full 2>err
[ $? = 1 ] && grep -qx 'good: cannot write to standard output: No space left on device' err
tell $? "a report that cannot be written is a failure"

echo '{"schema": "other/1"}' >other.json
while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    refuses "${what% }" "good: ${line# }" ./good report "${args[@]}"
done <<'END'
a file has to be named | | report needs a file; write report FILE, or report BEFORE AFTER to compare two; -: standard input
three are too many | a.json b.json a.json | unexpected word 'a.json'; options begin with -, --help lists them
standard input can be read but once | - - | report - -: standard input can be read but once; name a file
END
for file in no.json other.json reported; do
    run ./good report "$file"
    [ "$status" = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -q "^good: .*$file" err
    tell $? "$file is refused by its name"
    run ./good report a.json "$file"
    [ "$status" = 2 ] && [ ! -s out ] && grep -q "^good: .*$file" err
    tell $? "also as the second one"
done

end_tests

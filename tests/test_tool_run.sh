#!/usr/bin/env bash
#
# The runner itself: what it counts, what it shows, what it clears away.
set -u
cd "$(dirname "$0")/.." || exit 1

number=0
script() { # body: makes a test script of it, names it in $made
    number=$((number + 1))
    made=$TMPDIR/made_$number.sh
    printf '#!/usr/bin/env bash\n%s\n' "$1" >"$made"
    chmod +x "$made"
}

says() { # what pattern: the last run said it
    if grep -qE "$2" <<<"$output"; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        sed 's/^/    /' <<<"$output"
    fi
}

runs() { # test...: what the runner says of them
    output=$(tests/run "$@" 2>&1)
    status=$?
}

last() { # what expected: the last line is exactly that
    output=$(tail -n 1 <<<"$output")
    says "$1" "^$2\$"
}

script 'echo "ok - one"; echo "ok - two"'
good=$made
runs "$good"
says "a passing script is one line" '^ok +made_1 .* 2 checks$'
last "its checks are counted" '2 passed, 0 failed'
[ $status -eq 0 ] && echo "ok - success exits 0" || echo "not ok - success exits 0"

script 'echo "ok - one"; echo "not ok - two"; echo "here is why"'
runs "$good" "$made"
says "a failure shows the whole output" '^ +here is why$'
last "a failure is counted among the others" '3 passed, 1 failed'
[ $status -eq 1 ] && echo "ok - failure exits 1" || echo "not ok - failure exits 1"

script 'echo "ok - one"; exit 3'
runs "$made"
last "an exit status without a failed check is a failure" '1 passed, 1 failed'

script 'echo "ok - one"; kill -SEGV $$'
runs "$made"
last "a crash is a failure" '1 passed, 1 failed'

script 'exit 0'
runs "$made"
last "a test that counts nothing is a failure" '0 passed, 1 failed'

script 'for _ in $(seq 200); do [ -e "$TMPDIR/../../came" ] && echo "ok - three" && break; sleep 0.1; done'
patient=$made
script 'touch "$TMPDIR/../../came"; echo "ok - four"'
runs "$patient" -p "$patient" "$patient" -b build "$good" "$made"
last "those that wait run beside the others" '6 passed, 0 failed'
runs "$good" -p "$made" "$TMPDIR/no-such-test"
last "a failure of one that waits is one" '3 passed, 1 failed'

runs "$TMPDIR/no-such-test"
last "a test that is not there is a failure" '0 passed, 1 failed'

script 'echo "66%: Checks: 9, Failures: 2, Errors: 1"
        echo "100%: Checks: 4, Failures: 0, Errors: 0"
        exit 1'
runs "$made"
last "the summaries of Check are read and added" '10 passed, 3 failed'

script 'echo "ok - one"; sleep 60'
TEST_TIMEOUT=1 runs "$made"
says "a test has a limited time" 'out of time'

script 'echo "ok - one"; setsid sleep 60 & sleep 0.1'
runs "$made"
says "a forgotten process is named" 'left running: sleep 60'
last "a forgotten process is a failure" '1 passed, 1 failed'
is_left() {
    grep -qzs "^TMPDIR=$TMPDIR/loadkit-tests" /proc/[0-9]*/environ
}
for _ in $(seq 100); do # a process that was killed takes its time
    is_left || break
    sleep 0.05
done
if is_left; then
    echo "not ok - a forgotten process is ended"
else
    echo "ok - a forgotten process is ended"
fi

script 'trap "echo \"ok - interrupted\"; exit 0" INT; kill -INT $$; echo "not ok - ignored"'
runs "$made"
last "a test can be interrupted" '1 passed, 0 failed'

script 'touch "$TMPDIR/left"; case $BUILD in /*/elsewhere) echo "ok - in $BUILD" ;; esac'
runs -b "$TMPDIR/elsewhere" "$made"
last "a test is told where the programs are" '1 passed, 0 failed'
if compgen -G "$TMPDIR/loadkit-tests*" >/dev/null; then
    echo "not ok - nothing is left behind"
else
    echo "ok - nothing is left behind"
fi

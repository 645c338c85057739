# shellcheck shell=bash
#
# For scripts that test: a line for each check, in the words of tests/run, and a count of both kinds.

passed=0
failed=0

tell() { # verdict what
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        echo "ok - $2"
    else
        failed=$((failed + 1))
        echo "not ok - $2"
    fi
}

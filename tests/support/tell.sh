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

same() { # what want got
    [ "$2" = "$3" ]
    tell $? "$1"
    [ "$2" = "$3" ] || printf '  want: %s\n  got:  %s\n' "$2" "$3"
}

end_tests() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

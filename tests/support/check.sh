# shellcheck shell=bash disable=SC2154
#
# For scripts whose checks are commands, which say what they miss. To be read, not run; in $tmp, out
# and err are what the program under test has said, and $status is how it ended.

# shellcheck source=tests/support/tell.sh
. "$(dirname "${BASH_SOURCE[0]}")/tell.sh"

check() { # what command...
    local what=$1 verdict
    shift
    "$@" >"$tmp/why" 2>&1
    verdict=$?
    tell "$verdict" "$what"
    [ "$verdict" = 0 ] || sed 's/^/    /' "$tmp/why" "$tmp/out" "$tmp/err"
}

says() { # file text
    grep -qF -- "$2" "$tmp/$1" || {
        echo "$1 does not say: $2"
        return 1
    }
}

ended_with() {
    [ "$status" = "$1" ] || {
        echo "exit status $status, wanted $1"
        return 1
    }
}

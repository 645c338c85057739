# shellcheck shell=bash disable=SC2154
#
# For scripts that look into a result file. To be read, not run; $result is the file.

total() { # name
    sed -n "s/.*\"totals\": *{[^}]*\"$1\": *\([0-9]*\).*/\1/p" "$result"
}

# Samples of a metric with that code; 0 if there is none.
samples() { # metric code
    local count

    count=$(sed -n "s/^{\"id\":\"$1\".*\"codes\":{[^}]*\"$2\":\([0-9]*\).*/\1/p" "$result")
    echo "${count:-0}"
}

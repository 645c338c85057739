#!/usr/bin/env bash
#
# An object is with one user at a time, whatever becomes of the processes: 2000 users borrow from
# 1000 objects while workers are killed, stopped, continued and started. The referee is a file of
# the users themselves; see tests/support/unique.c.
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/cluster.sh
. "$here/support/cluster.sh"

program=$build/tests/support/unique
objects=1000
# a machine that stands still has lost its leases after 4 s of silence, these, the grace, and 5 s
leases=(--orphan-after 6s)

start_servers() {
    start_redis
}

plan() { # more members
    echo "{\"target_users\":$users,\"grace_s\":1,\"init_params\":{\"referee\":\"$tmp\"}}"
}

# ---- the referee

declare -A at=([keep]=0 [halt]=8 [uses]=16 [kept]=24 [processes]=32)

place() { # name: a number of struct places
    od -An -t u8 -j "${at[$1]}" -N 8 "$tmp/places" | tr -d ' '
}

set_place() { # name, number below 2^24
    # shellcheck disable=SC2059
    printf "$(printf '\\x%02x' $(($2 & 255)) $(($2 >> 8 & 255)) $(($2 >> 16 & 255)))" |
        dd of="$tmp/places" bs=1 seek="${at[$1]}" conv=notrunc status=none
}

all_are_kept() {
    [ "$(place kept)" -eq $objects ]
}

was_used() { # times
    [ "$(place uses)" -ge "$1" ]
}

# So many times from now on.
lending_goes_on() { # times
    wait_until was_used $(($(place uses) + $1))
}

no_faults() {
    [ ! -e "$tmp/faults" ] || {
        sort "$tmp/faults" | uniq -c | head -n 20
        return 1
    }
}

# ---- the case

machine() { # station: all of its processes
    echo "${station[$1]}"
    children "${station[$1]}"
}

is_stopped() { # pid
    grep -q '^State:[[:space:]]*T' "/proc/$1/status"
}

# In the middle of a step, which would go on at once.
stop_machine_in_step() { # station
    local one

    one=$(children "${station[$1]}" | head -n 1)
    set_place halt "$one"
    check "a step stops its process" wait_until is_stopped "$one"
    stop_machine "$1"
}

stop_machine() { # station
    # shellcheck disable=SC2046
    kill -STOP $(machine "$1")
}

continue_machine() { # station
    # shellcheck disable=SC2046
    kill -CONT $(machine "$1")
}

# Without that there is nothing to look at: false ends the case.
lends_after() { # what
    check "$1, and objects are lent" lending_goes_on 3000
    [ "$failed" = 0 ]
}

case_unique() {
    local since lapsed

    users=2000
    truncate -s $((8 * (5 + 1 + objects))) "$tmp/places"
    begin "${leases[@]}"
    check "objects are made" status \
        "$(api POST /ensure_resource "{\"resource_name\":\"things\",\"count\":$objects}")" 200
    start
    since=$SECONDS
    check "all users are there" wait_until has_users 2000 4
    lends_after "they borrow" || return

    kill -KILL "$(children "${station[a]}" | head -n 1)"
    lends_after "a process dies" || return
    stop_machine_in_step b
    lapsed=$((SECONDS + 5 + 6 + 1 + 5 + 4))
    lends_after "a machine stands still" || return
    start_station c "${leases[@]}"
    start_station d --orphan-after 60s
    check "users move to a new one" wait_until has_worker_with_users d.2
    lends_after "others come" || return
    stop_machine d
    pause_for 2 "$(children "${station[c]}" | head -n 1)"
    lends_after "a process stood still" || return
    sleep 5
    continue_machine d
    lends_after "a machine goes on before its leases have ended" || return
    sleep $((lapsed > SECONDS ? lapsed - SECONDS : 0))
    continue_machine b
    check "another one begins anew" wait_until has_worker_with_users b.1
    lends_after "it goes on after its leases have ended" || return

    stop_machine d
    destroy "$orchestrator"
    start_orchestrator
    check "an orchestrator takes over" wait_until has_worker_with_users a.2
    sleep 2
    continue_machine d
    lends_after "it hears of all who hold something" || return
    kill -TERM "${station[c]}"
    lends_after "a station leaves" || return
    destroy "${station[a]}"
    lends_after "a station dies" || return
    kill -KILL "$(children "${station[d]}" | head -n 1)"
    lends_after "a process dies" || return
    sleep $((since > SECONDS - 30 ? since + 30 - SECONDS : 0))
    check "users are as many as before" wait_until has_users 2000 4

    check "no id was with two users" no_faults
    set_place keep 1
    check "every id is back" wait_until all_are_kept
    check "and with one user" no_faults
    check "it was borrowing in earnest" at_least "times" "$(place uses)" 30000
    check "in many processes" at_least "processes" "$(place processes)" 12
    check "stopping is taken" status "$(api POST /stop_test)" 200
    finish
    check "nothing failed" is "step_errors" "$(member result.json step_errors)" 0
}

run_cases unique

#!/usr/bin/env bash
#
# A station on a machine of its own, which loses its network and gets it back. The machine is a
# network namespace, joined by a pair of virtual interfaces to another one that has all the rest:
# orchestrator, Redis, nginx and a second station. Nothing is seen of the network of this machine.
#
# test_netns.sh [case...]
set -u

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Root of namespaces of our own, in which there may be others.
if [ "${NETNS_OF_TEST-}" != yes ]; then
    export NETNS_OF_TEST=yes
    why=$(unshare -Urn unshare -n ip link set lo up 2>&1) && exec unshare -Urn "$0" "$@"
    echo "not ok - netns: network namespaces cannot be made here: ${why//$'\n'/; }"
    echo "    allow them, say by sysctl user.max_user_namespaces=10000 or"
    echo "    kernel.apparmor_restrict_unprivileged_userns=0, or run this where they are allowed"
    exit 1
fi

# shellcheck source=tests/support/cluster.sh
. "$here/support/cluster.sh"

# ---- the other machine

declare -A net=([short]=1 [long]=2 [lapsed]=3 [stop]=4 [unmissed]=5) # of a case: 10.77.NET.0/24
machine=

there() { # command...
    nsenter -t "$machine" -n "$@"
}

is_apart() {
    [ "$(readlink "/proc/$machine/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

has_carrier() {
    there ip -br link show dev out | grep -q LOWER_UP
}

# What is served has an address that stays while the machines are cut off from each other.
start_machine() {
    local ours=10.77.${net[$name]}

    launch machine unshare -n sleep 600
    machine=$pid
    wait_until is_apart
    ip link set lo up &&
        ip link add "$name" type veth peer name out netns "$machine" &&
        ip addr add "$ours.1/32" dev lo &&
        ip addr add "$ours.2/24" dev "$name" && ip link set "$name" up &&
        there ip addr add "$ours.3/24" dev out && there ip link set out up &&
        wait_until has_carrier || return 1
    nginx_host=$ours.1
    redis_host=$ours.1
}

cut() {
    ip link set "$name" down
}

mend() {
    ip link set "$name" up
}

begin_apart() { # options of the station there...
    if ! start_machine >"$tmp/machine.log" 2>&1; then
        cat "$tmp/machine.log"
        tell 1 "$name: there is another machine"
        exit 1
    fi
    start_server && start_redis tcp && start_orchestrator && start_station a &&
        via=(nsenter -t "$machine" -n) && start_station b "$@" && wait_until alive_is 4 && return
    cat "$tmp"/*.log
    tell 1 "$name: orchestrator and stations are there"
    exit 1
}

# ---- cases

# So long that what was on its way when the network went is sent once more: each time TCP waits twice
# as long.
case_short() {
    begin_apart
    start
    load_goes_on
    check "it has users" wait_until has_worker_with_users b.1
    cut
    check "others get its users" wait_until has_users 20 2
    sleep 2
    mend
    check "it takes part again" wait_until has_users 20 4
    check "with users" wait_until has_worker_with_users b.1
    stop
    exact
    verdict valid
}

cut_off() { # seconds, or longer, until its load has ended
    local since

    begin_apart --orphan-after 3s
    start ',"duration_s":300,"grace_s":1'
    load_goes_on
    since=$SECONDS
    cut
    check "others get its users" wait_until has_users 20 2
    check "its load ends by itself" wait_until has_children "${station[b]}" 0
    sleep $(($1 > SECONDS - since ? $1 - SECONDS + since : 0))
    mend
    check "it takes part again" wait_until has_users 20 4
    check "with users" wait_until has_worker_with_users b.1
    stop
    verdict incomplete
}

case_long() {
    cut_off 0
    exact
    check "the result says why" says result.json "had not heard of the orchestrator"
}

all_is_delivered() {
    ! there ss -Htn state fin-wait-1 "dport = :$port" | grep -q .
}

# Others have had its users by the time that it ends its load: nobody has missed it.
case_unmissed() {
    begin_apart --orphan-after 7s
    start ',"duration_s":300'
    load_goes_on
    cut
    check "others get its users" wait_until has_users 20 2
    check "its load ends by itself" wait_until has_children "${station[b]}" 0
    mend
    check "it takes part again" wait_until has_users 20 4
    check "with users" wait_until has_worker_with_users b.1
    check "what was on its way comes when TCP tries again" wait_until all_is_delivered
    stop
    exact
    verdict valid
}

# The orchestrator has given it up.
case_lapsed() {
    cut_off 18
    check "what is missing is its last second" lost_is_told 400
}

result_is_the_servers() {
    [ "$(api GET /result)" = 200 ] && mv "$tmp/answer" "$tmp/result.json" && counts_are_the_servers
}

# Nobody can tell it, and it ends all the same.
case_stop() {
    begin_apart --orphan-after 3s
    start ',"grace_s":1'
    load_goes_on
    cut
    check "stopping is taken" status "$(api POST /stop_test)" 200
    check "its load ends by itself" wait_until has_children "${station[b]}" 0
    mend
    # what was on its way comes when TCP tries again
    wait_until result_is_the_servers
    finish
    exact
}

cases=(short long unmissed lapsed stop)
[ $# = 0 ] || cases=("$@")
run_cases "${cases[@]}"

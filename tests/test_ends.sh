#!/usr/bin/env bash
#
# How a run over several machines ends when not all of them are there: when it may end, what its
# result says of those that are missing, and what an orchestrator that begins anew makes of it.
#
# test_ends.sh [case...]
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/cluster.sh
. "$here/support/cluster.sh"

stop() {
    check "stopping is taken" status "$(api POST /stop_test)" 200
}

took_less_than() { # seconds, since
    at_least "$1 - seconds" $(($1 - SECONDS + $2)) 0
}

# Sent by nobody who could tell.
counts_are_fewer() {
    local counted lines

    counted=$(requests)
    lines=$(logged)
    echo "$counted requests that were sent, $lines lines in the log"
    [ "$counted" -gt 0 ] && [ "$counted" -lt "$lines" ]
}

# ---- cases

case_stop_twice() {
    local since

    begin --orphan-after 60s
    start ',"grace_s":1'
    load_goes_on
    destroy "${station[a]}"
    check "it is missed" wait_until alive_is 2
    stop
    sleep 5
    check "the end waits for it" is state "$(state state)" STOPPING
    since=$SECONDS
    stop
    finish
    check "but not when it is asked for again" took_less_than 15 "$since"
    verdict incomplete
    check "the result names it" says result.json "worker a.1, like 1 other, was out of reach for"
    check "and for how long it may go on" says result.json "or still does for up to"
    check "by its own name" says result.json '"worker_id":"a.2"'
}

case_abort() {
    local since

    begin_with --on-worker-loss abort -- --orphan-after 60s
    start ',"grace_s":60'
    load_goes_on
    destroy "${station[b]}"
    since=$SECONDS
    finish
    check "it ends soon" took_less_than 25 "$since"
    verdict incomplete
    check "for this reason" says result.json '"failure":"worker b.'
    check "which is why it ended" says result.json '"ended_by":"worker loss"'
    check "with its name" says result.json "was out of reach for"
    check "and what it may still do" says result.json "or still does for up to"
}

# Its processes go on until their time is over, and nobody will ever tell of it.
case_cut_off() {
    begin --orphan-after 6s
    start ',"grace_s":1'
    load_goes_on
    kill -STOP "${station[a]}"
    wait_until alive_is 2
    stop
    check "its load goes on" load_goes_on 20
    wait_until load_stands
    destroy "${station[a]}"
    finish
    verdict incomplete
    check "the result names it" says result.json "worker a.1, like 1 other, was out of reach for"
    check "what it did is in no number" counts_are_fewer
}

# The same objects are not lent to others as long as somebody may have them.
case_objects() {
    program=$build/examples/shop
    params=
    begin --orphan-after 8s
    start ',"grace_s":1'
    load_goes_on 20
    destroy "${station[a]}"
    wait_until alive_is 2
    stop
    stop
    wait_until state_is state IDLE
    check "it is not started again" status "$(api POST /start_test "$(plan ',"duration_s":1')")" 409
    check "since load may go on" says answer '"load_goes_on"'
    destroy "$orchestrator"
    start_orchestrator
    wait_until alive_is 2
    check "which another orchestrator knows" status \
        "$(api POST /start_test "$(plan ',"duration_s":1')")" 409
    check "until its time is over" wait_until starts
    wait_until state_is state IDLE
}

# Nobody has begun: the same run is prepared once more. One worker is not ready yet.
case_prepared_anew() {
    local id

    begin
    kill -STOP "${station[b]}"
    start ',"duration_s":2'
    id=$(state run_id)
    check "it waits for all" wait_until has_children "${station[a]}" 2
    destroy "$orchestrator"
    start_orchestrator
    kill -CONT "${station[b]}"
    check "it begins after all" wait_until has_users 20 4
    check "as the same run" is "run" "$(state run_id)" "$id"
    finish
    exact
    verdict valid
}

# Of a set-up nobody knows how far it came: who waits for the run is told so.
case_set_up() {
    program=$build/tests/support/slow
    params=
    begin
    launch waiting "$program" test start --wait --quiet --orchestrator "http://$address" -u 2 -d 5s
    waiting=$pid
    check "it is prepared" wait_until state_is phase "setting up"
    destroy "$orchestrator"
    start_orchestrator
    check "who waits for it is not left waiting" wait_until is_gone "$waiting"
    wait "$waiting"
    check "and told that it failed" is "exit status" $? 1
    check "for this reason" says waiting.log "the orchestrator ended while the set-up was carried out"
    check "which is its result" status "$(api GET /result)" 200
    check "the processes are gone" wait_until has_children "${station[a]}" 0
    check "and another run can begin" status "$(api POST /start_test "$(plan ',"duration_s":1')")" 200
}

# Who waits for a run waits for the next orchestrator too.
case_waited_for() {
    begin
    launch waiting "$program" test start --wait --orchestrator "http://$address" -u 20 -d 9s \
        -p base_url="http://$nginx_host:$port" -p pause=0.03
    waiting=$pid
    load_goes_on
    destroy "$orchestrator"
    start_orchestrator
    check "it ends with the run" wait_until is_gone "$waiting"
    wait "$waiting"
    check "which passed" is "exit status" $? 0
    check "and is reported" says waiting.log "ended by duration"
    finish
    exact
}

curve() { # key: the sum of all its values
    api GET /series >/dev/null
    grep -oE "\"$1\": *[0-9]+" "$tmp/answer" | sed 's/.*: *//' | awk '{sum += $1} END {print sum + 0}'
}

curves_have() { # requests
    [ "$(curve requests)" -ge "$1" ]
}

case_curves() {
    local before

    begin
    start ',"duration_s":14'
    load_goes_on 2500
    before=$(curve requests)
    check "there are curves" at_least "requests in them" "$before" 500
    destroy "$orchestrator"
    start_orchestrator
    wait_until state_is state RUNNING
    wait_until has_users 20 4
    check "curves go on" wait_until curves_have "$before"
    api GET "/metrics/history?range=5m" >/dev/null
    check "where they were" at_least "seconds since the first point" \
        $(($(date +%s) - $(member answer ts))) 3
    check "and of this day" at_least "100 - seconds since" $((100 - $(date +%s) + $(member answer ts))) 60
    finish
    exact
    check "all requests are in them" is "requests in them" "$(curve requests)" \
        "$(member result.json http_requests)"
}

starts() {
    [ "$(api POST /start_test "$(plan ',"duration_s":1')")" = 200 ]
}

# ---- running them

cases=(stop_twice abort cut_off objects prepared_anew set_up waited_for curves)
[ $# = 0 ] || cases=("$@")
run_cases "${cases[@]}"

#!/usr/bin/env bash
#
# A load test over several machines, played on one: orchestrator, stations and Redis are processes,
# and whatever becomes of each of them, the report counts what nginx has logged. Each case has a
# directory, a Redis, an nginx and a cluster of its own; some run at a time.
#
# test_distributed.sh [case...]
set -u

build=$(cd "${BUILD:-$(dirname "$0")/../build}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
traffic=$build/tests/support/traffic
hello=$build/examples/hello
top=$(mktemp -d "${TMPDIR:-/tmp}/lk-dist.XXXXXX")
tmp=$top
at_once=6
unset LK_REDIS_URL LK_TOKEN
trap 'rm -rf "$top"' EXIT
trap 'end_cases; exit 1' INT TERM HUP

# shellcheck source=tests/support/nginx.sh
. "$here/support/nginx.sh"
# shellcheck source=tests/support/redis.sh
. "$here/support/redis.sh"
# shellcheck source=tests/support/tell.sh
. "$here/support/tell.sh"

# ---- checks

check() { # what, command...
    local what=$1 status
    shift
    "$@" >"$tmp/why" 2>&1
    status=$?
    tell "$status" "$name: $what"
    [ "$status" = 0 ] || sed 's/^/    /' "$tmp/why"
}

status() { # got, wanted
    is "status" "$1" "$2" && return
    cat "$tmp/answer"
    return 1
}

is() { # what, value, wanted
    [ "$2" = "$3" ] || {
        echo "$1 is ${2:-(none)}, wanted $3"
        return 1
    }
}

at_least() { # what, value, wanted
    echo "$1: ${2:-(none)}, wanted $3 or more"
    [ -n "$2" ] && [ "$2" -ge "$3" ]
}

says() { # file, text
    grep -qF -- "$2" "$tmp/$1" || {
        echo "$1 does not say: $2"
        return 1
    }
}

wait_until() { # command...: for a while
    for _ in $(seq 500); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    echo "this did not happen: $*"
    return 1
}

# ---- processes: those of this case, all ended with it

pids=()

launch() { # name, command...: sets pid
    local file=$1
    shift
    "$@" >>"$tmp/$file.log" 2>&1 &
    pid=$!
    pids+=("$pid")
}

# Like a machine that fails.
destroy() { # pid
    kill -KILL "$1" && wait "$1" 2>/dev/null
}

children() { # pid
    pgrep -P "$1"
}

has_children() { # pid, count
    [ "$(children "$1" | wc -l)" -eq "$2" ]
}

is_gone() { # pid...
    local one

    for one; do
        ! kill -0 "$one" 2>/dev/null || grep -qE '^State:[[:space:]]*Z' "/proc/$one/status" || return 1
    done
}

end_case() {
    local one

    for one in "${pids[@]}"; do
        kill -CONT "$one"
        kill -KILL "$one"
        wait "$one"
    done 2>/dev/null
    end_redis
    end_nginx
}

# ---- the parts of a cluster

program=$traffic
address=127.0.0.1:0
orchestrator=

is_open() {
    grep -qo 'http://127\.0\.0\.1:[0-9]*' "$tmp/orchestrator.log"
}

start_orchestrator() { # options...
    launch orchestrator "$program" orchestrator --listen "$address" --state-dir "$tmp/state" "$@"
    orchestrator=$pid
    wait_until is_open || return 1
    address=$(grep -o '127\.0\.0\.1:[0-9]*' "$tmp/orchestrator.log" | head -n 1)
}

declare -A station

start_station() { # id, options...
    local id=$1
    shift
    launch "$id" "$program" worker --id "$id" --processes 2 --orphan-after 60s "$@"
    station[$id]=$pid
}

api() { # method, path, body: prints the status; the answer is in the file answer
    curl -s -m 10 -o "$tmp/answer" -w '%{http_code}' -X "$1" -H 'Content-Type: application/json' \
        ${3:+--data "$3"} "http://$address$2"
}

member() { # file, key: the first of that name
    grep -oE "\"$2\": *(\"[^\"]*\"|[^],}\"]*)" "$tmp/$1" | head -n 1 | sed 's/^[^:]*: *//; s/"//g'
}

state() { # key
    api GET /status >/dev/null && member answer "$1"
}

has_users() { # count, processes
    api GET /status >/dev/null && [ "$(member answer users)" = "$1" ] &&
        [ "$(member answer workers_alive)" = "$2" ]
}

state_is() { # key, value
    [ "$(state "$1")" = "$2" ]
}

alive() {
    api GET /ready >/dev/null && member answer alive_workers
}

alive_is() { # count
    [ "$(alive)" = "$1" ]
}

begin() { # options of the stations...
    begin_with -- "$@"
}

begin_with() { # options of the orchestrator... -- options of the stations...
    local -a its=()

    while [ "$1" != -- ]; do
        its+=("$1")
        shift
    done
    shift
    start_servers && start_orchestrator "${its[@]}" && start_station a "$@" &&
        start_station b "$@" && wait_until alive_is 4 && return
    cat "$tmp"/*.log
    tell 1 "$name: orchestrator and stations are there"
    exit 1
}

start_server() {
    start_nginx "keepalive_requests 1000000;"
}

# shellcheck disable=SC2119
start_servers() {
    start_server && start_redis
}

users=20
params=',"pause":"0.03"'

plan() { # more members
    echo "{\"target_users\":$users,\"init_params\":{\"base_url\":\"http://127.0.0.1:$port\"$params}$1}"
}

start() { # more members
    check "the run starts" status "$(api POST /start_test "$(plan "$1")")" 200
}

logged() {
    wc -l <"$tmp/access.log"
}

logs_more_than() {
    [ "$(logged)" -gt "$1" ]
}

# So many requests from now on.
load_goes_on() { # count
    wait_until logs_more_than $(($(logged) + ${1:-200}))
}

finish() {
    wait_until state_is state IDLE
    check "it comes to its end" is state "$(state state)" IDLE
    check "it has a result" status "$(api GET /result)" 200
    mv "$tmp/answer" "$tmp/result.json"
    end_nginx
}

requests() {
    echo $(($(member result.json http_requests) - $(member result.json http_unsent)))
}

counts_are_the_servers() {
    local counted lines

    counted=$(requests)
    lines=$(logged)
    echo "$counted requests that were sent, $lines lines in the log"
    [ "$counted" -gt 0 ] && [ "$counted" -eq "$lines" ]
}

exact() {
    check "counts are the server's" counts_are_the_servers
}

# What a busy machine does to latencies is nothing to us.
verdict() { # wanted: valid or incomplete
    local got

    got=$(grep -A 3 '"verdict"' "$tmp/result.json" |
        sed -n 's/.*"status": *"\([^"]*\)".*/\1/p' | head -n 1)
    [ "$got" = incomplete ] || got=valid
    check "its verdict is $1" is verdict "$got" "$1"
}

# ---- cases

case_plain() {
    begin
    start ',"duration_s":4'
    wait_until state_is state RUNNING
    check "all users are there" wait_until state_is users 20
    finish
    exact
    verdict valid
    check "no workers are left" wait_until has_children "${station[a]}" 0
    start_server
    start ',"iterations":1000'
    finish
    exact
    check "the second run has all of its iterations" is iterations "$(member result.json iterations)" 1000
}

case_killed_process() {
    begin
    start ',"duration_s":6'
    load_goes_on
    kill -KILL "$(children "${station[a]}" | head -n 1)"
    check "another is forked" wait_until state_is crashes 1
    check "its users are back" wait_until has_users 20 4
    finish
    exact
    check "the crash is told" says result.json "killed by signal 9"
}

# Of what it did last, nobody can tell.
lost_is_told() { # most requests
    local counted lines

    counted=$(requests)
    lines=$(logged)
    echo "$counted requests that were sent, $lines lines in the log; $(member result.json seconds_lost) s lost"
    [ "$counted" -gt 0 ] && [ "$counted" -le "$lines" ] && [ "$lines" -le $((counted + $1)) ] &&
        [ "$(member result.json seconds_lost)" -gt 0 ] && [ "$(member result.json seconds_lost)" -le 4 ]
}

case_killed_station() {
    local its since

    begin --orphan-after 3s
    start ',"duration_s":9,"grace_s":1'
    load_goes_on 400
    mapfile -t its < <(children "${station[a]}")
    destroy "${station[a]}"
    since=$SECONDS
    check "its processes end with it" wait_until is_gone "${its[@]}"
    check "its users live elsewhere" wait_until has_users 20 2
    check "soon" at_least "15 - seconds" $((15 - SECONDS + since)) 8
    finish
    check "what is missing is its last second" lost_is_told 400
    verdict incomplete
}

pause_for() { # seconds pid...
    local seconds=$1
    shift
    kill -STOP "$@"
    sleep "$seconds"
    kill -CONT "$@"
}

# Its processes go on, but nobody hears of them.
case_stopped_station() {
    begin
    start ',"duration_s":11'
    load_goes_on
    pause_for 7 "${station[a]}"
    check "it takes part again" wait_until has_users 20 4
    finish
    exact
    verdict valid
}

case_stopped_machine() {
    begin
    start ',"duration_s":11'
    load_goes_on
    # shellcheck disable=SC2046
    pause_for 7 "${station[a]}" $(children "${station[a]}")
    check "it takes part again" wait_until has_users 20 4
    finish
    exact
    verdict valid
}

case_stopped_process() {
    begin
    start ',"duration_s":7'
    load_goes_on
    pause_for 3 "$(children "${station[a]}" | head -n 1)"
    finish
    exact
    verdict valid
}

rows() {
    sed -n '/"series"/,$p' "$tmp/result.json" | grep -c '"span_s".*"requests"'
}

case_killed_orchestrator() {
    begin
    start ',"duration_s":9'
    load_goes_on
    destroy "$orchestrator"
    check "load goes on without it" load_goes_on
    start_orchestrator
    check "it knows of its run" wait_until state_is state RUNNING
    check "and of its users" wait_until has_users 20 4
    finish
    exact
    verdict valid
    check "one result for all of it" at_least "seconds in the series" "$(rows)" 9
}

case_stopped_orchestrator() {
    begin
    start ',"duration_s":9'
    load_goes_on
    pause_for 6 "$orchestrator"
    check "and has its users" wait_until has_users 20 4
    finish
    exact
    verdict valid
}

case_emptied_redis() {
    begin
    start ',"duration_s":8'
    load_goes_on
    end_redis
    check "load goes on without it" load_goes_on
    restart_redis
    check "it is there again" wait_until state_is redis true
    check "with all users" wait_until has_users 20 4
    finish
    exact
    verdict valid
}

case_all_restarted() {
    begin
    start ',"duration_s":10'
    load_goes_on
    destroy "$orchestrator"
    end_redis
    check "load goes on without them" load_goes_on
    restart_redis
    start_orchestrator
    check "with all users" wait_until has_users 20 4
    finish
    exact
    verdict valid
    check "one result for all of it" at_least "seconds in the series" "$(rows)" 10
}

case_stopped_redis() {
    begin
    start ',"duration_s":12'
    load_goes_on
    stop_redis
    sleep 8
    check "load goes on without it" load_goes_on
    continue_redis
    check "with all users" wait_until has_users 20 4
    finish
    exact
    verdict valid
}

load_stands() {
    local seen

    seen=$(logged)
    sleep 1
    [ "$(logged)" -eq "$seen" ]
}

# Nobody is heard for longer than stations go on: they end, and begin anew.
case_orphaned_stations() {
    begin --orphan-after 2s
    start ',"duration_s":14,"grace_s":1'
    load_goes_on
    kill -STOP "$orchestrator"
    sleep 6
    check "load ends by itself" load_stands
    kill -CONT "$orchestrator"
    check "all users are back" wait_until has_users 20 4
    check "and at work" load_goes_on
    finish
    exact
    verdict incomplete
    check "the result says why" says result.json "had not heard of the orchestrator"
}

# Load never outlives its command.
case_redis_for_good() {
    begin --orphan-after 3s
    start ',"grace_s":1'
    load_goes_on
    end_redis
    api POST /stop_test >/dev/null
    check "load goes on for a time" load_goes_on 20
    sleep 5
    check "then it ends by itself" load_stands
    check "and its processes" wait_until has_children "${station[a]}" 0
    restart_redis
    finish
    exact
    verdict valid
}

# The station cannot do anything about its processes: they know for themselves.
case_stop_cut_off() {
    begin --orphan-after 2s
    start ',"grace_s":1'
    load_goes_on
    kill -STOP "${station[a]}"
    check "stopping is taken" status "$(api POST /stop_test)" 200
    check "load goes on for a time" load_goes_on 20
    sleep 6.5
    check "then it ends by itself" load_stands
    kill -CONT "${station[a]}"
    finish
    exact
}

case_two_starts() {
    local both

    begin
    both=$(
        for one in 1 2; do
            curl -s -m 10 -o "$tmp/answer.$one" -w '%{http_code}\n' --data "$(plan ',"duration_s":1')" \
                -H 'Content-Type: application/json' "http://$address/start_test" &
        done
        wait
    )
    check "one of two starts is taken" is statuses "$(sort <<<"$both" | tr '\n' ' ')" "200 409 "
    finish
    exact
}

case_stop_in_ramp() {
    local since

    begin
    users=1000 start ',"spawn_interval_ms":20'
    load_goes_on
    check "stopping is taken" status "$(api POST /stop_test)" 200
    since=$SECONDS
    finish
    check "soon" at_least "10 - seconds" $((10 - SECONDS + since)) 6
    exact
}

has_worker_with_users() { # worker
    api GET /workers >/dev/null
    grep -oE "\"worker_id\": *\"$1\"[^{}]*" "$tmp/answer" | grep -qE '"active_users_count": *[1-9]'
}

case_late_station() {
    begin
    start ',"duration_s":7'
    load_goes_on
    start_station c
    check "users move to it" wait_until has_worker_with_users c.1
    check "and to all of it" wait_until has_worker_with_users c.2
    check "they are as many as before" wait_until has_users 20 6
    finish
    exact
    verdict valid
}

case_leaving_station() {
    begin
    start ',"duration_s":7'
    load_goes_on
    kill -TERM "${station[a]}"
    wait "${station[a]}"
    check "it leaves" is "exit status" $? 0
    check "its users live elsewhere" wait_until has_users 20 2
    finish
    exact
    verdict valid
}

all_iterations() { # count
    check "iterations are all there" is iterations "$(member result.json iterations)" "$1"
}

# Leased iterations stay leased.
case_iterations() {
    begin
    start ',"iterations":5000'
    load_goes_on 1000
    destroy "$orchestrator"
    start_orchestrator
    wait_until has_users 20 4
    kill -KILL "$(children "${station[b]}" | head -n 1)"
    finish
    exact
    # those that it had in hand are nobody's
    check "none is carried out twice" at_least "5020 - iterations" \
        $((5020 - $(member result.json iterations))) 0
    check "and none is forgotten" at_least iterations "$(member result.json iterations)" 4980
}

case_iterations_moved() {
    begin
    start ',"iterations":4000'
    load_goes_on 500
    kill -TERM "${station[a]}"
    start_station c
    wait_until has_users 20 4
    end_redis
    restart_redis
    finish
    exact
    all_iterations 4000
    verdict valid
}

case_rate() {
    begin
    start ',"rate_per_s":200,"duration_s":6'
    load_goes_on 200
    kill -TERM "${station[a]}"
    check "the rate is changed" status "$(api POST /change_rate '{"rate_per_s":300}')" 200
    finish
    exact
    check "arrivals go on" at_least requests "$(requests)" 1200
    verdict valid
}

# The new one is another: of the former nobody hears any more.
case_same_name() {
    begin --orphan-after 2s
    start ',"duration_s":13,"grace_s":1'
    load_goes_on
    destroy "${station[a]}"
    start_station a --orphan-after 2s
    check "it takes part in its place" wait_until has_users 20 4
    check "with users" wait_until has_worker_with_users a.1
    finish
    check "what is missing is its last second" lost_is_told 400
}

case_abort() {
    local since

    begin_with --on-worker-loss abort -- --orphan-after 2s
    start ',"grace_s":1'
    load_goes_on
    destroy "${station[a]}"
    since=$SECONDS
    finish
    check "soon" at_least "20 - seconds" $((20 - SECONDS + since)) 4
    check "for this reason" says result.json "out of reach"
}

case_continue() {
    begin_with --on-worker-loss continue --
    start ',"duration_s":9'
    load_goes_on
    pause_for 6.5 "${station[a]}"
    check "its users are its own" has_worker_with_users a.1
    finish
    exact
    verdict valid
}

case_change_users() {
    begin
    start ',"duration_s":6'
    load_goes_on
    check "more users" status "$(api POST /change_users '{"target_users":60,"spawn_interval_ms":10}')" 200
    check "they come" wait_until has_users 60 4
    kill -TERM "${station[b]}"
    check "fewer users" status "$(api POST /change_users '{"target_users":6}')" 200
    check "they leave" wait_until has_users 6 2
    finish
    exact
    verdict valid
}

case_restart_at_end() {
    begin
    start ',"duration_s":3'
    load_goes_on 900
    destroy "$orchestrator"
    start_orchestrator
    finish
    exact
    verdict valid
    destroy "$orchestrator"
    start_orchestrator
    wait_until alive_is 4
    check "the last result is kept" status "$(api GET /result)" 200
    check "and it is IDLE" is state "$(state state)" IDLE
}

# As many objects as users: who moves finds one only if the former holder's came back.
case_resources() {
    program=$build/examples/shop
    params=
    begin
    check "objects are made" status \
        "$(api POST /ensure_resource '{"resource_name":"users","count":20}')" 200
    start ',"duration_s":9'
    load_goes_on 50
    kill -KILL "$(children "${station[a]}" | head -n 1)"
    wait_until state_is crashes 1
    destroy "$orchestrator"
    start_orchestrator
    check "all users are back" wait_until has_users 20 4
    finish
    exact
    api GET /resources >/dev/null
    check "no more objects were made" is "count" \
        "$(grep -oE '"users": *[0-9]+|"count": *[0-9]+' "$tmp/answer" | grep -oE '[0-9]+$' | sort -un | tail -n 1)" 20
}

refused() { # file, status, text
    wait "$pid"
    is "exit status" $? "$2" && says "$1.log" "$3"
}

case_refusals() {
    begin
    launch hello "$hello" worker --id c --processes 1
    check "another program" refused hello 2 "program is another one"
    check "and the orchestrator names it" says orchestrator.log "station c is refused"
    launch second "$traffic" orchestrator --listen 127.0.0.1:0 --state-dir "$tmp/second"
    check "another orchestrator" refused second 2 "another orchestrator has the cluster"
    launch twin "$traffic" worker --id a --processes 1
    check "another station of that name" refused twin 2 'has a worker "a" already'
    launch stranger env LK_REDIS_URL="unix://:wrong@$redis_socket" "$traffic" worker --id d
    check "a wrong password" refused stranger 2 "password"
    check "nobody who was there minds" is "workers" "$(alive)" 4
}

case_late_redis() {
    start_servers
    end_redis
    start_orchestrator
    start_station a
    start_station b
    sleep 3
    check "it is said" says orchestrator.log "Redis at"
    check "by all" says a.log "Redis at"
    check "once" is "lines of it" "$(grep -c 'Redis at' "$tmp/a.log")" 1
    check "there is no run without it" status "$(api POST /start_test "$(plan ',"duration_s":2')")" 503
    restart_redis
    check "all come when it comes" wait_until alive_is 4
    start ',"duration_s":2'
    finish
    exact
}

# ---- running them

run_case() { # name
    name=$1
    tmp=$top/$name
    mkdir -p "$tmp"
    trap end_case EXIT
    trap 'exit 1' INT TERM HUP
    "case_$name"
    [ "$failed" = 0 ] || tail -n 30 "$tmp"/[!re]*.log "$tmp/orchestrator.log"
}

end_cases() {
    local one

    for one in $(jobs -p); do
        kill -TERM "$one"
    done
    wait
} 2>/dev/null

cases=(killed_station stopped_station stopped_machine stopped_redis redis_for_good stop_cut_off orphaned_stations
    killed_orchestrator stopped_orchestrator emptied_redis all_restarted late_redis leaving_station
    late_station stopped_process killed_process plain stop_in_ramp two_starts refusals
    iterations iterations_moved rate same_name abort continue change_users restart_at_end
    resources)
[ $# = 0 ] || cases=("$@")

for name in "${cases[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge $at_once ]; do
        wait -n
    done
    (run_case "$name") >"$top/$name.out" 2>&1 </dev/null &
done
wait
for name in "${cases[@]}"; do
    cat "$top/$name.out"
done >"$top/out"
cat "$top/out"
! grep -q '^not ok' "$top/out"

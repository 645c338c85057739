#!/usr/bin/env bash
#
# A load test over several machines, played on one: orchestrator, stations and Redis are processes,
# and whatever becomes of each of them, the report counts what nginx has logged. Each case has a
# directory, a Redis, an nginx and a cluster of its own; some run at a time.
#
# test_distributed.sh [case...]
set -u

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/cluster.sh
. "$here/support/cluster.sh"

# ---- cases

case_plain() {
    begin
    start
    wait_until state_is state RUNNING
    check "all users are there" wait_until state_is users 20
    stop
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
    start
    load_goes_on
    kill -KILL "$(children "${station[a]}" | head -n 1)"
    check "another is forked" wait_until state_is crashes 1
    check "its users are back" wait_until has_users 20 4
    stop
    exact
    check "the crash is told" says result.json "killed by signal 9"
    check "also when the run is over" is crashes "$(state crashes)" 1
}

case_killed_station() {
    local its since

    begin --orphan-after 3s
    start ',"duration_s":300,"grace_s":1'
    load_goes_on 400
    mapfile -t its < <(children "${station[a]}")
    destroy "${station[a]}"
    since=$SECONDS
    check "its processes end with it" wait_until is_gone "${its[@]}"
    check "its users live elsewhere" wait_until has_users 20 2
    check "soon" at_least "15 - seconds" $((15 - SECONDS + since)) 5
    stop
    check "what is missing is its last second" lost_is_told 400
    verdict incomplete
}

readers() {
    api GET /workers >/dev/null
    grep -oE '"worker_id": *"[^"]*"[^{}]*"probes": *true' "$tmp/answer" | cut -d '"' -f 4
}

readers_are() { # worker
    [ "$(readers)" = "$1" ]
}

# The last reading is its, and it is the only one who is said to read.
reads_probes() { # worker
    readers_are "$1" && api GET "/probes/history?probe_name=turns&count=1" >/dev/null &&
        grep -qE "\"worker_id\": *\"(worker )?$1\"" "$tmp/answer"
}

case_probes_move() {
    local first other since

    begin --orphan-after 3s
    start ',"duration_s":300,"grace_s":1'
    wait_until state_is state RUNNING
    first=$(readers)
    check "one process reads the probes" wait_until reads_probes "$first"
    destroy "${station[${first%.*}]}"
    since=$SECONDS
    other=$([ "${first%.*}" = a ] && echo b.1 || echo a.1)
    check "when it is lost another does" wait_until reads_probes "$other"
    check "soon" at_least "12 - seconds" $((12 - SECONDS + since)) 2
    start_station c --run-probes
    check "one that is to run them takes them over" wait_until reads_probes c.1
    kill -TERM "${station[c]}"
    check "until it leaves" wait_until reads_probes "$other"
    stop
    start_station d --run-probes
    check "without a run it is told who is to run them" wait_until readers_are d.1
    verdict incomplete
}

# Its processes go on, but nobody hears of them.
case_stopped_station() {
    begin
    start
    load_goes_on
    pause_for 20 "${station[a]}"
    check "it takes part again" wait_until has_users 20 4
    stop
    exact
    verdict valid
}

case_stopped_machine() {
    begin
    start
    load_goes_on
    # shellcheck disable=SC2046
    pause_for 7 "${station[a]}" $(children "${station[a]}")
    check "it takes part again" wait_until has_users 20 4
    stop
    exact
    verdict valid
}

loops_turn() { # count
    api GET /workers >/dev/null && [ "$(grep -oE '"loop_delay_ms": *[0-9]' "$tmp/answer" | wc -l)" -eq "$1" ]
}

loop_stands() { # for seconds
    api GET /status >/dev/null && grep -qE '"busiest_ms": *[0-9]{4}' "$tmp/answer"
}

# Its station is heard, and tells how it fares.
case_stopped_process() {
    local one

    begin
    start
    load_goes_on
    check "their loops are told of" wait_until loops_turn 4
    one=$(children "${station[a]}" | head -n 1)
    kill -STOP "$one"
    check "it is not healthy" wait_until alive_is 3
    check "nor is it so in the status" wait_until state_is workers_alive 3
    check "which shows for how long" wait_until loop_stands
    kill -CONT "$one"
    check "but is again" wait_until has_users 20 4
    stop
    exact
    verdict valid
}

rows() {
    sed -n '/"series"/,$p' "$tmp/result.json" | grep -c '"span_s".*"requests"'
}

has_lasted() { # seconds
    local elapsed

    elapsed=$(state elapsed_s)
    [ "${elapsed%%.*}" -ge "$1" ]
}

lose_orchestrator() { # signal
    begin
    start
    load_goes_on
    kill -"$1" "$orchestrator" && wait "$orchestrator" 2>/dev/null
    check "load goes on without it" load_goes_on
}

another_goes_on() {
    check "it knows of its run" wait_until state_is state RUNNING
    check "and of its users" wait_until has_users 20 4
    check "all of whom have stayed" is crashes "$(state crashes)" 0
    wait_until has_lasted 9
    stop
    exact
    verdict valid
    check "one result for all of it" at_least "seconds in the series" "$(rows)" 9
}

case_killed_orchestrator() {
    local former

    lose_orchestrator KILL
    former=$orchestrator
    start_orchestrator
    wait_until says orchestrator.log "a former orchestrator"
    check "nothing starts before" status "$(api POST /start_test "$(plan ',"duration_s":2')")" 503
    check "nor is one stopped of which nothing is known" status "$(api POST /stop_test '')" 503
    check "or changed" status "$(api POST /change_users '{"target_users":5}')" 503
    check "whose end it waits for" says answer "A former orchestrator (process $former "
    check "whom it waits for is told" says orchestrator.log "a former orchestrator: process $former "
    another_goes_on
}

case_ended_orchestrator() {
    lose_orchestrator TERM
    start_orchestrator
    another_goes_on
}

case_stopped_orchestrator() {
    begin
    start
    load_goes_on
    pause_for 6 "$orchestrator"
    check "and has its users" wait_until has_users 20 4
    stop
    exact
    verdict valid
}

case_emptied_redis() {
    begin
    start
    load_goes_on
    end_redis
    check "load goes on without it" load_goes_on
    restart_redis
    check "it is there again" wait_until state_is redis true
    check "with all users" wait_until has_users 20 4
    stop
    exact
    verdict valid
}

case_all_restarted() {
    begin
    start
    load_goes_on
    destroy "$orchestrator"
    end_redis
    check "load goes on without them" load_goes_on
    restart_redis
    start_orchestrator
    check "with all users" wait_until has_users 20 4
    wait_until has_lasted 10
    stop
    exact
    verdict valid
    check "one result for all of it" at_least "seconds in the series" "$(rows)" 10
}

case_stopped_redis() {
    begin
    start
    load_goes_on
    stop_redis
    sleep 10
    check "load goes on without it" load_goes_on
    continue_redis
    check "with all users" wait_until has_users 20 4
    stop
    exact
    verdict valid
}

# Nobody is heard for longer than stations go on: they end, and begin anew, for which nobody waits
# longer than users take to leave.
case_orphaned_stations() {
    begin --orphan-after 2s
    start ',"duration_s":300,"grace_s":90'
    load_goes_on
    kill -STOP "$orchestrator"
    sleep 6
    check "load ends by itself" load_stands
    kill -CONT "$orchestrator"
    check "all users are back" wait_until has_users 20 4
    check "and at work" load_goes_on
    check "nobody has crashed" is crashes "$(state crashes)" 0
    api GET /workers >/dev/null
    check "nor any worker" is crashes "$(grep -oE '"crashes": *[0-9]+' "$tmp/answer" | grep -oE '[0-9]+$' | sort -u)" 0
    stop
    check "nor when the run is over" is crashes "$(state crashes)" 0
    exact
    verdict incomplete
    check "the result says why" says result.json "had not heard of the orchestrator"
    check "and of all of them" says result.json "like 3 others, heard nothing of the orchestrator for too long"
    check "nothing is lost" is "seconds lost" "$(member result.json seconds_lost)" 0
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

case_late_station() {
    begin
    start
    load_goes_on
    start_station c
    check "users move to it" wait_until has_worker_with_users c.1
    check "and to all of it" wait_until has_worker_with_users c.2
    check "they are as many as before" wait_until has_users 20 6
    stop
    exact
    verdict valid
}

case_leaving_station() {
    begin
    start
    load_goes_on
    kill -TERM "${station[a]}"
    wait "${station[a]}"
    check "it leaves" is "exit status" $? 0
    check "its users live elsewhere" wait_until has_users 20 2
    check "and it is not missing" is workers "$(state workers)" 2
    stop
    exact
    verdict valid
    check "its stream has gone" is "streams of it" "$(redis exists lk:default:down:a)" 0
    check "all other keys expire" all_keys_expire
}

# Nobody is there who could be told.
case_leaving_unheard() {
    begin
    start
    load_goes_on
    destroy "$orchestrator"
    kill -TERM "${station[a]}"
    start_orchestrator
    check "its users live elsewhere" wait_until has_users 20 2
    wait "${station[a]}"
    check "it leaves" is "exit status" $? 0
    stop
    exact
    verdict valid
    check "all keys expire" all_keys_expire
}

# It has left: nothing is awaited of it.
case_leaving_idle() {
    begin
    kill -TERM "${station[a]}"
    wait "${station[a]}"
    check "it leaves" is "exit status" $? 0
    check "it is in the list no more" wait_until state_is workers 2
    start ',"duration_s":8'
    finish
    exact
    verdict valid
    check "nobody misses it" never_says orchestrator.log "not heard any more"
    check "its stream has gone" is "streams of it" "$(redis exists lk:default:down:a)" 0
    check "all other keys expire" all_keys_expire
}

# It forks them when it can.
case_no_descriptors() {
    begin
    prlimit --pid "${station[a]}" --nofile=3:
    start
    check "its workers cannot be forked" wait_until says a.log "cannot be started"
    prlimit --pid "${station[a]}" --nofile="$(ulimit -Sn):"
    check "they are as soon as they can be" wait_until has_users 20 4
    check "and none has died" is crashes "$(state crashes)" 0
    stop
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

arrivals_are_exact() {
    local started

    started=$(member result.json started)
    at_least "arrivals started" "$started" "$(member result.json iterations)" &&
        is intended "$(member result.json intended)" \
            $((started + $(member result.json dropped)))
}

case_rate_of_a_killed_process() {
    begin
    start ',"rate_per_s":400,"duration_s":4'
    load_goes_on 600
    kill -KILL "$(children "${station[a]}" | head -n 1)"
    finish
    exact
    check "no iteration has ended that did not begin" arrivals_are_exact
}

# What is due meanwhile is for nobody, and told.
case_rate_without_users() {
    begin
    start ',"rate_per_s":200,"duration_s":6'
    load_goes_on 100
    check "all users leave" status "$(api POST /change_users '{"target_users":0}')" 200
    check "the rate stays" is rate_per_s "$(state rate_per_s)" 200
    finish
    exact
    check "all are intended" is intended "$(member result.json intended)" 1200
    check "and most are dropped" at_least dropped "$(member result.json dropped)" 600
}

# The new one is another: of the former nobody hears any more.
case_same_name() {
    begin --orphan-after 2s
    start ',"duration_s":300,"grace_s":1'
    load_goes_on
    destroy "${station[a]}"
    start_station a --orphan-after 2s
    check "it takes part in its place" wait_until has_users 20 4
    check "with users" wait_until has_worker_with_users a.1
    stop
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

users_of() { # worker, as the answer tells
    grep -oE "\"worker_id\": *\"$1\"[^{}]*" "$tmp/answer" |
        sed -n 's/.*"active_users_count": *\([0-9]*\).*/\1/p'
}

case_continue() {
    local before

    begin_with --on-worker-loss continue --
    start
    load_goes_on
    check "both have users" wait_until has_worker_with_users b.1
    before=$(users_of b.1)
    pause_for 6.5 "${station[a]}"
    check "its users are its own" wait_until has_worker_with_users a.1
    check "and nobody else has got them" is "users of b.1" "$(users_of b.1)" "$before"
    stop
    exact
    verdict valid
}

case_change_users() {
    begin
    start
    load_goes_on
    check "more users" status "$(api POST /change_users '{"target_users":60,"spawn_interval_ms":10}')" 200
    check "they come" wait_until has_users 60 4
    kill -TERM "${station[b]}"
    check "fewer users" status "$(api POST /change_users '{"target_users":6}')" 200
    check "they leave" wait_until has_users 6 2
    stop
    exact
    verdict valid
}

case_restart_at_end() {
    begin
    start ',"duration_s":3'
    load_goes_on 900
    cp -r "$tmp/state" "$tmp/before"
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
    destroy "$orchestrator"
    rm -r "$tmp/state" && mv "$tmp/before" "$tmp/state"
    start_orchestrator
    wait_until alive_is 4
    check "nor does it come back from elsewhere" is state "$(state state)" IDLE
    check "and that is told" says orchestrator.log "is over: what was kept of it is removed"
}

# As many objects as users: who moves finds one only if the former holder's came back.
case_resources() {
    program=$build/examples/shop
    params=
    begin
    check "objects are made" status \
        "$(api POST /ensure_resource '{"resource_name":"users","count":20}')" 200
    start
    load_goes_on 50
    kill -KILL "$(children "${station[a]}" | head -n 1)"
    wait_until state_is crashes 1
    destroy "$orchestrator"
    start_orchestrator
    wait_until says orchestrator.log "a former orchestrator"
    check "none is made by who would lose it" status \
        "$(api POST /create_resource '{"name":"users"}')" 503
    check "all users are back" wait_until has_users 20 4
    kill -TERM "${station[b]}"
    check "and when they move" wait_until has_users 20 2
    stop
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
    launch hello "$build/examples/hello" worker --id c --processes 1
    check "another program" refused hello 2 "program is another one"
    check "and the orchestrator names it" says orchestrator.log "station c is refused"
    launch second "$program" orchestrator --listen 127.0.0.1:0 --state-dir "$tmp/second"
    check "another orchestrator" refused second 2 "another orchestrator has the cluster"
    launch twin "$program" worker --id a --processes 1
    check "another station of that name" refused twin 2 'has a worker "a" already'
    launch stranger env LK_REDIS_URL="unix://:wrong@$redis_socket" "$program" worker --id d
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

cases=(killed_station stopped_station stopped_machine stopped_redis redis_for_good stop_cut_off orphaned_stations
    killed_orchestrator ended_orchestrator stopped_orchestrator emptied_redis all_restarted late_redis leaving_station
    leaving_unheard leaving_idle no_descriptors probes_move
    late_station stopped_process killed_process plain stop_in_ramp two_starts refusals
    iterations iterations_moved rate rate_of_a_killed_process rate_without_users same_name
    abort continue change_users restart_at_end resources)
[ $# = 0 ] || cases=("$@")
run_cases "${cases[@]}"

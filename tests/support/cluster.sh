# shellcheck shell=bash
#
# For scripts that test a cluster: orchestrator, stations, Redis and nginx as processes, and checks of
# what becomes of them. Each case has a directory, a Redis, an nginx and a cluster of its own; some
# run at a time. To be read with $here set to the folder of the tests.

build=$(cd "${BUILD:-$here/../build}" && pwd)
top=$(mktemp -d "${TMPDIR:-/tmp}/lk-cluster.XXXXXX")
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

never_says() { # file, text
    ! says "$@"
}

wait_until() { # command...: for a while
    for _ in $(seq 500); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    echo "this did not happen: $*"
    [ ! -s "$tmp/answer" ] || echo "the last answer: $(head -c 2000 "$tmp/answer")"
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

pause_for() { # seconds pid...
    local seconds=$1
    shift
    kill -STOP "$@"
    sleep "$seconds"
    kill -CONT "$@"
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

program=$build/tests/support/traffic
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
via=() # command that starts stations elsewhere

start_station() { # id, options...
    local id=$1
    shift
    launch "$id" "${via[@]}" "$program" worker --id "$id" --processes 2 --orphan-after 60s "$@"
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

has_worker_with_users() { # worker
    api GET /workers >/dev/null
    grep -oE "\"worker_id\": *\"$1\"[^{}]*" "$tmp/answer" | grep -qE '"active_users_count": *[1-9]'
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

# The server has a name that only the run knows: so no request comes from a worker that was not told.
plan() { # more members
    local name=target.invalid:$port

    echo "{\"target_users\":$users,\"init_params\":{\"base_url\":\"http://$name\"$params},
        \"http\":{\"resolve\":{\"$name\":\"$nginx_host\"}}$1}"
}

# Without any it is ended by stop, but by itself if nobody comes to that.
start() { # more members
    check "the run starts" status "$(api POST /start_test "$(plan "${1-,\"duration_s\":300}")")" 200
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

load_stands() {
    local seen

    seen=$(logged)
    sleep 1
    [ "$(logged)" -eq "$seen" ]
}

# After all that there was to see, however long that took.
stop() {
    check "it is told to end" status "$(api POST /stop_test)" 200
    finish
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

# Of what it did last, nobody can tell.
lost_is_told() { # most requests
    local counted lines

    counted=$(requests)
    lines=$(logged)
    echo "$counted requests that were sent, $lines lines in the log; $(member result.json seconds_lost) s lost"
    [ "$counted" -gt 0 ] && [ "$counted" -le "$lines" ] && [ "$lines" -le $((counted + $1)) ] &&
        [ "$(member result.json seconds_lost)" -gt 0 ] && [ "$(member result.json seconds_lost)" -le 4 ]
}

# What a busy machine does to latencies is nothing to us: valid may be generator-bound as well.
verdict() { # wanted: valid or incomplete
    local got wanted=${1/#valid/not incomplete}

    got=$(grep -A 3 '"verdict"' "$tmp/result.json" |
        sed -n 's/.*"status": *"\([^"]*\)".*/\1/p' | head -n 1)
    case $got in
    valid | generator-bound) got="not incomplete" ;;
    esac
    check "its verdict is $wanted" is verdict "$got" "$wanted"
}

# Whatever becomes of the cluster, nothing of it stays in Redis.
all_keys_expire() {
    local key

    for key in $(redis --scan); do
        [ "$(redis pttl "$key")" != -1 ] || {
            echo "$key never expires"
            return 1
        }
    done
}

# ---- running cases

run_case() { # name
    name=$1
    tmp=$top/$name
    mkdir -p "$tmp"
    trap end_case EXIT
    trap 'exit 1' INT TERM HUP
    "case_$name"
    : >"$tmp/ended"
    [ "$failed" = 0 ] || tail -n 30 "$tmp"/[!re]*.log "$tmp/orchestrator.log"
}

end_cases() {
    local one

    for one in $(jobs -p); do
        kill -TERM "$one"
    done
    wait
} 2>/dev/null

run_cases() { # name...
    for name; do
        while [ "$(jobs -rp | wc -l)" -ge $at_once ]; do
            wait -n
        done
        (run_case "$name") >"$top/$name.out" 2>&1 </dev/null &
    done
    wait
    for name; do
        cat "$top/$name.out"
        [ -e "$top/$name/ended" ] || echo "not ok - $name: comes to its end"
    done >"$top/out"
    cat "$top/out"
    ! grep -q '^not ok' "$top/out"
}

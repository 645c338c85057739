#!/usr/bin/env bash
#
# Arrivals against a real server: as many begin as the rate says, each is in the server's log, and
# what a server that stands still does to those who come meanwhile is seen from when they were to
# begin, not from when their turn came.
set -u

build=$(cd "${BUILD:-$(dirname "$0")/../build}" && pwd)
hello=$build/examples/hello
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-rate.XXXXXX")

# shellcheck source=tests/support/check.sh
. "$(dirname "$0")/support/check.sh"
# shellcheck source=tests/support/nginx.sh
. "$(dirname "$0")/support/nginx.sh"
trap 'end_nginx; rm -rf "$tmp"' EXIT

# Begins a run; its output and result will be in $tmp.
begin() { # options...
    rm -f "$tmp/result.json"
    "$hello" -w 0 -p "base_url=http://127.0.0.1:$port" --json "$tmp/result.json" "$@" \
        >"$tmp/out" 2>"$tmp/err" &
    pid=$!
}

finish() {
    wait "$pid"
    status=$?
    # nginx writes its log when it leaves, at the latest
    end_nginx
}

run() { # options...
    start_nginx "keepalive_requests 1000000;" || exit 1
    begin "$@"
    finish
}

# A number of one object of the result, which has none inside before it.
number() { # object key
    tr -d '\n' <"$tmp/result.json" | sed -n "s/.*\"$1\" *: *{[^{}]*\"$2\" *: *\([0-9.]*\).*/\1/p"
}

arrivals() {
    number arrivals "$1"
}

total() {
    number totals "$1"
}

# The p99 of one metric, each of which has its line.
p99() { # id kind
    grep -F "{\"id\":\"$1\"" "$tmp/result.json" | sed -n "s/.*\"$2\":{[^{}]*\"p99\":\([0-9.]*\).*/\1/p"
}

holds() { # expression of awk, which is true
    awk "BEGIN { exit !($1) }" || {
        echo "not: $1"
        return 1
    }
}

adds_up() { # how many were intended
    holds "$(arrivals intended) == $1" &&
        holds "$(arrivals started) + $(arrivals dropped) == $1" &&
        holds "$(total iterations) <= $(arrivals started)" &&
        holds "$(total http_requests) - $(total http_unsent) == $(wc -l <"$tmp/access.log")"
}

# ---- as many as the rate says

run -r 200 -d 2s
check "a rate is kept, and all that began is in the log" adds_up 400
check "that is said in the report" grep -q '^arrivals *up to 200/s: 400 intended, ' "$tmp/out"
check "nothing fails by it" ended_with 0
run -r 2000/s -d 2s
check "a higher one is, too" adds_up 4000
check "nearly all of it begins" holds "$(arrivals started) >= 3980"
run -r 20k -d 1s
check "so is one that takes most of a processor" adds_up 20000
run -r 90/m -d 2s -u 1
check "rates may be by the minute" adds_up 3
run -r 100 -i 50
check "a number of iterations ends it" adds_up 50
check "that is why the run ended" grep -q 'ended by iterations' "$tmp/out"

start_nginx "keepalive_requests 1000000;" || exit 1
begin -r 500 -d 30s
sleep 1.2
kill -INT "$pid"
finish
check "so does Ctrl-C" adds_up "$(arrivals intended)"
check "at that time" holds "$(arrivals intended) < 5000"

# ---- a server that stands still

# One second of six: p99 sees it from the intended start, but among the requests themselves it is
# only twenty of three thousand that were in hand.
start_nginx "keepalive_requests 1000000;" || exit 1
begin -r 500 -d 6s -u 20
sleep 2
kill -STOP "$nginx_pid"
sleep 1
kill -CONT "$nginx_pid"
finish
check "a stop of the server loses no arrival" adds_up 3000
intended=$(p99 "hello/GET /" intended_ms)
service=$(p99 "hello/GET /" latency_ms)
check "from the intended start it is seen" holds "$intended > 700"
check "and not in the time that requests took" holds "$service < $intended / 3"
intended=$(p99 hello intended_ms)
service=$(p99 hello latency_ms)
check "the same of steps" holds "$intended > 700 && $service < $intended / 3"
echo "# ms: $service of a request, $intended from its intended start"
# a machine with more to do may not have caught up when the time is over
check "many began late, and few never" holds \
    "$(arrivals late) > 300 && $(arrivals dropped) < $(arrivals late) / 3"

start_nginx "keepalive_requests 1000000;" || exit 1
begin -r 100 -d 2s -u 2 --arrival-wait 100ms
sleep 0.8
kill -STOP "$nginx_pid"
sleep 0.7
kill -CONT "$nginx_pid"
finish
check "those that wait too long for a user are dropped" adds_up 200
check "most of those that came meanwhile" holds "$(arrivals dropped) > 30 && $(arrivals dropped) < 100"
check "the verdict says that users were missing" grep -q 'no free user' "$tmp/out"
check "and the run has not failed" ended_with 0

end_tests

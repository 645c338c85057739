#!/usr/bin/env bash
#
# What the report says was sent is what the server received: nginx's access log has exactly
# http_requests - http_unsent lines, however the run ends. COUNTS_SECONDS makes the runs longer.
set -u

build=${BUILD:-$(dirname "$0")/../build}
traffic=$build/tests/support/traffic
seconds=${COUNTS_SECONDS:-2}
users=${COUNTS_USERS:-200}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-counts.XXXXXX")
passed=0
failed=0

# shellcheck source=tests/support/nginx.sh
. "$(dirname "$0")/support/nginx.sh"
trap 'end_nginx; rm -rf "$tmp"' EXIT

verdict() { # ok|"not ok" text
    echo "$1 - $2"
    if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

number() { # key
    sed -n "s/^.*\"$1\": *\([0-9][0-9]*\).*$/\1/p" "$tmp/result.json" | head -n 1
}

# Compares when nginx has left: then its log is complete. Where $blind is set, lines may be missing
# for requests that ended with a reset: a server that closes without reading what its kernel has
# acknowledged says no more than that to the client.
compare() { # name
    local sent unsent lines requests missing resets=0

    end_nginx
    requests=$(number http_requests)
    unsent=$(number http_unsent)
    sent=$((${requests:-0} - ${unsent:-0}))
    # the probe of start_nginx sends nothing, which nginx does not log
    lines=$(wc -l <"$tmp/access.log")
    missing=$((sent - lines))
    [ -z "${blind:-}" ] || resets=$(number HTTP_RESET)
    if [ -n "$requests" ] && [ "$requests" -gt 0 ] && [ "$missing" -ge 0 ] &&
        [ "$missing" -le "${resets:-0}" ]; then
        verdict ok "$1: $requests requests, $unsent unsent, $(number http_retries) sent again, $lines logged"
    else
        verdict "not ok" "$1: ${requests:-no} requests - ${unsent:-?} unsent, but $lines lines in the log"
        cat "$tmp/out"
    fi
}

# Runs traffic to its end; $signals are sent to it half-way through: pairs of target and pause.
run() { # name, server lines, signals, options of traffic
    local name=$1 lines=$2 signals=$3 pid word
    shift 3

    if ! start_nginx "$lines"; then
        verdict "not ok" "$name: nginx did not start"
        return
    fi
    rm -f "$tmp/result.json"
    set -m
    "$traffic" -w 0 -u "$users" -q -p "base_url=http://127.0.0.1:$port" --json "$tmp/result.json" "$@" \
        >"$tmp/out" 2>&1 &
    pid=$!
    set +m
    if [ -n "$signals" ]; then
        sleep "$((seconds / 2)).3"
        for word in $signals; do
            case $word in
            one) kill -INT "$pid" 2>/dev/null ;;
            group) kill -INT -- "-$pid" 2>/dev/null ;;
            *) sleep "$word" ;;
            esac
        done
    fi
    wait "$pid"
    compare "$name"
}

run "ended by duration" "keepalive_requests 1000000;" "" -d "${seconds}s"
run "ended by iterations" "keepalive_requests 1000000;" "" -i 20000
run "Ctrl-C once" "keepalive_requests 1000000;" "one" -d "$((seconds * 2))s"
run "Ctrl-C twice at once" "keepalive_requests 1000000;" "one 0.001 one" -d "$((seconds * 2))s"
run "Ctrl-C twice under a slow server" "keepalive_requests 1000000; limit_rate 1;" "one 0.2 one" \
    -d "$((seconds * 2))s"
users=1000 run "many users cut off that take their time" "keepalive_requests 1000000; limit_rate 1;" \
    "one 0.2 one" -d "$((seconds * 2))s" -p tidy=1ms
run "SIGINT to the group" "keepalive_requests 1000000;" "group" -d "$((seconds * 2))s"
run "connections that the server ends after 1000 requests" "" "" -d "${seconds}s"
run "connections that the server ends after 3 requests" "keepalive_requests 3;" "" -d "${seconds}s"
run "idle connections that the server ends as the next request comes" "keepalive_timeout 1s;" "" \
    -d "$((seconds + 3))s" -p pause=1
blind=yes run "the same with POST" "keepalive_timeout 1s;" "" -d "$((seconds + 3))s" -p pause=1 -p body=abc

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

# shellcheck shell=bash
#
# For scripts that compare what a run reports with what nginx logs: run starts the server, sends
# traffic to it, and compares. To be read, not run. COUNTS_SECONDS makes the runs longer.

build=${BUILD:-$(dirname "$0")/../build}
traffic=$build/tests/support/traffic
seconds=${COUNTS_SECONDS:-2}
users=${COUNTS_USERS:-200}
workers=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-counts.XXXXXX")
# shellcheck source=tests/support/nginx.sh
. "$(dirname "$0")/support/nginx.sh"
# shellcheck source=tests/support/tell.sh
. "$(dirname "$0")/support/tell.sh"
trap 'end_nginx; rm -rf "$tmp"' EXIT

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
    if [ -n "$requests" ] && [ "$lines" -gt 0 ] && [ "$missing" -ge 0 ] &&
        [ "$missing" -le "${resets:-0}" ]; then
        tell 0 "$1: $requests requests, $unsent unsent, $(number http_retries) sent again, $lines logged"
    else
        tell 1 "$1: ${requests:-no} requests - ${unsent:-?} unsent, but $lines lines in the log"
        cat "$tmp/out"
    fi
}

# Runs traffic to its end; $signals are sent to it half-way through: pairs of target and pause.
run() { # name, server lines, signals, options of traffic
    local name=$1 lines=$2 signals=$3 pid word
    shift 3

    if ! start_nginx "$lines"; then
        tell 1 "$name: nginx did not start"
        return
    fi
    rm -f "$tmp/result.json"
    set -m
    SSL_CERT_FILE=$tmp/nginx.pem "$traffic" -w "$workers" -u "$users" -q \
        -p "base_url=http${nginx_secure:+s}://127.0.0.1:$port" --json "$tmp/result.json" "$@" \
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

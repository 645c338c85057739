# shellcheck shell=bash disable=SC2154
#
# For scripts that compare what a run reports with what nginx logs: run starts the server, sends
# $traffic to it, and compares. To be read behind support/nginx.sh; needs $tmp, $traffic, $users and
# $seconds.

passed=0
failed=0

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
    if [ -n "$requests" ] && [ "$lines" -gt 0 ] && [ "$missing" -ge 0 ] &&
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
    SSL_CERT_FILE=$tmp/nginx.pem "$traffic" -w 0 -u "$users" -q \
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

end_counts() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# shellcheck shell=bash disable=SC2154
#
# The part fleet of run: what it costs to command others. One orchestrator at a time, on the core of
# the client and with a redis-server of its own, which is on the other one with all else.

# shellcheck source=tests/support/redis.sh
. ../support/redis.sh

fleet_api=
fleet_orchestrator=
fleet_first=0 # of what was started for it
# Who may do so has all of it go before others on its core: waiting for them is not its doing.
fleet_before=()
! chrt -r 1 true 2>/dev/null || fleet_before=(chrt -r 1)

# Starts Redis and the orchestrator of a program, both without a past.
fleet_up() { # program
    local try

    mkdir "$tmp/fleet"
    : >"$tmp/fleet/orchestrator"
    fleet_first=${#started[@]}
    start_redis || die "redis-server does not start"
    taskset -cp "$server_core" "$redis_pid" >/dev/null
    [ ${#fleet_before[@]} = 0 ] || chrt -r -p 1 "$redis_pid"
    taskset -c "$client_core" "${fleet_before[@]}" "$1" orchestrator --listen 127.0.0.1:0 \
        --state-dir "$tmp/fleet/state" >"$tmp/fleet/orchestrator" 2>&1 &
    fleet_orchestrator=$!
    started+=("$fleet_orchestrator")
    for try in {1..200}; do
        fleet_api=$(sed -n 's/^.*listening on //p' "$tmp/fleet/orchestrator")
        [ -z "$fleet_api" ] || return 0
        sleep 0.05
    done
    cat "$tmp/fleet/orchestrator" >&2
    die "the orchestrator does not start, after $try looks"
}

fleet_down() {
    local pid

    for pid in "${started[@]:fleet_first}"; do
        kill "$pid" 2>/dev/null || continue
        wait "$pid" 2>/dev/null || true
    done
    started=("${started[@]:0:fleet_first}")
    end_redis || true
    rm -rf "$tmp/fleet"
}

fleet_station() { # command...
    taskset -c "$server_core" "${fleet_before[@]}" "$@" >>"$tmp/fleet/stations" 2>&1 &
    started+=("$!")
}

# Asks until what comes has the pattern; at most a minute.
fleet_until() { # path pattern
    local try

    for try in {1..1200}; do
        curl -s "$fleet_api$1" >"$tmp/answer" || true
        ! grep -q -- "$2" "$tmp/answer" || return 0
        sleep 0.05
    done
    cat "$tmp/answer" "$tmp/fleet/"* >&2 2>/dev/null || true
    die "$1 of the orchestrator does not become $2, after $try looks"
}

fleet_say() { # path body
    curl -s -f -X POST -H 'Content-Type: application/json' -d "$2" "$fleet_api$1" >"$tmp/answer" ||
        die "the orchestrator refuses $1 $2: $(cat "$tmp/answer")"
}

# How much memory Redis uses, in all and for the checkpoint, which grows with the histograms until
# they are full. One program that looks twenty times a second from beginning to end: those that are
# started for each look begin when the fleet lets them.
fleet_watch() { # seconds
    local look='return {string.match(redis.call("info", "memory"), "used_memory:(%d+)"),
        redis.call("memory", "usage", KEYS[1], "samples", 0)}'

    REDISCLI_AUTH=$redis_password taskset -c "$server_core" "${fleet_before[@]}" timeout "$1" \
        redis-cli -s "$redis_socket" -i 0.05 -r 1000000 eval "$look" 1 lk:default:state \
        >"$tmp/looks" || true
    paste -d ' ' - - <"$tmp/looks" | awk 'NF == 2' >"$tmp/memory"
}

# Each second: how long answers take.
fleet_ask() { # seconds
    local path until=$((SECONDS + $1)) watch

    fleet_watch "$1" &
    watch=$!
    : >"$tmp/api"
    while [ "$SECONDS" -lt "$until" ]; do
        for path in /status /metrics /workers /metrics/history /probes; do
            "${fleet_before[@]}" curl -s -o /dev/null -w '%{time_total}\n' "$fleet_api$path" >>"$tmp/api"
        done
        for _ in 1 2; do # workers tell once a second: not in step with them
            sleep "0.$((RANDOM % 10))"
        done
    done
    wait "$watch"
}

# User and system time of a process in hundredths of a second, and the time of day in seconds.
fleet_times() { # pid
    echo "$(awk '{ print $14, $15 }' "/proc/$1/stat") $(date +%s.%N)"
}

# Bytes that Redis has read, and steps of which the orchestrator was told.
fleet_told() {
    echo "$(redis info stats | tr -d '\r' | sed -n 's/^total_net_input_bytes://p')" \
        "$(curl -s "$fleet_api/status" | sed -n 's/.*"totals":[^}]*"steps":\([0-9]*\).*/\1/p')"
}

# Two hundred workers with fifty metrics that all change each second.
fleet_load() { # stations processes seconds
    local crowd=$build/tests/bench/crowd workers=$(($1 * $2)) before told

    say "fleet of $workers workers, $3 s"
    fleet_up "$crowd"
    fleet_station "$crowd" "$1" "$2" $(($3 + 150))
    fleet_until /status "\"workers\":$workers\b"
    fleet_say /start_test "{\"target_users\":$workers}"
    sleep 70 # in the first 60 they fill their histograms
    before=$(fleet_times "$fleet_orchestrator")
    told=$(fleet_told)
    fleet_ask "$3"
    echo "load $workers $3 $before $(fleet_times "$fleet_orchestrator")" \
        "$told $(fleet_told)" >>"$samples"
    sort -n "$tmp/api" | awk '{ ms[NR] = $1 * 1000 }
        END { print "api", NR, ms[int((NR + 1) / 2)], ms[int((NR * 99 + 99) / 100)], ms[NR] }' \
        >>"$samples"
    awk '{ print "redis", NR, $1, $2 }' "$tmp/memory" >>"$samples"
    fleet_down
}

# From the command until all are active as the API tells, which hears of them once a second; and from
# the command to stop until the last request has come.
fleet_throng() { # users
    local throng=$build/tests/bench/throng from begun last n

    say "fleet of $1 users"
    for ((n = 1; n <= pairs; n++)); do
        fleet_up "$throng"
        fleet_station "$throng" worker --id one --processes 2
        fleet_station "$throng" worker --id two --processes 2
        fleet_until /status '"workers":4\b'
        from=$(date +%s.%N)
        fleet_say /start_test "{\"target_users\":$1,\"init_params\":{\"base_url\":\"$logged_url\"}}"
        fleet_until /status "\"users\":$1\b"
        begun=$(date +%s.%N)
        sleep 2
        last=$(date +%s.%N)
        fleet_say /stop_test '{}'
        fleet_until /status '"state":"IDLE"'
        sleep 0.2
        echo "throng $1 $n $from $begun $last $(tail -n 1 "$tmp/nginx/throng.log")" >>"$samples"
        fleet_down
    done
}

# What callgrind has of the one process that had users.
fleet_count() { # word iterations
    local file

    file=$(grep -l lki_worker_open_led "$tmp"/callgrind.*)
    echo "instructions_$1 $2 $(total http_requests)" \
        "$(sed -n 's/^summary: *//p' "$file")" >>"$samples"
    rm "$tmp"/callgrind.*
}

# The worker process of run, and that of a station, as the part instructions has them. Of one user:
# how many answers a turn of the loop finds of several is a matter of who was on which processor.
fleet_instructions() {
    local count valgrind=(valgrind --tool=callgrind "--callgrind-out-file=$tmp/callgrind.%p")

    say "fleet, instructions"
    for count in 2000 12000; do
        client "${valgrind[@]}" "$hello" run -q -w 1 -u 1 -i "$count" -p "base_url=$url" \
            --json "$tmp/result.json"
        fleet_count run "$count"
        fleet_up "$hello"
        fleet_station "${valgrind[@]}" "$hello" worker --id one --processes 1
        fleet_until /status '"workers":1\b'
        LK_ORCHESTRATOR=$fleet_api timeout 120 "$hello" test start -q --wait -u 1 -i "$count" \
            -p "base_url=$url"
        LK_ORCHESTRATOR=$fleet_api "$hello" test result --json >"$tmp/result.json"
        fleet_down
        fleet_count redis "$count"
    done
}

fleet() {
    fleet_load 200 1 "$fleet_seconds"
    fleet_throng 100000
    fleet_instructions
}

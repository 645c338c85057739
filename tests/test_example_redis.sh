#!/usr/bin/env bash
#
# redis_load loads a real Redis, and both count the same commands.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-$PWD/build}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-redis-load.XXXXXX") || exit 1
result=$tmp/result.json

# shellcheck source=tests/support/tell.sh
. tests/support/tell.sh
# shellcheck source=tests/support/result.sh
. tests/support/result.sh
# shellcheck source=tests/support/redis.sh
. tests/support/redis.sh
trap 'end_redis; rm -rf "$tmp"' EXIT

# What Redis has counted of a command since load began.
calls() { # command
    redis info commandstats | tr -d '\r' | sed -n "s/^cmdstat_$1:calls=\([0-9]*\),.*/\1/p"
}

load() { # status target [argument...]
    redis config resetstat >"$tmp/reset"
    timeout 100 "$build/examples/redis_load" run -q --json "$result" \
        -p password=@"$tmp/password" -p "${@:2}" >"$tmp/out" 2>&1
    same "redis_load -p ${*:2} ends with $1" "$1" $?
}

counted() { # what
    same "Redis was asked to GET $1" "$(calls get)" "$(samples 'get\/GET' REDIS_OK)"
    same "and to SET" "$(calls set)" "$(samples 'set\/SET' REDIS_OK)"
}

start_redis tcp || exit 1
printf '%s' "$redis_password" >"$tmp/password"

by_socket=socket=$redis_socket
load 0 "$by_socket" -w 1 -u 8 -i 2000
counted 'once for each sample'
same 'each step was one command' 2000 $(($(calls get) + $(calls set)))

redis flushall >"$tmp/reply"
load 0 "$by_socket" -w 2 -u 8 -i 1000 -p pipeline=16 -p keys=50 -p value_bytes=5000
counted 'many times at once'
same 'each step was sixteen commands' 16000 $(($(calls get) + $(calls set)))
same 'the keys are there' 50 "$(redis dbsize)"
same 'and what they hold' 5000 "$(redis strlen loadkit:7)"

load 0 "port=$redis_port" -w 1 -u 4 -d 1s
counted 'over TCP'

redis del loadkit:1 >"$tmp/reply"
redis rpush loadkit:1 a list >>"$tmp/reply"
load 0 "$by_socket" -w 1 -u 1 -i 200 -p keys=1
same 'an error of Redis is a sample with its name' "$(calls get)" \
    "$(($(samples 'get\/GET' REDIS_WRONGTYPE) + $(samples 'get\/GET' REDIS_OK)))"

printf wrong >"$tmp/password"
load 1 "$by_socket" -w 1 -u 1 -d 1s
same 'who is not let in does not begin' '0 0 yes' \
    "$(samples get STEP_OK) $(samples set STEP_OK) $(
        [ "$(samples on_start LIFECYCLE_FAILED)" -gt 0 ] && echo yes
    )"

exit $((failed > 0))

# shellcheck shell=bash
#
# For scripts that test the HTTP API: a private Redis, orchestrators and workers of the program demo,
# which the script makes, the shop, and what asks them. To be read from the root of the sources, with
# $root set to it.

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"
# shellcheck disable=SC2034 # for redis.sh
tmp=$dir
# shellcheck source=tests/support/redis.sh
. "$root/tests/support/redis.sh"

shape=$build/tests/support/json_shape
pids=()
orchestrators=()
url=
status=
target=
# shellcheck disable=SC2034 # bodies of refusals
error='{error:{code:s,message:s}}'
# shellcheck disable=SC2034
refused='{error:{code:s,details:[{loc:[s],msg:s,type:s}],message:s}}'
unset LK_TOKEN

finish() {
    kill "${pids[@]}"
    wait "${pids[@]}"
    end_redis
    rm -rf "$dir"
} >/dev/null 2>&1
trap finish EXIT

# ---- asking

get() { # path [curl's...]: sets status; the body is in the file body
    status=$(curl -s -o body -D head -w '%{http_code}' --max-time 30 "${@:2}" "$url$1")
}

post() { # path body [curl's...]
    get "$1" -X POST -H 'Content-Type: application/json' -d "$2" "${@:3}"
}

at() { # path...: values in the body
    "$shape" "$@" <body
}

is() { # what, status, shape: of the last answer
    same "$1" "$2 $3" "$status $("$shape" <body)"
}

# The route answers 400, and says which field is wrong.
refuses_body() { # what path body field
    post "$2" "$3"
    same "$1" "400 validation_error $4" "$status $(at error.code error.details.0.loc.0 | tr '\n' ' ' |
        sed 's/ $//')"
}

until_true() { # command...: 20 s at most
    for _ in $(seq 400); do
        "$@" && return 0
        sleep 0.05
    done
    return 1
}

socket() { # count [field...]: what comes over the WebSocket
    local address=${url#http://}

    "$build/tests/support/websocket" "${address%:*}" "${address#*:}" /ws/metrics "$@" 2>&1
}

state_is() {
    get /ready
    [ "$(at state)" = "$1" ]
}

alive_are() {
    get /ready
    [ "$(at alive_workers)" = "$1" ]
}

# ---- processes

serve_shop() {
    "$build/examples/shop_server" --port 0 >shop 2>&1 &
    pids+=($!)
    until_true test -s shop
    target=http://$(grep -o '[^ ]*:[0-9]*$' shop)
}

orchestrate() { # name, words: another orchestrator, whose address becomes url
    local name=$1
    shift
    ./demo orchestrator --listen 127.0.0.1:0 --state-dir "$dir/state-$name" --cluster "$name" "$@" \
        >"$name.log" 2>&1 &
    pids+=($!)
    orchestrators+=($!)
    until_true grep -q 'listening on' "$name.log"
    url=$(grep -o 'http://[^ ]*' "$name.log")
}

work() { # cluster, id, words
    ./demo worker --cluster "$1" --id "$2" --processes 1 "${@:3}" >"$2.log" 2>&1 &
    pids+=($!)
}

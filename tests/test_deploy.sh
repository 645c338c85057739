#!/usr/bin/env bash
#
# The files in examples/deploy: what they set is what there is. Their variables are options of the
# commands that they start, systemd has nothing to say about the units, and the roles start by them.
# And the proxy of loadkit-orchestrator(1) is one through which the orchestrator can be used.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"

shop=$build/examples/shop
deploy=$root/examples/deploy

# Variables on standard input that are no option of a command.
strangers() { # command
    "$shop" help "$1" | grep -oE -- '--[a-z][a-z-]+' | sort -u >options
    tr 'A-Z_' 'a-z-' | sed 's/^lk-/--/' | sort -u | comm -23 - options
}

for role in orchestrator worker; do
    unit=$deploy/loadkit-$role.service
    found=$(sed -n 's/^Environment=\(LK_[A-Z_]*\)=.*/\1/p' "$unit" | strangers $role)
    [ -z "$found" ] && grep -qx "ExecStart=/usr/local/bin/shop $role" "$unit"
    tell $? "the unit of the $role sets options of it"
    [ -z "$found" ] || echo "$found"
    # the part of the manifest from the arguments of its container to the next one
    found=$(sed -n "/args: \[\"$role\"\]/,/ports:\|resources:/p" "$deploy/kubernetes.yaml" |
        sed -n 's/^ *- name: \(LK_[A-Z_]*\)$/\1/p' | tee variables | strangers $role)
    [ -z "$found" ] && [ -s variables ]
    tell $? "so does the manifest"
    [ -z "$found" ] || echo "$found"
    if command -v systemd-analyze >/dev/null; then
        sed "s,/usr/local/bin/shop,$(command -v true)," "$unit" >"loadkit-$role.service"
        systemd-analyze verify --man=no "./loadkit-$role.service" >verified 2>&1 && [ ! -s verified ]
        tell $? "systemd has nothing to say about the unit"
        cat verified
    fi
done

# By the variables of the units the two find each other.
tmp=$dir
# shellcheck source=tests/support/redis.sh
. "$root/tests/support/redis.sh"
# shellcheck source=tests/support/nginx.sh
. "$root/tests/support/nginx.sh"
roles=()
finish() {
    [ ${#roles[@]} = 0 ] || { kill "${roles[@]}" && wait "${roles[@]}"; }
    end_nginx
    end_redis
    rm -rf "$dir"
} 2>/dev/null
trap finish EXIT

start_redis || exit 1
echo "$redis_url" >redis-url
echo a-token-of-the-test >token
unset LK_REDIS_URL
values=("%d=$dir" "%S/loadkit=$dir/state" "%H=a-host" "0.0.0.0:8080=127.0.0.1:0")
start_role() { # role: by the variables of its unit
    local unit variables value

    unit=$(<"$deploy/loadkit-$1.service")
    for value in "${values[@]}"; do
        unit=${unit//"${value%%=*}"/"${value#*=}"}
    done
    mapfile -t variables < <(sed -n 's/^Environment=//p' <<<"$unit")
    env "${variables[@]}" "$shop" "$1" >"$1.log" 2>&1 &
    roles+=($!)
}

LK_ALLOWED_HOSTS=load.example start_role orchestrator
start_role worker
found=
for _ in $(seq 200); do
    address=$(sed -n 's/^.*listening on //p' orchestrator.log)
    [ -z "$address" ] ||
        found=$("$shop" workers --json --orchestrator "$address" --token-file token 2>&1)
    [[ $found != *'"healthy"'* ]] || break
    sleep 0.05
done
[[ $found == *'"station":"a-host"'* ]]
tell $? "what the units start finds each other"
[[ $found == *'"station":"a-host"'* ]] || cat ./*.log

# The block of the manual in an nginx of our own, whose "location /" is another one.
location=$(sed -n '/^    location \/ {$/,/^    }$/p' "$root/man/loadkit-orchestrator.1" |
    sed "s,location / ,location ~ ^/ ,;s,http://127.0.0.1:8080,$address,")
nginx_secure=yes
start_nginx "$location" || exit 1
origin=https://load.example:$port
through() { # path [curl's...]: the status
    curl -sk --max-time 10 --resolve "load.example:$port:127.0.0.1" -c jar -b jar -o answer \
        -w '%{http_code}' "${@:2}" "$origin$1"
}
same "through the proxy of the manual a page logs in" 200 \
    "$(through /login -H "Origin: $origin" -H 'Content-Type: application/json' \
        -d "{\"token\":\"$(<token)\"}")"
same "and has its session" 200 "$(through /status -H "Origin: $origin")"
same "also on a WebSocket" 101 \
    "$(through /ws/metrics --max-time 1 -H "Origin: $origin" -H 'Connection: Upgrade' \
        -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
        -H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==')"
through /events --max-time 1 >/dev/null
grep -q '^data: ' answer
tell $? "events come at once"
same "another page does not" 403 "$(through /status -H 'Origin: https://page.example')"

end_tests

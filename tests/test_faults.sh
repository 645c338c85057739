#!/usr/bin/env bash
#
# What a run meets in a bad world: each is counted, named and survived, or named before it ends.
set -u

build=$(cd "${BUILD:-$(dirname "$0")/../build}" && pwd)
traffic=$build/tests/support/traffic
crash=$build/tests/support/crash
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-faults.XXXXXX")

# shellcheck source=tests/support/check.sh
. "$(dirname "$0")/support/check.sh"
# shellcheck source=tests/support/example.sh
. "$(dirname "$0")/support/example.sh"

trap 'end_example; rm -rf "$tmp"' EXIT

# Runs a program; its status, output and result are then in $status and $tmp.
run() {
    rm -f "$tmp/result.json"
    "$@" --json "$tmp/result.json" >"$tmp/out" 2>"$tmp/err"
    status=$?
}

# A network of its own, with only a loopback, whose ports are nobody else's. Root may not be allowed
# to make a user namespace, and others need one to make any.
alone() {
    local as_root=-r

    [ "$(id -u)" -eq 0 ] && as_root=
    unshare ${as_root:+"$as_root"} -n sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

has_code() { # code, least count
    local count

    count=$(tr -d '\n' <"$tmp/result.json" | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p")
    [ "${count:-0}" -ge "$2" ] || {
        echo "code $1: ${count:-none}, wanted at least $2"
        return 1
    }
}

# ---- nobody there

# a name server that does not answer is not waited for long
export RES_OPTIONS='timeout:1 attempts:1'
run "$traffic" -u 3 -d 1s -p pause=0.2 -p base_url=http://nobody.invalid:80
check "an unknown name is counted" has_code HTTP_DNS 3
check "an unknown name is named" says out "nobody.invalid"
check "a run without any response has failed" ended_with 1

run "$traffic" -u 3 -d 1s -p pause=0.2 -p base_url=http://127.0.0.1:9
check "a refused port is counted" has_code HTTP_CONNECT 3
check "a refused port is named" says out "127.0.0.1:9"

# ---- nothing left

serve_example shop_server "$tmp/server"
run bash -c 'ulimit -n 40 && exec "$@"' sh "$traffic" -u 100 -d 1s -p pause=0.1 \
    -p "base_url=http://$address"
check "no descriptors left is counted" has_code HTTP_NO_DESCRIPTORS 1
check "with no descriptors left the others go on" has_code HTTP_200 20
check "with no descriptors left the run goes on" ended_with 0

cat >"$tmp/ports.sh" <<'IN'
echo "41000 41015" >/proc/sys/net/ipv4/ip_local_port_range
"$1" --port 0 >"$2/inner" &
server=$!
until port=$(sed -n 's/^listening on 127.0.0.1:\([0-9]*\)$/\1/p' "$2/inner") && [ -n "$port" ]; do
    sleep 0.05
done
"$3" -u 40 -d 1s -p pause=0.1 -p "base_url=http://127.0.0.1:$port" --json "$2/result.json"
status=$?
kill "$server"
wait "$server"
exit "$status"
IN
run_ports() {
    rm -f "$tmp/result.json"
    alone bash "$tmp/ports.sh" "$build/examples/shop_server" "$tmp" "$traffic" \
        >"$tmp/out" 2>"$tmp/err"
    status=$?
}
run_ports
check "local ports used up is counted" has_code HTTP_NO_PORTS 1
check "with the ports used up the others go on" has_code HTTP_200 5
check "with the ports used up the run goes on" ended_with 0

# ---- a result that cannot be written

# A disk that takes a kilobyte and no more: a limit on the size of files fails the write in the middle,
# as a full disk does, and needs neither privilege nor device.
mkdir "$tmp/disk"
echo old >"$tmp/disk/old.json"
told_once() { # line
    [ "$(grep '^traffic: ' "$tmp/err")" = "$1" ]
}
left_alone() {
    [ "$(ls -A "$tmp/disk")" = old.json ] && [ "$(cat "$tmp/disk/old.json")" = old ]
}
for name in new.json old.json; do
    (
        trap '' XFSZ
        ulimit -f 1
        exec "$traffic" -u 1 -i 3 -p "base_url=http://$address" --json "$tmp/disk/$name" \
            2>"$tmp/err"
    ) | cat >"$tmp/out"
    status=${PIPESTATUS[0]}
    check "a full disk does not swallow the report ($name)" says out "3 requests"
    check "a full disk is told in one line ($name)" told_once \
        "traffic: cannot write the result to $tmp/disk/$name: File too large"
    check "a result that was lost is a failure ($name)" ended_with 1
    check "a full disk keeps what it had, and nothing half-written ($name)" left_alone
done
end_example

# ---- crashes

run "$crash" -u 5 -d 1s -p how=overflow
check "an overflowing stack is found" says err "stack overflow in step shallow of user 3"
check "an overflowing stack ends the run as failed" ended_with 1
run "$crash" -u 5 -d 1s -p how=null
check "a fault is named with step and user" says err "segmentation fault in step shallow of user 3"
check "a fault ends the run as failed" ended_with 1
run "$crash" -u 4 -d 1s -p how=big
check "a step with a large stack may use it" ended_with 0

# ---- a function that does not return

run "$crash" -u 5 -d 1s --grace 100ms -p how=block -p "file=$tmp/returned"
check "a function that blocks does not hold up the end" test ! -e "$tmp/returned"
check "a step cut off in such a function is a sample" has_code STEP_CANCELLED 1
check "such a function is told of" says out "1 user was still in a function called by lk_blocking"

end_tests

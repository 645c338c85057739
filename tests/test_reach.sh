#!/usr/bin/env bash
#
# The options that say how servers are reached: that they reach every user of a run, in whatever
# process and by whatever command it began, and that a range of local addresses makes more
# connections than one address has ports.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
build=$(cd "${BUILD:-$root/build}" && pwd)

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"
# shellcheck source=tests/support/example.sh
. "$root/tests/support/example.sh"

program good <<'IN'
#include <loadkit/loadkit.h>
LK_PARAM(port, .required = true);
LK_VU(demo) { int unused; };
LK_ON_INIT(demo) { lk_http_base_url(vu, lk_format(vu, "http://shop.invalid:%s", lk_param(vu, "port"))); }
LK_STEP(demo, look, .every = LK_FIXED(0.05)) { lk_get(vu, "/catalog"); }
LK_MAIN()
IN

export XDG_RUNTIME_DIR=$dir/run
mkdir "$XDG_RUNTIME_DIR"
unset LK_REDIS_URL LK_TOKEN
# a name server that does not answer is not waited for long
export RES_OPTIONS='timeout:1 attempts:1'
finish() {
    ./good infra down
    end_example
    rm -rf "$dir"
} >/dev/null 2>&1
trap finish EXIT

# How often the last result has that code.
code() { # code
    local count

    count=$(tr -d '\n' <result.json | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p")
    echo "${count:-0}"
}

# A command succeeds, and its result has answers and nothing else.
reaches() { # what command...
    local what=$1
    shift
    rm -f result.json
    run "$@"
    [ "$status" = 0 ] && [ "$(code HTTP_200)" -gt 0 ] && [ "$(code HTTP_DNS)" = 0 ]
    tell $? "$what"
    [ "$status" = 0 ] || cat out err
}

# ---- every way to begin a run

serve_example shop_server
export LK_PARAM_port=${address##*:}
there=shop.invalid:$LK_PARAM_port:127.0.0.1

reaches "users in this process" ./good -w 0 -u 3 -i 9 --resolve "$there" --json result.json
reaches "users in workers" ./good -w 2 -u 4 -i 12 --resolve "$there" --json result.json
reaches "by a variable" env LK_RESOLVE="other.invalid:1:::1, $there" \
    ./good -w 2 -u 4 -i 12 --json result.json
printf 'resolve = other.invalid:1:::1\nresolve = %s\nparam port = %s\n' "$there" \
    "$LK_PARAM_port" >conf
reaches "by a configuration file" ./good --config conf -w 0 -u 4 -i 12 --json result.json

run ./good debug --resolve "$there"
[ "$status" = 0 ] && grep -q '200 OK' out
tell $? "the user of debug"
run ./good -u 2 -i 2 -w 0 --json result.json
[ "$status" = 1 ] && [ "$(code HTTP_DNS)" = 2 ]
tell $? "and without the option nobody is there"

./good infra up --workers 2 --processes 1 --listen 127.0.0.1:0 >started || cat started
LK_ORCHESTRATOR=$(sed -n 's/^page, API *//p' started)
export LK_ORCHESTRATOR
run ./good test start -u 4 -i 12 --resolve "$there" --wait
./good test result --json >result.json
[ "$status" = 0 ] && [ "$(code HTTP_200)" = 12 ]
tell $? "users on other machines"
[ "$(code HTTP_200)" = 12 ] || cat out err started

# What holds on one machine wins over what the run says: both its workers reach the server by that.
./good infra down >/dev/null
LK_RESOLVE=$there LK_HTTP_ENGINE=native ./good infra up --workers 2 --processes 1 --listen 127.0.0.1:0 >started || cat started
LK_ORCHESTRATOR=$(sed -n 's/^page, API *//p' started)
run ./good test start -u 4 -i 12 --resolve "${there%:*}:127.0.0.255" --wait
./good test result --json >result.json
[ "$status" = 0 ] && [ "$(code HTTP_200)" = 12 ]
tell $? "a worker knows better than the run"
[ "$(code HTTP_200)" = 12 ] || cat out err started
run ./good test start -i 1 --http-version 2 --wait
[ "$status" = 1 ] && cat out err | tr -s ' \n' ' ' |
    grep -q "settings of HTTP of this worker and of the run: engine: the native one cannot speak HTTP/2"
tell $? "what does not go together ends the run, and why is said"
[ "$status" = 1 ] || cat out err

# ---- more connections than ports

# A network of its own, with only a loopback, whose ports are nobody else's. Root may not be allowed
# to make a user namespace, and others need one to make any.
alone() {
    local as_root=-r

    [ "$(id -u)" -eq 0 ] && as_root=
    unshare ${as_root:+"$as_root"} -n sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

cat >ports.sh <<'IN'
echo "41000 41015" >/proc/sys/net/ipv4/ip_local_port_range
build=$1
shift
. "$1/tests/support/example.sh"
shift
serve_example shop_server inner
"$@" -p "port=${address##*:}" --resolve "shop.invalid:${address##*:}:127.0.0.1" --json result.json
status=$?
end_example
exit "$status"
IN
crowded() { # option...
    rm -f result.json
    run alone bash ports.sh "$build" "$root" ./good -u 40 -i 160 "$@"
}

crowded -w 0
[ "$(code HTTP_NO_PORTS)" -gt 0 ] && grep -q -- "--local-addr FIRST-LAST" out
tell $? "one address has no more connections than ports, and the report says what to do"
for workers in 0 2; do
    crowded -w $workers --local-addr 127.0.0.2-127.0.0.5
    [ "$status" = 0 ] && [ "$(code HTTP_200)" = 160 ] && [ "$(code HTTP_NO_PORTS)" = 0 ]
    tell $? "several have as many as all of them together, with $workers workers"
    [ "$(code HTTP_200)" = 160 ] || cat out err
done

end_tests

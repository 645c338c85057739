#!/usr/bin/env bash
#
# infra up, down and status with real processes: what is started and by whom it can be used, that
# nothing is left whatever happens, and a run over all of it, whose numbers are the server's.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"
# shellcheck source=tests/support/example.sh
. "$root/tests/support/example.sh"

shop=$build/examples/shop
export XDG_RUNTIME_DIR=$dir/run
mkdir "$XDG_RUNTIME_DIR"
unset LK_REDIS_URL LK_TOKEN
pids=()

finish() {
    for cluster in default other; do
        "$shop" infra down --cluster $cluster
    done
    kill -KILL "${pids[@]}" $server
    wait
    rm -rf "$dir"
} >/dev/null 2>&1
trap finish EXIT

up() { # words: sets LK_ORCHESTRATOR
    run "$shop" infra up --listen 127.0.0.1:0 "$@"
    LK_ORCHESTRATOR=$(sed -n 's/^page, API *//p' out)
    export LK_ORCHESTRATOR
}

# The processes that were started here, in all runs so far.
remember() {
    local file

    for file in "$XDG_RUNTIME_DIR"/loadkit/*/*.pid; do
        [ ! -e "$file" ] || pids+=("$(cut -d' ' -f1 "$file")")
    done
}

alive() { # pid: and not only waited for by nobody
    grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# Of a busy machine, who was killed may be there a while longer.
gone() { # pid
    for _ in $(seq 500); do
        alive "$1" || return 0
        sleep 0.02
    done
    return 1
}

# Nothing is left: no process, no file.
none_left() { # what
    local pid left=

    for pid in "${pids[@]}"; do
        gone "$pid" || left+=" $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    done
    left+=$(find "$XDG_RUNTIME_DIR" -mindepth 1)
    [ -z "$left" ]
    tell $? "$1"
    [ -z "$left" ] || echo "left: $left"
}

says() { # what status error
    [ "$status" = "$2" ] && [ "$(cat err)" = "$3" ]
    tell $? "$1"
    [ "$status" = "$2" ] && [ "$(cat err)" = "$3" ] || printf 'status %s, %s\n' "$status" "$(cat out err)"
}

# ---- nothing yet

run "$shop" infra status
says "what is not up has no status" 1 "shop: infra is not up"
run "$shop" infra down --cluster other
says "nor can it be ended" 1 "shop: infra other is not up"
none_left "of which nothing is left"

# ---- up

serve_example shop_server served

up --workers 2 --processes 1 -p base_url="http://$address"
remember
here=$XDG_RUNTIME_DIR/loadkit/default
[ "$status" = 0 ] && [ ${#pids[@]} = 4 ] && [ "$(grep -c '^worker-[12]  *pid [0-9]*, processes 1$' out)" = 2 ]
tell $? "a Redis, an orchestrator and two workers are started"
[ "$status" = 0 ] || cat out err
[ "$("$shop" workers --json | grep -o '"status":"healthy"' | wc -l)" = 2 ]
tell $? "both of which are there when it returns"
[ "$("$shop" workers --json | grep -o '"probes":true' | wc -l)" = 1 ]
tell $? "one of them for the probes"
[ "$(stat -c %a "$here")" = 700 ] &&
    [ -z "$(find "$here" -type f -not -perm 600)" ]
tell $? "nobody else can read what they keep"
grep -q '^next .* --wait --orchestrator [^ ]*$' out
tell $? "it says how to start a test"
password=$(sed 's,^unix://:\([0-9a-f]*\)@.*,\1,' "$here/redis-url")
[ ${#password} = 32 ] && [ "$(stat -c %a "$here/redis.sock")" = 700 ] &&
    redis-cli -s "$here/redis.sock" ping 2>&1 | grep -q NOAUTH &&
    [ "$(REDISCLI_AUTH=$password redis-cli -s "$here/redis.sock" --no-auth-warning ping)" = PONG ]
tell $? "the Redis has a password"
! grep -qa "$password" /proc/[0-9]*/cmdline 2>/dev/null && ! grep -q "$password" "$here"/*.log out err
tell $? "which stands in no command line, and in no log"
[ "$(REDISCLI_AUTH=$password redis-cli -s "$here/redis.sock" --no-auth-warning config get port | tail -n 1)" = 0 ] &&
    [ -z "$(REDISCLI_AUTH=$password redis-cli -s "$here/redis.sock" --no-auth-warning config get save | tail -n 1)" ]
tell $? "it listens on no port, and keeps nothing"
for pid in "${pids[@]}"; do
    [ "$(ps -o sid= -p "$pid" | tr -d ' ')" = "$pid" ] || echo "$pid has the session of somebody else"
done >sessions
[ ! -s sessions ]
tell $? "each has a session of its own: no terminal ends it"

run "$shop" infra status
[ "$status" = 0 ] && [ "$(grep -c ' running$' out)" = 4 ] && grep -qF "page, API  $LK_ORCHESTRATOR" out
tell $? "all of it is shown"
run "$shop" infra status --json
[ "$status" = 0 ] && [ "$(grep -o '"alive":true' out | wc -l)" = 4 ] &&
    grep -qF "{\"name\":\"default\",\"url\":\"$LK_ORCHESTRATOR\",\"directory\":\"$here\"," out
tell $? "as JSON too"
run "$shop" infra up
says "it cannot be started twice" 1 \
    "shop: infra is up already, at $LK_ORCHESTRATOR; end it with infra down --cluster default, or give this one another name with --cluster and another --listen"
run "$shop" infra status
[ "$status" = 0 ]
tell $? "which leaves it alone"

# ---- a run

run "$shop" test start -u 6 -d 1s --wait
[ "$status" = 0 ] && grep -q '^PASSED\|generator-bound$' out
tell $? "a run is carried out, with the parameter of infra up"
"$shop" test result --json >result.json
sent=$(sed -n 's/^.*"http_requests": *\([0-9]*\).*$/\1/p' result.json | head -n 1)
[ "$sent" -ge 6 ] && grep -q '"workers": *2' result.json
tell $? "by both workers"

run "$build/examples/hello" infra status
[ "$status" = 0 ]
tell $? "any other program finds it too"

# ---- down

run "$shop" infra down
[ "$status" = 0 ] && grep -qx 'infra is down, 4 processes were ended' out
tell $? "all of it is ended"
none_left "and nothing is left of it"
kill -TERM $server
wait $server
server=
grep -qx "served $sent requests" served
tell $? "the server has seen what the result says"

serve_example shop_server served

# ---- in the middle of a run, after deaths, beside others

up --cluster other --workers 2 --processes 2 --orphan-after 30s
remember
"$shop" test start -q -u 20 -p base_url="http://$address"
[ "$status" = 0 ] && [ "$("$shop" workers --json | grep -o '"status":"healthy"' | wc -l)" = 4 ]
tell $? "workers may have several processes"
run "$shop" infra down --cluster other
[ "$status" = 0 ]
tell $? "it can be ended in the middle of a run"
none_left "whose processes are gone too"

# Where nobody is left to be told, Redis goes first, so that nobody waits until he is.
up --cluster other --workers 2 --processes 1
remember
kill -KILL "$(cut -d' ' -f1 "$XDG_RUNTIME_DIR/loadkit/other/orchestrator.pid")"
ln "$XDG_RUNTIME_DIR/loadkit/other/worker-1.log" worker.log
run "$shop" infra down --cluster other
[ "$status" = 0 ] && grep -q 'Redis .* the connection was closed there' worker.log
tell $? "it ends without an orchestrator, and does not wait for one"
none_left "and all of it"

up --workers 1
remember
kill -KILL "$(cut -d' ' -f1 "$here/worker-1.pid")"
gone "$(cut -d' ' -f1 "$here/worker-1.pid")"
run "$shop" infra status
[ "$status" = 1 ] && grep -q 'worker-1 .* ended$' out && [ "$(grep -c ' running$' out)" = 2 ]
tell $? "a death is seen"
kill -KILL "$(cut -d' ' -f1 "$here/redis.pid")" "$(cut -d' ' -f1 "$here/orchestrator.pid")"
for _ in $(seq 100); do
    "$shop" infra status >out
    ! grep -q running out && break
    sleep 0.02
done
up --workers 1
remember
[ "$status" = 0 ]
tell $? "after the death of all it can be started anew"

# A process that has the number of a dead one is somebody else's.
sleep 60 &
innocent=$!
worker=$(cut -d' ' -f1 "$here/worker-1.pid")
echo "$innocent 12345" >"$here/worker-1.pid"
run "$shop" infra down
[ "$status" = 0 ] && grep -qx 'infra is down, 2 processes were ended' out && alive $innocent
tell $? "a process that only has the number of one is left alone"
kill -KILL "$worker" $innocent
wait $innocent 2>/dev/null

# ---- what does not start

for role in orchestrator 'infra up'; do
    # shellcheck disable=SC2086
    run timeout 30 "$shop" $role --listen 127.0.0.1:0 -p nope=1
    [ "$status" = 2 ] && grep -q "^shop: unknown parameter 'nope'; there is base_url" err
    tell $? "$role: a parameter that is not there is told at once"
    run env LK_PARAM_base_url= timeout 30 "$shop" $role --listen 127.0.0.1:0
    [ "$status" = 2 ] && grep -q '^shop: parameter base_url is required but empty' err
    tell $? "$role: as is a value that is none"
done

run env PATH=/nowhere "$shop" infra up --listen 127.0.0.1:0
says "without redis-server it says what to do" 2 \
    "shop: redis-server is not to be found in PATH; install it (on Debian: apt-get install redis-server), or start orchestrator and worker with a Redis of yours"
mkdir bin
printf '#!/bin/sh\necho no memory; exit 1\n' >bin/redis-server
chmod +x bin/redis-server
run env PATH="$PWD/bin:$PATH" "$shop" infra up --listen 127.0.0.1:0
says "of what ends at once the last words are shown" 1 \
    "shop: redis has ended as soon as it was started; its last words:
shop: redis: no memory"
up --workers 1 --cluster other
remember
grep -q '^next .* --wait --orchestrator [^ ]* -p base_url=\.\.\.$' out
tell $? "what a test has to be given is told"
run "$shop" infra up --listen "${LK_ORCHESTRATOR#http://}"
[ "$status" = 1 ] && grep -q '^shop: orchestrator has ended as soon as it was started' err &&
    grep -q '^shop: orchestrator: .* something else listens there already' err
tell $? "a port that is taken is told"
[ -d "$XDG_RUNTIME_DIR/loadkit/other" ] && [ ! -e "$here" ]
tell $? "of which nothing is left, and the other one is left alone"
run "$shop" infra down --cluster other
run "$shop" infra up --listen 0.0.0.0:0
[ "$status" = 2 ] && grep -q 'token' err
tell $? "beyond this machine a token is needed"
[ "$status" = 2 ] || cat out err
echo a-secret-of-the-test >token
run "$shop" infra up --listen 0.0.0.0:0 --token-file token
remember
[ "$status" = 0 ] && grep -q '^page, API  *http://127.0.0.1:[0-9]*$' out
tell $? "with one it can be reached"
LK_ORCHESTRATOR=$(sed -n 's/^page, API *//p' out)
run "$shop" workers
[ "$status" = 1 ] && grep -q '^shop: orchestrator answered 401: .*; give the token with --token-file FILE or in LK_TOKEN$' err
tell $? "by those who know it"
run "$shop" workers --token-file token
[ "$status" = 0 ]
tell $? "and by nobody else"
run "$shop" infra down
none_left "nothing is left after all that"

# ---- an interrupt

printf '#!/bin/sh\nexec sleep 60\n' >bin/redis-server
for signal in INT TERM; do
    # a shell's background jobs ignore SIGINT
    PATH="$PWD/bin:$PATH" setsid env --default-signal=INT "$shop" infra up --listen 127.0.0.1:0 >out 2>err &
    starting=$!
    for _ in $(seq 200); do
        [ ! -e "$here/redis.pid" ] || break
        sleep 0.02
    done
    remember
    run "$shop" infra down
    cp err busy
    kill -$signal $starting
    wait $starting
    [ $? = 1 ]
    tell $? "SIG$signal ends infra up"
    grep -qF "shop: another infra up or down is at work in $here; wait for its end" busy
    tell $? "which nobody else can end meanwhile"
    none_left "with what it has started"
done

# ---- command lines

while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    refuses "${what% }" "shop: ${line# }" "$shop" infra "${args[@]}"
done <<'END'
a port is needed | up --listen localhost | --listen localhost: it has no port; give an address such as 127.0.0.1:8080
a port is a number | up --listen 127.0.0.1:x | --listen 127.0.0.1:x: the port is not a number; give an address such as 127.0.0.1:8080
workers are at least one | up -w 0 | -w 0: it is too small; give a number of workers from 1
a name is no path | up --cluster ../x | '../x' can be no name of a directory; use at most 40 letters, digits, - _ .
a token is not typed | up --token x | --token: others on this machine can see what is typed; put it into a file for --token-file, or into the variable LK_TOKEN
END
run env XDG_RUNTIME_DIR="$dir/a-path-that-is-longer-than-any-socket-of-a-unix-system-could-ever-have-in-its-address" \
    "$shop" infra up
[ "$status" = 2 ] && grep -q 'is too long for sockets; set XDG_RUNTIME_DIR to a shorter one$' err
tell $? "a path that is too long for sockets is told"

end_tests

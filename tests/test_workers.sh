#!/usr/bin/env bash
#
# Worker processes: what the report counts is what nginx has logged, whatever becomes of a worker; a
# step that crashes or hangs takes nobody with it but its user; and nothing is left of a parent that
# was killed.
set -u

build=$(cd "${BUILD:-$(dirname "$0")/../build}" && pwd)
traffic=$build/tests/support/traffic
mishap=$build/tests/support/mishap
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-workers.XXXXXX")
run_pid=

# shellcheck source=tests/support/nginx.sh
. "$(dirname "$0")/support/nginx.sh"
# shellcheck source=tests/support/check.sh
. "$(dirname "$0")/support/check.sh"
trap 'end_nginx; rm -rf "$tmp"' EXIT

kept="keepalive_requests 1000000;"

number() { # key
    sed -n "s/^.*\"$1\": *\([0-9][0-9]*\).*$/\1/p" "$tmp/result.json" | head -n 1
}

last_number() { # key
    grep -o "\"$1\": *[0-9]*" "$tmp/result.json" | tail -n 1 | grep -o '[0-9]*$'
}

is() { # what, value, wanted
    [ "$2" = "$3" ] || {
        echo "$1 is ${2:-(none)}, wanted $3"
        return 1
    }
}

wait_until() { # command...: for half a minute at the most
    for _ in $(seq 600); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    echo "this did not happen: $*"
    return 1
}

logged() {
    wc -l <"$tmp/access.log"
}

logs_more_than() {
    [ "$(logged)" -gt "$1" ]
}

start() { # program, options...
    # what the one before has said must not be taken for what this one says
    rm -f "$tmp/result.json" "$tmp/out" "$tmp/err"
    # with job control it has a group of its own, and heeds SIGINT
    set -m
    "$@" --json "$tmp/result.json" >"$tmp/out" 2>"$tmp/err" &
    run_pid=$!
    set +m
}

finish() {
    wait "$run_pid"
    status=$?
}

workers() {
    pgrep -P "$run_pid"
}

has_workers() { # count
    [ "$(workers | wc -l)" -eq "$1" ]
}

state_is() { # pid, letters
    grep -qE "^State:[[:space:]]*[$2]" "/proc/$1/status"
}

no_process() { # pid...
    local pid

    for pid; do
        ! kill -0 "$pid" 2>/dev/null || state_is "$pid" Z || return 1
    done
}

# ---- exact counts

counts_are_the_servers() {
    local requests unsent lines

    end_nginx
    requests=$(number http_requests)
    unsent=$(number http_unsent)
    lines=$(logged)
    echo "${requests:-no} requests - ${unsent:-?} unsent, $lines lines in the log"
    [ -n "$requests" ] && [ "$requests" -gt 0 ] && [ $((requests - unsent)) -eq "$lines" ]
}

count() { # what, signals, options...
    local what=$1 signals=$2 before word
    shift 2

    start_nginx "$kept" || exit 1
    start "$traffic" -u 200 -q -p "base_url=http://127.0.0.1:$port" "$@"
    if [ -n "$signals" ]; then
        wait_until logs_more_than 2000
        for word in $signals; do
            case $word in
            INT) kill -INT "$run_pid" ;;
            group) kill -INT -- "-$run_pid" ;;
            *)
                before=$(logged)
                wait_until logs_more_than "$before"
                ;;
            esac
        done
    fi
    finish
    check "counts are exact: $what" counts_are_the_servers
    check "and the run passed: $what" ended_with 0
}

for n in 2 4; do
    count "$n workers, ended by duration" "" -w $n -d 2s
    count "$n workers, ended by iterations" "" -w $n -i 20001
    check "iterations are exact: $n workers" is iterations "$(number iterations)" 20001
    count "$n workers, Ctrl-C" "group" -w $n -d 60s
    count "$n workers, Ctrl-C twice" "INT INT" -w $n -d 60s
done

# ---- a worker that is killed

start_nginx "$kept" || exit 1
start "$traffic" -u 200 -w 2 -d 6s -p "base_url=http://127.0.0.1:$port"
wait_until logs_more_than 2000
victim=$(workers | head -n 1)
kill -KILL "$victim"
wait_until no_process "$victim"
wait_until has_workers 2
check "a worker that was killed is forked anew" has_workers 2
before=$(logged)
finish
check "the run goes on without it" test "$(logged)" -gt "$before"
check "counts are exact after SIGKILL of a worker" counts_are_the_servers
check "a killed worker makes the run fail" ended_with 1
check "a killed worker makes the result incomplete" grep -qE '"status": *"incomplete"' \
    "$tmp/result.json"
check "a killed worker is told of" says err "traffic: worker 1 died: killed by signal 9"
check "a killed worker is in the report" says out "killed by signal 9"
check "all users are there again" is users "$(grep -o '"users": *[0-9]*' "$tmp/result.json" |
    tail -n 4 | head -n 3 | grep -o '[0-9]*$' | sort -n | tail -n 1)" 200

# ---- one user crashes

start "$mishap" -u 100 -w 2 -d 3s -p how=null
finish
check "a crash names worker, step and user at once" says err \
    "mishap: worker 1 crashed: segmentation fault in step pay of user 17"
check "a crash is told with its function, file and line" grep -qE \
    '#1 lk_step_shopper_pay at .*mishap\.c:[0-9]+' "$tmp/err"
check "a crash is in the report" says out "user 17 in pay, worker 1"
check "its backtrace is in the report" grep -qE 'lk_step_shopper_pay at .*mishap\.c:[0-9]+' "$tmp/out"
check "its backtrace is in the result" says result.json lk_step_shopper_pay
check "a crash makes the run fail" ended_with 1
check "the other 99 users go on" grep -qE '"users": *99' "$tmp/result.json"
check "nobody else crashed" is crashes "$(grep -c crashed: "$tmp/err")" 1

start "$mishap" -u 20 -w 1 -d 1s -p how=abort
finish
check "abort in a step is named" says err "worker 1 crashed: abort in step pay of user 17"
start "$mishap" -u 20 -w 1 -d 1s -p how=deep
finish
check "an overflow of the stack is named, with what to do" says err \
    "worker 1 crashed: stack overflow in step pay of user 17: 64 KiB of stack were not enough"
check "frames of a recursion are told once" is frames "$(grep -c '#.* deep at' "$tmp/err")" 2
check "and how many there are" grep -qxE '  \.\.\. the same frame at least [0-9]+ times more' "$tmp/err"
check "in the report too" grep -qE '^ +\.\.\. the same frame at least' "$tmp/out"
check "and in the result" grep -qE '"\.\.\. the same frame at least' "$tmp/result.json"
start "$mishap" -u 20 -w 2 -d 1s -p how=exit
finish
check "exit in a step is named" says err "worker 1 crashed: exit was called in step pay of user 17"
check "and ends the run as failed" ended_with 1
start "$mishap" -u 20 -w 0 -d 1s -p how=exit
finish
check "without workers it ends the program" says err "mishap: exit was called in step pay of user 17"
check "as failed" ended_with 1
start "$mishap" -u 20 -w 2 -d 1s -p how=start
finish
check "a crash in a hook is named" says err "segmentation fault in on_start of user 17"
start "$mishap" -u 20 -w 2 -d 1s -p how=block
finish
check "a crash in a function that blocks is that of who waits for it" says err \
    "worker 1 crashed: segmentation fault in step pay of user 17"
check "its place is told as well" grep -qE '#1 fall_there at .*mishap\.c:[0-9]+' "$tmp/err"
check "and none of ours" is frames "$(grep -cE '#[0-9]+ ' "$tmp/err")" 2
check "its user is retired" says out "the user did not come back"
start "$mishap" -u 20 -w 0 -d 1s -p how=block
finish
check "and the same without workers" says err \
    "mishap: segmentation fault in step pay of user 17"
start "$mishap" -u 20 -w 1 -d 600s --grace 600s -p how=sleep
wait_until says err "worker 1 hangs: step pay of user 17"
kill -SEGV "$(workers)"
check "a signal that was sent is nobody's crash" wait_until says err \
    "worker 1 crashed: segmentation fault outside of any step"
kill -KILL "$run_pid"
finish 2>/dev/null

start "$mishap" -u 100 -w 2 -d 600s -p how=null -p who=0
finish
check "a step that always crashes ends the run" grep -qE '"ended_by": *"crashes"' \
    "$tmp/result.json"
check "and the run has failed" ended_with 1

# ---- one user hangs

start "$mishap" -u 100 -w 2 -d 600s --grace 1s -p how=spin
wait_until says err "worker 1 is ended: step pay"
wait_until has_workers 2
sleep 3 # for whole seconds of what comes after it
kill -INT "$run_pid"
finish
check "a step that spins is named" grep -q \
    "mishap: worker 1 hangs: step pay of user 17 has not yielded for [0-9]" "$tmp/err"
check "its place is named" grep -qE '#0 spin at .*mishap\.c:[0-9]+' "$tmp/err"
check "beyond the grace time it is ended" says out "user 17 in pay, worker 1"
check "as what it is" says out "hung"
check "the other 99 users go on without it" grep -qE '"users": *99' "$tmp/result.json"
check "a step that hangs makes the run fail" ended_with 1

# Where no parent watches.
ends_by_interrupts() { # what
    sleep 2
    kill -INT "$run_pid"
    check "$1 that spins: an interrupt names it" wait_until grep -q \
        'mishap: interrupted in step pay of user [0-9]*, which does not yield' "$tmp/err"
    check "and its place" wait_until grep -qE '#0 spin at .*mishap\.c:[0-9]+' "$tmp/err"
    kill -TERM "$run_pid"
    finish
    check "the next one ends it" says err "mishap: ended in step pay of user"
    check "as failed" ended_with 1
}

start "$mishap" -u 20 -w 0 -d 600s -p how=spin
ends_by_interrupts "a step without workers"
set -m
"$mishap" debug -p how=spin -p who=1 -p after=0 >"$tmp/out" 2>"$tmp/err" &
run_pid=$!
set +m
ends_by_interrupts "a step of debug"

start "$mishap" -u 200 -w 0 -d 600s -p how=busy -p who=0
sleep 1.7 # in the first turn of the loop
kill -INT "$run_pid"
finish
check "steps that compute one after the other hold up no interrupt" is told \
    "$(grep -c yield "$tmp/err")" 0
check "which ends the run" ended_with 0

start "$mishap" -u 20 -w 1 -d 2s --grace 600ms -p how=sleep
finish
check "a step that blocks is named" says err "worker 1 hangs: step pay of user 17"

# Among many users there is always one that computes: nobody hangs who lets the next one go on.
start "$mishap" -u 200 -w 1 -d 3s -p how=busy -p who=0
finish
check "steps that compute one after the other do not hang" is hangs \
    "$(grep -c hangs: "$tmp/err")" 0
check "and their run ends in order" grep -qE '"ended_by": *"duration"' "$tmp/result.json"

start "$mishap" -u 20 -w 2 -d 600s --grace 200ms
wait_until test -s "$tmp/err" # progress
wait_until has_workers 2
victim=$(workers | head -n 1)
kill -STOP "$victim"
wait_until says err "worker 1 does not answer"
check "a worker that was stopped is named" says err "worker 1 does not answer"
kill -CONT "$victim"
kill -INT "$run_pid"
finish
check "the time that it stood still is a reason" says out "worker 1 was held up"
check "but not taken for one that hangs" is hangs "$(grep -c hangs: "$tmp/err")" 0
check "and goes on when it is continued" ended_with 0

start "$mishap" -u 20 -w 2 -d 600s
wait_until grep -q '[1-9][0-9,]* steps/s' "$tmp/err"
# as timeout(1) and the end of a service do
kill -TERM -- "-$run_pid"
finish
check "a signal to all processes ends the run in order" ended_with 0
check "and is nobody's death" is crashes "$(grep -cE 'died|crashed' "$tmp/err")" 0

# as a terminal that closes does, its shell too
start env --default-signal=HUP "$mishap" -u 20 -w 2 -d 600s
wait_until grep -q '[1-9][0-9,]* steps/s' "$tmp/err"
kill -HUP -- "-$run_pid"
finish
check "a hangup ends the run in order" ended_with 0
check "with its result" grep -qE '"ended_by": *"interrupt"' "$tmp/result.json"
check "and its report" says out "again"
check "and is nobody's death" is crashes "$(grep -cE 'died|crashed' "$tmp/err")" 0

start nohup "$mishap" -u 20 -w 2 -d 3s
wait_until grep -q '[1-9][0-9,]* steps/s' "$tmp/err"
kill -HUP -- "-$run_pid"
finish
check "where it is ignored it stays so" ended_with 0
check "and the run goes on to its end" grep -qE '"ended_by": *"duration"' "$tmp/result.json"

# ---- the parent is killed

start "$mishap" -u 20 -w 4 -d 600s
wait_until has_workers 4
mapfile -t pids < <(workers)
kill -KILL "$run_pid"
check "no worker outlives its parent" wait_until no_process "${pids[@]}"
finish 2>/dev/null

# one that does not turn does not outlive it either
start "$mishap" -u 20 -w 2 -d 600s --grace 600s -p how=spin
wait_until says err hangs:
mapfile -t pids < <(workers)
kill -KILL "$run_pid"
check "nor does one that hangs" wait_until no_process "${pids[@]}"
finish 2>/dev/null

# ---- what the author prints

start "$mishap" -u 50 -w 2 -d 1s -q -p how=print -p who=0
finish
check "what is printed in a worker appears" is lines "$(grep -c '^user [0-9]* prints$' "$tmp/out")" 50
check "exactly once" is lines "$(sort -u "$tmp/out" | grep -c prints)" 50
start "$mishap" -u 50 -w 0 -d 1s -q -p how=print -p who=0
finish
check "and the same without workers" is lines "$(grep -c '^user [0-9]* prints$' "$tmp/out")" 50

end_tests

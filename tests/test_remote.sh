#!/usr/bin/env bash
#
# The commands that talk to an orchestrator, against a real one with two workers: that each does
# what it says, and that the numbers of all runs together are the server's.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"
# shellcheck source=tests/support/example.sh
. "$root/tests/support/example.sh"

program good <<'END'
#include <loadkit/loadkit.h>
#include <stdlib.h>
LK_PARAM(base_url, .required = true);
LK_PARAM(pause, .type = LK_SECONDS, .value = "20ms");
LK_PARAM(key, .secret = true);
LK_RESOURCE(cards) { return LK_OBJECT("number", lk_format(vu, "card_%s", id)); }
LK_RESOURCE(torn) { return atoi(id) == 2 ? NULL : LK_OBJECT("number", id); }
LK_RESOURCE(crashing) { abort(); }
LK_RESOURCE(late)
{
    lk_sleep(vu, 11);
    return LK_OBJECT("number", id);
}
LK_PROBE(answer, .every_s = 0.1) { return lk_value_int(42); }
LK_VU(demo) { lk_json *card; };
LK_ON_INIT(demo) { lk_http_base_url(vu, lk_param(vu, "base_url")); }
LK_ON_START(demo) { self->card = lk_resource_acquire(vu, "cards"); }
LK_STEP(demo, look)
{
    lk_get(vu, "/catalog");
    lk_sleep(vu, lk_param_double(vu, "pause"));
}
LK_MAIN()
END

export XDG_RUNTIME_DIR=$dir/run
mkdir "$XDG_RUNTIME_DIR"
unset LK_REDIS_URL LK_TOKEN
finish() {
    ./good infra down
    end_example
    rm -rf "$dir"
} >/dev/null 2>&1
trap finish EXIT

serve_example shop_server
./good infra up --workers 2 --processes 1 --listen 127.0.0.1:0 >started || cat started
LK_ORCHESTRATOR=$(sed -n 's/^page, API *//p' started)
export LK_ORCHESTRATOR LK_PARAM_base_url=http://$address
sent=0

value() { # key file: the first number or word that stands for it
    sed -n "s/^.*\"$1\": *\"\{0,1\}\([a-zA-Z0-9_.-]*\).*\$/\1/p" "$2" | head -n 1
}

# Until the status has that text.
until_status() { # text
    for _ in $(seq 200); do
        ./good test status --json >status || return 1
        ! grep -q "$1" status || return 0
        sleep 0.05
    done
    cat status
    return 1
}

# The last run is over: what it has sent is added up.
count() {
    ./good test result --json >result.json && sent=$((sent + $(value http_requests result.json) -
        $(value http_unsent result.json)))
}

contains() { # what status pattern...: of out and err together
    local what=$1 want=$2 pattern
    shift 2
    for pattern; do
        cat out err | grep -q -- "$pattern" || break
        pattern=
    done
    [ "$status" = "$want" ] && [ -z "$pattern" ]
    tell $? "$what"
    [ "$status" = "$want" ] && [ -z "$pattern" ] ||
        printf 'status %s, not there: %s\n%s\n' "$status" "$pattern" "$(cat out err)"
}

# ---- before any run

run ./good test status
contains "an orchestrator says that there was no run" 0 '^IDLE: no run yet$' '^workers  *2 of 2$'
run ./good test result
contains "there is no result" 1 '^good: orchestrator answered 404: '
run ./good test stop
contains "there is nothing to stop" 1 '^good: orchestrator answered 409: '
run ./good test users 5
contains "nor users to change" 1 '^good: orchestrator answered 409: '
run ./good metrics
contains "nothing has been measured" 0 '^nothing has been measured yet$'
run ./good workers
contains "but there are workers" 0 '^  worker-1  *healthy  *0  *0 ' '^  worker-2  *healthy  *0  *0 '

# ---- refused

run ./good test start -p size=5
contains "an unknown parameter is refused there" 1 '^good: orchestrator answered 400: .*size'
run ./good test start -p pause=soon
contains "a parameter that is none of its type too" 1 '^good: orchestrator answered 400: .*pause'
run env -u LK_PARAM_base_url ./good test start
contains "as is one that is missing" 1 '^good: orchestrator answered 400: .*base_url'
run ./good resources create nope
contains "a resource that there is not" 1 '^good: orchestrator answered 4.*nope'
run ./good test status
contains "of which nothing has come" 0 '^IDLE: no run yet$'

# ---- resources

run ./good resources
contains "resources are listed before there is an object" 0 '^  cards  *0$'
run ./good resources ensure cards 3
contains "objects are made by the scenario's function" 0 '^cards: 3 created, 3 in all$'
run ./good resources ensure cards 2
contains "only those that are missing" 0 '^cards: 0 created, 3 in all$'
run ./good resources create cards 2 --payload '{"tier": "gold"}'
contains "others are added to them" 0 '^cards: 2 created'
run ./good resources items cards --offset 3 --limit 1 --json
contains "they are shown, with their contents masked as long as there is no token" 0 '"total": *5' '"tier": *"[*][*][*]"'
run ./good resources delete cards 1
contains "one is deleted" 0 '^cards: 1 deleted, 4 left$'
run ./good resources delete cards 1
contains "but once" 1 '^good: no object of cards has the id 1; resources items cards shows'
run ./good resources delete cards 1 --json
contains "which JSON does not hide" 1 '"deleted_count":0'
run ./good resources items cards
contains "whose contents are masked is told why" 0 'masked, since the orchestrator asks for no token'
run ./good resources
contains "of which the list knows" 0 '^  cards  *4$'
run ./good resources create torn 4
contains "where a factory fails, what it has made is told" 1 'returned NULL; 1 of 4 was created$'
run ./good resources create crashing 4
contains "where it has made none, only how it failed" 1 'the factory of resource "crashing" crashed: '
! grep -q created err
tell $? "and nothing of objects"
run ./good resources
contains "it is so" 0 '^  crashing  *0$' '^  torn  *1$'
./good resources create late 2 >late 2>&1 &
late=$!

# ---- a run that is led by hand

printf s3cret-of-the-test >key
run ./good test start -u 2 -p key=@key
contains "a run starts" 0 '^run [0-9a-f]* has started: 2 users, until test stop$'
id=$(sed -n 's/^run \([0-9a-f]*\) .*/\1/p' out)
run ./good test start
contains "one at a time" 1 \
    '^good: orchestrator answered 409: .*allowed only for \[IDLE\].*; test status shows the run'
until_status '"users": *2[,}]'
tell $? "its users begin"
run ./good test status
contains "it is shown as it stands" 0 "^RUNNING: run $id of good, " '^users  *2 of 2$' '^workers  *2 of 2$'
run ./good test users 4
contains "users are added" 0 '^users: from 2 to 4$'
until_status '"users": *4[,}]'
tell $? "and begin"
run ./good workers
contains "by both workers" 0 '^  worker-1  *healthy  *2  *2 ' '^  worker-2  *healthy  *2  *2 '
run ./good test users 1
until_status '"users": *1[,}]'
tell $? "users are taken away"
run ./good test rate 10
contains "a run without a rate has none to change" 1 '^good: orchestrator answered 4'
for _ in $(seq 100); do
    run ./good metrics
    ! grep -q '  GET /catalog\|look/GET' out || break
    sleep 0.1
done
contains "its numbers are shown" 0 '^last minute ' '^whole run ' '^  look '
for _ in $(seq 100); do
    run ./good probes
    ! grep -q '  42 ' out || break
    sleep 0.1
done
contains "so are its probes" 0 '^  answer  *42  *[1-9]'
run ./good test stop
contains "it is stopped" 0 '^the run is ending'
until_status '"state": *"IDLE"'
tell $? "and ends"
run ./good test status
contains "which it says, and by what" 0 "^IDLE: last run $id of good, .*, ended by command" '^test result shows its report$'
run ./good test result
contains "its report is there" 0 '^PASSED\|generator-bound$' '^run  *good, [0-9]* users, 2 workers.*, ended by command$'
count
[ "$(value id result.json)" = "$id" ]
tell $? "as is its result"
! grep -rq s3cret-of-the-test out err status result.json "$XDG_RUNTIME_DIR/loadkit/default/"*.log
tell $? "no secret is in any of that"

# ---- runs that are waited for

run ./good test start -s 300ms:4 -s 2s:4 -s 100ms:0 --wait
contains "a run in stages is waited for" 0 '^PASSED\|generator-bound$' 'ended by duration$'
count
run ./good test start -r 10 -u 4 -d 2s --wait -p pause=1ms
contains "so is one at a rate" 0 '^PASSED\|generator-bound$' '^arrivals .* 20 intended, 20 started'
count
run ./good test start -i 20 --wait --json
[ "$status" = 0 ] && [ "$(value schema out)" = loadkit.result ] && [ "$(value iterations out)" = 20 ]
tell $? "and one of so many iterations, whose result comes as JSON"
count
run ./good test start -u 2 -d 200ms --wait -q -p base_url=http://127.0.0.1:1
contains "one that fails ends as a failure" 1 '^good: the run failed: '
setsid env --default-signal=INT ./good test start -u 2 --wait >out 2>err </dev/null &
waiting=$!
until_status '"users": *2[,}]' && kill -INT $waiting
wait $waiting
status=$?
contains "an interrupt ends the run that is waited for" 0 '^PASSED\|generator-bound$'
until_status '"state": *"IDLE"'
tell $? "and not only the waiting"
count

# ---- other users, another rate, while it goes

run ./good test start -u 0
contains "a run may begin without users" 0 ' has started: 0 users, until test stop$'
until_status '"state": *"RUNNING"'
run ./good test users 1
contains "which come later" 0 '^users: from 0 to 1$'
until_status '"users": *1[,}]'
run ./good test stop
until_status '"state": *"IDLE"'
count

run ./good test start -r 20 -u 4 -q
until_status '"state": *"RUNNING"'
run ./good test rate 40/s
contains "the rate is changed" 0 '^iterations a second: from 20.0 to 40.0$'
until_status '"rate_per_s": *40'
tell $? "of which the status knows"
run ./good test stop
until_status '"state": *"IDLE"'
count
run ./good resources delete cards --all
contains "objects are deleted when the runs are over" 0 '^cards: 4 deleted, 0 left$'

wait $late
status=$?
mv late out
contains "a factory may take longer than other answers" 0 '^late: 2 created$'

run ./good infra down
contains "all of it ends" 0 '^infra is down, 4 processes were ended$'
end_example
[ "$sent" = "$served" ]
tell $? "all runs together have sent what the server has seen"
[ "$sent" = "$served" ] || echo "sent $sent, served $served"

end_tests

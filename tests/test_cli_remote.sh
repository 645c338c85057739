#!/usr/bin/env bash
#
# The commands that talk to an orchestrator, against one whose answers are written down here: what
# they ask, what they show, and what they say when it does not answer as they would like.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"

program good <<'END'
#include <loadkit/loadkit.h>
LK_PARAM(base_url);
LK_PARAM(size, .type = LK_INT);
LK_PARAM(key, .secret = true);
LK_VU(demo) { int count; };
LK_STEP(demo, idle, .every = LK_FIXED(0.001)) { self->count++; }
LK_MAIN()
END

server=
end_server() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null
    server=
}
trap 'end_server; rm -rf "$dir"' EXIT

# What is served from here on: a new set of answers.
mkdir cans
serve() {
    end_server
    rm -f cans/log
    : >url
    "$build/tests/support/canned" cans >url &
    server=$!
    for _ in $(seq 200); do
        LK_ORCHESTRATOR=$(cat url)
        [ -z "$LK_ORCHESTRATOR" ] || break
        sleep 0.02
    done
    export LK_ORCHESTRATOR
}

can() { # name body [status]
    printf '%s\n%s\n' "${3:-200}" "$2" >"cans/$1"
}

# The command succeeds, asks exactly that, and shows exactly that, which comes by standard input.
shows() { # what asked command...
    local what=$1 asked=$2
    shift 2
    cat >want
    : >cans/log
    run "$@"
    if [ "$status" = 0 ] && cmp -s out want && [ ! -s err ] && [ "$(cat cans/log)" = "$asked" ]; then
        tell 0 "$what"
    else
        tell 1 "$what"
        printf 'status %s\n' "$status"
        diff want out
        cat err
        printf 'want: %s\nasked: %s\n' "$asked" "$(cat cans/log)"
    fi
}

# The same of a command that fails: exit status and error lines.
fails() { # what status line command...
    local what=$1 want=$2 line=$3
    shift 3
    run "$@"
    [ "$status" = "$want" ] && [ ! -s out ] && [ "$(cat err)" = "$line" ]
    tell $? "$what"
    [ "$status" = "$want" ] && [ "$(cat err)" = "$line" ] ||
        printf 'status %s, out: %s\nwant: %s\ngot:  %s\n' "$status" "$(cat out)" "$line" "$(cat err)"
}

# ---- start

can POST_start_test '{"epoch":1,"run_id":"r1","target_users":1}'
serve
# what | arguments | what is shown | the body
while IFS='|' read -r what args line body; do
    read -ra args <<<"$args"
    shows "${what% }" "POST /start_test - application/json ${body# }" ./good test start "${args[@]}" \
        <<<"run r1 has started:${line% }"
done <<'END'
a run has one user and no end | | 1 user, until test stop | {"target_users":1,"init_params":{}}
it has users | -u 10k | 10,000 users, until test stop | {"target_users":10000,"init_params":{}}
it has a length | -u 2 -d 90s | 2 users, for 1m30s | {"target_users":2,"duration_s":90,"init_params":{}}
it has iterations | -i 5 | 1 user, 5 iterations | {"target_users":1,"iterations":5,"init_params":{}}
both of them | -i 5 -d 1500ms | 1 user, 5 iterations, for 1s | {"target_users":1,"duration_s":1.5,"iterations":5,"init_params":{}}
a rate has users too | -r 30/m | 0.50 iterations a second, 10 users, until test stop | {"target_users":10,"rate_per_s":0.5,"init_params":{}}
stages are of users | -s 10s:5 -s 1m:50 | 0 users, then 2 stages, for 1m10s | {"target_users":0,"stages_of":"users","stages":[{"duration_s":10,"target":5},{"duration_s":60,"target":50}],"init_params":{}}
or of a rate | -u 7 -s 10s:5/s | 7 users, then 1 stage, for 10s | {"target_users":7,"stages_of":"rate","stages":[{"duration_s":10,"target":5}],"init_params":{}}
users come one after the other | -u 9 --spawn-interval 1500us | 9 users, until test stop | {"target_users":9,"spawn_interval_ms":1.5,"init_params":{}}
the rest is sent where it is given | -r 5 --seed 18446744073709551615 --grace 0s --arrival-wait 1s | 5.00 iterations a second, 10 users, until test stop | {"target_users":10,"rate_per_s":5,"seed":18446744073709551615,"grace_s":0,"arrival_wait_s":1,"init_params":{}}
so is HTTP of all users | --http-engine curl --insecure --resolve a:80:::1 --ca-file /nowhere.pem | 1 user, until test stop | {"target_users":1,"http":{"engine":"curl","insecure":true,"ca_file":"/nowhere.pem","resolve":{"a:80":"::1"}},"init_params":{}}
parameters are texts | -p size=010 -p base_url= | 1 user, until test stop | {"target_users":1,"init_params":{"size":"010","base_url":""}}
also those of another program | -p "other"=x=y | 1 user, until test stop | {"target_users":1,"init_params":{"\"other\"":"x=y"}}
an object of parameters is sent as it is | --init-params-json {"size":1e3,"list":[1,{}]} | 1 user, until test stop | {"target_users":1,"init_params":{"size":1e3,"list":[1,{}]}}
and gives way to single ones | -p size=5 --init-params-json {"si\u007ae":3,"b":null} | 1 user, until test stop | {"target_users":1,"init_params":{"b":null,"size":"5"}}
END

printf 'secret "ü"\n' >value
printf '{"size": 4,\n "key": "k"}\n' >object.json
printf 'users = 3\nduration = 2s\nparam size = 8\nparam base_url = http://f\nworkers = 5\n' >conf
shows "values come from files" \
    'POST /start_test - application/json {"target_users":1,"init_params":{"key":"secret \"ü\"","x":"secret \"ü\""}}' \
    ./good test start -p key=@value -p x=@value <<<"run r1 has started: 1 user, until test stop"
shows "objects do" \
    'POST /start_test - application/json {"target_users":1,"init_params":{"size":4,"key":"k"}}' \
    ./good test start --init-params-json @object.json <<<"run r1 has started: 1 user, until test stop"
shows "and all of it from a configuration file, below what is typed" \
    'POST /start_test - application/json {"target_users":4,"duration_s":2,"init_params":{"size":"9","base_url":"http://f"}}' \
    ./good test start --config conf -u 4 -p size=9 <<<"run r1 has started: 4 users, for 2s"
shows "or from the environment" \
    'POST /start_test - application/json {"target_users":6,"init_params":{"key":"v"}}' \
    env LK_USERS=6 LK_PARAM_key=v ./good test start <<<"run r1 has started: 6 users, until test stop"
shows "quiet is quiet" 'POST /start_test - application/json {"target_users":1,"init_params":{}}' \
    ./good test start -q </dev/null
shows "the answer can be had as it came" \
    'POST /start_test - application/json {"target_users":1,"init_params":{}}' \
    ./good test start --json <<<'{"epoch":1,"run_id":"r1","target_users":1}'

while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    refuses "${what% }" "good: ${line# }" ./good test start "${args[@]}"
done <<'END'
stages have their own length | -d 1m -s 30s:5 | --duration goes with no --stage: stages have their own length; leave one of them out
and their own speed | --spawn-interval 1s -s 30s:5 | --spawn-interval goes with no --stage: stages say how fast users come; leave one of them out
nor do arrivals need any | -r 5 --spawn-interval 1s | --spawn-interval goes with no --rate: iterations begin at the rate, whichever users are free; leave one of them out
users do not come too slowly | --spawn-interval 61s | --spawn-interval 61s: it is too large; give a time up to 60s, such as 10ms
a secret is not typed | -p key=s3cret | parameter key is secret, and others on this machine can see what is typed; give it with -p key=@FILE or in the variable LK_PARAM_key
nor in an object | --init-params-json {"size":5,"k\u0065y":"s3cret"} | parameter key is secret, and others on this machine can see what is typed; give it with -p key=@FILE or in the variable LK_PARAM_key
a parameter has a value | -p size | parameter size has no value; write size=VALUE
a parameter has a name | -p =5 | a parameter has no name; write NAME=VALUE
a parameter is given once | -p x=1 -p x=2 | parameter x is given twice; give it once
a file of a value exists | -p x=@nope | parameter x: cannot read the file 'nope': No such file or directory; name another one, or write @@ for a value that begins with @
an object is one | --init-params-json [1] | --init-params-json: this is no JSON object; give one such as '{"size": 10}', or @FILE
an object is well-formed | --init-params-json {"a":} | --init-params-json: this is no JSON object; give one such as '{"size": 10}', or @FILE
a file of an object exists | --init-params-json @nope | --init-params-json: cannot read the file 'nope': No such file or directory; name another one
an address is one | --orchestrator 127.0.0.1:8080 | --orchestrator 127.0.0.1:8080: it does not begin with http:// or https://; give an address such as http://127.0.0.1:8080
of a web server | --orchestrator redis://h/ | --orchestrator redis://h/: an orchestrator is reached by http or https; give an address such as http://127.0.0.1:8080
the file of the token exists | --token-file nope | cannot read the token from the file 'nope': No such file or directory; name another one
the token is not typed | --token s3cret | --token: others on this machine can see what is typed; put it into a file for --token-file, or into the variable LK_TOKEN
END
[ ! -e cans/log ] || [ "$(grep -c nope cans/log)" = 0 ]
tell $? "and nothing of that is sent"

# ---- stop, users, rate, result

can POST_stop_test '{"epoch":1,"stop_result":{"workers":[],"delivered":0}}'
can POST_change_users '{"epoch":1,"target_users":70,"current_users":50}'
can POST_change_rate '{"epoch":1,"rate_per_s":200,"previous_rate_per_s":0.5}'
shows "a run is stopped" 'POST /stop_test - application/json ' ./good test stop \
    <<<"the run is ending; test status shows how it stands"
shows "users are changed" 'POST /change_users - application/json {"target_users":70}' \
    ./good test users 70 <<<"users: from 50 to 70"
shows "their number may be an option" \
    'POST /change_users - application/json {"target_users":0,"spawn_interval_ms":20}' \
    ./good test users --users 0 --spawn-interval 20ms <<<"users: from 50 to 70"
shows "the rate is changed" 'POST /change_rate - application/json {"rate_per_s":2}' \
    ./good test rate 120/m <<<"iterations a second: from 0.50 to 200"
while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    refuses "${what% }" "good: ${line# }" env LK_USERS=9 LK_RATE=9 ./good test "${args[@]}"
done <<'END'
how many users has to be said here | users | test users needs a number; give a whole number from 0, such as 100 or 10k
they are a number | users 2x | users 2x: something follows the digits; give a whole number from 0, such as 100 or 10k
given once | users 5 -u 6 | test users: the number is given twice; leave one of them out
at which rate too | rate | test rate needs a number; give starts per second, minute or hour, such as 200, 0.5/s or 30/m
it is more than nothing | rate 0 | rate 0: it is too small; give starts per second, minute or hour, such as 200, 0.5/s or 30/m
test alone is nothing | | test needs one of its commands: start, stop, users, rate, status, result
a mistyped command is answered by the right one | strat | unknown command 'test strat'; did you mean test start?
a group has no others | frobnicate | unknown command 'test frobnicate'; test --help lists them all
END

# ---- status

can GET_status '{"state":"IDLE","run_id":null,"workers":3,"workers_alive":2,"redis":false}'
serve
shows "without a run there are workers" 'GET /status - - ' ./good test status <<'END'
IDLE: no run yet
workers      2 of 3
the orchestrator has no connection to Redis; see its log
END
can GET_status '{"state":"RUNNING","run_id":null,"workers":0,"workers_alive":0,"redis":false,
    "former_orchestrator":"process 12 on alpha"}'
shows "one that waits for a former one knows nothing else" 'GET /status - - ' ./good test status <<'END'
this orchestrator waits some seconds until the lock of a former one ends: process 12 on alpha
END
can GET_status '{"state":"RUNNING","phase":"setting up","run_id":"r1","program":"shop",
    "elapsed_s":12.4,"total_s":60,"users":99,"users_wanted":100,"rate_per_s":200,"workers":4,
    "workers_alive":3,"crashes":1,"totals":{"http_requests":12345,"http_errors":12,"steps":9,
    "step_errors":0},"last":{"requests_per_s":1234.4,"steps_per_s":2,"p50_ms":1.2,"p95_ms":3.4,
    "p99_ms":1500},"arrivals":{"started":1000,"late":3,"dropped":2},"redis":true,"result":false}'
shows "a run is shown as it stands" 'GET /status - - ' ./good test status <<'END'
RUNNING, setting up: run r1 of shop, 12s of 1m00s
users        99 of 100, at 200 iterations a second
workers      3 of 4, crashes 1
requests     12,345, 0.10% failed, 1,234/s now
steps        9, 0% failed, 2.00/s now
latency now  p50 1.20ms, p95 3.40ms, p99 1.50s
arrivals     1,000 began, 3 late, 2 dropped
END
can GET_status '{"state":"PREPARING","phase":"setting up","run_id":"r1","program":"shop",
    "elapsed_s":12.4,"total_s":60,"users":0,"users_wanted":0,"workers":1,"workers_alive":1,
    "totals":{"http_requests":0,"steps":0},"last":{"requests_per_s":0,"p50_ms":null},"redis":true,
    "result":false}'
shows "what prepares it is no part of its length" 'GET /status - - ' ./good test status <<'END'
PREPARING, setting up: run r1 of shop, 12s
users        0 of 0
workers      1 of 1
requests     0, 0% failed, 0/s now
steps        0, 0% failed, 0/s now
END
can GET_status '{"state":"STOPPING","phase":null,"run_id":"r1","program":"shop","elapsed_s":3,
    "users":0,"users_wanted":0,"workers":4,"workers_alive":2,"totals":{"http_requests":1},
    "last":{"requests_per_s":0,"p50_ms":null},
    "awaited":{"worker_id":"w3","workers":2,"for_s":60},"redis":true,"result":false}'
shows "whom an end waits for is told" 'GET /status - - ' ./good test status <<'END'
STOPPING: run r1 of shop, 3s
users        0 of 0
workers      2 of 4
requests     1, 0% failed, 0/s now
steps        0, 0% failed, 0/s now
waits up to 1m00s for w3 and 1 more, which are out of reach; another test stop ends the wait
END
can GET_status '{"state":"IDLE","run_id":"r\u001b1","program":"shop","elapsed_s":60,"total_s":null,
    "ended_by":"command","users":0,"users_wanted":0,"workers":3,"workers_alive":3,"totals":{
    "http_requests":1,"steps":2},"redis":true,"result":true}'
shows "one that is over has a report; and what is foreign harms no terminal" 'GET /status - - ' \
    ./good test status <<'END'
IDLE: last run r?1 of shop, 1m00s, ended by command
users        0 of 0
workers      3 of 3
requests     1, 0% failed
steps        2, 0% failed
test result shows its report
END

# ---- resources

can GET_resources '{"generated_at":1,"count":2,"resources":[{"resource_name":"carts","count":0},
    {"resource_name":"users","count":1200}]}'
can POST_create_resource '{"resource_name":"users","count":3,"resource_ids":["1","2","3"]}'
can POST_ensure_resource '{"resource_name":"users","target_count":9,"existing_count":3,
    "created_count":6,"current_count":9,"created_resource_ids":[]}'
can POST_delete_resource '{"resource_name":"users","deleted_count":1,"current_count":8}'
can GET_resources_a_20b_items '{"resource_name":"a b","total":3,"items":[
    {"resource_id":"2","name":"\u0007x"},{"resource_id":"3"}]}'
cat >listing <<'END'
resources         objects
  carts                 0
  users             1,200

END
shows "resources are listed" 'GET /resources - - ' ./good resources <listing
shows "by their name too" 'GET /resources - - ' ./good resources list <listing
shows "objects are created" \
    'POST /create_resource - application/json {"name":"users","count":3,"payload":{"tier": "gold"}}' \
    ./good resources create users 3 --payload '{"tier": "gold"}' <<<'users: 3 created'
shows "one, if not more" 'POST /create_resource - application/json {"name":"users","count":1}' \
    ./good resources create users <<<'users: 3 created'
shows "or as many as are missing" \
    'POST /ensure_resource - application/json {"name":"users","count":9}' \
    ./good resources ensure users 9 <<<'users: 6 created, 9 in all'
shows "objects are shown, a page of them" \
    'GET /resources/a%20b/items?offset=1&limit=2 - - ' \
    ./good resources items 'a b' --offset 1 --limit 2 <<'END'
{"resource_id":"2","name":"\u0007x"}
{"resource_id":"3"}
2 of 3, from number 2; --offset and --limit show others
END
shows "one is deleted" 'POST /delete_resource - application/json {"name":"users","id":7}' \
    ./good resources delete users 7 <<<'users: 1 deleted, 8 left'
shows "or all" 'POST /delete_resource - application/json {"name":"users","all":true}' \
    ./good resources delete users --all <<<'users: 1 deleted, 8 left'
while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    refuses "${what% }" "good: ${line# }" ./good resources "${args[@]}"
done <<'END'
what is created has a name | create | resources create needs the name of a resource; write resources create NAME COUNT
a count is a number | create users many | count many: a number was expected; give a whole number from 1, such as 100 or 10k
what is to be there has a count | ensure users | resources ensure needs to know how many; write resources ensure NAME COUNT
what is deleted is named, or is all | delete users | resources delete needs an id, or --all for every object; give one of them
not both | delete users 1 --all | resources delete needs an id, or --all for every object; give one of them
an id is a number | delete users x | id x: a number was expected; give the resource_id of an object
a payload is an object | create users --payload 5 | --payload: this is no JSON object; give one such as '{"size": 10}', or @FILE
END

# ---- workers, metrics, probes

can GET_workers '{"generated_at":1,"count":2,"workers":[{"worker_id":"w1","status":"healthy",
    "heartbeat_age_s":0.4,"users_count":1000,"active_users_count":998,"cpu_percent":12.4,
    "process_ram_bytes":12345678,"loop_delay_ms":1.5,"host":"alpha"},{"worker_id":"w2","status":"unhealthy",
    "heartbeat_age_s":14,"users_count":5,"active_users_count":0,"cpu_percent":null,"loop_delay_ms":null}]}'
shows "workers are shown" 'GET /workers - - ' ./good workers <<'END'
workers               state  active  users  CPU   memory   delay  heard   host
  w1                healthy     998  1,000  12%  12.3 MB  1.50ms  400ms  alpha
  w2              unhealthy       0      5                        14.0s

END
can GET_metrics '{"metrics":[{"metric_id":"login","aggregate":{"requests":100,"errors":0,"rps":1.66,
    "latency_avg_ms":3,"latency_median_ms":2.5,"latency_p95_ms":9,"latency_p99_ms":19},
    "aggregate_total":{"requests":1000,"errors":3,"rps":12.5,"latency_avg_ms":3,
    "latency_median_ms":2.5,"latency_p95_ms":9,"latency_p99_ms":null}},
    {"metric_id":"quiet","aggregate":{"requests":0},"aggregate_total":{"requests":0}}]}'
can GET_errors '{"errors":[{"step":"login","code":"HTTP_503","message":"came 503","count":12},
    {"step":"browse","code":"HTTP_DNS","count":1,"message":"a text that is longer than what a line of a table has room for, and so goes on below it"}]}'
shows "metrics are shown, with failures" "GET /metrics?include_events=false&count=1000 - - 
GET /errors - - " ./good metrics <<'END'
last minute       count  failed  per s     p50     p95     p99     avg
  login             100       0   1.66  2.50ms  9.00ms  19.0ms  3.00ms

whole run         count  failed  per s     p50     p95  p99     avg
  login           1,000       3   12.5  2.50ms  9.00ms       3.00ms

failures
  12  login HTTP_503 came 503
   1  browse HTTP_DNS a text that is longer than what a line of a table has room
      for, and so goes on below it

END
rm cans/GET_errors
can GET_metrics '{"metrics":[]}'
shows "without any that is said" "GET /metrics?include_events=false&count=1000 - - 
GET /errors - - " ./good metrics <<<'nothing has been measured yet'
shows "as JSON they come alone" 'GET /metrics?include_events=false&count=1000 - - ' \
    ./good metrics --json <<<'{"metrics":[]}'
can GET_probes '{"probes":[{"probe_name":"stock","aggregate":{"successes":9,"errors":1},
    "latest":{"value":41.5,"error_message":null}},{"probe_name":"lag","aggregate":{"successes":0,
    "errors":2},"latest":{"value":null,"error_message":"no answer"}}]}'
shows "probes are shown" 'GET /probes?include_events=false - - ' ./good probes <<'END'
probes (last minute)  value  read  failed
  stock                41.5     9       1
  lag                           0       2

last failures
  lag: no answer

END

can GET_probes '{"probes":[{"probe_name":"stock","aggregate":{"successes":0,"errors":0},
    "latest":null},{"probe_name":"lag","aggregate":{"successes":0,"errors":0},"latest":null}]}'
shows "before the first run that is said" 'GET /probes?include_events=false - - ' ./good probes \
    <<<'no probe has been read so far: they are read while a run is on'
can GET_probes '{"probes":[]}'
shows "and that there are none" 'GET /probes?include_events=false - - ' ./good probes \
    <<<'the program has no probes'

# ---- token

printf 's3cret\n' >token
shows "a token comes from a file" 'GET /resources s3cret - ' ./good resources --token-file token <listing
shows "or from the environment" 'GET /resources fromenv - ' env LK_TOKEN=fromenv ./good resources <listing
shows "the file counts more" 'GET /resources s3cret - ' env LK_TOKEN=x LK_TOKEN_FILE=token ./good resources <listing
: >token
refuses "an empty file is told" 'good: the token in the file token is empty; write it there' \
    ./good resources --token-file token

# ---- what goes wrong

can GET_workers '{"error":{"code":"unauthorized","message":"a token is needed"}}' 401
fails "a missing token is told, with where it is given" 1 \
    'good: orchestrator answered 401: a token is needed; give the token with --token-file FILE or in LK_TOKEN' \
    ./good workers
fails "a wrong one as well" 1 'good: orchestrator answered 401: a token is needed' \
    env LK_TOKEN=wrong ./good workers --json
can POST_start_test '{"error":{"code":"invalid_state","message":"no\u001b[2J, current=RUNNING"}}' 409
fails "a refusal is told" 1 \
    'good: orchestrator answered 409: no?[2J, current=RUNNING; test status shows the run, test stop ends it' \
    ./good test start
can POST_start_test '[]' 500
fails "what gives no reason is no orchestrator" 1 \
    "good: what answers at $LK_ORCHESTRATOR is no orchestrator: status 500, and no reason" \
    ./good test start --wait
can POST_stop_test '{"error":{"code":"invalid_state","message":"no, current=IDLE",
    "details":{"current":"IDLE"}}}' 409
fails "without a run there is nothing to show or to stop" 1 \
    'good: orchestrator answered 409: no, current=IDLE' ./good test stop
fails "what does not exist is told" 1 'good: orchestrator answered 404: Not found' ./good test result
can GET_probes 'hello'
fails "what is no orchestrator is told" 1 \
    "good: what answers at $LK_ORCHESTRATOR is no orchestrator: status 200, and no JSON" ./good probes
echo garbage >cans/GET_probes
fails "what is no web server too" 1 \
    "good: cannot reach $LK_ORCHESTRATOR: what answers there does not speak HTTP, or broke off; is it an orchestrator?" \
    ./good probes
echo silent >cans/GET_probes
fails "one that is silent is waited for as long as asked" 1 \
    "good: $LK_ORCHESTRATOR was reached, but gave no answer within 0.1 s; is it overloaded? --timeout waits longer" \
    ./good probes --timeout 100ms
echo silent >cans/POST_create_resource
fails "also where it is to make objects" 1 \
    "good: $LK_ORCHESTRATOR was reached, but gave no answer within 0.1 s; is it overloaded? --timeout waits longer" \
    ./good resources create users --timeout 100ms
end_server
fails "one that is not there is told" 1 \
    "good: cannot reach $LK_ORCHESTRATOR: connection refused; is an orchestrator running?" ./good probes

# ---- waiting for a run

run ./good run -q -u 2 -d 200ms --json result.json
id=$(sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' result.json | head -n 1)
as() { # state rest: the status of that run
    can "$1" "{\"state\":\"$2\",\"run_id\":\"$id\",\"elapsed_s\":$3,\"total_s\":2,\"users\":2,
        \"users_wanted\":2,\"workers\":1,\"workers_alive\":1,\"totals\":{\"iterations\":5,
        \"steps\":5,\"step_errors\":0},\"last\":{\"steps_per_s\":5},\"redis\":true,\"result\":$4}"
}
rm -f cans/*
can POST_start_test "{\"run_id\":\"$id\"}"
can POST_stop_test '{}'
can GET_result "$(cat result.json)"
as GET_status.1 PREPARING 0 false
as GET_status.2 RUNNING 1.2 false
as GET_status.3 IDLE 2 false
as GET_status IDLE 2 true
serve
run ./good test start --wait -u 2
[ "$status" = 0 ] && grep -q '^PASSED\|generator-bound$' out && grep -qF 'good, 2 users' out
tell $? "a run that is waited for ends with its report"
grep -q '^1s/2s  2 users  5.00 steps/s' err
tell $? "and shows how it goes meanwhile"
grep -q '^0s  starting' err
tell $? "of what prepares it how long that takes"
[ "$(cut -d' ' -f2 cans/log | uniq | paste -sd' ')" = "/start_test /status /result" ]
tell $? "for which status and result are asked"
serve
run ./good test start --wait -q
[ "$status" = 0 ] && [ ! -s out ] && [ ! -s err ]
tell $? "quietly, if that is asked"
serve
run ./good test start --wait --json
cmp -s out result.json
tell $? "or with the result as it came"
serve
run ./good test result
[ "$status" = 0 ] && grep -q '^PASSED\|generator-bound$' out
tell $? "the report can be had again"

sed 's/"status": *"valid"/"status": "incomplete"/' result.json >incomplete.json
can GET_result "$(cat incomplete.json)"
serve
run ./good test start --wait
[ "$status" = 1 ] && grep -q '^NOT TO BE TRUSTED\|^FAILED' out
tell $? "the exit status is that of the run"
sed "s/$id/00000000000000000000000000000000/" result.json >other.json
can GET_result "$(cat other.json)"
serve
run ./good test start --wait -q
[ "$status" = 1 ] && grep -q "^good: the run $id is over, but the orchestrator has the result of another" err
tell $? "the result of another run is not taken for it"
can GET_result "$(cat result.json)"
echo close >cans/GET_status.2
can GET_status.1 '{}' 503
serve
run ./good test start --wait
[ "$status" = 0 ] && grep -q '^PASSED\|generator-bound$' out &&
    [ "$(grep -c 'tried again' err)" = 1 ]
tell $? "an orchestrator that is away for a moment is waited for, and that is told once"
rm -f cans/GET_status.1
for number in 1 2; do
    can GET_status.$number "{\"state\":\"STOPPING\",\"run_id\":\"$id\",
        \"awaited\":{\"worker_id\":\"w3\",\"workers\":1,\"for_s\":9}}"
done
serve
run ./good test start --wait
[ "$(grep -cF "good: the run waits up to 9.00s for w3, which is out of reach; another test stop" err)" = 1 ]
tell $? "whom the end waits for is told once"
for number in 1 2; do
    can GET_status.$number "{\"state\":\"RUNNING\",\"run_id\":\"$id\",\"totals\":{\"hook_errors\":3}}"
done
can GET_errors '{"errors":[{"source":"step","step":"look","message":"x","count":9,"first_s":0.1},
    {"source":"lifecycle","step":"on_stop","message":"late","count":2,"first_user":1,"first_s":2},
    {"source":"lifecycle","step":"on_start","message":"no account","count":1,"first_user":7,"first_s":1}]}'
serve
run ./good test start --wait
[ "$(grep ' failed: ' err)" = "good: on_start of user 7 failed: no account" ]
tell $? "the first hook that fails is told of once"
serve
run ./good test start --wait -q
[ ! -s err ]
tell $? "but not to who wants it quiet"
rm -f cans/GET_status.1 cans/GET_status.2
can GET_status '{"error":{"message":"no token"}}' 401
serve
run ./good test start --wait
[ "$status" = 1 ] && [ "$(tail -n 1 err)" = "good: orchestrator answered 401: no token; give the token with --token-file FILE or in LK_TOKEN" ]
tell $? "one that refuses is not"

# An interrupt is for the run: the first two are passed on, the third leaves it.
rm -f cans/GET_status*
as GET_status RUNNING 1 false
serve
./good test start --wait -q >out 2>err </dev/null &
waiting=$!
asked() { # pattern count: until it was asked so often
    local count

    for _ in $(seq 200); do
        count=$(grep -c "$1" cans/log 2>/dev/null)
        [ "${count:-0}" -lt "$2" ] || return 0
        sleep 0.05
    done
    return 1
}
asked /status 1 && kill -TERM $waiting && asked /stop_test 1 && kill -TERM $waiting && asked /stop_test 2
tell $? "interrupts are passed on to the run"
kill -TERM $waiting
wait $waiting
[ $? = 1 ] && [ "$(cat err)" = "good: the run $id is left to itself; test status shows how it stands" ] &&
    [ "$(grep -c stop_test cans/log)" = 2 ]
tell $? "the third one leaves it"

end_server
end_tests

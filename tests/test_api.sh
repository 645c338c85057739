#!/usr/bin/env bash
#
# The HTTP API of a real orchestrator with two real workers on a real Redis, against the shop: each
# route with what it should take and what it should refuse, and what its answers are like: every
# member, and of what type.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/api.sh
. "$root/tests/support/api.sh"

token="token-of-the-test"
secret=swordfish-42

# ---- the scenario: all kinds of parameters, a resource, a probe, and steps that fail

program demo <<'SOURCE'
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "the shop");
LK_PARAM(size, .type = LK_INT, .value = "20");
LK_PARAM(share, .type = LK_DOUBLE, .value = "0.5");
LK_PARAM(fast, .type = LK_BOOL, .value = "yes");
LK_PARAM(pause, .type = LK_SECONDS, .value = "20ms");
LK_PARAM(key, .secret = true);

LK_RESOURCE(users)
{
    return LK_OBJECT("username", lk_format(vu, "user_%s", id), "password", "password");
}
LK_RESOURCE(cards) { return LK_OBJECT("number", id); }

LK_METRIC(sold, LK_COUNTER);
LK_PROBE(level, .every_s = 0.2)
{
    static int readings;

    if (lk_param_int(vu, "size") == 120 && ++readings > 5)
        lk_fail(vu, "no level any more");
    return LK_VALUE(7.5);
}
LK_PROBE(broken, .every_s = 0.2) { lk_fail(vu, "no level with %s", lk_param(vu, "key")); }

LK_VU(demo) { lk_json *user; };
LK_ON_INIT(demo) { lk_http_base_url(vu, lk_param(vu, "base_url")); }
LK_ON_START(demo) { self->user = lk_resource_acquire(vu, "users"); }
LK_ON_STOP(demo) { lk_resource_release(vu, "users", self->user); }
LK_STEP(demo, look, .weight = 3, .every = LK_FIXED(0.05))
{
    lk_get(vu, "/catalog");
    lk_record(vu, "sold", 1);
    if (lk_param_double(vu, "pause") > 1)
        lk_get(vu, lk_format(vu, "/slow?ms=%d", (int)(lk_param_double(vu, "pause") * 1000)));
}
LK_STEP(demo, lose, .every = LK_FIXED(0.05))
{
    for (int i = 0; i < 14; i++)
        lk_emit(vu, "tier", .code = i < 2 ? "OTHER" : lk_format(vu, "C%d", i));
    lk_emit(vu, "n\xff\xe2\x82" "o");
    lk_emit(vu, "n\xfe\xe2\x82" "o");
    lk_emit(vu, "rpc", .stage = "connect");
    lk_emit(vu, "rpc", .stage = "send");
    LK_CHECK(vu != NULL, "sum");
    LK_TIMED("sum") { lk_sleep(vu, 0); }
    for (int i = 0; i < 120 && lk_param_int(vu, "size") == 120; i++)
        lk_emit(vu, "flaw", .failed = true, .message = lk_format(vu, "flaw %d", i));
    lk_response *r = lk_get(vu, lk_format(vu, "/nowhere/%s", lk_param(vu, "key")), .keep_going = true);

    LK_REQUIRE(r->status < 400, "lost \"%s\"", lk_param(vu, "key"));
}
LK_MAIN()
SOURCE

start_redis || exit 1
serve_shop
orchestrate plain

# ---- before there is anything

get /health
is 'GET /health' 200 '{status:s}'
same 'health is ok' ok "$(at status)"
get /ready
is 'GET /ready without workers' 200 \
    '{alive_workers:i,epoch:i,ready:b,state:s,workers:[],workers_status:[]}'
same 'it is ready, idle, and has run nothing' 'true IDLE 0 0' \
    "$(at ready state epoch alive_workers | xargs)"
get /health/
same 'a slash at the end makes no difference' 200 "$status"
post /start_test '{"target_users":1,"init_params":{"base_url":"x"}}'
is 'no start without workers' 409 "$error"
same 'and it says so' no_alive_workers "$(at error.code)"
get /result
is 'there is no result yet' 404 "$error"
get /nowhere
is 'no such route' 404 "$error"
get /start_test
same 'a command is no question' 405 "$status"
get /workers
is 'GET /workers without workers' 200 '{count:i,generated_at:i,workers:[]}'
get /metrics
is 'GET /metrics without a run' 200 \
    '{count:i,generated_at:i,include_events:b,lag:{detected:b,dropped_subscriber_messages:i,metrics_with_backlog:[]},metrics:[]}'
get /metrics/history
is 'GET /metrics/history without a run' 200 \
    '{count:i,duration_ms:n,from_ts:null,generated_at:i,points:[],range:s}'
get /errors
is 'GET /errors without a run' 200 '{errors:[],examples:[],generated_at:i}'
get /series
is 'GET /series without a run' 200 '{generated_at:i,run_id:null,series:[]}'

# ---- what the program is

get /scenario/on_init_params
same 'GET /scenario/on_init_params' \
    '200 true demo demo false 6' \
    "$status $(at configured scenario_path vu_class accepts_arbitrary_kwargs params.# | xargs)"
param() { # index
    at "params.$1.name" "params.$1.kind" "params.$1.required" "params.$1.annotation" \
        "params.$1.default" | xargs
}
same 'a required text' 'base_url keyword_only true str null' "$(param 0)"
same 'a whole number' 'size keyword_only false int 20' "$(param 1)"
same 'a number' 'share keyword_only false float 0.5' "$(param 2)"
same 'a truth' 'fast keyword_only false bool true' "$(param 3)"
same 'a span of time, in seconds' 'pause keyword_only false float 0.02' "$(param 4)"
same 'a secret' 'key keyword_only false str null' "$(param 5)"

get /openapi.json
same 'GET /openapi.json' '200 3.1.0 demo' "$status $(at openapi info.title | xargs)"
cp body openapi
get /
same 'GET / is a page' "200 text/html; charset=utf-8" \
    "$status $(sed -n 's/^[Cc]ontent-[Tt]ype: \(.*\)\r$/\1/p' head)"

# ---- commands at the wrong time

wrong_state='{error:{code:s,details:{action:s,current:s,expected:[s]},message:s}}'
post /stop_test ''
is 'nothing to stop' 409 "$wrong_state"
# shellcheck disable=SC2016 # no command
same 'says what would be right' \
    'invalid_state stop_test IDLE ["PREPARING","RUNNING"] Action `stop_test` is allowed only for [PREPARING, RUNNING], current=IDLE' \
    "$(at error.code error.details.action error.details.current error.details.expected \
        error.message | tr '\n' ' ' | sed 's/ $//')"
post /change_users '{"users":3}'
is 'no users to change' 409 "$wrong_state"
post /change_rate '{"rate_per_s":3}'
is 'no rate to change' 409 "$wrong_state"

# ---- workers

work plain worker-2
work plain worker-1 --run-probes
until_true alive_are 2
tell $? 'two workers come'
get /ready
same 'GET /ready with workers' '["worker-1","worker-2"]' "$(at workers)"
same 'has a line for each' "[{cpu_percent:N,heartbeat_age_s:n,last_heartbeat:i,process_ram_bytes:i,status:s,total_ram_bytes:i,worker_id:s}]" \
    "$(at workers_status | "$shape" | sed -E "s/cpu_percent:[in]/cpu_percent:N/")"
get /workers
same 'GET /workers' '2 worker-1 healthy 0 0 true worker-2 false' \
    "$(at count workers.0.worker_id workers.0.status workers.0.users_count \
        workers.0.active_users_count workers.0.probes workers.1.worker_id workers.1.probes | xargs)"
same 'has all of a worker' "{active_users_count:i,cpu_percent:N,crashes:i,descriptors:i,heartbeat_age_s:n,host:s,last_heartbeat:i,leaving:b,loop_delay_ms:null,pid:i,probes:b,process_ram_bytes:i,station:s,status:s,total_ram_bytes:i,users_count:i,worker_id:s}" \
    "$(at workers.0 | "$shape" | sed -E "s/cpu_percent:(null|i|n)/cpu_percent:N/")"
sound=$(at workers.0.last_heartbeat)
[ $(($(date +%s) - sound)) -lt 10 ]
tell $? 'a heartbeat is in seconds since 1970'

# ---- objects

get /resources
is 'GET /resources' 200 '{count:i,generated_at:i,resources:[{count:i,resource_name:s}]}'
same 'by name, with none yet' 'cards 0 users 0' \
    "$(at resources.0.resource_name resources.0.count resources.1.resource_name \
        resources.1.count | xargs)"
post /create_resource '{"name":"users","count":3,"payload":{"team":"red","password":"other"}}'
is 'POST /create_resource' 200 '{count:i,resource_ids:[s],resource_name:s}'
same 'makes so many' 'users 3 ["1","2","3"]' "$(at resource_name count resource_ids | xargs -d '\n')"
post /create_resource '{"resource_name":"users"}'
same 'one, if it is not said how many' '1 ["4"]' "$(at count resource_ids | xargs -d '\n')"
post /ensure_resource '{"name":"users","count":"6"}'
is 'POST /ensure_resource' 200 \
    '{created_count:i,created_resource_ids:[s],current_count:i,existing_count:i,resource_name:s,target_count:i}'
same 'makes those that are missing' '6 4 2 6 ["5","6"]' \
    "$(at target_count existing_count created_count current_count created_resource_ids |
        xargs -d '\n')"
post /ensure_resource '{"name":"users","count":2}'
same 'and never takes any away' '2 6 0 6 []' \
    "$(at target_count existing_count created_count current_count created_resource_ids |
        xargs -d '\n')"
get /resources/users/items
same 'GET /resources/:name/items' 'users 6 6' "$(at resource_name total items.# | xargs)"
same 'all of them if no limit is given' '0 null true' "$(at offset limit masked | xargs)"
same 'without a token contents are masked' '*** *** ***' \
    "$(at items.0.username items.0.password items.0.team | tr '\n' ' ' | sed 's/ $//')"
same 'what makes an object one stays' 'users 1' \
    "$(at items.0.resource_name items.0.resource_id | xargs)"
get '/resources/users/items?offset=1&limit=2'
same 'a part of them' '6 2 2 3' "$(at total items.# items.0.resource_id items.1.resource_id | xargs)"
same 'by the limit that was asked for' '1 2' "$(at offset limit | xargs)"
get '/resources/users/items?offset=4&limit=100'
same 'also when there are fewer' '6 2 4 100' "$(at total items.# offset limit | xargs)"
get '/resources/users/items?offset=6&limit=100'
same 'or none' '6 0 6 100' "$(at total items.# offset limit | xargs)"
get /resources/nothing/items
same 'of a name that is not there' '400 this program registers no resource "nothing"' \
    "$status $(at error.message)"
post /delete_resource '{"name":"users","id":2}'
is 'POST /delete_resource' 200 '{current_count:i,deleted_count:i,resource_name:s}'
same 'takes one' '1 5' "$(at deleted_count current_count | xargs)"
post /delete_resource '{"name":"users","id":2}'
same 'only once' '0 5' "$(at deleted_count current_count | xargs)"
post /delete_resource '{"name":"users","all":true}'
same 'or all' '5 0' "$(at deleted_count current_count | xargs)"
post /ensure_resource '{"name":"users","count":12}'
same 'ids are never given out again' '["7","18"]' \
    "[\"$(at created_resource_ids.0)\",\"$(at created_resource_ids.11)\"]"

# ---- a run

refuses_body 'a parameter that is missing' /start_test '{"users":1}' init_params
refuses_body 'a parameter that is not there' /start_test \
    "{\"users\":1,\"init_params\":{\"base_url\":\"$target\",\"bogus\":1}}" init_params
refuses_body 'a parameter of another type' /start_test \
    "{\"users\":1,\"init_params\":{\"base_url\":\"$target\",\"size\":\"big\"}}" init_params
same 'nothing of that began a run' 'IDLE 0' "$(get /ready && at state epoch | xargs)"
began_s=$(date +%s)
post /start_test "{\"users\":\"4\",\"params\":{\"base_url\":\"$target\",\"size\":10,\"fast\":false,\"key\":\"$secret\"}}"
added='add_result:{aborted:b,added:[{user_id:s,worker_id:s}],alive_workers:[s],requested:i,skipped_existing:[],spawn_interval_ms:i}'
prepared='prepare_result:{created:{},mode:s,scenario_resources:[s],target_users:i}'
is 'POST /start_test' 200 \
    "{$added,epoch:i,init_params:{base_url:s,fast:b,key:s,size:i},$prepared,run_id:s,spawn_interval_ms:i,start_result:{delivered:i,workers:[s]},target_users:i}"
run_id=$(at run_id)
same 'with the numbers of the run' \
    '1 4 *** 10 4 1 worker-1 2 worker-2 3 worker-1 false 2 manual' \
    "$(at epoch target_users init_params.key init_params.size add_result.requested \
        add_result.added.0.user_id add_result.added.0.worker_id add_result.added.1.user_id \
        add_result.added.1.worker_id add_result.added.2.user_id add_result.added.2.worker_id \
        add_result.aborted start_result.delivered prepare_result.mode | xargs -d '\n')"
until_true state_is RUNNING
tell $? 'the run is on'
post /start_test "{\"users\":1,\"params\":{\"base_url\":\"$target\"}}"
is 'one run at a time' 409 "$wrong_state"
users_are() {
    get /status
    [ "$(at users)" = "$1" ]
}
until_true users_are 4
tell $? 'with its users'
requested() {
    get /status
    [ "$(at totals.http_requests)" -ge "$1" ]
}
until_true requested 60
tell $? 'which make requests'
status_shape='arrivals:null,awaited:null,crashes:i,elapsed_s:n,ended_by:null,epoch:i,former_orchestrator:null,generator:{busiest_ms:N,busy_share:N},iterations_total:null,last:{failures:i,p50_ms:n,p95_ms:n,p99_ms:n,requests_per_s:N,steps_per_s:N},phase:null,program:s,rate_per_s:i,redis:b,result:b,run_id:s,state:s,total_s:null,totals:{bytes_received:i,bytes_sent:i,hook_errors:i,http_errors:i,http_requests:i,http_retries:i,http_unsent:i,iterations:i,step_errors:i,steps:i},users:i,users_wanted:i,workers:i,workers_alive:i'
loosely() { # numbers that may be whole by chance
    sed -E 's/(busiest_ms|busy_share|requests_per_s|steps_per_s):[in]/\1:N/g'
}
same 'GET /status' "{$status_shape}" "$("$shape" <body | loosely)"
same 'of this run' "RUNNING demo $run_id 4 2 2 true false" \
    "$(at state program run_id users_wanted workers workers_alive redis result | xargs)"
get /workers
same 'workers have their users' '2 2' "$(at workers.0.users_count workers.1.users_count | xargs)"
[ "$(at workers.0.process_ram_bytes)" -gt 100000 ]
tell $? 'and use memory'

# ---- metrics

odd=$'lose/n\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdo'
names="Setup/lifecycle/on_init Setup/lifecycle/on_start look look/GET /catalog lose lose/GET /nowhere/ $odd $odd 2 lose/rpc (custom, connect) lose/rpc (custom, send) lose/sum (check) lose/sum (custom, execute) lose/tier"
names_are() { # each second is heard of in the next one
    get /metrics
    found=$(for i in $(seq 0 $(($(at metrics.#) - 1))); do at "metrics.$i.metric_id"; done |
        sed 's,/nowhere/.*,/nowhere/,' | grep -v '^Setup/lifecycle/on_stop$' | xargs)
    [ "$found" = "$names" ]
}
until_true names_are
same 'metrics have the names of the contract' "$names" "$found"
aggregate='{cancelled:i,error_rate:N,errors:i,fatal_count:i,latency_avg_ms:n,latency_median_ms:n,latency_p95_ms:n,latency_p99_ms:n,requests:i,result_category_counts:{ok:i},result_code_counts:{HTTP_200:i},rps:N,top_result_codes:[{count:i,result_code:s}],window_s:i}'
aggregates() {
    sed -E 's/(error_rate|rps):[in]/\1:N/g'
}
in_last_minute() { # a second counts there when all workers have told of it
    get '/metrics?metric_id=look/GET%20/catalog'
    [ "$(at metrics.0.aggregate.requests)" -gt 0 ]
}
until_true in_last_minute
same 'a metric by its id' "{aggregate:$aggregate,aggregate_total:$aggregate,events:[],last_event_id:null,metric_id:s,name:s,source:s,stage:s,step:s}" \
    "$(at metrics.0 | "$shape" | aggregates)"
same 'alone' '1 look/GET /catalog http 60' \
    "$(at metrics.# metrics.0.metric_id metrics.0.source metrics.0.aggregate.window_s | xargs)"
get '/metrics?metric_id=lose/rpc'
same 'samples of one name in two stages are two metrics' '2 connect send lose/rpc (custom, send)' \
    "$(at metrics.# metrics.0.stage metrics.1.stage metrics.1.metric_id | xargs)"
get /metrics -G --data-urlencode 'metric_id=lose/sum (check)'
same 'as are those of two sources' '1 check' "$(at metrics.# metrics.0.source | xargs)"
get '/metrics?metric_id=nothing'
same 'a metric that is not there has nothing' '1 nothing null 0 0 null {}' \
    "$(at metrics.# metrics.0.metric_id metrics.0.last_event_id metrics.0.aggregate.requests \
        metrics.0.aggregate_total.errors metrics.0.aggregate.latency_p95_ms \
        metrics.0.aggregate.result_code_counts | xargs)"
get '/metrics?metric_id=lose/tier&include_events=no'
same 'codes beyond ten are told once, whatever their names are' '2 2 8' \
    "$(grep -o '"OTHER":' body | wc -l) $(grep -o '"result_code":"OTHER"' body | wc -l) $((28 *
        $(at metrics.0.aggregate_total.result_code_counts.OTHER) /
        $(at metrics.0.aggregate_total.requests)))"
get '/metrics?metric_id=lose&count=5'
same 'a step that fails' 'STEP_FAILED false step *** 1' \
    "$(at metrics.0.events.0.data.result_code metrics.0.events.0.data.status \
        metrics.0.events.0.data.source | xargs) $(at metrics.0.events.0.data.error_message |
        sed 's/lost "\(.*\)"/\1/') $(at metrics.0.aggregate_total.error_rate)"
same 'events have an id and data' '{data:{count:i,error_message:s,error_type:s,fatal:b,name:s,result_category:s,result_code:s,source:s,stage:s,status:b,step:s,time:n,ts_ms:i,user_id:s,worker_id:s},event_id:s}' \
    "$(at metrics.0.events.0 | "$shape")"
event_is_dated() { # by the clock, and somebody's
    event_ms=$(at metrics.0.events.0.data.ts_ms)
    [ $(($(date +%s) - event_ms / 1000)) -lt 60 ] && [ "$event_ms" -ge "$((began_s * 1000))" ] &&
        [[ $(at metrics.0.events.0.data.worker_id) == worker-[12] ]] &&
        [[ $(at metrics.0.events.0.data.user_id) == [1-4] ]]
}
event_is_dated
tell $? 'and a time, a worker and a user'
same 'the last one is named' "$(at metrics.0.events.0.event_id)" "$(at metrics.0.last_event_id)"
failing=$(get /metrics && at metrics.5.metric_id)
get /metrics -G --data-urlencode "metric_id=$failing"
same 'events of requests have their exchange' '{data:{body:s,error_message:s,error_type:s,fatal:b,name:s,request:s,result_category:s,result_code:s,source:s,stage:s,status:b,step:s,time:n,ts_ms:i,user_id:s,worker_id:s},event_id:s}' \
    "$(at metrics.0.events.0 | "$shape")"
event_is_dated
tell $? 'and a time, a worker and a user as well'
get '/metrics?include_events=no'
same 'events can be left out' 'null false' "$(at metrics.0.events include_events | xargs)"
get '/metrics/history'
same 'GET /metrics/history' \
    '{latency_avg_ms:n,latency_median_ms:n,latency_p95_ms:n,latency_p99_ms:n} {users:i} all' \
    "$(at 'points.0.metrics.look' | "$shape" | sed -E 's/rps:[in]//;s/errors:i,//;s/,\}/}/') $(at points.0 |
        "$shape" | sed -E 's/metrics:.*\},//;s/ts:i,//') $(at range)"
grep -qF '"lose/rpc (custom, connect)":{' body && grep -qF '"lose/rpc (custom, send)":{' body &&
    ! grep -qF '"lose/rpc":' body
tell $? 'no two metrics have the same name there'
points_are() {
    get /metrics/history
    [ "$(at count)" -ge "$1" ]
}
until_true points_are 3
points=$(at count)
same 'counts its points' "$points" "$(at points.#)"
[ $(($(date +%s) - $(at points.0.ts))) -lt 120 ]
tell $? 'a point has the time of its second'
later=$(($(at points.0.ts) + 1))
get "/metrics/history?range=5m&from_ts=$later"
[ "$(at points.0.ts)" -ge "$later" ]
tell $? 'from_ts leaves out what was before'
get /series
same 'GET /series' '{errors:i,requests:i,span_s:n,step_errors:i,steps:i,t:i,users:i}' \
    "$(at series.0 | "$shape" | sed s/span_s:i/span_s:n/)" # seldom one second exactly
get /errors
found='{code:s,count:i,first_s:n,first_user:i,message:s,source:s,step:s}'
same 'GET /errors, a status before the step that failed of it' \
    "$found http lose HTTP_404 $found step lose STEP_FAILED" \
    "$(for i in 0 1; do
        echo "$(at errors.$i | "$shape") $(at errors.$i.source errors.$i.step errors.$i.code | xargs)"
    done | xargs -d '\n')"
same 'of a status its request is told, and whose was the first' 'GET /nowhere/*** true' \
    "$(at errors.0.message) $([[ $(at errors.0.first_user) == [1-4] ]] && echo true)"
same 'examples of failures' '{answer:s,body:s,code:s,metric_id:s,request:s}' \
    "$(at examples.0 | "$shape")"
for path in /metrics /errors /status /metrics/history /metrics/prometheus /probes /workers; do
    get "$path"
    ! grep -q "$secret" body
    tell $? "the secret is not in $path"
done

# ---- probes

read_is() {
    get /probes
    [ "$(at probes.1.aggregate.successes)" -ge "$1" ]
}
until_true read_is 2
tell $? 'probes are read'
same 'GET /probes' '2 broken level 20 true' \
    "$(at probes.# probes.0.probe_name probes.1.probe_name count include_events | xargs)"
same 'one that is read' '{aggregate:{errors:i,last_status:b,last_ts_ms:i,last_value:n,successes:i,window_s:i},events:[{data:{error_message:null,error_type:null,name:s,status:b,time:N,ts_ms:i,value:n,worker_id:s},event_id:s}],last_event_id:s,latest:{error_message:null,error_type:null,status:b,time:N,ts_ms:i,value:n},probe_name:s}' \
    "$(at probes.1 | "$shape" | sed -E 's/time:[in]/time:N/g')"
same 'its value' '7.5 true worker-1' \
    "$(at probes.1.latest.value probes.1.latest.status probes.1.events.0.data.worker_id | xargs)"
same 'one that fails' 'false null no level with ***' \
    "$(at probes.0.latest.status probes.0.latest.value probes.0.latest.error_message | xargs)"
probe_ms=$(at probes.1.latest.ts_ms)
[ $(($(date +%s) - probe_ms / 1000)) -lt 20 ]
tell $? 'when it was'
get '/probes?probe_name=level&count=1&include_events=1'
same 'one probe, one event' '1 1 1' "$(at probes.# probes.0.events.# count | xargs)"
get '/probes/history?probe_name=level&count=2'
same 'GET /probes/history' '{count:i,events:[{data:{error_message:null,error_type:null,name:s,status:b,time:N,ts_ms:i,value:n,worker_id:s},event_id:s}],generated_at:i,last_event_id:s,probe_name:s} 2 2' \
    "$("$shape" <body | sed -E 's/time:[in]/time:N/g') $(at count events.# | xargs)"
same 'ends with the last' "$(at last_event_id)" "$(at events.1.event_id)"

# ---- streams

socket 3 >messages
same 'the WebSocket begins with all there is' metrics_snapshot \
    "$(sed -n 1p messages | "$shape" type)"
same 'and goes on with news' 'metrics_tick metrics_tick' \
    "$(for i in 2 3; do sed -n ${i}p messages | "$shape" type; done | xargs)"
sed -n 2p messages >body
same 'as GET /metrics has it, without events' '100 false null true' \
    "$(at payload.count payload.include_events payload.metrics.0.events | xargs) $(
        [ "$(at payload.metrics.#)" -ge 6 ] && echo true)"
socket 1 \
    'Origin: http://evil.example' >messages
same 'not for a page of somebody else' 'websocket: status 403' "$(cat messages)"
timeout 5 curl -sN "$url/events" >stream
same 'the same as server-sent events' 'metrics_snapshot metrics_tick' \
    "$(sed -n 's/^event: //p' stream | head -n 2 | xargs)"
same 'with the same data' metrics_snapshot \
    "$(sed -n 's/^data: //p' stream | head -n 1 | "$shape" type)"

# ---- Prometheus

prometheus_is_good() {
    awk '
        /^# HELP [a-z_]+ .+$/ { help[$3]++; next }
        /^# TYPE [a-z_]+ (counter|gauge|summary)$/ { type[$3]++; next }
        /^[a-z_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? (NaN|[+-]Inf|-?[0-9.]+(e[+-]?[0-9]+)?)$/ {
            name = $0; sub(/[{ ].*/, "", name)
            line = $0; sub(/ [^ ]*$/, "", line)
            base = name; sub(/_(sum|count)$/, "", base)
            if (!(name in type) && !(base in type)) { print "no type: " $0; bad = 1 }
            if (seen[line]++) { print "twice: " line; bad = 1 }
            next
        }
        { print "no line of the format: " $0; bad = 1 }
        END {
            for (name in type) if (type[name] != 1 || help[name] != 1) { print "twice: " name; bad = 1 }
            exit bad
        }' body
}
get /metrics/prometheus
prometheus_is_good
tell $? 'GET /metrics/prometheus is what Prometheus reads'
same 'and has its type' 'text/plain; version=0.0.4; charset=utf-8' \
    "$(sed -n 's/^[Cc]ontent-[Tt]ype: \(.*\)\r$/\1/p' head)"
grep -q '^loadkit_state{state="RUNNING"} 1$' body && grep -q '^loadkit_users 4$' body &&
    grep -q '^loadkit_samples_total{metric="look/GET /catalog",source="http",step="look"} [1-9]' body &&
    grep -q '^loadkit_codes_total{metric="lose",source="step",step="lose",code="STEP_FAILED",category=".*"} [1-9]' body &&
    grep -q '^loadkit_latency_seconds_count{metric="lose/rpc",source="custom",step="lose",stage="send"} [1-9]' body &&
    grep -q '^loadkit_author_sum{name="sold",type="counter"} [1-9]' body &&
    grep -q '^loadkit_probe_value{probe="level"} 7.5$' body &&
    grep -q '^loadkit_worker_up{worker="worker-1"} 1$' body
tell $? 'with all that is measured'
listed=$(sed -n '/GET \/metrics\/prometheus/,/WebSocket/p' "$root/man/loadkit-api.7" |
    grep -o 'loadkit_[a-z_]*' | sort | xargs)
families() {
    sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' body | sort | xargs
}
same 'in the families of the manual, but for those of a rate' \
    "$(xargs -n 1 <<<"$listed" | grep -v _arrivals_ | xargs)" "$(families)"
value() { # family, and labels
    sed -n "s/^$1 //p" body
}
same 'beside what GET /status tells' '0 0 0 0 0' \
    "$(for name in http_unsent_total hook_errors_total awaited_workers awaited_seconds; do
        value "loadkit_$name"
    done | xargs) $(value 'loadkit_samples_cancelled_total{metric="look",source="step",step="look"}')"
fares() {
    for name in http_retries_total generator_busy_share generator_longest_turn_seconds; do
        [[ $(value "loadkit_$name") =~ ^[0-9.]+(e-[0-9]+)?$ ]] || return
    done
}
fares
tell $? 'and how the load generator fares'
! grep -q '^loadkit_latency_seconds.*source="check"' body
tell $? 'without times of what takes none'
grep -qF "{metric=\"$odd\"" body && iconv -f UTF-8 -t UTF-8 body >/dev/null
tell $? 'in UTF-8, whatever names hold'
get /metrics -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5'
prometheus_is_good
tell $? 'GET /metrics is that too for who asks so'
type_of() { # Accept
    get /metrics -H "Accept: $1"
    sed -n 's/^[Cc]ontent-[Tt]ype: \([a-z/]*\).*/\1/p' head
}
for accept in 'text/plain; charset=utf-8; version=0.0.4' 'text/html, Text/Plain ;	version = 0.0.4' \
    '*/*;q=0.1,application/openmetrics-text'; do
    same "also by $accept" text/plain "$(type_of "$(printf %b "$accept")")"
done
for accept in 'text/plain' 'text/plain;q=0.5, text/html;version=1' '*/*;version=1' 'text/plain;x=version'; do
    same "not by $accept" application/json "$(type_of "$accept")"
done

# ---- users

post /change_users '{"target_users":4}'
is 'POST /change_users to what they are' 200 \
    '{action:s,current_users:i,epoch:i,result:{requested:i},spawn_interval_ms:i,target_users:i}'
same 'changes nothing' 'noop 0' "$(at action result.requested | xargs)"
post /change_users '{"users":7,"spawn_interval_ms":10}'
same 'POST /change_users up' 200 "$status"
same 'adds users' 'add 4 7 10 3 5 worker-1 7' \
    "$(at action current_users target_users spawn_interval_ms result.requested \
        result.added.0.user_id result.added.0.worker_id result.added.2.user_id | xargs)"
same 'with all of a start' "{aborted:b,added:[{user_id:s,worker_id:s}],alive_workers:[s],$prepared,requested:i,skipped_existing:[],spawn_interval_ms:i}" \
    "$(at result | "$shape")"
until_true users_are 7
tell $? 'which come'
post /change_users '{"target_users":2}'
same 'POST /change_users down' 'remove 7 2 5 7 6 []' \
    "$(at action current_users target_users result.requested result.removed.0.user_id \
        result.removed.1.user_id result.skipped_missing | xargs)"
until_true users_are 2
tell $? 'takes them away'
post /change_rate '{"rate_per_s":5}'
is 'no rate for a run without one' 400 "$error"
same 'which is no fault in a field' bad_request "$(at error.code)"

# ---- its end

post /stop_test '{}'
is 'POST /stop_test' 200 '{epoch:i,stop_result:{delivered:i,workers:[s]}}'
until_true state_is IDLE
tell $? 'the run ends'
get /status
same 'its end is told' "IDLE $run_id command true 0" \
    "$(at state run_id ended_by result users | xargs)"
[ "$(at totals.http_requests)" -ge 60 ]
tell $? 'and its totals'
same 'which are the same ones as before' \
    "$(sed -E 's/.*totals:(\{[^}]*\}).*/\1/' <<<"$status_shape")" "$(at totals | "$shape")"
get /result
same 'GET /result' "200 loadkit.result/1 $run_id" "$status $(at schema run.id | xargs)"
! grep -q "$secret" body
tell $? 'without the secret'
get '/metrics?include_events=false'
[ "$(at metrics.#)" -ge 6 ]
tell $? 'metrics stay'
get /metrics
! grep -q "$secret" body
tell $? 'still without the secret'

# ---- other runs

post /start_test "{\"users\":10,\"params\":{\"base_url\":\"$target\"},\"spawn_interval_ms\":150.5}"
same 'users come one by one' '2 150.5 150.5' \
    "$(at epoch spawn_interval_ms add_result.spawn_interval_ms | xargs)"
sleep 0.5
get /status
[ "$(at users)" -lt 10 ]
tell $? 'not all at once'
until_true users_are 10
tell $? 'but all of them'
post /stop_test ''
until_true state_is IDLE
post /start_test "{\"users\":2,\"params\":{\"base_url\":\"$target\",\"pause\":60},\"grace_s\":60}"
until_true requested 1
post /stop_test ''
until_true state_is STOPPING
tell $? 'a stop waits for steps'
post /stop_test ''
same 'a second one does not' 200 "$status"
until_true state_is IDLE
tell $? 'which ends the run'
post /start_test "{\"users\":20,\"params\":{\"base_url\":\"$target\",\"size\":120},\"rate_per_s\":50}"
same 'a run at a rate' 200 "$status"
rated() {
    get /status
    [ "$(at arrivals.started)" != - ] && [ "$(at arrivals.started)" -ge 20 ]
}
until_true rated
tell $? 'arrivals begin'
others() {
    get /errors
    grep -q 'other errors' body
}
until_true others
same 'errors of more kinds than are told apart are told once' 1 "$(grep -o 'other errors' body | wc -l)"
no_level() {
    get '/probes?probe_name=level'
    [ "$(at probes.0.aggregate.errors)" -gt 0 ]
}
until_true no_level
same 'a probe that fails has no value any more' null "$(at probes.0.aggregate.last_value)"
get /metrics/prometheus
same 'nor for Prometheus' '' "$(value 'loadkit_probe_value{probe="level"}')"
post /change_rate '{"rate_per_s":"80"}'
is 'POST /change_rate' 200 '{epoch:i,previous_rate_per_s:i,rate_per_s:i}'
same 'changes it' '80 50' "$(at rate_per_s previous_rate_per_s | xargs)"
get /status
same 'to that' 80 "$(at rate_per_s)"
post /stop_test ''
until_true state_is IDLE
get /metrics/prometheus
same 'of its arrivals Prometheus hears too' "$listed" "$(families)"
began=$(value loadkit_arrivals_started_total)
[ "$began" -ge 20 ] && [ "$(value loadkit_arrivals_late_total)" -le "$began" ] &&
    [ "$(value loadkit_arrivals_intended_total)" -eq \
        $((began + $(value loadkit_arrivals_dropped_total))) ]
tell $? 'all of them'
get /status
same 'and as many as the result has' "$began" "$(at arrivals.started)"
[ "$(at arrivals.started)" -ge 20 ]
tell $? 'which arrivals there were is told when it is over'
stages='{"duration_s":"0.4","target":"3"},{"duration_s":0.3,"target":0}'
post /start_test "{\"users\":1,\"params\":{\"base_url\":\"$target\"},\"stages\":[$stages],\"seed\":7,\"grace_s\":1}"
same 'a run by stages' 200 "$status"
until_true state_is IDLE
get /result
same 'ends by itself' 'duration 7' "$(at run.ended_by run.seed | xargs)"
fades() {
    get '/metrics?metric_id=look&include_events=false'
    awk '{ exit !(0 < $1 && $1 < $2 / 2) }' \
        <<<"$(at metrics.0.aggregate.rps metrics.0.aggregate_total.rps | xargs)"
}
until_true fades
tell $? 'and what is over is soon no rate any more'
post /start_test "{\"users\":2500,\"params\":{\"base_url\":\"$target\"},\"iterations\":10}"
same 'of many users a thousand are named' '2500 1000' \
    "$(at add_result.requested add_result.added.# | xargs)"
until_true state_is IDLE
get /result
same 'iterations end a run' iterations "$(at run.ended_by)"

# ---- the document says what there is

# Each route of it answers something else than "not found".
routes=$(grep -o '"/[a-z_/.{}]*":{"\(get\|post\)"' openapi | sed 's/"//g;s/:{/ /')
missing=
while read -r path method; do
    path=${path/\{name\}/users}
    if [ "$method" = get ]; then
        [[ $path == /events || $path == /ws/* ]] && continue
        get "$path"
    else
        [[ $path == /stop_test || $path == /logout || $path == /login ]] && continue
        post "$path" '{"nothing":1}'
    fi
    [ "$status" != 404 ] && [ "$status" != 405 ] || missing+=" $path"
done <<<"$routes"
same 'openapi.json names no route that is not there' '' "$missing"
same 'and all that there are' 28 "$(wc -l <<<"$routes")"
opened=paths./ws/metrics.get.responses
same 'a WebSocket is opened, and is no answer in JSON' '- -' \
    "$("$shape" $opened.200 $opened.101.content <openapi | xargs)"
[ "$("$shape" $opened.101.description <openapi)" != - ]
tell $? 'which is said'
content=$("$shape" paths./metrics.get.responses.200.content <openapi | "$shape")
[[ $content == '{application/json:{schema:'* && $content == *',text/plain:{}}' ]]
tell $? 'GET /metrics may be JSON or text'
for path in /ready /status /workers /metrics /probes /resources '/resources/{name}/items' \
    /errors /series; do
    get "${path/'{name}'/users}"
    want=$("$shape" "paths.$path.get.responses.200.content.application/json.schema.properties" \
        <openapi | "$shape" | grep -o '[{,][a-z_]*:{' | tr -d '{,:' | sort | xargs)
    found=$("$shape" <body | sed -E 's/^\{//;s/\}$//' |
        awk '{ d = 0; out = ""; for (i = 1; i <= length($0); i++) { c = substr($0, i, 1)
               if (c ~ /[{[]/) d++; if (!d) out = out c; if (c ~ /[]}]/) d-- } print out }' |
        tr ',' '\n' | sed 's/:.*//' | sort | xargs)
    same "openapi.json knows the members of $path" "$want" "$found"
done

# ---- with a token

printf '%s\n' "$token" >token
orchestrate closed --token-file token
bearer=(-H "Authorization: Bearer $token")
get /health
same 'health needs no token' 200 "$status"
for path in /ready /metrics /workers /result /metrics/prometheus /events /resources/users/items; do
    get "$path"
    same "GET $path needs one" '401 unauthorized' "$status $(at error.code)"
done
for path in /start_test /stop_test /change_users /create_resource /delete_resource; do
    post "$path" '{}'
    same "POST $path needs one" 401 "$status"
done
get /ready "${bearer[@]}"
same 'with it all is open' 200 "$status"
get /ready -H 'Authorization: Bearer wrong-one'
same 'a wrong one is none' 401 "$status"
post /login '{"token":"wrong-one"}'
same 'POST /login with a wrong one' 401 "$status"
post /login "{\"token\":\"$token\"}" -c jar
is 'POST /login' 200 '{status:s}'
! grep -q "$token" jar
tell $? 'the cookie does not hold the token'
get /ready -b jar
same 'the cookie opens' 200 "$status"
cp jar kept
post /logout '' -b jar -c jar
same 'POST /logout' 200 "$status"
get /ready -b jar
same 'the browser has none any more' 401 "$status"
get /ready -b kept
same 'and who has kept the cookie has nothing of it' 401 "$status"
socket 1 >messages
same 'the WebSocket needs the token' 'websocket: status 401' "$(cat messages)"
socket 1 \
    "Authorization: Bearer $token" >messages
same 'with it it opens' metrics_snapshot "$("$shape" type <messages)"
work closed closed-1
closed_alive() {
    get /ready "${bearer[@]}"
    [ "$(at alive_workers)" = 1 ]
}
until_true closed_alive
post /create_resource '{"name":"users","payload":{"team":"red"}}' "${bearer[@]}"
same 'objects are made there too' 200 "$status"
get /resources/users/items "${bearer[@]}"
same 'whose contents are seen with a token' 'user_1 red users 1' \
    "$(at items.0.username items.0.team items.0.resource_name items.0.resource_id | xargs)"
made=$(at items.0.created_at)
post /ensure_resource '{"name":"users","count":2}' "${bearer[@]}"
get '/resources/users/items?offset=1' "${bearer[@]}"
same 'and why it came to be' 'user_2 ensure_resource_count 2 1' \
    "$(at items.0.username items.0.source items.0.target_count items.0.existing_count | xargs)"
[ $(($(date +%s) - made)) -lt 60 ]
tell $? 'created_at is in seconds since 1970'
printf '{"name":"users","count":170,"payload":{"x":"%s"}}' \
    "$(head -c 200000 /dev/zero | tr '\0' x)" >many
post /create_resource @many "${bearer[@]}"
get '/resources/users/items?offset=1&limit=200' "${bearer[@]}"
same 'what no answer can hold makes the limit smaller' '172 1' "$(at total offset | xargs)"
limit=$(at limit)
same 'to what is in it' "$limit" "$(at items.#)"
get "/resources/users/items?offset=$((limit + 1))" "${bearer[@]}"
same 'so that the rest begins behind it' "$((limit + 2)) null" \
    "$(at items.0.resource_id limit | xargs)"

# ---- the end, while somebody listens and objects are being made

curl -sN "${bearer[@]}" "$url/events" >stream &
pids+=($!)
until_true grep -q metrics_snapshot stream
curl -s -o made "${bearer[@]}" -H 'Content-Type: application/json' \
    -d '{"name":"users","count":100000}' "$url/create_resource" &
pids+=($!)
for pid in "${orchestrators[@]}"; do
    kill "$pid"
    wait "$pid"
    same 'an orchestrator ends in order' 0 "$?"
done

end_tests

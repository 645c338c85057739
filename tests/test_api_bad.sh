#!/usr/bin/env bash
#
# What a real orchestrator makes of requests that are wrong: bodies and parameters of each route,
# requests that lie about themselves or where they come from, paths that try to lead elsewhere. Each
# is refused with its status and what is wrong, and the server goes on as before.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/api.sh
. "$root/tests/support/api.sh"

program demo <<'SOURCE'
#include <loadkit/loadkit.h>
#include <stdlib.h>

LK_PARAM(base_url, .required = true);
LK_RESOURCE(users) { return LK_OBJECT("username", lk_format(vu, "user_%s", id)); }
LK_RESOURCE(vases) { return atoi(id) % 4 ? LK_OBJECT("number", id) : NULL; }
LK_PROBE(level, .every_s = 0.2) { return LK_VALUE(7.5); }
LK_VU(demo) { int n; };
LK_STEP(demo, look, .every = LK_FIXED(0.05)) { self->n++; }
LK_MAIN()
SOURCE

start_redis || exit 1
orchestrate plain

commands='start_test change_users change_rate create_resource ensure_resource delete_resource'
questions='ready workers status errors series metrics metrics/history metrics/prometheus probes
    resources resources/users/items scenario/on_init_params openapi.json health'

code() { # what, "status code" of the last answer
    same "$1" "$2" "$status $(at error.code)"
}

# ---- what is wrong in bodies

post /start_test 'nonsense'
is 'what is no JSON' 400 "$error"
same 'is told so' invalid_json "$(at error.code)"
post /start_test '[1]'
same 'a list is no object' '400 invalid_json' "$status $(at error.code)"
post /start_test ''
same 'nor is nothing' '400 invalid_json' "$status $(at error.code)"
post /start_test '{}'
is 'a missing number of users' 400 "$refused"
refuses_body 'users that are missing' /start_test '{}' target_users
refuses_body 'users below 0' /start_test '{"target_users":-1}' target_users
refuses_body 'users that are no number' /start_test '{"users":"many"}' target_users
refuses_body 'half a user' /start_test '{"users":1.5}' target_users
refuses_body 'too many users' /start_test '{"users":100000001}' target_users
refuses_body 'a member that nobody knows' /start_test '{"users":1,"usres":1}' usres
refuses_body 'two names for one' /start_test '{"users":1,"target_users":1}' users
refuses_body 'an interval below 0' /start_test '{"users":1,"spawn_interval_ms":-1}' \
    spawn_interval_ms
refuses_body 'an interval over a minute' /start_test '{"users":1,"spawn_interval_ms":60001}' \
    spawn_interval_ms
refuses_body 'parameters that are no object' /start_test '{"users":1,"init_params":[]}' init_params
refuses_body 'stages that are no list' /start_test '{"users":1,"stages":{}}' stages
refuses_body 'no stages' /start_test '{"users":1,"stages":[]}' stages
refuses_body 'a stage without target' /start_test '{"users":1,"stages":[{"duration_s":1}]}' stages
refuses_body 'a stage without length' /start_test '{"users":1,"stages":[{"target":1}]}' stages
refuses_body 'stages of what?' /start_test \
    '{"users":1,"stages_of":"hope","stages":[{"target":1,"duration_s":1}]}' stages_of
refuses_body 'stages of users at a rate' /start_test \
    '{"users":1,"rate_per_s":2,"stages_of":"users","stages":[{"target":1,"duration_s":1}]}' stages_of
refuses_body 'stages and a duration' /start_test \
    '{"users":1,"duration_s":1,"stages":[{"target":1,"duration_s":1}]}' duration_s
refuses_body 'stages and an interval' /start_test \
    '{"users":1,"spawn_interval_ms":1,"stages":[{"target":1,"duration_s":1}]}' spawn_interval_ms
refuses_body 'a duration of nothing' /start_test '{"users":1,"duration_s":0}' duration_s
refuses_body 'iterations below 1' /start_test '{"users":1,"iterations":0}' iterations
refuses_body 'a rate below 0' /start_test '{"users":1,"rate_per_s":-1}' rate_per_s
refuses_body 'a change without users' /change_users '{}' target_users
refuses_body 'a change of the rate without one' /change_rate '{}' rate_per_s
refuses_body 'objects without a name' /create_resource '{}' name
refuses_body 'a name with a space' /create_resource '{"name":"a b"}' name
refuses_body 'a name that is too long' /create_resource \
    "{\"name\":\"$(printf 'a%.0s' $(seq 129))\"}" name
refuses_body 'no objects' /create_resource '{"name":"users","count":0}' count
refuses_body 'too many objects' /create_resource '{"name":"users","count":100001}' count
refuses_body 'a payload that is no object' /create_resource '{"name":"users","payload":1}' payload
refuses_body 'to ensure no number' /ensure_resource '{"name":"users"}' count
refuses_body 'to ensure fewer than none' /ensure_resource '{"name":"users","count":-1}' count
refuses_body 'to delete what?' /delete_resource '{"name":"users"}' id
refuses_body 'to delete one and all' /delete_resource '{"name":"users","id":1,"all":true}' id
post /create_resource '{"name":"vases","count":6}'
is 'a factory that fails' 500 '{error:{code:s,details:{count:i,resource_ids:[s],resource_name:s},message:s}}'
same 'what it made before is told' \
    'factory_failed the factory of resource "vases" returned NULL; 3 of 6 were created 3 vases ["1","2","3"]' \
    "$(at error.code error.message error.details.count error.details.resource_name \
        error.details.resource_ids | xargs -d '\n')"
post /ensure_resource '{"name":"vases","count":5}'
is 'where it made none, none are told' 500 "$error"
same 'nor in words' 'the factory of resource "vases" returned NULL' "$(at error.message)"
for path in create_resource ensure_resource delete_resource; do
    post /$path '{"name":"nothing","count":1,"id":1}'
    [ "$path" = delete_resource ] && post /$path '{"name":"nothing","id":1}'
    [ "$path" = delete_resource ] || post /$path '{"name":"nothing","count":1}'
    same "/$path of a resource that is not there" '400 bad_request' "$status $(at error.code)"
done
get '/metrics?count=0'
is 'a count of 0 events' 400 "$refused"
get '/metrics?count=1001'
same 'a count of too many' 400 "$status"
get '/metrics?count='
same 'an empty one is none' 200 "$status"
get '/metrics?include_events=maybe'
same 'a truth that is none' 400 "$status"
get '/metrics/history?range=1h'
is 'a range that there is not' 400 "$refused"
get /probes/history
is 'the history of no probe' 400 "$refused"
get '/probes?count=1001'
same 'too many readings' 400 "$status"

# ---- what is wrong with any body

deep=$(printf '{"a":%.0s' $(seq 600))1$(printf '}%.0s' $(seq 600))
refuse_bodies() { # path body...
    local path=$1 body taken=
    shift
    for body; do
        post "/$path" "$body"
        [ "$status $(at error.code) $("$shape" <body)" = "400 invalid_json $error" ] ||
            taken+=" ${body:0:40}"
    done
    same "/$path takes nothing but a JSON object" '' "$taken"
}

refuse_bodies change_users ' ' 'null' '1' '"users"' '{"users":1}}' '{users:1}' "{'users':1}" \
    '{"users":"\ud800"}' '{"users":NaN}' '{"users":01}' '{"users":1,}' '{"users":1e}' \
    '{"users":"\x"}' "$deep"
for path in $commands; do
    refuse_bodies "$path" '' '[1]' '{"users":1'
    post "/$path" "$(printf '{"na\xffme":1}')"
    code "/$path takes no text that is not UTF-8" '400 invalid_json'
    post "/$path" '{"bogus":1}'
    is "/$path knows its members" 400 "$refused"
    [[ $(at error.details) == *'"loc":["bogus"]'* ]]
    tell $? "/$path names the one that it does not know"
    get "/$path"
    same "/$path is no question" 405 "$status"
    get "/$path" -X POST -d '{}'
    same "/$path wants to be told that it is JSON" 415 "$status"
    get "/$path" -X POST -H 'Content-Type: text/plain; application/json' -d '{}'
    same "/$path is not to be mistaken by a form" 415 "$status"
    post "/$path" '{}' -H 'Content-Encoding: gzip'
    same "/$path takes nothing that is packed" 415 "$status"
    head -c 1100000 /dev/zero | tr '\0' ' ' >large
    get "/$path" -X POST -H 'Content-Type: application/json' --data-binary @large
    same "/$path takes a megabyte at most" 413 "$status"
    get "/$path" -X POST -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' \
        --data-binary @large
    same "/$path takes a megabyte in chunks at most" 413 "$status"
done

# ---- what is wrong with single values, also where they are numbers that nobody can hold

for users in 1e999 -1e999 123456789012345678901234567890 1e18 true null '{}' '[]' '""' '"1x"' \
    '"0x10"' '"1 2"' '"\u0000"' '-0.5' '" "'; do
    refuses_body "users: $users" /start_test "{\"target_users\":$users}" target_users
    refuses_body "a change to users: $users" /change_users "{\"target_users\":$users}" target_users
done
for rate in -1 1e999 '"fast"' '[]' 10000001; do
    refuses_body "rate: $rate" /change_rate "{\"rate_per_s\":$rate}" rate_per_s
    refuses_body "a start at rate $rate" /start_test "{\"users\":1,\"rate_per_s\":$rate}" rate_per_s
done
while read -r path body field; do
    refuses_body "$path with $body" "$path" "$body" "$field"
done <<'CASES'
/start_test {"users":1,"users":2} users
/start_test {"users":1,"duration_s":-1} duration_s
/start_test {"users":1,"duration_s":1e300} duration_s
/start_test {"users":1,"iterations":1.5} iterations
/start_test {"users":1,"iterations":99999999999999999999} iterations
/start_test {"users":1,"seed":-1} seed
/start_test {"users":1,"grace_s":"long"} grace_s
/start_test {"users":1,"arrival_wait_s":-1} arrival_wait_s
/start_test {"users":1,"rate_per_s":1e999} rate_per_s
/start_test {"users":1,"http":[]} http
/start_test {"users":1,"http":{"engine":"fast"}} http
/start_test {"users":1,"http":{"local_addr":"x"}} http
/start_test {"users":1,"http":{"speed":1}} http
/start_test {"users":1,"init_params":"{}"} init_params
/start_test {"users":1,"params":{},"init_params":{}} params
/start_test {"users":1,"stages":[1]} stages
/start_test {"users":1,"stages":[{"duration_s":1,"target":1,"targets":2}]} stages
/start_test {"users":1,"stages":[{"duration_s":1,"target":1,"target":2}]} stages
/start_test {"users":1,"stages":[{"duration_s":1,"target":"many"}]} stages
/start_test {"users":1,"stages_of":"rate","stages":[{"duration_s":1,"target":10000001}]} stages
/start_test {"users":1,"stages":[{"duration_s":-1,"target":1}]} stages
/start_test {"users":1,"stages":[{"duration_s":1,"target":1e999}]} stages
/start_test {"users":1,"stages":[{"duration_s":1,"target":-1}]} stages
/start_test {"users":1,"stages":[{"duration_s":1e999,"target":1}]} stages
/start_test {"users":1,"stages_of":1} stages_of
/change_users {"users":1,"target_users":1} users
/change_users {"users":1,"spawn_interval_ms":-1} spawn_interval_ms
/change_users {"users":1,"spawn_interval_ms":60001} spawn_interval_ms
/create_resource {"name":7} name
/create_resource {"name":""} name
/create_resource {"name":"../users"} name
/create_resource {"name":"users\u0000"} name
/create_resource {"name":"users","resource_name":"users"} resource_name
/create_resource {"name":"users","count":"ten"} count
/create_resource {"name":"users","count":1e999} count
/create_resource {"name":"users","payload":[]} payload
/ensure_resource {"name":"users","count":100001} count
/ensure_resource {"name":"users","count":1,"payload":7} payload
/ensure_resource {"count":1} name
/delete_resource {"name":"users","id":0} id
/delete_resource {"name":"users","id":-1} id
/delete_resource {"name":"users","id":"all"} id
/delete_resource {"name":"users","all":false} id
/delete_resource {"name":"users","all":"perhaps"} all
/delete_resource {"id":1} name
/login {} token
/login {"token":7} token
/login {"token":""} token
/login {"token":"x","user":"y"} user
CASES
post /start_test '{"users":1,"stages":[{"duration_s":1,"target":1},{"duration_s":"1s"}]}'
same 'what is wrong in a stage is told with its place' \
    '["stages",1,"target"] ["stages",1,"duration_s"] stages.1.target is missing (and 1 more)' \
    "$(at error.details.0.loc error.details.1.loc error.message | tr '\n' ' ' | sed 's/ $//')"
stages=$(printf '{"duration_s":1,"target":1},%.0s' $(seq 1001))
refuses_body 'too many stages' /start_test "{\"users\":1,\"stages\":[${stages%,}]}" stages
post /start_test "{$(printf '"m%d":1,' $(seq 300))\"users\":1}"
code 'too many members' '400 validation_error'
post /start_test "{\"users\":1,\"$(printf 'n%.0s' $(seq 5000))\":1}"
code 'a name without end' '400 validation_error'
[ "$(wc -c <body)" -lt 1000 ]
tell $? 'is shown in short'
post /login '{"token":"whatever"}'
is 'a login where there is no token is not needed' 200 '{status:s}'
! grep -qi '^set-cookie' head
tell $? 'and begins no session'
post /stop_test '{nonsense'
code 'a stop does not look at a body' '409 invalid_state'

# ---- what is wrong in questions

while read -r path field; do
    get "$path"
    same "GET $path" "400 validation_error $field" \
        "$status $(at error.code error.details.0.loc.0 | xargs)"
done <<'CASES'
/metrics?count=-1 count
/metrics?count=1.5 count
/metrics?count=ten count
/metrics?count=99999999999999999999 count
/metrics?include_events=2 include_events
/metrics/history?range=1h range
/metrics/history?range=all&from_ts=-1 from_ts
/metrics/history?from_ts=yesterday from_ts
/metrics/history?from_ts=1e999 from_ts
/probes?count=-1 count
/probes?count=1001 count
/probes?include_events=maybe include_events
/probes/history?count=1 probe_name
/probes/history?probe_name=level&count=-1 count
/resources/users/items?offset=-1 offset
/resources/users/items?limit=0 limit
/resources/users/items?limit=all limit
CASES
get "/metrics?metric_id=$(printf 'm%.0s' $(seq 2000))"
code 'an id without end' '400 validation_error'
get '/metrics?metric_id=a&metric_id=b&nobody=knows'
same 'of two values the first counts, and what is not known is passed over' '200 a' \
    "$status $(at metrics.0.metric_id)"
get '/probes?probe_name=nothing'
is 'a probe that is not there' 200 \
    '{count:i,generated_at:i,include_events:b,lag:{detected:b,probes_with_backlog:[]},probes:[{aggregate:{errors:i,last_status:null,last_ts_ms:null,last_value:null,successes:i,window_s:i},events:[],last_event_id:null,latest:null,probe_name:s}]}'
get '/probes/history?probe_name=nothing'
is 'has no history either' 200 \
    '{count:i,events:[],generated_at:i,last_event_id:null,probe_name:s}'
for path in $questions; do
    get "/$path" -X POST -H 'Content-Type: application/json' -d '{}'
    same "/$path takes no orders" 405 "$status"
    grep -qi '^allow: .*GET' head
    tell $? "/$path tells what it takes"
    get "/$path" -X DELETE
    same "/$path cannot be deleted" 405 "$status"
    get "/$path/" -I
    same "/$path may be asked for its head, and end with a slash" 200 "$status"
done

# ---- paths that try to lead elsewhere

for path in /.. /../ /../../etc/passwd /..%2f..%2fetc/passwd /%2e%2e/%2e%2e/etc/passwd //ready ///ready \
    /ready// /./ready /ready/. /health/../ready /ready%00 /ready%00.html /%00 /re%61dy%2f /ready%0d%0aX:y \
    /ready%zz /ready% /ready%f /%ff%fe /%c0%af /ready%c0%80 /resources/%2e%2e/items /resources//items /resources/users%00/items '/ready;x=1' '/READY' \
    '/ready?x=%zz' '/ready?%00' '/metrics?metric_id=%ff'; do
    get "$path" --path-as-is
    [[ $status == 40[04] ]] && [ "$("$shape" <body)" = "$error" ]
    tell $? "$path leads nowhere"
done
for path in /resources/..%2fusers/items /resources/users%2fitems/items; do
    get "$path" --path-as-is
    same "$path is a name that nobody has" '400 bad_request' "$status $(at error.code)"
done
long=$(printf 'p%.0s' $(seq 70000))
get "/$long"
[[ $status == 414 || $status == 431 || $status == 400 ]]
tell $? 'a path without end is refused'
get "/$(printf 's/%.0s' $(seq 500))"
[[ $status == 40[04] ]]
tell $? 'as are segments without end'
get /ready -H "X-Long: $long"
[[ $status == 400 || $status == 431 ]]
tell $? 'and fields of a head'

# ---- requests that lie

for host in evil.example evil.example:80 '' 127.0.0.1.evil.example 'localhost@evil.example' '[::1' \
    "127.0.0.1 evil.example" 0x7f000001.evil.example; do
    get /ready -H "Host: $host"
    [[ $status == 40[03] ]]
    tell $? "a request for \"$host\" is refused"
done
for origin in http://evil.example null "$url.evil.example" 'http://127.0.0.1:1' \
    file:// "http://evil.example@${url#http://}"; do
    taken=
    for path in /start_test /stop_test /change_users /create_resource /delete_resource /login /logout; do
        post "$path" '{}' -H "Origin: $origin"
        [ "$status" = 403 ] || taken+=" $path"
    done
    same "a page of $origin has no say" '' "$taken"
    get /ready -H "Origin: $origin"
    ! grep -qi '^access-control-allow-origin' head
    tell $? "and reads nothing"
done
get /start_test -X OPTIONS -H 'Origin: http://evil.example' -H 'Access-Control-Request-Method: POST'
! grep -qi '^access-control' head
tell $? 'nor is it told that it may ask'
post /start_test '{}' -H "Origin: $url"
same 'our own page has' 400 "$status"

# ---- nothing of all that did anything

get /ready
same 'nothing has begun' 'IDLE 0' "$(at state epoch | xargs)"
get /resources
same 'nothing was made' 0 "$(at resources.0.count)"

# ---- a token: all that is not open needs it

token="token-of-the-test"
orchestrate closed --token-file <(echo "$token")
get /openapi.json
same 'the description is open' 200 "$status"
cp body openapi
needs_token() { # path [curl's...]
    get "$@"
    same "$1 needs the token" "401 unauthorized $error" \
        "$status $(at error.code) $("$shape" <body)"
}
for wrong in Bearer 'Bearer ' "Bearer ${token%?}" "Basic $token" "$token" "Bearer $token $token" \
    "Bearer $(printf 't%.0s' $(seq 5000))"; do
    needs_token /ready -H "Authorization: $wrong"
done
routes=$(grep -o '"/[a-z_/.{}]*":{"\(get\|post\)"' openapi | sed 's/"//g;s/:{/ /')
while read -r path method; do
    [[ $path =~ ^/(health|openapi.json|login|logout)?$ ]] && continue
    path=${path/\{name\}/users}
    needs_token "$path" -X "${method^^}" -H 'Content-Type: application/json'
    needs_token "$path" -X "${method^^}" -H "Authorization: Bearer ${token}x"
done <<<"$routes"
get "/ready?token=$token"
same 'it is not read from an address, which others see' 401 "$status"
get /ready -H "Cookie: loadkit_session=$token"
same 'nor is it a session' 401 "$status"
post /start_test '{' -H "Authorization: Bearer wrong"
same 'without it nothing is looked at' 401 "$status"
post /login "{\"token\":\"${token%?}\"}"
code 'a part of it is not the token' '401 unauthorized'

for pid in "${orchestrators[@]}"; do
    kill "$pid"
    wait "$pid"
    same 'an orchestrator ends in order after all that' 0 "$?"
done
end_tests

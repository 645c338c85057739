#!/usr/bin/env bash
#
# What orchestrators and workers, as commands, make of a Redis that is not there, does not want them,
# or is something else; of data of others under their keys; of a worker of another version; and of
# an address that they cannot have. Each is told in one clear line, nothing hangs, and what is not
# ours stays as it is.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/api.sh
. "$root/tests/support/api.sh"

program demo <<'SOURCE'
#include <loadkit/loadkit.h>

LK_VU(demo) { int n; };
LK_STEP(demo, count, .every = LK_FIXED(0.05)) { self->n++; }
LK_MAIN()
SOURCE

orchestrator() {
    timeout 30 ./demo orchestrator --listen 127.0.0.1:0 --state-dir state >out 2>&1
}

worker() {
    timeout 30 ./demo worker --id w --processes 1 >out 2>&1
}

# Both commands end with status 2 and this line alone, without what is secret.
refuse_both() { # what, line, url
    local role
    for role in orchestrator worker; do
        LK_REDIS_URL=$3 $role
        same "$1: the $role ends" 2 "$?"
        grep -q "^demo: .*$2" out && ! grep -q "$redis_password\|hunter2" out &&
            [ "$(grep -vc 'listening on' out)" = 1 ]
        tell $? "and says so in one line"
    done
}

back='Redis is there'

lines() { # file text: how many
    grep -c -- "$2" "$1"
}

# At first and then every 10 s, since that second at the most.
are_rare() { # file text since
    [ "$(lines "$1" "$2")" -le $(((SECONDS - $3) / 10 + 1)) ]
}

has_lines() { # file text count
    [ "$(lines "$1" "$2")" -ge "$3" ]
}

# A worker tells the first time too.
returns_are() { # what, how many
    until_true has_lines default.log "$back" "$2" && until_true has_lines w.log "$back" $(($2 + 1))
    same "$1" "$2 $(($2 + 1))" "$(lines default.log "$back") $(lines w.log "$back")"
}

redis_is() { # true or false
    get /status
    [ "$(at redis)" = "$1" ] && [ "$(at workers_alive)" = 1 ]
}

end() { # pid
    kill "$1"
    wait "$1"
}

# ---- nobody there: begun now, looked at when the rest is done

mkdir away
export LK_REDIS_URL=redis://127.0.0.1:1/0
./demo orchestrator --listen 127.0.0.1:0 --state-dir away/state >away/orchestrator 2>&1 &
away_orchestrator=$!
./demo worker --processes 1 >away/worker 2>&1 &
away_worker=$!
pids+=("$away_orchestrator" "$away_worker")
nobody='Redis at 127.0.0.1:1: connection refused; is it running there?'
for role in orchestrator worker; do
    until_true has_lines away/$role "$nobody" 1
    tell $? "a Redis that is not there is told by the $role"
done
url=$(grep -o 'http://[^ ]*' away/orchestrator)
get /health
same 'its API is there all the same' 200 "$status"
get /status
same 'and says that Redis is not' false "$(at redis)"
post /start_test '{"users":1}'
is 'nothing begins without it' 503 "$error"
same 'which is told' redis_unavailable "$(at error.code)"
post /create_resource '{"name":"x"}'
same 'an answer comes to what does not need it' '400 bad_request' "$status $(at error.code)"

# ---- one that does not want them

start_redis tcp || exit 1
for scheme in "redis://:hunter2@127.0.0.1:$redis_port" "unix://:hunter2@$redis_socket"; do
    refuse_both 'a wrong password' 'the password is wrong' "$scheme"
done
refuse_both 'a wrong user' 'user' "redis://nobody:$redis_password@127.0.0.1:$redis_port"
refuse_both 'no password' 'wants a password' "redis://127.0.0.1:$redis_port"
refuse_both 'a database that is not there' 'no database of this number' "$redis_url/99"
refuse_both 'what is no number of one' 'the database is not a number' "$redis_url/one"
refuse_both 'no URL' 'another form' nonsense
refuse_both 'a port that is none' 'another form\|port' redis://127.0.0.1:99999
refuse_both 'TLS' 'rediss://.* is not supported' rediss://127.0.0.1:6379
serve_shop
refuse_both 'an HTTP server' 'what answers there is not Redis' "redis://${target#http://}"
export LK_REDIS_URL=$redis_url

# ---- data of others under our keys, from the start

declare -A foreign=([string]='set KEY x' [list]='rpush KEY x' [set]='sadd KEY x' [hash]='hset KEY f x'
    [stream]='xadd KEY * f x' [zset]='zadd KEY 1 x')

# Both at once, so that nobody writes there in between.
place() { # key type: sets kept
    printf '%s\n' MULTI "DEL $1" "${foreign[$2]/KEY/$1}" EXEC | redis >/dev/null
    kept=$(redis dump "$1" | md5sum)
}

is_kept() { # key
    [ "$(redis dump "$1" | md5sum)" = "$kept" ] && [ "$(redis ttl "$1")" = -1 ]
}

for type in string list set zset stream hash; do
    key=lk:default:orchestrator
    place $key $type
    orchestrator
    same "a $type in place of the lock of orchestrators is not taken for it" 2 "$?"
    grep -q "^demo: Redis at .*: its key $key holds something that .*not loadkit's: remove it" out
    tell $? 'and told'
    is_kept $key
    tell $? 'and left alone'
    redis del $key >/dev/null
    [ $type = hash ] && continue # which a state is
    key=lk:default:state
    place $key $type
    orchestrator
    same "a $type in place of the state is not taken for it" 2 "$?"
    grep -q "^demo: Redis at .*: its key $key holds something that is not loadkit's" out
    tell $? 'and told'
    is_kept $key
    tell $? 'and left alone'
    redis del $key lk:default:orchestrator lk:default:up >/dev/null
    key=lk:default:worker:w
    place $key $type
    worker
    same "a $type in place of a worker's name is not taken for it" 2 "$?"
    grep -q "^demo: .*its key $key holds something that .*not loadkit's" out
    tell $? 'and told'
    is_kept $key
    tell $? 'and left alone'
    redis del $key >/dev/null
done

# ---- garbage in what would be ours

redis hset lk:default:state core garbage crew "" run $'\xff\xfe' stock 1 foo bar >/dev/null
redis xadd lk:default:up '*' m garbage >/dev/null
redis xadd lk:default:up '*' foo bar m "" >/dev/null
redis xadd lk:default:down:w '*' foo bar >/dev/null
# an epoch, and the id of the last run, which would be this file
mkdir -p state-default/result-a
echo '{"run":{"id":"a"}}' >planted.json
printf 'loadkit.checkpoint/1\n\x01\x13\x03\x00\x10a/../../planted\x00' |
    redis -x hset lk:default:state epoch >/dev/null
orchestrate default
work default w
until_true alive_are 1
tell $? 'garbage in the state and in the streams keeps nobody away'
get /ready
same 'and is no run' 'IDLE 3' "$(at state epoch | xargs)"
get /status
same 'nor was there one' null "$(at run_id)"
get /result
same 'nor a result' 404 "$status"
post /start_test '{"users":2,"iterations":5}'
same 'a run begins' 200 "$status"
until_true state_is IDLE
get /result
same 'and ends as it should' '200 iterations' "$status $(at run.ended_by)"

# ---- data of others under our keys in the middle of a run

post /start_test '{"users":2}'
until_true state_is RUNNING
told="its key lk:default:up holds something that is not loadkit's"
since=$SECONDS
place lk:default:up list
until_true has_lines default.log "$told" 1
tell $? 'a key that changes hands is told'
sleep 4 # for it to be tried again, some times
returns_are 'as long as it is there nobody says that all is well' 0
are_rare default.log "$told" "$since"
tell $? 'not each time that it is tried'
get /status
same 'the API goes on' '200 RUNNING' "$status $(at state)"
is_kept lk:default:up
tell $? 'what others put there stays'
redis del lk:default:up >/dev/null
until_true redis_is true
tell $? 'all goes on when it is gone'
returns_are 'which is told, once' 1

# ---- a memory that is full, in the middle of a run

redis config set maxmemory 1 >/dev/null
told='its memory is full: see maxmemory there'
until_true has_lines default.log "$told" 1 && until_true has_lines w.log "$told" 1
tell $? 'a full memory is told'
seen=
for _ in $(seq 40); do
    get /status
    seen+=" $(at redis)"
    sleep 0.1
done
same 'as long as it is full Redis is not there' false "$(xargs -n 1 <<<"$seen" | sort -u)"
returns_are 'nor said to be' 1
redis config set maxmemory 0 >/dev/null
until_true redis_is true
tell $? 'all goes on when there is room again'
returns_are 'which is told, once' 2
post /stop_test ''
until_true state_is IDLE
tell $? 'and the run can be ended'
redis config set maxmemory 1 >/dev/null
until_true redis_is false
post /start_test '{"users":1}'
is 'while it is full no run begins' 503 "$error"
grep -qF "Redis at 127.0.0.1:$redis_port: $told" body
tell $? 'for the reason that it tells'
redis config set maxmemory 0 >/dev/null
until_true redis_is true
post /start_test '{"users":2,"iterations":5}'
same 'a run begins' 200 "$status"
until_true state_is IDLE
get /result
same 'and ends as it should' '200 iterations' "$status $(at run.ended_by)"

# ---- a worker of another version

version=$(./demo version | sed -n 's/^loadkit //p')
other=$(tr 0-9 1-90 <<<"$version")
sed "s/${version//./\\.}/$other/g" demo >newer
chmod +x newer
timeout 30 ./newer worker --id newer --processes 1 >out 2>&1
same 'a worker of another version ends' 2 "$?"
grep -q "^newer: .*it has loadkit $other, the orchestrator has $version" out
tell $? 'and says why'
grep -q "station newer is refused: it has loadkit $other, the orchestrator has $version" default.log
tell $? 'as the orchestrator does'
get /workers
same 'it is no worker' '1 w' "$(at count workers.0.worker_id | xargs)"

# ---- addresses and tokens that cannot be

busy=${url#http://}
ends 'a port in use' 1 ./demo orchestrator --cluster other --listen "$busy" --state-dir other
grep -qxF "demo: cannot listen on $busy: something else listens there already; end it, or choose another port" err
tell $? 'is told, with what to do'
ends 'an address of another machine' 1 ./demo orchestrator --cluster other --listen 192.0.2.1:0 \
    --token-file <(echo long-enough-token) --state-dir other
grep -q '^demo: cannot listen on 192.0.2.1:0: ' err
tell $? 'is told'
XDG_STATE_HOME=/$(printf '%05000d' 0) ends 'a home whose name is too long' 2 \
    ./demo orchestrator --cluster other --listen 127.0.0.1:0
grep -q '^demo: the name of the home directory is too long; name another one with --state-dir' err
tell $? 'is told'
ends 'other machines without a token' 2 ./demo orchestrator --cluster other --listen 0.0.0.0:0 \
    --state-dir other
grep -q '^demo: .*--token-file' err
tell $? 'are not served, and it is told how they can be'
ends 'a token file that is not there' 2 ./demo orchestrator --cluster other --token-file nowhere \
    --listen 127.0.0.1:0 --state-dir other
ends 'an empty one' 2 ./demo orchestrator --cluster other --token-file /dev/null \
    --listen 127.0.0.1:0 --state-dir other
ends 'a short token' 2 ./demo orchestrator --cluster other --token-file <(echo short) \
    --listen 127.0.0.1:0 --state-dir other
grep -q '^demo: .*at least 8 characters' err
tell $? 'is told'

# ---- nobody there, still

for role in orchestrator worker; do
    until_true has_lines away/$role "$nobody" 2
    tell $? "it is told again by the $role after a while"
    are_rare away/$role "$nobody" 0
    tell $? "every 10 s, not oftener"
done
end "$away_worker"
same 'a worker that has never seen it can be ended' 0 "$?"
end "$away_orchestrator"
same 'so can an orchestrator' 0 "$?"

# ---- nobody there at first, or any longer

end_redis
orchestrate late
until_true has_lines late.log 'connection refused' 1
tell $? 'a Redis that comes later is missed'
restart_redis
until_true has_lines late.log "$back" 1
tell $? 'and told when it comes'
same 'not as if it had been there' 0 "$(lines late.log "$back again")"
until_true has_lines default.log "$back again" 3
tell $? 'but by who has seen it'
for pid in "${orchestrators[@]}"; do
    end "$pid"
    same 'the one that has seen all that ends in order' 0 "$?"
done
end_tests

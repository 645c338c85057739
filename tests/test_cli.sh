#!/usr/bin/env bash
#
# The command line of a scenario, from outside: what it refuses, in which words, and what it writes
# where. Little scenarios are compiled here against the library.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"

# ---- options

program good <<'END'
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "target");
LK_PARAM(size, .value = "10");
LK_VU(demo) { int count; };
LK_STEP(demo, idle, .every = LK_FIXED(0.001)) { self->count++; }
LK_MAIN()
END
given=(-p base_url=http://127.0.0.1)

# what | arguments | what is said
while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    line=${line# }
    line=${line/COUNT/give a whole number from 1, such as 100 or 10k}
    line=${line/RATE/give starts per second, minute or hour, such as 200, 0.5\/s or 30\/m}
    line=${line/HOW_LONG/give a time such as 30s, 1h30m or 250ms}
    line=${line/STAGE/write TIME:N, such as 30s:100 for users or 30s:200\/s for a rate}
    refuses "${what% }" "good: $line" ./good "${args[@]}"
done <<'END'
an unknown flag is refused | --frobnicate | unknown option --frobnicate; --help lists them all
an unknown letter is refused | -x | unknown option -x; --help lists them all
an unknown letter is found among others | -qx5 | unknown option -x; --help lists them all
a mistyped flag is answered by the right one | --durration 5s | unknown option --durration; did you mean --duration?
an abbreviated flag is answered by the whole | --dur=5s | unknown option --dur; did you mean --duration?
a flag of another command is unknown | list -u 5 | unknown option -u; --help lists them all
a duration needs a unit that exists | -d 5x | -d 5x: the units are d h m s ms us; HOW_LONG
a duration is more than nothing | -d 0s | -d 0s: it is too small; HOW_LONG
a duration is not negative | -d -5s | -d -5s: it is negative; HOW_LONG
a duration that overflows is refused | -d 3000000h | -d 3000000h: it is too long; HOW_LONG
users are not negative | -u -1 | -u -1: it is negative; COUNT
users are at least one | -u 0 | -u 0: it is too small; COUNT
users have a limit | -u 100000001 | -u 100000001: it is too large, the most is 100000000; COUNT
users are a number | --users=x | --users x: a number was expected; COUNT
nothing is no number | --users= | --users '': it is empty; COUNT
nothing may follow a number | -u5x | -u 5x: something follows the digits; COUNT
iterations are a number | -i x | -i x: a number was expected; COUNT
iterations are at least one | -i 0 | -i 0: it is too small; COUNT
iterations that overflow are refused | -i 99999999999999999999 | -i 99999999999999999999: it is too large; COUNT
a seed is a number | --seed -4 | --seed -4: it is negative; give a whole number from 0
a grace time is a time | --grace soon | --grace soon: a number was expected; give a time such as 10s or 0s
workers are a number | -w many | -w many: a number was expected; give a number of processes, or 0 for none but this
workers are not negative | --workers -1 | --workers -1: it is negative; give a number of processes, or 0 for none but this
workers have a limit | -w 1025 | -w 1025: it is too large, the most is 1024; give a number of processes, or 0 for none but this
a rate is more than nothing | -r 0 | -r 0: it is too small; RATE
a rate is not negative | -r -5 | -r -5: it is negative; RATE
a rate is a number | --rate fast | --rate fast: a number was expected; RATE
a rate has a limit | -r 10001k | -r 10001k: it is too large, the most is 10000000; RATE
a rate is per second, minute or hour | -r 5/d | -r 5/d: behind the number may stand /s, /m or /h; RATE
a wait for users needs arrivals | --arrival-wait 1s | --arrival-wait needs --rate; add -r N or leave it out
a stage has two parts | -s 30s | -s 30s: there is no colon in it; STAGE
a stage is something | --stage= | --stage '': it is empty; STAGE
the length of a stage is a time | -s 5x:10 | -s 5x:10: 5x: the units are d h m s ms us; STAGE
a stage has a length | -s :10 | -s :10: it is empty; STAGE
the users of a stage are a number | -s 30s:x | -s 30s:x: x: a number was expected; STAGE
the users of a stage are whole | -s 30s:1.5 | -s 30s:1.5: 1.5: something follows the digits; STAGE
the users of a stage have a limit | -s 30s:101m | -s 30s:101m: 101m: it is too large; STAGE
the rate of a stage is one | -s 30s:9/x | -s 30s:9/x: 9/x: behind the number may stand /s, /m or /h; STAGE
the rate of a stage has a limit | -s 30s:11000k/s | -s 30s:11000k/s: 11000k/s: it is too large; STAGE
stages are of users or rates, not both | -s 30s:5 -s 30s:5/s | -s 30s:5/s: the stages before it are of users; give all of them as users, 30s:100, or as rates, 30s:100/s
nor the other way round | -s 30s:5/s -s 30s:5 | -s 30s:5: the stages before it are of rates; give all of them as users, 30s:100, or as rates, 30s:100/s
stages have their own length | -d 1m -s 30s:5 | --duration goes with no --stage: stages have their own length; leave one of them out
stages of users have no rate | -r 5 -s 30s:5 | --rate goes with no --stage of users; write the stages as rates, 30s:100/s, or leave --rate out
stages lead to something | -s 30s:0 | --stage: no stage leads to anything above 0; write a stage such as 30s:100
stages of a rate too | -s 30s:0/s | --stage: no stage leads to anything above 0; write a stage such as 30s:100
stages take time | -s 0s:5 | --stage: no stage takes any time; write a stage such as 30s:100
stages are not too long | -s 2000000h:5 -s 2000000h:5 | --stage: all stages together are too long; give shorter ones
an engine is one of those there are | --http-engine fast | --http-engine fast: it is none of these; give auto, native or curl
a version is one of those there are | --http-version 3 | --http-version 3: it is none of these; give 1.1, 2 or 2-only
connections are whose they can be | --connections all | --connections all: it is none of these; give own, shared or new
an engine has to be able to speak the version | --http-engine native --http-version 2 | --http-engine: the native one cannot speak HTTP/2; leave the choice to auto
and to use the proxy | --http-engine native --proxy http://p:1 | --http-engine: the native one cannot use a proxy; leave the choice to auto
certificates can be read | --ca-file /nowhere.pem | --ca-file /nowhere.pem: it cannot be read (No such file or directory); name another file
a key needs a certificate | --key-file /dev/null | --key-file: it needs a certificate, too
a proxy is a URL | --proxy p:3128 | --proxy: it does not begin with http://, https:// or socks5://
it names a host | --proxy http:// | --proxy: '' is not a host and its port
passwords of proxies are not typed | --proxy http://a:b@p:1 | --proxy: a user and its password can be seen by others on this machine when they are typed; put the URL into the variable LK_PROXY
a server and its address have three parts | --resolve a:80 | --resolve a:80: it has not three parts; write HOST:PORT:ADDR, such as shop.example:443:10.0.0.7
its port is one | --resolve a:http:10.0.0.7 | --resolve: a:http is not a host and its port, such as shop:80
its address is in digits | --resolve a:80:b | --resolve: 'b' for a:80 is not an address, such as 10.0.0.7
also with IPv6 in front | --resolve [::1]:80 | --resolve [::1]:80: it has not three parts; write HOST:PORT:ADDR, such as shop.example:443:10.0.0.7
a local address is in digits | --local-addr eth0 | --local-addr: 'eth0': it is not an address such as 10.0.0.7, or two with a dash between, 10.0.0.7-10.0.0.20
a range goes upwards | --local-addr 10.0.0.9-10.0.0.1 | --local-addr: '10.0.0.9-10.0.0.1': from the first address to the second must be 1 to 65536 addresses
thresholds come later | --threshold p95<1 | --threshold: thresholds are not in this version yet; use --json and judge the result file
a flag at the end lacks its value | -u | -u needs a value; write -u N
a file is not the next flag | --json -q | --json needs a value, but -q follows; write --json FILE
nor is a time | -d -p base_url=x | -d needs a value, but -p follows; write -d TIME
a number is not the next flag | --users --quiet | --users needs a value, but --quiet follows; write --users N
a stage is not the next flag | -s -q | -s needs a value, but -q follows; write -s TIME:N
nor is a choice | --http-engine -q | --http-engine needs a value, but -q follows; write --http-engine HOW
a negative stage says so | -s -5s:3 | -s -5s:3: -5s: it is negative; STAGE
what is joined is the value | --duration=-p | --duration -p: it is negative; HOW_LONG
a file has a name | --json= | --json '': it is empty; give a file name
a switch takes no value | --quiet=5 | --quiet takes no value; leave =5 away
a word is no flag | run fast | unexpected word 'fast'; options begin with -, --help lists them
what follows -- is a word | -- -q | unexpected word '-q'; options begin with -, --help lists them
a lone dash is a word | run - | unexpected word '-'; options begin with -, --help lists them
a mistyped command is answered by the right one | lsit | unknown command 'lsit'; did you mean list?
an unknown command is refused | frobnicate | unknown command 'frobnicate'; --help lists them all
help of an unknown command is refused | help frobnicate | unknown command 'frobnicate'; --help lists them all
a second word is one too many | help run list | unexpected word 'list'; run has no commands of its own
a third word is too | help test start now | unexpected word 'now'; options begin with -, --help lists them
help of an unknown command of a group is refused | help test strat | unknown command 'test strat'; did you mean test start?
a choice is one of those there are | infra up --on-worker-loss wait | --on-worker-loss wait: it is none of these; give rebalance, continue or abort
a group needs one of its commands | infra | infra needs one of its commands: up, down, status
where Redis is may have a password in it | worker --redis-url redis://x | --redis-url: a URL has the password in it, and others on this machine can see what is typed; put it into a file for --redis-url-file, or into the variable LK_REDIS_URL
END

# ---- parameters

refuses "a required parameter that is missing is named, with where it stands" \
    'good: good.c:3: parameter base_url is required; give it with -p base_url=VALUE (target)' ./good
refuses "an unknown parameter is named, and what there is" \
    "good: unknown parameter 'nope'; there is base_url (required), size" \
    ./good "${given[@]}" -p nope=1
refuses "a mistyped parameter is one problem, not also a missing one" \
    "good: unknown parameter 'base_ulr'; did you mean base_url? there is base_url (required), size" \
    ./good -p base_ulr=1
refuses "a parameter needs a value" \
    'good: parameter size has no value; write size=VALUE' ./good "${given[@]}" -p size
refuses "a parameter is given once" \
    'good: parameter size is given twice; give it once' ./good "${given[@]}" -p size=1 -p size=1
refuses "control characters do not reach the terminal" \
    "good: unknown parameter '?[2J?'; there is base_url (required), size" \
    ./good -p $'\e[2J\n=1'

# ---- the result file

refuses "a result cannot be a directory, which is told before the run" \
    "good: --json $dir: it cannot be written (Is a directory); name another file" \
    ./good "${given[@]}" -d 1h --json "$dir"
refuses "a result needs a directory that exists" \
    'good: --json no/such: it cannot be written (No such file or directory); name another file' \
    ./good "${given[@]}" -d 1h --json no/such
echo old >old.json
run ./good --json old.json -u 0
[ "$(cat old.json)" = old ]
tell $? "a refused run leaves the old result alone"
ends "a result is written" 0 ./good "${given[@]}" -q -i 3 --json new.json
grep -q '"schema": *"loadkit.result/1"' new.json && grep -q '"iterations": *3' new.json
tell $? "and holds what was done"
ends "a result replaces the old one" 0 ./good "${given[@]}" -q -i 3 --json old.json
! grep -qx old old.json && [ "$(find . -name '*old.json*' | wc -l)" = 1 ]
tell $? "and leaves nothing else behind"
ends "a result may go to standard output" 0 ./good "${given[@]}" -i 3 --json -
[ "$(head -c 1 out)" = '{' ] && [ "$(tail -n 1 out)" = '}' ] && grep -q '^PASSED\|generator-bound$' err
tell $? "which is then all that stands there; the report goes to standard error"

# ---- what is written where

ends "a quiet run passes" 0 ./good "${given[@]}" -qi3
[ ! -s out ] && [ ! -s err ]
tell $? "and writes nothing at all"
program lost <<'END'
#include <loadkit/loadkit.h>
LK_VU(demo) { int count; };
LK_RESOURCE(mugs) { return LK_OBJECT("id", id); }
LK_RESOURCE(cups, .count = 2, .help = "of glass") { return LK_OBJECT("id", id); }
LK_ON_START(demo) { LK_FAIL("no tea today"); }
LK_STEP(demo, idle) { self->count++; }
LK_MAIN()
END
ends "one that fails says so in one line, with the cause" 1 ./lost -q -d 100ms
[ ! -s out ] &&
    grep -qx 'lost: the run failed: no step ran; most often on_start LIFECYCLE_FAILED: no tea today' err
tell $? "to standard error"
for workers in 0 1; do
    ends "one that is looked on at fails too" 1 ./lost -u 4 -d 2500ms -w $workers
    same "and says why at once, and once" 'lost: on_start of user 1 failed: no tea today 1' \
        "$(head -n 1 err) $(grep -c 'no tea' err)"
done
ends "a run reports" 0 ./good run "${given[@]}" --users 2 -i 5 --seed 42 --grace 0s -w 0
grep -q '^PASSED\|generator-bound$' out && grep -q 'seed 42' out && ! grep -q '^good: ' err
tell $? "to standard output"
! grep -q $'\e' out err
tell $? "without colours when that is no terminal"
ends "-- ends the options" 0 ./good -qi3 "${given[@]}" --
in_terminal() { # command
    script -qec "$1" /dev/null </dev/null
}
in_terminal "./good ${given[*]} -i 3" | grep -q $'\e\[[0-9;]*m'
tell $? "with colours when it is one"
! in_terminal "./good ${given[*]} -i 3 --no-color" | grep -q $'\e\[[0-9;]*m'
tell $? "but not with --no-color"
! NO_COLOR=1 in_terminal "./good ${given[*]} -i 3" | grep -q $'\e\[[0-9;]*m'
tell $? "nor with NO_COLOR"
for term in dumb ''; do
    ! TERM=$term in_terminal "./good ${given[*]} -i 3" | grep -q $'\e\[[0-9;]*m'
    tell $? "nor where TERM is '$term'"
done
! in_terminal "env -u TERM ./good ${given[*]} -i 3" | grep -q $'\e\[[0-9;]*m'
tell $? "nor where it is not set"
"./good" "${given[@]}" -i 3 >/dev/full 2>err
[ $? = 1 ] && grep -qx 'good: cannot write to standard output: No space left on device' err
tell $? "a report that cannot be written fails the run"
./good "${given[@]}" -i 3 >&- 2>err
[ $? = 1 ] && grep -qx 'good: cannot write to standard output: Bad file descriptor' err
tell $? "so does a standard output that is closed"

# ---- seeds

seed_of() { # arguments
    ./good "${given[@]}" -i 1 "$@" 2>err | grep -o 'seed [0-9]*' | head -n 1
}
[ "$(seed_of --seed 18446744073709551615)" = 'seed 18446744073709551615' ]
tell $? "a seed that is given is reported"
[ -n "$(seed_of)" ] && [ "$(seed_of)" != "$(seed_of)" ]
tell $? "a seed that is not given is drawn and reported"

# ---- the run that was had, again

ends "a run tells the command that repeats it" 0 ./good "${given[@]}" -p "size=1'0 0" -qi 1 --json again.json
grep -qE "\"command\": *\"./good -p base_url=http://127.0.0.1 -p 'size=1'.*''0 0' -qi 1 --json again.json --seed [0-9]+\"" again.json
tell $? "as a shell reads it, with the seed that was drawn"
LK_SEED=5 LK_PARAM_base_url="http://127.0.0.1/a b" LK_OTHER=7 LK_PARAM_other=7 \
    ./good -qi 1 --json again.json >out 2>err
again=$(sed -n 's/.*"command": *"\([^"]*\)".*/\1/p' again.json)
same "and with what the environment said" \
    "./good -qi 1 --json again.json LK_PARAM_base_url='http://127.0.0.1/a b' LK_SEED=5" \
    "./good ${again#*./good } $(grep -oE "LK_SEED=5|LK_[A-Za-z_]*='[^']*'" <<<"$again" | sort | paste -sd ' ')"
same "and nothing else" 2 "$(grep -o LK_ <<<"$again" | wc -l)"
LK_PROXY=http://me:sesame@127.0.0.1:9 ./good -p base_url=http://me:poppy@127.0.0.1/ -qi 1 \
    --json again.json >out 2>err
[ "$(grep -o 'http://me:\*\*\*@127.0.0.1' again.json | wc -l)" = 2 ] && ! grep -qE 'sesame|poppy' again.json
tell $? "but no password of a URL"

# ---- stages and workers

ends "a run in stages ends with the last one" 0 \
    ./good "${given[@]}" -w 2 -s 100ms:4 -s 200ms:4 -s 100ms:0 --json staged.json
grep -qE '"duration_s": *0\.[4-9]' staged.json && grep -qE '"workers": *2[,}]' staged.json
tell $? "and was as long as they are together"
grep -qE '"users": *4, *"workers"' staged.json
tell $? "with as many users as there were to be at the most"
ends "a rate may have stages too" 0 ./good "${given[@]}" -w 0 -s 500ms:100/s --json staged.json
grep -qE '"intended": *2[45][,}]' staged.json
tell $? "of which as many begin as lie below the line"
ends "all processors are used when nobody says how many" 0 \
    ./good "${given[@]}" -q -u 100 -i 100 --json all.json
grep -qE "\"workers\": *$(nproc)[,}]" all.json
tell $? "and no more"
ends "of them as many as there are users" 0 ./good "${given[@]}" -q -u 1 -i 1 --json one.json
grep -qE '"workers": *1[,}]' one.json
tell $? "that is one"

# ---- what this machine cannot do

program fat <<'END'
#include <loadkit/loadkit.h>
LK_VU(demo) { char state[1000000]; };
LK_STEP(demo, idle, .every = LK_FIXED(0.001)) { self->state[0]++; }
LK_MAIN()
END
run ./fat -u 99999999
[ "$status" = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] &&
    grep -q '^fat: 99,999,999 users need at least .* of memory, and .* left: use fewer than ' err
tell $? "more users than there is memory for are refused at once"

with_descriptors() { # options of ulimit, command
    local limit
    read -ra limit <<<"$1"
    shift
    (ulimit "${limit[@]}" && "$@")
}
note='good: 200 users with a connection each need 164 descriptors in a worker, and the limit is 100: use -w 6, or raise ulimit -n'
ends "too few descriptors are no reason to refuse" 0 \
    with_descriptors '-n 100' ./good "${given[@]}" -u 200 -w 2 -i 1
grep -qxF "$note" err
tell $? "but a reason to say so"
ends "a quiet run does without" 0 with_descriptors '-n 100' ./good "${given[@]}" -u 200 -w 2 -qi1
[ ! -s err ]
tell $? "that note"
ends "a limit that can be raised" 0 \
    with_descriptors '-S -n 100' ./good "${given[@]}" -u 200 -w 2 -i 1
! grep -q 'descriptors in a worker' err
tell $? "is raised, without a word"

# ---- the other commands

ends "help is no failure" 0 ./good --help
grep -q '^Usage: good ' out && grep -q -- '--duration TIME' out && [ ! -s err ]
tell $? "and goes to standard output"
cp out help
for words in "help" "-h" "-u 5 -h" "-qh --frobnicate"; do
    read -ra args <<<"$words"
    ends "$words shows help" 0 ./good "${args[@]}"
    cmp -s out help
    tell $? "and the same"
done
ends "help explains one command" 0 ./good help list
grep -q -- '--json ' out && ! grep -q -- '--duration' out
tell $? "and only that"
./good list --help | cmp -s out -
tell $? "as --help behind it does"
while read -r option; do
    ./good "$option" 2>&1 </dev/null | grep -q "unknown option"
    [ "${PIPESTATUS[1]}" = 1 ]
    tell $? "$option, which help names, is known"
done < <(grep -oE '^ +(-., )?--[a-z-]+' help | grep -oE -- '--[a-z-]+')
version="loadkit $(sed -n 's/^#define LK_VERSION "\(.*\)"/\1/p' "$root/include/loadkit/api.h")"
for words in version --version "-q --version" "list --version"; do
    read -ra args <<<"$words"
    ends "$words tells the version" 0 ./good "${args[@]}"
    [ "$(cat out)" = "$version" ]
    tell $? "of loadkit"
done
ends "list needs no parameters" 0 ./good list
grep -q '^    idle  .*every 0.001 s' out && grep -q '^  base_url  .*required: target' out
tell $? "and shows what there is"
ends "list tells how many objects there may be" 0 ./lost list
grep -qx '  mugs  *as many as users  (lost.c:3)' out &&
    grep -qx '  cups  *at most 2, of glass  (lost.c:4)' out
tell $? "of each resource"
ends "list writes JSON" 0 ./good list --json
[ "$(cat out)" = '{"schema":"loadkit.list/1","program":"good","version":"'"${version#* }"'",'\
'"vu_types":[{"name":"demo","file":"good.c","line":5,"weight":1,"strategy":"weighted",'\
'"help":null,"hooks":[],'\
'"steps":[{"name":"idle","file":"good.c","line":6,"weight":1,"needs":[],'\
'"every":{"function":false,"min_s":0.001,"max_s":0.001},"pace":null,"timeout_s":null}]}],'\
'"params":[{"name":"base_url","file":"good.c","line":3,"type":"string","required":true,'\
'"secret":false,"value":null,"help":"target"},{"name":"size","file":"good.c","line":4,'\
'"type":"string","required":false,"secret":false,"value":"10","help":null}],"resources":[],'\
'"run_hooks":[],"metrics":[],"probes":[]}' ]
tell $? "in this form"
cp good 'another name'
refuses "a program is called what it was started by" \
    'another name: unknown option -x; --help lists them all' "./another name" -x

# ---- wrong scenarios

# Compiles what comes by standard input, and expects these lines from any command that needs it.
wrong() { # what lines
    program wrong && refuses "$1" "$2" ./wrong
}

wrong "needs that do not exist are told" \
    'wrong: wrong.c:4: step demo.buy: it needs logn, which is no step of user type demo; did you mean login?' <<'END'
#include <loadkit/loadkit.h>
LK_VU(demo) { int count; };
LK_STEP(demo, login) { self->count++; }
LK_STEP(demo, buy, .needs = "logn") { self->count++; }
LK_MAIN()
END
wrong "needs that go in a circle are told" \
    'wrong: wrong.c:3: step demo.a: needs go round in a circle, a -> b -> a, so none of them could run; remove one of these needs' <<'END'
#include <loadkit/loadkit.h>
LK_VU(demo) { int count; };
LK_STEP(demo, a, .needs = "b") { self->count++; }
LK_STEP(demo, b, .needs = "a") { self->count++; }
LK_MAIN()
END
refuses "list tells them too" "$(cat err)" ./wrong list
wrong "every problem has its line" \
    'wrong: wrong.c:3: step demo.a: its weight is -1; give a number above 0, or none for 1
wrong: wrong.c:4: step demo.b: its timeout_s is -5; give seconds above 0, or LK_OFF for none
wrong: wrong.c:5: step demo.c: its every is 2 to 1; give the smaller bound first' <<'END'
#include <loadkit/loadkit.h>
LK_VU(demo) { int count; };
LK_STEP(demo, a, .weight = -1) { self->count++; }
LK_STEP(demo, b, .timeout_s = -5) { self->count++; }
LK_STEP(demo, c, .every = LK_BETWEEN(2, 1)) { self->count++; }
LK_MAIN()
END
none='no step is registered; write LK_STEP(type, name) { ... }, and link scenarios that stand in a static archive with -Wl,--whole-archive: nothing refers to them by name, so the linker leaves them out'
wrong "a program without any step is told about archives" "wrong: $none" <<'END'
#include <loadkit/loadkit.h>
LK_MAIN()
END

# ---- scenarios in several files

cat >shared.h <<'END'
#include <loadkit/loadkit.h>
struct demo { int count; };
END
cat >one.c <<'END'
#include "shared.h"
LK_VU(demo);
LK_PARAM(size);
LK_STEP(demo, login) { self->count++; }
LK_MAIN()
END
cat >two.c <<'END'
#include "shared.h"
LK_STEP(demo, buy, .needs = "login") { self->count++; }
END
build_program several one.c two.c
ends "a scenario may be spread over files" 0 ./several list
cp out listed
build_program several two.c one.c
ends "in any order of linking" 0 ./several list
cmp -s out listed
tell $? "which changes nothing"
ends "and it runs" 0 ./several -qi 5
sed 's/buy/login/; s/, .needs = "login"//' two.c >three.c
build_program several one.c three.c
refuses "a step that is there twice is told, with both places" \
    'several: three.c:2: step demo.login: there is one already at one.c:4; rename or remove one' \
    ./several
printf '#include "shared.h"\nLK_PARAM(size);\n' >four.c
build_program several one.c four.c
refuses "so is a parameter" \
    'several: one.c:3: parameter size: there is one already at four.c:2; rename or remove one' \
    ./several
sed 's/int count/int count, more/' shared.h >fatter.h
sed 's/shared/fatter/' two.c >five.c
build_program several one.c five.c
refuses "files that disagree about the state are told" \
    'several: one.c:4: struct demo has 4 bytes here and 8 at five.c:2; define it once, in a header' \
    ./several
grep -v 'LK_VU' one.c >six.c
build_program several six.c two.c
refuses "a user type that is not there is told once" \
    'several: six.c:3: step demo.login: no user type demo is registered; write LK_VU(demo) { ... }; or link the file that has it' \
    ./several
printf '#include <loadkit/loadkit.h>\nLK_MAIN()\n' >main.c
grep -v LK_MAIN one.c >seven.c
"${compile[@]}" -c seven.c && ar rcs libseven.a seven.o
build_program several main.c libseven.a
refuses "what the linker left out of an archive is told" "several: $none" ./several
build_program several main.c -Wl,--whole-archive libseven.a -Wl,--no-whole-archive
ends "and is there with --whole-archive" 0 ./several -qi 5
if "${compile[@]}" -shared -fPIC -fvisibility=default seven.c -o libseven.so; then
    build_program several main.c -rdynamic -Wl,--no-as-needed -L. -lseven -Wl,-rpath,"$dir"
    ends "a scenario may stand in a shared object" 0 ./several -qi 5
fi

end_tests

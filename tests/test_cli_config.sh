#!/usr/bin/env bash
#
# What stands below the command line: variables of the environment, and below them the configuration
# file. Each fills in what was not said above it.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"

program good <<'END'
#include <string.h>
#include <loadkit/loadkit.h>

LK_PARAM(text, .value = "none");
LK_PARAM(size, .type = LK_INT, .value = "10");
LK_PARAM(token, .secret = true);
LK_VU(demo) { int unused; };
LK_STEP(demo, show)
{
    LK_FAIL("[%s] %d %zu", lk_param(vu, "text"), (int)lk_param_int(vu, "size"),
            strlen(lk_param(vu, "token")));
}
LK_MAIN()
END
base=(./good -q -w 0 -i 1 --json r.json)

# The run says this of itself.
says() { # what pattern command...
    local what=$1 pattern=$2
    shift 2
    run "$@"
    if [ "$status" = 0 ] && [ ! -s err ] && grep -qE "$pattern" r.json; then
        tell 0 "$what"
    else
        tell 1 "$what"
        cat out err
        grep -E '"(users|workers|seed|message)"' r.json
    fi
    rm -f r.json
}

# Lines of shop.conf by standard input.
config() {
    cat >shop.conf
}

# ---- the environment

says "a variable stands for an option" '"users": *7,' env LK_USERS=7 "${base[@]}"
says "the command line counts more" '"users": *3,' env LK_USERS=7 "${base[@]}" -u 3
says "an empty variable is none" '"users": *1,' env LK_USERS= "${base[@]}"
says "dashes are underlines there" '"dropped": *0,' \
    env LK_ARRIVAL_WAIT=5s LK_RATE=1k ./good -q -w 0 -i 3 --json r.json
says "switches are true" '"users": *1,' env LK_QUIET=yes ./good -w 0 -i 1 --json r.json
ends "or false" 0 env LK_QUIET=0 ./good -w 0 -i 1
[ -s out ]
tell $? "which is as good as nothing"
says "a list is divided by commas and blanks" '"duration_s": *0\.[2-9]' \
    env LK_STAGE='50ms:2,100ms:2  50ms:1' ./good -q -w 0 --json r.json
says "a duration that is typed takes the place of stages that are not" '"iterations": *1,' \
    env LK_STAGE=1h:2 "${base[@]}" -d 1h
says "and the other way round" '"duration_s": *0\.' \
    env LK_DURATION=1h ./good -q -w 0 -s 50ms:2 --json r.json
LK_USERS=x ends "help does not look at them" 0 ./good --help
LK_JSON=r.json ends "nor does list" 0 ./good list
head -n 1 out | grep -q '^user types'
tell $? "which has an option of that name that means something else"

while IFS='|' read -r what variable line; do
    read -r variable <<<"$variable"
    refuses "${what% }" "good: ${line# }" env "$variable" ./good
done <<'END'
a wrong value is refused as it stands there | LK_USERS=x | LK_USERS=x: a number was expected; give a whole number from 1, such as 100 or 10k
so is a switch | LK_NO_COLOR=maybe | LK_NO_COLOR=maybe: true or false was expected; give true or false
so is one of a list | LK_STAGE=1s:1,5 | LK_STAGE=5: there is no colon in it; write TIME:N, such as 30s:100 for users or 30s:200/s for a rate
what comes later is refused there too | LK_THRESHOLD=p95 | LK_THRESHOLD: thresholds are not in this version yet; use --json and judge the result file
what only the client can judge is too | LK_PROXY=foo | LK_PROXY: it does not begin with http://, https:// or socks5://
also if its option has two words | LK_LOCAL_ADDR=x | LK_LOCAL_ADDR: 'x': it is not an address such as 10.0.0.7, or two with a dash between, 10.0.0.7-10.0.0.20
a file that is not there is refused | LK_CONFIG=no.conf | cannot read the configuration file 'no.conf': No such file or directory; name another one
END
refuses "what excludes each other is refused where both stand" \
    'good: --duration goes with no --stage: stages have their own length; leave one of them out' \
    env LK_DURATION=1s LK_STAGE=1s:1 ./good

# Notes, not refusals: they may be meant for somebody else.
ends "a variable that is nearly one is no reason to refuse" 0 env LK_USRES=7 ./good -w 0 -i 1
grep -qxF 'good: the variable LK_USRES names no option; did you mean LK_USERS?' err
tell $? "but to say so"
ends "so is one that is nearly a parameter" 0 env LK_PARAM_tokn=x ./good -w 0 -i 1
grep -qxF 'good: the variable LK_PARAM_tokn names no parameter; did you mean LK_PARAM_token?' err
tell $? "which is told too"
ends "it is told also where what was meant is missing then" 2 env LK_PARAM_siez=x LK_USRES=7 \
    ./good -p size=big -w 0
[ "$(grep -c 'did you mean LK_' err)" = 2 ]
tell $? "before what is wrong"
ends "of a parameter even when all is to be quiet" 2 env LK_PARAM_siez=x ./good -q -p size=big -w 0
grep -q 'did you mean LK_PARAM_size' err
tell $? "since that may be what is wrong"
ends "commands to an orchestrator tell it too" 1 env LK_TOKN=x \
    ./good test status --orchestrator http://127.0.0.1:1
grep -qxF 'good: the variable LK_TOKN names no option; did you mean LK_TOKEN?' err
tell $? "of what they look at"
ends "and those that send parameters" 1 env LK_PARAM_txet=x \
    ./good test start --orchestrator http://127.0.0.1:1
grep -qxF 'good: the variable LK_PARAM_txet names no parameter; did you mean LK_PARAM_text?' err
tell $? "tell of these"
ends "who looks at none says nothing" 0 env LK_USRES=7 ./good list
[ ! -s err ]
tell $? "whatever there is"
ends "others are left alone" 0 env LK_DISTANT=7 LK_PARAM_elsewhere=x LK_USERS=1 ./good -w 0 -i 1
! grep -q '^good: ' err
tell $? "without a word"

# ---- the file

config <<'END'
# a comment
users = 5
	seed=42

param text = a = b # c
param   token = hunter2
END
says "a file sets options" '"users": *5,' "${base[@]}" --config shop.conf
says "and with it parameters, secret ones too" '\[a = b # c\] 10 7"' "${base[@]}" --config=shop.conf
LK_CONFIG=shop.conf "${base[@]}"
[ -s r.json ] && ! grep -q hunter2 r.json
tell $? "which are not shown"
printf 'poppy' >secret
LK_PARAM_token="it's sesame" "${base[@]}" -p token=@secret
grep -qE "\"command\": *\"LK_PARAM_token='\*\*\*' " r.json && ! grep -qE 'sesame|poppy' r.json
tell $? "nor are those of a variable"
says "a variable may name it" '"seed": *42,' env LK_CONFIG=shop.conf "${base[@]}"
says "the environment counts more" '"users": *6,' env LK_CONFIG=shop.conf LK_USERS=6 "${base[@]}"
says "and the command line still more" '"users": *7,' \
    env LK_CONFIG=shop.conf LK_USERS=6 "${base[@]}" -u 7
says "of parameters too" '\[env\] 10 7"' env LK_PARAM_text=env "${base[@]}" --config shop.conf
says "which the command line ends" '\[typed\] 10 7"' \
    env LK_PARAM_text=env "${base[@]}" --config shop.conf -p text=typed
refuses "another file that is named takes its place" \
    "good: cannot read the configuration file 'no.conf': No such file or directory; name another one" \
    env LK_CONFIG=shop.conf ./good --config no.conf
printf '\xef\xbb\xbfusers = 4\r\nno_color = true\r\nstage = 50ms:3' >shop.conf
says "what editors leave does no harm" '"duration_s": *0\.' \
    ./good -q -w 0 --json r.json --config shop.conf
config <<<$'stage = 100ms:3\nstage = 100ms:3'
says "a list has lines" '"duration_s": *(0\.[2-9]|[1-9])' ./good -q -w 0 --json r.json --config shop.conf
config <<<$'users = 2\nstage = 50ms:3\nduration = 1s'
refuses "what excludes each other is refused in a file" \
    'good: --duration goes with no --stage: stages have their own length; leave one of them out' \
    ./good --config shop.conf
printf 'sesame' >secret
config <<<$'param text = @@home\nparam token = @secret'
says "a value may stand in a file of its own" '\[@home\] 10 6"' "${base[@]}" --config shop.conf
config <<<$'users = 3\nno-color = 1'
ends "debug takes what is its own of the same file" 1 ./good debug --config shop.conf

# what | the file, with / between lines | what is said
while IFS='|' read -r what lines line; do
    lines=${lines# }
    tr / '\n' <<<"${lines% }" >shop.conf
    refuses "${what% }" "good: ${line# }" ./good --config shop.conf
done <<'END'
a wrong value is refused by file and line | users = 5/grace = soon | shop.conf:2: grace = soon: a number was expected; give a time such as 10s or 0s
an unknown name is refused | frobnicate = 5 | shop.conf:1: unknown name 'frobnicate'; names are those of the long options, or param NAME
a mistyped name is answered by the right one | # a//usres = 5 | shop.conf:3: unknown name 'usres'; did you mean users?
a letter is no name | u = 5 | shop.conf:1: unknown name 'u'; names are those of the long options, or param NAME
a line has a value | users 5 | shop.conf:1: 'users' has no value; write NAME = VALUE
a value that is missing is not shown | param token hunter2 | shop.conf:1: 'param' has no value; write NAME = VALUE
a value is something | users = | shop.conf:1: users = '': it is empty; give a whole number from 1, such as 100 or 10k
a name stands once | users = 5/seed = 1/users = 5 | shop.conf:3: users stands in line 1 already; leave one of them
a file names no other one | config = x | shop.conf:1: unknown name 'config'; names are those of the long options, or param NAME
what is typed only is no name | version = 1 | shop.conf:1: unknown name 'version'; names are those of the long options, or param NAME
parameters are written in another way | init-param = a=1 | shop.conf:1: parameters are written param NAME = VALUE
a parameter has a name | param = 1 | shop.conf:1: a parameter is written param NAME = VALUE
a parameter has one name | param a b = 1 | shop.conf:1: a parameter is written param NAME = VALUE
an unknown parameter is named with its line | /param nope = 1 | unknown parameter 'nope' (from the file shop.conf, line 2); `list` shows them all
a mistyped one is answered by the right one | param txet = 1 | unknown parameter 'txet' (from the file shop.conf, line 1); did you mean text?
a parameter stands once | param text = 1/param text = 2 | parameter text is given twice, again in the file shop.conf, line 2; give it once
its value is of its type | param size = big | parameter size is 'big' (from the file shop.conf, line 1): a number was expected; give a whole number such as 42, -1 or 10k
END
printf 'users = 5\n\0' >shop.conf
refuses "a file of bytes is none" \
    "good: cannot read the configuration file 'shop.conf': there is a zero byte in it; name another one" \
    ./good --config shop.conf
head -c 1100000 /dev/zero | tr '\0' '#' >shop.conf
refuses "nor is a large one" \
    "good: cannot read the configuration file 'shop.conf': it is larger than 1 MiB; name another one" \
    ./good --config shop.conf
refuses "nor is a directory" \
    "good: cannot read the configuration file '/': Is a directory; name another one" ./good --config /

end_tests

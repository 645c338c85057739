#!/usr/bin/env bash
#
# Parameters: what their types take and what steps read of them, where values come from, and that
# secret ones show up nowhere.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
build=${BUILD:-$root/build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-params.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# shellcheck source=tests/support/tell.sh
. "$root/tests/support/tell.sh"

read -ra compile <"$build/flags"
read -ra libs <"$build/libs"
cat >typed.c <<'END'
#include <inttypes.h>
#include <string.h>
#include <loadkit/loadkit.h>

LK_PARAM(text, .value = "abc", .help = "any");
LK_PARAM(count, .type = LK_INT, .value = "10k");
LK_PARAM(share, .type = LK_DOUBLE, .value = "0.25");
LK_PARAM(loud, .type = LK_BOOL, .value = "yes");
LK_PARAM(pause, .type = LK_SECONDS, .value = "1m");
LK_PARAM(none, .type = LK_INT);
LK_PARAM(token, .secret = true, .help = "of the API");
LK_PARAM(pin, .type = LK_INT, .secret = true);
LK_PARAM(read, .value = "all");
LK_VU(demo) { int unused; };

/* Ends the step with all values, or reads one by a function that is not its own. */
LK_STEP(demo, show)
{
    const char *read = lk_param(vu, "read");

    if (read[0] == 'i')
        LK_FAIL("%" PRId64, lk_param_int(vu, read + 1));
    if (read[0] == 'd')
        LK_FAIL("%g", lk_param_double(vu, read + 1));
    if (read[0] == 'l')
        LK_FAIL("%zu letters", strlen(lk_param(vu, read + 1)));
    if (read[0] == 'b')
        LK_FAIL("%d", lk_param_bool(vu, read + 1));
    LK_FAIL("[%s] %" PRId64 " %g %d %g [%s] %" PRId64, lk_param(vu, "text"),
            lk_param_int(vu, "count"), lk_param_double(vu, "share"), lk_param_bool(vu, "loud"),
            lk_param_double(vu, "pause"), lk_param(vu, "token"), lk_param_int(vu, "pin"));
}

LK_MAIN()
END
"${compile[@]}" -I"$root/include" typed.c "$build/libloadkit.a" "${libs[@]}" -lpthread -lm -o typed
tell $? "a program with parameters of every type is built"

# The step says what begins so.
shows() { # what text command...
    local what=$1 want="\"message\":\"${2//\"/\\\"}"
    shift 2
    "$@" -q -i 1 --json - >out 2>err </dev/null
    grep -qF "$want" out
    tell $? "$what"
    grep -qF "$want" out || cat out err
}

refuses() { # what line command...
    local what=$1 want="typed: $2" status
    shift 2
    "$@" -q -i 1 >out 2>err </dev/null
    status=$?
    [ "$status" = 2 ] && [ ! -s out ] && [ "$(cat err)" = "$want" ]
    tell $? "$what"
    [ "$status" = 2 ] && [ "$(cat err)" = "$want" ] ||
        printf 'status %s\nwant: %s\ngot:  %s\n' "$status" "$want" "$(cat err)"
}

# ---- types

shows "values that are not given are those registered" '[abc] 10000 0.25 1 60 [] 0' ./typed
shows "values that are given are read by their type" '[10k] -5 1e+06 0 1.5 [] 0' \
    ./typed -p text=10k -p count=-5 -p share=1e6 -p loud=Off -p pause=1s500ms
shows "a time without a unit is seconds" '[] 10000 0.25 1 2.5 [] 0' ./typed -p pause=2.5 -p text=
while IFS='|' read -r what given line; do
    refuses "${what% }" "parameter ${line# }" ./typed -p "${given// /}"
done <<'END'
a word is no number | count=many | count is 'many': a number was expected; give a whole number such as 42, -1 or 10k
half a number is no whole one | count=1.5 | count is '1.5': something follows the digits; give a whole number such as 42, -1 or 10k
nothing is no number | count= | count is '': it is empty; give a whole number such as 42, -1 or 10k
a comma is no point | share=0,5 | share is '0,5': a number was expected; give a number such as 0.5, -2 or 1e6
what is neither true nor false is refused | loud=2 | loud is '2': true or false was expected; give true or false
a time needs a unit that exists | pause=5x | pause is '5x': the units are d h m s ms us; give a time such as 1.5, 250ms or 1h30m
a time is not negative | pause=-1 | pause is '-1': it is negative; give a time such as 1.5, 250ms or 1h30m
END
reads() { # call what the step says
    shows "$1 of a parameter of another type fails the step" \
        "parameter \"${2#?}\" is $3" ./typed -p "read=$2"
}
reads lk_param_int itext 'LK_STRING, which lk_param_int does not read: register it with .type = LK_INT'
reads lk_param_double dcount 'LK_INT, which lk_param_double does not read: register it with .type = LK_DOUBLE'
reads lk_param_bool bpause 'LK_SECONDS, which lk_param_bool does not read: register it with .type = LK_BOOL'
shows "so does a parameter that is not there" \
    'no parameter "nope" is registered: add LK_PARAM(nope)' ./typed -p read=inope

# ---- files

printf 'from a file\n' >value
shows "a value may stand in a file, without its last new-line" '[from a file] ' \
    ./typed -p text=@value
printf '12\r\n' >value
shows "with the ends of lines of other systems" '[abc] 12 ' ./typed -p count=@value
printf '12' >value
shows "and with none" '[abc] 12 ' ./typed -p count=@value
: >value
shows "and empty" '[] 10000 ' ./typed -p text=@value
shows "through a pipe as well" '[piped] ' ./typed -p text=@<(echo piped)
shows "two @ are a value that begins with one" '[@value] ' ./typed -p text=@@value
printf 'x\ny\n' >value
refuses "a wrong value is told with its file" \
    "parameter count is 'x?y' (from the file value): a number was expected; give a whole number such as 42, -1 or 10k" \
    ./typed -p count=@value
other='name another one, or write @@ for a value that begins with @'
refuses "a file that is not there is told" \
    "parameter text: cannot read the file 'missing': No such file or directory; $other" \
    ./typed -p text=@missing
refuses "so is a folder" \
    "parameter text: cannot read the file '.': Is a directory; $other" ./typed -p text=@.
refuses "and a file without a name" \
    "parameter text: cannot read the file '': No such file or directory; $other" ./typed -p text=@
printf 'a\0b' >value
refuses "a value holds no zero byte" \
    "parameter text: cannot read the file 'value': there is a zero byte in it; $other" \
    ./typed -p text=@value
refuses "and has an end" \
    "parameter text: cannot read the file '/dev/zero': it is larger than 1 MiB; $other" \
    ./typed -p text=@/dev/zero
refuses "a parameter that is unknown is told before its file is looked at" \
    "unknown parameter 'txt'; did you mean text? there is text, count, share, loud, pause, none, token, pin, read" \
    ./typed -p txt=@missing

# ---- the environment

shows "a value may stand in the environment" '[from a variable] 7 ' \
    env LK_PARAM_text='from a variable' LK_PARAM_count=7 ./typed
shows "where @ means nothing else" '[@value] ' env LK_PARAM_text=@value ./typed
shows "what is typed comes before it" '[typed] ' \
    env LK_PARAM_text='from a variable' ./typed -p text=typed
shows "variables of other programs do no harm" '[abc] ' env LK_PARAM_nobody=1 ./typed
refuses "a wrong value is told with its variable" \
    "parameter loud is 'maybe' (from the variable LK_PARAM_loud): true or false was expected; give true or false" \
    env LK_PARAM_loud=maybe ./typed

# ---- secrets

secret=hunter2
printf '%s\n' "$secret" >key
shows "a secret comes from a file" '7 letters' ./typed -p token=@key -p read=ltoken
shows "or from the environment" '7 letters' env LK_PARAM_token=$secret ./typed -p read=ltoken
shows "a message that holds it shows stars" '[abc] 10000 0.25 1 60 [***] 0' ./typed -p token=@key
long=$(printf %0231d 0)
shows "and so does one that is cut in the middle of it" "[$long] 10000 0.25 1 60 [***" \
    ./typed -p token=@key -p text="$long"
refuses "but is not typed" \
    "parameter token is secret, and others on this machine can see what is typed; give it with -p token=@FILE or in the variable LK_PARAM_token" \
    ./typed -p token=$secret
refuses "a wrong one is told without its value" \
    "parameter pin is secret and not shown (from the file key): a number was expected; give a whole number such as 42, -1 or 10k" \
    ./typed -p pin=@key
LK_PARAM_token=$secret ./typed list >out && ./typed list --json >>out
grep -q '^  token  *secret: of the API$' out && grep -q '^  pin  *int, secret$' out &&
    grep -q '"name":"token",[^}]*"secret":true,"value":null' out
tell $? "the list says that it is secret"
LK_PARAM_token=$secret ./typed -i 1 --json result >out 2>&1
cat result >>out
grep -q '"schema"' result && ! grep -q $secret out
tell $? "nothing that is written has its value"

end_tests

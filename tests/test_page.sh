#!/usr/bin/env bash
#
# What the page of an orchestrator tells people, by its own script: which token it wants, that one was
# wrong, and that nobody answers any more.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/api.sh
. "$root/tests/support/api.sh"

program demo <<'SOURCE'
#include <loadkit/loadkit.h>
LK_VU(demo) { int unused; };
LK_STEP(demo, look) { lk_sleep(vu, 1); }
LK_MAIN()
SOURCE

token="token-of-the-test"
printf '%s\n' "$token" >token
start_redis || exit 1
orchestrate page --token-file token
get /
same 'fields of a form are dark where the page is' ':root{color-scheme:light dark}' \
    "$(grep -o ':root.*' body)"

timeout 60 node "$root/tests/support/page.js" "$url" "$token" "${orchestrators[0]}" >told 2>&1
told() { # number
    sed -n "$1p" told
}
same 'who opens it is asked for the token' \
    'form log in with the token to see how the run stands' "$(told 1)"
same 'a wrong one is said to be wrong' 'form this is not the token' "$(told 2)"
same 'and still is a second later' 'form this is not the token' "$(told 3)"
same 'by the right one all is shown' '- ' "$(told 4)"
same 'when the orchestrator has gone it is said of when that is' \
    '- the orchestrator does not answer; what is shown is as of' "$(told 5 | sed 's/ [0-9].*//')"
[[ $(told 5) =~ [0-9]:[0-9][0-9] ]]
tell $? 'by the time'

end_tests

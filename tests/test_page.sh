#!/usr/bin/env bash
#
# What the page of an orchestrator shows people, in a browser: which token it wants, that one was wrong,
# how a run stands, and that nobody answers any more.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/api.sh
. "$root/tests/support/api.sh"
# shellcheck source=tests/support/browser.sh
. "$root/tests/support/browser.sh"
trap 'end_browser; finish' EXIT

program demo <<'SOURCE'
#include <loadkit/loadkit.h>
LK_PARAM(setup_s, .type = LK_DOUBLE, .value = "0");
LK_VU(demo) { int unused; };
LK_ON_SETUP() { lk_sleep(vu, lk_param_double(vu, "setup_s")); }
LK_STEP(demo, look) { lk_sleep(vu, 1); }
LK_MAIN()
SOURCE

# What somebody who looks at it sees: whether one may log in, and what is wrong.
told="(document.querySelector('form').checkVisibility() ? 'form ' : '- ') +
    document.querySelector('[role=status]').innerText"
polls="performance.getEntriesByType('resource').filter(e => e.name.endsWith('/ready')).length"
sideways="document.documentElement.scrollWidth - document.documentElement.clientWidth"

comes_to() { # expression want
    evaluate "$1" && [ "$value" = "$2" ]
}

shows() { # what want expression
    until_true comes_to "$3" "$2"
    same "$1" "$2" "$value"
}

has_polled() { # count
    evaluate "$polls" && [ "$value" -ge "$1" ]
}

row() { # name: what stands behind it
    echo "[...document.querySelectorAll('tr')].filter(tr => tr.checkVisibility() &&
        tr.cells[0].innerText === '$1').map(tr => tr.cells[1].innerText).join()"
}

# Of what is painted behind it: 0 is black, 1 white.
shade() { # element
    echo "Math.round(getComputedStyle(document.querySelector('$1')).backgroundColor
        .match(/[0-9]+/g).slice(0, 3).reduce((sum, x) => sum + +x, 0) / 765)"
}

# Whether it has the colour of all other text.
is_plain="getComputedStyle(document.querySelector('[role=status]')).color ===
    getComputedStyle(document.body).color"
is_faded="getComputedStyle(document.querySelector('#rows')).opacity < 1"

colours() { # scheme
    browser_asks Emulation.setEmulatedMedia \
        "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$1\"}]}"
}

width() { # pixels
    browser_asks Emulation.setDeviceMetricsOverride \
        "{\"width\":$1,\"height\":800,\"deviceScaleFactor\":1,\"mobile\":false}"
}

token="token-of-the-test"
wanted='form log in with the token to see how the run stands'
printf '%s\n' "$token" >token
start_redis || exit 1
orchestrate page --token-file token
start_browser || exit 1
width 400
browser_asks Page.navigate "{\"url\":\"$url/\"}"

shows 'who opens it is asked for the token' "$wanted" "$told"
shows 'a small window is wide enough for the form' 0 "$sideways"
colours light
shows 'fields of a form are light where the page is' 1 "$(shade input)"
colours dark
shows 'and dark where it is dark' '0 0' "$(shade body) + ' ' + $(shade input)"

shows 'that is no complaint' true "$is_plain"
type_line "not-$token"
shows 'a wrong one, typed at once, is said to be wrong' 'form this is not the token' "$told"
shows 'as a complaint' false "$is_plain"
evaluate "$polls"
until_true has_polled $((value + 2))
tell $? 'it asks again how the run stands'
evaluate "$told"
same 'and the token is still said to be wrong' 'form this is not the token' "$value"

type_line "$token"
shows 'by the right one all is shown' '- ' "$told"
shows 'scripts cannot read what was given for it' '' 'document.cookie'
evaluate 'before = true; location.reload()'
shows 'it is not asked for again' '- demo: idle, undefined' \
    "($told) + document.title + ', ' + typeof before"

work page w1
shows 'workers are named' '1: w1' "$(row workers)"
post /start_test '{"target_users":3}' -H "Authorization: Bearer $token"
same 'a run is started' 200 "$status"
shows 'its users are shown' '3 of 3' "$(row users)"
shows 'and its state' 'demo: running' "document.querySelector('h1').innerText"
shows 'a small window is wide enough for a run' 0 "$sideways"
shows 'what is shown is as of now' false "$is_faded"
post /stop_test '' -H "Authorization: Bearer $token"
shows 'and that it has ended' 'demo: idle' "document.querySelector('h1').innerText"
post /start_test '{"target_users":1,"duration_s":30,"params":{"setup_s":3}}' \
    -H "Authorization: Bearer $token"
time_of="(text => text.replace(/[0-9]+ s/, 'N s'))($(row time))"
shows 'what prepares a run is no part of its length' 'setting up, N s' "$(row phase) + ', ' + $time_of"
shows 'which stands beside what is over of it' ', N s of 30 s' "$(row phase) + ', ' + $time_of"
post /stop_test '' -H "Authorization: Bearer $token"
shows 'another end is shown too' 'demo: idle' "document.querySelector('h1').innerText"
kill "${pids[-1]}"
wait "${pids[-1]}"
shows 'and that a worker has gone' 0 "$(row workers)"

# What the script of another would try, had it come into the page.
evaluate "new Promise(done => {
    document.addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));
    fetch('${url/127.0.0.1/localhost}/health').then(done, () => setTimeout(done, 500, 'none'));
})"
same 'it may speak to its orchestrator alone' connect-src "$value"
evaluate "new Promise(done => {
    document.addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));
    document.querySelector('form').submit();
})"
same 'a token gets into no address' form-action "$value"
same 'nothing else of the page is against its policy' 2 \
    "$(grep -c '"source":"security"' browser.events)"
same 'its script never fails' 0 "$(grep -c 'Runtime.exceptionThrown' browser.events)"

kill "${orchestrators[0]}"
wait "${orchestrators[0]}"
gone='- the orchestrator does not answer; what is shown is as of'
shows 'when the orchestrator has gone it is said of when that is' "$gone" \
    "($told).replace(/ [0-9].*/, '')"
shows 'and it fades' true "$is_faded"
evaluate "$told"
[[ $value =~ [0-9]:[0-9][0-9] ]]
tell $? 'by the time'

end_tests

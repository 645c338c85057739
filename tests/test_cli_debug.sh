#!/usr/bin/env bash
#
# The command debug: one user, each step once in an order that honours needs, and every exchange as
# it went over the wire.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"
# shellcheck source=tests/support/example.sh
. "$root/tests/support/example.sh"
tmp=$dir
# shellcheck source=tests/support/nginx.sh
. "$root/tests/support/nginx.sh"
trap 'end_nginx; rm -rf "$dir"' EXIT

# A server that ends with what it reads from us.
serve() { # script
    coproc SERVER { "$build/tests/support/serve" "$1"; }
    read -r url <&"${SERVER[0]}"
}
end_serving() {
    local pid=$SERVER_PID
    eval "exec ${SERVER[1]}>&-"
    wait "$pid"
}

program all <<'END'
#include <string.h>
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true);
LK_PARAM(token, .secret = true);
LK_PARAM(bad);
LK_PARAM(binary, .type = LK_BOOL);

static void misbehave(lk_vu *vu, const char *where)
{
    if (!strcmp(lk_param(vu, "bad"), where))
        LK_FAIL("bad in %s", where);
}

LK_ON_SETUP()
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    lk_get(vu, "/setup");
    misbehave(vu, "setup");
}
LK_ON_TEARDOWN() { lk_get(vu, "/teardown"); misbehave(vu, "teardown"); }
LK_PROBE(depth, .every_s = 0.01) { return LK_VALUE(lk_get(vu, "/probe")->status); }

LK_VU(buyer) { int unused; };
LK_ON_INIT(buyer) { lk_http_base_url(vu, lk_param(vu, "base_url")); misbehave(vu, "init"); }
LK_ON_START(buyer) { lk_get(vu, "/start"); misbehave(vu, "start"); }
LK_ON_STOP(buyer) { lk_get(vu, "/stop"); misbehave(vu, "stop"); }
LK_STEP(buyer, pay, .needs = "login, search", .every = LK_FIXED(3600))
{
    if (lk_param_bool(vu, "binary"))
        lk_post(vu, "/pay", .body = "\1\2\3\0\5", .body_bytes = 5);
    else
        lk_post(vu, "/pay", .json = LK_OBJECT("token", lk_param(vu, "token"), "text", "0123456789"));
    LK_CHECK(lk_user_id(vu) == 1, "first user");
    for (int i = 0; i < 3; i++)
        LK_CHECK(i != 1 || strcmp(lk_param(vu, "bad"), "check"), "a check");
    misbehave(vu, "pay");
}
LK_STEP(buyer, login)
{
    lk_response *r = lk_get(vu, "/login", .query = LK_PAIRS("key", lk_param(vu, "token")));
    LK_CHECK(r->status == 200, "status");
    if (!strcmp(lk_param(vu, "bad"), "login"))
        LK_FAIL("the token %s is wrong", lk_param(vu, "token"));
}
LK_STEP(buyer, search, .needs = "login") { lk_get(vu, "/search"); }
LK_STEP(buyer, rest) { lk_sleep(vu, 0.001); }

LK_VU(seller) { int unused; };
LK_ON_INIT(seller) { lk_http_base_url(vu, lk_param(vu, "base_url")); }
LK_STEP(seller, sell) { lk_get(vu, "/sell"); }
LK_MAIN()
END

# What was asked for, in its order.
asks() { # what paths
    local got
    got=$(sed -n 's/^  > [A-Z]* \([^ ?]*\).* HTTP\/1\.1$/\1/p' out | paste -sd ' ')
    [ "$got" = "$2" ]
    tell $? "$1"
    [ "$got" = "$2" ] || echo "asked for: $got"
}

shows() { # what line...
    local what=$1 line
    shift
    for line; do
        grep -qxF -- "$line" out && continue
        tell 1 "$what"
        printf 'missing: %s\n' "$line"
        cat out err
        return
    done
    tell 0 "$what"
}

serve ok
debug=(./all debug -p base_url="$url")

ends "a scenario that works passes" 0 "${debug[@]}"
asks "each step is carried out once, after those that it needs, and no probe is read" \
    "/setup /start /login /search /pay /stop /teardown"
shows "each has its name and its place" 'on_setup (all.c:15)' 'on_init (all.c:25)' \
    'on_start (all.c:26)' 'pay (all.c:28)' 'rest (all.c:47)' 'on_stop (all.c:27)' \
    'on_teardown (all.c:21)'
shows "requests are shown as they go out" '  > POST /pay HTTP/1.1' \
    "  > Host: ${url#http://}" '  > Content-Type: application/json' '  > Content-Length: 32' '  >' \
    '  > {"token":"","text":"0123456789"}'
shows "and answers as they come" '  < HTTP/1.1 200 OK' '  < Content-Type: text/plain' '  <' \
    '  < hello'
grep -qE '^  HTTP_200 in [0-9.]+[mun]?s: connect .*, send .*, wait .*; [0-9]+ bytes sent, 69 received$' out
tell $? "with the time that each of their phases took"
shows "checks are told" '  check passed: first user' '  check passed: status'
grep -qE '^  passed in ' out && ! grep -q 'failed' <(grep -v '^passed: ' out)
tell $? "and how each step ended"
[ "$(tail -n 1 out | sed 's/seed .*/seed/')" = 'passed: steps 4 passed, 0 failed, 0 left out; hooks 0 failed; checks 0 failed; requests 7; seed' ]
tell $? "the last line sums it up"
! grep -q $'\e' out && [ ! -s err ]
tell $? "all of it is plain text when that is no terminal"
script -qec "${debug[*]}" /dev/null </dev/null | grep -q $'\e\[[0-9;]*m'
tell $? "and coloured when it is one"
! script -qec "${debug[*]} --no-color" /dev/null </dev/null | grep -q $'\e\[[0-9;]*m'
tell $? "but not with --no-color"

# ---- less of it

ends "one step may be wanted" 0 "${debug[@]}" --step search
asks "which takes what it needs along" "/setup /start /login /search /stop /teardown"
ends "a user type may be wanted" 0 "${debug[@]}" --user seller
asks "of which there is one user" "/setup /sell /teardown"
ends "the step says which type it is of" 0 "${debug[@]}" --step sell
asks "when that is not said" "/setup /sell /teardown"
ends "bodies are cut" 0 "${debug[@]}" --body-bytes 20
shows "where that is wanted" '  > {"token":"","text":"' '  > (cut: 32 bytes in all)'
ends "or left out" 0 "${debug[@]}" --body-bytes 0
shows "all of them" '  > (cut: 32 bytes in all)' '  < (cut: 5 bytes in all)'
ends "a body that is no text" 0 "${debug[@]}" -p binary=yes
shows "is not shown" '  > (5 bytes that are no text)'
LK_PARAM_token='hunter/"22' ends "secrets" 1 "${debug[@]}" -p bad=login
! grep -q hunter out && shows "are masked wherever they stand" '  > GET /login?key=*** HTTP/1.1' &&
    grep -qE '^  STEP_FAILED after .*: the token \*\*\* is wrong$' out
tell $? "in messages too"

# ---- what goes wrong

while read -r bad last; do
    ends "a failure in $bad fails it all" 1 "${debug[@]}" -p bad="$bad"
    [ "$(tail -n 1 out | sed 's/; requests .*//')" = "failed: steps $last" ]
    tell $? "and is counted"
    grep -qE "_FAILED after .*: bad in $bad\$" out || [ "$bad" = check ]
    tell $? "with what went wrong"
done <<'END'
setup 0 passed, 0 failed, 4 left out; hooks 1 failed; checks 0 failed
init 0 passed, 0 failed, 4 left out; hooks 1 failed; checks 0 failed
start 0 passed, 0 failed, 4 left out; hooks 1 failed; checks 0 failed
pay 3 passed, 1 failed, 0 left out; hooks 0 failed; checks 0 failed
check 4 passed, 0 failed, 0 left out; hooks 0 failed; checks 1 failed
stop 4 passed, 0 failed, 0 left out; hooks 1 failed; checks 0 failed
teardown 4 passed, 0 failed, 0 left out; hooks 1 failed; checks 0 failed
END
run "${debug[@]}" -p bad=check
shows "a check that failed is told with how often" '  check failed 1 of 3 times: a check'
ends "what needs a step that failed" 1 "${debug[@]}" -p bad=login
shows "is left out, and says why" \
    'pay was not carried out: it needs login, which did not succeed' \
    'search was not carried out: it needs login, which did not succeed'
run "${debug[@]}" -p bad=start
asks "who does not start stops all the same, once" "/setup /start /stop /teardown"
end_serving

serve half
ends "half an answer is none" 1 ./all debug -p base_url="$url" --user seller
grep -qE '^  HTTP_[A-Z]+ in .*; .* bytes sent, [0-9]+ received; ' out
tell $? "and is told with what was wrong"
shows "and with the head that came" '  < HTTP/1.1 200 OK' '  < Content-Length: 10'
ends "by libcurl half an answer is none either" 1 ./all debug -p base_url="$url" --user seller \
    --http-engine curl
shows "and has its head too" '  < HTTP/1.1 200 OK' '  < Content-Length: 10'
end_serving
serve wait
./all debug -p base_url="$url" --user seller >out 2>err &
pid=$!
for _ in $(seq 200); do
    grep -q 'Host: ' out && break
    sleep 0.05
done
# two that come at once are one
for _ in $(seq 200); do
    grep -q '^failed: ' out && break
    kill -INT "$pid" 2>/dev/null
    sleep 0.05
done
wait "$pid"
[ $? = 1 ] && grep -q '^failed: ' out
tell $? "who loses patience gets a last line too"
end_serving

# ---- redirects, cookies, packed bodies, what is recorded

program journey <<'END'
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true);
LK_PARAM(token, .secret = true);
LK_METRIC(basket, LK_TREND, .unit = "EUR");

LK_VU(traveller) { int unused; };
LK_ON_INIT(traveller) { lk_http_base_url(vu, lk_param(vu, "base_url")); }
LK_STEP(traveller, go)
{
    lk_response *r = lk_get(vu, "/from", .authorization = lk_basic(vu, "me", "secret"));

    LK_EXPECT_BODY(r, "unpacked");
    lk_record(vu, "basket", 12.5);
    lk_emit(vu, "cook", .seconds = 0.25, .code = "BURNT", .failed = true, .message = "black");
    LK_TIMED("table") { lk_record(vu, "basket", 3); }
}
LK_STEP(traveller, ask)
{
    lk_get(vu, "/asked", .debug = true, .query = LK_PAIRS("k", lk_param(vu, "token")));
}
LK_STEP(traveller, both, .weight = 0.001)
{
    lk_response *answers[2];

    lk_batch(vu, answers, LK_REQUEST("GET", "/one"), LK_REQUEST("GET", "/two"));
}
LK_MAIN()
END
serve journey
ends "a journey ends well" 0 ./journey debug -p base_url="$url" --step go
asks "each hop of a redirect is shown" "/from /there"
shows "with the cookie that it got on the way, and who asks" '  < Set-Cookie: sid=abc' \
    '  > Cookie: sid=abc' '  > Authorization: Basic ***'
shows "a packed body is shown unpacked" '  < Content-Encoding: gzip' '  < hello, unpacked'
shows "what is recorded is shown" '  recorded basket: 12.5' '  recorded basket: 3' \
    '  emitted cook: BURNT in 250ms'
grep -qE '^  emitted table: METRIC_OK in [0-9.]+[mun]s$' out
tell $? "and so are blocks that are timed"
end_serving

# ---- HTTP/2

secure() { # what
    ends "$1" 0 ./all debug -p base_url="https://$nginx_host:$port" --user seller \
        --http-engine curl --http-version 2 --ca-file "$tmp/nginx.pem"
}
nginx_secure=yes
nginx_listen=http2
start_nginx ""
secure "HTTP/2 is spoken"
shows "and shown as such" '  > GET /sell HTTP/2' '  < HTTP/2 200 ' '  < content-length: 6'
! grep -q 'HTTP/1\|does not speak' out
tell $? "in all lines"
end_nginx
nginx_listen=
start_nginx ""
secure "a server without HTTP/2 is asked for it"
shows "and shown as it answers" '  > GET /sell HTTP/2' '  < HTTP/1.1 200 OK' &&
    grep -q '^  HTTP_200 in .*; the server does not speak HTTP/2$' out
tell $? "with a word about it"
end_nginx

# ---- one request of many

# Blocks of lines that nobody else's stand between: how many, and how many that are torn.
blocks() { # file
    awk '
        /^user [0-9]+, step ask:$/ { bad += open; open = 1; asked = answered = 0; next }
        !open { next }
        /^  > GET \/asked\?k=\*\*\* HTTP\/1.1$/ { bad += asked; asked = 1 }
        /^  < HTTP\/1.1 200 OK$/ { bad += !asked || answered; answered = 1 }
        /^  HTTP_200 in / { bad += !answered; open = 0; count++ }
        END { print count + 0, bad + open }' "$1"
}
serve ok
LK_PARAM_token=hunter22 run ./journey run -q -w 2 -u 8 -i 60 -p base_url="$url"
read -r count bad < <(blocks err)
[ "$count" -gt 0 ] && [ "$count" = "$(grep -c '^user ' err)" ] && [ "$bad" = 0 ]
tell $? "an exchange that is to be shown is shown as a whole, from whichever worker"
[ "$(grep -c '/asked' err)" = "$count" ] && ! grep -qE 'hunter|/from' err
tell $? "only that, and without secrets"
LK_PARAM_token=hunter22 run ./journey debug -p base_url="$url" --step ask
[ ! -s err ] && [ "$(grep -c '/asked' out)" = 1 ]
tell $? "who is shown everything is shown it once"
ends "requests at once end well" 0 ./journey debug -p base_url="$url" --step both
shows "it is said to which of them an answer belongs" '  answer to GET /one HTTP/1.1:' \
    '  answer to GET /two HTTP/1.1:'
end_serving

# ---- what is refused

while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    refuses "${what% }" "all: ${line# }" ./all debug -p base_url=http://127.0.0.1 "${args[@]}"
done <<'END'
a user type has to be there | --user nobody | --user nobody: there is no such user type; there is buyer, seller
a mistyped one is answered by the right one | --user buyr | --user buyr: there is no such user type; did you mean buyer? there is buyer, seller
a step has to be there | --step nothing | --step nothing: there is no such step; there is pay, login, search, rest, sell
a mistyped step is answered by the right one | --step serach | --step serach: there is no such step; did you mean search? there is pay, login, search, rest, sell
it has to be of the user type | --user seller --step pay | --step pay: there is no such step; there is sell
bytes are a number | --body-bytes all | --body-bytes all: a number was expected; give a whole number such as 0 or 10k
there are no users to give | -u 5 | unknown option -u; --help lists them all
END
refuses "required parameters are required" \
    'all: all.c:4: parameter base_url is required; give it with -p base_url=VALUE' ./all debug

# ---- a step that takes the program with it

for how in null exit; do
    ends "a step that ends the program fails ($how)" 1 \
        "$build/tests/support/mishap" debug -p how=$how -p who=1 -p after=0
    grep -q '^mishap: .* in step pay of user 1' err
    tell $? "and is named ($how)"
done

# ---- the shop

serve_example shop_server
ends "the shop works" 0 "$build/examples/shop" debug -p base_url="http://$address"
shows "as an author would see it" '  > {"username":"user_1","password":"password"}'
end_example

# ---- what would move the cursor of a terminal

program crooked <<'END'
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true);

LK_VU(crook) { int unused; };
LK_ON_INIT(crook) { lk_http_base_url(vu, lk_param(vu, "base_url")); }
LK_STEP(crook, chat)
{
    lk_ws *ws = lk_ws_open(vu, "/rooms/1", .headers = LK_PAIRS("X-Name", "caf\xe9\x9b"));

    lk_ws_send(ws, "one\r\ntwo \xc2\x9b" "2J \x1b[2J \xc3\xbc");
}
LK_MAIN()
END
serve_example chat_server
LC_ALL=C run ./crooked debug -p base_url="http://$address"
shows "a message stands on one line" '  SEND /rooms/{id}: one  two ??2J ?[2J ü'
shows "what is no UTF-8 is replaced in heads" '  > X-Name: caf??'
end_example

# ---- what the program prints

program chatty <<'END'
#include <stdio.h>
#include <loadkit/loadkit.h>

LK_VU(parrot) { int unused; };
LK_STEP(parrot, first) { puts("one"); }
LK_STEP(parrot, second, .needs = "first") { puts("two"); }
LK_MAIN()
END
ends "a program that prints may be looked at" 0 ./chatty debug
[ "$(grep -oE '^(first|second) \(|one|two' out | tr -d '( ' | tr '\n' ' ')" = "first one second two " ]
tell $? "what a step prints stands below its name"

end_tests

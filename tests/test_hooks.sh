#!/usr/bin/env bash
#
# Set-up, tear-down, probes and factories of real programs against a real server, at every kind of
# end. What the programs counted is what the server did.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
build=$(cd "${BUILD:-$root/build}" && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-hooks.XXXXXX") || exit 1

# shellcheck source=tests/support/check.sh
. "$root/tests/support/check.sh"
# shellcheck source=tests/support/example.sh
. "$root/tests/support/example.sh"

trap 'end_example; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

# By the flags of the library: it may have been made with sanitizers.
read -ra compile <"$build/flags"
read -ra libs <"$build/libs"
libs+=(-lcjson)
compile+=(-Wno-missing-prototypes -I"$root/include")

program() { # name; the source comes by standard input
    cat >"$1.c"
    : | tee out >err
    check "$1 is built" "${compile[@]}" "$1.c" "$build/libloadkit.a" "${libs[@]}" -lpthread -lm \
        -o "$1"
}

# Starts a server, runs a program against it, ends the server. Sets status and served.
run() { # program argument...
    serve_example shop_server
    rm -f result.json
    timeout 60 "$@" -p "base_url=http://$address" --json result.json >out 2>err
    status=$?
    end_example
}

number() { # key
    sed -n "s/^.*\"$1\": *\([0-9][0-9]*\).*$/\1/p" result.json | head -n 1
}

requests_of() { # id: how many requests of that metric
    sed -n "s|^.*\"id\":\"$1\",.*\"requests\":\([0-9]*\).*$|\1|p" result.json | head -n 1
}

equals() { # want got
    [ "$1" = "$2" ] || {
        echo "want: $1, got: $2"
        return 1
    }
}

either_says() { # text, over however many lines
    cat out err | tr -s ' \n' ' ' | grep -qF -- "$1" || {
        echo "it does not say: $1"
        return 1
    }
}

# All that was sent came to the server, and nothing else.
reconciles() {
    equals "$(($(number http_requests) - $(number http_unsent)))" "$served"
}

# ---- the example

run "$build/examples/setup" -u 8 -d 1500ms
check "the example passes" ended_with 0
check "eight users share one login" equals 1 "$(requests_of 'on_setup/POST /auth')"
check "and nobody logs in again" equals 1 "$(grep -c '"id":"[^"]*POST /auth"' result.json)"
check "the tear-down makes its request" equals 1 "$(requests_of 'on_teardown/POST /orders')"
check "the probe is read all the time" test "$(requests_of 'orders/GET /health')" -ge 3
check "the probe sees the orders come" test \
    "$(sed -n 's/^.*"name":"orders",.*"last":\([0-9]*\),.*$/\1/p' result.json)" -gt 0
check "requests behind the scene are counted like others" reconciles
in_seconds=$(sed -n 's/^{"t":.*"requests":\([0-9]*\).*$/\1/p' result.json | paste -sd+)
check "but those of set-up and tear-down are of none of the run's seconds" \
    equals "$(($(number http_requests) - 2))" "$((in_seconds))"

# ---- a set-up that fails

program fails <<'END'
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true);
LK_PARAM(how);
LK_VU(demo) { int count; };
LK_ON_SETUP()
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    LK_REQUIRE(lk_get(vu, "/cart")->status < 400, "no cart\nto be had");
}
LK_ON_TEARDOWN() { lk_get(vu, "/"); }
LK_STEP(demo, look) { self->count++; lk_get(vu, "/catalog"); }
LK_MAIN()
END
run ./fails -u 3 -d 1s
check "a set-up that fails, fails the run" ended_with 1
check "the report says why" either_says "FAILED: on_setup failed: no cart?to be had"
check "no user begins" equals 0 "$(number steps)"
check "but it is torn down" equals 1 "$(requests_of 'on_teardown/GET /')"
check "a set-up that fails is counted like others" reconciles
run ./fails -q -u 3 -d 1s
check "a quiet run says why, too" equals "fails: the run failed: on_setup failed: no cart?to be had" \
    "$(cat err)"

# ---- ends

program ends <<'END'
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true);
LK_PARAM(in, .value = "setup", .help = "setup, users, teardown or probe");
LK_PARAM(how, .value = "none", .help = "what happens there: int, ints, block, hang, null");
LK_VU(demo) { int count; };

static void block(void *unused)
{
    (void)unused;
    sleep(30);
}

static pid_t program;

__attribute__((constructor)) static void begin(void)
{
    program = getpid();
}

/* It is the program that is told, also when this is a worker of it. Two signals at once would be
 * one; and in the program itself they come to the loop between two waits. */
static void interrupt(lk_vu *vu)
{
    kill(program, SIGINT);
    usleep(20000);
    lk_sleep(vu, 0);
    lk_sleep(vu, 0.05);
}

static volatile char *volatile nowhere;

static void happen(lk_vu *vu, const char *in)
{
    const char *how = lk_param(vu, "how");

    if (strcmp(lk_param(vu, "in"), in) != 0)
        return;
    if (!strncmp(how, "int", 3))
        interrupt(vu);
    if (!strcmp(how, "ints"))
        interrupt(vu);
    if (!strcmp(how, "block"))
        lk_blocking(vu, block, NULL);
    if (!strcmp(how, "kill") && lk_user_id(vu) == 1)
        raise(SIGKILL);
    if (!strcmp(how, "null"))
        nowhere[64] = 1; /* not at 0, which a sanitizer would name before us */
    if (!strcmp(how, "hang")) {
        while (!lk_should_stop(vu))
            lk_sleep(vu, 0.01);
    }
}

LK_ON_SETUP(.timeout_s = 1)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    lk_get(vu, "/");
    happen(vu, "setup");
}

LK_ON_TEARDOWN(.timeout_s = 1)
{
    happen(vu, "teardown");
    lk_get(vu, "/health");
}

LK_PROBE(depth, .every_s = 0.01)
{
    happen(vu, "probe");
    return LK_VALUE(lk_get(vu, "/health")->status);
}

LK_ON_INIT(demo) { lk_http_base_url(vu, lk_param(vu, "base_url")); }

LK_STEP(demo, look, .every = LK_FIXED(0.01))
{
    happen(vu, "users");
    self->count++;
    lk_get(vu, "/catalog");
}
LK_MAIN()
END

torn_down() {
    equals 1 "$(requests_of 'on_teardown/GET /health')"
}

users_began() {
    [ "$(number steps)" -gt 0 ]
}

ends() { # what status argument...
    local what=$1 want=$2
    shift 2
    run ./ends -u 3 -d 200ms --grace 100ms "$@"
    check "$what: exit status" ended_with "$want"
    check "$what: it adds up" reconciles
}

# What a function still uses that was given up is not given back.
gives_up() { # what status argument...
    ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 ends "$@"
}

ends "by duration" 0
check "by duration: it is torn down" torn_down
check "by duration: the probe was read" test "$(requests_of 'depth/GET /health')" -ge 2
ends "by iterations" 0 -i 20
check "by iterations: it is torn down" torn_down
ends "interrupted" 0 -p in=users -p how=int
check "interrupted: it is torn down" torn_down
ends "interrupted twice" 0 -p in=users -p how=ints
check "interrupted twice: it is torn down all the same" torn_down
ends "interrupted in the set-up" 1 -p how=int
check "interrupted in the set-up: it is torn down" torn_down
check "interrupted in the set-up: no user begins" equals 0 "$(number steps)"
check "interrupted in the set-up: that is why it ended" grep -q '"ended_by":"interrupt"' result.json
ends "interrupted twice in the set-up" 1 -p how=ints
check "interrupted twice in the set-up: it is torn down" torn_down
ends "interrupted twice in the tear-down" 0 -p in=teardown -p how=ints
check "interrupted twice in the tear-down: that is cut off" equals "" \
    "$(requests_of 'on_teardown/GET /health')"
ends "a tear-down that takes too long" 0 -p in=teardown -p how=hang
check "a tear-down that takes too long: it is told" either_says "on_teardown failed: timed out"
gives_up "a set-up that blocks" 1 -p how=block
check "a set-up that blocks: it times out" either_says "on_setup failed: timed out"
check "a set-up that blocks: it is torn down" torn_down
check "a set-up that blocks: it is told of" either_says \
    "on_setup was still in a function called by lk_blocking"
gives_up "a tear-down that blocks" 0 -p in=teardown -p how=block
check "a tear-down that blocks: it is told of" either_says \
    "on_teardown was still in a function called by lk_blocking"
gives_up "a probe that blocks" 0 -p in=probe -p how=block
check "a probe that blocks: it is torn down" torn_down
gives_up "users that block" 0 -p in=users -p how=block
check "users that block: it is torn down" torn_down
check "users that block: they are told of" either_says \
    "users were still in a function called by lk_blocking"
run ./ends -u 3 -d 200ms -p how=null
check "a fault in the set-up is named" equals "ends: worker 1 crashed: segmentation fault in on_setup" \
    "$(head -n 1 err)"
run ./ends -u 3 -d 200ms -w 0 -p how=null
check "and without workers too" equals "ends: segmentation fault in on_setup" "$(head -n 1 err)"
check "a fault in the set-up ends the run as failed" ended_with 1
run ./ends -u 3 -d 60s -w 2 -p in=users -p how=kill
check "when the first worker dies for good" either_says "worker 1 died three times: killed by signal 9"
check "the tear-down is another's" torn_down
check "and all go by the base URL of the set-up" equals "" "$(grep -o 'needs a base URL' out)"
run ./ends -u 3 -d 60s -w 1 -p in=users -p how=kill
check "if there is another" either_says "on_teardown failed: no worker was left to carry it out"

# ---- factories

program factory <<'END'
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true);

LK_RESOURCE(users, .count = 3)
{
    lk_response *r = lk_post(vu, "/auth", .name = "make",
                             .json = LK_OBJECT("username", lk_format(vu, "user_%s", id),
                                               "password", "password"));
    LK_REQUIRE(r->status < 400, "login returned HTTP %d", r->status);
    lk_get(vu, "/slow?ms=50", .name = "wait");
    return LK_OBJECT("bearer", lk_format(vu, "Bearer %s", lk_str(r, "token")));
}

LK_VU(demo) { int count; };
LK_ON_INIT(demo) { lk_http_base_url(vu, lk_param(vu, "base_url")); }
LK_STEP(demo, order)
{
    lk_json *user = lk_resource_acquire(vu, "users");
    const char *const *headers = LK_PAIRS("Authorization", lk_str(user, "bearer"));

    lk_post(vu, "/cart", .json = LK_OBJECT("item_id", 3), .headers = headers);
    lk_response *r = lk_post(vu, "/orders", .headers = headers);
    /* nobody else has put anything into this cart */
    LK_REQUIRE(lk_int(r, "count") == 1, "%lld articles in the cart", lk_int(r, "count"));
    lk_resource_release(vu, "users", user);
    self->count++;
}
LK_MAIN()
END
run ./factory -u 12 -i 200
check "a factory makes requests" ended_with 0
check "a factory makes as many objects as it is told" equals 3 "$(requests_of 'order/make')"
check "users who wait for one object never share it" equals 0 "$(number step_errors)"
check "all have their turn" equals 200 "$(number iterations)"
check "a factory's requests are counted like others" reconciles

end_tests

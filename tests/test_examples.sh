#!/usr/bin/env bash
#
# The examples do what they promise: the shop and its server, hello, and a protocol of one's own.
# Both sides count, and the counts agree.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-$PWD/build}
examples=$build/examples
dir=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-examples.XXXXXX") || exit 1
result=$dir/result.json

# shellcheck source=tests/support/tell.sh
. tests/support/tell.sh
# shellcheck source=tests/support/result.sh
. tests/support/result.sh
# shellcheck source=tests/support/example.sh
. tests/support/example.sh

# shellcheck disable=SC2317 # called by the trap
finish() {
    end_example
    rm -rf "$dir"
}
trap finish EXIT

# The status of an answer, and then its body.
ask() { # path [curl's argument...]
    curl -s -m 20 -w '\n%{http_code}' "${@:2}" "http://$address$1" |
        awk '{ line[NR] = $0 } END { print line[NR], line[1] }'
}

json() { # body
    printf '%s\n' -H 'Content-Type: application/json' -d "$1"
}

# What comes back for some bytes, pieces sent one by one, until the server closes.
raw() { # piece...
    local piece

    (
        exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
        for piece in "$@"; do
            # shellcheck disable=SC2059
            printf "$piece" >&3
            sleep 0.01
        done
        timeout 20 cat <&3
    ) 2>/dev/null | tr -d '\r'
}

load() { # program [argument...]
    timeout 60 "$examples/$1" run -q -w 0 --json "$result" "${@:2}" >"$dir/out" 2>&1
    same "$1 passes" "0" "$?"
}

# ---- the server of the shop

serve_example shop_server "$dir/shop_server"
same 'the shop says hello' '200 {"hello":"world"}' "$(ask /)"
same 'a catalog has twenty articles' 20 "$(ask /catalog | grep -o '"id":' | wc -l)"
same 'an article can be looked at' '200 {"id":3,"name":"bread knife","price":23.99,"stock":121}' \
    "$(ask /catalog/3)"
same 'an article that does not exist is not found' 404 "$(ask /catalog/21 | cut -c 1-3)"

readarray -t right < <(json '{"username":"user_7","password":"password"}')
readarray -t wrong < <(json '{"username":"user_7","password":"passwort"}')
readarray -t little < <(json '{"username":"user_7"}')
answer=$(ask /auth "${right[@]}")
token=${answer#*\"token\":\"}
token=${token%%\"*}
allowed=(-H "Authorization: Bearer $token")
same 'the right password gives a token' "200 {\"token\":\"$token\",\"user_id\":7}" "$answer"
same 'a wrong password does not' 401 "$(ask /auth "${wrong[@]}" | cut -c 1-3)"
same 'a body without a password is refused' 400 "$(ask /auth "${little[@]}" | cut -c 1-3)"

readarray -t article < <(json '{"item_id": 3, "quantity": 2}')
same 'a cart needs a token' 401 "$(ask /cart "${article[@]}" | cut -c 1-3)"
same 'a token of somebody else does not do' 401 \
    "$(ask /cart -H "Authorization: Bearer 8${token#7}" | cut -c 1-3)"
same 'an article is put into the cart' '201 {"count":2,"total":47.98}' \
    "$(ask /cart "${article[@]}" "${allowed[@]}")"
same 'the cart shows it' '200 {"items":[{"item_id":3,"quantity":2}],"count":2,"total":47.98}' \
    "$(ask /cart "${allowed[@]}")"
same 'an order takes what is in the cart' '201 {"id":1,"user_id":7,"count":2,"total":47.98}' \
    "$(ask /orders -X POST "${allowed[@]}")"
same 'an order can be looked at' '200 {"id":1,"user_id":7,"count":2,"total":47.98}' \
    "$(ask /orders/1 "${allowed[@]}")"
same 'the cart is empty then' '200 {"items":[],"count":0,"total":0.00}' \
    "$(ask /cart "${allowed[@]}")"

same 'a page that does not exist is not found' 404 "$(ask /nowhere | cut -c 1-3)"
same 'a wrong method is refused, and told which are right' 'Allow: POST' \
    "$(curl -s -m 20 -D - "http://$address/auth" | tr -d '\r' | grep '^Allow')"
same 'HEAD gets no body' 0 "$(curl -s -m 20 -I "http://$address/catalog" | grep -c bread)"
same 'a body that is too large is refused' 413 \
    "$(head -c 70000 /dev/zero | ask /auth --data-binary @- | cut -c 1-3)"
same 'a chunked body is refused' 411 \
    "$(ask /auth -H 'Transfer-Encoding: chunked' "${right[@]}" | cut -c 1-3)"
same 'a head that is too large is refused' 431 \
    "$(ask / -H "X-Long: $(head -c 9000 /dev/zero | tr '\0' x)" | cut -c 1-3)"
same 'a request without a host is refused' 'HTTP/1.1 400 Bad Request' \
    "$(raw 'GET / HTTP/1.1\r\n\r\n' | head -n 1)"

same 'requests in a row and in odd pieces are answered in their order' \
    '"stock":240 "slept_ms":200 no_such "count":1' "$(
        host='HTTP/1.1\r\nHost: x\r\n'
        raw "GET /catalog $host\r\nGET /slow?ms=200 $host\r\nGET /catalog/99 $host\r\nPOST /ca" \
            "rt ${host}Content-Length: 13\r\nConnection: close\r\nAuthorization: Bearer $token" \
            '\r\n\r' '\n{"item_' 'id":1}' |
            tr ' ' _ | grep -oE '"stock":240|"slept_ms":200|no_such|"count":[0-9]+' | paste -sd ' '
    )"

ask '/slow?ms=2500' >"$dir/slow" &
slow=$!
same 'others are served while one waits' '200 {"hello":"world"}' "$(ask /)"
same 'the slow answer is not there yet' '' "$(cat "$dir/slow")"
wait $slow
same 'the slow answer comes' '200 {"slept_ms":2500}' "$(cat "$dir/slow")"
readarray -t priced < <(json '{"jsonrpc":"2.0","id":1,"method":"price","params":{"item_id":3}}')
same 'a procedure is called' '200 {"jsonrpc":"2.0","id":1,"result":{"price":23.99}}' \
    "$(ask /rpc "${priced[@]}")"
readarray -t several < <(json '[{"id":"a","method":"x","params":[{"b":"]"}]},{"method":"n"},{"id":2}]')
same 'several are called at once' '200 "a",-32601 2,-32600' \
    "$(ask /rpc "${several[@]}" | sed -E 's/[^ ]*"id":([^,]*),[^:]*:..code"(:-[0-9]*)[^}]*\}\}/\1,\2 /g; s/,:/,/g; s/[] ]*$//')"
same 'a notification is not answered' '202 ' "$(ask /rpc -d '{"method":"n"}')"
same 'what is no JSON is refused' -32700 "$(ask /rpc -d '{"id":' | grep -o -- '-[0-9]*')"
same 'a page fails when told to' 500 "$(ask /fail | cut -c 1-3)"
same 'a page that never fails does not' '200 {"failed":false}' "$(ask '/fail?rate=0')"
# by the exit status of curl: 1 not HTTP, 18 a part, 52 nothing, 56 reset
for way in garbage:1 half:18 close:52 reset:56 nolength:0; do
    curl -s -m 20 -o "$dir/body" "http://$address/broken?how=${way%:*}"
    same "an answer is broken by ${way%:*}" "${way#*:}" $?
done
end_example
same 'the server ends with its count' 0 "$server_status"

# ---- the load tests, with both sides counting

serve_example shop_server "$dir/shop_server"
load hello -u 8 -i 2000 -p "base_url=http://$address"
end_example
same 'hello sent what the server got' "2000 $served" "$(total iterations) $(total http_requests)"
same 'no request of hello failed' 0 "$(total http_errors)"

serve_example shop_server "$dir/shop_server"
load shop -u 20 -d 2s -p "base_url=http://$address"
end_example
same 'shop sent what the server got' "$served" "$(total http_requests)"
same 'all users of shop logged in and saw the catalog' yes \
    "$([ "$served" -ge 40 ] && [ "$(total step_errors)" = 0 ] && echo yes)"

serve_example shop_server "$dir/shop_server"
load metrics -u 5 -d 2s -p "base_url=http://$address"
end_example
same 'metrics sent what the server got' "$served" "$(total http_requests)"
same 'metrics recorded all articles that it put into a cart' \
    "$(sed -n 's/.*"id":"buy\/POST \/cart".*"requests":\([0-9]*\).*/\1/p' "$result")" \
    "$(sed -n 's/.*"name":"articles_sold".*"sum":\([0-9]*\).*/\1/p' "$result")"
same 'all checks of metrics passed, and its probe was read' '2 0' \
    "$(grep -c '"passed":[1-9][0-9]*,"failed":0}' "$result") $(
        sed -n 's/.*"name":"orders","count":[1-9][0-9]*,"errors":\([0-9]*\).*/\1/p' "$result"
    )"

serve_example shop_server "$dir/shop_server"
load jsonrpc -u 5 -d 2s -p "base_url=http://$address"
end_example
same 'jsonrpc sent what the server got' "$served" "$(total http_requests)"
same 'no step of jsonrpc failed' 0 "$(total step_errors)"
same 'jsonrpc counted calls by their methods and codes' '1 1 1' "$(
    for code in look/price:OK compare/price:-32602 compare/looked:OK; do
        grep -c "^{\"id\":\"${code%:*}\",.*\"source\":\"jsonrpc\".*\"JSONRPC_${code#*:}\":[1-9]" \
            "$result"
    done | paste -sd ' '
)"

serve_example ping_server "$dir/ping_server"
load raw_tcp -u 8 -i 2000 -p "port=${address##*:}"
end_example
same 'raw_tcp sent what the server got' "2000 $served" "$(total steps) $(total steps)"
same 'no step of raw_tcp failed' 0 "$(total step_errors)"

serve_example ping_server "$dir/ping_server"
ping() { # bytes: what it answers to them on a connection of their own
    exec 3<>"/dev/tcp/${address%:*}/${address##*:}"
    printf '%b' "$1" >&3
    timeout 10 head -n 1 <&3 | tr -d '\r'
    exec 3>&-
}
same 'a line that never ends is not answered' '' "$(ping "$(printf 'PI%.0s' {1..40})")"
same 'it is not of the next connection' '+PONG' "$(ping 'PING\r\n')"
end_example
same 'it ends by SIGTERM, and has counted' '0 1' "$server_status $served"

# ---- the unit tests

"$examples/embed" >"$dir/out"
same 'embed passes' '100%: Checks: 3, Failures: 0, Errors: 0' "$(tail -n 1 "$dir/out")"
"$examples/scenario_test" >"$dir/out"
same 'scenario_test passes' '100%: Checks: 5, Failures: 0, Errors: 0' "$(tail -n 1 "$dir/out")"

exit $((failed > 0))

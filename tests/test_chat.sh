#!/usr/bin/env bash
#
# chat over chat_server: what users say is what the server passes on, directly and over TLS through
# nginx, and each handshake is a request that the servers' logs have too, however the run ends.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-$PWD/build}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-chat.XXXXXX") || exit 1
result=$tmp/result.json

# shellcheck source=tests/support/tell.sh
. tests/support/tell.sh
# shellcheck source=tests/support/result.sh
. tests/support/result.sh
# shellcheck source=tests/support/example.sh
. tests/support/example.sh
# shellcheck source=tests/support/nginx.sh
. tests/support/nginx.sh

# shellcheck disable=SC2317 # called by the trap
finish() {
    end_nginx
    end_example
    rm -rf "$tmp"
}
trap finish EXIT

# How often something was done: of one metric of a step.
of() { # step/NAME
    sed -n "s|.*\"id\":\"$1\".*\"requests\":\([0-9]*\),\"errors\":\([0-9]*\).*|\1|p" "$result"
}

sent() {
    echo $(($(total http_requests) - $(total http_unsent)))
}

chat() { # base URL [argument...]
    "$build/examples/chat" run -q --json "$result" -p "base_url=$1" "${@:2}" >"$tmp/out" 2>&1 || {
        status=$?
        cat "$tmp/out"
        return $status
    }
}

passed_on() {
    sed -n '2s/.* passed on \([0-9]*\) .*/\1/p' "$tmp/server"
}

# ---- directly

for workers in 0 2; do
    serve_example chat_server "$tmp/server"
    chat "http://$address" -w $workers -u 25 -d 2s
    same "chat passes with -w $workers" 0 $?
    end_example
    same 'each handshake is a request' "25 25 0" "$served $(sent) $(total http_errors)"
    same 'the server passed on what was sent' "$(passed_on)" "$(of 'say/SEND /rooms/{room}')"
    same 'each was heard' "$(of say)" "$(of say/heard)"
    same 'no step failed' 0 "$(total step_errors)"
    same 'others were heard too' yes \
        "$([ "$(of 'say/RECEIVE /rooms/{room}')" -gt "$(of say)" ] && echo yes)"
done

# ---- over TLS, through nginx

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/key.pem" \
    -out "$tmp/cert.pem" -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    2>"$tmp/openssl.err" || cat "$tmp/openssl.err"

through_nginx() { # more lines
    echo "$1 location /rooms/ { proxy_pass http://$address; proxy_http_version 1.1;
        proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection upgrade; }"
}

serve_example chat_server "$tmp/server"
nginx_listen=ssl
start_nginx "$(through_nginx "ssl_certificate $tmp/cert.pem; ssl_certificate_key $tmp/key.pem;")" || exit 1
chat "https://localhost:$port" -w 0 -u 25 -d 2s --ca-file "$tmp/cert.pem"
same 'chat passes over TLS' 0 $?
end_nginx
same 'nginx logged each handshake' "25 25" "$(sent) $(grep -c 101 "$tmp/access.log")"
same 'their phases have TLS' 1 \
    "$(grep -c 'CONNECT /rooms/{room}".*"phases_ms":{.*"tls":{"count":25' "$result")"
end_example
same 'the server passed on what was sent over TLS' "$(passed_on)" \
    "$(of 'say/SEND /rooms/{room}')"

# ---- cut off

serve_example chat_server "$tmp/server"
nginx_listen=
start_nginx "$(through_nginx '')" || exit 1
set -m
chat "http://127.0.0.1:$port" -w 0 -u 200 -d 20s &
pid=$!
set +m
for _ in $(seq 1000); do
    [ "$(ss -Htn state established "dport = :$port" | wc -l)" -lt 40 ] || break
    sleep 0.01
done
kill -INT -- "-$pid"
sleep 0.01
kill -INT -- "-$pid"
wait "$pid"
end_nginx
end_example
same 'cut off, nginx has the handshakes that were sent' "$(sent)" "$(wc -l <"$tmp/access.log")"
same 'there were some' yes "$([ "$(sent)" -gt 0 ] && echo yes)"

exit $((failed > 0))

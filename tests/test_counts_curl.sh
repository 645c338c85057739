#!/usr/bin/env bash
#
# As tests/test_counts.sh, by the engine that libcurl is: over HTTP/1.1, TLS and HTTP/2.
set -u

# shellcheck source=tests/support/counts.sh
. "$(dirname "$0")/support/counts.sh"

by_curl() { # name, server lines, signals, options of traffic
    run "curl, $1" "$2" "$3" --http-engine curl ${nginx_secure:+--ca-file "$tmp/nginx.pem"} "${@:4}"
}

most="keepalive_requests 1000000;"

by_curl "ended by iterations" "$most" "" -i 2000
by_curl "Ctrl-C once" "$most" "one" -d "$((seconds * 2))s"
by_curl "Ctrl-C twice at once" "$most" "one 0.001 one" -d "$((seconds * 2))s"
by_curl "Ctrl-C twice under a slow server" "$most limit_rate 1;" "one 0.2 one" \
    -d "$((seconds * 2))s"
by_curl "connections that the server ends after 3 requests" "keepalive_requests 3;" "" \
    -d "${seconds}s"
by_curl "idle connections that the server ends as the next request comes" \
    "keepalive_timeout 1s;" "" -d "$((seconds + 3))s" -p pause=1
blind=yes by_curl "the same with POST" "keepalive_timeout 1s;" "" -d "$((seconds + 3))s" -p pause=1 \
    -p body=abc

nginx_secure=yes
by_curl "TLS, Ctrl-C twice at once" "$most" "one 0.001 one" -d "$((seconds * 2))s"
by_curl "TLS, Ctrl-C twice under a slow server" "$most limit_rate 1;" "one 0.2 one" \
    -d "$((seconds * 2))s"
by_curl "TLS, connections that the server ends after 3 requests" "keepalive_requests 3;" "" \
    -d "${seconds}s"

nginx_listen=http2
by_curl "HTTP/2, ended by iterations" "$most" "" -i 2000 --http-version 2
by_curl "HTTP/2, Ctrl-C twice at once" "$most" "one 0.001 one" -d "$((seconds * 2))s" \
    --http-version 2
by_curl "HTTP/2, Ctrl-C twice under a slow server" "$most limit_rate 1;" "one 0.2 one" \
    -d "$((seconds * 2))s" --http-version 2
by_curl "HTTP/2, connections that the server ends after 3 requests" "keepalive_requests 3;" "" \
    -d "${seconds}s" --http-version 2

end_tests

#!/usr/bin/env bash
#
# What the report says was sent is what the server received: nginx's access log has exactly
# http_requests - http_unsent lines, however the run ends.
set -u

# shellcheck source=tests/support/counts.sh
. "$(dirname "$0")/support/counts.sh"

run "ended by duration" "keepalive_requests 1000000;" "" -d "${seconds}s"
run "ended by iterations" "keepalive_requests 1000000;" "" -i 20000
run "Ctrl-C once" "keepalive_requests 1000000;" "one" -d "$((seconds * 2))s"
run "Ctrl-C twice at once" "keepalive_requests 1000000;" "one 0.001 one" -d "$((seconds * 2))s"
run "Ctrl-C twice under a slow server" "keepalive_requests 1000000; limit_rate 1;" "one 0.2 one" \
    -d "$((seconds * 2))s"
users=1000 run "many users cut off that take their time" "keepalive_requests 1000000; limit_rate 1;" \
    "one 0.2 one" -d "$((seconds * 2))s" -p tidy=5ms
users=1000 workers=2 run "the same of two workers, and longer" \
    "keepalive_requests 1000000; limit_rate 1;" "one 0.2 one" -d "$((seconds * 2))s" -p tidy=20ms
run "SIGINT to the group" "keepalive_requests 1000000;" "group" -d "$((seconds * 2))s"
run "connections that the server ends after 1000 requests" "" "" -d "${seconds}s"
run "connections that the server ends after 3 requests" "keepalive_requests 3;" "" -d "${seconds}s"
run "idle connections that the server ends as the next request comes" "keepalive_timeout 1s;" "" \
    -d "$((seconds + 3))s" -p pause=1
blind=yes run "the same with POST" "keepalive_timeout 1s;" "" -d "$((seconds + 3))s" -p pause=1 -p body=abc

# The same over TLS, where a request is a record that the kernel has or has not taken.
nginx_secure=yes
new="ssl_protocols TLSv1.3; keepalive_requests"
old="ssl_protocols TLSv1.2; keepalive_requests"
run "TLS, ended by duration" "$new 1000000;" "" -d "${seconds}s"
run "TLS, Ctrl-C twice at once" "$new 1000000;" "one 0.001 one" -d "$((seconds * 2))s"
run "TLS, Ctrl-C twice under a slow server" "$new 1000000; limit_rate 1;" "one 0.2 one" \
    -d "$((seconds * 2))s"
run "TLS, connections that the server ends after 3 requests" "$new 3;" "" -d "${seconds}s"
run "TLS, cut off among handshakes" "$new 1;" "one 0.001 one" -d "$((seconds * 2))s"
run "TLS 1.2, cut off among handshakes" "$old 1;" "one 0.001 one" -d "$((seconds * 2))s"
run "TLS, idle connections that the server ends as the next request comes" \
    "$new 1000; keepalive_timeout 1s;" "" -d "$((seconds + 3))s" -p pause=1
blind=yes run "TLS, the same with POST" "$new 1000; keepalive_timeout 1s;" "" -d "$((seconds + 3))s" \
    -p pause=1 -p body=abc

end_tests

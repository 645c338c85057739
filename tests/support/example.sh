# shellcheck shell=bash disable=SC2154
#
# A server of the examples, on a port that the kernel chose. To be read, not run; needs $build.
#
#     serve_example shop_server    # sets server, its process, and address, host:port
#     end_example                  # sets served, the requests that it counted, and server_status
#
# What is still there when the script ends has to be ended by end_example too.

server=

serve_example() { # program [file that it writes to]
    served_to=${2:-served_to}
    : >"$served_to"
    "$build/examples/$1" --port 0 >"$served_to" &
    server=$!
    for _ in {1..200}; do
        address=$(sed -n '1s/^listening on //p' "$served_to")
        [ -z "$address" ] || return 0
        sleep 0.05
    done
    echo "not ok - $1 starts"
    exit 1
}

end_example() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    # shellcheck disable=SC2034 # for who reads this
    server_status=$?
    server=
    # shellcheck disable=SC2034
    served=$(sed -n '2s/^[a-z]* \([0-9]*\) .*/\1/p' "$served_to")
}

# shellcheck shell=bash
#
# For scripts that test against Redis: a private redis-server in $tmp, with a password, on a unix
# socket or, with start_redis tcp, on a port that nobody has. Sets LK_REDIS_URL for what is started
# afterwards; redis_url is the same.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
redis_pid=
redis_password=secret-of-the-test
redis_socket=
redis_host=127.0.0.1
redis_port=0
redis_url=

# redis COMMAND...: asks it, and prints the reply.
redis() {
    REDISCLI_AUTH=$redis_password redis-cli -s "$redis_socket" --no-auth-warning "$@"
}

# Where it was, empty.
restart_redis() {
    rm -f "$redis_socket"
    redis-server --port "$redis_port" --bind "$redis_host" --unixsocket "$redis_socket" --save '' \
        --appendonly no --daemonize no --dir "$tmp" --requirepass "$redis_password" \
        >"$tmp/redis.log" 2>&1 &
    redis_pid=$!
    for _ in $(seq 200); do
        [ "$(redis ping 2>/dev/null)" = PONG ] && return 0
        kill -0 "$redis_pid" 2>/dev/null || break
        sleep 0.05
    done
    end_redis
    return 1
}

# start_redis [tcp]
start_redis() {
    redis_socket=$tmp/redis.sock
    for _ in 1 2 3 4 5 6 7 8; do
        [ "${1-}" != tcp ] || redis_port=$((20000 + RANDOM % 12000))
        if restart_redis; then
            redis_url="unix://:$redis_password@$redis_socket"
            [ "$redis_port" = 0 ] || redis_url="redis://:$redis_password@$redis_host:$redis_port"
            export LK_REDIS_URL=$redis_url
            return 0
        fi
    done
    echo "redis-server did not start:" >&2
    cat "$tmp/redis.log" >&2
    return 1
}

# Also one that stands still; at once, as a machine fails.
end_redis() {
    [ -n "$redis_pid" ] && kill -KILL "$redis_pid" 2>/dev/null && wait "$redis_pid" 2>/dev/null
    redis_pid=
}

stop_redis() {
    kill -STOP "$redis_pid"
}

continue_redis() {
    kill -CONT "$redis_pid"
}

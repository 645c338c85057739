# shellcheck shell=bash disable=SC2154
#
# For scripts that test against PostgreSQL: a private one in $tmp, on a unix socket only. Its server
# refuses to run as root, so it runs as nobody then.

PATH=$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)
postgres_dir=
postgres_pid=

as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid=nobody --regid=nogroup --clear-groups)

# query SQL: asks it, and prints what comes, without decoration.
query() {
    psql -X -A -t -h "$postgres_dir" -U loadkit -d postgres -c "$1"
}

start_postgres() {
    # a path of a socket must be short, and nobody must get there
    postgres_dir=$(mktemp -d /tmp/loadkit-pg.XXXXXX) || return 1
    [ "$(id -u)" != 0 ] || chown nobody:nogroup "$postgres_dir"
    if ! "${as_postgres[@]}" initdb -D "$postgres_dir/data" -U loadkit -A trust -N >"$tmp/initdb.log" 2>&1; then
        cat "$tmp/initdb.log" >&2
        return 1
    fi
    "${as_postgres[@]}" postgres -D "$postgres_dir/data" -k "$postgres_dir" -c listen_addresses= \
        -c fsync=off -c max_connections=50 >"$tmp/postgres.log" 2>&1 &
    postgres_pid=$!
    for _ in $(seq 400); do
        [ "$(query 'select 1' 2>/dev/null)" = 1 ] && return 0
        kill -0 "$postgres_pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$tmp/postgres.log" >&2
    return 1
}

end_postgres() {
    [ -z "$postgres_pid" ] || { kill -INT "$postgres_pid" && wait "$postgres_pid"; } 2>/dev/null
    [ -z "$postgres_dir" ] || rm -rf "$postgres_dir"
    postgres_pid=
    postgres_dir=
}

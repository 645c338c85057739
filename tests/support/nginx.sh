# shellcheck shell=bash
#
# For scripts that test against nginx: one with an access log of a line for each request, in $tmp.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
nginx_pid=
nginx_host=127.0.0.1
nginx_secure= # some text: TLS, with a certificate that $tmp/nginx.pem is for
nginx_listen= # "ssl", or nothing

# A connection that was reset is in no table of the kernel any more.
holds_reset() {
    find "/proc/$nginx_pid/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n' |
        awk 'NR == FNR { known[$10] = known[$7] = 1; next } !($1 in known) { n++ } END { exit !n }' \
            <(cat "/proc/$nginx_pid/net/"{tcp,tcp6,unix} 2>/dev/null) -
}

# It would throw away what it has not read of connections whose other end is gone, and those that it
# has not taken yet.
read_all() {
    for _ in $(seq 200); do
        ss -Htn state close-wait "sport = :$port" | grep -q . ||
            ss -Hltn "sport = :$port" | awk '$2 > 0 { n++ } END { exit !n }' || holds_reset || break
        sleep 0.05
    done
}

# Also one that stands still. Its log is complete then.
end_nginx() {
    [ -n "$nginx_pid" ] && kill -CONT "$nginx_pid" 2>/dev/null && read_all &&
        kill -QUIT "$nginx_pid" 2>/dev/null && wait "$nginx_pid" 2>/dev/null
    nginx_pid=
}

# What a server block needs for TLS.
secure_lines() {
    [ -s "$tmp/nginx.pem" ] ||
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
            -addext "subjectAltName=IP:$nginx_host" -keyout "$tmp/nginx.key" -out "$tmp/nginx.pem" \
            2>"$tmp/openssl.err" || cat "$tmp/openssl.err" >&2
    echo "ssl_certificate $tmp/nginx.pem; ssl_certificate_key $tmp/nginx.key;"
}

# Starts nginx with the given lines in its server block, on a port that nobody has.
start_nginx() {
    local try root lines=$1

    [ -z "$nginx_secure" ] || lines="$(secure_lines) $lines"

    # the one that it would take else need not be there in a user namespace
    [ "$(id -u)" != 0 ] || root="user root root;"

    for try in 1 2 3 4 5 6 7 8; do
        port=$((20000 + RANDOM % 12000))
        rm -f "$tmp/access.log" "$tmp/nginx.pid"
        cat >"$tmp/nginx.conf" <<CONF
$root
worker_processes 1;
daemon off;
master_process off;
pid $tmp/nginx.pid;
error_log $tmp/error.log crit;
events { worker_connections 4096; }
http {
    log_format short '\$status';
    access_log $tmp/access.log short;
    client_body_temp_path $tmp/body;
    proxy_temp_path $tmp/proxy;
    fastcgi_temp_path $tmp/fastcgi;
    uwsgi_temp_path $tmp/uwsgi;
    scgi_temp_path $tmp/scgi;
    server {
        listen $nginx_host:$port $nginx_listen backlog=4096${nginx_secure:+ ssl};
        $lines
        location / { return 200 "hello\n"; }
    }
}
CONF
        nginx -p "$tmp" -c "$tmp/nginx.conf" 2>"$tmp/nginx.err" &
        nginx_pid=$!
        for _ in $(seq 100); do
            # written when it has the port: else who answers is another
            [ -s "$tmp/nginx.pid" ] &&
                (exec 3<>"/dev/tcp/$nginx_host/$port") 2>/dev/null && return 0
            kill -0 "$nginx_pid" 2>/dev/null || break
            sleep 0.05
        done
        wait "$nginx_pid" 2>/dev/null
    done
    echo "nginx did not start (attempt $try):" >&2
    cat "$tmp/nginx.err" >&2
    return 1
}

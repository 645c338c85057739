#!/usr/bin/env bash
#
# places.sh DIR NAME=PORT... - the servers of places.h, until it is ended; writes DIR/ready when all
# of them take connections.
set -u
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
dir=$1
shift
declare -A port
for pair; do
    port[${pair%%=*}]=${pair#*=}
done
servers=()
# shellcheck disable=SC2317 # called by the trap
finish() {
    [ ${#servers[@]} = 0 ] || kill -TERM "${servers[@]}" 2>/dev/null
    wait
    exit 0
}
trap finish TERM INT
cd "$dir" || exit 1

# ---- certificates

key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

authority() { # name
    openssl req -x509 "${key[@]}" -keyout "$1.key" -out "$1.pem" -days 30 -subj "/CN=$1 of the tests"
}

certificate() { # name authority subject-alt-name days
    openssl req "${key[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$1 of the tests" \
        -addext "subjectAltName=$3" &&
        openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$4" \
            -copy_extensions copy -out "$1.pem"
}

here=DNS:localhost,IP:127.0.0.1,IP:::1
{
    authority ca && authority other-ca && certificate good ca $here 30 &&
        certificate expired ca $here -1 && certificate stranger ca DNS:elsewhere.test 30 &&
        certificate unknown other-ca $here 30 && certificate client ca DNS:client 30
} 2>openssl.err || {
    cat openssl.err >&2
    exit 1
}

# ---- nginx

mkdir -p files/private files/put
head -c 100000 /dev/zero | tr '\0' x >files/x.txt
printf secret >files/private/secret.txt
printf 'alice:%s\n' "$(openssl passwd -apr1 wonder)" >passwords
cat >common.conf <<'CONF'
add_header X-Connection $connection always;
location / { return 200 "hello"; }
location = /empty { return 204; }
location = /moved { return 302 /; }
location = /again { return 301 /again; }
location = /login { add_header Set-Cookie "user=$http_x_user; Path=/"; return 200 "hello"; }
location = /echo { return 200 "$request_method $request_uri|$http_x_test|$http_cookie|$http_authorization|$content_type|$content_length"; }
location = /protocol { return 200 "$server_protocol $ssl_protocol"; }
location /files/ { root .; }
location /files/private/ { root .; auth_basic "the tests"; auth_basic_user_file passwords; }
location /files/put/ { root .; dav_methods PUT DELETE; client_max_body_size 100m; }
location /gzip/ { alias files/; gzip on; gzip_min_length 1; gzip_types *; }
CONF

server() { # what it listens to, and more lines
    echo "server { listen $1; ${2-} include common.conf; }"
}

secure() { # port certificate, what else it speaks, and more lines
    server "127.0.0.1:$1 ssl${3-}" "ssl_certificate $2.pem; ssl_certificate_key $2.key; ${4-}"
}

# the one that it would take else need not be there in a user namespace
root=
[ "$(id -u)" != 0 ] || root="user root root;"
cat >nginx.conf <<CONF
$root
worker_processes 1;
daemon off;
master_process off;
pid nginx.pid;
error_log error.log error;
events { worker_connections 4096; }
http {
    log_format told '\$connection|\$connection_requests|\$status|\$http_x_user|\$http_cookie|\$ssl_session_reused|\$server_protocol|\$request_uri';
    access_log access.log told;
    keepalive_requests 1000000;
    types { text/plain txt; }
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    ssl_session_cache shared:all:1m;
    ssl_protocols TLSv1.2 TLSv1.3;
    $(server "127.0.0.1:${port[plain]}")
    $(server "[::1]:${port[six]}")
    $(server "unix:$dir/nginx.sock")
    $(server "127.0.0.1:${port[h2c]} http2")
    $(secure "${port[tls]}" good " http2")
    $(secure "${port[tls11]}" good)
    $(secure "${port[tls12]}" good "" "ssl_protocols TLSv1.2;")
    $(secure "${port[expired]}" expired)
    $(secure "${port[stranger]}" stranger)
    $(secure "${port[unknown]}" unknown)
    $(secure "${port[doorman]}" good "" "ssl_client_certificate ca.pem; ssl_verify_client on;")
}
CONF
nginx -p "$dir" -c "$dir/nginx.conf" 2>nginx.err &
servers+=($!)

# ---- proxies

forward() { # name and more lines
    cat >"$1.conf" <<CONF
Port ${port[$1]}
Listen 127.0.0.1
Timeout 60
MaxClients 100
LogFile "$dir/$1.log"
LogLevel Warning
PidFile "$dir/$1.pid"
${2-}
CONF
    tinyproxy -d -c "$dir/$1.conf" >"$1.out" 2>&1 &
    servers+=($!)
}

forward forward
forward forward_auth "BasicAuth alice wonder"
microsocks -i 127.0.0.1 -p "${port[socks]}" 2>socks.out &
servers+=($!)
microsocks -i 127.0.0.1 -p "${port[socks_auth]}" -u alice -P wonder 2>socks_auth.out &
servers+=($!)

all_run() {
    local pid

    for pid in "${servers[@]}"; do
        kill -0 "$pid" 2>/dev/null || return 1
    done
}

for name in plain forward forward_auth socks socks_auth; do
    until (exec 3<>"/dev/tcp/127.0.0.1/${port[$name]}") 2>/dev/null; do
        all_run || {
            cat nginx.err ./*.out >&2
            finish
        }
        sleep 0.05
    done
done
: >ready
wait

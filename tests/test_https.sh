#!/usr/bin/env bash
#
# An https:// URL is enough: whom a run trusts, what it says when it does not, and that TLS costs no
# system call more than one to send a request and one to read its answer.
set -u

build=${BUILD:-$(dirname "$0")/../build}
hello=$build/examples/hello
tmp=$(mktemp -d "${TMPDIR:-/tmp}/loadkit-https.XXXXXX")
failed=0

# shellcheck source=tests/support/nginx.sh
. "$(dirname "$0")/support/nginx.sh"
trap 'end_nginx; rm -rf "$tmp"' EXIT

verdict() { # status text
    if [ "$1" = 0 ]; then
        echo "ok - $2"
    else
        echo "not ok - $2"
        cat "$tmp/out"
        failed=1
    fi
}

run() { # iterations, options
    "$hello" run -q -w 0 -u 1 -i "$@" -p "base_url=https://127.0.0.1:$port" >"$tmp/out" 2>&1
}

says() { # text: in what the run has written, whatever the lines
    tr -s '\n ' ' ' <"$tmp/out" | grep -qF -- "$1"
}

nginx_secure=yes
start_nginx "ssl_protocols TLSv1.2 TLSv1.3; keepalive_requests 1000000;" || exit 1

run 1
[ $? = 1 ] && says "self-signed; name who signed it by ca_file (--ca-file), or trust all by insecure (--insecure)"
verdict $? "a certificate that nobody signed is refused, and what can be done is said"
run 1 --ca-file "$tmp/nginx.pem"
verdict $? "who has signed it can be named"
SSL_CERT_FILE=$tmp/nginx.pem run 1
verdict $? "or is known to the system"
mkdir "$tmp/trusted"
cp "$tmp/nginx.pem" "$tmp/trusted/$(openssl x509 -in "$tmp/nginx.pem" -noout -hash).0"
for engine in native curl; do
    (unset SSL_CERT_FILE; SSL_CERT_DIR=$tmp/trusted run 1 --http-engine "$engine")
    verdict $? "or lies where the system looks: $engine"
done
run 1 --insecure
verdict $? "or does not matter"

# Of a run with many requests one with few is taken away.
calls() { # iterations kind
    strace -f -c -o "$tmp/strace" -e trace=sendto,recvfrom,sendmsg,recvmsg,read,write \
        "$hello" run -q -w 0 -u 4 -i "$1" --insecure -p "base_url=https://127.0.0.1:$port" \
        >"$tmp/out" 2>&1
    awk -v kind="$2" '$NF ~ kind { n += $4 } END { print n + 0 }' "$tmp/strace"
}

for kind in '^(sendto|sendmsg|write)$' '^(recvfrom|recvmsg|read)$'; do
    few=$(calls 100 "$kind")
    many=$(calls 1100 "$kind")
    # those of the loop and of the end vary by a few
    [ $((many - few)) -ge 995 ] && [ $((many - few)) -le 1010 ]
    verdict $? "a thousand requests more are a thousand calls of $kind more: $((many - few))"
done
exit $failed

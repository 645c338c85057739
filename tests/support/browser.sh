# shellcheck shell=bash
#
# For scripts that test a page: a real browser without a window, with nothing of a user's own, and one
# page in it. It is spoken to by its DevTools protocol over two pipes, and ends when these are closed.
# Its profile and all else that it writes are in $tmp; $shape is tests/support/json_shape.

browser_pid=
browser_in=
browser_out=
browser_asked=0
session=
answer= # of the browser, as JSON
value=  # of the last expression

# The browser and all that it has started: some leave its group, and who is its child may change. What
# they have in common is where they complain.
browser_processes() {
    find /proc/[0-9]*/fd -lname "$tmp/browser.log" 2>/dev/null | cut -d / -f 3 | sort -u
}

browser_gone() { # 10 s at most
    for _ in $(seq 100); do
        [ -n "$(browser_processes)" ] || return 0
        sleep 0.1
    done
    return 1
}

# Also one that stands still.
end_browser() {
    local processes

    [ -n "$browser_pid" ] || return 0
    session=
    browser_asks Browser.close
    browser_gone || {
        mapfile -t processes < <(browser_processes)
        kill -KILL "${processes[@]}"
        browser_gone
    }
    wait "$browser_pid"
    browser_pid=
} 2>/dev/null

json_text() { # text, of one line or more
    local text=${1//\\/\\\\}

    text=${text//\"/\\\"}
    printf '"%s"' "${text//$'\n'/\\n}"
}

# browser_asks METHOD [PARAMS]: of the page, once there is one. Sets answer; what the browser tells
# unasked is in the file $tmp/browser.events. If it has not answered in 20 s it is not asked again.
browser_asks() {
    local params=${2-} end=$((SECONDS + 20))

    browser_asked=$((browser_asked + 1))
    answer=
    [ -z "$browser_in" ] && return 1
    trap '' PIPE
    printf '{"id":%s,"method":"%s","params":%s%s}\0' "$browser_asked" "$1" "${params:-{\}}" \
        "${session:+,\"sessionId\":\"$session\"}" >&"$browser_in"
    trap - PIPE
    while [ $SECONDS -lt $end ] && IFS= read -r -d '' -t 20 -u "$browser_out" answer; do
        case $answer in
        "{\"id\":$browser_asked,\"error\":"*)
            echo "$1: $answer" >&2
            return 1
            ;;
        "{\"id\":$browser_asked,"*) return 0 ;;
        esac
        printf '%s\n' "$answer" >>"$tmp/browser.events"
    done
    echo "$1: no answer" >&2
    answer=
    browser_in=
    return 1
}

# Starts it with an empty page.
start_browser() {
    local home=$tmp/browser target

    mkdir -p "$home"
    : >"$tmp/browser.events"
    coproc browser {
        exec env HOME="$home" TMPDIR="$home" XDG_CONFIG_HOME="$home" XDG_CACHE_HOME="$home" \
            XDG_RUNTIME_DIR="$home" \
            chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
            --remote-debugging-pipe --user-data-dir="$home/profile" --no-first-run \
            --no-default-browser-check --no-proxy-server --disable-background-networking \
            --disable-component-update --disable-default-apps --disable-domain-reliability \
            --disable-extensions --disable-sync --disable-breakpad --metrics-recording-only \
            --password-store=basic --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' \
            about:blank 3<&0 4>&1 </dev/null >"$tmp/browser.log" 2>&1
    }
    # shellcheck disable=SC2154 # set by coproc
    browser_pid=$browser_PID browser_out=${browser[0]} browser_in=${browser[1]}
    if browser_asks Target.createTarget '{"url":"about:blank"}'; then
        target=$("$shape" result.targetId <<<"$answer")
        if browser_asks Target.attachToTarget "{\"targetId\":\"$target\",\"flatten\":true}"; then
            session=$("$shape" result.sessionId <<<"$answer")
            browser_asks Runtime.enable && browser_asks Log.enable && return 0
        fi
    fi
    echo "chromium did not start:" >&2
    grep -v dbus/ "$tmp/browser.log" >&2 # it also misses a desktop
    return 1
}

# evaluate EXPRESSION: in the page; sets value to what it comes to, a promise to what that comes to.
evaluate() {
    value=
    browser_asks Runtime.evaluate "{\"expression\":$(json_text "$1"),\"awaitPromise\":true,
        \"returnByValue\":true}" && value=$("$shape" result.result.value <<<"$answer")
}

# type_line TEXT: what somebody types where the page has its focus, and the key that ends it.
type_line() {
    local enter='"key":"Enter","code":"Enter","windowsVirtualKeyCode":13'

    browser_asks Input.insertText "{\"text\":$(json_text "$1")}" &&
        browser_asks Input.dispatchKeyEvent "{\"type\":\"keyDown\",\"text\":\"\\r\",$enter}" &&
        browser_asks Input.dispatchKeyEvent "{\"type\":\"keyUp\",$enter}"
}

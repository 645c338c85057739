#!/usr/bin/env bash
#
# check-layers on a made-up tree: each sin is found, with file and line.
set -u
tool=$(cd "$(dirname "$0")/tools" && pwd)/check-layers
cd "$TMPDIR" || exit 1

tree() { # a tree without fault
    rm -rf lib include
    mkdir -p lib/top lib/loop lib/base include/loadkit
    printf '# Map\n\n## Layers\n\n- `top`: all.\n- `loop`: turns.\n- `base`: rest.\n\n## More\n\n- `x`\n' \
        >lib/README.md
    printf '#include "top/a.h"\n#include "base/b.h"\n#include <stdio.h>\n' >lib/top/a.c
    printf '#include <event2/event.h>\n#include <loadkit/api.h>\n' >lib/loop/turn.c
    : >lib/base/b.h
    printf '#include <loadkit/err.h>\n' >include/loadkit/api.h
}

finds() { # what pattern
    local output

    if output=$($tool); then
        echo "not ok - $1: nothing was found"
    elif grep -qF "$2" <<<"$output"; then
        echo "ok - $1"
    else
        echo "not ok - $1: $output"
    fi
    tree
}

tree
if output=$($tool); then
    echo "ok - a clean tree passes"
else
    echo "not ok - a clean tree passes: $output"
fi
printf '\n#include "top/a.h"\n' >lib/base/b.h
finds "an include that reaches upward" 'lib/base/b.h:2: "top/a.h": base is below top'
printf '  #  include "loop/turn.h"\n' >lib/base/b.h
finds "an oddly spaced one" 'lib/base/b.h:1: "loop/turn.h"'
printf '#include "b.h"\n' >lib/base/c.c
finds "an include that is not from the root" 'lib/base/c.c:1: "b.h"'
printf '#include <event2/event.h>\n' >lib/top/b.c
finds "libevent above the loop" 'lib/top/b.c:1: <event2/event.h> is for loop and web alone'
printf '#include <wslay/wslay.h>\n' >lib/loop/b.c
finds "wslay outside of net and web" 'lib/loop/b.c:1: <wslay/wslay.h> is for net and web alone'
printf '#include <curl/curl.h>\n' >lib/loop/b.c
finds "libcurl outside of net" 'lib/loop/b.c:1: <curl/curl.h> is for net alone'
printf '#include <zlib.h>\n' >lib/loop/b.c
finds "zlib outside of client" 'lib/loop/b.c:1: <zlib.h> is for client alone'
printf '#include <event2/event.h>\n' >include/loadkit/bad.h
finds "libevent in a public header" 'include/loadkit/bad.h:1:'
printf '#include "base/b.h"\n' >include/loadkit/bad.h
finds "the inside in a public header" 'include/loadkit/bad.h:1:'
mkdir lib/stray
finds "a folder that is not listed" 'lib/stray: not in the list'
rm -r lib/top
finds "a listed folder that is missing" 'layer "top" has no folder'
printf '# Map\n' >lib/README.md
finds "a map without a list" 'lists none'

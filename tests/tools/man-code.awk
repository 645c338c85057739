# What is C in a page of the manual, each piece to a file of its own in the directory `to`:
#
#   PAGE:LINE.program.c   a display that is a whole program
#   PAGE:LINE.part.c      any other display, in a setting in which it compiles
#   PAGE.names            what .Fn shows in SYNOPSIS: name, number of arguments, "..." or "-"
#   PAGE.prototypes.c     the same as declarations, but for the macros, which -v macros= lists
#
# A display is part of a step, and in SYNOPSIS of a file, unless a comment in front of it says
# otherwise. Such comments are:
#
#   .\" file              it stands at file scope
#   .\" given: C          members of the user's state that it uses; at file scope, what precedes it
#   .\" run: ARGUMENTS    the program is run with these
#   .\" not C             it is a text, or a command

function unescape(text)
{
    gsub(/\\&/, "", text)
    gsub(/\\-/, "-", text)
    gsub(/\\\(aq|\\\[aq\]/, "\047", text)
    gsub(/\\\(dq|\\\[dq\]/, "\"", text)
    gsub(/\\e|\\\(rs|\\\[rs\]/, "\\", text)
    return text
}

function forget()
{
    given = arguments = ""
    at_file_scope = not_c = 0
}

# The words that SYNOPSIS has in the place of code.
function placeholders()
{
    return "#define members int member;\n#define body\n#define object LK_OBJECT()\n" \
        "#define pause LK_FIXED(1)\n#define reading LK_VALUE(1)\n"
}

function part(text)
{
    if (section == "SYNOPSIS")
        return placeholders() "LK_VU(user) { int unused; };\n" line_mark text
    if (at_file_scope)
        return given "\n" line_mark text
    return "LK_VU(user) { int unused; " given " };\nLK_STEP(user, part)\n{\n" line_mark text "}\n"
}

function save(text,    name, headers)
{
    headers = "#include <errno.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" \
        "#include <sys/socket.h>\n#include <unistd.h>\n#include <loadkit/loadkit.h>\n" \
        "#include <loadkit/test.h>\n"
    name = to "/" page ":" first
    line_mark = "#line " first " \"" FILENAME "\"\n"
    if (section != "SYNOPSIS" && text ~ /LK_MAIN\(\)|int main\(/)
        printf "/* run:%s */\n%s%s", arguments, line_mark, text >(name ".program.c")
    else
        printf "%s%s", headers, part(text) >(name ".part.c")
}

# The arguments of .Fn: words, or several words in quotes.
function split_arguments(text, out,    count)
{
    count = 0
    while (match(text, /^ *("[^"]*"|[^" ]+)/)) {
        out[++count] = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        gsub(/^ *"?|"$/, "", out[count])
    }
    return count
}

function declare(text,    words, count, i, list)
{
    count = split_arguments(unescape_quotes(text), words)
    for (i = 2; i <= count; i++)
        list = list (i > 2 ? ", " : "") words[i]
    print words[1], count - (words[count] == "..."), words[count] == "..." ? "..." : "-" >names
    if (index(macros, " " words[1] " ") == 0)
        printf "#line %d \"%s\"\n%s %s(%s);\n", FNR, FILENAME, type, words[1], list >prototypes
}

# \(dq inside of an argument is no quote of mdoc.
function unescape_quotes(text)
{
    gsub(/\\\(dq/, "", text)
    return text
}

BEGIN { RS = "\n" }

FNR == 1 {
    page = FILENAME
    sub(/.*\//, "", page)
    names = to "/" page ".names"
    prototypes = to "/" page ".prototypes.c"
    printf "#include <loadkit/loadkit.h>\n#include <loadkit/test.h>\n" >prototypes
}

/^\.Sh / { section = substr($0, 5) }
/^\.\\" file$/ { at_file_scope = 1; next }
/^\.\\" not C$/ { not_c = 1; next }
/^\.\\" given: / { given = given " " substr($0, 12); next }
/^\.\\" run: / { arguments = arguments " " substr($0, 10); next }

/^\.Bd .*-literal/ { inside = 1; text = ""; first = FNR + 1; next }
/^\.Ed/ && inside {
    inside = 0
    if (!not_c && text !~ /^\$ /)
        save(text)
    forget()
    next
}
inside { text = text unescape($0) "\n"; next }
section == "SYNOPSIS" && /^\.Ft / { type = substr($0, 5); gsub(/"/, "", type) }
section == "SYNOPSIS" && /^\.Fn / { declare(substr($0, 5)) }
{ forget() }

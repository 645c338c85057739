#!/usr/bin/env bash
#
# The command completion: that bash loads the script and completes by it what there is, and that the
# scripts of all shells name every command and every option that help names.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD

# shellcheck source=tests/support/program.sh
. "$root/tests/support/program.sh"

program good <<'END'
#include <loadkit/loadkit.h>
LK_PARAM(base_url);
LK_PARAM(size);
LK_RESOURCE(sessions) { return LK_OBJECT("id", id); }
LK_VU(buyer) { int count; };
LK_STEP(buyer, idle) { self->count++; }
LK_MAIN()
END

ends "there is a script for bash" 0 ./good completion bash
cp out script
bash -n script && shellcheck -s bash script >&2
tell $? "in which shellcheck finds nothing to say"

# What bash offers for a command line of which the last word is to be completed: what it calls for
# that is the function that the script has told it of.
offers() { # word...
    # shellcheck disable=SC2016
    bash --norc -c '
        . ./script
        read -ra how < <(complete -p good)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "${how[2]}" 2>&1
        printf "%s\n" "${COMPREPLY[@]}"
    ' bash "$@" | LC_ALL=C sort | paste -sd ' '
}

touch a.json 'b c.json'
# what | the words, with _ for an empty one | what is offered
while IFS='|' read -r what words want; do
    read -ra words <<<"$words"
    got=$(offers "${words[@]/#_/}")
    want=${want# }
    case $want in
    *...) [ "${got#"${want%...}"}" != "$got" ] ;;
    *) [ "$got" = "$want" ] ;;
    esac
    tell $? "${what% }"
    [ -n "$got" ] || [ -z "$want" ] || echo "got: $got"
done <<'END'
commands are offered first | good li | list
all of them, and options of the run | good _ | --arrival-wait --ca-file --cert-file --config --connections ...
a command with what it begins with | good comp | completion
options of the run, which is the default | good --du | --duration
also behind others | good -u 5 --st | --stage
options of a command are its own | good list --j | --json
and no others | good list --du |
what follows a value that is unknown is nothing | good -u _ |
parameters are offered for -p | good -p _ | base_url= size=
for the long form too | good run --init-param si | size=
with an equals sign, which is a word to bash | good --init-param = si | size=
and directly behind it | good --init-param = | base_url= size=
the value of a parameter is nobody's to know | good -p base_url = _ |
user types are offered for debug | good debug --user _ | buyer
files are offered where a file is wanted | good --json a | a.json
and behind an equals sign | good --config = a | a.json
also those with blanks | good --json b | b c.json
ways of HTTP are offered | good --http-version _ | 1.1 2 2-only
shells are offered | good completion f | fish
commands are offered for help | good help deb | debug
commands of a group are offered behind it | good test st | start status stop
and no others | good test li |
all of them, and what every command takes | good infra _ | --help --version -h down status up
their options behind them | good test start --stag | --stage
which are not those of the group | good infra down --listen |
nor those of another one of it | good test stop --users |
a group that is a command has options of its own | good resources --js | --json
choices are offered | good infra up --on-worker-loss re | rebalance
also behind an equals sign | good orchestrator --on-worker-join = i | ignore
parameters are offered to test start | good test start -p si | size=
resources are offered where one is named | good resources items _s | sessions
files are offered for report | good report a | a.json
END
ends "a second program" 0 cp good 'two $x'"'"'s'
"./two \$x's" completion bash >script && bash -c '. ./script; complete -p' >out
grep -q 'two \$x' out
tell $? "may be called anything"

# ---- all shells, all options

for shell in bash zsh fish; do
    ./good completion "$shell" >script
    missing=
    while read -r command; do
        grep -qwF -- "$command" script || missing+=" $command"
        # shellcheck disable=SC2086 # the command of a group is two words
        while read -r option; do
            [ "$shell" = fish ] && option="-l ${option#--}"
            grep -qE -- "$option([^a-z-]|$)" script || missing+=" $command:$option"
        done < <(./good help $command | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
    done < <(./good help --mdoc | sed -n 's/^\.Ss Options of //p')
    [ -z "$missing" ]
    tell $? "the script for $shell names all commands and options"
    [ -z "$missing" ] || echo "missing:$missing"
done

while IFS='|' read -r what args line; do
    read -ra args <<<"$args"
    refuses "${what% }" "good: ${line# }" ./good completion "${args[@]}"
done <<'END'
a shell has to be named | | completion needs the name of a shell; write completion bash, zsh or fish
it has to be one of them | nu | unknown shell 'nu'; there is bash, zsh, fish
a mistyped one is answered by the right one | bsah | unknown shell 'bsah'; did you mean bash?
END

# ---- the manual

ends "the manual's list of options comes from the same table" 0 ./good help --mdoc
grep -qxF '.It Fl u , Fl -users Ar n' out && grep -qxF '.It Fl s , Fl -stage Ar time Ns \&: Ns Ar n' out &&
    grep -qxF '.Ss Options of test start' out && ! grep -qxF '.Ss Options of test' out && ! ./good help help | grep -q mdoc
tell $? "as mdoc, which is nobody else's to see"
ends "and may be had for one command" 0 ./good help --mdoc list
[ "$(grep '^\.Ss' out)" = '.Ss Options of list' ]
tell $? "alone"
{
    printf '.Dd November 1, 2026\n.Dt X 1\n.Os\n.Sh NAME\n.Nm x\n.Nd y\n.Sh DESCRIPTION\n'
    ./good help --mdoc
} >page.1
mandoc -Tlint -W warning page.1 >&2
tell $? "in which mandoc finds nothing to say"

end_tests

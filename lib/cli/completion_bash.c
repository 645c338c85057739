/* Completion for bash. */
#include "cli/completion.h"

/* Ends the pattern of a case with what is to be done for an option that takes a value. */
static void bash_value_add(struct lki_buf *out, const struct lki_option *option)
{
    enum lki_values values = lki_completion_values(option);

    switch (values) {
    case LKI_VALUES_FILE:
        lki_buf_str(out, "compopt -o filenames 2>/dev/null\n"
                         "            mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                         "            ");
        break;
    case LKI_VALUES_PARAM:
        lki_buf_str(out, "compopt -o nospace 2>/dev/null\n            ");
        /* fall through */
    case LKI_VALUES_TYPE:
    case LKI_VALUES_CHOICE:
        lki_buf_str(out, "mapfile -t COMPREPLY < <(compgen -W '");
        if (values == LKI_VALUES_CHOICE)
            lki_completion_choices(out, option);
        else
            lki_completion_names(out, values);
        lki_buf_str(out, "' -- \"$word\")\n            ");
        break;
    case LKI_VALUES_UNKNOWN:
        break;
    }
    lki_buf_str(out, "return ;;\n");
}

static void bash_values_add(struct lki_buf *out, const struct lki_cli_command *command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (!lki_completion_offers(command, &table[i]) || !table[i].value)
            continue;
        lki_buf_str(out, "        ");
        if (table[i].letter)
            lki_buf_printf(out, "'%s -%c' | ", command->name, table[i].letter);
        lki_buf_printf(out, "'%s --%s')\n            ", command->name, table[i].name);
        bash_value_add(out, &table[i]);
    }
}

static void bash_words_add(struct lki_buf *out, const struct lki_cli_command *command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    lki_buf_printf(out, "        '%s') words='", command->name);
    lki_completion_words(out, command);
    if (lki_completion_has_words(command))
        lki_buf_char(out, ' ');
    for (size_t i = 0; i < count; i++) {
        if (!lki_completion_offers(command, &table[i]))
            continue;
        if (table[i].letter)
            lki_buf_printf(out, "-%c ", table[i].letter);
        lki_buf_printf(out, "--%s ", table[i].name);
    }
    lki_buf_str(out, "' ;;\n");
}

/* Finds out which command it is, and where the words behind it begin. */
static void bash_command_add(struct lki_buf *out)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);

    lki_buf_str(out, "    if [ \"$COMP_CWORD\" -gt 1 ]; then\n"
                     "        case ${COMP_WORDS[1]} in\n        ");
    lki_completion_commands(out, NULL, " | ");
    lki_buf_str(out, ") command=${COMP_WORDS[1]} ;;\n        esac\n    fi\n"
                     "    if [ \"$COMP_CWORD\" -gt 2 ]; then\n"
                     "        case \"$command ${COMP_WORDS[2]}\" in\n");
    for (size_t i = 0; i < count; i++) {
        if (!lki_command_is_top(&commands[i]))
            lki_buf_printf(out, "        '%s') command='%s' ;;\n", commands[i].name,
                           commands[i].name);
    }
    lki_buf_str(out, "        esac\n    fi\n");
}

/* Files may follow the command report. */
static void bash_files_add(struct lki_buf *out)
{
    lki_buf_str(out, "    if [ \"$COMP_CWORD\" -gt 1 ] && [ \"$command\" = report ]; then\n"
                     "        compopt -o filenames 2>/dev/null\n"
                     "        mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY "
                     "< <(compgen -f -- \"$word\")\n"
                     "    fi\n");
}

void lki_completion_bash(struct lki_buf *out, const char *program)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);

    lki_completion_comment(out, program, "bash", "eval \"$(", ")\"");
    lki_completion_function(out, program);
    /* an equals sign is a word of its own to bash */
    lki_buf_str(out,
                "()\n{\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                "    local command=run words=\n\n"
                "    COMPREPLY=()\n"
                "    if [ \"$word\" = = ]; then\n"
                "        word=\n"
                "    elif [ \"$before\" = = ]; then\n"
                "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
                "        [[ $before == --* ]] || return\n"
                "    fi\n");
    bash_command_add(out);
    lki_buf_str(out, "    case \"$command $before\" in\n");
    for (size_t i = 0; i < count; i++)
        bash_values_add(out, &commands[i]);
    lki_buf_str(out, "    esac\n    case $command in\n");
    for (size_t i = 0; i < count; i++)
        bash_words_add(out, &commands[i]);
    lki_buf_str(out, "    esac\n    [ \"$COMP_CWORD\" = 1 ] && words=\"");
    lki_completion_commands(out, NULL, " ");
    lki_buf_str(out, " $words\"\n"
                     "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n");
    bash_files_add(out);
    lki_buf_str(out, "}\ncomplete -F ");
    lki_completion_function(out, program);
    lki_buf_str(out, " -- ");
    lki_completion_quote(out, program, "'\\''", false);
    lki_buf_char(out, '\n');
}

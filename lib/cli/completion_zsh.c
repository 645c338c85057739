/* Completion for zsh. */
#include "cli/completion.h"

#include <string.h>

/* Behind a backslash what ends an explanation or a part of a specification. */
static void zsh_text_add(struct lki_buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("[]:\\", *text))
            lki_buf_char(out, '\\');
        if (*text == '\'')
            lki_buf_str(out, "'\\''");
        else
            lki_buf_char(out, *text);
    }
}

static void zsh_option_add(struct lki_buf *out, const struct lki_option *option)
{
    bool has_value = option->value;

    lki_buf_str(out, "            ");
    if (lki_option_repeats(option))
        lki_buf_str(out, "'*'");
    else if (option->letter)
        lki_buf_printf(out, "'(-%c --%s)'", option->letter, option->name);
    if (option->letter)
        lki_buf_printf(out, "{-%c%s,--%s%s}'[", option->letter, has_value ? "+" : "", option->name,
                       has_value ? "=" : "");
    else
        lki_buf_printf(out, "'--%s%s[", option->name, has_value ? "=" : "");
    zsh_text_add(out, option->help);
    lki_buf_char(out, ']');
    if (has_value) {
        lki_buf_char(out, ':');
        zsh_text_add(out, option->value);
        lki_buf_char(out, ':');
        if (lki_completion_values(option) == LKI_VALUES_FILE)
            lki_buf_str(out, "_files");
        if (lki_completion_values(option) == LKI_VALUES_PARAM ||
            lki_completion_values(option) == LKI_VALUES_TYPE) {
            lki_buf_char(out, '(');
            lki_completion_names(out, lki_completion_values(option));
            lki_buf_char(out, ')');
        }
    }
    lki_buf_str(out, "'\n");
}

static void zsh_command_add(struct lki_buf *out, const struct lki_command *command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    lki_buf_printf(out, "    %s)\n        options=(\n", command->name);
    for (size_t i = 0; i < count; i++) {
        if (lki_completion_offers(command, &table[i]))
            zsh_option_add(out, &table[i]);
    }
    if (lki_completion_has_words(command)) {
        lki_buf_str(out, "            '2:word:(");
        lki_completion_words(out, command);
        lki_buf_str(out, ")'\n");
    }
    if (command->bit == LKI_CMD_REPORT)
        lki_buf_str(out, "            '*:file:_files'\n");
    lki_buf_str(out, "        )\n        ;;\n");
}

void lki_completion_zsh(struct lki_buf *out, const char *program)
{
    size_t count;
    const struct lki_command *commands = lki_command_table(&count);

    lki_completion_comment(out, program, "zsh", "eval \"$(", ")\"");
    lki_completion_function(out, program);
    lki_buf_str(out, "()\n{\n    local -a commands options\n    local command=run\n\n"
                     "    commands=(\n");
    for (size_t i = 0; i < count; i++) {
        lki_buf_printf(out, "        '%s:", commands[i].name);
        zsh_text_add(out, commands[i].summary);
        lki_buf_str(out, "'\n");
    }
    lki_buf_str(out, "    )\n"
                     "    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
                     "        _describe -t commands command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    [[ -n ${commands[(r)$words[2]:*]} ]] && command=$words[2]\n"
                     "    case $command in\n");
    for (size_t i = 0; i < count; i++)
        zsh_command_add(out, &commands[i]);
    lki_buf_str(out, "    esac\n"
                     "    [[ $words[2] == $command ]] && options+=('1: :')\n"
                     "    _arguments -s : $options\n}\ncompdef ");
    lki_completion_function(out, program);
    lki_buf_char(out, ' ');
    lki_completion_quote(out, program, "'\\''", false);
    lki_buf_char(out, '\n');
}

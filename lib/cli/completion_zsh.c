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
        if (lki_completion_values(option) == LKI_VALUES_CHOICE) {
            lki_buf_char(out, '(');
            lki_completion_choices(out, option);
            lki_buf_char(out, ')');
        }
    }
    lki_buf_str(out, "'\n");
}

/* What may stand behind a command besides options, in which place. */
static void zsh_words_add(struct lki_buf *out, const struct lki_cli_command *command)
{
    if (command->bits & LKI_CMD_REPORT)
        lki_buf_str(out, "            '*:file:_files'\n");
    if (!lki_completion_has_words(command))
        return;
    lki_buf_printf(out, "            '%d:word:(", lki_command_is_top(command) ? 2 : 3);
    lki_completion_words(out, command);
    lki_buf_str(out, ")'\n");
}

static void zsh_command_add(struct lki_buf *out, const struct lki_cli_command *command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    lki_buf_printf(out, "    '%s')\n        options=(\n", command->name);
    for (size_t i = 0; i < count; i++) {
        if (lki_completion_offers(command, &table[i]))
            zsh_option_add(out, &table[i]);
    }
    zsh_words_add(out, command);
    lki_buf_str(out, "        )\n        ;;\n");
}

/* An array of commands with what they are for; group NULL: those at the top. */
static void zsh_list_add(struct lki_buf *out, const struct lki_cli_command *group)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);

    lki_buf_str(out, "    commands=(\n");
    for (size_t i = 0; i < count; i++) {
        if (!lki_command_is_of(&commands[i], group))
            continue;
        lki_buf_printf(out, "        '%s:", lki_command_word(&commands[i]));
        zsh_text_add(out, commands[i].summary);
        lki_buf_str(out, "'\n");
    }
    lki_buf_str(out, "    )\n");
}

/* What is offered in the place of a group's own command. */
static void zsh_group_add(struct lki_buf *out, const struct lki_cli_command *group)
{
    lki_buf_printf(out, "    if [[ $command == %s ]]; then\n", group->name);
    zsh_list_add(out, group);
    lki_buf_str(out, "    if (( CURRENT == 3 )) && [[ $words[3] != -* ]]; then\n"
                     "        _describe -t commands command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    if [[ -n ${commands[(r)$words[3]:*]} ]]; then\n"
                     "        command+=\" $words[3]\"\n"
                     "        named=3\n"
                     "    fi\n"
                     "    fi\n");
}

void lki_completion_zsh(struct lki_buf *out, const char *program)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);

    lki_completion_comment(out, program, "zsh", "eval \"$(", ")\"");
    lki_completion_function(out, program);
    lki_buf_str(out, "()\n{\n    local -a commands options\n    local command=run named=1\n\n");
    zsh_list_add(out, NULL);
    lki_buf_str(out, "    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
                     "        _describe -t commands command commands\n"
                     "        return\n"
                     "    fi\n"
                     "    if [[ -n ${commands[(r)$words[2]:*]} ]]; then\n"
                     "        command=$words[2]\n"
                     "        named=2\n"
                     "    fi\n");
    for (size_t i = 0; i < count; i++) {
        if (lki_command_is_group(&commands[i]))
            zsh_group_add(out, &commands[i]);
    }
    lki_buf_str(out, "    case $command in\n");
    for (size_t i = 0; i < count; i++)
        zsh_command_add(out, &commands[i]);
    lki_buf_str(out, "    esac\n"
                     "    (( named > 1 )) && options+=('1: :')\n"
                     "    (( named > 2 )) && options+=('2: :')\n"
                     "    _arguments -s : $options\n}\ncompdef ");
    lki_completion_function(out, program);
    lki_buf_char(out, ' ');
    lki_completion_quote(out, program, "'\\''", false);
    lki_buf_char(out, '\n');
}

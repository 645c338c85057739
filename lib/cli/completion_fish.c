/* Completion for fish. */
#include "cli/completion.h"

static void fish_begin(struct lki_buf *out, const char *program)
{
    lki_buf_str(out, "complete -c ");
    lki_completion_quote(out, program, "\\'", true);
}

/* "__loadkit_shop at test start": is that the beginning of the line? "in": is it all of it? */
static void fish_function_add(struct lki_buf *out, const char *program)
{
    lki_buf_str(out, "function _");
    lki_completion_function(out, program);
    lki_buf_str(out, "\n"
                     "    set -l words (commandline -opc)\n"
                     "    set -l wanted $argv[2..-1]\n"
                     "    set -l last (math 1 + (count $wanted))\n"
                     "    test (count $words) -ge $last; or return 1\n"
                     "    test \"$argv[1]\" = at; or test (count $words) -eq $last; or return 1\n"
                     "    test \"$words[2..$last]\" = \"$wanted\"\n"
                     "end\n");
}

/* Only behind that command; the first one is also what no command at all means. */
static void fish_condition_add(struct lki_buf *out, const char *program,
                               const struct lki_cli_command *command)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);

    lki_buf_str(out, " -n '");
    if (command == commands) {
        lki_buf_str(out, "not __fish_seen_subcommand_from");
        for (size_t i = 1; i < count; i++) {
            if (lki_command_is_top(&commands[i]))
                lki_buf_printf(out, " %s", commands[i].name);
        }
    } else {
        lki_buf_char(out, '_');
        lki_completion_function(out, program);
        lki_buf_printf(out, " at %s", command->name);
    }
    lki_buf_char(out, '\'');
}

static void fish_option_add(struct lki_buf *out, const char *program,
                            const struct lki_cli_command *command, const struct lki_option *option)
{
    enum lki_values values = option->value ? lki_completion_values(option) : LKI_VALUES_UNKNOWN;

    fish_begin(out, program);
    fish_condition_add(out, program, command);
    if (option->letter)
        lki_buf_printf(out, " -s %c", option->letter);
    lki_buf_printf(out, " -l %s", option->name);
    if (values == LKI_VALUES_FILE)
        lki_buf_str(out, " -r -F");
    else if (option->value)
        lki_buf_str(out, " -x");
    if (values > LKI_VALUES_FILE) {
        lki_buf_str(out, " -a '");
        if (values == LKI_VALUES_CHOICE)
            lki_completion_choices(out, option);
        else
            lki_completion_names(out, values);
        lki_buf_char(out, '\'');
    }
    lki_buf_str(out, " -d ");
    lki_completion_quote(out, option->help, "\\'", true);
    lki_buf_char(out, '\n');
}

/* The command itself, where it can be typed: at the beginning, or behind its group. */
static void fish_name_add(struct lki_buf *out, const char *program,
                          const struct lki_cli_command *command,
                          const struct lki_cli_command *group)
{
    fish_begin(out, program);
    if (group) {
        lki_buf_str(out, " -n '_");
        lki_completion_function(out, program);
        lki_buf_printf(out, " in %s'", group->name);
    } else {
        lki_buf_str(out, " -n __fish_use_subcommand");
    }
    lki_buf_printf(out, " -a %s -d ", lki_command_word(command));
    lki_completion_quote(out, command->summary, "\\'", true);
    lki_buf_char(out, '\n');
}

static void fish_command_add(struct lki_buf *out, const char *program,
                             const struct lki_cli_command *command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (lki_completion_offers(command, &table[i]))
            fish_option_add(out, program, command, &table[i]);
    }
    if (lki_completion_has_words(command) && !lki_command_is_group(command)) {
        fish_begin(out, program);
        fish_condition_add(out, program, command);
        lki_buf_str(out, " -a '");
        lki_completion_words(out, command);
        lki_buf_str(out, "'\n");
    }
    if (command->bits & LKI_CMD_REPORT) {
        fish_begin(out, program);
        fish_condition_add(out, program, command);
        lki_buf_str(out, " -F\n");
    }
}

void lki_completion_fish(struct lki_buf *out, const char *program)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);
    const struct lki_cli_command *group = NULL;

    lki_completion_comment(out, program, "fish", "", " | source");
    fish_function_add(out, program);
    fish_begin(out, program);
    lki_buf_str(out, " -f\n");
    for (size_t i = 0; i < count; i++) {
        if (lki_command_is_top(&commands[i]))
            group = &commands[i];
        fish_name_add(out, program, &commands[i], group == &commands[i] ? NULL : group);
        fish_command_add(out, program, &commands[i]);
    }
}

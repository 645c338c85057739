/* The command help: what the tables of commands and options say, for people and for the manual. */
#include <ctype.h>
#include <string.h>

#include "cli/command.h"

#define HELP_COLUMN 30

/* ---- for people ---- */

static void option_add(struct lki_buf *out, const struct lki_option *option)
{
    size_t start = out->len;

    if (option->letter)
        lki_buf_printf(out, "  -%c, --%s", option->letter, option->name);
    else
        lki_buf_printf(out, "      --%s", option->name);
    if (option->value)
        lki_buf_printf(out, " %s", option->value);
    while (!out->err && out->len - start < HELP_COLUMN)
        lki_buf_char(out, ' ');
    lki_buf_printf(out, "  %s", option->help);
    if (option->otherwise)
        lki_buf_printf(out, " (default %s)", option->otherwise);
    lki_buf_char(out, '\n');
}

void lki_help_options(struct lki_buf *out, enum lki_command_bit command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);
    bool elsewhere = false;

    for (size_t i = 0; i < count; i++) {
        if (!(table[i].commands & command) || !table[i].help)
            continue;
        option_add(out, &table[i]);
        elsewhere |= table[i].reach == LKI_REACH_ALL;
    }
    if (command == LKI_CMD_RUN || command == LKI_CMD_DEBUG)
        lki_buf_str(out, "\nWhat is not given here may stand in variables, LK_USERS=100 for "
                         "--users 100,\nor in the file of --config as users = 100.\n");
    else if (elsewhere)
        lki_buf_str(out, "\nWhat is not given here may stand in variables, LK_NO_COLOR=true for "
                         "--no-color.\n");
}

int lki_help_show(const struct lki_cli *cli, const struct lki_command *command)
{
    size_t count;
    const struct lki_command *commands = lki_command_table(&count);
    struct lki_buf out;
    int status;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    if (command) {
        lki_buf_printf(&out, "Usage: %s %s [OPTION]...%s\n\n  %s\n\nOptions:\n", cli->program,
                       command->name, command->words, command->summary);
    } else {
        command = commands;
        lki_buf_printf(&out, "Usage: %s [COMMAND] [OPTION]...\n\nCommands:\n", cli->program);
        for (size_t i = 0; i < count; i++)
            lki_buf_printf(&out, "  %-10s  %s\n", commands[i].name, commands[i].summary);
        lki_buf_printf(&out, "\nOptions of %s:\n", command->name);
    }
    lki_help_options(&out, command->bit);
    status = lki_cli_answer(cli, &out);
    lki_buf_release(&out);
    return status;
}

/* ---- for the manual, in mdoc ---- */

/* "TIME:N" to " Ar time Ns : Ns Ar n". */
static void value_mdoc(struct lki_buf *out, const char *value)
{
    bool in_word = false;

    for (; *value; value++) {
        if (!isalpha((unsigned char)*value)) {
            lki_buf_printf(out, " Ns \\&%c Ns", *value);
            in_word = false;
            continue;
        }
        if (!in_word)
            lki_buf_str(out, " Ar ");
        lki_buf_char(out, (char)tolower((unsigned char)*value));
        in_word = true;
    }
}

/* A sentence of its own; a semicolon ends one too. */
static void sentence_mdoc(struct lki_buf *out, const char *text)
{
    bool begins = true;

    for (; *text; text++) {
        if (!strncmp(text, "; ", 2)) {
            lki_buf_str(out, ".\n");
            begins = true;
            text++;
            continue;
        }
        lki_buf_char(out, begins ? (char)toupper((unsigned char)*text) : *text);
        begins = false;
    }
    lki_buf_str(out, ".\n");
}

static void option_mdoc(struct lki_buf *out, const struct lki_option *option)
{
    lki_buf_str(out, ".It");
    if (option->letter)
        lki_buf_printf(out, " Fl %c ,", option->letter);
    lki_buf_printf(out, " Fl -%s", option->name);
    if (option->value)
        value_mdoc(out, option->value);
    lki_buf_char(out, '\n');
    sentence_mdoc(out, option->help);
    if (option->otherwise)
        lki_buf_printf(out, "The default is %s.\n", option->otherwise);
}

static void command_mdoc(struct lki_buf *out, const struct lki_command *command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    lki_buf_printf(out, ".Ss Options of %s\n.Bl -tag -width Ds\n", command->name);
    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & command->bit) && table[i].help)
            option_mdoc(out, &table[i]);
    }
    lki_buf_str(out, ".El\n");
}

/* Of one command; NULL: of all. */
static int mdoc_show(const struct lki_cli *cli, const struct lki_command *only)
{
    size_t count;
    const struct lki_command *commands = lki_command_table(&count);
    struct lki_buf out;
    int status;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!only || only == &commands[i])
            command_mdoc(&out, &commands[i]);
    }
    status = lki_cli_answer(cli, &out);
    lki_buf_release(&out);
    return status;
}

int lki_cli_help(const struct lki_cli *cli)
{
    const char *topic = cli->options.word_count ? cli->options.words[0] : NULL;
    const struct lki_command *command = topic ? lki_command_find(topic) : NULL;

    if (topic && !command)
        return lki_command_unknown(cli, topic);
    if (cli->options.mdoc)
        return mdoc_show(cli, command);
    return lki_help_show(cli, command);
}

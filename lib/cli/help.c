/* The command help: what the tables of commands and options say, for people and for the manual. */
#include <ctype.h>
#include <string.h>

#include "cli/command.h"
#include "result/result.h"

#define HELP_COLUMN 30
#define HELP_COLUMNS 80

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

/* An option as it is given, for an example. */
static const char *example_value(const struct lki_option *option)
{
    if (option->kind == LKI_OPTION_SWITCH)
        return "true";
    if (option->offset == offsetof(struct lki_options, users))
        return "100";
    return option->otherwise ? option->otherwise : option->value;
}

/* The one by which the notes tell what can be given elsewhere; NULL: none can. */
static const struct lki_option *example_of(unsigned commands)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & commands) && table[i].reach == LKI_REACH_ALL && table[i].help)
            return &table[i];
    }
    return NULL;
}

/* Ends lines at blanks so that none is too long. */
static void lines_fold(char *text, size_t len)
{
    size_t begin = 0;
    size_t blank = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ')
            blank = i;
        if (i - begin >= HELP_COLUMNS && blank > begin) {
            text[blank] = '\n';
            begin = blank + 1;
        }
    }
}

static void notes_add(struct lki_buf *out, unsigned commands)
{
    const struct lki_option *example = example_of(commands);
    const char *value = example ? example_value(example) : NULL;
    size_t start;

    if (!example)
        return;
    lki_buf_char(out, '\n');
    start = out->len;
    lki_buf_str(out, "What is not given here may stand in variables, LK_");
    for (const char *c = example->name; *c; c++)
        lki_buf_char(out, *c == '-' ? '_' : (char)toupper((unsigned char)*c));
    lki_buf_printf(out, "=%s for --%s", value, example->name);
    if (example->kind != LKI_OPTION_SWITCH)
        lki_buf_printf(out, " %s", value);
    if (lki_option_find(commands, "config", strlen("config")))
        lki_buf_printf(out, ", or in the file of --config as %s = %s", example->name, value);
    lki_buf_char(out, '.');
    if (!out->err)
        lines_fold(out->data + start, out->len - start);
    lki_buf_char(out, '\n');
}

void lki_help_options(struct lki_buf *out, unsigned commands)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & commands) && table[i].help)
            option_add(out, &table[i]);
    }
    notes_add(out, commands);
}

/* The commands of a group; NULL: those at the top. */
static void commands_add(struct lki_buf *out, const struct lki_cli_command *group)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (lki_command_is_of(&commands[i], group))
            lki_buf_printf(out, "  %-12s  %s\n", lki_command_word(&commands[i]),
                           commands[i].summary);
    }
}

/* The bits of a group and of all its commands. */
static unsigned group_bits(const struct lki_cli_command *group)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);
    unsigned bits = group->bits;

    for (size_t i = 0; i < count; i++) {
        if (lki_command_is_of(&commands[i], group))
            bits |= commands[i].bits;
    }
    return bits;
}

static void command_explain(struct lki_buf *out, const char *program,
                            const struct lki_cli_command *command)
{
    lki_buf_printf(out, "Usage: %s %s", program, command->name);
    if (lki_command_is_group(command)) {
        lki_buf_printf(out, "%s [OPTION]...\n\n  %s\n\nCommands:\n",
                       command->fn ? " [COMMAND]" : " COMMAND", command->summary);
        commands_add(out, command);
        lki_buf_printf(out, "\nOptions of all these; help %s COMMAND shows those of one:\n",
                       command->name);
        lki_help_options(out, group_bits(command));
    } else {
        lki_buf_printf(out, " [OPTION]...%s\n\n  %s\n\nOptions:\n", command->words,
                       command->summary);
        lki_help_options(out, command->bits);
    }
}

int lki_help_show(const struct lki_cli *cli, const struct lki_cli_command *command)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    if (command) {
        command_explain(&out, cli->program, command);
    } else {
        lki_buf_printf(&out, "Usage: %s [COMMAND] [OPTION]...\n\nCommands:\n", cli->program);
        commands_add(&out, NULL);
        lki_buf_printf(&out, "\nOptions of %s:\n", commands->name);
        lki_help_options(&out, commands->bits);
    }
    return lki_cli_answer(cli, &out);
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

static void command_mdoc(struct lki_buf *out, const struct lki_cli_command *command)
{
    size_t count;
    const struct lki_option *table = lki_option_table(&count);

    lki_buf_printf(out, ".Ss Options of %s\n.Bl -tag -width Ds\n", command->name);
    for (size_t i = 0; i < count; i++) {
        if ((table[i].commands & command->bits) && table[i].help)
            option_mdoc(out, &table[i]);
    }
    lki_buf_str(out, ".El\n");
}

/* Of one command; NULL: of all. */
static int mdoc_show(const struct lki_cli *cli, const struct lki_cli_command *only)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        if (commands[i].fn && (!only || only == &commands[i]))
            command_mdoc(&out, &commands[i]);
    }
    return lki_cli_answer(cli, &out);
}

int lki_cli_help(const struct lki_cli *cli)
{
    const struct lki_options *options = &cli->options;
    const struct lki_cli_command *command = NULL;
    size_t used = 0;

    if (options->word_count) {
        command = lki_command_of(cli, options->word_count, options->words, &used);
        if (!command)
            return LKI_EXIT_USAGE;
    }
    if (used < options->word_count) {
        lki_cli_error(cli, "unexpected word '%.100s'; %s has no commands of its own",
                      options->words[used], command->name);
        return LKI_EXIT_USAGE;
    }
    return options->mdoc ? mdoc_show(cli, command) : lki_help_show(cli, command);
}

/* The command completion: a script that has a shell complete this program's command line, from the
 * tables of commands and options. */
#include "cli/completion.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/registry.h"
#include "result/result.h"

static const struct shell {
    const char *name;
    void (*write)(struct lki_buf *out, const char *program);
} shells[] = {
    {"bash", lki_completion_bash}, {"zsh", lki_completion_zsh}, {"fish", lki_completion_fish}};

/* ---- what there is ---- */

enum lki_values lki_completion_values(const struct lki_option *option)
{
    if (!strcmp(option->value, "FILE") || !strcmp(option->value, "DIR"))
        return LKI_VALUES_FILE;
    if (option->kind == LKI_OPTION_CHOICE)
        return LKI_VALUES_CHOICE;
    if (option->kind == LKI_OPTION_PARAM)
        return LKI_VALUES_PARAM;
    return !strcmp(option->value, "TYPE") ? LKI_VALUES_TYPE : LKI_VALUES_UNKNOWN;
}

bool lki_completion_offers(const struct lki_cli_command *command, const struct lki_option *option)
{
    bool everywhere = (option->commands & LKI_CMD_HELP) && (option->commands & LKI_CMD_LIST);

    return (option->commands & command->bits) && option->help && (command->fn || everywhere);
}

/* One that no shell takes for anything else. */
static bool is_plain(const char *name)
{
    while (isalnum((unsigned char)*name) || *name == '_')
        name++;
    return !*name;
}

void lki_completion_names(struct lki_buf *out, enum lki_values values)
{
    enum lk_def_kind kind = values == LKI_VALUES_PARAM ? LK_DEF_PARAM : LK_DEF_VU;
    const char *between = "";

    for (const struct lk_def *def = lki_registry_first(); def; def = def->next_) {
        if (def->kind != kind || !def->name || !is_plain(def->name))
            continue;
        lki_buf_printf(out, "%s%s%s", between, def->name, values == LKI_VALUES_PARAM ? "=" : "");
        between = " ";
    }
}

void lki_completion_commands(struct lki_buf *out, const struct lki_cli_command *group,
                             const char *between)
{
    size_t count;
    const struct lki_cli_command *commands = lki_command_table(&count);
    bool first = true;

    for (size_t i = 0; i < count; i++) {
        if (!lki_command_is_of(&commands[i], group))
            continue;
        lki_buf_printf(out, "%s%s", first ? "" : between, lki_command_word(&commands[i]));
        first = false;
    }
}

void lki_completion_choices(struct lki_buf *out, const struct lki_option *option)
{
    for (const char *c = option->choices; *c; c++)
        lki_buf_char(out, *c == '|' ? ' ' : *c);
}

static void shells_add(struct lki_buf *out)
{
    for (size_t i = 0; i < LKI_COUNT(shells); i++)
        lki_buf_printf(out, "%s%s", i ? " " : "", shells[i].name);
}

/* The names of the resources that this program registers. */
static void resources_add(struct lki_buf *out)
{
    const char *between = "";

    for (const struct lk_def *def = lki_registry_first(); def; def = def->next_) {
        if (def->kind != LK_DEF_RESOURCE || !def->name || !is_plain(def->name))
            continue;
        lki_buf_printf(out, "%s%s", between, def->name);
        between = " ";
    }
}

#define NAMES_RESOURCE                                                                             \
    (LKI_CMD_RESOURCES_CREATE | LKI_CMD_RESOURCES_ENSURE | LKI_CMD_RESOURCES_ITEMS |               \
     LKI_CMD_RESOURCES_DELETE)

bool lki_completion_has_words(const struct lki_cli_command *command)
{
    return lki_command_is_group(command) ||
           (command->bits & (LKI_CMD_HELP | LKI_CMD_COMPLETION | NAMES_RESOURCE));
}

void lki_completion_words(struct lki_buf *out, const struct lki_cli_command *command)
{
    if (lki_command_is_group(command))
        lki_completion_commands(out, command, " ");
    else if (command->bits & LKI_CMD_HELP)
        lki_completion_commands(out, NULL, " ");
    else if (command->bits & LKI_CMD_COMPLETION)
        shells_add(out);
    else if (command->bits & NAMES_RESOURCE)
        resources_add(out);
}

/* ---- quoting ---- */

void lki_completion_quote(struct lki_buf *out, const char *text, const char *quote,
                          bool backslashes)
{
    lki_buf_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            lki_buf_str(out, quote);
        else if (*text == '\\' && backslashes)
            lki_buf_str(out, "\\\\");
        else
            lki_buf_char(out, *text);
    }
    lki_buf_char(out, '\'');
}

/* A name for a function, which differs where those of programs do, nearly always. */
void lki_completion_function(struct lki_buf *out, const char *program)
{
    lki_buf_str(out, "_loadkit_");
    for (; *program; program++)
        lki_buf_char(out, isalnum((unsigned char)*program) ? *program : '_');
}

void lki_completion_comment(struct lki_buf *out, const char *program, const char *shell,
                            const char *before, const char *behind)
{
    size_t start;

    lki_buf_str(out, "# Completion of ");
    start = out->len;
    lki_buf_printf(out, "%s for %s: %s%s completion %s%s", program, shell, before, program, shell,
                   behind);
    if (!out->err)
        lki_text_one_line(out->data + start, out->len - start);
    lki_buf_char(out, '\n');
}

/* ---- the command ---- */

static int fail_unknown(const struct lki_cli *cli, const char *name)
{
    struct lki_nearest nearest;

    lki_nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < LKI_COUNT(shells); i++)
        lki_nearest_offer(&nearest, shells[i].name);
    if (nearest.best)
        lki_cli_error(cli, "unknown shell '%.100s'; did you mean %s?", name, nearest.best);
    else
        lki_cli_error(cli, "unknown shell '%.100s'; there is bash, zsh, fish", name);
    return LKI_EXIT_USAGE;
}

int lki_cli_completion(const struct lki_cli *cli)
{
    const struct shell *shell = NULL;
    struct lki_buf out;

    if (!cli->options.word_count) {
        lki_cli_error(cli, "completion needs the name of a shell; write completion bash, zsh or "
                           "fish");
        return LKI_EXIT_USAGE;
    }
    for (size_t i = 0; i < LKI_COUNT(shells); i++) {
        if (!strcmp(shells[i].name, cli->options.words[0]))
            shell = &shells[i];
    }
    if (!shell)
        return fail_unknown(cli, cli->options.words[0]);
    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    shell->write(&out, cli->program);
    return lki_cli_answer(cli, &out);
}

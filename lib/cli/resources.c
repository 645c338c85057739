/* The commands resources ...: the objects that an orchestrator has for its runs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/remote.h"
#include "cli/sheet.h"
#include "cli/start.h"
#include "net/url.h"
#include "result/result.h"
#include "user/factory.h"

#define NAME_BYTES 256

/* ---- list ---- */

static int list_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    static const char *const columns[] = {"objects"};
    struct lki_json_walk walk = lki_answer_list(answer, "resources");
    struct lki_json_value entry;
    struct lki_sheet sheet;

    lki_sheet_init(&sheet, "resources", columns, 1);
    while (lki_json_walk_element(&walk, &entry)) {
        char name[NAME_BYTES];
        struct lki_sheet_row *row;

        lki_answer_copy(&entry, "resource_name", name, sizeof(name));
        row = lki_sheet_add(&sheet, name);
        if (row)
            lki_format_count(row->cells[0], lki_answer_count(&entry, "count"));
    }
    return lki_sheets_show(cli, &sheet, 1, "the program has no resources");
}

int lki_cli_resources(const struct lki_cli *cli)
{
    return lki_remote_command(cli, "GET", "/resources", NULL, list_show);
}

/* ---- what is typed ---- */

/* The name of a resource, which all but the list need. */
static bool has_name(const struct lki_cli *cli, const char *command, const char *usage)
{
    if (cli->options.word_count)
        return true;
    lki_cli_error(cli, "resources %s needs the name of a resource; write resources %s %s", command,
                  command, usage);
    return false;
}

/* A whole number as a second word; an exit status. */
static int number_read(const struct lki_cli *cli, const char *what, const char *hint,
                       uint64_t *number)
{
    const char *text = cli->options.words[1];
    const char *why = "";

    if (!lki_text_count(text, number, &why))
        return LKI_EXIT_PASSED;
    lki_cli_error(cli, "%s %.100s: %s; %s", what, *text ? text : "''", why, hint);
    return LKI_EXIT_USAGE;
}

static void put_name(const struct lki_cli *cli, struct lki_buf *body)
{
    const char *name = cli->options.words[0];

    lki_buf_str(body, "{\"name\":");
    lki_json_write_string(body, name, strlen(name));
}

/* ---- create, ensure ---- */

static int made_show(const struct lki_cli *cli, const struct lki_json_value *answer,
                     uint64_t created, uint64_t there)
{
    char made[LKI_CELL_BYTES];
    char all[LKI_CELL_BYTES];
    struct lki_buf out;

    lki_format_count(made, created);
    lki_format_count(all, there);
    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_answer_text(answer, "resource_name", &out);
    lki_buf_printf(&out, ": %s created", made);
    if (there)
        lki_buf_printf(&out, ", %s in all", all);
    lki_buf_char(&out, '\n');
    return lki_cli_answer(cli, &out);
}

static int created_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    return made_show(cli, answer, lki_answer_count(answer, "count"), 0);
}

static int ensured_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    return made_show(cli, answer, lki_answer_count(answer, "created_count"),
                     lki_answer_count(answer, "current_count"));
}

static int make(const struct lki_cli *cli, const char *path, uint64_t count, lki_remote_take *show)
{
    struct lki_buf body;
    int status = LKI_EXIT_PASSED;

    lki_buf_init(&body, LKI_CLI_TEXT_MAX);
    put_name(cli, &body);
    lki_buf_printf(&body, ",\"count\":%" PRIu64, count);
    if (cli->options.payload) {
        lki_buf_str(&body, ",\"payload\":");
        status = lki_start_object(cli, "--payload", cli->options.payload, &body);
    }
    lki_buf_char(&body, '}');
    if (!status)
        return lki_remote_judged(cli, "POST", path, &body, lki_factory_limit_ns(count), NULL, show);
    lki_buf_release(&body);
    return status;
}

int lki_cli_resources_create(const struct lki_cli *cli)
{
    uint64_t count = 1;
    int status = LKI_EXIT_PASSED;

    if (!has_name(cli, "create", "NAME COUNT"))
        return LKI_EXIT_USAGE;
    if (cli->options.word_count > 1)
        status = number_read(cli, "count", "give a whole number from 1, such as 100 or 10k",
                             &count);
    return status ? status : make(cli, "/create_resource", count, created_show);
}

int lki_cli_resources_ensure(const struct lki_cli *cli)
{
    uint64_t count = 0;
    int status;

    if (!has_name(cli, "ensure", "NAME COUNT"))
        return LKI_EXIT_USAGE;
    if (cli->options.word_count < 2) {
        lki_cli_error(cli, "resources ensure needs to know how many; write resources ensure "
                           "NAME COUNT");
        return LKI_EXIT_USAGE;
    }
    status = number_read(cli, "count", "give a whole number from 0, such as 100 or 10k", &count);
    return status ? status : make(cli, "/ensure_resource", count, ensured_show);
}

/* ---- items ---- */

/* The rest of an object is shown as it is written, since only its author knows what is in it. */
static int items_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    struct lki_json_walk walk = lki_answer_list(answer, "items");
    uint64_t first = cli->options.offset;
    struct lki_json_value item;
    struct lki_buf out;
    uint64_t count = 0;
    uint64_t total = lki_answer_count(answer, "total");

    lki_buf_init(&out, LKI_FETCH_BODY_MAX);
    for (; lki_json_walk_element(&walk, &item); count++) {
        lki_answer_text(&item, "", &out);
        lki_buf_char(&out, '\n');
    }
    if (count < total)
        lki_buf_printf(&out,
                       "%" PRIu64 " of %" PRIu64 ", from number %" PRIu64
                       "; --offset and --limit show others\n",
                       count, total, first + 1);
    else if (!total)
        lki_buf_str(&out, "there are no objects\n");
    if (count && lki_answer_bool(answer, "masked"))
        lki_buf_str(&out, "what is in them is masked, since the orchestrator asks for no token; "
                          "start it with --token-file FILE\n");
    return lki_cli_answer(cli, &out);
}

int lki_cli_resources_items(const struct lki_cli *cli)
{
    struct lki_buf path;
    const char *text;
    int status = LKI_EXIT_FAILED;

    if (!has_name(cli, "items", "NAME"))
        return LKI_EXIT_USAGE;
    lki_buf_init(&path, LKI_CLI_TEXT_MAX);
    lki_buf_str(&path, "/resources/");
    lki_url_escape(&path, cli->options.words[0]);
    lki_buf_printf(&path, "/items?offset=%" PRIu64 "&limit=%" PRIu64, cli->options.offset,
                   cli->options.limit);
    text = lki_buf_cstr(&path);
    if (text)
        status = lki_remote_command(cli, "GET", text, NULL, items_show);
    lki_buf_release(&path);
    return status;
}

/* ---- delete ---- */

static int deleted_judge(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    if (cli->options.all || lki_answer_count(answer, "deleted_count"))
        return LKI_EXIT_PASSED;
    lki_cli_error(cli, "no object of %s has the id %s; resources items %s shows those there are",
                  cli->options.words[0], cli->options.words[1], cli->options.words[0]);
    return LKI_EXIT_FAILED;
}

static int deleted_show(const struct lki_cli *cli, const struct lki_json_value *answer)
{
    struct lki_buf out;

    lki_buf_init(&out, LKI_CLI_TEXT_MAX);
    lki_answer_text(answer, "resource_name", &out);
    lki_buf_printf(&out, ": %" PRIu64 " deleted, %" PRIu64 " left\n",
                   lki_answer_count(answer, "deleted_count"),
                   lki_answer_count(answer, "current_count"));
    return lki_cli_answer(cli, &out);
}

int lki_cli_resources_delete(const struct lki_cli *cli)
{
    bool named = cli->options.word_count > 1;
    struct lki_buf body;
    uint64_t id = 0;
    int status;

    if (!has_name(cli, "delete", "NAME ID"))
        return LKI_EXIT_USAGE;
    if (named == cli->options.all) {
        lki_cli_error(cli, "resources delete needs an id, or --all for every object; give one of "
                           "them");
        return LKI_EXIT_USAGE;
    }
    status = named ? number_read(cli, "id", "give the resource_id of an object", &id)
                   : LKI_EXIT_PASSED;
    if (status)
        return status;
    lki_buf_init(&body, LKI_CLI_TEXT_MAX);
    put_name(cli, &body);
    if (named)
        lki_buf_printf(&body, ",\"id\":%" PRIu64 "}", id);
    else
        lki_buf_str(&body, ",\"all\":true}");
    return lki_remote_judged(cli, "POST", "/delete_resource", &body, 0, deleted_judge,
                             deleted_show);
}

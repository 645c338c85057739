#include "cli/start.h"

#include <string.h>

#include "base/clock.h"
#include "base/json_walk.h"
#include "base/text.h"
#include "cli/file.h"
#include "cli/params.h"
#include "result/result.h"

#define AT(member) offsetof(struct lki_options, member)

/* ---- members ---- */

static void key(struct lki_buf *body, const char *name)
{
    lki_buf_printf(body, "%s\"%s\":", body->len && body->data[body->len - 1] == '{' ? "" : ",",
                   name);
}

static void put_count(struct lki_buf *body, const char *name, uint64_t count)
{
    key(body, name);
    lki_json_write_uint(body, count);
}

static void put_seconds(struct lki_buf *body, const char *name, int64_t ns)
{
    key(body, name);
    lki_json_write_double(body, (double)ns / LKI_NS_PER_S);
}

static void put_stages(struct lki_buf *body, const struct lki_options *options)
{
    if (!options->stage_count)
        return;
    key(body, "stages_of");
    lki_buf_str(body, options->rated ? "\"rate\"" : "\"users\"");
    key(body, "stages");
    for (size_t i = 0; i < options->stage_count; i++) {
        lki_buf_str(body, i ? ",{" : "[{");
        put_seconds(body, "duration_s", options->stages[i].length_ns);
        key(body, "target");
        lki_json_write_double(body, options->stages[i].target);
        lki_buf_char(body, '}');
    }
    lki_buf_char(body, ']');
}

/* What was not given is not said: the orchestrator has the same defaults. */
static void put_plan(struct lki_buf *body, const struct lki_options *options)
{
    put_count(body, "target_users", options->users);
    if (options->rate_per_s > 0) {
        key(body, "rate_per_s");
        lki_json_write_double(body, options->rate_per_s);
    }
    put_stages(body, options);
    if (!options->stage_count && options->duration_ns != LKI_NEVER)
        put_seconds(body, "duration_s", options->duration_ns);
    if (options->iterations)
        put_count(body, "iterations", options->iterations);
    if (options->seed_given)
        put_count(body, "seed", options->seed);
    if (lki_options_has(options, AT(grace_ns)))
        put_seconds(body, "grace_s", options->grace_ns);
    if (lki_options_has(options, AT(arrival_wait_ns)))
        put_seconds(body, "arrival_wait_s", options->arrival_wait_ns);
    if (options->http_text) {
        key(body, "http");
        lki_buf_str(body, options->http_text);
    }
    if (options->spawn_interval_ns) {
        key(body, "spawn_interval_ms");
        lki_json_write_double(body, (double)options->spawn_interval_ns / LKI_NS_PER_MS);
    }
}

/* ---- objects that are typed ---- */

static int object_refuse(const struct lki_cli *cli, const char *what)
{
    lki_cli_error(cli, "%s: this is no JSON object; give one such as '{\"size\": 10}', or @FILE",
                  what);
    return LKI_EXIT_USAGE;
}

static int object_check(const struct lki_cli *cli, const char *what, const char *text, size_t len,
                        struct lki_buf *out)
{
    struct lki_json_value value;

    if (lki_json_check(text, len) || lki_json_find(text, len, "", &value) ||
        value.kind != LKI_JSON_OBJECT)
        return object_refuse(cli, what);
    lki_buf_append(out, value.raw, value.len);
    return LKI_EXIT_PASSED;
}

int lki_start_object(const struct lki_cli *cli, const char *what, const char *value,
                     struct lki_buf *out)
{
    struct lki_buf content;
    const char *problem;
    int status;

    if (*value != '@')
        return object_check(cli, what, value, strlen(value), out);
    problem = lki_file_read(value + 1, &content);
    if (problem) {
        lki_cli_error(cli, "%s: cannot read the file '%.200s': %s; name another one", what,
                      value + 1, problem);
        status = LKI_EXIT_USAGE;
    } else {
        status = object_check(cli, what, content.len ? content.data : "", content.len, out);
    }
    lki_buf_release(&content);
    return status;
}

/* ---- parameters ---- */

/* Is there a text for the parameter whose name is this key, as JSON writes it? */
static bool is_given(const struct lki_params *params, const struct lki_json_value *name)
{
    struct lki_buf text;
    bool found = false;

    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    if (!lki_json_text(name, &text)) {
        for (size_t i = 0; i < params->count && !found; i++)
            found = strcspn(params->texts[i], "=") == text.len &&
                    !memcmp(params->texts[i], text.data, text.len);
    }
    lki_buf_release(&text);
    return found;
}

/* Was it typed, where others can see it? */
static bool is_shown_secret(const struct lki_cli *cli, const struct lki_model *model,
                            const struct lki_json_value *name)
{
    const struct lki_param *param = NULL;
    struct lki_buf text;

    if (*cli->options.init_params_json == '@')
        return false;
    lki_buf_init(&text, LKI_CLI_TEXT_MAX);
    if (!lki_json_text(name, &text))
        param = lki_map_get(&model->param_names, text.data, text.len);
    lki_buf_release(&text);
    if (!param || !param->def->secret)
        return false;
    lki_cli_error(cli, LKI_PARAM_SHOWN, param->name, param->name, param->name);
    return true;
}

/* Those of --init-params-json that are not given otherwise. */
static int put_object(const struct lki_cli *cli, const struct lki_model *model,
                      const struct lki_params *params, struct lki_buf *body)
{
    const char *given = cli->options.init_params_json;
    struct lki_json_value whole;
    struct lki_json_value name;
    struct lki_json_value value;
    struct lki_json_walk walk;
    struct lki_buf object;
    int status;

    if (!given)
        return LKI_EXIT_PASSED;
    lki_buf_init(&object, LKI_CLI_TEXT_MAX);
    status = lki_start_object(cli, "--init-params-json", given, &object);
    if (!status && !object.err && !lki_json_find(object.data, object.len, "", &whole)) {
        walk = lki_json_walk(&whole);
        while (!status && lki_json_walk_member(&walk, &name, &value)) {
            if (is_shown_secret(cli, model, &name))
                status = LKI_EXIT_USAGE;
            if (is_given(params, &name))
                continue;
            lki_buf_str(body, body->len && body->data[body->len - 1] == '{' ? "" : ",");
            lki_buf_append(body, name.raw, name.len);
            lki_buf_char(body, ':');
            lki_buf_append(body, value.raw, value.len);
        }
    }
    lki_buf_release(&object);
    return status;
}

static void put_text(struct lki_buf *body, const char *text)
{
    size_t len = strcspn(text, "=");

    lki_buf_str(body, body->len && body->data[body->len - 1] == '{' ? "" : ",");
    lki_json_write_string(body, text, len);
    lki_buf_char(body, ':');
    lki_json_write_string(body, text + len + 1, strlen(text + len + 1));
}

static int put_params(const struct lki_cli *cli, const struct lki_model *model,
                      const struct lki_params *params, struct lki_buf *body)
{
    int status;

    key(body, "init_params");
    lki_buf_char(body, '{');
    status = put_object(cli, model, params, body);
    for (size_t i = 0; i < params->count; i++)
        put_text(body, params->texts[i]);
    lki_buf_char(body, '}');
    return status;
}

/* The program that asks is as a rule the one that runs there, and so knows its parameters; but it
 * need not be. */
int lki_start_body(const struct lki_cli *cli, struct lki_buf *body)
{
    struct lki_model *model = NULL;
    struct lki_params params;
    int status = lki_cli_gather(cli, &model, &params);

    if (!status) {
        lki_buf_char(body, '{');
        put_plan(body, &cli->options);
        status = put_params(cli, model, &params, body);
        lki_buf_char(body, '}');
    }
    lki_params_release(&params);
    lki_model_free(model);
    if (status || !body->err)
        return status;
    lki_cli_error(cli, "%s", lk_strerror(body->err));
    return LKI_EXIT_FAILED;
}

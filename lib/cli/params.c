#include "cli/params.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/fault.h"

/* Of a value that stands in a file: a fault, not a limit anybody meets. */
#define VALUE_MAX (1024 * 1024)

/* The parameters on their way to the model. */
struct reader {
    struct lki_arena *arena;
    struct lki_model *model;
    struct lki_faults faults;
    const char **texts; /* "name=value" */
    const char **from;  /* where the value stood; NULL: typed */
    size_t count;
};

/* One text behind the other, in memory of the run, or NULL. */
static char *joined(struct reader *reader, const char *a, size_t a_len, const char *b, size_t b_len)
{
    char *text = lki_arena_alloc(reader->arena, a_len + b_len + 1);

    if (text) {
        memcpy(text, a, a_len);
        memcpy(text + a_len, b, b_len);
        text[a_len + b_len] = '\0';
    }
    return text;
}

/* Adds "name=value". NULL for want of memory. */
static enum lk_err text_add(struct reader *reader, const char *text)
{
    if (!text)
        return LK_E_NOMEM;
    reader->from[reader->count] = NULL;
    reader->texts[reader->count++] = text;
    return LK_OK;
}

/* The same for a text whose value stood in "the file " or "the variable " of that name. */
static enum lk_err found_add(struct reader *reader, const char *text, const char *where,
                             const char *name)
{
    const char *from = joined(reader, where, strlen(where), name, strlen(name));
    enum lk_err err = from ? text_add(reader, text) : LK_E_NOMEM;

    if (!err)
        reader->from[reader->count - 1] = from;
    return err;
}

/* ---- from files ---- */

/* Reads on until the end of a file. 0, or an errno. */
static int descriptor_read(int fd, struct lki_buf *content)
{
    for (;;) {
        char part[4096];
        ssize_t got = read(fd, part, sizeof(part));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : 0;
        lki_buf_append(content, part, (size_t)got);
        if (content->err)
            return content->err == LK_E_LIMIT ? EFBIG : ENOMEM;
    }
}

/* Reads all of a file that may be the value of a parameter. NULL, or what is wrong with it. */
static const char *file_read(const char *path, struct lki_buf *content)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error;

    if (fd < 0)
        return strerror(errno);
    error = descriptor_read(fd, content);
    close(fd);
    if (error == EFBIG)
        return "it is larger than 1 MiB";
    if (error)
        return strerror(error);
    if (content->len && memchr(content->data, '\0', content->len))
        return "there is a zero byte in it";
    return NULL;
}

/* text is "name=@path", head_len the length of "name=". A new-line at the end of the file is not
 * part of the value: editors put it there. */
static enum lk_err file_add(struct reader *reader, const char *text, size_t head_len)
{
    const char *path = text + head_len + 1;
    struct lki_buf content;
    const char *problem;
    enum lk_err err = LK_OK;

    lki_buf_init(&content, VALUE_MAX);
    problem = file_read(path, &content);
    if (content.err == LK_E_NOMEM) {
        err = LK_E_NOMEM;
    } else if (problem) {
        lki_fault(&reader->faults, NULL,
                  "parameter %.*s: cannot read the file '%.200s': %s; name another one, or write "
                  "@@ for a value that begins with @",
                  (int)head_len - 1, text, path, problem);
    } else {
        size_t len = content.len;

        if (len && content.data[len - 1] == '\n')
            len--;
        if (len < content.len && len && content.data[len - 1] == '\r')
            len--;
        err = found_add(reader, joined(reader, text, head_len, len ? content.data : "", len),
                        "the file ", path);
    }
    lki_buf_release(&content);
    return err;
}

/* ---- from the command line ---- */

static enum lk_err typed_add(struct reader *reader, const char *text)
{
    const char *value = strchr(text, '=');
    size_t name_len = value ? (size_t)(value - text) : strlen(text);
    const struct lki_param *param = lki_map_get(&reader->model->param_names, text, name_len);

    if (!param || !value) /* the model tells it */
        return text_add(reader, text);
    if (value[1] == '@' && value[2] == '@')
        return text_add(reader, joined(reader, text, name_len + 1, value + 2, strlen(value + 2)));
    if (value[1] == '@')
        return file_add(reader, text, name_len + 1);
    if (!param->def->secret)
        return text_add(reader, text);
    lki_fault(&reader->faults, NULL,
              "parameter %s is secret, and others on this machine can see what is typed; give it "
              "with -p %s=@FILE or in the variable LK_PARAM_%s",
              param->name, param->name, param->name);
    return LK_OK;
}

/* ---- from the environment ---- */

static bool is_typed(const struct lki_options *options, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < options->param_count; i++) {
        const char *text = options->params[i];

        if (!strncmp(text, name, len) && (text[len] == '=' || !text[len]))
            return true;
    }
    return false;
}

static enum lk_err variable_add(struct reader *reader, const char *name)
{
    static const char prefix[] = "LK_PARAM_";
    size_t name_len = strlen(name);
    char *variable = joined(reader, prefix, strlen(prefix), name, name_len);
    const char *value = variable ? getenv(variable) : NULL;
    char *head;

    if (!value)
        return variable ? LK_OK : LK_E_NOMEM;
    head = joined(reader, name, name_len, "=", 1);
    if (!head)
        return LK_E_NOMEM;
    return found_add(reader, joined(reader, head, name_len + 1, value, strlen(value)),
                     "the variable ", variable);
}

enum lk_err lki_params_set(struct lki_params *params, const struct lki_options *options,
                           struct lki_model *model, struct lki_buf *problems)
{
    struct reader reader = {.arena = &params->arena, .model = model};
    size_t most = options->param_count + model->param_count;
    enum lk_err err = LK_OK;

    lki_arena_init(&params->arena, NULL, 0);
    lki_faults_init(&reader.faults, problems);
    reader.texts = lki_arena_alloc(&params->arena, most * sizeof(*reader.texts));
    reader.from = lki_arena_alloc(&params->arena, most * sizeof(*reader.from));
    if (!reader.texts || !reader.from)
        return LK_E_NOMEM;
    for (size_t i = 0; i < options->param_count && !err; i++)
        err = typed_add(&reader, options->params[i]);
    for (size_t i = 0; i < model->param_count && !err; i++) {
        if (!is_typed(options, model->params[i].name))
            err = variable_add(&reader, model->params[i].name);
    }
    if (!err)
        err = lki_faults_result(&reader.faults);
    if (!err)
        err = lki_model_set_params_from(model, reader.texts, reader.from, reader.count, problems);
    return err;
}

void lki_params_release(struct lki_params *params)
{
    lki_arena_reset(&params->arena);
}

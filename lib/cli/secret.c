/* What must not be typed: it stands in files, or in the environment. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "result/result.h"

/* Blanks and new-lines around it are an editor's. */
static char *copy_trimmed(const char *text, size_t len)
{
    char *copy;

    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    while (len && strchr(" \t\r\n", *text)) {
        text++;
        len--;
    }
    copy = malloc(len + 1);
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

static int fail(const struct lki_cli *cli, char *text, const char *what, const char *where,
                const char *name)
{
    if (!text) {
        lki_cli_error(cli, "%s", lk_strerror(LK_E_NOMEM));
        return LKI_EXIT_FAILED;
    }
    free(text);
    lki_cli_error(cli, "%s in %s%.200s is empty; write it there", what, where, name);
    return LKI_EXIT_USAGE;
}

int lki_cli_secret(const struct lki_cli *cli, const char *file, const char *given, const char *what,
                   char **out)
{
    struct lki_buf content;
    const char *problem;
    char *text;

    *out = NULL;
    if (!file && !given)
        return LKI_EXIT_PASSED;
    if (!file) {
        text = copy_trimmed(given, strlen(given));
        if (!text || !*text)
            return fail(cli, text, what, "the environment", "");
        *out = text;
        return LKI_EXIT_PASSED;
    }
    problem = lki_file_read(file, &content);
    if (problem) {
        lki_cli_error(cli, "cannot read %s from the file '%.200s': %s; name another one", what,
                      file, problem);
        lki_buf_release(&content);
        return LKI_EXIT_USAGE;
    }
    text = copy_trimmed(content.len ? content.data : "", content.len);
    lki_buf_release(&content);
    if (!text || !*text)
        return fail(cli, text, what, "the file ", file);
    *out = text;
    return LKI_EXIT_PASSED;
}

/*
 * Any bytes as a result file. What is refused is refused in one line and owns nothing. What is
 * accepted can be reported at any width and compared; written and read again it is the same.
 */
#include "result/load.h"

#include <string.h>

#include "fuzz/fuzz.h"
#include "report/compare.h"
#include "report/text.h"
#include "result/json.h"

#define WHY_BYTES 8192

static char *written(const struct lki_result *result, size_t *len)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, len);

    must(file != NULL);
    must(!lki_result_write_json(result, file));
    must(!fclose(file));
    return text;
}

static void report(const struct lki_result *result, int columns)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    struct lki_paper paper = {file, false, 40 + columns};

    must(file != NULL);
    lki_report_text(result, file, false, columns);
    lki_report_compare(result, result, &paper);
    fclose(file);
    must(strlen(text) == len && !strchr(text, '\x1b'));
    free(text);
}

static void use(const struct lki_result *result, struct lki_buf *why)
{
    size_t len;
    size_t again_len;
    char *text = written(result, &len);
    struct lki_result again;
    char *again_text;

    must(!lki_result_read(&again, text, len, why));
    again_text = written(&again, &again_len);
    must(len == again_len && !memcmp(text, again_text, len));
    report(result, (int)(len % 200));
    lki_result_release(&again);
    free(again_text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = exact(data, size);
    struct lki_result result;
    struct lki_buf why;
    enum lk_err err;

    lki_buf_init(&why, WHY_BYTES);
    err = lki_result_read(&result, text, size, &why);
    must(err == LK_OK || err == LK_E_FORMAT || err == LK_E_LIMIT);
    must(!why.err && (err ? why.len > 0 : why.len == 0));
    if (!err) {
        use(&result, &why);
        lki_result_release(&result);
    }
    lki_buf_release(&why);
    free(text);
    return 0;
}

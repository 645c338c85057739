#include "model/fault.h"

#include "model/index.h"

void lki_faults_init(struct lki_faults *faults, struct lki_buf *lines)
{
    *faults = (struct lki_faults){.lines = lines};
}

enum lk_err lki_faults_result(const struct lki_faults *faults)
{
    if (faults->lines->err)
        return faults->lines->err;
    return faults->count ? LK_E_ARG : LK_OK;
}

void lki_fault_begin(struct lki_faults *faults, const struct lk_def *def)
{
    faults->start = faults->lines->len;
    if (def && def->file)
        lki_buf_printf(faults->lines, "%s:%d: ", def->file, def->line);
}

void lki_fault_add(struct lki_faults *faults, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    lki_buf_vprintf(faults->lines, fmt, args);
    va_end(args);
}

void lki_fault_end(struct lki_faults *faults)
{
    struct lki_buf *lines = faults->lines;

    if (lines->data)
        lki_text_one_line(lines->data + faults->start, lines->len - faults->start);
    lki_buf_char(lines, '\n');
    faults->count++;
    if (lines->err == LK_E_LIMIT) {
        lines->len = faults->start;
        lines->err = LK_OK;
    }
}

void lki_fault(struct lki_faults *faults, const struct lk_def *def, const char *fmt, ...)
{
    va_list args;

    lki_fault_begin(faults, def);
    va_start(args, fmt);
    lki_buf_vprintf(faults->lines, fmt, args);
    va_end(args);
    lki_fault_end(faults);
}

bool lki_fault_suggest(struct lki_faults *faults, const struct lki_nearest *nearest)
{
    if (nearest->best)
        lki_fault_add(faults, "; did you mean %s?", nearest->best);
    return nearest->best != NULL;
}

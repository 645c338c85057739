#include "report/paragraph.h"

#include <stdio.h>
#include <string.h>

#include "report/layout.h"

#define TEXT_MAX_BYTES (64 << 10)

struct lki_buf lki_paragraph(void)
{
    struct lki_buf text;

    lki_buf_init(&text, TEXT_MAX_BYTES);
    return text;
}

void lki_print_paragraph(const struct lki_paper *paper, const char *label, int label_width,
                         struct lki_buf *text)
{
    const char *line = lki_buf_cstr(text);

    if (!line)
        line = lk_strerror(text->err);
    fprintf(paper->out, "%s%-*s%s", *label ? lki_ink(paper, LKI_INK_DIM) : "", label_width, label,
            *label ? lki_ink(paper, LKI_INK_PLAIN) : "");
    lki_print_wrapped(paper->out, *line ? line : "-", label_width, paper->columns);
    lki_buf_release(text);
}

void lki_print_cut(const struct lki_paper *paper, int indent, const char *mark, const char *text)
{
    static const char more[] = "...";
    size_t room = (size_t)paper->columns;
    size_t before = (size_t)indent + strlen(mark);
    struct lki_buf line = lki_paragraph();
    size_t len;

    room = room > before + sizeof(more) ? room - before : sizeof(more);
    lki_buf_harmless(&line, text);
    while (line.len && line.data[line.len - 1] == ' ')
        line.len--;
    len = line.data ? lki_text_fit(line.data, line.len, room) : 0;
    if (len && len < line.len) {
        len = lki_text_fit(line.data, line.len, room - (sizeof(more) - 1));
        fprintf(paper->out, "%s%*s%s%.*s%s%s\n", lki_ink(paper, LKI_INK_DIM), indent, "", mark,
                (int)len, line.data, more, lki_ink(paper, LKI_INK_PLAIN));
    } else if (len) {
        fprintf(paper->out, "%s%*s%s%.*s%s\n", lki_ink(paper, LKI_INK_DIM), indent, "", mark,
                (int)len, line.data, lki_ink(paper, LKI_INK_PLAIN));
    }
    lki_buf_release(&line);
}

void lki_print_heading(const struct lki_paper *paper, const char *title)
{
    fprintf(paper->out, "%s%s%s\n", lki_ink(paper, LKI_INK_BOLD), title,
            lki_ink(paper, LKI_INK_PLAIN));
}

void lki_buf_amount(struct lki_buf *text, uint64_t count, const char *one, const char *many)
{
    char cell[LKI_CELL_BYTES];

    lki_format_count(cell, count);
    lki_buf_printf(text, "%s %s", cell, count == 1 ? one : many);
}

void lki_buf_duration(struct lki_buf *text, const char *name, int64_t ns)
{
    char cell[LKI_CELL_BYTES];

    lki_format_duration(cell, ns);
    lki_buf_printf(text, "%s %s", name, cell);
}

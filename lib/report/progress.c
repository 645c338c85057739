/* The line that shows a run in progress; declared in report/text.h. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "report/layout.h"
#include "report/text.h"

#define BAR_WIDTH 20
/* Narrower terminals need the room for numbers. */
#define BAR_COLUMNS 96

struct line {
    char *text;
    size_t size;
    size_t len;
    size_t columns;
    bool full;
};

/* Appends a part whole, or not at all; then nothing follows any more. */
static void line_add(struct line *line, const char *part)
{
    size_t gap = line->len ? 2 : 0;
    size_t len = strlen(part);

    if (line->full || line->len + gap + len + 1 > line->size ||
        lki_text_width(line->text, line->len) + gap + lki_text_width(part, len) > line->columns) {
        line->full = true;
        return;
    }
    memset(line->text + line->len, ' ', gap);
    memcpy(line->text + line->len + gap, part, len);
    line->len += gap + len;
}

static void line_count(struct line *line, uint64_t count, const char *one, const char *many)
{
    char cell[LKI_CELL_BYTES];
    char part[LKI_CELL_BYTES * 2];

    lki_format_count(cell, count);
    snprintf(part, sizeof(part), "%s %s", cell, count == 1 ? one : many);
    line_add(line, part);
}

/* How much is done, by time or by count, whichever comes first; negative when there is no end. */
static double share_done(const struct lki_progress *progress)
{
    double share = -1;

    if (progress->total_ns > 0)
        share = (double)progress->elapsed_ns / (double)progress->total_ns;
    if (progress->iterations_total) {
        double by_count = (double)progress->iterations / (double)progress->iterations_total;

        share = by_count > share ? by_count : share;
    }
    return share > 1 ? 1 : share;
}

static void line_time(struct line *line, const struct lki_progress *progress)
{
    char elapsed[LKI_CELL_BYTES];
    char total[LKI_CELL_BYTES];
    char part[2 * LKI_CELL_BYTES + 1];

    lki_format_clock(elapsed, progress->elapsed_ns);
    lki_format_clock(total, progress->total_ns);
    snprintf(part, sizeof(part), "%s%s%s", elapsed, progress->total_ns > 0 ? "/" : "",
             progress->total_ns > 0 ? total : "");
    line_add(line, part);
}

static void line_bar(struct line *line, double share)
{
    char bar[BAR_WIDTH + 3] = "[";
    int done = (int)(share * BAR_WIDTH);

    if (share < 0 || line->columns < BAR_COLUMNS)
        return;
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[1 + i] = i < done ? '#' : '-';
    bar[1 + BAR_WIDTH] = ']';
    line_add(line, bar);
}

static void line_iterations(struct line *line, const struct lki_progress *progress)
{
    char done[LKI_CELL_BYTES];
    char total[LKI_CELL_BYTES];
    char part[3 * LKI_CELL_BYTES];

    if (!progress->iterations_total)
        return;
    lki_format_count(done, progress->iterations);
    lki_format_count(total, progress->iterations_total);
    snprintf(part, sizeof(part), "%s/%s iterations", done, total);
    line_add(line, part);
}

static void line_rate(struct line *line, const struct lki_progress *progress)
{
    bool requests = progress->requests_per_s > 0 || !(progress->steps_per_s > 0);
    char cell[LKI_CELL_BYTES];
    char part[2 * LKI_CELL_BYTES];

    lki_format_rate(cell, requests ? progress->requests_per_s : progress->steps_per_s);
    snprintf(part, sizeof(part), "%s %s", cell, requests ? "req/s" : "steps/s");
    line_add(line, part);
}

size_t lki_report_progress(char *line, size_t size, int columns,
                           const struct lki_progress *progress)
{
    struct line parts = {.text = line, .size = size, .columns = columns > 0 ? (size_t)columns : 80};
    char cell[LKI_CELL_BYTES];
    char part[LKI_CELL_BYTES + 8];

    if (!size)
        return 0;
    line_time(&parts, progress);
    line_bar(&parts, share_done(progress));
    if (progress->state && *progress->state)
        line_add(&parts, progress->state);
    line_count(&parts, progress->users, "user", "users");
    line_rate(&parts, progress);
    line_count(&parts, progress->errors, "error", "errors");
    if (progress->p95_ns > 0) {
        lki_format_duration(cell, progress->p95_ns);
        snprintf(part, sizeof(part), "p95 %s", cell);
        line_add(&parts, part);
    }
    line_iterations(&parts, progress);
    line[parts.len] = '\0';
    return parts.len;
}

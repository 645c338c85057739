#include "report/health.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "report/layout.h"
#include "report/paragraph.h"

#define CRASHES_SHOWN 10
#define FRAMES_SHOWN 12
#define CRASH_INDENT 2
#define FRAME_INDENT 6

/* A worker beyond one of these has a line of its own. */
#define BUSY_SHARE 0.75
#define WAITED_SHARE 0.05

/* ---- crashes */

/* "user 17 in login, worker 2, at 3.20s: segmentation fault; the user did not come back" */
static void print_crash(const struct lki_paper *paper, const struct lki_result_crash *crash)
{
    struct lki_buf text = lki_paragraph();
    char worker[LKI_WORKER_BYTES];
    size_t shown = crash->frame_count < FRAMES_SHOWN ? crash->frame_count : FRAMES_SHOWN;

    if (*crash->step && crash->user)
        lki_buf_printf(&text, "user %" PRIu64 " in ", crash->user);
    lki_buf_harmless(&text, crash->step);
    if (crash->worker && *crash->step)
        lki_buf_str(&text, ", ");
    if (crash->worker)
        lki_buf_harmless(&text, lki_result_worker(crash->worker_id, crash->worker, worker));
    lki_buf_duration(&text, text.len ? ", at" : "at", crash->at_ns);
    lki_buf_str(&text, ": ");
    lki_buf_harmless(&text, crash->what);
    if (crash->silent_ns)
        lki_buf_duration(&text, ", not heard for", crash->silent_ns);
    if (crash->goes_on_ns)
        lki_buf_duration(&text, "; its load may go on for", crash->goes_on_ns);
    if (crash->retired)
        lki_buf_str(&text, "; the user did not come back");
    fputs(lki_ink(paper, LKI_INK_BAD), paper->out);
    lki_print_paragraph(paper, "", CRASH_INDENT, &text);
    fputs(lki_ink(paper, LKI_INK_PLAIN), paper->out);
    for (size_t i = 0; i < shown; i++)
        lki_print_cut(paper, FRAME_INDENT, "", crash->frames[i]);
    if (shown < crash->frame_count)
        fprintf(paper->out, "%*sand %zu more\n", FRAME_INDENT, "", crash->frame_count - shown);
}

void lki_report_crashes(const struct lki_result *result, const struct lki_paper *paper)
{
    if (!result->crash_count)
        return;
    lki_print_heading(paper, "crashes");
    for (size_t i = 0; i < result->crash_count && i < CRASHES_SHOWN; i++)
        print_crash(paper, &result->crashes[i]);
    if (result->crash_count > CRASHES_SHOWN)
        fprintf(paper->out, "%*sand %zu more: all are in the result file\n", CRASH_INDENT, "",
                result->crash_count - CRASHES_SHOWN);
    fputs("\n", paper->out);
}

/* ---- workers */

static double share_of(int64_t ns, int64_t span_ns)
{
    return span_ns > 0 && ns > 0 ? (double)ns / (double)span_ns : 0;
}

static double busy_share(const struct lki_result_health *health)
{
    return share_of(health->busy_ns, health->span_ns);
}

static bool is_interesting(const struct lki_result_health *health)
{
    return busy_share(health) > BUSY_SHARE ||
           share_of(health->waited_ns, health->span_ns) > WAITED_SHARE || health->stalls ||
           health->overflowed;
}

/* In thousandths, so that it is written as other shares are. */
static void format_share(char cell[LKI_CELL_BYTES], double share)
{
    lki_format_percent(cell, (uint64_t)(share * 1e5 + 0.5), 100000);
}

static void add_share(struct lki_buf *text, double share)
{
    char cell[LKI_CELL_BYTES];

    format_share(cell, share);
    lki_buf_str(text, cell);
}

/* "5.53% to 5.61%", or one of them if they read the same. */
static void add_shares(struct lki_buf *text, double least, double most)
{
    char cells[2][LKI_CELL_BYTES];

    format_share(cells[0], least);
    format_share(cells[1], most);
    lki_buf_str(text, cells[0]);
    if (strcmp(cells[0], cells[1]) != 0)
        lki_buf_printf(text, " to %s", cells[1]);
}

/* "34.0% of a processor, waited 1.20% of the time, longest turn 2.10ms, 3 stalls" */
static void add_health(struct lki_buf *text, const struct lki_result_health *health)
{
    add_share(text, busy_share(health));
    lki_buf_str(text, " of a processor");
    if (health->waited_ns >= 0) {
        lki_buf_str(text, ", waited for it ");
        add_share(text, share_of(health->waited_ns, health->span_ns));
        lki_buf_str(text, " of the time");
    }
    lki_buf_duration(text, ", longest turn", health->busiest_ns);
    if (health->stalls) {
        lki_buf_str(text, ", ");
        lki_buf_amount(text, health->stalls, "stall", "stalls");
    }
    if (health->overflowed) {
        lki_buf_str(text, ", ");
        lki_buf_amount(text, health->overflowed, "stack overflowed", "stacks overflowed");
    }
}

/* What all workers have in common. */
static void add_all(struct lki_buf *text, const struct lki_result *result)
{
    struct lki_result_health most = {0};
    double least = busy_share(&result->health[0]);
    double busiest = least;

    for (size_t i = 0; i < result->health_count; i++) {
        const struct lki_result_health *health = &result->health[i];

        least = busy_share(health) < least ? busy_share(health) : least;
        busiest = busy_share(health) > busiest ? busy_share(health) : busiest;
        if (health->busiest_ns > most.busiest_ns)
            most.busiest_ns = health->busiest_ns;
    }
    lki_buf_amount(text, result->health_count, "worker", "workers");
    lki_buf_str(text, " at ");
    add_shares(text, least, busiest);
    lki_buf_str(text, " of a processor");
    lki_buf_duration(text, ", longest turn", most.busiest_ns);
}

/* One that is too long has a line of its own. */
static void print_label(const struct lki_result *result, size_t index,
                        const struct lki_paper *paper)
{
    struct lki_buf label = lki_paragraph();
    char worker[LKI_WORKER_BYTES];

    if (result->health_count > 1) {
        lki_buf_str(&label, "  ");
        lki_buf_harmless(&label,
                         lki_result_worker(result->health[index].worker_id, index + 1, worker));
    } else {
        lki_buf_str(&label, "generator");
    }
    fprintf(paper->out, "%-*s", LKI_LABEL_WIDTH, lki_buf_cstr(&label) ? lki_buf_cstr(&label) : "");
    if (label.len >= LKI_LABEL_WIDTH)
        fprintf(paper->out, "\n%*s", LKI_LABEL_WIDTH, "");
    lki_buf_release(&label);
}

static void print_worker(const struct lki_result *result, size_t index,
                         const struct lki_paper *paper)
{
    struct lki_buf text = lki_paragraph();

    add_health(&text, &result->health[index]);
    fputs(is_interesting(&result->health[index]) ? lki_ink(paper, LKI_INK_WARN) : "", paper->out);
    print_label(result, index, paper);
    lki_print_wrapped(paper->out, lki_buf_cstr(&text) ? lki_buf_cstr(&text) : "-", LKI_LABEL_WIDTH,
                      paper->columns);
    fputs(lki_ink(paper, LKI_INK_PLAIN), paper->out);
    lki_buf_release(&text);
}

void lki_report_generator(const struct lki_result *result, const struct lki_paper *paper)
{
    if (result->health_count > 1) {
        struct lki_buf text = lki_paragraph();

        add_all(&text, result);
        lki_print_paragraph(paper, "generator", LKI_LABEL_WIDTH, &text);
    }
    for (size_t i = 0; i < result->health_count; i++) {
        if (result->health_count == 1 || is_interesting(&result->health[i]))
            print_worker(result, i, paper);
    }
}

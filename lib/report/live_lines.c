#include "report/live_lines.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/layout.h"
#include "report/table.h"

#define PART_BYTES 128
#define GAP 2
#define INDENT 2
/* Parts stand below each other in so many columns of the block. */
#define CELLS 3
#define CELL_MAX 26
#define BAR_MIN 8
/* Wider is not easier to read. */
#define BLOCK_MAX 120
/* Below it only what cannot be left out. */
#define NARROW 60

/* Not well: what is measured begins to be about the generator. */
#define BUSY_SHARE 0.90
#define TURN_NS (100 * LKI_NS_PER_MS)
#define LATE_SHARE 0.01

/* A line that is being put together of parts. */
struct line {
    struct lki_buf *out;
    const struct lki_live_look *look;
    size_t limit;
    size_t width; /* so far */
    size_t parts;
    size_t cell; /* 0: parts follow each other closely */
    bool full;   /* a part did not fit, so no less important one follows */
};

static void ink(struct line *line, enum lki_ink which)
{
    struct lki_paper paper = {.colour = line->look->colour};

    lki_buf_str(line->out, lki_ink(&paper, which));
}

static void spaces(struct line *line, size_t count)
{
    for (size_t i = 0; i < count; i++)
        lki_buf_char(line->out, ' ');
    line->width += count;
}

/* Text of ours, so a byte is a column. */
static void inked(struct line *line, enum lki_ink which, const char *text)
{
    if (!*text)
        return;
    if (which != LKI_INK_PLAIN)
        ink(line, which);
    lki_buf_str(line->out, text);
    if (which != LKI_INK_PLAIN)
        ink(line, LKI_INK_PLAIN);
    line->width += strlen(text);
}

/* The spaces in front of a part of that width; false: it does not fit any more. */
static bool part_begin(struct line *line, size_t width)
{
    size_t least = line->parts ? line->width + GAP : line->width;
    size_t stop = INDENT + line->parts * line->cell;
    size_t start = line->cell && stop > least ? stop : least;

    if (line->full)
        return false;
    if (start + width > line->limit)
        start = least;
    if (start + width > line->limit) {
        line->full = true;
        return false;
    }
    spaces(line, start - line->width);
    line->parts++;
    return true;
}

/* "before value after", of which value has the ink; without one all of it. */
static void part(struct line *line, enum lki_ink which, const char *before, const char *value,
                 const char *after)
{
    enum lki_ink around = which == LKI_INK_WARN || which == LKI_INK_BAD ? which : LKI_INK_DIM;

    if (!part_begin(line, strlen(before) + strlen(value) + strlen(after)))
        return;
    inked(line, around, before);
    inked(line, which, value);
    inked(line, around, after);
}

static void line_end(struct line *line, size_t *width)
{
    lki_buf_char(line->out, '\n');
    *width = line->width;
}

/* ---- time ---- */

/* How much is done, by time or by count, whichever comes first; negative when there is no end. */
static double share_done(const struct lki_live_state *state)
{
    double share = -1;

    if (state->total_ns > 0)
        share = (double)state->elapsed_ns / (double)state->total_ns;
    if (state->iterations_total) {
        double by_count = (double)state->iterations / (double)state->iterations_total;

        share = by_count > share ? by_count : share;
    }
    return share > 1 ? 1 : share;
}

static int64_t time_left(const struct lki_live_state *state)
{
    double share = share_done(state);
    int64_t left = state->total_ns > state->elapsed_ns ? state->total_ns - state->elapsed_ns : 0;

    if (state->iterations_total && share > 0) {
        double by_count = (double)state->elapsed_ns * (1 - share) / share;

        if (!state->total_ns || by_count < (double)left)
            left = by_count < 9e18 ? (int64_t)by_count : INT64_MAX;
    }
    return left;
}

static void time_text(char text[PART_BYTES], const struct lki_live_state *state)
{
    char elapsed[LKI_CELL_BYTES];
    char total[LKI_CELL_BYTES];

    lki_format_clock(elapsed, state->elapsed_ns);
    lki_format_clock(total, state->total_ns);
    snprintf(text, PART_BYTES, "%s%s%s", elapsed, state->total_ns > 0 ? "/" : "",
             state->total_ns > 0 ? total : "");
}

static void iterations_text(char text[PART_BYTES], const struct lki_live_state *state)
{
    char done[LKI_CELL_BYTES];
    char total[LKI_CELL_BYTES];

    *text = '\0';
    if (!state->iterations_total)
        return;
    lki_format_count(done, state->iterations);
    lki_format_count(total, state->iterations_total);
    snprintf(text, PART_BYTES, "%s/%s iterations", done, total);
}

/* "18s left", or what the run does besides running. */
static void left_text(char text[PART_BYTES], const struct lki_live_state *state)
{
    char cell[LKI_CELL_BYTES];

    *text = '\0';
    if (state->state && *state->state) {
        struct lki_buf buf = {.data = text, .cap = PART_BYTES - 1, .max = PART_BYTES - 1};

        lki_buf_harmless(&buf, state->state);
        text[buf.len] = '\0';
    } else if (share_done(state) >= 0) {
        /* a part of a second that is left is one */
        lki_format_clock(cell, lki_ns_after(time_left(state), LKI_NS_PER_S - 1));
        snprintf(text, PART_BYTES, "%s left", cell);
    }
}

/* The name of the program, which gives way on narrow terminals. */
static void put_program(struct line *line)
{
    struct lki_buf name;
    size_t len;

    lki_buf_init(&name, PART_BYTES);
    lki_buf_harmless(&name, line->look->program);
    len = name.data ? lki_text_fit(name.data, name.len, line->limit / 4) : 0;
    if (len) {
        ink(line, LKI_INK_BOLD);
        lki_buf_append(line->out, name.data, len);
        ink(line, LKI_INK_PLAIN);
        line->width += lki_text_width(name.data, len);
        line->parts++;
    }
    lki_buf_release(&name);
}

static void put_bar(struct line *line, double share, size_t width)
{
    const char *done = line->look->utf8 ? "\xe2\x94\x81" : "#";
    const char *open = line->look->utf8 ? "\xe2\x94\x80" : "-";
    size_t filled = (size_t)(share * (double)width);

    if (!part_begin(line, width))
        return;
    ink(line, LKI_INK_GOOD);
    for (size_t i = 0; i < filled; i++)
        lki_buf_str(line->out, done);
    ink(line, LKI_INK_PLAIN);
    ink(line, LKI_INK_DIM);
    for (size_t i = filled; i < width; i++)
        lki_buf_str(line->out, open);
    ink(line, LKI_INK_PLAIN);
    line->width += width;
}

/* "shop  ########------------  12s/30s  18s left": the bar has what the rest leaves. */
static void put_time(struct line *line, const struct lki_live_state *state)
{
    bool busy = state->state && *state->state;
    char texts[3][PART_BYTES];
    double share = share_done(state);
    size_t rest = 0;

    time_text(texts[0], state);
    left_text(texts[1], state);
    iterations_text(texts[2], state);
    for (size_t i = 0; i < LKI_COUNT(texts); i++)
        rest += *texts[i] ? GAP + strlen(texts[i]) : 0;
    put_program(line);
    rest += line->width + GAP;
    if (share >= 0 && line->limit >= rest + BAR_MIN)
        put_bar(line, share, line->limit - rest);
    part(line, LKI_INK_PLAIN, "", texts[0], "");
    if (*texts[1])
        part(line, busy ? LKI_INK_WARN : LKI_INK_DIM, "", texts[1], "");
    if (*texts[2])
        part(line, LKI_INK_DIM, "", texts[2], "");
}

/* ---- what the users do ---- */

static void put_users(struct line *line, const struct lki_live_state *state, bool wide)
{
    char users[LKI_CELL_BYTES];
    char wanted[LKI_CELL_BYTES];
    char after[PART_BYTES] = "";

    lki_format_count(users, state->users);
    lki_format_count(wanted, state->users_wanted);
    if (wide && state->users < state->users_wanted)
        snprintf(after, sizeof(after), " of %s users", wanted);
    else if (wide && state->users_wanted && state->users > state->users_wanted)
        snprintf(after, sizeof(after), " users, %s wanted", wanted);
    else
        snprintf(after, sizeof(after), " user%s", state->users == 1 ? "" : "s");
    part(line, LKI_INK_PLAIN, "", users, after);
}

static void put_rate(struct line *line, const struct lki_live_state *state)
{
    bool requests = state->requests_per_s > 0 || !(state->steps_per_s > 0);
    char cell[LKI_CELL_BYTES];

    lki_format_rate(cell, requests ? state->requests_per_s : state->steps_per_s);
    part(line, LKI_INK_PLAIN, "", cell, requests ? " req/s" : " steps/s");
}

static void put_failures(struct line *line, const struct lki_live_state *state, bool wide)
{
    char all[LKI_CELL_BYTES];
    char last[LKI_CELL_BYTES];
    char after[PART_BYTES] = " failed";

    lki_format_count(all, state->failures);
    lki_format_count(last, state->failures_now);
    if (wide && state->failures_now)
        snprintf(after, sizeof(after), " failed, %s now", last);
    part(line, state->failures ? LKI_INK_BAD : LKI_INK_PLAIN, "", all, after);
}

static void put_wanted_rate(struct line *line, const struct lki_live_state *state)
{
    char cell[LKI_CELL_BYTES];

    if (!(state->rate_wanted > 0))
        return;
    lki_format_number(cell, state->rate_wanted);
    part(line, LKI_INK_DIM, "", cell, " arrivals/s");
}

static void put_latency(struct line *line, const char *name, int64_t ns)
{
    char cell[LKI_CELL_BYTES] = "-";

    if (ns > 0)
        lki_format_duration(cell, ns);
    part(line, LKI_INK_PLAIN, name, cell, "");
}

static void put_latencies(struct line *line, const struct lki_live_state *state)
{
    put_latency(line, "p50 ", state->p50_ns);
    put_latency(line, "p95 ", state->p95_ns);
    put_latency(line, "p99 ", state->p99_ns);
}

/* ---- the generator itself ---- */

static void put_processor(struct line *line, const struct lki_live_state *state)
{
    bool well = state->busy_share <= BUSY_SHARE;
    double share = state->busy_share > 0 ? state->busy_share * 100 + 0.5 : 0;
    char cell[LKI_CELL_BYTES];

    snprintf(cell, sizeof(cell), "%u%%", share < 100000 ? (unsigned)share : 100000);
    part(line, well ? LKI_INK_DIM : LKI_INK_WARN, "generator ", cell, " cpu");
}

static void put_turn(struct line *line, const struct lki_live_state *state, bool well)
{
    char cell[LKI_CELL_BYTES];

    if (!state->busiest_ns || well != (state->busiest_ns <= TURN_NS))
        return;
    lki_format_duration(cell, state->busiest_ns);
    part(line, well ? LKI_INK_DIM : LKI_INK_WARN, "longest turn ", cell, "");
}

/* While the run starts and ends they come and go. */
static bool workers_missing(const struct lki_live_state *state)
{
    return state->workers_alive < state->workers && !(state->state && *state->state);
}

static void put_workers(struct line *line, const struct lki_live_state *state, bool well)
{
    char alive[LKI_CELL_BYTES];
    char after[PART_BYTES];

    if (!state->workers || well == workers_missing(state) || (well && !state->workers_alive))
        return;
    lki_format_count(alive, state->workers_alive);
    if (well)
        snprintf(after, sizeof(after), " worker%s", state->workers_alive == 1 ? "" : "s");
    else
        snprintf(after, sizeof(after), " of %" PRIu64 " workers", state->workers);
    part(line, well ? LKI_INK_DIM : LKI_INK_BAD, "", alive, after);
}

static void put_crashes(struct line *line, const struct lki_live_state *state)
{
    char cell[LKI_CELL_BYTES];

    if (!state->crashes)
        return;
    lki_format_count(cell, state->crashes);
    part(line, LKI_INK_BAD, "", cell, state->crashes == 1 ? " crash" : " crashes");
}

static void put_arrivals(struct line *line, const struct lki_live_state *state)
{
    char cell[LKI_CELL_BYTES];

    if (state->arrivals_dropped) {
        lki_format_count(cell, state->arrivals_dropped);
        part(line, LKI_INK_WARN, "", cell, " dropped");
    }
    if ((double)state->arrivals_late > LATE_SHARE * (double)state->arrivals_started) {
        lki_format_percent(cell, state->arrivals_late, state->arrivals_started);
        part(line, LKI_INK_WARN, "", cell, " late");
    }
}

static bool is_well(const struct lki_live_state *state)
{
    return state->busy_share <= BUSY_SHARE && state->busiest_ns <= TURN_NS &&
           !workers_missing(state) && !state->crashes && !state->arrivals_dropped &&
           (double)state->arrivals_late <= LATE_SHARE * (double)state->arrivals_started;
}

/* What is not well comes first, and in its ink. */
static void put_health(struct line *line, const struct lki_live_state *state)
{
    put_processor(line, state);
    put_crashes(line, state);
    put_workers(line, state, false);
    put_arrivals(line, state);
    put_turn(line, state, false);
    put_turn(line, state, true);
    put_workers(line, state, true);
}

/* ---- all of it ---- */

static size_t cell_width(size_t limit)
{
    return lki_min((limit - INDENT) / CELLS, CELL_MAX);
}

void lki_live_block(struct lki_buf *out, const struct lki_live_look *look,
                    const struct lki_live_state *state, size_t widths[LKI_LIVE_LINES])
{
    size_t limit = lki_min(look->columns, BLOCK_MAX);
    size_t cell = limit > INDENT ? cell_width(limit) : 0;

    for (int i = 0; i < LKI_LIVE_LINES; i++) {
        struct line line = {.out = out, .look = look, .limit = limit, .cell = i ? cell : 0};

        if (i)
            spaces(&line, lki_min(INDENT, limit));
        switch (i) {
        case 0:
            put_time(&line, state);
            break;
        case 1:
            put_users(&line, state, limit >= NARROW);
            put_rate(&line, state);
            put_failures(&line, state, limit >= NARROW);
            put_wanted_rate(&line, state);
            break;
        case 2:
            put_latencies(&line, state);
            break;
        default:
            put_health(&line, state);
        }
        line_end(&line, &widths[i]);
    }
}

void lki_live_line(struct lki_buf *out, const struct lki_live_state *state)
{
    struct lki_live_look look = {.columns = SIZE_MAX};
    struct line line = {.out = out, .look = &look, .limit = SIZE_MAX};
    char text[PART_BYTES];
    size_t width;

    time_text(text, state);
    part(&line, LKI_INK_PLAIN, "", text, "");
    if (state->state && *state->state) {
        left_text(text, state);
        part(&line, LKI_INK_PLAIN, "", text, "");
    }
    put_users(&line, state, true);
    put_rate(&line, state);
    put_wanted_rate(&line, state);
    put_failures(&line, state, true);
    if (state->p50_ns > 0)
        put_latencies(&line, state);
    iterations_text(text, state);
    if (*text)
        part(&line, LKI_INK_PLAIN, "", text, "");
    if (!is_well(state))
        put_health(&line, state);
    line_end(&line, &width);
}

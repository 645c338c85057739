#include "report/live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/live_lines.h"

#define TEXT_MAX_BYTES (16 << 10)
#define STATE_BYTES 64

#define UP "\033[%zuA"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define NO_WRAP "\033[?7l"
#define WRAP "\033[?7h"

struct lki_live {
    FILE *file;
    int fd; /* of the terminal; -1: none that can be asked */
    bool plain;
    bool colour;
    bool utf8;
    size_t columns;
    char *program;
    struct lki_buf text;
    /* on a terminal */
    bool drawn;
    size_t widths[LKI_LIVE_LINES]; /* of the lines that are drawn */
    struct lki_buf block;          /* them, to be drawn again */
    /* elsewhere */
    int64_t last_ns; /* elapsed time at the last call */
    int64_t next_ns; /* when the next line is due */
    char state[STATE_BYTES];
};

/* Of what the user's environment says of the terminal nothing reaches the host program's locale. */
static bool env_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < LKI_COUNT(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "utf-8") ||
                   strstr(value, "UTF8");
    }
    return false;
}

bool lki_live_is_dumb(void)
{
    const char *term = getenv("TERM");

    return !term || !*term || !strcmp(term, "dumb");
}

enum lk_err lki_live_new(struct lki_live **out, FILE *file, int columns, bool colour,
                         const char *program)
{
    size_t bytes = strlen(program ? program : "") + 1;
    struct lki_live *live = lki_zalloc(sizeof(*live));
    int fd = fileno(file);

    if (live)
        live->program = malloc(bytes);
    if (!live || !live->program) {
        free(live);
        return LK_E_NOMEM;
    }
    memcpy(live->program, program ? program : "", bytes);
    live->file = file;
    live->fd = fd >= 0 && isatty(fd) ? fd : -1;
    live->plain = columns <= 0 || lki_live_is_dumb();
    live->colour = colour;
    live->utf8 = env_is_utf8();
    live->columns = columns > 0 ? (size_t)columns : 0;
    lki_buf_init(&live->text, TEXT_MAX_BYTES);
    lki_buf_init(&live->block, TEXT_MAX_BYTES);
    *out = live;
    return LK_OK;
}

static void ask_width(struct lki_live *live)
{
    struct winsize size;

    if (live->fd >= 0 && !ioctl(live->fd, TIOCGWINSZ, &size) && size.ws_col)
        live->columns = size.ws_col;
}

/* A failure to write is nothing that a run could be stopped for. */
static void flush(struct lki_live *live)
{
    if (!live->text.err && live->text.len)
        fwrite(live->text.data, 1, live->text.len, live->file);
    fflush(live->file);
    lki_buf_clear(&live->text);
}

/* ---- on a terminal ---- */

/* Lines of the terminal between where the block begins and the cursor: what became too wide since
 * it was drawn has been broken by the terminal. */
static size_t rows_above(const struct lki_live *live)
{
    size_t rows = LKI_LIVE_LINES - 1;

    for (int i = 0; i < LKI_LIVE_LINES; i++)
        rows += live->widths[i] && live->columns ? (live->widths[i] - 1) / live->columns : 0;
    return rows;
}

/* Appends the way back to where the block begins. */
static void go_back(struct lki_live *live)
{
    if (!live->drawn)
        return;
    lki_buf_char(&live->text, '\r');
    lki_buf_printf(&live->text, UP, rows_above(live));
}

/* Appends the block; the cursor stays behind its last line. What a resized terminal is too narrow
 * for meanwhile is cut off rather than broken. */
static void draw(struct lki_live *live)
{
    const char *at = live->block.data;
    const char *end = at + live->block.len;

    lki_buf_str(&live->text, NO_WRAP);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        lki_buf_append(&live->text, at, (size_t)(stop - at));
        lki_buf_str(&live->text, CLEAR_LINE);
        at = stop + 1;
        if (at < end)
            lki_buf_str(&live->text, "\r\n");
    }
    lki_buf_str(&live->text, CLEAR_BELOW WRAP);
    for (int i = 0; i < LKI_LIVE_LINES; i++)
        live->widths[i] = lki_min(live->widths[i], live->columns);
    live->drawn = true;
}

static void show_block(struct lki_live *live, const struct lki_live_state *state)
{
    struct lki_live_look look = {
        .program = live->program, .colour = live->colour, .utf8 = live->utf8};

    ask_width(live);
    go_back(live);
    /* the last column is left free: terminals disagree about what follows it */
    look.columns = live->columns - 1;
    lki_buf_clear(&live->block);
    lki_live_block(&live->block, &look, state, live->widths);
    if (!live->block.err)
        draw(live);
    flush(live);
}

void lki_live_hide(struct lki_live *live)
{
    if (!live || !live->drawn)
        return;
    ask_width(live);
    go_back(live);
    lki_buf_str(&live->text, CLEAR_BELOW);
    live->drawn = false;
    flush(live);
}

/* ---- elsewhere ---- */

/* 1, 2, 5 and 10 seconds after the start, then each 10. */
static int64_t line_after(int64_t elapsed_ns)
{
    static const int first_s[] = {1, 2, 5};

    for (size_t i = 0; i < LKI_COUNT(first_s); i++) {
        if (elapsed_ns < first_s[i] * LKI_NS_PER_S)
            return first_s[i] * LKI_NS_PER_S;
    }
    return (elapsed_ns / (10 * LKI_NS_PER_S) + 1) * 10 * LKI_NS_PER_S;
}

/* A line is due when its time has come, and when the run begins to do something else. */
static bool line_is_due(struct lki_live *live, const struct lki_live_state *state)
{
    const char *now = state->state ? state->state : "";
    bool changed = strncmp(now, live->state, STATE_BYTES - 1) != 0;
    bool due = changed && *now;

    /* time counts anew when the set-up is over */
    if (state->elapsed_ns < live->last_ns || !live->next_ns)
        live->next_ns = line_after(0);
    if (changed)
        snprintf(live->state, STATE_BYTES, "%s", now);
    if (state->elapsed_ns >= live->next_ns) {
        live->next_ns = line_after(state->elapsed_ns);
        due = true;
    }
    live->last_ns = state->elapsed_ns;
    return due;
}

static void show_line(struct lki_live *live, const struct lki_live_state *state)
{
    if (!line_is_due(live, state))
        return;
    lki_live_line(&live->text, state);
    flush(live);
}

/* ---- both ---- */

void lki_live_show(struct lki_live *live, const struct lki_live_state *state)
{
    if (!live)
        return;
    if (live->plain)
        show_line(live, state);
    else
        show_block(live, state);
}

/* What is printed there is seen where the display is. */
static bool shares_terminal(const struct lki_live *live, FILE *where)
{
    struct stat ours;
    struct stat theirs;
    int fd = fileno(where);

    if (where == live->file)
        return true;
    return live->fd >= 0 && fd >= 0 && !fstat(live->fd, &ours) && !fstat(fd, &theirs) &&
           S_ISCHR(theirs.st_mode) && ours.st_rdev == theirs.st_rdev;
}

void lki_live_print(struct lki_live *live, FILE *where, const char *text, size_t len)
{
    bool above = live && live->drawn && len && shares_terminal(live, where);

    if (above)
        lki_live_hide(live);
    fwrite(text, 1, len, where);
    /* a line that was not ended would be drawn over */
    if (above && text[len - 1] != '\n')
        fputc('\n', where);
    fflush(where);
    if (!above)
        return;
    if (live->colour)
        lki_buf_str(&live->text, "\033[0m");
    draw(live);
    flush(live);
}

void lki_live_free(struct lki_live *live)
{
    if (!live)
        return;
    lki_live_hide(live);
    lki_buf_release(&live->text);
    lki_buf_release(&live->block);
    free(live->program);
    free(live);
}

/* Backtraces as they are told: what repeats is folded. */
#include "app/frames.h"

#include <check.h>
#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

/* Frames are letters here, and so are the lines that are to be told; - stands for a folded one. */
static const struct {
    const char *frames;
    const char *told;
    const char *folded; /* the first such line */
    size_t last;        /* the number of the last frame that is told */
    bool cut;
} cases[] = {
    {"", "", NULL, 0, false},
    {"abc", "abc", NULL, 2, false},
    {"aab", "aab", NULL, 2, false},
    {"aaab", "a-b", "... the same frame 2 times more", 3, false},
    {"daaaaaam", "da-m", "... the same frame 5 times more", 7, false},
    {"daaaaaaa", "da-", "... the same frame 6 times more", 1, false},
    {"daaaaaaa", "da-", "... the same frame at least 6 times more", 1, true},
    {"daaaaaam", "da-m", "... the same frame 5 times more", 7, true},
    {"ababab", "ab-", "... the same 2 frames 2 times more", 1, false},
    {"xababababy", "xab-y", "... the same 2 frames 3 times more", 9, false},
    {"abcabcabcab", "abc-ab", "... the same 3 frames at least 2 times more", 10, true},
    {"aaaabbbb", "a-b-", "... the same frame 3 times more", 4, false},
    {"abcdefghabcdefghabcdefghz", "abcdefgh-z", "... the same 8 frames 2 times more", 24, false},
    {"abab", "abab", NULL, 3, false},
};

static void frames_make(struct lki_frames *frames, const char *letters)
{
    *frames = (struct lki_frames){.count = strlen(letters)};
    lki_arena_init(&frames->arena, NULL, 0);
    for (size_t i = 0; i < frames->count; i++) {
        frames->texts[i] = lki_arena_copy(&frames->arena, letters + i, 1);
        frames->numbers[i] = i;
    }
}

START_TEST(what_repeats_is_told_once)
{
    struct lki_frames frames;
    const char *folded = NULL;
    char told[LKI_FRAMES_MAX + 1] = "";
    size_t last = 0;

    frames_make(&frames, cases[_i].frames);
    lki_frames_fold(&frames, cases[_i].cut);
    for (size_t i = 0; i < frames.count; i++) {
        bool one = frames.numbers[i] != LKI_FRAMES_FOLDED;

        strcat(told, one ? frames.texts[i] : "-");
        last = one ? frames.numbers[i] : last;
        if (!one && !folded)
            folded = frames.texts[i];
    }
    ck_assert_str_eq(told, cases[_i].told);
    ck_assert_pstr_eq(folded, cases[_i].folded);
    ck_assert_uint_eq(last, cases[_i].last);
    lki_frames_release(&frames);
}
END_TEST

START_TEST(lines_have_the_numbers_that_frames_had)
{
    static const char *const lines[] = {"  #0 a", "  ... the same frame 3 times more", "  #4 b"};
    struct lki_frames frames;
    char line[100];

    frames_make(&frames, "aaaab");
    lki_frames_fold(&frames, false);
    ck_assert_uint_eq(frames.count, LKI_COUNT(lines));
    for (size_t i = 0; i < frames.count; i++) {
        lki_frames_line(&frames, i, line, sizeof(line));
        ck_assert_str_eq(line, lines[i]);
    }
    lki_frames_release(&frames);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frames");
    TCase *tests = tcase_create("folding");

    tcase_add_loop_test(tests, what_repeats_is_told_once, 0, LKI_COUNT(cases));
    tcase_add_test(tests, lines_have_the_numbers_that_frames_had);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

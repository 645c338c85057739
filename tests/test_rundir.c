/* The runtime directory: where it is, that it is its user's alone, and that it goes whole. */
#include "app/rundir.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/suite.h"

static char home[64];
static struct lki_rundir dir;
static struct lki_buf why;

/* Short, or there would be no room for a socket in it. */
static void setup(void)
{
    snprintf(home, sizeof(home), "/tmp/lk-rundir-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(home));
    setenv("XDG_RUNTIME_DIR", home, 1);
    lki_buf_init(&why, 8192);
}

static void teardown(void)
{
    char command[128];

    lki_rundir_close(&dir);
    lki_buf_release(&why);
    snprintf(command, sizeof(command), "rm -rf '%s'", home);
    ck_assert_int_eq(system(command), 0);
}

static unsigned mode_of(const char *path)
{
    struct stat info;

    ck_assert_int_eq(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

START_TEST(it_is_made_below_the_one_of_the_session)
{
    char want[128];

    ck_assert_int_eq(lki_rundir_open(&dir, "a.b-c_1", &why), LK_OK);
    snprintf(want, sizeof(want), "%s/loadkit/a.b-c_1", home);
    ck_assert_str_eq(dir.path, want);
    ck_assert_uint_eq(mode_of(dir.path), 0700);
    *strrchr(want, '/') = '\0';
    ck_assert_uint_eq(mode_of(want), 0700);
}
END_TEST

START_TEST(one_that_others_may_enter_is_closed_to_them)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/loadkit", home);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/loadkit/x", home);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_OK);
    ck_assert_uint_eq(mode_of(path), 0700);
}
END_TEST

START_TEST(what_is_not_a_directory_of_ours_is_refused)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/loadkit", home);
    ck_assert_int_eq(symlink("/tmp", path), 0);
    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), "is not a directory of yours"));
}
END_TEST

START_TEST(two_of_one_name_are_not_at_work_at_once)
{
    struct lki_rundir other;

    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_OK);
    ck_assert_int_eq(lki_rundir_open(&other, "x", &why), LK_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), "wait for its end"));
    ck_assert_int_eq(lki_rundir_open(&other, "y", &why), LK_OK);
    lki_rundir_close(&other);
    lki_rundir_close(&dir);
    ck_assert_int_eq(lki_rundir_open(&other, "x", &why), LK_OK);
    lki_rundir_close(&other);
}
END_TEST

START_TEST(it_is_found_only_if_it_is_there)
{
    ck_assert_int_eq(lki_rundir_find(&dir, "x", &why), LK_E_NOT_FOUND);
    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_OK);
    lki_rundir_close(&dir);
    ck_assert_int_eq(lki_rundir_find(&dir, "x", &why), LK_OK);
    ck_assert_uint_eq(why.len, 0);
}
END_TEST

START_TEST(it_goes_with_all_that_is_in_it)
{
    char path[LKI_RUNDIR_PATH_MAX];
    char deep[LKI_RUNDIR_PATH_MAX + 16];
    struct lki_rundir beside;

    ck_assert_int_eq(lki_rundir_open(&beside, "y", &why), LK_OK);
    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_OK);
    ck_assert_int_eq(lki_rundir_write(&dir, "a", "1\n"), LK_OK);
    lki_rundir_path(&dir, "state", path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(deep, sizeof(deep), "%s/deep", path);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    snprintf(deep, sizeof(deep), "%s/link", path);
    ck_assert_int_eq(symlink(beside.path, deep), 0);
    lki_rundir_remove(&dir);
    ck_assert_int_ne(access(dir.path, F_OK), 0);
    ck_assert_int_eq(access(beside.path, F_OK), 0);
    lki_rundir_remove(&beside);
    lki_rundir_close(&beside);
    snprintf(path, sizeof(path), "%s/loadkit", home);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_file_is_read_as_it_was_written_and_by_nobody_else)
{
    char path[LKI_RUNDIR_PATH_MAX];
    char text[8] = "";

    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_OK);
    ck_assert(!lki_rundir_read(&dir, "a", text, sizeof(text)));
    umask(0);
    ck_assert_int_eq(lki_rundir_write(&dir, "a", "123456\n"), LK_OK);
    lki_rundir_path(&dir, "a", path);
    ck_assert_uint_eq(mode_of(path), 0600);
    ck_assert(!lki_rundir_read(&dir, "a", text, sizeof(text) - 1));
    ck_assert(lki_rundir_read(&dir, "a", text, sizeof(text)));
    ck_assert_str_eq(text, "123456");
}
END_TEST

static const struct wrong_case {
    const char *name;
    enum lk_err err;
    const char *why;
} wrong_cases[] = {
    {"", LK_E_ARG, "'' can be no name of a directory"},
    {"..", LK_E_ARG, "'..' can be no name of a directory"},
    {"a/b", LK_E_ARG, "'a/b' can be no name of a directory"},
    {"a\nb", LK_E_ARG, "can be no name of a directory"},
    {"a-name-that-nobody-would-ever-want-to-type", LK_E_ARG, "use at most 40 letters"},
};

START_TEST(not_every_name_is_one)
{
    const struct wrong_case *wrong = &wrong_cases[_i];

    ck_assert_int_eq(lki_rundir_open(&dir, wrong->name, &why), wrong->err);
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), wrong->why));
    ck_assert_int_eq(lki_rundir_find(&dir, wrong->name, &why), wrong->err);
}
END_TEST

START_TEST(a_path_that_is_too_long_for_a_socket_is_told)
{
    char path[200];

    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[100] = '\0';
    setenv("XDG_RUNTIME_DIR", path, 1);
    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), "set XDG_RUNTIME_DIR to a shorter one"));
}
END_TEST

START_TEST(one_that_cannot_be_made_is_told)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/not/there", home);
    setenv("XDG_RUNTIME_DIR", path, 1);
    ck_assert_int_eq(lki_rundir_open(&dir, "x", &why), LK_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), "No such file or directory"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rundir");
    TCase *tcase = tcase_create("rundir");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, it_is_made_below_the_one_of_the_session);
    tcase_add_test(tcase, one_that_others_may_enter_is_closed_to_them);
    tcase_add_test(tcase, what_is_not_a_directory_of_ours_is_refused);
    tcase_add_test(tcase, two_of_one_name_are_not_at_work_at_once);
    tcase_add_test(tcase, it_is_found_only_if_it_is_there);
    tcase_add_test(tcase, it_goes_with_all_that_is_in_it);
    tcase_add_test(tcase, a_file_is_read_as_it_was_written_and_by_nobody_else);
    tcase_add_loop_test(tcase, not_every_name_is_one, 0, LKI_COUNT(wrong_cases));
    tcase_add_test(tcase, a_path_that_is_too_long_for_a_socket_is_told);
    tcase_add_test(tcase, one_that_cannot_be_made_is_told);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

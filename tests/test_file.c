/* Small files as a whole: what is read of them, and that one is there whole or as it was. */
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"

static char dir[64];
static char path[128];
static char part[128];

static void setup(void)
{
    snprintf(dir, sizeof(dir), "/tmp/lk-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/file", dir);
    snprintf(part, sizeof(part), "%s/part", dir);
}

static void teardown(void)
{
    unlink(path);
    unlink(part);
    ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(the_beginning_of_a_file_is_a_string)
{
    char text[4];

    ck_assert(!lki_file_head(path, text, sizeof(text)));
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(lki_file_replace(path, part, "", 0), 0);
    ck_assert(!lki_file_head(path, text, sizeof(text)));
    ck_assert_int_eq(lki_file_replace(path, part, "12345", 5), 0);
    ck_assert(lki_file_head(path, text, sizeof(text)));
    ck_assert_str_eq(text, "123");
    ck_assert(!lki_file_head(dir, text, sizeof(text)));
    ck_assert(lki_file_head("/proc/self/stat", text, sizeof(text)));
}
END_TEST

START_TEST(all_of_a_file_is_appended)
{
    static char large[100000];
    struct lki_buf out;

    memset(large, 'x', sizeof(large));
    lki_buf_init(&out, 6 + sizeof(large));
    lki_buf_str(&out, "before");
    ck_assert_int_eq(lki_file_replace(path, part, large, sizeof(large)), 0);
    ck_assert_int_eq(lki_file_load(path, &out), 0);
    ck_assert_uint_eq(out.len, 6 + sizeof(large));
    ck_assert_mem_eq(out.data, "beforex", 7);
    ck_assert_mem_eq(out.data + 6, large, sizeof(large));
    lki_buf_release(&out);
}
END_TEST

START_TEST(what_cannot_be_read_is_told)
{
    struct lki_buf out;

    lki_buf_init(&out, 4);
    ck_assert_int_eq(lki_file_load(path, &out), ENOENT);
    ck_assert_int_eq(lki_file_load(dir, &out), EISDIR);
    ck_assert_int_eq(lki_file_replace(path, part, "1234", 4), 0);
    ck_assert_int_eq(lki_file_load(path, &out), 0);
    ck_assert_int_eq(lki_file_load(path, &out), EFBIG);
    lki_buf_release(&out);
}
END_TEST

START_TEST(a_file_is_its_owners_alone)
{
    struct stat info;

    umask(0);
    ck_assert_int_eq(lki_file_replace(path, part, "secret", 6), 0);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
}
END_TEST

START_TEST(one_that_cannot_be_replaced_stays_as_it_was)
{
    char text[8];
    char other[128];

    snprintf(other, sizeof(other), "%s/not/there", dir);
    ck_assert_int_eq(lki_file_replace(path, part, "before", 6), 0);
    ck_assert_int_eq(lki_file_replace(path, other, "after", 5), ENOENT);
    ck_assert_int_ne(lki_file_replace(dir, part, "after", 5), 0);
    ck_assert_int_ne(access(part, F_OK), 0);
    ck_assert_int_eq(symlink(path, part), 0);
    ck_assert_int_eq(lki_file_replace(path, part, "after", 5), ELOOP);
    ck_assert(lki_file_head(path, text, sizeof(text)));
    ck_assert_str_eq(text, "before");
}
END_TEST

START_TEST(what_is_written_over_stays_behind_it)
{
    struct stat info;
    char text[8];

    umask(0);
    ck_assert_int_eq(lki_file_overwrite(path, "longer", 6), 0);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    ck_assert_int_eq(lki_file_overwrite(path, "xyz", 3), 0);
    ck_assert(lki_file_head(path, text, sizeof(text)));
    ck_assert_str_eq(text, "xyzger");
    ck_assert_int_eq(symlink(path, part), 0);
    ck_assert_int_eq(lki_file_overwrite(part, "other", 5), ELOOP);
    ck_assert_int_eq(lki_file_overwrite(dir, "other", 5), EISDIR);
    ck_assert(lki_file_head(path, text, sizeof(text)));
    ck_assert_str_eq(text, "xyzger");
}
END_TEST

START_TEST(entries_of_a_directory_are_counted)
{
    ck_assert_uint_eq(lki_file_entries(path), 0);
    ck_assert_uint_eq(lki_file_entries(dir), 0);
    ck_assert_int_eq(lki_file_replace(path, part, "", 0), 0);
    ck_assert_uint_eq(lki_file_entries(dir), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *tcase = tcase_create("file");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_beginning_of_a_file_is_a_string);
    tcase_add_test(tcase, all_of_a_file_is_appended);
    tcase_add_test(tcase, what_cannot_be_read_is_told);
    tcase_add_test(tcase, a_file_is_its_owners_alone);
    tcase_add_test(tcase, one_that_cannot_be_replaced_stays_as_it_was);
    tcase_add_test(tcase, what_is_written_over_stays_behind_it);
    tcase_add_test(tcase, entries_of_a_directory_are_counted);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

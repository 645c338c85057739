/* The checkpoint: blobs in a directory, as the next orchestrator finds them. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/checkpoint.h"
#include "support/suite.h"

static char dir[256];
static struct lki_checkpoint checkpoint;
static struct lki_buf why;

static void make_dir(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof(dir), "%s/loadkit-checkpoint.XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    lki_buf_init(&why, 4096);
}

static void open_it(void)
{
    ck_assert_int_eq(lki_checkpoint_open(&checkpoint, dir, &why), LK_OK);
}

static void again(void)
{
    lki_checkpoint_close(&checkpoint);
    open_it();
}

static void remove_dir(void)
{
    char command[512];

    lki_checkpoint_close(&checkpoint);
    lki_buf_release(&why);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0); // NOLINT(bugprone-command-processor,cert-env33-c)
}

static void has(const char *name, const char *text)
{
    size_t len;
    const void *bytes = lki_checkpoint_get(&checkpoint, name, &len);

    if (!text) {
        ck_assert_ptr_null(bytes);
        return;
    }
    ck_assert_uint_eq(len, strlen(text));
    ck_assert_mem_eq(bytes, text, len);
}

static void put(const char *name, const char *text)
{
    ck_assert_int_eq(lki_checkpoint_put(&checkpoint, name, text, strlen(text)), LK_OK);
}

START_TEST(what_was_put_is_there_for_the_next_one)
{
    make_dir();
    open_it();
    put("run", "one");
    put("life.1.0", "first");
    put("run", "two");
    again();
    has("run", "two");
    has("life.1.0", "first");
    has("nothing", NULL);
    remove_dir();
}
END_TEST

START_TEST(what_could_not_be_written_is_tried_again)
{
    make_dir();
    open_it();
    ck_assert_int_eq(rmdir(dir), 0);
    ck_assert_int_eq(lki_checkpoint_put(&checkpoint, "run", "one", 3), LK_E_SYSTEM);
    ck_assert_int_eq(lki_checkpoint_put(&checkpoint, "run", "one", 3), LK_E_SYSTEM);
    has("run", "one");
    ck_assert_int_eq(mkdir(dir, 0700), 0);
    put("run", "one");
    again();
    has("run", "one");
    remove_dir();
}
END_TEST

START_TEST(what_was_removed_is_gone)
{
    make_dir();
    open_it();
    put("life.1.0", "first");
    put("life.2.0", "second");
    put("run", "one");
    lki_checkpoint_remove(&checkpoint, "life.");
    has("life.1.0", NULL);
    again();
    has("life.1.0", NULL);
    has("life.2.0", NULL);
    has("run", "one");
    remove_dir();
}
END_TEST

START_TEST(an_empty_blob_is_one)
{
    make_dir();
    open_it();
    put("crew", "");
    again();
    has("crew", "");
    remove_dir();
}
END_TEST

/* As Redis would have it. */
static void read_file(const char *name, struct lki_buf *out)
{
    char path[512];
    char part[4096];
    size_t n;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.blob", dir, name);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while ((n = fread(part, 1, sizeof(part), file)))
        lki_buf_append(out, part, n);
    fclose(file);
}

START_TEST(the_younger_of_two_stays)
{
    struct lki_buf old;

    make_dir();
    open_it();
    lki_buf_init(&old, 4096);
    put("run", "old");
    read_file("run", &old);
    put("run", "new");
    lki_checkpoint_take(&checkpoint, "run", old.data, old.len);
    has("run", "new");
    lki_checkpoint_remove(&checkpoint, "run");
    lki_checkpoint_take(&checkpoint, "run", old.data, old.len);
    has("run", "old");
    lki_buf_release(&old);
    remove_dir();
}
END_TEST

START_TEST(what_is_not_ours_is_left_alone)
{
    static const char *const texts[] = {"", "x", "loadkit.checkpoint/1\n",
                                        "loadkit.checkpoint/1\n\1\5abc",
                                        "loadkit.checkpoint/2\n\1\1a"};
    char path[512];
    FILE *file;

    make_dir();
    open_it();
    snprintf(path, sizeof(path), "%s/run.blob", dir);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(texts[_i], file);
    fclose(file);
    again();
    has("run", NULL);
    lki_checkpoint_take(&checkpoint, "run", texts[_i], strlen(texts[_i]));
    has("run", NULL);
    remove_dir();
}
END_TEST

START_TEST(a_directory_that_cannot_be_made_is_named)
{
    char path[512];

    make_dir();
    snprintf(path, sizeof(path), "%s/none/state", dir);
    ck_assert_int_ne(lki_checkpoint_open(&checkpoint, path, &why), LK_OK);
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), path));
    ck_assert_ptr_nonnull(strstr(lki_buf_cstr(&why), "No such file or directory"));
    remove_dir();
}
END_TEST

START_TEST(only_the_owner_may_look_into_it)
{
    struct stat info;
    char path[512];

    make_dir();
    snprintf(path, sizeof(path), "%s/state", dir);
    ck_assert_int_eq(lki_checkpoint_open(&checkpoint, path, &why), LK_OK);
    put("run", "secret");
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0700);
    snprintf(path, sizeof(path), "%s/state/run.blob", dir);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
    remove_dir();
}
END_TEST

static Suite *checkpoint_suite(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *all = tcase_create("all");

    tcase_add_test(all, what_was_put_is_there_for_the_next_one);
    tcase_add_test(all, what_could_not_be_written_is_tried_again);
    tcase_add_test(all, what_was_removed_is_gone);
    tcase_add_test(all, an_empty_blob_is_one);
    tcase_add_test(all, the_younger_of_two_stays);
    tcase_add_loop_test(all, what_is_not_ours_is_left_alone, 0, 5);
    tcase_add_test(all, a_directory_that_cannot_be_made_is_named);
    tcase_add_test(all, only_the_owner_may_look_into_it);
    suite_add_tcase(suite, all);
    return suite;
}

int main(void)
{
    return suite_run(checkpoint_suite());
}

/* The checkpoint: blobs in a directory, as the next orchestrator finds them. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pack.h"
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
    put("life.1.0", "first again");
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

/* Of the two that a blob has. */
static void path_of(const char *name, int file, char *path, size_t size)
{
    snprintf(path, size, "%s/%s.%c.blob", dir, name, "ab"[file]);
}

static void read_file(const char *name, int file, struct lki_buf *out)
{
    char path[512];

    path_of(name, file, path, sizeof(path));
    lki_buf_clear(out);
    ck_assert_int_eq(lki_file_load(path, out), 0);
}

static void write_file(const char *name, int file, const void *bytes, size_t len)
{
    char path[512];
    FILE *stream;

    path_of(name, file, path, sizeof(path));
    stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(bytes, 1, len, stream), len);
    ck_assert_int_eq(fclose(stream), 0);
}

START_TEST(the_younger_of_two_stays)
{
    struct lki_buf old;

    make_dir();
    open_it();
    lki_buf_init(&old, 4096);
    put("run", "old");
    read_file("run", 1, &old);
    old.len -= sizeof(uint64_t); /* the hash: as Redis has it */
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

/* As if the clock had been set back since it was written. */
START_TEST(what_is_put_is_younger_whatever_the_clock_says)
{
    struct lki_buf old;

    make_dir();
    open_it();
    lki_buf_init(&old, 4096);
    lki_buf_str(&old, "loadkit.checkpoint/1\n");
    lki_pack_u64(&old, INT64_MAX - 1);
    lki_pack_bytes(&old, "old", 3);
    lki_checkpoint_take(&checkpoint, "run", old.data, old.len);
    has("run", "old");
    put("run", "new");
    lki_checkpoint_take(&checkpoint, "run", old.data, old.len);
    has("run", "new");
    again();
    lki_checkpoint_take(&checkpoint, "run", old.data, old.len);
    has("run", "new");
    lki_buf_release(&old);
    remove_dir();
}
END_TEST

/* Who is killed while it writes leaves the one before, whatever became of this one. */
START_TEST(of_what_is_half_written_the_one_before_is_read)
{
    struct lki_buf whole;

    make_dir();
    open_it();
    lki_buf_init(&whole, 4096);
    put("run", "one");
    put("run", "two");
    read_file("run", 0, &whole);
    for (size_t len = 0; len < whole.len; len++) {
        write_file("run", 0, whole.data, len);
        again();
        has("run", "one");
    }
    for (size_t at = 0; at < whole.len; at++) {
        whole.data[at] ^= 1;
        write_file("run", 0, whole.data, whole.len);
        whole.data[at] ^= 1;
        again();
        has("run", "one");
    }
    write_file("run", 0, whole.data, whole.len);
    again();
    has("run", "two");
    lki_buf_release(&whole);
    remove_dir();
}
END_TEST

START_TEST(the_half_written_one_is_written_next)
{
    make_dir();
    open_it();
    put("run", "one");
    put("run", "two");
    write_file("run", 0, "half", 4);
    again();
    put("run", "three");
    write_file("run", 1, "half", 4);
    again();
    has("run", "three");
    remove_dir();
}
END_TEST

START_TEST(a_short_one_replaces_a_long_one)
{
    static const char *const texts[] = {"of many words", "of as many words", "few"};

    make_dir();
    open_it();
    for (size_t i = 0; i < 3 * LKI_COUNT(texts); i++) {
        const char *text = texts[i % LKI_COUNT(texts)];

        put("run", text);
        has("run", text);
        again();
        has("run", text);
    }
    remove_dir();
}
END_TEST

START_TEST(what_is_not_ours_is_left_alone)
{
    static const char *const texts[] = {"", "x", "loadkit.checkpoint/1\n",
                                        "loadkit.checkpoint/1\n\1\5abc",
                                        "loadkit.checkpoint/2\n\1\1a"};

    make_dir();
    open_it();
    write_file("run", 0, texts[_i], strlen(texts[_i]));
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
    snprintf(path, sizeof(path), "%s/state/run.b.blob", dir);
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
    tcase_add_test(all, what_is_put_is_younger_whatever_the_clock_says);
    tcase_add_test(all, of_what_is_half_written_the_one_before_is_read);
    tcase_add_test(all, the_half_written_one_is_written_next);
    tcase_add_test(all, a_short_one_replaces_a_long_one);
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

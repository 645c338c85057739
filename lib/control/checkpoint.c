#include "control/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pack.h"

/* A file, and a value in Redis: this, when it was written, and the bytes. */
#define MAGIC "loadkit.checkpoint/1\n"
#define FILE_MAX ((size_t)1 << 30)
#define SUFFIX ".blob"

struct lki_blob {
    struct lki_blob *next;
    char *name;
    uint64_t written_ns; /* wall clock */
    bool on_disk;        /* written by this process; else it is as soon as it is put */
    struct lki_buf bytes;
};

static struct lki_blob *find(const struct lki_checkpoint *checkpoint, const char *name)
{
    struct lki_blob *blob = checkpoint->blobs;

    while (blob && strcmp(blob->name, name) != 0)
        blob = blob->next;
    return blob;
}

static void blob_free(struct lki_blob *blob)
{
    lki_buf_release(&blob->bytes);
    free(blob->name);
    free(blob);
}

static struct lki_blob *blob_new(struct lki_checkpoint *checkpoint, const char *name)
{
    struct lki_blob *blob = lki_zalloc(sizeof(*blob));

    if (!blob)
        return NULL;
    lki_buf_init(&blob->bytes, FILE_MAX);
    blob->name = strdup(name);
    if (!blob->name) {
        blob_free(blob);
        return NULL;
    }
    blob->next = checkpoint->blobs;
    checkpoint->blobs = blob;
    return blob;
}

/* blob: what there is of that name, or NULL. Returns it, or a new one; NULL: no memory. */
static struct lki_blob *blob_set(struct lki_checkpoint *checkpoint, struct lki_blob *blob,
                                 const char *name, uint64_t written_ns, const void *bytes,
                                 size_t len)
{
    if (!blob)
        blob = blob_new(checkpoint, name);
    if (!blob)
        return NULL;
    lki_buf_clear(&blob->bytes);
    lki_buf_append(&blob->bytes, bytes, len);
    lki_buf_cstr(&blob->bytes);
    blob->written_ns = written_ns;
    return blob->bytes.err ? NULL : blob;
}

/* ---- as bytes ---- */

static void frame(struct lki_checkpoint *checkpoint, const struct lki_blob *blob)
{
    struct lki_buf *out = &checkpoint->out;

    lki_buf_clear(out);
    lki_buf_str(out, MAGIC);
    lki_pack_u64(out, blob->written_ns);
    lki_pack_bytes(out, blob->bytes.data, blob->bytes.len);
}

static bool is_ours(const void *bytes, size_t len)
{
    return len >= strlen(MAGIC) && !memcmp(bytes, MAGIC, strlen(MAGIC));
}

/* The younger one stays. What is not ours is left alone. */
void lki_checkpoint_take(struct lki_checkpoint *checkpoint, const char *name, const void *bytes,
                         size_t len)
{
    struct lki_blob *blob = find(checkpoint, name);
    size_t magic = strlen(MAGIC);
    struct lki_unpack in;
    uint64_t written_ns;
    const void *value;
    size_t value_len;

    if (!is_ours(bytes, len))
        return;
    in = lki_unpack((const char *)bytes + magic, len - magic);
    written_ns = lki_unpack_u64(&in);
    value = lki_unpack_bytes(&in, &value_len);
    if (lki_unpack_done(&in) && (!blob || blob->written_ns < written_ns))
        blob_set(checkpoint, blob, name, written_ns, value, value_len);
}

/* ---- files ---- */

static void path_of(const struct lki_checkpoint *checkpoint, const char *name, const char *suffix,
                    char *path, size_t size)
{
    snprintf(path, size, "%s/%s%s", checkpoint->dir, name, suffix);
}

static enum lk_err file_write(struct lki_checkpoint *checkpoint, const char *name)
{
    char path[4096];
    char part[4096];

    path_of(checkpoint, name, SUFFIX, path, sizeof(path));
    path_of(checkpoint, name, ".new", part, sizeof(part));
    errno = lki_file_replace(path, part, checkpoint->out.data, checkpoint->out.len);
    return errno ? LK_E_SYSTEM : LK_OK;
}

static void file_read(struct lki_checkpoint *checkpoint, const char *file)
{
    struct lki_buf *in = &checkpoint->out;
    char path[4096];
    char name[256];
    size_t len = strlen(file);
    size_t suffix = strlen(SUFFIX);

    if (len <= suffix || len >= sizeof(name) || strcmp(file + len - suffix, SUFFIX) != 0)
        return;
    path_of(checkpoint, file, "", path, sizeof(path));
    snprintf(name, sizeof(name), "%.*s", (int)(len - suffix), file);
    lki_buf_clear(in);
    if (!lki_file_load(path, in))
        lki_checkpoint_take(checkpoint, name, in->data, in->len);
}

/* ---- the directory ---- */

static enum lk_err refuse(struct lki_buf *why, const char *dir, const char *what)
{
    lki_buf_printf(why, "the state directory %s %s", dir, what);
    return LK_E_SYSTEM;
}

static enum lk_err dir_make(const char *dir, struct lki_buf *why)
{
    struct stat info;

    if (mkdir(dir, 0700) && errno != EEXIST) {
        lki_buf_printf(why, "cannot make the state directory %s: %s", dir, strerror(errno));
        return LK_E_SYSTEM;
    }
    if (stat(dir, &info) || !S_ISDIR(info.st_mode))
        return refuse(why, dir, "is no directory");
    if (info.st_uid != geteuid())
        return refuse(why, dir, "belongs to another user; choose one with --state-dir");
    if (access(dir, R_OK | W_OK | X_OK))
        return refuse(why, dir, "cannot be written; choose another one with --state-dir");
    return LK_OK;
}

static enum lk_err dir_read(struct lki_checkpoint *checkpoint, struct lki_buf *why)
{
    DIR *dir = opendir(checkpoint->dir);
    const struct dirent *entry;

    if (!dir)
        return refuse(why, checkpoint->dir, "cannot be read");
    while ((entry = readdir(dir)))
        file_read(checkpoint, entry->d_name);
    closedir(dir);
    return LK_OK;
}

enum lk_err lki_checkpoint_open(struct lki_checkpoint *checkpoint, const char *dir,
                                struct lki_buf *why)
{
    enum lk_err err;

    *checkpoint = (struct lki_checkpoint){.dir = strdup(dir)};
    lki_buf_init(&checkpoint->out, FILE_MAX);
    if (!checkpoint->dir) {
        lki_buf_str(why, lk_strerror(LK_E_NOMEM));
        return LK_E_NOMEM;
    }
    err = dir_make(dir, why);
    if (!err)
        err = dir_read(checkpoint, why);
    if (err)
        lki_checkpoint_close(checkpoint);
    return err;
}

void lki_checkpoint_close(struct lki_checkpoint *checkpoint)
{
    while (checkpoint->blobs) {
        struct lki_blob *blob = checkpoint->blobs;

        checkpoint->blobs = blob->next;
        blob_free(blob);
    }
    lki_buf_release(&checkpoint->out);
    free(checkpoint->dir);
    *checkpoint = (struct lki_checkpoint){0};
}

/* ---- putting and getting ---- */

static void put_to_redis(struct lki_checkpoint *checkpoint, const char *name)
{
    if (checkpoint->hub && lki_hub_is_up(checkpoint->hub))
        lki_hub_put(checkpoint->hub, name, checkpoint->out.data, checkpoint->out.len);
}

enum lk_err lki_checkpoint_put(struct lki_checkpoint *checkpoint, const char *name,
                               const void *bytes, size_t len)
{
    struct lki_blob *blob = find(checkpoint, name);

    enum lk_err err;

    if (blob && blob->on_disk && blob->bytes.len == len &&
        (!len || !memcmp(blob->bytes.data, bytes, len)))
        return LK_OK;
    blob = blob_set(checkpoint, blob, name, (uint64_t)lki_wall_ns(), bytes, len);
    if (blob)
        frame(checkpoint, blob);
    if (!blob || checkpoint->out.err)
        return LK_E_NOMEM;
    put_to_redis(checkpoint, name);
    err = file_write(checkpoint, name);
    blob->on_disk = !err;
    return err;
}

void lki_checkpoint_remove(struct lki_checkpoint *checkpoint, const char *prefix)
{
    struct lki_blob **at = &checkpoint->blobs;
    char path[4096];

    while (*at) {
        struct lki_blob *blob = *at;

        if (strncmp(blob->name, prefix, strlen(prefix)) != 0) {
            at = &blob->next;
            continue;
        }
        path_of(checkpoint, blob->name, SUFFIX, path, sizeof(path));
        unlink(path);
        if (checkpoint->hub && lki_hub_is_up(checkpoint->hub))
            lki_hub_put(checkpoint->hub, blob->name, NULL, 0);
        *at = blob->next;
        blob_free(blob);
    }
}

void lki_checkpoint_renew(struct lki_checkpoint *checkpoint)
{
    for (const struct lki_blob *blob = checkpoint->blobs; blob; blob = blob->next) {
        frame(checkpoint, blob);
        if (!checkpoint->out.err)
            put_to_redis(checkpoint, blob->name);
    }
}

void lki_checkpoint_found(struct lki_checkpoint *checkpoint, const char *name, const void *bytes,
                          size_t len)
{
    if (is_ours(bytes, len) && !find(checkpoint, name))
        lki_hub_put(checkpoint->hub, name, NULL, 0);
}

const void *lki_checkpoint_get(const struct lki_checkpoint *checkpoint, const char *name,
                               size_t *len)
{
    const struct lki_blob *blob = find(checkpoint, name);

    *len = blob ? blob->bytes.len : 0;
    return blob ? blob->bytes.data : NULL;
}

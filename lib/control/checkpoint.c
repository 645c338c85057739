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
#include "base/map.h"
#include "base/mem.h"
#include "base/pack.h"

/* A frame, which is a value in Redis: this, when it was written, and the bytes. In a file its hash
 * follows. */
#define MAGIC "loadkit.checkpoint/1\n"
#define HASH_BYTES sizeof(uint64_t)
#define FILE_MAX ((size_t)1 << 30)

/* Each blob has two files, which are overwritten in turn: so one of them is always whole. */
static const char *const suffixes[] = {".a.blob", ".b.blob"};

struct lki_blob {
    struct lki_blob *next;
    char *name;
    uint64_t written_ns;  /* by the wall clock */
    bool on_disk;         /* written by this process; else it is as soon as it is put */
    unsigned file;        /* the one written last */
    struct lki_buf frame; /* and its hash */
    size_t len;           /* of the bytes, which end it */
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
    lki_buf_release(&blob->frame);
    free(blob->name);
    free(blob);
}

static struct lki_blob *blob_new(struct lki_checkpoint *checkpoint, const char *name)
{
    struct lki_blob *blob = lki_zalloc(sizeof(*blob));

    if (!blob)
        return NULL;
    blob->name = strdup(name);
    if (!blob->name) {
        free(blob);
        return NULL;
    }
    blob->next = checkpoint->blobs;
    checkpoint->blobs = blob;
    return blob;
}

static const char *bytes_of(const struct lki_blob *blob)
{
    return blob->frame.data + blob->frame.len - HASH_BYTES - blob->len;
}

static enum lk_err frame_write(struct lki_buf *frame, uint64_t written_ns, const void *bytes,
                               size_t len)
{
    uint64_t hash;

    lki_buf_init(frame, FILE_MAX);
    lki_buf_str(frame, MAGIC);
    lki_pack_u64(frame, written_ns);
    lki_buf_reserve(frame, len + 2 * HASH_BYTES); /* its length, and the hash */
    lki_pack_bytes(frame, bytes, len);
    hash = frame->err ? 0 : lki_hash(frame->data, frame->len);
    lki_buf_append(frame, &hash, HASH_BYTES);
    return frame->err;
}

/* blob: what there is of that name, or NULL. Returns it, or a new one; NULL: no memory, and all is
 * as it was. */
static struct lki_blob *blob_set(struct lki_checkpoint *checkpoint, struct lki_blob *blob,
                                 const char *name, uint64_t written_ns, const void *bytes,
                                 size_t len)
{
    struct lki_buf frame;

    if (!frame_write(&frame, written_ns, bytes, len) && !blob)
        blob = blob_new(checkpoint, name);
    if (frame.err || !blob) {
        lki_buf_release(&frame);
        return NULL;
    }
    lki_buf_release(&blob->frame);
    blob->frame = frame;
    blob->written_ns = written_ns;
    blob->len = len;
    return blob;
}

/* ---- as bytes ---- */

static bool is_ours(const void *bytes, size_t len)
{
    return len >= strlen(MAGIC) && !memcmp(bytes, MAGIC, strlen(MAGIC));
}

struct frame {
    uint64_t written_ns;
    const void *bytes;
    size_t len;
    struct lki_unpack rest; /* what follows it */
};

/* False: it is not ours. */
static bool frame_read(struct frame *frame, const void *bytes, size_t len)
{
    size_t magic = strlen(MAGIC);

    if (!is_ours(bytes, len))
        return false;
    frame->rest = lki_unpack((const char *)bytes + magic, len - magic);
    frame->written_ns = lki_unpack_max(&frame->rest, INT64_MAX);
    frame->bytes = lki_unpack_bytes(&frame->rest, &frame->len);
    return !frame->rest.bad;
}

/* The younger one stays. NULL: that is another one. */
static struct lki_blob *take(struct lki_checkpoint *checkpoint, const char *name,
                             const struct frame *frame)
{
    struct lki_blob *blob = find(checkpoint, name);

    if (blob && blob->written_ns >= frame->written_ns)
        return NULL;
    return blob_set(checkpoint, blob, name, frame->written_ns, frame->bytes, frame->len);
}

void lki_checkpoint_take(struct lki_checkpoint *checkpoint, const char *name, const void *bytes,
                         size_t len)
{
    struct frame frame;

    if (frame_read(&frame, bytes, len) && lki_unpack_done(&frame.rest))
        take(checkpoint, name, &frame);
}

/* ---- files ---- */

static void path_of(const struct lki_checkpoint *checkpoint, const char *name, const char *suffix,
                    char *path, size_t size)
{
    snprintf(path, size, "%s/%s%s", checkpoint->dir, name, suffix);
}

static enum lk_err file_write(const struct lki_checkpoint *checkpoint, struct lki_blob *blob)
{
    char path[4096];

    path_of(checkpoint, blob->name, suffixes[!blob->file], path, sizeof(path));
    errno = lki_file_overwrite(path, blob->frame.data, blob->frame.len);
    if (errno)
        return LK_E_SYSTEM;
    blob->file = !blob->file;
    return LK_OK;
}

/* Behind a whole one may be what is left of a longer one. */
static void blob_read(struct lki_checkpoint *checkpoint, const char *name, unsigned file,
                      const struct lki_buf *in)
{
    struct lki_blob *blob;
    struct frame frame;
    uint64_t hash;

    if (!frame_read(&frame, in->data, in->len) ||
        (size_t)(frame.rest.end - frame.rest.at) < HASH_BYTES)
        return;
    hash = lki_hash(in->data, (size_t)((const char *)frame.rest.at - in->data));
    if (memcmp(&hash, frame.rest.at, HASH_BYTES) != 0)
        return;
    blob = take(checkpoint, name, &frame);
    if (blob)
        blob->file = file;
}

static void file_read(struct lki_checkpoint *checkpoint, const char *entry, struct lki_buf *in)
{
    char path[4096];
    char name[256];
    size_t len = strlen(entry);

    path_of(checkpoint, entry, "", path, sizeof(path));
    for (unsigned file = 0; file < LKI_COUNT(suffixes); file++) {
        size_t suffix = strlen(suffixes[file]);

        if (len <= suffix || len >= sizeof(name) ||
            strcmp(entry + len - suffix, suffixes[file]) != 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(len - suffix), entry);
        lki_buf_clear(in);
        if (!lki_file_load(path, in))
            blob_read(checkpoint, name, file, in);
    }
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
    struct lki_buf in;

    if (!dir)
        return refuse(why, checkpoint->dir, "cannot be read");
    lki_buf_init(&in, FILE_MAX);
    while ((entry = readdir(dir)))
        file_read(checkpoint, entry->d_name, &in);
    lki_buf_release(&in);
    closedir(dir);
    return LK_OK;
}

enum lk_err lki_checkpoint_open(struct lki_checkpoint *checkpoint, const char *dir,
                                struct lki_buf *why)
{
    enum lk_err err;

    *checkpoint = (struct lki_checkpoint){.dir = strdup(dir)};
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
    free(checkpoint->dir);
    *checkpoint = (struct lki_checkpoint){0};
}

/* ---- putting and getting ---- */

static void put_to_redis(const struct lki_checkpoint *checkpoint, const struct lki_blob *blob)
{
    if (checkpoint->hub && lki_hub_is_up(checkpoint->hub))
        lki_hub_put(checkpoint->hub, blob->name, blob->frame.data, blob->frame.len - HASH_BYTES);
}

enum lk_err lki_checkpoint_put(struct lki_checkpoint *checkpoint, const char *name,
                               const void *bytes, size_t len)
{
    struct lki_blob *blob = find(checkpoint, name);
    uint64_t written_ns = (uint64_t)lki_wall_ns();
    enum lk_err err;

    if (blob && blob->on_disk && blob->len == len && (!len || !memcmp(bytes_of(blob), bytes, len)))
        return LK_OK;
    if (blob && written_ns <= blob->written_ns) /* the clock was set back */
        written_ns = blob->written_ns + 1;
    blob = blob_set(checkpoint, blob, name, written_ns, bytes, len);
    if (!blob)
        return LK_E_NOMEM;
    put_to_redis(checkpoint, blob);
    err = file_write(checkpoint, blob);
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
        for (unsigned file = 0; file < LKI_COUNT(suffixes); file++) {
            path_of(checkpoint, blob->name, suffixes[file], path, sizeof(path));
            unlink(path);
        }
        if (checkpoint->hub && lki_hub_is_up(checkpoint->hub))
            lki_hub_put(checkpoint->hub, blob->name, NULL, 0);
        *at = blob->next;
        blob_free(blob);
    }
}

void lki_checkpoint_renew(struct lki_checkpoint *checkpoint)
{
    for (const struct lki_blob *blob = checkpoint->blobs; blob; blob = blob->next)
        put_to_redis(checkpoint, blob);
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

    *len = blob ? blob->len : 0;
    return blob ? bytes_of(blob) : NULL;
}

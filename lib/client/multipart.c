#include "client/multipart.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"

#define BOUNDARY_BYTES 48

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".txt", "text/plain"},      {".csv", "text/csv"},        {".html", "text/html"},
    {".xml", "application/xml"}, {".svg", "image/svg+xml"},   {".json", "application/json"},
    {".pdf", "application/pdf"}, {".zip", "application/zip"}, {".gz", "application/gzip"},
    {".png", "image/png"},       {".jpg", "image/jpeg"},      {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},       {".webp", "image/webp"},     {".mp3", "audio/mpeg"},
    {".mp4", "video/mp4"},
};

/* Where a part stands, for messages. */
struct place {
    lk_vu *vu;
    const struct lki_outgoing *out;
    const struct lk_part *part;
    size_t index;
};

LK_NORETURN static void refuse(const struct place *at, const char *why)
{
    const char *name = at->part->name;

    lki_vu_fail(at->vu, "%s %s: part %zu%s%s%s %s", at->out->verb, at->out->request->url,
                at->index + 1, name ? " (\"" : "", name ? name : "", name ? "\")" : "", why);
}

/* A part without a name is a mistake, unless it has nothing else either. */
static bool is_end(const struct lk_part *part)
{
    return !part->name && !part->value && !part->file && !part->filename && !part->type;
}

static void part_check(const struct place *at)
{
    const struct lk_part *part = at->part;

    if (!part->name)
        refuse(at, "has no .name");
    if (!part->value == !part->file)
        refuse(at, part->value ? "has a .value and a .file: give one of them"
                               : "has neither a .value nor a .file");
    if (part->type && part->type[strcspn(part->type, "\r\n")])
        refuse(at, "has a line break in its .type");
}

/* What would end the quotes, or the line, is escaped as browsers do. */
static void write_quoted(struct lki_buf *body, const char *text)
{
    lki_buf_char(body, '"');
    for (; *text; text++) {
        if (*text == '"')
            lki_buf_str(body, "%22");
        else if (*text == '\r')
            lki_buf_str(body, "%0D");
        else if (*text == '\n')
            lki_buf_str(body, "%0A");
        else
            lki_buf_char(body, *text);
    }
    lki_buf_char(body, '"');
}

const char *lki_part_filename(const struct lk_part *part)
{
    const char *slash = part->file ? strrchr(part->file, '/') : NULL;

    if (part->filename)
        return part->filename;
    return slash ? slash + 1 : part->file;
}

const char *lki_part_type(const struct lk_part *part)
{
    const char *filename = lki_part_filename(part);
    const char *ending = filename ? strrchr(filename, '.') : NULL;

    if (part->type || !filename)
        return part->type;
    for (size_t i = 0; ending && i < LKI_COUNT(types); i++) {
        if (!strcasecmp(ending, types[i].ending))
            return types[i].type;
    }
    return "application/octet-stream";
}

static void write_content(const struct place *at, struct lki_buf *body)
{
    const struct lk_part *part = at->part;
    int error;

    if (part->value) {
        lki_buf_append(body, part->value,
                       part->value_bytes ? part->value_bytes : strlen(part->value));
        return;
    }
    error = lki_file_load(part->file, body);
    if (error == ENOMEM)
        lki_vu_nomem(at->vu);
    if (error)
        lki_vu_fail(at->vu, "%s %s: cannot read the file \"%s\" of part \"%s\": %s", at->out->verb,
                    at->out->request->url, part->file, part->name, strerror(error));
}

static void write_part(const struct place *at, struct lki_buf *body, const char *boundary)
{
    const char *filename = lki_part_filename(at->part);
    const char *type = lki_part_type(at->part);

    lki_buf_printf(body, "--%s\r\nContent-Disposition: form-data; name=", boundary);
    write_quoted(body, at->part->name);
    if (filename) {
        lki_buf_str(body, "; filename=");
        write_quoted(body, filename);
    }
    if (type)
        lki_buf_printf(body, "\r\nContent-Type: %s", type);
    lki_buf_str(body, "\r\n\r\n");
    write_content(at, body);
    lki_buf_str(body, "\r\n");
}

/* Nothing that a body has inside by chance. The user draws nothing for it: that would change what
 * it draws for itself. */
static void boundary_make(const lk_vu *vu, char out[BOUNDARY_BYTES])
{
    struct lki_rng rng = vu->rng;
    uint64_t first = lki_rng_next(&rng);
    uint64_t second = lki_rng_next(&rng);

    snprintf(out, BOUNDARY_BYTES, "----loadkit%016" PRIx64 "%016" PRIx64, first, second);
}

void lki_multipart_make(lk_vu *vu, struct lki_outgoing *out)
{
    struct place at = {.vu = vu, .out = out, .part = out->request->parts};
    struct lki_buf *body = lki_vu_scratch(vu);
    char boundary[BOUNDARY_BYTES];

    boundary_make(vu, boundary);
    lki_buf_clear(body);
    for (; !is_end(at.part); at.part++, at.index++) {
        part_check(&at);
        write_part(&at, body, boundary);
    }
    if (!at.index)
        lki_vu_fail(vu, "%s %s: .parts is empty", out->verb, out->request->url);
    lki_buf_printf(body, "--%s--\r\n", boundary);
    if (body->err == LK_E_LIMIT)
        lki_vu_fail(vu, "%s %s: a body of parts may have %zu bytes at most; .body_file takes more",
                    out->verb, out->request->url, body->max);
    out->body = body->err ? NULL : lki_arena_copy(lki_vu_arena(vu), body->data, body->len);
    if (!out->body)
        lki_vu_nomem(vu);
    out->body_bytes = body->len;
    out->content_type = lk_format(vu, "multipart/form-data; boundary=%s", boundary);
}

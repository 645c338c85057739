#include "client/body.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "client/multipart.h"
#include "client/values.h"

void lki_pairs_check(lk_vu *vu, const char *const *pairs, const char *member)
{
    for (size_t i = 0; pairs[i]; i += 2) {
        if (!pairs[i + 1])
            lki_vu_fail(vu, "\"%s\" in %s has no value", pairs[i], member);
    }
}

void lki_pairs_write(struct lki_buf *out, const char *const *pairs)
{
    for (size_t i = 0; pairs[i]; i += 2) {
        if (i)
            lki_buf_char(out, '&');
        lki_url_escape(out, pairs[i]);
        lki_buf_char(out, '=');
        lki_url_escape(out, pairs[i + 1]);
    }
}

static void form_make(lk_vu *vu, struct lki_outgoing *out)
{
    struct lki_buf *text = lki_vu_scratch(vu);

    lki_pairs_check(vu, out->request->form, ".form");
    lki_buf_clear(text);
    lki_pairs_write(text, out->request->form);
    out->content_type = "application/x-www-form-urlencoded";
    out->body = text->err ? NULL : lki_arena_copy(lki_vu_arena(vu), text->data, text->len);
    if (!out->body)
        lki_vu_nomem(vu);
    out->body_bytes = text->len;
}

/* It is read when it is sent; but what is wrong with it by then would look like the server's. */
static void file_take(lk_vu *vu, struct lki_outgoing *out)
{
    const char *path = out->request->body_file;
    struct stat file;
    int error = stat(path, &file) || access(path, R_OK) ? errno : 0;

    if (error)
        lki_vu_fail(vu, "%s %s: cannot read the .body_file \"%s\": %s", out->verb,
                    out->request->url, path, strerror(error));
    if (!S_ISREG(file.st_mode))
        lki_vu_fail(vu, "%s %s: the .body_file \"%s\" is no regular file", out->verb,
                    out->request->url, path);
    out->content_type = "application/octet-stream";
    out->body_file = path;
}

void lki_body_choose(lk_vu *vu, struct lki_outgoing *out)
{
    const struct lk_request *request = out->request;

    if (!!request->json + !!request->form + !!request->parts + !!request->body +
            !!request->body_file >
        1)
        lki_vu_fail(vu, "%s %s: give one of .json, .form, .parts, .body and .body_file",
                    request->method, request->url);
    if (request->body_bytes && !request->body)
        lki_vu_fail(vu, "%s %s: .body_bytes is %zu, but .body is NULL", request->method,
                    request->url, request->body_bytes);
    if (request->json) {
        out->content_type = "application/json";
        out->body = request->json->doc.text;
        out->body_bytes = request->json->doc.len;
    } else if (request->form) {
        form_make(vu, out);
    } else if (request->parts) {
        lki_multipart_make(vu, out);
    } else if (request->body_file) {
        file_take(vu, out);
    } else if (request->body) {
        out->content_type = "application/octet-stream";
        out->body = request->body;
        out->body_bytes = request->body_bytes ? request->body_bytes : strlen(request->body);
    }
    if (out->content_type)
        out->length_wanted = !out->body_file;
}

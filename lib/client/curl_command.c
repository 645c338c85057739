/* A request as a command for the program curl that sends the same. */
#include <string.h>
#include <strings.h>

#include <loadkit/http.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "client/multipart.h"
#include "client/request.h"

/* Longer arguments, and bytes that cannot be typed, are piped into it. */
#define ARGUMENT_BYTES 65536
/* From here on curl asks first whether the server wants the body. */
#define EXPECT_BYTES 1048576

struct command {
    const struct lki_outgoing *out;
    const char *head; /* as it would go out */
    struct lki_buf *text;
    struct lki_buf word; /* in the making */
    bool by_parts;       /* the body is given as parts, of which curl makes one itself */
    bool piped;
};

/* ---- words of a shell ---- */

static void write_quoted(struct lki_buf *text, const char *word, size_t len)
{
    lki_buf_char(text, '\'');
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '\'')
            lki_buf_str(text, "'\\''");
        else
            lki_buf_char(text, word[i]);
    }
    lki_buf_char(text, '\'');
}

static void write_option(struct command *command, const char *option)
{
    lki_buf_char(command->text, ' ');
    lki_buf_str(command->text, option);
}

static void write_with(struct command *command, const char *option, const char *word, size_t len)
{
    write_option(command, option);
    lki_buf_char(command->text, ' ');
    write_quoted(command->text, word, len);
}

/* Nothing where there is no word. */
static void write_setting(struct command *command, const char *option, const char *word)
{
    if (word)
        write_with(command, option, word, strlen(word));
}

/* What survives being copied from a terminal. */
static bool is_typed(const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        size_t step = lki_utf8_len(text, end);
        unsigned char c = (unsigned char)*text;

        if (!step || (c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
            return false;
        text += step;
    }
    return true;
}

/* A format of printf(1) that prints these bytes. */
static void write_format(struct lki_buf *text, const char *bytes, size_t len)
{
    lki_buf_char(text, '\'');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '%')
            lki_buf_str(text, "%%");
        else if (c < ' ' || c >= 0x7f || c == '\\' || c == '\'' || (c == '-' && !i))
            lki_buf_printf(text, "\\%03o", c);
        else
            lki_buf_char(text, bytes[i]);
    }
    lki_buf_char(text, '\'');
}

/* ---- bodies ---- */

static bool part_is_typed(const struct lk_part *part)
{
    size_t len = part->value_bytes ? part->value_bytes : part->value ? strlen(part->value) : 0;

    return !strchr(part->name, '=') && is_typed(part->name, strlen(part->name)) &&
           !(part->value && part->filename) && len <= ARGUMENT_BYTES &&
           (!part->value || is_typed(part->value, len));
}

/* Whether curl has an option for each of the parts. */
static bool parts_are_typed(const struct lki_outgoing *out)
{
    const struct lk_part *part = out->request->parts;

    while (part && part->name && part_is_typed(part))
        part++;
    return part && !part->name && !(out->own & LKI_OWN_CONTENT_TYPE);
}

/* As curl reads it inside one of its own options. */
static void write_inner(struct lki_buf *text, const char *word, size_t len)
{
    lki_buf_char(text, '"');
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '"' || word[i] == '\\')
            lki_buf_char(text, '\\');
        lki_buf_char(text, word[i]);
    }
    lki_buf_char(text, '"');
}

/* name="value" or name=@"path", as -F takes it. */
static void write_part(struct command *command, const struct lk_part *part)
{
    struct lki_buf *inner = &command->word;
    const char *filename = lki_part_filename(part);
    const char *type = lki_part_type(part);

    lki_buf_clear(inner);
    lki_buf_str(inner, part->name);
    lki_buf_str(inner, part->file ? "=@" : "=");
    if (part->file)
        write_inner(inner, part->file, strlen(part->file));
    else
        write_inner(inner, part->value,
                    part->value_bytes ? part->value_bytes : strlen(part->value));
    if (filename) {
        lki_buf_str(inner, ";filename=");
        write_inner(inner, filename, strlen(filename));
    }
    if (type) {
        lki_buf_str(inner, ";type=");
        lki_buf_str(inner, type);
    }
    write_with(command, "-F", inner->data, inner->err ? 0 : inner->len);
}

static void write_body(struct command *command)
{
    const struct lki_outgoing *out = command->out;

    if (command->by_parts) {
        for (const struct lk_part *part = out->request->parts; part->name; part++)
            write_part(command, part);
    } else if (out->body_file) {
        lki_buf_clear(&command->word);
        lki_buf_char(&command->word, '@');
        lki_buf_str(&command->word, out->body_file);
        write_with(command, "--data-binary", command->word.data, command->word.len);
    } else if (command->piped) {
        write_option(command, "--data-binary @-");
    } else if (out->length_wanted) {
        write_with(command, "--data-raw", out->body_bytes ? out->body : "", out->body_bytes);
        /* of an empty one curl would say that it is a form */
        if (!out->content_type)
            write_option(command, "-H 'Content-Type:'");
    }
    if (out->body_file || out->body_bytes >= EXPECT_BYTES)
        write_option(command, "-H 'Expect:'");
}

/* ---- the head ---- */

static bool begins(const char *line, const char *with)
{
    return !strncasecmp(line, with, strlen(with));
}

/* Whether curl writes this line by itself, for the options that it has. */
static bool is_curls_own(const struct command *command, const char *line)
{
    const struct lki_outgoing *out = command->out;

    if (begins(line, "Host:"))
        return !((out->own | out->own_by_rules) & LKI_OWN_HOST);
    if (begins(line, "Content-Type:"))
        return command->by_parts;
    return begins(line, "Content-Length:") || begins(line, "Accept: */*\r\n");
}

static void write_header(struct command *command, const char *line, size_t len)
{
    static const char agent[] = "User-Agent: ";
    size_t name = strcspn(line, ":");

    if (!strncmp(line, agent, sizeof(agent) - 1)) {
        write_with(command, "-A", line + sizeof(agent) - 1, len - (sizeof(agent) - 1));
    } else if (len <= name + 2) {
        /* this is how curl is told to send a field that is empty */
        lki_buf_clear(&command->word);
        lki_buf_append(&command->word, line, name);
        lki_buf_char(&command->word, ';');
        write_with(command, "-H", command->word.data, command->word.len);
    } else {
        write_with(command, "-H", line, len);
    }
}

static void write_headers(struct command *command)
{
    const char *line = strstr(command->head, "\r\n") + 2;

    while (*line != '\r') {
        size_t len = strcspn(line, "\r");

        if (!is_curls_own(command, line))
            write_header(command, line, len);
        line += len + 2;
    }
}

static void write_method(struct command *command)
{
    const struct lki_outgoing *out = command->out;
    bool has_body = out->body || out->body_file || out->length_wanted;

    if (!strcmp(out->verb, "HEAD") && !has_body)
        write_option(command, "--head");
    else if (strcmp(out->verb, has_body ? "POST" : "GET") != 0)
        write_with(command, "-X", out->verb, strlen(out->verb));
}

/* curl would take brackets for a pattern, and tidy dots up. */
static void write_url(struct command *command)
{
    const struct lki_origin *origin = command->out->origin;
    const char *target = strchr(command->head, ' ') + 1;
    struct lki_buf *url = &command->word;

    lki_buf_clear(url);
    lki_buf_str(url, origin->scheme == LKI_URL_HTTPS ? "https://" : "http://");
    lki_buf_str(url, origin->authority);
    lki_buf_append(url, target, strcspn(target, " "));
    if (!lki_buf_cstr(url))
        return;
    if (strpbrk(url->data, "[]{}"))
        write_option(command, "--globoff");
    if (strstr(url->data, "/."))
        write_option(command, "--path-as-is");
    lki_buf_char(command->text, ' ');
    write_quoted(command->text, url->data, url->len);
}

/* ---- how the server is reached ---- */

static void write_version(struct command *command)
{
    const struct lki_outgoing *out = command->out;
    enum lk_http_version version = out->request->version ? out->request->version
                                                         : out->rules->version;

    /* without TLS nothing is agreed upon, but curl would ask the server to change */
    if (version == LK_HTTP_2_ONLY)
        write_option(command, "--http2-prior-knowledge");
    else if (out->origin->scheme == LKI_URL_HTTPS)
        write_option(command, version == LK_HTTP_2 ? "--http2" : "--http1.1");
}

static void write_pairs(struct command *command, const char *const *resolve)
{
    for (size_t i = 0; resolve && resolve[i]; i += 2) {
        lki_buf_clear(&command->word);
        lki_buf_printf(&command->word, "%s:%s", resolve[i], resolve[i + 1]);
        write_with(command, "--resolve", command->word.data, command->word.len);
    }
}

static void write_credentials(struct command *command)
{
    const struct lki_credentials *who = &command->out->rules->credentials;

    if (!who->user || !who->digest)
        return;
    lki_buf_clear(&command->word);
    lki_buf_printf(&command->word, "%s:%s", who->user, who->password ? who->password : "");
    write_with(command, "--digest -u", command->word.data, command->word.len);
}

static void write_settings(struct command *command)
{
    const struct lki_transport_settings *settings = &command->out->origin->transport->settings;
    const char *from = settings->local_addr;

    if (settings->insecure)
        write_option(command, "-k");
    write_setting(command, "--cacert", settings->ca_file);
    write_setting(command, "--cert", settings->cert_file);
    write_setting(command, "--key", settings->key_file);
    if (settings->tls_min)
        write_option(command, !strcmp(settings->tls_min, "1.3") ? "--tlsv1.3" : "--tlsv1.2");
    write_setting(command, "--proxy", settings->proxy);
    write_setting(command, "--unix-socket", settings->unix_socket);
    if (from)
        write_with(command, "--interface", from, strcspn(from, "-"));
    write_pairs(command, settings->resolve);
    write_credentials(command);
    write_version(command);
    if (lki_http_is_compressed(command->out->rules, command->out->request))
        write_option(command, "--compressed");
}

/* ---- all of it ---- */

static void write_command(struct command *command)
{
    const struct lki_outgoing *out = command->out;

    if (command->piped) {
        lki_buf_str(command->text, "printf ");
        write_format(command->text, out->body, out->body_bytes);
        lki_buf_str(command->text, " | ");
    }
    lki_buf_str(command->text, "curl");
    write_method(command);
    write_settings(command);
    write_headers(command);
    write_body(command);
    write_url(command);
}

static const char *head_make(lk_vu *vu, const struct lki_outgoing *out)
{
    struct lki_buf *head = lki_vu_scratch(vu);
    const char *copy;

    lki_buf_clear(head);
    lki_outgoing_write_head(out, head);
    copy = head->err ? NULL : lki_arena_copy(lki_vu_arena(vu), head->data, head->len);
    if (!copy)
        lki_vu_nomem(vu);
    return copy;
}

const char *lk_request_to_curl(lk_vu *vu, const struct lk_request *request)
{
    struct lki_buf *text = lki_vu_scratch(vu);
    struct command command = {.text = text};
    struct lki_outgoing out;
    const char *copy;

    lki_need(request, "lk_request_to_curl", "the request");
    lki_outgoing_make(vu, request, &out);
    command.out = &out;
    command.head = head_make(vu, &out);
    command.by_parts = parts_are_typed(&out);
    command.piped = out.body_bytes && !command.by_parts &&
                    (out.body_bytes > ARGUMENT_BYTES || !is_typed(out.body, out.body_bytes));
    lki_buf_init(&command.word, text->max);
    lki_buf_clear(text);
    write_command(&command);
    copy = text->err || command.word.err ? NULL
                                         : lki_arena_copy(lki_vu_arena(vu), text->data, text->len);
    lki_buf_release(&command.word);
    if (!copy)
        lki_vu_nomem(vu);
    return copy;
}

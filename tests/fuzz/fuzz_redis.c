/*
 * Any bytes as what Redis, or a stranger in its place, sends, in one piece or two; as its URL; as
 * what stands in the streams; and as the value of a lock. Replies are whole, reasons are on one
 * line, and an envelope is written as the same bytes again.
 */
#include <stdlib.h>
#include <string.h>

#include "bus/claim.h"
#include "bus/envelope.h"
#include "fuzz/fuzz.h"
#include "net/redis_greet.h"
#include "net/redis_reply.h"

static void must_be_line(struct lki_buf *why)
{
    const char *line = lki_buf_cstr(why);

    must(line != NULL);
    for (; *line; line++)
        must((unsigned char)*line >= ' ');
}

static void use_reply(const struct lki_redis_reply *reply)
{
    must(reply->kind <= LKI_REDIS_ERROR);
    must(reply->text != NULL || reply->kind == LKI_REDIS_LIST);
    if (reply->kind == LKI_REDIS_TEXT || reply->kind == LKI_REDIS_ERROR)
        must(strlen(reply->text) <= reply->len && !reply->text[reply->len]);
    else
        must(!reply->len);
    must(!reply->count || reply->kind == LKI_REDIS_LIST);
    for (size_t i = 0; i < reply->count; i++)
        use_reply(&reply->items[i]);
}

static void greet(const struct lki_redis_reply *reply)
{
    static const struct lki_redis_address address = {.user = "user", .password = "password"};
    enum lki_redis_trouble trouble;
    struct lki_buf why;

    lki_buf_init(&why, 4096);
    lki_redis_is_fatal(reply, &address, &trouble, &why);
    for (enum lki_redis_step step = LKI_REDIS_AUTH; step <= LKI_REDIS_PING; step++) {
        struct lki_redis_greet one = {.address = &address, .steps = {step}, .count = 1};

        lki_redis_greet_hear(&one, reply, &trouble, &why);
    }
    if (why.len)
        must_be_line(&why);
    lki_buf_release(&why);
}

static void hear(const char *bytes, size_t size, size_t first)
{
    struct lki_redis_reader reader = {0};
    const struct lki_redis_reply *reply;

    must(!lki_redis_reader_open(&reader));
    for (int part = 0; part < 2; part++) {
        lki_redis_reader_feed(&reader, part ? bytes + first : bytes, part ? size - first : first);
        while ((reply = lki_redis_reader_take(&reader))) {
            use_reply(reply);
            greet(reply);
            lki_redis_reader_next(&reader);
        }
        if (lki_redis_reader_failure(&reader))
            break;
    }
    lki_redis_reader_release(&reader);
}

static void parse(const char *text)
{
    struct lki_redis_address address;
    struct lki_buf why;

    lki_buf_init(&why, 4096);
    if (lki_redis_address_parse(&address, text, &why)) {
        must_be_line(&why);
    } else {
        must(!address.host == (address.path != NULL));
        lki_buf_clear(&why);
        lki_redis_address_show(&address, &why);
        must(lki_buf_cstr(&why) != NULL);
        lki_redis_address_release(&address);
    }
    lki_buf_release(&why);
}

/* Not all that is read must be the shortest form, but what is written is. */
static void open_envelope(const char *bytes, size_t size)
{
    char *copy = exact(bytes, size);
    struct lki_envelope envelope, again;
    struct lki_buf out;

    if (lki_envelope_read(&envelope, copy, size)) {
        free(copy);
        return;
    }
    must(envelope.session && envelope.token <= LKI_TOKEN_MAX);
    must((const char *)envelope.bytes + envelope.len == copy + size);
    lki_buf_init(&out, size + 256);
    must(!lki_envelope_write(&envelope, &out));
    must(!lki_envelope_read(&again, out.data, out.len));
    must(!strcmp(again.station, envelope.station) && again.session == envelope.session &&
         again.token == envelope.token && again.beat == envelope.beat &&
         again.len == envelope.len && !memcmp(again.bytes, envelope.bytes, again.len));
    lki_buf_release(&out);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char who[40];

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    hear(text, size, size ? data[size - 1] % (size + 1) : 0);
    parse(text);
    open_envelope(text, size);
    lki_claim_who(text, who, sizeof(who));
    must(strlen(who) < sizeof(who));
    free(text);
    return 0;
}

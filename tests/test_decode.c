/* Compressed bodies: each coding undone, what is broken or too large refused, and what is not to be
 * touched left alone. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <brotli/encode.h>
#include <loadkit/http.h>
#include <loadkit/vu.h>
#include <zlib.h>

#include "base/mem.h"
#include "client/decode.h"
#include "support/rig.h"
#include "support/server.h"
#include "support/suite.h"

#define PLAIN_BYTES 300000
#define PACKED_MAX 400000
#define MAX ((size_t)1000000)
#define HELLO "hello, hello, hello"

/* ---- packing */

enum packing { GZIP, ZLIB, RAW, BROTLI };

struct packed {
    char bytes[PACKED_MAX];
    size_t len;
};

/* window: as zlib has it */
static void deflate_into(struct packed *out, const char *in, size_t len, int window)
{
    z_stream z = {0};

    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out->bytes;
    z.avail_out = sizeof(out->bytes);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len = z.total_out;
    deflateEnd(&z);
}

static void pack(struct packed *out, enum packing packing, const char *in, size_t len)
{
    static const int windows[] = {[GZIP] = 31, [ZLIB] = 15, [RAW] = -15};

    if (packing != BROTLI) {
        deflate_into(out, in, len, windows[packing]);
        return;
    }
    out->len = sizeof(out->bytes);
    ck_assert(BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE, len,
                                    (const uint8_t *)in, &out->len, (uint8_t *)out->bytes));
}

/* ---- one body */

static struct packed packed;
static struct lki_arena arena;
static struct lki_exchange_result result;
static char head[300];

/* Unpacks what is packed, as an answer with that field. */
static void decode(const char *fields, size_t max_bytes)
{
    char *body = malloc(packed.len + 1);

    ck_assert_ptr_nonnull(body);
    memcpy(body, packed.bytes, packed.len);
    body[packed.len] = '\0';
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s\r\n", fields);
    lki_exchange_begin(&result, 0);
    result.status = 200;
    result.code = 200;
    result.head = head;
    result.head_bytes = strlen(head);
    result.fields = LKI_FIELD_CONTENT_ENCODING | LKI_FIELD_SET_COOKIE;
    result.body = body;
    result.body_bytes = packed.len;
    lki_arena_init(&arena, NULL, 0);
    lki_decode(&result, &arena, max_bytes, NULL, 0);
    ck_assert_uint_eq(result.fields, LKI_FIELD_SET_COOKIE);
    if (result.status)
        ck_assert_int_eq(result.body[result.body_bytes], '\0');
    if (result.body == body) { /* left as it came, for the test to look at */
        result.body = lki_arena_copy(&arena, body, packed.len);
        ck_assert_ptr_nonnull(result.body);
    }
    free(body);
}

static void body_is(const char *want, size_t len, const char *what)
{
    ck_assert_msg(result.status == 200 && result.code == 200, "%s: %s", what, result.error);
    ck_assert_msg(result.body_bytes == len && !memcmp(result.body, want, len), "%s: %zu bytes",
                  what, result.body_bytes);
    lki_arena_reset(&arena);
}

static void failed(lki_code code, const char *text)
{
    ck_assert_int_eq(result.status, 0);
    ck_assert_int_eq(result.code, code);
    ck_assert_msg(strstr(result.error, text), "%s", result.error);
    lki_arena_reset(&arena);
}

/* Text that packs neither too well nor not at all. */
static const char *plain_text(void)
{
    static char text[PLAIN_BYTES];
    unsigned seed = 1;

    for (size_t i = 0; i < sizeof(text); i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = (char)('a' + (seed >> 24) % 20);
    }
    return text;
}

static const struct coding_case {
    const char *fields;
    enum packing packing;
} coding_cases[] = {
    {"Content-Encoding: gzip\r\n", GZIP},
    {"content-encoding: X-GZip \r\n", GZIP},
    {"Content-Encoding: deflate\r\n", ZLIB},
    {"Content-Encoding: deflate\r\n", RAW},
    {"Content-Encoding: br\r\n", BROTLI},
    {"Content-Encoding: identity, br ,\r\n", BROTLI},
    {"Content-Encoding: identity\r\nX: y\r\nContent-Encoding: ,gzip\r\n", GZIP},
};

START_TEST(each_coding_is_undone)
{
    const struct coding_case *want = &coding_cases[_i];
    const char *text = plain_text();
    const size_t lens[] = {1, 100, 1024, 5000, PLAIN_BYTES};

    for (size_t i = 0; i < LKI_COUNT(lens); i++) {
        pack(&packed, want->packing, text, lens[i]);
        decode(want->fields, MAX);
        body_is(text, lens[i], want->fields);
    }
}
END_TEST

START_TEST(what_packs_well_is_unpacked_whole)
{
    char *zeros = calloc(1, MAX);

    ck_assert_ptr_nonnull(zeros);
    pack(&packed, coding_cases[_i].packing, zeros, MAX);
    ck_assert_uint_lt(packed.len, 2000);
    decode(coding_cases[_i].fields, MAX);
    body_is(zeros, MAX, coding_cases[_i].fields);
    decode(coding_cases[_i].fields, MAX - 1);
    failed(LKI_CODE_HTTP_TOO_LARGE, "larger than 999999 bytes when it is unpacked");
    decode(coding_cases[_i].fields, 1);
    ck_assert_uint_lt(arena.bytes, 10000);
    failed(LKI_CODE_HTTP_TOO_LARGE, "larger than 1 bytes");
    free(zeros);
}
END_TEST

/* Anywhere, and also within the last bytes, which hold nothing but the check sum. */
START_TEST(what_is_cut_off_is_refused)
{
    const struct coding_case *want = &coding_cases[_i];
    size_t whole;

    pack(&packed, want->packing, plain_text(), 2000);
    whole = packed.len;
    for (packed.len = 1; packed.len < whole; packed.len++) {
        decode(want->fields, MAX);
        failed(LKI_CODE_HTTP_PROTOCOL, "cut off");
    }
}
END_TEST

START_TEST(what_is_broken_is_refused)
{
    static const struct {
        const char *fields;
        enum packing packing;
    } cases[] = {{"Content-Encoding: gzip\r\n", GZIP}, {"Content-Encoding: deflate\r\n", ZLIB}};

    /* both have check sums */
    pack(&packed, cases[_i].packing, plain_text(), 2000);
    for (size_t at = 11; at < packed.len; at += 7) {
        packed.bytes[at] ^= 0x10;
        decode(cases[_i].fields, MAX);
        /* what is left may be right, but without end */
        failed(LKI_CODE_HTTP_PROTOCOL, _i ? " deflate" : " gzip");
        packed.bytes[at] ^= 0x10;
    }
    strcpy(packed.bytes, "<html>this is not packed at all</html>");
    packed.len = strlen(packed.bytes);
    decode("Content-Encoding: gzip\r\n", MAX);
    failed(LKI_CODE_HTTP_PROTOCOL, "it is no gzip");
    decode("Content-Encoding: deflate\r\n", MAX);
    failed(LKI_CODE_HTTP_PROTOCOL, "it is no deflate");
    decode("Content-Encoding: br\r\n", MAX);
    failed(LKI_CODE_HTTP_PROTOCOL, "it is no br");
}
END_TEST

START_TEST(several_codings_are_undone_from_the_last_to_the_first)
{
    static struct packed first;

    pack(&first, BROTLI, HELLO, strlen(HELLO));
    pack(&packed, GZIP, first.bytes, first.len);
    decode("Content-Encoding: br, gzip\r\n", MAX);
    body_is(HELLO, strlen(HELLO), "one field");
    decode("Content-Encoding: br\r\nContent-Encoding: gzip\r\n", MAX);
    body_is(HELLO, strlen(HELLO), "two fields");
    decode("Content-Encoding: gzip, br\r\n", MAX);
    failed(LKI_CODE_HTTP_PROTOCOL, "it is no br");
    decode("Content-Encoding: br, br, br, br, gzip\r\n", MAX);
    failed(LKI_CODE_HTTP_PROTOCOL, "packed more than 4 times");
}
END_TEST

START_TEST(a_coding_that_is_not_known_is_left_alone)
{
    pack(&packed, GZIP, HELLO, strlen(HELLO));
    decode("Content-Encoding: gzip, zstd\r\n", MAX);
    body_is(packed.bytes, packed.len, "zstd");
    decode("Content-Encoding: gz\r\n", MAX);
    body_is(packed.bytes, packed.len, "gz");
    decode("Content-Encoding: zstd, gzip\r\n", MAX);
    body_is(HELLO, strlen(HELLO), "gzip of zstd");
    decode("Content-Encoding: \r\n", MAX);
    body_is(packed.bytes, packed.len, "nothing");
}
END_TEST

START_TEST(an_empty_body_needs_no_coding)
{
    packed.len = 0;
    decode("Content-Encoding: gzip\r\n", MAX);
    body_is("", 0, "no bytes");
    pack(&packed, GZIP, "", 0);
    decode("Content-Encoding: gzip\r\n", MAX);
    body_is("", 0, "no content");
}
END_TEST

START_TEST(a_gzip_file_of_several_parts_is_one_body)
{
    static struct packed second;

    pack(&packed, GZIP, HELLO, strlen(HELLO));
    pack(&second, GZIP, "!!", 2);
    memcpy(packed.bytes + packed.len, second.bytes, second.len);
    packed.len += second.len;
    decode("Content-Encoding: gzip\r\n", MAX);
    body_is(HELLO "!!", strlen(HELLO) + 2, "two");
    packed.len -= 1;
    decode("Content-Encoding: gzip\r\n", MAX);
    failed(LKI_CODE_HTTP_PROTOCOL, "cut off: the gzip has no end");
    /* what no client looks at */
    pack(&packed, GZIP, HELLO, strlen(HELLO));
    memset(packed.bytes + packed.len, 0, 8);
    packed.len += 8;
    decode("Content-Encoding: gzip\r\n", MAX);
    body_is(HELLO, strlen(HELLO), "padding");
}
END_TEST

/* ---- in a step */

static struct rig rig;
static struct test_server server;

static const struct step_case {
    const char *name;
    const char *status;
    struct lk_request request;
    bool packed; /* so it stays */
    bool empty;
    const char *accept; /* what is asked for */
} step_cases[] = {
    {"asked for",
     "200 OK",
     {.method = "GET", .compressed = true},
     false,
     false,
     "Accept-Encoding: gzip, deflate, br\r\n"},
    {"an error too",
     "404 Not Found",
     {.method = "GET", .compressed = true},
     false,
     false,
     "Accept-Encoding: gzip, deflate, br\r\n"},
    {"by the author",
     "200 OK",
     {.method = "GET",
      .compressed = true,
      .headers = (const char *const[]){"accept-encoding", "gzip", NULL}},
     false,
     false,
     "accept-encoding: gzip\r\n"},
    {"unasked", "200 OK", {.method = "GET"}, false, false, NULL},
    {"to be left as it is", "200 OK", {.method = "GET", .raw_body = true}, true, false, NULL},
    {"to be dropped", "200 OK", {.method = "GET", .discard_body = true}, false, true, NULL},
    {"a part of it", "206 Partial Content", {.method = "GET"}, true, false, NULL},
    {"of a HEAD", "200 OK", {.method = "HEAD"}, false, true, NULL},
    {"none at all", "304 Not Modified", {.method = "GET"}, false, true, NULL},
};

struct step {
    const struct step_case *want;
    char error[200];
};

static void step_run(lk_vu *vu, void *arg)
{
    struct step *step = arg;
    struct lk_request request = step->want->request;
    lk_response *response;

    lk_http_base_url(vu, server.url);
    request.size = sizeof(request);
    request.url = "/";
    response = lk_http(vu, &request);
    if (step->want->packed && (response->body_bytes != packed.len ||
                               memcmp(response->body, packed.bytes, packed.len) != 0))
        snprintf(step->error, sizeof(step->error), "%zu bytes", response->body_bytes);
    else if (!step->want->packed && strcmp(response->body, step->want->empty ? "" : HELLO) != 0)
        snprintf(step->error, sizeof(step->error), "body '%s'", response->body);
    else if (strcmp(lk_header(response, "Content-Encoding"), "gzip") != 0)
        snprintf(step->error, sizeof(step->error), "the head is another");
}

START_TEST(a_step_gets_the_plain_body_unless_it_says_otherwise)
{
    struct step step = {.want = &step_cases[_i]};
    bool bodiless = strstr(step.want->name, "HEAD") || strstr(step.want->status, "304");
    char fields[200];
    struct test_script script = {{SRV_READ, SRV_BYTES(fields, 0), SRV_BYTES(packed.bytes, 0)}};
    const struct test_request *sent;
    struct rig_user *user;
    size_t received;

    pack(&packed, GZIP, HELLO, strlen(HELLO));
    snprintf(fields, sizeof(fields),
             "HTTP/1.1 %s\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             step.want->status, packed.len);
    script.acts[1].len = strlen(fields);
    script.acts[2].len = bodiless ? 0 : packed.len;
    script.acts[2].act = bodiless ? ACT_END : ACT_SEND;
    received = script.acts[1].len + script.acts[2].len;
    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, step_run, &step);
    rig_run(&rig);
    ck_assert_msg(user->outcome == LKI_OUTCOME_OK && !*step.error, "%s: %s %s", step.want->name,
                  user->message, step.error);
    ck_assert_uint_eq(rig.metrics.totals->bytes_received, received);
    rig_close(&rig);
    test_server_settle_closed(&server);
    sent = test_server_request(&server, 0);
    ck_assert_msg(step.want->accept ? strstr(sent->bytes, step.want->accept) != NULL
                                    : !strstr(sent->bytes, "Accept-Encoding"),
                  "%s: %s", step.want->name, sent->bytes);
    test_server_stop(&server);
}
END_TEST

static void bomb_run(lk_vu *vu, void *arg)
{
    bool *gone_on = arg;
    lk_response *response;

    lk_http_base_url(vu, server.url);
    response = lk_get(vu, "/", .keep_going = true, .max_body_bytes = 100000);
    ck_assert_int_eq(response->status, 0);
    ck_assert_str_eq(response->body, "");
    *gone_on = strstr(lk_error(response), "when it is unpacked") != NULL;
    lk_get(vu, "/", .max_body_bytes = 100000);
}

START_TEST(a_bomb_is_a_failed_exchange)
{
    char *zeros = calloc(1, MAX);
    char fields[100];
    struct test_script script = {
        {SRV_READ, SRV_BYTES(fields, 0), SRV_BYTES(packed.bytes, 0), SRV_AGAIN}};
    struct rig_user *user;
    bool gone_on = false;

    ck_assert_ptr_nonnull(zeros);
    pack(&packed, BROTLI, zeros, MAX);
    free(zeros);
    snprintf(fields, sizeof(fields),
             "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %zu\r\n\r\n", packed.len);
    script.acts[1].len = strlen(fields);
    script.acts[2].len = packed.len;
    test_server_start(&server, &script, 1);
    rig_open(&rig);
    user = rig_add(&rig, bomb_run, &gone_on);
    rig_run(&rig);
    ck_assert_int_eq(user->outcome, LKI_OUTCOME_FAILED);
    ck_assert_str_eq(user->message, "GET / got no answer: HTTP_TOO_LARGE");
    ck_assert(gone_on);
    ck_assert_uint_eq(rig_count(&rig, LKI_CODE_HTTP_TOO_LARGE), 2);
    ck_assert_uint_eq(rig_count(&rig, 200), 0);
    rig_close(&rig);
    ck_assert_uint_eq(test_server_settle_closed(&server)->connections, 1);
    test_server_stop(&server);
}
END_TEST

/* ---- among others ---- */

#define LARGE ((size_t)8 * 1024 * 1024)

struct unpacking {
    int64_t until_ns;
    struct lki_exchange_result result;
    uint64_t waits;
    uint64_t turns; /* of another one meanwhile */
    bool cuts;      /* that one ends the run */
    bool done;
};

static void unpacking_run(lk_vu *vu, void *arg)
{
    struct unpacking *unpacking = arg;
    struct lki_exchange_result *got = &unpacking->result;
    struct lki_task *task = lki_vu_task(vu);
    uint64_t waits = task->waits;

    lki_exchange_begin(got, lki_loop_now(task->loop));
    got->status = 200;
    got->code = 200;
    got->head = head;
    got->head_bytes = strlen(head);
    got->body = packed.bytes;
    got->body_bytes = packed.len;
    lki_decode(got, &arena, LARGE, task, unpacking->until_ns);
    unpacking->waits = task->waits - waits;
    unpacking->done = true;
}

static void other_run(lk_vu *vu, void *arg)
{
    struct unpacking *unpacking = arg;

    while (!unpacking->done) {
        unpacking->turns++;
        if (unpacking->cuts && unpacking->result.status)
            lki_tasks_cut(vu->loop);
        lk_sleep(vu, 0);
    }
}

/* 8 MB of zeros. */
static void unpack_among_others(struct unpacking *unpacking, enum packing packing)
{
    char *zeros = calloc(1, LARGE);

    ck_assert_ptr_nonnull(zeros);
    pack(&packed, packing, zeros, LARGE);
    free(zeros);
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n\r\n",
             packing == BROTLI ? "br" : "gzip");
    lki_arena_init(&arena, NULL, 0);
    rig_open(&rig);
    rig_add(&rig, unpacking_run, unpacking);
    rig_add(&rig, other_run, unpacking);
    rig_run(&rig);
    rig_close(&rig);
}

START_TEST(others_have_turns_while_a_large_body_is_unpacked)
{
    struct unpacking unpacking = {.until_ns = LKI_NEVER};

    unpack_among_others(&unpacking, _i ? BROTLI : GZIP);
    ck_assert_msg(unpacking.result.status == 200, "%s", unpacking.result.error);
    ck_assert_uint_eq(unpacking.result.body_bytes, LARGE);
    ck_assert_uint_ge(unpacking.waits, 4);
    ck_assert_uint_ge(unpacking.turns, 4);
    lki_arena_reset(&arena);
}
END_TEST

START_TEST(unpacking_ends_with_the_time_of_the_request)
{
    struct unpacking unpacking = {.until_ns = 0};

    unpack_among_others(&unpacking, GZIP);
    result = unpacking.result;
    ck_assert_uint_eq(unpacking.waits, 1);
    failed(LKI_CODE_HTTP_TIMEOUT, "timed out while unpacking the answer");
}
END_TEST

START_TEST(unpacking_ends_with_the_run)
{
    struct unpacking unpacking = {.until_ns = LKI_NEVER, .cuts = true};

    unpack_among_others(&unpacking, GZIP);
    result = unpacking.result;
    ck_assert_int_eq(result.ended, LKI_WAKE_CUT);
    failed(LKI_CODE_HTTP_CANCELLED, "the run ended while unpacking the answer");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode");
    TCase *tcase = tcase_create("decode");

    tcase_add_loop_test(tcase, each_coding_is_undone, 0, LKI_COUNT(coding_cases));
    tcase_add_loop_test(tcase, what_packs_well_is_unpacked_whole, 0, LKI_COUNT(coding_cases));
    tcase_add_loop_test(tcase, what_is_cut_off_is_refused, 0, LKI_COUNT(coding_cases));
    tcase_add_loop_test(tcase, what_is_broken_is_refused, 0, 2);
    tcase_add_test(tcase, several_codings_are_undone_from_the_last_to_the_first);
    tcase_add_test(tcase, a_coding_that_is_not_known_is_left_alone);
    tcase_add_test(tcase, an_empty_body_needs_no_coding);
    tcase_add_test(tcase, a_gzip_file_of_several_parts_is_one_body);
    tcase_add_loop_test(tcase, a_step_gets_the_plain_body_unless_it_says_otherwise, 0,
                        LKI_COUNT(step_cases));
    tcase_add_test(tcase, a_bomb_is_a_failed_exchange);
    tcase_add_loop_test(tcase, others_have_turns_while_a_large_body_is_unpacked, 0, 2);
    tcase_add_test(tcase, unpacking_ends_with_the_time_of_the_request);
    tcase_add_test(tcase, unpacking_ends_with_the_run);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

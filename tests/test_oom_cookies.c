/*
 * Cookies, redirects and compressed bodies without memory: whichever request for it is refused,
 * alone or with those that follow, the step gets all of what it asked for or ends, and nothing is
 * left behind.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <brotli/encode.h>
#include <zlib.h>

#include "base/mem.h"
#include "client/decode.h"
#include "client/vu.h"
#include "oom/memory.h"
#include "support/expect.h"
#include "support/scene.h"
#include "support/suite.h"

#define PLAIN_BYTES 20000

static const long droughts[] = {1, 5, MEMORY_ALL};

/* ---- bodies */

static char plain[PLAIN_BYTES];
static char packed[PLAIN_BYTES];
static size_t packed_len;

static void pack(bool brotli)
{
    uLongf len = sizeof(packed);

    memset(plain, 'x', sizeof(plain));
    packed_len = sizeof(packed);
    if (brotli) {
        ck_assert(BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE,
                                        sizeof(plain), (const uint8_t *)plain, &packed_len,
                                        (uint8_t *)packed));
        return;
    }
    ck_assert_int_eq(compress((Bytef *)packed, &len, (const Bytef *)plain, sizeof(plain)), Z_OK);
    packed_len = len;
}

/* Unpacks it with so much refused; false: there was no need for so much. */
static bool unpack_without(const char *head, long after, long count)
{
    long held = memory_held();
    struct lki_exchange_result result;
    struct lki_arena arena;
    bool whole;
    long refused;

    lki_exchange_begin(&result, 0);
    result.status = 200;
    result.head = head;
    result.head_bytes = strlen(head);
    result.body = packed;
    result.body_bytes = packed_len;
    lki_arena_init(&arena, NULL, 0);
    memory_refuse(after, count);
    lki_decode(&result, &arena, PLAIN_BYTES, NULL, 0);
    refused = memory_allow();
    whole = result.status == 200 && result.body_bytes == sizeof(plain) &&
            !memcmp(result.body, plain, sizeof(plain));
    if (!whole)
        EXPECT(!result.status && result.code == LKI_CODE_HTTP_TOO_LARGE &&
                   strstr(result.error, "out of memory"),
               "%s", result.error);
    EXPECT(whole == !refused, "without %ld: %s", after, result.error);
    lki_arena_reset(&arena);
    held = memory_held() - held;
    EXPECT(!held, "without %ld: %ld left", after, held);
    return refused > 0;
}

START_TEST(a_body_is_unpacked_or_the_exchange_has_failed)
{
    bool brotli = _i % 2;
    const char *head = brotli ? "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n"
                              : "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n";
    long after = 0;

    pack(brotli);
    while (unpack_without(head, after, droughts[_i / 2]))
        after++;
    ck_assert_int_gt(after, 2);
}
END_TEST

/* ---- steps */

static lk_test *test;
static long refused;
static bool passed;

static void end_drought(void *arg)
{
    (void)arg;
    refused = memory_allow();
}

struct drought {
    long after;
    long count;
};

static struct drought drought;

static void shop(lk_vu *vu, void *self)
{
    lk_response *response;

    (void)self;
    lki_http_client_reset(&vu->http);
    lk_http_base_url(vu, "http://shop.test/api");
    lk_defer(vu, end_drought, NULL);
    passed = false;
    memory_refuse(drought.after, drought.count);
    response = lk_post(vu, "/login", .headers = LK_PAIRS("X-A", "1", "Content-Type", "text/x"),
                       .query = LK_PAIRS("q", "1"), .body = "me");
    EXPECT(response->status == 200 && response->redirects == 2, "%d after %u", response->status,
           response->redirects);
    EXPECT(!strcmp(response->url, "http://other.test/in"), "%s", response->url);
    EXPECT(!strcmp(lk_cookie(vu, "/", "session"), "abc"), "no session");
    EXPECT(!strcmp(lk_cookie(vu, "http://other.test/", "far"), "1"), "no cookie from there");
    lk_cookie_set(vu, "/", "own=1");
    lk_get(vu, "/home");
    lk_cookies_clear(vu);
    passed = true;
}

/* One step with so much refused; false: there was no need for so much. */
static bool step_without(long after, long count)
{
    struct lk_def *defs[] = {
        SCENE_VU("guest", .weight = 1),
        SCENE_STEP("guest", "shop", shop),
        NULL,
    };
    long held = memory_held();
    int descriptors = memory_descriptors();

    drought = (struct drought){after, count};
    test = scene_open(defs, LK_RUN_OPTIONS(.iterations = 1));
    lk_test_answer(
        test, "POST /api/login", .status = 303,
        .head = "Set-Cookie: session=abc; Path=/\r\nSet-Cookie: b=2\r\nLocation: on\r\n");
    lk_test_answer(test, "GET /api/on", .status = 302,
                   .head = "Location: http://other.test/in\r\n");
    lk_test_answer(test, "GET /in", .head = "Set-Cookie: far=1\r\n");
    lk_test_answer(test, "GET /api/home", .body = "home");
    EXPECT(lk_test_run(test, LK_OFF), "it did not end");
    EXPECT(passed || refused, "it failed without need: %s", scene_log(test));
    scene_close(test);
    held = memory_held() - held;
    EXPECT(!held, "without %ld, %ld of them: %ld left", after, refused, held);
    EXPECT(memory_descriptors() == descriptors, "descriptors are left");
    return refused > 0;
}

START_TEST(a_step_gets_where_it_was_led_or_ends)
{
    long after = 0;

    while (step_without(after, droughts[_i]))
        after++;
    ck_assert_int_gt(after, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_cookies");
    TCase *tests = tcase_create("oom_cookies");

    memory_open();
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_body_is_unpacked_or_the_exchange_has_failed, 0,
                        2 * LKI_COUNT(droughts));
    tcase_add_loop_test(tests, a_step_gets_where_it_was_led_or_ends, 0, LKI_COUNT(droughts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

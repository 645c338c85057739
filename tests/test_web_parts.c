/* The parts of the web server that need no connection: targets, routes, hosts, handshakes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_walk.h"
#include "base/mem.h"
#include "base/sha1.h"
#include "base/text.h"
#include "net/ws_key.h"
#include "support/suite.h"
#include "web/host.h"
#include "web/inner.h"
#include "web/route.h"
#include "web/token.h"

static struct lki_arena arena;
static struct lki_web_target target;

static void setup(void)
{
    lki_arena_init(&arena, NULL, 0);
}

static void teardown(void)
{
    lki_arena_reset(&arena);
}

static enum lk_err parse(const char *text)
{
    const char *why = "untouched";
    enum lk_err err = lki_web_target_parse(&target, &arena, text, &why);

    ck_assert((err == LK_E_FORMAT) == (why != NULL));
    return err;
}

/* ---- targets */

static const struct {
    const char *text;
    const char *path;
    size_t segments;
} good_targets[] = {
    {"/", "/", 0},
    {"/?", "/", 0},
    {"/a", "/a", 1},
    {"/a/", "/a", 1},
    {"/a/b/c?x=1", "/a/b/c", 3},
    {"/a%20b/%C3%A4", "/a b/ä", 2},
    {"/a%2Fb/c", "/a/b/c", 2},
    {"/a+b", "/a+b", 1},
    {"/...", "/...", 1},
    {"/.well-known", "/.well-known", 1},
    {"/%3f%23", "/?#", 1},
    {"/a:b;c=d,e'()*!$&@~_-", "/a:b;c=d,e'()*!$&@~_-", 1},
    {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16", 16},
};

START_TEST(a_target_is_taken_apart)
{
    ck_assert_int_eq(parse(good_targets[_i].text), LK_OK);
    ck_assert_str_eq(target.path, good_targets[_i].path);
    ck_assert_uint_eq(target.segment_count, good_targets[_i].segments);
}
END_TEST

static const char *const bad_targets[] = {
    "",        "*",          "a",       "http://x/", "//",         "//a",     "/a//b",
    "/a//",    "/..",        "/../a",   "/a/../b",   "/a/..",      "/.",      "/./a",
    "/%2e",    "/%2E%2e/a",  "/.%2e/a", "/%00",      "/a%00b",     "/%0a",    "/%0d%0aX:%20y",
    "/%7f",    "/%",         "/%1",     "/%g0",      "/%0g",       "/%ff",    "/%c3",
    "/%C0%AF", "/%ed%a0%80", "/a b",    "/a\tb",     "/a\xc3\xa4", "/a#b",    "/?a=%",
    "/?a=%zz", "/?%00=1",    "/?a=%0a", "/?a=\xff",  "/?a b",      "/?a=b#c", "/\x7f",
    "/\x01",
};

START_TEST(a_doubtful_target_is_refused)
{
    ck_assert_msg(parse(bad_targets[_i]) == LK_E_FORMAT, "%s", bad_targets[_i]);
}
END_TEST

START_TEST(parameters_are_decoded_and_the_first_counts)
{
    ck_assert_int_eq(parse("/x?a=1&b=x+y%2B&&c&=e&a=2&d=%26%3D&"), LK_OK);
    ck_assert_uint_eq(target.param_count, 6);
    ck_assert_str_eq(lki_web_target_param(&target, "a"), "1");
    ck_assert_str_eq(lki_web_target_param(&target, "b"), "x y+");
    ck_assert_str_eq(lki_web_target_param(&target, "c"), "");
    ck_assert_str_eq(lki_web_target_param(&target, ""), "e");
    ck_assert_str_eq(lki_web_target_param(&target, "d"), "&=");
    ck_assert_ptr_null(lki_web_target_param(&target, "e"));
}
END_TEST

START_TEST(segments_and_parameters_are_bounded)
{
    char text[1024] = "/x?";

    ck_assert_int_eq(parse("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), LK_E_LIMIT);
    for (int i = 0; i < LKI_WEB_PARAMS_MAX; i++)
        strcat(text, "a=1&");
    ck_assert_int_eq(parse(text), LK_OK);
    strcat(text, "a=1");
    ck_assert_int_eq(parse(text), LK_E_FORMAT);
}
END_TEST

START_TEST(no_memory_is_not_taken_for_a_fault)
{
    const char *why;

    for (size_t bytes = 1; bytes < 8192; bytes += 16) {
        enum lk_err err;

        lki_arena_init(&arena, NULL, bytes);
        err = lki_web_target_parse(&target, &arena, "/some/path/of/segments?with=a&query=too",
                                   &why);
        ck_assert(!err || err == LK_E_NOMEM);
        ck_assert(bytes > 300 || err == LK_E_NOMEM);
        ck_assert_ptr_null(why);
        lki_arena_reset(&arena);
        if (!err)
            return;
    }
    ck_abort_msg("8 kB are not enough");
}
END_TEST

/* ---- routes */

static void handler(struct lki_web_request *request, void *arg)
{
    (void)request;
    (void)arg;
}

static const struct lki_web_route routes[] = {
    {"GET", "/", handler, .open = false},
    {"GET", "/a", handler, .open = false},
    {"POST", "/a", handler, .open = false},
    {"GET", "/a/special", handler, .open = false},
    {"GET", "/a/:name", handler, .open = false},
    {"DELETE", "/a/:name", handler, .open = false},
    {"GET", "/a/:name/b/:id", handler, .open = true},
};

static const struct lki_web_settings settings = {.routes = routes, .route_count = 7};

static const struct {
    const char *method;
    const char *path;
    int route; /* -1: none, -2: another method */
} ways[] = {
    {"GET", "/", 0},
    {"HEAD", "/", 0},
    {"GET", "/a", 1},
    {"GET", "/a/", 1},
    {"POST", "/a", 2},
    {"PUT", "/a", -2},
    {"get", "/a", -2},
    {"GET", "/a/special", 3},
    {"GET", "/a/x", 4},
    {"HEAD", "/a/x", 4},
    {"DELETE", "/a/special", 5},
    {"POST", "/a/x", -2},
    {"GET", "/a/x/b/1", 6},
    {"GET", "/a/x/b", -1},
    {"GET", "/a/x/c/1", -1},
    {"GET", "/A", -1},
    {"GET", "/b", -1},
    {"GET", "/a/x%2Fb%2F1", 4},
    {"GET", "/a/:name", 4},
};

START_TEST(the_first_route_that_fits_is_found)
{
    const struct lki_web_route *route;
    bool has_path;

    ck_assert_int_eq(parse(ways[_i].path), LK_OK);
    route = lki_web_route_find(&settings, ways[_i].method, &target, &has_path);
    ck_assert_int_eq(route ? route - routes : has_path ? -2 : -1, ways[_i].route);
}
END_TEST

START_TEST(segments_have_names)
{
    ck_assert_int_eq(parse("/a/x%20y/b/7"), LK_OK);
    ck_assert_str_eq(lki_web_route_segment(&routes[6], &target, "name"), "x y");
    ck_assert_str_eq(lki_web_route_segment(&routes[6], &target, "id"), "7");
    ck_assert_ptr_null(lki_web_route_segment(&routes[6], &target, "i"));
    ck_assert_ptr_null(lki_web_route_segment(&routes[6], &target, "a"));
}
END_TEST

START_TEST(methods_of_a_path_are_listed)
{
    struct lki_buf out;

    lki_buf_init(&out, 100);
    ck_assert_int_eq(parse("/a/special"), LK_OK);
    lki_web_route_methods(&settings, &target, &out);
    ck_assert_str_eq(lki_buf_cstr(&out), "GET, HEAD, DELETE, OPTIONS");
    lki_buf_release(&out);
}
END_TEST

/* ---- hosts and origins */

static const struct {
    const char *text;
    int host; /* -1: it is none */
} hosts[] = {
    {"localhost", 9},   {"localhost:8080", 9},
    {"127.0.0.1:1", 9}, {"[::1]", 5},
    {"[::1]:8080", 5},  {"a", 1},
    {"a:", 1},          {"", -1},
    {":80", -1},        {"[::1", -1},
    {"[::1]x", -1},     {"a:b", -1},
    {"a:123456", -1},   {"a b", -1},
    {"a/b", -1},        {"user@a", -1},
    {"a,b", -1},        {"::1", -1},
    {"a?b", -1},        {"a:80:80", -1},
};

START_TEST(hosts_lose_their_ports)
{
    size_t len = 4711;
    bool is = lki_web_host_split(hosts[_i].text, &len);

    ck_assert_int_eq(is ? (int)len : -1, hosts[_i].host);
}
END_TEST

static const struct {
    const char *text;
    bool is, loopback, any;
} addresses[] = {
    {"127.0.0.1", true, true, false},
    {"127.8.9.1", true, true, false},
    {"10.0.0.1", true, false, false},
    {"0.0.0.0", true, false, true},
    {"::1", true, true, false},
    {"[::1]", true, true, false},
    {"::", true, false, true},
    {"::ffff:127.0.0.1", true, true, false},
    {"::ffff:10.0.0.1", true, false, false},
    {"fe80::1", true, false, false},
    {"localhost", false, false, false},
    {"", false, false, false},
    {"127.1", false, false, false},
    {"0x7f000001", false, false, false},
    {"2130706433", false, false, false},
    {"127.0.0.1.", false, false, false},
    {"[127.0.0.1", false, false, false},
    {"[]", false, false, false},
};

START_TEST(addresses_are_known_by_their_numbers)
{
    struct lki_web_address address = lki_web_address_parse(addresses[_i].text,
                                                           strlen(addresses[_i].text));

    ck_assert_int_eq(address.family != 0, addresses[_i].is);
    ck_assert_int_eq(lki_web_address_is_loopback(&address), addresses[_i].loopback);
    ck_assert_int_eq(lki_web_address_is_any(&address), addresses[_i].any);
}
END_TEST

static const struct {
    const char *origin, *host;
    bool is;
} origins[] = {
    {"http://localhost:8080", "localhost:8080", true},
    {"HTTP://LocalHost:8080", "localhost:8080", true},
    {"https://load.example.com", "load.example.com", true},
    {"http://localhost:8081", "localhost:8080", false},
    {"http://localhost", "localhost:8080", false},
    {"http://localhost:8080/", "localhost:8080", false},
    {"http://evil.com", "localhost:8080", false},
    {"http://localhost:8080.evil.com", "localhost:8080", false},
    {"null", "localhost:8080", false},
    {"", "localhost:8080", false},
    {"file://", "", false},
    {"ws://localhost:8080", "localhost:8080", false},
};

START_TEST(an_origin_is_ours_or_not)
{
    ck_assert_int_eq(lki_web_origin_is(origins[_i].origin, origins[_i].host), origins[_i].is);
}
END_TEST

/* ---- handshakes */

static const struct {
    const char *text;
    size_t times;
    const char *hex;
} hashes[] = {
    {"", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {"a", 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
    {"0123456701234567012345670123456701234567012345670123456701234567", 10,
     "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
};

START_TEST(sha1_is_what_the_standard_says)
{
    size_t len = strlen(hashes[_i].text);
    char *text = malloc(len * hashes[_i].times + 1);
    uint8_t hash[LKI_SHA1_BYTES];
    char hex[2 * LKI_SHA1_BYTES + 1];

    for (size_t i = 0; i < hashes[_i].times; i++)
        memcpy(text + i * len, hashes[_i].text, len);
    lki_sha1(text, len * hashes[_i].times, hash);
    for (int i = 0; i < LKI_SHA1_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    ck_assert_str_eq(hex, hashes[_i].hex);
    free(text);
}
END_TEST

/* Each length has its own padding: those around a block's, against what sha1sum says. */
START_TEST(sha1_pads_at_every_length)
{
    static const struct {
        size_t len;
        const char *start;
    } known[] = {{54, "b05d71c6"}, {55, "c1c8bbdc"},  {56, "c2db330f"},
                 {57, "f08f2490"}, {63, "03f09f5b"},  {64, "0098ba82"},
                 {65, "11655326"}, {119, "ee971065"}, {120, "f34c1488"}};
    char text[128];
    uint8_t hash[LKI_SHA1_BYTES];
    char hex[9];

    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < LKI_COUNT(known); i++) {
        lki_sha1(text, known[i].len, hash);
        snprintf(hex, sizeof(hex), "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
        ck_assert_msg(!strncmp(hex, known[i].start, 8), "%zu: %s", known[i].len, hex);
    }
}
END_TEST

START_TEST(a_key_is_accepted_as_the_rfc_says)
{
    char accept[LKI_WS_ACCEPT_BYTES];

    lki_ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

static const struct {
    const char *key;
    bool is;
} keys[] = {
    {"dGhlIHNhbXBsZSBub25jZQ==", true},
    {"AAAAAAAAAAAAAAAAAAAAAA==", true},
    {"/+/+/+/+/+/+/+/+/+/+/w==", true},
    {"", false},
    {"dGhlIHNhbXBsZSBub25jZQ", false},
    {"dGhlIHNhbXBsZSBub25jZQ=", false},
    {"dGhlIHNhbXBsZSBub25jZQ===", false},
    {"dGhlIHNhbXBsZSBub25jZR==", false},
    {"dGhlIHNhbXBsZSBub25jZQAA", false},
    {"dGhlIHNhbXBsZSBub25j!Q==", false},
    {"dGhl", false},
};

START_TEST(keys_are_sixteen_bytes)
{
    ck_assert_int_eq(lki_ws_key_is_valid(keys[_i].key), keys[_i].is);
}
END_TEST

START_TEST(lists_are_searched_item_by_item)
{
    ck_assert(lki_text_list_has("keep-alive, Upgrade", "upgrade"));
    ck_assert(lki_text_list_has(",, upgrade ,x", "upgrade"));
    ck_assert(!lki_text_list_has("upgraded, up grade", "upgrade"));
    ck_assert(!lki_text_list_has("", "upgrade"));
    ck_assert(!lki_text_list_has(NULL, "upgrade"));
}
END_TEST

START_TEST(tokens_are_long_and_visible)
{
    ck_assert_ptr_null(lki_web_token_fault("12345678"));
    ck_assert_ptr_null(lki_web_token_fault("!\"#$%&/()=?~{}"));
    ck_assert_ptr_nonnull(lki_web_token_fault(""));
    ck_assert_ptr_nonnull(lki_web_token_fault("1234567"));
    ck_assert_ptr_nonnull(lki_web_token_fault("1234 5678"));
    ck_assert_ptr_nonnull(lki_web_token_fault("12345678\n"));
    ck_assert_ptr_nonnull(lki_web_token_fault("1234567\xc3\xa4"));
}
END_TEST

/* ---- walking through JSON */

static void walk(const char *text, char *out, size_t cap)
{
    struct lki_json_value whole;
    struct lki_json_value key;
    struct lki_json_value value;
    struct lki_json_walk at;

    ck_assert_int_eq(lki_json_check(text, strlen(text)), LK_OK);
    ck_assert_int_eq(lki_json_find(text, strlen(text), "", &whole), LK_OK);
    at = lki_json_walk(&whole);
    *out = '\0';
    if (whole.kind == LKI_JSON_OBJECT) {
        while (lki_json_walk_member(&at, &key, &value))
            snprintf(out + strlen(out), cap - strlen(out), "%.*s=%.*s;", (int)key.len, key.raw,
                     (int)value.len, value.raw);
    } else {
        while (lki_json_walk_element(&at, &value))
            snprintf(out + strlen(out), cap - strlen(out), "%.*s;", (int)value.len, value.raw);
    }
}

static const struct {
    const char *text, *walked;
} walks[] = {
    {"{}", ""},
    {" [ ] ", ""},
    {"{ \"a\" : 1 , \"b\\\"\":{\"c\":[1,2]},\"\":null}",
     "\"a\"=1;\"b\\\"\"={\"c\":[1,2]};\"\"=null;"},
    {"[1, \"x,]\",[2],{\"a\":{}}, true\n]", "1;\"x,]\";[2];{\"a\":{}};true;"},
};

START_TEST(json_is_walked_through)
{
    char out[256];

    walk(walks[_i].text, out, sizeof(out));
    ck_assert_str_eq(out, walks[_i].walked);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("web_parts");
    TCase *tests = tcase_create("web_parts");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_target_is_taken_apart, 0, (int)LKI_COUNT(good_targets));
    tcase_add_loop_test(tests, a_doubtful_target_is_refused, 0, (int)LKI_COUNT(bad_targets));
    tcase_add_test(tests, parameters_are_decoded_and_the_first_counts);
    tcase_add_test(tests, segments_and_parameters_are_bounded);
    tcase_add_test(tests, no_memory_is_not_taken_for_a_fault);
    tcase_add_loop_test(tests, the_first_route_that_fits_is_found, 0, (int)LKI_COUNT(ways));
    tcase_add_test(tests, segments_have_names);
    tcase_add_test(tests, methods_of_a_path_are_listed);
    tcase_add_loop_test(tests, hosts_lose_their_ports, 0, (int)LKI_COUNT(hosts));
    tcase_add_loop_test(tests, addresses_are_known_by_their_numbers, 0, (int)LKI_COUNT(addresses));
    tcase_add_loop_test(tests, an_origin_is_ours_or_not, 0, (int)LKI_COUNT(origins));
    tcase_add_loop_test(tests, sha1_is_what_the_standard_says, 0, (int)LKI_COUNT(hashes));
    tcase_add_test(tests, sha1_pads_at_every_length);
    tcase_add_test(tests, a_key_is_accepted_as_the_rfc_says);
    tcase_add_loop_test(tests, keys_are_sixteen_bytes, 0, (int)LKI_COUNT(keys));
    tcase_add_test(tests, lists_are_searched_item_by_item);
    tcase_add_test(tests, tokens_are_long_and_visible);
    tcase_add_loop_test(tests, json_is_walked_through, 0, (int)LKI_COUNT(walks));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

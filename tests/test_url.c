/* URLs: their parts, what is refused, escaping, and names of metrics from paths. */
#include "net/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/suite.h"

#define TEXT(string) .text = (string), .len = sizeof(string) - 1

static const struct url_case {
    const char *text;
    size_t len;
    const char *host;
    const char *authority;
    const char *target;
    enum lki_url_scheme scheme;
    uint16_t port;
    bool ipv6;
} urls[] = {
    {TEXT("http://localhost"), "localhost", "localhost", "", LKI_URL_HTTP, 80},
    {TEXT("http://localhost/"), "localhost", "localhost", "/", LKI_URL_HTTP, 80},
    {TEXT("HTTP://Host:8000/a/b?c=d&e#f"), "Host", "Host:8000", "/a/b?c=d&e", LKI_URL_HTTP, 8000},
    {TEXT("http://a.b-c_d.example:1?q"), "a.b-c_d.example", "a.b-c_d.example:1", "?q", LKI_URL_HTTP,
     1},
    {TEXT("http://10.0.0.1:65535#top"), "10.0.0.1", "10.0.0.1:65535", "", LKI_URL_HTTP, 65535},
    {TEXT("http://[::1]:8080/x"), "::1", "[::1]:8080", "/x", LKI_URL_HTTP, 8080, true},
    {TEXT("http://[2001:DB8::192.0.2.1]"), "2001:DB8::192.0.2.1", "[2001:DB8::192.0.2.1]", "",
     LKI_URL_HTTP, 80, true},
    {TEXT("https://example.com/x"), "example.com", "example.com", "/x", LKI_URL_HTTPS, 443},
    {TEXT("https://example.com:80"), "example.com", "example.com:80", "", LKI_URL_HTTPS, 80},
    {TEXT("ws+tls-1.2://example.com"), "example.com", "example.com", "", LKI_URL_OTHER, 0},
    {TEXT("httpx://h:7/"), "h", "h:7", "/", LKI_URL_OTHER, 7},
    {TEXT("htt://h"), "h", "h", "", LKI_URL_OTHER, 0},
    {TEXT("http://h//a/../b/./%20?x=/?://@[]#a#b"), "h", "h", "//a/../b/./%20?x=/?://@[]",
     LKI_URL_HTTP, 80},
    {TEXT("http://h/\xc3\xbc{}|\"<>"), "h", "h", "/\xc3\xbc{}|\"<>", LKI_URL_HTTP, 80},
    {TEXT("http://h:0080"), "h", "h:0080", "", LKI_URL_HTTP, 80},
};

/* A copy that ends where its memory ends. */
static char *exact(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);
    return copy;
}

static void part_verify(const char *part, size_t len, const char *want)
{
    ck_assert_uint_eq(len, strlen(want));
    ck_assert_mem_eq(part, want, len);
}

START_TEST(a_url_falls_into_its_parts)
{
    const struct url_case *want = &urls[_i];
    char *text = exact(want->text, want->len);
    const char *why = "";
    struct lki_url url;

    ck_assert_msg(lki_url_parse(&url, text, want->len, &why) == LK_OK, "%s: %s", want->text, why);
    ck_assert_int_eq(url.scheme, want->scheme);
    ck_assert_ptr_eq(url.scheme_text, text);
    ck_assert_mem_eq(url.scheme_text + url.scheme_len, "://", 3);
    part_verify(url.host, url.host_len, want->host);
    part_verify(url.authority, url.authority_len, want->authority);
    part_verify(url.target, url.target_len, want->target);
    ck_assert_uint_eq(url.port, want->port);
    ck_assert_int_eq(url.host_is_ipv6, want->ipv6);
    ck_assert(lki_url_is_absolute(text, want->len));
    free(text);
}
END_TEST

static const struct wrong_case {
    const char *text;
    size_t len;
    const char *why;
} wrongs[] = {
    {TEXT(""), "it does not begin with http:// or https://"},
    {TEXT("/path"), "it does not begin with http:// or https://"},
    {TEXT("localhost:8000"), "it does not begin with http:// or https://"},
    {TEXT("http:/host"), "it does not begin with http:// or https://"},
    {TEXT("http:host"), "it does not begin with http:// or https://"},
    {TEXT("://host"), "it does not begin with http:// or https://"},
    {TEXT(" http://host"), "it does not begin with http:// or https://"},
    {TEXT("1http://host"), "it does not begin with http:// or https://"},
    {TEXT("ht\0tp://host"), "it does not begin with http:// or https://"},
    {TEXT("http://"), "the host is empty"},
    {TEXT("http:///path"), "the host is empty"},
    {TEXT("http://:80/"), "the host is empty"},
    {TEXT("http://?q"), "the host is empty"},
    {TEXT("http://a b/"), "the host has a character that no name has"},
    {TEXT("http://a\0b/"), "the host has a character that no name has"},
    {TEXT("http://h\xc3\xbc/"), "the host has a character that no name has"},
    {TEXT("http://a%41/"), "the host has a character that no name has"},
    {TEXT("http://a,b"), "the host has a character that no name has"},
    {TEXT("http://h:"), "the port is empty"},
    {TEXT("http://h:/"), "the port is empty"},
    {TEXT("http://h:0"), "the port is 0"},
    {TEXT("http://h:65536"), "the port is greater than 65535"},
    {TEXT("http://h:4294967376"), "the port is greater than 65535"},
    {TEXT("http://h:18446744073709551696"), "the port is greater than 65535"},
    {TEXT("http://h:-1"), "the port is not a number"},
    {TEXT("http://h:+1"), "the port is not a number"},
    {TEXT("http://h:80 /"), "the port is not a number"},
    {TEXT("http://h:8x/"), "the port is not a number"},
    {TEXT("http://h:1:2/"), "the port is not a number"},
    {TEXT("http://::1/"), "the host is empty"},
    {TEXT("http://[::1/"), "what stands in brackets is not an IPv6 address"},
    {TEXT("http://["), "what stands in brackets is not an IPv6 address"},
    {TEXT("http://[]/"), "what stands in brackets is not an IPv6 address"},
    {TEXT("http://[::g]/"), "what stands in brackets is not an IPv6 address"},
    {TEXT("http://[10.0.0.1]/"), "what stands in brackets is not an IPv6 address"},
    {TEXT("http://[fe80::1%25eth0]/"),
     "a zone (%...) in an IPv6 address is not supported: give the address without it"},
    {TEXT("http://[::1\0]/"), "what stands in brackets is not an IPv6 address"},
    {TEXT("http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/"),
     "what stands in brackets is not an IPv6 address"},
    {TEXT("http://[::1]80/"), "something other than a port stands behind the IPv6 address"},
    {TEXT("http://[::1]:/"), "the port is empty"},
    {TEXT("http://user@h/"), "a user name in a URL"},
    {TEXT("http://user:secret@h:80/"), "a user name in a URL"},
    {TEXT("http://h/a b"), "it has a space or a control character"},
    {TEXT("http://h/a\r\nX: y"), "it has a space or a control character"},
    {TEXT("http://h/a\tb"), "it has a space or a control character"},
    {TEXT("http://h/a\0b"), "it has a space or a control character"},
    {TEXT("http://h/a\x7f"), "it has a space or a control character"},
    {TEXT("http://h?a b"), "it has a space or a control character"},
    {TEXT("http://h#a b"), "it has a space or a control character"},
    {TEXT("http://h/ "), "it has a space or a control character"},
};

START_TEST(a_wrong_url_is_refused_with_its_reason)
{
    const struct wrong_case *want = &wrongs[_i];
    char *text = exact(want->text, want->len);
    struct lki_url url = {.port = 4711};
    const char *why = NULL;

    ck_assert_int_eq(lki_url_parse(&url, text, want->len, NULL), LK_E_FORMAT);
    ck_assert_int_eq(lki_url_parse(&url, text, want->len, &why), LK_E_FORMAT);
    ck_assert_msg(strstr(why, want->why) == why, "%s: %s", want->text, why);
    ck_assert_uint_eq(url.port, 4711);
    free(text);
}
END_TEST

START_TEST(a_path_is_told_from_a_url)
{
    static const char *const paths[] = {"",      "/",      "/http://x",   "a",         "http",
                                        "http:", "http:/", "?u=http://x", "#http://x", "-a://x"};

    for (size_t i = 0; i < LKI_COUNT(paths); i++) {
        char *text = exact(paths[i], strlen(paths[i]));

        ck_assert_msg(!lki_url_is_absolute(text, strlen(paths[i])), "%s", paths[i]);
        free(text);
    }
    ck_assert(lki_url_is_absolute("a://", 4));
}
END_TEST

static const struct target_case {
    const char *text;
    size_t len;
    int target_len; /* negative: refused */
} targets[] = {
    {TEXT(""), 0},       {TEXT("/"), 1},       {TEXT("/a?b=c/d?"), 9},
    {TEXT("/a#b"), 2},   {TEXT("#"), 0},       {TEXT("/\xc3\xa4"), 3},
    {TEXT("/a b"), -1},  {TEXT("/a\n"), -1},   {TEXT("/a\r\nHost: evil"), -1},
    {TEXT("/a\0b"), -1}, {TEXT("/a#b c"), -1}, {TEXT("/a?b\x7f"), -1},
};

START_TEST(a_target_fits_into_a_request_line_or_is_refused)
{
    const struct target_case *want = &targets[_i];
    char *text = exact(want->text, want->len);
    size_t len = 4711;

    ck_assert_int_eq(lki_url_target(text, want->len, &len),
                     want->target_len < 0 ? LK_E_FORMAT : LK_OK);
    ck_assert_uint_eq(len, want->target_len < 0 ? 4711 : (size_t)want->target_len);
    free(text);
}
END_TEST

START_TEST(escaping_keeps_only_what_means_nothing)
{
    char all[256];
    struct lki_buf buf;

    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = '\0';
    lki_buf_init(&buf, 4096);
    lki_url_escape(&buf, "");
    ck_assert_uint_eq(buf.len, 0);
    lki_url_escape(&buf, "red shoes & more+50%=\xc3\xbc/?#~a-b_c.d");
    ck_assert_str_eq(lki_buf_cstr(&buf),
                     "red%20shoes%20%26%20more%2B50%25%3D%C3%BC%2F%3F%23~a-b_c.d");
    lki_buf_clear(&buf);
    lki_url_escape(&buf, all);
    ck_assert_uint_eq(buf.len, 66 + 3 * (255 - 66));
    lki_buf_release(&buf);
}
END_TEST

START_TEST(escaping_stops_at_the_limit_of_its_buffer)
{
    struct lki_buf buf;

    lki_buf_init(&buf, 8);
    lki_url_escape(&buf, "ab cd ef");
    ck_assert_int_eq(buf.err, LK_E_LIMIT);
    lki_buf_release(&buf);
}
END_TEST

static const struct fold_case {
    const char *path;
    const char *name;
} folds[] = {
    {"", ""},
    {"/", "/"},
    {"//a//", "//a//"},
    {"/catalog", "/catalog"},
    {"/catalog?page=7&q=1/2", "/catalog"},
    {"/catalog/#7", "/catalog/"},
    {"/items/12345", "/items/{id}"},
    {"/items/0/", "/items/{id}/"},
    {"/items/-1", "/items/{id}"},
    {"/items/-", "/items/-"},
    {"/items/1?x", "/items/{id}"},
    {"/1/22/333#4", "/{id}/{id}/{id}"},
    {"12", "{id}"},
    {"/v1/users/12a", "/v1/users/12a"},
    {"/3.14", "/3.14"},
    {"/u/123e4567-e89b-12d3-a456-426614174000/x", "/u/{id}/x"},
    {"/u/FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "/u/{id}"},
    {"/u/123e4567-e89b-12d3-a456-42661417400", "/u/123e4567-e89b-12d3-a456-42661417400"},
    {"/u/123e4567xe89b-12d3-a456-426614174000", "/u/123e4567xe89b-12d3-a456-426614174000"},
    {"/deadbeef", "/deadbeef"},
    {"/a1b2c3d", "/a1b2c3d"},
    {"/0123456789abcde", "/0123456789abcde"},
    {"/0123456789abcdef", "/{id}"},
    {"/deadbeefdeadbeef", "/deadbeefdeadbeef"},
    {"/507f1f77bcf86cd799439011", "/{id}"},
    {"/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/{id}"},
    {"/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/{id}"},
    {"/0ujtsYcgvSTl8PAuAdqWYSMnLOv", "/{id}"},
    {"/V1StGXR8_Z5jdHi6B-myT", "/{id}"},
    {"/getUserProfileByIdentifierV2", "/getUserProfileByIdentifierV2"},
    {"/oauth2authorizationcallback", "/oauth2authorizationcallback"},
    {"/how-to-install-debian-12-on-a-2019-macbook", "/how-to-install-debian-12-on-a-2019-macbook"},
    {"/static/app.3f2a9c8e7b6d5f41.js", "/static/app.3f2a9c8e7b6d5f41.js"},
    {"/\xc3\xbc/%20/1", "/\xc3\xbc/%20/{id}"},
};

START_TEST(identifiers_in_a_path_fold_and_words_stay)
{
    char *path = exact(folds[_i].path, strlen(folds[_i].path));
    char name[128];
    size_t len = lki_url_fold(name, sizeof(name), path, strlen(folds[_i].path));

    ck_assert_str_eq(name, folds[_i].name);
    ck_assert_uint_eq(len, strlen(name));
    free(path);
}
END_TEST

START_TEST(a_folded_name_is_cut_to_its_room)
{
    static const char path[] = "/abc/123/de";
    static const char name[] = "/abc/{id}/de";

    ck_assert_uint_eq(lki_url_fold(NULL, 0, path, sizeof(path) - 1), 0);
    for (size_t cap = 1; cap <= sizeof(name); cap++) {
        char *out = malloc(cap);

        ck_assert_ptr_nonnull(out);
        ck_assert_uint_eq(lki_url_fold(out, cap, path, sizeof(path) - 1), cap - 1);
        ck_assert_mem_eq(out, name, cap - 1);
        ck_assert_int_eq(out[cap - 1], '\0');
        free(out);
    }
}
END_TEST

static Suite *url_suite(void)
{
    Suite *suite = suite_create("url");
    TCase *parts = tcase_create("parts");
    TCase *texts = tcase_create("texts");

    tcase_add_loop_test(parts, a_url_falls_into_its_parts, 0, LKI_COUNT(urls));
    tcase_add_loop_test(parts, a_wrong_url_is_refused_with_its_reason, 0, LKI_COUNT(wrongs));
    tcase_add_test(parts, a_path_is_told_from_a_url);
    tcase_add_loop_test(parts, a_target_fits_into_a_request_line_or_is_refused, 0,
                        LKI_COUNT(targets));
    tcase_add_test(texts, escaping_keeps_only_what_means_nothing);
    tcase_add_test(texts, escaping_stops_at_the_limit_of_its_buffer);
    tcase_add_loop_test(texts, identifiers_in_a_path_fold_and_words_stay, 0, LKI_COUNT(folds));
    tcase_add_test(texts, a_folded_name_is_cut_to_its_room);
    suite_add_tcase(suite, parts);
    suite_add_tcase(suite, texts);
    return suite;
}

int main(void)
{
    return suite_run(url_suite());
}

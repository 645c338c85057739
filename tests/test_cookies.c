/* The cookies of a user: what is kept of what servers say, and what goes where. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "client/cookies.h"
#include "client/set_cookie.h"
#include "support/suite.h"

#define NOW 1000000

static struct lki_cookies jar;

/* "https://host/path", without a port. */
static struct lki_cookie_place place_of(const char *url)
{
    const char *host = strstr(url, "//") + 2;
    const char *path = strchr(host, '/');

    return (struct lki_cookie_place){.host = host,
                                     .host_len = (size_t)(path - host),
                                     .path = path,
                                     .path_len = strlen(path),
                                     .secure = !strncmp(url, "https", 5)};
}

static enum lk_err set_at(const char *url, const char *text, int64_t now_s)
{
    struct lki_cookie_place place = place_of(url);
    const char *why = NULL;
    enum lk_err err = lki_cookies_take(&jar, &place, text, strlen(text), now_s, &why);

    ck_assert_int_eq(err == LK_E_FORMAT, why != NULL);
    return err;
}

static enum lk_err set(const char *url, const char *text)
{
    return set_at(url, text, NOW);
}

/* What goes to a URL; "" for nothing. */
static const char *sent_at(const char *url, int64_t now_s)
{
    static char text[65536];
    struct lki_buf buf = {.data = text, .cap = sizeof(text), .max = sizeof(text)};
    struct lki_cookie_place place = place_of(url);
    bool any = lki_cookies_choose(&jar, &place, now_s);

    lki_cookies_write(&jar, &buf);
    ck_assert_int_eq(any, buf.len > 0);
    return lki_buf_cstr(&buf);
}

static const char *sent(const char *url)
{
    return sent_at(url, NOW);
}

static void forget(void)
{
    lki_cookies_clear(&jar);
    ck_assert_uint_eq(jar.count, 0);
    ck_assert_ptr_null(jar.first);
}

/* ---- what is read */

static const struct parse_case {
    const char *text;
    const char *sent; /* to https://a.test/; NULL: refused */
} parse_cases[] = {
    {"a=b", "a=b"},
    {" a = b ", "a=b"},
    {"\ta\t=\tb\t; Path=/", "a=b"},
    {"a=b; c=d", "a=b"},
    {"a=b=c", "a=b=c"},
    {"a=", "a="},
    {"a=;", "a="},
    {"a=\"b c\"", "a=\"b c\""},
    {"a=b;", "a=b"},
    {"a=b;;;", "a=b"},
    {"a=b; =; ;=x;Path", "a=b"},
    {"a=\xc3\xbc", "a=\xc3\xbc"},
    {"a=b; SECURE; httponly; sAmEsItE=Strict; PATH=/", "a=b"},
    {"", NULL},
    {"a", NULL},
    {";", NULL},
    {"=b", NULL},
    {" =b", NULL},
    {"a; b=c", NULL},
    {"a=b\r\nX: y", NULL},
    {"a=b\x7f", NULL},
    {"a=b; Path=/\x01", NULL},
};

START_TEST(a_field_is_read_as_leniently_as_browsers_do)
{
    const struct parse_case *want = &parse_cases[_i];

    ck_assert_int_eq(set("https://a.test/", want->text), want->sent ? LK_OK : LK_E_FORMAT);
    ck_assert_str_eq(sent("https://a.test/"), want->sent ? want->sent : "");
    forget();
}
END_TEST

START_TEST(a_cookie_has_4096_bytes_at_most)
{
    char text[5000] = "n=";

    memset(text + 2, 'x', 4096);
    ck_assert_int_eq(set("http://a.test/", text), LK_E_FORMAT);
    text[2 + 4095] = '\0';
    ck_assert_int_eq(set("http://a.test/", text), LK_OK);
    ck_assert_uint_eq(strlen(sent("http://a.test/")), 4097);
    forget();
}
END_TEST

START_TEST(an_attribute_that_is_too_long_is_passed_over)
{
    char text[2000] = "a=b; Path=/";

    memset(text + 11, 'x', 1100);
    ck_assert_int_eq(set("http://a.test/deep/page", text), LK_OK);
    ck_assert_str_eq(sent("http://a.test/deep/"), "a=b");
    ck_assert_str_eq(sent("http://a.test/"), "");
    forget();
}
END_TEST

/* ---- dates */

#define DATE INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 */

static const struct date_case {
    const char *text;
    int64_t seconds; /* -1: no date */
} date_cases[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", DATE},
    {"Sunday, 06-Nov-94 08:49:37 GMT", DATE},
    {"Sun Nov  6 08:49:37 1994", DATE},
    {"6 nov 94 8:49:37", DATE},
    {"08:49:37 1994 November 06 and more", DATE},
    {"~1994~NOVEMBRE~6th~8:49:37x", DATE},
    {"Sun, 06 Nov 1994 08:49:37 +0200", DATE},
    {"06 Nov 1994 10 08:49:37", DATE},
    {"06 Nov 0094 08:49:37", DATE},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"01 Jan 70 00:00:01", 1},
    {"01 Jan 69 00:00:00", INT64_C(3124224000)},
    {"01 Jan 1601 00:00:00", INT64_C(-11644473600)},
    {"29 Feb 2024 23:59:59", INT64_C(1709251199)},
    {"01 Mar 2024 00:00:00", INT64_C(1709251200)},
    {"29 Feb 2000 00:00:00", INT64_C(951782400)},
    {"31 Dec 9999 23:59:59", INT64_C(253402300799)},
    {"01 Jan 2100 00:00:00", INT64_C(4102444800)},
    {"29 Feb 1900 00:00:00", -1},
    {"29 Feb 2023 00:00:00", -1},
    {"31 Apr 2023 00:00:00", -1},
    {"00 Jan 2023 00:00:00", -1},
    {"32 Jan 2023 00:00:00", -1},
    {"01 Jan 2023 24:00:00", -1},
    {"01 Jan 2023 00:60:00", -1},
    {"01 Jan 2023 00:00:60", -1},
    {"01 Jan 1600 00:00:00", -1},
    {"01 Jan 12345 00:00:00", -1},
    {"01 Jan 2023 00:00", -1},
    {"01 Jan 2023 00:00:000", -1},
    {"01 Foo 2023 00:00:00", -1},
    {"Jan 2023 00:00:00", -1},
    {"01 Jan 00:00:00", -1},
    {"", -1},
    {"0", -1},
    {"tomorrow", -1},
};

START_TEST(a_date_is_read_in_every_form_that_servers_write)
{
    const struct date_case *want = &date_cases[_i];
    int64_t seconds = -1;
    bool found = lki_cookie_date(want->text, strlen(want->text), &seconds);

    ck_assert_msg(found == (want->seconds != -1) && seconds == want->seconds, "\"%s\": %lld",
                  want->text, (long long)seconds);
}
END_TEST

static const struct expiry_case {
    const char *attributes;
    int64_t ends; /* the first second without the cookie; 0: never kept, -1: no end */
} expiry_cases[] = {
    {"", -1},
    {"; Max-Age=10", NOW + 10},
    {"; max-age=1", NOW + 1},
    {"; Max-Age=0", 0},
    {"; Max-Age=-1", 0},
    {"; Max-Age=-99999999999999999999", 0},
    {"; Max-Age=99999999999999999999", -1},
    {"; Max-Age=10x", -1},
    {"; Max-Age=", -1},
    {"; Max-Age=-", -1},
    {"; Max-Age=+10", -1},
    {"; Max-Age=10; Max-Age=20", NOW + 20},
    {"; Max-Age=20; Max-Age=nonsense", NOW + 20},
    {"; Expires=Mon, 12 Jan 1970 13:46:45 GMT", NOW + 5},
    {"; Expires=Mon, 12 Jan 1970 13:46:45 GMT; Max-Age=10", NOW + 10},
    {"; Max-Age=10; Expires=Mon, 12 Jan 1970 13:46:45 GMT", NOW + 10},
    {"; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=10", NOW + 10},
    {"; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"; Expires=Mon, 12 Jan 1970 13:46:40 GMT", 0},
    {"; Expires=never", -1},
    {"; Expires=0", -1},
};

START_TEST(a_cookie_ends_when_it_says_so)
{
    const struct expiry_case *want = &expiry_cases[_i];
    const char *url = "http://a.test/";
    char text[200];

    snprintf(text, sizeof(text), "a=b%s", want->attributes);
    ck_assert_int_eq(set(url, text), LK_OK);
    ck_assert_str_eq(sent(url), want->ends == 0 ? "" : "a=b");
    if (want->ends > 0) {
        ck_assert_str_eq(sent_at(url, want->ends - 1), "a=b");
        ck_assert_str_eq(sent_at(url, want->ends), "");
        ck_assert_uint_eq(jar.count, 0);
    } else if (want->ends < 0) {
        ck_assert_str_eq(sent_at(url, INT64_C(4102444800)), "a=b");
    }
    forget();
}
END_TEST

/* ---- where it goes */

static const struct scope_case {
    const char *from;
    const char *text; /* what stands behind a=b */
    bool refused;
    const char *to[4];     /* where it goes */
    const char *not_to[6]; /* and where not */
} scope_cases[] = {
    /* hosts */
    {"http://a.test/",
     "",
     false,
     {"http://a.test/", "https://a.test/x", "http://A.TEST/"},
     {"http://b.a.test/", "http://test/", "http://xa.test/"}},
    {"http://A.Test/",
     "; Domain=a.TEST",
     false,
     {"http://a.test/", "http://b.a.test/", "http://C.B.A.test/"},
     {"http://xa.test/", "http://test/", "http://a.test.com/"}},
    {"http://b.a.test/", "; Domain=a.test", false, {"http://a.test/", "http://c.a.test/"}, {0}},
    {"http://b.a.test/", "; Domain=.a.test", false, {"http://a.test/", "http://b.a.test/"}, {0}},
    {"http://a.test/", "; Domain=b.a.test", true, {0}, {"http://a.test/", "http://b.a.test/"}},
    {"http://a.test/", "; Domain=b.test", true, {0}, {"http://a.test/", "http://b.test/"}},
    {"http://xa.test/", "; Domain=a.test", true, {0}, {"http://a.test/"}},
    {"http://a.test/", "; Domain=test", true, {0}, {"http://a.test/", "http://test/"}},
    {"http://a.test/", "; Domain=.test", true, {0}, {"http://b.test/"}},
    {"http://a.test/", "; Domain=..test", true, {0}, {"http://b.test/"}},
    {"http://a.test./", "; Domain=test.", true, {0}, {"http://b.test./"}},
    {"http://a.test/", "; Domain=", false, {"http://a.test/"}, {"http://b.a.test/"}},
    {"http://a.test/", "; Domain=.", false, {"http://a.test/"}, {"http://b.a.test/"}},
    {"http://a.test/", "; Domain=b.test; Domain=a.test", false, {"http://b.a.test/"}, {0}},
    {"http://localhost/", "", false, {"http://localhost/"}, {"http://a.localhost/"}},
    {"http://localhost/",
     "; Domain=localhost",
     false,
     {"http://localhost/"},
     {"http://a.localhost/"}},
    /* addresses */
    {"http://10.0.0.1/", "", false, {"http://10.0.0.1/"}, {"http://1.10.0.0.1/"}},
    {"http://10.0.0.1/", "; Domain=10.0.0.1", false, {"http://10.0.0.1/"}, {0}},
    {"http://10.0.0.1/", "; Domain=0.0.1", true, {0}, {"http://10.0.0.1/"}},
    {"http://::1/", "", false, {"http://::1/"}, {"http://::11/"}},
    {"http://::ffff:1.2.3.4/", "; Domain=2.3.4", true, {0}, {"http://::ffff:1.2.3.4/"}},
    /* paths */
    {"http://a.test/",
     "; Path=/x",
     false,
     {"http://a.test/x", "http://a.test/x/", "http://a.test/x/y", "http://a.test/x?y"},
     {"http://a.test/", "http://a.test/xy", "http://a.test/X", "http://a.test/y/x"}},
    {"http://a.test/",
     "; Path=/x/",
     false,
     {"http://a.test/x/", "http://a.test/x/y"},
     {"http://a.test/x", "http://a.test/xy/"}},
    {"http://a.test/x/y",
     "; Path=",
     false,
     {"http://a.test/x", "http://a.test/x/z"},
     {"http://a.test/", "http://a.test/xy"}},
    {"http://a.test/x/y", "; Path=relative", false, {"http://a.test/x/z"}, {"http://a.test/"}},
    {"http://a.test/x/y", "; Path=/z; Path=relative", false, {"http://a.test/x/z"}, {0}},
    {"http://a.test/x/y/",
     "",
     false,
     {"http://a.test/x/y", "http://a.test/x/y/z"},
     {"http://a.test/x/", "http://a.test/x/yz"}},
    {"http://a.test/x", "", false, {"http://a.test/", "http://a.test/y"}, {0}},
    {"http://a.test/x/y?z=/u/v", "", false, {"http://a.test/x/z"}, {"http://a.test/"}},
    {"http://a.test/x", "; Path=/", false, {"http://a.test/", "http://a.test/y/z"}, {0}},
    /* schemes */
    {"https://a.test/", "; Secure", false, {"https://a.test/"}, {"http://a.test/"}},
    {"https://a.test/", "; Secure=no", false, {"https://a.test/"}, {"http://a.test/"}},
    {"http://a.test/", "; Secure", false, {"https://a.test/"}, {"http://a.test/"}},
    {"https://a.test/", "; HttpOnly", false, {"https://a.test/", "http://a.test/"}, {0}},
};

START_TEST(a_cookie_goes_where_it_belongs)
{
    const struct scope_case *want = &scope_cases[_i];
    char text[100];

    snprintf(text, sizeof(text), "a=b%s", want->text);
    ck_assert_int_eq(set(want->from, text), want->refused ? LK_E_FORMAT : LK_OK);
    ck_assert_uint_eq(jar.count, !want->refused);
    for (size_t i = 0; i < LKI_COUNT(want->to) && want->to[i]; i++)
        ck_assert_msg(*sent(want->to[i]), "%s from %s: not to %s", text, want->from, want->to[i]);
    for (size_t i = 0; i < LKI_COUNT(want->not_to) && want->not_to[i]; i++)
        ck_assert_msg(!*sent(want->not_to[i]), "%s from %s: to %s", text, want->from,
                      want->not_to[i]);
    forget();
}
END_TEST

START_TEST(the_path_of_a_page_may_be_too_long_for_a_cookie)
{
    char url[1200] = "http://a.test/";

    memset(url + 14, 'x', 1023);
    strcpy(url + 14 + 1023, "/page");
    ck_assert_int_eq(set(url, "a=b"), LK_OK);
    ck_assert_str_eq(sent(url), "a=b");
    memset(url + 14, 'x', 1024);
    strcpy(url + 14 + 1024, "/page");
    ck_assert_int_eq(set(url, "a=b"), LK_E_FORMAT);
    forget();
}
END_TEST

/* ---- several */

START_TEST(longer_paths_go_first_and_then_older_cookies)
{
    set("http://a.test/", "one=1; Path=/");
    set("http://a.test/", "deep=2; Path=/x/y");
    set("http://a.test/", "two=3; Path=/");
    set("http://a.test/", "mid=4; Path=/x");
    set("http://a.test/", "other=5; Path=/z");
    set("http://a.test/", "deeper=6; Path=/x/y");
    ck_assert_str_eq(sent("http://a.test/x/y/z"), "deep=2; deeper=6; mid=4; one=1; two=3");
    ck_assert_str_eq(sent("http://a.test/"), "one=1; two=3");
    ck_assert_uint_eq(jar.count, 6);
    forget();
}
END_TEST

START_TEST(one_that_comes_again_keeps_its_place)
{
    set("http://a.test/", "a=1");
    set("http://a.test/", "b=2");
    set("http://a.test/", "a=3; Max-Age=10");
    ck_assert_str_eq(sent("http://a.test/"), "a=3; b=2");
    ck_assert_str_eq(sent_at("http://a.test/", NOW + 10), "b=2");
    set("http://a.test/", "a=4");
    ck_assert_str_eq(sent("http://a.test/"), "b=2; a=4");
    set("http://a.test/", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    ck_assert_str_eq(sent("http://a.test/"), "a=4");
    forget();
}
END_TEST

START_TEST(name_domain_and_path_make_a_cookie_what_it_is)
{
    set("http://b.a.test/", "a=1; Domain=a.test");
    set("http://b.a.test/", "a=2; Path=/x");
    set("http://b.a.test/", "a=3");
    set("http://b.a.test/", "A=4");
    ck_assert_uint_eq(jar.count, 4);
    ck_assert_str_eq(sent("http://b.a.test/x"), "a=2; a=1; a=3; A=4");
    set("http://c.a.test/", "a=; Domain=a.test; Max-Age=0");
    ck_assert_str_eq(sent("http://b.a.test/x"), "a=2; a=3; A=4");
    set("http://B.A.test/", "a=5");
    set("http://c.a.test/", "c=6; Domain=A.Test");
    set("http://d.a.test/", "c=7; Domain=a.TEST");
    ck_assert_str_eq(sent("http://b.a.test/"), "a=5; A=4; c=7");
    forget();
}
END_TEST

START_TEST(a_value_is_found_by_its_name)
{
    struct lki_cookie_place place = place_of("http://a.test/x/y");
    const char *value;
    size_t len = 99;

    set("http://a.test/", "a=outer; Path=/");
    set("http://a.test/", "a=inner; Path=/x");
    set("http://a.test/", "ab=; Path=/");
    ck_assert(lki_cookies_choose(&jar, &place, NOW));
    value = lki_cookies_value(&jar, "a", &len);
    ck_assert_msg(len == 5 && !memcmp(value, "inner", 5), "%zu", len);
    ck_assert_ptr_nonnull(lki_cookies_value(&jar, "ab", &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_null(lki_cookies_value(&jar, "A", &len));
    ck_assert_ptr_null(lki_cookies_value(&jar, "", &len));
    forget();
}
END_TEST

START_TEST(of_too_many_the_one_that_was_idle_for_longest_goes)
{
    char text[32];

    for (int i = 0; i < LKI_COOKIES_OF_DOMAIN_MAX; i++) {
        snprintf(text, sizeof(text), "c%d=; Path=/%d", i, i % 10);
        set("http://a.test/", text);
    }
    sent("http://a.test/0"); /* c0, c10 and so on are in use */
    set("http://a.test/", "new=; Path=/new");
    ck_assert_uint_eq(jar.count, LKI_COOKIES_OF_DOMAIN_MAX);
    ck_assert_str_eq(sent("http://a.test/0"), "c0=; c10=; c20=; c30=; c40=");
    ck_assert_str_eq(sent("http://a.test/1"), "c11=; c21=; c31=; c41=");
    ck_assert_str_eq(sent("http://a.test/new"), "new=");
    /* another domain is another matter, and so is one that only takes back */
    set("http://b.test/", "b=");
    set("http://a.test/", "gone=; Max-Age=0");
    ck_assert_uint_eq(jar.count, LKI_COOKIES_OF_DOMAIN_MAX + 1);
    forget();
}
END_TEST

START_TEST(those_that_have_expired_make_room_first)
{
    char text[32];

    for (int i = 1; i < LKI_COOKIES_OF_DOMAIN_MAX; i++) {
        snprintf(text, sizeof(text), "c%d=", i);
        set("http://a.test/", text);
    }
    set("http://a.test/", "short=; Max-Age=5");
    sent("http://a.test/");
    set_at("http://a.test/", "new=", NOW + 5);
    ck_assert_uint_eq(jar.count, LKI_COOKIES_OF_DOMAIN_MAX);
    ck_assert_ptr_nonnull(strstr(sent_at("http://a.test/", NOW + 5), "c1=; "));
    forget();
}
END_TEST

START_TEST(a_user_keeps_3000_in_all)
{
    char url[64];
    char text[32];

    for (int i = 0; i < LKI_COOKIES_MAX; i++) {
        snprintf(url, sizeof(url), "http://h%d.test/", i / 40);
        snprintf(text, sizeof(text), "c%d=", i);
        ck_assert_int_eq(set(url, text), LK_OK);
    }
    ck_assert_uint_eq(jar.count, LKI_COOKIES_MAX);
    sent("http://h0.test/");
    set("http://new.test/", "a=");
    ck_assert_uint_eq(jar.count, LKI_COOKIES_MAX);
    ck_assert_str_eq(sent("http://new.test/"), "a=");
    ck_assert_ptr_nonnull(strstr(sent("http://h0.test/"), "c0="));
    ck_assert_ptr_null(strstr(sent("http://h1.test/"), "c40="));
    ck_assert_ptr_nonnull(strstr(sent("http://h1.test/"), "c41="));
    forget();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cookies");
    TCase *tcase = tcase_create("cookies");

    tcase_add_loop_test(tcase, a_field_is_read_as_leniently_as_browsers_do, 0,
                        LKI_COUNT(parse_cases));
    tcase_add_test(tcase, a_cookie_has_4096_bytes_at_most);
    tcase_add_test(tcase, an_attribute_that_is_too_long_is_passed_over);
    tcase_add_loop_test(tcase, a_date_is_read_in_every_form_that_servers_write, 0,
                        LKI_COUNT(date_cases));
    tcase_add_loop_test(tcase, a_cookie_ends_when_it_says_so, 0, LKI_COUNT(expiry_cases));
    tcase_add_loop_test(tcase, a_cookie_goes_where_it_belongs, 0, LKI_COUNT(scope_cases));
    tcase_add_test(tcase, the_path_of_a_page_may_be_too_long_for_a_cookie);
    tcase_add_test(tcase, longer_paths_go_first_and_then_older_cookies);
    tcase_add_test(tcase, one_that_comes_again_keeps_its_place);
    tcase_add_test(tcase, name_domain_and_path_make_a_cookie_what_it_is);
    tcase_add_test(tcase, a_value_is_found_by_its_name);
    tcase_add_test(tcase, of_too_many_the_one_that_was_idle_for_longest_goes);
    tcase_add_test(tcase, those_that_have_expired_make_room_first);
    tcase_add_test(tcase, a_user_keeps_3000_in_all);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

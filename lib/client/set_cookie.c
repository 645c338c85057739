#include "client/set_cookie.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define VALUE_MAX 4096 /* of name and value together */
#define ATTRIBUTE_MAX 1024
#define DAY_S INT64_C(86400)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- dates ---- */

/* A date in the making; -1: not found yet. */
struct date {
    int hour, minute, second;
    int day;
    int month; /* from 0 */
    int year;
};

static bool is_delimiter(char c)
{
    return c == '\t' || (c >= ' ' && c <= '/') || (c >= ';' && c <= '@') ||
           (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/* Reads least to most digits, of which no more may follow; false: they are not there. */
static bool digits(const char **at, const char *end, int least, int most, int *number)
{
    int count = 0;

    *number = 0;
    for (; *at < end && is_digit(**at); ++*at) {
        if (++count > most)
            return false;
        *number = *number * 10 + (**at - '0');
    }
    return count >= least;
}

static bool take_time(struct date *date, const char *at, const char *end)
{
    int part[3];

    for (int i = 0; i < 3; i++) {
        if (i && (at == end || *at++ != ':'))
            return false;
        if (!digits(&at, end, 1, 2, &part[i]))
            return false;
    }
    date->hour = part[0];
    date->minute = part[1];
    date->second = part[2];
    return true;
}

static bool take_month(struct date *date, const char *at, const char *end)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    for (int i = 0; end - at >= 3 && i < 12; i++) {
        if (!strncasecmp(at, months + 3 * (size_t)i, 3)) {
            date->month = i;
            return true;
        }
    }
    return false;
}

static void take_token(struct date *date, const char *at, const char *end)
{
    const char *from = at;
    int number;

    if (date->hour < 0 && take_time(date, at, end))
        return;
    if (date->day < 0 && digits(&from, end, 1, 2, &number)) {
        date->day = number;
        return;
    }
    if (date->month < 0 && take_month(date, at, end))
        return;
    from = at;
    if (date->year < 0 && digits(&from, end, 2, 4, &number))
        date->year = number < 70 ? number + 2000 : number < 100 ? number + 1900 : number;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool date_exists(const struct date *date)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return date->hour >= 0 && date->hour < 24 && date->minute < 60 && date->second < 60 &&
           date->month >= 0 && date->year >= 1601 && date->day >= 1 &&
           date->day <= days[date->month] + (date->month == 1 && is_leap(date->year));
}

/* Days from 1970 to the first day of a year. */
static int64_t days_to(int year)
{
    int64_t before = year - 1;

    return 365 * before + before / 4 - before / 100 + before / 400 - 719162;
}

bool lki_cookie_date(const char *text, size_t len, int64_t *seconds)
{
    static const int before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    struct date date = {-1, -1, -1, -1, -1, -1};
    const char *end = text + len;
    int64_t days;

    while (text < end) {
        const char *token = text;

        while (text < end && !is_delimiter(*text))
            text++;
        take_token(&date, token, text);
        text += text < end;
    }
    if (!date_exists(&date))
        return false;
    days = days_to(date.year) + before[date.month] + (date.month > 1 && is_leap(date.year)) +
           date.day - 1;
    *seconds = days * DAY_S + date.hour * 3600 + date.minute * 60 + date.second;
    return true;
}

/* ---- attributes ---- */

/* A part of the text. */
struct slice {
    const char *at;
    const char *end;
};

/* Up to the next stop; text goes on behind it. */
static struct slice cut(struct slice *text, char stop)
{
    struct slice part = *text;
    const char *found = part.at < part.end ? memchr(part.at, stop, (size_t)(part.end - part.at))
                                           : NULL;

    if (found)
        part.end = found;
    text->at = found ? found + 1 : text->end;
    while (part.at < part.end && (*part.at == ' ' || *part.at == '\t'))
        part.at++;
    while (part.end > part.at && (part.end[-1] == ' ' || part.end[-1] == '\t'))
        part.end--;
    return part;
}

static size_t slice_len(struct slice slice)
{
    return (size_t)(slice.end - slice.at);
}

static bool is_word(struct slice slice, const char *word)
{
    return slice_len(slice) == strlen(word) && !strncasecmp(slice.at, word, slice_len(slice));
}

/* Seconds from now on. False: it is no number. */
static bool max_age(struct slice value, int64_t now_s, int64_t *expires_s)
{
    bool past = value.at < value.end && *value.at == '-';
    int64_t age = 0;

    value.at += past;
    if (value.at == value.end)
        return false;
    for (; value.at < value.end; value.at++) {
        if (!is_digit(*value.at))
            return false;
        /* no number of years that anybody means */
        age = age > INT32_MAX * DAY_S ? age : age * 10 + (*value.at - '0');
    }
    *expires_s = past || !age ? INT64_MIN : now_s + age;
    return true;
}

static void take_attribute(struct lki_set_cookie *cookie, struct slice name, struct slice value,
                           int64_t now_s, bool *has_age)
{
    int64_t expires_s;

    if (slice_len(value) > ATTRIBUTE_MAX)
        return;
    if (is_word(name, "Expires") && !*has_age) {
        if (lki_cookie_date(value.at, slice_len(value), &expires_s))
            cookie->expires_s = expires_s;
    } else if (is_word(name, "Max-Age")) {
        *has_age |= max_age(value, now_s, &cookie->expires_s);
    } else if (is_word(name, "Domain") && value.at < value.end) {
        value.at += *value.at == '.';
        cookie->domain = value.at;
        cookie->domain_len = slice_len(value);
    } else if (is_word(name, "Path")) {
        bool given = value.at < value.end && *value.at == '/';

        cookie->path = given ? value.at : NULL;
        cookie->path_len = given ? slice_len(value) : 0;
    } else if (is_word(name, "Secure")) {
        cookie->secure = true;
    } else if (is_word(name, "HttpOnly")) {
        cookie->http_only = true;
    }
}

/* ---- the whole ---- */

/* What goes into heads must not end their lines. */
static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return true;
    }
    return false;
}

static const char *parse(struct lki_set_cookie *cookie, struct slice text, int64_t now_s)
{
    struct slice value = cut(&text, ';');
    bool has_value = memchr(value.at, '=', slice_len(value)) != NULL;
    struct slice name = cut(&value, '=');
    bool has_age = false;

    value = cut(&value, ';');
    if (!has_value || name.at == name.end)
        return "it has no name and value with a = between them";
    if (slice_len(name) + slice_len(value) > VALUE_MAX)
        return "name and value are longer than 4096 bytes";
    *cookie = (struct lki_set_cookie){.name = name.at,
                                      .name_len = slice_len(name),
                                      .value = value.at,
                                      .value_len = slice_len(value),
                                      .expires_s = INT64_MAX};
    while (text.at < text.end) {
        value = cut(&text, ';');
        name = cut(&value, '=');
        take_attribute(cookie, name, cut(&value, ';'), now_s, &has_age);
    }
    return NULL;
}

enum lk_err lki_set_cookie_parse(struct lki_set_cookie *cookie, const char *text, size_t len,
                                 int64_t now_s, const char **why)
{
    *why = has_control(text, len) ? "it has a control character"
                                  : parse(cookie, (struct slice){text, text + len}, now_s);
    return *why ? LK_E_FORMAT : LK_OK;
}

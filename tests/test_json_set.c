/* JSON values that are changed, copied, and made of text: what comes out, what is refused, and that
 * no getter tells what was there before. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <loadkit/values.h>
#include <loadkit/vu.h>

#include "base/json.h"
#include "base/mem.h"
#include "client/values.h"
#include "support/expect.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

/* How a step that does that to a user ends. */
static const struct rig_user *run(void (*step)(lk_vu *vu, void *arg), const void *arg)
{
    const struct rig_user *user;

    rig_open(&rig);
    user = rig_add(&rig, step, (void *)(uintptr_t)arg);
    rig_run(&rig);
    return user;
}

#define EXPECT_END(user, why)                                                                      \
    do {                                                                                           \
        const struct rig_user *ended_ = (user);                                                    \
                                                                                                   \
        ck_assert_int_eq(ended_->outcome, (why)[0] ? LKI_OUTCOME_FAILED : LKI_OUTCOME_OK);         \
        ck_assert_str_eq(ended_->message, (why));                                                  \
        rig_close(&rig);                                                                           \
    } while (0)

/* ---- what comes out, and what is refused ---- */

/* 7 is put at path, or, of REMOVE, what is there is taken out. */
#define REMOVE true

static const struct edit {
    const char *text;
    const char *path;
    const char *gives; /* NULL: the step ends */
    const char *why;
    bool removes;
} edits[] = {
    /* replaced, in place */
    {"{\"a\":1}", "a", "{\"a\":7}", "", false},
    {"{\"a\":1,\"b\":[1,2]}", "b", "{\"a\":1,\"b\":7}", "", false},
    {" { \"a\" : { \"b\" : null } } ", "a.b", " { \"a\" : { \"b\" : 7 } } ", "", false},
    {"{\"items\":[{\"id\":1},{\"id\":2}]}", "items.1.id", "{\"items\":[{\"id\":1},{\"id\":7}]}", "",
     false},
    {"[1,2,3]", "0", "[7,2,3]", "", false},
    {"[1,2,3]", "2", "[1,2,7]", "", false},
    {"{\"a\":1,\"a\":2}", "a", "{\"a\":7,\"a\":2}", "", false},
    {"{\"a.b\":1}", "a\\.b", "{\"a.b\":7}", "", false},
    {"{\"\\u0061\":1}", "a", "{\"\\u0061\":7}", "", false},
    {"{\"a\":1}", "", "7", "", false},
    {"3", "", "7", "", false},
    /* added */
    {"{}", "a", "{\"a\":7}", "", false},
    {"{ }", "a", "{ \"a\":7}", "", false},
    {"{\"a\":1}", "b", "{\"a\":1,\"b\":7}", "", false},
    {"{\"a\":{\"b\":1}}", "a.c", "{\"a\":{\"b\":1,\"c\":7}}", "", false},
    {"{}", "x\\.y\\\\", "{\"x.y\\\\\":7}", "", false},
    {"{}", "\"\n", "{\"\\\"\\n\":7}", "", false},
    {"{\"\":{}}", ".a", "{\"\":{\"a\":7}}", "", false},
    {"{}", "0", "{\"0\":7}", "", false},
    {"[]", "0", "[7]", "", false},
    {"[1]", "1", "[1,7]", "", false},
    {"[[1],[]]", "1.0", "[[1],[7]]", "", false},
    /* refused */
    {"[1]", "2", NULL, "cannot set \"2\": the array has 1 elements, and 1 would add one", false},
    {"[]", "a", NULL, "cannot set \"a\": the array has 0 elements, and 0 would add one", false},
    {"[]", "-0", NULL, "cannot set \"-0\": the array has 0 elements, and 0 would add one", false},
    {"[]", "0x", NULL, "cannot set \"0x\": the array has 0 elements, and 0 would add one", false},
    {"{\"a\":1}", "b.c", NULL, "cannot set \"b.c\": there is nothing that it could be put into",
     false},
    {"{\"a\":1}", "a.c", NULL, "cannot set \"a.c\": \"a\" is a number", false},
    {"{\"a\":{\"b\":\"x\"}}", "a.b.c", NULL, "cannot set \"a.b.c\": \"a.b\" is a string", false},
    {"null", "a", NULL, "cannot set \"a\": \"\" is null", false},
    {"{}", NULL, NULL, "lk_json_set: the path is NULL", false},
    /* taken out */
    {"{\"a\":1}", "a", "{}", "", REMOVE},
    {"{\"a\":1,\"b\":2,\"c\":3}", "a", "{\"b\":2,\"c\":3}", "", REMOVE},
    {"{\"a\":1,\"b\":2,\"c\":3}", "b", "{\"a\":1,\"c\":3}", "", REMOVE},
    {"{\"a\":1,\"b\":2,\"c\":3}", "c", "{\"a\":1,\"b\":2}", "", REMOVE},
    {"{ \"a\" : 1 , \"b\" : [ ] }", "b", "{ \"a\" : 1 }", "", REMOVE},
    {"{ \"a\" : 1 , \"b\" : [ ] }", "a", "{ \"b\" : [ ] }", "", REMOVE},
    {"[[1],[2,3]]", "1.0", "[[1],[3]]", "", REMOVE},
    {"[[1],[2,3]]", "0", "[[2,3]]", "", REMOVE},
    {"[[1],[2,3]]", "1", "[[1]]", "", REMOVE},
    {"{\"a\":1}", "b", NULL, "cannot remove \"b\": it is not there", REMOVE},
    {"[1]", "1", NULL, "cannot remove \"1\": it is not there", REMOVE},
    {"[1]", "", NULL, "cannot remove the whole of a value", REMOVE},
    {"[1]", NULL, NULL, "lk_json_remove: the path is NULL", REMOVE},
};

static void edit(lk_vu *vu, void *edit_)
{
    const struct edit *edit = edit_;
    lk_json *json = lk_json_parse(vu, edit->text);

    if (edit->removes)
        lk_json_remove(json, edit->path);
    else
        lk_json_set(json, edit->path, 7);
    EXPECT(edit->gives, "%s at \"%s\" gave %s", edit->text, edit->path, lk_json_text(json));
    EXPECT(!strcmp(lk_json_text(json), edit->gives), "%s at \"%s\" gave %s", edit->text, edit->path,
           lk_json_text(json));
    EXPECT(!lki_json_check(json->doc.text, json->doc.len), "it is no JSON");
}

START_TEST(a_value_is_changed_where_the_path_leads_and_nowhere_else)
{
    EXPECT_END(run(edit, &edits[_i]), edits[_i].why);
}
END_TEST

static void set_all_types(lk_vu *vu, void *arg)
{
    const char *none = NULL;
    lk_json *json = LK_OBJECT();

    (void)arg;
    lk_json_set(json, "s", "a \"b\"");
    lk_json_set(json, "i", -9007199254740993);
    lk_json_set(json, "d", 0.1);
    lk_json_set(json, "t", LK_TRUE);
    lk_json_set(json, "n", NULL);
    lk_json_set(json, "m", none);
    lk_json_set(json, "o", LK_OBJECT("x", LK_ARRAY(1)));
    lk_json_set(json, "o.x.1", json);
    lk_json_set_value(json, "u", lk_value_uint(UINT64_MAX));
    EXPECT(!strcmp(lk_json_text(json),
                   "{\"s\":\"a \\\"b\\\"\",\"i\":-9007199254740993,\"d\":0.1,\"t\":true,\"n\":null,"
                   "\"m\":null,\"o\":{\"x\":[1,{\"s\":\"a \\\"b\\\"\",\"i\":-9007199254740993,"
                   "\"d\":0.1,\"t\":true,\"n\":null,\"m\":null,\"o\":{\"x\":[1]}}]},"
                   "\"u\":18446744073709551615}"),
           "%s", lk_json_text(json));
    lk_json_set(json, "p", (void *)json);
}

START_TEST(every_type_of_c_that_has_a_json_form_can_be_set)
{
    EXPECT_END(run(set_all_types, NULL), "a void pointer is no JSON value, unless it is NULL");
}
END_TEST

/* ---- reading what was changed ---- */

static void read_after(lk_vu *vu, void *arg)
{
    lk_json *json = LK_OBJECT("a", "one", "b", "two");
    const char *one = lk_str(json, "a");
    const char *two = lk_str(json, "b");

    (void)arg;
    lk_json_set(json, "a", "a longer one");
    EXPECT(!strcmp(lk_str(json, "a"), "a longer one"), "what was there before: %s",
           lk_str(json, "a"));
    EXPECT(!strcmp(lk_str(json, "b"), "two"), "%s", lk_str(json, "b"));
    lk_json_set(json, "a", "own"); /* as long as the first, at the same place */
    EXPECT(!strcmp(lk_str(json, "a"), "own"), "what was there before: %s", lk_str(json, "a"));
    lk_json_remove(json, "a");
    EXPECT(!lk_has(json, "a") && lk_len(json, "") == 1, "it is still there");
    EXPECT(!strcmp(one, "one") && !strcmp(two, "two"), "strings that were read are gone");
}

START_TEST(getters_tell_what_is_there_now_and_strings_that_they_gave_stay)
{
    EXPECT_END(run(read_after, NULL), "");
}
END_TEST

static void copy(lk_vu *vu, void *arg)
{
    const lk_json *json = LK_OBJECT("a", LK_ARRAY(1, 2));
    lk_json *other = lk_json_copy(vu, json);

    (void)arg;
    lk_json_set(other, "a.1", "x");
    EXPECT(!strcmp(lk_json_text(json), "{\"a\":[1,2]}"), "%s", lk_json_text(json));
    EXPECT(!strcmp(lk_json_text(other), "{\"a\":[1,\"x\"]}"), "%s", lk_json_text(other));
    EXPECT(!strcmp(lk_json_text(lk_json_copy(vu, NULL)), "null"), "NULL is no null");
}

START_TEST(a_copy_is_a_value_of_its_own)
{
    EXPECT_END(run(copy, NULL), "");
}
END_TEST

/* ---- what outlives the step ---- */

static void change_resource(lk_vu *vu, void *object_)
{
    lk_json *object = object_;
    lk_json *mine;

    object->doc.vu = vu;
    mine = lk_json_copy(vu, object);
    lk_json_set(mine, "name", "b");
    EXPECT(!strcmp(lk_str(mine, "name"), "b"), "%s", lk_json_text(mine));
    lk_json_set(object, "name", "b");
}

START_TEST(an_object_of_a_resource_is_changed_in_a_copy_only)
{
    const char *text = "{\"name\":\"a\"}";
    lk_json *object = lki_json_own(text, strlen(text), "users");

    EXPECT_END(run(change_resource, object),
               "cannot set \"name\" in resource users, which outlives the step: do it in a copy "
               "that lk_json_copy makes");
    ck_assert_str_eq(lk_json_text(object), text);
    lki_json_free(object);
}
END_TEST

/* ---- made of text ---- */

static const struct {
    const char *text;
    const char *why;
} texts[] = {
    {"{\"a\":[1,2.50,\"\\u00e4\"]}", ""},
    {"\n null ", ""},
    {NULL, "cannot parse a text as JSON: it is empty"},
    {"", "cannot parse a text as JSON: it is empty"},
    {"{\"a\":1", "cannot parse a text as JSON: its JSON is broken: it ends at byte 6"},
    {"{\"a\": }", "cannot parse a text as JSON: its JSON is broken at byte 6: \"}\""},
    {"{\"a\":1, b:2}", "cannot parse a text as JSON: its JSON is broken at byte 8: \"b:2}\""},
    {"[1, tru]", "cannot parse a text as JSON: its JSON is broken at byte 4: \"tru]\""},
    {"[\"\\q\"]", "cannot parse a text as JSON: its JSON is broken at byte 1: \"\"\\q\"]\""},
    {"{1:2}", "cannot parse a text as JSON: its JSON is broken at byte 1: \"1:2}\""},
    {"[1}", "cannot parse a text as JSON: its JSON is broken at byte 2: \"}\""},
    {"[1] x", "cannot parse a text as JSON: its JSON is broken at byte 4: \"x\""},
    {"<html>", "cannot parse a text as JSON: it is not JSON, it begins with \"<html>\""},
};

static void parse(lk_vu *vu, void *text)
{
    EXPECT(!strcmp(lk_json_text(lk_json_parse(vu, text)), text), "%s", (const char *)text);
}

START_TEST(a_text_is_taken_as_it_is_if_it_is_json)
{
    EXPECT_END(run(parse, texts[_i].text), texts[_i].why);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_set");
    TCase *tests = tcase_create("json_set");

    tcase_add_loop_test(tests, a_value_is_changed_where_the_path_leads_and_nowhere_else, 0,
                        LKI_COUNT(edits));
    tcase_add_test(tests, every_type_of_c_that_has_a_json_form_can_be_set);
    tcase_add_test(tests, getters_tell_what_is_there_now_and_strings_that_they_gave_stay);
    tcase_add_test(tests, a_copy_is_a_value_of_its_own);
    tcase_add_test(tests, an_object_of_a_resource_is_changed_in_a_copy_only);
    tcase_add_loop_test(tests, a_text_is_taken_as_it_is_if_it_is_json, 0, LKI_COUNT(texts));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

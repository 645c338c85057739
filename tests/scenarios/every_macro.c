/*
 * Every macro that an author writes, with all of its options and with none. tests/test_macros.sh
 * compiles this strictly, by each compiler and standard, and compares what it lists.
 */
#include <loadkit/loadkit.h>

LK_PARAM(bare);
LK_PARAM(must, .required = true, .help = "one line");
LK_PARAM(may, .value = "a\"b", .help = "another, with a comma");

LK_RESOURCE(cards)
{
    return LK_OBJECT();
}

LK_RESOURCE(accounts, .help = "name and word")
{
    return LK_OBJECT("name", lk_format(vu, "user_%s", id));
}

LK_VU(plain) {
    int unused;
};

LK_VU(rich, .weight = 2.5, .help = "does it all") {
    lk_json *account;
    double pause_s;
};

/* A second type by the same hooks and steps: names are their type's own. */
LK_ON_INIT(plain) {}
LK_ON_START(plain) {}
LK_ON_STOP(plain) {}

LK_ON_INIT(rich, .timeout_s = 1)
{
    lk_http_base_url(vu, lk_param(vu, "must"));
}

LK_ON_START(rich, .timeout_s = LK_OFF)
{
    self->account = lk_resource_acquire(vu, "accounts");
}

LK_ON_STOP(rich, .timeout_s = 0.5)
{
    lk_resource_release(vu, "accounts", self->account);
}

static double by_hand(lk_vu *vu)
{
    return (double)lk_user_id(vu);
}

LK_STEP(plain, first) {}

LK_STEP(rich, first)
{
    lk_response *r = lk_get(vu, "/");

    LK_REQUIRE(r->status == 200, "HTTP %d", r->status);
    lk_response_free(r);
}

LK_STEP(rich, fixed, .every = LK_FIXED(2))
{
    if (!lk_should_stop(vu))
        LK_FAIL("no %s", "way");
}

LK_STEP(rich, between, .every = LK_BETWEEN(0.5, 1.5), .timeout_s = 3)
{
    lk_sleep(vu, self->pause_s);
}

LK_STEP(rich, by_function, .every = LK_DELAY_FN(by_hand))
{
    lk_get(vu, "/", .name = "front", .headers = LK_PAIRS("Accept", "*/*"), .keep_going = true);
    lk_post(vu, "/", .json = LK_OBJECT("key", 1));
    lk_put(vu, "/", .form = LK_PAIRS("a", "b"));
    lk_patch(vu, "/", .body = "text");
    lk_delete(vu, "/", .query = LK_PAIRS("a", "b", "c", "d"));
    lk_head(vu, "/", .timeout_s = LK_OFF);
    lk_options(vu, "*");
    lk_send(vu, "PURGE", "/", .new_connection = true);
}

LK_STEP(rich, paced, .weight = 3, .needs = "first, fixed", .pace = LK_FIXED(1), .timeout_s = LK_OFF,
        .stack_bytes = 128 * 1024, .data = &lk_param_def_bare)
{
    self->pause_s += 1;
}

LK_MAIN()

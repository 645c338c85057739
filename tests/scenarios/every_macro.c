/*
 * Every macro that an author writes, with all of its options and with none. tests/test_macros.sh
 * compiles this strictly, by each compiler and standard, and compares what it lists.
 */
#include <loadkit/loadkit.h>

LK_PARAM(bare);
LK_PARAM(must, .required = true, .help = "one line");
LK_PARAM(may, .value = "a\"b", .help = "another, with a comma");
LK_PARAM(number, .type = LK_INT, .value = "10k");
LK_PARAM(ratio, .type = LK_DOUBLE);
LK_PARAM(loud, .type = LK_BOOL);
LK_PARAM(wait, .type = LK_SECONDS, .required = true);
LK_PARAM(token, .secret = true, .required = true, .help = "of the API");
LK_PARAM(pin, .type = LK_INT, .secret = true);

LK_METRIC(plain_size, LK_COUNTER);
LK_METRIC(size, LK_TREND, .unit = "B", .resolution = 10, .help = "of an answer");
LK_METRIC(hits, LK_RATE);
LK_METRIC(queue, LK_GAUGE, .help = "how\nlong\033");

LK_PROBE(depth, .every_s = 2)
{
    return LK_VALUE(lk_run_data(vu));
}

LK_PROBE(lag, .every_s = 0.5, .timeout_s = LK_OFF, .help = "of the replica")
{
    return LK_VALUE(0.5);
}

LK_ON_SETUP(.timeout_s = 5)
{
    lk_run_data_set(vu, LK_OBJECT("token", lk_param(vu, "token")));
}

LK_ON_TEARDOWN() {}

LK_RESOURCE(cards)
{
    return LK_OBJECT();
}

LK_RESOURCE(accounts, .count = 50, .help = "name and word")
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

static void choose_first(lk_vu *vu, void *self, struct lk_choice *choice)
{
    lk_choose_weighted(vu, self, choice);
}

LK_VU(all_at_once, .strategy = lk_choose_parallel) {
    int unused;
};

LK_VU(in_order, .weight = 0.5, .strategy = choose_first, .help = "one by one") {
    int unused;
};

LK_STEP(all_at_once, only) {}
LK_STEP(in_order, only) {}

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
    LK_EXPECT_STATUS(r, 200);
    LK_EXPECT_STATUS(r, 200, 299);
    LK_EXPECT_JSON(r, "items.0", LK_OBJECT("id", 7));
    LK_EXPECT_BODY(r, "id");
    LK_EXPECT_HEADER(r, "Content-Type", "application/json");
    lk_response_free(r);
}

LK_STEP(rich, fixed, .every = LK_FIXED(2))
{
    if (!lk_should_stop(vu))
        LK_FAIL("no %s", "way");
}

LK_STEP(rich, between, .every = LK_BETWEEN(0.5, 1.5), .timeout_s = 3)
{
    LK_CHECK(self->pause_s < 1, "short");
    LK_TIMED("pause")
    {
        lk_sleep(vu, self->pause_s);
    }
    lk_record(vu, "size", 1.5);
    lk_emit(vu, "thing", .seconds = lk_param_double(vu, "wait"), .failed = lk_param_bool(vu, "loud"));
}

LK_STEP(rich, by_function, .every = LK_DELAY_FN(by_hand))
{
    lk_get(vu, "/", .name = "front", .headers = LK_PAIRS("Accept", "*/*"), .keep_going = true);
    lk_post(vu, "/", .json = LK_OBJECT("key", 1));
    lk_put(vu, "/", .form = LK_PAIRS("a", "b"));
    lk_patch(vu, "/", .body = "text");
    lk_post(vu, "/{id}", .params = LK_PAIRS("id", "7"), .expect = LK_STATUS(200, 299),
            .parts = LK_PARTS({"title", .value = "text"}, {"picture", .file = "a.png"}));
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

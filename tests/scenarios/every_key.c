/* A run with this has something to say under every key of its result file. */
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true);
LK_PARAM(crash, .type = LK_BOOL, .help = "user 2 crashes");

LK_METRIC(a_trend, LK_TREND, .unit = "B");
LK_METRIC(a_counter, LK_COUNTER);
LK_METRIC(a_gauge, LK_GAUGE);
LK_METRIC(a_rate, LK_RATE);

LK_VU(walker) {
    int walks;
    volatile char *nowhere;
};

LK_PROBE(a_probe, .every_s = 0.1)
{
    return LK_VALUE(lk_random_int(vu, 1, 9));
}

LK_ON_INIT(walker)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(walker, walk, .every = LK_FIXED(0.01))
{
    lk_response *r = lk_get(vu, "/catalog");

    LK_CHECK(r->status == 200, "there is a catalog");
    lk_get(vu, "/no-such-page");
    lk_emit(vu, "walking", .source = "feet", .stage = "garden", .seconds = 0.01);
    lk_record(vu, "a_trend", (double)r->body_bytes);
    lk_record(vu, "a_counter", 1);
    lk_record(vu, "a_gauge", ++self->walks);
    lk_record(vu, "a_rate", self->walks % 2);
    if (lk_param_bool(vu, "crash") && lk_user_id(vu) == 2)
        self->nowhere[64] = 1; /* not at 0, which a sanitizer would name before us */
    LK_REQUIRE(self->walks % 5, "tired");
}

LK_MAIN()

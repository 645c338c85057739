/*
 * One login for all: the run logs in once, before the first user begins, and every user sends the
 * token that it got. Meanwhile a probe watches how many orders the shop has taken.
 */
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "target, e.g. http://localhost:8000");

LK_ON_SETUP()
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    lk_response *r = lk_post(vu, "/auth", .json = LK_OBJECT("username", "user_1", "password", "password"));
    LK_REQUIRE(r->status < 400, "login returned HTTP %d", r->status);
    lk_run_data_set(vu, LK_OBJECT("authorization", lk_format(vu, "Bearer %s", lk_str(r, "token"))));
}

LK_PROBE(orders, .every_s = 0.5, .help = "taken by the shop so far")
{
    return LK_VALUE(lk_int(lk_get(vu, "/health"), "orders"));
}

LK_VU(buyer) {
    const char *authorization;
};

LK_ON_INIT(buyer)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    self->authorization = lk_str(lk_run_data(vu), "authorization");
}

LK_STEP(buyer, order, .every = LK_BETWEEN(0.2, 1))
{
    const char *const *headers = LK_PAIRS("Authorization", self->authorization);
    lk_response *r = lk_post(vu, "/cart", .json = LK_OBJECT("item_id", 3), .headers = headers);
    LK_REQUIRE(r->status == 201, "putting it into the cart returned HTTP %d", r->status);
    r = lk_post(vu, "/orders", .headers = headers);
    LK_REQUIRE(r->status == 201, "ordering returned HTTP %d", r->status);
}

/* What a buyer who was cut off has left in the cart, is ordered. */
LK_ON_TEARDOWN()
{
    lk_post(vu, "/orders", .headers = LK_PAIRS("Authorization", lk_str(lk_run_data(vu), "authorization")));
}

LK_MAIN()

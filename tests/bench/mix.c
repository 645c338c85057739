/*
 * A shop as load tests have it: twenty steps with weights, needs and pauses, JSON both ways. nginx
 * gives the answers (nginx.routes), since it costs little; mix.lua asks for the same.
 */
#include <stdio.h>

#include <loadkit/loadkit.h>

#define OFTEN LK_BETWEEN(0.02, 0.2)
#define SELDOM LK_BETWEEN(0.1, 0.5)
#define AUTHORIZED .headers = LK_PAIRS("Authorization", self->bearer)
#define GOOD(r) LK_REQUIRE((r)->status < 400, "HTTP %d", (r)->status)

LK_PARAM(base_url, .required = true, .help = "target");

LK_VU(shopper) {
    char bearer[64];
    long long item_id;
    long long order_id;
    double total;
};

LK_ON_INIT(shopper)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    self->item_id = 1;
}

LK_STEP(shopper, login, .weight = 2, .every = SELDOM)
{
    const char *name = lk_format(vu, "user_%llu", (unsigned long long)lk_user_id(vu));
    lk_response *r = lk_post(vu, "/auth",
                             .json = LK_OBJECT("username", name, "password", "password"));

    GOOD(r);
    snprintf(self->bearer, sizeof(self->bearer), "Bearer %s", lk_str(r, "token"));
}

LK_STEP(shopper, home, .weight = 4, .every = OFTEN)
{
    GOOD(lk_get(vu, "/"));
}

LK_STEP(shopper, catalog, .weight = 10, .every = OFTEN)
{
    lk_response *r = lk_get(vu, "/catalog");

    GOOD(r);
    LK_REQUIRE(lk_len(r, "items") == 16, "a catalog of %zu", lk_len(r, "items"));
    self->item_id = lk_int(r, "items.7.id");
}

LK_STEP(shopper, article, .weight = 12, .needs = "catalog", .every = OFTEN)
{
    lk_response *r = lk_get(vu, lk_format(vu, "/catalog/%lld", self->item_id));

    GOOD(r);
    LK_REQUIRE(lk_double(r, "price") > 0, "free of charge");
}

LK_STEP(shopper, reviews, .weight = 4, .needs = "catalog", .every = OFTEN)
{
    GOOD(lk_get(vu, lk_format(vu, "/catalog/%lld/reviews", self->item_id)));
}

LK_STEP(shopper, search, .weight = 6, .every = OFTEN)
{
    lk_response *r = lk_get(vu, "/search", .query = LK_PAIRS("q", "shoes", "sort", "price"));

    GOOD(r);
    self->item_id = lk_int(r, "hits.0.id");
}

LK_STEP(shopper, recommendations, .weight = 3, .every = OFTEN)
{
    lk_response *r = lk_get(vu, "/recommendations");

    GOOD(r);
    LK_REQUIRE(*lk_str(r, "items.1.why"), "no reason given");
}

LK_STEP(shopper, profile, .weight = 2, .needs = "login", .every = SELDOM)
{
    lk_response *r = lk_get(vu, "/profile", AUTHORIZED);

    GOOD(r);
    LK_REQUIRE(!lk_bool(r, "newsletter"), "subscribed");
}

LK_STEP(shopper, move, .weight = 1, .needs = "login", .every = SELDOM)
{
    lk_json *home = LK_OBJECT("city", "Ghent", "zip", "9000");

    GOOD(lk_patch(vu, "/profile", AUTHORIZED,
                  .json = LK_OBJECT("address", home, "newsletter", LK_TRUE)));
}

LK_STEP(shopper, wish, .weight = 2, .needs = "login,catalog", .every = OFTEN)
{
    GOOD(lk_post(vu, "/wishlist", AUTHORIZED, .json = LK_OBJECT("item_id", self->item_id)));
}

LK_STEP(shopper, wishlist, .weight = 2, .needs = "wish", .every = OFTEN)
{
    lk_response *r = lk_get(vu, "/wishlist", AUTHORIZED);

    GOOD(r);
    self->item_id = lk_int(r, "items.2");
}

LK_STEP(shopper, cart_add, .weight = 6, .needs = "login,catalog", .every = OFTEN)
{
    lk_response *r = lk_post(vu, "/cart", AUTHORIZED,
                             .json = LK_OBJECT("item_id", self->item_id, "quantity", 2,
                                               "gift", LK_FALSE));

    GOOD(r);
    self->total = lk_double(r, "total");
}

LK_STEP(shopper, cart, .weight = 5, .needs = "login", .every = OFTEN)
{
    lk_response *r = lk_get(vu, "/cart", AUTHORIZED);

    GOOD(r);
    LK_REQUIRE(lk_int(r, "items.1.quantity") == 1, "wrong quantity");
    self->total = lk_double(r, "total");
}

LK_STEP(shopper, cart_change, .weight = 2, .needs = "cart_add", .every = OFTEN)
{
    GOOD(lk_put(vu, lk_format(vu, "/cart/%lld", self->item_id), AUTHORIZED,
                .json = LK_OBJECT("quantity", 3)));
}

LK_STEP(shopper, cart_remove, .weight = 1, .needs = "cart_add", .every = SELDOM)
{
    GOOD(lk_delete(vu, lk_format(vu, "/cart/%lld", self->item_id), AUTHORIZED));
}

LK_STEP(shopper, coupon, .weight = 1, .needs = "cart_add", .every = SELDOM)
{
    GOOD(lk_post(vu, "/cart/coupon", AUTHORIZED, .json = LK_OBJECT("code", "SPRING")));
}

LK_STEP(shopper, shipping, .weight = 2, .needs = "cart_add", .every = OFTEN)
{
    lk_response *r = lk_get(vu, "/shipping", AUTHORIZED, .query = LK_PAIRS("country", "BE"));

    GOOD(r);
    LK_REQUIRE(lk_double(r, "offers.0.price") < 5, "dear");
}

LK_STEP(shopper, order, .weight = 2, .needs = "cart_add,shipping", .every = SELDOM)
{
    lk_response *r = lk_post(vu, "/orders", AUTHORIZED,
                             .json = LK_OBJECT("shipping", "post", "note", "please ring twice",
                                               "express", LK_TRUE));

    GOOD(r);
    self->order_id = lk_int(r, "id");
}

LK_STEP(shopper, order_state, .weight = 2, .needs = "order", .every = OFTEN)
{
    lk_response *r = lk_get(vu, lk_format(vu, "/orders/%lld", self->order_id), AUTHORIZED);

    GOOD(r);
    LK_REQUIRE(lk_int(r, "id") == self->order_id, "another's order");
}

LK_STEP(shopper, orders, .weight = 2, .needs = "login", .every = SELDOM)
{
    lk_response *r = lk_get(vu, "/orders", AUTHORIZED);

    GOOD(r);
    LK_REQUIRE(*lk_str(r, "orders.1.state"), "no state");
}

LK_MAIN()

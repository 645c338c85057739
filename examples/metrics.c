/* Numbers of one's own: metrics, checks, a block that is timed, samples with codes, and a probe. */
#include <stdio.h>

#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "the shop, e.g. http://localhost:8000");

LK_METRIC(basket, LK_TREND, .unit = "EUR", .resolution = 0.01, .help = "what an order comes to");
LK_METRIC(articles_sold, LK_COUNTER, .help = "articles in all orders");
LK_METRIC(stock, LK_GAUGE, .help = "pieces left of the article that was looked at last");
LK_METRIC(bargains, LK_RATE, .help = "orders below 50 EUR");

LK_PROBE(orders, .every_s = 1, .help = "taken by the shop so far")
{
    return LK_VALUE(lk_int(lk_get(vu, lk_format(vu, "%s/health", lk_param(vu, "base_url"))), "orders"));
}

LK_VU(customer) {
    char token[80];
};

LK_ON_INIT(customer) { lk_http_base_url(vu, lk_param(vu, "base_url")); }

LK_ON_START(customer)
{
    const char *name = lk_format(vu, "user_%d", (int)lk_user_id(vu));
    lk_response *r = lk_post(vu, "/auth", .json = LK_OBJECT("username", name, "password", "password"));

    snprintf(self->token, sizeof(self->token), "Bearer %s", lk_str(r, "token"));
}

LK_STEP(customer, look, .weight = 3, .every = LK_BETWEEN(0.05, 0.2))
{
    int article = (int)lk_random_int(vu, 1, 20);
    lk_response *r = lk_get(vu, lk_format(vu, "/catalog/%d", article));

    if (LK_CHECK(r->status == 200, "the article is found"))
        lk_record(vu, "stock", lk_double(r, "stock"));
    LK_CHECK(lk_double_or(r, "price", 0) < 100, "it costs less than 100 EUR");
}

LK_STEP(customer, buy, .every = LK_BETWEEN(0.1, 0.5))
{
    const char *const *headers = LK_PAIRS("Authorization", self->token);
    lk_response *r = NULL;
    bool declined;

    LK_TIMED("checkout") {
        for (int64_t i = lk_random_int(vu, 1, 3); i > 0; i--)
            lk_post(vu, "/cart", .json = LK_OBJECT("item_id", lk_random_int(vu, 1, 20)), .headers = headers);
        r = lk_post(vu, "/orders", .headers = headers);
    }
    lk_record(vu, "basket", lk_double(r, "total"));
    lk_record(vu, "articles_sold", lk_double(r, "count"));
    lk_record(vu, "bargains", lk_double(r, "total") < 50);

    declined = lk_random_int(vu, 1, 20) == 1;                              /* as a bank might */
    lk_emit(vu, "payment", .source = "bank", .seconds = lk_random_double(vu, 0.05, 0.2), .failed = declined,
            .code = declined ? "CARD_DECLINED" : "CARD_OK", .category = declined ? "declined" : "ok",
            .message = LK_ONE_OF("no money", "card has expired"));
}

LK_MAIN()

/* JSON-RPC: single calls, a batch in one exchange, and what the server refuses. */
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "the shop, e.g. http://localhost:8000");

LK_VU(customer) {
    double spent;
};

LK_ON_INIT(customer)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    lk_rpc_url(vu, "/rpc");
}

LK_STEP(customer, look, .weight = 3, .every = LK_BETWEEN(0.05, 0.2))
{
    const lk_rpc_reply *reply = lk_rpc_call(vu, "price", .params = LK_OBJECT("item_id", lk_random_int(vu, 1, 20)));

    self->spent += lk_double(reply->result, "price");
}

LK_STEP(customer, compare, .every = LK_BETWEEN(0.1, 0.3))
{
    const lk_rpc_reply *replies[3];
    double price;

    lk_rpc_batch(vu, replies,
                 LK_RPC("price", .params = LK_OBJECT("item_id", 3, "quantity", 2)),
                 LK_RPC("price", .params = LK_OBJECT("item_id", 21), .keep_going = true),
                 LK_RPC("orders"));
    price = lk_double(replies[0]->result, "price");
    LK_REQUIRE(price == 47.98, "two bread knives cost %g", price);
    LK_CHECK(replies[1]->code == -32602, "there are twenty articles");
    LK_CHECK(lk_int(replies[2]->result, "") == 0, "nobody has ordered");
    lk_rpc_notify(vu, "looked");
}

LK_MAIN()

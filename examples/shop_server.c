/*
 * A little web shop, the server that the other examples load. All of its stock is in memory.
 *
 *   GET  /                          hello
 *   POST /auth                      {"username": "user_7", "password": "password"}: a token
 *   GET  /catalog, /catalog/ID      the articles
 *   POST /cart                      {"item_id": 3, "quantity": 2}: puts it in
 *   GET  /cart                      what is in it
 *   POST /orders                    orders what is in the cart, and empties it
 *   GET  /orders/ID                 an order of one's own
 *   POST /rpc                       JSON-RPC 2.0: price {"item_id": 3, "quantity": 2}, and orders
 *   GET  /health                    how many orders were made
 *   GET  /slow?ms=100               answers after so many milliseconds
 *   GET  /fail?rate=1               a 500 with this probability
 *   GET  /broken?how=WAY            breaks the protocol: garbage, half, reset, close, nolength
 *
 * Cart and orders ask for the header "Authorization: Bearer TOKEN". Any user from user_1 to
 * user_1000000 may enter. SIGTERM or SIGINT ends it, with a count of the requests that came.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <inttypes.h>
#include <sys/random.h>

#include "http_server.h"

#define USERS 1000000
#define ORDERS_KEPT 65536 /* older ones are forgotten */
#define ARTICLES 20
#define SLOW_MAX_MS 600000

struct order {
    uint64_t id;
    uint64_t user_id;
    uint64_t total_cents;
    unsigned count;
};

struct shop {
    struct server server;
    uint64_t secret;
    uint64_t draws;
    uint64_t orders_made;
    struct order *orders;
    uint16_t (*carts)[ARTICLES]; /* quantities, by user: pages that nobody touched cost nothing */
    char catalog[4096];
};

/* A request on its way through the shop. */
struct visit {
    struct shop *shop;
    struct conn *conn;
    const struct request *req;
    uint64_t id;      /* the number at the end of the path, where the route has one */
    uint64_t user_id; /* who asks, where the route asks for a token */
    uint16_t *cart;
};

#define REPLY(visit, status, ...)                                                                  \
    reply(&(visit)->shop->server, (visit)->conn, (visit)->req->manners, (status), __VA_ARGS__)

#define MONEY "%" PRIu64 ".%02" PRIu64
#define MONEY_ARGS(cents) (cents) / 100, (cents) % 100

/* ---- JSON ---- */

static bool json_skip(struct text *json, char c)
{
    while (json->len && (json->at[0] == ' ' || (json->at[0] >= '\t' && json->at[0] <= '\r'))) {
        json->at++;
        json->len--;
    }
    if (!json->len || json->at[0] != c)
        return false;
    json->at++;
    json->len--;
    return true;
}

/* A string without its quotes, its escapes left as they are, or a bare number or word. */
static bool json_scalar(struct text *json, struct text *value)
{
    bool quoted = json_skip(json, '"');
    size_t i = 0;

    if (quoted) {
        while (i < json->len && json->at[i] != '"')
            i += json->at[i] == '\\' ? 2 : 1;
    } else {
        while (i < json->len && json->at[i] && !strchr(",}[]{\": \t\r\n", json->at[i]))
            i++;
    }
    if (i > json->len || (quoted ? i == json->len : i == 0))
        return false;
    *value = (struct text){json->at, i};
    json->at += i + quoted;
    json->len -= i + quoted;
    return true;
}

/* The same, or a whole array or object. */
static bool json_value(struct text *json, struct text *value)
{
    struct text inside = *json, word;
    unsigned depth = 0;

    if (!json_skip(&inside, '{') && !json_skip(&inside, '['))
        return json_scalar(json, value);
    *value = (struct text){inside.at - 1, 1};
    for (depth = 1; depth && inside.len; value->len = (size_t)(inside.at - value->at)) {
        if (json_skip(&inside, '{') || json_skip(&inside, '['))
            depth++;
        else if (json_skip(&inside, '}') || json_skip(&inside, ']'))
            depth--;
        else if (!json_skip(&inside, ',') && !json_skip(&inside, ':') &&
                 !json_scalar(&inside, &word))
            return false;
    }
    *json = inside;
    return !depth;
}

static bool json_get(struct text json, const char *name, struct text *value)
{
    struct text key, one;
    bool found = false;

    if (!json_skip(&json, '{'))
        return false;
    do {
        if (!json_scalar(&json, &key) || !json_skip(&json, ':') || !json_value(&json, &one))
            return false;
        if (text_is(key, name)) {
            *value = one;
            found = true;
        }
    } while (json_skip(&json, ','));
    return found && json_skip(&json, '}');
}

/* ---- stock, tokens, carts ---- */

static const struct {
    const char *name;
    unsigned price_cents;
} articles[ARTICLES] = {
    {"apron", 1450},        {"basket", 1890},     {"bread knife", 2399}, {"candle", 325},
    {"cheese board", 3100}, {"coffee pot", 2750}, {"colander", 1675},    {"corkscrew", 899},
    {"egg cup", 240},       {"frying pan", 4200}, {"grater", 775},       {"honey jar", 650},
    {"kettle", 3899},       {"ladle", 520},       {"milk jug", 1280},    {"mortar", 2140},
    {"rolling pin", 985},   {"salt cellar", 430}, {"tea towel", 560},    {"whisk", 480},
};

static int article_json(char *out, size_t size, unsigned id)
{
    unsigned cents = articles[id - 1].price_cents;

    return snprintf(out, size, "{\"id\":%u,\"name\":\"%s\",\"price\":%u.%02u,\"stock\":%u}", id,
                    articles[id - 1].name, cents / 100, cents % 100, 100 + 7 * id);
}

static void catalog_write(struct shop *shop)
{
    size_t len = 0;

    for (unsigned id = 1; id <= ARTICLES; id++) {
        shop->catalog[len++] = id == 1 ? '[' : ',';
        len += (size_t)article_json(shop->catalog + len, sizeof(shop->catalog) - len, id);
    }
    memcpy(shop->catalog + len, "]", 2);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

/* A token is the user's number, sealed with a secret of this process: nothing to look up. */
static uint64_t seal_of(const struct shop *shop, uint64_t user_id)
{
    return mix(mix(user_id ^ shop->secret) + shop->secret);
}

/* Finds the user who asks and the cart; false after a 401. */
static bool admit(struct visit *visit)
{
    struct text seal = visit->req->token;
    struct text number = text_cut(&seal, '-');
    char right[20];

    if (text_number(number, USERS, &visit->user_id)) {
        snprintf(right, sizeof(right), "%016" PRIx64, seal_of(visit->shop, visit->user_id));
        visit->cart = visit->shop->carts[visit->user_id];
        if (text_is(seal, right))
            return true;
    }
    REPLY(visit, 401, "{\"error\":\"a valid bearer token is needed\"}");
    return false;
}

static uint64_t cart_total(const uint16_t *cart, unsigned *count)
{
    uint64_t cents = 0;

    *count = 0;
    for (size_t i = 0; i < ARTICLES; i++) {
        cents += (uint64_t)cart[i] * articles[i].price_cents;
        *count += cart[i];
    }
    return cents;
}

/* ---- what the routes do ---- */

static void on_hello(struct visit *visit)
{
    REPLY(visit, 200, "{\"hello\":\"world\"}");
}

static void on_auth(struct visit *visit)
{
    struct text body = visit->req->body;
    struct text name, password, number;
    uint64_t id = 0;

    if (!json_get(body, "username", &name) || !json_get(body, "password", &password)) {
        REPLY(visit, 400, "{\"error\":\"username and password are needed\"}");
        return;
    }
    number = name;
    if (!text_is(text_cut(&number, '_'), "user") || !text_number(number, USERS, &id) || !id ||
        !text_is(password, "password")) {
        REPLY(visit, 401, "{\"error\":\"unknown user or wrong password\"}");
        return;
    }
    REPLY(visit, 200, "{\"token\":\"%" PRIu64 "-%016" PRIx64 "\",\"user_id\":%" PRIu64 "}", id,
          seal_of(visit->shop, id), id);
}

static void on_catalog(struct visit *visit)
{
    reply_text(&visit->shop->server, visit->conn, visit->req->manners, status_line(200),
               (struct text){visit->shop->catalog, strlen(visit->shop->catalog)});
}

static void on_article(struct visit *visit)
{
    char json[256];

    if (visit->id < 1 || visit->id > ARTICLES) {
        REPLY(visit, 404, "{\"error\":\"no such article\"}");
        return;
    }
    article_json(json, sizeof(json), (unsigned)visit->id);
    REPLY(visit, 200, "%s", json);
}

static void on_cart_add(struct visit *visit)
{
    struct text body = visit->req->body, value;
    uint64_t id = 0, quantity = 1, cents;
    unsigned count;

    if (!admit(visit))
        return;
    if (!json_get(body, "item_id", &value) || !text_number(value, ARTICLES, &id) || !id ||
        (json_get(body, "quantity", &value) && !text_number(value, 100, &quantity))) {
        REPLY(visit, 400, "{\"error\":\"item_id must be of an article, quantity at most 100\"}");
        return;
    }
    if (visit->cart[id - 1] + quantity > 1000) {
        REPLY(visit, 409, "{\"error\":\"the cart is full\"}");
        return;
    }
    visit->cart[id - 1] = (uint16_t)(visit->cart[id - 1] + quantity);
    cents = cart_total(visit->cart, &count);
    REPLY(visit, 201, "{\"count\":%u,\"total\":" MONEY "}", count, MONEY_ARGS(cents));
}

static void on_cart(struct visit *visit)
{
    char items[ARTICLES * 48] = "";
    size_t len = 0;
    uint64_t cents;
    unsigned count;

    if (!admit(visit))
        return;
    for (size_t i = 0; i < ARTICLES; i++) {
        if (visit->cart[i])
            len += (size_t)snprintf(items + len, sizeof(items) - len,
                                    "%s{\"item_id\":%zu,\"quantity\":%u}", len ? "," : "", i + 1,
                                    visit->cart[i]);
    }
    cents = cart_total(visit->cart, &count);
    REPLY(visit, 200, "{\"items\":[%s],\"count\":%u,\"total\":" MONEY "}", items, count,
          MONEY_ARGS(cents));
}

static void order_reply(struct visit *visit, int status, const struct order *order)
{
    REPLY(visit, status,
          "{\"id\":%" PRIu64 ",\"user_id\":%" PRIu64 ",\"count\":%u,\"total\":" MONEY "}",
          order->id, order->user_id, order->count, MONEY_ARGS(order->total_cents));
}

static void on_order(struct visit *visit)
{
    struct shop *shop = visit->shop;
    struct order *order;

    if (!admit(visit))
        return;
    order = &shop->orders[++shop->orders_made % ORDERS_KEPT];
    order->id = shop->orders_made;
    order->user_id = visit->user_id;
    order->total_cents = cart_total(visit->cart, &order->count);
    memset(visit->cart, 0, sizeof(shop->carts[0]));
    order_reply(visit, 201, order);
}

static void on_order_get(struct visit *visit)
{
    const struct order *order = &visit->shop->orders[visit->id % ORDERS_KEPT];

    if (!admit(visit))
        return;
    if (!visit->id || order->id != visit->id || order->user_id != visit->user_id)
        REPLY(visit, 404, "{\"error\":\"no such order\"}");
    else
        order_reply(visit, 200, order);
}

static void on_health(struct visit *visit)
{
    REPLY(visit, 200, "{\"status\":\"ok\",\"orders\":%" PRIu64 "}", visit->shop->orders_made);
}

/* ---- JSON-RPC ---- */

#define RPC_CALLS_MAX 20
#define RPC_REPLY_BYTES 200
#define RPC_ID_BYTES 40

static int rpc_error(char *out, int code, const char *message)
{
    return snprintf(out, RPC_REPLY_BYTES, "\"error\":{\"code\":%d,\"message\":\"%s\"}", code,
                    message);
}

/* The result of one call, or the error. */
static int rpc_call(const struct visit *visit, struct text method, struct text params, char *out)
{
    uint64_t id = 0, quantity = 1;
    struct text value;

    if (text_is(method, "orders"))
        return snprintf(out, RPC_REPLY_BYTES, "\"result\":%" PRIu64, visit->shop->orders_made);
    if (!text_is(method, "price"))
        return rpc_error(out, -32601, "no such method");
    if (!json_get(params, "item_id", &value) || !text_number(value, ARTICLES, &id) || !id ||
        (json_get(params, "quantity", &value) && !text_number(value, 100, &quantity)))
        return rpc_error(out, -32602, "item_id must be of an article, quantity at most 100");
    quantity *= articles[id - 1].price_cents;
    return snprintf(out, RPC_REPLY_BYTES, "\"result\":{\"price\":" MONEY "}", MONEY_ARGS(quantity));
}

/* One call of the body, with the reply; nothing for a notification. */
static size_t rpc_answer(const struct visit *visit, struct text call, char *out)
{
    struct text method = {"", 0}, params = {"{}", 2}, id;
    char reply[RPC_REPLY_BYTES];
    const char *quote;

    if (!json_get(call, "id", &id))
        return 0;
    if (id.len > RPC_ID_BYTES)
        id = (struct text){"null", 4};
    quote = id.at > call.at && id.at[-1] == '"' ? "\"" : "";
    json_get(call, "params", &params);
    if (json_get(call, "method", &method))
        rpc_call(visit, method, params, reply);
    else
        rpc_error(reply, -32600, "a call has a method");
    return (size_t)sprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":%s%.*s%s,%s}", quote, (int)id.len,
                           id.at, quote, reply);
}

static void on_rpc(struct visit *visit)
{
    char out[RPC_CALLS_MAX * (RPC_REPLY_BYTES + RPC_ID_BYTES + 40)] = "[";
    struct text body = visit->req->body, call;
    bool batch = json_skip(&body, '[');
    size_t len = batch, calls = 0;

    while (calls < RPC_CALLS_MAX && json_value(&body, &call)) {
        size_t more = rpc_answer(visit, call, out + len);

        calls++;
        len += more;
        if (!batch || !json_skip(&body, ','))
            break;
        if (more)
            out[len++] = ',';
    }
    if (!calls) {
        REPLY(visit, 200,
              "{\"jsonrpc\":\"2.0\",\"id\":null,"
              "\"error\":{\"code\":-32700,\"message\":\"these are no calls\"}}");
        return;
    }
    if (len > batch && out[len - 1] == ',')
        len--;
    if (len == batch)
        len = 0; /* nothing but notifications */
    else if (batch)
        out[len++] = ']';
    reply_text(&visit->shop->server, visit->conn, visit->req->manners,
               len ? status_line(200) : "202 Accepted", (struct text){out, len});
}

/* ---- slow, failing and broken ---- */

static void on_slow(struct visit *visit)
{
    struct text value;
    uint64_t ms = 100;

    if (query_get(visit->req->query, "ms", &value) && !text_number(value, SLOW_MAX_MS, &ms))
        REPLY(visit, 400, "{\"error\":\"ms must be 0 to %d\"}", SLOW_MAX_MS);
    else
        reply_late(&visit->shop->server, visit->conn, visit->req->manners, (unsigned)ms);
}

static void on_slow_due(struct server *server, struct conn *conn)
{
    reply(server, conn, conn->late, 200, "{\"slept_ms\":%u}", conn->late_ms);
}

static void on_fail(struct visit *visit)
{
    char digits[16] = "1";
    struct text value;

    if (query_get(visit->req->query, "rate", &value) && value.len < sizeof(digits)) {
        memcpy(digits, value.at, value.len);
        digits[value.len] = '\0';
    }
    if ((double)(mix(++visit->shop->draws) >> 11) * 0x1.0p-53 < strtod(digits, NULL))
        REPLY(visit, 500, "{\"error\":\"as asked for\"}");
    else
        REPLY(visit, 200, "{\"failed\":false}");
}

static void on_broken(struct visit *visit)
{
    struct server *server = &visit->shop->server;
    struct text how = {"close", 5};

    query_get(visit->req->query, "how", &how);
    if (text_is(how, "garbage")) {
        put_str(server, "\x16\x03 this was never HTTP\r\n\r\n\xff\xfe\r\n");
    } else if (text_is(how, "half")) {
        put_str(server, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nthe first half, and then");
    } else if (text_is(how, "nolength")) {
        put_str(server, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"length\":0}");
    } else if (!text_is(how, "reset") && !text_is(how, "close")) {
        REPLY(visit, 400, "{\"error\":\"how is one of garbage, half, reset, close, nolength\"}");
        return;
    }
    visit->conn->reset = text_is(how, "reset");
    visit->conn->closing = true;
}

/* ---- routes ---- */

static const struct route {
    const char *path; /* one that ends in a slash goes on with a number */
    void (*get)(struct visit *visit);
    void (*post)(struct visit *visit);
} routes[] = {
    {"/auth", NULL, on_auth},         {"/broken", on_broken, NULL},
    {"/cart", on_cart, on_cart_add},  {"/catalog", on_catalog, NULL},
    {"/catalog/", on_article, NULL},  {"/fail", on_fail, NULL},
    {"/health", on_health, NULL},     {"/orders", NULL, on_order},
    {"/orders/", on_order_get, NULL}, {"/rpc", NULL, on_rpc},
    {"/slow", on_slow, NULL},
};

static bool route_fits(const struct route *route, struct visit *visit)
{
    struct text path = visit->req->path;
    size_t len = strlen(route->path);

    if (route->path[len - 1] != '/')
        return text_is(path, route->path);
    return path.len > len && memcmp(path.at, route->path, len) == 0 &&
           text_number((struct text){path.at + len, path.len - len}, UINT64_MAX, &visit->id);
}

static void route_call(const struct route *route, struct visit *visit)
{
    static const char refusal[] = "{\"error\":\"method not allowed\"}";
    const char *status = "405 Method Not Allowed\r\nAllow: GET, HEAD, POST";

    if (route->get && (visit->req->manners.head || text_is(visit->req->method, "GET"))) {
        route->get(visit);
        return;
    }
    if (route->post && text_is(visit->req->method, "POST")) {
        route->post(visit);
        return;
    }
    if (!route->post)
        status = "405 Method Not Allowed\r\nAllow: GET, HEAD";
    else if (!route->get)
        status = "405 Method Not Allowed\r\nAllow: POST";
    reply_text(&visit->shop->server, visit->conn, visit->req->manners, status,
               (struct text){refusal, sizeof(refusal) - 1});
}

static void on_request(struct server *server, struct conn *conn, const struct request *req)
{
    static const struct route hello = {"/", on_hello, NULL};
    struct visit visit = {.shop = (struct shop *)server, .conn = conn, .req = req};

    if (text_is(req->path, hello.path)) {
        route_call(&hello, &visit);
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (route_fits(&routes[i], &visit)) {
            route_call(&routes[i], &visit);
            return;
        }
    }
    REPLY(&visit, 404, "{\"error\":\"no such page\"}");
}

/* ---- the process ---- */

static void shop_free(struct shop *shop)
{
    if (!shop)
        return;
    free(shop->orders);
    free(shop->carts);
    free(shop);
}

static struct shop *shop_new(void)
{
    struct shop *shop = calloc(1, sizeof(*shop));

    if (!shop)
        return NULL;
    shop->server.answer = on_request;
    shop->server.answer_late = on_slow_due;
    shop->orders = calloc(ORDERS_KEPT, sizeof(*shop->orders));
    shop->carts = calloc(USERS + 1, sizeof(*shop->carts));
    if (!shop->orders || !shop->carts || getrandom(&shop->secret, sizeof(shop->secret), 0) < 0) {
        shop_free(shop);
        return NULL;
    }
    catalog_write(shop);
    return shop;
}

static bool parse_options(int argc, char **argv, uint16_t *port)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'}, {0}};
    uint64_t number;
    int option;

    while ((option = getopt_long(argc, argv, "p:", options, NULL)) != -1) {
        if (option != 'p' || !text_number((struct text){optarg, strlen(optarg)}, 65535, &number))
            return false;
        *port = (uint16_t)number;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    uint16_t port = 8000;
    struct shop *shop;

    if (!parse_options(argc, argv, &port)) {
        fprintf(stderr, "usage: shop_server [--port N]    (8000; 0: any free port)\n");
        return 2;
    }
    shop = shop_new();
    if (!shop || !server_listen(&shop->server, &port)) {
        fprintf(stderr, "shop_server: 127.0.0.1:%u: %s\n", port, strerror(errno));
        shop_free(shop);
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n", port);
    fflush(stdout);
    server_run(&shop->server);
    printf("served %" PRIu64 " requests\n", shop->server.requests);
    shop_free(shop);
    return 0;
}

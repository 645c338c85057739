/*
 * A load test of PostgreSQL through libpq, which blocks: each query runs on a helper thread while
 * only its user waits. Customers look at their account and pay into it; what they have paid stands
 * in a table of its own, so that database and report can be compared.
 *
 *   postgres_load -u 20 -d 10s -p database='host=/run/postgresql dbname=shop'
 */
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>
#include <loadkit/loadkit.h>

LK_PARAM(database, .required = true,
         .help = "as libpq has it: \"host=db dbname=shop\"; the password by PGPASSWORD or .pgpass");
LK_PARAM(accounts, .type = LK_INT, .value = "1000", .help = "so many accounts are made");

/* All that a helper thread touches. It belongs to the user, not to a step: one whose time is up
 * leaves its result behind. */
struct query {
    PGconn *connection; /* NULL: none */
    const char *text;
    const char *params[2];
    int param_count;
    PGresult *result; /* of the last one */
};

LK_VU(customer) {
    struct query query;
};

static void query_run(void *arg)
{
    struct query *query = arg;

    query->result = PQexecParams(query->connection, query->text, query->param_count, NULL,
                                 query->params, NULL, NULL, 0);
}

static void connect_run(void *arg)
{
    struct query *query = arg;

    query->connection = PQconnectdb(query->text);
}

static void hang_up(struct query *query)
{
    PQclear(query->result);
    PQfinish(query->connection);
    *query = (struct query){0};
}

static void block(lk_vu *vu, void (*fn)(void *arg), struct query *query)
{
    enum lk_err err = lk_blocking(vu, fn, query);

    LK_REQUIRE(!err, "no helper thread: %s", lk_strerror(err));
}

/* A message without the end of its line. */
static const char *line(lk_vu *vu, const char *message)
{
    return lk_format(vu, "%.*s", (int)strcspn(message, "\n"), message);
}

static void dial(lk_vu *vu, struct query *query)
{
    double start = lk_now(vu);
    bool failed;

    hang_up(query);
    query->text = lk_param(vu, "database");
    block(vu, connect_run, query);
    failed = PQstatus(query->connection) != CONNECTION_OK;
    lk_emit(vu, "connect", .source = "postgres", .stage = "connect", .seconds = lk_now(vu) - start,
            .failed = failed, .code = failed ? "PG_CONNECT" : "PG_OK",
            .message = failed ? line(vu, PQerrorMessage(query->connection)) : NULL);
    LK_REQUIRE(!failed, "%s", line(vu, PQerrorMessage(query->connection)));
}

/* The result, valid until the next call. The sample's code is PG_OK or the error's SQLSTATE. */
static PGresult *ask(lk_vu *vu, struct query *query, const char *name, const char *text)
{
    double start = lk_now(vu);
    const char *state;
    bool failed;

    PQclear(query->result);
    query->result = NULL;
    query->text = text;
    block(vu, query_run, query);
    failed = PQresultStatus(query->result) != PGRES_COMMAND_OK &&
             PQresultStatus(query->result) != PGRES_TUPLES_OK;
    state = PQresultErrorField(query->result, PG_DIAG_SQLSTATE);
    lk_emit(vu, name, .source = "postgres", .seconds = lk_now(vu) - start, .failed = failed,
            .code = failed ? lk_format(vu, "PG_%s", state ? state : "LOST") : "PG_OK",
            .message = failed ? line(vu, PQresultErrorMessage(query->result)) : NULL);
    LK_REQUIRE(!failed, "%s: %s", name, line(vu, PQresultErrorMessage(query->result)));
    query->param_count = 0;
    return query->result;
}

/* However the last step ended: nothing of it may be left in the connection. */
static struct query *ready(lk_vu *vu, struct customer *self)
{
    struct query *query = &self->query;

    query->param_count = 0;
    if (PQstatus(query->connection) != CONNECTION_OK)
        dial(vu, query);
    else if (PQtransactionStatus(query->connection) != PQTRANS_IDLE)
        ask(vu, query, "ROLLBACK", "ROLLBACK");
    return query;
}

static void give(struct query *query, const char *value)
{
    query->params[query->param_count++] = value;
}

static const char *any_account(lk_vu *vu)
{
    return lk_format(vu, "%d", (int)lk_random_int(vu, 1, lk_param_int(vu, "accounts")));
}

LK_ON_SETUP(.timeout_s = 60)
{
    struct query query = {0};

    dial(vu, &query);
    ask(vu, &query, "DROP", "DROP TABLE IF EXISTS loadkit_account, loadkit_payment");
    ask(vu, &query, "CREATE", "CREATE TABLE loadkit_account (id int PRIMARY KEY, balance int NOT NULL)");
    ask(vu, &query, "CREATE", "CREATE TABLE loadkit_payment (account int NOT NULL, amount int NOT NULL)");
    give(&query, lk_param(vu, "accounts"));
    ask(vu, &query, "INSERT", "INSERT INTO loadkit_account SELECT n, 0 FROM generate_series(1, $1::int) n");
    hang_up(&query);
}

LK_ON_START(customer)
{
    dial(vu, &self->query);
}

LK_ON_STOP(customer)
{
    hang_up(&self->query);
}

LK_STEP(customer, look, .weight = 3, .timeout_s = 30)
{
    struct query *query = ready(vu, self);
    PGresult *rows;

    give(query, any_account(vu));
    rows = ask(vu, query, "SELECT", "SELECT balance FROM loadkit_account WHERE id = $1");
    LK_CHECK(PQntuples(rows) == 1, "the account is there");
}

LK_STEP(customer, pay, .weight = 1, .timeout_s = 30)
{
    struct query *query = ready(vu, self);
    const char *account = any_account(vu);
    const char *amount = lk_format(vu, "%d", (int)lk_random_int(vu, 1, 100));

    LK_TIMED("payment") {
        ask(vu, query, "BEGIN", "BEGIN");
        give(query, account);
        give(query, amount);
        ask(vu, query, "UPDATE", "UPDATE loadkit_account SET balance = balance + $2 WHERE id = $1");
        give(query, account);
        give(query, amount);
        ask(vu, query, "INSERT", "INSERT INTO loadkit_payment VALUES ($1, $2)");
        ask(vu, query, "COMMIT", "COMMIT");
    }
}

LK_MAIN()

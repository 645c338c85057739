/* Exchanges over TLS for which there is no memory, each request for some refused in turn: they fail
 * or do without, and nothing is left behind. What OpenSSL asks for is not in our hands. */
#include <check.h>

#include <loadkit/http.h>
#include <loadkit/scenario.h>
#include <loadkit/vu.h>

#include "oom/memory.h"
#include "support/rig.h"
#include "support/suite.h"
#include "support/tls_server.h"

static struct rig rig;
static struct tls_server server;
static long refuse_at;
static bool refused;
static int statuses[2];

static void visit(lk_vu *vu, void *arg)
{
    (void)arg;
    lk_http_setup(vu, .ca_file = server.ca);
    lk_http_base_url(vu, server.url);
    memory_refuse(refuse_at, 1);
    for (int i = 0; i < 2; i++)
        statuses[i] = lk_get(vu, "/", .keep_going = true, .new_connection = true)->status;
}

/* False: no request was left to be refused. */
static bool visit_without(long nth)
{
    long held = memory_held();
    int descriptors = memory_descriptors();

    refuse_at = nth;
    statuses[0] = statuses[1] = 0;
    rig_open(&rig);
    rig_add(&rig, visit, NULL);
    rig_run(&rig);
    refused = memory_allow() > 0;
    rig_close(&rig);
    held = memory_held() - held;
    ck_assert_msg(held == 0, "without the request %ld: %ld blocks are left", nth, held);
    ck_assert_int_eq(memory_descriptors(), descriptors);
    return refused;
}

START_TEST(an_exchange_without_memory_leaves_nothing)
{
    long nth = 0;

    tls_server_start(&server, &(struct tls_server_setup){.version = 12 + _i});
    while (visit_without(nth))
        nth++;
    ck_assert_int_gt(nth, 8);
    ck_assert_int_eq(statuses[0], 200);
    ck_assert_int_eq(statuses[1], 200);
    tls_server_stop(&server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom tls");
    TCase *all = tcase_create("all");

    memory_open();
    tcase_add_loop_test(all, an_exchange_without_memory_leaves_nothing, 0, 2);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}

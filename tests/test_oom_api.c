/* The API without memory: while each request is read and answered, every request for memory is
 * refused in turn, alone or with those that follow. What comes is a whole answer or none, nothing
 * stays behind, and with memory the same request is answered as before. */
#include <check.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "control/orchestrator.h"
#include "oom/memory.h"
#include "support/desk.h"
#include "support/expect.h"
#include "support/suite.h"

#define ONCE "Host: localhost\r\nConnection: close\r\n"

void *__real_malloc(size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void __real_free(void *block);

/* Texts of some length, for which memory is needed. */
#define TEN(text) text text text text text text text text text text
#define STAGE "{\"duration_s\":1,\"target\":3}"

/* Requests that leave everything as it was, also when they are carried out again and again. */
static const struct {
    const char *route, *body;
    int status;
} asked[] = {
    {"GET /status", NULL, 200},
    {"GET /ready", NULL, 200},
    {"GET /workers", NULL, 200},
    {"GET /metrics", NULL, 200},
    {"GET /metrics?metric_id=nothing&count=3", NULL, 200},
    {"GET /metrics/history?range=all", NULL, 200},
    {"GET /metrics/prometheus", NULL, 200},
    {"GET /errors", NULL, 200},
    {"GET /series", NULL, 200},
    {"GET /probes", NULL, 200},
    {"GET /probes/history?probe_name=level", NULL, 200},
    {"GET /resources", NULL, 200},
    {"GET /resources/users/items?limit=5", NULL, 200},
    {"GET /scenario/on_init_params", NULL, 200},
    {"GET /openapi.json", NULL, 200},
    {"GET /result", NULL, 200},
    {"GET /", NULL, 200},
    {"GET /metrics?count=0&include_events=2", NULL, 400},
    {"POST /start_test",
     "{\"target_users\":3,\"http\":{\"insecure\":true,\"resolve\":{\"a:1\":\"::1\"}},"
     "\"init_params\":{\"base_url\":\"http://x\",\"size\":\"3\"},"
     "\"stages\":[" TEN(TEN(STAGE ",")) STAGE "],\"seed\":1}",
     409},
    {"POST /start_test",
     "{\"users\":3,\"spawn_interval_ms\":5,\"params\":{\"base_url\":\"" TEN(
         TEN("0123456789")) "\",\"size\":3}}",
     409},
    {"POST /start_test", "{\"users\":-1,\"bogus\":[1,{\"a\":2}],\"stages\":[7]}", 400},
    {"POST /change_users", "{\"users\":20,\"spawn_interval_ms\":5}", 200},
    {"POST /change_rate", "{\"rate_per_s\":\"50\"}", 200},
    {"POST /ensure_resource", "{\"name\":\"users\",\"count\":\"3\",\"payload\":{\"a\":1}}", 200},
    {"POST /delete_resource", "{\"name\":\"users\",\"id\":1000}", 200},
    {"POST /create_resource", "{\"name\":\"nothing\",\"count\":3}", 400},
};

static struct desk desk;

bool __real_lki_orchestrator_start(struct lki_orchestrator *o, const struct lki_start *start,
                                   struct lki_refusal *refusal);
bool __wrap_lki_orchestrator_start(struct lki_orchestrator *o, const struct lki_start *start,
                                   struct lki_refusal *refusal);

/* What is started is what was asked for. */
bool __wrap_lki_orchestrator_start(struct lki_orchestrator *o, const struct lki_start *start,
                                   struct lki_refusal *refusal)
{
    EXPECT(start->plan.stage_count, "no stages");
    EXPECT(start->param_count == 2, "%zu parameters", start->param_count);
    return __real_lki_orchestrator_start(o, start, refusal);
}

static int status(void)
{
    return desk.answer_bytes ? atoi(desk.answer + 9) : 0;
}

/* All of it came, or nothing of it is taken for an answer. */
static bool is_whole(void)
{
    const char *length = strstr(desk.answer, "Content-Length: ");
    const char *body = strstr(desk.answer, "\r\n\r\n");
    size_t body_bytes = body ? desk.answer_bytes - (size_t)(body + 4 - desk.answer) : 0;

    if (!desk.answer_bytes)
        return true;
    if (!body || !length || body_bytes != strtoull(length + 16, NULL, 10))
        return false;
    return !strstr(desk.answer, "Content-Type: application/json") ||
           !lki_json_check(body + 4, body_bytes);
}

/* Returns how many requests for memory were refused. */
static long ask(size_t which, long after, long how_many)
{
    static char text[8192];
    const char *body = asked[which].body;
    int len = snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" ONCE, asked[which].route);

    if (body)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    len += snprintf(text + len, sizeof(text) - (size_t)len, "\r\n%s", body ? body : "");
    desk_connect(&desk);
    memory_refuse(after, how_many);
    desk_talk(&desk, text, (size_t)len);
    return memory_allow();
}

/* What is made once, and kept, is there after a few. */
static void warm_up(size_t which)
{
    for (int i = 0; i < 3; i++)
        ask(which, MEMORY_ALL, 0);
    EXPECT(status() == asked[which].status, "%s: %d, %s", asked[which].route, status(),
           desk.answer);
}

START_TEST(answers_are_whole_or_none)
{
    static const long how_many[] = {1, 3, MEMORY_ALL};
    size_t which = (size_t)_i / LKI_COUNT(how_many);
    long refused = 1;
    long held;

    desk_open(&desk, true);
    warm_up(which);
    held = memory_held();
    for (long after = 0; refused; after++) {
        refused = ask(which, after, how_many[(size_t)_i % LKI_COUNT(how_many)]);
        EXPECT(is_whole(), "%s after %ld: %s", asked[which].route, after, desk.answer);
        EXPECT(refused || status() == asked[which].status, "%s: %d", asked[which].route, status());
        EXPECT(!status() || status() == asked[which].status || status() == 500,
               "%s after %ld: %d, %s", asked[which].route, after, status(), desk.answer);
        EXPECT(memory_held() == held, "%s after %ld: %ld pieces stay behind", asked[which].route,
               after, memory_held() - held);
    }
    ask(which, MEMORY_ALL, 0);
    EXPECT(status() == asked[which].status, "%s: %d at last", asked[which].route, status());
    desk_close(&desk);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom_api");
    TCase *tests = tcase_create("oom_api");

    memory_open();
    event_set_mem_functions(__real_malloc, __real_realloc, __real_free);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, answers_are_whole_or_none, 0, 3 * (int)LKI_COUNT(asked));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}

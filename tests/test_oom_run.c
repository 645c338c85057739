/*
 * Whole programs without memory: whichever request for memory is refused, alone or with those
 * that follow, lk_main comes to its end in time, gives everything back, and tells what went wrong:
 * by its exit status, or by failures that it counted. What it says was sent is what the server
 * received.
 */
#include <check.h>
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

#include "base/mem.h"
#include "oom/memory.h"
#include "support/server.h"
#include "support/suite.h"

#define PATH_BYTES 400
#define ARGS_MAX 24
#define TEXT_BYTES (1 << 16)
/* Far more than any of these runs takes, also under a sanitizer. */
#define HANG_S 60
#define ITERATIONS 30
/* Of the requests for memory every so manyth is refused. A run under a sanitizer takes many times
 * as long, nearly all of it to begin and to end. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 4
#else
#define STRIDE 1
#endif

/* ---- the scenario: something of all that asks for memory ---- */

LK_PARAM(base_url, .required = true);

LK_RESOURCE(accounts)
{
    return LK_OBJECT("name", lk_format(vu, "user_%s", id), "roles", LK_ARRAY("a", 1, LK_TRUE));
}

LK_ON_SETUP()
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    lk_run_data_set(vu, LK_OBJECT("token", lk_str(lk_get(vu, "/hello/12?x=1"), "token")));
}

LK_ON_TEARDOWN()
{
    lk_get(vu, "/hello/12?x=1");
}

LK_PROBE(token, .every_s = 0.005)
{
    return LK_VALUE(lk_str(lk_get(vu, "/hello/12?x=1"), "token"));
}

LK_VU(buyer)
{
    lk_json *account;
    int deferred;
};

LK_ON_INIT(buyer)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
    lk_get(vu, "/hello/12?x=1");
}

LK_ON_START(buyer)
{
    self->account = lk_resource_acquire(vu, "accounts");
}

LK_ON_STOP(buyer)
{
    lk_resource_release(vu, "accounts", self->account);
}

LK_STEP(buyer, login, .every = LK_FIXED(0.001))
{
    lk_response *r = lk_post(vu, "/login",
                             .json = LK_OBJECT("name", lk_str(self->account, "name")));

    LK_REQUIRE(!strcmp(lk_str(r, "token"), "a\nb"), "a wrong token");
    LK_REQUIRE(lk_int(r, "items.1.id") == 8, "a wrong item");
    LK_REQUIRE(!strcmp(lk_header(r, "content-type"), "application/json"), "a wrong header");
    LK_REQUIRE(!strcmp(lk_str(lk_run_data(vu), "token"), "a\nb"), "a wrong token of the run");
}

static void count_down(void *arg)
{
    --*(int *)arg;
}

LK_STEP(buyer, search, .needs = "login", .every = LK_FIXED(0.001), .weight = 2)
{
    lk_response *r;

    self->deferred++;
    lk_defer(vu, count_down, &self->deferred);
    r = lk_get(vu, "/search", .query = LK_PAIRS("q", "red shoes"),
               .headers = LK_PAIRS("Accept", "application/json"), .name = "search");
    LK_REQUIRE(lk_len(r, "items") == 2, "wrong items");
    lk_response_free(r);
}

LK_STEP(buyer, order, .needs = "login", .every = LK_FIXED(0.001))
{
    lk_response *r = lk_send(vu, "PUT", lk_format(vu, "%s/order/17", lk_param(vu, "base_url")),
                             .form = LK_PAIRS("item", "8"), .new_connection = true);

    LK_REQUIRE(self->deferred == 0, "a defer was forgotten");
    LK_REQUIRE(r->status == 200, "HTTP %d", r->status);
}

static void add_one(void *arg)
{
    ++*(int *)arg;
}

LK_STEP(buyer, think, .every = LK_FIXED(0.001))
{
    int called = 0;

    LK_REQUIRE(!lk_blocking(vu, add_one, &called) && called == 1, "nobody to call it");
    lk_sleep(vu, 0.001);
}

/* ---- the server: the same value in each way in which a body may come ---- */

#define BODY "{\"token\":\"a\\nb\",\"items\":[{\"id\":7},{\"id\":8}]}"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define PLAIN HEAD "Content-Length: 44\r\n\r\n" BODY
/* more than is read at once: the rest is space before the value */
#define LARGE_LENGTH HEAD "Content-Length: 70044\r\n\r\n"
#define CHUNKED                                                                                    \
    HEAD "Transfer-Encoding: chunked\r\n\r\n14\r\n{\"token\":\"a\\nb\",\"ite\r\n18\r\n"            \
         "ms\":[{\"id\":7},{\"id\":8}]}\r\n0\r\n\r\n"
#define CLOSING HEAD "Connection: close\r\n\r\n" BODY

_Static_assert(sizeof(BODY) == 44 + 1, "the lengths above");

static char spaces[70000];

static const struct test_script scripts[] = {
    {{SRV_READ, SRV_SEND(PLAIN), SRV_READ, SRV_SEND(CHUNKED), SRV_READ, SRV_SEND(LARGE_LENGTH),
      SRV_BYTES(spaces, sizeof(spaces)), SRV_SEND(BODY), SRV_AGAIN}},
    {{SRV_READ, SRV_SEND("HTTP/1.1 103 Early Hints\r\n\r\n"), SRV_SEND(PLAIN), SRV_READ,
      SRV_SEND(CLOSING), SRV_CLOSE}},
    {{SRV_READ, SRV_SEND(PLAIN), SRV_AGAIN}},
};

/* ---- one program, in a child ---- */

static struct test_server server;
static char dir[PATH_BYTES / 2];
static char json_path[PATH_BYTES];
static char out_path[PATH_BYTES];
static char err_path[PATH_BYTES];
static char out_text[TEXT_BYTES];
static char err_text[TEXT_BYTES];
static char base_url[100];

/* What the child leaves in memory that it shares. */
static struct ending {
    bool returned;
    int status; /* what lk_main returned */
    long refused;
    long held;
    int descriptors;
} * ending;

static int args_count(const char *const *args)
{
    int count = 0;

    while (args[count])
        count++;
    return count;
}

static _Noreturn void child_run(const char *const *args, long after, long count)
{
    char *argv[ARGS_MAX] = {NULL};
    int argc = args_count(args);

    for (int i = 0; i < argc; i++)
        argv[i] = (char *)(uintptr_t)args[i];
    if (!freopen(out_path, "w", stdout) || !freopen(err_path, "w", stderr))
        _exit(1);
    alarm(HANG_S);
    ending->descriptors = memory_descriptors();
    ending->held = memory_held();
    memory_refuse(after, count);
    ending->status = lk_main(argc, argv);
    ending->refused = memory_allow();
    ending->held = memory_held() - ending->held;
    ending->descriptors = memory_descriptors() - ending->descriptors;
    ending->returned = true;
    fflush(NULL);
    _exit(0);
}

/* All of a file, as far as there is room; "" if there is none. */
static void text_of(const char *path, char *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, TEXT_BYTES - 1);

    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static const char *case_name(const char *const *args, long after, long count)
{
    static char name[200];
    size_t len = 0;

    for (int i = 1; args[i] && len < sizeof(name) / 2; i++)
        len += (size_t)snprintf(name + len, sizeof(name) - len, "%.20s ", args[i]);
    snprintf(name + len, sizeof(name) - len, "without requests %ld and on, at most %ld", after,
             count);
    return name;
}

/* Every line is the program's, or is about how far the run is: none comes from a library. */
static bool lines_are_ours(const char *text)
{
    for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
        bool progress = *at >= '0' && *at <= '9';

        if ((!progress && strncmp(at, "shop: ", 6) != 0) || !strchr(at, '\n'))
            return false;
    }
    return true;
}

#define MUST(condition, what)                                                                      \
    ck_assert_msg(condition, "%s: %s\nstatus %d, %ld refused\nout: %s\nerr: %s",                   \
                  case_name(args, after, count), what, ending->status, ending->refused, out_text,  \
                  err_text)

static void run(const char *const *args, long after, long count)
{
    int how = 0;
    pid_t pid;

    unlink(json_path);
    *ending = (struct ending){.returned = false};
    fflush(NULL);
    pid = suite_fork();
    if (!pid)
        child_run(args, after, count);
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    text_of(out_path, out_text);
    text_of(err_path, err_text);
    MUST(!WIFSIGNALED(how) || WTERMSIG(how) != SIGALRM, "it came to no end");
    MUST(WIFEXITED(how) && WEXITSTATUS(how) == 0 && ending->returned, "it crashed");
    MUST(!ending->held, "memory was not given back");
    MUST(!ending->descriptors, "descriptors were not closed");
    MUST(ending->status >= 0 && ending->status <= 2, "a wrong exit status");
    MUST(lines_are_ours(err_text), "a line of somebody else's");
    MUST(ending->status == 0 || *err_text || strstr(out_text, "FAILED"), "nothing was said");
}

/* ---- what the result says ---- */

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);

    ck_assert_msg(cJSON_IsNumber(item), "%s is no number", key);
    return item->valuedouble;
}

static double sum(const cJSON *metrics, const char *source, const char *key)
{
    const cJSON *metric;
    double total = 0;

    cJSON_ArrayForEach(metric, metrics)
    {
        const cJSON *from = cJSON_GetObjectItem(metric, "source");

        if (!strcmp(cJSON_GetStringValue(from), source))
            total += number(metric, key);
    }
    return total;
}

static bool names_are_right(const cJSON *metrics)
{
    static const char names[] = "|GET /hello/{id}|POST /login|search|PUT /order/{id}|(overflow)|";
    const cJSON *metric;
    bool right = true;

    cJSON_ArrayForEach(metric, metrics)
    {
        const char *source = cJSON_GetStringValue(cJSON_GetObjectItem(metric, "source"));
        char name[100];

        snprintf(name, sizeof(name), "|%s|",
                 cJSON_GetStringValue(cJSON_GetObjectItem(metric, "name")));
        right &= strcmp(source, "http") != 0 || strstr(names, name);
    }
    return right;
}

/* What the program did is all in the result, and what failed has its group of errors, or the
 * verdict says that something is missing, or that the run failed. Only of a hurried run the rest
 * may just not have come. */
static bool result_is_true(const cJSON *result, uint64_t received, bool hurried)
{
    const cJSON *totals = cJSON_GetObjectItem(result, "totals");
    const cJSON *metrics = cJSON_GetObjectItem(result, "metrics");
    const cJSON *verdict = cJSON_GetObjectItem(result, "verdict");
    double requests = number(totals, "http_requests");
    double failures = number(totals, "step_errors") + sum(metrics, "lifecycle", "errors");
    bool valid = !strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(verdict, "status")), "valid");
    bool whole = number(totals, "iterations") == ITERATIONS && failures == 0;
    bool told = cJSON_GetArraySize(cJSON_GetObjectItem(result, "errors")) > 0 ||
                cJSON_IsString(cJSON_GetObjectItem(verdict, "failure"));

    return requests - number(totals, "http_unsent") == (double)received &&
           sum(metrics, "http", "requests") == requests - number(verdict, "requests_lost") &&
           (sum(metrics, "step", "requests") == number(totals, "steps") || !valid) &&
           names_are_right(metrics) && number(totals, "iterations") <= ITERATIONS &&
           (whole || told || !valid || hurried);
}

static bool report_is_true(uint64_t received, bool hurried)
{
    char *text = calloc(1, TEXT_BYTES);
    cJSON *result;
    bool ok;

    ck_assert_ptr_nonnull(text);
    text_of(json_path, text);
    result = cJSON_Parse(text);
    free(text);
    /* no file at all is told by the exit status */
    ok = result ? result_is_true(result, received, hurried)
                : ending->status != 0 && access(json_path, F_OK) != 0;
    cJSON_Delete(result);
    return ok;
}

/* ---- the tests ---- */

/* How many requests in a row are refused, and how long the run may take. What was refused once is
 * made up for within the run; without any memory there is no use in waiting. */
static const struct drought {
    long count;
    const char *duration;
} droughts[] = {{1, "20s"}, {10, "20s"}, {MEMORY_ALL, "100ms"}};

START_TEST(a_run_without_memory_ends_and_counts_what_failed)
{
    long count = droughts[_i].count;
    const char *const args[] = {"shop",    "run",        "-p",     base_url, "-u",
                                "3",       "-i",         "30",     "-d",     droughts[_i].duration,
                                "--grace", "20ms",       "--seed", "1",      "--json",
                                json_path, "--no-color", "-w",     "0",      NULL};
    uint64_t before = test_server_settle_closed(&server)->requests;

    for (long after = 0;; after += STRIDE) {
        uint64_t now;

        run(args, after, count);
        now = test_server_settle_closed(&server)->requests;
        MUST(report_is_true(now - before, count == MEMORY_ALL), "the result is not true");
        before = now;
        if (!ending->refused) {
            MUST(ending->status == 0 && after > 100, "it fails with all memory");
            break;
        }
    }
}
END_TEST

static const char *const commands[][ARGS_MAX] = {
    {"shop", "list", NULL},
    {"shop", "list", "--json", NULL},
    {"shop", "help", NULL},
    {"shop", "help", "list", NULL},
    {"shop", "version", NULL},
    {"shop", "--durration", "5s", NULL},
    {"shop", "-u", "0", NULL},
    {"shop", "runn", NULL},
    {"shop", "completion", "bash", NULL},
    {"shop", "completion", "zsh", NULL},
    {"shop", "help", "--mdoc", NULL},
    {"shop", "report", "no.json", NULL},
    {"shop", "debug", "--user", "seller", "-p", "base_url=x", NULL},
    {"shop", "--config", "/dev/null", "-i", "1", NULL},
    {"shop", "-s", "1s:5", "-s", "1s:5/s", NULL},
    {"shop", "-i", "1", NULL}, /* the required parameter is missing */
    {"shop", "-p", "base=x", "-p", "base_url=x", NULL},
};

START_TEST(a_command_without_memory_says_so)
{
    const char *const *args = commands[_i];
    int status = -1;
    char *whole_out = calloc(1, TEXT_BYTES);
    char *whole_err = calloc(1, TEXT_BYTES);

    ck_assert(whole_out && whole_err);
    for (size_t i = 0; i < LKI_COUNT(droughts); i++) {
        long count = 0;
        long after = -1;

        do {
            /* once with all memory, to compare with */
            run(args, after, count);
            if (after < 0) {
                status = ending->status;
                strcpy(whole_out, out_text);
                strcpy(whole_err, err_text);
            }
            MUST(!strcmp(out_text, whole_out) || (ending->status == 1 && *err_text),
                 "half of an answer");
            MUST(ending->status == status || ending->status == 1, "another exit status");
            MUST(!ending->status == !*err_text, "a failure without a word");
            count = droughts[i].count;
            after = after < 0 ? 0 : after + STRIDE;
        } while (after == 0 || ending->refused);
    }
    free(whole_out);
    free(whole_err);
}
END_TEST

static void setup(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(dir, sizeof(dir), "%s/loadkit-oom.XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(json_path, sizeof(json_path), "%s/result.json", dir);
    snprintf(out_path, sizeof(out_path), "%s/out", dir);
    snprintf(err_path, sizeof(err_path), "%s/err", dir);
    ending = mmap(NULL, sizeof(*ending), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(ending != MAP_FAILED);
}

/* That the directory can go says that no half-written file is in it. */
static void teardown(void)
{
    munmap(ending, sizeof(*ending));
    unlink(json_path);
    unlink(out_path);
    unlink(err_path);
    ck_assert_int_eq(rmdir(dir), 0);
}

static void setup_server(void)
{
    setup();
    memset(spaces, ' ', sizeof(spaces));
    test_server_start(&server, scripts, LKI_COUNT(scripts));
    snprintf(base_url, sizeof(base_url), "base_url=http://localhost:%u", server.port);
}

static void teardown_server(void)
{
    test_server_stop(&server);
    teardown();
}

static TCase *runs_make(void)
{
    TCase *runs = tcase_create("runs");

    tcase_set_timeout(runs, 600);
    tcase_add_checked_fixture(runs, setup_server, teardown_server);
    tcase_add_loop_test(runs, a_run_without_memory_ends_and_counts_what_failed, 0,
                        LKI_COUNT(droughts));
    return runs;
}

static TCase *commands_make(void)
{
    TCase *tests = tcase_create("commands");

    tcase_set_timeout(tests, 600);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_command_without_memory_says_so, 0, LKI_COUNT(commands));
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("oom_run");

    memory_open();
    suite_add_tcase(suite, commands_make());
    suite_add_tcase(suite, runs_make());
    return suite_run(suite);
}

/* How a row of the table is carried out, and what came of it compared. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "behaviour/behaviour.h"
#include "support/descriptors.h"
#include "support/rig.h"

#define BODY_KEPT 512

struct got {
    int status;
    int version;
    unsigned redirects;
    char body[BODY_KEPT];
    size_t body_bytes;
    size_t filled; /* the body is so many 'x' */
    char error[256];
    char header[256];
};

/* A case under way. */
struct carried {
    struct behaviour_run *run;
    const struct behaviour_want *want;
    struct test_server server; /* pid 0: there is none */
    struct rig rig;
    struct lk_request request;
    struct lk_http_settings settings;
    struct got got[BEHAVIOUR_CALLS];
    size_t count; /* answers in got */
};

/* The first problem is the one that is told. */
static bool LK_PRINTF(3, 4) expect(struct carried *carried, bool truth, const char *format, ...)
{
    va_list args;

    if (truth || *carried->run->problem)
        return truth;
    va_start(args, format);
    vsnprintf(carried->run->problem, sizeof(carried->run->problem), format, args);
    va_end(args);
    return false;
}

/* ---- texts ---- */

static const char *server_of(const struct carried *carried)
{
    return carried->server.pid ? carried->server.url + strlen("http://") : "127.0.0.1:1";
}

static void expand(const struct carried *carried, const char **text)
{
    *text = places_expand(*text, server_of(carried));
}

static void expand_pairs(const struct carried *carried, const char *const **pairs)
{
    static const char *store[4][16];
    static size_t used;
    size_t count = 0;

    if (!*pairs)
        return;
    for (; (*pairs)[count] && count < LKI_COUNT(store[0]) - 1; count++)
        store[used][count] = places_expand((*pairs)[count], server_of(carried));
    store[used][count] = NULL;
    *pairs = store[used++];
}

static void texts_make(struct carried *carried)
{
    const struct behaviour *of = carried->run->of;
    struct lk_request *request = &carried->request;
    struct lk_http_settings *settings = &carried->settings;

    *request = of->request;
    request->size = sizeof(*request);
    expand(carried, &request->url);
    expand(carried, &request->body_file);
    expand_pairs(carried, &request->headers);
    *settings = of->settings;
    settings->size = sizeof(*settings);
    settings->engine = carried->run->engine;
    expand(carried, &settings->ca_file);
    expand(carried, &settings->cert_file);
    expand(carried, &settings->key_file);
    expand(carried, &settings->proxy);
    expand(carried, &settings->unix_socket);
    expand_pairs(carried, &settings->resolve);
}

/* ---- the user ---- */

static void note(struct got *got, const lk_response *response, const char *header)
{
    got->status = response->status;
    got->version = response->version;
    got->redirects = response->redirects;
    got->body_bytes = response->body_bytes;
    snprintf(got->body, sizeof(got->body), "%s", response->body);
    while (got->filled < response->body_bytes && response->body[got->filled] == 'x')
        got->filled++;
    snprintf(got->error, sizeof(got->error), "%s", lk_error(response));
    if (header) {
        char name[64];

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(header, ":"), header);
        snprintf(got->header, sizeof(got->header), "%s: %s", name, lk_header(response, name));
    }
}

static void converse(lk_vu *vu, void *arg)
{
    static const char *const names[BEHAVIOUR_CALLS] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    struct carried *carried = arg;
    const struct behaviour *of = carried->run->of;

    lk_http_setup_with(vu, &carried->settings);
    lk_http_base_url(vu, of->at ? places_url(of->at) : carried->server.url);
    for (size_t i = 0; i < BEHAVIOUR_CALLS && carried->want->calls[i].method; i++) {
        const struct behaviour_call *call = &carried->want->calls[i];
        struct lk_request request = carried->request;
        lk_response *response;

        request.method = call->method;
        request.name = names[i];
        request.keep_going = !of->strict;
        request.timeout_s = call->timeout_s > 0 ? call->timeout_s : request.timeout_s;
        if (call->url)
            request.url = places_expand(call->url, server_of(carried));
        else if (!request.url)
            request.url = "/";
        response = lk_http(vu, &request);
        note(&carried->got[carried->count++], response, call->header);
        lk_response_free(response);
    }
}

static void cut(lk_vu *vu, void *arg)
{
    const struct carried *carried = arg;

    while (test_server_settle(&carried->server)->requests < 1)
        lk_sleep(vu, 0.001);
    lki_tasks_cut(vu->loop);
}

/* ---- what came of it ---- */

static void answer_verify(struct carried *carried, size_t i)
{
    const struct behaviour_call *call = &carried->want->calls[i];
    const struct got *got = &carried->got[i];
    const char *body = call->body ? call->body : "";
    int version = call->version ? call->version : 11;

    expect(carried, got->status == call->status, "call %zu: status %d '%s', not %d", i, got->status,
           got->error, call->status);
    if (call->error)
        expect(carried, strstr(got->error, call->error) != NULL, "call %zu: error '%s', not '%s'",
               i, got->error, call->error);
    if (call->filled)
        expect(carried, got->filled == call->filled && got->body_bytes == call->filled,
               "call %zu: %zu bytes, %zu of them x, not %zu", i, got->body_bytes, got->filled,
               call->filled);
    else
        expect(carried, !strcmp(got->body, body) && got->body_bytes == strlen(body),
               "call %zu: body '%s', %zu bytes, not '%s'", i, got->body, got->body_bytes, body);
    expect(carried, got->version == (call->status ? version : 0), "call %zu: version %d, not %d", i,
           got->version, version);
    expect(carried, got->redirects == call->redirects, "call %zu: %u redirects", i, got->redirects);
    if (call->header)
        expect(carried, !strcmp(got->header, call->header), "call %zu: header '%s', not '%s'", i,
               got->header, call->header);
}

/* The phases of a sample as the case has them, or as they follow from how it is answered. */
static void phases_of(const struct carried *carried, size_t i, char *out)
{
    const struct behaviour_call *call = &carried->want->calls[i];
    const char *url = call->url ? call->url : carried->request.url;
    bool tls = !strncmp(places_url(carried->run->of->at), "https:", 6) ||
               (url && !strncmp(url, "https:", 6));
    const char *phases = call->phases ? call->phases : call->kept ? "swr" : "cswr";

    for (; *phases; phases++) {
        *out++ = *phases;
        if (*phases == 'c' && tls && phases[1] && phases[1] != 't')
            *out++ = 't';
    }
    *out = '\0';
}

/* What the phases take is part of what all of it takes, and a handshake takes some time. */
static void times_verify(struct carried *carried, size_t i, const struct lki_tally *tally)
{
    lki_ns_sum sum = 0;

    for (size_t phase = 0; phase < LKI_PHASE_COUNT; phase++)
        sum += tally->phases[phase].sum;
    expect(carried, sum <= tally->latency.sum || tally->latency.count < tally->count,
           "call %zu: %lld ns in phases, %lld in all", i, (long long)sum,
           (long long)tally->latency.sum);
    expect(carried, !tally->phases[LKI_PHASE_TLS].count || tally->phases[LKI_PHASE_TLS].sum,
           "call %zu: a handshake of no time", i);
}

static void sample_verify(struct carried *carried, size_t i)
{
    static const char letters[] = "lctswr";
    const struct behaviour_call *call = &carried->want->calls[i];
    const char name[] = {(char)('0' + i), '\0'};
    const struct lki_metric *metric = lki_metrics_find(&carried->rig.metrics, LKI_SOURCE_HTTP,
                                                       "step", name, 1);
    lki_code code = call->code ? call->code : (lki_code)call->status;
    uint64_t samples = call->samples ? call->samples : 1;
    char want[16];
    char got[8] = "";
    size_t len = 0;

    expect(carried, metric->total.count == samples, "call %zu: %d samples, not %d", i,
           (int)metric->total.count, (int)samples);
    if (lki_codes_get(&metric->total.codes, code) < 1)
        expect(carried, false, "call %zu: a sample with code %s '%s', not %s", i,
               lki_code_name(lki_codes_all(&metric->total.codes)[0].code), carried->got[i].error,
               lki_code_name(code));
    times_verify(carried, i, &metric->total);
    for (size_t phase = 0; phase < LKI_PHASE_COUNT; phase++) {
        if (metric->total.phases[phase].count)
            got[len++] = letters[phase];
    }
    phases_of(carried, i, want);
    /* a name is looked up, or it is known already */
    if (!strchr(want, 'l') && *got == 'l')
        memmove(got, got + 1, len);
    expect(carried, !strcmp(got, want), "call %zu: phases %s, not %s (%s)", i, got, want,
           carried->got[i].error);
}

static void totals_verify(struct carried *carried)
{
    const struct lki_totals *totals = carried->rig.metrics.totals;
    const struct behaviour_want *want = carried->want;
    const struct test_server_seen *seen = carried->server.seen;
    uint64_t sent = totals->http_requests - totals->http_unsent;
    const struct test_request *last;

    expect(carried, totals->http_unsent == want->unsent, "%d unsent, not %d",
           (int)totals->http_unsent, (int)want->unsent);
    expect(carried, want->any_requests || totals->http_retries == want->retries,
           "%d sent again, not %d", (int)totals->http_retries, (int)want->retries);
    if (!carried->server.pid)
        return;
    if (carried->run->of->deaf)
        test_server_settle(&carried->server);
    else
        test_server_settle_closed(&carried->server);
    expect(carried, carried->run->of->deaf || seen->open == 0, "%d connections are still open",
           (int)seen->open);
    expect(carried,
           want->refused || seen->connections == (want->connections ? want->connections : 1),
           "%d connections, not %d", (int)seen->connections,
           (int)(want->connections ? want->connections : 1));
    sent = want->requests ? want->requests : sent;
    expect(carried, want->any_requests || seen->requests == sent, "%d requests seen, not %d",
           (int)seen->requests, (int)sent);
    last = test_server_request(&carried->server, seen->requests - (seen->requests > 0));
    if (want->seen)
        expect(carried, strstr(last->bytes, places_expand(want->seen, server_of(carried))) != NULL,
               "the server saw no '%s' in\n%s", want->seen, last->bytes);
    if (want->unseen)
        expect(carried, !strstr(last->bytes, want->unseen), "the server saw '%s' in\n%s",
               want->unseen, last->bytes);
}

/* ---- the whole ---- */

static void server_start(struct carried *carried)
{
    const struct behaviour *of = carried->run->of;
    struct test_script scripts[BEHAVIOUR_SCRIPTS];
    size_t count = 0;

    memcpy(scripts, of->scripts, sizeof(scripts));
    while (count < BEHAVIOUR_SCRIPTS && scripts[count].acts[0].act)
        count++;
    for (size_t i = 0; carried->run->drip && i < count * TEST_SCRIPT_MAX; i++) {
        struct test_action *action = &scripts[i / TEST_SCRIPT_MAX].acts[i % TEST_SCRIPT_MAX];

        action->act = action->act == ACT_SEND ? ACT_DRIP : action->act;
    }
    if (count)
        test_server_start(&carried->server, scripts, count);
}

static void user_verify(struct carried *carried, const struct rig_user *user)
{
    const struct behaviour_want *want = carried->want;
    enum lki_outcome ends = want->refused ? LKI_OUTCOME_FAILED : want->ends;

    expect(carried, user->outcome == ends, "the step ended with outcome %d: %s", user->outcome,
           user->message);
    if (want->refused)
        expect(carried, strstr(user->message, want->refused) != NULL,
               "the message is '%s', not '%s'", user->message, want->refused);
}

static const struct behaviour_want *want_of(const struct behaviour_run *run)
{
    const struct behaviour_want *own = run->engine == LK_HTTP_ENGINE_CURL ? &run->of->curl
                                                                          : &run->of->native;

    return own->why ? own : &run->of->want;
}

void behaviour_carry_out(struct behaviour_run *run)
{
    static struct carried carried;
    int descriptors = open_descriptors();
    struct rig_user *user;

    carried.run = run;
    carried.want = want_of(run);
    server_start(&carried);
    texts_make(&carried);
    rig_open(&carried.rig);
    user = rig_add(&carried.rig, converse, &carried);
    if (run->of->step_timeout_s > 0)
        user->timeout_ns = lki_ns(run->of->step_timeout_s * (run->drip ? 4 : 1));
    if (run->of->cut)
        rig_add(&carried.rig, cut, &carried);
    rig_run(&carried.rig);
    lki_metrics_fold(&carried.rig.metrics);
    user_verify(&carried, user);
    for (size_t i = 0; i < carried.count; i++)
        answer_verify(&carried, i);
    for (size_t i = 0; i < BEHAVIOUR_CALLS && carried.want->calls[i].method; i++) {
        if (!carried.want->refused || carried.want->calls[i].status || carried.want->calls[i].code)
            sample_verify(&carried, i);
    }
    for (struct rig_user *each = carried.rig.users; each; each = each->next)
        lki_http_client_reset(&each->vu.http);
    lki_session_close(&carried.rig.http.session);
    totals_verify(&carried);
    rig_close(&carried.rig);
    if (carried.server.pid)
        test_server_stop(&carried.server);
    expect(&carried, open_descriptors() == descriptors, "%d descriptors before, %d after",
           descriptors, open_descriptors());
}

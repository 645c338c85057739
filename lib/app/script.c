#include "app/script.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "client/vu.h"
#include "net/conn.h"
#include "net/http1_parse.h"

#define STATUS_MIN 200
#define STATUS_MAX 999
#define NOT_FOUND 404

struct lki_script_rule {
    struct lki_script_rule *next; /* said before it */
    const char *pattern;
    lk_test_handler *handler; /* NULL: answer says it all */
    void *arg;
    struct lk_test_answer answer; /* its texts are copies */
    bool counted;                 /* it serves answer.times requests only */
};

/* How a request is answered, made from what the script says. */
struct reply {
    lki_code error;         /* 0: there is an answer */
    const char *error_name; /* as the script called it */
    int status;
    char *head;
    size_t head_bytes;
    char *body;
    size_t body_bytes;
    bool open_line; /* the header lines of the script lack their end */
    int64_t delay_ns;
};

void lki_script_release(struct lki_script *script)
{
    free(script->requests);
    lki_arena_reset(&script->arena);
    *script = (struct lki_script){0};
}

/* ---- rules ---- */

/* The failure of that name; 0: there is none. Cancelled is what only the end of a run can be. */
static lki_code error_code(const char *name)
{
    for (int code = LKI_CODE_HTTP_TIMEOUT; code <= LKI_CODE_HTTP_NO_PORTS; code++) {
        if (code != LKI_CODE_HTTP_CANCELLED && !strcmp(lki_code_name((lki_code)code), name))
            return (lki_code)code;
    }
    return 0;
}

/* An answer of the caller's, which may be of an older or newer make. */
static struct lk_test_answer answer_take(const struct lk_test_answer *answer)
{
    struct lk_test_answer taken = {0};

    memcpy(&taken, answer, lki_min(answer->size, sizeof(taken)));
    taken.size = sizeof(taken);
    return taken;
}

static bool answer_usable(const struct lk_test_answer *answer)
{
    if (answer->error)
        return error_code(answer->error) != 0;
    return !answer->status || (answer->status >= STATUS_MIN && answer->status <= STATUS_MAX);
}

static bool keep_text(struct lki_script *script, const char **text)
{
    if (*text)
        *text = lki_arena_copy(&script->arena, *text, strlen(*text));
    return *text;
}

static enum lk_err rule_add(struct lki_script *script, const struct lki_script_rule *like)
{
    struct lki_script_rule *rule = lki_arena_alloc(&script->arena, sizeof(*rule));
    struct lk_test_answer *answer;

    if (!rule)
        return LK_E_NOMEM;
    *rule = *like;
    answer = &rule->answer;
    if (!keep_text(script, &rule->pattern) || (answer->body && !keep_text(script, &answer->body)) ||
        (answer->head && !keep_text(script, &answer->head)) ||
        (answer->error && !keep_text(script, &answer->error)))
        return LK_E_NOMEM;
    rule->next = script->rules;
    script->rules = rule;
    return LK_OK;
}

enum lk_err lki_script_answer(struct lki_script *script, const char *pattern,
                              const struct lk_test_answer *answer)
{
    struct lki_script_rule rule = {.pattern = pattern, .answer = answer_take(answer)};

    if (!answer_usable(&rule.answer))
        return LK_E_ARG;
    rule.counted = rule.answer.times != 0;
    return rule_add(script, &rule);
}

enum lk_err lki_script_handle(struct lki_script *script, const char *pattern, lk_test_handler *fn,
                              void *arg)
{
    return rule_add(script,
                    &(struct lki_script_rule){.pattern = pattern, .handler = fn, .arg = arg});
}

/* Whether text is as pattern says, in which '*' stands for any characters. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL; /* the last one that was met, and from where it was tried */
    const char *from = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* The rule for "METHOD /path"; NULL: none. One that is counted has served once more. */
static struct lki_script_rule *rule_for(struct lki_script *script, const char *what)
{
    struct lki_script_rule *rule = script->rules;

    while (rule && ((rule->counted && !rule->answer.times) || !matches(rule->pattern, what)))
        rule = rule->next;
    if (rule && rule->counted)
        rule->answer.times--;
    return rule;
}

/* ---- requests ---- */

static bool request_room(struct lki_script *script)
{
    struct lk_test_request *requests = lki_room(script->requests, script->request_count,
                                                &script->request_cap, sizeof(*requests));

    if (!requests)
        return false;
    script->requests = requests;
    return true;
}

/* Method and target out of the request line. */
static bool request_line(struct lki_script *script, struct lk_test_request *request)
{
    size_t method_len = strcspn(request->head, " ");
    const char *target = request->head + method_len + 1;

    request->method = lki_arena_copy(&script->arena, request->head, method_len);
    request->url = lki_arena_copy(&script->arena, target, strcspn(target, " "));
    return request->method && request->url;
}

/* The request as it would go out. False: no memory. */
static bool request_make(struct lki_script *script, lk_vu *vu,
                         const struct lki_exchange_request *exchange,
                         struct lk_test_request *request)
{
    struct lki_buf *out = lki_vu_scratch(vu);

    lki_buf_clear(out);
    exchange->write_head(exchange->arg, out);
    *request = (struct lk_test_request){.at_ns = lki_loop_now(vu->loop),
                                        .user = vu->id,
                                        .step = lki_vu_unit(vu)->step,
                                        .body_bytes = exchange->body_bytes};
    if (!out->err)
        request->head = lki_arena_copy(&script->arena, out->data, out->len);
    request->body = lki_arena_copy(&script->arena, exchange->body, exchange->body_bytes);
    return request->head && request->body && request_line(script, request) && request_room(script);
}

/* ---- answers ---- */

static bool has_length(const char *lines)
{
    static const char name[] = "Content-Length:";

    while (lines) {
        if (!strncasecmp(lines, name, sizeof(name) - 1))
            return true;
        lines = strchr(lines, '\n');
        if (lines)
            lines++;
    }
    return false;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {409, "Conflict"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < LKI_COUNT(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "";
}

/* Head and body as they would come, in the arena of the exchange: what the script points to need
 * not last. False: no memory. */
static bool reply_write(struct reply *reply, lk_vu *vu, const struct lk_test_answer *answer,
                        bool is_head, struct lki_arena *arena)
{
    bool bodiless = reply->status == 204 || reply->status == 304;
    struct lki_buf *out = lki_vu_scratch(vu);
    const char *body = answer->body ? answer->body : "";
    const char *lines = answer->head ? answer->head : "";

    reply->open_line = *lines && lines[strlen(lines) - 1] != '\n';
    lki_buf_clear(out);
    lki_buf_printf(out, "HTTP/1.1 %d %s\r\n", reply->status, reason_of(reply->status));
    lki_buf_str(out, lines);
    if (!bodiless && !has_length(lines))
        lki_buf_printf(out, "Content-Length: %zu\r\n", strlen(body));
    lki_buf_str(out, "\r\n");
    if (bodiless || is_head)
        body = "";
    reply->head_bytes = out->len;
    reply->body_bytes = strlen(body);
    reply->head = out->err ? NULL : lki_arena_copy(arena, out->data, out->len);
    reply->body = lki_arena_copy(arena, body, reply->body_bytes);
    return reply->head && reply->body;
}

/* Asks the script. False: no memory. */
static bool reply_make(struct reply *reply, struct lki_script *script, lk_vu *vu,
                       const struct lki_exchange_request *exchange,
                       const struct lk_test_request *request, struct lki_arena *arena)
{
    struct lk_test_answer answer = {.size = sizeof(answer), .status = NOT_FOUND};
    size_t path_len = strcspn(request->url, "?");
    struct lki_buf *what = lki_vu_scratch(vu);
    const char *text;
    struct lki_script_rule *rule;

    lki_buf_clear(what);
    lki_buf_printf(what, "%s ", request->method);
    lki_buf_append(what, request->url, path_len);
    text = lki_buf_cstr(what);
    if (!text)
        return false;
    rule = rule_for(script, text);
    if (rule && rule->handler) {
        answer.status = 0;
        rule->handler(request, &answer, rule->arg);
    } else if (rule) {
        answer = rule->answer;
    }
    reply->delay_ns = lki_ns(answer.delay_s);
    reply->status = answer.status ? answer.status : STATUS_MIN;
    if (answer.error) {
        reply->error = error_code(answer.error);
        reply->error_name = lki_arena_copy(arena, answer.error, strlen(answer.error));
        return reply->error_name;
    }
    return reply_write(reply, vu, &answer, exchange->is_head, arena);
}

/* ---- the exchange ---- */

/* A failure before the request could be sent, and the phase that it ends. */
static bool is_unsent(lki_code error, enum lki_phase *phase)
{
    *phase = error == LKI_CODE_HTTP_DNS   ? LKI_PHASE_LOOKUP
             : error == LKI_CODE_HTTP_TLS ? LKI_PHASE_TLS
                                          : LKI_PHASE_CONNECT;
    return error == LKI_CODE_HTTP_DNS || error == LKI_CODE_HTTP_CONNECT ||
           error == LKI_CODE_HTTP_TLS || error == LKI_CODE_HTTP_NO_DESCRIPTORS ||
           error == LKI_CODE_HTTP_NO_PORTS;
}

/* Waits for the end of the answer. An exchange lets the others run even if it takes no time. */
static enum lki_wake wait_for_reply(lk_vu *vu, const struct reply *reply, int64_t timeout_ns)
{
    struct lki_task *task = lki_vu_task(vu);
    int64_t now_ns = lki_loop_now(vu->loop);
    enum lki_wake why;

    if (!reply->delay_ns)
        return lki_task_yield(task);
    why = lki_task_wait(
        task, lki_ns_after(now_ns, reply->delay_ns < timeout_ns ? reply->delay_ns : timeout_ns));
    if (why == LKI_WAKE_TIMEOUT && reply->delay_ns < timeout_ns)
        return LKI_WAKE_EVENT;
    return why;
}

/* Takes the answer, by the rules that one from the network is subject to. */
static void take_reply(const struct reply *reply, const struct lki_exchange_request *request,
                       struct lki_arena *arena, struct lki_exchange_result *result)
{
    struct lki_http1_head head;
    int done;

    lki_http1_head_start(&head, request->is_head, LKI_HTTP1_HEAD_MAX);
    done = lki_http1_head_parse(&head, reply->head, reply->head_bytes);
    result->bytes_received = reply->head_bytes + reply->body_bytes;
    if (reply->status < STATUS_MIN || reply->status > STATUS_MAX) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_PROTOCOL,
                          "the script answers with status %d: answers have 200 to 999",
                          reply->status);
    } else if (done < 0) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_PROTOCOL, "%s", head.error);
    } else if (reply->open_line || head.head_bytes != reply->head_bytes) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_PROTOCOL,
                          "a header line of the script is empty, or does not end in \\r\\n");
    } else if (reply->body_bytes > request->max_body_bytes) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TOO_LARGE,
                          "the answer's body is larger than %zu bytes", request->max_body_bytes);
    } else {
        result->status = reply->status;
        result->code = (lki_code)reply->status;
        result->version = 11;
        result->fields = head.fields;
        result->head = reply->head;
        result->head_bytes = reply->head_bytes;
        result->body = reply->body;
        result->body_bytes = reply->body_bytes;
    }
}

static void take_error(const struct reply *reply, struct lki_arena *arena,
                       struct lki_exchange_result *result)
{
    if (reply->error)
        lki_exchange_fail(result, arena, reply->error, "a failure that the script wants");
    else
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_PROTOCOL,
                          "the script wants the failure \"%s\", which there is not",
                          reply->error_name);
}

void lki_script_exchange(struct lki_http_shared *shared, lk_vu *vu,
                         const struct lki_exchange_request *request, struct lki_arena *arena,
                         struct lki_exchange_result *result)
{
    struct lki_script *script = shared->exchange_arg;
    struct lk_test_request sent;
    struct reply reply = {0};
    enum lki_phase phase = LKI_PHASE_WAIT;
    enum lki_wake why;
    bool unsent;

    *result = (struct lki_exchange_result){.error = "", .body = "", .head = ""};
    for (int i = 0; i < LKI_PHASE_COUNT; i++)
        result->phase_ns[i] = -1;
    result->start_ns = result->end_ns = lki_loop_now(vu->loop);
    if (!request_make(script, vu, request, &sent) ||
        !reply_make(&reply, script, vu, request, &sent, arena)) {
        lki_exchange_fail(result, arena, LKI_CODE_HTTP_TOO_LARGE, "out of memory for the request");
        return;
    }
    unsent = is_unsent(reply.error, &phase);
    if (!unsent) {
        phase = LKI_PHASE_WAIT;
        script->requests[script->request_count++] = sent;
        result->sent = true;
        result->bytes_sent = strlen(sent.head) + sent.body_bytes;
        result->phase_ns[LKI_PHASE_SEND] = 0;
    }
    why = wait_for_reply(vu, &reply, request->timeout_ns);
    result->end_ns = lki_loop_now(vu->loop);
    result->phase_ns[phase] = result->end_ns - result->start_ns;
    if (why != LKI_WAKE_EVENT)
        lki_exchange_broken(result, arena, why, unsent ? "connecting" : "waiting for the answer");
    else if (reply.error_name)
        take_error(&reply, arena, result);
    else
        take_reply(&reply, request, arena, result);
    if (result->bytes_received)
        result->phase_ns[LKI_PHASE_RECEIVE] = 0;
}

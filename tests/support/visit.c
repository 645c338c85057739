#include "support/visit.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <loadkit/vu.h>

#include "client/setup.h"

struct rig visit_rig;
struct test_server visit_server;

const struct test_script visit_script = {{SRV_READ, SRV_SEND(VISIT_ANSWER), SRV_AGAIN}};

void visit_open(void)
{
    test_server_start(&visit_server, &visit_script, 1);
    rig_open(&visit_rig);
}

static void errand(lk_vu *vu, void *arg)
{
    struct visit *visit = arg;
    struct lk_http_settings settings = {.size = 0};

    lk_http_base_url(vu, visit->base ? visit->base : visit_server.url);
    if (visit->settings) {
        settings = *visit->settings;
        settings.size = sizeof(settings);
        lk_http_setup_with(vu, &settings);
    }
    snprintf(visit->url, sizeof(visit->url), "/%llu", (unsigned long long)lk_user_id(vu));
    for (int i = 0; i < visit->requests; i++) {
        struct lk_request request = visit->request;
        lk_response *response;

        request.size = sizeof(request);
        request.method = "GET";
        request.url = visit->url;
        request.keep_going = true;
        response = lk_http(vu, &request);
        visit->status = response->status;
        snprintf(visit->error, sizeof(visit->error), "%s", lk_error(response));
        /* the others have their turn between two requests */
        lk_sleep(vu, 0.001);
    }
}

struct rig_user *visit_one(struct visit *visit)
{
    struct rig_user *user = rig_add(&visit_rig, errand, visit);

    rig_run(&visit_rig);
    return user;
}

void visit_all(struct visit *visits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rig_add(&visit_rig, errand, &visits[i]);
    rig_run(&visit_rig);
    for (const struct rig_user *user = visit_rig.users; user; user = user->next)
        ck_assert_msg(user->outcome == LKI_OUTCOME_OK, "%s", user->message);
}

void visit_well(struct visit *visit)
{
    visit_all(visit, 1);
}

void visit_run_settings(const char *text)
{
    struct lki_buf why;

    lki_buf_init(&why, LKI_HTTP_SETTINGS_MAX);
    ck_assert_msg(!lki_http_setup_run(&visit_rig.http, text, &why), "%s", lki_buf_cstr(&why));
    lki_buf_release(&why);
}

bool visit_sent(uint64_t index, const char *text)
{
    return strstr(test_server_request(&visit_server, index)->bytes, text) != NULL;
}

void visit_close(void)
{
    rig_close(&visit_rig);
    test_server_settle_closed(&visit_server);
}

#include "user/run_data.h"

#include <stdlib.h>
#include <string.h>

#include <loadkit/vu.h>

#include "base/mem.h"
#include "client/values.h"
#include "user/life.h"

struct lki_run_data {
    struct lki_run_data *before;
    lk_json *json;
};

/* Of no user, since whoever reads it fails for itself. */
enum lk_err lki_run_data_add(struct lki_run_data **data, const struct lki_loop *loop,
                             const char *text)
{
    struct lki_run_data *added = lki_zalloc(sizeof(*added));

    if (added)
        added->json = lki_json_own(text, strlen(text), NULL);
    if (!added || !added->json) {
        free(added);
        return LK_E_NOMEM;
    }
    added->json->doc.loop = loop;
    added->before = *data;
    *data = added;
    return LK_OK;
}

static void add(lk_vu *vu, struct lki_run_data **data, const char *text)
{
    if (lki_run_data_add(data, vu->loop, text))
        lki_vu_nomem(vu);
}

const char *lki_run_data_text(const struct lki_run_data *data)
{
    return data ? data->json->doc.text : NULL;
}

void lki_run_data_free(struct lki_run_data *data)
{
    while (data) {
        struct lki_run_data *before = data->before;

        lki_json_free(data->json);
        free(data);
        data = before;
    }
}

void lk_run_data_set(lk_vu *vu, const lk_json *data)
{
    if (!lki_vu_unit(vu)->sets_up)
        lki_vu_fail(vu, "lk_run_data_set was called outside of LK_ON_SETUP: what is the same for "
                        "all users is set before they begin");
    add(vu, &lki_user_of(vu)->crowd->run_data, lk_json_text(data));
}

const lk_json *lk_run_data(lk_vu *vu)
{
    struct lki_run_data **data = &lki_user_of(vu)->crowd->run_data;

    if (!*data)
        add(vu, data, "null");
    return (*data)->json;
}

/* Users for the tests that compare what loadkit counts with what a server logged. */
#include <stdlib.h>

#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "the server");
LK_PARAM(pause, .value = "0", .help = "seconds from the end of a step to its next start");
LK_PARAM(body, .help = "text to POST; empty: GET");

LK_PARAM(tidy, .type = LK_SECONDS, .help = "computing when a step ends, however it does");

struct tidying {
    lk_vu *vu;
    double seconds;
};

LK_VU(visitor) {
    unsigned long visits;
    struct tidying tidying;
};

static double pause_s(lk_vu *vu)
{
    return atof(lk_param(vu, "pause"));
}

static void tidy(void *arg)
{
    const struct tidying *tidying = arg;
    double end = lk_now(tidying->vu) + tidying->seconds;

    while (lk_now(tidying->vu) < end)
        ;
}

LK_ON_INIT(visitor)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(visitor, visit, .every = LK_DELAY_FN(pause_s))
{
    const char *body = lk_param(vu, "body");

    self->visits++;
    if (lk_param_double(vu, "tidy") > 0) {
        self->tidying = (struct tidying){vu, lk_param_double(vu, "tidy")};
        lk_defer(vu, tidy, &self->tidying);
    }
    if (*body)
        lk_post(vu, "/", .body = body);
    else
        lk_get(vu, lk_format(vu, "/?visit=%lu", self->visits));
}

LK_PROBE(turns, .every_s = 0.5)
{
    static int turns;

    (void)vu;
    return LK_VALUE(++turns);
}

LK_MAIN()

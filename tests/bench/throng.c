/*
 * A throng: many users of whom each hundredth asks again and again, and all others wait for a
 * minute after each step.
 */
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "target");

LK_VU(waiter, .weight = 99)
{
    unsigned long steps;
};

LK_STEP(waiter, wait, .every = LK_FIXED(60))
{
    self->steps++;
}

LK_VU(asker)
{
    char nothing;
};

LK_ON_INIT(asker)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(asker, ask, .every = LK_FIXED(0.1))
{
    lk_get(vu, "/throng");
}

LK_MAIN()

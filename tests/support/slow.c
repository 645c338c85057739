/* A set-up that lasts, for what happens meanwhile. */
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .help = "not looked at");
LK_PARAM(set_up, .type = LK_SECONDS, .value = "30s", .help = "so long it takes");

LK_ON_SETUP()
{
    lk_sleep(vu, lk_param_double(vu, "set_up"));
}

LK_VU(idler) {
    unsigned long turns;
};

LK_STEP(idler, turn, .every = LK_FIXED(0.1))
{
    self->turns++;
}

LK_MAIN()

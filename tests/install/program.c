/* What check-install builds as C: a program that has nothing but what is installed. */
#include <loadkit/loadkit.h>

LK_PARAM(rounds, .type = LK_INT, .value = "3");

LK_VU(visitor) {
    int visits;
};

LK_STEP(visitor, visit, .every = LK_FIXED(0.001))
{
    for (long long i = 0; i < lk_param_int(vu, "rounds"); i++)
        self->visits++;
    LK_CHECK(self->visits % 3 == 0, "all rounds were gone");
    lk_sleep(vu, 0.001);
}

LK_MAIN()

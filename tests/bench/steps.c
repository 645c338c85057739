/* Steps that do nothing but let the others run: what is left is loadkit's own time per step. */
#include <loadkit/loadkit.h>

LK_VU(idler) {
    unsigned long turns;
};

LK_STEP(idler, turn)
{
    lk_sleep(vu, 0);
    self->turns++;
}

LK_MAIN()

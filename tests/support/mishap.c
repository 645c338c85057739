/* Users of which one, or each, brings its worker into trouble, while the others go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

LK_PARAM(base_url, .help = "the server; without one nothing is requested");
LK_PARAM(how, .value = "none",
         .help = "null, spin, busy, abort, exit, sleep, print, deep, start (null), block (null)");
LK_PARAM(who, .type = LK_INT, .value = "17", .help = "number of the user; 0: each");
LK_PARAM(after, .type = LK_INT, .value = "3", .help = "so many visits of that user");

LK_VU(shopper) {
    volatile char *nowhere;
    unsigned long visits;
};

static int is(lk_vu *vu, const char *how)
{
    long who = (long)lk_param_int(vu, "who");

    return (!who || lk_user_id(vu) == (uint64_t)who) && !strcmp(lk_param(vu, "how"), how);
}

static void spin(void)
{
    for (volatile unsigned long turns = 0;; turns++)
        continue;
}

static void compute(void)
{
    struct timespec used;
    long until_ms = 0;

    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        if (!until_ms)
            until_ms = used.tv_sec * 1000 + used.tv_nsec / 1000000 + 10;
    } while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < until_ms);
}

/* Not at 0, which a sanitizer would name before us. */
static void fall(volatile char *nowhere)
{
    nowhere[64] = 1;
}

static void fall_there(void *nowhere)
{
    fall(nowhere);
}

/* Without an end, though no compiler sees that. */
static int deep(volatile int *depth)
{
    volatile int deeper[8] = {*depth + 1};

    return *depth < 0 ? 0 : deep(deeper) + deeper[0];
}

LK_ON_INIT(shopper)
{
    if (*lk_param(vu, "base_url"))
        lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_ON_START(shopper)
{
    if (is(vu, "start"))
        fall(self->nowhere);
    if (is(vu, "print"))
        printf("user %llu prints\n", (unsigned long long)lk_user_id(vu));
}

LK_STEP(shopper, visit, .every = LK_FIXED(0.01))
{
    self->visits++;
    if (*lk_param(vu, "base_url"))
        lk_get(vu, "/");
}

LK_STEP(shopper, pay, .needs = "visit", .every = LK_FIXED(0.01))
{
    volatile int depth = 0;

    if (self->visits < (unsigned long)lk_param_int(vu, "after"))
        return;
    if (is(vu, "null"))
        fall(self->nowhere);
    if (is(vu, "block"))
        lk_blocking(vu, fall_there, (char *)(uintptr_t)self->nowhere);
    if (is(vu, "spin"))
        spin();
    while (is(vu, "sleep"))
        sleep(1000);
    if (is(vu, "busy"))
        compute();
    if (is(vu, "deep"))
        deep(&depth);
    if (is(vu, "abort"))
        abort();
    if (is(vu, "exit"))
        exit(3);
    self->visits++;
}

LK_MAIN()

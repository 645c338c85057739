/* Steps that go wrong in ways that only a process of their own can show. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <loadkit/loadkit.h>

LK_PARAM(how, .required = true, .help = "overflow, big (the same on a large stack), null, block");
LK_PARAM(file, .help = "block: what is made when the function returns");

LK_VU(victim) {
    volatile char *nowhere;
};

static int dig(int depth)
{
    volatile char room[512];

    memset((char *)(uintptr_t)room, depth, sizeof(room));
    return depth ? dig(depth - 1) + room[depth % 512] : 0;
}

static volatile int dug;

static void block(void *file)
{
    sleep(20);
    close(creat(file, 0600));
}

LK_STEP(victim, shallow, .every = LK_FIXED(60))
{
    if (!strcmp(lk_param(vu, "how"), "overflow") && lk_user_id(vu) == 3)
        dug = dig(1000000);
    if (!strcmp(lk_param(vu, "how"), "null") && lk_user_id(vu) == 3)
        self->nowhere[64] = 1; /* not at 0, which a sanitizer would name before us */
    if (!strcmp(lk_param(vu, "how"), "block") && lk_user_id(vu) == 3)
        lk_blocking(vu, block, (void *)(uintptr_t)lk_param(vu, "file"));
}

LK_VU(roomy) {
    char unused;
};

LK_STEP(roomy, deep, .every = LK_FIXED(60), .stack_bytes = 1024 * 1024)
{
    if (!strcmp(lk_param(vu, "how"), "big"))
        dug = dig(1200);
}

LK_MAIN()

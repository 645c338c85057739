#include "oom/drought.h"

#include <stdint.h>
#include <string.h>

#include "oom/memory.h"
#include "support/expect.h"
#include "support/rig.h"

static const long lengths[DROUGHTS] = {1, 3, MEMORY_ALL};

static struct rig rig;

/* False: the step does not ask for so much. */
static bool live_without(void (*step)(lk_vu *vu, void *drought), struct drought *drought,
                         const char *why)
{
    int descriptors = memory_descriptors();
    long held = memory_held();
    const struct rig_user *user;
    long refused;

    rig_open(&rig);
    user = rig_add(&rig, step, drought);
    rig_run(&rig);
    refused = memory_allow();
    EXPECT(refused || user->outcome == LKI_OUTCOME_OK, "it failed without a reason: %s",
           user->message);
    EXPECT(user->outcome == LKI_OUTCOME_OK || (why ? !strcmp(user->message, why) : *user->message),
           "another reason, or none: %s", user->message);
    rig_close(&rig);
    EXPECT(memory_held() == held, "%ld blocks more, after %ld", memory_held() - held,
           drought->after);
    EXPECT(memory_descriptors() == descriptors, "descriptors are open, after %ld", drought->after);
    return refused > 0;
}

void drought_live(void (*step)(lk_vu *vu, void *drought), size_t which, const char *why)
{
    struct drought drought = {.how_many = lengths[which]};

    while (live_without(step, &drought, why))
        EXPECT(++drought.after < 1000, "there is no end");
    EXPECT(drought.after > 0, "it asks for no memory at all");
}

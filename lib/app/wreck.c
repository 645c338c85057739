#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include "app/wreck.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "app/child.h"
#include "app/crash.h"

static bool is_label(const struct lki_model *model, const char *step)
{
    for (size_t t = 0; t < model->type_count; t++) {
        for (size_t s = 0; s < model->types[t].step_count; s++) {
            if (model->types[t].steps[s].label == step)
                return true;
        }
    }
    for (size_t p = 0; p < model->probe_count; p++) {
        if (model->probes[p]->def.name == step)
            return true;
    }
    return false;
}

/* A pointer is followed only if it is one of those that can be meant: of the model, or of a text in
 * the program. */
static const char *step_of(const struct lki_place *place, const struct lki_model *model)
{
    Dl_info info;

    if (!place->in_step || !place->step)
        return "";
    return is_label(model, place->step) || dladdr(place->step, &info) ? place->step : "";
}

/* A copy that can be relied on. */
static struct lki_place place_read(const struct lki_place *from, const struct lki_model *model)
{
    struct lki_place place = *from;

    place.step = step_of(from, model);
    if (!*place.step)
        place.in_step = false;
    if (place.frame_count < 0 || place.frame_count > LKI_PAGE_FRAMES_MAX)
        place.frame_count = 0;
    return place;
}

/* ---- a hanging step ---- */

static void hanging_text(char *text, size_t size, const struct lki_place *place)
{
    const char *kind = strncmp(place->step, "on_", 3) ? "step " : "";

    if (!place->in_step)
        snprintf(text, size, "a step");
    else if (place->user)
        snprintf(text, size, "%s%s of user %llu", kind, place->step,
                 (unsigned long long)place->user);
    else
        snprintf(text, size, "%s", place->step);
}

void lki_wreck_init_hanging(struct lki_wreck *wreck, const struct lki_model *model,
                            const struct lki_worker_page *page)
{
    struct lki_place place = place_read(&page->asked, model);

    *wreck = (struct lki_wreck){.line = ""};
    hanging_text(wreck->line, sizeof(wreck->line), &place);
    lki_frames_init(&wreck->frames, place.frames, place.frame_count);
}

/* ---- a dead worker ---- */

static void place_tell(struct lki_wreck *wreck, const struct lki_place *place)
{
    struct lki_death *death = &wreck->death;

    death->in_step = place->in_step;
    death->user = place->in_step ? place->user : 0;
    death->step = place->step;
    lki_frames_init(&wreck->frames, place->frames, place->frame_count);
    death->frames = wreck->frames.texts;
    death->frame_count = wreck->frames.count;
}

/* Whether it came from what the process itself has done; other signals are sent to it, and it may
 * have been stopped for too long in the middle of anything. */
static bool is_own_doing(int status)
{
    int number = status != -1 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (status != -1 && WIFEXITED(status))
        return WEXITSTATUS(status) != LKI_CHILD_FENCED;
    return lki_crash_is_fault(number) || number == SIGPIPE || number == SIGXFSZ;
}

/* Whose doing it was when the process could not tell. Which of its threads has brought it down is
 * not known then, so of several that had something in hand none is blamed. And one that ends in
 * order does so whatever its helpers are at. */
static const struct lki_in_hand *culprit(const struct lki_loop_shown *shown, int status)
{
    const struct lki_in_hand *found = shown->in_hand.step ? &shown->in_hand : NULL;

    if (!is_own_doing(status) || (WIFEXITED(status) && !found))
        return NULL;
    for (size_t i = 0; i < LKI_HELPERS_MAX; i++) {
        const struct lki_in_hand *helper = &shown->helpers[i];

        if (helper->step && found)
            return NULL;
        if (helper->step)
            found = helper;
    }
    return found;
}

static void crash_tell(struct lki_wreck *wreck, const struct lki_place *place, int status)
{
    size_t len = (size_t)snprintf(wreck->line, sizeof(wreck->line), "crashed: ");

    lki_crash_text(wreck->line + len, sizeof(wreck->line) - len, place);
    snprintf(wreck->what, sizeof(wreck->what), "%s", lki_crash_what(place));
    if (!place->signal && WIFEXITED(status))
        snprintf(wreck->what, sizeof(wreck->what), "exit(%d) was called", WEXITSTATUS(status));
    place_tell(wreck, place);
}

static void hanging_tell(struct lki_wreck *wreck, const struct lki_place *place)
{
    char where[256];

    hanging_text(where, sizeof(where), place);
    snprintf(wreck->line, sizeof(wreck->line),
             "is ended: %s has not yielded for longer than the grace time", where);
    snprintf(wreck->what, sizeof(wreck->what), "hung");
    place_tell(wreck, place);
}

static void status_text(char *text, size_t size, int status)
{
    if (status == -1)
        snprintf(text, size, "vanished");
    else if (WIFSIGNALED(status))
        snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == LKI_CHILD_FAILED)
        snprintf(text, size, "no memory or descriptors to begin with");
    else if (WEXITSTATUS(status) == LKI_CHILD_FENCED)
        snprintf(text, size, "ended by itself: it had been stopped for too long");
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
}

bool lki_wreck_init(struct lki_wreck *wreck, const struct lki_model *model,
                    const struct lki_worker_page *page, int status, bool killed)
{
    bool in_order = status != -1 && WIFEXITED(status) && !WEXITSTATUS(status);
    const struct lki_in_hand *in_hand = culprit(&page->loop, status);
    struct lki_place place;

    *wreck = (struct lki_wreck){.death = {.what = wreck->what, .step = "", .page = page}};
    if (page->crash.known) {
        place = place_read(&page->crash, model);
        crash_tell(wreck, &place, status);
        return true;
    }
    if (killed && status != -1 && WIFSIGNALED(status)) {
        place = place_read(&page->asked, model);
        hanging_tell(wreck, &place);
        return true;
    }
    if (in_hand) {
        lki_place_fill(&place, WIFSIGNALED(status) ? WTERMSIG(status) : 0, in_hand);
        place = place_read(&place, model);
        crash_tell(wreck, &place, status);
        return true;
    }
    status_text(wreck->what, sizeof(wreck->what), status);
    snprintf(wreck->line, sizeof(wreck->line), "died: %s", wreck->what);
    wreck->death.told = in_order;
    return !in_order;
}

void lki_wreck_release(struct lki_wreck *wreck)
{
    lki_frames_release(&wreck->frames);
}

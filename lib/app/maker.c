#include "app/maker.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "app/fleet.h"
#include "base/entropy.h"
#include "base/mem.h"
#include "bus/message.h"

/* A factory that does not yield for so long counts as crashed. */
#define GRACE_NS (5 * LKI_NS_PER_S)
#define FAILURE_MAX 1024

/* What is known of one id. */
struct made {
    char *text;
    char *message; /* NULL as the text: nothing yet */
};

struct lki_maker {
    struct lki_loop *loop;
    const struct lki_model *model;
    struct lki_maker_owner owner;
    struct lki_fleet *fleet;
    struct lki_link *link; /* NULL: none, or it is gone */
    struct lki_order_make order;
    struct made *made; /* by id, from the first; those that wait for others before them */
    uint64_t told;     /* so many have been told */
    bool dead;         /* the child */
    bool over;
    bool failed; /* failure says how */
    char failure[FAILURE_MAX];
    struct lki_timer last_words;
    struct lki_post ending;
    struct lki_arena inbox;
    struct lki_buf out;
};

/* ---- the end ---- */

static void fail(struct lki_maker *maker, const char *fmt, ...) LK_PRINTF(2, 3);

/* The first reason counts. */
static void fail(struct lki_maker *maker, const char *fmt, ...)
{
    va_list args;

    if (maker->failed)
        return;
    maker->failed = true;
    va_start(args, fmt);
    vsnprintf(maker->failure, sizeof(maker->failure), fmt, args);
    va_end(args);
}

static const char *resource_name(const struct lki_maker *maker)
{
    return maker->model->resources[maker->order.resource]->def.name;
}

static bool has_told_all(const struct lki_maker *maker)
{
    return maker->told == maker->order.count;
}

static void on_ending(struct lki_post *post)
{
    struct lki_maker *maker = LKI_CONTAINER(post, struct lki_maker, ending);

    maker->owner.on_over(maker, maker->failed ? maker->failure : NULL, maker->owner.arg);
}

/* When the child has ended and its last words have come. */
static void look_for_end(struct lki_maker *maker)
{
    if (maker->over || !maker->dead || maker->link)
        return;
    maker->over = true;
    lki_timer_cancel(&maker->last_words);
    if (has_told_all(maker))
        maker->failed = false; /* whatever came after the last object */
    else
        fail(maker, "the process that makes objects of resource \"%s\" has ended",
             resource_name(maker));
    lki_loop_post(maker->loop, &maker->ending, on_ending);
}

static void close_link(struct lki_maker *maker)
{
    lki_link_close(maker->link);
    maker->link = NULL;
}

static void on_last_words(struct lki_timer *timer)
{
    struct lki_maker *maker = LKI_CONTAINER(timer, struct lki_maker, last_words);

    close_link(maker);
    look_for_end(maker);
}

/* ---- what it is told, and tells ---- */

static void order(struct lki_maker *maker, const struct lki_order *order)
{
    lki_buf_clear(&maker->out);
    lki_order_write(order, &maker->out);
    if (maker->out.err || lki_link_send(maker->link, maker->out.data, maker->out.len)) {
        fail(maker, "%s", lk_strerror(LK_E_NOMEM));
        close_link(maker);
    }
}

static void prepare(struct lki_maker *maker)
{
    order(maker, &(struct lki_order){.kind = LKI_ORDER_PREPARE,
                                     .prepare = {.run_id = "make",
                                                 .worker = 1,
                                                 .seed = lki_entropy_u64(),
                                                 .population = 1}});
}

/* Those that nobody waits for any more, in their order. */
static void tell_ready(struct lki_maker *maker)
{
    const struct lki_maker_owner *owner = &maker->owner;

    while (!has_told_all(maker)) {
        struct made *made = &maker->made[maker->told];

        if (!made->text && !made->message)
            return;
        owner->on_made(maker, maker->order.first + maker->told, made->text, made->message,
                       owner->arg);
        free(made->text);
        free(made->message);
        *made = (struct made){0};
        maker->told++;
    }
    if (maker->link)
        order(maker, &(struct lki_order){.kind = LKI_ORDER_QUIT});
}

static void on_made(struct lki_maker *maker, const struct lki_report_make *told)
{
    uint64_t at = told->id - maker->order.first;
    struct made *made = at < maker->order.count ? &maker->made[at] : NULL;

    if (!made || at < maker->told || made->text || made->message)
        return;
    made->text = told->text ? strdup(told->text) : NULL;
    made->message = told->text ? NULL : strdup(told->message);
    if (!made->text && !made->message) {
        fail(maker, "%s", lk_strerror(LK_E_NOMEM));
        close_link(maker);
        return;
    }
    tell_ready(maker);
}

static void on_report(struct lki_maker *maker, const struct lki_report *report)
{
    switch (report->kind) {
    case LKI_REPORT_HELLO:
        prepare(maker);
        break;
    case LKI_REPORT_PREPARED:
        order(maker, &(struct lki_order){.kind = LKI_ORDER_MAKE, .make = maker->order});
        break;
    case LKI_REPORT_MAKE:
        on_made(maker, &report->make);
        break;
    case LKI_REPORT_FAILED:
        fail(maker, "%s", report->failed.message);
        close_link(maker);
        break;
    default:
        break;
    }
}

static void on_message(struct lki_link *link, const void *bytes, size_t len)
{
    struct lki_maker *maker = link->owner;
    struct lki_report report;
    enum lk_err err = lki_report_read(&report, bytes, len, &maker->inbox);

    if (!err) {
        on_report(maker, &report);
    } else {
        fail(maker, "what makes objects of resource \"%s\" has sent what cannot be read: %s",
             resource_name(maker), lk_strerror(err));
        close_link(maker);
    }
    lki_arena_reset(&maker->inbox);
    look_for_end(maker);
}

static void on_gone(struct lki_link *link)
{
    struct lki_maker *maker = link->owner;

    close_link(maker);
    look_for_end(maker);
}

/* ---- its process ---- */

static enum lk_err on_join(uint64_t worker, struct lki_link *link, void *arg)
{
    struct lki_maker *maker = arg;

    (void)worker;
    maker->link = link;
    link->owner = maker;
    link->on_message = on_message;
    link->on_gone = on_gone;
    return LK_OK;
}

static void blame(struct lki_maker *maker, const struct lki_death *death)
{
    const char *place = death->frame_count ? death->frames[0] : NULL;

    if (death->in_step)
        fail(maker, "the factory of resource \"%s\" %s%s%s%s", resource_name(maker),
             strcmp(death->what, "hung") ? "crashed: " : "did not yield, and was ended",
             strcmp(death->what, "hung") ? death->what : "", place ? " in " : "",
             place ? place : "");
    else
        fail(maker, "the process that makes objects of resource \"%s\": %s", resource_name(maker),
             death->what);
}

static void on_died(uint64_t worker, const struct lki_death *death, void *arg)
{
    struct lki_maker *maker = arg;

    (void)worker;
    maker->dead = true;
    blame(maker, death);
    lki_timer_set(&maker->loop->timers, &maker->last_words,
                  lki_loop_now(maker->loop) + LKI_LAST_WORDS_NS);
    look_for_end(maker);
}

static void on_forked(void *arg)
{
    const struct lki_maker *maker = arg;

    if (maker->owner.on_forked)
        maker->owner.on_forked(maker->owner.arg);
}

static enum lk_err begin(struct lki_maker *maker)
{
    const struct lki_fleet_settings settings = {.workers = 1,
                                                .grace_ns = GRACE_NS,
                                                .handle_signals = true,
                                                .on_join = on_join,
                                                .on_died = on_died,
                                                .on_forked = on_forked,
                                                .arg = maker};
    enum lk_err err = lki_timer_init(&maker->loop->timers, &maker->last_words, on_last_words);

    if (!err)
        err = lki_fleet_new(&maker->fleet, maker->loop, maker->model, &settings);
    if (!err)
        err = lki_fleet_begin(maker->fleet);
    return err;
}

enum lk_err lki_maker_new(struct lki_maker **out, struct lki_loop *loop,
                          const struct lki_model *model, size_t resource, uint64_t first,
                          uint64_t count, const struct lki_maker_owner *owner)
{
    struct lki_maker *maker;
    enum lk_err err;

    if (resource >= model->resource_count || !first || !count)
        return LK_E_ARG;
    maker = lki_zalloc(sizeof(*maker));
    if (!maker)
        return LK_E_NOMEM;
    maker->loop = loop;
    maker->model = model;
    maker->owner = *owner;
    maker->order = (struct lki_order_make){resource, first, count};
    lki_buf_init(&maker->out, LKI_MESSAGE_MAX);
    maker->made = count <= SIZE_MAX / sizeof(*maker->made)
                      ? calloc((size_t)count, sizeof(*maker->made))
                      : NULL;
    err = maker->made ? begin(maker) : LK_E_NOMEM;
    if (err)
        lki_maker_free(maker);
    else
        *out = maker;
    return err;
}

/* A factory that is at work is not waited for. */
void lki_maker_free(struct lki_maker *maker)
{
    pid_t pid;

    if (!maker)
        return;
    close_link(maker);
    pid = maker->fleet ? lki_fleet_pid(maker->fleet, 1) : 0;
    if (pid > 0)
        kill(pid, SIGKILL);
    lki_fleet_free(maker->fleet);
    lki_loop_unpost(maker->loop, &maker->ending);
    lki_timer_release(&maker->loop->timers, &maker->last_words);
    for (uint64_t i = maker->told; maker->made && i < maker->order.count; i++) {
        free(maker->made[i].text);
        free(maker->made[i].message);
    }
    free(maker->made);
    lki_arena_reset(&maker->inbox);
    lki_buf_release(&maker->out);
    free(maker);
}

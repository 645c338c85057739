/* The sections of the result that are about the workers. */
#include "result/json_out.h"

static void put_crash(struct lki_json_out *out, const void *one)
{
    const struct lki_result_crash *crash = one;

    LKI_OUT_COUNTS(out, {"worker", crash->worker});
    lki_out_str_or_null(out, "worker_id", crash->worker_id);
    LKI_OUT_COUNTS(out, {"user", crash->user});
    lki_out_str_or_null(out, "step", crash->step);
    lki_out_str(out, "what", crash->what);
    lki_out_s(out, "at_s", crash->at_ns);
    lki_out_bool(out, "orphaned", crash->orphaned);
    lki_out_s(out, "silent_s", crash->silent_ns);
    lki_out_s(out, "goes_on_s", crash->goes_on_ns);
    lki_out_bool(out, "retired", crash->retired);
    lki_out_key(out, "backtrace");
    lki_out_texts(out, crash->frames, crash->frame_count);
}

static double share_of(int64_t ns, int64_t span_ns)
{
    return span_ns > 0 ? (double)ns / (double)span_ns : 0;
}

/* Shares are of a processor, and of the time. */
static void put_health(struct lki_json_out *out, const void *one)
{
    const struct lki_result_health *health = one;
    bool waited = health->waited_ns >= 0;

    lki_out_str_or_null(out, "worker_id", health->worker_id);
    LKI_OUT_NUMBERS(out, true, {"cpu", share_of(health->busy_ns, health->span_ns)});
    LKI_OUT_NUMBERS(out, waited, {"waited", share_of(health->waited_ns, health->span_ns)});
    LKI_OUT_MS(out, true, {"longest_turn_ms", health->busiest_ns});
    LKI_OUT_COUNTS(out, {"stalls", health->stalls}, {"turns", health->turns},
                   {"descriptors", health->descriptors}, {"overflowed", health->overflowed},
                   {"abandoned", health->abandoned});
    lki_out_s(out, "span_s", health->span_ns);
    lki_out_s(out, "busy_s", health->busy_ns);
    lki_out_key(out, "waited_s");
    if (waited)
        lki_out_seconds(out, health->waited_ns);
    else
        lki_out_null(out);
}

void lki_out_fleet(struct lki_json_out *out, const struct lki_result *result)
{
    lki_out_list(out, "crashes", result->crashes, result->crash_count, sizeof(*result->crashes),
                 put_crash);
    lki_out_section(out, "generator");
    lki_out_open(out, '{');
    lki_out_list(out, "workers", result->health, result->health_count, sizeof(*result->health),
                 put_health);
    lki_out_close(out, '}');
}

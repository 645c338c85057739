/* The sections of the result that are about what authors measured; and arrivals. */
#include "base/json.h"
#include "result/json_out.h"
#include "stats/custom.h"

void lki_out_arrivals(struct lki_json_out *out, const struct lki_result *result)
{
    const struct lki_result_arrivals *arrivals = &result->arrivals;
    const struct lki_summary *lateness = &arrivals->lateness;

    lki_out_section(out, "arrivals");
    if (!(arrivals->rate_per_s > 0)) {
        lki_json_write_null(&out->buf);
        return;
    }
    lki_out_open(out, '{');
    LKI_OUT_NUMBERS(out, true, {"rate_per_s", arrivals->rate_per_s});
    LKI_OUT_COUNTS(out, {"intended", arrivals->intended}, {"started", arrivals->started},
                   {"dropped", arrivals->dropped}, {"late", arrivals->late});
    lki_out_key(out, "lateness_ms");
    lki_out_open(out, '{');
    LKI_OUT_COUNTS(out, {"count", lateness->count});
    LKI_OUT_MS(out, lateness->count > 0, {"p50", lateness->p50_ns}, {"p90", lateness->p90_ns},
               {"p99", lateness->p99_ns}, {"max", lateness->max_ns});
    lki_out_close(out, '}');
    lki_out_close(out, '}');
}

static void put_check(struct lki_json_out *out, const struct lki_result_metric *check)
{
    lki_out_line(out);
    lki_out_open(out, '{');
    lki_out_str(out, "name", check->name);
    lki_out_str(out, "step", check->step);
    LKI_OUT_COUNTS(out, {"passed", check->count - check->errors}, {"failed", check->errors});
    lki_out_close(out, '}');
}

static void put_trend(struct lki_json_out *out, const struct lki_result_custom *custom)
{
    LKI_OUT_NUMBERS(out, custom->count > 0, {"avg", custom->avg}, {"min", custom->min},
                    {"p50", custom->p50}, {"p90", custom->p90}, {"p95", custom->p95},
                    {"p99", custom->p99}, {"p99_9", custom->p99_9}, {"max", custom->max});
}

static void put_custom(struct lki_json_out *out, const struct lki_result_custom *custom)
{
    bool measured = custom->count > 0;

    lki_out_line(out);
    lki_out_open(out, '{');
    lki_out_str(out, "name", custom->name);
    lki_out_str(out, "type", lki_custom_type_name(custom->type));
    lki_out_str_or_null(out, "unit", custom->unit);
    LKI_OUT_COUNTS(out, {"count", custom->count});
    switch (custom->type) {
    case LK_TREND:
        put_trend(out, custom);
        break;
    case LK_COUNTER:
        LKI_OUT_NUMBERS(out, true, {"sum", custom->sum}, {"rate_per_s", custom->per_s});
        break;
    case LK_GAUGE:
        LKI_OUT_NUMBERS(out, measured, {"last", custom->last}, {"avg", custom->avg},
                        {"min", custom->min}, {"max", custom->max});
        break;
    case LK_RATE:
        LKI_OUT_COUNTS(out, {"true", custom->hits});
        LKI_OUT_NUMBERS(out, measured, {"share", (double)custom->hits / (double)custom->count});
        break;
    }
    lki_out_close(out, '}');
}

/* Each reading is its time and its value; null stands for one that failed too. */
static void put_readings(struct lki_json_out *out, const struct lki_result_probe *probe)
{
    lki_out_key(out, "readings");
    lki_out_open(out, '[');
    for (size_t i = 0; i < probe->reading_count; i++) {
        lki_out_line(out);
        lki_out_open(out, '[');
        lki_out_item(out);
        lki_out_seconds(out, probe->readings[i].t_ns);
        lki_out_item(out);
        lki_out_scalar(out, &probe->readings[i].value);
        lki_out_close(out, ']');
    }
    lki_out_close(out, ']');
}

static void put_probe(struct lki_json_out *out, const struct lki_result_probe *probe)
{
    lki_out_line(out);
    lki_out_open(out, '{');
    lki_out_str(out, "name", probe->name);
    LKI_OUT_COUNTS(out, {"count", probe->count}, {"errors", probe->errors},
                   {"numbers", probe->numbers});
    lki_out_key(out, "last");
    lki_out_scalar(out, &probe->last);
    LKI_OUT_NUMBERS(out, probe->numbers > 0, {"avg", probe->avg}, {"min", probe->min},
                    {"max", probe->max});
    put_readings(out, probe);
    lki_out_close(out, '}');
}

void lki_out_author(struct lki_json_out *out, const struct lki_result *result)
{
    lki_out_section(out, "checks");
    lki_out_open(out, '[');
    for (size_t i = 0; i < result->metric_count; i++) {
        if (result->metrics[i].source == LKI_SOURCE_CHECK)
            put_check(out, &result->metrics[i]);
    }
    lki_out_close(out, ']');
    lki_out_section(out, "custom");
    lki_out_open(out, '[');
    for (size_t i = 0; i < result->custom_count; i++)
        put_custom(out, &result->customs[i]);
    lki_out_close(out, ']');
    lki_out_section(out, "probes");
    lki_out_open(out, '[');
    for (size_t i = 0; i < result->probe_count; i++)
        put_probe(out, &result->probes[i]);
    lki_out_close(out, ']');
}

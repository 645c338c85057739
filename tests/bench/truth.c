/* By how much each recorded latency exceeds the time for which the server says it held the answer
 * back: the percentiles of that, in ms, stand on standard error at the end. */
#include <stdio.h>
#include <stdlib.h>

#include <loadkit/loadkit.h>

#define KEPT 100000

static double excess_ms[KEPT];
static size_t count;

LK_PARAM(base_url, .required = true, .help = "a server that answers with its delay in ns");

LK_VU(visitor)
{
    char nothing;
};

LK_ON_INIT(visitor)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(visitor, visit)
{
    lk_response *r = lk_get(vu, "/");

    if (count < KEPT)
        excess_ms[count++] = r->seconds * 1e3 - atof(r->body) / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    int status = lk_main(argc, argv);

    qsort(excess_ms, count, sizeof(*excess_ms), by_value);
    if (count)
        fprintf(stderr, "excess ms p50 %.3f p90 %.3f p99 %.3f\n", excess_ms[count / 2],
                excess_ms[count * 9 / 10], excess_ms[count * 99 / 100]);
    return status;
}

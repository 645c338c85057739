/*
 * How late a bare loop of clock_nanosleep wakes up, to compare the starts of arrivals with.
 *
 *   nanosleep RATE SECONDS
 *
 * Prints the percentiles of its lateness: "late ms p50 0.055 p99 0.080".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL))
        continue;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    double rate = argc == 3 ? atof(argv[1]) : 0;
    size_t count = (size_t)(rate * (argc == 3 ? atof(argv[2]) : 0));
    int64_t *late_ns = calloc(count ? count : 1, sizeof(*late_ns));
    int64_t start_ns = now_ns();
    size_t half;
    size_t most;

    if (!count || !late_ns) {
        fprintf(stderr, "usage: nanosleep RATE SECONDS\n");
        return 2;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t at_ns = start_ns + (int64_t)((double)i * 1e9 / rate);

        if (now_ns() < at_ns)
            sleep_until(at_ns);
        late_ns[i] = now_ns() - at_ns;
    }
    qsort(late_ns, count, sizeof(*late_ns), by_value);
    half = count / 2;
    most = count * 99 / 100;
    printf("late ms p50 %.3f p99 %.3f\n", (double)late_ns[half] / 1e6, (double)late_ns[most] / 1e6);
    free(late_ns);
    return 0;
}

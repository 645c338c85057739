#include "stats/example.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* Copies what of part fits into max bytes without cutting a character in two. */
static char *part_copy(char *at, struct lki_example_part part, size_t max)
{
    size_t len = lki_text_cut(part.text, part.len, max);

    if (len)
        memcpy(at, part.text, len);
    at[len] = '\0';
    return at;
}

/* A body may be binary; what follows a zero byte shall be seen as well. */
static void show_zeros(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!text[i])
            text[i] = '?';
    }
}

static void example_link(struct lki_metric *metric, struct lki_example *example)
{
    struct lki_example **at = &metric->examples;

    while (*at)
        at = &(*at)->next;
    *at = example;
}

struct lki_example *lki_metrics_example(struct lki_metrics *metrics, struct lki_metric *metric,
                                        lki_code code, struct lki_example_part request,
                                        struct lki_example_part answer,
                                        struct lki_example_part body)
{
    size_t request_bytes = lki_min(request.len, LKI_EXAMPLE_LINE_MAX) + 1;
    size_t answer_bytes = lki_min(answer.len, LKI_EXAMPLE_LINE_MAX) + 1;
    size_t body_bytes = lki_min(body.len, LKI_EXAMPLE_BODY_MAX) + 1;
    struct lki_example *example;
    char *text;

    if (metrics->example_count >= LKI_EXAMPLES_MAX)
        return NULL;
    example = lki_zalloc(sizeof(*example) + request_bytes + answer_bytes + body_bytes);
    if (!example)
        return NULL;
    text = (char *)(example + 1);
    example->code = code;
    example->at_ns = lki_metrics_elapsed(metrics);
    example->request = part_copy(text, request, LKI_EXAMPLE_LINE_MAX);
    lki_text_one_line(text, strlen(text));
    text += request_bytes;
    example->answer = part_copy(text, answer, LKI_EXAMPLE_LINE_MAX);
    lki_text_one_line(text, strlen(text));
    text += answer_bytes;
    example->body = part_copy(text, body, LKI_EXAMPLE_BODY_MAX);
    show_zeros(text, lki_text_cut(body.text, body.len, LKI_EXAMPLE_BODY_MAX));
    example_link(metric, example);
    metrics->example_count++;
    return example;
}

void lki_examples_release(struct lki_example *first)
{
    while (first) {
        struct lki_example *next = first->next;

        free(first);
        first = next;
    }
}

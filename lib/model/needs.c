/* The part of the check that is about what steps need. */
#include <stdlib.h>
#include <string.h>

#include "model/check.h"

/* Names that a line lists at most, when none of them is near. */
#define LISTED_MAX 12

/* The steps as a graph: node i is steps[i], edges are its needs that exist. */
struct graph {
    const struct lki_index *index;
    const struct lk_def **steps; /* in order of user type and name */
    size_t count;
    struct node {
        const char *needs; /* those that were not looked at yet; NULL: no more */
        size_t from;       /* the node that needs this one on the way here */
        enum { NODE_NEW, NODE_ON_WAY, NODE_DONE } state;
    } * nodes;
};

static const char *needs_of(const struct lk_def *def)
{
    const char *needs = ((const struct lk_step_def *)def)->needs;

    return needs && *needs ? needs : NULL;
}

/* Says that a step needs something that is not there, and what is. */
static void fault_unknown(const struct lki_index *index, const struct lk_def *def, const char *name,
                          size_t len, struct lki_faults *faults)
{
    const char *vu = lki_def_vu(def);
    struct lki_nearest nearest;
    size_t count;
    size_t listed = 0;
    const struct lk_def **steps = lki_index_group(index, LK_DEF_STEP, vu, &count);

    lki_nearest_init(&nearest, name, len);
    for (size_t i = 0; i < count; i++) {
        if (steps[i] != def)
            lki_nearest_offer(&nearest, lki_def_name(steps[i]));
    }
    lki_fault_begin(faults, def);
    lki_fault_add(faults, "step %s.%s: it needs %.*s, which is no step of user type %s", vu,
                  lki_def_name(def), (int)len, name, vu);
    if (!lki_fault_suggest(faults, &nearest)) {
        for (size_t i = 0; i < count && listed < LISTED_MAX; i++) {
            if (steps[i] != def)
                lki_fault_add(faults, "%s%s", listed++ ? ", " : "; its other steps are ",
                              lki_def_name(steps[i]));
        }
        if (!listed)
            lki_fault_add(faults, "; it has no other step");
        else if (listed < count - 1)
            lki_fault_add(faults, ", ...");
    }
    lki_fault_end(faults);
}

static void check_step_needs(const struct lki_index *index, const struct lk_def *def,
                             struct lki_faults *faults)
{
    const char *needs = needs_of(def);
    const char *vu = lki_def_vu(def);
    const char *own = lki_def_name(def);
    const char *name;
    size_t len;

    while (lki_needs_next(&needs, &name, &len)) {
        if (!len)
            lki_fault(faults, def,
                      "step %s.%s: its needs have an empty name; write them as \"login, search\"",
                      vu, own);
        else if (strlen(own) == len && !memcmp(own, name, len))
            lki_fault(faults, def,
                      "step %s.%s: it needs itself, so it could never run; remove that", vu, own);
        else if (!lki_index_find(index, LK_DEF_STEP, vu, name, len))
            fault_unknown(index, def, name, len, faults);
    }
}

/* The next node that node at needs; false when there is no more. */
static bool graph_next(const struct graph *graph, size_t at, size_t *next)
{
    const struct lk_def *def = graph->steps[at];
    const char *name;
    size_t len;

    while (lki_needs_next(&graph->nodes[at].needs, &name, &len)) {
        const struct lk_def **found = lki_index_find(graph->index, LK_DEF_STEP, lki_def_vu(def),
                                                     name, len);

        /* unknown ones and a step itself are told elsewhere */
        if (found && !lki_def_same(*found, def)) {
            *next = (size_t)(found - graph->steps);
            return true;
        }
    }
    return false;
}

/* The way led from node first over others to node last, which needs first. */
static void fault_circle(const struct graph *graph, size_t first, size_t last,
                         struct lki_faults *faults)
{
    const struct lk_def *def = graph->steps[first];
    size_t at = first;

    lki_fault_begin(faults, def);
    lki_fault_add(faults, "step %s.%s: needs go round in a circle, %s", lki_def_vu(def),
                  lki_def_name(def), lki_def_name(def));
    while (at != last) {
        /* the way is linked backwards: the successor of at is what was reached from it */
        size_t next = last;

        while (graph->nodes[next].from != at)
            next = graph->nodes[next].from;
        lki_fault_add(faults, " -> %s", lki_def_name(graph->steps[next]));
        at = next;
    }
    lki_fault_add(faults, " -> %s, so none of them could run; remove one of these needs",
                  lki_def_name(def));
    lki_fault_end(faults);
}

/* Walks all that a node needs, depth first; what leads back to the way is a circle. */
static void graph_walk(struct graph *graph, size_t root, struct lki_faults *faults)
{
    size_t at = root;
    size_t next;

    graph->nodes[root].state = NODE_ON_WAY;
    graph->nodes[root].from = root;
    for (;;) {
        if (!graph_next(graph, at, &next)) {
            graph->nodes[at].state = NODE_DONE;
            if (at == root)
                return;
            at = graph->nodes[at].from;
        } else if (graph->nodes[next].state == NODE_ON_WAY) {
            fault_circle(graph, next, at, faults);
        } else if (graph->nodes[next].state == NODE_NEW) {
            graph->nodes[next].state = NODE_ON_WAY;
            graph->nodes[next].from = at;
            at = next;
        }
    }
}

/* The steps stand together in by_name too. */
static const struct lk_def **steps_by_name(const struct lki_index *index, size_t *count)
{
    size_t start = 0;

    lki_index_range(index, LK_DEF_STEP, count);
    while (start < index->count && index->by_name[start]->kind != LK_DEF_STEP)
        start++;
    return index->by_name + start;
}

enum lk_err lki_check_needs(const struct lki_index *index, struct lki_faults *faults)
{
    struct graph graph = {.index = index};

    graph.steps = steps_by_name(index, &graph.count);
    graph.nodes = calloc(graph.count + 1, sizeof(*graph.nodes));
    if (!graph.nodes)
        return LK_E_NOMEM;
    for (size_t i = 0; i < graph.count; i++) {
        graph.nodes[i].needs = needs_of(graph.steps[i]);
        check_step_needs(index, graph.steps[i], faults);
    }
    for (size_t i = 0; i < graph.count; i++) {
        if (graph.nodes[i].state == NODE_NEW)
            graph_walk(&graph, i, faults);
    }
    free(graph.nodes);
    return LK_OK;
}

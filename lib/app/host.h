/*
 * The role `worker`: a station. It runs no author's code itself; while a run is on it forks worker
 * processes, and passes on what their links and the orchestrator's say to each other.
 */
#ifndef LKI_APP_HOST_H
#define LKI_APP_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "bus/hub.h"
#include "model/model.h"

#define LKI_ORPHAN_AFTER_DEFAULT_NS (60 * LKI_NS_PER_S)

struct lki_host_settings {
    const struct lki_hub_settings *hub; /* borrowed */
    uint64_t processes;                 /* 1 or more */
    bool probes;
    int64_t orphan_after_ns; /* so long it goes on without an orchestrator */
    const char *http; /* as lki_http_settings_write has it: wins over that of runs; NULL: nothing */
    /* A line for people, without new-line. */
    void (*tell)(const char *line, void *arg);
    void *arg;
};

/*
 * Works until SIGINT, SIGTERM or SIGHUP, at which it leaves in order: its users go to others; a
 * second one ends it at once. On failure why says so in one line: LK_E_STATE when it was refused
 * (its name is another one's, its program is another one, Redis does not take its password), else
 * as for what could not be opened. model is that of the registry.
 */
enum lk_err lki_host_run(const struct lki_model *model, const struct lki_host_settings *settings,
                         struct lki_buf *why);

#endif

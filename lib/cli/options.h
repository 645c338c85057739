/*
 * What a command is to do: from its command line, and below that from the environment and from a
 * configuration file.
 */
#ifndef LKI_CLI_OPTIONS_H
#define LKI_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <loadkit/http.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cli/table.h"
#include "control/plan.h"

/* More of a body is not read by anybody. */
#define LKI_BODY_BYTES_MAX UINT64_C(1000000000)
/* Words besides options that a command takes. */
#define LKI_WORDS_MAX 2
#define LKI_SPAWN_INTERVAL_MAX_NS (60 * LKI_NS_PER_S)
#define LKI_ITEMS_MAX UINT64_C(10000) /* objects in one answer */

/* A parameter that a configuration file sets. */
struct lki_file_param {
    const char *text; /* "name=value" */
    const char *from; /* "the file X, line 3" */
};

/* Texts are the caller's argv, or lie in the arena. */
struct lki_options {
    uint64_t users;      /* at the start; 0 only with stages of users */
    uint64_t population; /* the most there will be */
    int64_t duration_ns; /* LKI_NEVER: none; with stages their sum */
    uint64_t iterations; /* 0: no limit */
    uint64_t workers;
    int64_t grace_ns;
    double rate_per_s;       /* of arrivals, at the start; 0 if not rated */
    bool rated;              /* iterations begin at a rate; stages are of that, else of users */
    int64_t arrival_wait_ns; /* how long one waits for a user */
    struct lki_stage *stages;
    size_t stage_count;
    uint64_t seed;
    bool seed_given;
    const char **params; /* "name=value" and "name=@FILE", as they were typed */
    size_t param_count;
    struct lki_file_param *file_params; /* those of a configuration file, the same */
    size_t file_param_count;
    struct lk_http_settings http; /* for all users */
    const char *http_text;        /* the same as lki_http_settings_write has it; NULL: nothing */
    const char **resolve;         /* its pairs, with a NULL behind them; NULL: none */
    size_t resolve_count;         /* of these texts */
    const char *json_file;        /* NULL: none */
    const char *config_file;      /* NULL: none */
    bool json;                    /* of list */
    bool mdoc;                    /* of help */
    bool quiet;
    bool no_color;
    bool help;
    bool version;
    const char *step;      /* of debug; NULL: all */
    const char *user_type; /* of debug; NULL: the first */
    uint64_t body_bytes;   /* of debug */
    /* of commands to an orchestrator */
    const char *orchestrator; /* its URL */
    const char *token_file;   /* also of the orchestrator; NULL: none */
    const char *token;        /* from the environment; NULL: none */
    int64_t timeout_ns;       /* for an answer */
    int64_t spawn_interval_ns;
    const char *init_params_json; /* NULL: none */
    const char *payload;          /* of resources, JSON or @FILE; NULL: none */
    bool wait;
    bool all;
    uint64_t offset;
    uint64_t limit;
    /* of what goes on over Redis */
    const char *redis_url;      /* from the environment; NULL: none */
    const char *redis_url_file; /* NULL: none */
    const char *cluster;
    const char *listen;        /* "127.0.0.1:8080" */
    const char *allowed_hosts; /* names, with commas between them; NULL: none */
    const char *cors_origin;   /* NULL: none */
    const char *state_dir;     /* NULL: not given */
    unsigned on_worker_loss;   /* enum lki_on_loss */
    unsigned on_worker_join;   /* enum lki_on_join */
    const char *id;            /* of a worker; NULL: not given */
    uint64_t processes;        /* of a worker; 0: not given */
    bool run_probes;
    int64_t orphan_after_ns;
    uint64_t given; /* a bit for each row of the table that was given somewhere */
    const char *words[LKI_WORDS_MAX];
    size_t word_count;
    struct lki_arena arena;
};

/*
 * Reads the arguments behind a command (its bit, or those of several), which may have so many words
 * among them; then, of what they do not say, the environment; then the configuration file that any
 * of the two names. What is given nowhere has its default. --help and --version end the reading:
 * what stands behind them is not looked at. LK_E_ARG: message is one line, without a new-line,
 * about what is wrong and what to do.
 */
enum lk_err lki_options_read(struct lki_options *options, unsigned commands, size_t words_max,
                             int argc, char **argv, struct lki_buf *message);
void lki_options_release(struct lki_options *options);

/* Was the option of that member, by offsetof, given anywhere? Else it has its default. */
bool lki_options_has(const struct lki_options *options, size_t offset);

#endif

/*
 * loadkit/test.h - try a scenario without a server and without waiting.
 *
 * A test runs the scenario of this program on a clock of its own, on which nothing takes time but
 * waiting, and answers its requests from a script. An hour of scenario takes milliseconds, and what
 * ran when is known to the nanosecond.
 *
 * What is outside of the test, a descriptor (lk_wait_fd) or a thread (lk_blocking), is waited for
 * in real time, for which that clock stands still; after a second of it the clock goes on.
 */
#ifndef LOADKIT_TEST_H
#define LOADKIT_TEST_H

#include <loadkit/api.h>
#include <loadkit/err.h>
#include <loadkit/run.h>

/* A test. Opaque. */
typedef struct lk_test lk_test;

/* A request as the script sees it. */
struct lk_test_request {
    int64_t at_ns;      /* when it was sent, from the start of the test */
    uint64_t user;      /* whose it was, from 1; 0: of the run's own hooks and probes */
    const char *step;   /* in which step; "" in a hook */
    const char *method; /* "GET" */
    const char *url;    /* "/path?query" as it was sent */
    const char *head;   /* request line and headers as they were sent, terminated */
    const char *body;   /* terminated */
    size_t body_bytes;
};

/* How to answer. Zero means the default for every member. */
struct lk_test_answer {
    size_t size;       /* of this struct; the macro sets it */
    int status;        /* default 200 */
    const char *body;  /* default "" */
    const char *head;  /* more header lines, each with its "\r\n" */
    double delay_s;    /* from the request to the end of the answer */
    const char *error; /* no answer but this failure: "HTTP_TIMEOUT", "HTTP_RESET", ... */
    unsigned times;    /* for so many requests, then what was said before for them; 0: all */
};

#ifndef __cplusplus
/* lk_test_answer(test, "POST /auth", .status = 201, .body = "{}"): members of the struct. */
#define lk_test_answer(test, ...)                                                                  \
    lk_test_answer_with((test), LK_TEST_ANSWER_(__VA_ARGS__, .size = sizeof(struct lk_test_answer)))
#define LK_TEST_ANSWER_(request, ...)                                                              \
    (request), &(const struct lk_test_answer)                                                      \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#endif

/* A hook or step that was carried out. */
struct lk_test_event {
    int64_t start_ns; /* from the start of the test */
    int64_t end_ns;
    uint64_t user;       /* from 1; 0: a hook or probe of the run's own */
    const char *name;    /* "login", "on_init", "on_setup" */
    const char *code;    /* "STEP_OK", "STEP_FAILED", "STEP_TIMEOUT", "LIFECYCLE_OK", ... */
    const char *message; /* why it failed; "" if it did not */
};

/* Answers a request: fills in answer, which is zeroed but for its size. What it points to must live
 * until the next call. Called in the user's task; it may not wait. */
typedef void lk_test_handler(const struct lk_test_request *request, struct lk_test_answer *answer,
                             void *arg);

LK_BEGIN_DECLS

/*
 * lk_test_new - prepare a test of the scenario that this program has registered.
 *
 * test      gets the test, to be freed with lk_test_free; untouched on failure
 * options   as of lk_run; without .duration_s and .iterations there is no limit. The seed is 1
 *           unless it is given
 * returns   as lk_run
 * context   any thread; a test belongs to one thread
 * since     0.1; lk_test_new(3)
 */
LK_API enum lk_err lk_test_new(lk_test **test, const struct lk_run_options *options);

/*
 * lk_test_free - free a test, and all that was read from it.
 *
 * test      users that still live are cut off; NULL is ignored
 * context   the test's thread
 * since     0.1; lk_test_new(3)
 */
LK_API void lk_test_free(lk_test *test);

/*
 * lk_test_answer_with - say how requests are answered; lk_test_answer fills in the struct.
 *
 * request   "POST /auth": a method and a path without query, where '*' stands for any characters;
 *           "*" for all requests. What was said last is looked at first
 * answer    copied with its texts
 * returns   LK_OK, LK_E_ARG for an unknown error or a status that is none, LK_E_NOMEM
 * context   the test's thread, also while it runs
 * since     0.1; lk_test_answer(3)
 */
LK_API enum lk_err lk_test_answer_with(lk_test *test, const char *request,
                                       const struct lk_test_answer *answer);

/*
 * lk_test_handle - have a function answer requests.
 *
 * request   as of lk_test_answer
 * fn        called for each request
 * returns   LK_OK, LK_E_NOMEM
 * context   the test's thread, also while it runs
 * since     0.1; lk_test_answer(3)
 */
LK_API enum lk_err lk_test_handle(lk_test *test, const char *request, lk_test_handler *fn,
                                  void *arg);

/*
 * lk_test_run - let time pass for the scenario; a request that nothing answers gets status 404.
 *
 * What is due at the very end of that time is left for the next call. Users that never wait, nor
 * their answers, are stopped from holding the clock: it goes on after 10,000 turns at one moment.
 *
 * seconds   of the scenario's time; exactly LK_OFF: until the run ends by itself; else what is
 *           negative is 0
 * returns   true when the run has ended: by its duration, its iterations, or lk_test_stop
 * context   the test's thread; the first call begins the run
 * since     0.1; lk_test_new(3)
 */
LK_API bool lk_test_run(lk_test *test, double seconds);

/*
 * lk_test_stop - have the run end: as Ctrl-C does, once or twice.
 *
 * context   the test's thread, or a step of the test; lk_test_run then carries out the end
 * since     0.1; lk_test_new(3)
 */
LK_API void lk_test_stop(lk_test *test);

/*
 * lk_test_event_at - what was carried out, in the order in which it ended.
 *
 * index     from 0
 * returns   NULL beyond the last one; valid until the next call of lk_test_run
 * context   the test's thread
 * since     0.1; lk_test_event_at(3)
 */
LK_API const struct lk_test_event *lk_test_event_at(const lk_test *test, size_t index);

/*
 * lk_test_count - how often a hook or step was carried out.
 *
 * name      "login", "on_start"; NULL: any
 * code      with that outcome, such as "STEP_OK"; NULL: any
 * context   the test's thread
 * since     0.1; lk_test_event_at(3)
 */
LK_API size_t lk_test_count(const lk_test *test, const char *name, const char *code);

/*
 * lk_test_request_at - the requests that were sent, in that order.
 *
 * index     from 0
 * returns   NULL beyond the last one; valid until the next call of lk_test_run
 * context   the test's thread
 * since     0.1; lk_test_event_at(3)
 */
LK_API const struct lk_test_request *lk_test_request_at(const lk_test *test, size_t index);

/*
 * lk_test_result - the result so far, as a run would report it.
 *
 * result    gets the result, to be freed with lk_result_free; untouched on failure
 * returns   LK_OK, LK_E_NOMEM
 * context   the test's thread
 * since     0.1; lk_test_event_at(3)
 */
LK_API enum lk_err lk_test_result(const lk_test *test, lk_result **result);

LK_END_DECLS

#endif

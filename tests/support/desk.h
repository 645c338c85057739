/*
 * A desk: an orchestrator with its API in this process, for tests that ask it. It believes that
 * Redis is there, but has no stations; a run in hand has scripted workers (a gang, on a clock of
 * its own), who have told all kinds of things. Objects are made at once, by nobody.
 *
 *     desk_open(&desk, true);
 *     desk_connect(&desk);
 *     desk_talk(&desk, text, strlen(text));
 *     ... desk.answer, desk.answer_bytes ...
 *     desk_close(&desk);
 */
#ifndef TESTS_SUPPORT_DESK_H
#define TESTS_SUPPORT_DESK_H

#include <stdbool.h>
#include <stddef.h>

#include "bus/hub.h"
#include "loop/loop.h"
#include "model/model.h"
#include "net/redis.h"
#include "support/gang.h"

#define DESK_ANSWER_MAX ((size_t)4 * 1024 * 1024)
/* More objects of a request fail to be made. */
#define DESK_OBJECTS_MAX 50

struct desk {
    struct lki_loop loop;
    struct lki_model *model;
    struct lki_redis_address nowhere;
    struct lki_hub_settings hub;
    struct lki_orchestrator *orchestrator;
    struct lki_api *api;
    bool running; /* there is a run in hand */
    struct gang gang;
    char directory[4096];
    int client;
    struct lki_io io;
    size_t answer_bytes;
    char answer[DESK_ANSWER_MAX];

    struct lki_post making; /* of objects: */
    uint64_t first, count;
    void (*on_object)(uint64_t id, const char *text, const char *message, void *arg);
    void *on_object_arg;
};

/* Ends the program on failure. */
void desk_open(struct desk *desk, bool running);
void desk_close(struct desk *desk);

/* A client comes; then it says all that it has to say, and reads until the connection is closed. */
void desk_connect(struct desk *desk);
void desk_talk(struct desk *desk, const char *text, size_t len);

#endif

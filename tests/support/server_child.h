/* The child of a test server: one loop over its connections, each of which follows its script. */
#ifndef TESTS_SUPPORT_SERVER_CHILD_H
#define TESTS_SUPPORT_SERVER_CHILD_H

#include "support/server.h"

struct test_server_child {
    struct test_server_seen *seen;
    const struct test_script *scripts;
    size_t script_count;
    int listener;
    int control; /* each byte is sent back when nothing else is left to do; its end ends the child
                  */
};

_Noreturn void test_server_serve(const struct test_server_child *setup);

#endif

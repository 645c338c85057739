/*
 * Users that wait: after one visit for the next, a minute later, or inside it for the answer of a
 * slow server, or, without a path, in thought and without a connection.
 */
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .value = "http://127.0.0.1:80", .help = "target");
LK_PARAM(path, .help = "what each visit asks for; empty: nothing");

LK_VU(visitor) {
    unsigned long visits;
};

LK_ON_INIT(visitor)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(visitor, visit, .every = LK_FIXED(60))
{
    const char *path = lk_param(vu, "path");

    if (*path)
        lk_get(vu, path, .timeout_s = 120);
    self->visits++;
}

LK_MAIN()

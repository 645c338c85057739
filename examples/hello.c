/* The smallest load test: every user asks for one page, again and again, without a pause. */
#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "target, e.g. http://localhost:8000");

LK_VU(visitor) {
    unsigned long visits;
};

LK_ON_INIT(visitor)
{
    lk_http_base_url(vu, lk_param(vu, "base_url"));
}

LK_STEP(visitor, hello)
{
    lk_response *r = lk_get(vu, "/");

    self->visits++;
    LK_REQUIRE(r->status < 400, "visit %lu: HTTP %d", self->visits, r->status);
}

LK_MAIN()

#include <loadkit/loadkit.h>

LK_PARAM(base_url, .required = true, .help = "target, e.g. http://localhost:8000");

LK_RESOURCE(users)                       /* makes the object for one new id, when it is acquired */
{
    return LK_OBJECT("username", lk_format(vu, "user_%s", id), "password", "password");
}

LK_VU(demo) {                            /* the state of one virtual user */
    lk_json *user;
};

LK_ON_INIT(demo)  { lk_http_base_url(vu, lk_param(vu, "base_url")); }
LK_ON_START(demo) { self->user = lk_resource_acquire(vu, "users"); }
LK_ON_STOP(demo)  { lk_resource_release(vu, "users", self->user); }

LK_STEP(demo, login, .weight = 1, .every = LK_BETWEEN(10, 15), .timeout_s = 5)
{
    lk_response *r = lk_post(vu, "/auth", .json = LK_OBJECT("username", lk_str(self->user, "username"),
                                                            "password", lk_str(self->user, "password")));
    LK_REQUIRE(r->status < 400, "login returned HTTP %d", r->status);
}

LK_STEP(demo, catalog, .weight = 3, .needs = "login", .every = LK_BETWEEN(0.2, 1))
{
    lk_response *r = lk_get(vu, "/catalog");
    LK_REQUIRE(r->status < 400, "catalog returned HTTP %d", r->status);
}

LK_MAIN()

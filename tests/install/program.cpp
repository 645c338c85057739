// What check-install builds as C++: the macros are C, the functions are for everybody.
#include <loadkit/loadkit.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace
{

struct visitor {
    unsigned visits;
};

extern "C" void visit(lk_vu *vu, void *self)
{
    auto *state = static_cast<visitor *>(self);

    state->visits++;
    lk_check(vu, state->visits > 0, "it was there");
    lk_record(vu, "visits", 1);
}

lk_vu_def visitor_def{};
lk_step_def visit_def{};
lk_metric_def visits_def{};

void describe()
{
    visitor_def.def = {.size = sizeof(visitor_def), .kind = LK_DEF_VU, .name = "visitor"};
    visit_def.def = {
        .size = sizeof(visit_def), .kind = LK_DEF_STEP, .vu = "visitor", .name = "visit"};
    visit_def.state_bytes = sizeof(visitor);
    visit_def.run = visit;
    visits_def.def = {.size = sizeof(visits_def), .kind = LK_DEF_METRIC, .name = "visits"};
    visits_def.type = LK_COUNTER;
    for (lk_def *def : {&visitor_def.def, &visit_def.def, &visits_def.def})
        lk_register(def);
}

int complain(const std::string &what)
{
    std::fprintf(stderr, "program.cpp: %s\n", what.c_str());
    return EXIT_FAILURE;
}

int run()
{
    char message[256] = "";
    lk_run_options options{};
    lk_result *taken = nullptr;

    options.size = sizeof(options);
    options.users = 2;
    options.iterations = 10;
    options.message = message;
    options.message_bytes = sizeof(message);
    if (enum lk_err err = lk_run(&taken, &options))
        return complain(std::string(lk_strerror(err)) + ": " + message);

    std::unique_ptr<lk_result, decltype(&lk_result_free)> result(taken, lk_result_free);
    const lk_stats *stats = lk_result_stats(result.get(), "visit");

    if (!stats || stats->count != 10 || stats->errors)
        return complain("not 10 visits");
    if (lk_result_value(result.get(), "visits") != 10)
        return complain("not 10 recorded");
    return EXIT_SUCCESS;
}

} // namespace

// Without arguments a run is embedded; with arguments they are loadkit's.
int main(int argc, char **argv)
{
    describe();
    return argc > 1 ? lk_main(argc, argv) : run();
}

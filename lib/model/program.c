/* Which program it is, as what it registers tells. */
#include <string.h>

#include "base/map.h"
#include "model/model.h"

static uint64_t hash_name(uint64_t hash, const char *name)
{
    return (hash ^ lki_hash(name, strlen(name))) * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t hash_types(uint64_t hash, const struct lki_model *model)
{
    for (size_t t = 0; t < model->type_count; t++) {
        const struct lki_vu_type *type = &model->types[t];

        hash = hash_name(hash, type->name);
        for (size_t s = 0; s < type->step_count; s++)
            hash = hash_name(hash, type->steps[s].name);
    }
    return hash;
}

uint64_t lki_program_hash(const struct lki_model *model)
{
    uint64_t hash = hash_types(hash_name(0, LK_VERSION), model);

    for (size_t i = 0; i < model->resource_count; i++)
        hash = hash_name(hash, model->resources[i]->def.name);
    for (size_t i = 0; i < model->metric_count; i++)
        hash = hash_name(hash, model->metrics[i]->def.name);
    for (size_t i = 0; i < model->probe_count; i++)
        hash = hash_name(hash, model->probes[i]->def.name);
    return hash;
}

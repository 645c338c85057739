#include "base/mem.h"

#define FIRST_ELEMENTS 16

void *lki_room(void *list, size_t count, size_t *cap, size_t bytes)
{
    size_t more = *cap ? *cap * 2 : FIRST_ELEMENTS;
    void *longer;

    if (count < *cap)
        return list;
    longer = realloc(list, more * bytes);
    if (longer)
        *cap = more;
    return longer;
}

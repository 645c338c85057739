/* Names and texts of the public errors, made from LK_ERR_MAP. */
#include <loadkit/err.h>

#define CASE_TEXT(name, number, text)                                                              \
    case LK_##name:                                                                                \
        return text;
#define CASE_NAME(name, number, text)                                                              \
    case LK_##name:                                                                                \
        return "LK_" #name;

const char *lk_strerror(enum lk_err err)
{
    switch (err) {
        LK_ERR_MAP(CASE_TEXT)
    case LK_ERR_LAST_:
        break;
    }
    return "unknown error";
}

const char *lk_err_name(enum lk_err err)
{
    switch (err) {
        LK_ERR_MAP(CASE_NAME)
    case LK_ERR_LAST_:
        break;
    }
    return "LK_E_UNKNOWN";
}

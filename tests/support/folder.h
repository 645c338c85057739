/* A folder of the test's own, which goes with all that is in it. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <stddef.h>

/* Makes one, and goes there. What does not work ends the program. */
void folder_enter(void);
void folder_leave(void);

/* A file there. */
void folder_put(const char *path, const void *bytes, size_t len);

#endif

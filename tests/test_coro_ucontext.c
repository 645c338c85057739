/* The same for the switch that serves where there is no assembly. */
#define LKI_CORO_UCONTEXT 1

#include "loop/coro.c" /* NOLINT(bugprone-suspicious-include): another build of it */

#include "test_coro.c" /* NOLINT(bugprone-suspicious-include): the same cases */

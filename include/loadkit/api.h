/*
 * loadkit/api.h - what every public header needs: linkage, visibility, version.
 */
#ifndef LOADKIT_API_H
#define LOADKIT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LK_VERSION_MAJOR 0
#define LK_VERSION_MINOR 1
#define LK_VERSION_PATCH 0
#define LK_VERSION "0.1.0"

#ifdef __cplusplus
#define LK_BEGIN_DECLS extern "C" {
#define LK_END_DECLS }
#else
#define LK_BEGIN_DECLS
#define LK_END_DECLS
#endif

/* LK_API marks what the shared library exports. */
#if defined(__GNUC__) || defined(__clang__)
#define LK_API __attribute__((visibility("default")))
#define LK_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define LK_NORETURN __attribute__((noreturn))
#define LK_NONNULL_RESULT __attribute__((returns_nonnull))
#else
#define LK_API
#define LK_PRINTF(fmt, args)
#define LK_NORETURN
#define LK_NONNULL_RESULT
#endif

/* One virtual user, as its hooks and steps see it. Opaque; owned by loadkit. */
typedef struct lk_vu lk_vu;

#endif

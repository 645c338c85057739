/*
 * loadkit/loadkit.h - all of loadkit: load tests written in C.
 */
#ifndef LOADKIT_LOADKIT_H
#define LOADKIT_LOADKIT_H

#include <loadkit/api.h>
#include <loadkit/err.h>
#include <loadkit/expect.h>
#include <loadkit/http.h>
#include <loadkit/jsonrpc.h>
#include <loadkit/metric.h>
#include <loadkit/random.h>
#include <loadkit/run.h>
#include <loadkit/scenario.h>
#include <loadkit/values.h>
#include <loadkit/vu.h>
#include <loadkit/websocket.h>

#endif

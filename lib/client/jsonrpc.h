/* Calls of JSON-RPC on their way, and what became of them. */
#ifndef LKI_CLIENT_JSONRPC_H
#define LKI_CLIENT_JSONRPC_H

#include <stdbool.h>
#include <stddef.h>

#include <loadkit/jsonrpc.h>

#include "base/arena.h"
#include "base/json.h"
#include "client/http.h"

/* What a user keeps for its calls. */
struct lki_rpc {
    char *url; /* NULL: none was set */
    long long last_id;
};

/* One call. The values lie in the body of the answer. */
struct lki_rpc_call {
    struct lk_rpc_request rpc;
    enum { LKI_RPC_RESULT, LKI_RPC_ERROR, LKI_RPC_BAD, LKI_RPC_NO_REPLY } found;
    long long code;              /* of an error object */
    struct lki_json_value value; /* the result, or the error object */
    const char *why;             /* LKI_RPC_BAD: in the arena or static */
    bool answered;
};

/* Reads the replies to those calls out of an answer; arena is the answer's. */
void lki_rpc_read(struct lki_rpc_call *calls, size_t count, bool batch, const lk_response *response,
                  struct lki_arena *arena);

/* Forgets URL and ids. */
void lki_rpc_forget(struct lki_http_client *http);

#endif

/* A WebSocket client that blocks: the handshake by hand, frames by wslay. */
#ifndef TESTS_SUPPORT_WS_CLIENT_H
#define TESTS_SUPPORT_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_client;

/* fields: more of the head, each with its "\r\n". NULL: refused; *status then says how, 0: without
 * an answer. */
struct ws_client *ws_open(const char *host, uint16_t port, const char *path, const char *fields,
                          int *status);
/* The next text message, terminated, until the next call; NULL: it has been closed, or none has
 * come in ms. Pings are answered meanwhile. */
const char *ws_read(struct ws_client *client, int ms, size_t *len);
bool ws_send(struct ws_client *client, const char *text, size_t len);
void ws_ping(struct ws_client *client);
/* Any bytes, as they are. */
void ws_raw(struct ws_client *client, const void *bytes, size_t len);
/* Frames of ours that came without being asked for. */
unsigned ws_pings(const struct ws_client *client);
unsigned ws_pongs(const struct ws_client *client);
/* The status of the other's close; 0: it has sent none. */
unsigned ws_status(const struct ws_client *client);
/* The value of a field of the head of an answer, in static memory; NULL: not there. */
const char *head_field(const char *head, const char *name);
/* Field of the answer to the handshake, in static memory; NULL: not there. */
const char *ws_field(const struct ws_client *client, const char *name);
/* Says good-bye, and waits for the other to do so, for ms; true: it did. */
bool ws_leave(struct ws_client *client, int ms);
/* Without a word. */
void ws_free(struct ws_client *client);
int ws_fd(const struct ws_client *client);

#endif

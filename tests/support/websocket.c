/*
 * websocket HOST PORT PATH [COUNT [FIELD...]] - prints the texts that come over a WebSocket, one a
 * line, until there were COUNT (1) or the server closes it. FIELDs ("X-Loadkit-Token: ...") go into
 * the handshake. Exit status: 0, all came; 1, fewer did; 2, the handshake failed, whose status is
 * told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/ws_client.h"

#define WAIT_MS 20000

int main(int argc, char **argv)
{
    char fields[4096] = "";
    struct ws_client *client;
    const char *text = "";
    int status;
    int count = argc > 4 ? atoi(argv[4]) : 1;

    if (argc < 4) {
        fprintf(stderr, "usage: websocket HOST PORT PATH [COUNT [FIELD...]]\n");
        return 2;
    }
    for (int i = 5; i < argc; i++)
        snprintf(fields + strlen(fields), sizeof(fields) - strlen(fields), "%s\r\n", argv[i]);
    client = ws_open(argv[1], (uint16_t)atoi(argv[2]), argv[3], fields, &status);
    if (!client) {
        fprintf(stderr, "websocket: status %d\n", status);
        return 2;
    }
    for (; count > 0 && text; count--) {
        text = ws_read(client, WAIT_MS, NULL);
        if (text)
            printf("%s\n", text);
        fflush(stdout);
    }
    if (text)
        ws_leave(client, WAIT_MS);
    ws_free(client);
    return text ? 0 : 1;
}

/*
 * The transport over WebSocket: what a generator says at WS_URL, and what it is told there. A server runs on loopback as long as this is
 * open; everything else happens on the caller's thread.
 *
 * The connection may break and come back. What was sent and not surely read is sent again on the next one: a message counts as read
 * when the ping behind it was answered, or when its peer ended the connection properly after reading it. A newer connection takes the place of
 * an older one.
 */
#ifndef GENSTORE_FLOW_WS_H
#define GENSTORE_FLOW_WS_H

#include "store/base/buf.h"

enum {
	WS_HEARD_MAX = 32 << 20, /* bytes that wait to be taken; then nothing more is read for the time being */
	WS_UNREAD_MAX = 4 << 20, /* bytes that were sent and not read */
};

struct ws;

enum ws_news {
	WS_NOTHING,
	WS_OPENED, /* a generator has connected */
	WS_TEXT,   /* a message of it: UTF-8, at most WSI_MESSAGE_MAX bytes */
	WS_CLOSED, /* it is not connected any more; the text says why */
	WS_OTHER,  /* it has connected again, and the older connection is gone; the text says so */
};

/* For the generation of that id. -errno when there can be no server; `why` has words where that says too little. */
int ws_open(const char *request_id, struct ws **ret_ws, struct buf *why);
/* A close frame to who is connected, then the end. */
void ws_free(struct ws *ws);
/* ws://127.0.0.1:PORT/wsi/<request_id> */
const char *ws_url(const struct ws *ws);

/* Readable while there is something to take. */
int ws_fd(const struct ws *ws);
/* The next thing that happened; its text replaces what is in text, a NUL behind it. */
enum ws_news ws_take(struct ws *ws, struct buf *text);
/* Somebody is connected, or what he said waits to be taken. */
bool ws_is_open(const struct ws *ws);

/* Queues a message; the next connection gets it when there is none. -ENOBUFS over WS_UNREAD_MAX. */
int ws_send(struct ws *ws, const struct buf *message);
/* Says goodbye to who is connected, with a code of RFC 6455 section 7.4. */
void ws_close(struct ws *ws, int code, const char *reason);
/* Another process begins: nothing of the last one counts. */
void ws_reset(struct ws *ws);
/* The generator is stopped (SIGSTOP), and cannot answer pings. */
void ws_hold(struct ws *ws, bool hold);

#endif

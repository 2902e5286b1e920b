/*
 * One WebSocket as the server has it (RFC 6455), without sockets and threads: bytes go in and out of memory. hub.h moves them.
 *
 * Text messages only. Whoever breaks the rules is told so with a close frame: 1002 for the protocol, 1003 for binary
 * data, 1007 for what is not UTF-8, 1008 for not reading what is sent, 1009 for more than WEBSOCKET_MESSAGE_MAX. After the first
 * close frame, theirs or ours, nothing more is heard.
 */
#ifndef GENSTORE_SERVE_WEBSOCKET_H
#define GENSTORE_SERVE_WEBSOCKET_H

#include "store/base/buf.h"

#include <wslay/wslay.h>

enum {
	WEBSOCKET_MESSAGE_MAX = 16 << 20, /* bytes of a message, in one frame or many */
	WEBSOCKET_OUT_MAX = 4 << 20,      /* bytes that wait to be sent */
	WEBSOCKET_REASON_MAX = 123,       /* bytes: section 5.5.1 */
};

enum websocket_code { /* section 7.4.1 */
	CLOSE_NORMAL = 1000,
	CLOSE_GOING_AWAY = 1001,
	CLOSE_PROTOCOL = 1002,
	CLOSE_UNSUPPORTED = 1003,
	CLOSE_NO_CODE = 1005,  /* never sent: the frame had none */
	CLOSE_ABNORMAL = 1006, /* never sent: there was no frame */
	CLOSE_NOT_UTF8 = 1007,
	CLOSE_POLICY = 1008,
	CLOSE_TOO_BIG = 1009,
	CLOSE_BROKEN = 1011,
};

/* What came, told by websocket_feed(). message holds valid UTF-8; its bytes may be taken out of it. */
struct websocket_hear {
	void (*text)(void *arg, struct buf *message);
	void (*pong)(void *arg, uint64_t number); /* of a ping that websocket_ping() sent */
	void *arg;
};

struct websocket {
	const struct websocket_hear *hear;
	wslay_frame_context_ptr frames;
	const uint8_t *input; /* what websocket_feed() was given, as far as it is not used up */
	size_t input_len;
	bool in_frame;       /* inside a frame: `left` bytes of it are to come */
	uint64_t left;
	bool in_message;     /* a fragmented message has begun, control frames may come in between */
	struct buf message, control;
	struct buf out;      /* frames to be sent: out_at bytes of it are */
	size_t out_at;
	bool close_sent, close_received;
	int code;            /* why it ends: ours, else theirs, whichever was first; 0 while it does not */
	bool by_us;          /* it is ours */
	char reason[WEBSOCKET_REASON_MAX + 1]; /* may be cut, and hold anything that is UTF-8 */
};

/* hear is borrowed. -ENOMEM. */
int websocket_init(struct websocket *w, const struct websocket_hear *hear);
void websocket_release(struct websocket *w);

/* Takes n bytes in. What breaks the rules becomes w->code and a close frame to be sent; -ENOMEM. */
int websocket_feed(struct websocket *w, const void *data, size_t n);

/* Queue for sending. Over WEBSOCKET_OUT_MAX the queue becomes a close frame with CLOSE_POLICY. Nothing after a close. */
void websocket_text(struct websocket *w, const void *text, size_t n);
void websocket_ping(struct websocket *w, uint64_t number);
void websocket_close(struct websocket *w, int code, const char *reason);

/* What is to be sent; after sending, how much was. */
static inline size_t websocket_pending(const struct websocket *w, const uint8_t **ret_data)
{
	*ret_data = w->out.data ? w->out.data + w->out_at : NULL;
	return w->out.len - w->out_at;
}
void websocket_sent(struct websocket *w, size_t n);

/* Both have said goodbye (or nothing more can be said) and it is all sent: the connection may be closed. */
static inline bool websocket_over(const struct websocket *w)
{
	return w->close_sent && w->close_received && w->out.len == w->out_at;
}

#endif

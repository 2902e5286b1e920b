#include "src/serve/websocket.h"
#include "store/base/utf8.h"

enum { CONTROL_MAX = 125 }; /* RFC 6455 section 5.5 */

static ssize_t take_input(uint8_t *to, size_t n, int flags UNUSED, void *arg)
{
	struct websocket *w = arg;

	n = n < w->input_len ? n : w->input_len;
	if (!n)
		return -1; /* nothing now */
	memcpy(to, w->input, n);
	w->input += n;
	w->input_len -= n;
	return (ssize_t)n;
}

static ssize_t put_output(const uint8_t *data, size_t n, int flags UNUSED, void *arg)
{
	struct websocket *w = arg;

	return buf_add(&w->out, data, n) ? -1 : (ssize_t)n;
}

int websocket_init(struct websocket *w, const struct websocket_hear *hear)
{
	const struct wslay_frame_callbacks callbacks = { .send_callback = put_output, .recv_callback = take_input };

	*w = (struct websocket){ .hear = hear };
	/* Its own checks come first: the ceilings of the buffers are for what they should have caught. */
	w->message.max = (size_t)WEBSOCKET_MESSAGE_MAX + 2;
	w->control.max = CONTROL_MAX + 2;
	w->out.max = 2 * (size_t)WEBSOCKET_OUT_MAX;
	return wslay_frame_context_init(&w->frames, &callbacks, w) ? -ENOMEM : 0;
}

void websocket_release(struct websocket *w)
{
	if (w->frames)
		wslay_frame_context_free(w->frames);
	buf_release(&w->message);
	buf_release(&w->control);
	buf_release(&w->out);
	*w = (struct websocket){ 0 };
}

void websocket_sent(struct websocket *w, size_t n)
{
	w->out_at += n;
	if (w->out_at == w->out.len) {
		buf_reset(&w->out);
		w->out_at = 0;
	}
}

static void put_frame(struct websocket *w, enum wslay_opcode opcode, const void *data, size_t n)
{
	struct wslay_frame_iocb frame = { .fin = 1, .opcode = (uint8_t)opcode, .payload_length = n, .data = data, .data_length = n };

	wslay_frame_send(w->frames, &frame);
}

/* The first reason counts. */
static void end_with(struct websocket *w, int code, const char *reason, size_t n)
{
	if (w->code)
		return;
	w->code = code;
	n = utf8_cut(reason, n, WEBSOCKET_REASON_MAX);
	memcpy(w->reason, reason, n);
	w->reason[n] = '\0';
}

void websocket_close(struct websocket *w, int code, const char *reason)
{
	uint8_t body[2 + WEBSOCKET_REASON_MAX];
	size_t n;

	if (w->close_sent)
		return;
	w->by_us = !w->code;
	end_with(w, code, reason, strlen(reason));
	n = strlen(w->reason);
	body[0] = (uint8_t)(code >> 8);
	body[1] = (uint8_t)code;
	memcpy(body + 2, w->reason, n);
	put_frame(w, WSLAY_CONNECTION_CLOSE, body, n + 2);
	w->close_sent = true;
}

/* What has not been sent yet, but a frame that has begun, gives way to the close frame. */
static void give_up_on(struct websocket *w)
{
	if (!w->out_at)
		buf_reset(&w->out);
	websocket_close(w, CLOSE_POLICY, "what is sent is not read");
}

static void put(struct websocket *w, enum wslay_opcode opcode, const void *data, size_t n)
{
	if (w->close_sent)
		return;
	if (w->out.len - w->out_at + n > WEBSOCKET_OUT_MAX) {
		give_up_on(w);
		return;
	}
	/* What has gone out makes room, not at every turn. */
	if (w->out_at > WEBSOCKET_OUT_MAX / 2) {
		memmove(w->out.data, w->out.data + w->out_at, w->out.len - w->out_at);
		w->out.len -= w->out_at;
		w->out_at = 0;
	}
	put_frame(w, opcode, data, n);
}

void websocket_text(struct websocket *w, const void *text, size_t n)
{
	put(w, WSLAY_TEXT_FRAME, text, n);
}

void websocket_ping(struct websocket *w, uint64_t number)
{
	put(w, WSLAY_PING, &number, sizeof(number));
}

static void on_pong(struct websocket *w)
{
	uint64_t number;

	/* One that nobody asked for is a heartbeat: section 5.5.3. */
	if (w->control.len != sizeof(number))
		return;
	memcpy(&number, w->control.data, sizeof(number));
	w->hear->pong(w->hear->arg, number);
}

/* Section 7.4: codes that may stand in a frame. */
static bool may_be_sent(int code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != CLOSE_NO_CODE && code != CLOSE_ABNORMAL) ||
	       (code >= 3000 && code <= 4999);
}

static void on_close(struct websocket *w)
{
	const uint8_t *body = w->control.data;
	size_t n = w->control.len;
	int code = n >= 2 ? body[0] << 8 | body[1] : CLOSE_NO_CODE;

	w->close_received = true;
	if (n == 1 || (n >= 2 && !may_be_sent(code))) {
		websocket_close(w, CLOSE_PROTOCOL, "a close frame with a code that does not exist");
	} else if (n > 2 && !utf8_valid(body + 2, n - 2)) {
		websocket_close(w, CLOSE_NOT_UTF8, "a close frame with a reason that is not UTF-8");
	} else {
		end_with(w, code, n > 2 ? (const char *)body + 2 : "", n > 2 ? n - 2 : 0);
		if (!w->close_sent)
			put_frame(w, WSLAY_CONNECTION_CLOSE, body, n >= 2 ? 2 : 0);
		w->close_sent = true;
	}
}

static void on_control(struct websocket *w, int opcode)
{
	if (opcode == WSLAY_CONNECTION_CLOSE)
		on_close(w);
	else if (opcode == WSLAY_PING)
		put(w, WSLAY_PONG, w->control.data, w->control.len);
	else
		on_pong(w);
	buf_reset(&w->control);
}

static void on_message(struct websocket *w)
{
	w->in_message = false;
	if (!utf8_valid(buf_str(&w->message), w->message.len)) {
		websocket_close(w, CLOSE_NOT_UTF8, "a text message that is not UTF-8");
		return;
	}
	w->hear->text(w->hear->arg, &w->message);
	/* A large one takes its memory along. */
	buf_reset(&w->message);
	if (w->message.cap > 1 << 20) {
		size_t max = w->message.max;

		buf_release(&w->message);
		w->message = (struct buf){ .max = max };
	}
}

/* What is wrong with a frame that begins; 0: nothing. */
static int refuse(const struct websocket *w, const struct wslay_frame_iocb *f, const char **ret_why)
{
	const struct { bool is; int code; const char *why; } rules[] = {
		{ !f->mask, CLOSE_PROTOCOL, "a frame that is not masked" },
		{ f->rsv, CLOSE_PROTOCOL, "a reserved bit that is set" },
		{ f->opcode > WSLAY_PONG || (f->opcode > WSLAY_BINARY_FRAME && f->opcode < WSLAY_CONNECTION_CLOSE), CLOSE_PROTOCOL,
		  "an opcode that does not exist" },
		{ f->opcode == WSLAY_CONTINUATION_FRAME && !w->in_message, CLOSE_PROTOCOL, "a continuation of nothing" },
		{ (f->opcode == WSLAY_TEXT_FRAME || f->opcode == WSLAY_BINARY_FRAME) && w->in_message, CLOSE_PROTOCOL,
		  "a new message before the end of the last" },
		{ f->opcode == WSLAY_BINARY_FRAME, CLOSE_UNSUPPORTED, "binary data: messages are text" },
		{ !wslay_is_ctrl_frame(f->opcode) && f->payload_length > WEBSOCKET_MESSAGE_MAX - w->message.len, CLOSE_TOO_BIG,
		  "a message over 16 MiB" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].is) {
			*ret_why = rules[i].why;
			return rules[i].code;
		}
	return 0;
}

/* A frame, or a part of one. */
static int on_part(struct websocket *w, const struct wslay_frame_iocb *f)
{
	bool control = wslay_is_ctrl_frame(f->opcode);
	const char *why;
	int code;

	if (!w->in_frame) {
		if ((code = refuse(w, f, &why))) {
			websocket_close(w, code, why);
			return 0;
		}
		w->in_frame = true;
		w->left = f->payload_length;
		w->in_message |= !control;
	}
	w->left -= f->data_length;
	if (buf_add(control ? &w->control : &w->message, f->data, f->data_length))
		return -ENOMEM;
	if (w->left)
		return 0;
	w->in_frame = false;
	if (control)
		on_control(w, f->opcode);
	else if (f->fin)
		on_message(w);
	return 0;
}

/* After its own close frame it still waits for theirs, and for nothing else. */
static bool listens(const struct websocket *w)
{
	return !w->close_sent && !w->close_received;
}

int websocket_feed(struct websocket *w, const void *data, size_t n)
{
	struct wslay_frame_iocb frame;
	ssize_t got;
	int r = 0;

	w->input = data;
	w->input_len = n;
	while (!r && !w->close_received) {
		memset(&frame, 0, sizeof(frame));
		got = wslay_frame_recv(w->frames, &frame);
		if (got == WSLAY_ERR_WANT_READ && !w->input_len)
			break;
		if (got == WSLAY_ERR_WANT_READ)
			continue;
		if (got < 0) {
			websocket_close(w, CLOSE_PROTOCOL, "a frame with an impossible length");
			w->close_received = true;
			break;
		}
		if (listens(w))
			r = on_part(w, &frame);
		else
			w->close_received = frame.opcode == WSLAY_CONNECTION_CLOSE;
	}
	w->input = NULL;
	w->input_len = 0;
	return r;
}

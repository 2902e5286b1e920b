/*
 * Frames of a peer. What comes of a stream must not depend on how the network cuts it: it is fed as a whole, and in pieces of the size that
 * the first byte says.
 */
#include "src/serve/websocket.h"
#include "store/base/utf8.h"
#include "tests/fuzz/fuzz.h"

/* What was heard: messages, each with its length, and pongs. */
static void on_text(void *arg, struct buf *message)
{
	MUST(utf8_valid(buf_str(message), message->len) && message->len <= WEBSOCKET_MESSAGE_MAX);
	buf_add_varint(arg, message->len);
	buf_add(arg, message->data, message->len);
}

static void on_pong(void *arg, uint64_t number)
{
	buf_add_varint(arg, number);
}

static void feed(const uint8_t *data, size_t n, size_t step, struct buf *heard, int *ret_code)
{
	const struct websocket_hear hear = { on_text, on_pong, heard };
	AUTO(websocket_release) struct websocket w;
	const uint8_t *out;
	size_t waiting;

	MUST(websocket_init(&w, &hear) == 0);
	for (size_t at = 0; at < n; at += step) {
		/* Memory of its own: one byte too far is seen. */
		size_t part = n - at < step ? n - at : step;
		AUTO(free_ptr) char *bytes = fuzz_copy(data + at, part);

		MUST(websocket_feed(&w, bytes, part) == 0);
		waiting = websocket_pending(&w, &out);
		MUST(waiting <= 2 * (size_t)WEBSOCKET_OUT_MAX);
		if (at % 2)
			websocket_sent(&w, waiting);
	}
	MUST(!w.close_sent || w.code);
	MUST(utf8_valid(w.reason, strlen(w.reason)));
	*ret_code = w.code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf_release) struct buf whole = BUF_INIT, parts = BUF_INIT;
	size_t step = fuzz_choice(&data, &n) + 1u;
	int code, code_of_parts;

	feed(data, n, n + 1, &whole, &code);
	feed(data, n, step, &parts, &code_of_parts);
	MUST(code == code_of_parts);
	MUST(whole.len == parts.len && (!whole.len || memcmp(whole.data, parts.data, whole.len) == 0));
	return 0;
}

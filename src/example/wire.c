#include "src/example/wire.h"
#include "store/base/clock.h"

#include <poll.h>

enum { LINE_MAX_BYTES = 16 << 20, READ_SIZE = 65536 };

void wire_init(struct wire *w, int in, int out)
{
	*w = (struct wire){ .in = in, .out = out, .pending.max = LINE_MAX_BYTES + READ_SIZE };
}

void wire_release(struct wire *w)
{
	buf_release(&w->pending);
	buf_release(&w->line);
}

struct jw *wire_begin(struct wire *w, const char *type)
{
	buf_reset(&w->line);
	jw_begin(&w->json, &w->line, 0);
	jw_object(&w->json, NULL);
	jw_str(&w->json, "type", type);
	return &w->json;
}

int wire_send(struct wire *w)
{
	size_t sent = 0;

	jw_end(&w->json);
	if (buf_addc(&w->line, '\n') < 0)
		return buf_error(&w->line);
	while (sent < w->line.len) {
		ssize_t n = write(w->out, w->line.data + sent, w->line.len - sent);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			sent += (size_t)n;
	}
	return 0;
}

/* 1: the next line that is an object; 0: there is none in what was read. */
static int take_pending(struct wire *w, struct order *ret_order)
{
	uint8_t *end;

	while (w->pending.len && (end = memchr(w->pending.data, '\n', w->pending.len))) {
		size_t n = (size_t)(end - w->pending.data) + 1;
		int r = order_parse(w->pending.data, n, ret_order);

		w->pending.len -= n;
		memmove(w->pending.data, w->pending.data + n, w->pending.len);
		if (r)
			return r;
	}
	return 0;
}

static int read_more(struct wire *w)
{
	void *to = buf_reserve(&w->pending, READ_SIZE);
	ssize_t n;

	if (!to)
		return buf_error(&w->pending);
	n = read(w->in, to, READ_SIZE);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	w->eof = n == 0;
	buf_commit(&w->pending, (size_t)n);
	return 0;
}

int wire_receive(struct wire *w, int timeout_ms, struct order *ret_order)
{
	int64_t until = clock_ms() + timeout_ms;
	int r;

	for (;;) {
		struct pollfd p = { .fd = w->in, .events = POLLIN };
		int64_t left = max_i64(0, until - clock_ms());

		if ((r = take_pending(w, ret_order)))
			return r;
		if (w->eof)
			return 0;
		r = poll(&p, 1, timeout_ms < 0 ? -1 : (int)left);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return 0;
		if (r > 0 && (r = read_more(w)) < 0)
			return r;
	}
}

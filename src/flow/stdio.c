#include "src/flow/stdio.h"
#include "src/wsi/message.h"

#include <poll.h>

enum { CHUNK = 65536, DRAIN_CHUNKS = 64, LINE_MAX = 1 << 20 }; /* LINE_MAX: of what is no message */

int stdio_start(struct stdio *s, const struct spawn *what)
{
	*s = (struct stdio)STDIO_INIT;
	s->out.text.max = s->err.text.max = (size_t)WSI_MESSAGE_MAX + 2 * CHUNK;
	return spawn_child(what, &s->child);
}

void stdio_release(struct stdio *s)
{
	child_release(&s->child);
	buf_release(&s->out.text);
	buf_release(&s->err.text);
	buf_release(&s->to_write);
}

/* A terminal shows of a line what stands behind the last carriage return, without its colours. */
static size_t as_shown(char *text, size_t n)
{
	size_t kept = 0, i = 0;
	char *last;

	while (n && text[n - 1] == '\r')
		n--;
	last = memrchr(text, '\r', n);
	if (last)
		i = (size_t)(last + 1 - text);
	while (i < n) {
		if (text[i] != '\033' || i + 1 >= n || text[i + 1] != '[') {
			text[kept++] = text[i++];
			continue;
		}
		/* ECMA-48 5.4: CSI, parameters, a final byte. */
		for (i += 2; i < n && (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x40;)
			i++;
		i += i < n;
	}
	text[kept] = '\0';
	return kept;
}

static int hear_line(struct lines *l, char *text, size_t n, bool is_err, const struct stdio_hear *hear)
{
	if (l->skipping) {
		l->skipping = false;
		return 0;
	}
	text[n] = '\0';
	return hear->line(hear->arg, is_err, text, *text == '{' ? n : as_shown(text, n));
}

/* Over what size nothing more is waited for. Only messages, on stdout, have a reason to be large. */
static size_t longest(bool is_err, const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && (text[i] == ' ' || text[i] == '\t'))
		i++;
	return !is_err && i < n && text[i] == '{' ? WSI_MESSAGE_MAX : LINE_MAX;
}

/* Hands over all whole lines; at the end, or when there is no end to it, what is left too. */
static int split(struct lines *l, bool is_err, bool last, const struct stdio_hear *hear)
{
	char *text = (char *)l->text.data, *newline;
	size_t from = 0, len = l->text.len;
	int r = 0;

	while (!r && (newline = memchr(text + l->seen, '\n', len - l->seen))) {
		size_t end = (size_t)(newline - text);

		r = hear_line(l, text + from, end - from, is_err, hear);
		from = l->seen = end + 1;
	}
	l->seen = len - from;
	if (!r && l->seen && (last || l->seen > longest(is_err, text + from, l->seen))) {
		r = hear_line(l, text + from, l->seen, is_err, hear);
		l->skipping = !last;
		from = len;
		l->seen = 0;
	}
	if (from) {
		memmove(text, text + from, len - from);
		l->text.len = len - from;
	}
	return r;
}

/* 1: there was something; 0: nothing now, or it is closed (*fd becomes -1). */
static int read_some(struct lines *l, int *fd, bool is_err, const struct stdio_hear *hear)
{
	void *to = *fd < 0 ? NULL : buf_reserve(&l->text, CHUNK);
	ssize_t n;
	int r;

	if (!to)
		return *fd < 0 ? 0 : buf_error(&l->text);
	n = read(*fd, to, CHUNK - 1);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	buf_commit(&l->text, (size_t)n);
	if (n == 0) {
		close_fd(fd);
		*fd = -1;
	}
	if (!l->text.len)
		return 0;
	r = split(l, is_err, n == 0, hear);
	return r ? r : n > 0;
}

static int hear_both(struct stdio *s, const struct stdio_hear *hear)
{
	int out = read_some(&s->out, &s->child.out, false, hear);
	int err = out < 0 ? out : read_some(&s->err, &s->child.err, true, hear);

	return err < 0 ? err : out || err;
}

/* What is in the pipes now; not for ever, when something goes on writing. */
static int drain(struct stdio *s, const struct stdio_hear *hear)
{
	int r = 1;

	for (int i = 0; i < DRAIN_CHUNKS && r > 0; i++)
		r = hear_both(s, hear);
	return r < 0 ? r : 0;
}

/* What never became a line, when nobody is left to finish it. */
static int finish_lines(struct stdio *s, const struct stdio_hear *hear)
{
	int r = 0;

	if (s->out.text.len)
		r = split(&s->out, false, true, hear);
	if (!r && s->err.text.len)
		r = split(&s->err, true, true, hear);
	return r;
}

int stdio_send(struct stdio *s, const struct buf *message)
{
	if (s->deaf || buf_error(message))
		return buf_error(message);
	buf_add(&s->to_write, message->data, message->len);
	return buf_addc(&s->to_write, '\n');
}

void stdio_close(struct stdio *s)
{
	s->deaf = true;
	buf_reset(&s->to_write);
	close_fd(&s->child.in);
	s->child.in = -1;
}

static void write_some(struct stdio *s)
{
	struct buf *b = &s->to_write;
	ssize_t n = write(s->child.in, b->data, b->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	s->deaf = n < 0;
	if (s->deaf)
		n = (ssize_t)b->len;
	memmove(b->data, b->data + n, b->len - (size_t)n);
	b->len -= (size_t)n;
}

/* The keeper's reports, after all that was said before them. */
static int ended(struct stdio *s, const struct stdio_hear *hear, int *ret_status)
{
	int r, what = child_ended(&s->child, ret_status);

	if (what == -EAGAIN)
		return 0;
	if (what < 0)
		return what;
	if ((r = drain(s, hear)))
		return r;
	if (what)
		return STDIO_ENDED;
	r = finish_lines(s, hear);
	/* Its end would be news for ever, and somebody may still be connected from elsewhere. */
	close_fd(&s->child.report);
	s->child.report = -1;
	return r ? r : STDIO_GONE;
}

int stdio_step(struct stdio *s, int also, int timeout_ms, const struct stdio_hear *hear, int *ret_status)
{
	struct pollfd p[] = {
		{ .fd = also, .events = POLLIN },          { .fd = s->held ? -1 : s->child.out, .events = POLLIN },
		{ .fd = s->held ? -1 : s->child.err, .events = POLLIN }, { .fd = s->held ? -1 : s->child.report, .events = POLLIN },
		{ .fd = s->to_write.len ? s->child.in : -1, .events = POLLOUT },
		{ .fd = s->wake, .events = POLLIN },
	};
	int r, news;

	if (poll(p, ARRAY_LEN(p), timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	news = (p[0].revents ? STDIO_SIGNAL : 0) | (p[5].revents ? STDIO_WAKE : 0);
	if (p[4].revents)
		write_some(s);
	if (p[1].revents || p[2].revents) {
		if ((r = hear_both(s, hear)) < 0)
			return r;
		news |= r ? STDIO_HEARD : 0;
	}
	if (p[3].revents && (r = ended(s, hear, ret_status)) < 0)
		return r;
	else if (p[3].revents)
		news |= r;
	return news;
}

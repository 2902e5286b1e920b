#include "src/git/pkt.h"

#include <ctype.h>

static int length_of(const char *head, size_t *ret_n)
{
	*ret_n = 0;
	for (int i = 0; i < PKT_HEAD; i++) {
		unsigned char c = (unsigned char)head[i];

		if (!isxdigit(c))
			return -EPROTO;
		*ret_n = *ret_n << 4 | (size_t)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	/* 1 to 3 are of version 2, which is not spoken here. */
	return (*ret_n && *ret_n < PKT_HEAD) || *ret_n > PKT_MAX ? -EPROTO : 0;
}

int pkt_parse(const void *data, size_t n, struct pkt *ret_pkt, size_t *ret_used)
{
	const char *text = data;
	size_t length;

	if (n < PKT_HEAD)
		return 0;
	if (length_of(text, &length))
		return -EPROTO;
	if (!length) {
		*ret_pkt = (struct pkt){ .data = "", .flush = true };
		*ret_used = PKT_HEAD;
		return 1;
	}
	if (n < length)
		return 0;
	*ret_pkt = (struct pkt){ .data = text + PKT_HEAD, .n = length - PKT_HEAD };
	if (ret_pkt->n && ret_pkt->data[ret_pkt->n - 1] == '\n')
		ret_pkt->n--;
	*ret_used = length;
	return 1;
}

const char *pkt_after(const struct pkt *p, const char *word, size_t *ret_n)
{
	size_t n = strlen(word);

	if (p->flush || p->n < n || memcmp(p->data, word, n) != 0)
		return NULL;
	*ret_n = p->n - n;
	return p->data + n;
}

int pkt_add(struct buf *out, const void *data, size_t n)
{
	buf_addf(out, "%04zx", n + PKT_HEAD);
	return buf_add(out, data, n);
}

int pkt_addf(struct buf *out, const char *fmt, ...)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&line, fmt, ap);
	va_end(ap);
	return buf_error(&line) ? buf_error(&line) : pkt_add(out, line.data, line.len);
}

int pkt_flush(struct buf *out)
{
	return buf_adds(out, "0000");
}

void pkt_reader_release(struct pkt_reader *r)
{
	buf_release(&r->bytes);
}

/* More bytes behind those that are there: 1; 0 at the end. */
static int more(struct pkt_reader *r)
{
	ssize_t n;
	void *to;

	if (r->at == r->bytes.len) {
		buf_reset(&r->bytes);
		r->at = 0;
	} else if (r->at > PKT_MAX) {
		memmove(r->bytes.data, r->bytes.data + r->at, r->bytes.len - r->at);
		r->bytes.len -= r->at;
		r->at = 0;
	}
	if (r->fd < 0)
		return 0;
	if (!(to = buf_reserve(&r->bytes, PKT_MAX)))
		return buf_error(&r->bytes);
	do
		n = read(r->fd, to, PKT_MAX);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf_commit(&r->bytes, (size_t)n);
	return n > 0;
}

int pkt_read(struct pkt_reader *r, struct pkt *ret_pkt)
{
	size_t used = 0;
	int got;

	while (!(got = pkt_parse(buf_str(&r->bytes) + r->at, r->bytes.len - r->at, ret_pkt, &used))) {
		got = more(r);
		if (!got)
			return r->at == r->bytes.len ? 0 : -EPROTO;
		if (got < 0)
			return got;
	}
	r->at += used;
	return got;
}

int pkt_read_line(struct pkt_reader *r, const char **ret_line)
{
	char *line, *end;
	int got;

	while (!(end = r->bytes.len > r->at ? memchr(r->bytes.data + r->at, '\n', r->bytes.len - r->at) : NULL)) {
		if (r->bytes.len - r->at > PKT_MAX)
			return -EFBIG;
		if ((got = more(r)) <= 0)
			return got ? got : r->at == r->bytes.len ? 0 : -EPROTO;
	}
	line = (char *)r->bytes.data + r->at;
	r->at += (size_t)(end - line) + 1;
	*end = '\0';
	*ret_line = line;
	return 1;
}

int pkt_write(int fd, const void *data, size_t n)
{
	return fd_write(fd, data, n);
}

/* Packet lines, which git's protocols are made of (gitprotocol-common(5)): four hex digits of length, itself included, and the bytes. */
#ifndef GENSTORE_GIT_PKT_H
#define GENSTORE_GIT_PKT_H

#include "store/base/buf.h"

enum { PKT_MAX = 65520, PKT_HEAD = 4, PKT_DATA = PKT_MAX - PKT_HEAD };

struct pkt {
	const char *data; /* borrowed, not NUL-terminated; without the newline at its end */
	size_t n;
	bool flush;
};

/* The packet at the beginning of n bytes, and how many of them it is. 1; 0: more bytes are needed; -EPROTO. */
int pkt_parse(const void *data, size_t n, struct pkt *ret_pkt, size_t *ret_used);
/* What stands behind a word at its beginning, to its end; NULL: it begins otherwise. */
const char *pkt_after(const struct pkt *p, const char *word, size_t *ret_n);

int pkt_add(struct buf *out, const void *data, size_t n);
int pkt_addf(struct buf *out, const char *fmt, ...) PRINTF(2, 3);
int pkt_flush(struct buf *out);

/* Packets, and before them lines, from a pipe. */
struct pkt_reader {
	int fd; /* -1: what is in bytes is all */
	struct buf bytes;
	size_t at;
};
void pkt_reader_release(struct pkt_reader *r);
/* Borrowed until the next call. 1; 0: the other side has closed; -EPROTO, also where it closed within a packet; errors of read(). */
int pkt_read(struct pkt_reader *r, struct pkt *ret_pkt);
/* A line of text without its newline. As above; -EFBIG beyond PKT_MAX. */
int pkt_read_line(struct pkt_reader *r, const char **ret_line);

/* All of it, whatever write() thinks. -EPIPE: nobody reads. */
int pkt_write(int fd, const void *data, size_t n);

#endif

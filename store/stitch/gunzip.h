/*
 * Reads gzip (RFC 1952) of any number of members, as a stream of runs; from its beginning, or from a place that was noted on the
 * way, as zlib's examples/zran.c does it. Trusts nothing: the checksum and size of each member that is seen whole are compared.
 */
#ifndef GENSTORE_GUNZIP_H
#define GENSTORE_GUNZIP_H

#include "store/base/hash.h"

enum { GUNZIP_WINDOW = 32768, GUNZIP_RUN = 256 << 10 };

/* Where reading can be taken up again: a member's beginning, or between two deflate blocks. */
struct gunzip_place {
	int64_t in;  /* bytes of the input before it */
	uint8_t bits; /* of the last of these, how many are not used yet: 0 to 7, the high ones */
	bool member; /* a gzip header comes next: no window is needed */
};

struct gunzip_source {
	/* The next bytes, borrowed until the call after: how many, 0 at the end, or a negative errno that is passed on. */
	ssize_t (*next)(void *arg, const uint8_t **ret_bytes);
	void *arg;
};

struct gunzip_run {
	const uint8_t *bytes; /* borrowed until the next call */
	size_t n;             /* can be 0 at a place */
	uint32_t crc32;       /* of these */
	bool at_place;        /* behind them is one: gunzip_place() */
};

struct gunzip;

/* The source begins at the place, one byte before place->in where it has bits; window has what was unpacked before it. place NULL: the beginning. */
int gunzip_new(struct gunzip_source source, const struct gunzip_place *place, const void *window, size_t n, struct gunzip **ret_g);
void gunzip_free(struct gunzip *g);
void gunzip_freep(struct gunzip **g);

/* 1: a run, 0: the end. -EBADMSG with *ret_words, which are literals. want_place: stop at the next place. */
int gunzip_next(struct gunzip *g, bool want_place, struct gunzip_run *ret_run, const char **ret_words);
/* Where it stands when a run is at_place; the window is borrowed until gunzip_next(), and empty at a member. */
void gunzip_place(const struct gunzip *g, struct gunzip_place *ret_place, const uint8_t **ret_window, size_t *ret_n);
int64_t gunzip_read_bytes(const struct gunzip *g);

#endif

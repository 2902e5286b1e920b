#include "store/stitch/gunzip.h"

#include <zlib.h>

enum { RAW = -15, TRAILER = 8, FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, FRESERVED = 0xe0 };

enum state { MEMBER, BODY, TRAIL, END };

struct gunzip {
	struct gunzip_source source;
	z_stream z;
	enum state state;
	int64_t taken;         /* bytes that the source gave */
	bool first, whole;     /* no member was read yet; this one is read from its beginning */
	uint32_t crc32, size;  /* of this member so far */
	size_t filled, window; /* where out ends; how much before that belongs to this member, at most GUNZIP_WINDOW */
	bool at_place;
	const char *words;
	uint8_t out[GUNZIP_WINDOW + GUNZIP_RUN];
};

static int bad(struct gunzip *g, const char *words)
{
	g->words = words;
	return -EBADMSG;
}

/* 1 when there is input, 0 at its end. */
static int fill(struct gunzip *g)
{
	const uint8_t *bytes;
	ssize_t n;

	if (g->z.avail_in)
		return 1;
	n = g->source.next(g->source.arg, &bytes);
	if (n <= 0)
		return (int)n;
	g->taken += n;
	g->z.next_in = (z_const Bytef *)(uintptr_t)bytes;
	g->z.avail_in = (uInt)n;
	return 1;
}

/* A byte, -1 at the end. */
static int byte(struct gunzip *g, int *ret_byte)
{
	int r = fill(g);

	if (r < 0)
		return r;
	*ret_byte = -1;
	if (r) {
		*ret_byte = *g->z.next_in++;
		g->z.avail_in--;
	}
	return 0;
}

static int need(struct gunzip *g, uint8_t *out, size_t n)
{
	int r, c;

	for (size_t i = 0; i < n; i++) {
		if ((r = byte(g, &c)))
			return r;
		if (c < 0)
			return bad(g, "it ends too early");
		out[i] = (uint8_t)c;
	}
	return 0;
}

static int skip(struct gunzip *g, size_t n)
{
	uint8_t c;
	int r = 0;

	while (n-- && !r)
		r = need(g, &c, 1);
	return r;
}

static int skip_text(struct gunzip *g)
{
	uint8_t c = 1;
	int r = 0;

	while (c && !r)
		r = need(g, &c, 1);
	return r;
}

/* Behind a member there may be zeros, as tapes leave them, and nothing else. */
static int skip_zeros(struct gunzip *g)
{
	int c = 0, r = 0;

	while (!r && !c)
		r = byte(g, &c);
	if (r)
		return r;
	return c < 0 ? 0 : bad(g, "something follows behind the end of the gzip data");
}

static int optional_parts(struct gunzip *g, uint8_t flags)
{
	uint8_t n[2];
	int r = 0;

	if (flags & FEXTRA && ((r = need(g, n, 2)) || (r = skip(g, n[0] | (size_t)n[1] << 8))))
		return r;
	if (flags & FNAME && (r = skip_text(g)))
		return r;
	if (flags & FCOMMENT && (r = skip_text(g)))
		return r;
	return flags & FHCRC ? skip(g, 2) : 0;
}

/* 1: a member begins, 0: the end. */
static int begin_member(struct gunzip *g)
{
	uint8_t rest[9];
	int c, r = byte(g, &c);

	if (r)
		return r;
	if (!g->first && c <= 0)
		return c ? 0 : skip_zeros(g);
	if (c < 0)
		return bad(g, "it is empty");
	if (c != 0x1f)
		return bad(g, g->first ? "it is not gzip" : "something follows behind the end of the gzip data");
	if ((r = need(g, rest, sizeof(rest))))
		return r;
	if (rest[0] != 0x8b || rest[1] != 8 || rest[2] & FRESERVED)
		return bad(g, g->first ? "it is not gzip" : "something follows behind the end of the gzip data");
	if ((r = optional_parts(g, rest[2])))
		return r;
	inflateReset(&g->z);
	g->first = false;
	g->whole = true;
	g->crc32 = g->size = 0;
	g->window = 0;
	g->state = BODY;
	return 1;
}

static int end_member(struct gunzip *g)
{
	uint8_t trailer[TRAILER];
	int r = need(g, trailer, sizeof(trailer));

	if (r)
		return r;
	if (g->whole && (u32le(trailer) != g->crc32 || u32le(trailer + 4) != g->size))
		return bad(g, "it does not match its checksum");
	g->state = MEMBER;
	return 0;
}

static void keep_window(struct gunzip *g)
{
	if (g->filled + GUNZIP_WINDOW <= sizeof(g->out))
		return;
	memmove(g->out, g->out + g->filled - GUNZIP_WINDOW, GUNZIP_WINDOW);
	g->filled = GUNZIP_WINDOW;
}

/* Unpacks until there are bytes, or, when a place is wanted, a block's end. */
static int body(struct gunzip *g, bool want_place, struct gunzip_run *run)
{
	uint8_t *start = g->out + g->filled;
	int code, r;

	if ((r = fill(g)) < 0)
		return r;
	if (!r)
		return bad(g, "it ends too early");
	g->z.next_out = start;
	g->z.avail_out = (uInt)(sizeof(g->out) - g->filled);
	code = inflate(&g->z, want_place ? Z_BLOCK : Z_NO_FLUSH);
	if (code == Z_MEM_ERROR)
		return -ENOMEM;
	if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
		return bad(g, "its compressed data is damaged");
	*run = (struct gunzip_run){ .bytes = start, .n = (size_t)(g->z.next_out - start) };
	run->crc32 = crc32_update(0, start, run->n);
	g->crc32 = crc32_join(g->crc32, run->crc32, (int64_t)run->n);
	g->size += (uint32_t)run->n;
	g->filled += run->n;
	g->window = g->window + run->n < GUNZIP_WINDOW ? g->window + run->n : GUNZIP_WINDOW;
	if (code == Z_STREAM_END)
		g->state = TRAIL;
	/* zlib.h, inflate(): 128 at a block's end, 64 in the last block. */
	else
		g->at_place = want_place && (g->z.data_type & 192) == 128;
	return 0;
}

static int step(struct gunzip *g, bool want_place, struct gunzip_run *run)
{
	int r;

	switch (g->state) {
	case MEMBER:
		r = begin_member(g);
		g->state = r ? g->state : END;
		return r < 0 ? r : 0;
	case BODY:
		return body(g, want_place, run);
	case TRAIL:
		r = end_member(g);
		g->at_place = !r && want_place;
		return r;
	case END:
		break;
	}
	return 0;
}

int gunzip_next(struct gunzip *g, bool want_place, struct gunzip_run *ret_run, const char **ret_words)
{
	struct gunzip_run run = { .n = 0 };
	int r = 0;

	g->at_place = false;
	keep_window(g);
	while (!r && !run.n && !g->at_place && g->state != END)
		r = step(g, want_place, &run);
	if (r) {
		*ret_words = r == -EBADMSG ? g->words : NULL;
		return r;
	}
	run.at_place = g->at_place;
	*ret_run = run;
	return run.n || run.at_place;
}

void gunzip_place(const struct gunzip *g, struct gunzip_place *ret_place, const uint8_t **ret_window, size_t *ret_n)
{
	bool member = g->state == MEMBER;

	*ret_place = (struct gunzip_place){
		.in = gunzip_read_bytes(g), .bits = member ? 0 : (uint8_t)(g->z.data_type & 7), .member = member,
	};
	*ret_n = member ? 0 : g->window;
	*ret_window = g->out + g->filled - *ret_n;
}

int64_t gunzip_read_bytes(const struct gunzip *g)
{
	return g->taken - g->z.avail_in;
}

/* Raw deflate from a bit of a byte on, with what it may refer back to. */
static int take_up(struct gunzip *g, const struct gunzip_place *place, const void *window, size_t n)
{
	uint8_t before;
	int r;

	g->first = place->in == 0;
	g->taken = place->in - (place->bits != 0);
	if (place->member)
		return 0;
	g->state = BODY;
	if (n > GUNZIP_WINDOW || place->bits > 7)
		return -EINVAL;
	if (n) {
		memcpy(g->out, window, n);
		g->filled = g->window = n;
		if (inflateSetDictionary(&g->z, g->out, (uInt)n) != Z_OK)
			return -EINVAL;
	}
	if (!place->bits)
		return 0;
	if ((r = need(g, &before, 1)))
		return r;
	return inflatePrime(&g->z, place->bits, before >> (8 - place->bits)) == Z_OK ? 0 : -EINVAL;
}

int gunzip_new(struct gunzip_source source, const struct gunzip_place *place, const void *window, size_t n, struct gunzip **ret_g)
{
	AUTO(gunzip_freep) struct gunzip *g = malloc(sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	memset(g, 0, offsetof(struct gunzip, out));
	g->source = source;
	g->first = true;
	if (inflateInit2(&g->z, RAW) != Z_OK) {
		free(MOVE(g));
		return -ENOMEM;
	}
	if (place && (r = take_up(g, place, window, n)))
		return r;
	*ret_g = MOVE(g);
	return 0;
}

void gunzip_free(struct gunzip *g)
{
	if (g)
		inflateEnd(&g->z);
	free(g);
}

void gunzip_freep(struct gunzip **g)
{
	gunzip_free(*g);
}

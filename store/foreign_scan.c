/* An archive as one stream: unpacked, measured, and with the places at which reading it can be taken up. */
#include "store/foreign_inside.h"
#include "store/base/utf8.h"

#include <stdarg.h>
#include <zstd.h>

enum { WINDOW_LEVEL = 3 };

int scan_fail(struct scan *s, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->reason, sizeof(s->reason), fmt, ap);
	va_end(ap);
	return r;
}

int scan_fail_name(struct scan *s, int r, const char *name, const char *why)
{
	enum { SHOWN = 200 };
	AUTO(buf_release) struct buf shown = BUF_INIT;
	size_t n = strlen(name);

	utf8_printable(&shown, name, n < SHOWN ? n : SHOWN);
	return scan_fail(s, r, "'%s%s' %s", buf_str(&shown), n < SHOWN ? "" : "...", why);
}

static struct foreign_span *growing(struct scan *s)
{
	return &s->spans[s->span_count - 1];
}

/* A span begins at a place. */
static int begin_span(struct scan *s, const struct gunzip_place *place)
{
	size_t room = s->span_room ? s->span_room * 2 : 64;
	struct foreign_span *spans = s->spans;

	if (s->span_count == s->span_room) {
		if (!(spans = realloc(spans, room * sizeof(*spans))))
			return -ENOMEM;
		s->spans = spans;
		s->span_room = room;
	}
	spans[s->span_count++] = (struct foreign_span){
		.in = place->in, .out = s->unpacked, .bits = place->bits, .member = place->member,
	};
	return 0;
}

/* In place of the window's piece: whether there is one. The caller numbers them. */
static int pack_window(struct scan *s, const uint8_t *window, size_t n)
{
	uint8_t packed[ZSTD_COMPRESSBOUND(GUNZIP_WINDOW)];
	size_t size;

	if (!n)
		return 0;
	size = ZSTD_compress(packed, sizeof(packed), window, n, WINDOW_LEVEL);
	if (ZSTD_isError(size))
		return -ENOMEM;
	growing(s)->window = 1;
	return s->window(s->arg, packed, size, window, n);
}

static int next_span(struct scan *s)
{
	struct gunzip_place place;
	const uint8_t *window;
	size_t n;
	int r;

	gunzip_place(s->gunzip, &place, &window, &n);
	if ((r = begin_span(s, &place)))
		return r;
	return pack_window(s, window, n);
}

static int measure(struct scan *s)
{
	const struct foreign_limits *l = s->limits;

	if (s->unpacked > l->bytes)
		return scan_fail(s, -EFBIG, "it unpacks to more than %lld bytes", (long long)l->bytes);
	if (s->unpacked > FOREIGN_RATIO_FROM && s->unpacked / l->ratio > gunzip_read_bytes(s->gunzip))
		return scan_fail(s, -EFBIG, "it unpacks to more than %lld times its size", (long long)l->ratio);
	if (growing(s)->size > FOREIGN_SPAN_MAX)
		return scan_fail(s, -EFBIG, "a deflate block in it has more than %d bytes", FOREIGN_SPAN_MAX);
	return 0;
}

/* The next run. The place behind the one before, if that was long enough, is where a span begins. */
static int next_run(struct scan *s)
{
	const char *words = NULL;
	int r;

	if (s->run.at_place && growing(s)->size >= FOREIGN_SPAN && (r = next_span(s)))
		return r;
	r = gunzip_next(s->gunzip, growing(s)->size >= FOREIGN_SPAN, &s->run, &words);
	s->used = 0;
	if (r < 0)
		return words ? scan_fail(s, r, "%s", words) : r;
	if (!r) {
		s->run = (struct gunzip_run){ .n = 0 };
		return 0;
	}
	growing(s)->crc32 = crc32_join(growing(s)->crc32, s->run.crc32, (int64_t)s->run.n);
	growing(s)->size += (int64_t)s->run.n;
	s->unpacked += (int64_t)s->run.n;
	r = measure(s);
	return r ? r : 1;
}

int scan_take(struct scan *s, int64_t max, const uint8_t **ret_bytes, size_t *ret_n)
{
	int r;

	while (s->used == s->run.n)
		if ((r = next_run(s)) <= 0)
			return r;
	*ret_bytes = s->run.bytes + s->used;
	*ret_n = (size_t)min_i64(max, (int64_t)(s->run.n - s->used));
	s->used += *ret_n;
	s->tar_at += (int64_t)*ret_n;
	return 1;
}

int scan_read(struct scan *s, void *out, size_t n)
{
	const uint8_t *bytes;
	size_t got = 0, more;
	int r;

	while (got < n) {
		if ((r = scan_take(s, (int64_t)(n - got), &bytes, &more)) < 0)
			return r;
		if (!r)
			return got ? scan_fail(s, -EBADMSG, "the tar in it ends too early") : 0;
		memcpy((uint8_t *)out + got, bytes, more);
		got += more;
	}
	return 1;
}

/* What stands behind the tar's end is not looked at, but has to unpack. */
static int drain(struct scan *s)
{
	const uint8_t *bytes;
	size_t n;
	int r;

	while ((r = scan_take(s, INT64_MAX, &bytes, &n)) > 0)
		;
	return r;
}

int scan_run(struct scan *s)
{
	const struct gunzip_place start = { .member = true };
	int r;

	scan_names_init(&s->names);
	if ((r = gunzip_new(s->source, NULL, NULL, 0, &s->gunzip)) || (r = begin_span(s, &start)) || (r = scan_tar(s)) ||
	    (r = drain(s)))
		return r;
	/* A place behind the last byte begins nothing. */
	if (!growing(s)->size && s->span_count > 1)
		s->span_count--;
	return scan_names_finish(s);
}

void scan_release(struct scan *s)
{
	gunzip_free(s->gunzip);
	free(s->spans);
	scan_names_release(&s->names);
}

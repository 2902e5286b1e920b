/*
 * The scanner of archives that are handed in: gzip of any number of members, tar of any kind. The first byte chooses what the rest is:
 * the archive itself, or a tar, which is packed here (checksums of headers and of gzip are no riddles then), and how it comes in.
 */
#include "store/foreign_inside.h"
#include "tests/fuzz/fuzz.h"

#include <zlib.h>

enum { IS_TAR = 1, BY_BYTES = 2, PACKED = 4, TWO_MEMBERS = 8, WINDOWS_MAX = 64 };

struct feed {
	const uint8_t *data;
	size_t n, step;
};

static ssize_t next(void *arg, const uint8_t **ret_bytes)
{
	struct feed *f = arg;
	size_t n = f->step < f->n ? f->step : f->n;

	*ret_bytes = f->data;
	f->data += n;
	f->n -= n;
	return (ssize_t)n;
}

struct windows {
	struct { uint8_t *bytes; size_t n; } list[WINDOWS_MAX];
	size_t count;
};

static int keep_window(void *arg, const void *packed UNUSED, size_t n UNUSED, const void *plain, size_t plain_n)
{
	struct windows *w = arg;

	if (w->count == WINDOWS_MAX)
		return -EFBIG;
	w->list[w->count].n = plain_n;
	w->list[w->count++].bytes = (uint8_t *)fuzz_copy(plain, plain_n);
	return 0;
}

static void windows_release(struct windows *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->list[i].bytes);
}

/* What looks like a header gets the checksum that it should have. */
static void mend_checksums(uint8_t *tar, size_t n)
{
	enum { AT = 148, END = 156, MAGIC = 257 };

	for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK) {
		uint8_t *h = tar + at;
		unsigned sum = 0;
		char text[8];

		if (memcmp(h + MAGIC, "ustar", 5) != 0)
			continue;
		memset(h + AT, ' ', END - AT);
		for (size_t i = 0; i < TAR_BLOCK; i++)
			sum += h[i];
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(h + AT, text, sizeof(text) - 1);
	}
}

static void pack(const uint8_t *data, size_t n, int level, struct buf *out)
{
	enum { GZIP = 15 + 16 };
	z_stream z = { 0 };
	size_t room;
	void *to;

	MUST(deflateInit2(&z, level, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	room = deflateBound(&z, n) + 64;
	MUST((to = buf_reserve(out, room)));
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)n;
	z.next_out = to;
	z.avail_out = (uInt)room;
	MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
	buf_commit(out, room - z.avail_out);
	deflateEnd(&z);
}

static void make_archive(uint8_t choice, const uint8_t *data, size_t n, struct buf *out)
{
	AUTO(free_ptr) uint8_t *tar = (uint8_t *)fuzz_copy(data, n);
	size_t half = choice & TWO_MEMBERS ? n / 2 : n;

	if (!(choice & IS_TAR)) {
		buf_add(out, data, n);
		return;
	}
	mend_checksums(tar, n);
	pack(tar, half, choice & PACKED ? 6 : 0, out);
	if (half < n)
		pack(tar + half, n - half, choice & PACKED ? 6 : 0, out);
}

/* What was found is read again from its place alone. */
static void read_span(const struct foreign_span *s, const struct windows *w, size_t *window, const struct buf *archive)
{
	const struct gunzip_place place = { .in = s->in, .bits = s->bits, .member = s->member };
	size_t from = (size_t)(s->in - (s->bits != 0));
	struct feed feed = { archive->data + from, archive->len - from, 4096 };
	AUTO(gunzip_freep) struct gunzip *g = NULL;
	const char *words;
	uint32_t crc = 0;

	MUST(gunzip_new((struct gunzip_source){ next, &feed }, &place, s->window ? w->list[*window].bytes : NULL,
			s->window ? w->list[*window].n : 0, &g) == 0);
	*window += s->window != 0;
	for (int64_t left = s->size; left;) {
		struct gunzip_run run;

		MUST(gunzip_next(g, false, &run, &words) == 1 && run.n);
		run.n = (size_t)min_i64((int64_t)run.n, left);
		crc = crc32_update(crc, run.bytes, run.n);
		left -= (int64_t)run.n;
	}
	MUST(crc == s->crc32);
}

static void check(const struct scan *s, const struct windows *w, const struct buf *archive)
{
	int64_t out = 0, bytes = 0;
	size_t window = 0;

	for (size_t i = 0; i < s->span_count; i++) {
		MUST(s->spans[i].out == out);
		read_span(&s->spans[i], w, &window, archive);
		out += s->spans[i].size;
	}
	MUST(out == s->unpacked);
	for (size_t i = 0; i < s->names.count; i++) {
		const struct scan_entry *e = &s->names.entries[i];

		MUST(*e->path && *e->path != '/' && (e->type == TAR_SYMLINK) == (e->link != NULL));
		MUST(e->type != TAR_FILE || (e->offset >= 0 && e->size >= 0 && e->size <= out - e->offset));
		bytes += e->size;
	}
	MUST(bytes == s->names.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct foreign_limits limits = {
		.size = 1 << 20, .bytes = 8 << 20, .entries = 1000, .ratio = 250, .depth = 64, .name = MANIFEST_NAME_MAX, .header = 64 << 10,
	};
	AUTO(buf_release) struct buf archive = BUF_INIT;
	AUTO(windows_release) struct windows windows = { .count = 0 };
	AUTO(scan_release) struct scan s = { .limits = &limits, .window = keep_window, .arg = &windows };
	uint8_t choice = fuzz_choice(&data, &n);
	struct feed feed;
	int r;

	make_archive(choice, data, n, &archive);
	feed = (struct feed){ archive.data, archive.len, choice & BY_BYTES ? 7 : SIZE_MAX };
	s.source = (struct gunzip_source){ next, &feed };
	r = scan_run(&s);
	MUST(r == 0 || r == -EBADMSG || r == -ENOTSUP || r == -EFBIG);
	MUST(r == 0 || *s.reason || windows.count == WINDOWS_MAX);
	if (!r)
		check(&s, &windows, &archive);
	return 0;
}

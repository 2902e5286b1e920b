#include "store/stage_inside.h"
#include "store/stitch/cut.h"
#include "store/stitch/fragment.h"

#include <sys/stat.h>

static int write_when_full(struct stage *s)
{
	size_t held = s->bytes.len + digests_bytes(&s->pieces) + digests_bytes(&s->contents);

	return held < STAGE_FULL ? 0 : stage_flush(s);
}

/* The slot of a content that the store or the stage has; -ENOENT. */
static int find_content(struct stage *s, const uint8_t sha256[SHA256_SIZE], int64_t *ret_slot)
{
	int64_t id;
	size_t i;
	int r;

	if (digests_find(&s->contents, sha256, &i))
		id = staged((int64_t)i);
	else if ((r = content_find(s->st, sha256, &id)))
		return r;
	if ((r = idlist_add(&s->slots, id)))
		return r;
	*ret_slot = (int64_t)s->slots.count - 1;
	return 0;
}

/* Takes the refs that are open. */
static int add_content(struct stage *s, struct staged_content *c, int64_t *ret_slot)
{
	int r;

	c->first = s->open;
	c->count = s->refs.count - s->open;
	if ((r = digests_add(&s->contents, c)) || (r = idlist_add(&s->slots, staged((int64_t)s->contents.count - 1))))
		return r;
	s->open = s->refs.count;
	*ret_slot = (int64_t)s->slots.count - 1;
	return 0;
}

/* Forgets the open refs. Their pieces may be written all the same: rows that nobody refers to. */
static void drop_open(struct stage *s)
{
	s->refs.count = s->open;
}

static int compress(struct stage *s, struct staged_piece *p, const uint8_t *data)
{
	struct fragmenter *f = store_fragmenter(s->st);
	int r;

	if (!f)
		return -ENOMEM;
	p->at = s->bytes.len;
	if ((r = fragment_encode(f, data, p->size, &s->bytes)))
		return r == -EBADMSG ? store_fail(s->st, r, "what was compressed does not decode to what it was made of") : r;
	p->length = (uint32_t)(s->bytes.len - p->at);
	return digests_add(&s->pieces, p);
}

/* Refers to the piece that p describes, which the stage has, or the store when `look`, or else has now. */
static int refer(struct stage *s, struct staged_piece *p, const uint8_t *data, bool look)
{
	struct piece known;
	size_t i;
	int r;

	if (digests_find(&s->pieces, p->sha256, &i))
		return idlist_add(&s->refs, staged((int64_t)i));
	r = look ? piece_find(s->st, p->sha256, PIECE_DEFLATE, &known) : -ENOENT;
	if (!r)
		return idlist_add(&s->refs, known.id);
	if (r != -ENOENT || (r = compress(s, p, data)))
		return r;
	return idlist_add(&s->refs, staged((int64_t)s->pieces.count - 1));
}

/* A content of one piece or none: hashed once for both. */
static int take_small(struct stage *s, const uint8_t *data, size_t n, int64_t *ret_slot)
{
	struct staged_content c = { .size = (int64_t)n };
	struct git_blob git;
	int r;

	sha256_of(data, n, c.sha256);
	if ((r = find_content(s, c.sha256, ret_slot)) != -ENOENT)
		return r;
	c.crc32 = crc32_update(0, data, n);
	c.adler32 = adler32_update(1, data, n);
	git_blob_init(&git, c.size);
	git_blob_update(&git, data, n);
	git_blob_final(&git, c.git_blob);
	if (n) {
		struct staged_piece p = { .crc32 = c.crc32, .adler32 = c.adler32, .size = (uint32_t)n };

		memcpy(p.sha256, c.sha256, SHA256_SIZE);
		if ((r = refer(s, &p, data, false)))
			return r;
	}
	if ((r = add_content(s, &c, ret_slot))) {
		drop_open(s);
		return r;
	}
	return write_when_full(s);
}

/* A content of many pieces while it is read. */
struct large {
	struct staged_content c;
	struct sha256 sha256;
	struct git_blob git;
};

static struct large large_begin(int64_t size)
{
	struct large l = { .c = { .adler32 = 1 } };

	sha256_init(&l.sha256);
	git_blob_init(&l.git, size);
	return l;
}

static int large_add(struct stage *s, struct large *l, const uint8_t *data, size_t n)
{
	struct staged_piece p = { .size = (uint32_t)n };
	int r;

	sha256_update(&l->sha256, data, n);
	git_blob_update(&l->git, data, n);
	sha256_of(data, n, p.sha256);
	p.crc32 = crc32_update(0, data, n);
	p.adler32 = adler32_update(1, data, n);
	l->c.crc32 = crc32_join(l->c.crc32, p.crc32, (int64_t)n);
	l->c.adler32 = adler32_join(l->c.adler32, p.adler32, (int64_t)n);
	l->c.size += (int64_t)n;
	if ((r = refer(s, &p, data, true)))
		return r;
	return write_when_full(s);
}

static int large_end(struct stage *s, struct large *l, int64_t *ret_slot)
{
	int r;

	sha256_final(&l->sha256, l->c.sha256);
	git_blob_final(&l->git, l->c.git_blob);
	r = find_content(s, l->c.sha256, ret_slot);
	if (r == -ENOENT)
		return add_content(s, &l->c, ret_slot);
	drop_open(s);
	return r;
}

int stage_bytes(struct stage *s, const void *data, size_t n, int64_t *ret_slot)
{
	struct large l;
	int r;

	if (s->error)
		return s->error;
	if (n <= CUT_WHOLE)
		return take_small(s, data, n, ret_slot);
	l = large_begin((int64_t)n);
	for (const uint8_t *p = data, *end = p + n; p < end;) {
		size_t left = (size_t)(end - p), length = cut_next(p, left < CUT_MAX ? left : CUT_MAX);

		if ((r = large_add(s, &l, p, length))) {
			drop_open(s);
			return r;
		}
		p += length;
	}
	return large_end(s, &l, ret_slot);
}

/* Where bytes come from: a descriptor, or what the caller reads with. */
struct input {
	int fd;
	stage_read *read;
	void *arg;
};

static ssize_t read_fd(struct stage *s, int fd, void *out, size_t n)
{
	ssize_t got;

	do
		got = read(fd, out, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? store_fail(s->st, -errno, "cannot read a file: %s", strerror(errno)) : got;
}

/* Reads until the window holds n bytes, or fewer at the end of the file. */
static int fill_window(struct stage *s, const struct input *in, size_t n)
{
	while (s->filled < n) {
		uint8_t *to = s->window + s->filled;
		ssize_t got = in->read ? in->read(in->arg, to, n - s->filled) : read_fd(s, in->fd, to, n - s->filled);

		if (got < 0)
			return (int)got;
		if (!got)
			break;
		s->filled += (size_t)got;
	}
	return 0;
}

/* Cuts what the window holds and the file has to come, up to `max` bytes in all. */
static int take_stream(struct stage *s, const struct input *in, int64_t max, struct large *l)
{
	bool more = true;
	int r;

	for (size_t at = 0; more || at < s->filled;) {
		if (more && s->filled - at < CUT_MAX) {
			size_t want = (size_t)min_i64(STAGE_WINDOW, max - l->c.size);

			s->filled -= at;
			memmove(s->window, s->window + at, s->filled);
			at = 0;
			if ((r = fill_window(s, in, want)))
				return r;
			more = s->filled == STAGE_WINDOW;
			continue;
		}
		size_t left = s->filled - at, n = cut_next(s->window + at, left < CUT_MAX ? left : CUT_MAX);

		if ((r = large_add(s, l, s->window + at, n)))
			return r;
		at += n;
	}
	return 0;
}

static int take_large(struct stage *s, const struct input *in, int64_t size, int64_t max, int64_t *ret_size, int64_t *ret_slot)
{
	struct large l = large_begin(size);
	int r = take_stream(s, in, max, &l);

	if (r || l.c.size != size)
		drop_open(s);
	else
		r = large_end(s, &l, ret_slot);
	*ret_size = l.c.size;
	return r;
}

static int too_big(struct stage *s, int64_t limit)
{
	return store_fail(s->st, -EFBIG, "a file has more than %lld bytes", (long long)limit);
}

/*
 * The name in git begins with the size, so that a large file's must be known before. `size` is -1 at
 * the first try; *ret_size other than *size at return says that it has to be tried again.
 */
static int take_file(struct stage *s, int fd, int64_t limit, int64_t *size, int64_t *ret_size, int64_t *ret_slot)
{
	const struct input in = { .fd = fd };
	bool again = *size >= 0;
	struct stat sb;
	off_t at;
	int r;

	s->filled = 0;
	if ((r = fill_window(s, &in, CUT_WHOLE + 1)))
		return r;
	if ((int64_t)s->filled > limit)
		return too_big(s, limit);
	if (s->filled <= CUT_WHOLE) {
		*size = *ret_size = (int64_t)s->filled;
		return take_small(s, s->window, s->filled, ret_slot);
	}
	at = lseek(fd, 0, SEEK_CUR);
	if (at < 0 || fstat(fd, &sb))
		return store_fail(s->st, -errno, "a large file cannot be read twice: %s", strerror(errno));
	if (!again)
		*size = max_i64(sb.st_size - at, 0) + (int64_t)s->filled;
	if (*size > limit)
		return too_big(s, limit);
	/* One byte over the limit is another size than was said, and the second try will see it. */
	return take_large(s, &in, *size, again ? *size : min_i64(limit, INT64_MAX - 1) + 1, ret_size, ret_slot);
}

int stage_file(struct stage *s, int fd, int64_t limit, int64_t *ret_size, int64_t *ret_slot)
{
	int64_t size = -1, got = 0, slot = 0;
	off_t start = lseek(fd, 0, SEEK_CUR);
	int r;

	if (s->error)
		return s->error;
	r = take_file(s, fd, limit, &size, &got, &slot);
	if (!r && got != size) {
		size = got;
		if (lseek(fd, start, SEEK_SET) < 0)
			return store_fail(s->st, -errno, "a file cannot be read again: %s", strerror(errno));
		r = take_file(s, fd, limit, &size, &got, &slot);
	}
	if (r)
		return r;
	if (got != size)
		return store_fail(s->st, -ESTALE, "a file keeps changing while it is read");
	*ret_size = got;
	*ret_slot = slot;
	return 0;
}

int stage_stream(struct stage *s, int64_t size, stage_read *f, void *arg, int64_t *ret_slot)
{
	const struct input in = { .fd = -1, .read = f, .arg = arg };
	int64_t got;
	int r;

	if (s->error)
		return s->error;
	s->filled = 0;
	if (size > CUT_WHOLE) {
		r = take_large(s, &in, size, size, &got, ret_slot);
	} else {
		r = fill_window(s, &in, (size_t)size);
		got = (int64_t)s->filled;
		if (!r && got == size)
			r = take_small(s, s->window, s->filled, ret_slot);
	}
	return r || got == size ? r : store_fail(s->st, -ESTALE, "a file is shorter than it was");
}

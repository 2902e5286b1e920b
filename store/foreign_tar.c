/*
 * The entries of a tar, as ustar (POSIX.1-1988), pax (POSIX.1-2001), GNU and the tar of before have them. A reader of its own, because it must say
 * where in the stream each file is, and because what is doubtful here is refused, while tools that unpack make the best of it.
 */
#include "store/foreign_inside.h"

enum { NAME = 100, PREFIX = 155, LINK = 100 };

/* One block. */
struct header {
	char name[NAME], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag, linkname[LINK], magic[6], version[2],
		uname[32], gname[32], devmajor[8], devminor[8], prefix[PREFIX], pad[12];
};

/* What headers before an entry say of it. */
struct extra {
	struct buf path, link;
	int64_t size; /* -1: nothing */
	bool has_path, has_link, any;
};

struct tar {
	struct scan *s;
	struct extra extra;
	struct buf data; /* of such a header */
	char path[MANIFEST_PATH_MAX + 2], link[MANIFEST_PATH_MAX + 2];
	int64_t size;
	bool executable;
};

static void tar_release(struct tar *t)
{
	buf_release(&t->extra.path);
	buf_release(&t->extra.link);
	buf_release(&t->data);
}

/* Octal digits between spaces, or, as GNU has it, binary with the first bit set: below zero where the second is. -1: no number. */
static int64_t number(const char *field, size_t n)
{
	const uint8_t *p = (const uint8_t *)field, *end = p + n;
	int64_t v = 0;

	if (*p & 0x80) {
		v = *p++ & 0x7f;
		for (; p < end; p++)
			if (v > INT64_MAX >> 8)
				return -1;
			else
				v = v << 8 | *p;
		return v;
	}
	while (p < end && *p == ' ')
		p++;
	for (; p < end && *p >= '0' && *p <= '7'; p++)
		v = v << 3 | (*p - '0');
	return p == end || !*p || *p == ' ' ? v : -1;
}

/* The bytes added up, with spaces in the place of the sum; there are old tars that added them up with their signs. */
static bool has_checksum(const struct header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	int64_t sum = 0, with_signs = 0, want = number(h->chksum, sizeof(h->chksum));

	for (size_t i = 0; i < sizeof(*h); i++) {
		bool own = i >= offsetof(struct header, chksum) && i < offsetof(struct header, typeflag);
		uint8_t c = own ? ' ' : p[i];

		sum += c;
		with_signs += (int8_t)c;
	}
	return want == sum || want == with_signs;
}

static bool is_zero(const struct header *h)
{
	const char *p = (const char *)h;

	return !*p && !memcmp(p, p + 1, sizeof(*h) - 1);
}

/* Data of a header that says something of the next one, without the padding. */
static int read_data(struct tar *t, const char *what)
{
	char pad[TAR_BLOCK];
	void *to;
	int r;

	if (t->size > t->s->limits->header)
		return scan_fail(t->s, -EFBIG, "a %s has more than %lld bytes", what, (long long)t->s->limits->header);
	buf_reset(&t->data);
	if (!t->size)
		return 0;
	if (!(to = buf_reserve(&t->data, (size_t)t->size)))
		return buf_error(&t->data);
	if ((r = scan_read(t->s, to, (size_t)t->size)) > 0 && tar_padding(t->size))
		r = scan_read(t->s, pad, tar_padding(t->size));
	if (r <= 0)
		return r ? r : scan_fail(t->s, -EBADMSG, "the tar in it ends too early");
	buf_commit(&t->data, (size_t)t->size);
	return 0;
}

static int keep(struct buf *to, bool *has, const char *value, size_t n)
{
	buf_reset(to);
	*has = true;
	return buf_add(to, value, n);
}

static int pax_path(struct tar *t, const char *value, size_t n)
{
	return keep(&t->extra.path, &t->extra.has_path, value, n);
}

static int pax_link(struct tar *t, const char *value, size_t n)
{
	return keep(&t->extra.link, &t->extra.has_link, value, n);
}

static int pax_size(struct tar *t, const char *value, size_t n)
{
	int64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9' || v > (INT64_MAX - 9) / 10)
			return scan_fail(t->s, -EBADMSG, "a pax header has a size that is no number");
		v = v * 10 + (value[i] - '0');
	}
	if (!n)
		return scan_fail(t->s, -EBADMSG, "a pax header has a size that is no number");
	t->extra.size = v;
	return 0;
}

static int pax_sparse(struct tar *t, const char *value UNUSED, size_t n UNUSED)
{
	return scan_fail(t->s, -ENOTSUP, "there is a sparse file in it; pack it without --sparse");
}

static const struct {
	const char *key; /* a '.' at its end: all that begin so */
	int (*take)(struct tar *t, const char *value, size_t n);
} keys[] = {
	{ "path", pax_path }, { "linkpath", pax_link }, { "size", pax_size }, { "GNU.sparse.", pax_sparse },
};

static int take_record(struct tar *t, bool global, const char *key, size_t key_len, const char *value, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t len = strlen(keys[i].key);
		bool group = keys[i].key[len - 1] == '.';

		if (group ? key_len < len : key_len != len)
			continue;
		if (memcmp(key, keys[i].key, len) != 0)
			continue;
		if (global)
			return scan_fail(t->s, -ENOTSUP, "a global pax header gives a %s to all entries", keys[i].key);
		return keys[i].take(t, value, n);
	}
	return 0;
}

/* "length key=value\n", the length counting all of it. */
static int take_records(struct tar *t, bool global)
{
	const char *p = buf_str(&t->data), *end = p + t->data.len;
	int r;

	while (p < end) {
		size_t length = 0, digits = 0;
		const char *key, *value, *next;

		for (; p + digits < end && p[digits] >= '0' && p[digits] <= '9' && digits < 9; digits++)
			length = length * 10 + (size_t)(p[digits] - '0');
		next = p + length;
		key = p + digits + 1;
		if (!digits || length > (size_t)(end - p) || length < digits + 3 || p[digits] != ' ' || next[-1] != '\n' ||
		    !(value = memchr(key, '=', (size_t)(next - key))))
			return scan_fail(t->s, -EBADMSG, "a pax header is damaged");
		if ((r = take_record(t, global, key, (size_t)(value - key), value + 1, (size_t)(next - 1 - (value + 1)))))
			return r;
		p = next;
	}
	return 0;
}

static int on_pax(struct tar *t)
{
	int r = read_data(t, "pax header");

	return r ? r : take_records(t, false);
}

static int on_global(struct tar *t)
{
	int r = read_data(t, "pax header");

	t->extra.any = false; /* nothing has to follow */
	return r ? r : take_records(t, true);
}

static int on_long(struct tar *t, struct buf *to, bool *has)
{
	int r = read_data(t, "long name");

	if (r)
		return r;
	/* With the NUL at its end or without. */
	return keep(to, has, buf_str(&t->data), t->data.len - (t->data.len && !t->data.data[t->data.len - 1]));
}

static int on_long_name(struct tar *t)
{
	return on_long(t, &t->extra.path, &t->extra.has_path);
}

static int on_long_link(struct tar *t)
{
	return on_long(t, &t->extra.link, &t->extra.has_link);
}

static int skip_padding(struct tar *t, int64_t size)
{
	char pad[TAR_BLOCK];
	size_t n = tar_padding(size);
	int r = n ? scan_read(t->s, pad, n) : 1;

	return r > 0 ? 0 : r ? r : scan_fail(t->s, -EBADMSG, "the tar in it ends too early");
}

static int on_file(struct tar *t)
{
	struct scan_entry e = { .path = t->path, .type = TAR_FILE, .size = t->size, .executable = t->executable, .offset = t->s->tar_at };
	struct sha256 h;
	const uint8_t *bytes;
	size_t n;
	int r;

	sha256_init(&h);
	for (int64_t left = t->size; left; left -= (int64_t)n) {
		if ((r = scan_take(t->s, left, &bytes, &n)) <= 0)
			return r ? r : scan_fail_name(t->s, -EBADMSG, t->path, "ends too early");
		sha256_update(&h, bytes, n);
	}
	sha256_final(&h, e.sha256);
	if ((r = skip_padding(t, t->size)))
		return r;
	return *t->path ? scan_add(t->s, &e) : scan_fail(t->s, -ENOTSUP, "a file has the name of the top folder");
}

static int no_data(struct tar *t)
{
	return t->size ? scan_fail_name(t->s, -ENOTSUP, t->path, "is no file and has data") : 0;
}

static int on_dir(struct tar *t)
{
	const struct scan_entry e = { .path = t->path, .type = TAR_DIR };
	int r = no_data(t);

	/* The top itself is not listed. */
	return r || !*t->path ? r : scan_add(t->s, &e);
}

static int on_symlink(struct tar *t)
{
	const struct scan_entry e = { .path = t->path, .type = TAR_SYMLINK, .link = t->link };
	int r = no_data(t);

	if (r)
		return r;
	return *t->path ? scan_add(t->s, &e) : scan_fail(t->s, -ENOTSUP, "a link has the name of the top folder");
}

/* Another name for an entry that was there before: a file of its own. */
static int on_hard_link(struct tar *t)
{
	const struct scan_entry *target;
	struct scan_entry e;
	int r = no_data(t);

	if (r)
		return r;
	if ((r = scan_clean_path(t->s, t->link, strlen(t->link))))
		return r;
	target = scan_find(t->s, t->link);
	if (!target || target->type == TAR_DIR || !*t->path)
		return scan_fail_name(t->s, -ENOTSUP, t->path, "is a hard link to nothing that comes before it");
	e = *target;
	e.path = t->path;
	return scan_add(t->s, &e);
}

static int on_device(struct tar *t)
{
	return scan_fail_name(t->s, -ENOTSUP, t->path, "is a device or a fifo");
}

static int on_sparse(struct tar *t)
{
	return pax_sparse(t, NULL, 0);
}

static int on_label(struct tar *t)
{
	t->extra.any = false;
	return t->size ? scan_fail(t->s, -ENOTSUP, "a volume label in it has data") : 0;
}

/* extra: it says something of the entry behind it, and has itself no name that counts. */
static const struct kind {
	char flag;
	bool extra;
	int (*take)(struct tar *t);
} kinds[] = {
	{ '0', false, on_file },    { '\0', false, on_file },      { '7', false, on_file },   { '1', false, on_hard_link },
	{ '2', false, on_symlink }, { '5', false, on_dir },        { '3', false, on_device }, { '4', false, on_device },
	{ '6', false, on_device },  { 'x', true, on_pax },         { 'g', true, on_global },  { 'L', true, on_long_name },
	{ 'K', true, on_long_link }, { 'S', false, on_sparse },    { 'V', true, on_label },
};

static const struct kind *kind_of(const struct header *h)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].flag == h->typeflag)
			return &kinds[i];
	return NULL;
}

/* A name of an entry, from the header or from what came before it. */
static int name_of(struct tar *t, const struct buf *extra, bool has, const char *field, size_t n, char *out, size_t *ret_n)
{
	const char *from = has ? buf_str(extra) : field;
	size_t len = has ? extra->len : strnlen(field, n);

	if (len > MANIFEST_PATH_MAX)
		return scan_fail(t->s, -EFBIG, "a name has more than %d bytes", MANIFEST_PATH_MAX);
	memcpy(out, from, len);
	out[len] = '\0';
	*ret_n = len;
	return 0;
}

/* "prefix/name" of ustar; GNU keeps something else in the place of the prefix. */
static void join(const struct header *h, char *out)
{
	size_t n = memcmp(h->magic, "ustar", 6) ? 0 : strnlen(h->prefix, PREFIX);

	memcpy(out, h->prefix, n);
	if (n)
		out[n++] = '/';
	memcpy(out + n, h->name, NAME);
	out[n + NAME] = '\0';
}

static int names_of(struct tar *t, const struct header *h, bool *ret_is_dir)
{
	char joined[PREFIX + 1 + NAME + 1];
	size_t n, link_len;
	int r;

	join(h, joined);
	if ((r = name_of(t, &t->extra.path, t->extra.has_path, joined, sizeof(joined), t->path, &n)) ||
	    (r = name_of(t, &t->extra.link, t->extra.has_link, h->linkname, LINK, t->link, &link_len)))
		return r;
	if (strlen(t->link) != link_len)
		return scan_fail_name(t->s, -ENOTSUP, t->path, "is a link with a NUL in its target");
	*ret_is_dir = n && t->path[n - 1] == '/';
	return scan_clean_path(t->s, t->path, n);
}

static void forget(struct extra *e)
{
	e->has_path = e->has_link = e->any = false;
	e->size = -1;
}

/* An entry of its own, with all that was said of it. */
static int take_entry(struct tar *t, const struct header *h, const struct kind *k)
{
	bool is_dir = false;
	int64_t mode = number(h->mode, sizeof(h->mode));
	int r = names_of(t, h, &is_dir);

	if (r)
		return r;
	if (t->extra.size >= 0)
		t->size = t->extra.size;
	if (t->size > t->s->limits->bytes)
		return scan_fail_name(t->s, -EFBIG, t->path, "is larger than an archive may be");
	t->executable = mode > 0 && mode & 0111;
	/* Before there was a flag for them, folders were files with a '/' at the end. */
	r = k->take == on_file && is_dir && !t->size ? on_dir(t) : k->take(t);
	forget(&t->extra);
	return r;
}

static int take_header(struct tar *t, const struct header *h)
{
	const struct kind *k = kind_of(h);

	if (!has_checksum(h))
		return scan_fail(t->s, -EBADMSG, t->s->tar_at == TAR_BLOCK ? "there is no tar in it" : "a tar header does not match its checksum");
	if (!k)
		return scan_fail(t->s, -ENOTSUP, "there is an entry of the unknown kind 0x%02x in it", (uint8_t)h->typeflag);
	t->size = number(h->size, sizeof(h->size));
	if (t->size < 0)
		return scan_fail(t->s, -EBADMSG, "a tar header has a size that is no number");
	if (!k->extra)
		return take_entry(t, h, k);
	t->extra.any = true;
	return k->take(t);
}

int scan_tar(struct scan *s)
{
	AUTO(tar_release) struct tar t = { .s = s, .extra.size = -1 };
	struct header h;
	int r;

	while ((r = scan_read(s, &h, sizeof(h))) > 0 && !is_zero(&h))
		if ((r = take_header(&t, &h)))
			return r;
	if (r < 0)
		return r;
	if (!r && !s->tar_at)
		return scan_fail(s, -EBADMSG, "there is nothing in it");
	return t.extra.any ? scan_fail(s, -EBADMSG, "the tar in it ends behind a header of an entry that is not there") : 0;
}

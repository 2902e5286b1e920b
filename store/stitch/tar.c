#include "store/stitch/tar.h"

#include <assert.h>

/* POSIX.1-1988: numbers are octal digits and a NUL. */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[8], user[32], group[32], major[8], minor[8], prefix[155], unused[12];
};

enum { FIELD_NAME = sizeof(((struct ustar *)0)->name), FIELD_PREFIX = sizeof(((struct ustar *)0)->prefix) };

static_assert(sizeof(struct ustar) == TAR_BLOCK, "a header is one block");

static const int64_t number_max = ((int64_t)1 << 33) - 1; /* 11 octal digits */

static void octal(char *to, size_t digits, uint64_t v)
{
	to[digits] = '\0';
	while (digits--) {
		to[digits] = (char)('0' + (v & 7));
		v >>= 3;
	}
}

/*
 * Where a path too long for the name field is cut: at the last slash that leaves at most 155 bytes before it, which is not
 * the one a directory ends in. 0: there is none, or more than 100 bytes would be left.
 */
static size_t split(const char *path, size_t n)
{
	size_t i = n - 1;

	if (i > FIELD_PREFIX)
		i = FIELD_PREFIX;
	else if (path[i] == '/')
		i--;
	while (i > 0 && path[i] != '/')
		i--;
	return n - i - 1 <= FIELD_NAME && n - i > 1 ? i : 0;
}

static bool fits(const char *path, size_t n)
{
	return n <= FIELD_NAME || split(path, n);
}

static void set_path(struct ustar *u, const char *path, size_t n)
{
	size_t cut = n > sizeof(u->name) ? split(path, n) : 0;

	if (cut) {
		memcpy(u->prefix, path, cut);
		path += cut + 1;
		n -= cut + 1;
	}
	memcpy(u->name, path, n < sizeof(u->name) ? n : sizeof(u->name));
}

static void set_checksum(struct ustar *u)
{
	const uint8_t *p = (const uint8_t *)u;
	unsigned sum = 0;

	memset(u->checksum, ' ', sizeof(u->checksum));
	for (size_t i = 0; i < sizeof(*u); i++)
		sum += p[i];
	octal(u->checksum, sizeof(u->checksum) - 2, sum);
}

/* One header block; path and link are cut to their fields. */
static int add_block(struct buf *out, const struct tar_entry *e, char type, bool executable)
{
	struct ustar u = { .type = type, .magic = { 'u', 's', 't', 'a', 'r', '\0', '0', '0' } };
	int64_t mtime = max_i64(0, min_i64(e->mtime, number_max));

	set_path(&u, e->path, e->path_len);
	octal(u.mode, sizeof(u.mode) - 1, executable ? 0755 : 0644);
	octal(u.uid, sizeof(u.uid) - 1, 0);
	octal(u.gid, sizeof(u.gid) - 1, 0);
	octal(u.size, sizeof(u.size) - 1, e->size > number_max ? 0 : (uint64_t)e->size);
	octal(u.mtime, sizeof(u.mtime) - 1, (uint64_t)mtime);
	octal(u.major, sizeof(u.major) - 1, 0);
	octal(u.minor, sizeof(u.minor) - 1, 0);
	if (e->link_len)
		memcpy(u.link, e->link, e->link_len < sizeof(u.link) ? e->link_len : sizeof(u.link));
	set_checksum(&u);
	return buf_add(out, &u, sizeof(u));
}

/* "<length> <key>=<value>\n", where the length counts its own digits. */
static void add_record(struct buf *out, const char *key, const char *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest + 1;

	for (size_t power = 10; len >= power; power *= 10)
		len++;
	buf_addf(out, "%zu %s=", len, key);
	buf_add(out, value, n);
	buf_addc(out, '\n');
}

/* The name of a pax header: the path's top folder, "PaxHeaders", the path's last part; cut to fit. */
static void add_pax_name(struct buf *out, const char *path, size_t n)
{
	const char *top = memchr(path, '/', n), *last;

	while (n > 1 && path[n - 1] == '/')
		n--;
	last = memrchr(path, '/', n);
	if (top && last)
		buf_add(out, path, (size_t)(top - path) + 1);
	buf_adds(out, "PaxHeaders/");
	last = last ? last + 1 : path;
	buf_add(out, last, (size_t)(path + n - last));
	if (out->len > FIELD_NAME)
		out->len = FIELD_NAME;
}

static int add_pax(struct buf *out, const struct tar_entry *e)
{
	AUTO(buf_release) struct buf name = BUF_INIT, records = BUF_INIT;
	struct tar_entry pax = { .mtime = e->mtime };
	char size[24];
	int r;

	if (!fits(e->path, e->path_len))
		add_record(&records, "path", e->path, e->path_len);
	if (e->link_len > FIELD_NAME)
		add_record(&records, "linkpath", e->link, e->link_len);
	if (e->size > number_max)
		add_record(&records, "size", size, (size_t)snprintf(size, sizeof(size), "%lld", (long long)e->size));
	add_pax_name(&name, e->path, e->path_len);
	if ((r = buf_error(&records)) || (r = buf_error(&name)))
		return r;
	pax.path = buf_str(&name);
	pax.path_len = name.len;
	pax.size = (int64_t)records.len;
	if ((r = add_block(out, &pax, 'x', false)) || (r = buf_add(out, records.data, records.len)))
		return r;
	return buf_fill(out, 0, tar_padding(pax.size));
}

static bool is_text(const char *s, size_t n)
{
	return s && n && !memchr(s, '\0', n);
}

int tar_header(const struct tar_entry *e, struct buf *out)
{
	static const char types[] = { [TAR_FILE] = '0', [TAR_DIR] = '5', [TAR_SYMLINK] = '2' };
	size_t start = out->len;
	int r;

	if (!is_text(e->path, e->path_len) || e->size < 0 || (e->size && e->type != TAR_FILE))
		return -EINVAL;
	if (e->type == TAR_SYMLINK ? !is_text(e->link, e->link_len) : e->link_len > 0)
		return -EINVAL;
	if (!fits(e->path, e->path_len) || e->link_len > FIELD_NAME || e->size > number_max)
		if ((r = add_pax(out, e)))
			goto undo;
	if (!(r = add_block(out, e, types[e->type], e->executable || e->type != TAR_FILE)))
		return 0;
undo:
	out->len = start;
	return r;
}

#include "store/manifest_inside.h"
#include "store/base/utf8.h"

/* A manifest and what only this file knows of it. */
struct body {
	struct manifest m;
	struct text text;
	int refs;
};

int manifest_check_path(const char *path, size_t n)
{
	size_t depth = 1, start = 0;

	if (!n || n > MANIFEST_PATH_MAX || !utf8_valid(path, n))
		return -ENOTSUP;
	if (path[n - 1] == '/')
		n--;
	for (size_t i = 0; i <= n; i++) {
		const char *name = path + start;
		size_t len = i - start;

		if (i < n && path[i] != '/')
			continue;
		if (!len || len > MANIFEST_NAME_MAX || depth++ > MANIFEST_DEPTH_MAX || memchr(name, '\0', len))
			return -ENOTSUP;
		if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
			return -ENOTSUP;
		start = i + 1;
	}
	return 0;
}

int manifest_check_link(const char *link, size_t n)
{
	return n && n <= MANIFEST_LINK_MAX && utf8_valid(link, n) && !memchr(link, '\0', n) ? 0 : -ENOTSUP;
}

size_t manifest_shared(const struct entry *a, const struct entry *b)
{
	size_t max = a->path_len < b->path_len ? a->path_len : b->path_len, n = 0;

	while (n < max && a->path[n] == b->path[n])
		n++;
	return n;
}

size_t manifest_parent(const struct entry *e)
{
	size_t n = e->path_len - (e->type == TAR_DIR);

	while (n && e->path[n - 1] != '/')
		n--;
	return n;
}

/* The first of n entries that does not come before the len bytes of path. */
static size_t lower_bound(const struct entry *entries, size_t n, const char *path, size_t len)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;
		const struct entry *e = &entries[mid];
		int order = memcmp(e->path, path, e->path_len < len ? e->path_len : len);

		if (order < 0 || (!order && e->path_len < len))
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

static bool is_path(const struct entry *entries, size_t count, size_t i, const char *path, size_t len)
{
	return i < count && entries[i].path_len == len && !memcmp(entries[i].path, path, len);
}

/* Whether the directory entries[i] is there as a file, too: then it stands before it, and all between begins like it. */
static bool is_file_too(const struct entry *entries, size_t i)
{
	const char *path = entries[i].path;
	size_t len = entries[i].path_len - 1u;

	return i && !strncmp(entries[i - 1].path, path, len) &&
	       is_path(entries, i, lower_bound(entries, i, path, len), path, len);
}

/*
 * What shares the parent's path with an entry whose ancestors are all listed is the parent or below it: so one look at the entry before
 * tells that the parent is listed.
 */
static int check_order(const struct entry *entries, size_t i)
{
	static const struct entry top = { .path = "" };
	const struct entry *before = i ? &entries[i - 1] : &top, *e = &entries[i];
	size_t shared = manifest_shared(before, e);

	if (shared == e->path_len)
		return shared == before->path_len ? -EEXIST : -EINVAL;
	if (shared < before->path_len && (uint8_t)before->path[shared] > (uint8_t)e->path[shared])
		return -EINVAL;
	if (e->type == TAR_DIR && is_file_too(entries, i))
		return -EEXIST;
	return shared < manifest_parent(e) ? -EINVAL : 0;
}

int manifest_adopt(struct entry **entries, size_t count, struct text *text, struct manifest **ret_m)
{
	AUTO(free_ptr) struct body *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct entry *e = &(*entries)[i];

		if ((r = check_order(*entries, i)))
			return r;
		if (e->type != TAR_FILE)
			continue;
		b->m.files++;
		if (e->size < 0 || __builtin_add_overflow(b->m.bytes, e->size, &b->m.bytes))
			return -EINVAL;
	}
	b->m.count = count;
	b->m.entries = MOVE(*entries);
	b->text = *text;
	*text = (struct text){ 0 };
	b->refs = 1;
	*ret_m = &MOVE(b)->m;
	return 0;
}

static struct body *body_of(struct manifest *m)
{
	return (struct body *)m;
}

struct manifest *manifest_ref(struct manifest *m)
{
	__atomic_add_fetch(&body_of(m)->refs, 1, __ATOMIC_RELAXED);
	return m;
}

void manifest_unref(struct manifest *m)
{
	if (!m || __atomic_sub_fetch(&body_of(m)->refs, 1, __ATOMIC_ACQ_REL))
		return;
	text_release(&body_of(m)->text);
	free(m->entries);
	free(m);
}

void manifest_unrefp(struct manifest **m)
{
	manifest_unref(*m);
}

ssize_t manifest_find(const struct manifest *m, const char *path)
{
	size_t len = strlen(path), i;
	char dir[MANIFEST_PATH_MAX + 1];

	if (!len)
		return (ssize_t)m->count;
	if (len >= MANIFEST_PATH_MAX + 1u)
		return -1;
	i = lower_bound(m->entries, m->count, path, len);
	/* "a" or "a/": a path with its '/' names nothing here. */
	if (is_path(m->entries, m->count, i, path, len))
		return m->entries[i].type == TAR_DIR ? -1 : (ssize_t)i;
	memcpy(dir, path, len);
	dir[len] = '/';
	i = lower_bound(m->entries, m->count, dir, len + 1);
	return is_path(m->entries, m->count, i, dir, len + 1) ? (ssize_t)i : -1;
}

void manifest_range(const struct manifest *m, const char *dir, size_t *ret_first, size_t *ret_end)
{
	ssize_t i = manifest_find(m, dir);

	*ret_first = 0;
	*ret_end = *dir ? 0 : m->count;
	if (*dir && i >= 0 && m->entries[i].type == TAR_DIR) {
		*ret_first = (size_t)i + 1;
		*ret_end = manifest_skip(m, (size_t)i);
	}
}

size_t manifest_skip(const struct manifest *m, size_t i)
{
	const struct entry *dir = &m->entries[i];
	size_t low = i + 1, high = m->count;

	if (dir->type != TAR_DIR)
		return low;
	/* Most directories are small: doubling steps first. */
	for (size_t step = 1; step < m->count - i; step *= 2) {
		if (strncmp(m->entries[i + step].path, dir->path, dir->path_len) != 0) {
			high = i + step;
			break;
		}
		low = i + step + 1;
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strncmp(m->entries[mid].path, dir->path, dir->path_len) != 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* How an entry that both have differs; 0: not. */
static enum manifest_change compare(const struct entry *a, const struct entry *b)
{
	if (a->type != b->type)
		return MANIFEST_TYPE;
	if (a->type == TAR_SYMLINK)
		return strcmp(a->link, b->link) ? MANIFEST_MODIFIED : 0;
	if (a->type == TAR_FILE && (a->content != b->content || a->size != b->size))
		return MANIFEST_MODIFIED;
	return a->executable != b->executable ? MANIFEST_MODE : 0;
}

int manifest_diff(const struct manifest *a, const struct manifest *b,
		  int (*f)(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b), void *arg)
{
	size_t i = 0, k = 0;
	int r = 0;

	while (!r && (i < a->count || k < b->count)) {
		const struct entry *x = i < a->count ? &a->entries[i] : NULL, *y = k < b->count ? &b->entries[k] : NULL;
		int order = !x ? 1 : !y ? -1 : strcmp(x->path, y->path);
		enum manifest_change change = order ? 0 : compare(x, y);

		if (order < 0)
			r = f(arg, MANIFEST_REMOVED, x, NULL);
		else if (order > 0)
			r = f(arg, MANIFEST_ADDED, NULL, y);
		else if (change)
			r = f(arg, change, x, y);
		i += order <= 0;
		k += order >= 0;
	}
	return r;
}

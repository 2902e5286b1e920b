/* The names in a foreign archive: which are kept, and what they make together. */
#include "store/foreign_inside.h"
#include "store/base/utf8.h"

static const char top_folder[] = "app/";

/* For digests: where an entry with that path is. */
struct scan_name {
	uint8_t sha256[SHA256_SIZE];
	uint32_t at;
};

void scan_names_init(struct scan_names *n)
{
	*n = (struct scan_names){ .by_path = DIGESTS(struct scan_name) };
}

void scan_names_release(struct scan_names *n)
{
	digests_release(&n->by_path);
	text_release(&n->text);
	free(n->entries);
}

static int check_part(struct scan *s, const char *path, const char *part, size_t n)
{
	if (n == 2 && part[0] == '.' && part[1] == '.')
		return scan_fail_name(s, -ENOTSUP, path, "has '..' in its path");
	if ((int64_t)n > s->limits->name)
		return scan_fail_name(s, -EFBIG, path, "has a name that is too long");
	return 0;
}

/* Leaves "." and empty parts out; what is left is written over the path. */
static int clean_parts(struct scan *s, char *path, const char *original)
{
	int64_t depth = 0;
	char *to = path;
	int r;

	for (const char *part = original; *part;) {
		size_t n = strcspn(part, "/");

		if ((r = check_part(s, original, part, n)))
			return r;
		if (n && !(n == 1 && *part == '.')) {
			if (++depth > s->limits->depth)
				return scan_fail_name(s, -EFBIG, original, "is too deep");
			if (to != path)
				*to++ = '/';
			memcpy(to, part, n);
			to += n;
		}
		part += n + (part[n] == '/');
	}
	*to = '\0';
	return 0;
}

int scan_clean_path(struct scan *s, char *path, size_t n)
{
	AUTO(free_ptr) char *original = NULL;

	if (memchr(path, '\0', n))
		return scan_fail_name(s, -ENOTSUP, path, "has a NUL in its path");
	if (!n)
		return scan_fail(s, -ENOTSUP, "an entry has no name");
	if (!utf8_valid(path, n))
		return scan_fail_name(s, -ENOTSUP, path, "is not UTF-8");
	if (*path == '/')
		return scan_fail_name(s, -ENOTSUP, path, "is an absolute path");
	if (n > MANIFEST_PATH_MAX)
		return scan_fail_name(s, -EFBIG, path, "is too long");
	original = strndup(path, n);
	return original ? clean_parts(s, path, original) : -ENOMEM;
}

static bool look_up(const struct scan_names *n, const char *path, size_t len, size_t *ret_at)
{
	uint8_t sha256[SHA256_SIZE];
	size_t i;

	sha256_of(path, len, sha256);
	if (!digests_find(&n->by_path, sha256, &i))
		return false;
	*ret_at = ((const struct scan_name *)digests_at(&n->by_path, i))->at;
	return true;
}

const struct scan_entry *scan_find(const struct scan *s, const char *path)
{
	size_t at;

	return look_up(&s->names, path, strlen(path), &at) ? &s->names.entries[at] : NULL;
}

static int grow(struct scan *s)
{
	struct scan_names *n = &s->names;
	size_t room = n->room ? n->room * 2 : 256;
	struct scan_entry *entries;

	if ((int64_t)n->count >= s->limits->entries)
		return scan_fail(s, -EFBIG, "it has more than %lld entries", (long long)s->limits->entries);
	if (n->count < n->room)
		return 0;
	if (!(entries = realloc(n->entries, room * sizeof(*entries))))
		return -ENOMEM;
	n->entries = entries;
	n->room = room;
	return 0;
}

static int copy(struct scan *s, const char *text, const char **ret_copy)
{
	size_t size = strlen(text) + 1;
	char *to;

	if (s->names.text.total + size > MANIFEST_TEXT_MAX)
		return scan_fail(s, -EFBIG, "its names have more than %d bytes", MANIFEST_TEXT_MAX);
	if (!(to = text_take(&s->names.text, size)))
		return -ENOMEM;
	*ret_copy = memcpy(to, text, size);
	return 0;
}

static int add_new(struct scan *s, const struct scan_entry *e)
{
	struct scan_names *n = &s->names;
	struct scan_name name = { .at = (uint32_t)n->count };
	struct scan_entry *own;
	int r;

	if ((r = grow(s)))
		return r;
	own = &n->entries[n->count];
	*own = *e;
	if ((r = copy(s, e->path, &own->path)) || (e->link && (r = copy(s, e->link, &own->link))))
		return r;
	sha256_of(own->path, strlen(own->path), name.sha256);
	if ((r = digests_add(&n->by_path, &name)))
		return r;
	n->count++;
	return 0;
}

/* A name that comes again stands for what comes last, as where archives are appended to. */
static int replace(struct scan *s, struct scan_entry *old, const struct scan_entry *e)
{
	const char *path = old->path;

	if ((old->type == TAR_DIR) != (e->type == TAR_DIR))
		return scan_fail_name(s, -ENOTSUP, path, "is a folder and something else");
	s->names.bytes -= old->size;
	*old = *e;
	old->path = path;
	return e->link ? copy(s, e->link, &old->link) : 0;
}

int scan_add(struct scan *s, const struct scan_entry *e)
{
	size_t at;
	int r = look_up(&s->names, e->path, strlen(e->path), &at) ? replace(s, &s->names.entries[at], e) : add_new(s, e);

	if (r)
		return r;
	s->names.bytes += e->size;
	if (s->names.bytes > s->limits->bytes)
		return scan_fail(s, -EFBIG, "its files have more than %lld bytes", (long long)s->limits->bytes);
	return 0;
}

/* What is below an entry comes right behind it: '/' before all other bytes. */
static int in_tree_order(const void *a, const void *b)
{
	const char *x = ((const struct scan_entry *)a)->path, *y = ((const struct scan_entry *)b)->path;

	while (*x && *x == *y)
		x++, y++;
	return (*x == '/' ? 1 : (uint8_t)*x * 2) - (*y == '/' ? 1 : (uint8_t)*y * 2);
}

/* Nothing is below what is no folder: neither below a file, nor through a link. In tree order: to look each folder up takes its time. */
static int check_parents(struct scan *s)
{
	const struct scan_entry *e = s->names.entries;

	for (size_t i = 1; i < s->names.count; i++) {
		size_t n = strlen(e[i - 1].path);

		if (e[i - 1].type != TAR_DIR && !strncmp(e[i].path, e[i - 1].path, n) && e[i].path[n] == '/')
			return scan_fail_name(s, -ENOTSUP, e[i].path,
					      e[i - 1].type == TAR_SYMLINK ? "goes through a symbolic link" : "is below what is no folder");
	}
	return 0;
}

/*
 * A target may begin with ".." as often as there are folders above the link; those are real folders. Behind a name ".." is not taken: the
 * name can be a link, and then what ".." is depends on where that leads.
 */
static int check_link(struct scan *s, const struct scan_entry *e)
{
	int64_t above = 0;
	bool named = false;

	for (const char *p = e->path; (p = strchr(p, '/')); p++)
		above++;
	if (*e->link == '/')
		return scan_fail_name(s, -ENOTSUP, e->path, "is a link to an absolute path");
	if (manifest_check_link(e->link, strlen(e->link)))
		return scan_fail_name(s, -ENOTSUP, e->path, "is a link whose target is empty, too long or not UTF-8");
	for (const char *part = e->link; *part;) {
		size_t n = strcspn(part, "/");
		bool up = n == 2 && part[0] == '.' && part[1] == '.';

		if (up && (named || !above--))
			return scan_fail_name(s, -ENOTSUP, e->path, "is a link that leads out of the archive");
		named |= !up && n && !(n == 1 && *part == '.');
		part += n + (part[n] == '/');
	}
	return 0;
}

/* Our own archives have all below app/: so does what is made for genstore. */
static bool all_below_top(const struct scan_names *n)
{
	size_t len = sizeof(top_folder) - 1;

	for (size_t i = 0; i < n->count; i++) {
		const struct scan_entry *e = &n->entries[i];
		bool is_top = e->type == TAR_DIR && strlen(e->path) == len - 1 && !memcmp(e->path, top_folder, len - 1);

		if (!is_top && strncmp(e->path, top_folder, len) != 0)
			return false;
	}
	return true;
}

static void take_top_away(struct scan_names *n)
{
	size_t len = sizeof(top_folder) - 1, kept = 0;

	for (size_t i = 0; i < n->count; i++) {
		if (strlen(n->entries[i].path) < len)
			continue;
		n->entries[kept] = n->entries[i];
		n->entries[kept++].path += len;
	}
	n->count = kept;
}

int scan_names_finish(struct scan *s)
{
	struct scan_names *n = &s->names;
	int r;

	if (n->count)
		qsort(n->entries, n->count, sizeof(*n->entries), in_tree_order);
	if ((r = check_parents(s)))
		return r;
	if (all_below_top(n))
		take_top_away(n);
	for (size_t i = 0; i < n->count; i++)
		if (n->entries[i].type == TAR_SYMLINK && (r = check_link(s, &n->entries[i])))
			return r;
	return 0;
}

#include "store/snapshot.h"
#include "store/base/json.h"
#include "store/base/utf8.h"
#include "store/manifest_inside.h"
#include "store/statcache.h"
#include "store/walk.h"

#include <fcntl.h>

enum {
	TRIES = 3,           /* of reading a file that changes, and of finding out what a name is */
	GROWTH = 64 << 20,   /* what a file may grow while it is read */
	LEFT_OUT_LISTED = 20,
};

struct file {
	struct stat_key key;
	int64_t content; /* > 0: the store's id; else ~slot of the stage */
};

struct snapshot {
	struct genstore *st;
	struct snapshot_options options;
	char *cache_path;
	int64_t start, bytes;
	struct stage *stage;
	struct manifest_builder *builder;
	struct manifest *manifest;
	struct buf files; /* struct file, in the order of the walk, then of the manifest */
	struct left_out left_out;
};

void left_out_release(struct left_out *l)
{
	buf_release(&l->names);
}

void left_out_json(struct jw *j, const struct left_out *l)
{
	AUTO(buf_release) struct buf names = BUF_INIT;

	buf_addf(&names, "[%s]", buf_str(&l->names));
	jw_object(j, "left_out");
	jw_int(j, "ignored", l->ignored);
	jw_int(j, "secrets", l->secrets);
	jw_raw(j, "names", buf_str(&names));
	jw_int(j, "changing", l->changing);
	jw_end(j);
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	free(s->cache_path);
	stage_free(s->stage);
	manifest_builder_free(s->builder);
	manifest_unref(s->manifest);
	buf_release(&s->files);
	left_out_release(&s->left_out);
	free(s);
}

void snapshot_freep(struct snapshot **s)
{
	snapshot_free(*s);
}

const struct left_out *snapshot_left_out(const struct snapshot *s)
{
	return &s->left_out;
}

static void list(struct left_out *l, const char *path, const char *name)
{
	AUTO(buf_release) struct buf whole = BUF_INIT;
	struct jw j;

	if (l->listed == LEFT_OUT_LISTED)
		return;
	buf_addf(&whole, "%s%s", path, name);
	if (l->listed++)
		buf_addc(&l->names, ',');
	jw_begin(&j, &l->names, 0);
	jw_strn(&j, NULL, buf_str(&whole), whole.len);
}

static bool leave_out(void *arg, const char *path, const char *name)
{
	struct left_out *l = arg;
	enum exclude answer = exclude_match(EXCLUDE_VERSION, name);

	if (answer == EXCLUDE_NO)
		return false;
	*(answer == EXCLUDE_SECRET ? &l->secrets : &l->ignored) += 1;
	list(l, path, name);
	return true;
}

static struct file *file_at(const struct snapshot *s, int64_t i)
{
	return (struct file *)(void *)s->files.data + i;
}

static int64_t file_count(const struct snapshot *s)
{
	return (int64_t)(s->files.len / sizeof(struct file));
}

static int over_bytes(const struct snapshot *s)
{
	return store_fail(s->st, -EFBIG, "the tree holds more than %lld bytes, which is the limit", (long long)s->options.max_bytes);
}

static int add_entry(struct snapshot *s, const struct entry *e)
{
	int r = manifest_add(s->builder, e);

	if (r == -ENOTSUP && e->type == TAR_SYMLINK && !manifest_check_path(e->path, strlen(e->path)))
		return walk_fail(s->st, r, "cannot keep", e->path, "where the link points to is empty, too long or not UTF-8");
	if (r == -ENOTSUP && !utf8_valid(e->path, strlen(e->path)))
		return walk_fail(s->st, r, "cannot keep", e->path, "the name is not UTF-8; rename it");
	if (r == -ENOTSUP)
		return walk_fail(s->st, r, "cannot keep", e->path, "the path is too long or too deep");
	if (r == -EFBIG)
		return store_fail(s->st, r, "the tree has more than %d entries, or too long ones", MANIFEST_ENTRIES_MAX);
	return r;
}

static int add_file(struct snapshot *s, const struct walk_item *item, const struct stat *sb, const struct file *f, int64_t size)
{
	const struct entry e = {
		.path = item->path,
		.type = TAR_FILE,
		.executable = sb->st_mode & 0111,
		.size = size,
		.content = file_count(s),
	};
	int r;

	if (__builtin_add_overflow(s->bytes, size, &s->bytes) || (s->options.max_bytes && s->bytes > s->options.max_bytes))
		return over_bytes(s);
	if ((r = add_entry(s, &e)) || (r = buf_add(&s->files, f, sizeof(*f))))
		return r;
	if (s->options.progress)
		s->options.progress(s->options.arg, file_count(s), s->bytes);
	return 0;
}

static int stage_one(struct snapshot *s, const char *path, int fd, int64_t size, int64_t *ret_size, int64_t *ret_slot)
{
	int64_t rest = s->options.max_bytes ? s->options.max_bytes - s->bytes : INT64_MAX;
	int64_t limit = min_i64(rest, size > INT64_MAX - GROWTH ? INT64_MAX : size + GROWTH);
	char why[sizeof(s->st->errmsg)];
	int r;

	r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : stage_file(s->stage, fd, limit, ret_size, ret_slot);
	if (r == -EFBIG && limit == rest)
		return over_bytes(s);
	if (r == -EFBIG)
		return walk_fail(s->st, r, "cannot read", path, "it grows faster than it can be read");
	if (!r)
		return 0;
	/* The stage does not know whose bytes it is given. */
	memcpy(why, s->st->errmsg, sizeof(why));
	return walk_fail(s->st, r, "cannot take in", path, why);
}

/* Reads until nothing changed meanwhile, or often enough. */
static int read_file(struct snapshot *s, const char *path, int fd, struct stat *sb, struct file *f, int64_t *ret_size)
{
	int64_t slot = 0, size = 0;
	struct stat_key after;
	bool same = false;

	for (int try = 0; !same && try < TRIES; try++) {
		int r = stage_one(s, path, fd, sb->st_size, &size, &slot);

		if (r && (r != -ESTALE || try == TRIES - 1))
			return r;
		f->key = stat_key_of(sb);
		if (fstat(fd, sb))
			return walk_fail(s->st, -errno, "cannot read", path, strerror(errno));
		after = stat_key_of(sb);
		same = !r && stat_key_same(&f->key, &after);
	}
	if (!same) {
		s->left_out.changing++;
		f->key.size = -1;
	}
	f->content = ~slot;
	*ret_size = size;
	return 0;
}

/* What cannot be opened as what it was said to be is looked at again: -EAGAIN. */
static int read_new(struct snapshot *s, const struct walk_item *item)
{
	AUTO(close_fd) int fd = openat(item->dirfd, item->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat sb;
	struct file f;
	int64_t size = 0;
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
		return -EAGAIN;
	if (fd < 0 || fstat(fd, &sb))
		return walk_fail(s->st, -errno, "cannot read", item->path, strerror(errno));
	if (!S_ISREG(sb.st_mode))
		return -EAGAIN;
	if ((r = read_file(s, item->path, fd, &sb, &f, &size)))
		return r;
	return add_file(s, item, &sb, &f, size);
}

static int take_file(struct snapshot *s, struct statcache *cache, const struct walk_item *item, const struct stat *sb)
{
	struct file f = { .key = stat_key_of(sb) };

	f.content = statcache_find(cache, item->path, &f.key);
	return f.content ? add_file(s, item, sb, &f, sb->st_size) : read_new(s, item);
}

static int take_link(struct snapshot *s, const struct walk_item *item)
{
	char link[MANIFEST_LINK_MAX + 2];
	const struct entry e = { .path = item->path, .link = link, .type = TAR_SYMLINK };
	ssize_t n = readlinkat(item->dirfd, item->name, link, sizeof(link) - 1);

	if (n < 0 && (errno == ENOENT || errno == EINVAL))
		return -EAGAIN;
	if (n < 0)
		return walk_fail(s->st, -errno, "cannot read", item->path, strerror(errno));
	link[n] = '\0';
	return add_entry(s, &e);
}

static int refuse(struct snapshot *s, const char *path, mode_t mode)
{
	const char *what = S_ISFIFO(mode) ? "a fifo" : S_ISSOCK(mode) ? "a socket" : "a device";
	char why[80];

	snprintf(why, sizeof(why), "it is %s; remove it or put it outside of the tree", what);
	return walk_fail(s->st, -ENOTSUP, "cannot keep", path, why);
}

/* As it is at this moment: -EAGAIN when it was another thing between two looks. 0 also for what is gone. */
static int take_once(struct snapshot *s, struct walk *w, struct statcache *cache, const struct walk_item *item, bool is_dir)
{
	const struct entry dir = { .path = item->path, .type = TAR_DIR };
	struct stat sb = { 0 };
	int r;

	if (!is_dir && fstatat(item->dirfd, item->name, &sb, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : walk_fail(s->st, -errno, "cannot read", item->path, strerror(errno));
	if (is_dir || S_ISDIR(sb.st_mode)) {
		r = walk_enter(w);
		return r > 0 ? add_entry(s, &dir) : r ? r : -EAGAIN;
	}
	if (S_ISREG(sb.st_mode))
		return take_file(s, cache, item, &sb);
	return S_ISLNK(sb.st_mode) ? take_link(s, item) : refuse(s, item->path, sb.st_mode);
}

static int take(struct snapshot *s, struct walk *w, struct statcache *cache, const struct walk_item *item)
{
	int r = take_once(s, w, cache, item, item->is_dir);

	for (int try = 1; r == -EAGAIN && try < TRIES; try++)
		r = take_once(s, w, cache, item, false);
	if (r == -EAGAIN) {
		s->left_out.changing++;
		r = 0;
	}
	return r;
}

static int walk_all(struct snapshot *s, const char *dir)
{
	AUTO(statcache_freep) struct statcache *cache = NULL;
	AUTO(walk_closep) struct walk *w = NULL;
	struct walk_item item;
	int r;

	if ((r = statcache_load(s->st, s->cache_path, &cache)))
		return r;
	if ((r = walk_open(s->st, dir, leave_out, &s->left_out, &w)))
		return r;
	while ((r = walk_next(w, &item)) > 0)
		if ((r = take(s, w, cache, &item)))
			return r;
	return r;
}

/*
 * Brings the files into the manifest's order. They are in it but for names that changed between file and directory while
 * their folder was read.
 */
static int sort_files(struct snapshot *s)
{
	AUTO(buf_release) struct buf sorted = BUF_INIT;
	int64_t n = 0;
	bool in_order = true;

	for (size_t i = 0; i < s->manifest->count; i++)
		if (s->manifest->entries[i].type == TAR_FILE)
			in_order &= s->manifest->entries[i].content == n++;
	if (in_order)
		return 0;
	for (size_t i = 0; i < s->manifest->count; i++)
		if (s->manifest->entries[i].type == TAR_FILE)
			buf_add(&sorted, file_at(s, s->manifest->entries[i].content), sizeof(struct file));
	if (buf_error(&sorted))
		return buf_error(&sorted);
	buf_release(&s->files);
	s->files = sorted;
	sorted = (struct buf)BUF_INIT;
	return 0;
}

int snapshot_scan(struct genstore *st, const char *dir, const struct snapshot_options *o, struct snapshot **ret_s)
{
	AUTO(snapshot_freep) struct snapshot *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->st = st;
	s->options = *o;
	if (o->cache && !(s->cache_path = strdup(o->cache)))
		return -ENOMEM;
	s->start = statcache_now();
	if ((r = stage_new(st, &s->stage)) || (r = manifest_builder_new(&s->builder)))
		return r;
	if ((r = walk_all(s, dir)))
		return r;
	if ((r = manifest_build(s->builder, &s->manifest)))
		return store_fail(st, r, "'%s' cannot be made a tree: %s", dir, strerror(-r));
	if ((r = sort_files(s)))
		return r;
	*ret_s = MOVE(s);
	return 0;
}

int snapshot_put(struct genstore *st, struct snapshot *s, struct manifest **ret_m)
{
	int64_t file = 0;
	int r;

	if ((r = stage_flush(s->stage)))
		return r;
	for (size_t i = 0; i < s->manifest->count; i++) {
		struct entry *e = &s->manifest->entries[i];

		if (e->type != TAR_FILE)
			continue;
		e->content = file_at(s, file++)->content;
		if (e->content < 0 && (r = stage_content(s->stage, ~e->content, &e->content)))
			return r;
	}
	if ((r = manifest_put(st, s->manifest, s->options.near)))
		return r;
	*ret_m = manifest_ref(s->manifest);
	return 0;
}

void snapshot_keep(struct genstore *st, struct snapshot *s)
{
	AUTO(free_ptr) struct stat_key *keys = calloc((size_t)file_count(s) + 1, sizeof(*keys));

	if (!s->cache_path || !keys || !s->manifest->id)
		return;
	for (int64_t i = 0; i < file_count(s); i++)
		keys[i] = file_at(s, i)->key;
	statcache_save(st, s->cache_path, s->start, s->manifest, keys);
}

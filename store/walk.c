#include "store/walk.h"
#include "store/base/utf8.h"
#include "store/manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { DENTS_SIZE = 32 << 10 };

struct frame {
	int fd;
	size_t path_len;    /* of the directory, with its '/' */
	size_t names;       /* where its names begin in `names` */
	size_t first, next; /* in `order` */
	size_t end;
};

struct walk {
	struct genstore *st;
	walk_filter *filter;
	void *arg;
	struct buf path;    /* of the current item */
	struct buf names;   /* of all open directories, NUL-terminated, a directory's with its '/' */
	struct buf order;   /* uint32_t: where each name is in `names`, sorted within its frame */
	size_t seen;
	int depth;
	struct walk_item item;
	struct frame frames[MANIFEST_DEPTH_MAX + 1];
	/* As getdents64() wants it. */
	_Alignas(struct dirent64) char dents[DENTS_SIZE];
};

int walk_fail(struct genstore *st, int r, const char *what, const char *path, const char *why)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	utf8_printable(&text, path, strlen(path));
	return store_fail(st, r, "%s '%s': %s", what, buf_str(&text), why);
}

static int fail_errno(struct walk *w, const char *path, int error)
{
	return walk_fail(w->st, -error, "cannot read", *path ? path : ".", strerror(error));
}

/* The types of a directory are hints; without one the name itself is asked, and what has gone is no directory. */
static bool is_dir(int fd, const struct dirent64 *d)
{
	struct stat sb;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return !fstatat(fd, d->d_name, &sb, AT_SYMLINK_NOFOLLOW) && S_ISDIR(sb.st_mode);
}

static int add_name(struct walk *w, int fd, const struct dirent64 *d)
{
	uint32_t at = (uint32_t)w->names.len;
	const char *name = d->d_name;

	if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
		return 0;
	if (w->filter(w->arg, buf_str(&w->path), name))
		return 0;
	if (w->seen++ >= MANIFEST_ENTRIES_MAX)
		return store_fail(w->st, -EFBIG, "the tree has more than %d entries; move what does not belong to the app out of it",
				  MANIFEST_ENTRIES_MAX);
	buf_add(&w->order, &at, sizeof(at));
	buf_adds(&w->names, name);
	if (is_dir(fd, d))
		buf_addc(&w->names, '/');
	buf_addc(&w->names, '\0');
	return w->order.error ? w->order.error : w->names.error;
}

static int by_name(const void *a, const void *b, void *names)
{
	return strcmp((const char *)names + *(const uint32_t *)a, (const char *)names + *(const uint32_t *)b);
}

/* Reads the directory that path names (with its '/') as a frame of its own; takes over fd when it returns 0. */
static int push(struct walk *w, int fd)
{
	struct frame *f = &w->frames[w->depth];
	size_t first = w->order.len / sizeof(uint32_t);
	ssize_t n;
	int r;

	*f = (struct frame){ .fd = fd, .path_len = w->path.len, .names = w->names.len, .first = first, .next = first };
	while ((n = getdents64(fd, w->dents, sizeof(w->dents))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(w->dents + at);

			if ((r = add_name(w, fd, d)))
				return r;
			at += d->d_reclen;
		}
	/* ENOENT: removed since it was opened, and so empty. */
	if (n < 0 && errno != ENOENT)
		return fail_errno(w, buf_str(&w->path), errno);
	f->end = w->order.len / sizeof(uint32_t);
	if (f->end > f->first)
		qsort_r(w->order.data + f->first * sizeof(uint32_t), f->end - f->first, sizeof(uint32_t), by_name, w->names.data);
	w->depth++;
	return 0;
}

static void pop(struct walk *w)
{
	struct frame *f = &w->frames[--w->depth];

	close(f->fd);
	w->names.len = f->names;
	w->order.len = f->first * sizeof(uint32_t);
}

int walk_open(struct genstore *st, const char *dir, walk_filter *filter, void *arg, struct walk **ret_w)
{
	AUTO(walk_closep) struct walk *w = malloc(sizeof(*w));
	AUTO(close_fd) int fd = -1;
	int r;

	if (!w)
		return -ENOMEM;
	memset(w, 0, offsetof(struct walk, frames));
	w->st = st;
	w->filter = filter;
	w->arg = arg;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return walk_fail(st, -errno, "cannot read", dir, errno == ENOTDIR ? "not a folder (symbolic links are not followed)" : strerror(errno));
	if ((r = push(w, fd)))
		return r;
	move_fd(&fd);
	*ret_w = MOVE(w);
	return 0;
}

void walk_close(struct walk *w)
{
	if (!w)
		return;
	while (w->depth)
		pop(w);
	buf_release(&w->path);
	buf_release(&w->names);
	buf_release(&w->order);
	free(w);
}

void walk_closep(struct walk **w)
{
	walk_close(*w);
}

int walk_next(struct walk *w, struct walk_item *ret_item)
{
	const struct frame *f;
	const char *name;
	uint32_t at;
	size_t n;

	while (w->depth && w->frames[w->depth - 1].next == w->frames[w->depth - 1].end)
		pop(w);
	if (!w->depth)
		return 0;
	f = &w->frames[w->depth - 1];
	memcpy(&at, w->order.data + w->frames[w->depth - 1].next++ * sizeof(at), sizeof(at));
	name = (const char *)w->names.data + at;
	n = strlen(name);
	w->path.len = f->path_len;
	w->item.is_dir = name[n - 1] == '/';
	/* With room for the '/' of walk_enter(): the item's strings stay where they are. */
	if (!buf_reserve(&w->path, n + 1))
		return buf_error(&w->path);
	buf_add(&w->path, name, n - w->item.is_dir);
	w->item.dirfd = f->fd;
	w->item.path = buf_str(&w->path);
	w->item.name = w->item.path + f->path_len;
	*ret_item = w->item;
	return 1;
}

int walk_enter(struct walk *w)
{
	AUTO(close_fd) int fd = openat(w->item.dirfd, w->item.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (fd < 0)
		return fail_errno(w, w->item.path, errno);
	if (w->depth > MANIFEST_DEPTH_MAX) {
		char why[64];

		snprintf(why, sizeof(why), "more than %d folders deep", MANIFEST_DEPTH_MAX);
		return walk_fail(w->st, -ENOTSUP, "cannot keep", w->item.path, why);
	}
	if ((r = buf_addc(&w->path, '/')) || (r = push(w, fd)))
		return r;
	move_fd(&fd);
	return 1;
}

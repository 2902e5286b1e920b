#include "fs/export_inside.h"

#include <dirent.h>
#include <sys/file.h>

enum { BATCH = 128 };

struct found {
	uint64_t ino;
	char name[NODE_NAME_MAX + 1];
};

struct batch {
	struct found list[BATCH];
	size_t count;
	int64_t next;
	bool full;
};

static int collect(void *arg, const char *name, const struct attr *a, int64_t next)
{
	struct batch *b = arg;

	if (b->count == BATCH) {
		b->full = true;
		return 1;
	}
	b->next = next;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	b->list[b->count].ino = a->ino;
	snprintf(b->list[b->count++].name, sizeof(b->list[0].name), "%s", name);
	return 0;
}

static int open_dir(struct export *x, int fd, const char *name, int *ret_fd)
{
	AUTO(close_fd) int dir = -1;

	if (mkdirat(fd, name, 0777) && errno != EEXIST)
		return export_fail(x, "make the folder");
	dir = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return export_fail(x, "open the folder");
	*ret_fd = move_fd(&dir);
	return 0;
}

static int walk(struct export *x, int fd, uint64_t ino);

/* Its time is set when nothing is put into it any more, which may be later. */
static int put_dir(struct export *x, int fd, const char *name, const struct attr *a)
{
	AUTO(close_fd) int dir = -1;
	int64_t before = x->placed;
	int r;

	if ((r = open_dir(x, fd, name, &dir)) || (r = walk(x, dir, a->ino)))
		return r;
	return export_time(x, dir, a->mtime, x->placed != before);
}

static int put(struct export *x, int fd, const struct found *f)
{
	struct attr a;
	struct node n;
	int r;

	if ((r = node_of(f->ino, &n)) || (r = node_attr(x->v, x->st, f->ino, &a)))
		return r;
	x->result.generations += n.kind == NODE_GENERATION;
	if (n.kind == NODE_APP || n.kind == NODE_ITERATION)
		return export_tree(x, fd, f->name, &n, a.mtime);
	if (S_ISDIR(a.mode))
		return put_dir(x, fd, f->name, &a);
	return S_ISLNK(a.mode) ? export_link(x, fd, f->name, &a) : export_file(x, fd, f->name, &n, &a);
}

/* What cannot be read does not keep the rest from being exported; what cannot be written does. */
static int settle(struct export *x, int r)
{
	if (!r || x->failed)
		return r;
	/* It was removed meanwhile. */
	if (r == -ENOENT)
		return 0;
	if (r != -EBADMSG && r != -EUCLEAN && r != -ENOTSUP && r != -EREMOTE) {
		buf_addf(x->why, "cannot read '%s': %s", buf_str(&x->path), genstore_errmsg(x->st));
		return r;
	}
	x->result.failed++;
	x->o->trouble(x->o->arg, buf_str(&x->path), *genstore_errmsg(x->st) ? genstore_errmsg(x->st) : strerror(-r));
	return 0;
}

static int put_all(struct export *x, int fd, const struct batch *b)
{
	size_t len = x->path.len;
	int r = 0;

	for (size_t i = 0; i < b->count && !r; i++) {
		if ((r = buf_addf(&x->path, "%s%s", len ? "/" : "", b->list[i].name)))
			return r;
		if ((r = settle(x, put(x, fd, &b->list[i]))))
			return r;
		x->path.len = len;
		x->path.data[len] = '\0';
	}
	return r;
}

static int walk(struct export *x, int fd, uint64_t ino)
{
	AUTO(free_ptr) struct batch *b = malloc(sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->next = 0;
	do {
		b->count = 0;
		b->full = false;
		if ((r = dir_read(x->v, x->st, ino, b->next, false, collect, b)) || (r = put_all(x, fd, b)))
			return r;
	} while (b->full);
	return 0;
}

/* Empty, or what an export left there: .genstore is made before everything else. */
static int check_place(struct export *x, int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat sb;

	if (!d) {
		close_fd(&fd);
		return export_fail(x, "read the folder");
	}
	if (fstatat(dirfd, ".genstore", &sb, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(sb.st_mode))
		while (!r && (e = readdir(d)))
			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				r = -ENOTEMPTY;
	closedir(d);
	if (r)
		buf_adds(x->why, "something that is no export is in it; name a new or empty folder, or that of an earlier export");
	return r;
}

static int begin(struct export *x, int dirfd)
{
	int r;

	if (flock(dirfd, LOCK_EX | LOCK_NB)) {
		buf_adds(x->why, "another export is writing there");
		return -EBUSY;
	}
	if ((r = check_place(x, dirfd)))
		return r;
	return mkdirat(dirfd, ".genstore", 0777) && errno != EEXIST ? export_fail(x, "make '.genstore'") : 0;
}

int export_files(struct view *v, struct genstore *st, int dirfd, const struct export_options *o, struct export_result *ret_result,
		 struct buf *why)
{
	AUTO(export_release) struct export x = { .v = v, .st = st, .o = o, .why = why, .top = dirfd };
	const uint64_t root = node_ino(NODE_FIXED, 0, FIXED_ROOT);
	struct attr a;
	int r;

	if (!(x.buf = malloc(EXPORT_READ)))
		return -ENOMEM;
	if ((r = begin(&x, dirfd)) || (r = node_attr(v, st, root, &a)) || (r = walk(&x, dirfd, root)) ||
	    (r = export_time(&x, dirfd, a.mtime, x.placed != 0)) || (r = export_place(&x)))
		return r;
	*ret_result = x.result;
	return 0;
}

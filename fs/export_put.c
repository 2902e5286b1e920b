#include "fs/export_inside.h"
#include "store/snapshot.h"

#include <dirent.h>

/* Beside what it becomes; one that a killed export left is taken away by the next. */
#define TEMPORARY ".genstore-new-"

static void temporary(const char *name, char ret_name[96])
{
	snprintf(ret_name, 96, TEMPORARY "%s", name);
}

void export_release(struct export *x)
{
	for (size_t i = 0; i < x->count; i++)
		close_fd(&x->pending[i].fd);
	buf_release(&x->path);
	free(x->buf);
}

int export_fail(struct export *x, const char *what)
{
	int r = -errno;

	x->failed = true;
	buf_addf(x->why, "cannot %s '%s': %s", what, x->path.len ? buf_str(&x->path) : ".", strerror(-r));
	return r;
}

/* A tree of ours: no deeper than one can be. */
static int remove_at(int fd, const char *name, int depth)
{
	int dir, r = 0;
	struct dirent *e;
	DIR *d;

	if (!unlinkat(fd, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	dir = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || depth > MANIFEST_DEPTH_MAX || !(d = fdopendir(dir))) {
		r = dir < 0 ? -errno : -ELOOP;
		close_fd(&dir);
		return r;
	}
	while (!r && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_at(dir, e->d_name, depth + 1);
	closedir(d);
	return r ? r : unlinkat(fd, name, AT_REMOVEDIR) ? -errno : 0;
}

static int set_time(int fd, const char *name, int64_t mtime)
{
	const struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	return *name ? utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) : futimens(fd, times);
}

/* A folder is never replaced by a rename: where the file system can, the two change places, else there is a moment without. */
static int take_place(const struct pending *p)
{
	char from[96];

	temporary(p->name, from);
	if (!renameat(p->fd, from, p->fd, p->name))
		return 0;
	if (errno != EEXIST && errno != ENOTEMPTY && errno != EISDIR && errno != ENOTDIR)
		return -errno;
	if (!renameat2(p->fd, from, p->fd, p->name, RENAME_EXCHANGE))
		return remove_at(p->fd, from, 0);
	return errno != EINVAL && errno != ENOSYS ? -errno : remove_at(p->fd, p->name, 0) || renameat(p->fd, from, p->fd, p->name) ? -EIO : 0;
}

int export_place(struct export *x)
{
	int r = 0;

	if (!x->count)
		return 0;
	if (syncfs(x->top))
		return export_fail(x, "write");
	for (size_t i = 0; i < x->count; i++) {
		struct pending *p = &x->pending[i];

		if (!r)
			r = *p->name ? take_place(p) : set_time(p->fd, "", p->mtime) ? -errno : 0;
		close_fd(&p->fd);
	}
	x->count = 0;
	if (!r && syncfs(x->top))
		r = -errno;
	errno = -r;
	return r ? export_fail(x, "write") : 0;
}

static int add(struct export *x, int fd, const char *name, int64_t mtime)
{
	struct pending *p;
	int r;

	if (x->count == EXPORT_PENDING && (r = export_place(x)))
		return r;
	p = &x->pending[x->count];
	if ((p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
		return export_fail(x, "write");
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->mtime = mtime;
	x->count++;
	x->placed++;
	return 0;
}

int export_time(struct export *x, int fd, int64_t mtime, bool later)
{
	struct stat sb;

	if (later)
		return add(x, fd, "", mtime);
	if (fstat(fd, &sb))
		return export_fail(x, "look at");
	return sb.st_mtime != mtime && set_time(fd, "", mtime) ? export_fail(x, "set the time of") : 0;
}

static int write_all(struct export *x, int fd, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t done = write(fd, x->buf + at, n - at);

		if (done < 0 && errno != EINTR)
			return export_fail(x, "write");
		at += done > 0 ? (size_t)done : 0;
	}
	x->result.bytes += (int64_t)n;
	x->o->progress(x->o->arg, x->result.bytes);
	return 0;
}

static int write_file(struct export *x, int fd, const char *temp, const struct attr *a)
{
	AUTO(close_fd) int out = openat(fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int64_t at = 0;
	ssize_t n;
	int r;

	if (out < 0)
		return export_fail(x, "make");
	while ((n = file_read(x->v, x->st, a->ino, at, EXPORT_READ, x->buf)) > 0) {
		if ((r = write_all(x, out, (size_t)n)))
			return r;
		at += n;
	}
	if (n < 0)
		return (int)n;
	return set_time(out, "", a->mtime) ? export_fail(x, "set the time of") : 0;
}

/* Whether what is there has the same bytes: 1 or 0. */
static int same_bytes(struct export *x, int fd, const char *name, uint64_t ino)
{
	AUTO(close_fd) int in = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO(free_ptr) uint8_t *mine = malloc(EXPORT_READ);
	int64_t at = 0;
	ssize_t n = 0;

	if (in < 0 || !mine)
		return 0;
	while ((n = file_read(x->v, x->st, ino, at, EXPORT_READ, x->buf)) > 0) {
		if (pread(in, mine, (size_t)n, at) != n || memcmp(mine, x->buf, (size_t)n) != 0)
			return 0;
		at += n;
	}
	return n < 0 ? (int)n : 1;
}

/* What can become another one of the same size and time is compared. */
static int file_is_there(struct export *x, int fd, const char *name, const struct node *n, const struct attr *a)
{
	struct stat sb;

	if (fstatat(fd, name, &sb, AT_SYMLINK_NOFOLLOW) || !S_ISREG(sb.st_mode) || sb.st_size != a->size)
		return 0;
	if (n->kind != NODE_FIXED && sb.st_mtime != a->mtime)
		return 0;
	return n->kind == NODE_ARCHIVE || n->kind == NODE_LOG ? 1 : same_bytes(x, fd, name, a->ino);
}

int export_file(struct export *x, int fd, const char *name, const struct node *n, const struct attr *a)
{
	char temp[96];
	int r = file_is_there(x, fd, name, n, a);

	x->result.unchanged += r > 0;
	if (r)
		return r < 0 ? r : 0;
	temporary(name, temp);
	if (remove_at(fd, temp, 0) || (r = write_file(x, fd, temp, a))) {
		if (r && !x->failed)
			remove_at(fd, temp, 0);
		return r ? r : export_fail(x, "write");
	}
	x->result.written++;
	return add(x, fd, name, 0);
}

int export_link(struct export *x, int fd, const char *name, const struct attr *a)
{
	char target[NODE_LINK_MAX], there[NODE_LINK_MAX], temp[96];
	ssize_t n;
	int r = node_readlink(x->v, x->st, a->ino, target);

	if (r)
		return r;
	n = readlinkat(fd, name, there, sizeof(there));
	if (n == (ssize_t)strlen(target) && memcmp(there, target, (size_t)n) == 0) {
		x->result.unchanged++;
		return 0;
	}
	temporary(name, temp);
	if (remove_at(fd, temp, 0) || symlinkat(target, fd, temp) || set_time(fd, temp, a->mtime))
		return export_fail(x, "make the link");
	x->result.written++;
	return add(x, fd, name, 0);
}

static bool entry_is_there(int fd, const struct entry *e, int64_t mtime)
{
	char target[NODE_LINK_MAX];
	struct stat sb;
	ssize_t n;

	if (fstatat(fd, e->path, &sb, AT_SYMLINK_NOFOLLOW))
		return false;
	if (e->type == TAR_SYMLINK) {
		n = readlinkat(fd, e->path, target, sizeof(target));
		return n == (ssize_t)strlen(e->link) && memcmp(target, e->link, (size_t)n) == 0;
	}
	/* The time of a folder tells that nothing was added to it. */
	if (sb.st_mtime != mtime || S_ISDIR(sb.st_mode) != (e->type == TAR_DIR))
		return false;
	return e->type == TAR_DIR || (S_ISREG(sb.st_mode) && sb.st_size == e->size && !(sb.st_mode & 0100) == !e->executable);
}

static bool tree_is_there(int fd, const char *name, const struct manifest *m, int64_t mtime)
{
	AUTO(close_fd) int dir = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;

	if (dir < 0 || fstat(dir, &sb) || sb.st_mtime != mtime)
		return false;
	for (size_t i = 0; i < m->count; i++)
		if (!entry_is_there(dir, &m->entries[i], mtime))
			return false;
	return true;
}

static int write_tree(struct export *x, int fd, const char *temp, const struct manifest *m, int64_t mtime)
{
	AUTO(close_fd) int dir = -1;
	int r;

	if (remove_at(fd, temp, 0) || mkdirat(fd, temp, 0777) ||
	    (dir = openat(fd, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return export_fail(x, "make the folder");
	r = restore_tree(x->st, m, dir, mtime, NULL);
	if (r && r != -EBADMSG && r != -EUCLEAN) {
		x->failed = true;
		buf_addf(x->why, "cannot write '%s': %s", buf_str(&x->path), genstore_errmsg(x->st));
	}
	if (r)
		return r;
	return set_time(dir, "", mtime) ? export_fail(x, "set the time of") : 0;
}

int export_tree(struct export *x, int fd, const char *name, const struct node *n, int64_t mtime)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	char temp[96];
	struct head h;
	int r;

	if ((r = node_tree(x->v, x->st, n, &h, &m)))
		return r;
	if (tree_is_there(fd, name, m, mtime)) {
		x->result.unchanged += m->files;
		return 0;
	}
	temporary(name, temp);
	if ((r = write_tree(x, fd, temp, m, mtime))) {
		if (!x->failed)
			remove_at(fd, temp, 0);
		return r;
	}
	x->result.written += m->files;
	x->result.bytes += m->bytes;
	x->o->progress(x->o->arg, x->result.bytes);
	return add(x, fd, name, 0);
}

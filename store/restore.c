#include "store/snapshot.h"
#include "store/foreign_index.h"
#include "store/manifest_inside.h"
#include "store/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

/* What is read under one lock of the store, at most. */
enum { BATCH_FILES = 64, BATCH_BYTES = 4 << 20 };

/* An open directory: its mtime is set when nothing is added to it any more. */
struct level {
	int fd;
	size_t path_len;
};

struct restore {
	struct genstore *st;
	const struct restore_options *options;
	struct timespec times[2];
	int64_t files, bytes;
	uint8_t *piece; /* PIECE_MAX bytes */
	int depth;
	struct level levels[MANIFEST_DEPTH_MAX + 1];
};

static int fail(struct restore *x, const struct entry *e, int error)
{
	return walk_fail(x->st, -error, "cannot write", e->path, strerror(error));
}

static int leave(struct restore *x)
{
	const struct level *l = &x->levels[--x->depth];
	int r = futimens(l->fd, x->times) ? -errno : 0;

	close(l->fd);
	return r ? store_fail(x->st, r, "cannot set the time of a folder: %s", strerror(-r)) : 0;
}

static void restore_release(struct restore *x)
{
	while (x->depth > 1)
		close(x->levels[--x->depth].fd);
	free(x->piece);
}

static int make_dir(struct restore *x, const struct entry *e, int parent, const char *path)
{
	char name[MANIFEST_NAME_MAX + 1] = "";
	int fd;

	/* Without the '/', with which O_NOFOLLOW would not hold. */
	memcpy(name, path, strlen(path) - 1);
	if (mkdirat(parent, name, 0755))
		return fail(x, e, errno);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(x, e, errno);
	x->levels[x->depth++] = (struct level){ .fd = fd, .path_len = e->path_len };
	return 0;
}

static int make_link(struct restore *x, const struct entry *e, int parent, const char *name)
{
	if (symlinkat(e->link, parent, name) || utimensat(parent, name, x->times, AT_SYMLINK_NOFOLLOW))
		return fail(x, e, errno);
	return 0;
}

static int write_all(struct restore *x, const struct entry *e, int fd, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t more = write(fd, x->piece + done, n - done);

		if (more < 0 && errno != EINTR)
			return fail(x, e, errno);
		done += more < 0 ? 0 : (size_t)more;
	}
	return 0;
}

static int damaged(struct restore *x, const struct entry *e, const char *why)
{
	return walk_fail(x->st, -EBADMSG, "cannot restore", e->path, why);
}

static int copy_pieces(struct restore *x, const struct entry *e, const struct content *c, int fd)
{
	int64_t left = c->size;

	for (size_t i = 0; i < c->piece_count; i++) {
		struct piece p;
		int r = piece_get(x->st, c->pieces[i], &p);

		if (r == -ENOENT || (!r && (p.size > PIECE_MAX || p.size > left)))
			return damaged(x, e, "its pieces do not fit together; run 'genstore check'");
		if (r || (r = piece_read(x->st, &p, NULL, x->piece)))
			return r;
		if ((r = write_all(x, e, fd, (size_t)p.size)))
			return r;
		left -= p.size;
	}
	return left ? damaged(x, e, "its pieces do not fit together; run 'genstore check'") : 0;
}

/* A file inside of a foreign archive. */
static int copy_object(struct restore *x, const struct entry *e, int fd)
{
	AUTO(object_unrefp) struct object *o = NULL;
	int64_t at = 0;
	ssize_t n;
	int r = object_of_content(x->st, e->content, &o);

	if (r)
		return r;
	while ((n = object_read(x->st, o, at, PIECE_MAX, x->piece)) > 0) {
		if ((r = write_all(x, e, fd, (size_t)n)))
			return r;
		at += n;
	}
	return (int)n;
}

static int make_file(struct restore *x, const struct entry *e, int parent, const char *name)
{
	AUTO(content_release) struct content c = { 0 };
	AUTO(close_fd) int fd = -1;
	int r = content_get(x->st, e->content, &c);

	if (r == -ENOENT || (!r && c.size != e->size))
		return damaged(x, e, "its content is not in the store; run 'genstore check'");
	if (r)
		return r;
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, e->executable ? 0755 : 0644);
	if (fd < 0)
		return fail(x, e, errno);
	r = foreign_is_content(e->content) ? copy_object(x, e, fd) : copy_pieces(x, e, &c, fd);
	if (r)
		return r;
	if (futimens(fd, x->times))
		return fail(x, e, errno);
	/* Some file systems tell only now that there is no room. */
	if (close(move_fd(&fd)) && errno != EINTR)
		return fail(x, e, errno);
	x->files++;
	x->bytes += e->size;
	if (x->options && x->options->progress)
		x->options->progress(x->options->arg, x->files, x->bytes);
	return 0;
}

static int make(struct restore *x, const struct entry *e)
{
	static int (*const make_type[])(struct restore *, const struct entry *, int, const char *) = {
		[TAR_FILE] = make_file,
		[TAR_DIR] = make_dir,
		[TAR_SYMLINK] = make_link,
	};
	size_t parent = manifest_parent(e);
	int r;

	/* The directory that holds e is open: what comes before e in a manifest is that directory, or in it. */
	while (x->levels[x->depth - 1].path_len > parent)
		if ((r = leave(x)))
			return r;
	return make_type[e->type](x, e, x->levels[x->depth - 1].fd, e->path + parent);
}

static bool is_large(const struct entry *e)
{
	return e->size > BATCH_BYTES;
}

/*
 * Some entries, with the store locked once for all of them: a lock for each file costs more than the file. A large one has it free
 * between its pieces: whoever writes meanwhile would wait for all of it.
 */
static int make_batch(struct restore *x, const struct manifest *m, size_t *i)
{
	int64_t files = x->files, bytes = x->bytes;
	int r;

	if (is_large(&m->entries[*i]))
		return make(x, &m->entries[(*i)++]);
	TXN t = txn_begin_read(&x->st->db);

	r = t.error;
	while (!r && *i < m->count && x->files - files < BATCH_FILES && x->bytes - bytes < BATCH_BYTES && !is_large(&m->entries[*i]))
		r = make(x, &m->entries[(*i)++]);
	return r;
}

static int check_empty(struct genstore *st, int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int r = 0;

	if (!d) {
		r = store_fail(st, -errno, "cannot read the folder to restore into: %s", strerror(errno));
		close_fd(&fd);
		return r;
	}
	while (!r && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = walk_fail(st, -EEXIST, "the folder to restore into is not empty: there is", e->d_name,
				      "give a new or an empty one");
	closedir(d);
	return r;
}

int restore_tree(struct genstore *st, const struct manifest *m, int dirfd, int64_t mtime, const struct restore_options *o)
{
	AUTO(restore_release) struct restore x = {
		.st = st,
		.options = o,
		.times = { { .tv_sec = mtime }, { .tv_sec = mtime } },
		.depth = 1,
		.levels[0] = { .fd = dirfd },
	};
	int r;

	if ((r = check_empty(st, dirfd)))
		return r;
	x.piece = malloc(PIECE_MAX);
	if (!x.piece)
		return -ENOMEM;
	for (size_t i = 0; i < m->count;)
		if ((r = make_batch(&x, m, &i)))
			return r;
	while (x.depth > 1)
		if ((r = leave(&x)))
			return r;
	return 0;
}

/* The folder's side of restoring a tree. */
#include "store/restore_inside.h"
#include "store/manifest_inside.h"

#include <fcntl.h>
#include <sys/stat.h>

void maker_init(struct maker *m, int dirfd, int64_t mtime, const struct restore_options *o)
{
	*m = (struct maker){
		.times = { { .tv_sec = mtime }, { .tv_sec = mtime } }, .options = o, .fd = -1, .depth = 1, .levels[0] = { .fd = dirfd },
	};
}

void maker_release(struct maker *m)
{
	while (m->depth > 1)
		close(m->levels[--m->depth].fd);
	close_fd(&m->fd);
}

static int leave(struct maker *m)
{
	const struct level *l = &m->levels[--m->depth];
	int r = futimens(l->fd, m->times) ? -errno : 0;

	close(l->fd);
	if (r)
		m->failed = NULL;
	return r;
}

static int make_dir(struct maker *m, const struct part *p, int parent, const char *path)
{
	char name[MANIFEST_NAME_MAX + 1] = "";
	int fd;

	/* Without the '/', with which O_NOFOLLOW would not hold. */
	memcpy(name, path, strlen(path) - 1);
	if (mkdirat(parent, name, 0755))
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	m->levels[m->depth++] = (struct level){ .fd = fd, .path_len = p->entry->path_len };
	return 0;
}

static int make_link(struct maker *m, const struct part *p, int parent, const char *name)
{
	return symlinkat(p->entry->link, parent, name) || utimensat(parent, name, m->times, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int make_file(struct maker *m, const struct part *p, int parent, const char *name)
{
	m->fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, p->entry->executable ? 0755 : 0644);
	return m->fd < 0 ? -errno : 0;
}

static int make_entry(struct maker *m, const struct part *p)
{
	static int (*const make_type[])(struct maker *, const struct part *, int, const char *) = {
		[TAR_FILE] = make_file,
		[TAR_DIR] = make_dir,
		[TAR_SYMLINK] = make_link,
	};
	size_t parent = manifest_parent(p->entry);
	int r;

	/* The directory that holds it is open: what comes before it in a manifest is that directory, or in it. */
	while (m->levels[m->depth - 1].path_len > parent)
		if ((r = leave(m)))
			return r;
	m->failed = p->entry;
	return make_type[p->entry->type](m, p, m->levels[m->depth - 1].fd, p->entry->path + parent);
}

static int end_file(struct maker *m, const struct entry *e)
{
	/* Some file systems tell only when it is closed that there is no room. */
	if (futimens(m->fd, m->times) || (close(move_fd(&m->fd)) && errno != EINTR))
		return -errno;
	m->files++;
	m->bytes += e->size;
	if (m->options && m->options->progress)
		m->options->progress(m->options->arg, m->files, m->bytes);
	return 0;
}

int maker_make(struct maker *m, const struct parcel *parcel)
{
	int r = 0;

	for (size_t i = 0; i < parcel->count && !r; i++) {
		const struct part *p = &parcel->parts[i];

		if ((p->first && (r = make_entry(m, p))) || p->entry->type != TAR_FILE)
			continue;
		if (!(r = fd_write(m->fd, parcel->bytes + p->at, p->n)) && p->last)
			r = end_file(m, p->entry);
	}
	return r;
}

int maker_end(struct maker *m)
{
	int r = 0;

	while (m->depth > 1 && !r)
		r = leave(m);
	return r;
}

#include "src/cmd/newfile.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { MODE = 0666, NAMES_TRIED = 100 };

void newfile_release(struct newfile *f)
{
	close_fd(&f->fd);
	if (f->temporary)
		unlink(f->temporary);
	free(f->temporary);
	free(f->path);
	*f = (struct newfile)NEWFILE_INIT;
}

/* The folder that a path is in. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Beside the path, so that a rename stays in the file system. */
static int temporary_name(const char *path, int number, char **ret_name)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash + 1 - path) : 0;
	char *name;

	if (asprintf(&name, "%.*s.genstore-%d-%d", folder, path, (int)getpid(), number) < 0)
		return -ENOMEM;
	*ret_name = name;
	return 0;
}

static int open_temporary(struct newfile *f)
{
	for (int i = 0; i < NAMES_TRIED; i++) {
		AUTO(free_ptr) char *name = NULL;
		int r = temporary_name(f->path, i, &name);

		if (r)
			return r;
		f->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
		if (f->fd >= 0)
			f->temporary = MOVE(name);
		if (f->fd >= 0 || errno != EEXIST)
			return f->fd >= 0 ? 0 : -errno;
	}
	return -EEXIST;
}

static int open_nameless(struct newfile *f)
{
	AUTO(free_ptr) char *folder = folder_of(f->path);

	if (!folder)
		return -ENOMEM;
	f->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, MODE);
	if (f->fd >= 0)
		return 0;
	/* A file system without O_TMPFILE says that a folder cannot be written to. */
	return errno == EOPNOTSUPP || errno == EISDIR ? open_temporary(f) : -errno;
}

int newfile_open(const char *path, bool replace, struct newfile *ret_f)
{
	AUTO(newfile_release) struct newfile f = NEWFILE_INIT;
	struct stat sb;
	bool there = !stat(path, &sb);
	int r;

	f.path = strdup(path);
	if (!f.path)
		return -ENOMEM;
	if (there && S_ISDIR(sb.st_mode))
		return -EISDIR;
	if (there && !S_ISREG(sb.st_mode)) {
		f.direct = true;
		f.fd = open(path, O_WRONLY | O_CLOEXEC);
		r = f.fd < 0 ? -errno : 0;
	} else {
		r = there && !replace ? -EEXIST : open_nameless(&f);
	}
	if (r)
		return r;
	*ret_f = f;
	f = (struct newfile)NEWFILE_INIT;
	return 0;
}

int newfile_write(struct newfile *f, const void *data, size_t n)
{
	return fd_write(f->fd, data, n);
}

/* Gives a nameless file a name that is free. */
static int give_name(int fd, const char *name)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/* rename() replaces, link() does not; a nameless file can only be linked. */
static int name_it(struct newfile *f, bool replace)
{
	int r = 0;

	if (!replace)
		return f->temporary ? (link(f->temporary, f->path) ? -errno : 0) : give_name(f->fd, f->path);
	if (!f->temporary && (r = give_name(f->fd, f->path)) != -EEXIST)
		return r;
	for (int i = 0; i < NAMES_TRIED && !f->temporary; i++) {
		AUTO(free_ptr) char *name = NULL;

		if ((r = temporary_name(f->path, i, &name)) || ((r = give_name(f->fd, name)) && r != -EEXIST))
			return r;
		if (!r)
			f->temporary = MOVE(name);
	}
	if (!f->temporary)
		return r;
	if (rename(f->temporary, f->path))
		return -errno;
	free(f->temporary);
	f->temporary = NULL;
	return 0;
}

int newfile_finish(struct newfile *f, bool replace)
{
	AUTO(free_ptr) char *folder = NULL;
	AUTO(close_fd) int dir = -1;
	int r;

	if (f->direct)
		return 0;
	if (fsync(f->fd))
		return -errno;
	if ((r = name_it(f, replace)))
		return r;
	/* The name has to last too. Folders that cannot be opened or synced keep theirs as well as they can. */
	folder = folder_of(f->path);
	dir = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir >= 0)
		fsync(dir);
	return 0;
}

#include "src/flow/workspace.h"
#include "store/base/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

void workspace_release(struct workspace *w)
{
	free(w->path);
	free(w->app);
	free(w->cache);
	*w = (struct workspace){ 0 };
}

int workspace_root(char **ret_path)
{
	static const struct { const char *variable, *below; } places[] = {
		{ "GENSTORE_WORKSPACES", "" },
		{ "XDG_STATE_HOME", "/genstore/workspaces" },
		{ "HOME", "/.local/state/genstore/workspaces" },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const char *value = getenv(places[i].variable);

		if (value && *value == '/')
			return asprintf(ret_path, "%s%s", value, places[i].below) < 0 ? -ENOMEM : 0;
		/* The others are ignored then, as their specification wants it (XDG base directories); this one was meant. */
		if (value && *value && !i)
			return -EINVAL;
	}
	return -ENXIO;
}

/* The paths of a request's workspace, whether or not it is there. */
static int workspace_name(const char *request_id, struct workspace *ret_w)
{
	AUTO(workspace_release) struct workspace w = { 0 };
	AUTO(free_ptr) char *root = NULL;
	int r = workspace_root(&root);

	if (r)
		return r;
	if (asprintf(&w.path, "%s/leo-workspace-%s", root, request_id) < 0 || asprintf(&w.app, "%s/app", w.path) < 0 ||
	    asprintf(&w.cache, "%s/stat-cache", w.path) < 0)
		return -ENOMEM;
	*ret_w = w;
	w = (struct workspace){ 0 };
	return 0;
}

int workspace_open(const char *request_id, struct workspace *ret_w)
{
	AUTO(workspace_release) struct workspace w = { 0 };
	struct stat sb;
	int r = workspace_name(request_id, &w);

	if (r)
		return r == -ENXIO ? -ENOENT : r;
	/* Not through a link: what is there was made by workspace_make(). */
	if (lstat(w.app, &sb))
		return -errno;
	if (!S_ISDIR(sb.st_mode))
		return -ENOTDIR;
	*ret_w = w;
	w = (struct workspace){ 0 };
	return 0;
}

int workspace_wait(const struct workspace *w, int64_t ms)
{
	enum { POLL_MS = 50 };
	AUTO(close_fd) int fd = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t until = clock_ms() + ms;
	int waited = 0;

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		/* Where there are no such locks, nobody has marked it either. */
		if (errno != EWOULDBLOCK)
			return 0;
		if (clock_ms() >= until)
			return -EBUSY;
		waited = 1;
		poll(NULL, 0, POLL_MS);
	}
	return waited;
}

bool workspace_is_kept(const char *request_id)
{
	AUTO(workspace_release) struct workspace w = { 0 };

	return workspace_open(request_id, &w) == 0;
}

int workspace_take(const char *from_request_id, const char *request_id, struct workspace *ret_w)
{
	AUTO(workspace_release) struct workspace from = { 0 }, w = { 0 };
	int r;

	if ((r = workspace_open(from_request_id, &from)) || (r = workspace_name(request_id, &w)))
		return r;
	if (renameat2(AT_FDCWD, from.path, AT_FDCWD, w.path, RENAME_NOREPLACE))
		return -errno;
	*ret_w = w;
	w = (struct workspace){ 0 };
	return 0;
}

int workspace_fail(struct genstore *st, int r)
{
	return store_fail(st, -EIO, "cannot make a workspace: %s; GENSTORE_WORKSPACES says where, an absolute path",
			  r == -ENXIO ? "HOME is not set" : r == -EINVAL ? "GENSTORE_WORKSPACES is a relative path" : strerror(-r));
}

int workspace_make(const char *request_id, struct workspace *ret_w)
{
	AUTO(workspace_release) struct workspace w = { 0 };
	int r = workspace_name(request_id, &w);

	if (r)
		return r;
	if ((r = folders_above(w.path, 0700)))
		return r;
	if (mkdir(w.path, 0700))
		return -errno;
	if (mkdir(w.app, 0700)) {
		r = -errno;
		rmdir(w.path);
		return r;
	}
	*ret_w = w;
	w = (struct workspace){ 0 };
	return 0;
}

/* Opens a folder that may be locked against us, never through a link. */
static int open_folder(int at, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);

	if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
		fd = openat(at, name, flags);
	return fd < 0 ? -errno : fd;
}

/* The next entry but . and ..; NULL at the end, *ret_r says whether for an error. */
static struct dirent *next_entry(DIR *d, int *ret_r)
{
	struct dirent *e;

	do {
		errno = 0;
		e = readdir(d);
	} while (e && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	*ret_r = e ? 0 : -errno;
	return e;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Which mount a descriptor is on; 0 where the kernel does not say. */
static uint64_t mount_of(int fd)
{
	struct statx x = { 0 };

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) || !(x.stx_mask & STATX_MNT_ID))
		return 0;
	return x.stx_mnt_id;
}

/* A folder inside another one goes up to the top, under a name that nothing has. */
static int move_up(int fd, const char *name, int top, uint64_t *serial)
{
	char aside[40];

	/* Its own rights count when it gets another parent. */
	if (fchmodat(fd, name, 0700, 0))
		return -errno;
	do
		snprintf(aside, sizeof(aside), ".genstore-rm-%llu", (unsigned long long)++*serial);
	while (renameat2(fd, name, top, aside, RENAME_NOREPLACE) && errno == EEXIST);
	return faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -EXDEV : 0;
}

/* Unlinks what is in a folder; what is itself a folder there moves up beside it. */
static int flatten(int top, const char *name, uint64_t *serial)
{
	AUTO(close_dir) DIR *d = NULL;
	struct dirent *e;
	int r, fd = open_folder(top, name);

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d)
		close(fd);
	if (!d || fchmod(fd, 0700))
		return -errno;
	if (mount_of(fd) != mount_of(top))
		return -EXDEV;
	while ((e = next_entry(d, &r))) {
		if (unlinkat(fd, e->d_name, 0) == 0)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		if ((r = move_up(fd, e->d_name, top, serial)))
			return r;
	}
	/* Some file systems skip entries while others are removed: then the next round meets it again. */
	if (!r && unlinkat(top, name, AT_REMOVEDIR) && errno != ENOTEMPTY)
		r = -errno;
	return r;
}

int remove_tree(const char *path)
{
	AUTO(close_dir) DIR *d = NULL;
	uint64_t serial = 0;
	bool again = true;
	struct dirent *e;
	int r = 0, top = open_folder(AT_FDCWD, path);

	if (top < 0)
		return top;
	if (!(d = fdopendir(top))) {
		r = -errno;
		close(top);
		return r;
	}
	/* Each round ends with what the last one moved up here. */
	while (again) {
		again = false;
		rewinddir(d);
		while ((e = next_entry(d, &r))) {
			again = true;
			if (unlinkat(top, e->d_name, 0) == 0)
				continue;
			if (errno != EISDIR && errno != EPERM)
				return -errno;
			if ((r = flatten(top, e->d_name, &serial)))
				return r;
		}
		if (r)
			return r;
	}
	return rmdir(path) ? -errno : 0;
}

int workspace_remove(const char *request_id)
{
	AUTO(workspace_release) struct workspace w = { 0 };
	int r = workspace_name(request_id, &w);

	if (r)
		return r == -ENXIO ? 0 : r;
	r = remove_tree(w.path);
	return r == -ENOENT ? 0 : r;
}

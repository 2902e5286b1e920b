#include "fs/mount.h"
#include "fs/mounts.h"
#include "fs/serve.h"
#include "store/base/folders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int fail(struct buf *why, int r, const char *fmt, ...) PRINTF(3, 4);
static int fail(struct buf *why, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(why, fmt, ap);
	va_end(ap);
	return r;
}

static bool number(const char *text, int64_t *ret_n)
{
	char *end;

	errno = 0;
	*ret_n = strtoll(text, &end, 10);
	return !errno && *text >= '0' && *text <= '9' && !*end && *ret_n <= UINT32_MAX - 1;
}

static int parse_one(struct mount_options *o, const char *word, struct buf *why)
{
	if (strcmp(word, "ro") == 0 || strcmp(word, "nosuid") == 0 || strcmp(word, "nodev") == 0)
		return 0;
	if (strcmp(word, "allow_other") == 0)
		o->allow_other = true;
	else if (strcmp(word, "noviews") == 0)
		o->noviews = true;
	else if (strcmp(word, "rw") == 0)
		return fail(why, -EINVAL, "the mount is read only: leave 'rw' out");
	else if (!(strncmp(word, "uid=", 4) == 0 && number(word + 4, &o->uid)) &&
		 !(strncmp(word, "gid=", 4) == 0 && number(word + 4, &o->gid)))
		return fail(why, -EINVAL, "no mount option '%s'; there are ro, uid=N, gid=N, allow_other, noviews", word);
	return 0;
}

int mount_parse(struct mount_options *o, const char *text, struct buf *why)
{
	AUTO(free_ptr) char *copy = strdup(text);
	char *save = NULL;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (char *word = strtok_r(copy, ",", &save); word && !r; word = strtok_r(NULL, ",", &save))
		r = parse_one(o, word, why);
	return r;
}

int mount_default(char **ret_path, struct buf *why)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
	AUTO(free_ptr) char *path = NULL;
	int r;

	if (runtime && *runtime == '/')
		r = asprintf(&path, "%s/genstore", runtime);
	else if (home && *home == '/')
		r = asprintf(&path, "%s/.local/share/genstore/mnt", home);
	else
		return fail(why, -EINVAL, "neither XDG_RUNTIME_DIR nor HOME is set; name a mountpoint");
	if (r < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = folders_above(path, 0700);
	if (!r && mkdir(path, 0700) && errno != EEXIST)
		r = -errno;
	if (r && r != -ENOTCONN)
		return fail(why, r, "cannot make '%s': %s", path, strerror(-r));
	*ret_path = MOVE(path);
	return 0;
}

static bool contains(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	return strcmp(dir, "/") == 0 || (strncmp(dir, path, n) == 0 && (path[n] == '/' || !path[n]));
}

/* A mount whose process was killed answers ENOTCONN (ECONNABORTED while it dies): nothing is lost by taking it away. */
static int clear_stale(const char *target, struct buf *why)
{
	struct stat sb;
	int r = mounts_find(target, NULL);

	if (r < 0)
		return fail(why, r, "cannot read /proc/self/mountinfo: %s", strerror(-r));
	if (stat(target, &sb) == 0)
		return r ? fail(why, -EBUSY, "'%s' already is a mount of genstore; 'genstore umount' ends it", target) : 0;
	if (errno != ENOTCONN && errno != ECONNABORTED)
		return fail(why, -errno, "cannot use '%s': %s", target, strerror(errno));
	if (!r)
		return fail(why, -EBUSY, "another file system that no longer answers is mounted on '%s'; unmount it first", target);
	if ((r = mounts_end(target, true)))
		return fail(why, r, "cannot take the dead mount away from '%s': %s", target, strerror(-r));
	return 0;
}

static int check_fuse(struct buf *why)
{
	AUTO(close_fd) int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return fail(why, -ENOTSUP, "cannot mount: there is no /dev/fuse on this machine; " MOUNT_INSTEAD);
	return fail(why, -ENOTSUP, "cannot mount: /dev/fuse: %s; " MOUNT_INSTEAD, strerror(errno));
}

static int check_place(const char *store, const char *target, struct buf *why)
{
	struct stat sb;
	int r;

	if ((r = clear_stale(target, why)))
		return r;
	if (stat(target, &sb))
		return fail(why, -errno, "cannot use '%s': %s", target, strerror(errno));
	if (!S_ISDIR(sb.st_mode))
		return fail(why, -EINVAL, "'%s' is not a directory", target);
	if (contains(target, store))
		return fail(why, -EINVAL, "the store '%s' is inside of '%s', and would be hidden by the mount; take another folder", store,
			    target);
	return 0;
}

/* The child's words come through the pipe: "+" once it is mounted, else why not. */
static int wait_for(int fd, pid_t pid, struct buf *why)
{
	char text[1024];
	ssize_t n;
	int status = 0;

	while ((n = read(fd, text, sizeof(text))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0 && text[0] == '+' && !why->len)
			return 0;
		if (n > 0)
			buf_add(why, text, (size_t)n);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!why->len)
		buf_adds(why, "the process that should serve the mount died");
	return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -EIO;
}

/* Nothing of the caller's terminal or folder is kept. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	if (chdir("/"))
		return;
}

static int in_background(const struct mount_options *o, struct buf *why)
{
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return fail(why, -errno, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	if ((pid = fork()) < 0)
		return fail(why, -errno, "cannot start a process: %s", strerror(errno));
	if (pid) {
		AUTO(close_fd) int in = fds[0];

		close(fds[1]);
		return wait_for(in, pid, why);
	}
	close(fds[0]);
	setsid();
	detach();
	r = serve(o, fds[1], why);
	if (r && why->len && write(fds[1], why->data, why->len) < 0)
		r = -EIO;
	buf_release(why);
	exit(-r & 0xff);
}

int mount_run(const struct mount_options *o, struct buf *why)
{
	AUTO(free_ptr) char *store = NULL, *target = NULL;
	struct mount_options resolved = *o;
	int r;

	if (!(store = realpath(o->store, NULL)))
		return fail(why, -errno, "cannot open '%s': %s", o->store, strerror(errno));
	if ((r = mounts_resolve(o->mountpoint, &target)))
		return fail(why, r, "cannot use '%s': %s", o->mountpoint, strerror(-r));
	if ((r = check_fuse(why)) || (r = check_place(store, target, why)))
		return r;
	resolved.store = store;
	resolved.mountpoint = target;
	return o->foreground ? serve(&resolved, -1, why) : in_background(&resolved, why);
}

#include "fs/mount.h"
#include "fs/mounts.h"
#include "fs/serve.h"
#include "store/base/clock.h"
#include "store/base/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

static int parse_id(const char *text, int64_t *ret_n)
{
	char *end;

	errno = 0;
	*ret_n = strtoll(text, &end, 10);
	return !errno && *text >= '0' && *text <= '9' && !*end && *ret_n <= UINT32_MAX - 1 ? 0 : -EINVAL;
}

static int parse_uid(struct mount_options *o, const char *value, struct buf *why)
{
	return parse_id(value, &o->uid) ? fail(why, -EINVAL, "'uid=%s' is not the number of a user", value) : 0;
}

static int parse_gid(struct mount_options *o, const char *value, struct buf *why)
{
	return parse_id(value, &o->gid) ? fail(why, -EINVAL, "'gid=%s' is not the number of a group", value) : 0;
}

static int parse_at(struct mount_options *o, const char *value, struct buf *why)
{
	if (clock_parse(value, &o->at) || o->at <= 0)
		return fail(why, -EINVAL, "'at=%s' is not a time like 2025-12-11T20:30:00Z", value);
	if (o->at > clock_now(NULL))
		return fail(why, -EINVAL, "'at=%s' has not come yet", value);
	return 0;
}

static int parse_name(const char *option, const char *value, char out[MOUNT_NAME_MAX], struct buf *why)
{
	if (!*value || strlen(value) >= MOUNT_NAME_MAX)
		return fail(why, -EINVAL, "'%s=' takes a name, or an id", option);
	snprintf(out, MOUNT_NAME_MAX, "%s", value);
	return 0;
}

static int parse_owner(struct mount_options *o, const char *value, struct buf *why)
{
	return parse_name("owner", value, o->owner, why);
}

static int parse_organization(struct mount_options *o, const char *value, struct buf *why)
{
	return parse_name("org", value, o->organization, why);
}

static int parse_nothing(struct mount_options *o UNUSED, const char *value UNUSED, struct buf *why UNUSED)
{
	return 0;
}

/* Those that the kernel, mount(8) or fstab(5) say by themselves and that hold for every mount are taken without a word. */
static const struct {
	const char *name;
	size_t flag; /* where its bool is, or 0 */
	size_t off;  /* and one that it takes back */
	int (*parse)(struct mount_options *o, const char *value, struct buf *why);
} words[] = {
#define AT(field) offsetof(struct mount_options, field)
	{ "ro", AT(read_only), AT(writable), NULL },
	{ "rw", AT(writable), AT(read_only), NULL },
	{ "allow_other", AT(allow_other), 0, NULL },
	{ "noviews", AT(noviews), AT(views), NULL },
	{ "views", AT(views), AT(noviews), NULL },
	{ "nohydrate", AT(nohydrate), AT(hydrate), NULL },
	{ "hydrate", AT(hydrate), AT(nohydrate), NULL },
	{ "nonempty", AT(nonempty), 0, NULL },
	{ "defaults", 0, 0, NULL },
	{ "suid", 0, 0, NULL }, /* of which there is nothing in a mount */
	{ "nosuid", 0, 0, NULL },
	{ "dev", 0, 0, NULL },
	{ "nodev", 0, 0, NULL },
	{ "exec", AT(executes), AT(noexec), NULL },
	{ "noexec", AT(noexec), AT(executes), NULL },
	{ "async", 0, 0, NULL },
	{ "auto", 0, 0, NULL },
	{ "noauto", 0, 0, NULL },
	{ "user", 0, 0, NULL },
	{ "users", 0, 0, NULL },
	{ "nouser", 0, 0, NULL },
	{ "nofail", 0, 0, NULL },
	{ "relatime", 0, 0, NULL },
	{ "noatime", 0, 0, NULL },
	{ "_netdev", 0, 0, NULL },
	{ "user=", 0, 0, parse_nothing },
	{ "x-", 0, 0, parse_nothing },
	{ "comment=", 0, 0, parse_nothing },
	{ "uid=", 0, 0, parse_uid },
	{ "gid=", 0, 0, parse_gid },
	{ "at=", 0, 0, parse_at },
	{ "owner=", 0, 0, parse_owner },
	{ "org=", 0, 0, parse_organization },
#undef AT
};

static int parse_one(struct mount_options *o, const char *word, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i].name);

		if (words[i].parse && strncmp(word, words[i].name, n) == 0)
			return words[i].parse(o, word + n, why);
		if (words[i].parse || strcmp(word, words[i].name) != 0)
			continue;
		if (words[i].off)
			*(bool *)((char *)o + words[i].off) = false;
		if (words[i].flag)
			*(bool *)((char *)o + words[i].flag) = true;
		return 0;
	}
	return fail(why, -EINVAL, "no mount option '%s'; there are " MOUNT_OPTIONS, word);
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
	if (!r && o->at && o->writable)
		return fail(why, -EINVAL, "'rw' does not go with 'at': what was cannot be written to");
	/* Both are views in the place of the tables. */
	if (!r && o->at && (*o->owner || *o->organization))
		return fail(why, -EINVAL, "'owner' and 'org' do not go with 'at'");
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

/*
 * Whether dir is one of the folders that lead to path. They are compared as what they are and not by their names: a bind mount gives a folder
 * a second name.
 */
static bool leads_to(const struct stat *dir, const char *path)
{
	AUTO(free_ptr) char *at = strdup(path);
	char *slash;

	while (at && (slash = strrchr(at, '/'))) {
		struct stat sb;

		slash[slash == at] = '\0';
		if (stat(at, &sb) == 0 && sb.st_dev == dir->st_dev && sb.st_ino == dir->st_ino)
			return true;
		if (slash == at)
			break;
	}
	return false;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	bool empty = true;
	struct dirent *e;

	while (dir && empty && (e = readdir(dir)))
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (dir)
		closedir(dir);
	return empty;
}

/* A mount whose process was killed answers ENOTCONN (ECONNABORTED while it dies): nothing is lost by taking it away. */
static int clear_stale(const char *target, struct buf *why)
{
	char device[32] = "";
	struct statvfs there;
	int r = mounts_find(target, device);

	if (r < 0)
		return fail(why, r, "cannot read /proc/self/mountinfo: %s", strerror(-r));
	/* Not stat(): the kernel remembers what that says of a mount's top long after nobody serves it any more. */
	if (statvfs(target, &there) == 0) {
		if (r)
			return fail(why, -EBUSY, "'%s' already is a mount of genstore; 'genstore umount' ends it", target);
		return *device ? fail(why, -EBUSY, "another file system is mounted on '%s'; take a folder below it", target) : 0;
	}
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

static int check_place(const struct mount_options *o, const char *store, const char *target, struct buf *why)
{
	struct stat sb;
	int r;

	if ((r = clear_stale(target, why)))
		return r;
	if (stat(target, &sb))
		return fail(why, -errno, "cannot use '%s': %s", target, strerror(errno));
	if (!S_ISDIR(sb.st_mode))
		return fail(why, -EINVAL, "'%s' is not a directory", target);
	if (leads_to(&sb, store))
		return fail(why, -EINVAL, "the store '%s' is inside of '%s', and would be hidden by the mount; take another folder", store,
			    target);
	if (!o->nonempty && !is_empty(target))
		return fail(why, -EINVAL, "'%s' is not empty, and the mount would hide what is in it; take another folder, or -o nonempty",
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
	if ((r = check_fuse(why)) || (r = check_place(o, store, target, why)))
		return r;
	resolved.store = store;
	resolved.mountpoint = target;
	resolved.read_only = o->read_only || o->at || access(store, W_OK);
	if (o->writable && resolved.read_only)
		return fail(why, -EACCES, "cannot mount '%s' for writing: %s", store, strerror(errno));
	return o->foreground ? serve(&resolved, -1, why) : in_background(&resolved, why);
}

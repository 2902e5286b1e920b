#include "fs/mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* Octal escapes of mountinfo (proc(5)), in place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /mnt/point rw,noatime master:1 - fuse.genstore /the/store rw": false when it is not like that. */
static bool parse_line(char *line, struct mount_entry *ret_m)
{
	char *save = NULL, *field = strtok_r(line, " \n", &save), *type;

	for (int i = 0; field; i++, field = strtok_r(NULL, " \n", &save)) {
		if (i == 2 && sscanf(field, "%u:%u", &ret_m->major, &ret_m->minor) != 2)
			return false;
		if (i == 4) {
			unescape(field);
			ret_m->target = field;
		}
		if (i >= 6 && strcmp(field, "-") == 0)
			break;
	}
	if (!field || !(type = strtok_r(NULL, " \n", &save)) || !(field = strtok_r(NULL, " \n", &save)))
		return false;
	unescape(field);
	ret_m->source = field;
	ret_m->genstore = strcmp(type, "fuse.genstore") == 0;
	return ret_m->target != NULL;
}

static void close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

int mounts_each(int (*f)(void *arg, const struct mount_entry *m), void *arg)
{
	AUTO(close_file) FILE *file = fopen("/proc/self/mountinfo", "re");
	AUTO(free_ptr) char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (!r && getline(&line, &size, file) > 0) {
		struct mount_entry m = { .target = NULL };

		if (parse_line(line, &m))
			r = f(arg, &m);
	}
	return r;
}

struct search {
	const char *target;
	char *device;
	int found;
};

static int compare(void *arg, const struct mount_entry *m)
{
	struct search *s = arg;

	if (strcmp(m->target, s->target) != 0)
		return 0;
	s->found = m->genstore;
	if (s->device)
		snprintf(s->device, 32, "%u:%u", m->major, m->minor);
	return 0;
}

int mounts_find(const char *target, char ret_device[32])
{
	struct search s = { .target = target, .device = ret_device };
	int r = mounts_each(compare, &s);

	return r < 0 ? r : s.found;
}

int mounts_resolve(const char *path, char **ret_path)
{
	AUTO(free_ptr) char *copy = NULL, *parent = NULL;
	char *whole = realpath(path, NULL), *slash;
	size_t n;

	if (whole) {
		*ret_path = whole;
		return 0;
	}
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG)
		return -errno;
	/* A dead mount stands at the end: what is before it can be resolved. */
	if (!(copy = malloc(strlen(path) + sizeof("./"))))
		return -ENOMEM;
	sprintf(copy, "%s%s", *path == '/' ? "" : "./", path);
	for (n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	slash = strrchr(copy, '/');
	*slash = '\0';
	if (!(parent = realpath(*copy ? copy : "/", NULL)))
		return -errno;
	if (asprintf(&whole, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, slash + 1) < 0)
		return -ENOMEM;
	*ret_path = whole;
	return 0;
}

static int run_fusermount(const char *target, bool lazy)
{
	const char *const argv[] = { "fusermount3", "-u", lazy ? "-z" : "-q", "--", target, NULL };
	posix_spawn_file_actions_t quiet;
	int status, r;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

int mounts_end(const char *target, bool lazy)
{
	if (umount2(target, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	return errno == EPERM ? run_fusermount(target, lazy) : -errno;
}

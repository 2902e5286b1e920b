/* Files, folders and standard input on their way into artifacts. */
#include "src/cmd/artifact.h"
#include "store/snapshot.h"
#include "store/walk.h"

#include <fcntl.h>
#include <sys/stat.h>

struct taker {
	struct cli *cli;
	struct artifact_batch *batch;
	const struct artifact_source *source;
	struct artifact_taken *taken;
	int *ret_r;
};

static int fail(const struct taker *t, const char *path, int error)
{
	return cli_error(t->cli, error == ENOENT ? EXIT_NONE : EXIT_FAILED, "cannot read '%s': %s", path, strerror(error));
}

/* Nameless, where temporary files go: what comes through a pipe has to be read twice when it is large. */
int artifact_spool(void)
{
	const char *folder = getenv("TMPDIR");
	char name[] = "/tmp/genstore-XXXXXX";
	int fd = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (fd = mkostemp(name, O_CLOEXEC)) >= 0)
		unlink(name);
	return fd < 0 ? -errno : fd;
}

/* 0, or a negative errno. */
static int copy(int from, int to)
{
	AUTO(free_ptr) char *bytes = malloc(1 << 16);
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	while ((n = read(from, bytes, 1 << 16)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		for (ssize_t done = 0, more; done < n; done += more)
			if ((more = write(to, bytes + done, (size_t)(n - done))) < 0)
				return -errno;
	}
	return lseek(to, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* A descriptor that can be read again, which may be fd itself. */
static int spool(const struct taker *t, int *fd)
{
	AUTO(close_fd) int to = -1;
	struct stat sb;
	int r;

	if (!fstat(*fd, &sb) && S_ISREG(sb.st_mode))
		return 0;
	t->taken->once = true;
	to = artifact_spool();
	if (to < 0 || (r = copy(*fd, to)))
		return cli_error(t->cli, EXIT_FAILED, "cannot keep '%s' in a temporary file: %s; TMPDIR names a folder with more room",
				 t->source->path, strerror(to < 0 ? -to : -r));
	close(*fd);
	*fd = move_fd(&to);
	return 0;
}

static int put(const struct taker *t, const char *name, int fd)
{
	*t->ret_r = artifact_batch_file(t->batch, t->source->type, name, fd);
	return *t->ret_r == -ESTALE ? EXIT_FAILED : *t->ret_r ? cli_fail(t->cli, *t->ret_r) : 0;
}

static int take_file(const struct taker *t)
{
	const char *path = t->source->path, *slash = strrchr(path, '/');
	const char *name = t->source->name ? t->source->name : slash ? slash + 1 : path;
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int code;

	if (fd < 0)
		return fail(t, path, errno);
	return (code = spool(t, &fd)) ? code : put(t, name, fd);
}

static int take_stdin(const struct taker *t)
{
	AUTO(close_fd) int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	int code;

	if (!t->source->name)
		return cli_usage(t->cli, "what comes from standard input needs a --name");
	if (fd < 0)
		return fail(t, "standard input", errno);
	t->taken->once = true;
	return (code = spool(t, &fd)) ? code : put(t, t->source->name, fd);
}

static bool leave_out(void *arg, const char *path UNUSED, const char *name)
{
	struct artifact_taken *taken = arg;
	enum exclude answer = exclude_match(EXCLUDE_VERSION, name);

	taken->secrets += answer == EXCLUDE_SECRET;
	taken->ignored += answer == EXCLUDE_IGNORED;
	return answer != EXCLUDE_NO;
}

/* A link would be another file than the one that it names, or one outside of the folder. */
static int take_item(const struct taker *t, struct walk *w, const struct walk_item *item)
{
	AUTO(close_fd) int fd = -1;
	struct stat sb;
	int r = 0;

	if (item->is_dir && (r = walk_enter(w)))
		return r < 0 ? cli_fail(t->cli, r) : 0;
	fd = openat(item->dirfd, item->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ELOOP) {
		t->taken->links++;
		return 0;
	}
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &sb))
		return fail(t, item->path, errno == ENXIO ? ENOTSUP : errno);
	if (!S_ISREG(sb.st_mode))
		return cli_error(t->cli, EXIT_FAILED, "cannot keep '%s': it is neither a file nor a folder; put it elsewhere", item->path);
	return put(t, item->path, fd);
}

static int take_folder(const struct taker *t)
{
	AUTO(walk_closep) struct walk *w = NULL;
	struct walk_item item;
	int code = 0, r;

	if (t->source->name)
		return cli_usage(t->cli, "--name is for one file; those of a folder have their own");
	if ((r = walk_open(t->cli->st, t->source->path, leave_out, t->taken, &w)))
		return cli_fail(t->cli, r);
	while (!code && (r = walk_next(w, &item)) > 0)
		code = take_item(t, w, &item);
	return code ? code : r < 0 ? cli_fail(t->cli, r) : 0;
}

int artifact_take(struct cli *cli, struct artifact_batch *b, const struct artifact_source *s, struct artifact_taken *taken, int *ret_r)
{
	const struct taker t = { .cli = cli, .batch = b, .source = s, .taken = taken, .ret_r = ret_r };
	struct stat sb;

	*ret_r = 0;
	if (!strcmp(s->path, "-"))
		return take_stdin(&t);
	if (stat(s->path, &sb))
		return fail(&t, s->path, errno);
	return S_ISDIR(sb.st_mode) ? take_folder(&t) : take_file(&t);
}

#include "src/cmd/patch.h"
#include "src/cmd/out.h"
#include "store/base/utf8.h"
#include "store/object.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
	AT_ONCE = 1 << 18,
	LOOKED_AT = 8000,     /* a NUL in its first bytes makes a file binary, as git has it */
	PATCH_MAX = 16 << 20, /* bytes of a file: they stand in memory */
};

extern char **environ;

/* A file in memory that diff can read by its /proc name. */
struct side {
	int fd;
	bool binary;
};

static void side_release(struct side *s)
{
	close_fd(&s->fd);
}

static int put(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int put_content(struct genstore *st, const struct entry *e, struct side *s)
{
	AUTO(object_unrefp) struct object *file = NULL;
	AUTO(free_ptr) char *bytes = malloc(AT_ONCE);
	int r = bytes ? object_of_content(st, e->content, &file) : -ENOMEM;

	if (r)
		return r;
	s->binary = e->size > PATCH_MAX;
	for (int64_t at = 0; at < e->size && !s->binary && !r;) {
		ssize_t n = object_read(st, file, at, AT_ONCE, bytes);

		if (n <= 0)
			return (int)n;
		s->binary = at == 0 && memchr(bytes, 0, (size_t)min_i64(n, LOOKED_AT));
		r = put(s->fd, bytes, (size_t)n);
		at += n;
	}
	return r;
}

static int side_of(struct genstore *st, const struct entry *e, struct side *ret_s)
{
	AUTO(side_release) struct side s = { .fd = memfd_create("genstore", 0) };
	int r = 0;

	if (s.fd < 0)
		return -errno;
	if (e && e->type == TAR_SYMLINK)
		r = put(s.fd, e->link, strlen(e->link));
	else if (e && e->type == TAR_FILE)
		r = put_content(st, e, &s);
	if (r)
		return r;
	*ret_s = s;
	s.fd = -1;
	return 0;
}

static void label_of(struct buf *out, const char *side, const struct entry *e)
{
	if (!e) {
		buf_adds(out, "/dev/null");
		return;
	}
	buf_adds(out, side);
	utf8_printable(out, e->path, e->path_len);
}

/* A reader that leaves ends diff without a word: this program ignores SIGPIPE, diff is not to inherit that. */
static int spawn_diff(char *const *argv, pid_t *ret_pid)
{
	posix_spawnattr_t attr;
	sigset_t pipe;
	int r = posix_spawnattr_init(&attr);

	if (r)
		return -r;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &pipe);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(ret_pid, "diff", NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return -r;
}

/* diff's exit code, or -errno; -EPIPE when its reader has left. What this program has in its buffer goes first. */
static int run_diff(const struct side *a, const struct side *b, const char *label_a, const char *label_b)
{
	char file_a[32], file_b[32];
	const char *const argv[] = { "diff", "-u", "--label", label_a, "--label", label_b, file_a, file_b, NULL };
	char *copies[ARRAY_LEN(argv)];
	int status;
	pid_t pid;
	int r;

	snprintf(file_a, sizeof(file_a), "/dev/fd/%d", a->fd);
	snprintf(file_b, sizeof(file_b), "/dev/fd/%d", b->fd);
	memcpy(copies, argv, sizeof(argv));
	fflush(stdout);
	if ((r = spawn_diff(copies, &pid)))
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGPIPE ? -EPIPE : -EINTR;
	return WEXITSTATUS(status);
}

int patch_print(struct cli *cli, const struct entry *a, const struct entry *b)
{
	AUTO(side_release) struct side old = { .fd = -1 }, new = { .fd = -1 };
	AUTO(buf_release) struct buf label_a = BUF_INIT, label_b = BUF_INIT;
	int r;

	if ((r = side_of(cli->st, a, &old)) || (r = side_of(cli->st, b, &new)))
		return cli_fail(cli, r);
	label_of(&label_a, "a/", a);
	label_of(&label_b, "b/", b);
	if (old.binary || new.binary) {
		printf("Binary files %s and %s differ\n", buf_str(&label_a), buf_str(&label_b));
		return 0;
	}
	r = run_diff(&old, &new, buf_str(&label_a), buf_str(&label_b));
	if (r == -EPIPE)
		return r;
	if (r < 0)
		return cli_error(cli, EXIT_FAILED, "cannot run 'diff': %s; install diffutils", strerror(-r));
	return r > 1 ? cli_error(cli, EXIT_FAILED, "'diff' failed") : 0;
}

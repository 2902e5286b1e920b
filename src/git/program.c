#include "src/git/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { SAID_MAX = 4096, BLOCK = 64 << 10 };

extern char **environ;

static int spawn(char *const *argv, char *const *env, const int fds[3], pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	if (!(r = posix_spawnattr_init(&attributes))) {
		/* Signals that wait here until all is put in order end git at once. */
		sigemptyset(&none);
		posix_spawnattr_setsigmask(&attributes, &none);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
		for (int i = 0; i < 3; i++)
			if (fds[i] >= 0)
				posix_spawn_file_actions_adddup2(&actions, fds[i], i);
		r = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, env ? env : environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return r == ENOENT ? -ENOPKG : -r;
}

static int read_all(int fd, size_t most, struct buf *out)
{
	for (;;) {
		void *to = buf_reserve(out, BLOCK);
		ssize_t n = to ? read(fd, to, BLOCK) : -1;

		if (!to)
			return -ENOMEM;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		buf_commit(out, n > 0 ? (size_t)n : 0);
		if (out->len > most)
			return -EFBIG;
	}
}

/* The end of what it said. */
static void read_said(int fd, struct buf *said)
{
	off_t size = lseek(fd, 0, SEEK_END), from = size > SAID_MAX ? size - SAID_MAX : 0;
	char *to = buf_reserve(said, SAID_MAX);
	ssize_t n = to ? pread(fd, to, SAID_MAX, from) : 0;

	buf_commit(said, n > 0 ? (size_t)n : 0);
}

/* The child has its ends, and we have ours. */
static int talk(int *to, int *from, const struct buf *in, size_t most, struct buf *out)
{
	int r = in ? fd_write(*to, in->data, in->len) : 0, read;

	close_fd(to);
	*to = -1;
	read = read_all(*from, most, out);
	close_fd(from);
	*from = -1;
	/* One that does not want all of it says so by how it ends. */
	return r && r != -EPIPE ? r : read;
}

int git_program(char *const *argv, char *const *env, const struct buf *in, size_t most, struct buf *out, struct buf *said)
{
	AUTO(close_fd) int to = -1;
	AUTO(close_fd) int from = -1;
	AUTO(close_fd) int child_in = -1;
	AUTO(close_fd) int child_out = -1;
	AUTO(close_fd) int words = -1;
	int pair[2], status = 0, r;
	pid_t pid;

	if (said && (words = memfd_create("said", MFD_CLOEXEC)) < 0)
		return -errno;
	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	child_in = pair[0];
	to = pair[1];
	if (pipe2(pair, O_CLOEXEC))
		return -errno;
	from = pair[0];
	child_out = pair[1];
	if ((r = spawn(argv, env, (const int[]){ child_in, child_out, words }, &pid)))
		return r;
	close_fd(&child_in);
	close_fd(&child_out);
	child_in = child_out = -1;
	r = talk(&to, &from, in, most, out);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (said)
		read_said(words, said);
	return r ? r : status ? -ENOENT : 0;
}

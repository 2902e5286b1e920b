/*
 * Makes a program fail at a chosen moment. A library for LD_PRELOAD that counts the calls which change files whose path
 * begins with $FAULT_PATH, and at call number $FAULT_AT does what $FAULT_DO says:
 *
 *	kill    SIGKILL before the call
 *	torn    SIGKILL in the middle of it: of a write, the first half is there
 *	power   the power goes: of what was not synced yet, a random half ($FAULT_SEED) never reached the disk; SIGKILL
 *	enospc  from here on the disk is full: files do not grow
 *	eio     this one call fails
 *	dead    from here on all calls fail
 *	short   a write writes half and says so
 *
 * $FAULT_COUNT names a file for the number of calls, written at exit; without $FAULT_AT that is all that happens.
 * Names are durable at once (creating, renaming, removing); bytes and sizes are not until fsync or fdatasync.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* A change that is not on the disk yet. For a size, `fresh` is NULL. */
struct change {
	char path[512];
	ino_t inode;
	off_t at, size, new_size; /* of the file: before and after */
	size_t old_length, length;
	char *old, *fresh;
	struct change *before;
};

static struct {
	pthread_mutex_t lock;
	long count;
	struct change *last;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static ssize_t real_write(int fd, const void *data, size_t n)
{
	return syscall(SYS_write, fd, data, n);
}

static ssize_t real_pwrite(int fd, const void *data, size_t n, off_t at)
{
	return syscall(SYS_pwrite64, fd, data, n, at);
}

static int real_ftruncate(int fd, off_t size)
{
	return (int)syscall(SYS_ftruncate, fd, size);
}

static bool doing(const char *what)
{
	const char *action = getenv("FAULT_DO");

	return action && !strcmp(action, what);
}

static long when(void)
{
	const char *at = getenv("FAULT_AT");

	return at ? atol(at) : -1;
}

static bool is_ours(const char *path)
{
	const char *prefix = getenv("FAULT_PATH");

	return prefix && !strncmp(path, prefix, strlen(prefix));
}

static bool path_of(int fd, char path[512])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, 511);
	if (n < 0)
		return false;
	path[n] = '\0';
	return is_ours(path);
}

/* Keeps what is at [at, at + length) and the size of the file, which becomes new_size. */
static void remember(int fd, const char *path, const void *data, size_t length, off_t at, off_t new_size)
{
	struct change *c = calloc(1, sizeof(*c));
	struct stat sb;
	ssize_t n;

	if (!c || fstat(fd, &sb))
		abort();
	strcpy(c->path, path);
	c->inode = sb.st_ino;
	c->at = at;
	c->size = sb.st_size;
	c->new_size = new_size > sb.st_size || !data ? new_size : sb.st_size;
	c->length = length;
	c->old = malloc(length + 1);
	c->fresh = data ? malloc(length + 1) : NULL;
	if (!c->old || (data && !c->fresh))
		abort();
	if (data)
		memcpy(c->fresh, data, length);
	n = pread(fd, c->old, length, at);
	c->old_length = n > 0 ? (size_t)n : 0;
	c->before = state.last;
	state.last = c;
}

static void forget(int fd)
{
	struct stat sb;

	if (fstat(fd, &sb))
		return;
	for (struct change **p = &state.last; *p;) {
		struct change *c = *p;

		if (c->inode != sb.st_ino) {
			p = &c->before;
			continue;
		}
		*p = c->before;
		free(c->old);
		free(c->fresh);
		free(c);
	}
}

static void put(const struct change *c, const char *data, size_t length, off_t size)
{
	int fd = open(c->path, O_RDWR | O_CLOEXEC);
	struct stat sb;

	if (fd < 0 || fstat(fd, &sb) || sb.st_ino != c->inode)
		return;
	if (length && real_pwrite(fd, data, length, c->at) < 0)
		abort();
	if (real_ftruncate(fd, size))
		abort();
	close(fd);
}

/* Newest first takes everything back; then, oldest first, every other one happens after all. */
static void lose_power(void)
{
	struct change *forward = NULL, *next;
	const char *seed = getenv("FAULT_SEED");
	uint64_t random = seed ? (uint64_t)atoll(seed) : 1;

	for (struct change *c = state.last; c; c = next) {
		put(c, c->old, c->old_length, c->size);
		next = c->before;
		c->before = forward;
		forward = c;
	}
	for (struct change *c = forward; c; c = c->before) {
		random = random * 6364136223846793005U + 1442695040888963407U;
		if (random >> 63)
			put(c, c->fresh, c->fresh ? c->length : 0, c->new_size);
	}
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Counts one call. Returns what it shall fail with, 0 for nothing; dies for what is no failure. Under the lock. */
static int count(bool grows)
{
	long now = ++state.count, at = when();

	if (at < 0 || now < at)
		return 0;
	if (doing("enospc"))
		return grows ? ENOSPC : 0;
	if (doing("dead"))
		return EIO;
	if (now > at)
		return 0;
	if (doing("power"))
		lose_power();
	if (doing("power") || doing("kill"))
		die();
	return doing("eio") ? EIO : 0;
}

static bool is_now(const char *what)
{
	return state.count == when() && doing(what);
}

static ssize_t write_some(int fd, const void *data, size_t n, off_t at, bool moves)
{
	char path[512];
	struct stat sb = { 0 };
	ssize_t done;
	int error;

	if (!path_of(fd, path))
		return moves ? real_write(fd, data, n) : real_pwrite(fd, data, n, at);
	pthread_mutex_lock(&state.lock);
	fstat(fd, &sb);
	if (moves)
		at = lseek(fd, 0, SEEK_CUR);
	error = count(at + (off_t)n > sb.st_size);
	if (!error && doing("power"))
		remember(fd, path, data, n, at, at + (off_t)n);
	if ((is_now("torn") || is_now("short")) && n > 1)
		n /= 2;
	done = error ? -1 : moves ? real_write(fd, data, n) : real_pwrite(fd, data, n, at);
	if (is_now("torn"))
		die();
	pthread_mutex_unlock(&state.lock);
	if (error)
		errno = error;
	return done;
}

EXPORT ssize_t write(int fd, const void *data, size_t n)
{
	return write_some(fd, data, n, 0, true);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	return write_some(fd, data, n, at, false);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
	return write_some(fd, data, n, at, false);
}

static int cut(int fd, off_t size)
{
	char path[512];
	struct stat sb;
	int error;

	if (!path_of(fd, path) || fstat(fd, &sb))
		return real_ftruncate(fd, size);
	pthread_mutex_lock(&state.lock);
	error = count(size > sb.st_size);
	if (is_now("torn"))
		die();
	if (!error && doing("power"))
		remember(fd, path, NULL, size < sb.st_size ? (size_t)(sb.st_size - size) : 0, size, size);
	pthread_mutex_unlock(&state.lock);
	errno = error;
	return error ? -1 : real_ftruncate(fd, size);
}

EXPORT int ftruncate(int fd, off_t size)
{
	return cut(fd, size);
}

EXPORT int ftruncate64(int fd, off64_t size)
{
	return cut(fd, size);
}

static int sync_one(int fd)
{
	char path[512];
	int error;

	if (!path_of(fd, path))
		return 0;
	pthread_mutex_lock(&state.lock);
	error = count(false);
	if (is_now("torn"))
		die();
	if (!error)
		forget(fd);
	pthread_mutex_unlock(&state.lock);
	errno = error;
	return error ? -1 : 0;
}

/* Nothing is waited for: what counts is what would be lost. */
EXPORT int fsync(int fd)
{
	return sync_one(fd);
}

EXPORT int fdatasync(int fd)
{
	return sync_one(fd);
}

static int count_name(const char *path)
{
	int error;

	if (!is_ours(path))
		return 0;
	pthread_mutex_lock(&state.lock);
	error = count(false);
	if (is_now("torn"))
		die();
	pthread_mutex_unlock(&state.lock);
	errno = error;
	return error ? -1 : 0;
}

EXPORT int unlink(const char *path)
{
	return count_name(path) ? -1 : unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rename(const char *from, const char *to)
{
	int r;

	if (count_name(to))
		return -1;
	r = renameat(AT_FDCWD, from, AT_FDCWD, to);
	for (struct change *c = state.last; !r && c; c = c->before)
		if (!strcmp(c->path, from) && strlen(to) < sizeof(c->path))
			strcpy(c->path, to);
	return r;
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *out = path ? fopen(path, "w") : NULL;

	if (!out)
		return;
	fprintf(out, "%ld\n", state.count);
	fclose(out);
}

#include "src/flow/meter.h"
#include "store/base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

struct meter {
	char *path;
	int64_t max_bytes;
	_Atomic int64_t bytes;
	atomic_bool stop;
	int wake; /* an eventfd: to the thread */
	pthread_t thread;
};

/* One folder, and what is below it; what vanishes or cannot be read meanwhile does not count. Closes fd. */
static void look_into(struct meter *m, int fd, dev_t device, int depth, int64_t *bytes)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	struct stat sb;

	if (!d)
		close_fd(&fd);
	while (d && !atomic_load(&m->stop) && *bytes <= m->max_bytes && (e = readdir(d))) {
		int below;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || fstatat(fd, e->d_name, &sb, AT_SYMLINK_NOFOLLOW) ||
		    sb.st_dev != device)
			continue;
		*bytes += (int64_t)sb.st_blocks * 512;
		if (!S_ISDIR(sb.st_mode) || depth >= METER_DEPTH)
			continue;
		below = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			look_into(m, below, device, depth + 1, bytes);
	}
	if (d)
		closedir(d);
}

static int64_t look(struct meter *m)
{
	int fd = open(m->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int64_t bytes = 0;
	struct stat sb;

	if (fd < 0)
		return 0;
	if (fstat(fd, &sb))
		sb.st_dev = 0;
	look_into(m, fd, sb.st_dev, 0, &bytes);
	return bytes;
}

static void *watch(void *arg)
{
	struct meter *m = arg;
	struct pollfd stop = { .fd = m->wake, .events = POLLIN };

	while (!atomic_load(&m->stop)) {
		int64_t began = clock_ms();

		atomic_store(&m->bytes, look(m));
		poll(&stop, 1, (int)min_i64(INT32_MAX, max_i64(METER_PAUSE_MS, METER_SHARE * (clock_ms() - began))));
	}
	return NULL;
}

static void meter_free(struct meter *m)
{
	close_fd(&m->wake);
	free(m->path);
	free(m);
}

int meter_start(const char *path, int64_t max_bytes, struct meter **ret_m)
{
	struct meter *m = calloc(1, sizeof(*m));
	sigset_t all, before;
	int r = 0;

	if (!m)
		return -ENOMEM;
	m->max_bytes = max_bytes;
	m->path = strdup(path);
	m->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!m->path || m->wake < 0)
		r = m->path ? -errno : -ENOMEM;
	/* Signals are for the thread that waits for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!r)
		r = -pthread_create(&m->thread, NULL, watch, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		meter_free(m);
		return r;
	}
	*ret_m = m;
	return 0;
}

int64_t meter_bytes(const struct meter *m)
{
	return atomic_load(&m->bytes);
}

void meter_stop(struct meter *m)
{
	if (!m)
		return;
	atomic_store(&m->stop, true);
	eventfd_write(m->wake, 1);
	pthread_join(m->thread, NULL);
	meter_free(m);
}

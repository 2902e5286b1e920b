/* Runs in a forked copy of a program that may have threads: only async-signal-safe calls (signal-safety(7)). */
#include "src/flow/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

/* Its descriptors stand at fixed places. */
enum { IN, OUT, ERR, REPORT, LINE, SIGNALS, FIXED };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void report(int value, pid_t generator)
{
	struct keeper_report r = { value, generator };

	/* When nobody listens the line has gone slack too, and that is what counts. */
	if (write(REPORT, &r, sizeof(r)) < 0)
		return;
}

/* Puts the descriptors in their places and closes all others, the store's among them. */
static int arrange(const int fds[5])
{
	int aside[5];

	for (int i = 0; i < 5; i++)
		if ((aside[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIXED + 5)) < 0)
			return -errno;
	for (int i = 0; i < 5; i++)
		if (dup3(aside[i], i, i > ERR ? O_CLOEXEC : 0) < 0)
			return -errno;
	return close_range(SIGNALS, ~0u, 0) ? -errno : 0;
}

/* For as long as this process lives, and so for longer than the genstore that may be killed. Not every file system has such locks. */
static void mark(const char *place)
{
	int fd = place ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0 && flock(fd, LOCK_SH))
		close(fd);
}

static void limit_files(int64_t max)
{
	struct rlimit limit;

	/* A lower limit that is there already stays. */
	if (max && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur > (rlim_t)max) {
		limit.rlim_cur = (rlim_t)max;
		setrlimit(RLIMIT_FSIZE, &limit);
	}
}

static _Noreturn void become(const struct spawn *s, pid_t keeper, int tell)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;
	int error;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &standard, NULL);
	sigemptyset(&none);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit_files(s->max_file);
	if (getppid() == keeper && chdir(s->dir) == 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		execve(s->path, s->argv, s->envp);
	}
	error = errno;
	if (write(tell, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* The generator's process; the errno of its execution goes to *ret_error. */
static pid_t start(const struct spawn *s, int *ret_error)
{
	pid_t self = getpid(), pid;
	int ends[2];

	*ret_error = pipe2(ends, O_CLOEXEC) ? errno : 0;
	if (*ret_error)
		return -1;
	pid = fork();
	if (!pid)
		become(s, self, ends[1]);
	if (pid < 0)
		*ret_error = errno;
	close(ends[1]);
	for (int i = IN; i <= ERR; i++)
		close(i);
	if (pid > 0 && read(ends[0], ret_error, sizeof(*ret_error)) < 0)
		*ret_error = errno;
	close(ends[0]);
	return pid;
}

/* What it has adopted, or the generator while it lives: one signal to each. */
static void signal_children(int sig)
{
	char text[4096];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	pid_t pid = 0;

	for (ssize_t i = 0; i < n; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			pid = pid * 10 + (text[i] - '0');
		} else if (pid) {
			kill(pid, sig);
			pid = 0;
		}
	}
	if (fd >= 0)
		close(fd);
}

/* False when there is no child any more. *generator becomes 0 when it is over: its number can be another's then. */
static bool reap(pid_t *generator)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == *generator) {
			report(status, 0);
			*generator = 0;
		}
	return pid == 0;
}

/* To the generator's group while it lives, and to what was adopted. */
static void signal_all(pid_t generator, int sig)
{
	if (generator)
		kill(-generator, sig);
	signal_children(sig);
}

/* Waits for a child's end or a word, at most until then. Returns the word, 0 for none, KEEPER_END when the line is slack. */
static char wait_word(int64_t until, bool *slack)
{
	struct pollfd p[] = { { .fd = SIGNALS, .events = POLLIN }, { .fd = *slack ? -1 : LINE, .events = POLLIN } };
	int64_t left = until - now_ms();
	struct signalfd_siginfo info;
	char word = 0;

	if (poll(p, 2, until < 0 ? -1 : left > 0 ? (int)left : 0) <= 0)
		return 0;
	if (p[0].revents && read(SIGNALS, &info, sizeof(info)) < 0)
		return 0;
	if (!p[1].revents)
		return 0;
	if (read(LINE, &word, 1) == 1)
		return word;
	*slack = true;
	return KEEPER_END;
}

static _Noreturn void end_all(pid_t generator, bool at_once, bool slack)
{
	int64_t until = now_ms() + SPAWN_GRACE_MS;

	if (!at_once) {
		signal_all(generator, SIGTERM);
		signal_all(generator, SIGCONT);
	}
	while (reap(&generator) && !at_once && now_ms() < until)
		at_once = wait_word(until, &slack) == KEEPER_KILL;
	/* What is killed leaves its children to us: again, until nothing is left, or only what cannot be killed. */
	for (int round = 0; reap(&generator) && round < 1000; round++) {
		signal_all(generator, SIGKILL);
		wait_word(now_ms() + 5, &slack);
	}
	_exit(0);
}

void keeper_run(const struct spawn *s, const int fds[5])
{
	bool slack = false;
	sigset_t child;
	pid_t generator;
	int error;
	char word;

	setsid();
	prctl(PR_SET_NAME, "genstore-keeper");
	sigfillset(&child);
	if (arrange(fds) || prctl(PR_SET_CHILD_SUBREAPER, 1) || signalfd(-1, &child, SFD_CLOEXEC) != SIGNALS)
		_exit(1);
	mark(s->place);
	generator = start(s, &error);
	report(error, generator);
	if (error)
		_exit(1);
	do {
		/* When nothing is left this ends too, and says so by it. */
		if (!reap(&generator))
			_exit(0);
		word = wait_word(-1, &slack);
	} while (!word);
	end_all(generator, word == KEEPER_KILL, slack);
}

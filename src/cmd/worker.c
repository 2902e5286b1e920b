#include "src/cmd/worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Between fork(2) and execv(3) of a process with threads: nothing but system calls. */
static _Noreturn void become(char *const *argv, const sigset_t *mask, pid_t parent)
{
	/* Ctrl-C is the server's, which passes on its end. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(1);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execv("/proc/self/exe", argv);
	_exit(127);
}

int worker_start(const struct cli *cli, int64_t jobs, const char *generator, const sigset_t *mask, pid_t *ret_pid)
{
	char number[24], store[] = "--store", work[] = "work", j[] = "--jobs", name[] = "genstore", quiet[] = "-q", dashes[] = "--", sh[] = "/bin/sh",
	     c[] = "-c";
	AUTO(free_ptr) char *path = strdup(cli->store_path), *command = generator ? strdup(generator) : NULL;
	char *argv[] = { name, store, path, work, j, number, NULL, NULL, NULL, NULL, NULL, NULL };
	pid_t self = getpid(), pid;
	size_t n = 6;

	if (!path || (generator && !command))
		return -ENOMEM;
	snprintf(number, sizeof(number), "%lld", (long long)jobs);
	if (cli->verbosity < 0)
		argv[n++] = quiet;
	if (generator) {
		argv[n++] = dashes;
		argv[n++] = sh;
		argv[n++] = c;
		argv[n] = command;
	}
	fflush(NULL);
	if ((pid = fork()) < 0)
		return -errno;
	if (!pid)
		become(argv, mask, self);
	*ret_pid = pid;
	return 0;
}

void worker_end(pid_t pid)
{
	if (!pid || kill(pid, SIGTERM))
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

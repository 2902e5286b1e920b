/*
 * genstore work: takes what is queued, several at a time.
 *
 * Each generation runs in a process of its own, this program executed anew (take_queued.c): a store's handle cannot cross fork(2), a
 * generation that brings its process down brings down no other, and which process has what in hand is as true as for `generate`. The
 * child claims the oldest queued one by itself, in one transaction; so nothing is claimed and then lost on the way to it.
 */
#include "src/cmd/keep.h"
#include "src/cmd/launch.h"
#include "src/cmd/out.h"
#include "src/cmd/setting.h"
#include "src/config/value.h"
#include "src/cmd/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

enum { LOOK_MS = 500, NOT_GIVEN = -1 };

static struct {
	int64_t jobs;
	bool once;
	const char *idle_exit;
} o = { .jobs = NOT_GIVEN };

static const struct opt options[] = {
	{ "jobs", 'j', OPT_INT, &o.jobs, "N", "so many at a time (setting work.jobs: 1)" },
	{ "once", 0, OPT_FLAG, &o.once, NULL, "ends when nothing is queued any more" },
	{ "idle-exit", 0, OPT_TEXT, &o.idle_exit, "TIME", "ends when nothing was queued for so long" },
	{ 0 },
};

struct work {
	struct cli *cli;
	char **child_argv;
	pid_t children[WORKER_JOBS_MAX];
	int running, signals;
	size_t done, failed;
	int ending;        /* signals so far: one interrupts, the next SIGINT cancels */
	int64_t idle_ms;   /* -1: for ever */
	int64_t busy_ms;   /* when something was last to be done */
	struct buf names;  /* of this process's variables */
	int64_t told;      /* generations up to this one need none that is missing, or it was said */
};

/* Out of reach of the terminal's signals, which this process passes on: each of them once. */
static _Noreturn void become(char **argv, const sigset_t *mask, pid_t parent)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static int start_one(struct work *w, const sigset_t *mask)
{
	pid_t self = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become(w->child_argv, mask, self);
	setpgid(pid, pid);
	for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
		if (!w->children[i]) {
			w->children[i] = pid;
			break;
		}
	w->running++;
	return 0;
}

static void reap(struct work *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;

		for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
			if (w->children[i] == pid)
				w->children[i] = 0;
		w->running--;
		if (code == EXIT_NOTHING)
			continue;
		w->busy_ms = clock_ms();
		w->done++;
		w->failed += code != EXIT_DONE;
	}
}

static void take_signals(struct work *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (!w->ending++ && w->running)
			cli_note(w->cli, "stopping %d generation%s; once more cancels them", w->running, w->running == 1 ? "" : "s");
		for (size_t i = 0; i < WORKER_JOBS_MAX; i++)
			if (w->children[i] > 0)
				kill(w->children[i], (int)info.ssi_signo);
	}
	reap(w);
}

/* What this worker cannot begin stays in the queue for another one, and who watches learns why. */
static int tell_waiting(struct work *w)
{
	int r = 1;

	while (r > 0) {
		AUTO(generation_release) struct generation g = { 0 };
		AUTO(free_ptr) char *missing = NULL;

		if ((r = run_waiting(w->cli->st, buf_str(&w->names), w->told, &w->told, &missing)) <= 0)
			return r;
		if ((r = generation_get(w->cli->st, w->told, &g)) && r != -ENOENT)
			return r;
		if (!r)
			cli_note(w->cli, "'%s' stays in the queue: it needs --env %s, and there is no such variable here", g.request_id, missing);
		r = 1;
	}
	return r;
}

/* As many as there are places and queued ones; those that run have claimed theirs, or are about to. */
static int fill(struct work *w, const sigset_t *mask)
{
	int64_t n = 0;
	int r = tell_waiting(w);

	if (r || (r = run_ready(w->cli->st, buf_str(&w->names), &n)))
		return r == -EBUSY ? 0 : r;
	if (n)
		w->busy_ms = clock_ms();
	for (; n > 0 && w->running < o.jobs && !r; n--)
		r = start_one(w, mask);
	return r;
}

static int loop(struct work *w, const sigset_t *mask)
{
	struct pollfd p = { .fd = w->signals, .events = POLLIN };

	w->busy_ms = clock_ms();
	while (!w->ending || w->running) {
		int r = w->ending ? 0 : flow_adopt_orphans(w->cli->st, NULL, NULL);

		if (!r && !w->ending)
			r = fill(w, mask);
		if (r && r != -EBUSY)
			return r;
		if (!w->running && w->idle_ms >= 0 && clock_ms() - w->busy_ms >= w->idle_ms)
			return 0;
		poll(&p, 1, LOOK_MS);
		take_signals(w);
	}
	return 0;
}

/* genstore --store FILE [--json] [-q|-v] take-queued --turn FD [-- COMMAND...] */
static int make_argv(struct cli *cli, int turn, int argc, char **argv, char ***ret)
{
	char number[16];
	const char *head[] = { "genstore", "take-queued", "--turn", number, "--store", cli->store_path, cli->json ? "--json" : NULL,
			       cli->verbosity < 0 ? "-q" : cli->verbosity > 0 ? "-v" : NULL, argc ? "--" : NULL };
	char **list = calloc(ARRAY_LEN(head) + (size_t)argc + 1, sizeof(*list));
	size_t n = 0;

	snprintf(number, sizeof(number), "%d", turn);
	*ret = list;
	for (size_t i = 0; list && i < ARRAY_LEN(head); i++)
		if (head[i] && !(list[n++] = strdup(head[i])))
			return -ENOMEM;
	for (int i = 0; list && i < argc; i++)
		if (!(list[n++] = strdup(argv[i])))
			return -ENOMEM;
	return list ? 0 : -ENOMEM;
}

static void free_argv(char **argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free(argv);
}

static int summary(const struct work *w)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	AUTO(free_ptr) char *missing = NULL;
	struct jw j;
	int64_t id;
	int waits = run_waiting(w->cli->st, buf_str(&w->names), 0, &id, &missing);

	if (waits < 0)
		return cli_fail(w->cli, waits);
	if (w->cli->json) {
		out_object(&j, &line, "summary");
		jw_int(&j, "done", (int64_t)w->done);
		jw_int(&j, "failed", (int64_t)w->failed);
		out_object_end(&j);
	}
	if (w->ending)
		return EXIT_INTERRUPTED;
	if (!w->failed && !waits)
		return EXIT_DONE;
	return w->failed < w->done ? EXIT_PARTLY : EXIT_FAILED;
}

static int work(struct work *w)
{
	sigset_t ours, before;
	int r;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCHLD);
	w->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals < 0)
		return cli_error(w->cli, EXIT_FAILED, "cannot listen to signals: %s", strerror(errno));
	sigprocmask(SIG_BLOCK, &ours, &before);
	r = loop(w, &before);
	close(w->signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r ? cli_fail(w->cli, r) : summary(w);
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(launch_release) struct launch l = { 0 };
	AUTO(close_fd) int turn = -1;
	struct work w = { .cli = cli, .names = BUF_INIT, .idle_ms = o.once ? 0 : NOT_GIVEN };
	int r;

	if (o.jobs != NOT_GIVEN && (o.jobs < 1 || o.jobs > WORKER_JOBS_MAX))
		return cli_usage(cli, "--jobs is from 1 to %d", WORKER_JOBS_MAX);
	if (o.once && o.idle_exit)
		return cli_usage(cli, "say either --once or --idle-exit");
	if (o.idle_exit && value_time(o.idle_exit, &w.idle_ms))
		return cli_usage(cli, "--idle-exit takes a time like 90s, 30m or 2h, not '%s'", o.idle_exit);
	if ((r = launch_command(cli, argc && !strcmp(argv[-1], "--"), argc, argv, &l)) || (r = cli_open_writer(cli)) ||
	    (o.jobs == NOT_GIVEN && (r = cli_setting_number(cli, "work.jobs", &o.jobs))))
		return r;
	/* Goes on to its processes, which inherit it. */
	turn = memfd_create("turn", 0);
	if (turn < 0)
		return cli_error(cli, EXIT_FAILED, "cannot make a lock for the output: %s", strerror(errno));
	if (launch_names(&w.names) || make_argv(cli, turn, argc, argv, &w.child_argv))
		r = cli_error(cli, EXIT_FAILED, "no memory");
	else
		r = work(&w);
	free_argv(w.child_argv);
	buf_release(&w.names);
	return r;
}

const struct command command_work = {
	.name = "work", .arguments = "[-- COMMAND [ARG]...]", .summary = "runs what is queued", .options = options, .run = run,
	.max_args = -1, .rest = true,
	.more = "COMMAND is the generator of those that were queued without one. Ctrl-C pauses what runs, twice cancels it.",
};

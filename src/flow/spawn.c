#include "src/flow/spawn.h"
#include "src/flow/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

struct pipes {
	int in[2], out[2], err[2], report[2], line[2];
};

static void close_pipes(struct pipes *p)
{
	int *all[] = { p->in, p->out, p->err, p->report, p->line };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (int k = 0; k < 2; k++)
			close_fd(&all[i][k]);
}

static int make_pipes(struct pipes *p)
{
	int *all[] = { p->in, p->out, p->err, p->report, p->line };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (pipe2(all[i], O_CLOEXEC))
			return -errno;
	return 0;
}

static int dont_block(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

/* The keeper's first report: whether the command could be executed. */
static int started(int fd, pid_t *ret_generator)
{
	struct keeper_report first;
	ssize_t n;

	do
		n = read(fd, &first, sizeof(first));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(first))
		return n < 0 ? -errno : -EIO;
	*ret_generator = first.generator;
	return -first.value;
}

static void take(struct child *c, struct pipes *p)
{
	c->in = move_fd(&p->in[1]);
	c->out = move_fd(&p->out[0]);
	c->err = move_fd(&p->err[0]);
	c->report = move_fd(&p->report[0]);
	c->line = move_fd(&p->line[1]);
}

int spawn_child(const struct spawn *s, struct child *ret_c)
{
	AUTO(close_pipes) struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	AUTO(child_release) struct child c = CHILD_INIT;
	sigset_t all, before;
	int r = make_pipes(&p);

	if (r)
		return r;
	/* The keeper must not run our handlers, nor be hit before it is ready. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	c.keeper = fork();
	if (!c.keeper)
		keeper_run(s, (const int[]){ p.in[0], p.out[1], p.err[1], p.report[1], p.line[0] });
	r = c.keeper < 0 ? -errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r)
		return r;
	take(&c, &p);
	close_pipes(&p);
	p = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if ((r = started(c.report, &c.generator)) || (r = dont_block(c.in)) || (r = dont_block(c.out)) || (r = dont_block(c.err)) ||
	    (r = dont_block(c.report)))
		return r;
	*ret_c = c;
	c = (struct child)CHILD_INIT;
	return 0;
}

int child_ended(struct child *c, int *ret_status)
{
	struct keeper_report report;
	ssize_t n = read(c->report, &report, sizeof(report));

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n != sizeof(report))
		return 0;
	*ret_status = report.value;
	c->generator = 0;
	return 1;
}

void child_hold(const struct child *c, bool hold)
{
	if (c->generator > 0)
		kill(-c->generator, hold ? SIGSTOP : SIGCONT);
}

void child_end(struct child *c, bool at_once)
{
	char word = at_once ? KEEPER_KILL : KEEPER_END;

	/* The keeper reads until it goes; when it is gone there is nobody to tell. */
	if (c->line >= 0 && write(c->line, &word, 1) < 0)
		return;
}

void child_release(struct child *c)
{
	if (c->keeper > 0) {
		close_fd(&c->line);
		while (waitpid(c->keeper, NULL, 0) < 0 && errno == EINTR)
			;
		c->line = -1;
	}
	close_fd(&c->line);
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
	close_fd(&c->report);
	*c = (struct child)CHILD_INIT;
}

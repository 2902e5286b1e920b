#include "src/cmd/editor.h"
#include "store/base/utf8.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <termios.h>

/* Who is not in front may not touch the terminal without this (SIGTTOU). */
static void give_terminal(pid_t group)
{
	sigset_t out, before;

	sigemptyset(&out);
	sigaddset(&out, SIGTTOU);
	sigprocmask(SIG_BLOCK, &out, &before);
	tcsetpgrp(STDIN_FILENO, group);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static int make_draft(struct prompt *p)
{
	const char *top = getenv("TMPDIR");
	const char *text = p->suggested ? p->suggested : "";
	int fd;

	if (asprintf(&p->draft, "%s/genstore-answer-XXXXXX.txt", top && *top == '/' ? top : "/tmp") < 0) {
		p->draft = NULL;
		return -ENOMEM;
	}
	fd = mkostemps(p->draft, 4, O_CLOEXEC);
	if (fd < 0 || (*text && dprintf(fd, "%s\n", text) < 0)) {
		int r = -errno;

		close_fd(&fd);
		return r;
	}
	close(fd);
	return 0;
}

/* Through the shell: $EDITOR may have options (POSIX vi, "code --wait"). */
static _Noreturn void become(const char *draft)
{
	const char *visual = getenv("VISUAL"), *editor = visual && *visual ? visual : getenv("EDITOR");
	AUTO(buf_release) struct buf line = BUF_INIT;
	sigset_t none;

	sigemptyset(&none);
	setpgid(0, 0);
	give_terminal(getpid());
	sigprocmask(SIG_SETMASK, &none, NULL);
	buf_addf(&line, "%s \"$1\"", editor && *editor ? editor : "vi");
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", buf_str(&line), "sh", draft, (char *)NULL);
	_exit(127);
}

bool editor_start(struct prompt *p)
{
	int r = make_draft(p);

	if (!r) {
		fflush(NULL);
		p->editor = fork();
		if (!p->editor)
			become(p->draft);
		r = p->editor < 0 ? -errno : 0;
	}
	if (!r) {
		/* In both processes, so that it is done before either goes on. */
		setpgid(p->editor, p->editor);
		give_terminal(p->editor);
		p->editor_fd = pidfd_open(p->editor, 0);
		r = p->editor_fd < 0 ? -errno : 0;
	}
	if (!r)
		return true;
	fprintf(stderr, "    no editor: %s\n", strerror(-r));
	editor_stop(p);
	return false;
}

static char *read_draft(const char *path)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO(buf_release) struct buf text = { .max = EDITOR_TEXT_MAX + 1 };
	char *end, *copy;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && text.len < EDITOR_TEXT_MAX) {
		void *to = buf_reserve(&text, 4096 < EDITOR_TEXT_MAX - text.len ? 4096 : EDITOR_TEXT_MAX - text.len);

		n = to ? read(fd, to, 4096 < EDITOR_TEXT_MAX - text.len ? 4096 : EDITOR_TEXT_MAX - text.len) : -1;
		if (n > 0)
			buf_commit(&text, (size_t)n);
	}
	if (memchr(buf_str(&text), '\0', text.len) || !utf8_valid(buf_str(&text), text.len))
		return NULL;
	copy = strdup(buf_str(&text) + strspn(buf_str(&text), " \t\r\n"));
	for (end = copy ? copy + strlen(copy) : NULL; end && end > copy && strchr(" \t\r\n", end[-1]); end--)
		end[-1] = '\0';
	if (copy && !*copy)
		free(MOVE(copy));
	return copy;
}

static void clean_up(struct prompt *p)
{
	close_fd(&p->editor_fd);
	p->editor_fd = -1;
	if (p->draft)
		unlink(p->draft);
	free(MOVE(p->draft));
	p->editor = 0;
}

bool editor_take(struct prompt *p, char **ret_text)
{
	int status = 0;

	while (waitpid(p->editor, &status, 0) < 0 && errno == EINTR)
		;
	give_terminal(getpgrp());
	*ret_text = WIFEXITED(status) && !WEXITSTATUS(status) ? read_draft(p->draft) : NULL;
	clean_up(p);
	return true;
}

void editor_stop(struct prompt *p)
{
	if (p->editor > 0) {
		kill(-p->editor, SIGTERM);
		kill(-p->editor, SIGCONT);
		/* It may have set up the terminal its own way, and does not get to put that back when it is killed. */
		for (int i = 0; i < 100 && waitpid(p->editor, NULL, WNOHANG) == 0; i++)
			usleep(20000);
		kill(-p->editor, SIGKILL);
		waitpid(p->editor, NULL, 0);
		give_terminal(getpgrp());
	}
	clean_up(p);
}

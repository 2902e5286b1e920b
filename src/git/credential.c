#include "src/git/credential.h"

#include <fcntl.h>
#include <spawn.h>
#include <strings.h>
#include <sys/wait.h>

/* What GitHub takes for a token's user, and other hosts do not look at. */
#define TOKEN_USER "x-access-token"
enum { ANSWER_MAX = 64 << 10 };

extern char **environ;

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static void wipe_buf(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_release(b);
}

void git_credential_release(struct git_credential *c)
{
	wipe(&c->user);
	wipe(&c->password);
}

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int git_credential_from_env(const struct git_url *u, struct git_credential *ret_c)
{
	AUTO(git_credential_release) struct git_credential c = { 0 };
	const char *token = from_env("GENSTORE_GIT_TOKEN");

	if (!token && strcasecmp(u->host, "github.com") == 0) {
		token = from_env("GH_TOKEN");
		token = token ? token : from_env("GITHUB_TOKEN");
	}
	if (!token)
		return 0;
	if (!(c.user = strdup(u->user ? u->user : TOKEN_USER)) || !(c.password = strdup(token)))
		return -ENOMEM;
	*ret_c = c;
	c = (struct git_credential){ 0 };
	return 0;
}

/* `git credential WHAT` with pipes to it and from it. */
static int start(char *what, int *ret_to, int *ret_from, pid_t *ret_pid)
{
	char git[] = "git", credential[] = "credential";
	char *const argv[] = { git, credential, what, NULL };
	posix_spawn_file_actions_t actions;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		r = errno;
	else if (!(r = posix_spawn_file_actions_init(&actions))) {
		posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
		posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
		r = posix_spawnp(ret_pid, git, &actions, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close_fd(&in[0]);
	close_fd(&out[1]);
	if (r) {
		close_fd(&in[1]);
		close_fd(&out[0]);
		return -r;
	}
	*ret_to = in[1];
	*ret_from = out[0];
	return 0;
}

static int write_all(int fd, const struct buf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int read_all(int fd, struct buf *out)
{
	for (;;) {
		void *to = buf_reserve(out, 4096);
		ssize_t n = to ? read(fd, to, 4096) : -1;

		if (!to || out->len > ANSWER_MAX)
			return -EFBIG;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		buf_commit(out, n > 0 ? (size_t)n : 0);
	}
}

/* -ENOENT: it ended with an error. */
static int run(char *what, const struct buf *question, struct buf *answer)
{
	AUTO(close_fd) int to = -1;
	AUTO(close_fd) int from = -1;
	pid_t pid;
	int status = 0, r = start(what, &to, &from, &pid), read;

	if (r)
		return r;
	r = write_all(to, question);
	close_fd(&to);
	to = -1;
	read = read_all(from, answer);
	close_fd(&from);
	from = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	r = r && r != -EPIPE ? r : read;
	return r ? r : status ? -ENOENT : 0;
}

static void describe(const struct git_url *u, struct buf *out)
{
	buf_addf(out, "protocol=%s\nhost=%s\npath=%s\n", u->scheme, u->host, u->path);
	if (u->user)
		buf_addf(out, "username=%s\n", u->user);
}

/* The value behind "name=" in the lines of the answer, a copy. */
static char *line_of(const struct buf *answer, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = buf_str(answer); *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, name, n) == 0)
			return strndup(line + n, strcspn(line + n, "\n"));
	return NULL;
}

int git_credential_ask(const struct git_url *u, struct git_credential *ret_c)
{
	AUTO(wipe_buf) struct buf question = BUF_INIT, answer = BUF_INIT;
	AUTO(git_credential_release) struct git_credential c = { .helper = true };
	char fill[] = "fill";
	int r;

	describe(u, &question);
	buf_adds(&question, "\n");
	if ((r = buf_error(&question)) || (r = run(fill, &question, &answer)))
		return r;
	c.user = line_of(&answer, "username=");
	c.password = line_of(&answer, "password=");
	if (!c.user || !c.password)
		return -ENOENT;
	*ret_c = c;
	c = (struct git_credential){ 0 };
	return 0;
}

void git_credential_tell(const struct git_url *u, const struct git_credential *c, bool good)
{
	AUTO(wipe_buf) struct buf text = BUF_INIT, answer = BUF_INIT;
	char approve[] = "approve", reject[] = "reject";

	if (!c->helper || !c->password)
		return;
	describe(u, &text);
	buf_addf(&text, "%s%s%spassword=%s\n\n", u->user ? "" : "username=", u->user ? "" : c->user, u->user ? "" : "\n", c->password);
	/* A helper that cannot keep it is no reason to fail. */
	if (!buf_error(&text))
		run(good ? approve : reject, &text, &answer);
}

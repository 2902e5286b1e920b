#include "src/git/clone.h"
#include "src/git/credential.h"
#include "src/git/program.h"
#include "src/flow/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { LOG_MAX = 64 << 20, SAID_LINE = 300 };

/* Nothing of who runs it changes what comes out: no hooks, no filters, no other protocol than what we speak. */
static const char *const settings[] = {
	"core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false", "core.symlinks=true", "core.fileMode=true",
	"transfer.fsckObjects=true", "submodule.recurse=false", "protocol.allow=never", "protocol.https.allow=always", "protocol.http.allow=always",
	"gc.auto=0",
};
/* Above whatever .gitattributes says. */
static const char attributes[] = "* -text -filter -ident -working-tree-encoding -export-subst -export-ignore\n";

/* Of a program, or its environment; NULL at the end. */
struct arguments {
	char **list;
	size_t count, cap;
	bool failed;
};

/* A token can be among them. */
static void arguments_release(struct arguments *a)
{
	for (size_t i = 0; i < a->count; i++) {
		explicit_bzero(a->list[i], strlen(a->list[i]));
		free(a->list[i]);
	}
	free(a->list);
}

static void add(struct arguments *a, const char *text)
{
	if (a->count + 1 >= a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 64;
		char **more = reallocarray(a->list, cap, sizeof(*more));

		a->failed |= !more;
		if (!more)
			return;
		a->list = more;
		a->cap = cap;
	}
	a->list[a->count] = strdup(text);
	a->failed |= !a->list[a->count];
	a->count += a->list[a->count] != NULL;
	a->list[a->count] = NULL;
}

static void begin(struct arguments *a, const struct git_clone *c)
{
	add(a, "git");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		add(a, "-c");
		add(a, settings[i]);
	}
	if (c) {
		add(a, "--git-dir");
		add(a, c->repo);
	}
}

static int run(const struct arguments *a, char *const *env, size_t most, struct buf *out, struct buf *said)
{
	return a->failed ? -ENOMEM : git_program(a->list, env, NULL, most, out, said);
}

/* The end of what git said, in one line. */
static void add_said(const struct buf *said, struct buf *why)
{
	const char *text = buf_str(said);
	size_t from = said->len > SAID_LINE ? said->len - SAID_LINE : 0, n = said->len;

	while (n > from && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	for (size_t i = from; i < n; i++)
		buf_addc(why, (uint8_t)text[i] < ' ' ? ' ' : (uint8_t)text[i]);
}

static int make_folders(struct git_clone *c)
{
	const char *tmp = getenv("TMPDIR");

	if (asprintf(&c->top, "%s/genstore-clone-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp") < 0)
		return c->top = NULL, -ENOMEM;
	if (!mkdtemp(c->top)) {
		free(MOVE(c->top));
		return -errno;
	}
	if (asprintf(&c->repo, "%s/repo", c->top) < 0 || asprintf(&c->tree, "%s/tree", c->top) < 0)
		return -ENOMEM;
	return mkdir(c->tree, 0700) ? -errno : 0;
}

static void block(struct git_clone *c)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	c->blocks = !sigprocmask(SIG_BLOCK, &ending, &c->signals);
}

static bool was_interrupted(void)
{
	sigset_t pending;

	return !sigpending(&pending) && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

void git_clone_close(struct git_clone *c)
{
	if (c->top)
		remove_tree(c->top);
	free(c->top);
	free(c->repo);
	free(c->tree);
	if (c->blocks)
		sigprocmask(SIG_SETMASK, &c->signals, NULL);
	*c = (struct git_clone){ 0 };
}

/* Our environment, with a token in it that the helper of add_helper() gives to that server. */
static int make_environment(const struct git_credential *who, struct arguments *env)
{
	AUTO(buf_release) struct buf user = BUF_INIT, password = BUF_INIT;

	for (char **e = environ; *e && !env->failed; e++)
		if (strncmp(*e, "GIT_DIR=", 8) != 0 && strncmp(*e, "GIT_WORK_TREE=", 14) != 0 && strncmp(*e, "GIT_INDEX_FILE=", 15) != 0)
			add(env, *e);
	add(env, "GIT_TERMINAL_PROMPT=0");
	if (!who->password)
		return env->failed ? -ENOMEM : 0;
	buf_addf(&user, "GENSTORE_CLONE_USER=%s", who->user);
	buf_addf(&password, "GENSTORE_CLONE_PASSWORD=%s", who->password);
	add(env, buf_str(&user));
	add(env, buf_str(&password));
	if (password.data)
		explicit_bzero(password.data, password.cap);
	return env->failed ? -ENOMEM : 0;
}

/* For that server only, and before any helper of the user's. The token itself is on no command line. */
static void add_helper(struct arguments *a, const struct git_url *u)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	buf_addf(&text, "credential.%s://%s.helper=!f() { test \"$1\" = get && printf 'username=%%s\\npassword=%%s\\n' "
			"\"$GENSTORE_CLONE_USER\" \"$GENSTORE_CLONE_PASSWORD\"; }; f", u->scheme, u->host);
	add(a, "-c");
	add(a, buf_str(&text));
}

static int fetch(struct git_clone *c, const struct git_url *u, struct buf *why)
{
	AUTO(arguments_release) struct arguments a = { 0 }, env = { 0 };
	AUTO(git_credential_release) struct git_credential who = { 0 };
	AUTO(buf_release) struct buf out = BUF_INIT, said = BUF_INIT;
	const char *const rest[] = { "clone", "--quiet", "--no-checkout", "--single-branch", "--branch", "main", "--no-tags", "--template=", "--" };
	int r = git_credential_from_env(u, &who);

	if (r || (r = make_environment(&who, &env)))
		return r;
	begin(&a, NULL);
	if (who.password)
		add_helper(&a, u);
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		add(&a, rest[i]);
	add(&a, u->text);
	add(&a, c->tree);
	if ((r = run(&a, env.list, LOG_MAX, &out, &said)) == -ENOENT)
		add_said(&said, why);
	return was_interrupted() ? -EINTR : r;
}

/* Git's folder out of the tree that it makes, and what is above all attributes into it. */
static int part(struct git_clone *c)
{
	AUTO(free_ptr) char *inside = NULL, *info = NULL, *path = NULL;
	AUTO(close_fd) int fd = -1;

	if (asprintf(&inside, "%s/.git", c->tree) < 0 || asprintf(&info, "%s/info", c->repo) < 0 || asprintf(&path, "%s/info/attributes", c->repo) < 0)
		return -ENOMEM;
	if (rename(inside, c->repo) || (mkdir(info, 0700) && errno != EEXIST))
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, attributes, sizeof(attributes) - 1) != (ssize_t)sizeof(attributes) - 1)
		return -errno;
	return 0;
}

int git_clone_open(const char *url, struct git_clone *c, struct buf *why)
{
	AUTO(git_url_release) struct git_url u = { 0 };
	int r = git_url_parse(url, &u, why);

	if (r)
		return r;
	block(c);
	if ((r = make_folders(c)) || (r = fetch(c, &u, why)) || (r = part(c)))
		git_clone_close(c);
	return r;
}

static void git_logged_release(struct git_logged *l)
{
	free(l->id);
	free(l->subject);
	free(l->body);
	free(l->request);
}

void git_log_release(struct git_log *l)
{
	for (size_t i = 0; i < l->count; i++)
		git_logged_release(&l->commits[i]);
	free(l->commits);
	*l = (struct git_log){ 0 };
}

/* "Genstore-Request: req_x" in the last line, and what is before it without empty lines around. */
static int take_body(const char *text, struct git_logged *l)
{
	static const char trailer[] = "Genstore-Request: ";
	size_t n = strlen(text), last;

	while (n && text[n - 1] == '\n')
		n--;
	for (last = n; last && text[last - 1] != '\n';)
		last--;
	if (strncmp(text + last, trailer, sizeof(trailer) - 1) == 0) {
		if (!(l->request = strndup(text + last + sizeof(trailer) - 1, n - last - sizeof(trailer) + 1)))
			return -ENOMEM;
		n = last;
	}
	while (n && text[n - 1] == '\n')
		n--;
	return (l->body = strndup(text, n)) ? 0 : -ENOMEM;
}

/* "<id>\n<seconds>\n<subject>\n<body>" */
static int take_commit(const char *text, struct git_logged *l)
{
	const char *time = strchr(text, '\n'), *subject = time ? strchr(time + 1, '\n') : NULL, *body = subject ? strchr(subject + 1, '\n') : NULL;

	if (!body)
		return -EBADMSG;
	l->at = strtoll(time + 1, NULL, 10);
	if (!(l->id = strndup(text, (size_t)(time - text))) || !(l->subject = strndup(subject + 1, (size_t)(body - subject - 1))))
		return -ENOMEM;
	return take_body(body + 1, l);
}

int git_clone_log(const struct git_clone *c, struct git_log *ret_l)
{
	AUTO(arguments_release) struct arguments a = { 0 };
	AUTO(git_log_release) struct git_log l = { 0 };
	AUTO(buf_release) struct buf out = BUF_INIT;
	int r;

	begin(&a, c);
	add(&a, "log");
	add(&a, "-z");
	add(&a, "--reverse");
	add(&a, "--first-parent");
	add(&a, "--format=%H%n%ct%n%s%n%b");
	add(&a, "refs/heads/main");
	if ((r = run(&a, NULL, LOG_MAX, &out, NULL)))
		return r == -ENOENT ? -EBADMSG : r;
	for (const char *at = buf_str(&out), *end = at + out.len; at < end && !r; at += strlen(at) + 1) {
		struct git_logged *more = reallocarray(l.commits, l.count + 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l.commits = more;
		more[l.count] = (struct git_logged){ 0 };
		r = take_commit(at, &more[l.count++]);
	}
	if (r)
		return r;
	if (!l.count)
		return -EBADMSG;
	*ret_l = l;
	l = (struct git_log){ 0 };
	return 0;
}

int git_clone_checkout(const struct git_clone *c, const char *id, struct buf *why)
{
	AUTO(arguments_release) struct arguments a = { 0 };
	AUTO(buf_release) struct buf out = BUF_INIT, said = BUF_INIT;
	const char *const rest[] = { "--work-tree", c->tree, "read-tree", "--reset", "-u", id };
	int r;

	begin(&a, c);
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		add(&a, rest[i]);
	if ((r = run(&a, NULL, LOG_MAX, &out, &said)) == -ENOENT)
		add_said(&said, why);
	return was_interrupted() ? -EINTR : r;
}

int git_clone_file(const struct git_clone *c, const char *path, size_t most, struct buf *out)
{
	AUTO(arguments_release) struct arguments a = { 0 };
	AUTO(buf_release) struct buf said = BUF_INIT, name = BUF_INIT;

	buf_addf(&name, "refs/heads/main:%s", path);
	begin(&a, c);
	add(&a, "cat-file");
	add(&a, "blob");
	add(&a, buf_str(&name));
	return run(&a, NULL, most, out, &said);
}

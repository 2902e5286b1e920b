#include "src/git/credential.h"
#include "src/git/program.h"

#include <strings.h>

/* What GitHub takes for a token's user, and other hosts do not look at. */
#define TOKEN_USER "x-access-token"
enum { ANSWER_MAX = 64 << 10 };

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

/* `git credential WHAT`. -ENOENT: it ended with an error. */
static int run(char *what, const struct buf *question, struct buf *answer)
{
	char git[] = "git", credential[] = "credential";
	char *const argv[] = { git, credential, what, NULL };

	return git_program(argv, NULL, question, ANSWER_MAX, answer, NULL);
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

#include "src/git/url.h"

#include <strings.h>

#define PLACE "{request_id}"

void git_url_release(struct git_url *u)
{
	free(u->text);
	free(u->scheme);
	free(u->host);
	free(u->path);
	free(u->user);
	*u = (struct git_url){ 0 };
}

bool git_url_is_here(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(names[i]);

		if (strncasecmp(host, names[i], n) == 0 && (!host[n] || host[n] == ':'))
			return true;
	}
	return false;
}

static int refuse(struct buf *why, const char *words)
{
	buf_addf(why, "this cannot be pushed to: %s", words);
	return -EINVAL;
}

/* What is between scheme and path: [user[:password]@]host. */
static int take_server(const char *text, size_t n, struct git_url *u, struct buf *why)
{
	const char *at = memrchr(text, '@', n);
	size_t user = at ? (size_t)(at - text) : 0;

	if (at && memchr(text, ':', user))
		return refuse(why, "there is a password in the address, where everybody can read it; use a credential helper of git, "
				   "or GENSTORE_GIT_TOKEN");
	if (at && !(u->user = strndup(text, user)))
		return -ENOMEM;
	if (at) {
		n -= user + 1;
		text = at + 1;
	}
	if (!n)
		return refuse(why, "the address has no server");
	return (u->host = strndup(text, n)) ? 0 : -ENOMEM;
}

int git_url_parse(const char *text, struct git_url *ret_u, struct buf *why)
{
	AUTO(git_url_release) struct git_url u = { 0 };
	const char *server = strstr(text, "://"), *path;
	size_t n;
	int r;

	if (!server || (strncmp(text, "https://", 8) && strncmp(text, "http://", 7)))
		return refuse(why, "the address does not begin with https://");
	if (!(u.scheme = strndup(text, (size_t)(server - text))))
		return -ENOMEM;
	server += 3;
	path = server + strcspn(server, "/");
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '?' || *p == '#' || *p == '\\')
			return refuse(why, "the address has a character that none can have");
	if ((r = take_server(server, (size_t)(path - server), &u, why)))
		return r;
	path += strspn(path, "/");
	for (n = strlen(path); n && path[n - 1] == '/';)
		n--;
	if (!n)
		return refuse(why, "the address names no repository");
	if (strcmp(u.scheme, "http") == 0 && !git_url_is_here(u.host))
		return refuse(why, "the address is not https://, and a token would be sent in the clear");
	if (!(u.path = strndup(path, n)) || asprintf(&u.text, "%s://%s/%s", u.scheme, u.host, u.path) < 0)
		return -ENOMEM;
	*ret_u = u;
	u = (struct git_url){ 0 };
	return 0;
}

bool git_url_same_server(const struct git_url *a, const struct git_url *b)
{
	return strcmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0;
}

int git_url_fill(const char *template, const char *request_id, char **ret_text)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	const char *p = template, *next;

	if (!strstr(p, PLACE))
		return -EINVAL;
	for (; (next = strstr(p, PLACE)); p = next + strlen(PLACE)) {
		buf_add(&out, p, (size_t)(next - p));
		buf_adds(&out, request_id);
	}
	buf_adds(&out, p);
	*ret_text = buf_steal(&out);
	return *ret_text ? 0 : -ENOMEM;
}

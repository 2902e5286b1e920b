#include "src/git/http_inside.h"

#include <strings.h>

#define REFS "/info/refs?service=git-receive-pack"
#define REFS_TYPE "application/x-git-receive-pack-advertisement"
/* Servers that take no chunked body are rare, but there are some: what is not large goes in one, as git sends it. */
enum { AHEAD = 1 << 20, AHEAD_STEP = 64 << 10 };
enum { CONNECT_SECONDS = 30, SILENT_SECONDS = 60, UNPACKING_SECONDS = 600, REDIRECTS = 5, POLL_MS = 250, SHOWN = 300 };

/* What curl calls failure, in our words: one place. */
static int translate(CURLcode code)
{
	static const struct { CURLcode code; int r; } codes[] = {
		{ CURLE_OUT_OF_MEMORY, -ENOMEM },           { CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
		{ CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED }, { CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED },
		{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH }, { CURLE_COULDNT_CONNECT, -EHOSTUNREACH },
		{ CURLE_WRITE_ERROR, -EFBIG },
	};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == code)
			return codes[i].r;
	return -ECONNRESET;
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct git_call *c = arg;

	return c->body->len + size * n > GIT_HTTP_ANSWER_MAX || buf_add(c->body, data, size * n) ? 0 : size * n;
}

static size_t give(char *out, size_t size, size_t n, void *arg)
{
	struct git_call *c = arg;
	size_t left = c->ahead.len - c->ahead_at;
	ssize_t got;

	if (left) {
		n = size * n < left ? size * n : left;
		memcpy(out, c->ahead.data + c->ahead_at, n);
		c->ahead_at += n;
		return n;
	}
	got = c->source(c->arg, out, size * n);
	if (got >= 0)
		return (size_t)got;
	c->error = (int)got;
	return CURL_READFUNC_ABORT;
}

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* What both requests have in common. */
void git_http_prepare(struct git_http *h, struct git_call *c, long silent_seconds)
{
	const struct curl *u = &h->curl;
	const char *ca = from_env("GIT_SSL_CAINFO");

	u->easy_reset(h->easy);
	u->easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error);
	u->easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
	u->easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* One request at a time gains nothing from HTTP/2, and servers that take a long body over it without trouble are rarer. */
	u->easy_setopt(h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	u->easy_setopt(h->easy, CURLOPT_USERAGENT, "git/genstore");
	u->easy_setopt(h->easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	u->easy_setopt(h->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	u->easy_setopt(h->easy, CURLOPT_LOW_SPEED_TIME, silent_seconds);
	u->easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take);
	u->easy_setopt(h->easy, CURLOPT_WRITEDATA, c);
	u->easy_setopt(h->easy, CURLOPT_ACCEPT_ENCODING, "");
	if (ca || (ca = from_env("SSL_CERT_FILE")))
		u->easy_setopt(h->easy, CURLOPT_CAINFO, ca);
	if (h->credential.password && c->bearer) {
		u->easy_setopt(h->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		u->easy_setopt(h->easy, CURLOPT_XOAUTH2_BEARER, h->credential.password);
	} else if (h->credential.password) {
		u->easy_setopt(h->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		u->easy_setopt(h->easy, CURLOPT_USERNAME, h->credential.user);
		u->easy_setopt(h->easy, CURLOPT_PASSWORD, h->credential.password);
	}
	h->error[0] = '\0';
}

static CURLcode wait_for(struct git_http *h, struct git_call *c)
{
	const struct curl *u = &h->curl;
	int running = 1, left;
	const CURLMsg *m;

	while (running) {
		if (u->multi_perform(h->multi, &running) || (running && u->multi_poll(h->multi, NULL, 0, POLL_MS, NULL)))
			return CURLE_FAILED_INIT;
		if (running && h->tick && (c->error = h->tick(h->tick_arg)))
			return CURLE_ABORTED_BY_CALLBACK;
	}
	while ((m = u->multi_info_read(h->multi, &left)))
		if (m->msg == CURLMSG_DONE)
			return m->data.result;
	return CURLE_FAILED_INIT;
}

int git_http_perform(struct git_http *h, struct git_call *c, struct buf *why)
{
	const struct curl *u = &h->curl;
	CURLcode code;

	if (u->multi_add_handle(h->multi, h->easy))
		return -ENOMEM;
	code = wait_for(h, c);
	u->multi_remove_handle(h->multi, h->easy);
	u->easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &c->status);
	if (c->error)
		return c->error;
	if (!code)
		return 0;
	buf_addf(why, "'%s' cannot be reached: %s", h->url.host, *h->error ? h->error : u->easy_strerror(code));
	return translate(code);
}

/* The first line of what the server says, as far as people can read it. */
static void add_words(struct buf *why, const struct buf *body)
{
	const char *text = buf_str(body);
	size_t n = strcspn(text, "\r\n");

	if (!n || *text == '<' || *text == '{')
		return;
	buf_adds(why, ": ");
	for (size_t i = 0; i < n && i < SHOWN; i++)
		buf_addc(why, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : (uint8_t)text[i]);
}

/* Whatever is not 200. */
static int refused(const struct git_http *h, const struct git_call *c, struct buf *why)
{
	if (c->status == 401) {
		buf_addf(why, "'%s' %s; set GENSTORE_GIT_TOKEN (for GitHub, GH_TOKEN will do), or a credential helper of git", h->url.host,
			 h->credential.password ? "does not take this token or password" : "wants a token or a password");
		return -EACCES;
	}
	if (c->status == 404) {
		buf_addf(why, "there is no repository '%s', or this token may not see it; make it first", h->url.text);
		return -ENOENT;
	}
	buf_addf(why, "'%s' answers with status %ld", h->url.host, c->status);
	add_words(why, c->body);
	if (c->status == 403)
		return -EACCES;
	return c->status == 413 ? -EFBIG : c->status >= 500 || c->status == 429 ? -EAGAIN : -EPROTO;
}

/* Where the request ended, a copy. libcurl writes the credential into it, which must go nowhere. */
static char *effective_url(struct git_http *h)
{
	char *url = NULL, *server, *at, *clean = NULL;

	h->curl.easy_getinfo(h->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (!url || !(server = strstr(url, "://")))
		return NULL;
	server += 3;
	at = memrchr(server, '@', strcspn(server, "/?#"));
	return asprintf(&clean, "%.*s%s", (int)(server - url), url, at ? at + 1 : server) < 0 ? NULL : clean;
}

/* After redirects, it is elsewhere on the same server, or nothing is sent there. */
static int move_to(struct git_http *h, struct buf *why)
{
	AUTO(git_url_release) struct git_url to = { 0 };
	AUTO(buf_release) struct buf ignored = BUF_INIT;
	AUTO(free_ptr) char *base = effective_url(h);
	char *end = base ? strstr(base, REFS) : NULL;

	if (end && !end[strlen(REFS)])
		*end = '\0';
	if (!base || !end || git_url_parse(base, &to, &ignored) || !git_url_same_server(&h->url, &to)) {
		buf_addf(why, "'%s' sends elsewhere, to '%s'; name that address", h->url.text, base ? base : "");
		return -EPROTO;
	}
	to.user = MOVE(h->url.user);
	git_url_release(&h->url);
	h->url = to;
	to = (struct git_url){ 0 };
	return 0;
}

static int ask_refs(struct git_http *h, struct git_call *c, struct buf *why)
{
	AUTO(free_ptr) char *address = NULL;

	if (asprintf(&address, "%s%s", h->url.text, REFS) < 0)
		return -ENOMEM;
	buf_reset(c->body);
	git_http_prepare(h, c, SILENT_SECONDS);
	h->curl.easy_setopt(h->easy, CURLOPT_URL, address);
	h->curl.easy_setopt(h->easy, CURLOPT_FOLLOWLOCATION, 1L);
	h->curl.easy_setopt(h->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS);
	return git_http_perform(h, c, why);
}

int git_http_refs(struct git_http *h, struct buf *ret_body, struct buf *why)
{
	struct git_call c = { .h = h, .body = ret_body };
	char *type = NULL;
	int r = git_credential_from_env(&h->url, &h->credential);

	if (r || (r = ask_refs(h, &c, why)))
		return r;
	if (c.status == 401 && !h->credential.password && !git_credential_ask(&h->url, &h->credential)) {
		if ((r = ask_refs(h, &c, why)))
			return r;
		if (c.status == 401 || c.status == 200)
			git_credential_tell(&h->url, &h->credential, c.status == 200);
	}
	if (c.status != 200)
		return refused(h, &c, why);
	h->curl.easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
	if (!type || strcasecmp(type, REFS_TYPE) != 0) {
		buf_addf(why, "there is no git at '%s' that can be pushed to", h->url.text);
		return -EPROTO;
	}
	return move_to(h, why);
}

/* Up to AHEAD bytes: *ret_ended, that was all of it. */
static int read_ahead(struct git_call *c, bool *ret_ended)
{
	ssize_t n = 1;

	while (n > 0 && c->ahead.len < AHEAD) {
		void *to = buf_reserve(&c->ahead, AHEAD_STEP);

		if (!to)
			return buf_error(&c->ahead);
		if ((n = c->source(c->arg, to, AHEAD_STEP)) > 0)
			buf_commit(&c->ahead, (size_t)n);
	}
	*ret_ended = !n;
	return n < 0 ? (int)n : 0;
}

/* Nobody waits to be told to go on: servers that do not know of it cost a second. */
static int make_headers(const struct git_http *h, bool chunked, struct curl_slist **ret_list)
{
	static const char *const lines[] = {
		"Content-Type: application/x-git-receive-pack-request", "Accept: application/x-git-receive-pack-result", "Expect:",
		"Transfer-Encoding: chunked",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines) - !chunked; i++) {
		struct curl_slist *more = h->curl.slist_append(*ret_list, lines[i]);

		if (!more)
			return -ENOMEM;
		*ret_list = more;
	}
	return 0;
}

static int post(struct git_http *h, struct git_call *c, struct curl_slist **headers, struct buf *why)
{
	AUTO(free_ptr) char *address = NULL;
	bool ended = false;
	int r;

	if (asprintf(&address, "%s/git-receive-pack", h->url.text) < 0)
		return -ENOMEM;
	if ((r = read_ahead(c, &ended)) || (r = make_headers(h, !ended, headers)))
		return r;
	/* A server that unpacks says nothing for a while. */
	git_http_prepare(h, c, UNPACKING_SECONDS);
	h->curl.easy_setopt(h->easy, CURLOPT_URL, address);
	h->curl.easy_setopt(h->easy, CURLOPT_POST, 1L);
	h->curl.easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, ended ? (curl_off_t)c->ahead.len : (curl_off_t)-1);
	h->curl.easy_setopt(h->easy, CURLOPT_HTTPHEADER, *headers);
	h->curl.easy_setopt(h->easy, CURLOPT_READFUNCTION, give);
	h->curl.easy_setopt(h->easy, CURLOPT_READDATA, c);
	h->curl.easy_setopt(h->easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
	if ((r = git_http_perform(h, c, why)))
		return r;
	return c->status == 200 ? 0 : refused(h, c, why);
}

int git_http_push(struct git_http *h, git_http_source *source, void *arg, struct buf *ret_body, struct buf *why)
{
	struct git_call c = { .h = h, .body = ret_body, .source = source, .arg = arg };
	struct curl_slist *headers = NULL;
	int r = post(h, &c, &headers, why);

	h->curl.slist_free_all(headers);
	buf_release(&c.ahead);
	return r;
}

int git_http_open(struct git_http *h, struct git_url *url, struct buf *why)
{
	int r;

	*h = (struct git_http){ .url = *url };
	*url = (struct git_url){ 0 };
	if ((r = curl_load(&h->curl, why)))
		return r;
	h->easy = h->curl.easy_init();
	h->multi = h->curl.multi_init();
	return h->easy && h->multi ? 0 : -ENOMEM;
}

void git_http_close(struct git_http *h)
{
	if (h->easy)
		h->curl.easy_cleanup(h->easy);
	if (h->multi)
		h->curl.multi_cleanup(h->multi);
	git_url_release(&h->url);
	git_credential_release(&h->credential);
}

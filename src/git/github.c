#include "src/git/github.h"
#include "src/git/http_inside.h"
#include "store/base/clock.h"
#include "store/base/json.h"
#include "store/base/utf8.h"

#include <jansson.h>
#include <poll.h>
#include <strings.h>

enum { SILENT_SECONDS = 60, WORDS_MAX = 300, NAP_MS = 100, FIRST_PAUSE_MS = 500, ANSWERS = 2, STATUS_CREATED = 201 };

/* A request, and what came of it. */
struct ask {
	struct github *g;
	const char *path;  /* behind the API's address */
	const char *body;  /* of a POST; NULL: a GET */
	long status;
	json_t *answer;    /* or NULL */
	int64_t wait_s;    /* GitHub asks to wait so long; 0: it does not */
};

static void ask_release(struct ask *a)
{
	json_decref(a->answer);
	a->answer = NULL;
}

void github_close(struct github *g)
{
	git_http_close(&g->http);
	g->http = (struct git_http){ 0 };
}

void github_repo_release(struct github_repo *r)
{
	free(r->clone_url);
	free(r->url);
	*r = (struct github_repo){ 0 };
}

/* 0, or what the tick ends it with. */
static int nap(struct github *g, int64_t ms)
{
	int64_t end = clock_ms() + ms;
	int r = 0;

	while (!r && clock_ms() < end) {
		poll(NULL, 0, (int)min_i64(NAP_MS, end - clock_ms()));
		r = g->tick ? g->tick(g->arg) : 0;
	}
	return r;
}

/* GitHub's words: its message, and those of its errors, on one line. */
static void add_words(struct buf *why, const json_t *answer)
{
	AUTO(buf_release) struct buf text = BUF_INIT, safe = BUF_INIT;
	const json_t *message = json_object_get(answer, "message"), *error;
	size_t i;

	if (json_is_string(message))
		buf_adds(&text, json_string_value(message));
	json_array_foreach(json_object_get(answer, "errors"), i, error) {
		const json_t *said = json_is_object(error) ? json_object_get(error, "message") : error;

		if (json_is_string(said))
			buf_addf(&text, "%s%s", text.len ? ", " : "", json_string_value(said));
	}
	if (!text.len)
		return;
	utf8_printable(&safe, buf_str(&text), utf8_cut(buf_str(&text), text.len, WORDS_MAX));
	buf_addf(why, " (it says: %s)", buf_str(&safe));
}

static int64_t header_number(const struct github *g, const char *name)
{
	struct curl_header *h;

	if (g->http.curl.easy_header(g->http.easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK || !*h->value ||
	    strspn(h->value, "0123456789") != strlen(h->value))
		return -1;
	return strtoll(h->value, NULL, 10);
}

/* https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api: Retry-After, else the reset, else a minute. */
static int64_t wait_of(const struct ask *a)
{
	const char *message = json_string_value(json_object_get(a->answer, "message"));
	int64_t after = header_number(a->g, "retry-after"), reset;

	if (a->status != 403 && a->status != 429)
		return 0;
	if (after >= 0)
		return after ? after : 1;
	if (header_number(a->g, "x-ratelimit-remaining") == 0 && (reset = header_number(a->g, "x-ratelimit-reset")) >= 0) {
		int64_t left = reset - clock_now(&(struct clock){ 0 });

		return left > 0 ? left + 1 : 1;
	}
	return a->status == 429 || (message && strcasestr(message, "rate limit")) ? GITHUB_WAIT_S : 0;
}

static int make_headers(const struct git_http *h, bool body, struct curl_slist **ret_list)
{
	static const char *const lines[] = { "Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28",
					     "Content-Type: application/json", "Expect:" };

	for (size_t i = 0; i < (body ? ARRAY_LEN(lines) : ANSWERS); i++) {
		struct curl_slist *more = h->curl.slist_append(*ret_list, lines[i]);

		if (!more)
			return -ENOMEM;
		*ret_list = more;
	}
	return 0;
}

static int transfer(struct ask *a, struct git_call *c, struct curl_slist **headers, struct buf *why)
{
	struct git_http *h = &a->g->http;
	AUTO(free_ptr) char *address = NULL;
	int r;

	if (asprintf(&address, "%s%s", a->g->api, a->path) < 0)
		return -ENOMEM;
	if ((r = make_headers(h, a->body != NULL, headers)))
		return r;
	git_http_prepare(h, c, SILENT_SECONDS);
	h->curl.easy_setopt(h->easy, CURLOPT_URL, address);
	h->curl.easy_setopt(h->easy, CURLOPT_USERAGENT, "genstore");
	h->curl.easy_setopt(h->easy, CURLOPT_HTTPHEADER, *headers);
	if (a->body)
		h->curl.easy_setopt(h->easy, CURLOPT_POSTFIELDS, a->body);
	return git_http_perform(h, c, why);
}

static int ask_once(struct ask *a, struct buf *why)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	struct git_call c = { .h = &a->g->http, .bearer = true, .body = &body };
	struct curl_slist *headers = NULL;
	int r = transfer(a, &c, &headers, why);

	a->g->http.curl.slist_free_all(headers);
	ask_release(a);
	a->status = c.status;
	a->wait_s = 0;
	if (r)
		return r;
	a->answer = json_loadb(buf_str(&body), body.len, JSON_REJECT_DUPLICATES, NULL);
	a->wait_s = wait_of(a);
	return 0;
}

/* Where the repositories are, for people and for git: the credential is that server's. */
static int web_of(const struct github *g, struct git_url *ret_u, struct buf *why)
{
	AUTO(free_ptr) char *text = NULL;
	const char *host = strstr(g->api, "://") + 3;
	size_t scheme = (size_t)(host - g->api);

	host += strncasecmp(host, "api.", 4) == 0 ? 4 : 0;
	if (asprintf(&text, "%.*s%.*s/%s", (int)scheme, g->api, (int)strcspn(host, "/"), host, g->organization) < 0)
		return -ENOMEM;
	return git_url_parse(text, ret_u, why);
}

/* The clone's address is one that the server of this API may name: the token goes there too. */
static bool is_of(const struct git_url *web, const struct git_url *clone)
{
	return git_url_same_server(web, clone) || (git_url_is_here(web->host) && git_url_is_here(clone->host));
}

static int refused(struct ask *a, struct buf *why)
{
	const char *host = a->g->http.url.host, *org = a->g->organization;
	int r = -EREMOTEIO;

	if (a->status == 401) {
		buf_addf(why, "'%s' %s", host, a->g->http.credential.password ? "does not take this token" : "wants a token");
		r = -EACCES;
	} else if (a->status == 403) {
		buf_addf(why, "'%s' does not allow that", host);
		r = -EACCES;
	} else if (a->status == 404) {
		buf_addf(why, "there is no organization '%s' on '%s', or this token may not make repositories in it", org, host);
		r = -ENXIO;
	} else if (a->status >= 500) {
		buf_addf(why, "'%s' has trouble: status %ld", host, a->status);
		r = -EAGAIN;
	} else {
		buf_addf(why, "'%s' refuses: status %ld", host, a->status);
	}
	add_words(why, a->answer);
	if (a->status == 401)
		buf_adds(why, "; set GENSTORE_GIT_TOKEN (for github.com, GH_TOKEN will do), or a credential helper of git");
	else if (a->status == 403)
		buf_addf(why, "; the token needs the scope 'repo', or Administration and Contents of '%s' to be written", org);
	else if (a->status == 404)
		buf_adds(why, "; look at 'genstore config get github.organization', and at the token's scope 'repo'");
	return r;
}

static int text_of(const json_t *answer, const char *key, char **ret_text)
{
	const char *text = json_string_value(json_object_get(answer, key));

	if (!text)
		return -EPROTO;
	return (*ret_text = strdup(text)) ? 0 : -ENOMEM;
}

/* What GitHub tells of a repository: that it is the one that was asked for, and not shown to more people than it should be. */
static int take(struct ask *a, const char *name, struct github_repo *ret_r, struct buf *why)
{
	AUTO(git_url_release) struct git_url web = { 0 }, clone = { 0 };
	AUTO(github_repo_release) struct github_repo repo = { .made = a->status == STATUS_CREATED };
	AUTO(free_ptr) char *want = NULL;
	const char *full = json_string_value(json_object_get(a->answer, "full_name"));
	const json_t *is_private = json_object_get(a->answer, "private");
	const struct github *g = a->g;
	int r;

	if (!full || !json_is_boolean(is_private) || (r = text_of(a->answer, "clone_url", &repo.clone_url)) ||
	    (r = text_of(a->answer, "html_url", &repo.url))) {
		buf_addf(why, "what '%s' answers is not GitHub's; look at github.api", g->http.url.host);
		return -EPROTO;
	}
	if (asprintf(&want, "%s/%s", g->organization, name) < 0)
		return -ENOMEM;
	if (strcasecmp(full, want)) {
		buf_addf(why, "'%s' is now called '%s' on '%s'; nothing was sent", want, full, g->http.url.host);
		return -EEXIST;
	}
	if (g->is_private && !g->only_looks && !json_is_true(is_private)) {
		buf_addf(why, "'%s' is a public repository, and %s; nothing was sent: make it private", want,
			  g->why_private ? g->why_private : "a private one is wanted");
		return -EEXIST;
	}
	if ((r = web_of(g, &web, why)))
		return r;
	if (git_url_parse(repo.clone_url, &clone, why) || !is_of(&web, &clone)) {
		buf_reset(why);
		buf_addf(why, "'%s' sends elsewhere, to '%s'; nothing was sent", g->http.url.host, repo.clone_url);
		return -EPROTO;
	}
	*ret_r = repo;
	repo = (struct github_repo){ 0 };
	return 0;
}

static bool name_exists(const json_t *answer)
{
	const json_t *error;
	size_t i;

	json_array_foreach(json_object_get(answer, "errors"), i, error) {
		const char *said = json_string_value(json_object_get(error, "message"));

		if (said && strstr(said, "already exists"))
			return true;
	}
	return false;
}

static int post(struct ask *a, const char *name, struct buf *why)
{
	AUTO(free_ptr) char *path = NULL;
	AUTO(buf_release) struct buf body = BUF_INIT;
	struct github *g = a->g;
	struct jw j;
	int r;

	jw_begin(&j, &body, 0);
	jw_object(&j, NULL);
	jw_str(&j, "name", name);
	jw_bool(&j, "private", g->is_private);
	/* A first commit of its own would be another history. */
	jw_bool(&j, "auto_init", false);
	jw_end(&j);
	if (buf_error(&body) || asprintf(&path, "/orgs/%s/repos", g->organization) < 0)
		return -ENOMEM;
	if (g->written_ms && (r = nap(g, g->written_ms + GITHUB_BETWEEN_MS - clock_ms())))
		return r;
	a->path = path;
	a->body = buf_str(&body);
	r = ask_once(a, why);
	g->written_ms = clock_ms();
	a->path = a->body = NULL;
	return r;
}

static int get(struct ask *a, const char *name, struct buf *why)
{
	AUTO(free_ptr) char *path = NULL;
	int r;

	if (asprintf(&path, "/repos/%s/%s", a->g->organization, name) < 0)
		return -ENOMEM;
	a->path = path;
	r = ask_once(a, why);
	a->path = NULL;
	return r;
}

/* One look, and where there is none one attempt to make it. What an answer that got lost leaves open, the next look tells. */
static int look(struct ask *a, const char *name, struct github_repo *ret_r, struct buf *why)
{
	int r = get(a, name, why);

	if (!r && a->status == 404 && a->g->only_looks) {
		buf_addf(why, "there is no repository '%s/%s' for this token", a->g->organization, name);
		return -ENOENT;
	}
	if (!r && a->status == 404)
		r = post(a, name, why);
	/* Another one made it just now. */
	if (!r && a->status == 422 && name_exists(a->answer))
		return -ESTALE;
	if (r)
		return r;
	if (a->status == 200 || a->status == STATUS_CREATED)
		return take(a, name, ret_r, why);
	return a->wait_s ? -EAGAIN : refused(a, why);
}

/* Asked when the server wants one and the environment has none: 401, or 404 for what is hidden. */
static int find_credential(struct github *g, struct buf *why)
{
	AUTO(git_url_release) struct git_url web = { 0 };
	int r = web_of(g, &web, why);

	if (r || (r = git_credential_from_env(&web, &g->http.credential)) || g->http.credential.password)
		return r;
	r = git_credential_ask(&web, &g->http.credential);
	return r == -ENOMEM ? r : 0;
}

static void tell_helper(struct github *g, long status)
{
	AUTO(git_url_release) struct git_url web = { 0 };
	AUTO(buf_release) struct buf ignored = BUF_INIT;

	if ((status == 401 || status == 200 || status == STATUS_CREATED) && !web_of(g, &web, &ignored))
		git_credential_tell(&web, &g->http.credential, status != 401);
}

static int open_http(struct github *g, struct buf *why)
{
	AUTO(git_url_release) struct git_url url = { 0 };
	AUTO(free_ptr) char *text = NULL;
	int r;

	if (g->http.easy)
		return 0;
	if (asprintf(&text, "%s/repos", g->api) < 0)
		return -ENOMEM;
	if ((r = git_url_parse(text, &url, why)) || (r = git_http_open(&g->http, &url, why)))
		return r;
	g->http.tick = g->tick;
	g->http.tick_arg = g->arg;
	return find_credential(g, why);
}

static bool is_worth_another_try(int r)
{
	return r == -EAGAIN || r == -ETIMEDOUT || r == -ECONNRESET || r == -ESTALE;
}

/* How long to wait before the next try, in ms; -1: too long. */
static int64_t pause_of(struct github *g, const struct ask *a, int tries)
{
	int64_t wait_s = a->wait_s << (header_number(g, "retry-after") < 0 ? tries : 0);

	if (!a->wait_s)
		return (int64_t)FIRST_PAUSE_MS << tries;
	if (wait_s <= GITHUB_WAIT_S) {
		if (g->wait)
			g->wait(g->arg, wait_s);
		return wait_s * 1000;
	}
	g->retry_at = clock_now(&(struct clock){ 0 }) + wait_s;
	return -1;
}

static int later(struct github *g, const struct ask *a, struct buf *why)
{
	char when[CLOCK_TEXT];

	clock_format(g->retry_at, when);
	buf_addf(why, "'%s' asks to wait until %s", g->http.url.host, when);
	add_words(why, a->answer);
	return -EAGAIN;
}

int github_repository(struct github *g, const char *name, struct github_repo *ret_r, struct buf *why)
{
	AUTO(ask_release) struct ask a = { .g = g };
	int64_t pause;
	int r = open_http(g, why);

	g->retry_at = 0;
	if (r)
		return r;
	for (int tries = 0;; tries++) {
		buf_reset(why);
		r = look(&a, name, ret_r, why);
		if (!is_worth_another_try(r) || tries + 1 == GITHUB_TRIES)
			break;
		if ((pause = pause_of(g, &a, tries)) < 0)
			return later(g, &a, why);
		if ((r = nap(g, pause)))
			return r;
	}
	tell_helper(g, a.status);
	if (r && !why->len) {
		buf_addf(why, "'%s' refuses again and again: status %ld", g->http.url.host, a.status);
		add_words(why, a.answer);
	}
	return r == -ESTALE ? -EAGAIN : r;
}

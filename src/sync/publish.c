#include "src/sync/publish.h"
#include "src/config/resolve.h"
#include "src/git/url.h"
#include "store/base/clock.h"
#include "store/event.h"

#include <poll.h>

void hosting_release(struct hosting *h)
{
	free(h->organization);
	free(h->api);
	free(h->template);
	*h = (struct hosting){ 0 };
}

static void cut_slashes(char *text)
{
	for (size_t n = strlen(text); n && text[n - 1] == '/';)
		text[--n] = '\0';
}

int hosting_load(struct genstore *st, struct hosting *ret_h, struct buf *why)
{
	AUTO(hosting_release) struct hosting h = { 0 };
	int64_t is_private;
	int r;

	if ((r = setting_get(st, "github.organization", &h.organization, why)) ||
	    (r = setting_get_number(st, "github.private", &is_private, NULL, why)) || (r = setting_get(st, "github.api", &h.api, why)) ||
	    (r = setting_get(st, "git.remote_template", &h.template, why)))
		return r;
	if (!h.organization && !h.template) {
		buf_adds(why, "no git host is configured; 'genstore config set github.organization NAME', or git.remote_template for another one, and"
			      " nothing is sent before");
		return -ENODEV;
	}
	cut_slashes(h.api);
	h.is_private = is_private;
	*ret_h = h;
	h = (struct hosting){ 0 };
	return 0;
}

int hosting_place(struct genstore *st, const char *request_id, char **ret_place)
{
	AUTO(hosting_release) struct hosting h = { 0 };
	AUTO(buf_release) struct buf ignored = BUF_INIT;
	AUTO(free_ptr) char *text = NULL;
	const char *host;
	int r = hosting_load(st, &h, &ignored);

	*ret_place = NULL;
	if (r)
		return r == -ENOMEM ? r : 0;
	if (!h.organization && (r = git_url_fill(h.template, request_id, &text)))
		return r;
	host = strstr(text ? text : h.api, "://") + 3;
	if (text)
		return (*ret_place = strdup(host)) ? 0 : -ENOMEM;
	host += strncmp(host, "api.", 4) ? 0 : 4;
	return asprintf(ret_place, "%.*s/%s/%s", (int)strcspn(host, "/"), host, h.organization, request_id) < 0 ? -ENOMEM : 0;
}

int publisher_open(struct publisher *p, struct genstore *st, struct buf *why)
{
	p->st = st;
	return hosting_load(st, &p->set, why);
}

void publisher_close(struct publisher *p)
{
	github_close(&p->github);
	hosting_release(&p->set);
}

void published_release(struct published *p)
{
	free(p->url);
	free(p->state_url);
	*p = (struct published){ 0 };
}

/* state: the one beside the repository of the app. */
static int find_repository(struct publisher *p, const char *name, bool state, struct github_repo *ret_r, struct buf *why)
{
	struct github *g = &p->github;

	g->api = p->set.api;
	g->organization = p->set.organization;
	g->is_private = state || p->set.is_private;
	g->why_private = state ? "the log of a generation is for nobody else" : "github.private is not 'no'";
	g->tick = p->tick;
	g->wait = p->wait;
	g->arg = p->arg;
	return github_repository(g, name, ret_r, why);
}

static int nap(const struct publisher *p, int64_t ms)
{
	int64_t end = clock_ms() + ms;
	int r = 0;

	while (!r && clock_ms() < end) {
		poll(NULL, 0, 100);
		r = p->tick ? p->tick(p->arg) : 0;
	}
	return r;
}

/* A repository that was made just now is not everywhere in GitHub at once. */
static int push(struct publisher *p, const struct generation *g, const char *url, bool made, bool state, struct published *ret_p, struct buf *why)
{
	int r = -ENOENT;

	for (int i = 0; r == -ENOENT && i < (made ? PUBLISH_TRIES : 1); i++) {
		AUTO(git_push_release) struct git_push push = { .progress = p->progress, .tick = p->tick, .arg = p->arg, .state = state };

		if (i && (r = nap(p, PUBLISH_PAUSE_MS)))
			return r;
		buf_reset(why);
		if ((r = git_push(p->st, g, url, &push))) {
			buf_adds(why, buf_str(&push.words));
			continue;
		}
		memcpy(ret_p->commit, push.commit, sizeof(ret_p->commit));
		ret_p->bytes += push.bytes;
		ret_p->url = MOVE(push.url);
	}
	return r;
}

/* Beside the repository of the app. What a generator said is nobody else's business. */
static int publish_state(struct publisher *p, const struct generation *g, struct published *done, struct buf *why)
{
	AUTO(published_release) struct published state = { 0 };
	AUTO(github_repo_release) struct github_repo repo = { 0 };
	AUTO(buf_release) struct buf name = BUF_INIT;
	int64_t size = 0;
	int r = log_size(p->st, g->id, &size);

	if (r || !size)
		return r;
	buf_addf(&name, "%s-artifacts", g->request_id);
	if ((r = buf_error(&name)) || (r = find_repository(p, buf_str(&name), true, &repo, why)) ||
	    (r = push(p, g, repo.clone_url, repo.made, true, &state, why)))
		return r;
	done->bytes += state.bytes;
	done->state_url = MOVE(repo.url);
	return 0;
}

int publish(struct publisher *p, const struct generation *g, struct published *ret_p, struct buf *why)
{
	AUTO(published_release) struct published done = { 0 };
	AUTO(github_repo_release) struct github_repo repo = { 0 };
	AUTO(free_ptr) char *url = NULL;
	int r;

	if (p->set.organization)
		r = find_repository(p, g->request_id, false, &repo, why);
	else
		r = git_url_fill(p->set.template, g->request_id, &url);
	if (r || (r = push(p, g, url ? url : repo.clone_url, repo.made, false, &done, why)))
		return r;
	if (repo.url) {
		free(done.url);
		done.url = MOVE(repo.url);
		if ((r = publish_state(p, g, &done, why)))
			return r;
	}
	*ret_p = done;
	done = (struct published){ 0 };
	return 0;
}

#include "src/sync/pull_git.h"
#include "src/facts/tree.h"
#include "src/flow/flow.h"
#include "src/git/clone.h"
#include "src/git/url.h"
#include "store/app.h"
#include "store/base/clock.h"
#include "store/gc.h"
#include "store/outbox.h"
#include "store/snapshot.h"

#include <jansson.h>

enum { STATE_MAX = 1 << 20, TRIES = 5 };
/* A repository can be anything by the time it comes back. */
#define TREE_MAX ((int64_t)10 << 30)

/* A commit of the generation's own. */
struct step {
	const struct git_logged *commit;
	struct manifest *tree;
	int64_t number; /* of its iteration */
};

struct pulled {
	struct genstore *st;
	const char *request_id;
	struct git_clone clone;
	struct git_log log;
	struct step *steps;
	size_t count;
	char *app_name, *url, *state_url;
	int64_t generation_number, epoch;
	json_t *state;       /* leo-state.json, or NULL */
	const char *parent;  /* borrowed, or NULL */
	char created_at[CLOCK_TEXT];
	struct seal seal;
	struct buf schema;
};

static void drop_trees(struct pulled *p)
{
	for (size_t i = 0; i < p->count; i++)
		manifest_unref(MOVE(p->steps[i].tree));
}

static void pulled_release(struct pulled *p)
{
	drop_trees(p);
	free(p->steps);
	git_log_release(&p->log);
	git_clone_close(&p->clone);
	json_decref(p->state);
	seal_release(&p->seal);
	buf_release(&p->schema);
	free(p->app_name);
	free(p->url);
	free(p->state_url);
}

static const char *known(const struct pulled *p, const char *key)
{
	const char *text = json_string_value(json_object_get(p->state, key));

	return text && *text ? text : NULL;
}

static int look_up(struct hosting *set, const char *name, struct github_repo *ret_r, struct buf *words)
{
	struct github g = { .api = set->api, .organization = set->organization, .only_looks = true };
	int r = github_repository(&g, name, ret_r, words);

	github_close(&g);
	return r;
}

/* What the repository beside it says: nothing of it has to be there. */
static void read_state(struct pulled *p, struct hosting *set)
{
	AUTO(github_repo_release) struct github_repo repo = { 0 };
	AUTO(buf_release) struct buf ignored = BUF_INIT, text = BUF_INIT, name = BUF_INIT;
	struct git_clone clone = { 0 };

	buf_addf(&name, "%s-artifacts", p->request_id);
	if (buf_error(&name) || look_up(set, buf_str(&name), &repo, &ignored) || git_clone_open(repo.clone_url, &clone, &ignored))
		return;
	if (!git_clone_file(&clone, "leo-artifacts/leo-state.json", STATE_MAX, &text))
		p->state = json_loadb(buf_str(&text), text.len, 0, NULL);
	git_clone_close(&clone);
	if (known(p, "request_id") && strcmp(known(p, "request_id"), p->request_id) == 0) {
		p->state_url = MOVE(repo.url);
	} else {
		json_decref(p->state);
		p->state = NULL;
	}
}

static int fetch(struct pulled *p, struct buf *words)
{
	AUTO(hosting_release) struct hosting set = { 0 };
	AUTO(github_repo_release) struct github_repo repo = { 0 };
	AUTO(free_ptr) char *url = NULL;
	int r;

	if ((r = hosting_load(p->st, &set, words)))
		return r;
	r = set.organization ? look_up(&set, p->request_id, &repo, words) : git_url_fill(set.template, p->request_id, &url);
	if (r || (r = git_clone_open(url ? url : repo.clone_url, &p->clone, words)))
		return r;
	p->url = url ? MOVE(url) : MOVE(repo.url);
	if (set.organization)
		read_state(p, &set);
	return git_clone_log(&p->clone, &p->log);
}

/* "my app: generation 3, iteration 2": what store/git_commit.c writes. */
static int take_subject(struct pulled *p, struct step *s)
{
	/* No app's name has a colon in it. */
	const char *text = s->commit->subject, *found = strstr(text, ": generation "), *iteration = found ? strchr(found, ',') : NULL;

	if (!iteration)
		return -EBADMSG;
	p->generation_number = strtoll(found + strlen(": generation "), NULL, 10);
	if (strncmp(iteration, ", iteration ", 12) == 0)
		s->number = strtoll(iteration + 12, NULL, 10);
	free(p->app_name);
	return (p->app_name = strndup(text, (size_t)(found - text))) ? 0 : -ENOMEM;
}

/* Its own commits are the last ones; before them are those of what it came from. */
static int take_steps(struct pulled *p)
{
	int64_t last = 0;
	int r;

	if (!(p->steps = calloc(p->log.count, sizeof(*p->steps))))
		return -ENOMEM;
	for (size_t i = 0; i < p->log.count; i++) {
		const struct git_logged *c = &p->log.commits[i];
		struct step *s = &p->steps[p->count];

		if (!c->request || strcmp(c->request, p->request_id) != 0) {
			if (p->count)
				return -EBADMSG;
			p->parent = c->request && id_is_request(c->request) ? c->request : NULL;
			continue;
		}
		s->commit = c;
		if ((r = take_subject(p, s)))
			return r;
		/* What was sealed beyond the last iteration is one more here. */
		s->number = s->number ? s->number : last + 1;
		if (s->number <= last || s->number > FLOW_ITERATIONS_MAX)
			return -EBADMSG;
		last = s->number;
		p->count++;
	}
	return p->count && app_name_valid(p->app_name) ? 0 : -EBADMSG;
}

static int put(struct pulled *p, struct snapshot *scanned, struct step *s)
{
	int64_t epoch;
	int r;

	TXN t = txn_begin(&p->st->db);

	if ((r = t.error) || (r = gc_epoch(p->st, &epoch)))
		return r;
	if (s == p->steps)
		p->epoch = epoch;
	else if (epoch != p->epoch)
		return -ESTALE;
	return (r = snapshot_put(p->st, scanned, &s->tree)) ? r : txn_commit(&t);
}

static int take_tree(struct pulled *p, struct step *s, struct buf *words)
{
	AUTO(snapshot_freep) struct snapshot *scanned = NULL;
	struct snapshot_options so = { .max_bytes = TREE_MAX, .near = s == p->steps ? 0 : s[-1].tree->id };
	int r;

	if ((r = git_clone_checkout(&p->clone, s->commit->id, words)) || (r = snapshot_scan(p->st, p->clone.tree, &so, &scanned)))
		return r;
	return put(p, scanned, s);
}

/* Into rows that nobody refers to yet. */
static int take_trees(struct pulled *p, struct buf *words)
{
	int64_t mtime;
	int r = 0;

	drop_trees(p);
	seal_release(&p->seal);
	p->seal = (struct seal){ 0 };
	buf_reset(&p->schema);
	for (size_t i = 0; i < p->count && !r; i++)
		r = take_tree(p, &p->steps[i], words);
	if (r || (r = generation_mtime(p->st, p->created_at, &mtime)) || (r = tree_schema(p->st, p->steps[p->count - 1].tree, &p->schema)))
		return r;
	return seal_compute(p->st, p->steps[p->count - 1].tree, mtime, &p->seal);
}

static int write_iterations(struct pulled *p, int64_t generation)
{
	int r = 0;

	for (size_t i = 0; i < p->count && !r; i++) {
		const struct git_logged *c = p->steps[i].commit;
		char at[CLOCK_TEXT];
		int64_t id;

		clock_format(c->at, at);
		r = iteration_add_at(p->st, generation, p->steps[i].number, "automatic", p->steps[i].tree, *c->body ? c->body : NULL, NULL, at, &id);
	}
	return r;
}

static int note_synced(struct pulled *p, int64_t generation)
{
	const struct outbox_history h = { .url = p->url, .commit = p->log.commits[p->log.count - 1].id, .artifacts_url = p->state_url };
	int64_t id;
	int r = outbox_add(p->st, generation, "github", &id);

	return r ? r : outbox_published(p->st, id, &h);
}

static int write_all(struct pulled *p, struct generation *ret_g)
{
	const struct step *last = &p->steps[p->count - 1];
	const struct generation_request req = {
		.app_name = p->app_name, .prompt = *p->steps[0].commit->body ? p->steps[0].commit->body : NULL,
		.mode = last->number > 1 ? "autonomous" : "single-shot", .type = p->parent ? "resume" : "new", .parent = p->parent,
		.request_id = p->request_id, .created_at = p->created_at, .max_iterations = last->number, .app_id = known(p, "app_id"),
		.number = p->generation_number > 0 ? p->generation_number : 0,
	};
	const struct completion done = { .status = "completed", .seal = &p->seal, .schema_snapshot = buf_str(&p->schema),
					 .session_id = known(p, "last_session_id") };
	AUTO(generation_release) struct generation g = { 0 };
	int64_t epoch;
	int r;

	TXN t = txn_begin(&p->st->db);

	if ((r = t.error) || (r = gc_epoch(p->st, &epoch)))
		return r;
	if (epoch != p->epoch)
		return -ESTALE;
	if ((r = generation_create(p->st, &req, &g)) || (r = generation_set_status(p->st, g.id, "generating", NULL)) ||
	    (r = write_iterations(p, g.id)) || (r = generation_finish(p->st, g.id, &done)) || (r = note_synced(p, g.id)) ||
	    (r = generation_get(p->st, g.id, ret_g)))
		return r;
	return txn_commit(&t);
}

/* Folders without files are not in git, and neither is what it may not name: then the archive is another one. */
static void compare(const struct pulled *p, const struct generation *g, struct buf *words)
{
	const char *want = known(p, "archive_sha256");
	char hex[HEX_SHA256_SIZE];

	hex_encode(g->archive_sha256, SHA256_SIZE, hex);
	if (!want)
		buf_adds(words, "its prompt, log and costs are not on the git host, and neither is when it was asked for");
	else if (strcmp(want, hex) != 0)
		buf_adds(words, "its archive is not the one that was sealed, byte for byte: git has no empty folders; its prompt, log and costs are not"
				" on the git host");
	else
		buf_adds(words, "its archive is the one that was sealed, byte for byte; its prompt, log and costs are not on the git host");
}

static int is_here(struct pulled *p, struct buf *words)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = generation_by_request(p->st, p->request_id, &g);

	if (r == -ENOENT)
		return 0;
	buf_addf(words, r ? "%s" : "'%s' is in this store already", r ? genstore_errmsg(p->st) : p->request_id);
	return r ? r : -EEXIST;
}

static void set_created(struct pulled *p)
{
	int64_t at = p->steps[0].commit->at, known_at;
	const char *text = known(p, "created_at");

	if (text && !clock_parse(text, &known_at))
		at = known_at;
	clock_format(max_i64(at, 0), p->created_at);
}

int pull_git(struct genstore *st, const char *request_id, struct generation *ret_g, struct buf *words)
{
	AUTO(pulled_release) struct pulled p = { .st = st, .request_id = request_id };
	int r;

	if ((r = is_here(&p, words)))
		return r;
	if ((r = fetch(&p, words))) {
		if (!words->len)
			buf_adds(words, r == -EINTR ? "interrupted" : strerror(-r));
		return r;
	}
	if ((r = take_steps(&p))) {
		if (r == -EBADMSG)
			buf_addf(words, "the commits of '%s' are not those of this generation: genstore did not make them", p.url);
		return r;
	}
	set_created(&p);
	r = -ESTALE;
	/* A collection in another process can take what was put. */
	for (int i = 0; i < TRIES && r == -ESTALE; i++)
		if (!(r = take_trees(&p, words)))
			r = write_all(&p, ret_g);
	if (!r)
		compare(&p, ret_g, words);
	else if (!words->len)
		buf_adds(words, *genstore_errmsg(st) ? genstore_errmsg(st) : strerror(-r));
	return r;
}

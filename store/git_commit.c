#include "store/config.h"
#include "store/evict.h"
#include "store/git_repo_inside.h"
#include "store/idlist.h"

bool git_author_valid(const char *text)
{
	const char *open = strchr(text, '<');
	size_t name = open ? (size_t)(open - text) : 0, n = strlen(text);

	if (name < 2 || text[0] == ' ' || text[name - 1] != ' ' || text[name - 2] == ' ' || text[n - 1] != '>')
		return false;
	return n < 500 && strcspn(open + 1, "<> ") == n - name - 2 && n - name > 2 && strcspn(text, "\n\r\t") == n &&
	       strcspn(text, ">") == n - 1;
}

int git_author(struct genstore *st, char **ret_author)
{
	AUTO(free_ptr) char *author = NULL;
	int r = config_get(st, "git.author", &author);

	if (r)
		return r;
	if (author && !git_author_valid(author))
		return store_fail(st, -EINVAL, "the setting 'git.author' is not 'Name <address>'");
	*ret_author = author ? MOVE(author) : strdup(GIT_AUTHOR);
	return *ret_author ? 0 : -ENOMEM;
}

int git_maker_init(struct git_maker *k, struct genstore *st)
{
	AUTO(free_ptr) char *author = NULL, *prompts = NULL;
	AUTO(git_repo_freep) struct git_repo *repo = calloc(1, sizeof(*repo));
	int r;

	if (!repo)
		return -ENOMEM;
	repo->head = GIT_NO_COMMIT;
	if ((r = git_ids_new(&repo->ids)) || (r = git_author(st, &author)) || (r = config_get(st, "git.prompts", &prompts)))
		return r;
	if (prompts && strcmp(prompts, "yes") != 0 && strcmp(prompts, "no") != 0)
		return store_fail(st, -EINVAL, "the setting 'git.prompts' is neither 'yes' nor 'no'");
	*k = (struct git_maker){ .st = st, .prompts = prompts && strcmp(prompts, "yes") == 0 };
	k->repo = MOVE(repo);
	k->author = MOVE(author);
	return 0;
}

void git_maker_release(struct git_maker *k)
{
	git_repo_free(k->repo);
	free(k->author);
	free(k->done);
}

/* A line of text, whatever an old row has in it. */
static void add_line(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_addc(out, (uint8_t)*text < ' ' ? ' ' : (uint8_t)*text);
}

/* What is to become a commit. */
struct draft {
	const struct generation *g;
	int64_t iteration, manifest;
	const char *at, *prompt;
};

static void add_message(const struct git_maker *k, const struct draft *d, struct buf *out)
{
	const char *prompt = k->prompts && d->prompt ? d->prompt : "";
	size_t n = strlen(prompt);

	while (n && (prompt[n - 1] == '\n' || prompt[n - 1] == ' '))
		n--;
	add_line(out, *d->g->app_name ? d->g->app_name : "app");
	buf_addf(out, ": generation %lld, ", (long long)d->g->generation_number);
	if (d->iteration)
		buf_addf(out, "iteration %lld\n\n", (long long)d->iteration);
	else
		buf_adds(out, "as sealed\n\n");
	if (n) {
		buf_add(out, prompt, n);
		buf_adds(out, "\n\n");
	}
	buf_addf(out, "Genstore-Request: %s\n", d->g->request_id);
}

static int room_for_commit(struct git_maker *k)
{
	struct git_repo *repo = k->repo;
	size_t cap = repo->cap ? 2 * repo->cap : 16;
	struct git_commit *more;

	if (repo->count < repo->cap)
		return 0;
	if (cap > GIT_COMMITS_MAX)
		return store_fail(k->st, -EFBIG, "there are more than %d iterations; name one generation", GIT_COMMITS_MAX);
	if (!(more = reallocarray(repo->commits, cap, sizeof(*more))))
		return -ENOMEM;
	repo->commits = more;
	repo->cap = cap;
	return 0;
}

static int tree_of(struct git_maker *k, const struct draft *d, uint8_t id[SHA1_SIZE], int64_t *ret_left_out)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int r = manifest_load(k->st, d->manifest, &m);

	if (r)
		return r == -ENOENT ? -EBADMSG : r;
	return git_tree(k->st, k->repo->ids, m, NULL, id, ret_left_out);
}

static int add_commit(struct git_maker *k, const struct draft *d, ssize_t parent)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct git_commit *c;
	uint8_t tree[SHA1_SIZE];
	char hex[2 * SHA1_SIZE + 1];
	int64_t at, left_out;
	int r;

	if (clock_parse(d->at, &at))
		return store_fail(k->st, -EUCLEAN, "'%s' has an iteration without a time; run 'genstore check'", d->g->request_id);
	if ((r = room_for_commit(k)) || (r = tree_of(k, d, tree, &left_out)))
		return r;
	at = max_i64(at, 0);
	hex_encode(tree, SHA1_SIZE, hex);
	buf_addf(&text, "tree %s\n", hex);
	if (parent >= 0) {
		hex_encode(k->repo->commits[parent].id, SHA1_SIZE, hex);
		buf_addf(&text, "parent %s\n", hex);
	}
	buf_addf(&text, "author %s %lld +0000\ncommitter %s %lld +0000\n\n", k->author, (long long)at, k->author, (long long)at);
	add_message(k, d, &text);
	if (buf_error(&text))
		return buf_error(&text);
	c = &k->repo->commits[k->repo->count++];
	*c = (struct git_commit){
		.generation = d->g->id, .iteration = d->iteration, .manifest = d->manifest, .left_out = left_out, .parent = parent,
	};
	git_object_of("commit", text.data, text.len, c->id);
	c->text = text;
	text = (struct buf)BUF_INIT;
	return 0;
}

/* The newest snapshot of each iteration, in order of their numbers. */
static int list_iterations(struct genstore *st, int64_t generation, struct idlist *out)
{
	STMT q = db_stmt(&st->db, "SELECT max(id) FROM iteration_snapshots WHERE generation_request_id = ?"
				  " AND " ITERATION_COUNTS
				  " GROUP BY iteration_number ORDER BY iteration_number");
	int r;

	bind_i64(&q, generation);
	while ((r = stmt_step(&q)) > 0)
		if ((r = idlist_add(out, col_i64(&q, 0))))
			return r;
	return r;
}

static ssize_t last_of(const struct git_repo *repo, size_t first, ssize_t parent)
{
	return repo->count > first ? (ssize_t)repo->count - 1 : parent;
}

static int add_iteration(struct git_maker *k, const struct generation *g, int64_t id, ssize_t parent)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	int r = iteration_get(k->st, id, &it);

	if (r)
		return r;
	if (it.generation != g->id)
		return store_fail(k->st, -EBADMSG, "the index of iterations is damaged; run 'genstore check'");
	if (it.away)
		return evict_fail(k->st, g->request_id);
	/* A row from before there were manifests has no tree. */
	if (!it.manifest)
		return 0;
	const struct draft d = {
		.g = g, .iteration = it.number, .manifest = it.manifest, .at = it.timestamp ? it.timestamp : "",
		.prompt = it.prompt_used ? it.prompt_used : g->prompt,
	};

	return add_commit(k, &d, parent);
}

static int add_generation(struct git_maker *k, const struct generation *g, ssize_t parent)
{
	AUTO(idlist_release) struct idlist ids = { .ids = NULL };
	struct git_repo *repo = k->repo;
	size_t first = repo->count;
	int r = list_iterations(k->st, g->id, &ids);

	for (size_t i = 0; i < ids.count && !r; i++)
		r = add_iteration(k, g, ids.ids[i], last_of(repo, first, parent));
	if (r)
		return r;
	if (g->manifest_id && (repo->count == first || repo->commits[repo->count - 1].manifest != g->manifest_id)) {
		const struct draft d = {
			.g = g, .manifest = g->manifest_id, .at = g->completed_at ? g->completed_at : g->created_at, .prompt = g->prompt,
		};

		if ((r = add_commit(k, &d, last_of(repo, first, parent))))
			return r;
	}
	if (k->done_count == k->done_cap) {
		size_t cap = k->done_cap ? 2 * k->done_cap : 16;
		struct git_done *more = reallocarray(k->done, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		k->done = more;
		k->done_cap = cap;
	}
	k->done[k->done_count++] = (struct git_done){ g->id, first, last_of(repo, first, parent) };
	return 0;
}

static const struct git_done *find_done(const struct git_maker *k, int64_t generation)
{
	/* What a generation came from is rarely far from it. */
	for (size_t i = k->done_count; i--;)
		if (k->done[i].generation == generation)
			return &k->done[i];
	return NULL;
}

/* The generations that this one came from and that have no commits yet, itself first; *ret_parent: the commit that they go on from. */
static int list_ancestry(struct git_maker *k, const struct generation *g, struct idlist *out, ssize_t *ret_parent)
{
	STMT q = db_stmt(&k->st->db, "SELECT p.id FROM generation_requests AS g JOIN generation_requests AS p"
				     " ON p.request_id = g.parent_request_id WHERE g.id = ?");
	const struct git_done *done = NULL;
	int64_t id = g->id;
	int r;

	while (!(done = find_done(k, id))) {
		if (out->count == GIT_COMMITS_MAX)
			return store_fail(k->st, -EUCLEAN, "'%s' comes from itself; run 'genstore check'", g->request_id);
		if ((r = idlist_add(out, id)))
			return r;
		stmt_rewind(&q);
		bind_i64(&q, id);
		if ((r = stmt_step(&q)) < 0)
			return r;
		if (!r)
			break;
		id = col_i64(&q, 0);
	}
	*ret_parent = done ? done->last : GIT_NO_COMMIT;
	return 0;
}

int git_make(struct git_maker *k, const struct generation *g, const struct git_done **ret_done)
{
	AUTO(idlist_release) struct idlist ids = { .ids = NULL };
	ssize_t parent = GIT_NO_COMMIT;
	int r = list_ancestry(k, g, &ids, &parent);

	for (size_t i = ids.count; i-- && !r;) {
		AUTO(generation_release) struct generation from = { 0 };

		if ((r = generation_get(k->st, ids.ids[i], &from)) || (r = generation_vouch(k->st, from.id, from.seal_id)) ||
		    (r = add_generation(k, &from, parent)))
			break;
		parent = k->done[k->done_count - 1].last;
	}
	if (r)
		return r;
	*ret_done = find_done(k, g->id);
	return 0;
}

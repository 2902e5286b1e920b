#include "store/app.h"
#include "store/git_repo_inside.h"
#include "store/idlist.h"
#include "store/revision.h"

void git_repo_free(struct git_repo *repo)
{
	if (!repo)
		return;
	for (size_t i = 0; i < repo->count; i++)
		buf_release(&repo->commits[i].text);
	for (size_t i = 0; i < repo->ref_count; i++)
		free(repo->refs[i].name);
	free(repo->commits);
	free(repo->refs);
	git_ids_free(repo->ids);
	free(repo);
}

void git_repo_freep(struct git_repo **repo)
{
	git_repo_free(*repo);
}

ssize_t git_repo_find(const struct git_repo *repo, const uint8_t id[SHA1_SIZE])
{
	for (size_t i = repo->count; i--;)
		if (memcmp(repo->commits[i].id, id, SHA1_SIZE) == 0)
			return (ssize_t)i;
	return GIT_NO_COMMIT;
}

static int add_ref(struct git_repo *repo, size_t commit, const char *fmt, ...) PRINTF(3, 4);
static int add_ref(struct git_repo *repo, size_t commit, const char *fmt, ...)
{
	va_list ap;
	char *name;
	int n;

	if (repo->ref_count == repo->ref_cap) {
		size_t cap = repo->ref_cap ? 2 * repo->ref_cap : 16;
		struct git_ref *more = reallocarray(repo->refs, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		repo->refs = more;
		repo->ref_cap = cap;
	}
	va_start(ap, fmt);
	n = vasprintf(&name, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	repo->refs[repo->ref_count++] = (struct git_ref){ name, commit };
	return 0;
}

/* A tag for each iteration of its own; folder "" or "generation-2/". */
static int add_tags(struct git_repo *repo, const struct git_done *done, const char *folder)
{
	int r = 0;

	for (size_t i = done->first; i < repo->count && repo->commits[i].generation == done->generation && !r; i++)
		if (repo->commits[i].iteration)
			r = add_ref(repo, i, "refs/tags/%siteration-%lld", folder, (long long)repo->commits[i].iteration);
	return r;
}

static int set_head(struct git_repo *repo, ssize_t commit)
{
	repo->head = commit;
	return commit < 0 ? 0 : add_ref(repo, (size_t)commit, "refs/heads/main");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct git_ref *)a)->name, ((const struct git_ref *)b)->name);
}

static void finish(struct git_maker *k, struct git_repo **ret_repo)
{
	struct git_repo *repo = k->repo;

	if (repo->ref_count)
		qsort(repo->refs, repo->ref_count, sizeof(*repo->refs), by_name);
	*ret_repo = MOVE(k->repo);
}

int git_repo_of(struct genstore *st, const struct generation *g, struct git_repo **ret_repo)
{
	AUTO(git_maker_release) struct git_maker k = { 0 };
	const struct git_done *done;
	int r = git_maker_init(&k, st);

	if (r || (r = git_make(&k, g, &done)) || (r = add_tags(k.repo, done, "")) || (r = set_head(k.repo, done->last)))
		return r;
	finish(&k, ret_repo);
	return 0;
}

static int list_generations(struct genstore *st, const char *app_id, struct idlist *out)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM generation_requests WHERE app_id = ? ORDER BY generation_number, id");
	int r;

	bind_text(&q, app_id);
	while ((r = stmt_step(&q)) > 0)
		if ((r = idlist_add(out, col_i64(&q, 0))))
			return r;
	return r;
}

/* One generation of an app. */
static int add_branch(struct git_maker *k, int64_t id, ssize_t *head)
{
	AUTO(generation_release) struct generation g = { 0 };
	const struct git_done *done;
	char folder[48];
	int r;

	if ((r = generation_get(k->st, id, &g)) || (r = git_make(k, &g, &done)))
		return r;
	/* One that has nothing of its own yet is no branch. */
	if (done->last < (ssize_t)done->first)
		return 0;
	*head = done->last;
	snprintf(folder, sizeof(folder), "generation-%lld/", (long long)g.generation_number);
	r = add_ref(k->repo, (size_t)done->last, "refs/heads/generation-%lld", (long long)g.generation_number);
	return r ? r : add_tags(k->repo, done, folder);
}

static int repo_of_app(struct genstore *st, const char *app_id, struct git_repo **ret_repo)
{
	AUTO(git_maker_release) struct git_maker k = { 0 };
	AUTO(idlist_release) struct idlist ids = { .ids = NULL };
	ssize_t head = GIT_NO_COMMIT;
	int r = git_maker_init(&k, st);

	if (r || (r = list_generations(st, app_id, &ids)))
		return r;
	for (size_t i = 0; i < ids.count; i++)
		if ((r = add_branch(&k, ids.ids[i], &head)))
			return r;
	if ((r = set_head(k.repo, head)))
		return r;
	finish(&k, ret_repo);
	return 0;
}

/* Whether the name of the app is all that was said. */
static int is_app(struct genstore *st, const char *text, const struct generation *g, bool *ret_is)
{
	AUTO(free_ptr) char *name = NULL;
	int r = app_name(st, g->app_id, &name);

	if (!r)
		*ret_is = strcmp(text, name) == 0;
	return r;
}

int git_repo_open(struct genstore *st, const char *text, struct git_repo **ret_repo)
{
	AUTO(revision_release) struct revision rev = { 0 };
	bool app = false;
	int r;

	if (strchr(text, '@'))
		return store_fail(st, -EINVAL, "'%s' names an iteration; a repository is of a generation or an app", text);
	if ((r = revision_find(st, NULL, text, &rev)) || (r = is_app(st, text, &rev.generation, &app)))
		return r;
	return app ? repo_of_app(st, rev.generation.app_id, ret_repo) : git_repo_of(st, &rev.generation, ret_repo);
}

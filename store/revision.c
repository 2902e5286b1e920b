#include "store/revision.h"
#include "store/app.h"
#include "store/evict.h"

#include <ctype.h>

void revision_release(struct revision *rev)
{
	if (rev)
		generation_release(&rev->generation);
}

/* A whole number of 1 to 9 digits that is all of s. */
static bool number_of(const char *s, int64_t *ret_n)
{
	size_t digits = strspn(s, "0123456789");

	if (!digits || digits > 9 || s[digits])
		return false;
	*ret_n = strtoll(s, NULL, 10);
	return *ret_n > 0;
}

/* Ids that begin with text: -ENOENT, or -EINVAL when there are several. The range scan uses the unique index. */
static int by_prefix(struct genstore *st, const char *user_id, const char *text, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id, request_id FROM generation_requests WHERE request_id >= ?1"
				  " AND request_id < ?1 || char(0x10ffff) AND (?2 IS NULL OR user_id = ?2)"
				  " ORDER BY request_id LIMIT 2");
	int64_t id;
	bool exact;
	int r;

	bind_text(&q, text);
	bind_text(&q, user_id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	id = col_i64(&q, 0);
	exact = strcmp(col_text(&q, 1), text) == 0;
	if (!exact && (r = stmt_step(&q)) != 0)
		return r < 0 ? r : store_fail(st, -EINVAL, "'%s' fits several generations; give more of the request id", text);
	*ret_id = id;
	return 0;
}

/* number 0: the newest. One row an app, found in the index however many generations it has. */
static int by_app(struct genstore *st, const char *user_id, const char *app, int64_t number, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT g.id, g.user_id FROM apps AS a JOIN generation_requests AS g ON g.id ="
				  " (SELECT id FROM generation_requests WHERE app_id = a.id AND generation_number BETWEEN ?3 AND ?4"
				  "  ORDER BY generation_number DESC LIMIT 1)"
				  " WHERE a.app_name = ?1 AND (?2 IS NULL OR a.user_id = ?2)"
				  " ORDER BY g.generation_number DESC, g.id DESC");
	char first[ID_UUID];
	int r;

	bind_text(&q, app);
	bind_text(&q, user_id);
	bind_i64(&q, number);
	bind_i64(&q, number ? number : INT64_MAX);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_id = col_i64(&q, 0);
	snprintf(first, sizeof(first), "%s", col_text(&q, 1) ? col_text(&q, 1) : "");
	if (user_id)
		return 0;
	if ((r = stmt_step(&q)) > 0 && strcmp(first, col_text(&q, 1) ? col_text(&q, 1) : "") != 0)
		return store_fail(st, -EINVAL, "several users have an app '%s'; give the request id", app);
	return r < 0 ? r : 0;
}

static int newest(struct genstore *st, const char *user_id, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM generation_requests WHERE ?1 IS NULL OR user_id = ?1 ORDER BY id DESC LIMIT 1");
	int r;

	bind_text(&q, user_id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "the store has no generation yet; 'genstore generate' makes one");
	*ret_id = col_i64(&q, 0);
	return 0;
}

/* What an index led to, and what it has to be. */
struct found {
	int64_t id, number; /* number 0: any */
	char *app;          /* NULL: found by its request id */
};

static void found_release(struct found *f)
{
	free(f->app);
}

static int find_generation(struct genstore *st, const char *user_id, const char *name, struct found *ret_f)
{
	const char *slash = strrchr(name, '/');
	int r;

	if (slash && !number_of(slash + 1, &ret_f->number))
		return store_fail(st, -EINVAL, "'%s' is not app-name/number", name);
	ret_f->app = slash ? strndup(name, (size_t)(slash - name)) : strdup(name);
	if (!ret_f->app)
		return -ENOMEM;
	r = *name ? by_app(st, user_id, ret_f->app, ret_f->number, &ret_f->id) : -ENOENT;
	if (r == -ENOENT && slash)
		return store_fail(st, r, "no generation %lld of an app '%s'", (long long)ret_f->number, ret_f->app);
	if (r != -ENOENT)
		return r;
	/* An app's name goes before a mere prefix; ids that begin with req_ can be no app. */
	free(ret_f->app);
	ret_f->app = NULL;
	r = *name ? by_prefix(st, user_id, name, &ret_f->id) : -ENOENT;
	return r == -ENOENT ? store_fail(st, r, "no generation or app '%s'", name) : r;
}

static int has_name(struct genstore *st, const char *app_id, const char *app)
{
	STMT q = db_stmt(&st->db, "SELECT app_name FROM apps WHERE id = ?");
	int r;

	bind_text(&q, app_id);
	return (r = stmt_step(&q)) > 0 ? strcmp(col_text(&q, 0), app) == 0 : r;
}

/* An index that is damaged leads to another row than it says: that one must not stand for what was asked for. */
static int is_asked_for(struct genstore *st, const struct found *f, const char *name, const struct generation *g)
{
	int r = f->app ? has_name(st, g->app_id, f->app) : strncmp(g->request_id, name, strlen(name)) == 0;

	if (r < 0)
		return r;
	if (!r || (f->number && f->number != g->generation_number))
		return store_fail(st, -EBADMSG, "what the store has under '%s' is something else; run 'genstore check'", name);
	return 0;
}

static int load_generation(struct genstore *st, const char *user_id, const char *name, struct generation *ret_g)
{
	AUTO(found_release) struct found f = { 0 };
	bool is_newest = strcmp(name, "-") == 0;
	int r = is_newest ? newest(st, user_id, &f.id) : find_generation(st, user_id, name, &f);

	if (r || (r = generation_get(st, f.id, ret_g)) || (r = generation_vouch(st, f.id, ret_g->seal_id)))
		return r;
	return is_newest ? 0 : is_asked_for(st, &f, name, ret_g);
}

/* What stands behind the @: 3 or s17. */
static int parse_at(struct genstore *st, const char *at, struct revision *rev)
{
	bool by_id = at[1] == 's';

	rev->single = true;
	if (number_of(at + 1 + by_id, by_id ? &rev->snapshot : &rev->iteration))
		return 0;
	return store_fail(st, -EINVAL, "'%s' is not an iteration; write REV@3", at);
}

/* A snapshot of this generation by its id. */
static int load_snapshot(struct genstore *st, const struct revision *rev, struct iteration *ret_it)
{
	int r = iteration_get(st, rev->snapshot, ret_it);

	if (r == -ENOENT || (!r && ret_it->generation != rev->generation.id))
		return store_fail(st, -ENOENT, "'%s' has no snapshot s%lld", rev->generation.request_id, (long long)rev->snapshot);
	return r;
}

int revision_find(struct genstore *st, const char *user_id, const char *text, struct revision *ret_rev)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(free_ptr) char *name = NULL;
	const char *at = strchr(text, '@');
	int r;

	if (at && (r = parse_at(st, at, &rev)))
		return r;
	name = at ? strndup(text, (size_t)(at - text)) : strdup(text);
	if (!name)
		return -ENOMEM;
	if ((r = load_generation(st, user_id, name, &rev.generation)))
		return r;
	r = rev.snapshot ? load_snapshot(st, &rev, &it) : iteration_find(st, rev.generation.id, rev.iteration, &it);
	if (r == -ENOENT && rev.snapshot)
		return r;
	if (r == -ENOENT && rev.iteration)
		return store_fail(st, r, "'%s' has no iteration %lld", rev.generation.request_id, (long long)rev.iteration);
	if (r && r != -ENOENT)
		return r;
	rev.snapshot = it.id;
	rev.away = it.away || (!rev.single && rev.generation.away);
	rev.manifest = rev.away ? 0 : rev.single || !rev.generation.manifest_id ? it.manifest : rev.generation.manifest_id;
	*ret_rev = rev;
	rev = (struct revision){ 0 };
	return 0;
}

int revision_split(const char *text, char **ret_rev, char **ret_path)
{
	const char *colon = strchr(text, ':');
	AUTO(free_ptr) char *rev = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	AUTO(free_ptr) char *path = strdup(colon ? colon + 1 : "");

	if (!rev || !path)
		return -ENOMEM;
	*ret_rev = MOVE(rev);
	*ret_path = MOVE(path);
	return 0;
}

int revision_path(struct genstore *st, const struct revision *rev, const char *path, struct manifest **ret_m, size_t *ret_entry)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(free_ptr) char *clean = NULL;
	ssize_t i;
	int r;

	if (rev->away)
		return evict_fail(st, rev->generation.request_id);
	if (!rev->manifest)
		return store_fail(st, -ENOENT, "'%s' has no finished iteration yet", rev->generation.request_id);
	if ((r = manifest_load(st, rev->manifest, &m)))
		return r;
	path += strspn(path, "/");
	clean = strdup(path);
	if (!clean)
		return -ENOMEM;
	for (size_t n = strlen(clean); n && clean[n - 1] == '/'; n--)
		clean[n - 1] = '\0';
	i = *clean ? manifest_find(m, clean) : (ssize_t)m->count;
	if (i < 0)
		return store_fail(st, -ENOENT, "no '%s' in '%s'", clean, rev->generation.request_id);
	*ret_entry = (size_t)i;
	*ret_m = MOVE(m);
	return 0;
}

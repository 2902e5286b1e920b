#include "store/revision.h"
#include "store/app.h"

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

/* number 0: the newest. */
static int by_app(struct genstore *st, const char *user_id, const char *app, int64_t number, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT g.id, g.user_id FROM apps a JOIN generation_requests g ON g.app_id = a.id"
				  " WHERE a.app_name = ?1 AND (?2 IS NULL OR a.user_id = ?2) AND (?3 = 0 OR generation_number = ?3)"
				  " ORDER BY generation_number DESC, g.id DESC");
	char first[ID_UUID];
	int r;

	bind_text(&q, app);
	bind_text(&q, user_id);
	bind_i64(&q, number);
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

static int find_generation(struct genstore *st, const char *user_id, const char *name, int64_t *ret_id)
{
	AUTO(free_ptr) char *app = NULL;
	const char *slash = strrchr(name, '/');
	int64_t number;
	int r;

	if (strcmp(name, "-") == 0)
		return newest(st, user_id, ret_id);
	if (slash) {
		if (!number_of(slash + 1, &number))
			return store_fail(st, -EINVAL, "'%s' is not app-name/number", name);
		app = strndup(name, (size_t)(slash - name));
		r = app ? by_app(st, user_id, app, number, ret_id) : -ENOMEM;
		return r == -ENOENT ? store_fail(st, r, "no generation %lld of an app '%s'", (long long)number, app) : r;
	}
	/* An app's name goes before a mere prefix; ids that begin with req_ can be no app. */
	r = *name ? by_app(st, user_id, name, 0, ret_id) : -ENOENT;
	if (r == -ENOENT && *name)
		r = by_prefix(st, user_id, name, ret_id);
	return r == -ENOENT ? store_fail(st, r, "no generation or app '%s'", name) : r;
}

int revision_find(struct genstore *st, const char *user_id, const char *text, struct revision *ret_rev)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(free_ptr) char *name = NULL;
	const char *at = strchr(text, '@');
	int64_t id;
	int r;

	if (at && !number_of(at + 1, &rev.iteration))
		return store_fail(st, -EINVAL, "'%s' is not an iteration; write REV@3", at);
	name = at ? strndup(text, (size_t)(at - text)) : strdup(text);
	if (!name)
		return -ENOMEM;
	if ((r = find_generation(st, user_id, name, &id)) || (r = generation_get(st, id, &rev.generation)))
		return r;
	r = iteration_find(st, id, rev.iteration, &it);
	if (r == -ENOENT && rev.iteration)
		return store_fail(st, r, "'%s' has no iteration %lld", rev.generation.request_id, (long long)rev.iteration);
	if (r && r != -ENOENT)
		return r;
	rev.snapshot = it.id;
	rev.manifest = rev.iteration || !rev.generation.manifest_id ? it.manifest : rev.generation.manifest_id;
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

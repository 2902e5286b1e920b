#include "store/generation.h"
#include "store/app.h"
#include "store/artifact.h"
#include "store/audit.h"
#include "store/base/json.h"

#include <stddef.h>

#define COLUMNS                                                                                                        \
	"SELECT g.id, g.generation_number, g.max_iterations, g.current_iteration, g.request_id, g.uuid, g.app_id, g.user_id,"  \
	" g.app_name, g.prompt, g.initial_prompt, g.status, g.generation_type, g.mode, g.github_url, g.github_commit,"         \
	" g.artifacts_github_url, g.deployment_url, g.error_message, g.last_session_id, g.s3_path, g.parent_request_id,"      \
	" g.supabase_project_ref, g.created_at, g.updated_at, g.completed_at, a.seal_id, a.content_id, a.metadata_id,"                                \
	" coalesce(s.size, c.size), coalesce(s.sha256, c.sha256), s.manifest_id, c.size > 0 AND length(c.pieces) = 0"                                              \
	" FROM generation_requests g LEFT JOIN archive a ON a.generation_request_id = g.id"                                   \
	" LEFT JOIN seal s ON s.id = a.seal_id LEFT JOIN content c ON c.id = a.content_id "

/* Where the text columns of COLUMNS go, from the fifth on; readers rely on the NOT NULL ones. */
static const struct { size_t at; bool not_null; } texts[] = {
#define TEXT(name, not_null) { offsetof(struct generation, name), not_null }
	TEXT(request_id, true),       TEXT(uuid, true),           TEXT(app_id, true),
	TEXT(user_id, true),          TEXT(app_name, true),       TEXT(prompt, false),
	TEXT(initial_prompt, false),  TEXT(status, true),         TEXT(generation_type, true),
	TEXT(mode, true),             TEXT(github_url, false),    TEXT(github_commit, false),
	TEXT(artifacts_github_url, false), TEXT(deployment_url, false), TEXT(error_message, false),
	TEXT(last_session_id, false), TEXT(s3_path, false),       TEXT(parent_request_id, false),
	TEXT(supabase_project_ref, false), TEXT(created_at, true), TEXT(updated_at, true),
	TEXT(completed_at, false),
#undef TEXT
};
enum { FIRST_TEXT = 4, AFTER_TEXTS = FIRST_TEXT + ARRAY_LEN(texts) };

static char **text_at(struct generation *g, size_t i)
{
	return (char **)((char *)g + texts[i].at);
}

void generation_release(struct generation *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*text_at(g, i));
	*g = (struct generation){ 0 };
}

/* Steps q, a statement over COLUMNS: 1, 0, or an error. */
static int load(struct genstore *st, struct stmt *q, struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = stmt_step(q);

	if (r <= 0)
		return r;
	g.id = col_i64(q, 0);
	g.generation_number = col_i64(q, 1);
	g.max_iterations = col_i64(q, 2);
	g.current_iteration = col_i64(q, 3);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if ((r = col_dup(q, FIRST_TEXT + (int)i, text_at(&g, i))))
			return store_fail(st, r, "no memory");
		if (texts[i].not_null && !*text_at(&g, i))
			return store_fail(st, -EUCLEAN, "generation %lld is damaged: a column is empty; run 'genstore check'",
					  (long long)g.id);
	}
	g.seal_id = col_i64(q, AFTER_TEXTS);
	g.content_id = col_i64(q, AFTER_TEXTS + 1);
	g.metadata_id = col_i64(q, AFTER_TEXTS + 2);
	g.archive_size = col_i64(q, AFTER_TEXTS + 3);
	if (g.metadata_id && (r = col_bytes(q, AFTER_TEXTS + 4, g.archive_sha256, SHA256_SIZE)))
		return r;
	g.manifest_id = col_i64(q, AFTER_TEXTS + 5);
	g.away = col_i64(q, AFTER_TEXTS + 6);
	*ret_g = g;
	g = (struct generation){ 0 };
	return 1;
}

int generation_get(struct genstore *st, int64_t id, struct generation *ret_g)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE g.id = ?");
	int r;

	bind_i64(&q, id);
	r = load(st, &q, ret_g);
	return r > 0 ? 0 : r < 0 ? r : store_fail(st, -ENOENT, "no generation %lld", (long long)id);
}

static int request_of(struct genstore *st, int64_t id, const char *request_id)
{
	STMT q = db_stmt(&st->db, "SELECT request_id FROM generation_requests WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) < 0)
		return r;
	if (!r || strcmp(col_text(&q, 0), request_id) != 0)
		return store_fail(st, -EBADMSG, "the index of request ids is damaged; run 'genstore check'");
	return 0;
}

int generation_id(struct genstore *st, const char *request_id, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM generation_requests WHERE request_id = ?");
	int r;

	/* The index and the row it leads to, of one state. */
	TXN t = txn_begin_read(&st->db);

	bind_text(&q, request_id);
	if ((r = t.error) || (r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "no generation '%s'", request_id);
	if ((r = request_of(st, col_i64(&q, 0), request_id)))
		return r;
	*ret_id = col_i64(&q, 0);
	return 0;
}

int generation_name(struct genstore *st, int64_t id, char ret_request_id[ID_REQUEST_MAX + 1])
{
	STMT q = db_stmt(&st->db, "SELECT request_id FROM generation_requests WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "no generation %lld", (long long)id);
	snprintf(ret_request_id, ID_REQUEST_MAX + 1, "%s", col_text(&q, 0));
	return 0;
}

int generation_by_request(struct genstore *st, const char *request_id, struct generation *ret_g)
{
	int64_t id;
	int r = generation_id(st, request_id, &id);

	return r ? r : generation_get(st, id, ret_g);
}

/* Steps q from id. In a damaged table the next row may be none of those that were asked for: nobody goes round in circles. */
static int load_next(struct genstore *st, struct stmt *q, int64_t id, bool back, struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r;

	bind_i64(q, id);
	if ((r = load(st, q, &g)) <= 0)
		return r;
	if (back ? g.id >= id : g.id <= id)
		return store_fail(st, -EUCLEAN, "the generations are damaged: they are out of order; run 'genstore check'");
	*ret_g = g;
	g = (struct generation){ 0 };
	return 1;
}

int generation_after(struct genstore *st, int64_t id, struct generation *ret_g)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE g.id > ? ORDER BY g.id LIMIT 1");

	return load_next(st, &q, id, false, ret_g);
}

int generation_before(struct genstore *st, int64_t id, struct generation *ret_g)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE g.id < ? ORDER BY g.id DESC LIMIT 1");

	return load_next(st, &q, id, true, ret_g);
}

/* One more than any the app has or had: what was removed leaves its number unused. */
static int next_number(struct genstore *st, const char *app_id, int64_t *ret_number)
{
	STMT q = db_stmt(&st->db, "UPDATE main.apps SET last_generation_number = 1 + max(last_generation_number,"
				  " coalesce((SELECT max(generation_number) FROM generation_requests WHERE app_id = ?1), 0))"
				  " WHERE id = ?1 RETURNING last_generation_number");
	int r;

	bind_text(&q, app_id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_number = col_i64(&q, 0);
	return stmt_run(&q);
}

static int number_is_free(struct genstore *st, const char *app_id, int64_t number)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM generation_requests WHERE app_id = ? AND generation_number = ?");
	int r;

	bind_text(&q, app_id);
	bind_i64(&q, number);
	r = stmt_step(&q);
	return r < 0 ? r : !r;
}

/* The one it had elsewhere, unless another generation that was made here meanwhile has it. */
static int choose_number(struct genstore *st, const struct generation_request *req, const char *app_id, int64_t *ret_number)
{
	int r = req->number > 0 ? number_is_free(st, app_id, req->number) : 0;

	*ret_number = req->number;
	return r > 0 ? 0 : r < 0 ? r : next_number(st, app_id, ret_number);
}

static int choose_app(struct genstore *st, const struct generation_request *req, const char *user_id, char ret_id[ID_UUID])
{
	int r = req->app_id ? app_adopt(st, user_id, req->app_id, req->app_name, ret_id) : -ENOENT;

	if (r == -ENOENT)
		r = app_find(st, user_id, req->app_name, ret_id);
	return r == -ENOENT ? app_create(st, user_id, req->app_name, ret_id) : r;
}

static int insert_request(struct genstore *st, const struct generation_request *req, const char *user_id, const char *app_id,
			  const char *request_id, int64_t number)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.generation_requests(request_id, uuid, app_id, user_id, app_name, prompt,"
				  " initial_prompt, status, generation_type, mode, max_iterations, current_iteration,"
				  " generation_number, parent_request_id, created_at, updated_at)"
				  " VALUES (?, ?, ?, ?, ?, ?6, coalesce((SELECT initial_prompt FROM generation_requests"
				  " WHERE request_id = ?11), ?6), 'queued', ?7, ?8, ?9, 0, ?10, ?11, ?12, ?13)");
	char uuid[ID_UUID], now[CLOCK_TEXT];
	int r;

	if ((r = id_uuid4(&st->ids, uuid)))
		return r;
	store_now(st, now);
	bind_text(&q, request_id);
	bind_text(&q, uuid);
	bind_text(&q, app_id);
	bind_text(&q, user_id);
	bind_text(&q, req->app_name);
	bind_text(&q, req->prompt);
	bind_text(&q, req->type);
	bind_text(&q, req->mode);
	bind_i64(&q, req->max_iterations);
	bind_i64(&q, number);
	bind_text(&q, req->parent);
	bind_text(&q, req->created_at ? req->created_at : now);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* Whether the handle shows it or not: ids are the file's. */
static int check_free(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.generation_requests WHERE request_id = ?");
	int r;

	bind_text(&q, request_id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	return store_fail(st, -EEXIST, "the request id '%s' is taken; choose another one", request_id);
}

static int audit_create(struct genstore *st, const struct generation *g)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "app_id", g->app_id);
	jw_str(&j, "app_name", g->app_name);
	jw_int(&j, "generation_number", g->generation_number);
	jw_str(&j, "generation_type", g->generation_type);
	jw_str(&j, "parent_request_id", g->parent_request_id);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, "generation.create", g->request_id, buf_str(&details));
}

int generation_create(struct genstore *st, const struct generation_request *req, struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	char user_id[ID_UUID], app_id[ID_UUID], made[ID_REQUEST];
	const char *request_id = req->request_id;
	int64_t number;
	int r;

	if (!app_name_valid(req->app_name))
		return store_fail(st, -EINVAL, "'%s' cannot be an app name; use up to %d bytes without / : @, not beginning with req_ or -",
				  req->app_name, APP_NAME_MAX);
	if (request_id && !id_is_request(request_id))
		return store_fail(st, -EINVAL, "'%s' cannot be a request id", request_id);

	TXN t = txn_begin(&st->db);

	if (t.error)
		return t.error;
	if ((r = user_find(st, req->user_id, user_id)))
		return r;
	if ((r = choose_app(st, req, user_id, app_id)) || (r = choose_number(st, req, app_id, &number)))
		return r;
	if ((r = request_id ? check_free(st, request_id) : id_request(&st->ids, made)))
		return r;
	if ((r = insert_request(st, req, user_id, app_id, request_id ? request_id : made, number)))
		return r;
	if ((r = generation_get(st, db_last_id(&st->db), &g)) || (r = audit_create(st, &g)) || (r = txn_commit(&t)))
		return r;
	*ret_g = g;
	g = (struct generation){ 0 };
	return 0;
}

bool generation_is_final(const char *status)
{
	return !strcmp(status, "completed") || !strcmp(status, "failed") || !strcmp(status, "cancelled");
}

/* Before it changes. Of one that is gone there is nothing to say. */
static int audit_status(struct genstore *st, int64_t id, const char *status)
{
	STMT q = db_stmt(&st->db, "SELECT request_id, status FROM generation_requests WHERE id = ?");
	int r;

	bind_i64(&q, id);
	r = stmt_step(&q);
	return r > 0 ? audit_change(st, "generation.status", col_text(&q, 0), "status", col_text(&q, 1), status) : r;
}

int generation_set_status(struct genstore *st, int64_t id, const char *status, const char *error_message)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET status = ?2, error_message = coalesce(?3, error_message),"
				  " updated_at = ?4, completed_at = CASE WHEN ?2 IN ('completed', 'failed', 'cancelled')"
				  " THEN coalesce(completed_at, ?4) ELSE completed_at END WHERE id = ?1");
	char now[CLOCK_TEXT];
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = audit_status(st, id, status)))
		return r;
	store_now(st, now);
	bind_i64(&q, id);
	bind_text(&q, status);
	bind_text(&q, error_message);
	bind_text(&q, now);
	r = stmt_run(&q);
	/* The database keeps the table of transitions, and says no by a constraint. */
	if (r == -EINVAL)
		return store_fail(st, -ESTALE, "generation %lld cannot become '%s' from the state it is in", (long long)id, status);
	if (!r && !db_changes(&st->db))
		return store_fail(st, -ENOENT, "generation %lld is gone", (long long)id);
	return r ? r : txn_commit(&t);
}

int generation_set_session(struct genstore *st, int64_t id, const char *session_id)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET last_session_id = ?2 WHERE id = ?1 AND last_session_id IS NOT ?2");

	bind_i64(&q, id);
	bind_text(&q, session_id);
	return stmt_run(&q);
}

int generation_session(struct genstore *st, const struct generation *g, struct session *ret_s)
{
	AUTO(free_ptr) char *user = NULL;
	char organization[ID_UUID];
	int r;

	if ((r = user_name(st, g->user_id, &user)) || (r = organization_find(st, user, organization)))
		return r;
	return session_find(st, organization, g->request_id, ret_s);
}

/* Screenshots are the generation's own; what people put into its session is theirs. */
static int remove_screenshots(struct genstore *st, const struct generation *g)
{
	struct artifact_filter filter = { .type = "screenshot" };
	struct session s;
	int64_t removed;
	int r;

	if ((r = generation_session(st, g, &s)))
		return r == -ENOENT ? 0 : r;
	filter.session_id = s.id;
	filter.organization_id = s.organization_id;
	if ((r = artifact_remove(st, &filter, &removed)))
		return r;
	STMT q = db_stmt(&st->db, "DELETE FROM main.sessions WHERE session_id = ?1 AND NOT EXISTS (SELECT 1 FROM artifacts WHERE session_id = ?1)");

	bind_text(&q, s.id);
	return stmt_run(&q);
}

/* What the generators of an app reported (src/flow/credentials.h) goes with its last generation. */
static int forget_credentials(struct genstore *st, const char *app_id)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.user_secrets WHERE provider = 'app.' || ?1"
				  " AND NOT EXISTS (SELECT 1 FROM main.generation_requests WHERE app_id = ?1)");

	bind_text(&q, app_id);
	return stmt_run(&q);
}

int generation_remove(struct genstore *st, int64_t id)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;
	int r;

	TXN t = txn_begin(&st->db);

	if (t.error)
		return t.error;
	if ((r = generation_get(st, id, &g)))
		return r;
	if (!strcmp(g.status, "queued") || !strcmp(g.status, "generating"))
		return store_fail(st, -EBUSY, "'%s' is %s; cancel it first", g.request_id, g.status);
	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "app_id", g.app_id);
	jw_int(&j, "generation_number", g.generation_number);
	jw_end(&j);
	if ((r = audit_write(st, "generation.remove", g.request_id, buf_str(&details))) || (r = remove_screenshots(st, &g)))
		return r;

	STMT q = db_stmt(&st->db, "DELETE FROM main.generation_requests WHERE id = ?");

	bind_i64(&q, id);
	if ((r = stmt_run(&q)) || (r = forget_credentials(st, g.app_id)))
		return r;
	return txn_commit(&t);
}

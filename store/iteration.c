#include "store/generation.h"
#include "store/sums.h"

/* A column that a legacy database filled with something else has no manifest. */
#define OF_SNAPSHOT(key) "iif(json_valid(files_snapshot), files_snapshot ->> '$." key "', NULL)"
#define COLUMNS                                                                                                        \
	"SELECT id, generation_request_id, iteration_number, " OF_SNAPSHOT("manifest") ", " OF_SNAPSHOT("files") ", "          \
	OF_SNAPSHOT("bytes") ", snapshot_type, prompt_used, timestamp, metadata, " OF_SNAPSHOT("manifest") " IS 'archive'"               \
	" FROM iteration_snapshots "

void iteration_release(struct iteration *it)
{
	if (!it)
		return;
	free(it->snapshot_type);
	free(it->prompt_used);
	free(it->timestamp);
	free(it->metadata);
	*it = (struct iteration){ 0 };
}

static int load(struct stmt *q, struct iteration *ret_it)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	int r = stmt_step(q);

	if (r <= 0)
		return r;
	it.id = col_i64(q, 0);
	it.generation = col_i64(q, 1);
	it.number = col_i64(q, 2);
	it.away = col_i64(q, 10);
	it.manifest = it.away ? 0 : col_i64(q, 3);
	it.files = col_i64(q, 4);
	it.bytes = col_i64(q, 5);
	if ((r = col_dup(q, 6, &it.snapshot_type)) || (r = col_dup(q, 7, &it.prompt_used)) ||
	    (r = col_dup(q, 8, &it.timestamp)) || (r = col_dup(q, 9, &it.metadata)))
		return r;
	*ret_it = it;
	it = (struct iteration){ 0 };
	return 1;
}

static int insert(struct genstore *st, int64_t generation, int64_t number, const char *type, const struct manifest *m,
		  const char *prompt, const char *metadata, const char *now)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.iteration_snapshots(generation_request_id, iteration_number, snapshot_type,"
				  " files_snapshot, prompt_used, timestamp, metadata)"
				  " VALUES (?, ?, ?, json_object('manifest', iif(?4, ?4, 'archive'), 'files', ?, 'bytes', ?), ?, ?, ?)");

	bind_i64(&q, generation);
	bind_i64(&q, number);
	bind_text(&q, type);
	bind_i64(&q, m ? m->id : 0);
	bind_i64(&q, m ? m->files : 0);
	bind_i64(&q, m ? m->bytes : 0);
	bind_text(&q, prompt);
	bind_text(&q, now);
	bind_text(&q, metadata);
	return stmt_run(&q);
}

static int set_current(struct genstore *st, int64_t generation, int64_t number, const char *now)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET current_iteration = ?, updated_at = ? WHERE id = ?");

	bind_i64(&q, number);
	bind_text(&q, now);
	bind_i64(&q, generation);
	return stmt_run(&q);
}

int iteration_add(struct genstore *st, int64_t generation, int64_t number, const char *type, const struct manifest *m,
		  const char *prompt, const char *metadata, int64_t *ret_id)
{
	return iteration_add_at(st, generation, number, type, m, prompt, metadata, NULL, ret_id);
}

int iteration_add_at(struct genstore *st, int64_t generation, int64_t number, const char *type, const struct manifest *m,
		     const char *prompt, const char *metadata, const char *at, int64_t *ret_id)
{
	char now[CLOCK_TEXT];
	int64_t id;
	int r;

	TXN t = txn_begin(&st->db);

	if (t.error)
		return t.error;
	store_now(st, now);
	if ((r = insert(st, generation, number, type, m, prompt, metadata, at ? at : now)))
		return r;
	id = db_last_id(&st->db);
	if (number && (r = set_current(st, generation, number, now)))
		return r;
	if ((r = txn_commit(&t)))
		return r;
	*ret_id = id;
	return 0;
}

/* An index can lead to another row than it says, a row can be damaged: neither may stand for somebody's tree. */
static int load_checked(struct genstore *st, int64_t id, int64_t generation, int64_t number, struct iteration *ret_it)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	int r;

	if ((r = iteration_get(st, id, &it)))
		return r;
	if (it.generation != generation || (number && it.number != number))
		return store_fail(st, -EBADMSG, "the index of iterations is damaged; run 'genstore check'");
	*ret_it = it;
	it = (struct iteration){ 0 };
	return 0;
}

int iteration_next(struct genstore *st, int64_t generation, int64_t after_id, struct iteration *ret_it)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM iteration_snapshots WHERE generation_request_id = ? AND id > ? ORDER BY id LIMIT 1");
	int r;

	bind_i64(&q, generation);
	bind_i64(&q, after_id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	r = load_checked(st, col_i64(&q, 0), generation, 0, ret_it);
	return r ? r : 1;
}

int iteration_find(struct genstore *st, int64_t generation, int64_t number, struct iteration *ret_it)
{
	STMT q = db_stmt(&st->db, "SELECT max(id) FROM iteration_snapshots WHERE generation_request_id = ?1"
				  " AND (?2 = 0 OR iteration_number = ?2) AND " ITERATION_COUNTS);
	int r;

	bind_i64(&q, generation);
	bind_i64(&q, number);
	if ((r = stmt_step(&q)) < 0)
		return r;
	if (!r || col_null(&q, 0))
		return store_fail(st, -ENOENT, "no iteration %lld", (long long)number);
	return load_checked(st, col_i64(&q, 0), generation, number, ret_it);
}

int iteration_get(struct genstore *st, int64_t id, struct iteration *ret_it)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE id = ?");
	int r;

	if ((r = sums_verify(st, "iteration_snapshots", id)))
		return r;
	bind_i64(&q, id);
	r = load(&q, ret_it);
	return r > 0 ? 0 : r < 0 ? r : store_fail(st, -ENOENT, "no snapshot %lld", (long long)id);
}

int iterations_go(struct genstore *st, int64_t generation, int64_t manifest)
{
	STMT q = db_stmt(&st->db, "UPDATE main.iteration_snapshots SET files_snapshot = json_set(files_snapshot, '$.manifest', 'archive')"
				  " WHERE generation_request_id = ? AND " OF_SNAPSHOT("manifest") " = ?");

	bind_i64(&q, generation);
	bind_i64(&q, manifest);
	return stmt_run(&q);
}

int iterations_return(struct genstore *st, int64_t generation, const struct manifest *m)
{
	STMT q = db_stmt(&st->db, "UPDATE main.iteration_snapshots SET files_snapshot = json_object('manifest', ?2, 'files', ?3, 'bytes', ?4)"
				  " WHERE generation_request_id = ?1 AND " OF_SNAPSHOT("manifest") " = 'archive'");
	STMT none = db_stmt(&st->db, "DELETE FROM main.iteration_snapshots WHERE generation_request_id = ? AND " OF_SNAPSHOT("manifest")
				     " = 'archive'");

	bind_i64(&none, generation);
	if (!m)
		return stmt_run(&none);
	bind_i64(&q, generation);
	bind_i64(&q, m->id);
	bind_i64(&q, m->files);
	bind_i64(&q, m->bytes);
	return stmt_run(&q);
}

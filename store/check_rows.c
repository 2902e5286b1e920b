/* The rows that people see: generations, their iterations and logs. */
#include "store/audit.h"
#include "store/base/json_read.h"
#include "store/check_inside.h"
#include "store/event.h"
#include "store/generation.h"
#include "store/migrate_tree.h"
#include "store/sums.h"

enum { METADATA_MAX = 1 << 20 };

/* Rows from before genstore hold what they held. */
static bool is_legacy(const char *request_id)
{
	return strncmp(request_id, "req_legacy_", 11) == 0;
}

static int check_time(struct check *c, const char *kind, const char *subject, const char *column, const char *text)
{
	int64_t seconds;

	if (!text || !clock_parse(text, &seconds))
		return 0;
	return check_found(c, kind, subject, "%s '%s' is not a time", column, text);
}

static bool same_text(const json_t *j, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(j, key));

	return value && text ? !strcmp(value, text) : !text && !value;
}

static bool same_number(const json_t *j, const char *key, int64_t number)
{
	const json_t *value = json_object_get(j, key);

	return json_is_integer(value) && json_integer_value(value) == number;
}

static bool same_prompt(const json_t *j, const char *prompt)
{
	char hash[8 + HEX_SHA256_SIZE] = "sha256:";
	uint8_t sha256[SHA256_SIZE];

	if (!prompt)
		return same_text(j, "prompt_hash", NULL);
	sha256_of(prompt, strlen(prompt), sha256);
	hex_encode(sha256, sizeof(sha256), hash + 7);
	return same_text(j, "prompt_hash", hash);
}

static int compare(struct check *c, const struct generation *g, const json_t *j)
{
	const json_t *own = json_object_get(j, "genstore");
	char hex[HEX_SHA256_SIZE];

	hex_encode(g->archive_sha256, SHA256_SIZE, hex);
	const struct { const char *column; bool same; } fields[] = {
		{ "request_id", same_text(j, "request_id", g->request_id) },
		{ "app_name", same_text(j, "app_name", g->app_name) },
		{ "created_at", same_text(j, "created_at", g->created_at) },
		{ "prompt", same_prompt(j, g->prompt) },
		{ "generation_number", same_number(j, "generation_number", g->generation_number) },
		{ "app_id", same_text(own, "app_id", g->app_id) },
		{ "parent_request_id", same_text(own, "parent_request_id", g->parent_request_id) },
		{ "size of app.tar.gz", same_number(own, "archive_size", g->archive_size) },
		{ "sha256 of app.tar.gz", same_text(own, "archive_sha256", hex) },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (!fields[i].same)
			check_found(c, "generation", g->request_id, "its %s is not what its metadata.json says", fields[i].column);
	return 0;
}

/* Whether the archive and metadata.json were handed in. */
static int read_received(struct check *c, const char *request_id, bool *ret_archive, bool *ret_metadata)
{
	STMT q = db_stmt(&c->st->db, "SELECT archive, metadata_id IS NOT NULL FROM received WHERE request_id = ?");
	int r;

	*ret_archive = *ret_metadata = false;
	bind_text(&q, request_id);
	if ((r = stmt_step(&q)) > 0) {
		*ret_archive = col_i64(&q, 0);
		*ret_metadata = col_i64(&q, 1);
	}
	return r < 0 ? r : 0;
}

/* Our own metadata.json was written from the row; one that was handed in is whatever it is. */
static int check_metadata(struct check *c, const struct generation *g, bool given)
{
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) char *text = NULL;
	AUTO(json_unref) json_t *j = NULL;
	ssize_t n;
	int r = object_of_content(c->st, g->metadata_id, &o);

	if (r)
		return check_verdict(c, "generation", g->request_id, r);
	if (!g->seal_id || given)
		return 0;
	if (object_size(o) > METADATA_MAX || !(text = malloc((size_t)object_size(o) + 1)))
		return object_size(o) > METADATA_MAX ? check_found(c, "generation", g->request_id, "metadata.json is too large") : -ENOMEM;
	if ((n = object_read(c->st, o, 0, (size_t)object_size(o), text)) < 0)
		return check_verdict(c, "generation", g->request_id, (int)n);
	j = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	return j ? compare(c, g, j) : check_found(c, "generation", g->request_id, "metadata.json is not JSON");
}

static int check_columns(struct check *c, const struct generation *g, bool received)
{
	if (is_legacy(g->request_id))
		return 0;
	check_time(c, "generation", g->request_id, "created_at", g->created_at);
	check_time(c, "generation", g->request_id, "updated_at", g->updated_at);
	check_time(c, "generation", g->request_id, "completed_at", g->completed_at);
	if (generation_is_final(g->status) != (g->completed_at != NULL))
		check_found(c, "generation", g->request_id, "it is %s and %s completed_at", g->status,
			    g->completed_at ? "has a" : "has no");
	/* An archive that was handed in can be there while its generation still runs. */
	if (g->metadata_id && !generation_is_final(g->status) && !received)
		check_found(c, "generation", g->request_id, "it is sealed and %s", g->status);
	return 0;
}

/* What is not here has to be there: the bucket acknowledged it. */
static int check_away(struct check *c, const struct generation *g)
{
	STMT q = db_stmt(&c->st->db, "SELECT 1 FROM outbox AS o JOIN remote_objects AS r ON r.outbox_id = o.id WHERE o.generation_request_id = ?"
				     " AND o.remote = 's3' AND o.state = 'synced' AND r.name = 'app.tar.gz' AND r.size = ? AND r.sha256 = ?");
	int r;

	c->result.evicted++;
	bind_i64(&q, g->id);
	bind_i64(&q, g->archive_size);
	bind_blob(&q, g->archive_sha256, SHA256_SIZE);
	if ((r = stmt_step(&q)) < 0)
		return check_verdict(c, "generation", g->request_id, r);
	return r ? 0 : check_found(c, "generation", g->request_id, "its archive is not in this store, and no bucket acknowledged it");
}

static int check_generation(struct check *c, int64_t id)
{
	AUTO(generation_release) struct generation g = { 0 };
	bool archive = false, metadata = false;
	TXN t = txn_begin_read(&c->st->db);
	int r = t.error ? t.error : generation_get(c->st, id, &g);

	if (r == -ENOENT)
		return 0;
	c->result.generations++;
	if (r || (r = read_received(c, g.request_id, &archive, &metadata)))
		return check_verdict_id(c, "generation", id, r);
	if ((r = check_columns(c, &g, archive)) || (g.away && (r = check_away(c, &g))))
		return r;
	return g.metadata_id ? check_metadata(c, &g, metadata) : 0;
}

static int check_archives(struct check *c)
{
	STMT q = db_stmt(&c->st->db, "SELECT generation_request_id, sealed_at FROM archive");
	char subject[24];
	int r;

	while ((r = stmt_step(&q)) > 0) {
		snprintf(subject, sizeof(subject), "%lld", (long long)col_i64(&q, 0));
		check_time(c, "archive", subject, "sealed_at", col_text(&q, 1));
	}
	return check_verdict(c, "archive", "-", r);
}

static int check_costs(struct check *c)
{
	STMT q = db_stmt(&c->st->db, "SELECT id, created_at FROM generation_costs"
				     " WHERE strftime('%Y-%m-%dT%H:%M:%SZ', created_at) IS NOT created_at OR input_tokens < 0"
				     " OR output_tokens < 0 OR duration_ms < 0 OR cost_usd < 0");
	char subject[24];
	int r;

	while ((r = stmt_step(&q)) > 0) {
		snprintf(subject, sizeof(subject), "%lld", (long long)col_i64(&q, 0));
		check_found(c, "cost", subject, "its time '%s' is none, or a number is below 0", col_text(&q, 1));
	}
	return check_verdict(c, "cost", "-", r);
}

static int bad_sum(void *arg, const char *table, const char *key, const char *words)
{
	char subject[128];

	snprintf(subject, sizeof(subject), "%s %s", table, key);
	return check_found(arg, "row", subject, "%s", words);
}

static int check_sums(struct check *c)
{
	return check_verdict(c, "row", "-", sums_check(c->st, bad_sum, c));
}

int check_generations(struct check *c)
{
	int r = check_each(c, "SELECT id FROM generation_requests WHERE id > ? ORDER BY id LIMIT 1", check_generation);

	if (r || (r = check_archives(c)) || (r = check_costs(c)))
		return r;
	return check_sums(c);
}

/* {"manifest": id, "files": n, "bytes": n} against the manifest. */
static int check_tree(struct check *c, const char *subject, int64_t manifest, int64_t files, int64_t bytes)
{
	STMT q = db_stmt(&c->st->db, "SELECT files, bytes FROM manifest WHERE id = ?");
	int r;

	bind_i64(&q, manifest);
	if ((r = stmt_step(&q)) < 0)
		return check_verdict(c, "iteration", subject, r);
	if (!r)
		return check_found(c, "iteration", subject, "its manifest %lld is missing", (long long)manifest);
	if (col_i64(&q, 0) != files || col_i64(&q, 1) != bytes)
		return check_found(c, "iteration", subject, "its files_snapshot is not what manifest %lld has", (long long)manifest);
	return 0;
}

static int check_iteration(struct check *c, int64_t id)
{
	TXN t = txn_begin_read(&c->st->db);
	STMT q = db_stmt(&c->st->db,
			 "SELECT s.files_snapshot, iif(json_valid(s.files_snapshot), s.files_snapshot ->> '$.files', 0),"
			 " iif(json_valid(s.files_snapshot), s.files_snapshot ->> '$.bytes', 0), s.timestamp,"
			 " s.iteration_number BETWEEN 0 AND g.current_iteration, g.request_id, EXISTS (SELECT 1 FROM archive AS a"
			 " JOIN content AS c ON c.id = a.content_id WHERE a.generation_request_id = g.id AND length(c.pieces) = 0)"
			 " FROM iteration_snapshots AS s JOIN generation_requests AS g ON g.id = s.generation_request_id WHERE s.id = ?");
	enum tree_kind kind;
	int64_t manifest = 0;
	char subject[24];
	int r = t.error;

	snprintf(subject, sizeof(subject), "%lld", (long long)id);
	bind_i64(&q, id);
	if (r || (r = stmt_step(&q)) <= 0)
		return check_verdict(c, "iteration", subject, r);
	c->result.iterations++;
	if (!is_legacy(col_text(&q, 5))) {
		check_time(c, "iteration", subject, "timestamp", col_text(&q, 3));
		if (!col_i64(&q, 4))
			check_found(c, "iteration", subject, "its iteration_number is none of its generation's");
	}
	kind = tree_kind(col_text(&q, 0), col_size(&q, 0), &manifest);
	if (kind == TREE_AWAY)
		return col_i64(&q, 6) ? 0 : check_found(c, "iteration", subject, "its tree is nowhere: the archive that it is in is none");
	if (kind == TREE_MANIFEST)
		return check_tree(c, subject, manifest, col_i64(&q, 1), col_i64(&q, 2));
	/* Rows that came from elsewhere can have none, or what cannot be one. */
	if (kind == TREE_WRAPPED || col_null(&q, 0))
		return 0;
	return is_legacy(col_text(&q, 5)) ? 0 : check_found(c, "iteration", subject, "its files_snapshot names no manifest");
}

int check_iterations(struct check *c)
{
	return check_each(c, "SELECT id FROM iteration_snapshots WHERE id > ? ORDER BY id LIMIT 1", check_iteration);
}

static int event_sum_of(struct check *c, int64_t id, int64_t *ret_sum, bool *ret_has)
{
	STMT q = db_stmt(&c->st->db, "SELECT sum FROM generation_events WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) > 0) {
		*ret_has = !col_null(&q, 0);
		*ret_sum = col_i64(&q, 0);
	}
	return r < 0 ? r : 0;
}

static int check_event(struct check *c, int64_t generation, const struct event *e, int64_t *position)
{
	char subject[24];
	int64_t sum = 0;
	bool has = false;
	int r;

	snprintf(subject, sizeof(subject), "%lld", (long long)e->id);
	c->result.events++;
	if (e->position != *position)
		check_found(c, "event", subject, "it stands at %lld in log.txt, where %lld belongs", (long long)e->position,
			    (long long)*position);
	/* "at  line\n" */
	*position = e->position + (int64_t)(strlen(e->at) + 2 + strlen(e->line) + 1);
	if ((r = event_sum_of(c, e->id, &sum, &has)))
		return check_verdict(c, "event", subject, r);
	if (has && sum != event_checksum(generation, e))
		check_found(c, "event", subject, "it does not match its checksum");
	return 0;
}

static int check_log(struct check *c, int64_t generation)
{
	int64_t position = 0, after = -1;
	int r;

	for (;;) {
		AUTO(event_release) struct event e = { 0 };

		if ((r = event_next(c->st, generation, after, &e)) <= 0)
			return check_verdict_id(c, "event", generation, r);
		after = e.position;
		if ((r = check_event(c, generation, &e, &position)))
			return r;
	}
}

int check_events(struct check *c)
{
	return check_each(c, "SELECT generation_request_id FROM generation_events WHERE generation_request_id > ?"
			     " ORDER BY generation_request_id LIMIT 1", check_log);
}

static int bad_audit_row(void *arg, int64_t id, const char *words)
{
	char subject[24] = "-";

	if (id)
		snprintf(subject, sizeof(subject), "%lld", (long long)id);
	return check_found(arg, "audit", subject, "%s", words);
}

int check_audit(struct check *c)
{
	return check_verdict(c, "audit", "-", audit_verify(c->st, NULL, bad_audit_row, c, &c->result.audit_rows));
}

/* The end of a generation: its last iteration sealed, metadata.json, and the row's last columns, all at once. */
#include "store/generation.h"
#include "store/audit.h"
#include "store/base/json.h"
#include "store/stage.h"

enum { FLY_TOML_MAX = 64 << 10 };

int metadata_json(const struct generation *g, const struct seal *s, struct buf *out)
{
	uint8_t hash[SHA256_SIZE];
	char hex[HEX_SHA256_SIZE], prompt_hash[HEX_SHA256_SIZE + 8];
	struct jw j;

	jw_begin(&j, out, 2);
	jw_object(&j, NULL);
	jw_str(&j, "request_id", g->request_id);
	jw_str(&j, "app_name", g->app_name);
	jw_str(&j, "created_at", g->created_at);
	if (g->prompt) {
		sha256_of(g->prompt, strlen(g->prompt), hash);
		hex_encode(hash, sizeof(hash), hex);
		snprintf(prompt_hash, sizeof(prompt_hash), "sha256:%s", hex);
	}
	jw_str(&j, "prompt_hash", g->prompt ? prompt_hash : NULL);
	jw_int(&j, "generation_number", g->generation_number);
	jw_object(&j, "genstore");
	jw_int(&j, "format", 1);
	hex_encode(s->sha256, SHA256_SIZE, hex);
	jw_int(&j, "archive_size", s->size);
	jw_str(&j, "archive_sha256", hex);
	jw_str(&j, "app_id", g->app_id);
	jw_str(&j, "parent_request_id", g->parent_request_id);
	jw_str(&j, "github_commit", g->github_commit);
	jw_end(&j);
	jw_end(&j);
	return buf_addc(out, '\n');
}

/* The value of the line `app = "name"` before the first table of a fly.toml, or "". */
static void fly_app(const char *toml, char out[64])
{
	char line[256], value[64];

	out[0] = '\0';
	while (*toml && *toml != '[') {
		size_t n = strcspn(toml, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)(n < sizeof(line) ? n : sizeof(line) - 1), toml);
		if (sscanf(line, " app = %*1[\"']%63[a-z0-9-]", value) == 1)
			strcpy(out, value);
		toml += n + (toml[n] == '\n');
		toml += strspn(toml, " \t");
	}
}

/* https://<app>.fly.dev as the tree's fly.toml has it; NULL when there is none. */
static int deployment_of(struct genstore *st, const struct manifest *m, char **ret_url)
{
	AUTO(object_unrefp) struct object *o = NULL;
	char toml[FLY_TOML_MAX + 1], app[64];
	ssize_t i = manifest_find(m, "fly.toml"), n;
	int r;

	*ret_url = NULL;
	if (i < 0 || m->entries[i].type != TAR_FILE)
		return 0;
	if ((r = object_of_content(st, m->entries[i].content, &o)))
		return r;
	if ((n = object_read(st, o, 0, FLY_TOML_MAX, toml)) < 0)
		return (int)n;
	toml[n] = '\0';
	fly_app(toml, app);
	return *app && asprintf(ret_url, "https://%s.fly.dev", app) < 0 ? -ENOMEM : 0;
}

/* What is worked out before the transaction. */
struct ending {
	struct manifest *manifest; /* NULL: there is no iteration */
	struct seal *seal;         /* the caller's, or computed */
	struct seal computed;
	char *deployment;
	struct buf metadata;
};

static void ending_release(struct ending *e)
{
	manifest_unref(e->manifest);
	seal_release(&e->computed);
	free(e->deployment);
	buf_release(&e->metadata);
}

int generation_mtime(struct genstore *st, const char *created_at, int64_t *ret_mtime)
{
	if (st->source_date >= 0)
		*ret_mtime = st->source_date;
	else if (clock_parse(created_at, ret_mtime))
		return store_fail(st, -EUCLEAN, "a generation has no time of creation; run 'genstore check'");
	return 0;
}

/* What the caller has computed, where it is the seal of that tree at that time. */
static int choose_seal(struct genstore *st, struct ending *e, struct seal *given, int64_t mtime)
{
	e->seal = given;
	if (given && given->manifest_id == e->manifest->id && given->mtime == mtime)
		return 0;
	e->seal = &e->computed;
	return seal_compute(st, e->manifest, mtime, &e->computed);
}

static int prepare(struct genstore *st, const struct generation *g, struct seal *given, struct ending *e)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	int64_t mtime;
	int r = iteration_find(st, g->id, 0, &it);

	if (r == -ENOENT || (!r && (g->metadata_id || !it.manifest)))
		return 0;
	if (r || (r = manifest_load(st, it.manifest, &e->manifest)))
		return r;
	if ((r = generation_mtime(st, g->created_at, &mtime)) || (r = choose_seal(st, e, given, mtime)))
		return r;
	return deployment_of(st, e->manifest, &e->deployment);
}

static int put_archive(struct genstore *st, const struct generation *g, struct ending *e)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.archive(generation_request_id, seal_id, metadata_id, sealed_at) VALUES (?, ?, ?, ?)");
	AUTO(stage_freep) struct stage *stage = NULL; /* begun in here, no collection can come between */
	int64_t slot, metadata_id;
	char now[CLOCK_TEXT];
	int r;

	if ((r = metadata_json(g, e->seal, &e->metadata)) || (r = seal_put(st, e->seal)) ||
	    (r = stage_new(st, &stage)) || (r = stage_bytes(stage, e->metadata.data, e->metadata.len, &slot)) ||
	    (r = stage_flush(stage)) || (r = stage_content(stage, slot, &metadata_id)))
		return r;
	store_now(st, now);
	bind_i64(&q, g->id);
	bind_i64(&q, e->seal->id);
	bind_i64(&q, metadata_id);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* The columns of the schema clean-up plan. */
static int set_columns(struct genstore *st, int64_t id, const struct completion *c, const char *deployment)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET github_url = coalesce(nullif(?2, ''), github_url),"
				  " artifacts_github_url = coalesce(rtrim(nullif(?2, ''), '/') || '-artifacts', artifacts_github_url),"
				  " github_commit = coalesce(?3, github_commit), deployment_url = coalesce(?4, deployment_url),"
				  " last_session_id = coalesce(?5, last_session_id),"
				  " schema_snapshot = coalesce(?6, schema_snapshot) WHERE id = ?1");

	bind_i64(&q, id);
	bind_text(&q, c->github_url);
	bind_text(&q, c->github_commit);
	bind_text(&q, c->flyio_url ? c->flyio_url : deployment);
	bind_text(&q, c->session_id);
	bind_text(&q, c->schema_snapshot);
	return stmt_run(&q);
}

int generation_schema(struct genstore *st, int64_t id, char **ret_json)
{
	STMT q = db_stmt(&st->db, "SELECT schema_snapshot FROM generation_requests WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r ? r : store_fail(st, -ENOENT, "no generation %lld", (long long)id);
	return col_dup(&q, 0, ret_json);
}

int generation_set_schema(struct genstore *st, int64_t id, const char *schema)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET schema_snapshot = ?2 WHERE id = ?1 AND schema_snapshot IS NULL");

	bind_i64(&q, id);
	bind_text(&q, schema);
	return stmt_run(&q);
}

static int audit_project(struct genstore *st, const struct generation *g, const char *ref)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "supabase_project_ref", ref);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, "generation.project", g->request_id, buf_str(&details));
}

int generation_set_project(struct genstore *st, const struct generation *g, const char *ref)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET supabase_project_ref = ?2 WHERE id = ?1 AND supabase_project_ref IS NOT ?2");
	int r;

	bind_i64(&q, g->id);
	bind_text(&q, ref);
	if ((r = stmt_run(&q)) || !db_changes(&st->db))
		return r;
	return audit_project(st, g, ref);
}

int generation_finish(struct genstore *st, int64_t id, const struct completion *c)
{
	AUTO(generation_release) struct generation g = { 0 }, now = { 0 };
	AUTO(ending_release) struct ending e = { 0 };
	int r;

	if ((r = generation_get(st, id, &g)) || (r = prepare(st, &g, c->seal, &e)))
		return r;

	TXN t = txn_begin(&st->db);

	if (t.error)
		return t.error;
	if ((r = set_columns(st, id, c, e.deployment)) || (r = generation_get(st, id, &now)))
		return r;
	if (e.manifest && !now.metadata_id && (r = put_archive(st, &now, &e)))
		return r;
	if ((r = generation_set_status(st, id, c->status, c->error_message)))
		return r;
	return txn_commit(&t);
}

/* What was handed in becomes a generation's: archives and metadata.json, in any order. */
#include "store/app.h"
#include "store/audit.h"
#include "store/base/json_read.h"
#include "store/foreign_arrived.h"
#include "store/stage.h"

/* What a metadata.json is, and which app it names: *ret_app is NULL when it names none that can be. */
static int read_metadata(struct genstore *st, const void *bytes, size_t n, char **ret_app)
{
	AUTO(json_unref) json_t *j = NULL;
	const char *name;

	if (n > FOREIGN_METADATA_MAX)
		return store_fail(st, -EFBIG, "metadata.json has more than %d bytes", FOREIGN_METADATA_MAX);
	j = json_loadb(bytes, n, 0, NULL);
	if (!json_is_object(j))
		return store_fail(st, -EINVAL, "metadata.json is not a JSON object");
	name = json_string_value(json_object_get(j, "app_name"));
	*ret_app = name && app_name_valid(name) ? strdup(name) : NULL;
	return name && app_name_valid(name) && !*ret_app ? -ENOMEM : 0;
}

/* For want of a better one. Ids that begin with req_ are no names of apps. */
static int name_by_id(const char *request_id, char **ret_app)
{
	if (app_name_valid(request_id))
		*ret_app = strdup(request_id);
	else if (asprintf(ret_app, "app-%s", request_id) < 0)
		*ret_app = NULL;
	return *ret_app ? 0 : -ENOMEM;
}

static int put_bytes(struct genstore *st, const void *bytes, size_t n, int64_t *ret_content)
{
	AUTO(stage_freep) struct stage *stage = NULL; /* begun in a transaction: no collection can come between */
	int64_t slot;
	int r;

	if ((r = stage_new(st, &stage)) || (r = stage_bytes(stage, bytes, n, &slot)) || (r = stage_flush(stage)))
		return r;
	return stage_content(stage, slot, ret_content);
}

/* The row of `received`. */
struct received {
	bool archive;
	int64_t metadata;
};

/* Whoever handed it in: what came before its archive is nobody's yet. */
static int get_received(struct genstore *st, const char *request_id, struct received *ret_v)
{
	STMT q = db_stmt(&st->db, "SELECT archive, coalesce(metadata_id, 0) FROM main.received WHERE request_id = ?");
	int r;

	*ret_v = (struct received){ 0 };
	bind_text(&q, request_id);
	if ((r = stmt_step(&q)) > 0)
		*ret_v = (struct received){ .archive = col_i64(&q, 0), .metadata = col_i64(&q, 1) };
	return r < 0 ? r : 0;
}

static int put_received(struct genstore *st, const char *request_id, const struct received *v)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.received (request_id, archive, metadata_id, received_at) VALUES (?, ?, nullif(?, 0), ?)"
				  " ON CONFLICT (request_id) DO UPDATE SET archive = excluded.archive, metadata_id = excluded.metadata_id");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, request_id);
	bind_i64(&q, v->archive);
	bind_i64(&q, v->metadata);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* The bytes of a metadata.json that came first, to read the name of the app. */
static int app_of_content(struct genstore *st, int64_t content, char **ret_app)
{
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) char *text = NULL;
	ssize_t n;
	int r = object_of_content(st, content, &o);

	if (r)
		return r;
	if (object_size(o) > FOREIGN_METADATA_MAX || !(text = malloc((size_t)object_size(o) + 1)))
		return -ENOMEM;
	n = object_read(st, o, 0, (size_t)object_size(o), text);
	return n < 0 ? (int)n : read_metadata(st, text, (size_t)n, ret_app);
}

static int insert_archive(struct genstore *st, const struct generation *g, const struct seal *s, const struct put *p, int64_t metadata)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.archive(generation_request_id, seal_id, content_id, metadata_id, sealed_at)"
				  " VALUES (?, nullif(?, 0), nullif(?, 0), ?, ?)");
	AUTO(buf_release) struct buf text = BUF_INIT;
	char now[CLOCK_TEXT];
	int r;

	if (!metadata && ((r = metadata_json(g, s, &text)) || (r = put_bytes(st, text.data, text.len, &metadata))))
		return r;
	store_now(st, now);
	bind_i64(&q, g->id);
	bind_i64(&q, p->seal);
	bind_i64(&q, p->content);
	bind_i64(&q, metadata);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* The generation that it is for. *ret_new: made here, and still to be completed. */
static int find_or_make(struct genstore *st, const struct foreign_receive *how, const char *app, struct generation *ret_g, bool *ret_new)
{
	const struct generation_request req = {
		.user_id = how->user_id, .app_name = app, .prompt = how->prompt, .mode = "single-shot",
		.type = how->parent ? "resume" : "new", .request_id = how->request_id, .max_iterations = 1, .app_id = how->app_id,
		.parent = how->parent, .created_at = how->created_at, .number = how->number,
	};
	AUTO(free_ptr) char *by_id = NULL;
	struct generation_request named = req;
	int r = how->request_id ? generation_by_request(st, how->request_id, ret_g) : -ENOENT;

	*ret_new = r == -ENOENT;
	if (!r && ret_g->metadata_id)
		return store_fail(st, -EEXIST, "'%s' has an archive; it is never replaced", ret_g->request_id);
	if (!r && generation_is_final(ret_g->status))
		return store_fail(st, -EEXIST, "'%s' is %s: it takes no archive any more", ret_g->request_id, ret_g->status);
	if (r != -ENOENT)
		return r;
	if (!app && how->request_id && (r = name_by_id(how->request_id, &by_id)))
		return r;
	named.app_name = app ? app : by_id;
	return generation_create(st, &named, ret_g);
}

static int complete(struct genstore *st, const struct generation *g, const struct put *p, bool away)
{
	const struct completion done = { .status = "completed" };
	int64_t id;
	int r = generation_set_status(st, g->id, "generating", NULL);

	if (!r && (p->tree || away))
		r = iteration_add(st, g->id, 1, "manual", p->tree, g->prompt, NULL, &id);
	return r ? r : generation_finish(st, g->id, &done);
}

/* metadata.json that comes along, or came before, as a content; 0: none. And the app it names. */
static int find_metadata(struct genstore *st, const struct foreign_receive *how, struct received *v, char **ret_app)
{
	int r = how->request_id ? get_received(st, how->request_id, v) : 0;

	if (r)
		return r;
	if (how->metadata && v->metadata)
		return store_fail(st, -EEXIST, "'%s' has a metadata.json that was handed in; it is never replaced", how->request_id);
	if (!how->metadata)
		return v->metadata ? app_of_content(st, v->metadata, ret_app) : 0;
	if ((r = read_metadata(st, how->metadata, how->metadata_size, ret_app)))
		return r;
	return put_bytes(st, how->metadata, how->metadata_size, &v->metadata);
}

static int check_arguments(struct foreign *f, const struct foreign_receive *how)
{
	if (!f->ended)
		return store_fail(f->st, -EINVAL, "the archive has not arrived");
	if (how->request_id && !id_is_request(how->request_id))
		return store_fail(f->st, -EINVAL, "'%s' cannot be a request id", how->request_id);
	if (!how->request_id && !how->app_name)
		return store_fail(f->st, -EINVAL, "an archive needs a request id or the name of an app");
	if (f->archive.error && !how->opaque)
		return store_fail(f->st, f->archive.error, "the archive is refused: %s", f->archive.reason);
	return f->result.size ? 0 : store_fail(f->st, -EINVAL, "the archive is refused: it is empty");
}

static int receive(struct foreign *f, const struct foreign_receive *how, struct put *p, struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(free_ptr) char *app = NULL;
	struct seal s = { .size = f->result.size };
	struct received v = { 0 };
	struct genstore *st = f->st;
	bool is_new;
	int r;

	memcpy(s.sha256, f->result.sha256, SHA256_SIZE);
	if ((r = foreign_still_there(f)) || (r = find_metadata(st, how, &v, &app)) ||
	    (r = find_or_make(st, how, how->app_name ? how->app_name : app, &g, &is_new)) || (r = foreign_put(f, p)) ||
	    (r = insert_archive(st, &g, &s, p, v.metadata)))
		return r;
	v.archive = true;
	if ((r = put_received(st, g.request_id, &v)) || (is_new && (r = complete(st, &g, p, false))))
		return r;
	return generation_get(st, g.id, ret_g);
}

int foreign_receive(struct foreign *f, const struct foreign_receive *how, struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(put_release) struct put p = { 0 };
	int r = check_arguments(f, how);

	if (r || (r = foreign_is_new(f)) < 0 || (r && (r = sink_flush(f->sink))))
		return r;
	TXN t = txn_begin(&f->st->db);

	if ((r = t.error) || (r = receive(f, how, &p, &g)) || (r = txn_commit(&t)))
		return r;
	f->kept_bytes = p.bytes;
	f->kept_windows = p.windows;
	*ret_g = g;
	g = (struct generation){ 0 };
	return 0;
}

int foreign_receive_later(struct genstore *st, const struct foreign_receive *how, int64_t size, const uint8_t sha256[SHA256_SIZE],
			  struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(free_ptr) char *app = NULL;
	struct seal s = { .size = size };
	struct received v = { 0 };
	struct put p = { 0 };
	bool is_new;
	int64_t id;
	int r;

	memcpy(s.sha256, sha256, SHA256_SIZE);
	if (!how->request_id || !id_is_request(how->request_id) || size <= 0)
		return store_fail(st, -EINVAL, "'%s' cannot be a request id", how->request_id ? how->request_id : "");

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = find_metadata(st, how, &v, &app)) || 
	    (r = find_or_make(st, how, how->app_name ? how->app_name : app, &g, &is_new)))
		return r;
	if (!is_new)
		return store_fail(st, -EEXIST, "'%s' is in this store already", g.request_id);
	v.archive = true;
	if ((r = content_insert_away(st, size, sha256, &p.content)) || (r = insert_archive(st, &g, &s, &p, v.metadata)) ||
	    (r = put_received(st, g.request_id, &v)) || (r = complete(st, &g, &p, true)))
		return r;
	id = g.id;
	generation_release(&g);
	if ((r = generation_get(st, id, &g)) || (r = txn_commit(&t)))
		return r;
	*ret_g = g;
	g = (struct generation){ 0 };
	return 0;
}

static int set_archive(struct genstore *st, int64_t generation, const struct put *p)
{
	STMT q = db_stmt(&st->db, "UPDATE main.archive SET seal_id = nullif(?2, 0), content_id = nullif(?3, 0) WHERE generation_request_id = ?1");

	bind_i64(&q, generation);
	bind_i64(&q, p->seal);
	bind_i64(&q, p->content);
	return stmt_run(&q);
}

static int is_what_went(struct foreign *f, const struct generation *g)
{
	char want[HEX_SHA256_SIZE], got[HEX_SHA256_SIZE];

	if (!g->away)
		return store_fail(f->st, -EEXIST, "the bytes of '%s' are here already", g->request_id);
	if (f->result.size == g->archive_size && !memcmp(f->result.sha256, g->archive_sha256, SHA256_SIZE))
		return 0;
	hex_encode(g->archive_sha256, SHA256_SIZE, want);
	hex_encode(f->result.sha256, SHA256_SIZE, got);
	return store_fail(f->st, -EBADMSG, "what came has %lld bytes and the SHA-256 %s, the archive of '%s' %lld and %s",
			  (long long)f->result.size, got, g->request_id, (long long)g->archive_size, want);
}

static int give_back(struct foreign *f, int64_t generation, struct put *p)
{
	AUTO(generation_release) struct generation g = { 0 };
	struct genstore *st = f->st;
	int r;

	if ((r = foreign_still_there(f)) || (r = generation_get(st, generation, &g)) || (r = is_what_went(f, &g)) || (r = foreign_put(f, p)) ||
	    (r = set_archive(st, g.id, p)) || (r = iterations_return(st, g.id, p->tree)))
		return r;
	return audit_write(st, "generation.fetch", g.request_id, NULL);
}

int foreign_return(struct foreign *f, int64_t generation)
{
	AUTO(put_release) struct put p = { 0 };
	int r = f->ended && f->result.size ? 0 : store_fail(f->st, -EBADMSG, "nothing came");

	if (r || (r = foreign_is_new(f)) < 0 || (r && (r = sink_flush(f->sink))))
		return r;
	TXN t = txn_begin(&f->st->db);

	if ((r = t.error) || (r = give_back(f, generation, &p)) || (r = txn_commit(&t)))
		return r;
	f->kept_bytes = p.bytes;
	f->kept_windows = p.windows;
	return 0;
}

static int set_metadata(struct genstore *st, int64_t generation, int64_t content)
{
	STMT q = db_stmt(&st->db, "UPDATE main.archive SET metadata_id = ? WHERE generation_request_id = ?");

	bind_i64(&q, content);
	bind_i64(&q, generation);
	return stmt_run(&q);
}

static int move_to_app(struct genstore *st, int64_t generation, const char *app_id, const char *name)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET app_id = ?2, app_name = ?3, generation_number ="
				  " (SELECT 1 + max(last_generation_number, coalesce((SELECT max(generation_number) FROM generation_requests"
				  "  WHERE app_id = ?2), 0)) FROM apps WHERE id = ?2) WHERE id = ?1");
	STMT number = db_stmt(&st->db, "UPDATE main.apps SET last_generation_number ="
				       " (SELECT generation_number FROM generation_requests WHERE id = ?2) WHERE id = ?1");
	int r;

	bind_i64(&q, generation);
	bind_text(&q, app_id);
	bind_text(&q, name);
	if ((r = stmt_run(&q)))
		return r;
	bind_text(&number, app_id);
	bind_i64(&number, generation);
	return stmt_run(&number);
}

static int remove_empty_app(struct genstore *st, const char *app_id)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.apps WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM generation_requests WHERE app_id = ?1)");

	bind_text(&q, app_id);
	return stmt_run(&q);
}

/* A generation that was named by its id, for want of its metadata.json, goes where that says. */
static int rename_app(struct genstore *st, const struct generation *g, const char *name)
{
	AUTO(free_ptr) char *by_id = NULL;
	char app_id[ID_UUID];
	int r = name_by_id(g->request_id, &by_id);

	if (r || strcmp(g->app_name, by_id) != 0 || strcmp(name, by_id) == 0)
		return r;
	if ((r = app_find(st, g->user_id, name, app_id)) == -ENOENT)
		r = app_create(st, g->user_id, name, app_id);
	if (r || (r = move_to_app(st, g->id, app_id, name)))
		return r;
	return remove_empty_app(st, g->app_id);
}

/* For a generation that has its archive already. */
static int late_metadata(struct genstore *st, const struct generation *g, const struct received *v, int64_t content, const char *app)
{
	int r;

	if (!v->archive)
		return store_fail(st, -EEXIST, "'%s' has a metadata.json of its own; it is never replaced", g->request_id);
	if ((r = set_metadata(st, g->id, content)))
		return r;
	return app ? rename_app(st, g, app) : 0;
}

/* A generation that the handle does not show. */
static int is_elsewhere(struct genstore *st, const char *request_id)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.generation_requests WHERE request_id = ?");

	bind_text(&q, request_id);
	return stmt_step(&q);
}

int foreign_metadata(struct genstore *st, const char *request_id, const void *bytes, size_t n)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(free_ptr) char *app = NULL;
	struct received v;
	int r;

	if (!id_is_request(request_id))
		return store_fail(st, -EINVAL, "'%s' cannot be a request id", request_id);
	if ((r = read_metadata(st, bytes, n, &app)))
		return r;
	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = get_received(st, request_id, &v)))
		return r;
	if (v.metadata)
		return store_fail(st, -EEXIST, "'%s' has a metadata.json that was handed in; it is never replaced", request_id);
	if ((r = put_bytes(st, bytes, n, &v.metadata)))
		return r;
	r = generation_by_request(st, request_id, &g);
	if (r && r != -ENOENT)
		return r;
	if (r && (r = is_elsewhere(st, request_id)))
		return r < 0 ? r : store_fail(st, -EEXIST, "the request id '%s' is taken", request_id);
	if (g.id && !g.metadata_id && generation_is_final(g.status))
		return store_fail(st, -EEXIST, "'%s' is %s: it takes nothing any more", request_id, g.status);
	if ((g.metadata_id && (r = late_metadata(st, &g, &v, v.metadata, app))))
		return r;
	if ((r = put_received(st, request_id, &v)))
		return r;
	return txn_commit(&t);
}

int foreign_lacks_metadata(struct genstore *st, int64_t generation)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM received AS v JOIN generation_requests AS g ON g.request_id = v.request_id"
				  " WHERE g.id = ? AND v.archive = 1 AND v.metadata_id IS NULL");

	bind_i64(&q, generation);
	return stmt_step(&q);
}

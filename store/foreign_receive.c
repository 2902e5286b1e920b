/* What was handed in becomes a generation's: archives and metadata.json, in any order. */
#include "store/app.h"
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

static int get_received(struct genstore *st, const char *request_id, struct received *ret_v)
{
	STMT q = db_stmt(&st->db, "SELECT archive, coalesce(metadata_id, 0) FROM received WHERE request_id = ?");
	int r;

	*ret_v = (struct received){ 0 };
	bind_text(&q, request_id);
	if ((r = stmt_step(&q)) > 0)
		*ret_v = (struct received){ .archive = col_i64(&q, 0), .metadata = col_i64(&q, 1) };
	return r < 0 ? r : 0;
}

static int put_received(struct genstore *st, const char *request_id, const struct received *v)
{
	STMT q = db_stmt(&st->db, "INSERT INTO received (request_id, archive, metadata_id, received_at) VALUES (?, ?, nullif(?, 0), ?)"
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

static int seal_by_sha256(struct genstore *st, const struct sink_result *a, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM seal WHERE substr(sha256, 1, 8) = ? AND sha256 = ? AND size = ? ORDER BY id LIMIT 1");
	int r;

	bind_blob(&q, a->sha256, 8);
	bind_blob(&q, a->sha256, SHA256_SIZE);
	bind_i64(&q, a->size);
	if ((r = stmt_step(&q)) > 0)
		*ret_id = col_i64(&q, 0);
	return r < 0 ? r : r ? 0 : -ENOENT;
}

/* What the archive is in the store, and its tree; 0 for what it is not, or has not. */
struct put {
	int64_t seal, content;
	struct manifest *tree;
	bool bytes, windows; /* what was staged is made use of */
};

static void put_release(struct put *p)
{
	manifest_unref(p->tree);
}

static int tree_of_index(struct genstore *st, int64_t content, struct manifest **ret_m)
{
	STMT q = db_stmt(&st->db, "SELECT manifest_id FROM foreign_index WHERE content_id = ?");
	int r;

	bind_i64(&q, content);
	if ((r = stmt_step(&q)) <= 0)
		return r ? r : -ENOENT;
	return manifest_load(st, col_i64(&q, 0), ret_m);
}

static int has_index(struct genstore *st, int64_t content)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM foreign_index WHERE content_id = ?");
	int r;

	bind_i64(&q, content);
	r = stmt_step(&q);
	return r < 0 ? r : r ? 0 : -ENOENT;
}

/* The spans have marks where their windows belong: these are in order. */
static int number_windows(struct foreign *f, struct scan *s)
{
	const struct idlist *windows = sink_windows(f->sink);
	size_t k = 0;

	for (size_t i = 0; i < s->span_count; i++) {
		if (!s->spans[i].window)
			continue;
		if (k == windows->count)
			return -EINVAL;
		s->spans[i].window = windows->ids[k++];
	}
	return 0;
}

static int put_index(struct foreign *f, int64_t content, struct manifest **ret_m)
{
	struct scan *s = sink_scan(f->sink);
	const struct foreign_index index = {
		.archive = content, .span_count = s->span_count, .spans = s->spans, .file_count = (size_t)f->tree->files, .files = f->files,
	};
	size_t n = 0;
	int r;

	if (!sink_is_flushed(f->sink))
		return store_fail(f->st, -ESTALE, "the index of the archive was removed just now; try again");
	if ((r = number_windows(f, s)))
		return r;
	for (size_t i = 0; i < f->tree->count; i++)
		if (f->tree->entries[i].type == TAR_FILE)
			f->tree->entries[i].content = foreign_content(content, n++);
	if ((r = manifest_put(f->st, f->tree, 0)) || (r = foreign_index_put(f->st, &index, f->tree->id)))
		return r;
	*ret_m = manifest_ref(f->tree);
	return 0;
}

static int put_content(struct foreign *f, int64_t *ret_id)
{
	const struct idlist *pieces = sink_pieces(f->sink);
	struct content c = {
		.size = f->result.size, .crc32 = f->result.crc32, .adler32 = f->result.adler32,
		.pieces = pieces->ids, .piece_count = pieces->count,
	};

	memcpy(c.sha256, f->result.sha256, SHA256_SIZE);
	if (!sink_is_flushed(f->sink))
		return store_fail(f->st, -ESTALE, "the archive was in the store, and was removed just now; try again");
	return content_insert(f->st, &c, ret_id);
}

/* A seal of ours, a content that is there, or the pieces that were staged. */
static int put_archive(struct foreign *f, struct put *p)
{
	AUTO(seal_release) struct seal s = { 0 };
	int r = seal_by_sha256(f->st, &f->result, &p->seal);

	if (!r)
		return (r = seal_get(f->st, p->seal, &s)) ? r : manifest_load(f->st, s.manifest_id, &p->tree);
	if (r != -ENOENT)
		return r;
	r = content_find_whole(f->st, f->result.sha256, &p->content);
	if (r == -ENOENT) {
		p->bytes = true;
		r = put_content(f, &p->content);
	}
	if (r || (r = tree_of_index(f->st, p->content, &p->tree)) != -ENOENT)
		return r;
	if (!f->tree)
		return 0;
	p->windows = true;
	return put_index(f, p->content, &p->tree);
}

static int insert_archive(struct genstore *st, const struct generation *g, const struct foreign *f, const struct put *p, int64_t metadata)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.archive(generation_request_id, seal_id, content_id, metadata_id, sealed_at)"
				  " VALUES (?, nullif(?, 0), nullif(?, 0), ?, ?)");
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct seal s = { .size = f->result.size };
	char now[CLOCK_TEXT];
	int r;

	memcpy(s.sha256, f->result.sha256, SHA256_SIZE);
	if (!metadata && ((r = metadata_json(g, &s, &text)) || (r = put_bytes(st, text.data, text.len, &metadata))))
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

static int complete(struct genstore *st, const struct generation *g, const struct put *p)
{
	const struct completion done = { .status = "completed" };
	int64_t id;
	int r = generation_set_status(st, g->id, "generating", NULL);

	if (!r && p->tree)
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

/* 1: the store has no such archive, and its bytes have to be written. Looked at once more in the transaction. */
static int is_new(struct foreign *f)
{
	TXN t = txn_begin_read(&f->st->db);
	int64_t id;
	int r = t.error ? t.error : seal_by_sha256(f->st, &f->result, &id);

	if (r == -ENOENT)
		r = content_find_whole(f->st, f->result.sha256, &id);
	if (!r)
		r = has_index(f->st, id);
	return r == -ENOENT ? 1 : r;
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
	struct received v = { 0 };
	struct genstore *st = f->st;
	bool is_new;
	int r;

	if ((r = foreign_still_there(f)) || (r = find_metadata(st, how, &v, &app)) ||
	    (r = find_or_make(st, how, how->app_name ? how->app_name : app, &g, &is_new)) || (r = put_archive(f, p)) ||
	    (r = insert_archive(st, &g, f, p, v.metadata)))
		return r;
	v.archive = true;
	if ((r = put_received(st, g.request_id, &v)) || (is_new && (r = complete(st, &g, p))))
		return r;
	return generation_get(st, g.id, ret_g);
}

int foreign_receive(struct foreign *f, const struct foreign_receive *how, struct generation *ret_g)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(put_release) struct put p = { 0 };
	int r = check_arguments(f, how);

	if (r || (r = is_new(f)) < 0 || (r && (r = sink_flush(f->sink))))
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
	if (!r && !g.metadata_id && generation_is_final(g.status))
		return store_fail(st, -EEXIST, "'%s' is %s: it takes nothing any more", request_id, g.status);
	if ((!r && g.metadata_id && (r = late_metadata(st, &g, &v, v.metadata, app))))
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

#include "fs/view.h"
#include "fs/cache.h"
#include "fs/intern.h"
#include "store/access.h"
#include "store/at.h"
#include "store/evict.h"
#include "store/sums.h"

#include <sys/stat.h>

enum {
	MANIFEST_BUDGET = 16 << 20,
	OBJECT_BUDGET = 16 << 20,
	HEADS = 1024, /* a power of two */
};

static void *ref_manifest(void *m) { return manifest_ref(m); }
static void unref_manifest(void *m) { manifest_unref(m); }
static void *ref_object(void *o) { return object_ref(o); }
static void unref_object(void *o) { object_unref(o); }

static int fill(struct view *v, const char *path)
{
	static const struct cache_class manifests = { ref_manifest, unref_manifest };
	static const struct cache_class objects = { ref_object, unref_object };
	int r;

	pthread_mutex_init(&v->heads_lock, NULL);
	v->path = strdup(path);
	v->heads = calloc(HEADS, sizeof(*v->heads));
	if (!v->path || !v->heads)
		return -ENOMEM;
	if (stat(path, &v->file))
		return -errno;
	if ((r = cache_new(&manifests, MANIFEST_BUDGET, &v->manifests)) || (r = cache_new(&objects, OBJECT_BUDGET, &v->objects)) ||
	    (r = intern_new(&v->users)) || (r = intern_new(&v->apps)) || (r = intern_new(&v->paths)))
		return r;
	return 0;
}

int view_new(const char *path, struct view **ret_v)
{
	struct view *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	v->uid = getuid();
	v->gid = getgid();
	if ((r = fill(v, path))) {
		view_free(v);
		return r;
	}
	*ret_v = v;
	return 0;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	cache_free(v->manifests);
	cache_free(v->objects);
	intern_free(v->users);
	intern_free(v->apps);
	intern_free(v->paths);
	pthread_mutex_destroy(&v->heads_lock);
	free(v->heads);
	free(v->path);
	free(v);
}

int view_look(struct view *v, struct genstore *st)
{
	STMT q = db_stmt(&st->db, "SELECT coalesce((SELECT max(id) FROM generation_events), 0), count(*) FROM generation_requests");
	int r = stmt_step(&q);

	if (r < 0)
		return r;
	v->events = col_i64(&q, 0);
	v->generations = col_i64(&q, 1);
	v->changed = v->file.st_mtime;
	return 0;
}

int view_check(struct view *v)
{
	struct stat sb;

	if (!v->replaced && (stat(v->path, &sb) || sb.st_dev != v->file.st_dev || sb.st_ino != v->file.st_ino))
		v->replaced = true;
	return v->replaced ? -ESTALE : 0;
}

struct genstore *view_handle(const struct view *v)
{
	struct genstore *st = genstore_new();

	if (st && (*v->subject.user_id || *v->subject.organization_id) && access_limit(st, &v->subject)) {
		genstore_free(st);
		return NULL;
	}
	return st;
}

int view_open(struct view *v, struct genstore **ret_st)
{
	struct genstore *st = view_handle(v);
	int r;

	if (!st)
		return -ENOMEM;
	/* Looked at after opening: were it replaced in between, this would see it. */
	if ((r = genstore_open(st, v->path, GENSTORE_READ_ONLY)) || (r = view_check(v)) || (v->at && (r = store_at(st, v->at)))) {
		genstore_free(st);
		return view_check(v) ? -ESTALE : r;
	}
	*ret_st = st;
	return 0;
}

int view_manifest(struct view *v, struct genstore *st, int64_t id, struct manifest **ret_m)
{
	struct manifest *m = cache_get(v->manifests, id);
	size_t cost = sizeof(*m);
	int r;

	if (!m) {
		if ((r = manifest_load(st, id, &m)))
			return r == -ENOENT ? -EUCLEAN : r;
		for (size_t i = 0; i < m->count; i++)
			cost += sizeof(m->entries[i]) + m->entries[i].path_len + 1;
		cache_put(v->manifests, id, m, cost);
	}
	*ret_m = m;
	return 0;
}

/* Contents are kept under their id, seals under its complement. */
bool view_has_content(struct view *v, int64_t content_id, struct object **ret_o)
{
	struct object *o = cache_get(v->objects, content_id);

	if (o)
		*ret_o = o;
	return o;
}

int view_content(struct view *v, struct genstore *st, int64_t content_id, struct object **ret_o)
{
	struct object *o;
	int r;

	if (view_has_content(v, content_id, ret_o))
		return 0;
	if ((r = object_of_content(st, content_id, &o)))
		return r == -ENOENT ? -EUCLEAN : r;
	cache_put(v->objects, content_id, o, object_cost(o));
	*ret_o = o;
	return 0;
}

int view_archive(struct view *v, struct genstore *st, const struct head *h, struct object **ret_o)
{
	struct object *o;
	int r;

	if (!h->seal)
		return view_content(v, st, h->content, ret_o);
	if (!(o = cache_get(v->objects, ~h->seal))) {
		if ((r = archive_open(st, h->seal, &o)))
			return r == -ENOENT ? -EUCLEAN : r;
		cache_put(v->objects, ~h->seal, o, object_cost(o));
	}
	*ret_o = o;
	return 0;
}

/* Heads of things that never change, each in the one slot that its key falls into. */

static bool head_get(struct view *v, uint64_t key, struct head *ret_h)
{
	struct head_slot *slot = &v->heads[key & (HEADS - 1)];
	bool found;

	pthread_mutex_lock(&v->heads_lock);
	if ((found = slot->ino == key))
		*ret_h = slot->head;
	pthread_mutex_unlock(&v->heads_lock);
	return found;
}

static void head_set(struct view *v, uint64_t key, const struct head *h)
{
	struct head_slot *slot = &v->heads[key & (HEADS - 1)];

	pthread_mutex_lock(&v->heads_lock);
	slot->ino = h ? key : slot->ino == key ? 0 : slot->ino;
	if (h)
		slot->head = *h;
	pthread_mutex_unlock(&v->heads_lock);
}

static uint64_t generation_key(int64_t id) { return (uint64_t)id << 1; }
static uint64_t snapshot_key(int64_t id) { return (uint64_t)id << 1 | 1; }

static int64_t seconds(const struct stmt *q, int column)
{
	const char *text = col_text(q, column);
	int64_t t = 0;

	if (text)
		clock_parse(text, &t);
	return t;
}

/* A tree that is in an archive whose bytes are not here. */
static bool is_archive(const struct stmt *q, int column)
{
	const char *text = col_text(q, column);

	return text && !strcmp(text, "archive");
}

static int load_generation(struct genstore *st, int64_t id, struct head *ret_h)
{
	STMT q = db_stmt(&st->db, "SELECT a.seal_id, a.content_id, a.metadata_id, coalesce(s.size, c.size), m.size,"
				  " CASE WHEN a.content_id IS NULL THEN s.manifest_id ELSE (SELECT files_snapshot ->> '$.manifest'"
				  " FROM iteration_snapshots WHERE generation_request_id = g.id AND iteration_number > 0 ORDER BY id DESC LIMIT 1) END,"
				  " g.created_at, coalesce(g.completed_at, g.updated_at), c.size > 0 AND length(c.pieces) = 0"
				  " FROM generation_requests g LEFT JOIN archive a ON a.generation_request_id = g.id"
				  " LEFT JOIN seal s ON s.id = a.seal_id LEFT JOIN content c ON c.id = a.content_id"
				  " LEFT JOIN content m ON m.id = a.metadata_id WHERE g.id = ?");
	int r;

	/* What it says and what vouches for it, of one state. */
	TXN t = txn_begin_read(&st->db);

	bind_i64(&q, id);
	if ((r = t.error) || (r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	if (!col_null(&q, 2) && (r = generation_vouch(st, id, col_i64(&q, 0))))
		return r;
	*ret_h = (struct head){
		.generation = id,
		.sealed = !col_null(&q, 2),
		.seal = col_i64(&q, 0), .content = col_i64(&q, 1), .metadata = col_i64(&q, 2),
		.archive_size = col_i64(&q, 3), .metadata_size = col_i64(&q, 4),
		.manifest = is_archive(&q, 5) ? 0 : col_i64(&q, 5), .tree_away = is_archive(&q, 5),
		.created = seconds(&q, 6), .changed = seconds(&q, 7),
		.away = col_i64(&q, 8),
	};
	return 0;
}

int view_generation(struct view *v, struct genstore *st, int64_t id, struct head *ret_h)
{
	int r;

	if (head_get(v, generation_key(id), ret_h))
		return 0;
	if ((r = load_generation(st, id, ret_h)))
		return r;
	if (ret_h->sealed)
		head_set(v, generation_key(id), ret_h);
	return 0;
}

static int load_snapshot(struct genstore *st, int64_t id, struct head *ret_h)
{
	STMT q = db_stmt(&st->db, "SELECT generation_request_id, files_snapshot ->> '$.manifest', timestamp"
				  " FROM iteration_snapshots WHERE id = ?");
	int r;

	if ((r = sums_verify(st, "iteration_snapshots", id)))
		return r;
	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	if (!col_i64(&q, 1) && !is_archive(&q, 1))
		return -ENOENT;
	*ret_h = (struct head){
		.generation = col_i64(&q, 0),
		.sealed = true,
		.manifest = is_archive(&q, 1) ? 0 : col_i64(&q, 1), .tree_away = is_archive(&q, 1),
		.created = seconds(&q, 2), .changed = seconds(&q, 2),
	};
	return 0;
}

int view_snapshot(struct view *v, struct genstore *st, int64_t id, struct head *ret_h)
{
	int r;

	if (head_get(v, snapshot_key(id), ret_h))
		return 0;
	if ((r = load_snapshot(st, id, ret_h)))
		return r;
	head_set(v, snapshot_key(id), ret_h);
	return 0;
}

int view_away(struct genstore *st, int64_t generation)
{
	char name[ID_REQUEST_MAX + 1];
	int r = generation_name(st, generation, name);

	return r ? r : evict_fail(st, name);
}

void view_forget(struct view *v, int64_t generation)
{
	head_set(v, generation_key(generation), NULL);
	pthread_mutex_lock(&v->heads_lock);
	for (size_t i = 0; i < HEADS; i++)
		if (v->heads[i].head.generation == generation)
			v->heads[i].ino = 0;
	pthread_mutex_unlock(&v->heads_lock);
}

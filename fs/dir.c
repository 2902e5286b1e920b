/* Listings: what follows an offset, by one keyed query a batch. */
#include "fs/artifacts.h"
#include "fs/intern.h"
#include "fs/node.h"
#include "fs/roll.h"

/* Offsets 1 and 2 are behind "." and ".."; those of the entries begin above. */
enum { BEHIND_DOT = 1, BEHIND_DOTDOT = DIR_BEHIND_DOTS };

struct listing {
	struct view *v;
	struct genstore *st;
	struct node n;
	uint64_t ino;
	int64_t after; /* the offset less BEHIND_DOTDOT, at least 0: an id, a number or an index */
	bool plus;
	dir_emit emit;
	void *arg;
};

static struct attr brief(uint64_t ino, mode_t type)
{
	return (struct attr){ .ino = ino, .mode = type, .keep = -1 };
}

static int give(struct listing *l, const char *name, const struct attr *a, int64_t next)
{
	return l->emit(l->arg, name, a, BEHIND_DOTDOT + next);
}

/* In full where that is wanted, else what a listing needs. 0 or what emit said; an entry that has gone meanwhile is left out. */
static int give_node(struct listing *l, const char *name, uint64_t ino, mode_t type, int64_t next)
{
	struct attr a = brief(ino, type);
	int r = l->plus ? node_attr(l->v, l->st, ino, &a) : 0;

	return r == -ENOENT ? 0 : r ? r : give(l, name, &a, next);
}

/* Trees and iterations/ are dear: the one needs its manifest, the other a count. Whoever wants their attributes asks again. */
static bool is_dear(enum node_kind kind)
{
	return kind == NODE_APP || kind == NODE_ITERATION || kind == NODE_ITERATIONS;
}

static int list_names(struct listing *l)
{
	const struct fixed_name *names;
	size_t count = node_names(&l->n, &names);
	struct head h = { .sealed = true, .manifest = 1 };
	int r = 0;

	if (l->n.kind == NODE_GENERATION && (r = view_generation(l->v, l->st, l->n.id, &h)))
		return r;
	for (size_t i = (size_t)l->after; i < count && !r; i++) {
		const struct fixed_name *f = &names[i];
		uint64_t ino = node_ino(f->kind, l->n.id, f->entry);
		struct attr a = brief(ino, f->type);

		if ((f->view && l->v->noviews) || (!h.sealed && (f->kind == NODE_ARCHIVE || f->kind == NODE_METADATA)) ||
		    (!h.manifest && !h.tree_away && f->kind == NODE_APP))
			continue;
		r = is_dear(f->kind) ? give(l, f->name, &a, (int64_t)i + 1) : give_node(l, f->name, ino, f->type, (int64_t)i + 1);
	}
	return r;
}

static int give_generation(void *arg, int64_t id, const char *name)
{
	struct attr a = brief(node_ino(NODE_GENERATION, id, 0), S_IFDIR);

	return give(arg, name, &a, id);
}

static int list_generations(struct listing *l)
{
	if (l->v->roll)
		return roll_each(l->v->roll, l->after, give_generation, l);

	STMT q = db_stmt(&l->st->db, "SELECT id, request_id FROM generation_requests WHERE id > ? ORDER BY id");
	int r;

	bind_i64(&q, l->after);
	while ((r = stmt_step(&q)) > 0) {
		if ((r = give_generation(l, col_i64(&q, 0), col_text(&q, 1))))
			return r;
	}
	return r;
}

static int list_generations_plus(struct listing *l)
{
	STMT q = db_stmt(&l->st->db, "SELECT g.id, g.request_id, coalesce(g.completed_at, g.updated_at), a.seal_id IS NOT NULL"
				     " OR (a.content_id IS NOT NULL AND EXISTS (SELECT 1 FROM iteration_snapshots"
				     " WHERE generation_request_id = g.id)) FROM generation_requests g"
				     " LEFT JOIN archive a ON a.generation_request_id = g.id WHERE g.id > ? ORDER BY g.id");
	int r;

	bind_i64(&q, l->after);
	while ((r = stmt_step(&q)) > 0) {
		int64_t id = col_i64(&q, 0), changed = 0;
		struct attr a;

		clock_parse(col_text(&q, 2), &changed);
		a = node_dir_attr(node_ino(NODE_GENERATION, id, 0), l->v->noviews ? 0 : 1 + col_i64(&q, 3), changed, KEEP_LONG);
		if ((r = give(l, col_text(&q, 1), &a, id)))
			return r;
	}
	return r;
}

static int list_iterations(struct listing *l)
{
	STMT q = db_stmt(&l->st->db, "SELECT iteration_number, max(id) FROM iteration_snapshots WHERE generation_request_id = ?"
				     " AND iteration_number >= ? AND (iteration_number > 0 OR snapshot_type = 'automatic')"
				     " GROUP BY iteration_number ORDER BY iteration_number");
	char name[32];
	int r;

	bind_i64(&q, l->n.id);
	bind_i64(&q, l->after);
	while ((r = stmt_step(&q)) > 0) {
		int64_t number = col_i64(&q, 0);
		struct attr a = brief(node_ino(NODE_ITERATION, col_i64(&q, 1), NODE_TOP), S_IFDIR);

		snprintf(name, sizeof(name), "%lld", (long long)number);
		if ((r = give(l, name, &a, number + 1)))
			return r;
	}
	return r;
}

/* Offsets are the index of the next entry, one higher in a subdirectory's range than where it begins. */
static int list_tree(struct listing *l)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	const struct entry *dir;
	struct head h;
	size_t first, end;
	int r;

	if ((r = node_tree(l->v, l->st, &l->n, &h, &m)))
		return r;
	if (l->n.entry >= m->count && l->n.entry != NODE_TOP)
		return -ESTALE;
	dir = l->n.entry < m->count ? &m->entries[l->n.entry] : NULL;
	if (dir && dir->type != TAR_DIR)
		return -ENOTDIR;
	first = dir ? l->n.entry + 1 : 0;
	end = dir ? manifest_skip(m, l->n.entry) : m->count;
	for (size_t i = l->after ? (size_t)l->after : first; i < end && !r; i = manifest_skip(m, i)) {
		static const mode_t types[] = { [TAR_FILE] = S_IFREG, [TAR_DIR] = S_IFDIR, [TAR_SYMLINK] = S_IFLNK };
		const struct entry *e = &m->entries[i];
		size_t skip = dir ? dir->path_len : 0, n = e->path_len - skip - (e->type == TAR_DIR);
		struct attr a = brief(node_ino(l->n.kind, l->n.id, i), types[e->type]);
		char name[NODE_NAME_MAX + 1];

		if (l->plus)
			node_tree_attr(l->n.kind, l->n.id, m, i, h.created, &a);
		snprintf(name, sizeof(name), "%.*s", (int)n, e->path + skip);
		r = give(l, name, &a, (int64_t)manifest_skip(m, i));
	}
	return r;
}

static int list_users(struct listing *l)
{
	const char *after = l->after ? intern_text(l->v->users, l->after) : "";
	int64_t number;
	int r;

	if (!after)
		return -EINVAL;
	STMT q = db_stmt(&l->st->db, "SELECT DISTINCT user_id FROM apps WHERE user_id > ? ORDER BY user_id");

	bind_text(&q, after);
	while ((r = stmt_step(&q)) > 0) {
		const char *user = col_text(&q, 0);

		if ((r = intern_number(l->v->users, user, &number)) ||
		    (r = give_node(l, user, node_ino(NODE_USER_DIR, number, 0), S_IFDIR, number)))
			return r;
	}
	return r;
}

/* The name behind which it goes on is that of the number the offset holds. */
static int list_apps(struct listing *l)
{
	const char *user = intern_text(l->v->users, l->n.id);
	const char *after = l->after ? intern_text(l->v->apps, l->after) : "";
	int64_t number;
	int r;

	if (!user || !after)
		return user ? -EINVAL : -ESTALE;
	STMT q = db_stmt(&l->st->db, "SELECT app_name FROM apps WHERE user_id = ? AND app_name > ? ORDER BY app_name");

	bind_text(&q, user);
	bind_text(&q, l->after ? after + ID_UUID : "");
	while ((r = stmt_step(&q)) > 0) {
		const char *name = col_text(&q, 0);
		struct attr a;

		if ((r = node_app_number(l->v, user, name, &number)))
			return r;
		a = node_dir_attr(node_ino(NODE_APP_DIR, number, 0), 0, l->v->changed, KEEP_SHORT);
		if ((r = give(l, name, &a, number)))
			return r;
	}
	return r;
}

static int list_numbers(struct listing *l)
{
	char app[ID_UUID], name[32];
	int r;

	if ((r = node_app_id(l->v, l->st, l->n.id, app)))
		return r;
	if (!l->after && (r = give_node(l, "latest", node_ino(NODE_LATEST, l->n.id, 0), S_IFLNK, 1)))
		return r;
	STMT q = db_stmt(&l->st->db, "SELECT id, generation_number FROM generation_requests WHERE app_id = ? AND generation_number >= ?"
				     " ORDER BY generation_number");

	bind_text(&q, app);
	bind_i64(&q, max_i64(l->after - 1, 0));
	while ((r = stmt_step(&q)) > 0) {
		int64_t number = col_i64(&q, 1);

		snprintf(name, sizeof(name), "%lld", (long long)number);
		if ((r = give_node(l, name, node_ino(NODE_NUMBER, col_i64(&q, 0), 0), S_IFLNK, number + 2)))
			return r;
	}
	return r;
}

static int give_artifact(void *arg, const char *name, const struct attr *a, int64_t next)
{
	return give(arg, name, a, next);
}

static int list_artifacts(struct listing *l)
{
	TXN t = txn_begin_read(&l->st->db);

	return t.error ? t.error : artifacts_list(l->v, l->st, &l->n, l->after, give_artifact, l);
}

static int (*lister(const struct listing *l))(struct listing *l)
{
	switch (l->n.kind) {
	case NODE_FIXED:
		if (l->n.entry == FIXED_GENERATIONS)
			return l->plus ? list_generations_plus : list_generations;
		if (l->n.entry == FIXED_ORGANIZATIONS)
			return list_artifacts;
		if (l->n.entry == FIXED_STATUS)
			return NULL;
		return l->n.entry == FIXED_APPS ? list_users : list_names;
	case NODE_GENERATION:
		return list_names;
	case NODE_ITERATIONS:
		return list_iterations;
	case NODE_APP:
	case NODE_ITERATION:
		return list_tree;
	case NODE_USER_DIR:
		return list_apps;
	case NODE_APP_DIR:
		return list_numbers;
	case NODE_FOLDER:
		return list_artifacts;
	default:
		return NULL;
	}
}

/* Of ".." only, which nobody follows by its number: the kernel knows the way up. So the dear ones are not looked for. */
static uint64_t parent_of(const struct listing *l)
{
	switch (l->n.kind) {
	case NODE_FIXED:
		return node_ino(NODE_FIXED, 0, FIXED_ROOT);
	case NODE_GENERATION:
		return node_ino(NODE_FIXED, 0, FIXED_GENERATIONS);
	case NODE_ITERATIONS:
		return node_ino(NODE_GENERATION, l->n.id, 0);
	case NODE_USER_DIR:
		return node_ino(NODE_FIXED, 0, FIXED_APPS);
	case NODE_APP:
		return l->n.entry == NODE_TOP ? node_ino(NODE_GENERATION, l->n.id, 0) : l->ino;
	default:
		return l->ino;
	}
}

int dir_read(struct view *v, struct genstore *st, uint64_t ino, int64_t offset, bool plus, dir_emit emit, void *arg)
{
	struct listing l = { .v = v, .st = st, .ino = ino, .plus = plus, .emit = emit, .arg = arg };
	struct attr self = brief(ino, S_IFDIR);
	int (*list)(struct listing *);
	int r;

	if ((r = node_of(ino, &l.n)))
		return r;
	if (!(list = lister(&l)))
		return -ENOTDIR;
	l.after = max_i64(offset - BEHIND_DOTDOT, 0);
	if (offset < BEHIND_DOT && (r = emit(arg, ".", &self, BEHIND_DOT)))
		return r < 0 ? r : 0;
	self.ino = parent_of(&l);
	if (offset < BEHIND_DOTDOT && (r = emit(arg, "..", &self, BEHIND_DOTDOT)))
		return r < 0 ? r : 0;
	r = list(&l);
	return r < 0 ? r : 0;
}

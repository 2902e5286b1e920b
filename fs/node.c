/*
 * Inode numbers
 *
 *	63 .. 59   58 .. 28                  27 .. 0
 *	kind       id                        entry
 *
 * Nothing is remembered for a node: its number says what it is. A kind and an id name something in the store (a generation, a
 * snapshot) or an interned text (a user, an app); the entry is the index in a manifest, whose order never changes. So a thing that is
 * sealed has the same number for as long as the store lives, what changes (a newer snapshot of the same iteration)
 * gets another one, and the kernel's FORGET means nothing here. Ids of generations and snapshots are given out once (AUTOINCREMENT).
 *
 * The trees under app/ are keyed by their generation and those under iterations/ by their snapshot, although both may show
 * the same manifest: a directory with two parents is what the kernel does not allow.
 *
 * Kind 0 has the fixed names; FUSE wants 1 to be the root.
 */
#include "fs/node.h"
#include "fs/artifacts.h"
#include "fs/intern.h"
#include "fs/status.h"
#include "store/app.h"
#include "store/event.h"

uint64_t node_ino(enum node_kind kind, int64_t id, size_t entry)
{
	return (uint64_t)kind << (NODE_ID_BITS + NODE_ENTRY_BITS) | (uint64_t)id << NODE_ENTRY_BITS | entry;
}

int node_of(uint64_t ino, struct node *ret_n)
{
	uint64_t kind = ino >> (NODE_ID_BITS + NODE_ENTRY_BITS);

	if (kind >= NODE_KINDS)
		return -ESTALE;
	ret_n->kind = (enum node_kind)kind;
	ret_n->id = (int64_t)(ino >> NODE_ENTRY_BITS & (((uint64_t)1 << NODE_ID_BITS) - 1));
	ret_n->entry = ino & NODE_TOP;
	return 0;
}

struct attr node_dir_attr(uint64_t ino, int64_t subdirs, int64_t mtime, double keep)
{
	return (struct attr){ .ino = ino, .mode = S_IFDIR | 0755, .nlink = (nlink_t)(2 + subdirs), .mtime = mtime, .keep = keep };
}

static struct attr file_attr(uint64_t ino, int64_t size, int64_t mtime)
{
	return (struct attr){ .ino = ino, .mode = S_IFREG | 0644, .nlink = 1, .size = size, .mtime = mtime, .keep = KEEP_LONG };
}

void node_tree_attr(enum node_kind kind, int64_t id, const struct manifest *m, size_t entry, int64_t mtime, struct attr *ret_a)
{
	const struct entry *e = entry < m->count ? &m->entries[entry] : NULL;
	size_t end = e ? manifest_skip(m, entry) : m->count;
	uint64_t ino = node_ino(kind, id, e ? entry : NODE_TOP);
	int64_t subdirs = 0;

	if (!e || e->type == TAR_DIR) {
		for (size_t i = e ? entry + 1 : 0; i < end; i = manifest_skip(m, i))
			subdirs += m->entries[i].type == TAR_DIR;
		*ret_a = node_dir_attr(ino, subdirs, mtime, KEEP_LONG);
		return;
	}
	*ret_a = file_attr(ino, e->type == TAR_FILE ? e->size : (int64_t)strlen(e->link), mtime);
	if (e->type == TAR_SYMLINK)
		ret_a->mode = S_IFLNK | 0777;
	else if (e->executable)
		ret_a->mode = S_IFREG | 0755;
}

int node_tree(struct view *v, struct genstore *st, const struct node *n, struct head *ret_h, struct manifest **ret_m)
{
	int r = node_head(v, st, n, ret_h);

	if (r)
		return r;
	if (ret_h->tree_away)
		return view_away(st, ret_h->generation);
	return ret_h->manifest ? view_manifest(v, st, ret_h->manifest, ret_m) : -ENOENT;
}

bool node_renewed(struct view *v, struct genstore *st, uint64_t ino)
{
	struct head before, after;
	struct node n;

	if (node_of(ino, &n) || node_head(v, st, &n, &before))
		return false;
	view_forget(v, before.generation);
	return !node_head(v, st, &n, &after) && (before.seal != after.seal || before.content != after.content ||
						 before.manifest != after.manifest || before.tree_away != after.tree_away);
}

/* A folder whose tree is away can be looked at: how many there are in it is seen once somebody looks into it. */
static int top_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a, bool *ret_known)
{
	struct head h;
	int r = node_head(v, st, n, &h);

	*ret_known = r || n->entry != NODE_TOP || !h.tree_away;
	if (!*ret_known) {
		*ret_a = node_dir_attr(node_ino(n->kind, n->id, NODE_TOP), 0, h.created, KEEP_SHORT);
		ret_a->nlink = 1;
	}
	return r;
}

static int tree_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	struct head h;
	bool known;
	int r = top_attr(v, st, n, ret_a, &known);

	if (r || !known || (r = node_tree(v, st, n, &h, &m)))
		return r;
	if (n->entry >= m->count && n->entry != NODE_TOP)
		return -ESTALE;
	node_tree_attr(n->kind, n->id, m, n->entry, h.created, ret_a);
	return 0;
}

static int count(struct genstore *st, const char *sql, const char *text, int64_t id, int64_t *ret_count)
{
	STMT q = db_stmt(&st->db, sql);
	int r;

	if (text)
		bind_text(&q, text);
	if (id)
		bind_i64(&q, id);
	if ((r = stmt_step(&q)) < 0)
		return r;
	*ret_count = r ? col_i64(&q, 0) : 0;
	return 0;
}

static int fixed_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a)
{
	uint64_t ino = node_ino(NODE_FIXED, 0, n->entry);
	int64_t users;
	int r;

	switch (n->entry) {
	case FIXED_ROOT:
		*ret_a = node_dir_attr(ino, v->noviews ? 2 : 4, v->file.st_mtime, KEEP_LONG);
		return 0;
	case FIXED_GENERATIONS:
		*ret_a = node_dir_attr(ino, v->generations, v->changed, KEEP_LONG);
		return 0;
	case FIXED_APPS:
		if ((r = count(st, "SELECT count(DISTINCT user_id) FROM apps", NULL, 0, &users)))
			return r;
		*ret_a = node_dir_attr(ino, users, v->changed, KEEP_SHORT);
		return 0;
	case FIXED_ORGANIZATIONS:
		*ret_a = node_dir_attr(ino, -1, v->changed, KEEP_SHORT);
		return 0;
	case FIXED_GENSTORE:
		*ret_a = node_dir_attr(ino, 0, v->file.st_mtime, KEEP_LONG);
		return 0;
	case FIXED_STATUS:
		*ret_a = file_attr(ino, STATUS_SIZE, v->changed);
		return 0;
	}
	return -ESTALE;
}

/*
 * Up to where the watcher has seen it. The kernel must not learn of more before it has dropped the page where the log ended:
 * it would show zeros behind the old end.
 */
static int log_length(struct view *v, struct genstore *st, int64_t generation, int64_t *ret_size)
{
	TXN t = txn_begin_read(&st->db);
	STMT q = db_stmt(&st->db, "SELECT min(position) FROM generation_events WHERE id > ? AND +generation_request_id = ?");
	int r;

	bind_i64(&q, v->events);
	bind_i64(&q, generation);
	if ((r = t.error) || (r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -EUCLEAN;
	if (col_null(&q, 0))
		return log_size(st, generation, ret_size);
	*ret_size = col_i64(&q, 0);
	return 0;
}

static int generation_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a)
{
	uint64_t ino = node_ino(n->kind, n->id, 0);
	int64_t number = 0;
	struct head h;
	int r;

	if ((r = view_generation(v, st, n->id, &h)))
		return r;
	switch (n->kind) {
	case NODE_GENERATION:
		*ret_a = node_dir_attr(ino, v->noviews ? 0 : 1 + (h.manifest > 0 || h.tree_away), h.changed, KEEP_LONG);
		return 0;
	case NODE_ARCHIVE:
		*ret_a = file_attr(ino, h.archive_size, h.created);
		return h.sealed ? 0 : -ENOENT;
	case NODE_METADATA:
		*ret_a = file_attr(ino, h.metadata_size, h.created);
		return h.sealed ? 0 : -ENOENT;
	case NODE_LOG:
		if ((r = log_length(v, st, n->id, &number)))
			return r;
		*ret_a = file_attr(ino, number, h.changed);
		return 0;
	case NODE_ITERATIONS:
		r = count(st, "SELECT count(DISTINCT iteration_number) FROM iteration_snapshots WHERE generation_request_id = ?"
			  " AND (iteration_number > 0 OR snapshot_type = 'automatic')", NULL, n->id, &number);
		*ret_a = node_dir_attr(ino, number, h.changed, KEEP_LONG);
		return r;
	default:
		return -ESTALE;
	}
}

static int link_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a)
{
	char target[NODE_LINK_MAX];
	uint64_t ino = node_ino(n->kind, n->id, 0);
	struct head h = { .created = v->changed };
	int r;

	if ((r = node_readlink(v, st, ino, target)) || (n->kind == NODE_NUMBER && (r = view_generation(v, st, n->id, &h))))
		return r;
	*ret_a = file_attr(ino, (int64_t)strlen(target), h.created);
	ret_a->mode = S_IFLNK | 0777;
	if (n->kind == NODE_LATEST)
		ret_a->keep = KEEP_SHORT;
	return 0;
}

int node_app_id(struct view *v, struct genstore *st, int64_t number, char ret_id[ID_UUID])
{
	const char *text = intern_text(v->apps, number);
	char user[ID_UUID];

	if (!text)
		return -ESTALE;
	snprintf(user, sizeof(user), "%s", text);
	return app_find(st, user, text + sizeof(user), ret_id);
}

static int app_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a)
{
	const char *user = intern_text(v->users, n->id);
	char app[ID_UUID];
	int64_t apps = 0;
	int r;

	if (n->kind == NODE_APP_DIR)
		r = node_app_id(v, st, n->id, app);
	else if (!user)
		r = -ESTALE;
	else if (!(r = count(st, "SELECT count(*) FROM apps WHERE user_id = ?", user, 0, &apps)) && !apps)
		r = -ENOENT;
	*ret_a = node_dir_attr(node_ino(n->kind, n->id, 0), apps, v->changed, KEEP_SHORT);
	return r;
}

int node_attr(struct view *v, struct genstore *st, uint64_t ino, struct attr *ret_a)
{
	struct node n;
	int r;

	if ((r = node_of(ino, &n)))
		return r;
	switch (n.kind) {
	case NODE_FIXED:
		return fixed_attr(v, st, &n, ret_a);
	case NODE_APP:
	case NODE_ITERATION:
		return tree_attr(v, st, &n, ret_a);
	case NODE_USER_DIR:
	case NODE_APP_DIR:
		return app_attr(v, st, &n, ret_a);
	case NODE_NUMBER:
	case NODE_LATEST:
		return link_attr(v, st, &n, ret_a);
	case NODE_FOLDER:
	case NODE_ARTIFACT:
	case NODE_BUNDLE:
		return artifacts_attr(v, st, &n, ret_a);
	default:
		return generation_attr(v, st, &n, ret_a);
	}
}

int node_head(struct view *v, struct genstore *st, const struct node *n, struct head *ret_h)
{
	switch (n->kind) {
	case NODE_GENERATION:
	case NODE_ARCHIVE:
	case NODE_METADATA:
	case NODE_LOG:
	case NODE_ITERATIONS:
	case NODE_APP:
		return view_generation(v, st, n->id, ret_h);
	case NODE_ITERATION:
		return view_snapshot(v, st, n->id, ret_h);
	default:
		return -ENODATA;
	}
}

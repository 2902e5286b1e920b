/* Bytes of files. */
#include "fs/artifacts.h"
#include "fs/status.h"
#include "store/event.h"

enum { SMALL_READ = 16 << 10, LOOK_AHEAD = 32 };

/*
 * The object of a file of a tree. Whoever reads files in their order reads on: those that follow are looked up along with it, in
 * the same transaction, so that the store is locked once for all of them. `v->missed` is where a look-up was needed last.
 */
static int tree_content(struct view *v, struct genstore *st, const struct manifest *m, size_t entry, struct object **ret_o)
{
	uint64_t here = (uint64_t)m->id << NODE_ENTRY_BITS | entry, missed;
	size_t end = entry + 1;
	int r;

	if (view_has_content(v, m->entries[entry].content, ret_o))
		return 0;
	missed = atomic_exchange(&v->missed, here);
	if (here > missed && here - missed <= LOOK_AHEAD)
		end = entry + LOOK_AHEAD < m->count ? entry + LOOK_AHEAD : m->count;
	if ((r = view_content(v, st, m->entries[entry].content, ret_o)))
		return r;
	for (size_t i = entry + 1; i < end; i++) {
		AUTO(object_unrefp) struct object *o = NULL;

		/* What is wrong with that one is said to who asks for it. */
		if (m->entries[i].type == TAR_FILE && view_content(v, st, m->entries[i].content, &o))
			break;
	}
	return 0;
}

static int tree_object(struct view *v, struct genstore *st, const struct node *n, struct head *h, struct object **ret_o)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int r;

	if ((r = node_tree(v, st, n, h, &m)))
		return r;
	if (n->entry >= m->count || m->entries[n->entry].type == TAR_DIR)
		return -EISDIR;
	if (m->entries[n->entry].type == TAR_SYMLINK)
		return -EINVAL;
	return tree_content(v, st, m, n->entry, ret_o);
}

static ssize_t status_read(struct genstore *st, int64_t offset, size_t n, void *out)
{
	char text[STATUS_SIZE];
	int r;

	if (offset >= STATUS_SIZE)
		return 0;
	if ((r = status_json(st, text)))
		return r;
	n = (size_t)min_i64((int64_t)n, STATUS_SIZE - offset);
	memcpy(out, text + offset, n);
	return (ssize_t)n;
}

static int object_at(struct view *v, struct genstore *st, const struct node *n, struct object **ret_o)
{
	struct head h;
	int r;

	if (n->kind == NODE_ARTIFACT || n->kind == NODE_BUNDLE)
		return artifacts_object(v, st, n, ret_o);
	if ((r = node_head(v, st, n, &h)))
		return r == -ENODATA ? -EISDIR : r;
	switch (n->kind) {
	case NODE_ARCHIVE:
		if (h.away)
			return view_away(st, h.generation);
		return h.sealed ? view_archive(v, st, &h, ret_o) : -ENOENT;
	case NODE_METADATA:
		return h.sealed ? view_content(v, st, h.metadata, ret_o) : -ENOENT;
	case NODE_APP:
	case NODE_ITERATION:
		return tree_object(v, st, n, &h, ret_o);
	default:
		return -EISDIR;
	}
}

ssize_t file_read(struct view *v, struct genstore *st, uint64_t ino, int64_t offset, size_t n, void *out)
{
	AUTO(object_unrefp) struct object *o = NULL;
	struct node node;
	int r;

	if ((r = node_of(ino, &node)))
		return r;
	if (node.kind == NODE_LOG)
		return log_read(st, node.id, offset, n, out);
	if (node.kind == NODE_FIXED && node.entry == FIXED_STATUS)
		return status_read(st, offset, n, out);
	/* A piece of an archive is one look-up; everything else takes several, which lock the store once in a transaction. */
	TXN t = { .depth = 0 };

	if (node.kind != NODE_ARCHIVE || n > SMALL_READ)
		t = txn_begin_read(&st->db);
	if ((r = t.error) || (r = object_at(v, st, &node, &o)))
		return r;
	return object_read(st, o, offset, n, out);
}

/* Bytes of files, and what stands beside them: extended attributes. */
#include "fs/node.h"
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

static int tree_object(struct view *v, struct genstore *st, const struct node *n, const struct head *h, struct object **ret_o)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int r;

	if (!h->manifest)
		return -ENOENT;
	if ((r = view_manifest(v, st, h->manifest, &m)))
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
	int r = node_head(v, st, n, &h);

	if (r)
		return r == -ENODATA ? -EISDIR : r;
	switch (n->kind) {
	case NODE_ARCHIVE:
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

static int value_of(struct stmt *q, const char *what, char ret_value[XATTR_VALUE_MAX])
{
	int r = stmt_step(q);

	if (r <= 0)
		return r < 0 ? r : -ENODATA;
	if (strcmp(what, "sha256") == 0) {
		uint8_t hash[SHA256_SIZE];

		if ((r = col_bytes(q, 0, hash, sizeof(hash))))
			return r;
		hex_encode(hash, sizeof(hash), ret_value);
		return 0;
	}
	snprintf(ret_value, XATTR_VALUE_MAX, "%s", col_text(q, 0));
	return 0;
}

static int get_sha256(struct view *v, struct genstore *st, const struct node *n, const struct head *h, char *ret_value)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int64_t content = n->kind == NODE_ARCHIVE ? h->content : n->kind == NODE_METADATA ? h->metadata : 0;
	int r;

	if (n->kind == NODE_APP || n->kind == NODE_ITERATION) {
		if (n->entry == NODE_TOP || !h->manifest)
			return -ENODATA;
		if ((r = view_manifest(v, st, h->manifest, &m)))
			return r;
		if (n->entry < m->count && m->entries[n->entry].type == TAR_FILE)
			content = m->entries[n->entry].content;
	}
	if (n->kind == NODE_ARCHIVE && h->seal) {
		STMT q = db_stmt(&st->db, "SELECT sha256 FROM seal WHERE id = ?");

		bind_i64(&q, h->seal);
		return value_of(&q, "sha256", ret_value);
	}
	STMT q = db_stmt(&st->db, "SELECT sha256 FROM content WHERE id = ?");

	bind_i64(&q, content);
	return content ? value_of(&q, "sha256", ret_value) : -ENODATA;
}

static int get_status(struct view *v UNUSED, struct genstore *st, const struct node *n UNUSED, const struct head *h, char *ret_value)
{
	STMT q = db_stmt(&st->db, "SELECT status FROM generation_requests WHERE id = ?");

	bind_i64(&q, h->generation);
	return value_of(&q, "status", ret_value);
}

/* Nothing is sent anywhere yet. */
static int get_sync(struct view *v UNUSED, struct genstore *st UNUSED, const struct node *n UNUSED, const struct head *h UNUSED,
		    char *ret_value)
{
	strcpy(ret_value, "local");
	return 0;
}

static const struct xattr {
	const char *name;
	int (*get)(struct view *v, struct genstore *st, const struct node *n, const struct head *h, char *ret_value);
	bool tree; /* the entries of a tree have it, too */
} xattrs[] = {
	{ "user.genstore.sha256", get_sha256, true },
	{ "user.genstore.status", get_status, true },
	{ "user.genstore.sync", get_sync, false },
	{ "user.genstore.s3", get_sync, false },
	{ "user.genstore.github", get_sync, false },
};

static bool has(const struct xattr *x, const struct node *n)
{
	return x->tree || (n->kind != NODE_APP && n->kind != NODE_ITERATION);
}

int xattr_get(struct view *v, struct genstore *st, uint64_t ino, const char *name, char ret_value[XATTR_VALUE_MAX])
{
	struct node n;
	struct head h;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(xattrs); i++) {
		if (strcmp(name, xattrs[i].name) != 0)
			continue;
		if ((r = node_of(ino, &n)) || (r = node_head(v, st, &n, &h)))
			return r;
		return has(&xattrs[i], &n) ? xattrs[i].get(v, st, &n, &h, ret_value) : -ENODATA;
	}
	return -ENODATA;
}

int xattr_list(struct view *v, struct genstore *st, uint64_t ino, struct buf *out)
{
	char value[XATTR_VALUE_MAX];
	struct node n;
	struct head h;
	int r;

	if ((r = node_of(ino, &n)) || (r = node_head(v, st, &n, &h)))
		return r == -ENODATA ? 0 : r;
	for (size_t i = 0; i < ARRAY_LEN(xattrs); i++) {
		if (!has(&xattrs[i], &n))
			continue;
		r = xattrs[i].get(v, st, &n, &h, value);
		if (!r)
			r = buf_add(out, xattrs[i].name, strlen(xattrs[i].name) + 1);
		if (r && r != -ENODATA)
			return r;
	}
	return 0;
}

/* Extended attributes. */
#include "fs/artifacts.h"
#include "fs/fetches.h"
#include "fs/sync.h"

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

static int get_sync(struct view *v, struct genstore *st, const struct node *n UNUSED, const struct head *h, char *ret_value)
{
	return sync_state(v, st, h->generation, ret_value);
}

static int get_s3(struct view *v, struct genstore *st, const struct node *n UNUSED, const struct head *h, char *ret_value)
{
	return sync_remote(v, st, h->generation, "s3", ret_value);
}

static int get_github(struct view *v, struct genstore *st, const struct node *n UNUSED, const struct head *h, char *ret_value)
{
	return sync_remote(v, st, h->generation, "github", ret_value);
}

/* What there is to say while the bytes are not here. As it is: another process can have brought them back. */
static int get_fetch(struct view *v, struct genstore *st, const struct node *n UNUSED, const struct head *h, char *ret_value)
{
	struct head now;
	int r;

	if (!h->away)
		return -ENODATA;
	view_forget(v, h->generation);
	if ((r = view_generation(v, st, h->generation, &now)) || !now.away)
		return r ? r : -ENODATA;
	if (!v->fetches || !fetches_words(v->fetches, h->generation, ret_value, XATTR_VALUE_MAX))
		strcpy(ret_value, "evicted");
	return 0;
}

static const struct xattr {
	const char *name;
	int (*get)(struct view *v, struct genstore *st, const struct node *n, const struct head *h, char *ret_value);
	bool tree; /* the entries of a tree have it, too */
} xattrs[] = {
	{ "user.genstore.sha256", get_sha256, true },
	{ "user.genstore.status", get_status, true },
	{ SYNC_ATTRIBUTE, get_sync, false },
	{ "user.genstore.s3", get_s3, false },
	{ "user.genstore.github", get_github, false },
	{ "user.genstore.fetch", get_fetch, false },
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
		if ((r = node_of(ino, &n)))
			return r;
		if (n.kind == NODE_ARTIFACT)
			return artifacts_xattr(v, st, &n, name, ret_value);
		if ((r = node_head(v, st, &n, &h)))
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

	if ((r = node_of(ino, &n)))
		return r;
	if (n.kind != NODE_ARTIFACT && (r = node_head(v, st, &n, &h)))
		return r == -ENODATA ? 0 : r;
	for (size_t i = 0; i < ARRAY_LEN(xattrs); i++) {
		if (!has(&xattrs[i], &n))
			continue;
		r = n.kind == NODE_ARTIFACT ? artifacts_xattr(v, st, &n, xattrs[i].name, value) : xattrs[i].get(v, st, &n, &h, value);
		if (!r)
			r = buf_add(out, xattrs[i].name, strlen(xattrs[i].name) + 1);
		if (r && r != -ENODATA)
			return r;
	}
	return 0;
}

#include "fs/artifacts.h"
#include "fs/cache.h"
#include "fs/intern.h"
#include "fs/sync.h"
#include "store/artifact_remote.h"
#include "store/content.h"

#define TOP "organizations/"

/* Numbers of interned storage paths, which are folders where they end with '/'; of a bundle its tag and its folder. */
static const char *folder_of(struct view *v, const struct node *n)
{
	return n->kind == NODE_FIXED ? TOP : intern_text(v->paths, n->id);
}

/* Whether it is the folder of a session's artifacts, and whose. */
static bool is_session(const char *folder, char ret_organization[ID_UUID], char ret_session[ID_UUID])
{
	int end = 0;

	return sscanf(folder, TOP "%36[^/]/sessions/%36[^/]/artifacts/%n", ret_organization, ret_session, &end) == 2 && end && !folder[end];
}

/* Versions are ids in the store, and an inode has room for the end of one. */
static uint64_t artifact_ino(int64_t path, int64_t version)
{
	return node_ino(NODE_ARTIFACT, path, (size_t)version & NODE_TOP);
}

static struct attr file_attr(uint64_t ino, int64_t size, const char *time)
{
	struct attr a = { .ino = ino, .mode = S_IFREG | 0644, .nlink = 1, .size = size, .keep = 0 };

	if (time)
		clock_parse(time, &a.mtime);
	return a;
}

static int folder_attr(struct view *v, struct genstore *st, const char *folder, struct attr *ret_a)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM artifacts WHERE storage_path > ?1 AND storage_path < substr(?1, 1, length(?1) - 1) || '0' LIMIT 1");
	int64_t number;
	int r;

	bind_text(&q, folder);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	if ((r = intern_number(v->paths, folder, &number)))
		return r;
	/* One link says that nobody has counted the folders in it. */
	*ret_a = node_dir_attr(node_ino(NODE_FOLDER, number, 0), -1, v->changed, KEEP_SHORT);
	return 0;
}

static int artifact_attr(struct view *v, struct genstore *st, const char *path, struct attr *ret_a)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	int64_t number;
	int r;

	if ((r = artifact_get(st, path, &a)) || (r = intern_number(v->paths, path, &number)))
		return r;
	*ret_a = file_attr(artifact_ino(number, a.version), a.file_size, a.stored_at ? a.stored_at : a.created_at);
	return 0;
}

/* The bundle as it is now. */
static int bundle_now(struct view *v, struct genstore *st, const char *folder, struct object **ret_o, int64_t *ret_number)
{
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf text = BUF_INIT;
	char organization[ID_UUID], session[ID_UUID], tag[HEX_SHA256_SIZE];
	struct artifact_filter f = { .session_id = session, .organization_id = organization };
	int64_t count;
	int r;

	if (!is_session(folder, organization, session))
		return -ENOENT;
	if ((r = artifact_bundle(st, &f, &o, &count, tag)))
		return r == -ENODATA ? -EIO : r;
	if ((r = buf_addf(&text, "%s %s", tag, folder)) || (r = intern_number(v->paths, buf_str(&text), ret_number)))
		return r;
	cache_put(v->objects, (int64_t)node_ino(NODE_BUNDLE, *ret_number, 0), o, object_cost(o));
	*ret_o = MOVE(o);
	return 0;
}

static int bundle_attr(struct view *v, struct genstore *st, const char *folder, struct attr *ret_a)
{
	AUTO(object_unrefp) struct object *o = NULL;
	TXN t = txn_begin_read(&st->db);
	STMT q = db_stmt(&st->db, "SELECT max(c.stored_at) FROM artifacts AS a JOIN artifact_content AS c ON c.artifact_id = a.artifact_id"
				  " WHERE a.session_id = ?");
	char organization[ID_UUID], session[ID_UUID];
	int64_t number;
	int r = t.error ? t.error : bundle_now(v, st, folder, &o, &number);

	if (r || !is_session(folder, organization, session))
		return r ? r : -ENOENT;
	bind_text(&q, session);
	if ((r = stmt_step(&q)) < 0)
		return r;
	*ret_a = file_attr(node_ino(NODE_BUNDLE, number, 0), object_size(o), col_text(&q, 0));
	return 0;
}

int artifacts_lookup(struct view *v, struct genstore *st, const struct node *dir, const char *name, struct attr *ret_a)
{
	const char *folder = folder_of(v, dir);
	AUTO(buf_release) struct buf path = BUF_INIT;
	int r;

	if (!folder)
		return -ESTALE;
	if (!v->noviews && strcmp(name, ARTIFACT_BUNDLE) == 0 && (r = bundle_attr(v, st, folder, ret_a)) != -ENOENT)
		return r;
	if ((r = buf_addf(&path, "%s%s", folder, name)))
		return r;
	if ((r = artifact_attr(v, st, buf_str(&path), ret_a)) != -ENOENT)
		return r;
	if ((r = buf_adds(&path, "/")))
		return r;
	return folder_attr(v, st, buf_str(&path), ret_a);
}

/* Replaced or removed: it lives on for who has it open, as long as it is in the cache. */
static int gone_attr(struct view *v, const struct node *n, struct attr *ret_a)
{
	uint64_t ino = node_ino(n->kind, n->id, n->entry);
	AUTO(object_unrefp) struct object *o = cache_get(v->objects, (int64_t)ino);

	if (!o)
		return -ENOENT;
	*ret_a = file_attr(ino, object_size(o), NULL);
	ret_a->mtime = v->changed;
	ret_a->nlink = 0;
	return 0;
}

int artifacts_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a)
{
	const char *text = folder_of(v, n);
	int r;

	if (!text)
		return -ESTALE;
	if (n->kind == NODE_FOLDER)
		return folder_attr(v, st, text, ret_a);
	r = n->kind == NODE_BUNDLE ? bundle_attr(v, st, strchr(text, ' ') + 1, ret_a) : artifact_attr(v, st, text, ret_a);
	if ((!r && ret_a->ino != node_ino(n->kind, n->id, n->entry)) || r == -ENOENT)
		return gone_attr(v, n, ret_a);
	return r;
}

static int artifact_of(struct view *v, struct genstore *st, const struct node *n, struct artifact *ret_a)
{
	const char *path = folder_of(v, n);
	int r = path ? artifact_get(st, path, ret_a) : -ESTALE;

	return !r && artifact_ino(n->id, ret_a->version) != node_ino(n->kind, n->id, n->entry) ? -ENOENT : r;
}

static int open_artifact(struct view *v, struct genstore *st, const struct node *n, struct object **ret_o)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	int r;

	if ((r = artifact_of(v, st, n, &a)) || (r = artifact_open(st, &a, &o)))
		return r == -ENODATA ? -EIO : r == -ENOENT ? -ESTALE : r;
	cache_put(v->objects, (int64_t)node_ino(n->kind, n->id, n->entry), o, object_cost(o));
	*ret_o = MOVE(o);
	return 0;
}

static int open_bundle(struct view *v, struct genstore *st, const struct node *n, struct object **ret_o)
{
	AUTO(object_unrefp) struct object *o = NULL;
	const char *text = folder_of(v, n);
	int64_t number;
	int r = text ? bundle_now(v, st, strchr(text, ' ') + 1, &o, &number) : -ESTALE;

	if (r || number != n->id)
		return r && r != -ENOENT ? r : -ESTALE;
	*ret_o = MOVE(o);
	return 0;
}

int artifacts_object(struct view *v, struct genstore *st, const struct node *n, struct object **ret_o)
{
	struct object *o;

	if (n->kind != NODE_ARTIFACT && n->kind != NODE_BUNDLE)
		return -EISDIR;
	/* Beside contents and seals: an inode's number is greater than the ids of the one, and less than those of the other. */
	if ((o = cache_get(v->objects, (int64_t)node_ino(n->kind, n->id, n->entry)))) {
		*ret_o = o;
		return 0;
	}
	return n->kind == NODE_BUNDLE ? open_bundle(v, st, n, ret_o) : open_artifact(v, st, n, ret_o);
}

/* Rows that others wrote can hold anything. */
static bool is_name(const char *name, size_t n)
{
	return n && n <= NODE_NAME_MAX && !(n == 1 && *name == '.') && !(n == 2 && memcmp(name, "..", 2) == 0);
}

struct walk {
	struct view *v;
	const char *folder;
	struct buf from, to; /* where the next can be: from the one, before the other */
	dir_emit emit;
	void *arg;
};

/* One entry: the path that was found, or the folder in which it is. All that is in that folder is passed over. */
static int give(struct walk *w, const char *path, int64_t version)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	const char *name = path + strlen(w->folder), *slash = strchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : strlen(name);
	struct attr a = { .mode = slash ? S_IFDIR : S_IFREG, .keep = -1 };
	char copy[NODE_NAME_MAX + 1];
	int64_t number;
	int r;

	buf_add(&text, path, (size_t)(name - path) + n);
	buf_reset(&w->from);
	/* No name has a byte less than the first; '0' is the one behind '/'. */
	buf_addf(&w->from, "%s%s", buf_str(&text), slash ? "0" : "\x01");
	if (slash)
		buf_adds(&text, "/");
	if ((r = buf_error(&text)) || (r = buf_error(&w->from)) || !is_name(name, n))
		return r;
	if ((r = intern_number(w->v->paths, buf_str(&text), &number)))
		return r;
	a.ino = slash ? node_ino(NODE_FOLDER, number, 0) : artifact_ino(number, version);
	snprintf(copy, sizeof(copy), "%.*s", (int)n, name);
	return w->emit(w->arg, copy, &a, number + 1);
}

static int begin(struct walk *w, int64_t after)
{
	const char *last = after > 1 ? intern_text(w->v->paths, after - 1) : NULL;
	size_t n = last ? strlen(last) : 0;

	if (after > 1 && !last)
		return -EINVAL;
	if (!last)
		buf_adds(&w->from, w->folder);
	else if (last[n - 1] == '/')
		buf_addf(&w->from, "%.*s0", (int)n - 1, last);
	else
		buf_addf(&w->from, "%s\x01", last);
	buf_addf(&w->to, "%.*s0", (int)strlen(w->folder) - 1, w->folder);
	return buf_error(&w->from) ? buf_error(&w->from) : buf_error(&w->to);
}

static int list_paths(struct genstore *st, struct walk *w)
{
	AUTO(free_ptr) char *path = NULL;
	int64_t version;
	int r;

	for (;;) {
		{
			STMT q = db_stmt(&st->db, "SELECT a.storage_path, c.id FROM artifacts AS a LEFT JOIN artifact_content AS c"
						  " ON c.artifact_id = a.artifact_id WHERE a.storage_path >= ? AND a.storage_path < ?"
						  " ORDER BY a.storage_path LIMIT 1");

			free(MOVE(path));
			bind_text(&q, buf_str(&w->from));
			bind_text(&q, buf_str(&w->to));
			if ((r = stmt_step(&q)) <= 0 || (r = col_dup(&q, 0, &path)))
				return r;
			version = col_i64(&q, 1);
		}
		if ((r = give(w, path, version)))
			return r;
	}
}

int artifacts_list(struct view *v, struct genstore *st, const struct node *dir, int64_t after, dir_emit emit, void *arg)
{
	struct walk w = { .v = v, .folder = folder_of(v, dir), .from = BUF_INIT, .to = BUF_INIT, .emit = emit, .arg = arg };
	struct attr bundle = { .mode = S_IFREG, .keep = -1 };
	char organization[ID_UUID], session[ID_UUID];
	int r = w.folder ? 0 : -ESTALE;

	if (!r && !after && !v->noviews && is_session(w.folder, organization, session)) {
		struct attr a;

		if (!(r = bundle_attr(v, st, w.folder, &a))) {
			bundle.ino = a.ino;
			r = emit(arg, ARTIFACT_BUNDLE, &bundle, 1);
		} else if (r == -ENOENT || r == -EIO) {
			r = 0; /* there is none: the bytes of one are missing */
		}
	}
	if (!r && !(r = begin(&w, after)))
		r = list_paths(st, &w);
	buf_release(&w.from);
	buf_release(&w.to);
	return r;
}

static int hash_of(struct genstore *st, const struct artifact *a, char *ret_value)
{
	AUTO(content_release) struct content c = { .id = 0 };
	int r = a->content_id ? content_get(st, a->content_id, &c) : -ENODATA;

	if (!r)
		hex_encode(c.sha256, SHA256_SIZE, ret_value);
	return r;
}

static int sync_of(struct genstore *st, const struct artifact *a, char *ret_value)
{
	AUTO(artifact_remote_release) struct artifact_remote o = { 0 };
	int r = artifact_remote_get(st, a->storage_path, &o);

	if (r && r != -ENOENT)
		return r;
	snprintf(ret_value, XATTR_VALUE_MAX, "%s", artifact_remote_state(r ? NULL : &o, a));
	return 0;
}

int artifacts_xattr(struct view *v, struct genstore *st, const struct node *n, const char *name, char ret_value[XATTR_VALUE_MAX])
{
	AUTO(artifact_release) struct artifact a = { 0 };
	bool sum = strcmp(name, "user.genstore.sha256") == 0;
	int r;

	if (n->kind != NODE_ARTIFACT || (!sum && strcmp(name, SYNC_ATTRIBUTE) != 0))
		return -ENODATA;
	if ((r = artifact_of(v, st, n, &a)))
		return r;
	return sum ? hash_of(st, &a, ret_value) : sync_of(st, &a, ret_value);
}

/* From a name to a node, and where links point. */
#include "fs/artifacts.h"
#include "fs/intern.h"
#include "fs/node.h"
#include "store/app.h"

static const struct fixed_name root_names[] = {
	{ "generations", NODE_FIXED, FIXED_GENERATIONS, S_IFDIR, false },
	{ "organizations", NODE_FIXED, FIXED_ORGANIZATIONS, S_IFDIR, false },
	{ "apps", NODE_FIXED, FIXED_APPS, S_IFDIR, true },
	{ ".genstore", NODE_FIXED, FIXED_GENSTORE, S_IFDIR, true },
}, genstore_names[] = {
	{ "status.json", NODE_FIXED, FIXED_STATUS, S_IFREG, true },
}, generation_names[] = {
	{ "app.tar.gz", NODE_ARCHIVE, 0, S_IFREG, false },
	{ "metadata.json", NODE_METADATA, 0, S_IFREG, false },
	{ "app", NODE_APP, NODE_TOP, S_IFDIR, true },
	{ "iterations", NODE_ITERATIONS, 0, S_IFDIR, true },
	{ "log.txt", NODE_LOG, 0, S_IFREG, true },
};

size_t node_names(const struct node *dir, const struct fixed_name **ret_names)
{
	*ret_names = root_names;
	if (dir->kind == NODE_FIXED && dir->entry == FIXED_ROOT)
		return ARRAY_LEN(root_names);
	*ret_names = genstore_names;
	if (dir->kind == NODE_FIXED && dir->entry == FIXED_GENSTORE)
		return ARRAY_LEN(genstore_names);
	*ret_names = generation_names;
	return dir->kind == NODE_GENERATION ? ARRAY_LEN(generation_names) : 0;
}

static int by_name(struct view *v, struct genstore *st, const struct node *dir, const char *name, struct attr *ret_a)
{
	const struct fixed_name *names;
	size_t count = node_names(dir, &names);

	for (size_t i = 0; i < count; i++)
		if (!(names[i].view && v->noviews) && strcmp(names[i].name, name) == 0)
			return node_attr(v, st, node_ino(names[i].kind, dir->id, names[i].entry), ret_a);
	return -ENOENT;
}

static int in_generations(struct view *v, struct genstore *st, const char *name, struct attr *ret_a)
{
	int64_t id;
	int r = generation_id(st, name, &id);

	return r ? r : node_attr(v, st, node_ino(NODE_GENERATION, id, 0), ret_a);
}

/* 1 for "1", -1 for what is no number as the mount writes it ("01", "+1"). */
static int64_t number_of(const char *name)
{
	char *end, again[32];
	long long n;

	errno = 0;
	n = strtoll(name, &end, 10);
	snprintf(again, sizeof(again), "%lld", n);
	return errno || strcmp(again, name) != 0 || n < 0 ? -1 : n;
}

static int in_iterations(struct view *v, struct genstore *st, int64_t generation, const char *name, struct attr *ret_a)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	int64_t number = number_of(name);
	int r = number > 0 ? iteration_find(st, generation, number, &it) : -ENOENT;

	return r ? r : node_attr(v, st, node_ino(NODE_ITERATION, it.id, NODE_TOP), ret_a);
}

static int in_tree(struct view *v, struct genstore *st, const struct node *n, const char *name, struct attr *ret_a)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	const struct entry *dir;
	char path[MANIFEST_PATH_MAX + NODE_NAME_MAX + 2];
	struct head h;
	ssize_t at;
	int r;

	if ((r = node_tree(v, st, n, &h, &m)))
		return r;
	if (n->entry >= m->count && n->entry != NODE_TOP)
		return -ESTALE;
	dir = n->entry < m->count ? &m->entries[n->entry] : NULL;
	if (dir && dir->type != TAR_DIR)
		return -ENOTDIR;
	snprintf(path, sizeof(path), "%s%s", dir ? dir->path : "", name);
	if ((at = manifest_find(m, path)) < 0)
		return -ENOENT;
	node_tree_attr(n->kind, n->id, m, (size_t)at, h.created, ret_a);
	return 0;
}

static int in_apps(struct view *v, struct genstore *st, const char *name, struct attr *ret_a)
{
	int64_t number;
	int r;
	{
		STMT q = db_stmt(&st->db, "SELECT 1 FROM apps WHERE user_id = ? LIMIT 1");

		bind_text(&q, name);
		if ((r = stmt_step(&q)) <= 0)
			return r < 0 ? r : -ENOENT;
	}
	if ((r = intern_number(v->users, name, &number)))
		return r;
	return node_attr(v, st, node_ino(NODE_USER_DIR, number, 0), ret_a);
}

int node_app_number(struct view *v, const char *user_id, const char *app_name, int64_t *ret_number)
{
	char text[ID_UUID + 4 * APP_NAME_MAX];

	if (strlen(user_id) != ID_UUID - 1 || (size_t)snprintf(text, sizeof(text), "%s/%s", user_id, app_name) >= sizeof(text))
		return -EUCLEAN;
	return intern_number(v->apps, text, ret_number);
}

static int in_user(struct view *v, struct genstore *st, int64_t user, const char *name, struct attr *ret_a)
{
	const char *user_id = intern_text(v->users, user);
	char app[ID_UUID];
	int64_t number;
	int r;

	if (!user_id)
		return -ESTALE;
	if ((r = app_find(st, user_id, name, app)) || (r = node_app_number(v, user_id, name, &number)))
		return r;
	return node_attr(v, st, node_ino(NODE_APP_DIR, number, 0), ret_a);
}

static int in_app(struct view *v, struct genstore *st, int64_t app, const char *name, struct attr *ret_a)
{
	int64_t number = number_of(name), id;
	char app_id[ID_UUID];
	int r;

	if (strcmp(name, "latest") == 0)
		return node_attr(v, st, node_ino(NODE_LATEST, app, 0), ret_a);
	if (number < 0)
		return -ENOENT;
	if ((r = node_app_id(v, st, app, app_id)))
		return r;
	{
		STMT q = db_stmt(&st->db, "SELECT id FROM generation_requests WHERE app_id = ? AND generation_number = ?");

		bind_text(&q, app_id);
		bind_i64(&q, number);
		if ((r = stmt_step(&q)) <= 0)
			return r < 0 ? r : -ENOENT;
		id = col_i64(&q, 0);
	}
	return node_attr(v, st, node_ino(NODE_NUMBER, id, 0), ret_a);
}

int node_lookup(struct view *v, struct genstore *st, uint64_t parent, const char *name, struct attr *ret_a, double *ret_keep)
{
	struct node n;
	int r;

	*ret_keep = 0;
	if ((r = node_of(parent, &n)))
		return r;
	if (strlen(name) > NODE_NAME_MAX)
		return -ENAMETOOLONG;
	switch (n.kind) {
	case NODE_FIXED:
		if (n.entry == FIXED_GENERATIONS)
			return in_generations(v, st, name, ret_a);
		if (n.entry == FIXED_APPS)
			return in_apps(v, st, name, ret_a);
		if (n.entry == FIXED_ORGANIZATIONS)
			return artifacts_lookup(v, st, &n, name, ret_a);
		return by_name(v, st, &n, name, ret_a);
	case NODE_GENERATION:
		return by_name(v, st, &n, name, ret_a);
	case NODE_ITERATIONS:
		return in_iterations(v, st, n.id, name, ret_a);
	case NODE_APP:
	case NODE_ITERATION:
		*ret_keep = KEEP_LONG;
		return in_tree(v, st, &n, name, ret_a);
	case NODE_USER_DIR:
		return in_user(v, st, n.id, name, ret_a);
	case NODE_APP_DIR:
		return in_app(v, st, n.id, name, ret_a);
	case NODE_FOLDER:
		return artifacts_lookup(v, st, &n, name, ret_a);
	default:
		return -ENOTDIR;
	}
}

static int link_in_tree(struct view *v, struct genstore *st, const struct node *n, char *ret_target)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	struct head h;
	int r;

	if ((r = node_tree(v, st, n, &h, &m)))
		return r;
	if (n->entry >= m->count || m->entries[n->entry].type != TAR_SYMLINK)
		return -EINVAL;
	snprintf(ret_target, NODE_LINK_MAX, "%s", m->entries[n->entry].link);
	return 0;
}

static int link_to_generation(struct stmt *q, char *ret_target)
{
	int r = stmt_step(q);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	snprintf(ret_target, NODE_LINK_MAX, "../../../generations/%s", col_text(q, 0));
	return 0;
}

int node_readlink(struct view *v, struct genstore *st, uint64_t ino, char *ret_target)
{
	char app[ID_UUID];
	struct node n;
	int r;

	if ((r = node_of(ino, &n)))
		return r;
	if (n.kind == NODE_APP || n.kind == NODE_ITERATION)
		return link_in_tree(v, st, &n, ret_target);
	if (n.kind == NODE_NUMBER) {
		STMT q = db_stmt(&st->db, "SELECT request_id FROM generation_requests WHERE id = ?");

		bind_i64(&q, n.id);
		return link_to_generation(&q, ret_target);
	}
	if (n.kind != NODE_LATEST)
		return -EINVAL;
	if ((r = node_app_id(v, st, n.id, app)))
		return r;
	STMT q = db_stmt(&st->db, "SELECT request_id FROM generation_requests WHERE app_id = ? ORDER BY generation_number DESC LIMIT 1");

	bind_text(&q, app);
	return link_to_generation(&q, ret_target);
}

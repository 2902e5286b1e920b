/*
 * The library as an extension of SQLite, so that the sqlite3 shell (or anything that loads extensions) reads trees with SQL:
 *
 *	.load /usr/local/lib/libgenstore
 *	SELECT path, size FROM iteration_files(17);
 *	SELECT * FROM iteration_files WHERE snapshot_id = 17;
 *
 * iteration_files(snapshot id): path, type ('file', 'dir', 'symlink'), mode, size, sha256 (hex), target (of a symlink), content.
 * Reads only; the connection is the shell's own.
 */
#include "store/generation.h"

struct files_table {
	sqlite3_vtab base;
	struct genstore st; /* borrows the shell's connection; owns its statements */
};

struct files_cursor {
	sqlite3_vtab_cursor base;
	struct manifest *manifest;
	size_t at;
	int64_t snapshot;
};

enum { COLUMN_PATH, COLUMN_TYPE, COLUMN_MODE, COLUMN_SIZE, COLUMN_SHA256, COLUMN_TARGET, COLUMN_CONTENT, COLUMN_SNAPSHOT };

static int files_connect(sqlite3 *handle, void *aux UNUSED, int argc UNUSED, const char *const *argv UNUSED,
			 sqlite3_vtab **ret_table, char **ret_words UNUSED)
{
	struct files_table *t = calloc(1, sizeof(*t));

	if (!t)
		return SQLITE_NOMEM;
	t->st.db = (struct db){ .handle = handle, .st = &t->st };
	*ret_table = &t->base;
	sqlite3_vtab_config(handle, SQLITE_VTAB_DIRECTONLY);
	return sqlite3_declare_vtab(handle, "CREATE TABLE x(path TEXT, type TEXT, mode INTEGER, size INTEGER, sha256 TEXT,"
					    " target TEXT, content INTEGER, snapshot_id INTEGER HIDDEN)");
}

static int files_disconnect(sqlite3_vtab *base)
{
	struct files_table *t = (struct files_table *)base;

	for (size_t i = 0; i < DB_STATEMENTS; i++)
		sqlite3_finalize(t->st.db.slots[i].stmt);
	store_release(&t->st);
	free(t);
	return SQLITE_OK;
}

/* Without a snapshot id there is nothing to list: no plan then. */
static int files_plan(sqlite3_vtab *base UNUSED, sqlite3_index_info *info)
{
	for (int i = 0; i < info->nConstraint; i++) {
		if (info->aConstraint[i].iColumn != COLUMN_SNAPSHOT || !info->aConstraint[i].usable ||
		    info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		info->aConstraintUsage[i].argvIndex = 1;
		info->aConstraintUsage[i].omit = 1;
		info->estimatedCost = 1000;
		info->estimatedRows = 1000;
		return SQLITE_OK;
	}
	return SQLITE_CONSTRAINT;
}

static int files_open(sqlite3_vtab *base UNUSED, sqlite3_vtab_cursor **ret_cursor)
{
	struct files_cursor *c = calloc(1, sizeof(*c));

	if (!c)
		return SQLITE_NOMEM;
	*ret_cursor = &c->base;
	return SQLITE_OK;
}

static int files_close(sqlite3_vtab_cursor *base)
{
	struct files_cursor *c = (struct files_cursor *)base;

	manifest_unref(c->manifest);
	free(c);
	return SQLITE_OK;
}

static int words_of(struct files_table *t, int r)
{
	sqlite3_free(t->base.zErrMsg);
	t->base.zErrMsg = sqlite3_mprintf("%s", *t->st.errmsg ? t->st.errmsg : strerror(-r));
	return SQLITE_ERROR;
}

static int files_filter(sqlite3_vtab_cursor *base, int plan UNUSED, const char *name UNUSED, int argc UNUSED, sqlite3_value **argv)
{
	struct files_cursor *c = (struct files_cursor *)base;
	struct files_table *t = (struct files_table *)base->pVtab;
	AUTO(iteration_release) struct iteration it = { 0 };
	int r;

	manifest_unref(c->manifest);
	c->manifest = NULL;
	c->at = 0;
	c->snapshot = sqlite3_value_int64(argv[0]);
	r = iteration_get(&t->st, c->snapshot, &it);
	if (r == -ENOENT || (!r && !it.manifest))
		return SQLITE_OK;
	if (r || (r = manifest_load(&t->st, it.manifest, &c->manifest)))
		return words_of(t, r);
	return SQLITE_OK;
}

static int files_next(sqlite3_vtab_cursor *base)
{
	((struct files_cursor *)base)->at++;
	return SQLITE_OK;
}

static int files_eof(sqlite3_vtab_cursor *base)
{
	const struct files_cursor *c = (const struct files_cursor *)base;

	return !c->manifest || c->at >= c->manifest->count;
}

static int sha256_column(struct files_table *t, sqlite3_context *x, const struct entry *e)
{
	AUTO(content_release) struct content content = { 0 };
	char hex[HEX_SHA256_SIZE];
	int r;

	if (e->type != TAR_FILE)
		return SQLITE_OK;
	if ((r = content_get(&t->st, e->content, &content)))
		return words_of(t, r);
	hex_encode(content.sha256, SHA256_SIZE, hex);
	sqlite3_result_text(x, hex, -1, SQLITE_TRANSIENT);
	return SQLITE_OK;
}

static int files_column(sqlite3_vtab_cursor *base, sqlite3_context *x, int column)
{
	static const char *const types[] = { [TAR_FILE] = "file", [TAR_DIR] = "dir", [TAR_SYMLINK] = "symlink" };
	const struct files_cursor *c = (const struct files_cursor *)base;
	const struct entry *e = &c->manifest->entries[c->at];

	switch (column) {
	case COLUMN_PATH:
		sqlite3_result_text(x, e->path, (int)e->path_len - (e->type == TAR_DIR), SQLITE_TRANSIENT);
		break;
	case COLUMN_TYPE:
		sqlite3_result_text(x, types[e->type], -1, SQLITE_STATIC);
		break;
	case COLUMN_MODE:
		sqlite3_result_int(x, e->type != TAR_FILE || e->executable ? 0755 : 0644);
		break;
	case COLUMN_SIZE:
		sqlite3_result_int64(x, e->size);
		break;
	case COLUMN_SHA256:
		return sha256_column((struct files_table *)base->pVtab, x, e);
	case COLUMN_TARGET:
		if (e->link)
			sqlite3_result_text(x, e->link, -1, SQLITE_TRANSIENT);
		break;
	case COLUMN_CONTENT:
		if (e->type == TAR_FILE)
			sqlite3_result_int64(x, e->content);
		break;
	default:
		sqlite3_result_int64(x, c->snapshot);
	}
	return SQLITE_OK;
}

static int files_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_id)
{
	*ret_id = (sqlite3_int64)((const struct files_cursor *)base)->at;
	return SQLITE_OK;
}

/* Without xCreate it is there by itself, a table and a table-valued function in one. */
static const sqlite3_module files_module = {
	.iVersion = 0, .xConnect = files_connect, .xBestIndex = files_plan, .xDisconnect = files_disconnect,
	.xOpen = files_open, .xClose = files_close, .xFilter = files_filter, .xNext = files_next, .xEof = files_eof,
	.xColumn = files_column, .xRowid = files_rowid,
};

GENSTORE_API int sqlite3_genstore_init(sqlite3 *handle, char **ret_words, const void *api);

/* SQLite looks this name up when it loads libgenstore; both use the same libsqlite3, so `api` is not needed. */
int sqlite3_genstore_init(sqlite3 *handle, char **ret_words UNUSED, const void *api UNUSED)
{
	return sqlite3_create_module(handle, "iteration_files", &files_module, NULL);
}

#include "store/migrate_verify.h"
#include "store/migrate_file.h"

/*
 * ALTER TABLE edits the text of a table. So there are two right texts for a version: of a file that went up
 * to it, and of one that came down to it.
 */
enum { FROM_BELOW, FROM_ABOVE, WAYS };

struct expected {
	struct db way[WAYS];
};

static void expected_free(struct expected **e)
{
	if (!*e)
		return;
	for (int i = 0; i < WAYS; i++)
		db_close(&(*e)->way[i]);
	free(*e);
}

static int run_file(struct db *db, int version, bool down)
{
	const struct schema_file *file = migrate_file(version, down);

	return file ? db_exec(db, file->sql) : -EINVAL;
}

static int build(struct genstore *st, struct db *db, int version, int top)
{
	int code, r = 0;

	*db = (struct db){ .st = st };
	code = sqlite3_open_v2(":memory:", &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return db_fail(db, code, "cannot open a database in memory");
	for (int v = 1; v <= top && !r; v++)
		r = run_file(db, v, false);
	for (int v = top; v > version && !r; v--)
		r = run_file(db, v, true);
	return r;
}

/* 1 when there is an object of that name, *ret_same when its text is right. */
static int look_up(struct db *expected, const char *name, const char *sql, bool *ret_same)
{
	STMT q = db_stmt(expected, "SELECT sql IS ? FROM sqlite_schema WHERE name = ?");
	int r;

	bind_text(&q, sql);
	bind_text(&q, name);
	if ((r = stmt_step(&q)) > 0)
		*ret_same = col_i64(&q, 0);
	return r;
}

static int compare(struct expected *e, const char *name, const char *sql, const char **ret_words)
{
	bool known = false, same = false;
	int r;

	for (int i = 0; i < WAYS && !same; i++) {
		if ((r = look_up(&e->way[i], name, sql, &same)) < 0)
			return r;
		known |= r > 0;
	}
	*ret_words = same ? NULL : known ? "is not what its version has" : "does not belong to a store";
	return 0;
}

static int find_strange(struct genstore *st, struct expected *e, int (*f)(void *arg, const char *name, const char *words),
			void *arg)
{
	STMT q = db_stmt(&st->db, "SELECT name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*' ORDER BY name");
	const char *words = NULL;
	int r;

	while ((r = stmt_step(&q)) > 0) {
		if ((r = compare(e, col_text(&q, 0), col_text(&q, 1), &words)))
			return r;
		if (words && (r = f(arg, col_text(&q, 0), words)))
			return r;
	}
	return r;
}

static int find_missing(struct genstore *st, struct expected *e, int (*f)(void *arg, const char *name, const char *words),
			void *arg)
{
	STMT q = db_stmt(&e->way[FROM_BELOW], "SELECT name FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*' ORDER BY name");
	bool same;
	int r;

	while ((r = stmt_step(&q)) > 0) {
		if ((r = look_up(&st->db, col_text(&q, 0), NULL, &same)) < 0)
			return r;
		if (!r && (r = f(arg, col_text(&q, 0), "is missing")))
			return r;
	}
	return r;
}

int migrate_verify(struct genstore *st, int version, int (*f)(void *arg, const char *name, const char *words), void *arg)
{
	AUTO(expected_free) struct expected *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	if ((r = build(st, &e->way[FROM_BELOW], version, version)) ||
	    (r = build(st, &e->way[FROM_ABOVE], version, migrate_newest())) || (r = find_strange(st, e, f, arg)))
		return r;
	return find_missing(st, e, f, arg);
}

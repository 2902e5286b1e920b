/*
 * generation_requests from before request ids. The migrations know what becomes of it, so they do it: the rows go into a store of that version, next to the
 * one that they are for, which is brought up to date; what it has then is taken like any other row.
 */
#include "src/tables/load_inside.h"
#include "store/member.h"
#include "store/migrate.h"

enum {
	VERSION_TABLES = 1, /* the current tables of the schema document */
	VERSION_APPS = 2,   /* its proposed ones */
};

#define COLUMN(name, type, flags) { #name, COLUMN_##type, flags, NULL }
#define OR(name, type, otherwise) { #name, COLUMN_##type, 0, otherwise }
#define FIRST                                                                                                                        \
	COLUMN(id, INT, COLUMN_NEEDED), COLUMN(app_id, UUID, 0), COLUMN(user_id, UUID, 0), COLUMN(app_name, TEXT, COLUMN_NEEDED),    \
		COLUMN(prompt, TEXT, 0), COLUMN(initial_prompt, TEXT, 0), COLUMN(status, TEXT, COLUMN_NEEDED),                       \
		OR(generation_type, TEXT, "new"), OR(mode, TEXT, "single-shot"), COLUMN(github_url, TEXT, 0), COLUMN(download_url, TEXT, 0), \
		COLUMN(artifacts_github_url, TEXT, 0), COLUMN(deployment_url, TEXT, 0), COLUMN(conversation, JSON, 0),               \
		COLUMN(error_message, TEXT, 0), COLUMN(max_iterations, INT, 0), OR(current_iteration, INT, "0"),                     \
		COLUMN(last_session_id, TEXT, 0), OR(created_at, TIME, RELATION_NOW), OR(updated_at, TIME, RELATION_NOW),                  \
		COLUMN(completed_at, TIME, 0)
#define END { NULL, COLUMN_TEXT, 0, NULL }

static const struct column with_tables[] = { FIRST, END };
static const struct column with_apps[] = {
	FIRST, COLUMN(github_commit, TEXT, 0), COLUMN(schema_snapshot, TEXT, 0), COLUMN(supabase_project_ref, TEXT, 0), END
};

#define COLUMNS "id, app_id, user_id, app_name, prompt, initial_prompt, status, generation_type, mode, github_url, download_url, artifacts_github_url," \
		" deployment_url, conversation, error_message, max_iterations, current_iteration, last_session_id, created_at, updated_at, completed_at"

static const struct relation before[] = {
	[VERSION_TABLES] = {
		.name = "generation_requests", .columns = with_tables, .keys = 1,
		.insert = "INSERT INTO main.generation_requests (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	},
	[VERSION_APPS] = {
		.name = "generation_requests", .columns = with_apps, .keys = 1,
		.insert = "INSERT INTO main.generation_requests (" COLUMNS ", github_commit, schema_snapshot, supabase_project_ref)"
			  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	},
};

/* A store that is gone with its scope. */
struct aside { struct genstore *st; char *path; };

static void aside_release(struct aside *a)
{
	genstore_free(a->st);
	if (a->path)
		unlink(a->path);
	free(a->path);
}

static int aside_make(struct load *l, int version, struct aside *ret_a)
{
	AUTO(aside_release) struct aside a = { .st = genstore_new() };
	int r;

	if (!a.st || asprintf(&a.path, "%s.import-%d", l->st->path, (int)getpid()) < 0) {
		a.path = NULL;
		return -ENOMEM;
	}
	a.st->clock = l->st->clock;
	if ((r = genstore_create(a.st, a.path)) == -EEXIST) {
		/* Not ours to take away. */
		store_fail(l->st, r, "'%s' is in the way", a.path);
		free(MOVE(a.path));
		return r;
	}
	if (r || (r = migrate_to(a.st, version, false, NULL)))
		return store_fail(l->st, r, "%s", genstore_errmsg(a.st));
	*ret_a = a;
	a = (struct aside){ 0 };
	return 0;
}

static bool file_is_there(const char *folder, const char *name)
{
	AUTO(free_ptr) char *path = NULL;

	if (asprintf(&path, "%s/%s.csv", folder, name) < 0) {
		path = NULL;
		return false;
	}
	return !access(path, F_OK);
}

int legacy_look(struct genstore *st, const char *folder, bool *ret_legacy)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct csv *csv = calloc(1, sizeof(*csv));
	FILE *f = NULL;
	int r = csv ? 1 : -ENOMEM;

	*ret_legacy = false;
	buf_addf(&path, "%s/generation_requests.csv", folder);
	if (csv)
		csv->fd = -1;
	if (r > 0 && (f = fopen(buf_str(&path), "re"))) {
		csv_init(csv, dup(fileno(f)));
		fclose(f);
		*ret_legacy = (r = csv_next(csv)) > 0;
		for (int i = 0; i < csv->fields && r > 0; i++)
			*ret_legacy &= !csv->field[i].text || strcmp(csv->field[i].text, "request_id") != 0;
	}
	if (csv)
		csv_release(csv);
	free(csv);
	/* What is wrong with it is told when it is read. */
	return r == -ENOMEM ? store_fail(st, r, "no memory") : 0;
}

/* Of users only their ids are known; references want the users first. */
static int aside_meet(struct genstore *st, const struct relation *t, const struct cell *cells)
{
	STMT q = db_stmt(&st->db, "INSERT OR IGNORE INTO main.users (id, name) VALUES (?1, ?1)");
	const struct cell *user = &cells[relation_column(t, "user_id")];

	if (user->kind != CELL_TEXT)
		return 0;
	relation_bind(&q, user);
	return stmt_run(&q);
}

static int aside_insert(struct load *l, struct genstore *st, const struct relation *t, int version, const struct cell *cells)
{
	STMT q = db_stmt(&st->db, t->insert);
	AUTO(buf_release) struct buf key = BUF_INIT;
	int r = version == VERSION_APPS ? aside_meet(st, t, cells) : 0;

	for (int i = 0; t->columns[i].name; i++)
		relation_bind(&q, &cells[i]);
	if (r || !(r = stmt_run(&q)))
		return r;
	relation_key(t, cells, &key);
	return store_fail(l->st, r, "row '%s' of '%s' cannot be kept: %s; nothing was imported", buf_str(&key), t->name, genstore_errmsg(st));
}

static int fill(struct load *l, const char *folder, struct genstore *st, const struct relation *t, int version)
{
	AUTO(source_release) struct source s = { .csv.fd = -1 };
	AUTO(arrival_release) struct arrival a = { 0 };
	int url = relation_column(t, "download_url"), conversation = relation_column(t, "conversation");
	int r = source_open(l->st, folder, t, &s);

	while (!r && (r = source_next(l, &s, &a)) > 0) {
		l->result.dropped += url >= 0 && a.cells[url].kind != CELL_NULL;
		l->result.dropped += conversation >= 0 && a.cells[conversation].kind != CELL_NULL;
		r = aside_insert(l, st, t, version, a.cells);
	}
	return r;
}

static int fill_all(struct load *l, const char *folder, struct genstore *st, int version)
{
	TXN t = txn_begin(&st->db);
	int r = t.error;

	if (!r && version == VERSION_APPS)
		r = fill(l, folder, st, relation_named("apps"), version);
	if (!r)
		r = fill(l, folder, st, &before[version], version);
	return r ? r : txn_commit(&t);
}

static int take_row(struct load *l, const struct relation *t, struct cell *cells)
{
	bool known = false;
	int r = 0;

	/* A user who is here is no other for being known by his id only there. */
	if (!strcmp(t->name, "users"))
		r = user_is_known(l->st, cells[0].text, &known);
	return r || known ? r : row_put(l, t, cells);
}

static int take_table(struct load *l, struct genstore *from, const char *name)
{
	const struct relation *t = relation_named(name);
	STMT q = db_stmt(&from->db, t->select);
	struct cell cells[COLUMNS_MAX];
	int r;

	l->result.counts[l->result.tables++] = (struct load_counts){ .table = name };
	while ((r = stmt_step(&q)) > 0) {
		relation_row(t, &q, cells);
		if ((r = take_row(l, t, cells)))
			break;
	}
	return r;
}

int load_legacy(struct load *l, const char *folder)
{
	AUTO(aside_release) struct aside a = { 0 };
	int version = file_is_there(folder, "apps") ? VERSION_APPS : VERSION_TABLES, r;

	if ((r = aside_make(l, version, &a)) || (r = fill_all(l, folder, a.st, version)))
		return r;
	if ((r = migrate_to(a.st, migrate_newest(), false, NULL)))
		return store_fail(l->st, r, "%s", genstore_errmsg(a.st));
	if (l->meet && (r = take_table(l, a.st, "users")))
		return r;
	return (r = take_table(l, a.st, "apps")) ? r : take_table(l, a.st, "generation_requests");
}

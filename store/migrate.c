#include "store/migrate.h"
#include "store/audit.h"
#include "store/base/json.h"
#include "store/migrate_file.h"
#include "store/migrate_snapshots.h"
#include "store/migrate_verify.h"
#include "store/migrate_words.h"
#include "store/sums.h"

enum {
	STORE_VERSION = 5,  /* the migration that makes store_state */
	CHAIN_VERSION = 12, /* the one that makes audit_chain */
};

static bool is_down(const char *name)
{
	return strstr(name, ".down.") != NULL;
}

int migrate_newest(void)
{
	int newest = 0;

	for (const struct schema_file *f = schema_files; f->name; f++)
		newest = is_down(f->name) ? newest : atoi(f->name);
	return newest;
}

const struct schema_file *migrate_file(int version, bool down)
{
	for (const struct schema_file *f = schema_files; f->name; f++)
		if (atoi(f->name) == version && is_down(f->name) == down)
			return f;
	return NULL;
}

int migrate_version(struct genstore *st, int *ret_version)
{
	STMT q = db_stmt(&st->db, "PRAGMA user_version");
	int r = stmt_step(&q);

	if (r <= 0)
		return r ? r : -EUCLEAN;
	*ret_version = (int)col_i64(&q, 0);
	return 0;
}

/* What a store knows of itself from its first moment on. */
static int state_init(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "INSERT INTO store_state (key, value) VALUES ('uuid', ?), ('gc_epoch', 0)");
	char uuid[ID_UUID];
	int r;

	if ((r = id_uuid4(&st->ids, uuid)))
		return r;
	bind_text(&q, uuid);
	return stmt_run(&q);
}

static int check_references(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "PRAGMA foreign_key_check");
	int r = stmt_step(&q);

	if (r <= 0)
		return r;
	return store_fail(st, -EUCLEAN, "row %lld of '%s' refers to a row of '%s' that does not exist; nothing was changed",
			  (long long)col_i64(&q, 1), col_text(&q, 0), col_text(&q, 2));
}

static int refuse(void *arg, const char *name, const char *words)
{
	return store_fail(arg, -EUCLEAN, "cannot migrate: '%s' %s; nothing was changed", name, words);
}

static int tell(struct genstore *st, int from, int to, const struct schema_file *file, const struct migrate_report *report)
{
	AUTO(buf_release) struct buf what = BUF_INIT;
	char name[64];
	int r;

	if (!report || !report->step)
		return 0;
	if ((r = migrate_words(st, to > from ? to : from, to < from, &what)) || (r = buf_error(&what)))
		return r;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(file->name, "."), file->name);
	report->step(report->arg, from, to, name, buf_str(&what));
	return 0;
}

static int note(struct genstore *st, int version, bool down)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	char to[16];
	struct jw j;

	snprintf(to, sizeof(to), "%d", down ? version - 1 : version);
	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_int(&j, "version", down ? version - 1 : version);
	jw_int(&j, "version_before", down ? version : version - 1);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, "schema.migrate", to, buf_str(&details));
}

/* The file, and around it what SQL cannot do. */
static int apply(struct genstore *st, int version, bool down, const struct schema_file *file)
{
	bool moves_bytes = version == STORE_VERSION, has_chain = version >= CHAIN_VERSION;
	int64_t last = 0;
	int r;

	if (version > CHAIN_VERSION && (r = audit_last(st, &last)))
		return r;
	if (down && ((has_chain && (r = note(st, version, true))) || (moves_bytes && (r = snapshots_down(st)))))
		return r;
	if ((r = db_exec(&st->db, file->sql)))
		return r;
	if (!down && moves_bytes)
		return (r = state_init(st)) ? r : snapshots_up(st);
	/* Rows of the file's; that of going up is the last. */
	if (!down && has_chain && !(r = audit_link(st, last)))
		r = note(st, version, false);
	return r;
}

/* One version up or down, whole or not at all. */
static int step(struct genstore *st, int to, bool first, const struct migrate_report *report)
{
	TXN t = txn_begin(&st->db);
	const struct schema_file *file;
	int from = 0, r;

	if (t.error)
		return t.error;
	if ((r = migrate_version(st, &from)))
		return r;
	if (abs(to - from) != 1)
		return store_fail(st, -ESTALE, "another process is migrating '%s'", st->path);
	file = migrate_file(to > from ? to : from, to < from);
	if (!file)
		return store_fail(st, -EINVAL, "there is no way from schema %d to %d", from, to);
	/* Later steps find what the one before has made. */
	if (first && (r = migrate_verify(st, from, refuse, st)))
		return r;
	if ((r = tell(st, from, to, file, report)) ||
	    (r = apply(st, to > from ? to : from, to < from, file)) || (r = check_references(st)))
		return r;
	return txn_commit(&t);
}

static void references_on(struct db **db)
{
	sqlite3_exec((*db)->handle, "PRAGMA foreign_keys = ON", NULL, NULL, NULL);
}

/* Tables are made anew while others refer to them: foreign keys are off, and checked before each commit. */
static int steps(struct genstore *st, int from, int to, const struct migrate_report *report)
{
	AUTO(references_on) struct db *db = &st->db;
	int r = db_exec(db, "PRAGMA foreign_keys = OFF");

	for (bool first = true; !r && from != to; first = false) {
		from += from < to ? 1 : -1;
		r = step(st, from, first, report);
	}
	return r;
}

/* The outer transaction is never committed. It has to begin after foreign keys are off: a transaction keeps that setting. */
static int rehearse(struct genstore *st, int from, int to, const struct migrate_report *report)
{
	AUTO(references_on) struct db *db = &st->db;
	int r = db_exec(db, "PRAGMA foreign_keys = OFF");
	TXN t = txn_begin(db);

	if (!r)
		r = t.error;
	return r ? r : steps(st, from, to, report);
}

static int write_sums(struct genstore *st)
{
	TXN t = txn_begin(&st->db);

	st->db.before_commit = sums_fill;
	return txn_commit(&t);
}

int migrate_to(struct genstore *st, int version, bool dry_run, const struct migrate_report *report)
{
	int newest = migrate_newest(), from = 0, r;

	if (version < 1 || version > newest)
		return store_fail(st, -EINVAL, "there is no schema %d; this genstore knows 1 to %d", version, newest);
	if ((r = migrate_version(st, &from)))
		return r;
	if (from > newest)
		return store_fail(st, -EPROTO, "'%s' was written by a newer genstore (schema %d, this one knows %d); upgrade genstore",
				  st->path, from, newest);
	if (from < 1)
		return store_fail(st, -EUCLEAN, "'%s' has no schema version: it is not a genstore store", st->path);
	/* Between the versions there may be no sums to write. */
	st->db.before_commit = NULL;
	r = dry_run ? rehearse(st, from, version, report) : steps(st, from, version, report);
	if (r || dry_run || version < newest)
		return r;
	return write_sums(st);
}

/* The local user came with the machine's time; a fixture's clock stands still. */
static int date_local_user(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "UPDATE users SET created_at = ? WHERE name = 'local'");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, now);
	return stmt_run(&q);
}

static int run_all(struct genstore *st)
{
	TXN t = txn_begin(&st->db);
	int r = t.error;

	for (int v = 1; v <= migrate_newest() && !r; v++)
		r = db_exec(&st->db, migrate_file(v, false)->sql);
	if (r || (r = state_init(st)) || (r = date_local_user(st)))
		return r;
	return txn_commit(&t);
}

int migrate_init(struct genstore *st)
{
	AUTO(references_on) struct db *db = &st->db;
	int r = db_exec(db, "PRAGMA foreign_keys = OFF");

	return r ? r : run_all(st);
}

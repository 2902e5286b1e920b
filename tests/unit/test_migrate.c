/* Versions of the schema, up and down. What a user sees of it is tested in tests/cli/test_schema.py. */
#include "store/base/buf.h"
#include "store/generation.h"
#include "store/migrate.h"
#include "store/migrate_verify.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <sys/wait.h>

struct lines {
	int count;
	char text[4096];
};

static void note(void *arg, int from, int to, const char *name, const char *what)
{
	struct lines *l = arg;
	size_t n = strlen(l->text);

	l->count++;
	snprintf(l->text + n, sizeof(l->text) - n, "%d-%d %s: %s\n", from, to, name, what);
}

static int different(void *arg, const char *name, const char *words)
{
	printf("%s %s\n", name, words);
	++*(int *)arg;
	return 0;
}

/* Whether the tables are those of the version. */
static void check_tables(struct test_run *test, struct genstore *st, int want)
{
	int version, differences = 0;

	CHECK_EQ(migrate_version(st, &version), 0);
	CHECK_EQ(version, want);
	CHECK_EQ(migrate_verify(st, want, different, &differences), 0);
	CHECK_EQ(differences, 0);
}

static int column(struct genstore *st, const char *sql, char out[256])
{
	STMT q = db_stmt(&st->db, sql);
	int r = stmt_step(&q);

	if (r > 0)
		snprintf(out, 256, "%s", col_null(&q, 0) ? "(null)" : col_text(&q, 0));
	return r;
}

#define CHECK_COLUMN(sql, want)                                                                                        \
	do {                                                                                                           \
		char text_[256] = "(no row)";                                                                          \
		CHECK(column(st, (sql), text_) >= 0);                                                                  \
		CHECK_STR(text_, (want));                                                                              \
	} while (0)

/* A store of version 1 with what the statements put in. */
static void legacy(struct test_run *test, struct genstore *st, const char *sql)
{
	CHECK(st);
	CHECK_EQ(migrate_to(st, 1, false, NULL), 0);
	if (db_exec(&st->db, sql))
		CHECK_STR(genstore_errmsg(st), "");
}

TEST(a_new_store_has_the_newest_tables_and_the_local_user)
{
	STORE st = store_fixture();

	CHECK(st);
	check_tables(test, st, migrate_newest());
	CHECK_COLUMN("SELECT name FROM users", "local");
	CHECK_COLUMN("SELECT length(value) FROM store_state WHERE key = 'uuid'", "36");
	CHECK_COLUMN("SELECT value FROM store_state WHERE key = 'gc_epoch'", "0");
	CHECK_COLUMN("PRAGMA application_id", "1734700659");
}

TEST(every_version_has_its_tables_on_the_way_down_and_up)
{
	STORE st = store_fixture();
	int newest = migrate_newest();

	CHECK(st);
	for (int bottom = newest - 1; bottom >= 1; bottom--) {
		CHECK_EQ(migrate_to(st, bottom, false, NULL), 0);
		check_tables(test, st, bottom);
		CHECK_EQ(migrate_to(st, newest, false, NULL), 0);
		check_tables(test, st, newest);
	}
	CHECK_EQ(migrate_to(st, 1, false, NULL), 0);
	for (int top = 2; top <= newest; top++) {
		CHECK_EQ(migrate_to(st, top, false, NULL), 0);
		check_tables(test, st, top);
	}
}

TEST(a_version_that_is_none_is_refused)
{
	STORE st = store_fixture();

	CHECK(st);
	CHECK_EQ(migrate_to(st, 0, false, NULL), -EINVAL);
	CHECK_EQ(migrate_to(st, migrate_newest() + 1, false, NULL), -EINVAL);
	CHECK_EQ(db_exec(&st->db, "PRAGMA user_version = 99"), 0);
	CHECK_EQ(migrate_to(st, 1, false, NULL), -EPROTO);
	CHECK_EQ(db_exec(&st->db, "PRAGMA user_version = 0"), 0);
	CHECK_EQ(migrate_to(st, 1, false, NULL), -EUCLEAN);
}

TEST(tables_that_are_not_those_of_the_version_are_not_migrated)
{
	static const char *const cases[][2] = {
		{ "DROP INDEX generation_requests_by_user", "cannot migrate: 'generation_requests_by_user' is missing; nothing was changed" },
		{ "CREATE TABLE mine (id)", "cannot migrate: 'mine' does not belong to a store; nothing was changed" },
		{ "ALTER TABLE apps ADD COLUMN mine TEXT", "cannot migrate: 'apps' is not what its version has; nothing was changed" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		STORE st = store_fixture();

		CHECK(st);
		CHECK_EQ(db_exec(&st->db, cases[i][0]), 0);
		CHECK_EQ(migrate_to(st, 6, false, NULL), -EUCLEAN);
		CHECK_STR(genstore_errmsg(st), cases[i][1]);
		CHECK_COLUMN("PRAGMA user_version", "16");
	}
}

TEST(a_row_that_refers_to_nothing_stops_the_migration)
{
	STORE st = store_fixture();

	legacy(test, st, "PRAGMA foreign_keys = OFF; INSERT INTO iteration_snapshots (generation_request_id, iteration_number)"
			 " VALUES (5, 1); PRAGMA foreign_keys = ON;");
	CHECK_EQ(migrate_to(st, 7, false, NULL), -EUCLEAN);
	CHECK_COLUMN("PRAGMA user_version", "1");
}

TEST(foreign_keys_are_on_after_a_migration)
{
	STORE st = store_fixture();

	CHECK(st);
	CHECK_EQ(migrate_to(st, 1, false, NULL), 0);
	CHECK_COLUMN("PRAGMA foreign_keys", "1");
	CHECK_EQ(migrate_to(st, 99, false, NULL), -EINVAL);
	CHECK_COLUMN("PRAGMA foreign_keys", "1");
}

TEST(a_dry_run_says_the_same_and_changes_nothing)
{
	struct lines dry = { 0 }, real = { 0 };
	STORE st = store_fixture();

	legacy(test, st, "INSERT INTO generation_requests (app_name, download_url) VALUES ('todo', 'd');"
			 "INSERT INTO iteration_snapshots (generation_request_id, iteration_number, files_snapshot)"
			 " VALUES (1, 1, '{\"a\": \"x\"}')");
	CHECK_EQ(migrate_to(st, 7, true, &(struct migrate_report){ note, &dry }), 0);
	check_tables(test, st, 1);
	CHECK_COLUMN("SELECT files_snapshot FROM iteration_snapshots", "{\"a\": \"x\"}");
	CHECK_EQ(migrate_to(st, 7, false, &(struct migrate_report){ note, &real }), 0);
	CHECK_EQ(dry.count, 6);
	CHECK_STR(dry.text, real.text);
	CHECK(strstr(real.text, "drops download_url (1 rows hold one)"));
	check_tables(test, st, 7);
}

static int die(void *arg)
{
	int *commits = arg;

	if (--*commits == 0)
		_exit(0);
	return 0;
}

/* The process ends when everything of the last step is written but the commit. */
TEST(a_crash_leaves_the_version_before_the_step)
{
	for (int step = 1; step <= 6; step++) {
		STORE st = store_fixture();

		legacy(test, st, "INSERT INTO generation_requests (app_name) VALUES ('todo');"
				 "INSERT INTO iteration_snapshots (generation_request_id, iteration_number, files_snapshot)"
				 " VALUES (1, 1, '{\"a\": \"x\"}')");
		pid_t child = fork();

		if (!child) {
			HANDLE own = genstore_new();
			int commits = step;

			if (genstore_open(own, st->path, GENSTORE_ANY_VERSION))
				_exit(1);
			sqlite3_commit_hook(own->db.handle, die, &commits);
			migrate_to(own, 7, false, NULL);
			_exit(2);
		}
		int status;

		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
		check_tables(test, st, step);
		CHECK_COLUMN("PRAGMA integrity_check", "ok");
		CHECK_EQ(migrate_to(st, 7, false, NULL), 0);
		check_tables(test, st, 7);
	}
}

TEST(an_id_that_was_given_is_not_given_again_in_another_version)
{
	STORE st = store_fixture();

	legacy(test, st, "INSERT INTO generation_requests (id, app_name) VALUES (1, 'a'), (40, 'b');"
			 "DELETE FROM generation_requests WHERE id = 40");
	CHECK_EQ(migrate_to(st, 7, false, NULL), 0);
	CHECK_COLUMN("SELECT seq FROM sqlite_sequence WHERE name = 'generation_requests'", "40");
	CHECK_EQ(migrate_to(st, 1, false, NULL), 0);
	CHECK_EQ(db_exec(&st->db, "INSERT INTO generation_requests (app_name) VALUES ('c')"), 0);
	CHECK_COLUMN("SELECT max(id) FROM generation_requests", "41");
}

TEST(full_json_becomes_a_tree_and_full_json_again)
{
	static const char full[] = "{\"b.txt\":\"\",\"bin\":{\"base64\":\"//79\"},\"l\":{\"link\":\"b.txt\"},\"src/a.js\":\"h\\u0000\xc3\xa9\"}";
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(free_ptr) char *sql = NULL;
	STORE st = store_fixture();

	CHECK(asprintf(&sql, "INSERT INTO generation_requests (app_name) VALUES ('todo');"
			     "INSERT INTO iteration_snapshots (generation_request_id, iteration_number, files_snapshot)"
			     " VALUES (1, 1, '%s')", full) > 0);
	legacy(test, st, sql);
	CHECK_EQ(migrate_to(st, 7, false, NULL), 0);
	CHECK_COLUMN("SELECT files_snapshot FROM iteration_snapshots", "{\"manifest\":1,\"files\":3,\"bytes\":7}");
	CHECK_EQ(manifest_load(st, 1, &m), 0);
	CHECK_EQ(m->count, 5);
	CHECK_STR(m->entries[3].path, "src/");
	CHECK_STR(m->entries[2].link, "b.txt");
	CHECK_EQ(migrate_to(st, 1, false, NULL), 0);
	CHECK_COLUMN("SELECT files_snapshot FROM iteration_snapshots", full);
}

static int same_text(void *arg, int columns, char **texts, char **names UNUSED)
{
	const char *const *want = arg;

	return columns != 1 || strcmp(texts[0], *want) != 0;
}

TEST(what_cannot_become_a_tree_stays_as_it_is)
{
	static const char *odd[] = {
		"{\"../x\":\"a\"}", "{\"/x\":\"a\"}", "{\"a/\":\"a\"}", "{\"a//b\":\"a\"}", "{\"\":\"a\"}",
		"{\"a\":{\"content\":\"x\"}}", "{\"a\":5}", "{\"a\":null}", "{\"a\":{\"base64\":\"aGk=\"}}", "{\"a\":{\"base64\":\"?\"}}",
		"{\"a\":{\"link\":\"\"}}", "not JSON", "[]", "\"text\"", "", "{\"a\":\"1\",\"a\":\"2\"}", "{\"a\":\"1\",\"a/b\":\"2\"}",
		"{\"manifest\":1,\"files\":2,\"bytes\":3}", "{\"legacy\":\"a\",\"legacy\":\"b\"}",
	};

	AUTO(buf_release) struct buf sql = BUF_INIT;
	struct lines lines = { 0 };
	STORE st = store_fixture();

	buf_adds(&sql, "INSERT INTO generation_requests (app_name) VALUES ('todo');");
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		buf_addf(&sql, "INSERT INTO iteration_snapshots (generation_request_id, iteration_number, files_snapshot)"
			       " VALUES (1, %zu, '%s');", i, odd[i]);
	legacy(test, st, buf_str(&sql));
	CHECK_EQ(migrate_to(st, 7, false, &(struct migrate_report){ note, &lines }), 0);
	CHECK(strstr(lines.text, "turns the full JSON of 0 iterations into manifests; 19 stay as they are"));
	CHECK_COLUMN("SELECT count(*) FROM manifest", "0");
	CHECK_COLUMN("SELECT count(*) FROM iteration_snapshots WHERE files_snapshot = '{\"../x\":\"a\"}'", "1");
	CHECK_EQ(migrate_to(st, 1, false, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		char ask[96];

		snprintf(ask, sizeof(ask), "SELECT files_snapshot FROM iteration_snapshots WHERE iteration_number = %zu", i);
		CHECK_EQ(sqlite3_exec(st->db.handle, ask, same_text, &odd[i], NULL), SQLITE_OK);
	}
}

TEST(what_would_be_taken_for_a_manifest_names_none)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	STORE st = store_fixture();

	legacy(test, st, "INSERT INTO generation_requests (app_name) VALUES ('todo');"
			 "INSERT INTO iteration_snapshots (generation_request_id, iteration_number, files_snapshot)"
			 " VALUES (1, 1, '{\"manifest\":1,\"files\":2,\"bytes\":3}')");
	CHECK_EQ(migrate_to(st, 7, false, NULL), 0);
	CHECK_EQ(iteration_get(st, 1, &it), 0);
	CHECK_EQ(it.manifest, 0);
}

/* The trail. What people see of it is tested in tests/cli/test_audit.py. */
#include "store/audit.h"
#include "store/check.h"
#include "store/migrate.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

static int add(struct genstore *st, const char *subject)
{
	TXN t = txn_begin(&st->db);
	int r = t.error ? t.error : audit_write(st, "test.row", subject, "{\"a\":1}");

	return r ? r : txn_commit(&t);
}

/* A store with rows 1 to n. */
static struct genstore *with_rows(int n)
{
	STORE st = store_fixture();
	char subject[16];
	int r = st ? 0 : -ENOMEM;

	for (int i = 1; i <= n && !r; i++) {
		snprintf(subject, sizeof(subject), "s%d", i);
		r = add(st, subject);
	}
	return r ? NULL : MOVE(st);
}

static int note(void *arg, int64_t id, const char *words)
{
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 600 - n, "%lld: %s\n", (long long)id, words);
	return 0;
}

/* What is found, one line each. */
static void verdict(struct genstore *st, const struct audit_head *noted, char text[600])
{
	int64_t rows;
	int r;

	*text = '\0';
	if ((r = audit_verify(st, noted, note, text, &rows)))
		snprintf(text, 600, "error %d: %s", r, genstore_errmsg(st));
}

#define CHANGED ": the row, or its link, was changed\n"
#define NO_LINK ": the row has no link: it was inserted by other means, or its link was removed\n"
#define FREE                                                                                                                           \
	"DROP TRIGGER audit_log_is_never_changed; DROP TRIGGER audit_log_is_never_removed_from; DROP TRIGGER audit_log_is_never_replaced;" \
	"DROP TRIGGER audit_chain_is_never_changed; DROP TRIGGER audit_chain_is_never_removed_from;"                                   \
	"DROP TRIGGER audit_head_only_goes_forward; DROP TRIGGER audit_head_is_never_removed;"

TEST(whoever_tampers_with_the_trail_is_found_and_the_row_is_named)
{
	static const struct { const char *sql, *found; } cases[] = {
		{ "", "" },
		/* Rows that were changed. */
		{ "UPDATE audit_log SET details = '{}' WHERE id = 3", "3" CHANGED },
		{ "UPDATE audit_log SET details = NULL WHERE id = 3", "3" CHANGED },
		{ "UPDATE audit_log SET subject = subject || char(0) || 'x' WHERE id = 3", "3" CHANGED },
		{ "UPDATE audit_log SET created_at = '2001-01-01T00:00:00Z' WHERE id = 1", "1" CHANGED },
		{ "UPDATE audit_log SET user_id = NULL WHERE id = 5", "5" CHANGED },
		{ "UPDATE audit_log SET action = subject, subject = action WHERE id = 2", "2" CHANGED },
		/* Two that changed places. */
		{ "UPDATE audit_log SET subject = CASE id WHEN 2 THEN 's3' ELSE 's2' END WHERE id IN (2, 3)", "2" CHANGED "3" CHANGED },
		{ "UPDATE audit_log SET id = 6 WHERE id = 5", "5: the row was removed\n6" NO_LINK },
		/* Rows that were removed: alone, with their links, from the end, with the head. */
		{ "DELETE FROM audit_log WHERE id = 3", "3: the row was removed\n" },
		{ "DELETE FROM audit_log WHERE id = 5", "5: the row was removed\n" },
		{ "DELETE FROM audit_log WHERE id = 3; DELETE FROM audit_chain WHERE id = 3", "3: the row is missing, and its link\n" },
		{ "DELETE FROM audit_log WHERE id IN (1, 2); DELETE FROM audit_chain WHERE id < 3",
		  "1: the rows up to 2 are missing, and their links\n" },
		{ "DELETE FROM audit_log WHERE id > 3; DELETE FROM audit_chain WHERE id > 3",
		  "4: the rows up to 5 are missing, and their links\n" },
		{ "DELETE FROM audit_log WHERE id > 3; DELETE FROM audit_chain WHERE id > 3; UPDATE audit_head SET links = 3, last_id = 3,"
		  " hash = (SELECT hash FROM audit_chain WHERE id = 3)", "4: the rows up to 5 are missing, and their links\n" },
		{ "DELETE FROM audit_log; DELETE FROM audit_chain; DELETE FROM audit_head; DELETE FROM sqlite_sequence",
		  "0: the head of the trail is gone: rows may be missing at its end\n" },
		/* Rows that nobody wrote. */
		{ "INSERT INTO audit_log (action, subject) VALUES ('a', 'b')", "6" NO_LINK },
		{ "INSERT INTO audit_log (id, action, subject) VALUES (-7, 'a', 'b')", "-7" NO_LINK },
		{ "DELETE FROM audit_log WHERE id = 2; INSERT INTO audit_log (id, action, subject) VALUES (2, 'a', 'b')", "2" CHANGED },
		{ "INSERT INTO audit_log (id, action, subject) VALUES (6, 'a', 'b'); INSERT INTO audit_chain VALUES (6, zeroblob(32))",
		  "6" CHANGED },
		/* Links and the head. */
		{ "UPDATE audit_chain SET hash = zeroblob(32) WHERE id = 3", "3" CHANGED },
		{ "DELETE FROM audit_chain WHERE id = 3", "3" NO_LINK },
		{ "DELETE FROM audit_chain WHERE id IN (3, 4)", "3" NO_LINK "4" NO_LINK },
		{ "UPDATE audit_head SET hash = zeroblob(32)", "0: the trail does not end where its head says\n" },
		{ "UPDATE audit_head SET links = 7", "0: the trail does not end where its head says\n" },
		{ "DELETE FROM audit_head", "0: the head of the trail is gone: rows may be missing at its end\n" },
	};
	char text[600];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		STORE st = with_rows(5);

		CHECK(st);
		CHECK_EQ(db_exec(&st->db, FREE), 0);
		CHECK_EQ(db_exec(&st->db, cases[i].sql), 0);
		verdict(st, NULL, text);
		CHECK_STR(text, cases[i].found);
	}
}

TEST(an_empty_trail_is_whole)
{
	STORE st = store_fixture();
	char text[600];

	CHECK(st);
	verdict(st, NULL, text);
	CHECK_STR(text, "");
}

TEST(the_triggers_refuse_what_is_not_an_addition)
{
	static const char *const cases[] = {
		"UPDATE audit_log SET action = 'c'", "DELETE FROM audit_log",
		"INSERT OR REPLACE INTO audit_log (id, action, subject) VALUES (1, 'c', 'd')",
		"UPDATE audit_chain SET hash = zeroblob(32)", "DELETE FROM audit_chain", "INSERT INTO audit_chain VALUES (1, zeroblob(32))",
		"INSERT OR REPLACE INTO audit_chain VALUES (2, zeroblob(32))", "UPDATE audit_head SET hash = zeroblob(32)",
		"UPDATE audit_head SET links = 3", "DELETE FROM audit_head", "INSERT OR REPLACE INTO audit_head VALUES (1, 0, 0, zeroblob(32))",
	};
	STORE st = with_rows(2);
	char text[600];

	CHECK(st);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK(db_exec(&st->db, cases[i]) < 0);
		CHECK(strstr(genstore_errmsg(st), "append-only") || strstr(genstore_errmsg(st), "only goes forward"));
	}
	verdict(st, NULL, text);
	CHECK_STR(text, "");
}

TEST(an_id_is_not_given_again_after_the_newest_rows_were_removed)
{
	STORE st = with_rows(5);
	char text[600];

	CHECK(st);
	CHECK_EQ(db_exec(&st->db, FREE "DELETE FROM audit_log WHERE id > 3; DELETE FROM audit_chain WHERE id > 3"), 0);
	CHECK_EQ(add(st, "later"), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT max(id) FROM audit_log"), 6);
	verdict(st, NULL, text);
	CHECK_STR(text, "4: the rows up to 5 are missing, and their links\n");
}

TEST(a_row_that_was_inserted_stays_without_a_link_when_more_is_written)
{
	STORE st = with_rows(2);
	char text[600];

	CHECK(st);
	CHECK_EQ(db_exec(&st->db, "INSERT INTO audit_log (action, subject) VALUES ('a', 'b')"), 0);
	CHECK_EQ(add(st, "later"), 0);
	verdict(st, NULL, text);
	CHECK_STR(text, "3" NO_LINK);
}

TEST(who_makes_the_whole_chain_anew_is_found_by_who_noted_where_it_ended)
{
	STORE st = with_rows(5);
	struct audit_head noted, now;
	char text[600];

	CHECK(st);
	CHECK_EQ(audit_head_get(st, &noted), 0);
	CHECK_EQ(add(st, "later"), 0);
	verdict(st, &noted, text);
	CHECK_STR(text, "");
	CHECK_EQ(db_exec(&st->db, FREE "UPDATE audit_log SET subject = 'x' WHERE id = 2; DELETE FROM audit_chain;"
					"UPDATE audit_head SET links = 0, last_id = 0, hash = zeroblob(32)"), 0);
	{
		TXN t = txn_begin(&st->db);

		CHECK_EQ(audit_link(st, 0), 0);
		CHECK_EQ(txn_commit(&t), 0);
	}
	CHECK_EQ(audit_head_get(st, &now), 0);
	CHECK_EQ(now.links, 6);
	verdict(st, NULL, text);
	CHECK_STR(text, "");
	verdict(st, &noted, text);
	CHECK_STR(text, "5: the trail is not the one that was noted: it was made anew, or another store's\n");
}

TEST(a_row_goes_with_the_change_that_it_tells_of)
{
	STORE st = store_fixture();
	struct audit_head head;
	char text[600];

	CHECK(st);
	CHECK_EQ(audit_write(st, "a.b", "c", NULL), -EINVAL);
	CHECK_EQ(audit_write(st, "a.b", "c", NULL), -EINVAL);
	{
		TXN t = txn_begin(&st->db);

		CHECK_EQ(t.error, 0);
		CHECK_EQ(audit_write(st, "a.b", "c", NULL), 0);
	}
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log"), 0);
	CHECK_EQ(audit_head_get(st, &head), 0);
	CHECK_EQ(head.links, 0);
	CHECK_EQ(add(st, "d"), 0);
	verdict(st, NULL, text);
	CHECK_STR(text, "");
}

TEST(without_the_head_of_the_trail_nothing_is_changed)
{
	STORE st = with_rows(2);

	CHECK(st);
	CHECK_EQ(db_exec(&st->db, FREE "DELETE FROM audit_head"), 0);
	CHECK_EQ(add(st, "later"), -EUCLEAN);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log"), 2);
}

TEST(the_actor_is_who_the_handle_works_for)
{
	STORE st = store_fixture();

	CHECK(st);
	CHECK_EQ(add(st, "a"), 0);
	snprintf(st->actor, sizeof(st->actor), "0f0e0d0c-0b0a-4908-8706-050403020100");
	CHECK_EQ(add(st, "b"), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log WHERE user_id = (SELECT id FROM users WHERE name = 'local')"
					  " AND subject = 'a'"), 1);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log WHERE user_id = '0f0e0d0c-0b0a-4908-8706-050403020100'"
					  " AND subject = 'b'"), 1);
}

TEST(more_rows_than_are_read_at_once_are_all_read)
{
	STORE st = store_fixture();
	char text[600] = "";
	int64_t rows = 0;

	CHECK(st);
	{
		TXN t = txn_begin(&st->db);

		for (int i = 0; i < 2500; i++)
			CHECK_EQ(audit_write(st, "a.b", "c", NULL), 0);
		CHECK_EQ(txn_commit(&t), 0);
	}
	CHECK_EQ(audit_verify(st, NULL, note, text, &rows), 0);
	CHECK_EQ(rows, 2500);
	CHECK_EQ(db_exec(&st->db, FREE "UPDATE audit_log SET subject = 'd' WHERE id IN (1000, 1001, 2500)"), 0);
	verdict(st, NULL, text);
	CHECK_STR(text, "1000" CHANGED "1001" CHANGED "2500" CHANGED);
}

static int whole(struct genstore *st)
{
	struct check_result result;

	return check_store(st, 0, NULL, &result);
}

TEST(the_rows_stay_when_a_store_goes_back_and_are_linked_when_it_comes_again)
{
	STORE st = with_rows(3);
	int64_t before;
	char text[600];

	CHECK(st);
	CHECK_EQ(migrate_to(st, 12, false, NULL), 0);
	before = store_fixture_number(st, "SELECT count(*) FROM audit_log");
	CHECK_EQ(migrate_to(st, 11, false, NULL), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log"), before + 1);
	CHECK_EQ(db_exec(&st->db, "INSERT INTO audit_log (action, subject) VALUES ('of.before', 'x')"), 0);
	CHECK_EQ(migrate_to(st, migrate_newest(), false, NULL), 0);
	verdict(st, NULL, text);
	CHECK_STR(text, "");
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log WHERE action = 'schema.migrate' AND details ->> 'version' = 11"
					  " AND details ->> 'version_before' = 12"), 1);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log WHERE action = 'schema.migrate' AND subject = '12' AND details ->> 'version_before' = 11"), 1);
	CHECK_EQ(store_fixture_number(st, "SELECT links FROM audit_head"),
		 store_fixture_number(st, "SELECT count(*) FROM audit_log"));
	CHECK_EQ(add(st, "later"), 0);
	CHECK_EQ(whole(st), 0);
}

TEST(check_finds_what_audit_verify_finds)
{
	STORE st = with_rows(3);

	CHECK(st);
	CHECK_EQ(whole(st), 0);
	CHECK_EQ(db_exec(&st->db, "INSERT INTO audit_log (action, subject) VALUES ('a', 'b')"), 0);
	CHECK_EQ(whole(st), -EUCLEAN);
}

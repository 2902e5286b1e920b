#include "tests/unit/manifest_fixture.h"
#include "tests/unit/store_fixture.h"

#define MANIFEST AUTO(manifest_unrefp) struct manifest *

static int put(struct genstore *st, struct manifest *m, int64_t near)
{
	TXN t = txn_begin(&st->db);
	int r = manifest_put(st, m, near);

	return r ? r : txn_commit(&t);
}

TEST(a_manifest_comes_back_from_the_store_as_it_was_put)
{
	STORE st = store_fixture();
	MANIFEST m = manifest_fixture_mixed();
	MANIFEST back = NULL;

	CHECK(st && m);
	CHECK_EQ(put(st, m, 0), 0);
	CHECK(m->id > 0);
	CHECK_EQ(manifest_load(st, m->id, &back), 0);
	CHECK_EQ(back->id, m->id);
	manifest_fixture_check_same(test, m, back);
}

TEST(an_equal_manifest_is_put_once)
{
	STORE st = store_fixture();
	MANIFEST a = manifest_fixture_mixed();
	MANIFEST b = manifest_fixture_mixed();

	CHECK(st && a && b);
	CHECK_EQ(put(st, a, 0), 0);
	CHECK_EQ(put(st, b, a->id), 0);
	CHECK_EQ(a->id, b->id);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM manifest"), 1);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM piece"), 1);
}

TEST(a_manifest_that_is_like_another_is_a_small_delta_against_its_key)
{
	STORE st = store_fixture();
	MANIFEST a = manifest_fixture_large(2000, 0);
	MANIFEST b = manifest_fixture_large(2000, 5);
	MANIFEST c = manifest_fixture_large(2000, 8);
	MANIFEST back = NULL;

	CHECK(st && a && b && c);
	CHECK_EQ(put(st, a, 0), 0);
	CHECK_EQ(put(st, b, a->id), 0);
	CHECK_EQ(put(st, c, b->id), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM manifest WHERE base IS NULL"), 1);
	/* Depth one: the delta of a delta hangs on the key. */
	CHECK_EQ(store_fixture_number(st, "SELECT base FROM manifest WHERE id = 3"), a->id);
	CHECK(store_fixture_number(st, "SELECT max(stored) FROM piece WHERE codec = 3") < 300);
	CHECK_EQ(manifest_load(st, c->id, &back), 0);
	manifest_fixture_check_same(test, c, back);
}

TEST(a_manifest_that_has_become_another_is_a_key_itself)
{
	STORE st = store_fixture();
	MANIFEST a = manifest_fixture_large(2000, 0);
	MANIFEST b = manifest_fixture_large(5000, 0);

	CHECK(st && a && b);
	CHECK_EQ(put(st, a, 0), 0);
	CHECK_EQ(put(st, b, a->id), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM manifest WHERE base IS NULL"), 2);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM piece WHERE codec = 2"), 2);
}

TEST(a_near_one_that_is_not_there_is_no_obstacle)
{
	STORE st = store_fixture();
	MANIFEST m = manifest_fixture_mixed();

	CHECK(st && m);
	CHECK_EQ(put(st, m, 4711), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM manifest WHERE base IS NULL"), 1);
}

TEST(a_damaged_key_is_no_obstacle_to_the_next_manifest)
{
	STORE st = store_fixture();
	MANIFEST a = manifest_fixture_large(500, 0);
	MANIFEST b = manifest_fixture_large(500, 3);
	MANIFEST back = NULL;

	CHECK(st && a && b);
	CHECK_EQ(put(st, a, 0), 0);
	CHECK_EQ(db_exec(&st->db, "UPDATE piece_data SET bytes = zeroblob(length(bytes))"), 0);
	CHECK_EQ(put(st, b, a->id), 0);
	CHECK_EQ(manifest_load(st, a->id, &back), -EBADMSG);
	CHECK_EQ(manifest_load(st, b->id, &back), 0);
}

TEST(a_manifest_that_is_not_there_is_enoent)
{
	STORE st = store_fixture();
	MANIFEST m = NULL;

	CHECK(st);
	CHECK_EQ(manifest_load(st, 1, &m), -ENOENT);
	CHECK_STR(genstore_errmsg(st), "there is no manifest 1");
}

/* Spoils the row of a store with two manifests and loads the second. */
static int load_after(struct test_run *test, const char *sql)
{
	STORE st = store_fixture();
	MANIFEST a = manifest_fixture_large(500, 0);
	MANIFEST b = manifest_fixture_large(500, 3);
	MANIFEST back = NULL;

	if (!st || !a || !b || put(st, a, 0) || put(st, b, a->id) || db_exec(&st->db, "PRAGMA foreign_keys = OFF") ||
	    db_exec(&st->db, sql)) {
		test_true(TEST_HERE, sql, false);
		return 1;
	}
	return manifest_load(st, b->id, &back);
}

TEST(a_row_that_does_not_fit_its_manifest_is_ebadmsg)
{
	CHECK_EQ(load_after(test, "SELECT 1"), 0);
	CHECK_EQ(load_after(test, "UPDATE manifest SET entries = entries + 1 WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE manifest SET files = files - 1 WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE manifest SET bytes = 0 WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE manifest SET sha256 = zeroblob(32) WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE manifest SET base = 2 WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE manifest SET base = 77 WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE manifest SET base = NULL WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE manifest SET piece = 77 WHERE id = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "DELETE FROM piece_data WHERE id >> 8 = 2"), -EBADMSG);
	CHECK_EQ(load_after(test, "DELETE FROM piece_data WHERE id >> 8 = 1"), -EBADMSG);
	CHECK_EQ(load_after(test, "UPDATE piece SET size = 1 << 27 WHERE id = 2"), -EBADMSG);
}

#include "src/cmd/keep.h"
#include "store/gc.h"
#include "tests/unit/test.h"
#include "tests/unit/tree_fixture.h"

static const struct generation_request request = { .app_name = "app", .mode = "single-shot", .type = "new", .max_iterations = 1 };

/* A tree in the store that nothing refers to, sealed. */
static int prepare(struct genstore *st, const struct tree *t, struct manifest **ret_m, struct keep *k)
{
	int r;

	if ((r = tree_take(st, t, ret_m)) || (r = gc_epoch(st, &k->epoch)))
		return r;
	return keep_prepare(st, *ret_m, k);
}

TEST(a_tree_is_sealed_while_another_process_writes)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(keep_release) struct keep k = { 0 };

	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1"));
	CHECK_EQ(tree_take(st, &t, &m), 0);

	HANDLE other = store_fixture_again(st);
	CHECK(other);
	TXN writing = txn_begin(&other->db);
	CHECK_EQ(writing.error, 0);
	CHECK_EQ(db_exec(&other->db, "INSERT INTO store_state(key, value) VALUES ('test', 1)"), 0);
	CHECK_EQ(keep_prepare(st, m, &k), 0);
	CHECK(k.seal.size > 0);
}

TEST(what_was_sealed_beforehand_is_not_read_again_to_keep_it)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(keep_release) struct keep k = { 0 };
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1"));
	CHECK_EQ(prepare(st, &t, &m, &k), 0);
	CHECK_EQ(db_exec(&st->db, "DELETE FROM piece_data WHERE id >> 8 IN (SELECT id FROM piece WHERE size = 1)"), 0);
	CHECK_EQ(keep_tree(st, &k, &request, NULL, &g), 0);
	CHECK_STR(g.status, "completed");
	CHECK_STR(g.created_at, k.created_at);
	CHECK_MEM(g.archive_sha256, k.seal.sha256, SHA256_SIZE);
}

TEST(a_collection_between_sealing_and_keeping_is_noticed)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(keep_release) struct keep k = { 0 };
	AUTO(generation_release) struct generation g = { 0 };
	struct gc_result removed;

	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1"));
	CHECK_EQ(prepare(st, &t, &m, &k), 0);
	CHECK_EQ(gc_run(st, NULL, &removed), 0);
	CHECK_EQ(removed.manifests, 1);
	CHECK_EQ(keep_tree(st, &k, &request, NULL, &g), -ESTALE);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM generation_requests"), 0);
}

TEST(a_seal_of_another_tree_is_computed_anew)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL, *n = NULL;
	AUTO(keep_release) struct keep k = { 0 };
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1"));
	CHECK_EQ(prepare(st, &t, &m, &k), 0);
	CHECK(tree_put(&t, "y", "2"));
	CHECK_EQ(tree_take(st, &t, &n), 0);
	k.manifest = n;
	CHECK_EQ(keep_tree(st, &k, &request, NULL, &g), 0);
	CHECK_EQ(g.manifest_id, n->id);
}

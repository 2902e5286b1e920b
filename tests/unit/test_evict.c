#include "store/check.h"
#include "store/evict.h"
#include "store/foreign.h"
#include "store/outbox.h"
#include "store/revision.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

static const char bytes[] = "no tar.gz at all";
enum { SIZE = sizeof(bytes) - 1 };

static const struct foreign_receive how = { .request_id = "req_away00000000", .app_name = "app" };

static int make_away(struct genstore *st, struct generation *ret_g)
{
	uint8_t sha256[SHA256_SIZE];

	sha256_of(bytes, SIZE, sha256);
	return foreign_receive_later(st, &how, SIZE, sha256, ret_g);
}

static int note_synced(struct genstore *st, const struct generation *g)
{
	char name[] = "app.tar.gz", bucket[] = "b", key[] = "k", etag[] = "e";
	struct remote_object o = { .size = g->archive_size, .name = name, .bucket = bucket, .key = key, .etag = etag };
	int64_t id;
	int r = outbox_add(st, g->id, "s3", &id);

	memcpy(o.sha256, g->archive_sha256, SHA256_SIZE);
	return r ? r : outbox_synced(st, id, "s3://b/", &o, 1);
}

static int give_back(struct genstore *st, int64_t generation, const char *text, size_t n)
{
	AUTO(foreign_freep) struct foreign *f = NULL;
	struct foreign_archive a;
	int r;

	if ((r = foreign_new(st, NULL, &f)) || (r = foreign_write(f, text, n)) || (r = foreign_end(f, &a)))
		return r;
	return foreign_return(f, generation);
}

static void count_problem(void *arg, const char *kind UNUSED, const char *subject UNUSED, const char *words UNUSED)
{
	++*(int *)arg;
}

static int problems(struct genstore *st)
{
	int count = 0;
	const struct check_options o = { .problem = count_problem, .arg = &count };
	struct check_result result;

	check_store(st, CHECK_READ_DATA, &o, &result);
	return count;
}

TEST(whoever_wants_bytes_that_are_away_is_told_so)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 }, again = { 0 };
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(object_unrefp) struct object *o = NULL;
	size_t entry;

	CHECK_EQ(make_away(st, &g), 0);
	CHECK(g.away);
	CHECK_EQ(g.archive_size, SIZE);
	CHECK_STR(g.status, "completed");
	CHECK_EQ(generation_archive(st, &g, &o), -EREMOTE);
	CHECK(strstr(genstore_errmsg(st), "genstore pull req_away00000000"));
	CHECK_EQ(generation_metadata(st, &g, &o), 0);
	CHECK_EQ(revision_find(st, NULL, "app@1", &rev), 0);
	CHECK(rev.away);
	CHECK_EQ(revision_path(st, &rev, "x", &m, &entry), -EREMOTE);
	CHECK_EQ(make_away(st, &again), -EEXIST);
}

TEST(bytes_that_are_away_have_to_be_somewhere)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };
	struct gc_result gone;
	int64_t stay;

	CHECK_EQ(make_away(st, &g), 0);
	CHECK_EQ(problems(st), 1);
	CHECK_EQ(note_synced(st, &g), 0);
	CHECK_EQ(problems(st), 0);
	CHECK_EQ(gc_run(st, NULL, &gone), 0);
	CHECK_EQ(problems(st), 0);
	CHECK_EQ(evict_generation(st, &g, &stay), -EALREADY);
}

TEST(only_what_went_comes_back)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 }, here = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	char got[SIZE];
	int64_t stay;

	CHECK_EQ(make_away(st, &g), 0);
	CHECK_EQ(note_synced(st, &g), 0);
	CHECK_EQ(give_back(st, g.id, "no tar.gz at ALL", SIZE), -EBADMSG);
	CHECK_EQ(give_back(st, g.id, bytes, SIZE - 1), -EBADMSG);
	CHECK_EQ(give_back(st, g.id, bytes, 0), -EBADMSG);
	CHECK_EQ(problems(st), 0);
	CHECK_EQ(give_back(st, g.id, bytes, SIZE), 0);
	CHECK_EQ(give_back(st, g.id, bytes, SIZE), -EEXIST);
	CHECK_EQ(generation_get(st, g.id, &here), 0);
	CHECK(!here.away);
	CHECK_EQ(generation_archive(st, &here, &o), 0);
	CHECK_EQ(object_read(st, o, 0, SIZE, got), SIZE);
	CHECK(!memcmp(got, bytes, SIZE));
	/* There is no tree in it after all. */
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM iteration_snapshots"), 0);
	CHECK_EQ(problems(st), 0);
	/* And once more. */
	CHECK_EQ(evict_generation(st, &here, &stay), 0);
	CHECK_EQ(stay, 0);
	CHECK_EQ(evict_count(st, &stay), 0);
	CHECK_EQ(stay, 1);
}

TEST(what_is_not_synced_does_not_go)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 }, here = { 0 };
	int64_t stay, id;

	CHECK_EQ(make_away(st, &g), 0);
	CHECK_EQ(give_back(st, g.id, bytes, SIZE), 0);
	CHECK_EQ(generation_get(st, g.id, &here), 0);
	CHECK_EQ(evict_generation(st, &here, &stay), -ESTALE);
	CHECK_EQ(outbox_add(st, g.id, "s3", &id), 0);
	CHECK_EQ(evict_generation(st, &here, &stay), -ESTALE);
	/* Or what is synced is something else. */
	here.archive_sha256[0] ^= 1;
	CHECK_EQ(note_synced(st, &here), 0);
	CHECK_EQ(evict_generation(st, &here, &stay), -ESTALE);
	CHECK(strstr(genstore_errmsg(st), "is not synced"));
}

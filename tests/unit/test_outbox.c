#include "store/config.h"
#include "store/generation.h"
#include "store/outbox.h"
#include "store/upload.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

static int64_t make(struct genstore *st)
{
	const struct generation_request req = { .app_name = "app", .prompt = "p", .mode = "single-shot", .type = "new", .max_iterations = 1 };
	AUTO(generation_release) struct generation g = { 0 };

	return generation_create(st, &req, &g) ? -1 : g.id;
}

static void state_is(struct test_run *test, struct genstore *st, int64_t id, const char *want)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };

	CHECK_EQ(outbox_get(st, id, &row), 0);
	CHECK_STR(row.state, want);
}

TEST(a_list_of_remotes_has_known_names_and_commas_between)
{
	static const char *const bad[] = { "", "ftp", "s3,", "s3,,github", ",s3", "s3 ,github", "s3,S3" };
	const char *list = "github,s3";

	CHECK_EQ(outbox_remotes_check(list), 0);
	CHECK_EQ(outbox_remote_next(&list), OUTBOX_GITHUB);
	CHECK_EQ(outbox_remote_next(&list), OUTBOX_S3);
	CHECK_EQ(outbox_remote_next(&list), -ENOENT);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_EQ(outbox_remotes_check(bad[i]), -EINVAL);
}

TEST(a_generation_is_queued_once_for_a_remote)
{
	STORE st = store_fixture();
	int64_t g = make(st), id, again, other;

	CHECK_EQ(outbox_add(st, g, "s3", &id), 0);
	CHECK_EQ(outbox_add(st, g, "s3", &again), 0);
	CHECK_EQ(outbox_add(st, g, "github", &other), 0);
	CHECK_EQ(id, again);
	CHECK(other != id);
	CHECK_EQ(outbox_add(st, g, "ftp", &id), -EINVAL);
}

TEST(a_row_of_the_outbox_is_taken_back_with_its_cause)
{
	STORE st = store_fixture();
	int64_t id;

	{
		TXN t = txn_begin(&st->db);

		CHECK_EQ(t.error, 0);
		CHECK_EQ(outbox_add(st, make(st), "s3", &id), 0);
	}
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM outbox"), 0);
}

TEST(what_failed_is_queued_again_by_asking_and_what_is_synced_stays)
{
	STORE st = store_fixture();
	int64_t g = make(st), id, again;
	char name[] = "app.tar.gz", bucket[] = "b", key[] = "k", etag[] = "e";
	const struct remote_object o = { .size = 7, .name = name, .bucket = bucket, .key = key, .etag = etag };
	AUTO(remote_object_release) struct remote_object got = { 0 };
	AUTO(outbox_row_release) struct outbox_row row = { 0 };

	CHECK_EQ(outbox_add(st, g, "s3", &id), 0);
	CHECK_EQ(outbox_begin(st, id), 0);
	state_is(test, st, id, "syncing");
	CHECK_EQ(outbox_put_back(st, id, true, "why", NULL), 0);
	CHECK_EQ(outbox_get(st, id, &row), 0);
	CHECK_STR(row.state, "failed");
	CHECK_STR(row.error, "why");
	CHECK_EQ(row.attempts, 1);
	CHECK_EQ(outbox_add(st, g, "s3", &again), 0);
	state_is(test, st, id, "queued");
	CHECK_EQ(outbox_synced(st, id, "s3://b/x/", &o, 1), 0);
	CHECK_EQ(outbox_add(st, g, "s3", &again), 0);
	state_is(test, st, id, "synced");
	CHECK_EQ(outbox_cancel(st, g, "s3"), -ENOENT);
	CHECK_EQ(remote_object_next(st, id, "", &got), 1);
	CHECK_STR(got.name, "app.tar.gz");
	CHECK_EQ(got.size, 7);
	CHECK_EQ(store_fixture_number(st, "SELECT s3_path = 'generations/' || request_id || '/app.tar.gz' FROM generation_requests"), 1);
}

TEST(what_was_cancelled_takes_no_further_step)
{
	STORE st = store_fixture();
	int64_t g = make(st), id;
	AUTO(outbox_row_release) struct outbox_row row = { 0 };

	CHECK_EQ(outbox_add(st, g, "s3", &id), 0);
	CHECK_EQ(outbox_cancel(st, g, "s3"), 0);
	CHECK_EQ(outbox_begin(st, id), -ENOENT);
	CHECK_EQ(outbox_progress(st, id, 1), -ENOENT);
	CHECK_EQ(outbox_put_back(st, id, false, NULL, NULL), -ENOENT);
	CHECK_EQ(outbox_synced(st, id, "u", NULL, 0), -ENOENT);
	CHECK_EQ(outbox_pending(st, 0, &row), 0);
}

TEST(what_a_killed_sender_had_in_hand_is_queued)
{
	STORE st = store_fixture();
	int64_t id;
	struct outbox_counts counts;

	CHECK_EQ(outbox_recover(st), 0);
	CHECK_EQ(outbox_add(st, make(st), "s3", &id), 0);
	CHECK_EQ(outbox_begin(st, id), 0);
	CHECK_EQ(outbox_count(st, "s3", &counts), 0);
	CHECK_EQ(counts.syncing, 1);
	CHECK_EQ(outbox_recover(st), 0);
	state_is(test, st, id, "queued");
}

static int count_parts(void *arg, const struct upload_part *part)
{
	*(int64_t *)arg = *(int64_t *)arg * 10 + part->number;
	return 0;
}

TEST(an_upload_in_parts_is_found_again_until_nothing_asks_for_it)
{
	STORE st = store_fixture();
	int64_t g = make(st), id, numbers = 0;
	char bucket[] = "b", key[] = "k", upload_id[] = "u";
	struct upload u = { .bucket = bucket, .key = key, .upload_id = upload_id, .part_size = 8 };
	AUTO(upload_release) struct upload found = { 0 }, orphan = { 0 };

	CHECK_EQ(outbox_add(st, g, "s3", &id), 0);
	u.outbox_id = id;
	CHECK_EQ(upload_find(st, id, "b", "k", u.sha256, &found), -ENOENT);
	CHECK_EQ(upload_add(st, &u), 0);
	CHECK_EQ(upload_part_add(st, u.id, &(struct upload_part){ .number = 2, .etag = "x" }), 0);
	CHECK_EQ(upload_part_add(st, u.id, &(struct upload_part){ .number = 1, .etag = "y" }), 0);
	CHECK_EQ(upload_find(st, id, "b", "k", u.sha256, &found), 0);
	CHECK_STR(found.upload_id, "u");
	CHECK_EQ(upload_parts(st, u.id, count_parts, &numbers), 0);
	CHECK_EQ(numbers, 12);
	CHECK_EQ(upload_orphan(st, 0, &orphan), 0);
	CHECK_EQ(outbox_cancel(st, g, "s3"), 0);
	CHECK_EQ(upload_orphan(st, 0, &orphan), 1);
	CHECK_EQ(upload_drop(st, orphan.id), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM upload_parts"), 0);
}

TEST(a_setting_is_kept_until_it_is_taken_away)
{
	STORE st = store_fixture();
	AUTO(free_ptr) char *value = NULL, *gone = NULL;

	CHECK_EQ(config_get(st, "s3.bucket", &value), 0);
	CHECK(!value);
	CHECK_EQ(config_set(st, "s3.bucket", "a", NULL), 0);
	CHECK_EQ(config_set(st, "s3.bucket", "b", NULL), 0);
	CHECK_EQ(config_get(st, "s3.bucket", &value), 0);
	CHECK_STR(value, "b");
	CHECK_EQ(config_unset(st, "s3.bucket", false), 0);
	CHECK_EQ(config_unset(st, "s3.bucket", false), -ENOENT);
	CHECK_EQ(config_get(st, "s3.bucket", &gone), 0);
	CHECK(!gone);
}

TEST(what_a_git_host_has_is_written_with_its_row_in_one)
{
	STORE st = store_fixture();
	const struct outbox_history h = { .url = "https://example.org/acme/x", .commit = "0123456789abcdef0123456789abcdef01234567" };
	AUTO(generation_release) struct generation g = { 0 };
	int64_t id = make(st), row;

	CHECK_EQ(outbox_add(st, id, "github", &row), 0);
	CHECK_EQ(outbox_published(st, row, &h), 0);
	state_is(test, st, row, "synced");
	CHECK_EQ(generation_get(st, id, &g), 0);
	CHECK_STR(g.github_url, h.url);
	CHECK_STR(g.github_commit, h.commit);
	CHECK(!g.artifacts_github_url && !g.s3_path);
	CHECK_EQ(outbox_published(st, row + 1, &h), -ENOENT);
}

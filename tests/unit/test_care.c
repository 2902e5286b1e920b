/* check, gc, compact, backup and stats. */
#include "store/backup.h"
#include "store/base/buf.h"
#include "store/check.h"
#include "store/event.h"
#include "store/generation.h"
#include "store/stage.h"
#include "store/stats.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A store in a folder of its own. */
struct bench {
	char dir[32], path[64];
	struct genstore *st;
};

static void bench_end(struct bench *b)
{
	char command[64];

	genstore_free(b->st);
	snprintf(command, sizeof(command), "rm -rf %s", b->dir);
	if (system(command))
		perror(command);
}

#define BENCH AUTO(bench_end) struct bench

static void bench_begin(struct test_run *test, struct bench *b)
{
	strcpy(b->dir, "/tmp/genstore-care-XXXXXX");
	CHECK(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/a.genstore", b->dir);
	b->st = genstore_new();
	CHECK(b->st);
	CHECK_EQ(genstore_create(b->st, b->path), 0);
}

/* A tree of `files` files that differ by seed, the last one large, in the caller's transaction. */
static int put_tree(struct genstore *st, int files, uint64_t seed, struct manifest **ret_m)
{
	AUTO(manifest_builder_freep) struct manifest_builder *builder = NULL;
	AUTO(stage_freep) struct stage *stage = NULL;
	AUTO(free_ptr) uint8_t *noise = malloc(600000);
	char path[64];
	int r;

	if (!noise || (r = stage_new(st, &stage)) || (r = manifest_builder_new(&builder)))
		return -ENOMEM;
	for (int i = 0; i < files; i++) {
		struct entry e = { .path = path, .type = TAR_FILE, .size = i == files - 1 ? 600000 : 1000 + i };

		snprintf(path, sizeof(path), "src/%d.js", i);
		test_noise(noise, (size_t)e.size, seed + (uint64_t)i);
		if ((r = stage_bytes(stage, noise, (size_t)e.size, &e.content)) || (r = manifest_add(builder, &e)))
			return r;
	}
	if ((r = stage_flush(stage)) || (r = manifest_build(builder, ret_m)))
		return r;
	for (size_t i = 0; i < (*ret_m)->count; i++)
		if ((*ret_m)->entries[i].type == TAR_FILE &&
		    (r = stage_content(stage, (*ret_m)->entries[i].content, &(*ret_m)->entries[i].content)))
			return r;
	return manifest_put(st, *ret_m, 0);
}

static int add_iteration(struct genstore *st, int64_t generation, int64_t number, uint64_t seed)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	TXN t = txn_begin(&st->db);
	int64_t id;
	int r;

	if (t.error || (r = put_tree(st, 5, seed, &m)) ||
	    (r = iteration_add(st, generation, number, "automatic", m, "do it", "{\"tokens\": 5}", &id)) ||
	    (r = event_add(st, generation, "log", "info", "one line", 8, NULL)))
		return t.error ? t.error : r;
	return txn_commit(&t);
}

/* A finished generation of two iterations. */
static int generate(struct genstore *st, const char *app, uint64_t seed, int64_t *ret_id)
{
	AUTO(generation_release) struct generation g = { 0 };
	const struct generation_request request = {
		.app_name = app, .prompt = "a todo app", .mode = "autonomous", .type = "new", .max_iterations = 2,
	};
	const struct completion done = { .status = "completed", .github_url = "https://github.com/leo-generated/x/" };
	int r;

	if ((r = generation_create(st, &request, &g)) || (r = generation_set_status(st, g.id, "generating", NULL)) ||
	    (r = add_iteration(st, g.id, 1, seed)) || (r = add_iteration(st, g.id, 2, seed + 2)) ||
	    (r = generation_finish(st, g.id, &done)))
		return r;
	*ret_id = g.id;
	return 0;
}

struct found {
	int count;
	char kind[32], subject[64], words[256];
};

static void note(void *arg, const char *kind, const char *subject, const char *words)
{
	struct found *f = arg;

	if (f->count++)
		return;
	snprintf(f->kind, sizeof(f->kind), "%s", kind);
	snprintf(f->subject, sizeof(f->subject), "%s", subject);
	snprintf(f->words, sizeof(f->words), "%s", words);
}

static int check(struct genstore *st, unsigned flags, struct found *f, struct check_result *ret_result)
{
	const struct check_options o = { .problem = note, .arg = f };

	*f = (struct found){ 0 };
	return check_store(st, flags, &o, ret_result);
}

/* What a statement by somebody else makes check say. */
static void check_after(struct test_run *test, const char *sql, unsigned flags, const char *kind)
{
	BENCH b = { 0 };
	struct check_result result;
	struct found f;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(db_exec(&b.st->db, "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;"), 0);
	if (db_exec(&b.st->db, sql))
		CHECK_STR(genstore_errmsg(b.st), "");
	CHECK_EQ(db_exec(&b.st->db, "PRAGMA ignore_check_constraints = OFF"), 0);
	CHECK_EQ(check(b.st, flags, &f, &result), -EUCLEAN);
	CHECK_STR(f.kind, kind);
}

TEST(a_store_that_was_used_as_it_should_is_whole)
{
	BENCH b = { 0 };
	struct check_result result;
	struct found f;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(generate(b.st, "todo", 3, &id), 0);
	int r = check(b.st, CHECK_READ_DATA, &f, &result);

	CHECK_STR(f.words, "");
	CHECK_EQ(r, 0);
	CHECK_EQ(result.generations, 2);
	CHECK_EQ(result.iterations, 4);
	CHECK_EQ(result.events, 4);
	CHECK_EQ(result.seals, 2);
	CHECK_EQ(result.unused.pieces, 0);
	CHECK(result.bytes > 2000000);
}

TEST(check_finds_whatever_row_does_not_fit_the_others)
{
	static const struct { const char *sql, *kind; unsigned flags; } cases[] = {
		{ "UPDATE generation_requests SET prompt = 'another'", "generation", 0 },
		{ "UPDATE generation_requests SET app_name = 'another'", "generation", 0 },
		{ "UPDATE generation_requests SET created_at = '2001-01-01T00:00:00Z'", "generation", 0 },
		{ "UPDATE generation_requests SET generation_number = 7", "generation", 0 },
		{ "UPDATE generation_requests SET request_id = 'req_another'", "generation", 0 },
		{ "UPDATE generation_requests SET completed_at = NULL", "generation", 0 },
		{ "UPDATE generation_requests SET updated_at = 'x'", "generation", 0 },
		{ "UPDATE generation_requests SET mode = 'x'", "database", 0 },
		{ "UPDATE generation_requests SET app_id = '6c656761-6379-4000-8000-000000000006'", "reference", 0 },
		{ "INSERT INTO generation_costs (generation_request_id, created_at) VALUES (1, '20r6-11-21T02:45:17Z')", "cost", 0 },
		{ "UPDATE archive SET sealed_at = 'x'", "archive", 0 },
		{ "UPDATE iteration_snapshots SET files_snapshot = replace(files_snapshot, 'files\":5', 'files\":6')", "iteration", 0 },
		{ "UPDATE iteration_snapshots SET files_snapshot = replace(files_snapshot, 'manifest', 'manifesu')", "iteration", 0 },
		{ "UPDATE iteration_snapshots SET iteration_number = 9 WHERE id = 1", "iteration", 0 },
		{ "UPDATE iteration_snapshots SET timestamp = 'x' WHERE id = 1", "iteration", 0 },
		{ "UPDATE iteration_snapshots SET metadata = '{' WHERE id = 1", "database", 0 },
		{ "UPDATE generation_events SET line = 'two line' WHERE id = 1", "event", 0 },
		{ "UPDATE generation_events SET line = 'a longer line', sum = NULL WHERE id = 1", "event", 0 },
		{ "DELETE FROM generation_transitions WHERE to_status = 'failed'", "schema", 0 },
		{ "DROP INDEX apps_by_name", "schema", 0 },
		{ "CREATE TABLE more (id)", "schema", 0 },
		{ "PRAGMA application_id = 1", "header", 0 },
		{ "DELETE FROM content WHERE size = 1001", "manifest", 0 },
		{ "DELETE FROM piece WHERE id = 2", "content", 0 },
		{ "DELETE FROM piece_data WHERE id >> 8 = 1", "piece", 0 },
		{ "UPDATE piece_data SET bytes = substr(bytes, 2) WHERE id >> 8 = 1", "piece", 0 },
		{ "UPDATE content SET crc32 = crc32 + 1 WHERE id = 1", "content", 0 },
		{ "UPDATE content SET size = size + 1 WHERE id = 1", "content", 0 },
		{ "UPDATE content SET pieces = x'ff' WHERE id = 1", "content", 0 },
		{ "UPDATE piece SET crc32 = crc32 + 1 WHERE id = 1", "content", 0 },
		{ "UPDATE manifest SET files = files + 1 WHERE id = 1", "manifest", 0 },
		{ "UPDATE manifest SET sha256 = zeroblob(32) WHERE id = 1", "manifest", 0 },
		{ "UPDATE seal SET tar_size = tar_size + 512", "seal", 0 },
		{ "UPDATE seal SET crc32 = crc32 + 1", "seal", 0 },
		{ "UPDATE seal SET mtime = mtime + 1", "seal", 0 },
		{ "UPDATE content SET sha256 = zeroblob(32) WHERE id = 1", "content", CHECK_READ_DATA },
		{ "UPDATE content SET git_blob = zeroblob(20) WHERE id = 1", "content", CHECK_READ_DATA },
		{ "UPDATE piece SET sha256 = zeroblob(32) WHERE id = 1", "piece", CHECK_READ_DATA },
		{ "UPDATE piece SET xxh3 = zeroblob(16) WHERE id = 1", "piece", CHECK_READ_DATA },
		{ "UPDATE piece SET codec = 0 WHERE id = 1", "piece", CHECK_READ_DATA },
		{ "UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id >> 8 = 1", "piece", CHECK_READ_DATA },
		{ "UPDATE piece_data SET sum = sum + 1 WHERE id >> 8 = 1", "piece", CHECK_READ_DATA },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check_after(test, cases[i].sql, cases[i].flags, cases[i].kind);
		if (test->failed) {
			printf("  after: %s\n", cases[i].sql);
			return;
		}
	}
}

TEST(check_of_a_store_open_read_only_sees_constraints_too)
{
	BENCH b = { 0 };
	struct genstore *reader = genstore_new();
	struct check_result result;
	struct found f;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(db_exec(&b.st->db, "PRAGMA ignore_check_constraints = ON; UPDATE iteration_snapshots SET snapshot_type = 'x'"), 0);
	CHECK_EQ(genstore_open(reader, b.path, GENSTORE_READ_ONLY), 0);
	int r = check(reader, 0, &f, &result);

	genstore_free(reader);
	CHECK_EQ(r, -EUCLEAN);
	CHECK_STR(f.kind, "database");
}

TEST(a_row_that_does_not_fit_its_sum_is_damage_and_one_that_sql_changed_is_not)
{
	BENCH b = { 0 };
	struct check_result result;
	struct found f;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(store_fixture_number(b.st, "SELECT count(*) FROM row_sums WHERE sum IS NULL"), 0);
	CHECK_EQ(db_exec(&b.st->db, "UPDATE iteration_snapshots SET prompt_used = 'other'"), 0);
	CHECK(store_fixture_number(b.st, "SELECT count(*) FROM row_sums WHERE sum IS NULL") > 0);
	CHECK_EQ(check(b.st, 0, &f, &result), 0);
	CHECK_EQ(db_exec(&b.st->db, "UPDATE row_sums SET sum = sum + 1 WHERE table_name = 'users'"), 0);
	CHECK_EQ(check(b.st, 0, &f, &result), -EUCLEAN);
	CHECK_STR(f.kind, "row");
}

TEST(a_row_that_is_lost_is_damage)
{
	BENCH b = { 0 };
	struct check_result result;
	struct found f;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(db_exec(&b.st->db, "INSERT INTO row_sums VALUES ('iteration_snapshots', 99, 1)"), 0);
	CHECK_EQ(check(b.st, 0, &f, &result), -EUCLEAN);
	CHECK_STR(f.kind, "row");
}

TEST(gc_of_a_store_in_use_removes_nothing)
{
	BENCH b = { 0 };
	struct gc_result result;
	struct check_result checked;
	struct found f;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(gc_run(b.st, NULL, &result), 0);
	CHECK_EQ(result.seals + result.manifests + result.contents + result.pieces, 0);
	CHECK_EQ(check(b.st, CHECK_READ_DATA, &f, &checked), 0);
}

TEST(gc_removes_what_only_a_removed_generation_had)
{
	const struct gc_options dry = { .dry_run = true };
	BENCH b = { 0 };
	struct gc_result would, result;
	struct check_result checked;
	struct store_stats before, after;
	struct found f;
	int64_t first, second;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &first), 0);
	CHECK_EQ(stats_read(b.st, &before), 0);
	CHECK_EQ(generate(b.st, "shop", 100, &second), 0);
	CHECK_EQ(generation_remove(b.st, second), 0);

	CHECK_EQ(gc_run(b.st, &dry, &would), 0);
	CHECK_EQ(gc_run(b.st, NULL, &result), 0);
	CHECK_EQ(result.manifests, 2);
	CHECK_EQ(result.seals, 1);
	CHECK(result.pieces > 10);
	CHECK_MEM(&would, &result, sizeof(result));
	CHECK_EQ(stats_read(b.st, &after), 0);
	CHECK_EQ(after.pieces, before.pieces);
	CHECK_EQ(after.stored_bytes, before.stored_bytes);
	CHECK_EQ(check(b.st, CHECK_READ_DATA, &f, &checked), 0);
	CHECK_EQ(gc_run(b.st, &dry, &would), 0);
	CHECK_EQ(would.pieces, 0);
}

TEST(a_stage_that_began_before_a_collection_is_stale)
{
	static const char text[] = "hello";
	AUTO(stage_freep) struct stage *stage = NULL;
	BENCH b = { 0 };
	struct gc_result result;
	int64_t id, slot;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(stage_new(b.st, &stage), 0);
	CHECK_EQ(stage_bytes(stage, text, sizeof(text), &slot), 0);
	CHECK_EQ(generation_remove(b.st, id), 0);
	CHECK_EQ(gc_run(b.st, NULL, &result), 0);
	CHECK(result.contents > 0);
	CHECK_EQ(stage_flush(stage), -ESTALE);
}

/* Between the first marking and the removal another process makes use of what was unused: here from the progress callback. */
struct intruder {
	struct genstore *st;
	int64_t generation;
	int r;
	bool done;
};

static void intrude(void *arg, int64_t done, int64_t total)
{
	struct intruder *i = arg;

	(void)done;
	(void)total;
	if (!i->done)
		i->r = add_iteration(i->st, i->generation, 1, 100);
	i->done = true;
}

TEST(what_becomes_used_after_the_marking_stays)
{
	BENCH b = { 0 };
	AUTO(generation_release) struct generation g = { 0 };
	const struct generation_request request = { .app_name = "late", .prompt = "x", .mode = "single-shot", .type = "new" };
	struct gc_result result;
	struct check_result checked;
	struct found f;
	struct genstore *other = genstore_new();
	struct intruder i = { .st = other };
	const struct gc_options o = { .progress = intrude, .arg = &i };
	int64_t second;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "shop", 100, &second), 0);
	CHECK_EQ(generation_create(b.st, &request, &g), 0);
	CHECK_EQ(generation_remove(b.st, second), 0);
	CHECK_EQ(genstore_open(other, b.path, 0), 0);
	i.generation = g.id;
	CHECK_EQ(gc_run(b.st, &o, &result), 0);
	genstore_free(other);
	CHECK(i.done);
	CHECK_EQ(i.r, 0);
	CHECK(result.pieces > 0);
	CHECK_EQ(check(b.st, CHECK_READ_DATA, &f, &checked), 0);
	CHECK_EQ(checked.iterations, 1);
}

TEST(a_damaged_store_is_not_collected)
{
	BENCH b = { 0 };
	struct gc_result result;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(db_exec(&b.st->db, "UPDATE manifest SET files = 99"), 0);
	CHECK_EQ(gc_run(b.st, NULL, &result), -EBADMSG);
}

TEST(compacting_gives_the_room_back)
{
	BENCH b = { 0 };
	struct gc_result result;
	struct check_result checked;
	struct found f;
	int64_t first, second, before, after;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &first), 0);
	CHECK_EQ(generate(b.st, "shop", 100, &second), 0);
	CHECK_EQ(generation_remove(b.st, second), 0);
	CHECK_EQ(gc_run(b.st, NULL, &result), 0);
	if (gc_compact(b.st, &before, &after))
		CHECK_STR(genstore_errmsg(b.st), "");
	CHECK(after < before - 500000);
	CHECK_EQ(check(b.st, CHECK_READ_DATA, &f, &checked), 0);
	CHECK_EQ(generate(b.st, "again", 200, &second), 0);
	CHECK_EQ(check(b.st, CHECK_READ_DATA, &f, &checked), 0);
}

TEST(a_backup_is_a_whole_store)
{
	BENCH b = { 0 };
	AUTO(free_ptr) char *path = NULL;
	struct genstore *copy = genstore_new();
	struct check_result checked;
	struct store_stats ours, theirs;
	struct found f;
	struct stat sb;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK(asprintf(&path, "%s/copy", b.dir) > 0);
	CHECK_EQ(backup_store(b.st, path, NULL), 0);
	CHECK_EQ(stat(path, &sb), 0);
	CHECK_EQ(sb.st_mode & 0777, 0600);
	CHECK_EQ(genstore_open(copy, path, 0), 0);
	int r = check(copy, CHECK_READ_DATA, &f, &checked);

	CHECK_STR(f.words, "");
	CHECK_EQ(r, 0);
	CHECK_EQ(checked.generations, 1);
	CHECK_EQ(stats_read(b.st, &ours), 0);
	CHECK_EQ(stats_read(copy, &theirs), 0);
	CHECK_EQ(theirs.stored_bytes, ours.stored_bytes);
	CHECK_EQ(generate(copy, "todo", 50, &id), 0);
	CHECK_EQ(id, 2);
	genstore_free(copy);
}

TEST(a_backup_never_replaces_a_file_and_leaves_none_behind)
{
	BENCH b = { 0 };
	AUTO(free_ptr) char *path = NULL, *count = NULL;

	bench_begin(test, &b);
	CHECK_EQ(backup_store(b.st, b.path, NULL), -EEXIST);
	CHECK(asprintf(&path, "%s/none/copy", b.dir) > 0);
	CHECK_EQ(backup_store(b.st, path, NULL), -ENOENT);
	CHECK(asprintf(&count, "test $(ls %s | grep -vc journal) = 1", b.dir) > 0);
	CHECK_EQ(system(count), 0);
}

static void write_on(const char *path, int64_t generation, int ready)
{
	struct genstore *st = genstore_new();
	int r = genstore_open(st, path, 0);

	for (uint64_t i = 0; !r; i++) {
		r = add_iteration(st, generation, (int64_t)i + 1, 1000 + 10 * i);
		if (i == 3 && write(ready, "x", 1) != 1)
			break;
	}
	fprintf(stderr, "writer: %s\n", genstore_errmsg(st));
	_exit(1);
}

TEST(a_backup_ends_while_another_process_never_stops_writing)
{
	BENCH b = { 0 };
	AUTO(free_ptr) char *path = NULL;
	AUTO(generation_release) struct generation g = { 0 };
	const struct generation_request request = { .app_name = "busy", .prompt = "x", .mode = "autonomous", .type = "new" };
	struct genstore *copy = genstore_new();
	struct check_result checked;
	struct found f;
	int ready[2];
	char c;

	bench_begin(test, &b);
	CHECK_EQ(generation_create(b.st, &request, &g), 0);
	CHECK_EQ(generation_set_status(b.st, g.id, "generating", NULL), 0);
	CHECK_EQ(pipe(ready), 0);
	pid_t writer = fork();

	if (!writer)
		write_on(b.path, g.id, ready[1]);
	close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	CHECK(asprintf(&path, "%s/copy", b.dir) > 0);
	int r = backup_store(b.st, path, NULL);

	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	close(ready[0]);
	CHECK_EQ(r, 0);
	CHECK_EQ(genstore_open(copy, path, 0), 0);
	r = check(copy, CHECK_READ_DATA, &f, &checked);
	CHECK_STR(f.words, "");
	CHECK_EQ(r, 0);
	CHECK(checked.iterations >= 4);
	genstore_free(copy);
}

TEST(stats_count_what_is_there)
{
	BENCH b = { 0 };
	struct store_stats s;
	int64_t id;

	bench_begin(test, &b);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(generate(b.st, "todo", 1, &id), 0);
	CHECK_EQ(stats_read(b.st, &s), 0);
	CHECK_EQ(s.users, 1);
	CHECK_EQ(s.apps, 1);
	CHECK_EQ(s.generations, 2);
	CHECK_EQ(s.completed, 2);
	CHECK_EQ(s.iterations, 4);
	CHECK_EQ(s.archives, 2);
	CHECK_EQ(s.events, 4);
	CHECK_EQ(s.page_size, 16384);
	CHECK_EQ(s.logical_bytes, 4 * (600000 + 1000 + 1001 + 1002 + 1003));
	/* The same trees twice, kept once. */
	CHECK(s.ratio > 1.9);
}

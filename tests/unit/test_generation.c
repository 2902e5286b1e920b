#include "store/app.h"
#include "store/event.h"
#include "store/revision.h"
#include "store/stage.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <fcntl.h>

static const struct generation_request todo = {
	.app_name = "todo-app", .prompt = "Create a todo app", .mode = "autonomous", .type = "new", .max_iterations = 3,
};

/* An iteration whose tree is one file. */
static int add_iteration(struct genstore *st, int64_t generation, int64_t number, const char *path, const char *text)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(stage_freep) struct stage *s = NULL;
	struct entry e = { .path = path, .path_len = (uint32_t)strlen(path), .size = (int64_t)strlen(text), .type = TAR_FILE };
	int64_t slot, id;
	int r;

	if ((r = stage_new(st, &s)) || (r = stage_bytes(s, text, strlen(text), &slot)) || (r = stage_flush(s)) ||
	    (r = stage_content(s, slot, &e.content)) || (r = manifest_builder_new(&b)) || (r = manifest_add(b, &e)) ||
	    (r = manifest_build(b, &m)))
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = manifest_put(st, m, 0)) || (r = iteration_add(st, generation, number, "automatic", m, "p", NULL, &id)))
		return r;
	return txn_commit(&t);
}

TEST(a_request_is_queued_and_numbered_within_its_app)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation a = { 0 }, b = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &a), 0);
	CHECK_EQ(generation_create(st, &todo, &b), 0);
	CHECK_STR(a.status, "queued");
	CHECK(id_is_request(a.request_id));
	CHECK_EQ(strlen(a.request_id), 16);
	CHECK(id_is_uuid(a.uuid));
	CHECK(a.user_id);
	CHECK_STR(a.initial_prompt, todo.prompt);
	CHECK_EQ(a.generation_number, 1);
	CHECK_EQ(b.generation_number, 2);
	CHECK_STR(a.app_id, b.app_id);
}

TEST(the_number_of_a_removed_generation_stays_unused)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation a = { 0 }, b = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &a), 0);
	CHECK_EQ(generation_set_status(st, a.id, "cancelled", NULL), 0);
	CHECK_EQ(generation_remove(st, a.id), 0);
	CHECK_EQ(generation_create(st, &todo, &b), 0);
	CHECK_EQ(b.generation_number, 2);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM audit_log WHERE action = 'generation.remove'"), 1);
}

TEST(a_running_generation_is_not_removed)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_remove(st, g.id), -EBUSY);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM generation_requests"), 1);
}

TEST(states_change_only_along_the_table)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "completed", NULL), -ESTALE);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(generation_set_status(st, g.id, "failed", "it broke"), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), -ESTALE);
	generation_release(&g);
	CHECK_EQ(generation_get(st, 1, &g), 0);
	CHECK_STR(g.error_message, "it broke");
	CHECK(g.completed_at);
	CHECK_EQ(generation_set_status(st, 99, "generating", NULL), -ENOENT);
}

TEST(names_that_cannot_be_an_app)
{
	static const char *const bad[] = { "", "a/b", "a:b", "a@b", "req_x", "-x", ".", "..", " ", "a ", " a", "a\nb", "\xff", "a\xc2\x85" };
	static const char *const good[] = { "todo-app", "Überraschung", "a", "x y", "..." };
	char longest[APP_NAME_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!app_name_valid(bad[i]));
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK(app_name_valid(good[i]));
	memset(longest, 'a', sizeof(longest));
	longest[APP_NAME_MAX] = '\0';
	CHECK(app_name_valid(longest));
	longest[APP_NAME_MAX] = 'a';
	longest[APP_NAME_MAX + 1] = '\0';
	CHECK(!app_name_valid(longest));
	CHECK(!app_name_valid(NULL));
}

TEST(finishing_seals_the_last_iteration_and_derives_the_urls)
{
	const struct completion done = { .status = "completed", .github_url = "https://github.com/leo-generated/x/",
					 .session_id = "s1" };
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(add_iteration(st, g.id, 1, "index.html", "<p>"), 0);
	CHECK_EQ(add_iteration(st, g.id, 2, "fly.toml", "# x\n app = \"todo-7\"\n[http]\napp = \"no\"\n"), 0);
	CHECK_EQ(generation_finish(st, g.id, &done), 0);
	generation_release(&g);
	CHECK_EQ(generation_get(st, 1, &g), 0);
	CHECK_STR(g.status, "completed");
	CHECK_STR(g.artifacts_github_url, "https://github.com/leo-generated/x-artifacts");
	CHECK_STR(g.deployment_url, "https://todo-7.fly.dev");
	CHECK_STR(g.last_session_id, "s1");
	CHECK_EQ(g.current_iteration, 2);
	CHECK(g.archive_size > 0 && g.seal_id && g.metadata_id);
	CHECK_EQ(store_fixture_number(st, "SELECT files_snapshot ->> '$.manifest' FROM iteration_snapshots WHERE id = 2"),
		 g.manifest_id);
}

TEST(what_the_generator_says_of_its_deployment_goes_before_fly_toml)
{
	const struct completion done = { .status = "completed", .flyio_url = "https://told.fly.dev" };
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(add_iteration(st, g.id, 1, "fly.toml", "app = 'x'\n"), 0);
	CHECK_EQ(generation_finish(st, g.id, &done), 0);
	generation_release(&g);
	CHECK_EQ(generation_get(st, 1, &g), 0);
	CHECK_STR(g.deployment_url, "https://told.fly.dev");
	CHECK(!g.artifacts_github_url);
}

TEST(a_failure_without_iterations_has_no_archive)
{
	const struct completion done = { .status = "failed", .error_message = "exit code 3" };
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(generation_finish(st, g.id, &done), 0);
	generation_release(&g);
	CHECK_EQ(generation_get(st, 1, &g), 0);
	CHECK_STR(g.status, "failed");
	CHECK_EQ(g.metadata_id, 0);
}

TEST(metadata_json_is_exactly_the_seed_and_then_genstore)
{
	struct generation g = { .generation_number = 1, .request_id = (char[]){ "req_abc123" }, .app_name = (char[]){ "todo-app" },
				.created_at = (char[]){ "2025-12-11T20:30:00Z" }, .prompt = (char[]){ "Create a todo app" },
				.app_id = (char[]){ "a" } };
	struct seal s = { .size = 12 };
	AUTO(buf_release) struct buf out = BUF_INIT;
	static const char want[] =
		"{\n"
		"  \"request_id\": \"req_abc123\",\n"
		"  \"app_name\": \"todo-app\",\n"
		"  \"created_at\": \"2025-12-11T20:30:00Z\",\n"
		"  \"prompt_hash\": \"sha256:bd54f34144536f2fcd0656c696ca9f3c6a19d818c3b5ba39c1ff2afc40056cef\",\n"
		"  \"generation_number\": 1,\n"
		"  \"genstore\": {\n"
		"    \"format\": 1,\n"
		"    \"archive_size\": 12,\n"
		"    \"archive_sha256\": \"0000000000000000000000000000000000000000000000000000000000000000\",\n"
		"    \"app_id\": \"a\",\n"
		"    \"parent_request_id\": null,\n"
		"    \"github_commit\": null\n"
		"  }\n"
		"}\n";

	CHECK_EQ(metadata_json(&g, &s, &out), 0);
	CHECK_STR(buf_str(&out), want);
}

TEST(a_log_reads_as_lines_with_their_times_at_any_offset)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(event_release) struct event e = { 0 };
	char text[200], part[200];
	int64_t size;

	CHECK(st);
	st->clock.fixed = 1765485000;
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(event_add(st, g.id, "log", "info", "first\r\n", 7, NULL), 0);
	CHECK_EQ(event_add(st, g.id, "log", "error", "se\x1b[31mcond\xff", 12, "{\"a\":1}"), 0);
	CHECK_EQ(log_size(st, g.id, &size), 0);
	CHECK_EQ(log_read(st, g.id, 0, sizeof(text), text), size);
	text[size] = '\0';
	CHECK_STR(text, "2025-12-11T20:30:00Z  first\n2025-12-11T20:30:00Z  se\\x1b[31mcond\\xff\n");
	for (int64_t at = 0; at <= size; at++) {
		ssize_t n = log_read(st, g.id, at, 10, part);

		CHECK_EQ(n, min_i64(10, size - at));
		CHECK_MEM(part, text + at, (size_t)n);
	}
	CHECK_EQ(event_next(st, g.id, 0, &e), 1);
	CHECK_STR(e.level, "error");
	CHECK_STR(e.data, "{\"a\":1}");
	CHECK_EQ(store_fixture_number(st, "SELECT sum FROM generation_events WHERE id = 2"), event_checksum(g.id, &e));
}

TEST(a_line_beyond_the_limit_is_cut_and_says_so)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(free_ptr) char *line = malloc(EVENT_LINE_MAX + 100);
	int64_t size;

	CHECK(st && line);
	memset(line, 'x', EVENT_LINE_MAX + 100);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(event_add(st, g.id, "log", "info", line, EVENT_LINE_MAX + 100, NULL), 0);
	CHECK_EQ(log_size(st, g.id, &size), 0);
	CHECK_EQ(size, 22 + EVENT_LINE_MAX + (int64_t)strlen(" ... (100 bytes cut)") + 1);
}

TEST(costs_add_up)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };
	struct cost sum;

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(cost_add(st, g.id, &(struct cost){ 1, 100, 20, 1500, 0.25 }), 0);
	CHECK_EQ(cost_add(st, g.id, &(struct cost){ 2, 10, 2, 500, 0.5 }), 0);
	CHECK_EQ(cost_total(st, g.id, &sum), 0);
	CHECK_EQ(sum.iteration, 2);
	CHECK_EQ(sum.input_tokens, 110);
	CHECK_EQ(sum.output_tokens, 22);
	CHECK_EQ(sum.duration_ms, 2000);
	CHECK(sum.cost_usd == 0.75);
}

/* The request id that a REV stands for, "" when it is refused. */
static const char *found(struct genstore *st, const char *text, struct revision *rev)
{
	revision_release(rev);
	return revision_find(st, NULL, text, rev) ? "" : rev->generation.request_id;
}

TEST(a_revision_is_found_by_every_name_it_has)
{
	struct generation_request request = todo;
	STORE st = store_fixture();
	AUTO(generation_release) struct generation a = { 0 }, b = { 0 }, c = { 0 };
	AUTO(revision_release) struct revision rev = { 0 };

	CHECK(st);
	request.request_id = "req_aaaa1";
	CHECK_EQ(generation_create(st, &request, &a), 0);
	request.request_id = "req_aaaa2";
	CHECK_EQ(generation_create(st, &request, &b), 0);
	request.request_id = "req_aaaa";
	request.app_name = "other";
	CHECK_EQ(generation_create(st, &request, &c), 0);
	CHECK_EQ(generation_set_status(st, a.id, "generating", NULL), 0);
	CHECK_EQ(add_iteration(st, a.id, 1, "f", "1"), 0);
	CHECK_EQ(add_iteration(st, a.id, 2, "f", "2"), 0);

	CHECK_STR(found(st, "req_aaaa1", &rev), "req_aaaa1");
	CHECK_EQ(rev.snapshot, 2);
	CHECK_STR(found(st, "req_aaaa", &rev), "req_aaaa");
	CHECK_EQ(rev.snapshot, 0);
	CHECK_STR(found(st, "todo-app", &rev), "req_aaaa2");
	CHECK_STR(found(st, "todo-app/1", &rev), "req_aaaa1");
	CHECK_STR(found(st, "todo-app/1@1", &rev), "req_aaaa1");
	CHECK_EQ(rev.snapshot, 1);
	CHECK_STR(found(st, "-", &rev), "req_aaaa");
}

TEST(a_revision_that_is_none_says_why)
{
	static const struct { const char *text; int error; } bad[] = {
		{ "nothing", -ENOENT }, { "req_b", -ENOENT },     { "req_aaaa", -EINVAL },  { "todo-app/3", -ENOENT },
		{ "todo-app/x", -EINVAL }, { "todo-app@9", -ENOENT }, { "todo-app@", -EINVAL }, { "todo-app@0", -EINVAL },
		{ "", -ENOENT },
	};
	struct generation_request request = todo;
	STORE st = store_fixture();
	AUTO(generation_release) struct generation a = { 0 }, b = { 0 };
	AUTO(revision_release) struct revision rev = { 0 };

	CHECK(st);
	request.request_id = "req_aaaa1";
	CHECK_EQ(generation_create(st, &request, &a), 0);
	request.request_id = "req_aaaa2";
	CHECK_EQ(generation_create(st, &request, &b), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		st->errmsg[0] = '\0';
		CHECK_EQ(revision_find(st, NULL, bad[i].text, &rev), bad[i].error);
		CHECK(*genstore_errmsg(st));
	}
}

TEST(a_path_of_a_revision_is_found_with_or_without_slashes)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	size_t i;

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(add_iteration(st, g.id, 1, "src/main.js", "x"), 0);
	CHECK_EQ(revision_find(st, NULL, "todo-app", &rev), 0);
	CHECK_EQ(revision_path(st, &rev, "/src/", &m, &i), 0);
	CHECK_STR(m->entries[i].path, "src/");
	manifest_unref(MOVE(m));
	CHECK_EQ(revision_path(st, &rev, "", &m, &i), 0);
	CHECK_EQ(i, m->count);
	manifest_unref(MOVE(m));
	CHECK_EQ(revision_path(st, &rev, "src/none", &m, &i), -ENOENT);
}

TEST(the_public_interface_finds_and_reads)
{
	const struct completion done = { .status = "completed" };
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(genstore_generation_release) struct genstore_generation p = { 0 };
	struct genstore_object *o = NULL;
	char text[8] = "";

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(genstore_archive_open(st, "todo-app", &o), -ENOENT);
	CHECK_EQ(add_iteration(st, g.id, 1, "a", "first"), 0);
	CHECK_EQ(add_iteration(st, g.id, 2, "a", "second"), 0);
	CHECK_EQ(generation_finish(st, g.id, &done), 0);
	CHECK_EQ(genstore_generation_next(st, 0, &p), 1);
	CHECK_STR(p.app_name, "todo-app");
	CHECK_EQ(strlen(p.archive_sha256), 64);
	CHECK_EQ(genstore_generation_next(st, p.id, &p), 0);
	CHECK_EQ(genstore_file_open(st, "todo-app@1", "a", &o), 0);
	CHECK_EQ(genstore_object_size(o), 5);
	CHECK_EQ(genstore_object_read(st, o, 1, 7, text), 4);
	CHECK_STR(text, "irst");
	genstore_object_free(o);
	CHECK_EQ(genstore_archive_open(st, "-", &o), 0);
	CHECK_EQ(genstore_object_size(o), p.archive_size);
	genstore_object_free(o);
	CHECK_EQ(genstore_metadata_open(st, "-", &o), 0);
	CHECK_EQ(genstore_object_read(st, o, 0, 1, text), 1);
	CHECK_EQ(text[0], '{');
	genstore_object_free(o);
}

TEST(a_generation_whose_commit_fails_is_not_handed_out)
{
	STORE st = store_fixture();
	HANDLE reader = store_fixture_again(st);
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK(reader);
	TXN t = txn_begin_read(&reader->db);

	CHECK_EQ(t.error, 0);
	CHECK_EQ(store_fixture_number(reader, "SELECT count(*) FROM generation_requests"), 0);
	sqlite3_busy_timeout(st->db.handle, 0);
	CHECK_EQ(generation_create(st, &todo, &g), -EBUSY);
	CHECK(!g.request_id);
	CHECK_EQ(txn_commit(&t), 0);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(g.generation_number, 1);
}

TEST(ending_twice_does_not_change_when_it_ended)
{
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	st->clock.fixed = 1000000000;
	CHECK_EQ(generation_set_status(st, g.id, "cancelled", NULL), 0);
	st->clock.fixed = 2000000000;
	CHECK_EQ(generation_set_status(st, g.id, "cancelled", NULL), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT completed_at = '2001-09-09T01:46:40Z' FROM generation_requests"), 1);
}

/* Another process collects just before the transaction begins. */
static int collect_at_begin(unsigned what UNUSED, void *other, void *statement, void *sql UNUSED)
{
	struct genstore *st = other;
	const char *text = sqlite3_sql(statement);

	if (text && !strcmp(text, "BEGIN IMMEDIATE"))
		db_exec(&st->db, "UPDATE store_state SET value = value + 1 WHERE key = 'gc_epoch'");
	return 0;
}

TEST(a_collection_does_not_keep_a_generation_from_its_end)
{
	const struct completion done = { .status = "completed" };
	STORE st = store_fixture();
	HANDLE other = store_fixture_again(st);
	AUTO(generation_release) struct generation g = { 0 };

	CHECK(st);
	CHECK(other);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(add_iteration(st, g.id, 1, "a", "first"), 0);
	sqlite3_trace_v2(st->db.handle, SQLITE_TRACE_STMT, collect_at_begin, other);
	CHECK_EQ(generation_finish(st, g.id, &done), 0);
	sqlite3_trace_v2(st->db.handle, 0, NULL, NULL);
	CHECK_EQ(store_fixture_number(st, "SELECT value FROM store_state WHERE key = 'gc_epoch'"), 1);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM archive"), 1);
}

/* What a damaged page, or a hand with another program, can do to a row. */
static int damage(const struct genstore *st, const char *sql)
{
	sqlite3 *raw = NULL;
	int code = sqlite3_open(st->path, &raw);

	if (code == SQLITE_OK)
		code = sqlite3_exec(raw, sql, NULL, NULL, NULL);
	sqlite3_close(raw);
	return code;
}

TEST(a_column_that_cannot_be_empty_and_is_is_damage)
{
	const struct completion done = { .status = "completed" };
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 }, damaged = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(add_iteration(st, g.id, 1, "a", "first"), 0);
	CHECK_EQ(damage(st, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'created_at TEXT NOT NULL',"
			    " 'created_at TEXT') WHERE name = 'generation_requests'"), SQLITE_OK);
	CHECK_EQ(damage(st, "UPDATE generation_requests SET created_at = NULL"), SQLITE_OK);
	CHECK_EQ(generation_get(st, g.id, &damaged), -EUCLEAN);
	CHECK_EQ(generation_finish(st, g.id, &done), -EUCLEAN);
}

TEST(a_log_that_begins_anywhere_is_damage)
{
	static const char *const positions[] = {
		"UPDATE generation_events SET position = -9223372036854775808",
		"UPDATE generation_events SET position = 9223372036854775807",
	};
	STORE st = store_fixture();
	AUTO(generation_release) struct generation g = { 0 };
	char text[64];

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(event_add(st, g.id, "log", "info", "hello", 5, NULL), 0);
	CHECK_EQ(damage(st, positions[0]), SQLITE_OK);
	CHECK_EQ(log_read(st, g.id, 0, sizeof(text), text), -EBADMSG);
	CHECK_EQ(damage(st, positions[1]), SQLITE_OK);
	CHECK_EQ(log_read(st, g.id, 0, sizeof(text), text), -EBADMSG);
	CHECK_EQ(event_add(st, g.id, "log", "info", "hello", 5, NULL), -EUCLEAN);
}

/* Writes another id into the row of generation_requests that holds uuid: it stands before the record's header, which tells its own length. */
static bool damage_id(const char *path, const char *uuid, uint8_t id)
{
	AUTO(close_fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	AUTO(free_ptr) uint8_t *file = malloc(8 << 20);
	ssize_t n = fd < 0 || !file ? -1 : read(fd, file, 8 << 20);
	const uint8_t *at = n > 0 ? memmem(file, (size_t)n, uuid, strlen(uuid)) : NULL;

	for (ptrdiff_t header = 20; at && header < 60; header++)
		if (at[-header] == header)
			return pwrite(fd, &id, 1, at - file - header - 1) == 1;
	return false;
}

TEST(generations_that_are_out_of_order_are_damage_and_not_a_circle)
{
	STORE st = store_fixture();
	HANDLE again = NULL;
	AUTO(generation_release) struct generation a = { 0 }, b = { 0 }, c = { 0 }, next = { 0 };

	CHECK(st);
	CHECK_EQ(generation_create(st, &todo, &a), 0);
	CHECK_EQ(generation_create(st, &todo, &b), 0);
	CHECK_EQ(generation_create(st, &todo, &c), 0);
	CHECK(damage_id(st->path, c.uuid, 1));
	CHECK((again = store_fixture_again(st)));
	CHECK_EQ(generation_after(again, 2, &next), -EUCLEAN);
	CHECK(damage_id(st->path, a.uuid, 3));
	store_fixture_close(&again);
	CHECK((again = store_fixture_again(st)));
	CHECK_EQ(generation_before(again, 2, &next), -EUCLEAN);
}

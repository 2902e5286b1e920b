/* What is told to a generation in hand and what it asks (store/control.h); how it is run (store/run.h). */
#include "store/control.h"
#include "store/generation.h"
#include "store/run.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#define GENERATION AUTO(generation_release) struct generation

/* 0 in id when it cannot be made. */
static struct generation make(struct genstore *st)
{
	const struct generation_request req = { .app_name = "a", .prompt = "p", .mode = "single-shot", .type = "new", .max_iterations = 1 };
	struct generation g = { 0 };

	return st && !generation_create(st, &req, &g) ? g : (struct generation){ 0 };
}

static int64_t post(struct genstore *st, int64_t generation, enum control_kind kind, const char *input)
{
	AUTO(control_release) struct control c = { .kind = kind, .input = input ? strdup(input) : NULL };
	int64_t id = 0;
	int r = control_post(st, generation, &c, &id);

	return r ? r : id;
}

TEST(messages_are_taken_in_the_order_they_were_posted)
{
	STORE st = store_fixture();
	GENERATION g = make(st), other = make(st);
	AUTO(control_release) struct control a = { 0 }, b = { 0 }, none = { 0 };
	int64_t first = post(st, g.id, CONTROL_SAY, "hello"), second = post(st, g.id, CONTROL_PAUSE, NULL);

	CHECK(first > 0 && second > first && post(st, other.id, CONTROL_CANCEL, NULL) > second);
	CHECK_EQ(control_next(st, g.id, 0, &a), 1);
	CHECK_EQ(a.id, first);
	CHECK_EQ(a.kind, CONTROL_SAY);
	CHECK_STR(a.input, "hello");
	CHECK_EQ(control_next(st, g.id, first, &b), 1);
	CHECK_EQ(b.kind, CONTROL_PAUSE);
	CHECK_EQ(control_next(st, g.id, second, &none), 0);
}

TEST(who_posted_a_message_sees_that_it_waits_is_done_or_was_refused)
{
	STORE st = store_fixture();
	GENERATION g = make(st);
	AUTO(free_ptr) char *why = NULL;
	AUTO(control_release) struct control none = { 0 };
	int64_t done = post(st, g.id, CONTROL_PAUSE, NULL), refused = post(st, g.id, CONTROL_SAY, "x");

	CHECK_EQ(control_state(st, done, &why), 1);
	CHECK_EQ(control_done(st, done), 0);
	CHECK_EQ(control_state(st, done, &why), 0);
	CHECK_EQ(control_refuse(st, refused, "not now"), 0);
	CHECK_EQ(control_state(st, refused, &why), -ECANCELED);
	CHECK_STR(why, "not now");
	CHECK_EQ(control_next(st, g.id, 0, &none), 0);
}

TEST(when_a_generation_leaves_the_hand_wishes_for_its_end_are_over_and_others_are_refused)
{
	STORE st = store_fixture();
	GENERATION g = make(st);
	AUTO(free_ptr) char *why = NULL;
	int64_t cancel = post(st, g.id, CONTROL_CANCEL, NULL), say = post(st, g.id, CONTROL_SAY, "x");
	struct question q = { .decision_id = (char[]){ "d" }, .prompt = (char[]){ "?" }, .asked_at = (char[]){ "2026-11-21T00:00:00Z" } };

	CHECK_EQ(question_put(st, g.id, &q), 0);
	CHECK_EQ(control_clear(st, g.request_id), 0);
	CHECK_EQ(control_state(st, cancel, &why), 0);
	CHECK_EQ(control_state(st, say, &why), -ECANCELED);
	CHECK_EQ(question_get(st, g.id, &q), -ENOENT);
	/* It stays for who has not read it, but not for ever. */
	CHECK_EQ(control_clear(st, g.request_id), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM generation_controls"), 1);
	CHECK_EQ(db_exec(&st->db, "UPDATE generation_controls SET created_at = '2020-01-01T00:00:00Z'"), 0);
	CHECK_EQ(control_clear(st, g.request_id), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM generation_controls"), 0);
}

TEST(messages_that_nobody_takes_have_a_limit)
{
	STORE st = store_fixture();
	GENERATION g = make(st);
	AUTO(buf_release) struct buf text = BUF_INIT;

	CHECK(g.id);
	for (int i = 0; i < CONTROL_WAITING_MAX; i++)
		CHECK(post(st, g.id, CONTROL_PAUSE, NULL) > 0);
	CHECK_EQ(post(st, g.id, CONTROL_PAUSE, NULL), -EFBIG);
	CHECK_EQ(buf_fill(&text, 'x', CONTROL_TEXT_MAX + 1), 0);
	CHECK_EQ(post(st, g.id, CONTROL_SAY, buf_str(&text)), -EFBIG);
}

TEST(a_question_comes_back_whole_and_a_later_one_takes_its_place)
{
	STORE st = store_fixture();
	GENERATION g = make(st);
	AUTO(question_release) struct question back = { 0 };
	struct question q = {
		.decision_id = (char[]){ "d1" }, .prompt = (char[]){ "go on?" }, .suggested_task = (char[]){ "tests" },
		.options = (char[]){ "[\"yes\"]" }, .asked_at = (char[]){ "2026-11-21T00:00:00Z" }, .allow_editor = true,
	};

	CHECK_EQ(question_get(st, g.id, &back), -ENOENT);
	CHECK_EQ(question_put(st, g.id, &q), 0);
	q.decision_id = (char[]){ "d2" };
	CHECK_EQ(question_put(st, g.id, &q), 0);
	CHECK_EQ(question_get(st, g.id, &back), 0);
	CHECK_STR(back.decision_id, "d2");
	CHECK_STR(back.suggested_task, "tests");
	CHECK_STR(back.options, "[\"yes\"]");
	CHECK(back.allow_editor && !back.parent_id && !back.until);
	CHECK_EQ(question_drop(st, g.id), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM generation_questions"), 0);
}

TEST(how_a_generation_is_run_comes_back_as_it_was_put)
{
	char *command[] = { (char[]){ "/bin/sh" }, (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "a\n\"b\" ü" }, NULL };
	char *env[] = { (char[]){ "KEY" }, NULL };
	struct run run = { .command = command, .env = env, .env_count = 1, .silence_ms = 1, .max_bytes = 2, .decision_ms = 3, .parent_iteration = -4 };
	AUTO(run_release) struct run back = { 0 }, without = { 0 }, forgotten = { 0 };
	STORE st = store_fixture();
	GENERATION g = make(st);

	CHECK_EQ(run_get(st, g.id, &back), -ENOENT);
	CHECK_EQ(run_put(st, g.id, &run), 0);
	CHECK_EQ(run_get(st, g.id, &back), 0);
	for (size_t i = 0; i < ARRAY_LEN(command) - 1; i++)
		CHECK_STR(back.command[i], command[i]);
	CHECK(!back.command[ARRAY_LEN(command) - 1] && !back.forgotten);
	CHECK_EQ(back.env_count, 1);
	CHECK_STR(back.env[0], "KEY");
	CHECK_EQ(back.silence_ms + 10 * back.max_bytes + 100 * back.decision_ms, 321);
	CHECK_EQ(back.parent_iteration, -4);
	run.forgotten = true;
	CHECK_EQ(run_put(st, g.id, &run), 0);
	CHECK_EQ(run_get(st, g.id, &forgotten), 0);
	CHECK(forgotten.forgotten && !forgotten.command);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM generation_runs WHERE command LIKE '%sh%'"), 0);
	run = (struct run){ .env = env, .env_count = 1 };
	CHECK_EQ(run_put(st, g.id, &run), 0);
	CHECK_EQ(run_get(st, g.id, &without), 0);
	CHECK(!without.command && !without.forgotten);
}

TEST(a_run_that_another_program_spoiled_is_damage_and_not_a_command)
{
	static const char *const spoiled[] = { "'{}'", "'[1]'", "'[\"alone\"]'", "'\"x\"'" };
	STORE st = store_fixture();
	GENERATION g = make(st);

	CHECK(g.id);
	CHECK_EQ(run_put(st, g.id, &(struct run){ 0 }), 0);
	for (size_t i = 0; i < ARRAY_LEN(spoiled); i++) {
		AUTO(run_release) struct run back = { 0 };
		AUTO(free_ptr) char *sql = NULL;

		CHECK(asprintf(&sql, "UPDATE generation_runs SET command = %s", spoiled[i]) > 0);
		CHECK_EQ(db_exec(&st->db, sql), 0);
		CHECK_EQ(run_get(st, g.id, &back), -EUCLEAN);
	}
}

#include "src/wsi/message.h"
#include "tests/unit/test.h"

/* The parsed message of a literal; fails the test when there is none. */
static bool parse(struct test_run *test, const char *text, struct wsi_message *ret_m)
{
	AUTO(buf_release) struct buf why = BUF_INIT;

	return test_eq(TEST_HERE, text, wsi_parse(text, strlen(text), ret_m, &why), 1);
}

static void check_line(struct test_run *test, const char *text, const char *want)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf line = BUF_INIT;

	if (!parse(test, text, &m))
		return;
	CHECK_EQ(wsi_line(&m, &line), 0);
	CHECK_STR(buf_str(&line), want);
}

TEST(every_type_reads_as_a_line)
{
	static const struct { const char *text, *line; } table[] = {
		{ "{\"type\":\"ready\",\"generator_mode\":\"mock\"}", "generator is ready (mock)" },
		{ "{\"type\":\"ready\"}", "generator is ready" },
		{ "{\"type\":\"log\",\"line\":\"hello\"}", "hello" },
		{ "{\"type\":\"conversation_log\",\"timestamp\":1,\"entry_type\":\"tool\",\"agent\":\"main\",\"content\":\"ran\"}",
		  "main tool: ran" },
		{ "{\"type\":\"progress\",\"stage\":\"build\",\"percentage\":12.5,\"iteration\":1,\"total_iterations\":3}",
		  "build (12.5 %) iteration 1 of 3" },
		{ "{\"type\":\"progress\"}", "" },
		{ "{\"type\":\"decision_prompt\",\"id\":\"d\",\"prompt\":\"go on?\"}", "asks: go on?" },
		{ "{\"type\":\"decision_follow_up\",\"id\":\"e\",\"parent_id\":\"d\",\"prompt\":\"what?\",\"action\":\"add\"}",
		  "asks (add): what?" },
		{ "{\"type\":\"session_loaded\",\"session_id\":\"s\",\"app_path\":\"/a\",\"iterations\":2}",
		  "session s loaded, 2 iterations" },
		{ "{\"type\":\"session_saved\",\"session_id\":\"s\",\"app_path\":\"/a\"}", "session s saved" },
		{ "{\"type\":\"session_cleared\",\"app_path\":\"/a\"}", "session cleared" },
		{ "{\"type\":\"context_display\",\"app_path\":\"/a\",\"last_action\":\"edit\"}", "context: edit" },
		{ "{\"type\":\"iteration_complete\",\"iteration\":2,\"app_path\":\"/a\",\"iteration_cost\":0.25}",
		  "iteration 2 is complete, 0.25 USD" },
		{ "{\"type\":\"all_work_complete\",\"completion_reason\":\"completed\",\"app_path\":\"/a\",\"total_iterations\":3}",
		  "all work is complete (completed), 3 iterations" },
		{ "{\"type\":\"task_interrupted\",\"app_path\":\"/a\",\"iteration\":2}", "task interrupted in iteration 2" },
		{ "{\"type\":\"error\",\"message\":\"no\",\"error_code\":\"E1\",\"recovery_hint\":\"wait\"}", "no (E1); wait" },
		{ "{\"type\":\"screenshot\",\"timestamp\":\"t\",\"image_base64\":\"eA==\",\"filename\":\"a.png\",\"width\":8,\"height\":6}",
		  "screenshot a.png (8 x 6)" },
		{ "{\"type\":\"summary_update\",\"entry_count\":4}", "summary of 4 entries" },
		{ "{\"type\":\"process_monitor\",\"summary\":\"fine\"}", "monitor: fine" },
		{ "{\"type\":\"friendly_log\",\"message\":\"Hi\",\"category\":\"setup\",\"timestamp\":\"t\"}", "setup: Hi" },
		{ "{\"type\":\"shutdown_ready\",\"commit_hash\":\"abc\"}", "ready to shut down (abc)" },
		{ "{\"type\":\"shutdown_failed\",\"reason\":\"busy\"}", "shutdown failed: busy" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		check_line(test, table[i].text, table[i].line);
}

TEST(a_known_type_without_what_it_requires_says_what_is_missing)
{
	static const struct { const char *text, *why; } table[] = {
		{ "{\"type\":\"log\"}", "message 'log' without its text 'line'" },
		{ "{\"type\":\"log\",\"line\":7}", "message 'log' without its text 'line'" },
		{ "{\"type\":\"iteration_complete\",\"app_path\":\"/a\"}", "message 'iteration_complete' without its number 'iteration'" },
		{ "{\"type\":\"friendly_log\",\"message\":\"m\",\"category\":\"c\",\"timestamp\":null}",
		  "message 'friendly_log' without its field 'timestamp'" },
		{ "{\"type\":\"all_work_complete\",\"completion_reason\":\"completed\",\"app_path\":\"/a\",\"total_iterations\":\"3\"}",
		  "message 'all_work_complete' without its number 'total_iterations'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO(wsi_release) struct wsi_message m = { 0 };
		AUTO(buf_release) struct buf why = BUF_INIT;

		CHECK_EQ(wsi_parse(table[i].text, strlen(table[i].text), &m, &why), -EBADMSG);
		CHECK_STR(buf_str(&why), table[i].why);
	}
}

TEST(what_is_no_object_with_a_type_is_a_line)
{
	static const char *const lines[] = {
		"", "   ", "hello", "[1]", "7", "\"ready\"", "{", "{}", "{\"type\":1}", "{\"type\":\"ready\"", "{\"type\":\"ready\"} x",
		"{\"type\":\"r\xff\"}", "type: ready",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		AUTO(wsi_release) struct wsi_message m = { 0 };
		AUTO(buf_release) struct buf why = BUF_INIT;

		CHECK_EQ(wsi_parse(lines[i], strlen(lines[i]), &m, &why), 0);
	}
}

TEST(an_unknown_type_is_a_message_and_no_more)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf line = BUF_INIT;

	CHECK(parse(test, " {\"type\":\"telepathy\",\"x\":[]}", &m));
	CHECK_EQ(m.kind, WSI_UNKNOWN);
	CHECK_STR(wsi_level(&m), "debug");
	CHECK_EQ(wsi_line(&m, &line), 0);
	CHECK_STR(buf_str(&line), "message of unknown type 'telepathy'");
}

TEST(a_long_unknown_type_is_cut_between_characters)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT, line = BUF_INIT, want = BUF_INIT;

	buf_adds(&text, "{\"type\":\"");
	buf_fill(&text, 'x', 63);
	buf_adds(&text, "\xc3\xa9\"}");
	buf_adds(&want, "message of unknown type '");
	buf_fill(&want, 'x', 63);
	buf_adds(&want, "'");
	CHECK(parse(test, buf_str(&text), &m));
	CHECK_EQ(wsi_line(&m, &line), 0);
	CHECK_STR(buf_str(&line), buf_str(&want));
}

TEST(a_message_over_16_MiB_is_refused)
{
	size_t n = (size_t)WSI_MESSAGE_MAX + 1;
	AUTO(free_ptr) char *text = malloc(n + 1);
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	CHECK(text);
	memset(text, ' ', n);
	memcpy(text, "{\"type\":\"ready\"}", 16);
	CHECK_EQ(wsi_parse(text, n, &m, &why), -EFBIG);
	CHECK_EQ(wsi_parse(text, n - 1, &m, &why), 1);
}

TEST(a_message_of_too_many_values_is_refused_and_one_of_much_text_is_not)
{
	AUTO(buf_release) struct buf text = BUF_INIT, why = BUF_INIT;
	AUTO(wsi_release) struct wsi_message m = { 0 };

	buf_adds(&text, "{\"type\":\"x\",\"a\":\"\\\"");
	for (int i = 0; i <= WSI_VALUES_MAX; i++)
		buf_adds(&text, ",[");
	buf_adds(&text, "\"}");
	CHECK_EQ(wsi_parse(buf_str(&text), text.len, &m, &why), 1);
	wsi_release(&m);
	buf_reset(&text);
	buf_adds(&text, "{\"type\":\"x\",\"a\":[0");
	for (int i = 0; i < WSI_VALUES_MAX; i++)
		buf_adds(&text, ",0");
	buf_adds(&text, "]}");
	CHECK_EQ(wsi_parse(buf_str(&text), text.len, &m, &why), -EFBIG);
}

TEST(optional_fields_of_the_wrong_type_count_as_absent)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };

	CHECK(parse(test, "{\"type\":\"error\",\"message\":\"m\",\"fatal\":\"no\",\"n\":2.0,\"big\":1e300,\"s\":null,\"o\":{}}", &m));
	CHECK_EQ(wsi_bool(&m, "fatal", true), true);
	CHECK_EQ(wsi_int(&m, "n", 0), 2);
	CHECK_EQ(wsi_int(&m, "big", 5), 5);
	CHECK_EQ(wsi_int(&m, "message", 6), 6);
	CHECK(!wsi_text(&m, "s"));
	CHECK(wsi_tree(&m, "o"));
	CHECK(!wsi_tree(&m, "message"));
}

TEST(a_log_message_brings_its_own_level)
{
	static const struct { const char *said, *level; } table[] = {
		{ "debug", "debug" }, { "warning", "warn" }, { "error", "error" }, { "shouting", "info" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO(wsi_release) struct wsi_message m = { 0 };
		char text[80];

		snprintf(text, sizeof(text), "{\"type\":\"log\",\"line\":\"x\",\"level\":\"%s\"}", table[i].said);
		CHECK(parse(test, text, &m));
		CHECK_STR(wsi_level(&m), table[i].level);
	}
}

TEST(credentials_and_images_are_not_kept)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf data = BUF_INIT;

	CHECK(parse(test, "{\"type\":\"screenshot\",\"timestamp\":1,\"image_base64\":\"SECRET\",\"filename\":\"a\","
			  "\"credentials\":[{\"key\":\"K\",\"value\":\"SECRET\"}]}", &m));
	CHECK_EQ(wsi_data(&m, 1000, &data), 0);
	CHECK(!strstr(buf_str(&data), "SECRET"));
	CHECK(strstr(buf_str(&data), "\"key\":\"K\""));
	CHECK_STR(wsi_text(&m, "image_base64"), "SECRET");
}

TEST(a_message_too_large_to_keep_leaves_its_type_and_size)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf data = BUF_INIT;

	CHECK(parse(test, "{\"type\":\"log\",\"line\":\"0123456789\"}", &m));
	CHECK_EQ(wsi_data(&m, 20, &data), 0);
	CHECK_STR(buf_str(&data), "{\"type\":\"log\",\"left_out_bytes\":34}");
}

TEST(a_message_too_deep_to_keep_leaves_its_type_and_size)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf data = BUF_INIT, text = BUF_INIT;

	buf_adds(&text, "{\"type\":\"log\",\"line\":\"[[[[\",\"x\":");
	buf_fill(&text, '[', 1500);
	buf_fill(&text, ']', 1500);
	buf_adds(&text, "}");
	CHECK(parse(test, buf_str(&text), &m));
	CHECK_EQ(wsi_data(&m, 1 << 20, &data), 0);
	CHECK(strstr(buf_str(&data), "left_out_bytes"));
}

TEST(a_single_shot_goes_over_the_wire_as_one_autonomous_iteration)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	const struct wsi_start s = { .prompt = "a \"todo\"\n", .mode = "single-shot", .app_name = "t", .max_iterations = 9 };

	CHECK_EQ(wsi_start_generation(&out, &s), 0);
	CHECK_STR(buf_str(&out), "{\"type\":\"start_generation\",\"prompt\":\"a \\\"todo\\\"\\n\",\"mode\":\"autonomous\","
				 "\"max_iterations\":1,\"app_name\":\"t\"}");
}

TEST(what_the_orchestrator_says_is_one_line_of_JSON)
{
	AUTO(buf_release) struct buf control = BUF_INIT, input = BUF_INIT, answer = BUF_INIT, more = BUF_INIT;

	wsi_control(&control, "cancel", NULL);
	wsi_user_input(&input, "more\nlines");
	wsi_decision_response(&answer, "d1", "yes", NULL, NULL);
	wsi_decision_response(&more, "d2", "add", "d1", "a button");
	CHECK_STR(buf_str(&control), "{\"type\":\"control_command\",\"command\":\"cancel\"}");
	CHECK_STR(buf_str(&input), "{\"type\":\"user_input\",\"content\":\"more\\nlines\"}");
	CHECK_STR(buf_str(&answer), "{\"type\":\"decision_response\",\"id\":\"d1\",\"choice\":\"yes\"}");
	CHECK_STR(buf_str(&more), "{\"type\":\"decision_response\",\"id\":\"d2\",\"choice\":\"add\",\"parent_id\":\"d1\",\"input\":\"a button\"}");
}

TEST(what_is_ordered_carries_every_field_of_the_contract)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	json_t *yes = json_true(), *files = json_pack("[{s:s}]", "name", "a.txt");
	const struct wsi_start s = {
		.prompt = "p", .mode = "confirm_first", .app_name = "a", .app_path = "/w/app", .resume_session_id = "s1", .user_id = "u",
		.app_id = "i", .output_dir = "/o", .github_clone_url = "https://h/r.git", .enable_subagents = yes, .attachments = files,
		.max_iterations = 3,
	};

	CHECK_EQ(wsi_start_generation(&out, &s), 0);
	json_decref(files);
	CHECK_STR(buf_str(&out), "{\"type\":\"start_generation\",\"prompt\":\"p\",\"mode\":\"confirm_first\",\"max_iterations\":3,"
				 "\"app_name\":\"a\",\"user_id\":\"u\",\"app_id\":\"i\",\"app_path\":\"/w/app\",\"resume_session_id\":\"s1\","
				 "\"output_dir\":\"/o\",\"github_clone_url\":\"https://h/r.git\",\"enable_subagents\":true,"
				 "\"attachments\":[{\"name\":\"a.txt\"}]}");
}

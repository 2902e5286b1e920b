/* Messages of a generator. */
#include "src/wsi/state.h"
#include "store/base/utf8.h"
#include "tests/fuzz/fuzz.h"

/* What is kept of a message is JSON, whatever it was. */
static void check_data(const struct wsi_message *m, size_t max)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	json_t *again;

	MUST(wsi_data(m, max, &out) == 0);
	again = json_loadb(buf_str(&out), out.len, JSON_ALLOW_NUL, NULL);
	MUST(json_is_object(again) && json_is_string(json_object_get(again, "type")));
	json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const fields[] = { "iteration", "percentage", "iteration_cost", "total_cost", "options", "level", "duration_ms" };
	AUTO(free_ptr) char *text = fuzz_copy(data, n);
	AUTO(buf_release) struct buf why = BUF_INIT, line = BUF_INIT;
	AUTO(wsi_release) struct wsi_message m = { 0 };
	int r = wsi_parse(text, n, &m, &why);

	MUST(r == 1 || r == 0 || r == -EBADMSG || r == -EFBIG);
	MUST(r != -EBADMSG || why.len);
	if (r != 1)
		return 0;
	MUST(wsi_line(&m, &line) == 0 && utf8_valid(line.data, line.len));
	check_data(&m, 1 << 20);
	check_data(&m, 64);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		MUST(wsi_count(&m, fields[i], 1) >= 0 && wsi_count(&m, fields[i], 1) <= WSI_COUNT_MAX);
		MUST(wsi_cost(&m, fields[i], 1) >= 0 && wsi_cost(&m, fields[i], 1) <= (double)WSI_COUNT_MAX);
		wsi_int(&m, fields[i], 0);
		wsi_bool(&m, fields[i], false);
		wsi_text(&m, fields[i]);
		wsi_tree(&m, fields[i]);
	}
	MUST(wsi_level(&m));
	MUST(wsi_event_of(&m) < WSI_EVENTS);
	return 0;
}

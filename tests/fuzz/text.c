/* The helpers for text: what the JSON writer makes of any bytes is JSON, what is printed has no control characters. */
#include "store/base/json.h"
#include "store/base/utf8.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

/* A document whose shape the bytes choose, with all of them in it as texts. */
static void write_json(const uint8_t *data, size_t n, struct buf *out)
{
	struct jw j;
	int depth = 1;

	jw_begin(&j, out, n % 3 ? 0 : 2);
	jw_array(&j, NULL);
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '[' && depth < 30)
			jw_array(&j, NULL), depth++;
		else if (data[i] == ']' && depth > 1)
			jw_end(&j), depth--;
		else
			jw_strn(&j, NULL, (const char *)data + i, n - i < 9 ? n - i : 9);
	}
	while (depth--)
		jw_end(&j);
	MUST(buf_error(out) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(free_ptr) char *text = fuzz_copy(data, n);
	AUTO(buf_release) struct buf json = BUF_INIT, shown = BUF_INIT;
	json_t *again;
	size_t cut;

	write_json((const uint8_t *)text, n, &json);
	again = json_loadb(buf_str(&json), json.len, JSON_ALLOW_NUL, NULL);
	MUST(json_is_array(again));
	json_decref(again);
	MUST(utf8_printable(&shown, text, n) == 0 && utf8_valid(buf_str(&shown), shown.len));
	for (size_t i = 0; i < shown.len; i++)
		MUST(shown.data[i] >= 0x20 && shown.data[i] != 0x7f);
	for (size_t max = 0; max < 8; max++) {
		cut = utf8_cut(text, n, max);
		MUST(cut <= max || cut == n);
		MUST(!utf8_valid(text, n) || utf8_valid(text, cut));
	}
	return 0;
}

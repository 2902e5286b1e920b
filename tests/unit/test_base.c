#include "store/base/buf.h"
#include "store/base/clock.h"
#include "store/base/hash.h"
#include "store/base/id.h"
#include "store/base/json.h"
#include "store/base/utf8.h"
#include "tests/unit/test.h"

#include <math.h>

/* buf.h */

TEST(an_empty_buffer_is_the_empty_string)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	AUTO(free_ptr) char *s = NULL;

	CHECK_STR(buf_str(&b), "");
	CHECK_EQ(buf_add(&b, NULL, 0), 0);
	s = buf_steal(&b);
	CHECK_STR(s, "");
	buf_release(NULL);
}

TEST(a_buffer_keeps_what_was_added_and_ends_in_a_nul)
{
	AUTO(buf_release) struct buf b = BUF_INIT;

	buf_adds(&b, "abc");
	buf_addc(&b, 'd');
	buf_addf(&b, "%03d", 7);
	buf_fill(&b, 'x', 1000);
	CHECK_EQ(b.len, 1007);
	CHECK_EQ(b.data[1007], 0);
	CHECK_MEM(b.data, "abcd007xxx", 10);
	buf_reset(&b);
	CHECK_EQ(b.len, 0);
	CHECK_STR(buf_str(&b), "");
	buf_add_u16le(&b, 0x0102);
	buf_add_u32le(&b, 0x03040506);
	buf_add_u64le(&b, 0x0708090a0b0c0d0e);
	CHECK_HEX(b.data, b.len, "0201060504030e0d0c0b0a090807");
}

TEST(a_buffer_stops_at_its_ceiling_and_the_error_sticks)
{
	AUTO(buf_release) struct buf b = { .max = 5 };

	CHECK_EQ(buf_adds(&b, "12345"), 0);
	CHECK_EQ(buf_addc(&b, '6'), -EFBIG);
	CHECK_STR(buf_str(&b), "12345");
	b.len = 0; /* room again, and the error is still told */
	CHECK_EQ(buf_addc(&b, 'x'), -EFBIG);
	CHECK_EQ(buf_error(&b), -EFBIG);
	CHECK(!buf_reserve(&b, 0));
	CHECK(!buf_steal(&b));
	buf_reset(&b);
	CHECK_EQ(buf_adds(&b, "again"), 0);
}

TEST(a_size_that_would_overflow_is_refused)
{
	AUTO(buf_release) struct buf b = BUF_INIT;

	buf_addc(&b, 'x');
	CHECK(!buf_reserve(&b, SIZE_MAX));
	CHECK_EQ(buf_error(&b), -EFBIG);
	CHECK_EQ(b.len, 1);
}

TEST(numbers_come_back_from_their_varints)
{
	static const int64_t values[] = { 0, 1, 127, 128, 16383, 16384, INT64_MAX, INT64_MIN, -1, -64, -65 };
	AUTO(buf_release) struct buf b = BUF_INIT;
	struct cursor c;

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		buf_add_varint(&b, (uint64_t)values[i]);
		buf_add_zigzag(&b, values[i]);
	}
	c = cursor_of(b.data, b.len);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		CHECK_EQ(cursor_varint(&c), values[i]);
		CHECK_EQ(cursor_zigzag(&c), values[i]);
	}
	CHECK_EQ(cursor_left(&c), 0);
	CHECK_EQ(c.error, 0);
	buf_reset(&b);
	buf_add_varint(&b, 300);
	buf_add_zigzag(&b, -2);
	CHECK_HEX(b.data, b.len, "ac0203");
}

TEST(a_cursor_does_not_read_past_the_end)
{
	static const char *const bad[] = { "", "\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
					   "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" };
	struct cursor c;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		c = cursor_of(bad[i], strlen(bad[i]));
		CHECK_EQ(cursor_varint(&c), 0);
		CHECK_EQ(c.error, -EBADMSG);
	}
	c = cursor_of("\1\2\3", 3);
	CHECK(!cursor_bytes(&c, 4));
	CHECK_EQ(c.error, -EBADMSG);
	CHECK_EQ(cursor_varint(&c), 0); /* sticks, though there is something to read */
	CHECK(!cursor_bytes(&c, 1));
	c = cursor_of("\1\2\3", 3);
	CHECK_MEM(cursor_bytes(&c, 2), "\1\2", 2);
	CHECK_EQ(cursor_left(&c), 1);
}

/* json.h */

TEST(json_is_written_on_one_line_or_indented)
{
	static const char *const want[] = {
		"{\"a\":[1,\"x\"],\"b\":{},\"c\":null,\"d\":true,\"e\":-5,\"f\":1.5,\"g\":[2]}",
		"{\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"b\": {},\n  \"c\": null,\n  \"d\": true,\n  \"e\": -5,\n"
		"  \"f\": 1.5,\n  \"g\": [2]\n}",
	};

	for (int i = 0; i < 2; i++) {
		AUTO(buf_release) struct buf b = BUF_INIT;
		struct jw j;

		jw_begin(&j, &b, i * 2);
		jw_object(&j, NULL);
		jw_array(&j, "a");
		jw_int(&j, NULL, 1);
		jw_str(&j, NULL, "x");
		jw_end(&j);
		jw_object(&j, "b");
		jw_end(&j);
		jw_str(&j, "c", NULL);
		jw_bool(&j, "d", true);
		jw_int(&j, "e", -5);
		jw_real(&j, "f", 1.5);
		jw_raw(&j, "g", "[2]");
		jw_end(&j);
		CHECK_STR(buf_str(&b), want[i]);
	}
}

TEST(json_text_is_escaped_and_always_utf_8)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\n\t\r\x01\x7f", "\"\\n\\t\\r\\u0001\\u007f\"" },
		{ "caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"" },
		{ "\xff", "\"\xef\xbf\xbd\"" },
		{ "a\xc3", "\"a\xef\xbf\xbd\"" },                             /* cut off */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* a surrogate */
		{ "</script>", "\"</script>\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf b = BUF_INIT;
		struct jw j;

		jw_begin(&j, &b, 0);
		jw_str(&j, NULL, cases[i].text);
		CHECK_STR(buf_str(&b), cases[i].want);
	}
}

TEST(json_keys_are_escaped_and_nul_is_text)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	struct jw j;

	jw_begin(&j, &b, 0);
	jw_object(&j, NULL);
	jw_strn(&j, "k\"", "a\0b", 3);
	jw_end(&j);
	CHECK_STR(buf_str(&b), "{\"k\\\"\":\"a\\u0000b\"}");
}

TEST(json_has_no_infinity)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	struct jw j;

	jw_begin(&j, &b, 0);
	jw_array(&j, NULL);
	jw_real(&j, NULL, INFINITY);
	jw_real(&j, NULL, NAN);
	jw_end(&j);
	CHECK_STR(buf_str(&b), "[null,null]");
}

/* clock.h */

TEST(times_are_written_in_utc)
{
	static const struct { int64_t seconds; const char *text; } cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },          { 1765485000, "2025-12-11T20:30:00Z" },
		{ -1, "1969-12-31T23:59:59Z" },         { 951782400, "2000-02-29T00:00:00Z" },
		{ INT64_MAX, "9999-12-31T23:59:59Z" },  { INT64_MIN, "0000-01-01T00:00:00Z" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_TEXT];

		clock_format(cases[i].seconds, text);
		CHECK_STR(text, cases[i].text);
	}
}

TEST(times_are_read_with_offsets_and_fractions)
{
	static const struct { const char *text; int64_t seconds; } cases[] = {
		{ "2025-12-11T20:30:00Z", 1765485000 },           { "2025-12-11t20:30:00z", 1765485000 },
		{ "2025-12-11 20:30:00Z", 1765485000 },           { "2025-12-11T20:30:00.999Z", 1765485000 },
		{ "2025-12-11T22:30:00+02:00", 1765485000 },      { "2025-12-11T15:00:00-05:30", 1765485000 },
		{ "2025-12-11T20:30:00", 1765485000 },            { "1969-12-31T23:59:59Z", -1 },
		{ "2025-12-11T20:30:00.123456789+00:00", 1765485000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t got = 1;

		CHECK_EQ(clock_parse(cases[i].text, &got), 0);
		CHECK_EQ(got, cases[i].seconds);
	}
}

TEST(what_is_no_time_is_refused)
{
	static const char *const bad[] = {
		"", "now", "2025-12-11", "2025-13-11T20:30:00Z", "2025-00-11T20:30:00Z", "2025-12-32T20:30:00Z",
		"2025-12-00T20:30:00Z", "2025-12-11T24:30:00Z", "2025-12-11T20:60:00Z", "2025-12-11T20:30:61Z",
		"2025-12-11T20:30:00Zx", "2025-12-11T20:30:00+2", "2025-12-11T20:30:00+02:00x", "2025-12-11x20:30:00Z",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int64_t got = 42;

		CHECK_EQ(clock_parse(bad[i], &got), -EINVAL);
		CHECK_EQ(got, 42);
	}
}

TEST(a_clock_can_stand_still)
{
	CHECK_EQ(clock_now(&(struct clock){ .fixed = 12345 }), 12345);
	CHECK(clock_now(NULL) > 1700000000);
	CHECK(clock_now(&(struct clock){ 0 }) > 1700000000);
	CHECK(clock_ms() <= clock_ms());
}

/* utf8.h */

TEST(a_text_is_cut_between_characters)
{
	CHECK_EQ(utf8_cut("abc", 3, 5), 3);
	CHECK_EQ(utf8_cut("abc", 3, 2), 2);
	CHECK_EQ(utf8_cut("a\u00fcb", 4, 2), 1);
	CHECK_EQ(utf8_cut("a\u00fcb", 4, 3), 3);
	CHECK_EQ(utf8_cut("\xbf\xbf", 2, 1), 0);
}

TEST(only_well_formed_utf_8_is_valid)
{
	static const struct { const char *text; size_t length; } cases[] = {
		{ "a", 1 }, { "\x7f", 1 }, { "\xc2\x80", 2 }, { "\xdf\xbf", 2 }, { "\xe0\xa0\x80", 3 }, { "\xed\x9f\xbf", 3 },
		{ "\xee\x80\x80", 3 }, { "\xef\xbf\xbf", 3 }, { "\xf0\x90\x80\x80", 4 }, { "\xf4\x8f\xbf\xbf", 4 },
		{ "\x80", 0 }, { "\xbf", 0 }, { "\xc0\x80", 0 }, { "\xc1\xbf", 0 }, { "\xc2", 0 }, { "\xc2\x41", 0 },
		{ "\xe0\x9f\xbf", 0 }, { "\xed\xa0\x80", 0 }, { "\xe1\x80", 0 }, { "\xe1\x80\x41", 0 }, { "\xf0\x8f\xbf\xbf", 0 },
		{ "\xf4\x90\x80\x80", 0 }, { "\xf1\x80\x80\x41", 0 }, { "\xf5\x80\x80\x80", 0 }, { "\xff", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = strlen(cases[i].text);

		CHECK_EQ(utf8_char((const uint8_t *)cases[i].text, n), cases[i].length);
		CHECK_EQ(utf8_valid(cases[i].text, n), cases[i].length > 0);
	}
	CHECK_EQ(utf8_char((const uint8_t *)"", 0), 0);
	CHECK(utf8_valid("", 0));
	CHECK(utf8_valid("caf\xc3\xa9 \xe6\x97\xa5", 9));
	CHECK(!utf8_valid("caf\xc3\xa9 \xe6\x97", 8));
}

TEST(printable_text_is_one_line_without_controls)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	static const char text[] = "a\n\x1b[31m\x7f\xc2\x9b caf\xc3\xa9 \xff";

	CHECK_EQ(utf8_printable(&b, text, sizeof(text) - 1), 0);
	CHECK_STR(buf_str(&b), "a\\x0a\\x1b[31m\\x7f\\xc2\\x9b caf\xc3\xa9 \\xff");
}

/* id.h */

TEST(a_uuid_of_a_name_is_always_the_same)
{
	char id[ID_UUID] = "";

	CHECK_EQ(id_uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "python.org", id), 0);
	CHECK_STR(id, "886313e1-3b8a-5372-9b90-0c9aee199e5d");
	CHECK_EQ(id_uuid5("6ba7b810-9dad-11d1-80b4", "python.org", id), -EINVAL);
}

TEST(random_names_have_their_form_and_differ)
{
	struct id_source source = { 0 };
	char a[ID_REQUEST], b[ID_REQUEST], u[ID_UUID], v[ID_UUID];

	CHECK_EQ(id_request(&source, a), 0);
	CHECK_EQ(id_request(NULL, b), 0);
	CHECK_EQ(strlen(a), ID_REQUEST - 1);
	CHECK_EQ(strspn(a + 4, "abcdefghijklmnopqrstuvwxyz234567"), 12);
	CHECK_MEM(a, "req_", 4);
	CHECK(id_is_request(a) && strcmp(a, b) != 0);
	CHECK_EQ(id_uuid4(&source, u), 0);
	CHECK_EQ(id_uuid4(&source, v), 0);
	CHECK(id_is_uuid(u) && strcmp(u, v) != 0);
	CHECK_EQ(u[14], '4');
	CHECK(strchr("89ab", u[19]));
}

TEST(a_seed_gives_the_same_names_again)
{
	struct id_source x = { .seed = 7 }, y = { .seed = 7 };
	char a[ID_REQUEST], b[ID_REQUEST], c[ID_REQUEST];

	CHECK_EQ(id_request(&x, a), 0);
	CHECK_EQ(id_request(&y, b), 0);
	CHECK_STR(a, b);
	CHECK_EQ(id_request(&x, c), 0);
	CHECK(strcmp(a, c) != 0);
}

TEST(names_from_outside_are_checked)
{
	static const struct { const char *text; bool request, uuid; } cases[] = {
		{ "req_abc", true, false }, { "a", true, false }, { "A.b_c-9", true, false }, { "", false, false },
		{ ".", false, false }, { "..", false, false }, { "...", true, false }, { "a/b", false, false },
		{ "a b", false, false }, { "caf\xc3\xa9", false, false },
		{ "886313e1-3b8a-5372-9b90-0c9aee199e5d", true, true },
		{ "886313E1-3b8a-5372-9b90-0c9aee199e5d", true, false },
		{ "886313e1-3b8a-5372-9b90-0c9aee199e5", true, false },
		{ "886313e1-3b8a-5372-9b90-0c9aee199e5d0", true, false },
		{ "886313e1x3b8a-5372-9b90-0c9aee199e5d", true, false },
		{ "886313e1-3b8a-5372-9b90-0c9aee199e5g", true, false },
	};
	char longest[ID_REQUEST_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK_EQ(id_is_request(cases[i].text), cases[i].request);
		CHECK_EQ(id_is_uuid(cases[i].text), cases[i].uuid);
	}
	memset(longest, 'a', sizeof(longest));
	longest[ID_REQUEST_MAX + 1] = '\0';
	CHECK(!id_is_request(longest));
	longest[ID_REQUEST_MAX] = '\0';
	CHECK(id_is_request(longest));
}

/* hash.h */

TEST(sha_256_is_sha_256)
{
	uint8_t out[SHA256_SIZE], again[SHA256_SIZE];
	struct sha256 h;

	sha256_of("", 0, out);
	CHECK_HEX(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_of("abc", 3, out);
	CHECK_HEX(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_init(&h);
	sha256_update(&h, "a", 1);
	sha256_update(&h, "bc", 2);
	sha256_final(&h, again);
	CHECK_MEM(again, out, 32);
}

TEST(a_git_blob_has_the_name_that_git_gives_it)
{
	uint8_t out[SHA1_SIZE];
	struct git_blob h;

	git_blob_init(&h, 0);
	git_blob_final(&h, out);
	CHECK_HEX(out, 20, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
	git_blob_init(&h, 12);
	git_blob_update(&h, "hello ", 6);
	git_blob_update(&h, "world\n", 6);
	git_blob_final(&h, out);
	CHECK_HEX(out, 20, "3b18e512dba79e4c8300dd08aeb37f8e728b8dad");
}

TEST(xxh3_is_what_xxhsum_prints)
{
	uint8_t out[XXH3_SIZE];

	xxh3_128("", 0, out);
	CHECK_HEX(out, 16, "99aa06d3014798d86001c324468d497f");
	CHECK_EQ(xxh3_64("", 0, 0), (int64_t)0x2d06800538d394c2);
	CHECK(xxh3_64("a", 1, 1) != xxh3_64("a", 1, 2));
}

TEST(checksums_are_the_known_ones_and_join)
{
	CHECK_EQ(crc32_update(0, "123456789", 9), 0xcbf43926);
	CHECK_EQ(adler32_update(1, "Wikipedia", 9), 0x11e60398);
	CHECK_EQ(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xcbf43926);
	CHECK_EQ(crc32_join(crc32_update(0, "1234", 4), crc32_update(0, "56789", 5), 5), 0xcbf43926);
	CHECK_EQ(adler32_join(adler32_update(1, "Wiki", 4), adler32_update(1, "pedia", 5), 5), 0x11e60398);
}

TEST(hex_digits_are_read_as_they_are_written)
{
	uint8_t out[3] = { 0 };

	CHECK_EQ(hex_decode("00f10a and more", 3, out), 0);
	CHECK_MEM(out, "\x00\xf1\x0a", 3);
	CHECK_EQ(hex_decode("00f1", 3, out), -EINVAL);
	CHECK_EQ(hex_decode("00F10A", 3, out), -EINVAL);
	CHECK_EQ(hex_decode("+1 1", 2, out), -EINVAL);
}

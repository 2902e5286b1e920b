#include "src/serve/range.h"
#include "src/serve/route.h"
#include "src/serve/url.h"
#include "store/ticket.h"
#include "tests/unit/test.h"

TEST(what_a_range_asks_for_is_within_what_there_is)
{
	static const struct { const char *text; int64_t size; int status; int64_t from, bytes; } table[] = {
		{ NULL, 10, 200, 0, 10 }, { "bytes=0-9", 10, 206, 0, 10 }, { "bytes=9-9", 10, 206, 9, 1 }, { "bytes=9-100", 10, 206, 9, 1 },
		{ "bytes=10-", 10, 416, 0, 10 }, { "bytes=-3", 10, 206, 7, 3 }, { "bytes=-30", 10, 206, 0, 10 }, { "bytes=-0", 10, 416, 0, 10 },
		{ "bytes=0-", 0, 416, 0, 0 }, { "bytes=-1", 0, 416, 0, 0 }, { "bytes=5-4", 10, 200, 0, 10 }, { "bytes=", 10, 200, 0, 10 },
		{ "bytes=1", 10, 200, 0, 10 }, { "bytes=1-2 ", 10, 200, 0, 10 }, { "BYTES=1-2", 10, 206, 1, 2 },
		{ "bytes=99999999999999999999-", 10, 416, 0, 10 }, { "bytes=-99999999999999999999", 10, 206, 0, 10 },
		{ "bytes=0-99999999999999999999", 10, 206, 0, 10 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct range r;

		CHECK_EQ(range_parse(table[i].text, table[i].size, &r), table[i].status);
		CHECK_EQ(r.from, table[i].from);
		CHECK_EQ(r.size, table[i].bytes);
	}
}

TEST(an_entity_tag_is_found_in_a_list_whole_and_as_strong_as_it_has_to_be)
{
	static const struct { const char *list; bool strong, weak; } table[] = {
		{ "\"abc\"", true, true }, { "W/\"abc\"", false, true }, { "\"x\", \"abc\"", true, true }, { "*", true, true }, { "", false, false },
		{ "\"ab\"", false, false }, { "\"abcd\"", false, false }, { "abc", false, false }, { "\"x,\"abc\"\"", false, false },
		{ "\"x,y\", W/\"abc\"", false, true }, { "\"", false, false }, { "W/", false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		CHECK_EQ(etag_listed(table[i].list, "abc", false), table[i].strong);
		CHECK_EQ(etag_listed(table[i].list, "abc", true), table[i].weak);
	}
	CHECK(!etag_listed(NULL, "abc", true));
}

TEST(an_address_is_decoded_or_refused)
{
	static const struct { const char *text, *plain; } table[] = {
		{ "a%20b", "a b" }, { "%C3%bc", "\xc3\xbc" }, { "a+b", "a+b" }, { "", "" }, { "%2F%2f", "//" }, { "%41", "A" },
		{ "%", NULL }, { "%4", NULL }, { "%4g", NULL }, { "%00", NULL }, { "a%", NULL }, { "%%41", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO(buf_release) struct buf out = BUF_INIT;
		int r = url_decode(table[i].text, strlen(table[i].text), false, &out);

		CHECK_EQ(r, table[i].plain ? 0 : -EINVAL);
		if (table[i].plain)
			CHECK_STR(buf_str(&out), table[i].plain);
	}
}

TEST(a_query_is_asked_by_its_whole_names)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	int64_t n = 7;

	CHECK_EQ(url_query("/a?xb=1&b=2+3%26&b=4", "b", &out), 1);
	CHECK_STR(buf_str(&out), "2 3&");
	CHECK_EQ(url_query("/a", "b", &out), 0);
	CHECK_EQ(url_query("/a?b", "b", &out), 0);
	CHECK_EQ(url_query("/a?b=%z", "b", &out), -EINVAL);
	CHECK_EQ(url_query_int("/a?n=12", "n", &n), 1);
	CHECK_EQ(n, 12);
	CHECK_EQ(url_query_int("/a?n=", "n", &n), -EINVAL);
	CHECK_EQ(url_query_int("/a?n=-1", "n", &n), -EINVAL);
	CHECK_EQ(url_query_int("/a?n=1234567890123456789", "n", &n), -EINVAL);
	CHECK_EQ(url_query_int("/a?m=1", "n", &n), 0);
}

TEST(what_stands_for_the_rest_of_a_path_may_have_slashes_and_is_never_empty)
{
	static const struct route routes[] = {
		{ "GET", "/a/{b}/{rest*}", NULL, .head = true }, { "PUT", "/a/{b}", NULL, .body = 1 }, { 0 },
	};
	AUTO(buf_release) struct buf allowed = BUF_INIT;
	struct route_match m = route_find(routes, "HEAD", "/a/one/two//three", 17);

	CHECK(m.route == &routes[0]);
	CHECK_EQ(m.names[0].n, 3);
	CHECK_MEM(m.names[1].text, "two//three", 10);
	CHECK_EQ(m.names[1].n, 10);
	CHECK(!route_find(routes, "GET", "/a/one/", 7).route);
	CHECK(!route_find(routes, "GET", "/a/one", 6).route);
	CHECK_EQ(route_allowed(routes, "/a/one/x", 8, &allowed), 0);
	CHECK_STR(buf_str(&allowed), "GET, HEAD");
}

TEST(a_ticket_is_good_for_its_path_and_its_time_only)
{
	const uint8_t key[TICKET_KEY] = { 1 }, other[TICKET_KEY] = { 2 };
	char ticket[HEX_SHA256_SIZE];

	CHECK_EQ(ticket_sign(key, "/a/b?x", 4, 1000, ticket), 0);
	CHECK(ticket_is(key, "/a/b", 4, 1000, ticket));
	CHECK(!ticket_is(key, "/a/c", 4, 1000, ticket));
	CHECK(!ticket_is(key, "/a/b", 4, 1001, ticket));
	CHECK(!ticket_is(other, "/a/b", 4, 1000, ticket));
	CHECK(!ticket_is(key, "/a/b", 4, 1000, ""));
	ticket[63] = ticket[63] == '0' ? '1' : '0';
	CHECK(!ticket_is(key, "/a/b", 4, 1000, ticket));
}

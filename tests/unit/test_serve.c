#include "src/serve/guard.h"
#include "src/serve/handshake.h"
#include "src/serve/hygiene.h"
#include "src/serve/route.h"
#include "store/base/clock.h"
#include "tests/unit/test.h"

#include <sys/socket.h>

TEST(the_key_of_RFC_6455_has_the_answer_of_RFC_6455)
{
	char accept[HANDSHAKE_ACCEPT];

	CHECK_EQ(handshake_accept("dGhlIHNhbXBsZSBub25jZQ==", accept), 0);
	CHECK_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(a_handshake_without_what_it_needs_is_refused)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	static const struct { struct handshake h; int status; } table[] = {
		{ { "HTTP/1.1", "websocket", "Upgrade", "13", key }, 0 },
		{ { "HTTP/1.1", "h2c, WebSocket", "keep-alive, Upgrade", "13", key }, 0 },
		{ { "HTTP/1.0", "websocket", "Upgrade", "13", key }, 400 },
		{ { "HTTP/1.1", NULL, "Upgrade", "13", key }, 426 },
		{ { "HTTP/1.1", "websockets", "Upgrade", "13", key }, 426 },
		{ { "HTTP/1.1", "websocket", "keep-alive", "13", key }, 426 },
		{ { "HTTP/1.1", "websocket", "Upgrade", "8", key }, 426 },
		{ { "HTTP/1.1", "websocket", "Upgrade", NULL, key }, 426 },
		{ { "HTTP/1.1", "websocket", "Upgrade", "13", NULL }, 400 },
		{ { "HTTP/1.1", "websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ=" }, 400 },
		{ { "HTTP/1.1", "websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ**" }, 400 },
		{ { "HTTP/1.1", "websocket", "Upgrade", "13", "dGhlIHNhbXBsZSBub25jZQ==x" }, 400 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *why = NULL;

		CHECK_EQ(handshake_check(&table[i].h, &why), table[i].status);
		CHECK_EQ(why != NULL, table[i].status != 0);
	}
}

struct field { const char *name, *value; };

TEST(requests_that_can_be_read_in_two_ways_or_come_from_elsewhere_are_refused)
{
	static const struct { int status; struct field fields[4]; } table[] = {
		{ 0, { { "Host", "127.0.0.1:5013" } } },
		{ 0, { { "host", "LocalHost:5013" }, { "Content-Length", "5" } } },
		{ 0, { { "Host", "[::1]:5013" }, { "Transfer-Encoding", "chunked" } } },
		{ 0, { { "Host", "127.0.0.1:5013" }, { "Origin", "http://localhost:5013" } } },
		{ 400, { { "Accept", "*" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "Host", "127.0.0.1:5013" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "Content-Length", "5" }, { "Content-Length", "5" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "Transfer-Encoding", "chunked" }, { "Transfer-Encoding", "chunked" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "Content-Length", "+5" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "Content-Length", "" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "Content-Length ", "5" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { " X", "5" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "", "5" } } },
		{ 400, { { "Host", "127.0.0.1:5013" }, { "X", "a\rContent-Length: 5" } } },
		{ 501, { { "Host", "127.0.0.1:5013" }, { "Transfer-Encoding", "gzip, chunked" } } },
		{ 501, { { "Host", "127.0.0.1:5013" }, { "Transfer-Encoding", "xchunked" } } },
		{ 421, { { "Host", "evil.example:5013" } } },
		{ 421, { { "Host", "127.0.0.1:5014" } } },
		{ 421, { { "Host", "127.0.0.1" } } },
		{ 421, { { "Host", "127.0.0.1:5013.evil.example" } } },
		{ 421, { { "Host", "" } } },
		{ 403, { { "Host", "127.0.0.1:5013" }, { "Origin", "http://evil.example" } } },
		{ 403, { { "Host", "127.0.0.1:5013" }, { "Origin", "null" } } },
		{ 403, { { "Host", "127.0.0.1:5013" }, { "Origin", "https://127.0.0.1:5013" } } },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct hygiene h = { 0 };
		const char *why;

		for (const struct field *f = table[i].fields; f->name; f++)
			hygiene_take(&h, f->name, f->value);
		CHECK_EQ(hygiene_check(&h, 5013, &why), table[i].status);
	}
}

static const struct route routes[] = {
	{ "GET", "/wsi/{id}", NULL, .body = 0 }, { "GET", "/a/{x}/b/{y}", NULL, .body = 0 }, { "PUT", "/a/{x}/b/{y}", NULL, .body = 0 }, { "GET", "/", NULL, .body = 0 }, { 0 },
};

TEST(a_route_is_found_by_method_and_path)
{
	static const struct { const char *method, *path; int index; bool other; } table[] = {
		{ "GET", "/wsi/req_x", 0, false }, { "GET", "/a/1/b/2", 1, false }, { "PUT", "/a/1/b/2", 2, false }, { "GET", "/", 3, false },
		{ "POST", "/wsi/req_x", -1, true }, { "GET", "/wsi/", -1, false }, { "GET", "/wsi", -1, false }, { "GET", "/wsi/a/b", -1, false },
		{ "GET", "/wsi/req_x/", -1, false }, { "GET", "", -1, false }, { "GET", "//", -1, false }, { "get", "/", -1, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct route_match m = route_find(routes, table[i].method, table[i].path, strlen(table[i].path));

		CHECK(m.route == (table[i].index < 0 ? NULL : &routes[table[i].index]));
		CHECK_EQ(m.other_method, table[i].other);
	}
}

TEST(a_route_tells_what_its_names_stand_for_and_which_methods_there_are)
{
	static const char path[] = "/a/one/b/t%2Fwo?x=1";
	struct route_match m = route_find(routes, "PUT", path, strlen(path) - 4);
	AUTO(buf_release) struct buf allowed = BUF_INIT;

	CHECK(m.route);
	CHECK_EQ(m.names[0].n, 3);
	CHECK_MEM(m.names[0].text, "one", 3);
	CHECK_EQ(m.names[1].n, 6);
	CHECK_MEM(m.names[1].text, "t%2Fwo", 6);
	CHECK_EQ(route_allowed(routes, path, strlen(path) - 4, &allowed), 0);
	CHECK_STR(buf_str(&allowed), "GET, PUT");
}

static bool is_shut(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

TEST(a_connection_is_shut_down_when_its_head_takes_too_long_and_not_once_it_is_there)
{
	struct guard *g;
	struct guarded *slow, *fast;
	int a[2], b[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, a) && !socketpair(AF_UNIX, SOCK_STREAM, 0, b));
	CHECK_EQ(guard_new((struct guard_times){ .rate = 1 }, &g), 0);
	CHECK_EQ(guard_tick(g), INT64_MAX);
	slow = guard_add(g, a[0]);
	fast = guard_add(g, b[0]);
	CHECK(slow && fast);
	guard_pass(g, fast);
	CHECK_EQ(guard_tick(g), INT64_MAX);
	CHECK(is_shut(a[1]));
	CHECK(!is_shut(b[1]));
	guard_drop(g, slow);
	guard_expect(g, fast);
	guard_tick(g);
	CHECK(is_shut(b[1]));
	guard_drop(g, fast);
	guard_free(g);
	CHECK_EQ(guard_new(GUARD_TIMES, &g), 0);
	slow = guard_add(g, a[0]);
	CHECK(guard_tick(g) > clock_ms());
	guard_drop(g, slow);
	guard_free(g);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

TEST(a_body_has_its_time_and_more_for_what_has_come)
{
	struct guard *g;
	struct guarded *slow, *steady;
	int a[2], b[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, a) && !socketpair(AF_UNIX, SOCK_STREAM, 0, b));
	CHECK_EQ(guard_new((struct guard_times){ .rate = 10 }, &g), 0);
	slow = guard_add(g, a[0]);
	steady = guard_add(g, b[0]);
	CHECK(slow && steady);
	guard_head(g, slow);
	guard_body(g, slow, 0);
	guard_head(g, steady);
	guard_body(g, steady, 36000);
	CHECK(guard_tick(g) - clock_ms() > 3500000);
	CHECK(is_shut(a[1]));
	CHECK(!is_shut(b[1]));
	/* What comes late changes nothing. */
	guard_body(g, slow, 100);
	guard_pass(g, steady);
	CHECK_EQ(guard_tick(g), INT64_MAX);
	guard_drop(g, slow);
	guard_drop(g, steady);
	guard_free(g);
	for (int i = 0; i < 2; i++)
		close(a[i]), close(b[i]);
}

#include "src/git/pkt.h"
#include "src/git/report.h"
#include "src/git/url.h"
#include "tests/unit/test.h"

#define BUF AUTO(buf_release) struct buf
#define URL AUTO(git_url_release) struct git_url

TEST(an_address_is_taken_apart)
{
	BUF why = BUF_INIT;
	URL u = { 0 };

	CHECK_EQ(git_url_parse("https://me@Example.org:8443//org/app.git//", &u, &why), 0);
	CHECK_STR(u.text, "https://Example.org:8443/org/app.git");
	CHECK_STR(u.scheme, "https");
	CHECK_STR(u.host, "Example.org:8443");
	CHECK_STR(u.path, "org/app.git");
	CHECK_STR(u.user, "me");
}

TEST(addresses_on_one_server_have_one_scheme_host_and_port)
{
	static const char *const others[] = { "https://example.org:444/x", "https://example.com/x", "http://localhost/x" };
	BUF why = BUF_INIT;
	URL u = { 0 };
	URL same = { 0 };

	CHECK(!git_url_parse("https://example.org/app", &u, &why) && !git_url_parse("https://me@EXAMPLE.org/x", &same, &why));
	CHECK(git_url_same_server(&u, &same));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		URL other = { 0 };

		CHECK(!git_url_parse(others[i], &other, &why));
		CHECK(!git_url_same_server(&u, &other));
	}
}

TEST(plain_http_is_for_this_machine_by_name)
{
	static const char *const no[] = { "http://localhost.example.org/x", "http://127.0.0.1.nip.io/x", "http://localhostx/x", "http://10.0.0.1/x" };
	static const char *const yes[] = { "http://localhost/x", "http://127.0.0.1:80/x", "http://[::1]:80/x", "http://me@localhost/x" };
	BUF why = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		URL u = { 0 };

		CHECK_EQ(git_url_parse(no[i], &u, &why), -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		URL u = { 0 };

		CHECK_EQ(git_url_parse(yes[i], &u, &why), 0);
	}
}

TEST(a_template_is_filled_wherever_it_says_so)
{
	AUTO(free_ptr) char *text = NULL;

	CHECK_EQ(git_url_fill("https://h/org/app", "req_x", &text), -EINVAL);
	CHECK_EQ(git_url_fill("https://h/{request_id}/{request_id}.git", "req_x", &text), 0);
	CHECK_STR(text, "https://h/req_x/req_x.git");
}

/* As a server sends it: the report in packets, all of it in band 1, talk in band 2. */
static int report(struct buf *why, bool bands, int refs, const char *const *lines, const char *talk, size_t cut)
{
	BUF status = BUF_INIT, body = BUF_INIT;

	for (; *lines; lines++)
		pkt_addf(&status, "%s\n", *lines);
	pkt_flush(&status);
	if (bands && talk)
		pkt_addf(&body, "\2%s", talk);
	if (bands) {
		pkt_addf(&body, "\1%s", buf_str(&status));
		pkt_flush(&body);
	} else {
		buf_add(&body, status.data, status.len);
	}
	body.len -= cut < body.len ? cut : body.len;
	return report_read(&body, bands, refs, why);
}

#define LINES(...) (const char *const[]){ __VA_ARGS__, NULL }

TEST(a_push_has_arrived_when_every_ref_has)
{
	BUF why = BUF_INIT;

	CHECK_EQ(report(&why, true, 2, LINES("unpack ok", "ok refs/heads/main", "ok refs/tags/a"), NULL, 0), 0);
	CHECK_EQ(report(&why, false, 2, LINES("unpack ok", "ok refs/heads/main", "ok refs/tags/a"), NULL, 0), 0);
	CHECK_EQ(report(&why, true, 2, LINES("unpack ok", "ok refs/heads/main"), NULL, 0), -EPROTO);
	CHECK_EQ(report(&why, true, 1, LINES("ok refs/heads/main"), NULL, 0), -EPROTO);
}

TEST(a_report_that_is_cut_off_anywhere_is_none)
{
	for (int bands = 0; bands < 2; bands++)
		for (size_t cut = 5; cut < 60; cut++) {
			BUF why = BUF_INIT;

			CHECK_EQ(report(&why, bands, 1, LINES("unpack ok", "ok refs/heads/main"), NULL, cut), -EPROTO);
			CHECK(why.len);
		}
}

TEST(a_refusal_has_the_servers_words_on_one_line)
{
	BUF why = BUF_INIT;

	CHECK_EQ(report(&why, true, 1, LINES("unpack ok", "ng refs/heads/main protected"), "GH013:\n  no\n\x1b[2J", 0), -EPERM);
	CHECK_STR(buf_str(&why), "the server did not take it: refs/heads/main protected (it says: GH013: no [2J); the repository has rules; the server says which, and "
			   "where a secret can be removed or allowed");
	buf_reset(&why);
	CHECK_EQ(report(&why, true, 1, LINES("unpack index-pack abnormal exit", "ng refs/heads/main unpacker error"), NULL, 0), -EPERM);
	CHECK_STR(buf_str(&why), "the server did not take it: index-pack abnormal exit");
	buf_reset(&why);
	CHECK_EQ(report(&why, true, 1, LINES("x"), "fatal: too big", 0), -EPERM);
	CHECK_STR(buf_str(&why), "the server did not take it: it ended early (it says: fatal: too big)");
}

#include "src/sync/s3_inside.h"
#include "src/sync/xml.h"
#include "store/base/clock.h"
#include "tests/unit/test.h"

#include <time.h>

#define S3 AUTO(s3_freep) struct s3 *
#define BUF AUTO(buf_release) struct buf

static struct s3_options options(const char *endpoint)
{
	return (struct s3_options){ .bucket = "bucket", .endpoint = endpoint, .key = { "KEY", "secret", NULL }, .wake_fd = -1 };
}

static void is_at(struct test_run *test, const struct s3_options *o, const char *want)
{
	S3 s = NULL;
	BUF why = BUF_INIT;
	BUF url = BUF_INIT;

	CHECK_EQ(s3_new(o, &s, &why), 0);
	CHECK_EQ(s3_address(s, "a/b c", &url), 0);
	CHECK_STR(buf_str(&url), want);
}

TEST(a_bucket_is_in_front_of_the_host_at_amazon_and_in_the_path_elsewhere)
{
	struct s3_options o = options(NULL);

	is_at(test, &o, "https://bucket.s3.us-east-1.amazonaws.com/a/b%20c");
	o.region = "cn-north-1";
	is_at(test, &o, "https://bucket.s3.cn-north-1.amazonaws.com.cn/a/b%20c");
	o.region = "eu-west-1";
	o.bucket = "with.dots";
	is_at(test, &o, "https://s3.eu-west-1.amazonaws.com/with.dots/a/b%20c");
	o = options("http://localhost:9000/base/");
	is_at(test, &o, "http://localhost:9000/base/bucket/a/b%20c");
	o.addressing = "virtual";
	is_at(test, &o, "http://bucket.localhost:9000/base/a/b%20c");
	o = options("https://h:443");
	is_at(test, &o, "https://h/bucket/a/b%20c");
}

TEST(what_is_no_endpoint_is_refused_with_words)
{
	static const char *const bad[] = { "localhost:9000", "ftp://x", "http://", "http://user:pw@h", "http://h/?x", "http://h /" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct s3_options o = options(bad[i]);
		S3 s = NULL;
		BUF why = BUF_INIT;

		CHECK_EQ(s3_new(&o, &s, &why), -EINVAL);
		CHECK(strstr(buf_str(&why), "is no endpoint"));
	}
}

TEST(a_redirect_is_followed_to_a_region_or_host_but_not_from_https_to_http)
{
	struct s3_options o = options(NULL);
	S3 s = NULL;
	S3 plain = NULL;
	BUF why = BUF_INIT;

	CHECK_EQ(s3_new(&o, &s, &why), 0);
	CHECK(s3_moves(s, "eu-west-1", NULL));
	CHECK_STR(s->host, "s3.eu-west-1.amazonaws.com");
	CHECK(!s3_moves(s, "eu-west-1", NULL));
	CHECK(!s3_moves(s, "../evil", NULL));
	s->amazon = false;
	CHECK(!s3_moves(s, "", "http://elsewhere"));
	CHECK(s3_moves(s, NULL, "https://bucket.elsewhere:1234/bucket?x"));
	CHECK_STR(s->host, "elsewhere:1234");
	CHECK_STR(s->scheme, "https");
	o.endpoint = "http://a";
	CHECK_EQ(s3_new(&o, &plain, &why), 0);
	CHECK(s3_moves(plain, NULL, "http://b"));
	CHECK_STR(plain->host, "b");
}

static int note(void *arg, const char *path, const char *text)
{
	return buf_addf(arg, "%s=%s\n", path, text);
}

TEST(the_xml_of_answers_is_read_by_paths_and_document_types_are_refused)
{
	static const char text[] = "<?xml version=\"1.0\"?><a:R xmlns:a=\"urn:x\"><K>x &amp; <b/>y</K><a:L/></a:R>";
	static const char evil[] = "<!DOCTYPE r [<!ENTITY e \"x\">]><r>&e;</r>";
	BUF got = BUF_INIT;
	BUF deep = BUF_INIT;

	CHECK_EQ(xml_each(text, strlen(text), note, &got), 0);
	CHECK_STR(buf_str(&got), "R/K/b=\nR/K=y\nR/L=\nR=\n");
	CHECK_EQ(xml_each(evil, strlen(evil), note, &got), -EPROTO);
	CHECK_EQ(xml_each("<r><x></r>", 10, note, &got), -EPROTO);
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		buf_adds(&deep, "<d>");
	CHECK_EQ(xml_each(deep.data, deep.len, note, &got), -EPROTO);
}

static int note_object(void *arg, const struct s3_object *o)
{
	return buf_addf(arg, "%s %lld %s\n", o->key, (long long)o->size, o->etag);
}

static int note_upload(void *arg, const char *key, const char *id)
{
	return buf_addf(arg, "%s %s\n", key, id);
}

TEST(a_page_of_a_listing_is_read_with_its_token)
{
	struct s3_answer a = { .r = 0 };
	BUF got = BUF_INIT;
	AUTO(free_ptr) char *token = NULL;

	buf_adds(&a.body, "<ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated><Contents><Key>a&amp;b</Key><Size>12</Size>"
		 "<ETag>&quot;e1&quot;</ETag></Contents><Contents><Key>c</Key><Size>0</Size><ETag>e2</ETag></Contents>"
		 "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
	CHECK_EQ(s3_list_read(&a, note_object, &got, &token), 0);
	CHECK_STR(buf_str(&got), "a&b 12 e1\nc 0 e2\n");
	CHECK_STR(token, "t");
	buf_reset(&a.body);
	buf_adds(&a.body, "<html>captive portal</html>");
	CHECK_EQ(s3_list_read(&a, note_object, &got, &token), -EPROTO);
	buf_reset(&a.body);
	buf_adds(&a.body, "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>");
	buf_reset(&got);
	CHECK_EQ(s3_uploads_read(&a, note_upload, &got), 0);
	CHECK_STR(buf_str(&got), "k u\n");
	buf_release(&a.body);
}

TEST(the_id_of_an_upload_is_read_or_missed)
{
	struct s3_answer a = { .r = 0 };
	AUTO(free_ptr) char *id = NULL;

	buf_adds(&a.body, "<InitiateMultipartUploadResult><Bucket>b</Bucket><UploadId>2~x/+</UploadId></InitiateMultipartUploadResult>");
	CHECK_EQ(s3_upload_id(&a, &id), 0);
	CHECK_STR(id, "2~x/+");
	buf_reset(&a.body);
	buf_adds(&a.body, "<InitiateMultipartUploadResult/>");
	CHECK_EQ(s3_upload_id(&a, &id), -EPROTO);
	buf_release(&a.body);
}

/* The value is from hashlib of Python. */
TEST(the_etag_of_parts_is_the_md5_of_their_md5s)
{
	struct s3_part parts[2] = { { .number = 1, .etag = "e<" }, { .number = 2 } };
	char etag[S3_ETAG_SIZE];
	BUF manifest = BUF_INIT;

	s3_sums_of("a", 1, &parts[0].sums);
	s3_sums_of("b", 1, &parts[1].sums);
	s3_upload_etag(parts, 2, etag);
	CHECK_STR(etag, "96e024ba2074fe77e8e965ba43a704be-2");
	CHECK(s3_is_md5("0CC175B9C0F1B6A831C399E269772661", parts[0].sums.md5));
	CHECK_EQ(s3_upload_manifest(parts, 1, &manifest), 0);
	CHECK(strstr(buf_str(&manifest), "<Part><ETag>&quot;e&lt;&quot;</ETag><ChecksumSHA256>"
					 "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=</ChecksumSHA256><PartNumber>1</PartNumber></Part>"));
}

static enum s3_next judge(long status, const char *code, const char *date, struct s3_answer *a)
{
	char host[] = "h", bucket[] = "bucket";
	const struct s3 s = { .host = host, .bucket = bucket };

	buf_reset(&a->words);
	buf_reset(&a->body);
	*a = (struct s3_answer){ .status = status, .words = a->words, .body = a->body };
	if (code)
		buf_addf(&a->body, "<Error><Code>%s</Code><Message>it is; so</Message></Error>", code);
	return s3_judge_answer(&s, date, a);
}

static void answer_release(struct s3_answer *a)
{
	buf_release(&a->body);
	buf_release(&a->words);
}

TEST(errors_of_the_server_become_one_line_with_what_to_do)
{
	static const struct { long status; const char *code; int r; enum s3_next next; const char *words; } cases[] = {
		{ 404, "NoSuchBucket", -ENXIO, S3_GIVE_UP, "there is no such bucket: 'bucket' at h (NoSuchBucket: it is, so); create it, or" },
		{ 403, "InvalidAccessKeyId", -EKEYREJECTED, S3_GIVE_UP, "the access key is not known there" },
		{ 403, "SignatureDoesNotMatch", -EKEYREJECTED, S3_AGAIN_ONCE, "the secret key is wrong" },
		{ 400, "ExpiredToken", -EKEYEXPIRED, S3_GIVE_UP, "the session token has expired" },
		{ 403, "QuotaExceeded", -ENOSPC, S3_GIVE_UP, "the bucket is full: 'bucket'" },
		{ 503, "SlowDown", -EAGAIN, S3_AGAIN, "the server asks to slow down" },
		{ 412, "PreconditionFailed", -EEXIST, S3_GIVE_UP, "there is another object at its key" },
		{ 404, NULL, -ENOENT, S3_GIVE_UP, "it is not in the bucket (HTTP 404)" },
		{ 403, NULL, -EACCES, S3_AGAIN_ONCE, "access is denied: 'bucket' at h (HTTP 403); the keys need" },
		{ 502, NULL, -EAGAIN, S3_AGAIN, "the server has trouble (HTTP 502)" },
		{ 418, "Teapot", -EREMOTEIO, S3_GIVE_UP, "the server refused (Teapot: it is, so)" },
	};
	AUTO(answer_release) struct s3_answer a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK_EQ(judge(cases[i].status, cases[i].code, NULL, &a), cases[i].next);
		CHECK_EQ(a.r, cases[i].r);
		CHECK_STR(strncmp(buf_str(&a.words), cases[i].words, strlen(cases[i].words)) ? buf_str(&a.words) : cases[i].words, cases[i].words);
	}
}

TEST(a_clock_that_is_wrong_is_named_even_where_the_server_does_not)
{
	AUTO(answer_release) struct s3_answer a = { 0 };
	time_t then = (time_t)clock_now(&(struct clock){ 0 }) - 20 * 60 - 5;
	char date[64];
	struct tm tm;

	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
	CHECK_EQ(judge(403, "RequestTimeTooSkewed", date, &a), S3_GIVE_UP);
	CHECK_EQ(a.r, -ETIME);
	CHECK(strstr(buf_str(&a.words), "this machine's clock is wrong: it is 20 minutes ahead"));
	judge(403, NULL, date, &a);
	CHECK_EQ(a.r, -ETIME);
	judge(403, "AccessDenied", date, &a);
	CHECK_EQ(a.r, -EACCES);
}

#include "src/sync/sigv4.h"
#include "store/base/clock.h"
#include "store/base/hash.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <jansson.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/*
 * The worked examples of Amazon's documentation for S3, facts of the service:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
static const struct sigv4_key example_key = { "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL };
#define EXAMPLE_TIME 1369353600 /* 2013-05-24 00:00:00 */
#define HOST { "Host", "examplebucket.s3.amazonaws.com" }
#define DATE { "x-amz-date", "20130524T000000Z" }

static void authorizes(struct test_run *test, const struct sigv4_request *r, const char *names, const char *signature)
{
	AUTO(buf_release) struct buf got = BUF_INIT, want = BUF_INIT;

	CHECK_EQ(sigv4_authorize(r, &example_key, &got), 0);
	buf_addf(&want, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, Signature=%s",
		 names, signature);
	CHECK_STR(buf_str(&got), buf_str(&want));
}

#define EXAMPLE(...) { .region = "us-east-1", .service = "s3", .now = EXAMPLE_TIME, __VA_ARGS__ }

TEST(a_range_of_an_object_is_signed_as_amazon_documents_it)
{
	const struct sigv4_pair headers[] = { HOST, { "Range", "bytes=0-9" }, { "x-amz-content-sha256", EMPTY }, DATE };
	const struct sigv4_request r = EXAMPLE(.method = "GET", .path = "/test.txt", .headers = headers,
					       .header_count = ARRAY_LEN(headers), .payload = EMPTY);

	authorizes(test, &r, "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(an_upload_is_signed_as_amazon_documents_it)
{
#define BODY "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
	const struct sigv4_pair headers[] = {
		{ "x-amz-storage-class", "REDUCED_REDUNDANCY" }, DATE, { "x-amz-content-sha256", BODY }, HOST,
		{ "Date", "Fri, 24 May 2013 00:00:00 GMT" },
	};
	const struct sigv4_request r = EXAMPLE(.method = "PUT", .path = "/test$file.text", .headers = headers,
					       .header_count = ARRAY_LEN(headers), .payload = BODY);

	authorizes(test, &r, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		   "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(a_parameter_without_a_value_is_signed_as_amazon_documents_it)
{
	const struct sigv4_pair headers[] = { HOST, DATE, { "x-amz-content-sha256", EMPTY } }, query[] = { { "lifecycle", NULL } };
	const struct sigv4_request r = EXAMPLE(.method = "GET", .path = "/", .query = query, .query_count = 1, .headers = headers,
					       .header_count = ARRAY_LEN(headers), .payload = EMPTY);

	authorizes(test, &r, "host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(a_listing_is_signed_as_amazon_documents_it)
{
	const struct sigv4_pair headers[] = { HOST, DATE, { "x-amz-content-sha256", EMPTY } };
	const struct sigv4_pair query[] = { { "prefix", "J" }, { "max-keys", "2" } };
	const struct sigv4_request r = EXAMPLE(.method = "GET", .path = "/", .query = query, .query_count = 2, .headers = headers,
					       .header_count = ARRAY_LEN(headers), .payload = EMPTY);

	authorizes(test, &r, "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(a_presigned_address_is_the_one_that_amazon_documents)
{
	AUTO(buf_release) struct buf got = BUF_INIT;
	const struct sigv4_pair headers[] = { HOST };
	const struct sigv4_request r = EXAMPLE(.method = "GET", .path = "/test.txt", .headers = headers, .header_count = 1,
					       .payload = SIGV4_UNSIGNED);

	CHECK_EQ(sigv4_presign(&r, &example_key, 86400, &got), 0);
	CHECK_STR(buf_str(&got), "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
		  "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
		  "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(a_presigned_address_is_good_for_a_second_to_a_week)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	const struct sigv4_pair headers[] = { HOST };
	const struct sigv4_request r = EXAMPLE(.method = "GET", .path = "/a", .headers = headers, .header_count = 1, .payload = SIGV4_UNSIGNED);

	CHECK_EQ(sigv4_presign(&r, &example_key, 0, &out), -ERANGE);
	CHECK_EQ(sigv4_presign(&r, &example_key, SIGV4_EXPIRES_MAX + 1, &out), -ERANGE);
	CHECK_EQ(out.len, 0);
	CHECK_EQ(sigv4_presign(&r, &example_key, SIGV4_EXPIRES_MAX, &out), 0);
}

TEST(a_key_is_signed_as_it_is_and_never_normalised)
{
	AUTO(buf_release) struct buf path = BUF_INIT, query = BUF_INIT;
	const struct sigv4_pair pairs[] = { { "b", "=&" }, { "a-b", "2" }, { "a", "2" }, { "a", "1 +" } };

	CHECK_EQ(sigv4_path(&path, "/b/../a//b/./+ =(é)~-._"), 0);
	CHECK_STR(buf_str(&path), "/b/../a//b/./%2B%20%3D%28%C3%A9%29~-._");
	CHECK_EQ(sigv4_query(&query, pairs, ARRAY_LEN(pairs)), 0);
	CHECK_STR(buf_str(&query), "a=1%20%2B&a=2&a-b=2&b=%3D%26");
}

TEST(more_headers_or_parameters_than_there_is_room_for_are_refused)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct sigv4_pair many[SIGV4_PAIRS_MAX + 1];
	struct sigv4_request r = EXAMPLE(.method = "GET", .path = "/", .headers = many, .header_count = 1, .payload = EMPTY);

	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct sigv4_pair){ "n", "v" };
	CHECK_EQ(sigv4_query(&out, many, ARRAY_LEN(many)), -EINVAL);
	r.header_count = ARRAY_LEN(many);
	CHECK_EQ(sigv4_authorize(&r, &example_key, &out), -EINVAL);
	r = (struct sigv4_request)EXAMPLE(.method = "GET", .path = "/", .query = many, .query_count = SIGV4_PAIRS_MAX - 5, .payload = EMPTY);
	CHECK_EQ(sigv4_presign(&r, &example_key, 1, &out), -EINVAL);
}

/*
 * The vectors that AWS publishes for its own clients (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4), each a folder; $AWS_SIGV4_VECTORS
 * is where they are. They are of a service that normalises paths, which S3 does not: that is done here, before.
 */
struct vector {
	struct buf request, body;
	json_t *context;
	char *path;
	struct sigv4_pair query[SIGV4_PAIRS_MAX], headers[SIGV4_PAIRS_MAX];
	struct sigv4_request r;
	struct sigv4_key key;
	char payload[65];
	char when[SIGV4_TIME_SIZE];
};

static void vector_release(struct vector *v)
{
	buf_release(&v->request);
	buf_release(&v->body);
	json_decref(v->context);
	free(v->path);
}

static int slurp(const char *dir, const char *name, struct buf *out)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	char chunk[4096];
	size_t n;
	FILE *f;

	buf_addf(&path, "%s/%s", dir, name);
	f = fopen(buf_str(&path), "re");
	if (!f)
		return -errno;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(out, chunk, n);
	fclose(f);
	return buf_error(out);
}

static char hex_digit(char c)
{
	return (char)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* In place. */
static void decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '%' && s[1] && s[2]) {
			*to++ = (char)(hex_digit(s[1]) << 4 | hex_digit(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* RFC 3986, 5.2.4, and slashes that come together are one. */
static char *normalise(const char *path)
{
	char *out = calloc(1, strlen(path) + 2), *at = out;

	*at++ = '/';
	while (out && *path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && !memcmp(path, "..", 2)) {
			while (at > out + 1 && *--at != '/')
				;
			at = at == out ? out + 1 : at;
			while (at > out + 1 && at[-1] != '/')
				at--;
		} else if (n && !(n == 1 && *path == '.')) {
			memcpy(at, path, n);
			at += n;
			if (path[n])
				*at++ = '/';
		}
		path += n + (path[n] == '/');
	}
	*at = '\0';
	return out;
}

static void parse_query(struct vector *v, char *text)
{
	for (char *part = strtok(text, "&"); part; part = strtok(NULL, "&")) {
		char *value = strchr(part, '=');

		if (value)
			*value++ = '\0';
		decode(part);
		if (value)
			decode(value);
		v->query[v->r.query_count++] = (struct sigv4_pair){ part, value };
	}
}

/* A line that begins with a blank goes on with the header before. */
static void unfold(char *text)
{
	for (char *p = strchr(text, '\n'); p; p = strchr(p + 1, '\n'))
		if (p[1] == ' ' || p[1] == '\t')
			*p = ' ';
}

static void parse_headers(struct vector *v, char *text)
{
	unfold(text);
	while (text && *text && *text != '\n') {
		char *end = strchr(text, '\n'), *colon = strchr(text, ':');

		if (end)
			*end++ = '\0';
		*colon = '\0';
		v->headers[v->r.header_count++] = (struct sigv4_pair){ text, colon + 1 };
		text = end;
	}
	if (text && *text == '\n')
		buf_adds(&v->body, text + 1);
}

static void parse_request(struct vector *v)
{
	char *line = (char *)v->request.data, *headers = strchr(line, '\n'), *target = strchr(line, ' '), *end, *query;

	*headers++ = '\0';
	*target++ = '\0';
	end = strrchr(target, ' ');
	*end = '\0';
	v->r.method = line;
	if ((query = strchr(target, '?'))) {
		*query++ = '\0';
		parse_query(v, query);
	}
	decode(target);
	v->path = json_is_true(json_object_get(v->context, "normalize")) ? normalise(target) : strdup(target);
	v->r.path = v->path;
	parse_headers(v, headers);
}

static const char *context(const struct vector *v, const char *key)
{
	return json_string_value(json_object_get(v->context, key));
}

static int load(const char *dir, struct vector *v)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	const json_t *credentials;
	uint8_t hash[32];
	int r;

	if ((r = slurp(dir, "context.json", &text)) || (r = slurp(dir, "request.txt", &v->request)))
		return r;
	v->context = json_loadb(buf_str(&text), text.len, 0, NULL);
	credentials = json_object_get(v->context, "credentials");
	v->key = (struct sigv4_key){ json_string_value(json_object_get(credentials, "access_key_id")),
				     json_string_value(json_object_get(credentials, "secret_access_key")),
				     json_string_value(json_object_get(credentials, "token")) };
	v->r.region = context(v, "region");
	v->r.service = context(v, "service");
	parse_request(v);
	sha256_of(buf_str(&v->body), v->body.len, hash);
	hex_encode(hash, sizeof(hash), v->payload);
	v->r.payload = v->payload;
	return clock_parse(context(v, "timestamp"), &v->r.now);
}

/* The signed request of a vector has more headers than the plain one: those that its client adds. */
static void add_header(struct vector *v, const char *name, const char *value)
{
	v->headers[v->r.header_count++] = (struct sigv4_pair){ name, value };
}

static void follows(struct test_run *test, const char *dir)
{
	AUTO(vector_release) struct vector v = { 0 };
	AUTO(buf_release) struct buf want = BUF_INIT, got = BUF_INIT, signature = BUF_INIT, authorization = BUF_INIT;

	v.r.query = v.query;
	v.r.headers = v.headers;
	CHECK_EQ(load(dir, &v), 0);
	sigv4_time(v.r.now, v.when);
	add_header(&v, "X-Amz-Date", v.when);
	if (json_is_true(json_object_get(v.context, "sign_body")))
		add_header(&v, "x-amz-content-sha256", v.payload);
	if (v.key.session_token && !json_is_true(json_object_get(v.context, "omit_session_token")))
		add_header(&v, "X-Amz-Security-Token", v.key.session_token);
	CHECK_EQ(slurp(dir, "header-canonical-request.txt", &want), 0);
	CHECK_EQ(sigv4_canonical(&v.r, &got), 0);
	CHECK_STR(buf_str(&got), buf_str(&want));
	CHECK_EQ(slurp(dir, "header-signature.txt", &signature), 0);
	CHECK_EQ(sigv4_authorize(&v.r, &v.key, &authorization), 0);
	CHECK_STR(strrchr(buf_str(&authorization), '=') + 1, buf_str(&signature));
}

TEST(every_published_vector_has_the_published_signature)
{
	const char *top = getenv("AWS_SIGV4_VECTORS");
	DIR *d = top && *top ? opendir(top) : NULL;
	int seen = 0;

	if (!d)
		SKIP("AWS_SIGV4_VECTORS does not name the folder of AWS's vectors");
	for (struct dirent *e; (e = readdir(d)) && !test->failed;) {
		AUTO(buf_release) struct buf dir = BUF_INIT;

		if (*e->d_name == '.' || !strcmp(e->d_name, "LICENSE"))
			continue;
		buf_addf(&dir, "%s/%s", top, e->d_name);
		follows(test, buf_str(&dir));
		if (test->failed)
			fprintf(stderr, "  in %s\n", e->d_name);
		seen++;
	}
	closedir(d);
	CHECK(seen >= 30);
}

/* The requests to S3, and what is read from their answers. */
#include "src/sync/s3.h"
#include "src/sync/xml.h"

#include <openssl/evp.h>
#include <strings.h>

/* Of nothing. */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
enum { KEYS_A_PAGE = 1000 };

static void ask(struct s3_call *c, const char *method, const char *key)
{
	*c = (struct s3_call){ .method = method, .key = key, .to = -1, .payload = EMPTY_SHA256 };
}

static void with_header(struct s3_call *c, const char *name, const char *value)
{
	c->headers[c->header_count++] = (struct sigv4_pair){ name, value };
}

static void with_query(struct s3_call *c, const char *name, const char *value)
{
	c->query[c->query_count++] = (struct sigv4_pair){ name, value };
}

static void base64(const uint8_t *data, size_t n, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, data, (int)n);
}

static void md5_of(const void *data, size_t n, uint8_t out[MD5_SIZE])
{
	EVP_Digest(data, n, out, NULL, EVP_md5(), NULL);
}

void s3_sums_of(const void *data, size_t n, struct s3_sums *ret_sums)
{
	sha256_of(data, n, ret_sums->sha256);
	md5_of(data, n, ret_sums->md5);
}

bool s3_is_md5(const char *etag, const uint8_t md5[MD5_SIZE])
{
	char hex[2 * MD5_SIZE + 1];

	hex_encode(md5, MD5_SIZE, hex);
	return !strcasecmp(etag, hex);
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
static void with_body(struct s3_call *c, const void *body, size_t n, const struct s3_sums *sums)
{
	c->body = body;
	c->body_size = n;
	hex_encode(sums->sha256, SHA256_SIZE, c->payload);
	base64(sums->sha256, SHA256_SIZE, c->sha256);
	base64(sums->md5, MD5_SIZE, c->md5);
	with_header(c, "content-md5", c->md5);
}

void s3_put(struct s3_call *c, const char *key, const void *body, size_t n, const struct s3_sums *sums, enum s3_replace how)
{
	ask(c, "PUT", key);
	with_body(c, body, n, sums);
	with_header(c, "x-amz-checksum-sha256", c->sha256);
	with_header(c, "content-type", "application/octet-stream");
	if (how == S3_ONLY_NEW)
		with_header(c, "if-none-match", "*");
}

void s3_describe(struct s3_call *c, const char *type, const struct sigv4_pair *more, size_t count)
{
	for (size_t i = 0; type && i < c->header_count; i++)
		if (!strcmp(c->headers[i].name, "content-type"))
			c->headers[i].value = type;
	for (size_t i = 0; i < count && c->header_count < S3_PAIRS_MAX; i++)
		with_header(c, more[i].name, more[i].value);
}

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
void s3_replace_only(struct s3_call *c, const char *etag, bool quoted)
{
	snprintf(c->only, sizeof(c->only), quoted ? "\"%s\"" : "%s", etag);
	for (size_t i = 0; i < c->header_count; i++)
		if (!strcmp(c->headers[i].name, "if-none-match"))
			c->headers[i] = (struct sigv4_pair){ "if-match", c->only };
}

void s3_head(struct s3_call *c, const char *key)
{
	ask(c, "HEAD", key);
	with_header(c, "x-amz-checksum-mode", "ENABLED");
}

void s3_get(struct s3_call *c, const char *key, int64_t from, int64_t to)
{
	ask(c, "GET", key);
	c->from = from;
	c->to = to;
	c->ranged = from > 0 || to >= 0;
}

void s3_delete(struct s3_call *c, const char *key)
{
	ask(c, "DELETE", key);
}

void s3_list(struct s3_call *c, const char *prefix, int max_keys, const char *token)
{
	ask(c, "GET", "");
	snprintf(c->numbers[0], sizeof(c->numbers[0]), "%d", max_keys > 0 && max_keys < KEYS_A_PAGE ? max_keys : KEYS_A_PAGE);
	with_query(c, "list-type", "2");
	with_query(c, "prefix", prefix);
	with_query(c, "max-keys", c->numbers[0]);
	if (token)
		with_query(c, "continuation-token", token);
}

struct page {
	struct buf key, etag, id, token;
	int64_t size;
	bool truncated;
	int (*object)(void *arg, const struct s3_object *o);
	int (*upload)(void *arg, const char *key, const char *id);
	void *arg;
	const char *root;
	bool seen; /* it is what it should be */
};

static void page_release(struct page *p)
{
	buf_release(&p->key);
	buf_release(&p->etag);
	buf_release(&p->id);
	buf_release(&p->token);
}

static void set(struct buf *b, const char *text)
{
	buf_reset(b);
	buf_adds(b, text);
}

static int end_object(struct page *p)
{
	const struct s3_object o = { buf_str(&p->key), p->size, buf_str(&p->etag) };

	return p->key.len && p->size >= 0 ? p->object(p->arg, &o) : -EPROTO;
}

static int read_page(void *arg, const char *path, const char *text)
{
	struct page *p = arg;
	size_t root = strlen(p->root);
	const char *name = strrchr(path, '/');

	if (strncmp(path, p->root, root))
		return -EPROTO;
	p->seen = true;
	if (path[root] != '/')
		return 0;
	path += root + 1;
	name++;
	if (!strcmp(name, "Key"))
		set(&p->key, text);
	else if (!strcmp(name, "UploadId"))
		set(&p->id, text);
	else if (!strcmp(name, "ETag"))
		buf_reset(&p->etag), buf_add(&p->etag, text + (*text == '"'), strcspn(text + (*text == '"'), "\""));
	else if (!strcmp(name, "Size"))
		p->size = *text ? strtoll(text, NULL, 10) : -1;
	else if (!strcmp(path, "IsTruncated"))
		p->truncated = !strcmp(text, "true");
	else if (!strcmp(path, "NextContinuationToken"))
		set(&p->token, text);
	else if (!strcmp(path, "Contents"))
		return end_object(p);
	else if (!strcmp(path, "Upload"))
		return p->upload(p->arg, buf_str(&p->key), buf_str(&p->id));
	return 0;
}

static int ignore_object(void *arg UNUSED, const struct s3_object *o UNUSED)
{
	return 0;
}

static int ignore_upload(void *arg UNUSED, const char *key UNUSED, const char *id UNUSED)
{
	return 0;
}

int s3_list_read(const struct s3_answer *a, int (*each)(void *arg, const struct s3_object *o), void *arg, char **ret_token)
{
	AUTO(page_release) struct page p = {
		.root = "ListBucketResult", .object = each, .upload = ignore_upload, .arg = arg, .size = -1,
	};
	int r = xml_each(buf_str(&a->body), a->body.len, read_page, &p);

	if (r || !p.seen || (p.truncated && !p.token.len))
		return r ? r : -EPROTO;
	*ret_token = NULL;
	if (p.truncated)
		*ret_token = buf_steal(&p.token);
	return p.truncated && !*ret_token ? -ENOMEM : 0;
}

void s3_uploads(struct s3_call *c, const char *prefix)
{
	ask(c, "GET", "");
	with_query(c, "uploads", NULL);
	with_query(c, "prefix", prefix);
}

int s3_uploads_read(const struct s3_answer *a, int (*each)(void *arg, const char *key, const char *id), void *arg)
{
	AUTO(page_release) struct page p = {
		.root = "ListMultipartUploadsResult", .object = ignore_object, .upload = each, .arg = arg, .size = -1,
	};
	int r = xml_each(buf_str(&a->body), a->body.len, read_page, &p);

	return r ? r : p.seen ? 0 : -EPROTO;
}

void s3_upload_begin(struct s3_call *c, const char *key)
{
	ask(c, "POST", key);
	with_query(c, "uploads", NULL);
	with_header(c, "content-type", "application/octet-stream");
	with_header(c, "x-amz-checksum-algorithm", "SHA256");
}

static int read_id(void *arg, const char *path, const char *text)
{
	char **id = arg;

	if (strcmp(path, "InitiateMultipartUploadResult/UploadId") || !*text || *id)
		return 0;
	*id = strdup(text);
	return *id ? 0 : -ENOMEM;
}

int s3_upload_id(const struct s3_answer *a, char **ret_id)
{
	char *id = NULL;
	int r = xml_each(buf_str(&a->body), a->body.len, read_id, &id);

	if (r || !id) {
		free(id);
		return r ? r : -EPROTO;
	}
	*ret_id = id;
	return 0;
}

void s3_upload_part(struct s3_call *c, const char *key, const char *id, int64_t number, const void *body, size_t n,
		    const struct s3_sums *sums)
{
	ask(c, "PUT", key);
	snprintf(c->numbers[0], sizeof(c->numbers[0]), "%lld", (long long)number);
	with_query(c, "partNumber", c->numbers[0]);
	with_query(c, "uploadId", id);
	with_body(c, body, n, sums);
	with_header(c, "x-amz-checksum-sha256", c->sha256);
	with_header(c, "content-type", "application/octet-stream");
}

int s3_upload_manifest(const struct s3_part *parts, size_t count, struct buf *out)
{
	buf_adds(out, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (size_t i = 0; i < count; i++) {
		char sha256[S3_BASE64_SHA256];

		base64(parts[i].sums.sha256, SHA256_SIZE, sha256);
		buf_adds(out, "<Part><ETag>&quot;");
		xml_escape(out, parts[i].etag);
		buf_addf(out, "&quot;</ETag><ChecksumSHA256>%s</ChecksumSHA256><PartNumber>%lld</PartNumber></Part>", sha256,
			 (long long)parts[i].number);
	}
	return buf_adds(out, "</CompleteMultipartUpload>");
}

void s3_upload_end(struct s3_call *c, const char *key, const char *id, const struct buf *manifest, const struct s3_sums *sums,
		   enum s3_replace how)
{
	ask(c, "POST", key);
	with_query(c, "uploadId", id);
	with_body(c, manifest->data, manifest->len, sums);
	with_header(c, "content-type", "application/xml");
	if (how == S3_ONLY_NEW)
		with_header(c, "if-none-match", "*");
}

void s3_upload_abort(struct s3_call *c, const char *key, const char *id)
{
	ask(c, "DELETE", key);
	with_query(c, "uploadId", id);
}

/* The MD5 of the parts' MD5s, and how many they are: what all servers do, and nobody documents. */
void s3_upload_etag(const struct s3_part *parts, size_t count, char out[S3_ETAG_SIZE])
{
	AUTO(buf_release) struct buf all = BUF_INIT;
	uint8_t md5[MD5_SIZE];
	char hex[2 * MD5_SIZE + 1];

	for (size_t i = 0; i < count; i++)
		buf_add(&all, parts[i].sums.md5, MD5_SIZE);
	md5_of(buf_str(&all), all.len, md5);
	hex_encode(md5, MD5_SIZE, hex);
	snprintf(out, S3_ETAG_SIZE, "%s-%zu", hex, count);
}

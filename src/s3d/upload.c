/* PutObject and CopyObject. */
#include "src/s3d/copy.h"
#include "src/s3d/headers.h"
#include "src/s3d/put.h"
#include "src/serve/range.h"
#include "src/serve/url.h"

static int take_put(struct call *c, struct genstore *st, struct put *p, struct found *ret_f)
{
	AUTO(buf_release) struct buf headers = BUF_INIT, tags = BUF_INIT;
	int r;

	if ((r = headers_take(c, &headers)) || (r = headers_take_tags(c, &tags)))
		return r;
	p->headers = buf_str(&headers);
	p->tags = tags.len ? buf_str(&tags) : NULL;
	return put_key(c, st, p, ret_f);
}

static int put(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(found_release) struct found f = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	struct put p = { .bucket = &b, .key = c->key, .fd = c->body.fd };
	char md5[2 * BODY_MD5 + 1], etag[128];
	int r;

	if ((r = call_borrow(c, CALL_WRITE, &l)) || (r = call_bucket(c, l.st, &b)))
		return r;
	hex_encode(c->body.md5_sum, BODY_MD5, md5);
	p.etag = md5;
	if ((r = take_put(c, l.st, &p, &f)))
		return r;
	snprintf(etag, sizeof(etag), "\"%s\"", f.etag ? f.etag : md5);
	return call_reply(c, 200, &(struct buf)BUF_INIT, (const struct reply_field[]){
		{ "ETag", etag }, { *c->body.checksum_text ? checksum_field(c->body.checksum.kind) : NULL, c->body.checksum_text }, { 0 } });
}

/* Where it comes from. */
struct source {
	struct buf text;
	const char *bucket, *key;
};

static int take_source(struct call *c, struct source *s)
{
	const char *given = call_header(c, "x-amz-copy-source");
	size_t n = strcspn(given, "?");
	char *slash;

	given += *given == '/';
	n = strcspn(given, "?");
	if (url_decode(given, n, false, &s->text) || !(slash = strchr(buf_str(&s->text), '/')) || !slash[1] || slash == buf_str(&s->text))
		return call_fail(c, S3_InvalidArgument, "x-amz-copy-source is BUCKET/KEY");
	if (given[n] && strcmp(given + n, "?versionId=null") != 0)
		return call_fail(c, S3_NotImplemented, "there are no versions");
	*slash = '\0';
	s->bucket = buf_str(&s->text);
	s->key = slash + 1;
	return 0;
}

/* x-amz-copy-source-if-*. */
static int source_condition(struct call *c, const struct found *f)
{
	const char *match = call_header(c, "x-amz-copy-source-if-match"), *none = call_header(c, "x-amz-copy-source-if-none-match"),
		   *since = call_header(c, "x-amz-copy-source-if-modified-since"), *unmodified = call_header(c, "x-amz-copy-source-if-unmodified-since");
	int64_t at = 0, when;

	clock_parse(f->stored_at, &at);
	if ((match && !etag_listed(match, f->etag, false)) || (none && etag_listed(none, f->etag, false)) ||
	    (!match && unmodified && !http_date_parse(unmodified, &when) && at > when) || (!none && since && !http_date_parse(since, &when) && at <= when))
		return call_fail(c, S3_PreconditionFailed, NULL);
	return 0;
}

static int find_source(struct call *c, struct genstore *st, const struct source *s, struct found *ret_f)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	int r = bucket_find(st, s->bucket, &b);

	if (r)
		return r == -ENOENT ? call_fail(c, S3_NoSuchBucket, NULL) : call_fail_store(c, r, st);
	if ((r = key_find(st, &b, s->key, ret_f)))
		return r == -ENOENT ? call_fail(c, S3_NoSuchKey, NULL) : call_fail_store(c, r, st);
	return source_condition(c, ret_f);
}

/* Fields and tags are those of the source, or new ones where that is said. */
static int take_copy(struct call *c, struct genstore *st, struct put *p, const struct found *from, struct found *ret_f)
{
	const char *directive = call_header(c, "x-amz-metadata-directive"), *tagging = call_header(c, "x-amz-tagging-directive");
	AUTO(buf_release) struct buf headers = BUF_INIT, tags = BUF_INIT;
	bool replaces = directive && !strcmp(directive, "REPLACE");
	int r;

	if (directive && !replaces && strcmp(directive, "COPY") != 0)
		return call_fail(c, S3_InvalidArgument, "x-amz-metadata-directive is COPY or REPLACE");
	p->headers = from->headers;
	p->tags = from->tags;
	if (replaces && (r = headers_take(c, &headers)))
		return r;
	if (replaces)
		p->headers = buf_str(&headers);
	if (tagging && !strcmp(tagging, "REPLACE")) {
		if ((r = headers_take_tags(c, &tags)))
			return r;
		p->tags = tags.len ? buf_str(&tags) : NULL;
	}
	return put_key(c, st, p, ret_f);
}

static int copy_from(struct call *c, struct genstore *st, const struct bucket *b, const struct found *from, struct found *ret_f)
{
	AUTO(bucket_parts_release) struct bucket_parts parts = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	struct put p = { .bucket = b, .key = c->key, .fd = -1, .etag = from->etag };
	char id[ID_REQUEST_MAX + 1];
	int r;

	/* Rows are enough, but for what is no object, or becomes none. */
	if (from->kind == KEY_OBJECT && !(b->is_shared && key_kind(c->key, id) != KEY_OBJECT)) {
		if ((r = bucket_object_parts(st, from->id, &parts)))
			return call_fail_store(c, r, st);
		p.parts = &parts;
	} else if ((r = found_open(st, from, &o))) {
		return call_fail_store(c, r, st);
	}
	p.from = o;
	p.size = o ? object_size(o) : 0;
	return take_copy(c, st, &p, from, ret_f);
}

int copy_source(struct call *c, struct genstore *st, struct found *ret_f)
{
	struct source s = { .bucket = NULL };
	const char *directive = call_header(c, "x-amz-metadata-directive");
	int r = take_source(c, &s);

	if (!r)
		r = find_source(c, st, &s, ret_f);
	if (!r && !call_query(c, "uploadId") && !strcmp(s.bucket, c->bucket) && !strcmp(s.key, c->key) && !(directive && !strcmp(directive, "REPLACE")))
		r = call_fail(c, S3_InvalidRequest, "an object is copied to itself with other fields only");
	buf_release(&s.text);
	return r;
}

static int copy(struct call *c)
{
	AUTO(found_release) struct found from = { 0 }, to = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r;

	if ((r = call_borrow(c, CALL_WRITE, &l)) || (r = call_bucket(c, l.st, &b)) || (r = copy_source(c, l.st, &from)) ||
	    (r = copy_from(c, l.st, &b, &from, &to)))
		return r;
	buf_adds(&xml, S3_XML "<CopyObjectResult" S3_NAMESPACE ">");
	xml_time(&xml, "LastModified", to.etag ? to.stored_at : from.stored_at);
	buf_addf(&xml, "<ETag>&quot;%s&quot;</ETag></CopyObjectResult>\n", to.etag ? to.etag : from.etag);
	return call_reply(c, 200, &xml, NULL);
}

const struct op put_ops[] = {
	{ "PUT", LEVEL_OBJECT, NULL, "x-amz-copy-source", copy, BODY_NONE },
	{ "PUT", LEVEL_OBJECT, NULL, NULL, put, BODY_FILE },
	{ 0 },
};

/* The service and its buckets. */
#include "src/s3d/call.h"
#include "src/sync/xml.h"

static int list_buckets(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT, after = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = call_borrow(c, CALL_READ, &l);

	if (r)
		return r;
	buf_adds(&xml, S3_XML "<ListAllMyBucketsResult" S3_NAMESPACE "><Owner>");
	xml_element(&xml, "ID", c->who.user_id);
	buf_adds(&xml, "</Owner><Buckets>");
	while ((r = bucket_next(l.st, buf_str(&after), &b)) > 0) {
		buf_adds(&xml, "<Bucket>");
		xml_element(&xml, "Name", b.name);
		xml_time(&xml, "CreationDate", b.created_at);
		buf_adds(&xml, "</Bucket>");
		buf_reset(&after);
		buf_adds(&after, b.name);
	}
	buf_adds(&xml, "</Buckets></ListAllMyBucketsResult>\n");
	return r ? call_fail_store(c, r, l.st) : call_reply(c, 200, &xml, NULL);
}

static int create_bucket(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(buf_release) struct buf place = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = call_borrow(c, CALL_WRITE, &l);

	if (r)
		return r;
	r = bucket_create(l.st, c->bucket);
	if (r == -EINVAL)
		return call_fail(c, S3_InvalidBucketName, NULL);
	if (r == -EEXIST)
		return call_fail(c, bucket_find(l.st, c->bucket, &b) ? S3_BucketAlreadyExists : S3_BucketAlreadyOwnedByYou, NULL);
	if (r)
		return call_fail_store(c, r, l.st);
	buf_addf(&place, "/%s", c->bucket);
	return call_reply(c, 200, &(struct buf)BUF_INIT, (const struct reply_field[]){ { "Location", buf_str(&place) }, { 0 } });
}

static int with_bucket(struct call *c, int use, struct loan *l, struct bucket *ret_b)
{
	int r = call_borrow(c, use, l);

	return r ? r : call_bucket(c, l->st, ret_b);
}

static int head_bucket(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = with_bucket(c, CALL_READ, &l, &b);

	return r ? r : call_reply(c, 200, &(struct buf)BUF_INIT, (const struct reply_field[]){ { "x-amz-bucket-region", "us-east-1" }, { 0 } });
}

static int delete_bucket(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = with_bucket(c, CALL_WRITE, &l, &b);

	if (r)
		return r;
	r = bucket_remove(l.st, &b);
	if (r == -ENOTEMPTY)
		return call_fail(c, S3_BucketNotEmpty, NULL);
	return r ? call_fail_store(c, r, l.st) : call_reply(c, 204, &(struct buf)BUF_INIT, NULL);
}

/* us-east-1 is told by saying nothing. */
static int location(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = with_bucket(c, CALL_READ, &l, &b);

	if (r)
		return r;
	buf_adds(&xml, S3_XML "<LocationConstraint" S3_NAMESPACE "/>\n");
	return call_reply(c, 200, &xml, NULL);
}

static int versioning(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = with_bucket(c, CALL_READ, &l, &b);

	if (r)
		return r;
	buf_adds(&xml, S3_XML "<VersioningConfiguration" S3_NAMESPACE "/>\n");
	return call_reply(c, 200, &xml, NULL);
}

const struct op service_ops[] = {
	{ "GET", LEVEL_SERVICE, NULL, NULL, list_buckets, BODY_NONE },
	{ 0 },
};
const struct op bucket_admin_ops[] = {
	{ "PUT", LEVEL_BUCKET, NULL, NULL, create_bucket, BODY_TEXT },
	{ "HEAD", LEVEL_BUCKET, NULL, NULL, head_bucket, BODY_NONE },
	{ "DELETE", LEVEL_BUCKET, NULL, NULL, delete_bucket, BODY_NONE },
	{ "GET", LEVEL_BUCKET, "location", NULL, location, BODY_NONE },
	{ "GET", LEVEL_BUCKET, "versioning", NULL, versioning, BODY_NONE },
	{ 0 },
};

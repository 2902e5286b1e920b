/* Uploads in parts: begun, filled, completed into an object, given up, listed. */
#include "src/s3d/copy.h"
#include "src/s3d/headers.h"
#include "src/s3d/put.h"
#include "src/serve/url.h"
#include "src/sync/xml.h"
#include "store/bucket_upload.h"

enum { TRIES = 5, LIST_MOST = 1000, PART_MIN = 5 << 20 };

/* The upload that the request names, in its bucket. */
static int find_upload(struct call *c, int use, struct loan *l, struct bucket *ret_b, struct bucket_upload *ret_u)
{
	int r;

	if ((r = call_borrow(c, use, l)) || (r = call_bucket(c, l->st, ret_b)))
		return r;
	r = bucket_upload_find(l->st, ret_b->id, c->key, call_query(c, "uploadId"), ret_u);
	return r == -ENOENT ? call_fail(c, S3_NoSuchUpload, NULL) : r ? call_fail_store(c, r, l->st) : 0;
}

static int begin(struct call *c)
{
	AUTO(buf_release) struct buf headers = BUF_INIT, tags = BUF_INIT, xml = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	struct bucket_upload u = { .key = (char *)(uintptr_t)c->key };
	char id[33];
	int r;

	if ((r = headers_take(c, &headers)) || (r = headers_take_tags(c, &tags)) || (r = call_borrow(c, CALL_WRITE, &l)) || (r = call_bucket(c, l.st, &b)))
		return r;
	u.bucket_id = b.id;
	u.headers = (char *)(uintptr_t)buf_str(&headers);
	u.tags = tags.len ? (char *)tags.data : NULL;
	TXN t = txn_begin(&l.st->db);

	if ((r = t.error) || (r = bucket_upload_begin(l.st, &u, id)) || (r = txn_commit(&t)))
		return call_fail_store(c, r, l.st);
	buf_adds(&xml, S3_XML "<InitiateMultipartUploadResult" S3_NAMESPACE ">");
	xml_element(&xml, "Bucket", c->bucket);
	xml_element(&xml, "Key", c->key);
	xml_element(&xml, "UploadId", id);
	buf_adds(&xml, "</InitiateMultipartUploadResult>\n");
	return call_reply(c, 200, &xml, NULL);
}

static int take_number(struct call *c, int64_t *ret_number)
{
	const char *text = call_query(c, "partNumber");

	*ret_number = text && strlen(text) <= 5 && strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : 0;
	if (*ret_number < 1 || *ret_number > BUCKET_PARTS_MAX)
		return call_fail(c, S3_InvalidArgument, "partNumber is from 1 to %d", BUCKET_PARTS_MAX);
	return 0;
}

static int try_part(struct genstore *st, int64_t upload, const struct put *p, int64_t number)
{
	AUTO(stage_freep) struct stage *stage = NULL;
	struct bucket_part part = { 0 };
	int64_t slot = -1;
	int r = put_stage(st, p, &stage, &part, &slot);

	if (r)
		return r;
	part.number = number;
	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = stage_flush(stage)) || (r = stage_content(stage, slot, &part.content_id)) ||
	    (r = bucket_upload_put(st, upload, &part, p->etag)))
		return r;
	return txn_commit(&t);
}

static int put_part(struct call *c, struct genstore *st, int64_t upload, const struct put *p, int64_t number)
{
	int r = -ESTALE;

	for (int i = 0; i < TRIES && r == -ESTALE; i++)
		r = try_part(st, upload, p, number);
	return r ? call_fail_store(c, r, st) : 0;
}

static int upload_part(struct call *c)
{
	AUTO(bucket_upload_release) struct bucket_upload u = { 0 };
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	char md5[2 * BODY_MD5 + 1], etag[2 * BODY_MD5 + 3];
	struct put p = { .bucket = &b, .etag = md5, .fd = c->body.fd };
	int64_t number;
	int r;

	hex_encode(c->body.md5_sum, BODY_MD5, md5);
	if ((r = take_number(c, &number)) || (r = find_upload(c, CALL_WRITE, &l, &b, &u)) || (r = put_part(c, l.st, u.id, &p, number)))
		return r;
	snprintf(etag, sizeof(etag), "\"%s\"", md5);
	return call_reply(c, 200, &(struct buf)BUF_INIT, (const struct reply_field[]){
		{ "ETag", etag }, { *c->body.checksum_text ? checksum_field(c->body.checksum.kind) : NULL, c->body.checksum_text }, { 0 } });
}

/* x-amz-copy-source-range: bytes=first-last, both said and there. */
static int take_range(struct call *c, int64_t size, int64_t *ret_from, int64_t *ret_size)
{
	const char *text = call_header(c, "x-amz-copy-source-range");
	long long first, last;
	int end = 0;

	*ret_from = 0;
	*ret_size = size;
	if (!text)
		return 0;
	if (sscanf(text, "bytes=%lld-%lld%n", &first, &last, &end) != 2 || text[end] || first < 0 || last < first)
		return call_fail(c, S3_InvalidArgument, "x-amz-copy-source-range is bytes=FIRST-LAST");
	if (last >= size)
		return call_fail(c, S3_InvalidRange, NULL);
	*ret_from = first;
	*ret_size = last - first + 1;
	return 0;
}

/* Read once for its MD5. */
static int md5_of(struct genstore *st, const struct put *p, char out[2 * BODY_MD5 + 1])
{
	enum { STEP = 1 << 20 };
	AUTO(body_close) struct body b = { .fd = -1 };
	AUTO(free_ptr) void *bytes = malloc(STEP);
	int64_t at = 0;
	ssize_t got = 1;
	int r = body_open(&b, NULL, 0);

	if (r || !bytes)
		return r ? r : -ENOMEM;
	while (at < p->size && (got = object_read(st, p->from, p->offset + at, (size_t)min_i64(STEP, p->size - at), bytes)) > 0) {
		EVP_DigestUpdate(b.md5, bytes, (size_t)got);
		at += got;
	}
	EVP_DigestFinal_ex(b.md5, b.md5_sum, NULL);
	hex_encode(b.md5_sum, BODY_MD5, out);
	return got < 0 ? (int)got : 0;
}

static int copy_part(struct call *c)
{
	AUTO(bucket_upload_release) struct bucket_upload u = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(found_release) struct found from = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	char md5[2 * BODY_MD5 + 1], now[CLOCK_TEXT];
	struct put p = { .bucket = &b, .etag = md5, .fd = -1 };
	int64_t number;
	int r;

	if ((r = take_number(c, &number)) || (r = find_upload(c, CALL_WRITE, &l, &b, &u)) || (r = copy_source(c, l.st, &from)))
		return r;
	if ((r = found_open(l.st, &from, &o)))
		return call_fail_store(c, r, l.st);
	p.from = o;
	if ((r = take_range(c, from.size, &p.offset, &p.size)))
		return r;
	if ((r = md5_of(l.st, &p, md5)))
		return call_fail_store(c, r, l.st);
	if ((r = put_part(c, l.st, u.id, &p, number)))
		return r;
	store_now(l.st, now);
	buf_adds(&xml, S3_XML "<CopyPartResult" S3_NAMESPACE ">");
	xml_time(&xml, "LastModified", now);
	buf_addf(&xml, "<ETag>&quot;%s&quot;</ETag></CopyPartResult>\n", md5);
	return call_reply(c, 200, &xml, NULL);
}

static int give_up(struct call *c)
{
	AUTO(bucket_upload_release) struct bucket_upload u = { 0 };
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = find_upload(c, CALL_WRITE, &l, &b, &u);

	if (r)
		return r;
	TXN t = txn_begin(&l.st->db);

	if ((r = t.error) || (r = bucket_upload_end(l.st, u.id)) || (r = txn_commit(&t)))
		return call_fail_store(c, r, l.st);
	return call_reply(c, 204, &(struct buf)BUF_INIT, NULL);
}

/* <CompleteMultipartUpload>: numbers and entity tags, as they are said. */
struct named { int64_t number; char etag[40]; };
struct names {
	struct named *list, now;
	size_t count;
	bool has_number, has_etag;
};

static int take_name(void *arg, const char *path, const char *text)
{
	struct names *n = arg;
	size_t length = strlen(text);

	if (!strcmp(path, "CompleteMultipartUpload/Part/PartNumber")) {
		n->now.number = strtoll(text, NULL, 10);
		n->has_number = true;
	} else if (!strcmp(path, "CompleteMultipartUpload/Part/ETag")) {
		snprintf(n->now.etag, sizeof(n->now.etag), "%.*s", (int)(length >= 2 && *text == '"' ? length - 2 : length), *text == '"' ? text + 1 : text);
		n->has_etag = true;
	} else if (!strcmp(path, "CompleteMultipartUpload/Part")) {
		if (!n->has_number || !n->has_etag || n->count == BUCKET_PARTS_MAX)
			return -EPROTO;
		n->list[n->count++] = n->now;
		n->has_number = n->has_etag = false;
	}
	return 0;
}

/* Compared with what came; *etag is that of the whole. */
static int check_parts(struct call *c, struct genstore *st, int64_t upload, const struct names *n, struct bucket_parts *parts, char etag[48])
{
	AUTO(body_close) struct body sum = { .fd = -1 };
	uint8_t md5[BODY_MD5];
	char hex[2 * BODY_MD5 + 1];
	int r = body_open(&sum, NULL, 0);

	for (size_t i = 0; i < n->count && !r; i++) {
		struct bucket_upload_part p;

		if ((r = bucket_upload_part_next(st, upload, n->list[i].number - 1, &p)) < 0)
			return call_fail_store(c, r, st);
		if (!r || p.part.number != n->list[i].number || strcmp(p.etag, n->list[i].etag) != 0 || hex_decode(p.etag, BODY_MD5, md5))
			return call_fail(c, S3_InvalidPart, NULL);
		if (i + 1 < n->count && p.part.size < PART_MIN)
			return call_fail(c, S3_EntityTooSmall, NULL);
		EVP_DigestUpdate(sum.md5, md5, sizeof(md5));
		r = bucket_parts_add(parts, &p.part);
	}
	if (r)
		return r;
	EVP_DigestFinal_ex(sum.md5, sum.md5_sum, NULL);
	hex_encode(sum.md5_sum, BODY_MD5, hex);
	snprintf(etag, 48, "%s-%zu", hex, n->count);
	return 0;
}

static int parse_names(struct call *c, struct names *n)
{
	int r;

	if (!(n->list = calloc(BUCKET_PARTS_MAX, sizeof(*n->list))))
		return -ENOMEM;
	r = xml_each(buf_str(&c->body.text), c->body.text.len, take_name, n);
	if (r || !n->count)
		return r == -ENOMEM ? r : call_fail(c, S3_MalformedXML, NULL);
	for (size_t i = 1; i < n->count; i++)
		if (n->list[i].number <= n->list[i - 1].number)
			return call_fail(c, S3_InvalidPartOrder, NULL);
	return 0;
}

/* The object and the end of the upload: what becomes of a generation is made first, and is the same if it is made again. */
static int complete_with(struct call *c, struct genstore *st, const struct bucket *b, const struct bucket_upload *u, const struct names *n, char etag[48],
			 struct found *ret_f)
{
	AUTO(bucket_parts_release) struct bucket_parts parts = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	struct put p = { .bucket = b, .key = c->key, .headers = u->headers, .tags = u->tags, .fd = -1, .etag = etag, .upload = u->id };
	char id[ID_REQUEST_MAX + 1];
	int r = check_parts(c, st, u->id, n, &parts, etag);

	if (r)
		return r;
	p.parts = &parts;
	if (b->is_shared && key_kind(c->key, id) != KEY_OBJECT) {
		if ((r = bucket_parts_open(st, &parts, &o)))
			return call_fail_store(c, r, st);
		p.from = o;
		p.size = object_size(o);
	}
	return put_key(c, st, &p, ret_f);
}

static int complete(struct call *c)
{
	AUTO(bucket_upload_release) struct bucket_upload u = { 0 };
	AUTO(found_release) struct found f = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	struct names n = { .count = 0 };
	char etag[48] = "";
	int r = find_upload(c, CALL_WRITE, &l, &b, &u);

	if (!r && !(r = parse_names(c, &n)))
		r = complete_with(c, l.st, &b, &u, &n, etag, &f);
	free(n.list);
	if (r)
		return r;
	buf_adds(&xml, S3_XML "<CompleteMultipartUploadResult" S3_NAMESPACE ">");
	buf_addf(&xml, "<Location>http://%s", call_header(c, "Host"));
	url_encode_path(&xml, buf_str(&c->path));
	buf_adds(&xml, "</Location>");
	xml_element(&xml, "Bucket", c->bucket);
	xml_element(&xml, "Key", c->key);
	buf_addf(&xml, "<ETag>&quot;%s&quot;</ETag></CompleteMultipartUploadResult>\n", f.etag ? f.etag : etag);
	return call_reply(c, 200, &xml, NULL);
}

/* A number of the query, or what it is otherwise. */
static int64_t number_of(const struct call *c, const char *name, int64_t otherwise)
{
	const char *text = call_query(c, name);

	return text && *text && strlen(text) < 10 && strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : otherwise;
}

static int list_parts(struct call *c)
{
	AUTO(bucket_upload_release) struct bucket_upload u = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT, parts = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int64_t most = min_i64(number_of(c, "max-parts", LIST_MOST), LIST_MOST), after = number_of(c, "part-number-marker", 0), last = after, count = 0;
	struct bucket_upload_part p;
	int r = find_upload(c, CALL_READ, &l, &b, &u);

	if (r)
		return r;
	while ((r = bucket_upload_part_next(l.st, u.id, last, &p)) > 0 && count++ < most) {
		buf_adds(&parts, "<Part>");
		xml_number(&parts, "PartNumber", last = p.part.number);
		xml_time(&parts, "LastModified", p.stored_at);
		buf_addf(&parts, "<ETag>&quot;%s&quot;</ETag>", p.etag);
		xml_number(&parts, "Size", p.part.size);
		buf_adds(&parts, "</Part>");
	}
	if (r < 0)
		return call_fail_store(c, r, l.st);
	buf_adds(&xml, S3_XML "<ListPartsResult" S3_NAMESPACE ">");
	xml_element(&xml, "Bucket", c->bucket);
	xml_element(&xml, "Key", c->key);
	xml_element(&xml, "UploadId", u.upload_id);
	xml_number(&xml, "PartNumberMarker", after);
	xml_number(&xml, "NextPartNumberMarker", last);
	xml_number(&xml, "MaxParts", most);
	buf_addf(&xml, "<IsTruncated>%s</IsTruncated>", r ? "true" : "false");
	buf_add(&xml, buf_str(&parts), parts.len);
	buf_adds(&xml, "</ListPartsResult>\n");
	return call_reply(c, 200, &xml, NULL);
}

static void add_upload(struct buf *xml, const struct bucket_upload *u)
{
	buf_adds(xml, "<Upload>");
	xml_element(xml, "Key", u->key);
	xml_element(xml, "UploadId", u->upload_id);
	xml_time(xml, "Initiated", u->created_at);
	buf_adds(xml, "<StorageClass>STANDARD</StorageClass></Upload>");
}

/* Behind a key, or behind an upload of it. */
static int list_uploads(struct call *c)
{
	AUTO(bucket_upload_release) struct bucket_upload u = { 0 };
	AUTO(buf_release) struct buf xml = BUF_INIT, list = BUF_INIT, key = BUF_INIT, last_id = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	const char *prefix = call_query(c, "prefix"), *marker = call_query(c, "key-marker"), *id_marker = call_query(c, "upload-id-marker");
	int64_t most = min_i64(number_of(c, "max-uploads", LIST_MOST), LIST_MOST), count = 0, id = INT64_MAX;
	int r;

	if ((r = call_borrow(c, CALL_READ, &l)) || (r = call_bucket(c, l.st, &b)))
		return r;
	if (marker && id_marker && *id_marker && !bucket_upload_find(l.st, b.id, marker, id_marker, &u))
		id = u.id;
	buf_adds(&key, marker ? marker : "");
	while ((r = bucket_upload_next(l.st, b.id, buf_str(&key), id, &u)) > 0) {
		bool is_wanted = !prefix || !strncmp(u.key, prefix, strlen(prefix));

		if (is_wanted && count++ == most)
			break;
		if (is_wanted)
			add_upload(&list, &u);
		buf_reset(&key);
		buf_adds(&key, u.key);
		buf_reset(&last_id);
		buf_adds(&last_id, u.upload_id);
		id = u.id;
	}
	if (r < 0)
		return call_fail_store(c, r, l.st);
	buf_adds(&xml, S3_XML "<ListMultipartUploadsResult" S3_NAMESPACE ">");
	xml_element(&xml, "Bucket", c->bucket);
	xml_element(&xml, "KeyMarker", marker ? marker : "");
	xml_element(&xml, "Prefix", prefix ? prefix : "");
	xml_element(&xml, "NextKeyMarker", buf_str(&key));
	xml_element(&xml, "NextUploadIdMarker", buf_str(&last_id));
	xml_number(&xml, "MaxUploads", most);
	buf_addf(&xml, "<IsTruncated>%s</IsTruncated>", r ? "true" : "false");
	buf_add(&xml, buf_str(&list), list.len);
	buf_adds(&xml, "</ListMultipartUploadsResult>\n");
	return call_reply(c, 200, &xml, NULL);
}

const struct op multipart_ops[] = {
	{ "POST", LEVEL_OBJECT, "uploads", NULL, begin, BODY_NONE },
	{ "PUT", LEVEL_OBJECT, "uploadId", "x-amz-copy-source", copy_part, BODY_NONE },
	{ "PUT", LEVEL_OBJECT, "uploadId", NULL, upload_part, BODY_FILE },
	{ "POST", LEVEL_OBJECT, "uploadId", NULL, complete, BODY_TEXT },
	{ "DELETE", LEVEL_OBJECT, "uploadId", NULL, give_up, BODY_NONE },
	{ "GET", LEVEL_OBJECT, "uploadId", NULL, list_parts, BODY_NONE },
	{ "GET", LEVEL_BUCKET, "uploads", NULL, list_uploads, BODY_NONE },
	{ 0 },
};

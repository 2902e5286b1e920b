/* Keys of a bucket: ListObjects in its first and second version, and ?versions, in which every object has the one version `null`. */
#include "src/s3d/keys.h"
#include "src/serve/url.h"

enum { KEYS_MOST = 1000 };

enum form { FORM_1, FORM_2, FORM_VERSIONS };

struct list {
	struct call *c;
	enum form form;
	const char *prefix, *delimiter, *after; /* "" where there is none */
	bool encode;
	int64_t most, count;
	struct buf contents, prefixes, last; /* the last key or prefix that was told */
	bool more;
};

static void list_release(struct list *l)
{
	buf_release(&l->contents);
	buf_release(&l->prefixes);
	buf_release(&l->last);
}

static void add_name(const struct list *l, struct buf *out, const char *element, const char *text)
{
	AUTO(buf_release) struct buf encoded = BUF_INIT;

	if (l->encode)
		url_encode_path(&encoded, text);
	xml_element(out, element, l->encode ? buf_str(&encoded) : text);
}

static void add_key(struct list *l, const struct found *f)
{
	const char *element = l->form == FORM_VERSIONS ? "Version" : "Contents";

	buf_addf(&l->contents, "<%s>", element);
	add_name(l, &l->contents, "Key", f->key);
	if (l->form == FORM_VERSIONS)
		buf_adds(&l->contents, "<VersionId>null</VersionId><IsLatest>true</IsLatest>");
	xml_time(&l->contents, "LastModified", f->stored_at);
	buf_addf(&l->contents, "<ETag>&quot;%s&quot;</ETag>", f->etag);
	xml_number(&l->contents, "Size", f->size);
	if (l->form != FORM_2 || call_query(l->c, "fetch-owner"))
		buf_addf(&l->contents, "<Owner><ID>%s</ID></Owner>", l->c->who.user_id);
	buf_addf(&l->contents, "<StorageClass>STANDARD</StorageClass></%s>", element);
}

/* How much of a key is the prefix that it is told as; 0: it is told itself. */
static size_t folded(const struct list *l, const char *key)
{
	const char *at = *l->delimiter ? strstr(key + strlen(l->prefix), l->delimiter) : NULL;

	return at ? (size_t)(at - key) + strlen(l->delimiter) : 0;
}

/* Where to go on: behind the key, or behind all that begin with the prefix (no key has the byte 0xff). */
static int set_last(struct list *l, struct buf *from, const char *text, size_t n, bool is_prefix)
{
	buf_reset(&l->last);
	buf_add(&l->last, text, n);
	buf_reset(from);
	buf_add(from, text, n);
	if (is_prefix)
		buf_addc(from, 0xff);
	return buf_error(from) ? buf_error(from) : buf_error(&l->last);
}

static int take(struct list *l, const struct found *f, struct buf *from)
{
	size_t n = folded(l, f->key);
	AUTO(free_ptr) char *prefix = NULL;

	l->count++;
	if (!n) {
		add_key(l, f);
		return set_last(l, from, f->key, strlen(f->key), false);
	}
	if (!(prefix = strndup(f->key, n)))
		return -ENOMEM;
	buf_adds(&l->prefixes, "<CommonPrefixes>");
	add_name(l, &l->prefixes, "Prefix", prefix);
	buf_adds(&l->prefixes, "</CommonPrefixes>");
	return set_last(l, from, prefix, n, true);
}

/* A marker that ends where a prefix does was given for all that begin with it. */
static bool is_told_prefix(const struct list *l)
{
	size_t n = strlen(l->after), p = strlen(l->prefix), d = strlen(l->delimiter);

	return d && n >= p + d && !strncmp(l->after, l->prefix, p) && !strcmp(l->after + n - d, l->delimiter) &&
	       strstr(l->after + p, l->delimiter) == l->after + n - d;
}

static int walk(struct list *l, struct genstore *st, const struct bucket *b)
{
	AUTO(buf_release) struct buf from = BUF_INIT;
	AUTO(found_release) struct found f = { 0 };
	bool or_at = strcmp(l->prefix, l->after) > 0;
	TXN t = txn_begin_read(&st->db);
	int r = t.error;

	buf_adds(&from, or_at ? l->prefix : l->after);
	if (!or_at && is_told_prefix(l))
		buf_addc(&from, 0xff);
	if (!*l->prefix && !*l->after)
		or_at = true;
	while (!r && (r = key_next(st, b, buf_str(&from), or_at, &f)) > 0) {
		if (strncmp(f.key, l->prefix, strlen(l->prefix)) != 0)
			return 0;
		if ((l->more = l->count == l->most))
			return 0;
		r = take(l, &f, &from);
		or_at = false;
	}
	return r;
}

static void write_head(struct list *l, struct buf *xml)
{
	static const char *const names[] = { "ListBucketResult", "ListBucketResult", "ListVersionsResult" };

	buf_addf(xml, S3_XML "<%s" S3_NAMESPACE ">", names[l->form]);
	xml_element(xml, "Name", l->c->bucket);
	add_name(l, xml, "Prefix", l->prefix);
	if (*l->delimiter)
		add_name(l, xml, "Delimiter", l->delimiter);
	xml_number(xml, "MaxKeys", l->most);
	if (l->encode)
		buf_adds(xml, "<EncodingType>url</EncodingType>");
	buf_addf(xml, "<IsTruncated>%s</IsTruncated>", l->more && l->most ? "true" : "false");
}

/* A token is the hex of the key behind which it goes on: opaque, and XML can have it. */
static void write_paging(struct list *l, struct buf *xml)
{
	const char *token = call_query(l->c, "continuation-token"), *start = call_query(l->c, "start-after");
	bool more = l->more && l->most;

	if (l->form == FORM_1) {
		add_name(l, xml, "Marker", l->after);
		if (more)
			add_name(l, xml, "NextMarker", buf_str(&l->last));
		return;
	}
	if (l->form == FORM_VERSIONS) {
		add_name(l, xml, "KeyMarker", l->after);
		if (more)
			add_name(l, xml, "NextKeyMarker", buf_str(&l->last));
		return;
	}
	xml_number(xml, "KeyCount", l->count);
	if (token)
		xml_element(xml, "ContinuationToken", token);
	if (start)
		add_name(l, xml, "StartAfter", start);
	if (!more)
		return;
	buf_adds(xml, "<NextContinuationToken>");
	for (size_t i = 0; i < l->last.len; i++)
		buf_addf(xml, "%02x", l->last.data[i]);
	buf_adds(xml, "</NextContinuationToken>");
}

static int parse_token(const char *token, struct buf *out)
{
	uint8_t byte;

	if (strlen(token) % 2)
		return -EINVAL;
	for (; *token; token += 2) {
		if (hex_decode(token, 1, &byte) || !byte)
			return -EINVAL;
		buf_addc(out, byte);
	}
	return buf_error(out);
}

static int parse(struct list *l, struct buf *token)
{
	static const char *const markers[] = { "marker", "start-after", "key-marker" };
	const char *most = call_query(l->c, "max-keys"), *given = l->form == FORM_2 ? call_query(l->c, "continuation-token") : NULL,
		   *encoding = call_query(l->c, "encoding-type");
	struct { const char **into, *name; } texts[] = { { &l->prefix, "prefix" }, { &l->delimiter, "delimiter" }, { &l->after, markers[l->form] } };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!(*texts[i].into = call_query(l->c, texts[i].name)))
			*texts[i].into = "";
	if (most && *most && (strlen(most) > 10 || strspn(most, "0123456789") != strlen(most)))
		return call_fail(l->c, S3_InvalidArgument, "max-keys is a number from 0 on");
	l->most = most && *most ? min_i64(strtoll(most, NULL, 10), KEYS_MOST) : KEYS_MOST;
	if (encoding && *encoding && strcmp(encoding, "url") != 0)
		return call_fail(l->c, S3_InvalidArgument, "encoding-type is url");
	l->encode = encoding && *encoding;
	if (!given)
		return 0;
	if (!*given || parse_token(given, token))
		return call_fail(l->c, S3_InvalidArgument, "the continuation token is none of this server");
	l->after = buf_str(token);
	return 0;
}

static int list(struct call *c, enum form form)
{
	static const char *const ends[] = { "</ListBucketResult>\n", "</ListBucketResult>\n", "</ListVersionsResult>\n" };
	AUTO(list_release) struct list l = { .c = c, .form = form };
	AUTO(buf_release) struct buf xml = BUF_INIT, token = BUF_INIT;
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(loan_end) struct loan loan = { 0 };
	int r;

	if ((r = parse(&l, &token)) || (r = call_borrow(c, CALL_READ, &loan)) || (r = call_bucket(c, loan.st, &b)))
		return r;
	if ((r = walk(&l, loan.st, &b)))
		return call_fail_store(c, r, loan.st);
	write_head(&l, &xml);
	write_paging(&l, &xml);
	buf_add(&xml, buf_str(&l.contents), l.contents.len);
	buf_add(&xml, buf_str(&l.prefixes), l.prefixes.len);
	buf_adds(&xml, ends[form]);
	return call_reply(c, 200, &xml, NULL);
}

static int list_1_or_2(struct call *c)
{
	const char *type = call_query(c, "list-type");

	return list(c, type && !strcmp(type, "2") ? FORM_2 : FORM_1);
}

static int list_versions(struct call *c)
{
	return list(c, FORM_VERSIONS);
}

const struct op list_ops[] = {
	{ "GET", LEVEL_BUCKET, "versions", NULL, list_versions, BODY_NONE },
	{ "GET", LEVEL_BUCKET, NULL, NULL, list_1_or_2, BODY_NONE },
	{ 0 },
};

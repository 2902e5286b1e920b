/* The way of a request: taken apart, signed by whom, which operation, its body, its answer. */
#include "src/s3d/call.h"
#include "src/serve/url.h"
#include "store/base/id.h"

#include <stdarg.h>
#include <strings.h>
#include <sys/random.h>

static struct call *call_of(const struct request *q)
{
	return q->own;
}

static void add_pair(struct call_pairs *p)
{
	buf_addc(&p->text, '\0');
}

/* Texts were added name by value: now that the buffer stays where it is, they are found. */
static int find_pairs(struct call_pairs *p, size_t count)
{
	const char *at = buf_str(&p->text);

	if (buf_error(&p->text))
		return buf_error(&p->text);
	for (p->count = 0; p->count < count; p->count++) {
		p->list[p->count].name = at;
		p->list[p->count].value = at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	return 0;
}

static int parse_query(struct call *c)
{
	const char *at = c->q->path + strcspn(c->q->path, "?");
	size_t count = 0;
	int r;

	while (*at) {
		size_t n = strcspn(++at, "&"), name = strcspn(at, "=&");

		if (n && count++ == SIGV4_PAIRS_MAX)
			return -E2BIG;
		if (n) {
			if ((r = url_decode(at, name, true, &c->query.text)))
				return r;
			add_pair(&c->query);
			if (name < n && (r = url_decode(at + name + 1, n - name - 1, true, &c->query.text)))
				return r;
			add_pair(&c->query);
		}
		at += n;
	}
	return find_pairs(&c->query, count);
}

struct gather { struct call *c; size_t count; };

static enum MHD_Result take_header(void *arg, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
	struct gather *g = arg;

	if (g->count++ == SIGV4_PAIRS_MAX)
		return MHD_NO;
	buf_adds(&g->c->headers.text, name);
	add_pair(&g->c->headers);
	buf_adds(&g->c->headers.text, value ? value : "");
	add_pair(&g->c->headers);
	return MHD_YES;
}

static int parse_headers(struct call *c)
{
	struct gather g = { .c = c };

	request_headers(c->q, take_header, &g);
	return g.count > SIGV4_PAIRS_MAX ? -E2BIG : find_pairs(&c->headers, g.count);
}

static int parse_path(struct call *c)
{
	size_t n = strcspn(c->q->path, "?");
	const char *path, *slash;
	int r;

	if ((r = url_decode(c->q->path, n, false, &c->path)))
		return r;
	path = buf_str(&c->path);
	if (*path++ != '/')
		return -EINVAL;
	slash = strchr(path, '/');
	buf_add(&c->bucket_name, path, slash ? (size_t)(slash - path) : c->path.len - 1);
	c->bucket = buf_str(&c->bucket_name);
	c->key = slash ? slash + 1 : "";
	return buf_error(&c->bucket_name);
}

const char *call_query(const struct call *c, const char *name)
{
	for (size_t i = 0; i < c->query.count; i++)
		if (!strcmp(c->query.list[i].name, name))
			return c->query.list[i].value;
	return NULL;
}

const char *call_header(const struct call *c, const char *name)
{
	for (size_t i = 0; i < c->headers.count; i++)
		if (!strcasecmp(c->headers.list[i].name, name))
			return c->headers.list[i].value;
	return NULL;
}

bool call_is_main(const struct call *c, const char *bucket)
{
	return !strcmp(bucket, c->s->bucket);
}

/* What is not here, and changes what a request means: to be told rather than passed over. */
static bool is_foreign(const struct call *c)
{
	static const char *const names[] = {
		"accelerate", "acl", "analytics", "cors", "encryption", "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "logging",
		"metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "replication",
		"requestPayment", "restore", "retention", "select", "torrent", "versioning", "website", "versions", "versionId", "attributes",
		"tagging", "uploads", "uploadId", "delete", "location",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (call_query(c, names[i]))
			return true;
	return false;
}

static bool fits(const struct call *c, const struct op *op)
{
	enum op_level level = *c->key ? LEVEL_OBJECT : *c->bucket ? LEVEL_BUCKET : LEVEL_SERVICE;

	return op->level == level && !strcmp(op->method, c->q->method) && (op->query ? !!call_query(c, op->query) : !is_foreign(c)) &&
	       (!op->header || call_header(c, op->header));
}

static int find_op(struct call *c)
{
#define TABLE(name) name,
	static const struct op *const tables[] = { CALL_OPS(TABLE) };
#undef TABLE

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct op *op = tables[i]; op->method; op++)
			if (fits(c, op)) {
				c->op = op;
				return 0;
			}
	return is_foreign(c) ? call_fail(c, S3_NotImplemented, NULL) : call_fail(c, S3_MethodNotAllowed, NULL);
}

static int parse(struct call *c)
{
	int r = parse_headers(c);

	if (!r)
		r = parse_query(c);
	if (!r)
		r = parse_path(c);
	return r == -EINVAL || r == -E2BIG ? call_fail(c, S3_InvalidURI, NULL) : r;
}

/* A checksum in the head, or announced for behind the body. */
static int take_checksum(struct call *c)
{
	const char *trailer = call_header(c, "x-amz-trailer"), *algorithm = call_header(c, "x-amz-sdk-checksum-algorithm");
	enum checksum_kind kind = CHECKSUM_NONE;

	/* That of an upload's end is of all its parts. */
	for (size_t i = 0; i < c->headers.count && !(c->op->body == BODY_TEXT && call_query(c, "uploadId")); i++) {
		enum checksum_kind this = checksum_by_field(c->headers.list[i].name);

		if (this == CHECKSUM_NONE)
			continue;
		if (kind != CHECKSUM_NONE || strlen(c->headers.list[i].value) >= CHECKSUM_TEXT)
			return call_fail(c, S3_InvalidRequest, "there is one checksum, in base64");
		kind = this;
		snprintf(c->body.want_checksum, CHECKSUM_TEXT, "%s", c->headers.list[i].value);
	}
	if (trailer && c->is_chunked) {
		if (kind != CHECKSUM_NONE || (kind = c->chunked.trailer = checksum_by_field(trailer)) == CHECKSUM_NONE)
			return call_fail(c, S3_InvalidRequest, "x-amz-trailer names one checksum");
	} else if (kind == CHECKSUM_NONE && algorithm && c->op->body != BODY_TEXT) {
		kind = checksum_by_algorithm(algorithm);
	}
	checksum_init(&c->body.checksum, kind);
	return 0;
}

static int open_body(struct call *c)
{
	const char *md5 = call_header(c, "Content-MD5"), *length = call_header(c, "Content-Length");
	bool is_file = c->op->body == BODY_FILE;
	char want[HEX_SHA256_SIZE];
	int r;

	memcpy(want, c->body.want_sha256, sizeof(want));
	if ((r = body_open(&c->body, is_file ? c->s->o.store : NULL, is_file ? CALL_OBJECT_MAX : c->op->body == BODY_TEXT ? CALL_XML_MAX : SERVER_BODY_MAX)))
		return call_fail(c, S3_ServiceUnavailable, "a body cannot be kept: %s", strerror(-r));
	c->has_body = true;
	memcpy(c->body.want_sha256, want, sizeof(want));
	if (md5 && !body_expect_md5(&c->body, md5))
		return call_fail(c, S3_InvalidDigest, NULL);
	if (c->is_chunked && call_header(c, "x-amz-decoded-content-length"))
		length = call_header(c, "x-amz-decoded-content-length");
	if (length && strtoll(length, NULL, 10) > c->body.most)
		return call_fail(c, S3_EntityTooLarge, NULL);
	c->chunked.length = length && c->is_chunked ? strtoll(length, NULL, 10) : -1;
	return take_checksum(c);
}

static int examine(struct call *c)
{
	int r;

	if ((r = parse(c)) || (r = call_authenticate(c)))
		return r;
	if (*c->bucket && strlen(c->key) > BUCKET_KEY_MAX)
		return call_fail(c, S3_KeyTooLongError, NULL);
	return (r = find_op(c)) ? r : open_body(c);
}

static int call_new(struct request *q)
{
	struct call *c = calloc(1, sizeof(*c));
	uint64_t id = 0;

	if (!c)
		return -ENOMEM;
	q->own = c;
	c->q = q;
	c->s = request_app(q);
	c->body.fd = -1;
	c->bucket = c->key = "";
	if (getrandom(&id, sizeof(id), 0) < 0)
		return -errno;
	snprintf(c->id, sizeof(c->id), "%016llX", (unsigned long long)id);
	return 0;
}

int call_head(struct request *q)
{
	int r = call_new(q);

	return r ? r : (r = examine(call_of(q))) < 0 ? r : 0;
}

int call_refuse(struct request *q, int status, const char *why)
{
	int r = call_new(q);

	if (!r)
		r = call_fail(call_of(q), status == 403 ? S3_AccessDenied : S3_InvalidRequest, "%s", why);
	return r < 0 ? r : 0;
}

/* What is refused already is read to a point, so that the answer reaches a client that is still sending. */
int call_body(struct request *q, const char *data, size_t n)
{
	struct call *c = call_of(q);

	if (c->refused || !c->has_body)
		return q->body > SERVER_BODY_MAX ? -EFBIG : 0;
	if (c->body.error)
		return q->body - c->body.size > SERVER_BODY_MAX ? -EFBIG : 0;
	return c->is_chunked ? chunked_add(&c->chunked, &c->body, data, n) : body_add(&c->body, data, n);
}

int call_end(struct request *q)
{
	struct call *c = call_of(q);
	int r;

	if (!c->refused && c->has_body && c->is_chunked)
		chunked_end(&c->chunked, &c->body);
	if (!c->refused && c->has_body)
		c->refused = body_end(&c->body);
	if (c->refused)
		r = call_fail(c, (enum s3_code)(c->refused - s3_error(0)), *c->words ? "%s" : NULL, c->words);
	else
		r = c->op->run(c);
	return r < 0 ? r : 0;
}

void call_over(struct request *q)
{
	struct call *c = call_of(q);

	if (!c)
		return;
	body_close(&c->body);
	chunked_release(&c->chunked);
	buf_release(&c->query.text);
	buf_release(&c->headers.text);
	buf_release(&c->path);
	buf_release(&c->bucket_name);
	free(c);
	q->own = NULL;
}

int call_borrow(struct call *c, int use, struct loan *l)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r;

	l->subject = c->who;
	l->pool = c->s->limited[use];
	if (!(r = loan_begin(l, &why)))
		return 0;
	return r == -EBUSY ? call_fail(c, S3_ServiceUnavailable, "%s", buf_str(&why)) : call_fail(c, S3_InternalError, "%s", buf_str(&why));
}

int call_bucket(struct call *c, struct genstore *st, struct bucket *ret_b)
{
	int r = bucket_find(st, c->bucket, ret_b);

	return r == -ENOENT ? call_fail(c, S3_NoSuchBucket, NULL) : r ? call_fail_store(c, r, st) : 0;
}

/* Who waits for "100 Continue" is told at once, and sends nothing; who is sending is heard first. */
static bool has_time(const struct call *c)
{
	const char *length = call_header(c, "Content-Length");

	return c->q->is_early && !call_header(c, "Expect") && !(length && strtoll(length, NULL, 10) > SERVER_BODY_MAX);
}

int call_fail(struct call *c, enum s3_code code, const char *fmt, ...)
{
	AUTO(buf_release) struct buf xml = BUF_INIT;
	const struct s3_error *e = s3_error(code);
	char words[sizeof(c->words)] = "";
	va_list ap;
	int r;

	if (fmt) {
		va_start(ap, fmt);
		vsnprintf(words, sizeof(words), fmt, ap);
		va_end(ap);
	}
	if (has_time(c)) {
		c->refused = e;
		memcpy(c->words, words, sizeof(words));
		return 1;
	}
	if ((r = s3_error_xml(e, words, buf_str(&c->path), c->id, &xml)))
		return r;
	return call_reply(c, e->status, &xml, NULL);
}

int call_fail_store(struct call *c, int r, const struct genstore *st)
{
	static const struct { int error; enum s3_code code; } table[] = {
		{ ENOENT, S3_NoSuchKey }, { EPERM, S3_AccessDenied }, { EINVAL, S3_InvalidArgument }, { EBUSY, S3_ServiceUnavailable },
		{ ESTALE, S3_ServiceUnavailable }, { EFBIG, S3_EntityTooLarge }, { ENOSPC, S3_ServiceUnavailable }, { EEXIST, S3_AccessDenied },
		{ ENAMETOOLONG, S3_KeyTooLongError }, { EREMOTE, S3_ServiceUnavailable },
	};
	const char *words = st ? genstore_errmsg(st) : "";

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].error == -r)
			return call_fail(c, table[i].code, *words ? "%s" : NULL, words);
	return call_fail(c, S3_InternalError, "%s", *words ? words : strerror(-r));
}

enum { FIELDS_MAX = 48 };

/* Those of every answer, and more. */
static void fields_of(const struct call *c, const struct reply_field *more, struct reply_field out[FIELDS_MAX])
{
	size_t n = 0;

	out[n++] = (struct reply_field){ "x-amz-request-id", c->id };
	out[n++] = (struct reply_field){ "Server", "genstore" };
	for (; more && more->name && n < FIELDS_MAX - 1; more++)
		out[n++] = *more;
	out[n] = (struct reply_field){ 0 };
}

int call_reply(struct call *c, int status, const struct buf *xml, const struct reply_field *more)
{
	struct reply_field fields[FIELDS_MAX];
	int r;

	fields_of(c, more, fields);
	r = reply_text(c->q, status, xml->len ? "application/xml" : NULL, xml, fields);
	return r ? r : 1;
}

int call_reply_part(struct call *c, int status, struct object *o, int64_t from, int64_t size, const struct reply_field *more)
{
	struct reply_field fields[FIELDS_MAX];
	int r;

	fields_of(c, more, fields);
	r = reply_part(c->q, status, o, c->s->pools[CALL_READ], from, size, fields);
	return r ? r : 1;
}

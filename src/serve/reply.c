#include "src/serve/reply.h"
#include "src/serve/pool.h"
#include "src/serve/range.h"
#include "store/base/json.h"

enum { PART = 256 << 10 }; /* bytes that are read of an object at a time */

/* The words of RFC 9110 section 15 for those that are in use here. */
static const char *title(int status)
{
	static const struct { int status; const char *title; } table[] = {
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 409, "Conflict" }, { 410, "Gone" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" }, { 421, "Misdirected Request" }, { 422, "Unprocessable Content" }, { 426, "Upgrade Required" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].status == status)
			return table[i].title;
	return "Error";
}

static void problem(int status, const char *words, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "type", "about:blank");
	jw_str(&j, "title", title(status));
	jw_int(&j, "status", status);
	jw_str(&j, "detail", words);
	jw_end(&j);
	buf_addc(out, '\n');
}

static void add_fields(struct MHD_Response *response, const struct reply_field *f)
{
	for (; f && f->name; f++)
		if (f->value)
			mhd()->add_response_header(response, f->name, f->value);
}

/* Takes the response over. */
static int queue(struct request *q, int status, struct MHD_Response *response, int64_t size)
{
	int r;

	/* What is not ours to interpret is not the browser's to guess, nor is any of it to be framed or cached by others. */
	mhd()->add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (server_is_ending(q->server))
		mhd()->add_response_header(response, "Connection", "close");
	r = mhd()->queue_response(q->connection, (unsigned)status, response) == MHD_YES ? 0 : -EIO;
	mhd()->destroy_response(response);
	q->answered = true;
	q->status = status;
	q->sent = strcmp(q->method, "HEAD") == 0 ? 0 : size;
	return r;
}

static int reply_body(struct request *q, int status, const char *type, const struct buf *body, const struct reply_field *more, bool close)
{
	struct MHD_Response *response;

	if (buf_error(body))
		return buf_error(body);
	response = mhd()->create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return -ENOMEM;
	if (type)
		mhd()->add_response_header(response, "Content-Type", type);
	add_fields(response, more);
	if (close || q->is_early)
		mhd()->add_response_header(response, "Connection", "close");
	return queue(q, status, response, (int64_t)body->len);
}

int reply_error(struct request *q, int status, const char *words, const struct reply_field *more, bool close)
{
	AUTO(buf_release) struct buf body = BUF_INIT;

	problem(status, words, &body);
	return reply_body(q, status, "application/problem+json", &body, more, close);
}

int reply_store(struct request *q, int r, const struct genstore *st)
{
	static const struct { int error, status; } table[] = {
		{ ENOENT, 404 }, { EPERM, 404 }, { EINVAL, 422 }, { ENOTSUP, 422 }, { ENAMETOOLONG, 422 }, { ENOTUNIQ, 409 }, { EEXIST, 409 },
		{ EISDIR, 409 }, { ENOTDIR, 409 }, { ESTALE, 409 }, { ENODATA, 409 }, { EREMOTE, 409 }, { EFBIG, 413 }, { EBUSY, 503 }, { ENOSPC, 507 }, { EDQUOT, 507 },
	};
	const char *words = st ? genstore_errmsg(st) : "";
	int status = 500;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].error == -r)
			status = table[i].status;
	return reply_error(q, status, *words ? words : strerror(-r), status == 503 ? (const struct reply_field[]){ { "Retry-After", "1" }, { 0 } } : NULL,
			   false);
}

int reply_text(struct request *q, int status, const char *type, const struct buf *body, const struct reply_field *more)
{
	return reply_body(q, status, type, body, more, false);
}

int reply_json(struct request *q, int status, const struct buf *body)
{
	return reply_body(q, status, "application/json", body, (const struct reply_field[]){ { "Cache-Control", "no-store" }, { 0 } }, false);
}

int reply_stream(struct request *q, const char *type, size_t block, MHD_ContentReaderCallback next, void *arg, MHD_ContentReaderFreeCallback release)
{
	struct MHD_Response *response = mhd()->create_response_from_callback(MHD_SIZE_UNKNOWN, block, next, arg, release);

	if (!response) {
		release(arg);
		return -ENOMEM;
	}
	add_fields(response, (const struct reply_field[]){ { "Content-Type", type }, { "Cache-Control", "no-store" }, { 0 } });
	return queue(q, 200, response, 0);
}

struct stream {
	struct pool *pool;
	struct object *object;
	int64_t from;
};

static ssize_t read_part(void *arg, uint64_t at, char *out, size_t n)
{
	struct stream *s = arg;
	AUTO(loan_end) struct loan l = { .pool = s->pool };
	ssize_t got = loan_begin(&l, NULL);

	if (!got)
		got = object_read(l.st, s->object, s->from + (int64_t)at, n, out);
	/* The connection breaks off: nobody takes what came for the whole. */
	return got > 0 ? got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void stream_free(void *arg)
{
	struct stream *s = arg;

	object_unref(s->object);
	free(s);
}

/* RFC 6266: ASCII as it is, and beside it the whole name as UTF-8 (RFC 8187). */
static void disposition(const char *filename, struct buf *out)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	bool is_ascii = true;

	buf_adds(out, "attachment; filename=\"");
	for (const char *c = filename; *c; c++) {
		is_ascii &= *c >= ' ' && *c < 0x7f;
		if (*c == '"' || *c == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *c >= ' ' && *c < 0x7f ? (uint8_t)*c : '_');
	}
	buf_addc(out, '"');
	if (is_ascii)
		return;
	buf_adds(out, "; filename*=UTF-8''");
	for (const char *c = filename; *c; c++)
		buf_addf(out, strchr(plain, *c) ? "%c" : "%%%02X", (unsigned char)*c);
}

static struct MHD_Response *stream(struct object *o, struct pool *pool, int64_t from, int64_t size)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct MHD_Response *response;

	if (!s)
		return NULL;
	*s = (struct stream){ pool, object_ref(o), from };
	response = mhd()->create_response_from_callback((uint64_t)size, PART, read_part, s, stream_free);
	if (!response)
		stream_free(s);
	return response;
}

int reply_part(struct request *q, int status, struct object *o, struct pool *pool, int64_t from, int64_t size, const struct reply_field *fields)
{
	struct MHD_Response *response = stream(o, pool, from, size);

	if (!response)
		return -ENOMEM;
	add_fields(response, fields);
	return queue(q, status, response, size);
}

/* RFC 9110 section 13.2.2. 0: it is to be answered. */
static int precondition(const struct request *q, const char *etag)
{
	const char *match = request_header(q, "If-Match"), *none = request_header(q, "If-None-Match");

	if (match && !(etag && etag_listed(match, etag, false)))
		return 412;
	return none && etag && etag_listed(none, etag, true) ? 304 : 0;
}

int reply_object(struct request *q, const struct reply_object *o)
{
	const char *if_range = request_header(q, "If-Range"), *wanted = request_header(q, "Range");
	AUTO(buf_release) struct buf tag = BUF_INIT, saved = BUF_INIT, part = BUF_INIT, none = BUF_INIT;
	int64_t size = object_size(o->object);
	struct MHD_Response *response;
	struct range range;
	int status = precondition(q, o->etag);

	if (o->etag)
		buf_addf(&tag, "\"%s\"", o->etag);
	if (status == 412)
		return reply_error(q, 412, "it is not what 'If-Match' names", NULL, false);
	if (status)
		return reply_body(q, status, NULL, &none, (const struct reply_field[]){ { "ETag", buf_str(&tag) }, { 0 } }, false);
	if (if_range && !(o->etag && etag_listed(if_range, o->etag, false) && *if_range != '*'))
		wanted = NULL;
	status = range_parse(wanted, size, &range);
	if (status == 416)
		buf_addf(&part, "bytes */%lld", (long long)size);
	else if (status == 206)
		buf_addf(&part, "bytes %lld-%lld/%lld", (long long)range.from, (long long)(range.from + range.size - 1), (long long)size);
	if (o->filename)
		disposition(o->filename, &saved);
	if (buf_error(&tag) || buf_error(&saved) || buf_error(&part))
		return -ENOMEM;
	if (status == 416)
		return reply_error(q, 416, "the range is behind the end", (const struct reply_field[]){ { "Content-Range", buf_str(&part) }, { 0 } }, false);
	response = stream(o->object, o->pool, range.from, range.size);
	if (!response)
		return -ENOMEM;
	add_fields(response, (const struct reply_field[]){
		{ "Content-Type", o->type ? o->type : "application/octet-stream" }, { "Accept-Ranges", "bytes" },
		{ "ETag", o->etag ? buf_str(&tag) : NULL }, { "Content-Range", status == 206 ? buf_str(&part) : NULL },
		{ "Content-Disposition", o->filename ? buf_str(&saved) : NULL },
		/* A page or picture that a generator made is no page of ours. */
		{ "Content-Security-Policy", "sandbox; default-src 'none'" }, { "Cache-Control", "private, no-cache" }, { 0 } });
	return queue(q, status, response, range.size);
}

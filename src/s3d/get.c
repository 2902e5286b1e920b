/* Objects on their way out: GET and HEAD, ranges and conditions. */
#include "src/s3d/headers.h"
#include "src/s3d/keys.h"
#include "src/serve/range.h"

#include <strings.h>

enum { FIELDS = 44 };

struct fields {
	struct reply_field list[FIELDS];
	size_t count;
};

static void add(struct fields *f, const char *name, const char *value)
{
	if (f->count < FIELDS - 1)
		f->list[f->count++] = (struct reply_field){ name, value };
}

/* RFC 9110 section 13.2.2. 0, 304 or 412. */
static int condition(const struct call *c, const struct found *f)
{
	const char *match = call_header(c, "If-Match"), *none = call_header(c, "If-None-Match"), *since = call_header(c, "If-Modified-Since"),
		   *unmodified = call_header(c, "If-Unmodified-Since");
	int64_t at = 0, when;

	clock_parse(f->stored_at, &at);
	if (match && !etag_listed(match, f->etag, false))
		return 412;
	if (!match && unmodified && !http_date_parse(unmodified, &when) && at > when)
		return 412;
	if (none)
		return etag_listed(none, f->etag, true) ? 304 : 0;
	return since && !http_date_parse(since, &when) && at <= when ? 304 : 0;
}

/* What the address asks to be said instead. */
static const char *override(const struct call *c, const char *name)
{
	char query[40];

	snprintf(query, sizeof(query), "response-%s", name);
	return call_query(c, query);
}

static void add_headers(const struct call *c, const struct headers *h, struct fields *f)
{
	static const char *const can[] = { "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires" };

	/* A checksum is of the whole, and told to who asks. */
	const char *mode = call_header(c, "x-amz-checksum-mode");
	bool wants_sum = mode && !strcasecmp(mode, "ENABLED") && !call_header(c, "Range") && !call_query(c, "partNumber");

	for (size_t i = 0; i < h->count; i++)
		if (!override(c, h->list[i].name) && (wants_sum || checksum_by_field(h->list[i].name) == CHECKSUM_NONE))
			add(f, h->list[i].name, h->list[i].value);
	for (size_t i = 0; i < ARRAY_LEN(can); i++)
		if (override(c, can[i]))
			add(f, can[i], override(c, can[i]));
}

/* A part of an upload in parts is asked for by its number. 1: it was answered. */
static int part_range(struct call *c, struct genstore *st, const struct found *f, const char *number, struct range *ret, char count[24])
{
	AUTO(bucket_parts_release) struct bucket_parts p = { 0 };
	int64_t wanted = strtoll(number, NULL, 10), from = 0;
	int r = f->kind == KEY_OBJECT ? bucket_object_parts(st, f->id, &p) : bucket_parts_add(&p, &(struct bucket_part){ 1, 0, f->size });

	if (r)
		return call_fail_store(c, r, st);
	if (wanted < 1 || wanted > BUCKET_PARTS_MAX)
		return call_fail(c, S3_InvalidArgument, "partNumber is from 1 to 10000");
	if ((size_t)wanted > p.count)
		return call_fail(c, S3_InvalidRange, "there is no such part");
	for (int64_t i = 0; i < wanted - 1; i++)
		from += p.items[i].size;
	*ret = (struct range){ from, p.items[wanted - 1].size };
	if (strchr(f->etag, '-'))
		snprintf(count, 24, "%zu", p.count);
	return 0;
}

static int send_range(struct call *c, struct genstore *st, const struct found *f, struct object *o, struct fields *fields)
{
	const char *number = call_query(c, "partNumber"), *if_range = call_header(c, "If-Range");
	char part[96], parts[24] = "", tags[24];
	struct range range;
	int status, r;

	status = range_parse(if_range && !etag_listed(if_range, f->etag, false) ? NULL : call_header(c, "Range"), f->size, &range);
	if (number) {
		if ((r = part_range(c, st, f, number, &range, parts)))
			return r;
		status = 206;
	}
	if (status == 416)
		return call_fail(c, S3_InvalidRange, NULL);
	snprintf(part, sizeof(part), "bytes %lld-%lld/%lld", (long long)range.from, (long long)(range.from + range.size - 1), (long long)f->size);
	if (status == 206 && range.size)
		add(fields, "Content-Range", part);
	if (*parts)
		add(fields, "x-amz-mp-parts-count", parts);
	if (f->tags) {
		size_t n = 0;

		for (const char *at = f->tags; (at = strstr(at, "\":\"")); at += 3)
			n++;
		snprintf(tags, sizeof(tags), "%zu", n);
		add(fields, "x-amz-tagging-count", tags);
	}
	return call_reply_part(c, status, o, range.from, range.size, fields->list);
}

static int answer(struct call *c, struct genstore *st, const struct found *f)
{
	AUTO(headers_release) struct headers h = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	struct fields fields = { .count = 0 };
	char etag[128], date[HTTP_DATE];
	int status = condition(c, f), r;

	http_date(f->stored_at, date);
	snprintf(etag, sizeof(etag), "\"%s\"", f->etag);
	add(&fields, "ETag", etag);
	add(&fields, "Last-Modified", date);
	if (status == 412)
		return call_fail(c, S3_PreconditionFailed, NULL);
	if (status)
		return call_reply(c, status, &(struct buf)BUF_INIT, fields.list);
	if ((r = headers_load(f->headers, &h)))
		return call_fail(c, S3_InternalError, "the row of '%s' is damaged", f->key);
	add(&fields, "Accept-Ranges", "bytes");
	add_headers(c, &h, &fields);
	if ((r = found_open(st, f, &o)))
		return call_fail_store(c, r, st);
	return send_range(c, st, f, o, &fields);
}

static int get(struct call *c)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	AUTO(found_release) struct found f = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r;

	if ((r = call_borrow(c, CALL_READ, &l)) || (r = call_bucket(c, l.st, &b)))
		return r;
	r = key_find(l.st, &b, c->key, &f);
	if (r == -ENOENT)
		return call_fail(c, S3_NoSuchKey, NULL);
	return r ? call_fail_store(c, r, l.st) : answer(c, l.st, &f);
}

const struct op get_ops[] = {
	{ "GET", LEVEL_OBJECT, NULL, NULL, get, BODY_NONE },
	{ "HEAD", LEVEL_OBJECT, NULL, NULL, get, BODY_NONE },
	{ 0 },
};

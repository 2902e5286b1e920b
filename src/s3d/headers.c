#include "src/s3d/headers.h"
#include "src/serve/url.h"
#include "store/base/clock.h"
#include "store/base/json.h"

#include <ctype.h>
#include <jansson.h>
#include <strings.h>
#include <time.h>

#define META "x-amz-meta-"

static bool is_kept(const char *name)
{
	static const char *const names[] = { "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(names[i], name))
			return true;
	return !strncasecmp(name, META, strlen(META));
}

static void lower(const char *name, char *out, size_t n)
{
	size_t i = 0;

	for (; name[i] && i + 1 < n; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
}

/* "aws-chunked" says how it came, and not what it is. */
static void add_encoding(struct jw *j, const char *value)
{
	static const char chunked[] = "aws-chunked";
	const char *at = strcasestr(value, chunked);
	AUTO(buf_release) struct buf rest = BUF_INIT;

	if (!at) {
		jw_str(j, "content-encoding", value);
		return;
	}
	buf_add(&rest, value, (size_t)(at - value));
	buf_adds(&rest, at + strlen(chunked) + strspn(at + strlen(chunked), ", "));
	while (rest.len && strchr(", ", rest.data[rest.len - 1]))
		rest.data[--rest.len] = '\0';
	if (rest.len)
		jw_str(j, "content-encoding", buf_str(&rest));
}

/* A name that came twice is one field. */
static bool is_again(const struct call *c, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcasecmp(c->headers.list[k].name, c->headers.list[i].name))
			return true;
	return false;
}

int headers_take(struct call *c, struct buf *out)
{
	size_t meta = 0, count = 0;
	bool has_type = false;
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	for (size_t i = 0; i < c->headers.count; i++) {
		const struct sigv4_pair *h = &c->headers.list[i];
		char name[256];

		if (!is_kept(h->name) || is_again(c, i))
			continue;
		lower(h->name, name, sizeof(name));
		if (!strncmp(name, META, strlen(META)))
			meta += strlen(h->name) - strlen(META) + strlen(h->value);
		if (meta > HEADERS_META_MAX || ++count > HEADERS_FIELDS_MAX || strlen(h->name) >= sizeof(name))
			return call_fail(c, S3_MetadataTooLarge, NULL);
		has_type |= !strcmp(name, "content-type");
		if (!strcmp(name, "content-encoding"))
			add_encoding(&j, h->value);
		else
			jw_str(&j, name, h->value);
	}
	if (!has_type)
		jw_str(&j, "content-type", "binary/octet-stream");
	if (*c->body.checksum_text)
		jw_str(&j, checksum_field(c->body.checksum.kind), c->body.checksum_text);
	jw_end(&j);
	return buf_error(out);
}

int headers_take_tags(struct call *c, struct buf *out)
{
	enum { TAGS_MAX = 10, KEY_MAX = 128, VALUE_MAX = 256 };
	const char *at = call_header(c, "x-amz-tagging");
	size_t count = 0;
	struct jw j;

	if (!at || !*at)
		return 0;
	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	while (*at) {
		AUTO(buf_release) struct buf name = BUF_INIT, value = BUF_INIT;
		size_t n = strcspn(at, "&"), k = strcspn(at, "=&");

		if (url_decode(at, k, true, &name) || (k < n && url_decode(at + k + 1, n - k - 1, true, &value)) || !name.len || ++count > TAGS_MAX ||
		    name.len > KEY_MAX || value.len > VALUE_MAX)
			return call_fail(c, S3_InvalidArgument, "x-amz-tagging has up to %d tags, as name=value&...", TAGS_MAX);
		jw_str(&j, buf_str(&name), buf_str(&value));
		at += n + (at[n] == '&');
	}
	jw_end(&j);
	return buf_error(out);
}

int headers_load(const char *json, struct headers *ret_h)
{
	struct headers h = { .json = json_loads(json, 0, NULL) };
	const char *name;
	json_t *value;

	if (!json_is_object(h.json)) {
		json_decref(h.json);
		return -EBADMSG;
	}
	json_object_foreach(h.json, name, value)
		if (json_is_string(value) && h.count < HEADERS_FIELDS_MAX)
			h.list[h.count++] = (struct reply_field){ name, json_string_value(value) };
	*ret_h = h;
	return 0;
}

void headers_release(struct headers *h)
{
	json_decref(h->json);
	*h = (struct headers){ 0 };
}

void http_date(const char *time, char out[HTTP_DATE])
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t seconds = 0;
	struct tm tm = { 0 };
	time_t t;

	clock_parse(time, &seconds);
	t = (time_t)seconds;
	gmtime_r(&t, &tm);
	/* By hand: strftime() speaks the user's language. */
	snprintf(out, HTTP_DATE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

int http_date_parse(const char *text, int64_t *ret_seconds)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	if (!end || *end)
		return -EINVAL;
	*ret_seconds = timegm(&tm);
	return 0;
}

/* The page at /, its parts, and the description of the API: the files below src/serve/web, as they are. */
#include "src/serve/web.h"
#include "src/serve/api.h"
#include "src/serve/range.h"
#include "store/base/hash.h"

static const struct embedded_file *find(const char *path, size_t n)
{
	for (const struct embedded_file *f = web_files; f->path; f++)
		if (strlen(f->path) == n && memcmp(f->path, path, n) == 0)
			return f;
	return NULL;
}

/* By the end of the name; browsers run no script and take no style sheet that is called anything else (nosniff). */
static const char *type_of(const char *path)
{
	static const struct { const char *end, *type; } table[] = {
		{ ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" }, { ".json", "application/json" },
	};
	const char *end = strrchr(path, '.');

	for (size_t i = 0; end && i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].end, end) == 0)
			return table[i].type;
	return "application/octet-stream";
}

/* Nothing of it is of the store: whoever asks may have it. With no-cache a browser asks each time whether it is still the same. */
static int give(struct request *q, const struct embedded_file *f)
{
	const char *none = request_header(q, "If-None-Match");
	AUTO(buf_release) struct buf body = BUF_INIT, tag = BUF_INIT;
	uint8_t sha256[SHA256_SIZE];
	char etag[HEX_SHA256_SIZE];
	bool is_same;

	if (!f)
		return reply_error(q, 404, "there is nothing here", NULL, false);
	sha256_of(f->data, f->size, sha256);
	hex_encode(sha256, SHA256_SIZE, etag);
	is_same = none && etag_listed(none, etag, true);
	buf_addf(&tag, "\"%s\"", etag);
	if (buf_error(&tag) || (!is_same && buf_add(&body, f->data, f->size)))
		return -ENOMEM;
	/* Nothing from elsewhere, nothing within the page's text, nothing around it. */
	return reply_text(q, is_same ? 304 : 200, is_same ? NULL : type_of(f->path), &body, (const struct reply_field[]){
		{ "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
		  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
		{ "Referrer-Policy", "no-referrer" }, { "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" }, { "Cache-Control", "no-cache" }, { "ETag", buf_str(&tag) }, { 0 } });
}

static int page(struct request *q)
{
	return give(q, find("index.html", strlen("index.html")));
}

static int part(struct request *q)
{
	return give(q, find(q->match.names[0].text, q->match.names[0].n));
}

/* For people, and for what makes clients of it. */
static int description(struct request *q)
{
	return give(q, find("openapi.json", strlen("openapi.json")));
}

const struct route web_routes[] = {
	{ "GET", "/api/openapi.json", description, .head = true },
	{ "GET", "/", page, .head = true },
	{ "GET", "/web/{name}", part, .head = true },
	{ 0 },
};

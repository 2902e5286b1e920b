/* /api/openapi.json: the description of the API, for people and for what makes clients of it. */
#include "src/serve/web.h"
#include "src/serve/api.h"

static const struct embedded_file *find(const char *path)
{
	for (const struct embedded_file *f = web_files; f->path; f++)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

/* It says nothing of what is in the store: whoever asks may have it. */
static int description(struct request *q)
{
	static const struct reply_field fields[] = { { "Cache-Control", "no-cache" }, { "X-Content-Type-Options", "nosniff" }, { 0 } };
	const struct embedded_file *f = find("openapi.json");
	AUTO(buf_release) struct buf body = BUF_INIT;

	if (!f || buf_add(&body, f->data, f->size))
		return -ENOMEM;
	return reply_text(q, 200, "application/json", &body, fields);
}

const struct route web_routes[] = {
	{ "GET", "/api/openapi.json", description, .head = true },
	{ 0 },
};

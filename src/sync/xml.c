#include "src/sync/xml.h"

#include <expat.h>

struct reader {
	XML_Parser parser;
	struct buf path, text;
	size_t ends[XML_DEPTH_MAX]; /* of the path, before each element */
	int depth, error;
	int (*end)(void *arg, const char *path, const char *text);
	void *arg;
};

static void stop(struct reader *r, int error)
{
	r->error = error;
	XML_StopParser(r->parser, XML_FALSE);
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes UNUSED)
{
	struct reader *r = arg;
	const char *colon = strrchr(name, ':');

	if (r->depth == XML_DEPTH_MAX || r->path.len + strlen(name) > XML_PATH_MAX) {
		stop(r, -EPROTO);
		return;
	}
	r->ends[r->depth++] = r->path.len;
	buf_addf(&r->path, "%s%s", r->path.len ? "/" : "", colon ? colon + 1 : name);
	buf_reset(&r->text);
}

static void on_end(void *arg, const XML_Char *name UNUSED)
{
	struct reader *r = arg;
	int e = buf_error(&r->text) ? -EPROTO : r->end(r->arg, buf_str(&r->path), buf_str(&r->text));

	buf_reset(&r->text);
	r->path.len = r->ends[--r->depth];
	r->path.data[r->path.len] = '\0';
	if (e)
		stop(r, e);
}

static void on_text(void *arg, const XML_Char *s, int n)
{
	struct reader *r = arg;

	buf_add(&r->text, s, (size_t)n);
}

static void on_doctype(void *arg, const XML_Char *name UNUSED, const XML_Char *system UNUSED, const XML_Char *public UNUSED, int inside UNUSED)
{
	stop(arg, -EPROTO);
}

int xml_each(const void *data, size_t n, int (*end)(void *arg, const char *path, const char *text), void *arg)
{
	struct reader r = { .parser = XML_ParserCreate(NULL), .text = { .max = XML_TEXT_MAX }, .end = end, .arg = arg };
	int e;

	if (!r.parser)
		return -ENOMEM;
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	e = n > INT32_MAX || XML_Parse(r.parser, data, (int)n, XML_TRUE) != XML_STATUS_OK ? -EPROTO : 0;
	XML_ParserFree(r.parser);
	buf_release(&r.path);
	buf_release(&r.text);
	return r.error ? r.error : e;
}

int xml_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		const char *as = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '"' ? "&quot;" : NULL;

		if (as)
			buf_adds(out, as);
		else
			buf_addc(out, (uint8_t)*text);
	}
	return buf_error(out);
}

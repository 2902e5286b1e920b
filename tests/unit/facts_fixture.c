#include "tests/unit/facts_fixture.h"

#include <jansson.h>
#include <stdarg.h>

static int none(void *arg, const struct fact *a, const struct fact *b)
{
	const struct fact *f = b ? b : a;

	buf_addf(arg, "%c %s | %s | %s\n", "DTR"[f->kind], f->name, f->part, f->value);
	return 0;
}

void facts_text(struct facts *f, struct buf *out)
{
	FACTS empty = { 0 };

	facts_compare(&empty, f, none, out);
}

static char *copy_of(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = malloc(n);

	return copy ? memcpy(copy, text, n) : NULL;
}

const char *facts_of(const char *path, const char *text, struct buf *out)
{
	AUTO(free_ptr) char *copy = copy_of(text);
	FACTS f = { 0 };
	int r = copy ? facts_read(&f, path, span_of(copy)) : -ENOMEM;

	buf_reset(out);
	if (r)
		buf_addf(out, "-%s", strerrorname_np(-r));
	else
		facts_text(&f, out);
	return buf_str(out);
}

const char *schema_of(struct buf *out, ...)
{
	json_t *tables = json_object();
	size_t left = SQL_MEMORY;
	FACTS f = { 0 };
	const char *path;
	va_list ap;
	int r = 0;

	buf_reset(out);
	va_start(ap, out);
	while ((path = va_arg(ap, const char *)) && !r) {
		AUTO(free_ptr) char *copy = copy_of(va_arg(ap, const char *));

		r = copy ? sql_read(tables, path, span_of(copy), &left) : -ENOMEM;
	}
	va_end(ap);
	r = r ? r : sql_facts(tables, &f);
	json_decref(tables);
	if (r)
		buf_addf(out, "-%s", strerrorname_np(-r));
	else
		facts_text(&f, out);
	return buf_str(out);
}

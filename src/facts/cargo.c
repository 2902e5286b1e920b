/* Cargo.toml: https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html */
#include "src/facts/readers.h"
#include "src/facts/toml.h"
#include "store/base/buf.h"

static const struct {
	const char *key, *section;
} sections[] = {
	{ "dependencies", "runtime" },
	{ "dev-dependencies", "dev" },
	{ "dev_dependencies", "dev" },
	{ "build-dependencies", "build" },
	{ "build_dependencies", "build" },
};

/* What of a dependency's table says which one it is, in this order: the rest is how it is built. */
static const struct {
	const char *key, *before;
} parts[] = {
	{ "version", "" }, { "path", "path " }, { "git", "git " }, { "branch", "branch " }, { "tag", "tag " }, { "rev", "rev " },
	{ "package", "package " }, { "registry", "registry " },
};

static void add_value(struct buf *out, const json_t *v)
{
	struct span version = json_span(v);

	buf_add(out, version.p, version.n);
	if (json_is_true(json_object_get(v, "workspace")))
		buf_adds(out, "workspace");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct span text = json_span(json_object_get(v, parts[i].key));

		if (!text.n)
			continue;
		buf_addf(out, "%s%s", out->len ? ", " : "", parts[i].before);
		buf_add(out, text.p, text.n);
	}
}

static int add_table(struct facts *f, const char *path, json_t *table, const char *section, const char *detail)
{
	AUTO(buf_release) struct buf value = BUF_INIT, part = BUF_INIT;
	json_t *v;
	const char *name;
	int r = 0;

	json_object_foreach(table, name, v) {
		bool is_optional = json_is_true(json_object_get(v, "optional"));

		buf_reset(&value);
		buf_reset(&part);
		add_value(&value, v);
		buf_addf(&part, "%s%s%s", is_optional ? "optional" : section, *detail ? ":" : "", detail);
		r = buf_error(&value) || buf_error(&part) ? -ENOMEM :
			fact_add(f, FACT_DEPENDENCY, path, span_of(name), span_of(buf_str(&part)), span_of(buf_str(&value)));
		if (r)
			break;
	}
	return r;
}

static int add_tables(struct facts *f, const char *path, json_t *in, const char *detail)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(sections) && !r; i++)
		r = add_table(f, path, json_object_get(in, sections[i].key), sections[i].section, detail);
	return r;
}

int read_cargo(struct facts *f, const char *path, struct span text)
{
	static const char *const workspace[] = { "workspace", "dependencies", NULL };
	AUTO(json_unref) json_t *cargo = toml_load(text);
	json_t *target;
	const char *name;
	int r = cargo ? add_tables(f, path, cargo, "") : -EBADMSG;

	if (!r)
		r = add_table(f, path, json_at(cargo, workspace), "workspace", "");
	if (r)
		return r;
	json_object_foreach(json_object_get(cargo, "target"), name, target)
		if ((r = add_tables(f, path, target, name)))
			break;
	return r;
}

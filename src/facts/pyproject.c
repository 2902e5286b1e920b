/* pyproject.toml: https://packaging.python.org/en/latest/specifications/pyproject-toml/, PEP 735, and Poetry's own tables. */
#include "src/facts/pep508.h"
#include "src/facts/readers.h"
#include "src/facts/toml.h"
#include "store/base/buf.h"

/* Lists of requirements, and tables of such lists by name. */
static const struct {
	const char *names[4];
	const char *section;
	bool by_name;
} lists[] = {
	{ { "project", "dependencies" }, "runtime", false },
	{ { "project", "optional-dependencies" }, "optional", true },
	{ { "dependency-groups" }, "group", true },
	{ { "build-system", "requires" }, "build", false },
};

static int add_list(struct facts *f, const char *path, json_t *list, const char *section)
{
	const json_t *v;
	size_t i;
	int r = 0;

	json_array_foreach(list, i, v)
		if (json_is_string(v) && (r = pep508_add(f, path, json_span(v), span_of(section))))
			break;
	return r;
}

static int add_named(struct facts *f, const char *path, json_t *table, const char *section,
		     int (*add)(struct facts *f, const char *path, json_t *v, const char *section))
{
	AUTO(buf_release) struct buf full = BUF_INIT;
	json_t *v;
	const char *name;
	int r = 0;

	json_object_foreach(table, name, v) {
		buf_reset(&full);
		buf_addf(&full, "%s:%s", section, name);
		if ((r = buf_error(&full) ? -ENOMEM : add(f, path, v, buf_str(&full))))
			break;
	}
	return r;
}

/* Poetry: a version, or a table with one, or with a place to get it from. */
static void add_poetry_value(struct buf *out, const json_t *v)
{
	static const char *const places[] = { "version", "path", "git", "url", "branch", "tag", "rev" };
	struct span text = json_span(v);
	size_t begin = out->len;

	buf_add(out, text.p, text.n);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		text = json_span(json_object_get(v, places[i]));
		if (text.n) {
			buf_addf(out, "%s%s%s", out->len > begin ? ", " : "", i ? places[i] : "", i ? " " : "");
			buf_add(out, text.p, text.n);
		}
	}
}

/* Several of them, for several Pythons, are one value. */
static int add_poetry_one(struct facts *f, const char *path, const char *name, const json_t *v, const char *section)
{
	AUTO(buf_release) struct buf value = BUF_INIT;
	const json_t *one;
	size_t i;

	add_poetry_value(&value, v);
	json_array_foreach(v, i, one) {
		buf_adds(&value, i ? " | " : "");
		add_poetry_value(&value, one);
	}
	if (json_is_true(json_object_get(v, "optional")))
		section = "optional";
	if (buf_error(&value))
		return -ENOMEM;
	return fact_add(f, FACT_DEPENDENCY, path, span_of(name), span_of(section), span_of(buf_str(&value)));
}

static int add_poetry(struct facts *f, const char *path, json_t *table, const char *section)
{
	json_t *v;
	const char *name;
	int r = 0;

	json_object_foreach(table, name, v)
		if ((r = add_poetry_one(f, path, name, v, section)))
			break;
	return r;
}

static int add_poetry_group(struct facts *f, const char *path, json_t *group, const char *section)
{
	return add_poetry(f, path, json_object_get(group, "dependencies"), section);
}

int read_pyproject(struct facts *f, const char *path, struct span text)
{
	AUTO(json_unref) json_t *project = toml_load(text);
	json_t *poetry = json_object_get(json_object_get(project, "tool"), "poetry");
	int r = project ? 0 : -EBADMSG;

	for (size_t i = 0; i < ARRAY_LEN(lists) && !r; i++) {
		json_t *v = json_at(project, lists[i].names);

		r = lists[i].by_name ? add_named(f, path, v, lists[i].section, add_list) : add_list(f, path, v, lists[i].section);
	}
	if (r || (r = add_poetry(f, path, json_object_get(poetry, "dependencies"), "runtime")) ||
	    (r = add_poetry(f, path, json_object_get(poetry, "dev-dependencies"), "dev")))
		return r;
	return add_named(f, path, json_object_get(poetry, "group"), "group", add_poetry_group);
}

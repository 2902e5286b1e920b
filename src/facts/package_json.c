/* package.json: what npm, yarn and pnpm install. https://docs.npmjs.com/cli/configuring-npm/package-json */
#include "src/facts/json_help.h"
#include "src/facts/readers.h"

static const struct {
	const char *key, *section;
} sections[] = {
	{ "dependencies", "runtime" },
	{ "devDependencies", "dev" },
	{ "peerDependencies", "peer" },
	{ "optionalDependencies", "optional" },
	{ "overrides", "override" },   /* npm */
	{ "resolutions", "override" }, /* yarn */
};

static int add_section(struct facts *f, const char *path, json_t *object, const char *section)
{
	json_t *version;
	const char *name;
	int r = 0;

	json_object_foreach(object, name, version) {
		/* An override can be a tree of what is overridden below a package: shown as it stands. */
		AUTO(free_ptr) char *nested = json_is_string(version) ? NULL : json_dumps(version, JSON_COMPACT | JSON_ENCODE_ANY);
		const char *text = json_is_string(version) ? json_string_value(version) : nested;

		r = fact_add(f, FACT_DEPENDENCY, path, span_of(name), span_of(section), span_of(text ? text : ""));
		if (r)
			break;
	}
	return r;
}

/* Names alone; `true` means all of `dependencies`. */
static int add_bundled(struct facts *f, const char *path, const json_t *list)
{
	const json_t *name;
	size_t i;
	int r = 0;

	json_array_foreach(list, i, name)
		if (json_is_string(name) &&
		    (r = fact_add(f, FACT_DEPENDENCY, path, span_of(json_string_value(name)), span_of("bundled"), span_of(""))))
			break;
	return r;
}

int read_package_json(struct facts *f, const char *path, struct span text)
{
	AUTO(json_unref) json_t *package = json_loadb(text.p, text.n, 0, NULL);
	int r = json_is_object(package) ? 0 : -EBADMSG;

	for (size_t i = 0; i < ARRAY_LEN(sections) && !r; i++)
		r = add_section(f, path, json_object_get(package, sections[i].key), sections[i].section);
	/* Older and newer spelling. */
	if (!r)
		r = add_bundled(f, path, json_object_get(package, "bundleDependencies"));
	return r ? r : add_bundled(f, path, json_object_get(package, "bundledDependencies"));
}

#include "store/artifact_path.h"
#include "store/base/utf8.h"

static const struct { const char *type, *folder; } folders[] = {
	{ "diagram", "diagrams" },
	{ "readme", "" },
};

const char *artifact_type_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (*text && !strcmp(text, folders[i].folder))
			return folders[i].type;
	return text;
}

const char *artifact_folder(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		if (!strcmp(type, folders[i].type))
			return folders[i].folder;
	return type;
}

static int fail(struct genstore *st, int r, const char *what, const char *text, const char *why)
{
	AUTO(buf_release) struct buf safe = BUF_INIT;

	utf8_printable(&safe, text, utf8_cut(text, strlen(text), ARTIFACT_NAME_MAX));
	return store_fail(st, r, "%s '%s': %s", what, buf_str(&safe), why);
}

int artifact_check_type(struct genstore *st, const char *type)
{
	size_t n = strlen(type);

	if (n > ARTIFACT_TYPE_MAX)
		return fail(st, -EINVAL, "cannot take the type", type, "it has more than 50 characters");
	if (!n || *type == '.' || strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789._-") != n || !strcmp(type, ARTIFACT_BUNDLE))
		return fail(st, -EINVAL, "cannot take the type", type,
			    "types are lower-case letters, digits, '.', '_' and '-', like terraform or pricing");
	return 0;
}

/* NULL, or why not. */
static const char *bad_part(const char *part, size_t n)
{
	if (!n)
		return "a part of it is empty";
	if (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.')))
		return "'.' and '..' lead elsewhere; give the name as it is to be kept";
	return NULL;
}

static const char *bad_parts(const char *name)
{
	for (const char *part = name;; part++) {
		size_t n = strcspn(part, "/");
		const char *why = bad_part(part, n);

		part += n;
		if (why || !*part)
			return why;
	}
}

static const char *bad_name(const char *type, const char *name)
{
	if (!*name)
		return "it is empty";
	if (*name == '/')
		return "it is absolute; give it relative to the type's folder";
	if (!utf8_valid(name, strlen(name)))
		return "it is not UTF-8; rename it";
	if (!utf8_plain(name, strlen(name)))
		return "it has control characters; rename it";
	if (strchr(name, '\\'))
		return "it has a backslash, which some systems take for a folder; rename it";
	if (!*artifact_folder(type) && strchr(name, '/'))
		return "a readme is kept at the top, not in a folder; give another --type";
	if (!*artifact_folder(type) && !strcmp(name, ARTIFACT_BUNDLE))
		return "this name is the bundle's; give another";
	return bad_parts(name);
}

static bool has_long_part(const char *name)
{
	while (*name) {
		size_t n = strcspn(name, "/");

		if (n > ARTIFACT_PART_MAX)
			return true;
		name += n + (name[n] == '/');
	}
	return false;
}

int artifact_check_name(struct genstore *st, const char *type, const char *name)
{
	static const struct session any = { "00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000" };
	AUTO(buf_release) struct buf path = BUF_INIT;
	const char *why = bad_name(type, name);
	int r;

	if (why)
		return fail(st, -ENOTSUP, "cannot keep", name, why);
	if (utf8_length(name) > ARTIFACT_NAME_MAX)
		return fail(st, -ENAMETOOLONG, "cannot keep", name, "its name has more than 255 characters");
	if (has_long_part(name))
		return fail(st, -ENAMETOOLONG, "cannot keep", name, "a part of its name has more than 255 bytes");
	if ((r = artifact_storage_path(&any, type, name, &path)))
		return r;
	if (path.len > ARTIFACT_KEY_MAX)
		return fail(st, -ENAMETOOLONG, "cannot keep", name, "its key in a bucket would have more than 1024 bytes");
	return 0;
}

int artifact_storage_path(const struct session *s, const char *type, const char *name, struct buf *out)
{
	const char *folder = type ? artifact_folder(type) : "";

	return buf_addf(out, "organizations/%s/sessions/%s/artifacts/%s%s%s", s->organization_id, s->id, folder, *folder ? "/" : "",
			name ? name : "");
}

const char *artifact_path(const char *storage_path)
{
	static const char form[] = "organizations/00000000-0000-0000-0000-000000000000/sessions/00000000-0000-0000-0000-000000000000/artifacts/";
	size_t n = sizeof(form) - 1;

	return strlen(storage_path) > n && !memcmp(storage_path + n - 11, "/artifacts/", 11) ? storage_path + n : "";
}

int artifact_locate(const struct session *s, const char *path, struct buf *out)
{
	size_t n = strcspn(path, "/");
	char first[ARTIFACT_TYPE_MAX + 1];

	if (!n || !path[n] || n > ARTIFACT_TYPE_MAX)
		return artifact_storage_path(s, "readme", path, out);
	memcpy(first, path, n);
	first[n] = '\0';
	return artifact_storage_path(s, artifact_type_of(first), path + n + 1, out);
}

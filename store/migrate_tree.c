#include "store/migrate_tree.h"
#include "store/base/json.h"
#include "store/base/json_read.h"
#include "store/base/utf8.h"
#include "store/object.h"

#include <openssl/evp.h>

/* Two values for one path are as odd as none: the later would win unseen. */
static json_t *parse(const char *text, size_t n)
{
	return json_loadb(text ? text : "", n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

enum tree_kind tree_kind(const char *text, size_t n, int64_t *ret_manifest)
{
	AUTO(json_unref) json_t *j = parse(text, n);
	const json_t *id = json_object_get(j, "manifest");

	if (json_object_size(j) == 1 && json_is_string(json_object_get(j, "legacy")))
		return TREE_WRAPPED;
	if (json_object_size(j) == 3 && json_is_string(id) && !strcmp(json_string_value(id), "archive"))
		return TREE_AWAY;
	if (json_object_size(j) != 3 || !json_is_integer(id) || !json_is_integer(json_object_get(j, "files")) ||
	    !json_is_integer(json_object_get(j, "bytes")))
		return TREE_FULL;
	*ret_manifest = json_integer_value(id);
	return TREE_MANIFEST;
}

int tree_wrap(const char *text, size_t n, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_strn(&j, "legacy", text, n);
	jw_end(&j);
	return buf_error(out);
}

int tree_unwrap(const char *text, size_t n, struct buf *out)
{
	AUTO(json_unref) json_t *j = parse(text, n);
	const json_t *legacy = json_object_get(j, "legacy");

	return buf_add(out, json_string_value(legacy), json_string_length(legacy));
}

static int odd(struct buf *why, const char *key, const char *what)
{
	buf_adds(why, "'");
	utf8_printable(why, key, strnlen(key, 80));
	buf_addf(why, "' %s", what);
	return buf_error(why) ? buf_error(why) : -EINVAL;
}

/* The string of {"<name>": "..."}, else NULL. */
static const json_t *only(const json_t *value, const char *name)
{
	const json_t *s = json_object_size(value) == 1 ? json_object_get(value, name) : NULL;

	return json_is_string(s) ? s : NULL;
}

/* Exactly what tree_print() writes for bytes that are no text: anything else would come back as something else. */
static int decode_base64(const json_t *s, struct buf *out)
{
	size_t n = json_string_length(s), padding = 0;
	const char *text = json_string_value(s);
	uint8_t *to = n % 4 || n > INT32_MAX ? NULL : buf_reserve(out, n + 1);
	AUTO(free_ptr) char *again = to ? malloc(n + 1) : NULL;
	int got;

	if (!to || !again)
		return buf_error(out) ? buf_error(out) : to ? -ENOMEM : -EINVAL;
	while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
		padding++;
	got = EVP_DecodeBlock(to, (const unsigned char *)text, (int)n);
	if (got < (int)padding)
		return -EINVAL;
	buf_commit(out, (size_t)got - padding);
	EVP_EncodeBlock((unsigned char *)again, out->data, (int)out->len);
	return utf8_valid(out->data, out->len) || strcmp(again, text) != 0 ? -EINVAL : 0;
}

static int stage_value(struct stage *stage, const void *data, size_t n, struct entry *e)
{
	e->size = (int64_t)n;
	return stage ? stage_bytes(stage, data, n, &e->content) : 0;
}

/* Fills in all of e but its path. -EINVAL: the value is none of the forms. */
static int take_value(struct stage *stage, const json_t *value, struct entry *e)
{
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	const json_t *base64 = only(value, "base64"), *link = only(value, "link");
	int r;

	if (json_is_string(value))
		return stage_value(stage, json_string_value(value), json_string_length(value), e);
	if (link && strlen(json_string_value(link)) == json_string_length(link)) {
		e->type = TAR_SYMLINK;
		e->link = json_string_value(link);
		return 0;
	}
	if (!base64 || (r = decode_base64(base64, &bytes)) == -EINVAL)
		return -EINVAL;
	return r ? r : stage_value(stage, bytes.data, bytes.len, e);
}

static int take_all(struct manifest_builder *b, json_t *files, struct stage *stage, struct buf *why)
{
	const char *key;
	json_t *value;
	int r;

	json_object_foreach(files, key, value) {
		struct entry e = { .path = key, .type = TAR_FILE };

		r = take_value(stage, value, &e);
		if (r == -EINVAL)
			return odd(why, key, "has a value that is not text");
		if (!r)
			r = manifest_add(b, &e);
		if (r == -ENOTSUP)
			return odd(why, key, "is not a path within the tree");
		if (r)
			return r;
	}
	return 0;
}

int tree_parse(const char *text, size_t n, struct stage *stage, struct buf *why, struct manifest **ret_m)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	AUTO(json_unref) json_t *files = parse(text, n);
	int64_t manifest;
	int r;

	if (!json_is_object(files) || tree_kind(text, n, &manifest) == TREE_MANIFEST || tree_kind(text, n, &manifest) == TREE_AWAY) {
		buf_adds(why, json_is_object(files) ? "it only looks like a manifest" : "it is not a JSON object");
		return buf_error(why) ? buf_error(why) : -EINVAL;
	}
	if ((r = manifest_builder_new(&b)) || (r = take_all(b, files, stage, why)))
		return r;
	r = manifest_build(b, ret_m);
	if (r == -EEXIST || r == -EINVAL || r == -EFBIG || r == -ENOTSUP) {
		buf_adds(why, r == -EFBIG ? "it has too many files" : "a path is there twice, as a file and as a folder");
		return buf_error(why) ? buf_error(why) : -EINVAL;
	}
	return r;
}

static int read_all(struct genstore *st, const struct entry *e, struct buf *out)
{
	AUTO(object_unrefp) struct object *o = NULL;
	void *to = buf_reserve(out, (size_t)e->size + 1);
	ssize_t got;
	int r;

	if (!to)
		return buf_error(out);
	if ((r = object_of_content(st, e->content, &o)))
		return r;
	if ((got = object_read(st, o, 0, (size_t)e->size, to)) < 0)
		return (int)got;
	if (got != e->size)
		return store_fail(st, -EBADMSG, "'%s' has not the size that its manifest says", e->path);
	buf_commit(out, (size_t)got);
	return 0;
}

static int print_bytes(struct jw *j, const char *path, const struct buf *bytes)
{
	AUTO(free_ptr) char *base64 = NULL;

	if (utf8_valid(bytes->data, bytes->len)) {
		jw_strn(j, path, buf_str(bytes), bytes->len);
		return 0;
	}
	if (bytes->len > INT32_MAX / 2 || !(base64 = malloc(bytes->len / 3 * 4 + 5)))
		return -ENOMEM;
	EVP_EncodeBlock((unsigned char *)base64, bytes->data, (int)bytes->len);
	jw_object(j, path);
	jw_str(j, "base64", base64);
	jw_end(j);
	return 0;
}

static int print_entry(struct genstore *st, struct jw *j, const struct entry *e)
{
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	int r;

	if (e->type == TAR_DIR)
		return 0;
	if (e->type == TAR_SYMLINK) {
		jw_object(j, e->path);
		jw_str(j, "link", e->link);
		jw_end(j);
		return 0;
	}
	return (r = read_all(st, e, &bytes)) ? r : print_bytes(j, e->path, &bytes);
}

int tree_print(struct genstore *st, const struct manifest *m, struct buf *out)
{
	struct jw j;
	int r;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	for (size_t i = 0; i < m->count; i++)
		if ((r = print_entry(st, &j, &m->entries[i])) || (r = buf_error(out)))
			return r;
	jw_end(&j);
	return buf_error(out);
}

/* The encoded form: FORMAT.md, "Manifests". */
#include "store/manifest_inside.h"

enum kind { KIND_FILE, KIND_EXECUTABLE, KIND_DIR, KIND_SYMLINK, KINDS };

static const struct { uint8_t type; bool executable; } kinds[KINDS] = {
	[KIND_FILE] = { TAR_FILE, false },
	[KIND_EXECUTABLE] = { TAR_FILE, true },
	[KIND_DIR] = { TAR_DIR, false },
	[KIND_SYMLINK] = { TAR_SYMLINK, false },
};

static uint8_t kind_of(const struct entry *e)
{
	if (e->type == TAR_FILE)
		return e->executable ? KIND_EXECUTABLE : KIND_FILE;
	return e->type == TAR_DIR ? KIND_DIR : KIND_SYMLINK;
}

static void encode_paths(const struct manifest *m, struct buf *out)
{
	static const struct entry top = { .path = "" };

	for (size_t i = 0; i < m->count; i++)
		buf_add_varint(out, manifest_shared(i ? &m->entries[i - 1] : &top, &m->entries[i]));
	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];
		size_t shared = manifest_shared(i ? e - 1 : &top, e);

		buf_add(out, e->path + shared, e->path_len - shared + 1);
	}
}

int manifest_encode(const struct manifest *m, struct buf *out)
{
	int64_t before = 0;

	buf_addc(out, MANIFEST_VERSION);
	buf_add_varint(out, m->count);
	encode_paths(m, out);
	for (size_t i = 0; i < m->count; i++)
		buf_addc(out, kind_of(&m->entries[i]));
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].type == TAR_FILE)
			buf_add_varint(out, (uint64_t)m->entries[i].size);
	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];

		if (e->type != TAR_FILE)
			continue;
		if (e->content <= 0)
			return -EINVAL;
		buf_add_zigzag(out, e->content - before);
		before = e->content;
	}
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].type == TAR_SYMLINK)
			buf_add(out, m->entries[i].link, strlen(m->entries[i].link) + 1);
	return buf_error(out);
}

/* A number in its only form: one that ends in a zero byte has a shorter one. */
static uint64_t take(struct cursor *c)
{
	const uint8_t *start = c->p;
	uint64_t v = cursor_varint(c);

	if (!c->error && c->p - start > 1 && !c->p[-1])
		c->error = -EBADMSG;
	return v;
}

/* Text up to its NUL, at most max bytes; borrowed. */
static const char *take_text(struct cursor *c, size_t max, size_t *ret_n)
{
	size_t left = cursor_left(c);
	const uint8_t *text = c->p, *end = c->error ? NULL : memchr(text, '\0', left < max + 1 ? left : max + 1);

	if (!end) {
		c->error = -EBADMSG;
		return NULL;
	}
	*ret_n = (size_t)(end - text);
	c->p = end + 1;
	return (const char *)text;
}

/* The bytes that all paths take; what shares 4 KB each with the one before can be far more than was given. */
static int measure(struct cursor c, struct entry *entries, size_t count, size_t *ret_text)
{
	size_t text = 0, n;

	for (size_t i = 0; i < count; i++) {
		uint64_t shared = take(&c);

		if (c.error || shared > MANIFEST_PATH_MAX)
			return -EBADMSG;
		entries[i].path_len = (uint32_t)shared;
	}
	for (size_t i = 0; i < count; i++) {
		if (!take_text(&c, MANIFEST_PATH_MAX, &n))
			return -EBADMSG;
		entries[i].path_len += (uint32_t)n;
		text += entries[i].path_len + 1;
		if (entries[i].path_len > MANIFEST_PATH_MAX || text > MANIFEST_TEXT_MAX)
			return -EBADMSG;
	}
	*ret_text = text;
	return 0;
}

/* Two columns at once: what is shared at c, what is not at `suffix`. */
static int decode_paths(struct cursor *c, struct entry *entries, size_t count, struct text *text)
{
	struct cursor suffix = *c;
	size_t total, n;
	char *at = NULL;
	int r;

	if ((r = measure(*c, entries, count, &total)))
		return r;
	if (total && !(at = text_take(text, total)))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		take(&suffix);
	for (size_t i = 0; i < count; i++) {
		struct entry *e = &entries[i];
		size_t shared = (size_t)take(c), before = i ? e[-1].path_len : 0;
		const char *rest = take_text(&suffix, MANIFEST_PATH_MAX, &n);

		if (!rest || shared > before)
			return -EBADMSG;
		if (shared)
			memcpy(at, e[-1].path, shared);
		memcpy(at + shared, rest, n + 1);
		/* Sharing more than was said: the same path in another form. */
		if (manifest_check_path(at, e->path_len) || (shared < before && at[shared] == e[-1].path[shared]))
			return -EBADMSG;
		e->path = at;
		at += e->path_len + 1;
	}
	*c = suffix;
	return 0;
}

static int decode_kinds(struct cursor *c, struct entry *entries, size_t count)
{
	const uint8_t *kind = cursor_bytes(c, count);

	for (size_t i = 0; i < count; i++) {
		struct entry *e = &entries[i];

		if (!kind || kind[i] >= KINDS)
			return -EBADMSG;
		e->type = kinds[kind[i]].type;
		e->executable = kinds[kind[i]].executable;
		if ((e->type == TAR_DIR) != (e->path[e->path_len - 1] == '/'))
			return -EBADMSG;
	}
	return 0;
}

static int decode_files(struct cursor *c, struct entry *entries, size_t count)
{
	int64_t content = 0;
	uint64_t v;

	for (size_t i = 0; i < count; i++) {
		if (entries[i].type != TAR_FILE)
			continue;
		v = take(c);
		if (v > INT64_MAX)
			return -EBADMSG;
		entries[i].size = (int64_t)v;
	}
	for (size_t i = 0; i < count; i++) {
		if (entries[i].type != TAR_FILE)
			continue;
		v = take(c);
		if (__builtin_add_overflow(content, (int64_t)(v >> 1) ^ -(int64_t)(v & 1), &content) || content <= 0)
			return -EBADMSG;
		entries[i].content = content;
	}
	return c->error;
}

static int decode_links(struct cursor *c, struct entry *entries, size_t count, struct text *text)
{
	size_t n;

	for (size_t i = 0; i < count; i++) {
		const char *link;
		char *copy;

		if (entries[i].type != TAR_SYMLINK)
			continue;
		link = take_text(c, MANIFEST_LINK_MAX, &n);
		if (!link || manifest_check_link(link, n) || text->total + n >= MANIFEST_TEXT_MAX)
			return -EBADMSG;
		copy = text_take(text, n + 1);
		if (!copy)
			return -ENOMEM;
		entries[i].link = memcpy(copy, link, n + 1);
	}
	return 0;
}

int manifest_decode(const void *data, size_t n, struct manifest **ret_m)
{
	struct cursor c = cursor_of(data, n);
	AUTO(text_release) struct text text = { 0 };
	AUTO(free_ptr) struct entry *entries = NULL;
	const uint8_t *version = cursor_bytes(&c, 1);
	uint64_t count = take(&c);
	int r;

	/* An entry is at least one byte shared, one of text, its NUL and its kind. */
	if (c.error || *version != MANIFEST_VERSION || count > MANIFEST_ENTRIES_MAX || count > cursor_left(&c) / 4)
		return -EBADMSG;
	entries = calloc(count ? (size_t)count : 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	if ((r = decode_paths(&c, entries, (size_t)count, &text)) || (r = decode_kinds(&c, entries, (size_t)count)) ||
	    (r = decode_files(&c, entries, (size_t)count)) || (r = decode_links(&c, entries, (size_t)count, &text)))
		return r;
	if (c.error || cursor_left(&c))
		return -EBADMSG;
	r = manifest_adopt(&entries, (size_t)count, &text, ret_m);
	return r && r != -ENOMEM ? -EBADMSG : r;
}

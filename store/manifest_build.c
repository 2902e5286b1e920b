#include "store/manifest_inside.h"

enum { CHUNK_MIN = 4 << 10, CHUNK_MAX = 256 << 10 };

struct text_chunk {
	struct text_chunk *next;
	char bytes[];
};

/* What is left of the last chunk is given up: entries are short, chunks are long. */
char *text_take(struct text *t, size_t n)
{
	if (n > t->room) {
		size_t size = t->chunk ? t->chunk : CHUNK_MIN;
		struct text_chunk *chunk;

		if (size < n)
			size = n;
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		chunk->next = t->chunks;
		t->chunks = chunk;
		t->next = chunk->bytes;
		t->room = size;
		t->chunk = size < CHUNK_MAX / 2 ? size * 2 : CHUNK_MAX;
	}
	t->next += n;
	t->room -= n;
	t->total += n;
	return t->next - n;
}

void text_release(struct text *t)
{
	while (t->chunks) {
		struct text_chunk *chunk = t->chunks;

		t->chunks = chunk->next;
		free(chunk);
	}
	*t = (struct text){ 0 };
}

struct manifest_builder {
	struct entry *entries;
	size_t count, room;
	struct text text;
};

int manifest_builder_new(struct manifest_builder **ret_b)
{
	struct manifest_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*ret_b = b;
	return 0;
}

static void empty(struct manifest_builder *b)
{
	text_release(&b->text);
	free(b->entries);
	*b = (struct manifest_builder){ 0 };
}

void manifest_builder_free(struct manifest_builder *b)
{
	if (b)
		empty(b);
	free(b);
}

void manifest_builder_freep(struct manifest_builder **b)
{
	manifest_builder_free(*b);
}

size_t manifest_builder_count(const struct manifest_builder *b)
{
	return b->count;
}

static int grow(struct manifest_builder *b)
{
	size_t room = b->room ? b->room + b->room / 2 : 64;
	struct entry *entries;

	if (b->count >= MANIFEST_ENTRIES_MAX)
		return -EFBIG;
	if (b->count < b->room)
		return 0;
	if (room > MANIFEST_ENTRIES_MAX)
		room = MANIFEST_ENTRIES_MAX;
	entries = realloc(b->entries, room * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	b->entries = entries;
	b->room = room;
	return 0;
}

static const char *keep(struct manifest_builder *b, const char *s, size_t n)
{
	char *copy = text_take(&b->text, n + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

/* path has n bytes, and the '/' of a directory. */
static int add(struct manifest_builder *b, const struct entry *e, const char *path, size_t n)
{
	struct entry own = { .path_len = (uint32_t)n, .type = e->type };
	int r;

	if ((r = manifest_check_path(path, n)) || (r = grow(b)))
		return r;
	if (e->type == TAR_FILE) {
		own.size = e->size;
		own.content = e->content;
		own.executable = e->executable;
	}
	if (b->text.total > MANIFEST_TEXT_MAX - (MANIFEST_PATH_MAX + MANIFEST_LINK_MAX + 2))
		return -EFBIG;
	own.path = keep(b, path, n);
	own.link = e->type == TAR_SYMLINK ? keep(b, e->link, strlen(e->link)) : NULL;
	if (!own.path || (e->type == TAR_SYMLINK && !own.link))
		return -ENOMEM;
	b->entries[b->count++] = own;
	return 0;
}

int manifest_add(struct manifest_builder *b, const struct entry *e)
{
	size_t n = strlen(e->path);
	char dir[MANIFEST_PATH_MAX + 2];

	if (n > MANIFEST_PATH_MAX || (n && e->type != TAR_DIR && e->path[n - 1] == '/'))
		return -ENOTSUP;
	if (e->type == TAR_SYMLINK && (!e->link || manifest_check_link(e->link, strlen(e->link))))
		return -ENOTSUP;
	if (e->type != TAR_DIR || (n && e->path[n - 1] == '/'))
		return add(b, e, e->path, n);
	memcpy(dir, e->path, n);
	dir[n] = '/';
	return add(b, e, dir, n + 1);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

/* What comes from a walk is in order already. */
static void sort(struct manifest_builder *b)
{
	for (size_t i = 1; i < b->count; i++)
		if (by_path(&b->entries[i - 1], &b->entries[i]) > 0) {
			qsort(b->entries, b->count, sizeof(*b->entries), by_path);
			return;
		}
}

/* Adds the ancestors of e that are longer than what it shares with the entry before it: those are not listed. */
static int add_parents(struct manifest_builder *b, const struct entry *e, size_t shared)
{
	const struct entry dir = { .type = TAR_DIR };
	int r;

	for (size_t n = shared + 1; n < e->path_len; n++)
		if (e->path[n - 1] == '/' && (r = add(b, &dir, e->path, n)))
			return r;
	return 0;
}

static int add_missing(struct manifest_builder *b)
{
	static const struct entry top = { .path = "" };
	size_t count = b->count;
	int r;

	for (size_t i = 0; i < count; i++) {
		/* A copy: adding moves the entries. */
		struct entry e = b->entries[i];
		size_t shared = manifest_shared(i ? &b->entries[i - 1] : &top, &e);

		if (shared < manifest_parent(&e) && (r = add_parents(b, &e, shared)))
			return r;
	}
	if (b->count > count)
		sort(b);
	return 0;
}

int manifest_build(struct manifest_builder *b, struct manifest **ret_m)
{
	struct entry *entries;
	int r;

	sort(b);
	r = add_missing(b);
	if (!r && b->count) {
		entries = realloc(b->entries, b->count * sizeof(*entries));
		b->entries = entries ? entries : b->entries;
	}
	if (!r)
		r = manifest_adopt(&b->entries, b->count, &b->text, ret_m);
	empty(b);
	return r;
}

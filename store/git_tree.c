#include "store/foreign_index.h"
#include "store/git_tree.h"

/* A folder that is being put together. */
struct level {
	const struct entry *folder; /* NULL: the top */
	struct buf bytes;           /* its entries so far */
};

struct builder {
	struct genstore *st;
	struct git_ids *ids;
	const struct git_visitor *visitor;
	int depth;
	struct level levels[MANIFEST_DEPTH_MAX + 1];
};

static void builder_freep(struct builder **b)
{
	for (size_t i = 0; *b && i < ARRAY_LEN((*b)->levels); i++)
		buf_release(&(*b)->levels[i].bytes);
	free(*b);
}

static bool is_below(const struct entry *e, const struct entry *folder)
{
	return !folder || (e->path_len > folder->path_len && memcmp(e->path, folder->path, folder->path_len) == 0);
}

/* The last part of the entry's path, in the folder that is open. */
static const char *name_in(const struct entry *e, const struct entry *folder)
{
	return e->path + (folder ? folder->path_len : 0);
}

static int add_line(struct level *to, const char *mode, const struct entry *e, const uint8_t id[SHA1_SIZE])
{
	const char *name = name_in(e, to->folder);
	size_t n = strlen(name) - (e->type == TAR_DIR);

	buf_adds(&to->bytes, mode);
	buf_add(&to->bytes, name, n);
	buf_addc(&to->bytes, 0);
	return buf_add(&to->bytes, id, SHA1_SIZE);
}

static int end_tree(struct builder *b, uint8_t id[SHA1_SIZE])
{
	const struct level *l = &b->levels[b->depth];

	git_object_of("tree", l->bytes.data, l->bytes.len, id);
	return b->visitor ? b->visitor->tree(b->visitor->arg, id, buf_str(&l->bytes), l->bytes.len) : 0;
}

/* Ends the innermost folder. */
static int leave(struct builder *b)
{
	const struct level *l = &b->levels[b->depth];
	uint8_t id[SHA1_SIZE];
	int r;

	if (!l->bytes.len) {
		b->depth--;
		return 0;
	}
	if ((r = end_tree(b, id)))
		return r;
	b->depth--;
	return add_line(&b->levels[b->depth], "40000 ", l->folder, id);
}

static int enter(struct builder *b, const struct entry *e)
{
	struct level *l;

	if (b->depth == MANIFEST_DEPTH_MAX)
		return store_fail(b->st, -EBADMSG, "a tree is too deep: '%s'; run 'genstore check'", e->path);
	l = &b->levels[++b->depth];
	l->folder = e;
	buf_reset(&l->bytes);
	return 0;
}

static int add_leaf(struct builder *b, const struct entry *e)
{
	const char *mode = e->type == TAR_SYMLINK ? "120000 " : e->executable ? "100755 " : "100644 ";
	uint8_t id[SHA1_SIZE];
	int r = 0;

	if (e->type == TAR_SYMLINK)
		git_object_of("blob", e->link, strlen(e->link), id);
	else
		r = git_ids_blob(b->st, b->ids, e->content, e->size, id);
	if (r || (b->visitor && (r = b->visitor->blob(b->visitor->arg, id, e))))
		return r;
	return add_line(&b->levels[b->depth], mode, e, id);
}

static bool has_git_name(const struct builder *b, const struct entry *e)
{
	char name[MANIFEST_NAME_MAX + 2];

	snprintf(name, sizeof(name), "%s", name_in(e, b->levels[b->depth].folder));
	name[strcspn(name, "/")] = '\0';
	return git_can_name(name);
}

/* Files inside of a foreign archive are read for their names, which takes its time. */
static bool is_foreign(const struct manifest *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].type == TAR_FILE)
			return foreign_is_content(m->entries[i].content);
	return false;
}

static int walk(struct builder *b, const struct manifest *m, int64_t *ret_left_out)
{
	int64_t left_out = 0;
	int r = 0;

	for (size_t i = 0; i < m->count && !r;) {
		const struct entry *e = &m->entries[i];

		if (!is_below(e, b->levels[b->depth].folder)) {
			r = leave(b);
		} else if (!has_git_name(b, e)) {
			left_out++;
			i = manifest_skip(m, i);
		} else {
			r = e->type == TAR_DIR ? enter(b, e) : add_leaf(b, e);
			i++;
		}
	}
	while (!r && b->depth)
		r = leave(b);
	*ret_left_out = left_out;
	return r;
}

int git_tree(struct genstore *st, struct git_ids *ids, const struct manifest *m, const struct git_visitor *visitor,
	     uint8_t ret_id[SHA1_SIZE], int64_t *ret_left_out)
{
	AUTO(builder_freep) struct builder *b = calloc(1, sizeof(*b));
	int64_t left_out;
	int r;

	if (!b)
		return -ENOMEM;
	b->st = st;
	b->ids = ids;
	b->visitor = visitor;

	/* Thousands of look-ups lock the file once. */
	TXN t = { .depth = 0 };

	if (!is_foreign(m))
		t = txn_begin_read(&st->db);
	if ((r = t.error) || (r = walk(b, m, &left_out)) || (r = end_tree(b, ret_id)))
		return r;
	*ret_left_out = left_out;
	return 0;
}

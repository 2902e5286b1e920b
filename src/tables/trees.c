#include "src/tables/trees.h"
#include "store/base/json.h"

static void count(const struct manifest *m, struct tree_losses *losses)
{
	for (size_t i = 0; i < m->count; i++) {
		losses->executables += m->entries[i].executable;
		losses->folders += m->entries[i].type == TAR_DIR && manifest_skip(m, i) == i + 1;
	}
}

static int print(struct genstore *st, int64_t id, struct buf *out, struct tree_losses *losses)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int r;

	if ((r = manifest_load(st, id, &m)))
		return r;
	/* Escapes only make it longer. */
	if (m->bytes > TREE_TEXT_MAX)
		return -EFBIG;
	count(m, losses);
	return tree_print(st, m, out);
}

int tree_out(struct genstore *st, const char *column, size_t n, struct buf *out, struct tree_losses *losses)
{
	int64_t manifest;

	out->max = TREE_TEXT_MAX;
	switch (tree_kind(column, n, &manifest)) {
	case TREE_MANIFEST:
		return print(st, manifest, out, losses);
	case TREE_WRAPPED:
		return tree_unwrap(column, n, out);
	case TREE_AWAY:
		losses->away++;
		break;
	case TREE_FULL:
		break;
	}
	return buf_add(out, column, n);
}

int trees_init(struct trees *t, struct genstore *st)
{
	*t = (struct trees){ .st = st };
	return stage_new(st, &t->stage);
}

void trees_release(struct trees *t)
{
	stage_free(t->stage);
	t->stage = NULL;
}

/* Wrapped, so that nobody takes it for a tree of the store's own, or for one that is damaged. */
static int leave(struct trees *t, const char *text, size_t n, struct buf *ret_column)
{
	t->kept++;
	return tree_wrap(text, n, ret_column);
}

static int put(struct trees *t, struct manifest *m, struct buf *ret_column)
{
	struct jw j;
	int r;

	if ((r = stage_flush(t->stage)))
		return r;
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].type == TAR_FILE && (r = stage_content(t->stage, m->entries[i].content, &m->entries[i].content)))
			return r;
	if ((r = manifest_put(t->st, m, t->near)))
		return r;
	t->near = m->id;
	jw_begin(&j, ret_column, 0);
	jw_object(&j, NULL);
	jw_int(&j, "manifest", m->id);
	jw_int(&j, "files", m->files);
	jw_int(&j, "bytes", m->bytes);
	jw_end(&j);
	return buf_error(ret_column);
}

int tree_in(struct trees *t, const char *text, size_t n, struct buf *ret_column)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = tree_parse(text, n, t->stage, &why, &m);

	if (r == -EINVAL)
		return leave(t, text, n, ret_column);
	return r ? r : put(t, m, ret_column);
}

/* Two trees of which one, or both, are of archives that were handed in. */
#include "store/foreign.h"
#include "store/foreign_index.h"

struct diff {
	struct genstore *st;
	int (*f)(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b);
	void *arg;
};

/* 1: the same bytes, under different ids. */
static int is_same(struct genstore *st, const struct entry *a, const struct entry *b)
{
	AUTO(content_release) struct content x = { 0 }, y = { 0 };
	int r;

	if (a->size != b->size || (!foreign_is_content(a->content) && !foreign_is_content(b->content)))
		return 0;
	if ((r = content_get(st, a->content, &x)) || (r = content_get(st, b->content, &y)))
		return r;
	return !memcmp(x.sha256, y.sha256, SHA256_SIZE);
}

static int each(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b)
{
	const struct diff *d = arg;
	int r = change == MANIFEST_MODIFIED && a->type == TAR_FILE ? is_same(d->st, a, b) : 0;

	if (r < 0)
		return r;
	if (!r)
		return d->f(d->arg, change, a, b);
	return a->executable != b->executable ? d->f(d->arg, MANIFEST_MODE, a, b) : 0;
}

int foreign_diff(struct genstore *st, const struct manifest *a, const struct manifest *b,
		 int (*f)(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b), void *arg)
{
	struct diff d = { .st = st, .f = f, .arg = arg };

	return manifest_diff(a, b, each, &d);
}

#include "fs/shown.h"

/*
 * Offsets of drafts in the listing of generations/: up to which id the store's own were listed, plus one, and the draft's number. So one
 * that is received while somebody lists is not listed twice, however far the store and the roll have come.
 */
enum { ABOVE_BITS = 32 };
#define DRAFTS_FROM ((int64_t)1 << ABOVE_BITS)

#define REFUSED "user.genstore.refused"

static uint64_t generation_ino(int64_t id)
{
	return node_ino(NODE_GENERATION, id, 0);
}

static uint64_t draft_ino(int64_t number)
{
	return node_ino(NODE_DRAFT, number, 0);
}

uint64_t shown_ino(struct view *v, uint64_t ino)
{
	struct draft_file f;
	struct draft_dir d;
	struct node n;

	if (!v->drafts || node_of(ino, &n) || (n.kind != NODE_DRAFT && n.kind != NODE_DRAFT_FILE))
		return ino;
	if (n.kind == NODE_DRAFT)
		return drafts_dir(v->drafts, n.id, &d) || !d.generation ? ino : generation_ino(d.generation);
	if (drafts_file(v->drafts, n.id, &f) || !f.received || drafts_dir(v->drafts, f.dir, &d) || !d.generation)
		return ino;
	return node_ino(f.role == DRAFT_ARCHIVE ? NODE_ARCHIVE : NODE_METADATA, d.generation, 0);
}

uint64_t shown_as(struct view *v, uint64_t ino)
{
	int64_t alias;
	struct node n;

	if (!drafts_any(v->drafts) || node_of(ino, &n) || n.kind != NODE_GENERATION)
		return ino;
	alias = drafts_alias(v->drafts, n.id);
	return alias ? draft_ino(alias) : ino;
}

struct attr shown_draft(const struct draft_file *f)
{
	return (struct attr){ .ino = node_ino(NODE_DRAFT_FILE, f->number, 0), .mode = S_IFREG | f->mode, .nlink = !f->dead, .size = f->size,
			      .mtime = f->mtime, .keep = 0 };
}

int shown_attr(struct view *v, struct genstore *st, uint64_t ino, struct attr *ret_a)
{
	uint64_t real = shown_ino(v, ino);
	struct draft_file f;
	struct draft_dir d;
	struct node n;
	int r;

	if ((r = node_of(ino, &n)))
		return r;
	if (real == ino && n.kind == NODE_DRAFT) {
		if (drafts_dir(v->drafts, n.id, &d))
			return -ESTALE;
		*ret_a = node_dir_attr(ino, 0, d.mtime, 0);
		return 0;
	}
	if (real == ino && n.kind == NODE_DRAFT_FILE) {
		if ((r = drafts_file(v->drafts, n.id, &f)))
			return r;
		*ret_a = shown_draft(&f);
		return 0;
	}
	if ((r = node_attr(v, st, real, ret_a)))
		return r;
	ret_a->ino = ino;
	return 0;
}

/* A file that is being written goes before what the store has, one that was received stands in for what it does not show yet. */
static int in_directory(struct view *v, struct genstore *st, int64_t draft, uint64_t real, const char *name, struct attr *ret_a,
			double *ret_keep)
{
	struct draft_file f;
	bool found = draft && !drafts_lookup(v->drafts, draft, name, &f);
	int r = -ENOENT;

	if (real && (!found || f.received))
		r = node_lookup(v, st, real, name, ret_a, ret_keep);
	if (r == -ENOENT && found) {
		*ret_a = shown_draft(&f);
		r = 0;
	}
	return r;
}

int shown_lookup(struct view *v, struct genstore *st, uint64_t parent, const char *name, struct attr *ret_a, double *ret_keep)
{
	struct draft_dir d;
	struct node n;

	*ret_keep = 0;
	if (!drafts_any(v->drafts) || node_of(parent, &n))
		return node_lookup(v, st, parent, name, ret_a, ret_keep);
	if (n.kind == NODE_DRAFT)
		return drafts_dir(v->drafts, n.id, &d) ? -ESTALE :
		       in_directory(v, st, n.id, d.generation ? generation_ino(d.generation) : 0, name, ret_a, ret_keep);
	if (n.kind == NODE_FIXED && n.entry == FIXED_GENERATIONS && !drafts_dir_named(v->drafts, name, &d) && d.made)
		return shown_attr(v, st, draft_ino(d.number), ret_a);
	if (n.kind == NODE_GENERATION && !drafts_dir_for(v->drafts, n.id, &d))
		return in_directory(v, st, d.number, parent, name, ret_a, ret_keep);
	return node_lookup(v, st, parent, name, ret_a, ret_keep);
}

/* Stands between a listing and its reader: shows generations as what they are known as, and notes whether the reader was full. */
struct lister {
	struct view *v;
	dir_emit emit;
	void *arg;
	bool full;
	int64_t above; /* generations up to this id were listed */
};

static int emit_shown(void *arg, const char *name, const struct attr *a, int64_t next)
{
	struct lister *l = arg;
	struct attr shown = *a;
	int r;

	shown.ino = shown_as(l->v, a->ino);
	r = l->emit(l->arg, name, &shown, next);
	l->full = r != 0;
	if (!r)
		l->above = next;
	return r;
}

static int emit_draft(void *arg, const struct draft_dir *d)
{
	struct lister *l = arg;
	struct attr a = { .ino = draft_ino(d->number), .mode = S_IFDIR, .keep = -1 };

	return l->emit(l->arg, d->name, &a, (l->above + 1) << ABOVE_BITS | d->number);
}

static int list_generations(struct lister *l, struct genstore *st, uint64_t ino, int64_t offset, bool plus)
{
	int64_t after = 0;
	int r = 0;

	l->above = offset;
	if (offset < DRAFTS_FROM) {
		r = dir_read(l->v, st, ino, offset, plus, emit_shown, l);
		l->above = max_i64(l->above - DIR_BEHIND_DOTS, 0);
	} else {
		l->above = (offset >> ABOVE_BITS) - 1;
		after = offset & (DRAFTS_FROM - 1);
	}
	if (r || l->full)
		return r;
	/* A generation that was received just now is in the store before it is in the roll. */
	drafts_each_dir(l->v->drafts, after, l->above, emit_draft, l);
	return 0;
}

/* What the directory would have in S3 already, and nothing else. */
static int list_draft(struct lister *l, uint64_t ino, int64_t number, int64_t offset)
{
	const char *const dots[] = { ".", ".." };
	struct attr a = { .ino = ino, .mode = S_IFDIR, .keep = -1 };
	struct draft_file f;

	for (int64_t i = offset; i < DIR_BEHIND_DOTS; i++)
		if (l->emit(l->arg, dots[i], &a, i + 1))
			return 0;
	for (int64_t after = max_i64(offset - DIR_BEHIND_DOTS, 0); !drafts_listed(l->v->drafts, number, after, &f); after = f.number) {
		a = shown_draft(&f);
		a.keep = -1;
		if (l->emit(l->arg, f.name, &a, DIR_BEHIND_DOTS + f.number))
			return 0;
	}
	return 0;
}

int shown_list(struct view *v, struct genstore *st, uint64_t ino, int64_t offset, bool plus, dir_emit emit, void *arg)
{
	struct lister l = { .v = v, .emit = emit, .arg = arg };
	uint64_t real = shown_ino(v, ino);
	struct draft_dir d;
	struct node n;
	int r;

	if (!drafts_any(v->drafts))
		return dir_read(v, st, ino, offset, plus, emit, arg);
	if ((r = node_of(ino, &n)))
		return r;
	if (n.kind == NODE_FIXED && n.entry == FIXED_GENERATIONS)
		return list_generations(&l, st, ino, offset, plus);
	if (n.kind == NODE_DRAFT && real == ino)
		return drafts_dir(v->drafts, n.id, &d) ? -ESTALE : list_draft(&l, ino, n.id, offset);
	return dir_read(v, st, real, offset, plus, emit_shown, &l);
}

int shown_draft_dir(struct view *v, struct genstore *st, uint64_t ino, int64_t *ret_number)
{
	char name[ID_REQUEST_MAX + 1];
	struct draft_dir d;
	struct node n;
	int r;

	if ((r = node_of(ino, &n)))
		return r;
	if (n.kind == NODE_DRAFT) {
		*ret_number = n.id;
		return drafts_dir(v->drafts, n.id, &d);
	}
	if (n.kind != NODE_GENERATION)
		return -EROFS;
	if (!drafts_dir_for(v->drafts, n.id, &d)) {
		*ret_number = d.number;
		return 0;
	}
	return (r = generation_name(st, n.id, name)) ? r : drafts_dir_of(v->drafts, name, n.id, ret_number);
}

/* Why something that was written into the directory was refused; "" when nothing was. */
static void reason_of(struct view *v, uint64_t ino, char ret_value[XATTR_VALUE_MAX])
{
	struct draft_dir d;
	struct node n;

	*ret_value = '\0';
	if (!drafts_any(v->drafts) || node_of(ino, &n))
		return;
	if ((n.kind == NODE_DRAFT && !drafts_dir(v->drafts, n.id, &d)) || (n.kind == NODE_GENERATION && !drafts_dir_for(v->drafts, n.id, &d)))
		snprintf(ret_value, XATTR_VALUE_MAX, "%s", d.reason);
}

int shown_xattr(struct view *v, struct genstore *st, uint64_t ino, const char *name, char ret_value[XATTR_VALUE_MAX])
{
	if (strcmp(name, REFUSED) != 0)
		return xattr_get(v, st, shown_ino(v, ino), name, ret_value);
	reason_of(v, ino, ret_value);
	return *ret_value ? 0 : -ENODATA;
}

int shown_xattr_list(struct view *v, struct genstore *st, uint64_t ino, struct buf *out)
{
	char value[XATTR_VALUE_MAX];
	int r = xattr_list(v, st, shown_ino(v, ino), out);

	reason_of(v, ino, value);
	return r || !*value ? r : buf_add(out, REFUSED, sizeof(REFUSED));
}

/* The tree of a foreign archive as contents of its own. */
#include "store/foreign_inside.h"
#include "store/stage.h"

enum { TRIES = 5 };

bool foreign_is_tree(const struct manifest *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].type == TAR_FILE)
			return foreign_is_content(m->entries[i].content);
	return false;
}

/* A file, and where its bytes are: they are read in the order of the tar, so that each span is unpacked once. */
struct place {
	int64_t offset, slot;
	size_t entry;
};

struct import {
	struct genstore *st;
	const struct manifest *from;
	struct place *places;
	size_t count;
	struct stage *stage;
};

static void import_release(struct import *i)
{
	free(i->places);
	stage_free(i->stage);
}

static int by_offset(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int by_entry(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->entry > y->entry) - (x->entry < y->entry);
}

static int find_places(struct import *i)
{
	int r;

	if (!(i->places = calloc((size_t)i->from->files + 1, sizeof(*i->places))))
		return -ENOMEM;
	for (size_t k = 0; k < i->from->count; k++) {
		const struct entry *e = &i->from->entries[k];
		struct foreign_file f;

		if (e->type != TAR_FILE)
			continue;
		if ((r = foreign_file_get(i->st, e->content, &f)))
			return r;
		if (f.size != e->size)
			return store_fail(i->st, -EBADMSG, "the tree of an archive does not fit its index; run 'genstore check'");
		i->places[i->count++] = (struct place){ .offset = f.offset, .entry = k };
	}
	qsort(i->places, i->count, sizeof(*i->places), by_offset);
	return 0;
}

struct reading {
	struct genstore *st;
	const struct object *o;
	int64_t at;
};

static ssize_t read_more(void *arg, void *out, size_t n)
{
	struct reading *x = arg;
	ssize_t got = object_read(x->st, x->o, x->at, n, out);

	x->at += got > 0 ? got : 0;
	return got;
}

static int take_files(struct import *i)
{
	int r;

	for (size_t k = 0; k < i->count; k++) {
		const struct entry *e = &i->from->entries[i->places[k].entry];
		AUTO(object_unrefp) struct object *o = NULL;

		if ((r = foreign_file_open(i->st, e->content, &o)))
			return r;
		struct reading x = { .st = i->st, .o = o };

		if ((r = stage_stream(i->stage, e->size, read_more, &x, &i->places[k].slot)))
			return r;
	}
	qsort(i->places, i->count, sizeof(*i->places), by_entry);
	return 0;
}

static int make_tree(struct import *i, struct manifest **ret_m)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	size_t file = 0;
	int r = manifest_builder_new(&b);

	for (size_t k = 0; k < i->from->count && !r; k++) {
		struct entry e = i->from->entries[k];

		if (e.type == TAR_FILE)
			r = stage_content(i->stage, i->places[file++].slot, &e.content);
		if (!r)
			r = manifest_add(b, &e);
	}
	return r ? r : manifest_build(b, ret_m);
}

static int import(struct genstore *st, const struct manifest *from, struct manifest **ret_m)
{
	AUTO(import_release) struct import i = { .st = st, .from = from };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int r;

	if ((r = stage_new(st, &i.stage)) || (r = find_places(&i)) || (r = take_files(&i)))
		return r;
	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = stage_flush(i.stage)) || (r = make_tree(&i, &m)) || (r = manifest_put(st, m, 0)) ||
	    (r = txn_commit(&t)))
		return r;
	*ret_m = MOVE(m);
	return 0;
}

int foreign_import_tree(struct genstore *st, struct manifest *m, struct manifest **ret_m)
{
	int r = -ESTALE;

	if (!foreign_is_tree(m)) {
		*ret_m = manifest_ref(m);
		return 0;
	}
	for (int i = 0; i < TRIES && r == -ESTALE; i++)
		r = import(st, m, ret_m);
	return r;
}

#include "store/direct.h"
#include "store/base/hash.h"
#include "store/btree.h"

enum {
	AHEAD = 16, /* pages by one read: what stays in the processor's cache until it is checked and copied */
	SPANS = 64, /* parents of leaves that are remembered: each is about 20 MiB of rows, and 20 KiB of memory */
	DEPTH_MAX = 20, /* of SQLite's trees */
};

/*
 * A page right above leaves: the rows behind `low`, up to its last child's, and up to the newest there was. What comes later is not its
 * business: a writer that dies leaves rows behind, on pages that are free again, whose ids are given to others.
 */
struct span {
	int64_t low, high;
	size_t count;
	struct btree_child children[];
};

struct direct {
	sqlite3_file *file;
	bool unfit; /* another page size, or a WAL, where the newest page may be elsewhere */
	struct span *spans[SPANS];
	size_t last, next; /* the one used last, and the one to go next */
	uint32_t first;    /* page in `pages`, 0: none */
	uint32_t count;
	struct btree_child children[BTREE_CHILDREN_MAX];
	uint8_t node[STORE_PAGE_SIZE];
	uint8_t pages[AHEAD * STORE_PAGE_SIZE];
};

void direct_free(struct direct *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < SPANS; i++)
		free(d->spans[i]);
	free(d);
}

/*
 * Through SQLite's own descriptor: a second one would take all locks of the process away when it is closed.
 * sqlite.org/c3ref/io_methods.html: xRead works at any time, with or without a lock.
 */
static bool read_at(struct direct *d, void *out, int n, uint32_t page)
{
	return page && d->file->pMethods->xRead(d->file, out, n, (int64_t)(page - 1) * STORE_PAGE_SIZE) == SQLITE_OK;
}

static struct direct *direct_of(struct genstore *st)
{
	struct direct *d = st->direct;

	if (d || !st->read_only || !(d = malloc(sizeof(*d))))
		return d;
	memset(d, 0, offsetof(struct direct, children));
	sqlite3_file_control(st->db.handle, "main", SQLITE_FCNTL_FILE_POINTER, &d->file);
	d->unfit = !d->file || !d->file->pMethods;
	return st->direct = d;
}

/* fileformat2.html, 1.3: the size of a page, a rollback journal for reading and writing, no bytes reserved at the end of a page. */
static bool is_fit(struct direct *d)
{
	return read_at(d, d->node, 100, 1) && (d->node[16] << 8 | d->node[17]) == STORE_PAGE_SIZE && d->node[18] == 1 &&
	       d->node[19] == 1 && !d->node[20];
}

static const struct btree_child *child_of(const struct btree_child *children, size_t count, int64_t id)
{
	size_t low = 0, high = count - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (children[middle].last >= id)
			high = middle;
		else
			low = middle + 1;
	}
	return &children[low];
}

static struct span *keep(struct direct *d, int64_t low, int64_t high, size_t count)
{
	struct span *s = malloc(sizeof(*s) + count * sizeof(s->children[0]));

	if (!s)
		return NULL;
	*s = (struct span){ .low = low, .high = high, .count = count };
	memcpy(s->children, d->children, count * sizeof(s->children[0]));
	d->last = d->next++ % SPANS;
	free(d->spans[d->last]);
	return d->spans[d->last] = s;
}

/* Down from the root to the page above the leaf where the row has to be, of rows up to the newest. */
static struct span *descend(struct direct *d, uint32_t root, int64_t id, int64_t newest)
{
	int64_t low = INT64_MIN, high = newest;
	uint32_t page = root;
	size_t count = 0;

	for (int depth = 0; depth < DEPTH_MAX && read_at(d, d->node, STORE_PAGE_SIZE, page); depth++) {
		const struct btree_child *child;

		if (btree_is_leaf(d->node) && !count) {
			d->children[count++] = (struct btree_child){ .last = INT64_MAX, .page = root };
			return keep(d, low, high, count);
		}
		if (btree_is_leaf(d->node))
			return keep(d, low, high, count);
		if (count) {
			/* One further down: what is above it says which rows are below it. */
			child = child_of(d->children, count, id);
			low = child > d->children ? child[-1].last : low;
			high = min_i64(child->last, high);
		}
		if (!(count = btree_children(d->node, d->children)))
			break;
		page = child_of(d->children, count, id)->page;
	}
	return NULL;
}

/* The tree is looked at under the lock of a read transaction: so it is one that was committed. */
static struct span *look(struct genstore *st, struct direct *d, int64_t id)
{
	STMT q = db_stmt(&st->db, "SELECT rootpage, (SELECT max(id) FROM piece_data) FROM sqlite_schema WHERE name = 'piece_data'");

	if (stmt_step(&q) <= 0)
		return NULL;
	/* Pages that were read before can hold what a writer has taken back. */
	d->first = 0;
	if (!is_fit(d)) {
		d->unfit = true;
		return NULL;
	}
	return id <= col_i64(&q, 1) ? descend(d, (uint32_t)col_i64(&q, 0), id, col_i64(&q, 1)) : NULL;
}

static struct span *span_of(struct direct *d, int64_t id)
{
	for (size_t i = 0; i < SPANS; i++) {
		size_t at = (d->last + i) % SPANS;

		if (d->spans[at] && id > d->spans[at]->low && id <= d->spans[at]->high) {
			d->last = at;
			return d->spans[at];
		}
	}
	return NULL;
}

static const uint8_t *row_on(const struct direct *d, uint32_t page, int64_t id, size_t n)
{
	struct btree_row row;

	if (!d->first || page < d->first || page - d->first >= d->count ||
	    !btree_row(d->pages + (size_t)(page - d->first) * STORE_PAGE_SIZE, id, &row) || row.size != n ||
	    xxh3_64(row.bytes, n, (uint64_t)id) != row.sum)
		return NULL;
	return row.bytes;
}

/* The child's page, and those behind it in the file that hold the rows up to `last`. */
static bool read_run(struct direct *d, const struct span *s, const struct btree_child *child, int64_t last)
{
	const struct btree_child *end = s->children + s->count;
	uint32_t first = child->page, count = 1;

	for (; count < AHEAD && child->last < last && child + 1 < end && child[1].page == child->page + 1; child++)
		count++;
	d->first = 0;
	if (!read_at(d, d->pages, (int)(count * STORE_PAGE_SIZE), first))
		return false;
	d->first = first;
	d->count = count;
	return true;
}

static const uint8_t *try_row(struct direct *d, const struct span *s, int64_t id, size_t n, int64_t more)
{
	const struct btree_child *child = child_of(s->children, s->count, id);
	const uint8_t *bytes = row_on(d, child->page, id, n);

	if (bytes)
		return bytes;
	return read_run(d, s, child, id + more) ? row_on(d, child->page, id, n) : NULL;
}

const uint8_t *direct_row(struct genstore *st, int64_t id, size_t n, int64_t more)
{
	struct direct *d = direct_of(st);
	const uint8_t *bytes;
	struct span *s;

	if (!d || d->unfit)
		return NULL;
	if ((s = span_of(d, id))) {
		if ((bytes = try_row(d, s, id, n, more)))
			return bytes;
		/* It is damaged, or what is known of the tree is old: the one or the other is now found out. */
		free(MOVE(d->spans[d->last]));
	}
	return (s = look(st, d, id)) ? try_row(d, s, id, n, more) : NULL;
}

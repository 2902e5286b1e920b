/* Archives that were handed in: whether what their indexes say is so. */
#include "store/check_inside.h"
#include "store/foreign_index.h"

enum { READ_STEP = 1 << 20 };

static int differs(struct check *c, int64_t archive, const char *what)
{
	char subject[24];

	snprintf(subject, sizeof(subject), "%lld", (long long)archive);
	return check_found(c, "archive", subject, "%s", what);
}

/* The tree as it is stored is the one that the index was made for. */
static int check_tree(struct check *c, int64_t archive, const struct foreign_index *i)
{
	STMT q = db_stmt(&c->st->db, "SELECT m.files FROM foreign_index AS i JOIN manifest AS m ON m.id = i.manifest_id WHERE i.content_id = ?");
	int r;

	bind_i64(&q, archive);
	if ((r = stmt_step(&q)) < 0)
		return r;
	return r && col_i64(&q, 0) == (int64_t)i->file_count ? 0 : differs(c, archive, "its index has other files than its tree");
}

static int read_file(struct check *c, const struct foreign_index *i, size_t number, uint8_t *data)
{
	AUTO(object_unrefp) struct object *o = NULL;
	uint8_t sha256[SHA256_SIZE];
	struct sha256 h;
	int64_t at = 0;
	ssize_t n;
	int r = foreign_file_open(c->st, foreign_content(i->archive, number), &o);

	if (r)
		return r;
	sha256_init(&h);
	for (; (n = object_read(c->st, o, at, READ_STEP, data)) > 0; at += n)
		sha256_update(&h, data, (size_t)n);
	if (n < 0)
		return (int)n;
	c->result.bytes += at;
	sha256_final(&h, sha256);
	return memcmp(sha256, i->files[number].sha256, sizeof(sha256)) ? differs(c, i->archive, "a file in it does not match its sha256") : 0;
}

struct order {
	int64_t offset;
	size_t number;
};

static int by_offset(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* In the order of the tar: each MiB is unpacked once. Damage there is told once, too. */
static int read_files(struct check *c, const struct foreign_index *i)
{
	AUTO(free_ptr) struct order *order = calloc(i->file_count + 1, sizeof(*order));
	AUTO(free_ptr) uint8_t *data = malloc(READ_STEP);
	int r = 0;

	if (!order || !data)
		return -ENOMEM;
	for (size_t k = 0; k < i->file_count; k++)
		order[k] = (struct order){ .offset = i->files[k].offset, .number = k };
	qsort(order, i->file_count, sizeof(*order), by_offset);
	for (size_t k = 0; k < i->file_count && !r; k++)
		r = read_file(c, i, order[k].number, data);
	return r;
}

static bool is_gone(struct check *c, int64_t archive)
{
	STMT q = db_stmt(&c->st->db, "SELECT 1 FROM foreign_index WHERE content_id = ?");

	bind_i64(&q, archive);
	return stmt_step(&q) == 0;
}

/* Not in one transaction: a large archive would keep writers waiting. What a collection took meanwhile is no problem. */
static int check_index(struct check *c, int64_t archive)
{
	AUTO(foreign_index_unrefp) struct foreign_index *i = NULL;
	int r = foreign_index_get(c->st, archive, &i);

	if (!r)
		r = check_tree(c, archive, i);
	if (!r && c->read_data)
		r = read_files(c, i);
	if (r && r != -ENOMEM && is_gone(c, archive))
		return 0;
	return check_verdict_id(c, "archive", archive, r);
}

int check_foreign(struct check *c)
{
	return check_each(c, "SELECT content_id FROM foreign_index WHERE content_id > ? ORDER BY content_id LIMIT 1", check_index);
}

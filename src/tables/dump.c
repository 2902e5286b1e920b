#include "src/tables/dump_inside.h"
#include "store/base/json_read.h"

enum { WRITE_AT = 1 << 20 };

static void dump_release(struct dump *d)
{
	spool_release(&d->spool);
	buf_release(&d->out);
	buf_release(&d->tree);
	for (size_t i = 0; i < ARRAY_LEN(d->texts); i++)
		buf_release(&d->texts[i]);
}

static int write_out(struct dump *d)
{
	int r = buf_error(&d->out);

	if (r)
		return store_fail(d->st, r, "a row of '%s' is too large", d->table ? d->table->name : "");
	if (d->out.len && (r = d->o->write(d->o->arg, d->out.data, d->out.len)))
		return r;
	/* What one large row took is not kept. */
	if (d->out.cap > 8 * WRITE_AT)
		buf_release(&d->out);
	buf_reset(&d->out);
	return 0;
}

void dump_trouble(struct dump *d, const struct column *c, const char *why)
{
	AUTO(buf_release) struct buf key = BUF_INIT;

	d->result.troubles++;
	relation_key(d->table, d->row, &key);
	d->o->trouble(d->o->arg, d->table->name, buf_str(&key), c->name, why);
}

bool dump_leaves_out(const struct dump *d, const struct column *c, const struct cell *row)
{
	if (d->o->no_secrets && (c->flags & COLUMN_SECRET))
		return true;
	if (d->o->no_secrets && relation_is_secret_setting(d->table, row) && !strcmp(c->name, "value"))
		return true;
	return d->o->without_files && c->type == COLUMN_TREE;
}

static void point_at(struct cell *cell, const struct buf *b)
{
	*cell = (struct cell){ .kind = CELL_TEXT, .text = buf_str(b), .n = b->len };
}

static int expand_tree(struct dump *d, const struct column *c, struct cell *cell)
{
	int r;

	if (d->tree.cap > 8 * WRITE_AT)
		buf_release(&d->tree);
	buf_reset(&d->tree);
	r = tree_out(d->st, cell->text, cell->n, &d->tree, &d->result.losses);
	if (r == -EFBIG) {
		dump_trouble(d, c, "the JSON of its files has more than 256 MiB; --without-files leaves it out");
		*cell = (struct cell){ .kind = CELL_NULL };
		return 0;
	}
	if (!r)
		point_at(cell, &d->tree);
	return r;
}

static bool is_text(enum column_type type)
{
	return type == COLUMN_TEXT || type == COLUMN_JSON || type == COLUMN_TREE;
}

static json_t *parse(const struct cell *cell, size_t flags)
{
	return json_loadb(cell->text, cell->n, JSON_DECODE_ANY | JSON_ALLOW_NUL | flags, NULL);
}

/* JSON in which characters that need no escape have none: a value is not missed for being written as \u0061. */
static char *plainly(const struct cell *cell)
{
	AUTO(json_unref) json_t *v = memmem(cell->text, cell->n, "\\u", 2) || memmem(cell->text, cell->n, "\\/", 2) ? parse(cell, JSON_REJECT_DUPLICATES) : NULL;

	return v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
}

static bool is_json(enum column_type type)
{
	return type == COLUMN_JSON || type == COLUMN_TREE;
}

/* Base64 with something taken out is none: the whole file becomes ***, and the tree stays one. */
static int mend_tree(struct dump *d, int i, struct cell *cell)
{
	AUTO(json_unref) json_t *files = memmem(cell->text, cell->n, "{\"base64\":", 10) ? parse(cell, JSON_REJECT_DUPLICATES) : NULL;
	AUTO(free_ptr) char *mended = NULL;
	const char *path;
	json_t *file;

	json_object_foreach(files, path, file) {
		const char *coded = json_string_value(json_object_get(file, "base64"));

		if (coded && strstr(coded, "***") && json_object_set_new(files, path, json_string("***")))
			return -ENOMEM;
	}
	if (!files)
		return 0;
	if (!(mended = json_dumps(files, JSON_ENCODE_ANY | JSON_COMPACT)))
		return -ENOMEM;
	buf_reset(&d->texts[i]);
	buf_adds(&d->texts[i], mended);
	point_at(cell, &d->texts[i]);
	return buf_error(&d->texts[i]);
}

static int replace(struct dump *d, int i, struct cell *cell)
{
	const struct column *c = &d->table->columns[i];
	AUTO(free_ptr) char *plain = is_json(c->type) ? plainly(cell) : NULL;
	struct buf *to = &d->texts[i];
	int64_t n;

	buf_release(to);
	n = needles_replace(d->o->needles, plain ? plain : cell->text, plain ? strlen(plain) : cell->n, to);
	if (n <= 0)
		return (int)n;
	d->result.replaced += n;
	point_at(cell, to);
	if (c->type == COLUMN_JSON) {
		AUTO(json_unref) json_t *v = parse(cell, 0);

		if (!v)
			dump_trouble(d, c, "a secret is a part of its JSON and cannot be taken out");
	}
	return c->type == COLUMN_TREE ? mend_tree(d, i, cell) : 0;
}

/* The row as the other side is to see it. */
static int prepare(struct dump *d, struct cell row[COLUMNS_MAX])
{
	int r = 0;

	for (int i = 0; d->table->columns[i].name && !r; i++) {
		const struct column *c = &d->table->columns[i];

		if (dump_leaves_out(d, c, row))
			row[i] = (struct cell){ .kind = CELL_NULL };
		if (c->type == COLUMN_TREE && row[i].kind == CELL_TEXT)
			r = expand_tree(d, c, &row[i]);
		if (!r && d->o->needles && is_text(c->type) && row[i].kind == CELL_TEXT)
			r = replace(d, i, &row[i]);
	}
	return r;
}

/* Whatever it is about, it is not about something of the store's. */
static int spool_failed(struct dump *d, int r)
{
	return store_fail(d->st, -EIO, "cannot keep rows in a temporary file: %s; TMPDIR can name another folder", strerror(-r));
}

static int spool_table(struct dump *d, const struct relation *t)
{
	STMT q = db_stmt(&d->st->db, t->select);
	struct cell row[COLUMNS_MAX];
	int r, width = relation_width(t), failed = 0;

	while (!failed && (r = stmt_step(&q)) > 0) {
		relation_row(t, &q, row);
		failed = spool_put(&d->spool, row, width);
	}
	if (failed || (!r && (failed = spool_end(&d->spool))))
		return spool_failed(d, failed);
	if (!r && t->sequence)
		r = db_number(&d->st->db, t->sequence, &d->highest[t - relations]);
	return r;
}

/* All rows of one moment. */
static int spool_all(struct dump *d)
{
	TXN t = txn_begin_read(&d->st->db);
	int r = t.error;

	for (const struct relation *of = relations; of->name && !r; of++)
		if (d->format->has(of))
			r = spool_table(d, of);
	return r;
}

static int rows(struct dump *d)
{
	struct cell row[COLUMNS_MAX];
	int r;

	d->row = row;
	while ((r = spool_next(&d->spool, row, relation_width(d->table))) > 0) {
		if ((r = prepare(d, row)) || (r = d->format->row(d)))
			break;
		d->result.rows++;
		if (d->out.len >= WRITE_AT && (r = write_out(d)))
			break;
	}
	d->row = NULL;
	return r == -EIO ? spool_failed(d, r) : r;
}

static int run(struct dump *d)
{
	int r = d->format->begin(d);

	for (const struct relation *t = relations; t->name && !r; t++) {
		if (!d->format->has(t))
			continue;
		d->table = t;
		if ((r = d->format->table_begin(d)) || (r = rows(d)))
			break;
		r = d->format->table_end(d);
	}
	if (!r)
		r = d->format->end(d);
	return r ? r : write_out(d);
}

int dump_run(struct genstore *st, const struct dump_options *o, const struct dump_format *format, struct dump_result *ret_result)
{
	AUTO(dump_release) struct dump d = { .st = st, .o = o, .format = format };
	int r = spool_open(&d.spool);

	if (r)
		r = spool_failed(&d, r);
	else if (!(r = spool_all(&d)))
		r = (r = spool_rewind(&d.spool)) ? spool_failed(&d, r) : run(&d);
	*ret_result = d.result;
	return r;
}

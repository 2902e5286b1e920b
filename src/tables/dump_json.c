/* JSON lines: {"table": ..., column: value, ...}, a row each. */
#include "src/tables/dump_inside.h"
#include "store/base/json.h"
#include "store/base/json_read.h"
#include "store/base/utf8.h"

#include <math.h>
#include <openssl/evp.h>

static bool has(const struct relation *t UNUSED)
{
	return true;
}

static int nothing(struct dump *d UNUSED)
{
	return 0;
}

/* Between tokens a line break is as good as a space; within a string there is none. */
static int put_json(struct jw *j, const char *name, const struct cell *cell)
{
	AUTO(buf_release) struct buf copy = BUF_INIT;
	AUTO(json_unref) json_t *parsed = json_loadb(cell->text, cell->n, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

	if (!parsed) {
		jw_strn(j, name, cell->text, cell->n);
		return 0;
	}
	buf_add(&copy, cell->text, cell->n);
	for (size_t i = 0; i < copy.len; i++)
		copy.data[i] = copy.data[i] == '\n' || copy.data[i] == '\r' ? ' ' : copy.data[i];
	if (buf_error(&copy))
		return buf_error(&copy);
	jw_raw(j, name, buf_str(&copy));
	return 0;
}

/* What no JSON string can hold: {"base64": ...}. */
static int put_bytes(struct jw *j, const char *name, const struct cell *cell)
{
	AUTO(buf_release) struct buf coded = BUF_INIT;
	uint8_t *to = buf_reserve(&coded, cell->n / 3 * 4 + 8);

	if (!to)
		return buf_error(&coded);
	buf_commit(&coded, (size_t)EVP_EncodeBlock(to, (const uint8_t *)cell->text, (int)cell->n));
	jw_object(j, name);
	jw_strn(j, "base64", buf_str(&coded), coded.len);
	jw_end(j);
	return 0;
}

/* What is no number in JSON as a string. */
static void put_real(struct jw *j, const char *name, double v)
{
	char text[REAL_TEXT];

	real_text(v, text);
	if (isfinite(v))
		jw_raw(j, name, text);
	else
		jw_str(j, name, text);
}

static int put(struct jw *j, const struct column *c, const struct cell *cell)
{
	switch (cell->kind) {
	case CELL_NULL:
		jw_null(j, c->name);
		return 0;
	case CELL_INT:
		if (c->type == COLUMN_BOOL)
			jw_bool(j, c->name, cell->number != 0);
		else
			jw_int(j, c->name, cell->number);
		return 0;
	case CELL_REAL:
		put_real(j, c->name, cell->real);
		return 0;
	case CELL_BYTES:
		return put_bytes(j, c->name, cell);
	case CELL_TEXT:
		break;
	}
	if (!utf8_valid(cell->text, cell->n))
		return put_bytes(j, c->name, cell);
	if (c->type == COLUMN_JSON || c->type == COLUMN_TREE)
		return put_json(j, c->name, cell);
	jw_strn(j, c->name, cell->text, cell->n);
	return 0;
}

static int row(struct dump *d)
{
	struct jw j;
	int r = 0;

	jw_begin(&j, &d->out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "table", d->table->name);
	for (int i = 0; d->table->columns[i].name && !r; i++)
		if (!dump_leaves_out(d, &d->table->columns[i], d->row))
			r = put(&j, &d->table->columns[i], &d->row[i]);
	jw_end(&j);
	buf_addc(&d->out, '\n');
	return r ? r : buf_error(&d->out);
}

int dump_json(struct genstore *st, const struct dump_options *o, struct dump_result *ret_result)
{
	static const struct dump_format format = { has, nothing, nothing, row, nothing, nothing };

	return dump_run(st, o, &format, ret_result);
}

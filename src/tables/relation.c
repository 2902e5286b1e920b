#include "src/tables/relation_inside.h"
#include "src/config/setting.h"

#include <math.h>

int relation_width(const struct relation *t)
{
	int n = 0;

	while (t->columns[n].name)
		n++;
	return n;
}

const struct relation *relation_named(const char *name)
{
	for (const struct relation *t = relations; t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

int relation_column(const struct relation *t, const char *name)
{
	for (int i = 0; t->columns[i].name; i++)
		if (!strcmp(t->columns[i].name, name))
			return i;
	return -1;
}

static struct cell cell_of(enum column_type type, const struct stmt *q, int i)
{
	if (col_null(q, i))
		return (struct cell){ .kind = CELL_NULL };
	switch (type) {
	case COLUMN_INT:
	case COLUMN_BIGINT:
	case COLUMN_BOOL:
		return (struct cell){ .kind = CELL_INT, .number = col_i64(q, i) };
	case COLUMN_REAL:
		return (struct cell){ .kind = CELL_REAL, .real = col_real(q, i) };
	case COLUMN_HASH:
		return (struct cell){ .kind = CELL_BYTES, .text = col_blob(q, i), .n = col_size(q, i) };
	default:
		return (struct cell){ .kind = CELL_TEXT, .text = col_text(q, i), .n = col_size(q, i) };
	}
}

void relation_row(const struct relation *t, const struct stmt *q, struct cell row[COLUMNS_MAX])
{
	for (int i = 0; t->columns[i].name; i++)
		row[i] = cell_of(t->columns[i].type, q, i);
}

void real_text(double v, char out[REAL_TEXT])
{
	int digits = 15;

	if (isinf(v)) {
		snprintf(out, REAL_TEXT, "%s", v > 0 ? "Infinity" : "-Infinity");
		return;
	}
	do {
		snprintf(out, REAL_TEXT, "%.*g", digits, v);
	} while (strtod(out, NULL) != v && ++digits <= 17);
}

void relation_bind(struct stmt *q, const struct cell *cell)
{
	switch (cell->kind) {
	case CELL_NULL:
		bind_null(q);
		break;
	case CELL_INT:
		bind_i64(q, cell->number);
		break;
	case CELL_REAL:
		bind_real(q, cell->real);
		break;
	case CELL_TEXT:
		bind_textn(q, cell->text, cell->n);
		break;
	case CELL_BYTES:
		bind_blob(q, cell->text, cell->n);
		break;
	}
}

void relation_key(const struct relation *t, const struct cell *row, struct buf *out)
{
	for (int i = 0; i < t->keys; i++) {
		buf_adds(out, i ? ", " : "");
		if (row[i].kind == CELL_INT)
			buf_addf(out, "%lld", (long long)row[i].number);
		else if (row[i].kind == CELL_TEXT)
			utf8_printable(out, row[i].text, row[i].n < RELATION_KEY_MAX ? row[i].n : RELATION_KEY_MAX);
		else
			buf_adds(out, "NULL");
	}
}

bool relation_is_secret_setting(const struct relation *t, const struct cell *row)
{
	const struct setting *s;

	if (strcmp(t->name, "deployment_config") != 0)
		return false;
	s = row[0].kind == CELL_TEXT ? setting_find(row[0].text) : NULL;
	return (s && s->type == SETTING_SECRET) || row[relation_column(t, "encrypted")].number;
}

static int move(struct genstore *st, int64_t id, const char *status)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET status = ? WHERE id = ?");

	bind_text(&q, status);
	bind_i64(&q, id);
	return stmt_run(&q);
}

int generation_arrives(struct genstore *st, const struct cell *row)
{
	const struct relation *t = relation_named("generation_requests");
	const char *status = row[relation_column(t, "status")].text;
	int64_t id = row[0].number;
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET updated_at = ?, completed_at = ? WHERE id = ?");
	int r;

	/* From generating there is a way to every other status. */
	if (strcmp(status, "queued") != 0 && (r = move(st, id, "generating")))
		return r;
	if (strcmp(status, "queued") != 0 && (r = move(st, id, status)))
		return r;
	relation_bind(&q, &row[relation_column(t, "updated_at")]);
	relation_bind(&q, &row[relation_column(t, "completed_at")]);
	bind_i64(&q, id);
	return stmt_run(&q);
}

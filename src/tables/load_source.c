/* From a record of CSV to a row in the form of the store. */
#include "src/tables/load_inside.h"

#include <ctype.h>
#include <fcntl.h>
#include <math.h>

static const char *const gone_columns[] = { "download_url", "conversation" };

void arrival_release(struct arrival *a)
{
	buf_release(&a->hash);
}

void source_release(struct source *s)
{
	csv_release(&s->csv);
	free(s->path);
	s->path = NULL;
}

static int csv_failed(struct genstore *st, const struct source *s, int r)
{
	if (r == -EINVAL)
		return store_fail(st, r, "'%s', line %lld: %s", s->path, (long long)s->csv.line, s->csv.why);
	return store_fail(st, r, "cannot read '%s', line %lld: %s", s->path, (long long)s->csv.line,
			  r == -EFBIG ? "a row has more than a gigabyte" : strerror(-r));
}

static int strange(struct genstore *st, const struct source *s, const char *name)
{
	AUTO(buf_release) struct buf safe = BUF_INIT;

	utf8_printable(&safe, name, strnlen(name, RELATION_KEY_MAX));
	return store_fail(st, -EINVAL, "'%s': the table '%s' has no column '%s'; the first line has to name its columns ('csv header')", s->path,
			  s->table->name, buf_str(&safe));
}

static bool note_gone(struct source *s, const char *name, int field)
{
	bool is = false;

	for (size_t i = 0; i < ARRAY_LEN(gone_columns) && !strcmp(s->table->name, "generation_requests"); i++) {
		if (strcmp(name, gone_columns[i]) != 0)
			continue;
		s->gone[i] = field;
		s->has_gone = is = true;
	}
	return is;
}

static int read_header(struct genstore *st, struct source *s)
{
	int r = csv_next(&s->csv);

	if (r <= 0)
		return r ? csv_failed(st, s, r) : store_fail(st, -EINVAL, "'%s' is empty; its first line has to name the columns ('csv header')", s->path);
	for (int i = 0; i < s->csv.fields; i++) {
		const char *name = s->csv.field[i].text ? s->csv.field[i].text : "";
		int column = relation_column(s->table, name);

		/* A legacy table's own columns come before those that are gone. */
		if (column < 0 && note_gone(s, name, i))
			continue;
		if (column < 0)
			return strange(st, s, name);
		if (s->from[column] >= 0)
			return store_fail(st, -EINVAL, "'%s' has the column '%s' twice", s->path, name);
		s->from[column] = i;
	}
	for (int i = 0; s->table->columns[i].name; i++)
		if (s->from[i] < 0 && (s->table->columns[i].flags & COLUMN_NEEDED))
			return store_fail(st, -EINVAL, "'%s' has no column '%s'", s->path, s->table->columns[i].name);
	return 0;
}

int source_open(struct genstore *st, const char *folder, const struct relation *t, struct source *ret_s)
{
	AUTO(source_release) struct source s = { .table = t, .csv.fd = -1, .gone = { -1, -1 } };
	int fd, r;

	for (int i = 0; i < COLUMNS_MAX; i++)
		s.from[i] = -1;
	if (asprintf(&s.path, "%s/%s.csv", folder, t->name) < 0) {
		s.path = NULL;
		return -ENOMEM;
	}
	fd = open(s.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : store_fail(st, -errno, "cannot read '%s': %s", s.path, strerror(errno));
	csv_init(&s.csv, fd);
	if ((r = read_header(st, &s)))
		return r;
	*ret_s = s;
	/* Its own now. */
	s = (struct source){ .csv.fd = -1 };
	return 0;
}

static bool take_int(const struct column *c, const char *text, struct cell *cell)
{
	char *end;

	if (c->type == COLUMN_BOOL) {
		*cell = (struct cell){ .kind = CELL_INT, .number = strchr("t1", *text) != NULL };
		return !strcmp(text, "t") || !strcmp(text, "f") || !strcmp(text, "true") || !strcmp(text, "false") || !strcmp(text, "0") ||
		       !strcmp(text, "1");
	}
	errno = 0;
	*cell = (struct cell){ .kind = CELL_INT, .number = strtoll(text, &end, 10) };
	return !errno && *text && !*end && !isspace((unsigned char)*text) && *text != '+';
}

static bool take_real(const char *text, struct cell *cell)
{
	char *end;

	*cell = (struct cell){ .kind = CELL_REAL, .real = strtod(text, &end) };
	return *text && !*end && !isspace((unsigned char)*text) && !isnan(cell->real);
}

static bool take_time(const struct csv_field *f, char out[ID_UUID], struct cell *cell)
{
	struct stamp s;

	if (stamp_read(f->text, f->n, &s) || stamp_text(&s, out))
		return false;
	*cell = (struct cell){ .kind = CELL_TEXT, .text = out, .n = strlen(out) };
	return true;
}

static bool take_uuid(const struct csv_field *f, char out[ID_UUID], struct cell *cell)
{
	if (f->n != ID_UUID - 1)
		return false;
	for (size_t i = 0; i < f->n; i++)
		out[i] = (char)tolower((unsigned char)f->text[i]);
	out[f->n] = '\0';
	*cell = (struct cell){ .kind = CELL_TEXT, .text = out, .n = f->n };
	return id_is_uuid(out);
}

static bool take_hash(const struct csv_field *f, struct buf *out, struct cell *cell)
{
	buf_reset(out);
	if (f->n % 2 || f->n < 2 || strncmp(f->text, "\\x", 2) != 0)
		return false;
	for (size_t i = 2; i < f->n; i += 2) {
		char pair[3] = { f->text[i], f->text[i + 1], 0 };

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) || buf_addc(out, (uint8_t)strtoul(pair, NULL, 16)))
			return false;
	}
	*cell = (struct cell){ .kind = CELL_BYTES, .text = buf_str(out), .n = out->len };
	return true;
}

static bool take(struct arrival *a, const struct column *c, const struct csv_field *f, int i)
{
	struct cell *cell = &a->cells[i];

	switch (c->type) {
	case COLUMN_INT:
	case COLUMN_BIGINT:
	case COLUMN_BOOL:
		return take_int(c, f->text, cell);
	case COLUMN_REAL:
		return take_real(f->text, cell);
	case COLUMN_UUID:
		return take_uuid(f, a->short_texts[i], cell);
	case COLUMN_TIME:
		return take_time(f, a->short_texts[i], cell);
	case COLUMN_HASH:
		return take_hash(f, &a->hash, cell);
	default:
		*cell = (struct cell){ .kind = CELL_TEXT, .text = f->text, .n = f->n };
		return true;
	}
}

static const char *const should_be[] = {
	[COLUMN_INT] = "a whole number", [COLUMN_BIGINT] = "a whole number", [COLUMN_REAL] = "a number", [COLUMN_BOOL] = "t or f",
	[COLUMN_UUID] = "a uuid", [COLUMN_TIME] = "a time between the years 1 and 9999, in ISO style", [COLUMN_HASH] = "bytea in hex",
	[COLUMN_TEXT] = "", [COLUMN_JSON] = "", [COLUMN_TREE] = "",
};

/* The value itself is not told: it can be a secret's. */
static int wrong(struct load *l, const struct source *s, const struct column *c)
{
	return store_fail(l->st, -EINVAL, "'%s', line %lld: '%s' is not %s", s->path, (long long)s->csv.line, c->name, should_be[c->type]);
}

static int take_column(struct load *l, const struct source *s, int i, struct arrival *a)
{
	const struct column *c = &s->table->columns[i];
	struct csv_field given = { c->otherwise, c->otherwise ? strlen(c->otherwise) : 0 };

	if (given.text && !strcmp(given.text, RELATION_NOW))
		given = (struct csv_field){ l->now, strlen(l->now) };
	if (s->from[i] >= 0)
		given = s->csv.field[s->from[i]];
	a->cells[i] = (struct cell){ .kind = CELL_NULL };
	if (given.text && !take(a, c, &given, i))
		return wrong(l, s, c);
	a->cells[i].assumed = s->from[i] < 0;
	return 0;
}

/* github_url without a slash at its end, and "-artifacts". */
static int derive(const struct source *s, struct arrival *a)
{
	const struct cell *url;
	struct cell *artifacts;

	/* Only generation_requests has those columns. */
	if (!s->has_gone)
		return 0;
	url = &a->cells[relation_column(s->table, "github_url")];
	artifacts = &a->cells[relation_column(s->table, "artifacts_github_url")];
	if (artifacts->kind != CELL_NULL || url->kind == CELL_NULL || !url->n)
		return 0;
	buf_reset(&a->hash);
	buf_addf(&a->hash, "%.*s-artifacts", (int)(url->n - (url->text[url->n - 1] == '/')), url->text);
	*artifacts = (struct cell){ .kind = CELL_TEXT, .text = buf_str(&a->hash), .n = a->hash.len };
	return buf_error(&a->hash);
}

int source_next(struct load *l, struct source *s, struct arrival *ret_a)
{
	int r = csv_next(&s->csv), columns = 0;

	if (r <= 0)
		return r ? csv_failed(l->st, s, r) : 0;
	for (int i = 0; i < COLUMNS_MAX; i++)
		columns += s->from[i] >= 0;
	for (size_t i = 0; i < ARRAY_LEN(s->gone); i++)
		columns += s->gone[i] >= 0;
	if (s->csv.fields != columns)
		return store_fail(l->st, -EINVAL, "'%s', line %lld: it has %d values, the first line names %d columns", s->path, (long long)s->csv.line,
				  s->csv.fields, columns);
	for (int i = 0; s->table->columns[i].name; i++)
		if ((r = take_column(l, s, i, ret_a)))
			return r;
	/* What is no more, as the schema's clean-up has it: the columns go, and the URL that they left empty is derived. */
	for (size_t i = 0; i < ARRAY_LEN(s->gone); i++)
		l->result.dropped += s->gone[i] >= 0 && s->csv.field[s->gone[i]].text;
	return (r = derive(s, ret_a)) ? r : 1;
}

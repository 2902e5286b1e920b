/* A row into the store, unless it is there. */
#include "src/tables/load_inside.h"
#include "store/base/json_read.h"
#include "store/member.h"

#define LOCAL_USER "00000000-0000-4000-8000-000000000001"

static bool same_bytes(const struct cell *a, const struct cell *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->text, b->text, a->n));
}

static bool same_time(const struct cell *a, const struct cell *b)
{
	struct stamp x, y;

	if (stamp_read(a->text, a->n, &x) || stamp_read(b->text, b->n, &y))
		return same_bytes(a, b);
	return x.seconds == y.seconds && x.micros == y.micros;
}

/* jsonb orders names and writes numbers anew: 1e2 is 100 there. */
static bool same_json(const struct cell *a, const struct cell *b)
{
	static const size_t exact = JSON_DECODE_ANY | JSON_ALLOW_NUL, real = exact | JSON_DECODE_INT_AS_REAL;

	if (same_bytes(a, b))
		return true;
	for (int i = 0; i < 2; i++) {
		AUTO(json_unref) json_t *x = json_loadb(a->text, a->n, i ? real : exact, NULL);
		AUTO(json_unref) json_t *y = json_loadb(b->text, b->n, i ? real : exact, NULL);

		if (x && y && json_equal(x, y))
			return true;
	}
	return false;
}

static int same_tree(struct load *l, const struct cell *column, const struct cell *given, bool *ret_same)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct tree_losses losses;
	int r = tree_out(l->st, column->text, column->n, &text, &losses);
	struct cell here = { .kind = CELL_TEXT, .text = buf_str(&text), .n = text.len };

	*ret_same = !r && same_json(&here, given);
	return r == -EFBIG ? 0 : r;
}

static int same_cell(struct load *l, const struct column *c, const struct cell *here, const struct cell *given, bool *ret_same)
{
	*ret_same = here->kind == given->kind;
	if (!*ret_same || here->kind == CELL_NULL)
		return 0;
	if (here->kind == CELL_INT)
		*ret_same = here->number == given->number;
	else if (here->kind == CELL_REAL)
		*ret_same = !(here->real < given->real) && !(here->real > given->real);
	else if (c->type == COLUMN_TIME)
		*ret_same = same_time(here, given);
	else if (c->type == COLUMN_JSON)
		*ret_same = same_json(here, given);
	else if (c->type == COLUMN_TREE)
		return same_tree(l, here, given, ret_same);
	else
		*ret_same = same_bytes(here, given);
	return 0;
}

static bool is_local(const struct relation *t, const struct cell *row)
{
	return !strcmp(t->name, "users") && row[0].kind == CELL_TEXT && !strcmp(row[0].text, LOCAL_USER);
}

static int PRINTF(5, 6) refuse(struct load *l, int r, const struct relation *t, const struct cell *row, const char *fmt, ...)
{
	AUTO(buf_release) struct buf words = BUF_INIT, key = BUF_INIT;
	va_list ap;

	relation_key(t, row, &key);
	va_start(ap, fmt);
	buf_vaddf(&words, fmt, ap);
	va_end(ap);
	return store_fail(l->st, r, "row '%s' of '%s' %s; nothing was imported", buf_str(&key), t->name, buf_str(&words));
}

static int differs(struct load *l, const struct relation *t, const struct cell *row, const char *column)
{
	return refuse(l, -EEXIST, t, row, "is in the store with another '%s'%s", column,
		      strcmp(t->name, "audit_log") ? "" : ": this store has a trail of its own, so leave audit_log.csv out of the folder");
}

/* What was left out, or never was there, says nothing. */
static bool says_nothing(const struct relation *t, const struct cell *cells, int i)
{
	bool secret = t->columns[i].flags & COLUMN_SECRET;

	if (relation_is_secret_setting(t, cells) && !strcmp(t->columns[i].name, "value"))
		secret = true;
	return cells[i].assumed || (secret && cells[i].kind == CELL_NULL);
}

/* 1: it is there and the same, 0: it is not there. */
static int compare(struct load *l, const struct relation *t, const struct cell *cells)
{
	STMT q = db_stmt(&l->st->db, t->find);
	struct cell here[COLUMNS_MAX];
	bool same;
	int r;

	for (int i = 0; i < t->keys; i++)
		relation_bind(&q, &cells[i]);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	relation_row(t, &q, here);
	for (int i = t->keys; t->columns[i].name; i++) {
		/* Every store made its local user by itself. */
		if (is_local(t, cells) && t->columns[i].type == COLUMN_TIME)
			continue;
		if (says_nothing(t, cells, i))
			continue;
		if ((r = same_cell(l, &t->columns[i], &here[i], &cells[i], &same)))
			return r;
		if (!same)
			return differs(l, t, cells, t->columns[i].name);
	}
	return 1;
}

static const char *why_not(struct genstore *st, int r)
{
	const char *words = genstore_errmsg(st);

	if (r == -EEXIST)
		return "cannot be kept: the store has another row with what has to be its own";
	if (strstr(words, "FOREIGN KEY"))
		return "cannot be kept: it refers to a row that is neither in the folder nor in the store";
	return NULL;
}

static int insert(struct load *l, const struct relation *t, const struct cell *cells)
{
	STMT q = db_stmt(&l->st->db, t->insert);

	for (int i = 0; t->columns[i].name; i++)
		relation_bind(&q, &cells[i]);
	return stmt_run(&q);
}

static int add(struct load *l, const struct relation *t, struct cell *cells)
{
	struct cell copy[COLUMNS_MAX];
	int r;

	memcpy(copy, cells, sizeof(copy));
	if (t->arrive)
		copy[relation_column(t, "status")] = (struct cell){ .kind = CELL_TEXT, .text = "queued", .n = 6 };
	r = insert(l, t, copy);
	if (!r && t->arrive)
		r = t->arrive(l->st, cells);
	if (r == -EEXIST || r == -EINVAL) {
		const char *why = why_not(l->st, r);
		char words[512];

		snprintf(words, sizeof(words), "%s", genstore_errmsg(l->st));
		return why ? refuse(l, r, t, cells, "%s", why) : refuse(l, r, t, cells, "cannot be kept: %s", words);
	}
	return r;
}

/* In a store that has nothing yet, the local user is that of where the rows come from. */
static int take_local(struct load *l, const struct relation *t, const struct cell *cells)
{
	STMT q = db_stmt(&l->st->db, "UPDATE main.users SET name = ?2, email = ?3, created_at = ?4 WHERE id = ?1");

	for (int i = 0; t->columns[i].name; i++)
		relation_bind(&q, &cells[i]);
	return stmt_run(&q);
}

/* Where only ids of users are known, nothing but they becomes a user. */
static int meet(struct load *l, const struct relation *t, const struct cell *cells)
{
	int i = relation_column(t, "user_id");

	return l->meet && i >= 0 && t->columns[i].type == COLUMN_UUID && cells[i].kind == CELL_TEXT ? user_meet(l->st, cells[i].text) : 0;
}

/* A sealed value, a hash: what the row is there for. */
static bool lacks_secret(const struct relation *t, const struct cell *cells)
{
	if (relation_is_secret_setting(t, cells))
		return cells[relation_column(t, "value")].kind == CELL_NULL;
	for (int i = 0; t->columns[i].name; i++)
		if ((t->columns[i].flags & COLUMN_SECRET) && cells[i].kind == CELL_NULL)
			return true;
	return false;
}

static bool has_secret(const struct relation *t, const struct cell *cells)
{
	return relation_is_secret_setting(t, cells) || !strcmp(t->name, "user_secrets") || !strcmp(t->name, "access_keys");
}

static int put_new(struct load *l, const struct relation *t, struct cell *cells)
{
	AUTO(buf_release) struct buf tree = BUF_INIT;
	int i = relation_column(t, "files_snapshot"), r;

	if ((r = meet(l, t, cells)))
		return r;
	if (i >= 0 && cells[i].kind == CELL_TEXT) {
		if ((r = tree_in(&l->trees, cells[i].text, cells[i].n, &tree)))
			return r;
		cells[i] = (struct cell){ .kind = CELL_TEXT, .text = buf_str(&tree), .n = tree.len };
	}
	return add(l, t, cells);
}

int row_put(struct load *l, const struct relation *t, struct cell *cells)
{
	struct load_counts *counts = &l->result.counts[l->result.tables - 1];
	int r;

	if (is_local(t, cells) && l->empty) {
		counts->same++;
		return take_local(l, t, cells);
	}
	if ((r = compare(l, t, cells))) {
		counts->same += r > 0;
		return r < 0 ? r : 0;
	}
	if (lacks_secret(t, cells)) {
		l->result.no_secret++;
		return 0;
	}
	l->result.sealed += has_secret(t, cells);
	counts->added++;
	return put_new(l, t, cells);
}

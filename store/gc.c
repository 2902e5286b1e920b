#include "store/gc.h"
#include "store/audit.h"
#include "store/mark.h"
#include "store/piece.h"

#include <limits.h>

enum {
	ROWS_A_STEP = 20000,  /* descriptions removed in one transaction */
	DATA_A_STEP = 1000,   /* rows of piece_data: 16 MB */
	WINDOW = 4096,        /* pieces that one statement looks at: while it does, a writer waits */
};

struct sweep {
	struct genstore *st;
	const struct gc_options *o;
	struct mark mark;
	struct gc_result result;
	int64_t done, total;
	int left; /* rows that this transaction may still remove */
};

static void sweep_release(struct sweep *s)
{
	mark_release(&s->mark);
}

/* What there was when the collection began: rows that come later are not its business. */
struct table {
	const char *last, *next, *remove;
	size_t used, removed; /* offsets of the bitmap in mark, of the count in gc_result */
};

/* Those that refer come before those that are referred to. */
static const struct table tables[] = {
	{ "SELECT coalesce(max(content_id), 0) FROM foreign_index",
	  "SELECT content_id, 0 FROM foreign_index WHERE content_id > ? AND content_id <= ? ORDER BY content_id LIMIT 1",
	  "DELETE FROM foreign_index WHERE content_id = ?", offsetof(struct mark, contents), offsetof(struct gc_result, indexes) },
	{ "SELECT coalesce(max(id), 0) FROM seal", "SELECT id, 0 FROM seal WHERE id > ? AND id <= ? ORDER BY id LIMIT 1",
	  "DELETE FROM seal WHERE id = ?", offsetof(struct mark, seals), offsetof(struct gc_result, seals) },
	{ "SELECT coalesce(max(id), 0) FROM manifest", "SELECT id, 0 FROM manifest WHERE id > ? AND id <= ? ORDER BY id LIMIT 1",
	  "DELETE FROM manifest WHERE id = ?", offsetof(struct mark, manifests), offsetof(struct gc_result, manifests) },
	{ "SELECT coalesce(max(id), 0) FROM content", "SELECT id, 0 FROM content WHERE id > ? AND id <= ? ORDER BY id LIMIT 1",
	  "DELETE FROM content WHERE id = ?", offsetof(struct mark, contents), offsetof(struct gc_result, contents) },
	{ "SELECT coalesce(max(id), 0) FROM piece", "SELECT id, stored FROM piece WHERE id > ? AND id <= ? ORDER BY id LIMIT 1",
	  "DELETE FROM piece WHERE id = ?", offsetof(struct mark, pieces), offsetof(struct gc_result, pieces) },
};

static int next_row(struct genstore *st, const struct table *t, int64_t *id, int64_t last, int64_t *ret_stored)
{
	STMT q = db_stmt(&st->db, t->next);
	int r;

	bind_i64(&q, *id);
	bind_i64(&q, last);
	if ((r = stmt_step_after(&q, id)) > 0)
		*ret_stored = col_i64(&q, 1);
	return r;
}

static int remove_row(struct genstore *st, const char *sql, int64_t id)
{
	STMT q = db_stmt(&st->db, sql);

	bind_i64(&q, id);
	return stmt_run(&q);
}

static void tell(struct sweep *s, int64_t rows)
{
	s->done += rows;
	if (s->o && s->o->progress)
		s->o->progress(s->o->arg, min_i64(s->done, s->total), s->total);
}

/* Goes on at *id; 1: the transaction is full, 0: the table is done. */
static int sweep_rows(struct sweep *s, const struct table *t, int64_t *id, int64_t last)
{
	const struct bitmap *used = (const struct bitmap *)((const char *)&s->mark + t->used);
	int64_t *removed = (int64_t *)((char *)&s->result + t->removed), stored = 0;
	bool dry_run = s->o && s->o->dry_run;
	int r;

	while ((r = next_row(s->st, t, id, last, &stored)) > 0) {
		if (*id % 1024 == 0)
			tell(s, 1024);
		if (bitmap_has(used, *id))
			continue;
		if (!dry_run && (r = remove_row(s->st, t->remove, *id)))
			return r;
		++*removed;
		s->result.bytes += stored;
		if (!--s->left)
			return 1;
	}
	return r;
}

int gc_epoch(struct genstore *st, int64_t *ret_epoch)
{
	STMT q = db_stmt(&st->db, "SELECT value FROM store_state WHERE key = 'gc_epoch'");
	int r = stmt_step(&q);

	if (r < 0)
		return r;
	*ret_epoch = r ? col_i64(&q, 0) : 0;
	return 0;
}

static int next_epoch(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "INSERT INTO store_state (key, value) VALUES ('gc_epoch', 1)"
				  " ON CONFLICT (key) DO UPDATE SET value = value + 1");

	return stmt_run(&q);
}

/* With the last step, where there was anything to do. */
static int audit(struct sweep *s)
{
	const struct gc_result *g = &s->result;
	char details[160];

	if ((s->o && s->o->dry_run) || !(g->pieces + g->contents + g->manifests + g->seals + g->indexes))
		return 0;
	snprintf(details, sizeof(details), "{\"contents\":%lld,\"manifests\":%lld,\"seals\":%lld,\"pieces\":%lld,\"bytes\":%lld}", (long long)g->contents,
		 (long long)g->manifests, (long long)g->seals, (long long)g->pieces, (long long)g->bytes);
	return audit_write(s->st, "gc.run", "store", details);
}

/* One transaction's worth. What others made use of since the last one is marked first: now they have to wait. */
static int sweep_step(struct sweep *s, size_t *table, int64_t *id, const int64_t last[])
{
	TXN t = txn_begin(&s->st->db);
	int r = t.error;

	s->left = ROWS_A_STEP;
	if (r || (r = mark_more(s->st, &s->mark)))
		return r;
	while (*table < ARRAY_LEN(tables) && !(r = sweep_rows(s, &tables[*table], id, last[*table]))) {
		++*table;
		*id = 0;
	}
	if (r < 0)
		return r;
	if (s->left < ROWS_A_STEP && (r = next_epoch(s->st)))
		return r;
	if (*table == ARRAY_LEN(tables) && (r = audit(s)))
		return r;
	return txn_commit(&t);
}

static int sweep_all(struct sweep *s, const int64_t last[])
{
	size_t table = 0;
	int64_t id = 0;
	int r = 0;

	if (s->o && s->o->dry_run) {
		s->left = INT_MAX;
		for (; table < ARRAY_LEN(tables) && !r; table++, id = 0)
			r = sweep_rows(s, &tables[table], &id, last[table]);
		return r;
	}
	while (table < ARRAY_LEN(tables) && !r)
		r = sweep_step(s, &table, &id, last);
	return r;
}

/*
 * Up to DATA_A_STEP rows of pieces that are no more, among the next WINDOW pieces behind *piece. An id is never given
 * out again, so that they stay what they are after this look.
 */
static int find_data(struct genstore *st, int64_t *piece, int64_t ids[], int *ret_count)
{
	STMT q = db_stmt(&st->db, "SELECT d.id FROM piece_data AS d WHERE d.id >= ? AND d.id < ?"
				  " AND NOT EXISTS (SELECT 1 FROM piece AS p WHERE p.id = d.id >> 8) ORDER BY d.id LIMIT ?");
	int r;

	bind_i64(&q, *piece << PIECE_ROW_BITS);
	bind_i64(&q, (*piece + WINDOW) << PIECE_ROW_BITS);
	bind_i64(&q, DATA_A_STEP);
	*ret_count = 0;
	while ((r = stmt_step(&q)) > 0)
		ids[(*ret_count)++] = col_i64(&q, 0);
	*piece = *ret_count == DATA_A_STEP ? ids[DATA_A_STEP - 1] >> PIECE_ROW_BITS : *piece + WINDOW;
	return r;
}

static int remove_data(struct genstore *st, const int64_t ids[], int count)
{
	TXN t = txn_begin(&st->db);
	int r = t.error;

	for (int i = 0; i < count && !r; i++)
		r = remove_row(st, "DELETE FROM piece_data WHERE id = ?", ids[i]);
	return r ? r : txn_commit(&t);
}

static int sweep_data(struct genstore *st)
{
	int64_t ids[DATA_A_STEP], piece = 0, last = 0;
	int count, r = db_number(&st->db, "SELECT coalesce(max(id), 0) >> 8 FROM piece_data", &last);

	while (!r && piece <= last) {
		r = find_data(st, &piece, ids, &count);
		if (!r && count)
			r = remove_data(st, ids, count);
	}
	return r;
}

static void references_on(struct db **db)
{
	sqlite3_exec((*db)->handle, "PRAGMA foreign_keys = ON", NULL, NULL, NULL);
}

/*
 * Every row that is referred to is marked, so foreign keys have nothing to find; looking for children
 * of each row, in columns without an index, would cost more than all the rest.
 */
static int sweep(struct sweep *s, const int64_t last[])
{
	AUTO(references_on) struct db *db = &s->st->db;
	bool dry_run = s->o && s->o->dry_run;
	int r = dry_run ? 0 : db_exec(db, "PRAGMA foreign_keys = OFF");

	if (r || (r = sweep_all(s, last)) || dry_run)
		return r;
	return sweep_data(s->st);
}

int gc_run(struct genstore *st, const struct gc_options *o, struct gc_result *ret_result)
{
	AUTO(sweep_release) struct sweep s = { .st = st, .o = o };
	int64_t last[ARRAY_LEN(tables)];
	int r;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		if ((r = db_number(&st->db, tables[i].last, &last[i])))
			return r;
		s.total += last[i];
	}
	s.mark.last_seal = last[1];
	s.mark.last_manifest = last[2];
	s.mark.last_content = last[3];
	if ((r = mark_more(st, &s.mark)))
		return r;
	tell(&s, 0);
	if ((r = sweep(&s, last)))
		return r;
	*ret_result = s.result;
	return 0;
}

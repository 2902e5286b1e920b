#include "src/flow/journal.h"
#include "store/base/utf8.h"

enum { TYPE_MAX = 64 }; /* bytes of a type that a generator made up */

/* An entry: sizes, then type, level, line and data, each with its NUL. */
struct head {
	size_t type, level, line, data;
};

void journal_release(struct journal *j)
{
	buf_release(&j->waiting);
}

static size_t add_text(struct buf *b, const char *text, size_t n)
{
	buf_add(b, text, n);
	buf_addc(b, 0);
	return n + 1;
}

int journal_add(struct journal *j, const char *type, const char *level, const char *line, size_t n, const struct buf *data)
{
	const char *known = strlen(type) <= TYPE_MAX ? type : "unknown";
	/* How long it was is not known: what came before has cut it too. */
	static const char cut[] = " ... (cut)";
	bool whole = n <= EVENT_LINE_MAX;
	size_t at = j->waiting.len;
	struct head h = { 0 };

	buf_add(&j->waiting, &h, sizeof(h));
	h.type = add_text(&j->waiting, known, strlen(known));
	h.level = add_text(&j->waiting, level, strlen(level));
	if (!whole)
		buf_add(&j->waiting, line, h.line = utf8_cut(line, n, EVENT_LINE_MAX - sizeof(cut)));
	h.line += whole ? add_text(&j->waiting, line, n) : add_text(&j->waiting, cut, sizeof(cut) - 1);
	h.data = data ? add_text(&j->waiting, buf_str(data), data->len) : 0;
	if (buf_error(&j->waiting))
		return buf_error(&j->waiting);
	memcpy(j->waiting.data + at, &h, sizeof(h));
	if (!j->due_ms)
		j->due_ms = clock_ms() + JOURNAL_MS;
	return j->waiting.len >= JOURNAL_BYTES ? journal_flush(j) : 0;
}

static int write_entry(struct journal *j, const char **p)
{
	const char *type, *level, *line, *data;
	struct head h;

	memcpy(&h, *p, sizeof(h));
	type = *p + sizeof(h);
	level = type + h.type;
	line = level + h.level;
	data = line + h.line;
	*p = data + h.data;
	return event_add(j->st, j->generation, type, level, line, h.line - 1, h.data ? data : NULL);
}

int journal_flush(struct journal *j)
{
	const char *p = buf_str(&j->waiting), *end = p + j->waiting.len;
	int r;

	if (p == end)
		return 0;
	TXN t = txn_begin(&j->st->db);

	while (p < end)
		if ((r = write_entry(j, &p)))
			return r;
	if ((r = txn_commit(&t)))
		return r;
	buf_reset(&j->waiting);
	j->due_ms = 0;
	return 0;
}

int journal_tick(struct journal *j, int *ret_wait_ms)
{
	int64_t left = j->due_ms ? max_i64(0, j->due_ms - clock_ms()) : -1;

	*ret_wait_ms = left > 0 ? (int)left : -1;
	return left ? 0 : journal_flush(j);
}

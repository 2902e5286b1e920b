#include "store/event.h"
#include "store/base/utf8.h"

/* What stands before and behind a line in log.txt: the time and two spaces; a newline. */
enum { LOG_PREFIX = CLOCK_TEXT - 1 + 2, LOG_FRAME = LOG_PREFIX + 1 };

void event_release(struct event *e)
{
	if (!e)
		return;
	free(e->at);
	free(e->type);
	free(e->level);
	free(e->line);
	free(e->data);
	*e = (struct event){ 0 };
}

int log_size(struct genstore *st, int64_t generation, int64_t *ret_size)
{
	STMT q = db_stmt(&st->db, "SELECT position + length(CAST(line AS BLOB)) FROM generation_events"
				  " WHERE generation_request_id = ? ORDER BY position DESC LIMIT 1");
	int r;

	bind_i64(&q, generation);
	if ((r = stmt_step(&q)) < 0)
		return r;
	if (__builtin_add_overflow(r ? col_i64(&q, 0) : -LOG_FRAME, LOG_FRAME, ret_size))
		return store_fail(st, -EUCLEAN, "the log of generation %lld is damaged; run 'genstore check'", (long long)generation);
	return 0;
}

static int64_t event_sum(int64_t generation, int64_t position, const char *const texts[], size_t count)
{
	uint64_t sum = (uint64_t)generation;

	sum = (uint64_t)xxh3_64(&position, sizeof(position), sum);
	for (size_t i = 0; i < count; i++)
		sum = (uint64_t)xxh3_64(texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) : 0, sum + !texts[i]);
	return (int64_t)sum;
}

int64_t event_checksum(int64_t generation, const struct event *e)
{
	const char *const texts[] = { e->at, e->type, e->level, e->line, e->data };

	return event_sum(generation, e->position, texts, ARRAY_LEN(texts));
}

/* One line: printable, no NUL, cut at the limit with a mark. */
static int printable_line(struct buf *out, const char *line, size_t n)
{
	size_t keep = n;

	while (keep && (line[keep - 1] == '\n' || line[keep - 1] == '\r'))
		keep--;
	n = keep;
	if (keep > EVENT_LINE_MAX)
		for (keep = EVENT_LINE_MAX; keep && ((uint8_t)line[keep] & 0xc0) == 0x80;)
			keep--;
	utf8_printable(out, line, keep);
	if (keep < n)
		buf_addf(out, " ... (%zu bytes cut)", n - keep);
	return buf_error(out);
}

int event_add(struct genstore *st, int64_t generation, const char *type, const char *level, const char *line, size_t n,
	      const char *data)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.generation_events(generation_request_id, position, at, type, level, line, data, sum)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
	AUTO(buf_release) struct buf text = BUF_INIT;
	char now[CLOCK_TEXT];
	struct event e = { .at = now };
	int r;

	store_now(st, now);
	if ((r = printable_line(&text, line, n)) || (r = log_size(st, generation, &e.position)))
		return r;

	const char *const texts[] = { now, type, level, buf_str(&text), data };

	bind_i64(&q, generation);
	bind_i64(&q, e.position);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		bind_text(&q, texts[i]);
	bind_i64(&q, event_sum(generation, e.position, texts, ARRAY_LEN(texts)));
	return stmt_run(&q);
}

int event_next(struct genstore *st, int64_t generation, int64_t after, struct event *ret_e)
{
	STMT q = db_stmt(&st->db, "SELECT id, position, at, type, level, line, data FROM generation_events"
				  " WHERE generation_request_id = ? AND position > ? ORDER BY position LIMIT 1");
	AUTO(event_release) struct event e = { 0 };
	int r;

	bind_i64(&q, generation);
	bind_i64(&q, after);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	e.id = col_i64(&q, 0);
	e.position = col_i64(&q, 1);
	/* Where index and row do not agree: nobody goes round in circles. */
	if (e.position <= after)
		return store_fail(st, -EUCLEAN, "the log of generation %lld is damaged; run 'genstore check'", (long long)generation);
	if ((r = col_dup(&q, 2, &e.at)) || (r = col_dup(&q, 3, &e.type)) || (r = col_dup(&q, 4, &e.level)) ||
	    (r = col_dup(&q, 5, &e.line)) || (r = col_dup(&q, 6, &e.data)))
		return r;
	*ret_e = e;
	e = (struct event){ 0 };
	return 1;
}

ssize_t log_read(struct genstore *st, int64_t generation, int64_t offset, size_t n, void *out)
{
	STMT q = db_stmt(&st->db, "SELECT position, at || '  ' || line || char(10) FROM generation_events"
				  " WHERE generation_request_id = ?1 AND position >= coalesce((SELECT max(position)"
				  " FROM generation_events WHERE generation_request_id = ?1 AND position <= ?2), 0)"
				  " ORDER BY position");
	size_t done = 0;
	int r = 0;

	bind_i64(&q, generation);
	bind_i64(&q, offset);
	while (done < n && (r = stmt_step(&q)) > 0) {
		int64_t length = (int64_t)col_size(&q, 1), skip;

		if (__builtin_sub_overflow(offset + (int64_t)done, col_i64(&q, 0), &skip) || skip < 0)
			return store_fail(st, -EBADMSG, "the log of generation %lld has a hole; run 'genstore check'",
					  (long long)generation);
		if (skip >= length)
			break;
		length = min_i64(length - skip, (int64_t)(n - done));
		memcpy((uint8_t *)out + done, col_text(&q, 1) + skip, (size_t)length);
		done += (size_t)length;
	}
	return r < 0 ? r : (ssize_t)done;
}

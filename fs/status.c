#include "fs/status.h"
#include "store/base/json.h"

int status_json(struct genstore *st, char ret_text[STATUS_SIZE])
{
	static const char *const states[] = { "queued", "generating", "paused", "completed", "failed", "cancelled" };
	STMT q = db_stmt(&st->db, "SELECT status, count(*) FROM generation_requests GROUP BY status");
	AUTO(buf_release) struct buf text = BUF_INIT;
	int64_t counts[ARRAY_LEN(states)] = { 0 }, all = 0, pending = 0;
	struct jw j;
	int r;

	while ((r = stmt_step(&q)) > 0) {
		for (size_t i = 0; i < ARRAY_LEN(states); i++)
			if (strcmp(col_text(&q, 0), states[i]) == 0)
				counts[i] = col_i64(&q, 1);
		all += col_i64(&q, 1);
	}
	if (r < 0 || (r = db_number(&st->db, "SELECT count(*) FROM outbox WHERE state <> 'synced'", &pending)))
		return r;
	jw_begin(&j, &text, 2);
	jw_object(&j, NULL);
	jw_str(&j, "version", GENSTORE_VERSION);
	jw_int(&j, "generations", all);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		jw_int(&j, states[i], counts[i]);
	jw_int(&j, "pending_syncs", pending);
	jw_end(&j);
	if (buf_error(&text) || text.len >= STATUS_SIZE || buf_fill(&text, ' ', STATUS_SIZE - 1 - text.len) ||
	    buf_addc(&text, '\n'))
		return -ENOMEM;
	memcpy(ret_text, text.data, STATUS_SIZE);
	return 0;
}

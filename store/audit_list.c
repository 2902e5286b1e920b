#include "store/audit.h"

void audit_row_release(struct audit_row *row)
{
	free(row->created_at);
	free(row->user_id);
	free(row->user);
	free(row->action);
	free(row->subject);
	free(row->details);
	*row = (struct audit_row){ 0 };
}

static int take(const struct stmt *q, struct audit_row *ret_row)
{
	AUTO(audit_row_release) struct audit_row row = { .id = col_i64(q, 0) };
	int r;

	if ((r = col_dup(q, 1, &row.created_at)) || (r = col_dup(q, 2, &row.user_id)) || (r = col_dup(q, 3, &row.user)) ||
	    (r = col_dup(q, 4, &row.action)) || (r = col_dup(q, 5, &row.subject)) || (r = col_dup(q, 6, &row.details)))
		return r;
	*ret_row = row;
	row = (struct audit_row){ 0 };
	return 1;
}

int audit_before(struct genstore *st, const struct audit_filter *f, int64_t id, struct audit_row *ret_row)
{
	STMT q = db_stmt(&st->db, "SELECT l.id, l.created_at, l.user_id, u.name, l.action, l.subject, l.details"
				  " FROM audit_log AS l LEFT JOIN users AS u ON u.id = l.user_id"
				  " WHERE l.id < ?1 AND (?2 IS NULL OR l.action = ?2 OR substr(l.action, 1, length(?2) + 1) = ?2 || '.')"
				  " AND (?3 IS NULL OR l.subject = ?3) AND (?4 IS NULL OR l.user_id = ?4)"
				  " AND (?5 IS NULL OR l.created_at >= ?5) AND (?6 IS NULL OR l.created_at < ?6) ORDER BY l.id DESC LIMIT 1");
	int r;

	bind_i64(&q, id);
	bind_text(&q, f->action);
	bind_text(&q, f->subject);
	bind_text(&q, f->user_id);
	bind_text(&q, f->since);
	bind_text(&q, f->until);
	return (r = stmt_step(&q)) <= 0 ? r : take(&q, ret_row);
}

/* The question that a generation waits to be answered. */
#include "store/control.h"

void question_release(struct question *q)
{
	char *const all[] = { q->decision_id, q->parent_id, q->action, q->prompt, q->suggested_task, q->options, q->asked_at, q->until };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		free(all[i]);
	*q = (struct question){ 0 };
}

int question_put(struct genstore *st, int64_t generation, const struct question *a)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO main.generation_questions (generation_request_id, decision_id, parent_id, action, prompt,"
				  " suggested_task, options, allow_editor, asked_at, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	bind_i64(&q, generation);
	bind_text(&q, a->decision_id);
	bind_text(&q, a->parent_id);
	bind_text(&q, a->action);
	bind_text(&q, a->prompt);
	bind_text(&q, a->suggested_task);
	bind_text(&q, a->options);
	bind_i64(&q, a->allow_editor);
	bind_text(&q, a->asked_at);
	bind_text(&q, a->until);
	return stmt_run(&q);
}

int question_drop(struct genstore *st, int64_t generation)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.generation_questions WHERE generation_request_id = ?");

	bind_i64(&q, generation);
	return stmt_run(&q);
}

int question_get(struct genstore *st, int64_t generation, struct question *ret_q)
{
	STMT q = db_stmt(&st->db, "SELECT decision_id, parent_id, action, prompt, suggested_task, options, asked_at, until, allow_editor"
				  " FROM generation_questions WHERE generation_request_id = ?");
	AUTO(question_release) struct question a = { 0 };
	char **const texts[] = { &a.decision_id, &a.parent_id, &a.action, &a.prompt, &a.suggested_task, &a.options, &a.asked_at, &a.until };
	int r;

	bind_i64(&q, generation);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "nothing is asked");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if ((r = col_dup(&q, (int)i, texts[i])))
			return r;
	a.allow_editor = col_i64(&q, 8);
	*ret_q = a;
	a = (struct question){ 0 };
	return 0;
}
